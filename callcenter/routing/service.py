"""The routing brain: what a call's scripts ask and are told, and who takes whom.

Owns the way of a call from its arrival to its end in the live queue. Knows no Asterisk, no SQL, no page:
the caller's record comes from `Identify`, and `Desks` is told of a claim before the phone is dialled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
import structlog

from callcenter import metrics
from callcenter.events import CallEvent, Kind, event, event_at
from callcenter.routing.matching import match
from callcenter.routing.model import (
    PAUSE_AFTER,
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
    Pair,
    Queue,
    agent_moves,
    call_moves,
    miss_reason,
)
from callcenter.routing.script import Answer, CallFacts, Dial, Ended, KeepWaiting, Leave, OfferOver, Say
from callcenter.routing.store import LiveCall, LiveQueue, Part

log = structlog.get_logger(__name__)

IDENTIFY_BUDGET_SECONDS = 0.25
POLL_SECONDS = 20.0
RINGBACK_SECONDS = 1.0
"""How long a caller hears ringing before, with nobody free, music begins."""
LEASE_SLACK_SECONDS = 15
LEG_LOST_CAUSE = 44
"""Q.850 cause with which Asterisk ends a leg that sends no more sound: the agent did not hang up."""

Identify = Callable[[str, str], Awaitable[dict[str, Any]]]


class Desks(Protocol):
    """Whoever shows agents their desks."""

    async def push(self, agent_id: int, seq: int) -> None:
        """Show this agent his desk after its change `seq`; done when it is on its way to his browser."""


class Routing:
    """The verbs of a call's way. Any number of replicas may run them at once."""

    def __init__(self, live: LiveQueue, identify: Identify, desks: Desks, clock: Callable[[], int]) -> None:
        self.live = live
        self.queues: dict[str, Queue] = {}
        self.extensions: dict[int, str] = {}
        self._identify = identify
        self._desks = desks
        self._clock = clock
        self._matching = asyncio.Lock()
        self._look_again = False
        self._popping: dict[str, asyncio.Event] = {}
        self._polls: dict[str, set[asyncio.Event]] = {}

    # -- what the scripts say and ask ------------------------------------------------------------------

    async def arrive(self, facts: CallFacts) -> str:
        """A call has come in: look its caller up, choose its queue. Comes twice without harm. Returns the queue."""
        queue_id = self.queue_for(facts.called)
        with metrics.IDENTIFY.time():
            card = await self._card(facts)
        now = self._clock()
        await self.live.step(
            now,
            call=Part(
                facts.call_id,
                moves=call_moves(CallMove.ARRIVE),
                guard={"arrived": ""},
                set={
                    "node": facts.node,
                    "channel": facts.channel,
                    "called": facts.called,
                    "arrived": str(facts.arrived_at_ms),
                    "queue": queue_id,
                    "card": orjson.dumps(card).decode(),
                },
            ),
            events=[_arrived(facts, card), _identified(facts, card, now)],
        )
        return queue_id

    async def wait(self, facts: CallFacts, *, music: bool, previous: OfferOver | None) -> Answer:
        """Hold the caller's place and say what his script shall do next; waits up to `POLL_SECONDS` for news."""
        poll = asyncio.Event()
        self._polls.setdefault(facts.call_id, set()).add(poll)
        try:
            return await self._wait(facts, poll, music, previous)
        finally:
            polls = self._polls.get(facts.call_id, set())
            polls.discard(poll)
            if not polls:
                self._polls.pop(facts.call_id, None)

    async def ended(self, facts: CallFacts, report: Ended) -> None:
        """The call is over. Comes twice, or late, without harm."""
        call = await self.live.call(facts.call_id)
        events: list[CallEvent] = []
        if not call.at("arrived"):
            card = await self._card(facts)
            events += [_arrived(facts, card), _identified(facts, card, report.at_ms)]
        answered_at = call.at("answered_at") or report.answered_at_ms
        unseen = not call.at("answered_at") and call.agent_id is not None and self._was_its(call, report)
        if unseen and report.answered_at_ms is not None:
            events.append(_answered(call, report.answered_at_ms))
        events.append(_ended(facts.call_id, report))
        closing = Part(
            facts.call_id,
            moves=call_moves(CallMove.END),
            set={"ended_at": str(report.at_ms), "hung_up_by": report.hung_up_by},
        )
        talked = call.state is CallState.TALKING or call.fields.get("reconnecting") == "1"
        talked = talked or (report.answered_at_ms is not None and self._was_its(call, report))
        agent = self._released(call, report, answered=talked)
        if call.state is CallState.OFFERED and not talked and call.offer_id:
            reason = {"reason": MissReason.CALLER_LEFT.value}
            events.append(event(call.call_id, Kind.MISSED, report.at_ms, about=call.offer_id, **reason))
        now = self._clock()
        done = await self.live.step(now, agent=agent, call=closing, events=events)
        if not done.applied and done.why.startswith("agent"):
            done = await self.live.step(now, call=closing, events=events, notify=call.agent_id)
        if not done.applied:
            if not call.fields.get("hung_up_by"):  # ended by the reconciler, who saw no witness
                told = Part(facts.call_id, set={"hung_up_by": report.hung_up_by})
                await self.live.step(now, call=told, events=events, notify=call.agent_id)
            return
        if call.agent_id is not None:
            await self._desks.push(call.agent_id, done.seq)
        status = "answered" if answered_at is not None else "abandoned"
        metrics.CALLS.labels(call.queue_id, status).inc()
        if answered_at is None:
            await self.match()

    # -- who takes whom --------------------------------------------------------------------------------

    def queue_for(self, called: str) -> str:
        """The queue of a called number; the first queue where no queue has that number."""
        for queue in self.queues.values():
            if any(called.endswith(number) for number in queue.numbers):
                return queue.queue_id
        return next(iter(self.queues), "service")

    async def match(self) -> None:
        """Pair whom can be paired. While a look is under way, asking again makes it look once more, no more."""
        self._look_again = True
        if self._matching.locked():
            return
        async with self._matching:
            while self._look_again:
                self._look_again = False
                pairs = match(*await self.live.pairable())
                if any(await asyncio.gather(*(self._claim(pair) for pair in pairs))):
                    self._look_again = True

    async def _claim(self, pair: Pair) -> bool:
        popping = self._popping[pair.entry.call_id] = asyncio.Event()
        try:
            return await self._claim_and_pop(pair)
        finally:
            popping.set()
            self._popping.pop(pair.entry.call_id, None)

    async def _claim_and_pop(self, pair: Pair) -> bool:
        now = self._clock()
        agent_id, call_id = pair.agents[0].agent_id, pair.entry.call_id
        queue = self.queues.get(pair.entry.queue_id)
        ring_seconds = queue.ring_seconds if queue else 20
        offer_id = f"{call_id}/{now}"
        body = {"agent_id": agent_id, "extension": await self.extension(agent_id)}
        done = await self.live.step(
            now,
            agent=Part(
                agent_id,
                moves=agent_moves(AgentMove.CLAIM),
                guard={"online": "1"},
                set={"call": call_id, "offer": offer_id, "since": str(now), "reason": ""},
            ),
            call=Part(
                call_id,
                moves=call_moves(CallMove.CLAIM),
                set={
                    "agent": str(agent_id),
                    "offer": offer_id,
                    "offered_at": str(now),
                    "ringing_at": "",
                    "ring_seconds": str(ring_seconds),
                    "reconnecting": "",
                },
            ),
            lease_until_ms=now + (ring_seconds + LEASE_SLACK_SECONDS) * 1000,
            events=[event(call_id, Kind.OFFERED, now, about=offer_id, **body)],
        )
        if done.applied:
            metrics.OFFERS.labels(pair.entry.queue_id).inc()
            metrics.POP.observe(max(0, now - pair.entry.waiting_since_ms) / 1000)
            await self._desks.push(agent_id, done.seq)
        return done.applied

    async def extension(self, agent_id: int) -> str:
        """The phone of an agent."""
        if agent_id not in self.extensions:
            self.extensions[agent_id] = (await self.live.agent(agent_id)).extension
        return self.extensions[agent_id]

    async def _endpoint(self, agent_id: int, node: str) -> str:
        """How a call on `node` reaches an agent's phone."""
        agent = await self.live.agent(agent_id)
        return agent.extension if agent.node in ("", node) else f"{agent.extension}@{agent.node}"

    def wake(self, call_id: str) -> None:
        """Something about this call has changed: the script that waits for it shall look."""
        for poll in self._polls.get(call_id, ()):
            poll.set()

    # -- offers that come to nothing -------------------------------------------------------------------

    async def offer_over(self, call: LiveCall, over: OfferOver) -> None:
        """An offer ended without a conversation, or the talking leg was lost: the caller has his place back."""
        if call.offer_id != over.offer_id or call.agent_id is None:
            return
        if over.dial_status == "ANSWER":
            if call.state is CallState.TALKING and over.cause == LEG_LOST_CAUSE:
                await self._take_back(call, call.agent_id, over, AgentMove.END, reason=None)
            return
        if call.state is CallState.OFFERED:
            reason = miss_reason(over.dial_status, over.cause)
            move = AgentMove.MISS if reason in PAUSE_AFTER else AgentMove.WITHDRAW
            await self._take_back(call, call.agent_id, over, move, reason=reason)

    async def _take_back(
        self, call: LiveCall, agent_id: int, over: OfferOver, move: AgentMove, *, reason: MissReason | None
    ) -> None:
        now = self._clock()
        settings = {"since": str(now), "reason": str(PAUSE_AFTER.get(reason, "")) if reason else ""}
        if move is not AgentMove.END:
            settings |= {"call": "", "offer": ""}
        if reason is MissReason.UNREACHABLE:
            settings["online"] = "0"
        agent = Part(agent_id, moves=agent_moves(move), guard={"offer": over.offer_id}, set=settings)
        entry = Part(
            call.call_id,
            moves=call_moves(CallMove.REQUEUE),
            guard={"offer": over.offer_id},
            set={"waiting_since": call.fields.get("waiting_since") or call.fields.get("arrived", str(now))},
        )
        if reason:
            fact = event(call.call_id, Kind.MISSED, now, about=over.offer_id, agent_id=agent_id, reason=reason.value)
            metrics.MISSES.labels(reason.value).inc()
        else:
            fact = event_at(call.call_id, Kind.QUEUED, now, queue_id=call.queue_id)
        done = await self.live.step(now, agent=agent, call=entry, events=[fact])
        if not done.applied and done.why.startswith("agent"):
            done = await self.live.step(now, call=entry, events=[fact], notify=agent_id)
        await self._desks.push(agent_id, done.seq)

    # -- inside ----------------------------------------------------------------------------------------

    async def _wait(self, facts: CallFacts, poll: asyncio.Event, music: bool, previous: OfferOver | None) -> Answer:
        call = await self.live.call(facts.call_id)
        if previous is not None:
            await self.offer_over(call, previous)
            call = await self.live.call(facts.call_id)
        if call.state is CallState.NEW:
            await self._enter(facts, call)
        else:
            await self.live.seen(facts.call_id, self._clock())
        if call.state in (CallState.NEW, CallState.WAITING):
            await self.match()
        loop = asyncio.get_running_loop()
        patience = POLL_SECONDS if music else RINGBACK_SECONDS
        deadline = loop.time() + patience
        while True:
            poll.clear()
            call = await self.live.call(facts.call_id)
            if call.state is CallState.ENDED:
                return Leave()
            if call.state is CallState.OFFERED and (previous is None or previous.offer_id != call.offer_id):
                if popping := self._popping.get(call.call_id):
                    await popping.wait()  # the screen-pop goes first
                return Dial(
                    call.offer_id,
                    (await self._endpoint(call.agent_id or 0, facts.node),),
                    int(call.fields.get("ring_seconds", "20")),
                )
            left = deadline - loop.time()
            if left <= 0:
                return KeepWaiting() if music else await self._begin_music(facts)
            try:
                await asyncio.wait_for(poll.wait(), left)
            except TimeoutError:
                continue

    async def _begin_music(self, facts: CallFacts) -> Answer:
        now = self._clock()
        await self.live.step(now, events=[event(facts.call_id, Kind.MUSIC, now)])
        return Say()

    async def _enter(self, facts: CallFacts, call: LiveCall) -> None:
        if not call.at("arrived"):
            await self.arrive(facts)
        queue_id = call.queue_id or self.queue_for(facts.called)
        now = self._clock()
        await self.live.step(
            now,
            call=Part(
                facts.call_id,
                moves=call_moves(CallMove.QUEUE),
                set={"queue": queue_id, "waiting_since": str(facts.arrived_at_ms), "channel": facts.channel},
            ),
            events=[event(facts.call_id, Kind.QUEUED, now, queue_id=queue_id)],
        )

    async def _card(self, facts: CallFacts) -> dict[str, Any]:
        try:
            return await self._identify(facts.caller_number, facts.caller_name)
        except Exception:
            log.exception("caller not identified", call_id=facts.call_id)
            return {"number": facts.caller_number, "caller_name": facts.caller_name, "customers": []}

    @staticmethod
    def _was_its(call: LiveCall, report: Ended) -> bool:
        """Whether what the report says of an answer is about the offer (or the talk) that the live queue knows."""
        return report.offer_id == call.offer_id or call.state is CallState.TALKING

    def _released(self, call: LiveCall, report: Ended, *, answered: bool) -> Part | None:
        """What the call's end does to its agent, as far as he is still in this call."""
        if call.agent_id is None:
            return None
        guard = {"call": call.call_id}
        since = {"since": str(report.at_ms)}
        if answered:
            moves = agent_moves(AgentMove.END)
            # An offer whose answer nobody saw ends in wrap-up all the same.
            moves |= {state.value: AgentState.WRAPUP.value for state in (AgentState.OFFERED, AgentState.RINGING)}
            return Part(call.agent_id, moves=moves, guard=guard, set=since)
        return Part(
            call.agent_id,
            moves=agent_moves(AgentMove.WITHDRAW),
            guard=guard,
            set=since | {"call": "", "offer": ""},
        )


def _arrived(facts: CallFacts, card: dict[str, Any]) -> CallEvent:
    return event(
        facts.call_id,
        Kind.ARRIVED,
        facts.arrived_at_ms,
        node=facts.node,
        called=facts.called,
        caller_number=card.get("number_e164") or card.get("number") or None,
        caller_name=card.get("caller_name") or None,
    )


def _identified(facts: CallFacts, card: dict[str, Any], at_ms: int) -> CallEvent:
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


def _ended(call_id: str, report: Ended) -> CallEvent:
    return event(
        call_id,
        Kind.ENDED,
        report.at_ms,
        hung_up_by=report.hung_up_by,
        cause=report.cause,
        fallback=report.fallback,
    )
