"""The routing brain: what a call's scripts ask and are told, and who takes whom.

Owns the way of a call from its arrival to its end in the live queue. Knows no Asterisk, no SQL, no page:
the caller's record comes from `Identify`, and `Desks` is told of a claim before the phone is dialled.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from callcenter import metrics
from callcenter.events import CallEvent, Kind, event, event_at
from callcenter.routing.consult import consult_of
from callcenter.routing.course import offer_seconds
from callcenter.routing.model import (
    PAUSE_AFTER,
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
    Pair,
    miss_reason,
)
from callcenter.routing.picture import Picture
from callcenter.routing.plan import Plan, placed
from callcenter.routing.script import (
    CallFacts,
    Ended,
    OfferOver,
)
from callcenter.routing.store import Change, LiveCall, LiveQueue, Part
from callcenter.routing.transfer import FIELD, Transfer, open_transfer, returned_entry, transfer_of

log = structlog.get_logger(__name__)

LEASE_SLACK_SECONDS = 15
MOST_FREED = 1_000
"""Calls: far more than end in the time between an agent's word of it and his caller's."""
LEG_LOST_CAUSE = 44
"""Q.850 cause with which Asterisk ends a leg that sends no more sound: the agent did not hang up."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A caller on offer to agents. `desks`: agent -> the number of his desk's change, those of the offer first."""

    call_id: str
    offer_id: str
    desks: Mapping[int, int]
    is_callback: bool


Identify = Callable[[str, str], Awaitable[dict[str, Any]]]
Ring = Callable[[str, str, int], Awaitable[None]]


class Desks(Protocol):
    """Whoever shows agents their desks."""

    async def push(self, agent_id: int, seq: int) -> None:
        """Show this agent his desk after its change `seq`; done when it is on its way to his browser."""


