"""What Asterisk's events about agents' phones do to the live queue.

Facts of a leg that belongs to no open offer change nothing, so that late and repeated ones are harmless. A leg
without an offer is one that Asterisk's fallback queue rang while no service was there: it is adopted.
"""

import contextlib
from collections.abc import Sequence
from typing import Protocol

import structlog

from callcenter import metrics
from callcenter.asterisk.model import (
    Fact,
    KeyPressed,
    Leg,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    ListenerGone,
    PhoneReachable,
)
from callcenter.errors import UnavailableError
from callcenter.events import CallEvent, Kind, event, event_at
from callcenter.routing import recording
from callcenter.routing.callbacks import Callbacks
from callcenter.routing.consult import is_consult
from callcenter.routing.desk import DeskWork
from callcenter.routing.model import (
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
    miss_reason,
)
from callcenter.routing.script import OfferOver
from callcenter.routing.service import Desks, missed_fact
from callcenter.routing.store import LiveAgent, LiveCall, Part
from callcenter.routing.transfer import FIELD, open_transfer
from callcenter.tasks import Beside

log = structlog.get_logger(__name__)

_DIAL_STATUS = {17: "BUSY", 21: "BUSY", 3: "CHANUNAVAIL", 20: "CHANUNAVAIL"}
"""Q.850 causes of a leg that was not answered, as Asterisk's Dial names them; others: it rang in vain."""


NORMAL_END = 16
"""Q.850 cause of a leg that ends after a talk."""
MOMENT_SECONDS = 0.05
"""Within this time of an agent's leg, the caller's ends too, unless he stays."""
ANSWERED_ELSEWHERE = 26
"""Q.850 cause of the legs of those who were rung together and did not get the caller."""


def _as_it_was(call: LiveCall) -> dict[str, str]:
    """A talk that is as it was looked at: its offer, whose it is, who else has answered."""
    return {name: call.fields.get(name, "") for name in ("state", "offer", "agent", "second")}


class ConsultLegs(Protocol):
    """Whoever keeps agents' consultations."""

    async def leg(self, agent_id: int, fact: Leg) -> bool:
        """A fact of a leg; False: it is of no consultation."""