class Routing:
    """The verbs of a call's way. Any number of replicas may run them at once."""

    def __init__(
        self,
        live: LiveQueue,
        identify: Identify,
        desks: Desks,
        clock: Callable[[], int],
        *,
        plan: Plan,
        today: Callable[[], str],
    ) -> None:
        """`today()`: the department's date, as text."""
        self.live = live
        self.plan = plan
        self.today = today
        self.extensions: dict[int, str] = {}
        self.ring_for_callback: Ring | None = None
        """`ring(call, offer, agent)` rings an agent who shall call a customer back."""
        self.part_consult: Callable[[LiveCall], Awaitable[None]] | None = None
        """Parts an agent and the one whom he consults when the caller has hung up."""
        self.picture = Picture(live, lambda: self.plan, today)
        live.on_change = lambda change: self.picture.take(change, heard=False)
        self._identify = identify
        self._desks = desks
        self._clock = clock
        self._matching = asyncio.Lock()
        self._look_again = False
        self._lost = False
        """Whether pairs have left the picture of which it is not known what became of them."""
        self._popping: dict[str, asyncio.Event] = {}
        self._polls: dict[str, set[asyncio.Event]] = {}
        self._freed: dict[str, Collection[int]] = {}
        """Of the calls that have just ended: the agents who were freed with them."""

    def set_plan(self, plan: Plan) -> None:
        """Another configuration, from now on."""
        self.plan = plan
        self.picture.rules_changed()
        self._wake_all()

    async def look_anew(self) -> None:
        """Changes may have been missed: look at everything again."""
        self.live.forget()
        await self.picture.look_anew()
        self._wake_all()
        await self.match()

    def hear(self, change: Change) -> None:
        """A change that some replica has made."""
        if not change.alone:  # else it was taken in as it was made, and is no sign that all before it were told
            self.picture.take(change, heard=True)
            if change.call_id:
                self.live.forget(change.call_id)
        if change.call_id:
            self.wake(change.call_id)

    # -- what the scripts say and ask ------------------------------------------------------------------

    async def ended(self, facts: CallFacts, report: Ended) -> None:
        """The call is over. Comes twice, or late, without harm."""
        while True:  # until nothing has come between looking and writing
            call = await self.live.call(facts.call_id)
            if call.is_callback:
                await self._line_over(call, report)
                return
            if await self._end(call, facts, report):
                return

    async def _end(self, call: LiveCall, facts: CallFacts, report: Ended) -> bool:
        """False: the call has changed since it was looked at."""
        events: list[CallEvent] = []
        report = replace(report, hung_up_by=call.fields.get("ended_by") or report.hung_up_by)
        if not call.at("arrived"):
            card = await self.card(facts)
            events += [arrived(facts, card), identified(facts, card, report.at_ms)]
        unseen = not call.at("answered_at") and call.agent_id is not None and self._was_its(call, report)
        if unseen and report.answered_at_ms is not None:
            events.append(_answered(call, report.answered_at_ms))
        events.append(_ended(call, report))
        closing = Part(
            facts.call_id,
            move=CallMove.END,
            guard={name: call.fields.get(name, "") for name in ("state", "offer", "agent", "agents")},
            set={"ended_at": str(report.at_ms), "hung_up_by": report.hung_up_by},
        )
        talked = call.state in (CallState.TALKING, CallState.CONSULTING) or call.fields.get("reconnecting") == "1"
        talked = talked or (report.answered_at_ms is not None and self._was_its(call, report))
        if call.state is CallState.OFFERED and not talked and call.offer_id:
            events += [missed_fact(call, agent_id, report.at_ms, MissReason.CALLER_LEFT) for agent_id in call.rung]
        now = self._clock()
        done = await self.live.step(
            now, agents=self._released(call, report, answered=talked), call=closing, events=events, notify=call.agent_id
        )
        if not done.applied:
            if call.state is not CallState.ENDED:
                return False
            if not call.fields.get("hung_up_by"):  # ended by the reconciler, who saw no witness
                told = Part(facts.call_id, set={"hung_up_by": report.hung_up_by})
                await self.live.step(now, call=told, events=events, notify=call.agent_id)
            return True
        self._freed[call.call_id] = done.agents.keys()
        if len(self._freed) > MOST_FREED:
            del self._freed[next(iter(self._freed))]
        self.wake(call.call_id)
        for agent_id, (_, seq) in done.agents.items():
            await self._desks.push(agent_id, seq)
        if call.state is CallState.CONSULTING and self.part_consult:
            await self.part_consult(call)
        await self.match()
        return True

    async def _line_over(self, call: LiveCall, report: Ended) -> None:
        """A caller who keeps his place has hung up: from now on he can be called back."""
        now = self._clock()
        left = {"left_at": str(report.at_ms), "channel": ""}
        fact = event(call.call_id, Kind.LINE_OVER, report.at_ms, hung_up_by=report.hung_up_by)
        # One who rests after a try in vain hung up long ago: this word of it comes late.
        guard = {"left_at": "", "attempts": "0"}
        waiting = Part(call.call_id, move=CallMove.QUEUE, guard=guard, set=left)
        if (await self.live.step(now, call=waiting, events=[fact])).applied:
            await self.match()
        else:
            await self.live.step(now, call=Part(call.call_id, set=left), events=[fact])

    # -- who takes whom --------------------------------------------------------------------------------

    async def match(self) -> None:
        """Pair whom can be paired. While a look is under way, asking again makes it look once more, no more."""
        self._look_again = True
        if not self._matching.locked():
            async with self._looking():
                pass

    @contextlib.asynccontextmanager
    async def _looking(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        """Nobody else pairs inside the block; after it, looks for as long as it is asked for. Gives the list for the
        screens that pop, which are waited for at the end.
        """
        pops: list[asyncio.Task[None]] = []
        try:
            async with self._matching:
                yield pops
                while self._look_again:
                    await self._match_once(pops)
        finally:  # outside the lock: a page or an Asterisk that is slow holds up nobody else
            await asyncio.gather(*pops)

    async def meet(self, call: Part, entry: Mapping[str, Any], facts: Sequence[CallEvent]) -> bool:
        """Write a caller who comes into line and offer him to whoever is ready, in one step. `call`, `facts`: what that
        writes of him, `entry`: his place. False: nothing is written, he is to be written as one who waits.
        """
        if self._matching.locked() or self._lost:
            return False
        async with self._looking() as pops:
            pairs = self.picture.pairs_with(str(call.part_id), entry, self._clock())
            claimed = await self._claim_all(pairs, pops, coming=(call, facts))
        return str(call.part_id) in claimed

    async def _match_once(self, pops: list[asyncio.Task[None]]) -> None:
        self._look_again = False
        if self._lost:
            await self.picture.look_anew()
        await self._claim_all(self.picture.floor.match(self._clock()), pops)

    async def _claim_all(
        self,
        pairs: Sequence[Pair],
        pops: list[asyncio.Task[None]],
        coming: tuple[Part, Sequence[CallEvent]] | None = None,
    ) -> set[str]:
        """Claim these pairs; the calls that could be. `coming`: how a caller among them who is in no line yet is
        written, and what is to be told of him.
        """
        self._lost = bool(pairs)
        claims = []
        for pair in pairs:
            call_id = pair.entry.call_id
            call = Part(call_id, move=CallMove.CLAIM, guard={"queue": self.picture.queue_in(call_id)})
            facts: Sequence[CallEvent] = ()
            if coming is not None and coming[0].part_id == call_id:
                call, facts = coming
            claims.append(self._claim(call_id, self._claim_pair(pair, call, facts), pops))
        done = await asyncio.gather(*claims, return_exceptions=True)
        self._lost = any(claimed is not True for claimed in done)
        self._look_again = self._look_again or self._lost
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return {pair.entry.call_id for pair, claimed in zip(pairs, done, strict=True) if claimed}

    async def offer_now(
        self,
        call: Part,
        agent: Part,
        seconds: int,
        *,
        others: Sequence[Part] = (),
        facts: Sequence[CallEvent] = (),
        is_callback: bool = False,
    ) -> str | None:
        """Offer a call to an agent who has not been found by the rules, and have his screen pop. `call` and `agent` say
        how they move and what must hold first; `others`: whom that concerns besides. The offer's id; None: refused.
        """
        pops: list[asyncio.Task[None]] = []
        told: list[Claimed] = []

        async def claim() -> Claimed | None:
            claimed = await self._offer(call, [agent], seconds, others=others, facts=facts, is_callback=is_callback)
            told.extend([claimed] if claimed else [])
            return claimed

        try:
            await self._claim(str(call.part_id), claim(), pops)
        finally:
            await asyncio.gather(*pops)
        return told[0].offer_id if told else None

    async def _claim(self, call_id: str, claiming: Awaitable[Claimed | None], pops: list[asyncio.Task[None]]) -> bool:
        """Claim and have the screens pop; False: it was refused."""
        popping = self._popping[call_id] = asyncio.Event()
        claimed = None
        try:
            claimed = await claiming
        finally:
            if claimed is None:
                self._popped(call_id, popping)
        if claimed is not None:
            pops.append(asyncio.create_task(self._pop(claimed, popping)))
        return claimed is not None

    async def _pop(self, claimed: Claimed, popping: asyncio.Event) -> None:
        try:
            await asyncio.gather(*(self._desks.push(agent_id, seq) for agent_id, seq in claimed.desks.items()))
        except Exception:
            log.exception("screen not popped", call_id=claimed.call_id)
        finally:
            self._popped(claimed.call_id, popping)
        if self.ring_for_callback and claimed.is_callback:
            try:
                await self.ring_for_callback(claimed.call_id, claimed.offer_id, next(iter(claimed.desks)))
            except Exception:
                log.exception("callback not begun", call_id=claimed.call_id)

    def _popped(self, call_id: str, popping: asyncio.Event) -> None:
        popping.set()
        if self._popping.get(call_id) is popping:
            del self._popping[call_id]

    async def _claim_pair(self, pair: Pair, call: Part, facts: Sequence[CallEvent]) -> Claimed | None:
        """`call`: how the caller moves; he is not theirs if he is not where it says. `facts`: what is to be told of him
        besides.
        """
        call_id = pair.entry.call_id
        queue = self.plan.queue_of(pair.entry.queue_id)
        agents = [agent.agent_id for agent in pair.agents]
        is_callback = call_id in self.picture.callbacks
        if is_callback and len(agents) > 1:  # a customer is called by one agent
            self.picture.put_back(agents[1:])
            self._look_again = True
            agents = agents[:1]
        seconds = offer_seconds(queue, self.plan, owner=agents[0] in pair.entry.preferred)
        parts = [Part(agent_id, move=AgentMove.CLAIM, guard={"online": "1"}) for agent_id in agents]
        claimed = await self._offer(call, parts, seconds, facts=facts, is_callback=is_callback)
        if claimed is not None:
            metrics.OFFERS.labels(queue.queue_id).inc()
            metrics.POP.observe(max(0, self._clock() - pair.entry.waiting_since_ms) / 1000)
        return claimed

    async def _offer(
        self,
        call: Part,
        agents: Sequence[Part],
        seconds: int,
        *,
        others: Sequence[Part] = (),
        facts: Sequence[CallEvent] = (),
        is_callback: bool,
    ) -> Claimed | None:
        """The step that offers a call to agents; None: it was refused."""
        now, call_id = self._clock(), str(call.part_id)
        offer_id = f"{call_id}/{now}"
        ids = [int(agent.part_id) for agent in agents]
        for agent in agents:
            agent.set |= {"call": call_id, "offer": offer_id, "since": str(now), "reason": ""}
        call.dial = True
        call.set |= {
            "agent": str(ids[0]),
            "agents": ",".join(map(str, ids)),
            "offer": offer_id,
            "offered_at": str(now),
            "ringing_at": "",
            "calling_at": "",
            "ring_seconds": str(seconds),
            "reconnecting": "",
            "join": "",
        }
        done = await self.live.step(
            now,
            agents=[*agents, *others],
            call=call,
            lease_until_ms=now + (seconds + LEASE_SLACK_SECONDS) * 1000,
            events=[*facts, *(self._offered(call_id, offer_id, agent_id, now) for agent_id in ids)],
        )
        if not done.applied:
            return None
        desks = {agent_id: done.seq(agent_id) for agent_id in (*ids, *done.agents)}
        return Claimed(call_id, offer_id, desks, is_callback)

    def _offered(self, call_id: str, offer_id: str, agent_id: int, now: int) -> CallEvent:
        body = {"agent_id": agent_id, "extension": self.extensions.get(agent_id, "")}
        return event(call_id, Kind.OFFERED, now, about=f"{offer_id}/{agent_id}", **body)

    @contextlib.contextmanager
    def listening(self, call_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when anything about this call changes, inside the block."""
        poll = asyncio.Event()
        self._polls.setdefault(call_id, set()).add(poll)
        try:
            yield poll
        finally:
            polls = self._polls.get(call_id, set())
            polls.discard(poll)
            if not polls:
                self._polls.pop(call_id, None)

    async def freed(self, call_id: str, agent_id: int, seconds: float) -> bool:
        """Whether the end of the call has freed this agent, or does so within so many seconds, here."""
        with self.listening(call_id) as news, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while agent_id not in self._freed.get(call_id, ()):
                    await news.wait()
                    news.clear()
        return agent_id in self._freed.get(call_id, ())

    async def show(self, agent_id: int, seq: int) -> None:
        """Show an agent the change of his call that has this number."""
        await self._desks.push(agent_id, seq)

    async def popped(self, call_id: str) -> None:
        """Returns when the screen-pop of a claim of this replica is on its way: it goes before the phone rings."""
        if popping := self._popping.get(call_id):
            await popping.wait()

    def wake(self, call_id: str) -> None:
        """Something about this call has changed: the script that waits for it shall look."""
        for poll in self._polls.get(call_id, ()):
            poll.set()

    def _wake_all(self) -> None:
        for call_id in self._polls:
            self.wake(call_id)

    # -- offers that come to nothing -------------------------------------------------------------------

    async def offer_over(self, call: LiveCall, over: OfferOver) -> bool:
        """An offer ended without a conversation, or the talking leg was lost: the caller has his place back. False:
        the call has changed since it was looked at.
        """
        if call.offer_id != over.offer_id or call.agent_id is None:
            return True
        leg_lost = over.dial_status == "ANSWER" and over.cause == LEG_LOST_CAUSE
        if call.state is CallState.TALKING and (leg_lost or over.dial_status not in ("ANSWER", "CANCEL")):
            # A phone that answers as its time is up was seen to answer; the caller has nobody all the same.
            return await self._take_back(call, over, reason=None)
        if call.state is CallState.OFFERED and (leg_lost or over.dial_status != "ANSWER"):
            # Of a talk that nobody saw it is not known who had it.
            reason = MissReason.LEASE_ENDED if leg_lost else miss_reason(over.dial_status, over.cause)
            return await self._take_back(call, over, reason=reason)
        return True

    async def _take_back(self, call: LiveCall, over: OfferOver, *, reason: MissReason | None) -> bool:
        now = self._clock()
        guard = {name: call.fields.get(name, "") for name in ("state", "offer", "agent", "agents", "calling_at")}
        entry = Part(call.call_id, move=CallMove.REQUEUE, guard=guard, set={"calling_at": "", "join": ""})
        given = open_transfer(call.fields)
        if given is not None and reason is not None:
            entry.set |= self._given_back(call, given.over(reason.value))
        agents = [agent_id for agent_id in (call.agent_id,) if agent_id is not None]
        if reason is None:
            fact = event_at(call.call_id, Kind.QUEUED, now, queue_id=call.queue_id)
            parts = [
                Part(
                    agent_id,
                    move=AgentMove.END,
                    guard={"offer": over.offer_id},
                    set={"since": str(now)} | self.wrapup(call, now),
                    optional=True,
                )
                for agent_id in agents
            ]
            parts += self.let_others_go(call, now)
            facts = [fact]
        else:
            agents = list(call.rung) or agents
            parts = [await self.missed(call, agent_id, reason, now) for agent_id in agents]
            parts += [self.spared(call, agent_id, now) for agent_id in agents if call.at("calling_at")]
            facts = [missed_fact(call, agent_id, now, reason) for agent_id in agents]
        done = await self.live.step(now, agents=parts, call=entry, events=facts, notify=call.agent_id)
        if done.applied and reason is not None:
            metrics.MISSES.labels(reason.value).inc(len(agents))
        for agent_id, (_, seq) in done.agents.items():
            await self._desks.push(agent_id, seq)
        if done.applied and given is not None and reason is not None:
            await self.come_back(call.call_id)
        return done.applied

    def _given_back(self, call: LiveCall, failed: Transfer) -> dict[str, str]:
        """The place of a caller whom nobody has taken where he was given: before others, and first with the agent who
        gave him on.
        """
        fields = {FIELD: failed.to_field()}
        return fields | placed(self.plan, returned_entry(call.entry, failed)) if call.entry else fields

    async def come_back(self, call_id: str) -> None:
        """A caller whom nobody has taken where he was given is in line again: offer him at once to the agent who gave
        him on, if that one is ready or still writes down this very call.
        """
        call = await self.live.call(call_id)
        given = transfer_of(call.fields)
        if call.state is not CallState.WAITING or given is None or not given.failed:
            return
        agent = await self.live.agent(given.by)
        writes = agent.state is AgentState.WRAPUP and agent.call_id == call_id
        if not writes and agent.state is not AgentState.READY:
            return
        his = Part(given.by, move=AgentMove.RETURN, only=(agent.state,))
        his.guard = {"online": "1", "call": agent.call_id}
        his.set = {"wrapup_until": "", "extended": ""}
        queue = self.plan.queue_of(call.queue_id)
        taken = Part(call_id, move=CallMove.CLAIM, guard={"queue": call.queue_id, FIELD: call.fields[FIELD]})
        await self.offer_now(taken, his, offer_seconds(queue, self.plan, owner=False))

    async def missed(self, call: LiveCall, agent_id: int, reason: MissReason, now: int) -> Part:
        """What a missed offer does to one agent: so many in a row pause him."""
        guard = {"offer": call.offer_id}
        cleared = {"since": str(now), "call": "", "offer": "", "reason": ""}
        if reason is MissReason.UNREACHABLE:
            cleared["online"] = "0"
        if reason not in PAUSE_AFTER:
            return Part(agent_id, move=AgentMove.WITHDRAW, guard=guard, set=cleared, optional=True)
        misses = (await self.live.agent(agent_id)).misses + 1
        cleared["misses"] = str(misses)
        if misses < self.plan.queue_of(call.queue_id).pause_after_misses:
            cleared["idle_since"] = str(now)
            return Part(agent_id, move=AgentMove.WITHDRAW, guard=guard, set=cleared, optional=True)
        cleared["reason"] = PAUSE_AFTER[reason].value
        return Part(agent_id, move=AgentMove.MISS, guard=guard, set=cleared, optional=True)

    async def one_of_several_missed(self, call: LiveCall, agent_id: int, reason: MissReason) -> bool:
        """One of the agents who are rung together has declined; the others ring on. False: the offer has changed
        since it was looked at.
        """
        now = self._clock()
        part = await self.missed(call, agent_id, reason, now)
        guard = {"offer": call.offer_id, "agents": call.fields.get("agents", ""), "state": CallState.OFFERED.value}
        rung = ",".join(str(one) for one in call.rung if one != agent_id)
        left = Part(call.call_id, guard=guard)
        left.set = {"agents": rung, "agent": rung.partition(",")[0]}
        done = await self.live.step(now, agent=part, call=left, events=[missed_fact(call, agent_id, now, reason)])
        if done.applied:
            metrics.MISSES.labels(reason.value).inc()
            await self._desks.push(agent_id, done.seq(agent_id))
            await self.match()
        return done.applied

    def talking(self, call: LiveCall, agent_id: int, at_ms: int) -> Part:
        """An agent who has answered this call's open offer: it counts for his day and his turn."""
        part = Part(agent_id, move=AgentMove.ANSWER, guard={"offer": call.offer_id})
        part.set = {"since": str(at_ms), "misses": "0"}
        if not call.at("answered_at"):
            part.tally = self.tally(call, agent_id)
        return part

    def tally(self, call: LiveCall, agent_id: int) -> dict[str, Any]:
        """One more call of an agent's day; a returning customer who reaches his own agent is no turn of the rotation
        (CAT-22).
        """
        turn = agent_id not in call.entry.get("preferred", ())
        return {"day": self.today(), "queue": call.queue_id, "turn": turn}

    def let_go(self, call: LiveCall, agent_id: int, at_ms: int) -> Part:
        """An agent whose part of the open offer ended through no doing of his: he is as ready as before."""
        cleared = {"since": str(at_ms), "call": "", "offer": ""}
        guard = {"offer": call.offer_id}
        return Part(agent_id, move=AgentMove.WITHDRAW, guard=guard, set=cleared, optional=True)

    def let_others_go(self, call: LiveCall, at_ms: int) -> list[Part]:
        """Those who were rung beside the agent who has the call, as far as the end of their legs was not told yet."""
        return [self.let_go(call, other, at_ms) for other in call.rung if other != call.agent_id]

    def spared(self, call: LiveCall, agent_id: int, at_ms: int) -> Part:
        """An agent who has answered and speaks with nobody: there is nothing to write down."""
        part = self.let_go(call, agent_id, at_ms)
        part.move = AgentMove.RELEASE
        part.set["idle_since"] = str(at_ms)
        return part

    def wrapup(self, call: LiveCall, now: int) -> dict[str, str]:
        """What an agent's wrap-up after this call is set with: when it ends by itself."""
        seconds = self.plan.queue_of(call.queue_id).wrapup_seconds
        return {"wrapup_until": str(now + seconds * 1000) if seconds else "", "extended": ""}

    # -- inside ----------------------------------------------------------------------------------------

    async def card(self, facts: CallFacts) -> dict[str, Any]:
        """What is known of the caller; his number alone when nothing can be looked up."""
        try:
            return await self._identify(facts.caller_number, facts.caller_name)
        except Exception:
            log.exception("caller not identified", call_id=facts.call_id)
            return {"number": facts.caller_number, "caller_name": facts.caller_name, "customers": []}

    @staticmethod
    def _was_its(call: LiveCall, report: Ended) -> bool:
        """Whether what the report says of an answer is about the offer (or the talk) that the live queue knows."""
        return report.offer_id == call.offer_id or call.state is CallState.TALKING

    def _released(self, call: LiveCall, report: Ended, *, answered: bool) -> list[Part]:
        """What the call's end does to its agents, as far as they are still in this call."""
        guard = {"call": call.call_id}
        since = {"since": str(report.at_ms)}
        agents = set(call.rung) | ({call.agent_id} if call.agent_id is not None else set())
        parts = []
        if answered and call.agent_id is not None:
            agents.discard(call.agent_id)
            ending = since | self.wrapup(call, self._clock())
            parts = [
                Part(call.agent_id, move=move, guard=guard, set=ending, optional=True)
                for move in (AgentMove.END, AgentMove.CONCLUDE)
            ]
        cleared = since | {"call": "", "offer": ""}
        if (consult := consult_of(call)) and consult.colleague_id is not None:
            agents.add(consult.colleague_id)
            free = cleared | {"idle_since": str(self._clock())}
            his = guard | {"offer": consult.offer_id}
            parts.append(Part(consult.colleague_id, move=AgentMove.RELEASE, guard=his, set=free, optional=True))
        return parts + [
            Part(agent_id, move=AgentMove.WITHDRAW, guard=guard, set=cleared, optional=True)
            for agent_id in sorted(agents)
        ]


def arrived(facts: CallFacts, card: dict[str, Any]) -> CallEvent:
    return event(
        facts.call_id,
        Kind.ARRIVED,
        facts.arrived_at_ms,
        node=facts.node,
        called=facts.called,
        caller_number=card.get("number_e164") or card.get("number") or None,
        caller_name=card.get("caller_name") or None,
    )


def identified(facts: CallFacts, card: dict[str, Any], at_ms: int) -> CallEvent:
    customers = card.get("customers") or []
    return event(
        facts.call_id,
        Kind.IDENTIFIED,
        at_ms,
        customer_id=customers[0]["customer_id"] if customers else None,
        place=card.get("place"),
        carrier=card.get("carrier"),
    )


def _answered(call: LiveCall, at_ms: int) -> CallEvent:
    return event(call.call_id, Kind.ANSWERED, at_ms, about=call.offer_id, agent_id=call.agent_id)


def missed_fact(call: LiveCall, agent_id: int, at_ms: int, reason: MissReason) -> CallEvent:
    """This agent's part of the call's open offer came to nothing."""
    about = f"{call.offer_id}/{agent_id}"
    return event(call.call_id, Kind.MISSED, at_ms, about=about, agent_id=agent_id, reason=reason.value)


def _ended(call: LiveCall, report: Ended) -> CallEvent:
    return event(
        call.call_id,
        Kind.ENDED,
        report.at_ms,
        hung_up_by=report.hung_up_by,
        cause=report.cause,
        fallback=report.fallback,
        passed_on=report.passed_on,
        where=_where(call),
    )


def _where(call: LiveCall) -> str:
    """Where a caller was when his call ended: in a menu, in line, or while a phone rang."""
    return {CallState.NEW: "menu", CallState.AWAY: "menu", CallState.OFFERED: "ringing"}.get(call.state, "queue")