class Witness:
    """Turns facts about legs into steps of the live queue."""

    def __init__(self, work: DeskWork, callbacks: Callbacks, desks: Desks) -> None:
        self._work = work
        self._routing = work.routing
        self._callbacks = callbacks
        self._live = work.live
        self._desks = desks
        self.agents: dict[str, int] = {}
        """Extension -> agent; kept by whoever keeps the agents."""
        self.moment_seconds = MOMENT_SECONDS
        self.consults: ConsultLegs | None = None
        """Whoever keeps agents' consultations."""
        self._beside = Beside()

    async def settled(self) -> None:
        """Returns when what is done beside is done."""
        await self._beside.settled()

    async def take(self, fact: Fact) -> None:
        """Act on one fact."""
        if isinstance(fact, KeyPressed | ListenerGone):
            return
        agent_id = self.agents.get(fact.extension)
        if agent_id is None:
            return
        if isinstance(fact, PhoneReachable):
            await self._work.set_reachable(agent_id, fact.reachable, fact.node)
        elif not fact.call_id:
            return
        elif not fact.offer_id:
            await self._fallback(agent_id, fact)
        else:
            await self._offered(agent_id, fact)

    async def _offered(self, agent_id: int, fact: Leg) -> None:
        if self.consults and is_consult(fact.offer_id) and await self.consults.leg(agent_id, fact):
            return
        agent = Part(agent_id, guard={"offer": fact.offer_id}, set={"since": str(fact.at_ms)})
        call = Part(fact.call_id, guard={"offer": fact.offer_id})
        at = fact.at_ms
        about = f"{fact.offer_id}/{agent_id}"
        match fact:
            case LegRinging():
                agent.move = AgentMove.RING
                call.set = {"ringing_at": str(at)}
                facts = [event(fact.call_id, Kind.RINGING, at, about=about, agent_id=agent_id)]
            case LegAnswered():
                await self._answered(agent_id, fact)
                return
            case LegHeld():
                agent.set = {}
                call.guard["state"] = CallState.TALKING.value
                call.set = {"held_at": str(at)}
                facts = [event_at(fact.call_id, Kind.HELD, at, about=fact.offer_id)]
            case LegResumed():
                agent.set = {}
                call.guard["state"] = CallState.TALKING.value
                call.set = {"held_at": ""}
                facts = [event_at(fact.call_id, Kind.RESUMED, at, about=fact.offer_id)]
            case LegEnded():
                if fact.cause == NORMAL_END and self.moment_seconds:
                    self._beside.begin(self._ended_with_the_call(agent_id, fact), "leg ended")
                else:
                    await self._ended(agent_id, fact)
                return
            case _:
                return
        done = await self._live.step(at, agent=agent, call=call, events=facts)
        if done.applied:
            await self._desks.push(agent_id, done.seq(agent_id))
        elif isinstance(fact, LegRinging):
            self._stop_stray(await self._live.call(fact.call_id), fact)

    def _stop_stray(self, call: LiveCall, leg: Leg) -> None:
        """A phone rings or answers after all for an offer from which the caller has been taken: it is ended, beside,
        since the socket that tells its node's facts waits for nobody.
        """
        if call.fields.get("taken_from") == leg.offer_id != call.offer_id:
            self._beside.begin(self._end_stray(leg.channel_id), "stray leg")

    async def _end_stray(self, channel_id: str) -> None:
        with contextlib.suppress(UnavailableError):
            await self._work.end_leg(channel_id)

    async def _answered(self, agent_id: int, fact: LegAnswered) -> None:
        """An agent has answered: the call is his, the others who rang for it are free again."""
        before = await self._live.call(fact.call_id)
        if before.offer_id != fact.offer_id:
            self._stop_stray(before, fact)
            return
        if before.is_callback:
            await self._callbacks.agent_answered(before, agent_id, fact.channel_id, fact.at_ms)
            return
        if before.state is CallState.TALKING:
            await self._answered_too(agent_id, fact)
            return
        at, guard = fact.at_ms, {"offer": fact.offer_id}
        call = Part(fact.call_id, move=CallMove.ANSWER, guard=guard)
        call.set = {"leg": fact.channel_id, "reconnecting": "", "agent": str(agent_id), "second": ""}
        call.set |= recording.answered(before.fields, at)
        agent = self._routing.talking(before, agent_id, at)
        if not before.at("answered_at"):
            call.answered = True
            call.set["answered_at"] = str(at)
            waited = max(0, at - (before.at("arrived") or at)) / 1000
            metrics.WAITED.labels(before.queue_id).observe(waited)
        if given := open_transfer(before.fields):
            call.set[FIELD] = given.over().to_field()
        others = [other for other in before.rung if other != agent_id]
        facts = [event(fact.call_id, Kind.ANSWERED, at, about=fact.offer_id, agent_id=agent_id)]
        facts += [missed_fact(before, other, at, MissReason.OTHER_ANSWERED) for other in others]
        if recording.is_begun(before.fields):
            facts.append(event(fact.call_id, Kind.RECORDING_BEGUN, at, about=fact.offer_id, agent_id=agent_id))
        if not await self._step(at, [agent], call, facts):
            await self._answered_too(agent_id, fact)

    async def _answered_too(self, agent_id: int, fact: LegAnswered) -> None:
        """Of two who answered, the one whose leg ends did not get the caller: he may have been seen first."""
        while True:
            call = await self._live.call(fact.call_id)
            if call.offer_id != fact.offer_id or call.state is not CallState.TALKING or call.agent_id == agent_id:
                return
            first = await self._live.agent(call.agent_id or 0)
            still = first.state is AgentState.TALKING and first.offer_id == fact.offer_id
            if still:
                second = Part(call.call_id, guard=_as_it_was(call), set={"second": f"{agent_id} {fact.channel_id}"})
                done = await self._step(fact.at_ms, [], second, [])
            else:
                done = await self._hand_over(call, agent_id, fact.channel_id, fact.at_ms)
            if done:
                return

    async def _hand_over(self, call: LiveCall, agent_id: int, channel_id: str, at: int) -> bool:
        """The talk is another agent's than was thought."""
        agents = [self._routing.talking(call, agent_id, at)]
        if call.agent_id is not None:
            agents.append(self._routing.spared(call, call.agent_id, at))
        theirs = Part(call.call_id, guard=_as_it_was(call))
        theirs.set = {"agent": str(agent_id), "leg": channel_id, "second": ""}
        fact = event(call.call_id, Kind.ANSWERED, at, about=f"{call.offer_id}/{agent_id}", agent_id=agent_id)
        return await self._step(at, agents, theirs, [fact])

    async def _step(self, at: int, agents: Sequence[Part], call: Part | None, facts: Sequence[CallEvent]) -> bool:
        done = await self._live.step(at, agents=agents, call=call, events=facts)
        for agent_id, (_, seq) in done.agents.items():
            await self._desks.push(agent_id, seq)
        return done.applied

    async def _ended_with_the_call(self, agent_id: int, fact: LegEnded) -> None:
        """A talk ends for both, and the caller's end frees the agent too: where it comes soon, nothing is to do."""
        try:
            if not await self._routing.freed(fact.call_id, agent_id, self.moment_seconds):
                await self._ended(agent_id, fact)
        except Exception:
            log.exception("the end of a leg could not be taken", call_id=fact.call_id)

    async def _ended(self, agent_id: int, fact: LegEnded) -> None:
        while True:  # until nothing has come between looking and writing
            call = await self._live.call(fact.call_id)
            if call.state is CallState.CONSULTING and self.consults and await self.consults.leg(agent_id, fact):
                return
            if call.offer_id == fact.offer_id:
                if call.state is CallState.OFFERED and call.is_callback:
                    if await self._callback_leg_ended(call, fact):
                        return
                    continue
                if len(call.rung) > 1 and agent_id in call.rung:
                    done = await self._one_of_several_ended(call, agent_id, fact)
                    if done is None:
                        continue
                    if done:
                        return
            break
        wrapup = {"since": str(fact.at_ms)} | self._routing.wrapup(call, fact.at_ms)
        guard = {"offer": fact.offer_id}
        part = Part(agent_id, move=AgentMove.END, guard=guard, set=wrapup)
        # His desk is shown with the caller's end, which is a moment away, or else as any change is.
        await self._live.step(fact.at_ms, agent=part)

    async def _callback_leg_ended(self, call: LiveCall, fact: LegEnded) -> bool:
        """Before he answered: the caller has his place back. Afterwards the script tells what came of it. False: the
        call has changed since it was looked at.
        """
        if call.at("calling_at"):
            return True
        status = _DIAL_STATUS.get(fact.cause, "NOANSWER")
        done = await self._routing.offer_over(call, OfferOver(fact.offer_id, status, fact.cause, fact.at_ms))
        await self._routing.match()
        return done

    async def _one_of_several_ended(self, call: LiveCall, agent_id: int, fact: LegEnded) -> bool | None:
        """Whether that was all there is to do; None: the call has changed since it was looked at."""
        elsewhere = fact.cause == ANSWERED_ELSEWHERE
        if call.state is CallState.OFFERED:
            declined = fact.hung_up_by_phone and fact.cause != NORMAL_END
            if not elsewhere and not declined:
                return False
            reason = miss_reason(_DIAL_STATUS.get(fact.cause, "NOANSWER"), fact.cause)
            reason = MissReason.OTHER_ANSWERED if elsewhere else reason
            return await self._routing.one_of_several_missed(call, agent_id, reason) or None
        second, _, channel_id = call.fields.get("second", "").partition(" ")
        if call.state is not CallState.TALKING or agent_id != call.agent_id:
            free = self._routing.let_go(call, agent_id, fact.at_ms)
            theirs = None
            if second == str(agent_id):
                theirs = Part(call.call_id, guard=_as_it_was(call), set={"second": ""})
            done = await self._step(fact.at_ms, [free], theirs, [])
            await self._routing.match()
            return done or None
        if second:
            return await self._hand_over(call, int(second), channel_id, fact.at_ms) or None
        if elsewhere:
            nobody = Part(call.call_id, guard=_as_it_was(call), set={"agent": ""})
            free = self._routing.spared(call, agent_id, fact.at_ms)
            return await self._step(fact.at_ms, [free], nobody, []) or None
        return False

    async def _fallback(self, agent_id: int, fact: Leg) -> None:
        """Asterisk's own queue rings an agent: meanwhile he is offered nobody else; an answer makes the talk his."""
        match fact:
            case LegCreated() | LegRinging():
                taken = {"call": fact.call_id, "offer": "", "since": str(fact.at_ms), "reason": ""}
                await self._fallback_step(agent_id, fact, AgentMove.CLAIM, {}, taken)
            case LegAnswered():
                await self._fallback_answered(agent_id, fact)
            case LegEnded():
                guard = {"call": fact.call_id, "offer": ""}
                free = {"since": str(fact.at_ms), "call": ""}
                if await self._fallback_step(agent_id, fact, AgentMove.WITHDRAW, guard, free):
                    await self._routing.match()
                    return
                wrapup = self._routing.wrapup(await self._live.call(fact.call_id), fact.at_ms)
                guard = {"call": fact.call_id}
                await self._fallback_step(agent_id, fact, AgentMove.END, guard, {"since": str(fact.at_ms)} | wrapup)

    async def _fallback_answered(self, agent_id: int, fact: LegAnswered) -> None:
        at, facts = fact.at_ms, [event(fact.call_id, Kind.ANSWERED, fact.at_ms, agent_id=agent_id)]
        talk = {"agent": str(agent_id), "answered_at": str(at), "leg": fact.channel_id}
        call = Part(fact.call_id, move=CallMove.ADOPT, set=talk)
        theirs, rung = {"call": fact.call_id, "offer": "", "since": str(at)}, {"call": fact.call_id, "offer": ""}
        for move, guard in ((AgentMove.ANSWER, rung), (AgentMove.ADOPT, {})):
            agent = Part(agent_id, move=move, guard=guard, set=theirs)
            if await self._step(at, [agent], call, facts):
                return

    async def _fallback_step(
        self, agent_id: int, fact: Leg, move: AgentMove, guard: dict[str, str], settings: dict[str, str]
    ) -> bool:
        part = Part(agent_id, move=move, guard=guard, set=settings)
        return await self._step(fact.at_ms, [part], None, [])

    async def phone(self, agent_id: int, reachable: bool, node: str) -> None:
        """An agent's phone is registered at a node, or is gone from it."""
        await self._work.set_reachable(agent_id, reachable, node)

    async def give_back(self, agent: LiveAgent) -> bool:
        """An agent of whom Redis has lost everything, and who has no leg: he is as he was. Whether he has changed."""
        return await self._work.give_back(agent)

    async def answered(self, call_id: str, offer_id: str, extension: str, channel_id: str, at_ms: int) -> None:
        """An answer that nobody saw as it happened."""
        await self.take(LegAnswered(call_id, offer_id, extension, channel_id, at_ms))

    async def customer_answered(self, call: LiveCall, at_ms: int) -> None:
        """A customer who is called back has answered, and nobody saw it as it happened."""
        await self._callbacks.customer_answered(call.call_id, call.offer_id, at_ms)

    async def adopt(self, call: LiveCall, agent_id: int, offer_id: str, channel_id: str, at_ms: int) -> bool:
        """A conversation that Asterisk has and the live queue has not (it was lost, or was not there)."""
        offer = {"offer": offer_id}
        agent = {"call": call.call_id, "since": str(at_ms)} | offer
        talk = {"agent": str(agent_id), "answered_at": str(at_ms), "leg": channel_id} | offer
        done = await self._live.step(
            at_ms,
            agent=Part(agent_id, move=AgentMove.ADOPT, set=agent),
            call=Part(call.call_id, move=CallMove.ADOPT, set=talk),
            events=[event(call.call_id, Kind.ANSWERED, at_ms, about=offer_id, agent_id=agent_id)],
        )
        return done.applied
