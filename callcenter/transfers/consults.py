"""An agent asks somebody before he gives his caller on: the caller is kept with music, the agent speaks with a
colleague or a number, and then the caller is with the one or with the other.

The sound is Asterisk's (dialplans/consult.conf): the agent's leg, at the caller's node, leaves the caller and dials the
other one. The caller's script waits, and is told with which leg he is to be connected (`script.Join`), so that a
service that dies disturbs nobody: the two talk on, and the caller is kept.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Protocol

import orjson
import structlog

from callcenter.asterisk.consults import ConsultRing
from callcenter.asterisk.model import Channel, Leg, LegAnswered, LegEnded, LegRinging, node_of
from callcenter.errors import HotlineError, InvalidInputError, UnavailableError
from callcenter.events import CallEvent, Kind, event, event_at
from callcenter.routing import recording
from callcenter.routing.consult import FIELD, Consult, consult_of, consult_offer_id
from callcenter.routing.course import offer_seconds
from callcenter.routing.model import AgentMove, CallMove, MissReason, miss_reason
from callcenter.routing.plan import placed
from callcenter.routing.service import Routing
from callcenter.routing.store import LiveCall, Part
from callcenter.routing.talks import Talks, as_seen
from callcenter.routing.transfer import FIELD as TRANSFER
from callcenter.routing.transfer import To, Transfer, returned_entry
from callcenter.staff.model import Actor
from callcenter.tasks import Beside
from callcenter.transfers.errors import NoConsultError, NotAnsweredYetError
from callcenter.transfers.service import Transfers, out_at

log = structlog.get_logger(__name__)

_DIAL_STATUS = {17: "BUSY", 21: "BUSY", 3: "CHANUNAVAIL", 20: "CHANUNAVAIL"}
"""Q.850 causes of a leg that was not answered, as Asterisk's Dial names them."""
_MOMENT_SECONDS = 0.3


class Asterisk(Protocol):
    """What is asked of the Asterisk nodes. All raise UnavailableError."""

    async def channels(self) -> Mapping[str, Sequence[Channel]]:
        """The channels of the hotline's calls, by node; a node that does not answer is left out."""

    async def begin_consult(self, ring: ConsultRing) -> None:
        """Keep a caller, and have his agent's leg ring somebody else."""

    async def end_call(self, channel_id: str) -> None:
        """End a channel; already gone is success."""

    async def stop_recording(self, call_id: str, dialler: str) -> None:
        """Record no more of a talk; already so is success."""


class Consults:
    """The verbs. Any number of replicas may use them at once."""

    def __init__(
        self, routing: Routing, transfers: Transfers, talks: Talks, asterisk: Asterisk, clock: Callable[[], int]
    ) -> None:
        self._routing = routing
        self._live = routing.live
        self._transfers = transfers
        self._talks = talks
        self._asterisk = asterisk
        self._clock = clock
        self._beside = Beside()

    # -- what the agent does ---------------------------------------------------------------------------

    async def ask_agent(self, agent_id: int, colleague_id: int, note: str = "", notes: str = "") -> None:
        """Keep the caller and ring a colleague who is ready.

        Raises:
            NotYourTalkError, CalledBackCallerError, ConsultingAlreadyError: there is no caller to be kept.
            NotFoundError, InvalidInputError: it is nobody, or he himself.
            ColleagueNotReadyError: he is not ready, or his phone is away.
            UnavailableError: Asterisk does not do it; the agent is with the caller.
        """
        if colleague_id == agent_id:
            raise InvalidInputError(fields={"user_id": {"en": "That is you.", "zh": "不能转接给自己。"}})
        while True:
            call = await self._transfers.talk_of(agent_id)
            colleague = await self._transfers.ready_colleague(colleague_id)
            at_caller = colleague.node in ("", node_of(call.call_id))
            to = colleague.extension if at_caller else f"{colleague.extension}@{colleague.node}"
            one = Transfer(To.AGENT, str(colleague_id), agent_id, self._clock(), note, notes, attended=True)
            if await self._begin(call, one, to):
                return

    async def ask_number(self, actor: Actor, number: str, note: str = "", notes: str = "") -> None:
        """Keep the caller and ring a number over the trunk; as `Transfers.to_number` says which, and what it raises."""
        dialled, audited = self._transfers.allowed(number), False
        while True:
            call = await self._transfers.talk_of(actor.user_id or 0)
            if not audited:
                await self._transfers.audit_number(actor, call, dialled)
                audited = True
            one = Transfer(To.NUMBER, dialled, actor.user_id or 0, self._clock(), note, notes, attended=True)
            if await self._begin(call, one, dialled):
                return

    async def _begin(self, call: LiveCall, one: Transfer, to: str) -> bool:
        """False: the talk, or the colleague, has changed since it was looked at."""
        channel = await self._channel(call, call.offer_id)
        now, plan = self._clock(), self._routing.plan
        consult = Consult(consult_offer_id(call.call_id, now), one, channel.name)
        kept = Part(call.call_id, move=CallMove.CONSULT, guard=as_seen(call))
        kept.set = {FIELD: consult.to_field(), "join": "", "held_at": ""} | recording.apart(call.fields, now)
        asking = Part(one.by, guard={"offer": call.offer_id}, set={})
        parts = [asking]
        facts = [event_at(call.call_id, Kind.CONSULTING, now, **one.fact())]
        if consult.colleague_id is not None:
            asked = Part(consult.colleague_id, move=AgentMove.CLAIM, guard={"online": "1"})
            asked.set = {"call": call.call_id, "offer": consult.offer_id, "since": str(now), "reason": ""}
            parts.append(asked)
        done = await self._live.step(now, agents=parts, call=kept, events=facts)
        if not done.applied:
            return False
        await self._talks.show(done.agents)
        seconds = offer_seconds(plan.queue_of(call.queue_id), plan, owner=False)
        outside = one.kind is To.NUMBER
        ring = ConsultRing(call.call_id, channel.channel_id, to, outside, consult.offer_id, seconds)
        was = {name: call.fields.get(name, "") for name in ("recording", "recording_since")} | {recording.APART: ""}
        try:
            if call.fields.get("recording") == recording.ON:
                await self._asterisk.stop_recording(call.call_id, call.call_id)
                was = {}  # from here on nothing is recorded until the two are joined, or the agent says so
            await self._asterisk.begin_consult(ring)
        except HotlineError:
            await self._until(call.call_id, consult.offer_id, lambda call, one: self._resume(call, one, also=was))
            raise
        return True

    async def complete(self, agent_id: int) -> None:
        """Connect the caller with the one who was consulted; the agent goes to wrap-up. Done already is success.

        Raises:
            NoConsultError: he consults nobody.
            NotAnsweredYetError: the other one has not answered.
            UnavailableError: Asterisk does not say where he is; nothing has changed.
        """
        while True:
            call, consult = await self._consult_of(agent_id)
            if consult.answered_at is None:
                raise NotAnsweredYetError
            if await self._complete(call, consult):
                return

    async def go_back(self, agent_id: int) -> None:
        """Let the other one go, and be with the caller again.

        Raises:
            NoConsultError: he consults nobody.
        """
        while True:
            call, consult = await self._consult_of(agent_id)
            if await self._resume(call, consult):
                return

    async def _consult_of(self, agent_id: int) -> tuple[LiveCall, Consult]:
        agent = await self._live.agent(agent_id)
        call = await self._live.call(agent.call_id)
        consult = consult_of(call)
        if consult is None or call.agent_id != agent_id:
            raise NoConsultError
        return call, consult

    # -- what becomes of it ----------------------------------------------------------------------------

    async def _complete(self, call: LiveCall, consult: Consult) -> bool:
        """False: it has changed since it was looked at. Raises UnavailableError."""
        channel = await self._channel(call, consult.offer_id)
        now, one = self._clock(), consult.transfer.over()
        done = Part(call.call_id, move=CallMove.COMPLETE, guard=as_seen(call) | {FIELD: call.fields[FIELD]})
        done.set = {FIELD: "", TRANSFER: one.to_field(), "join": channel.name, "held_at": "", "taken_by": ""}
        parts = self._talks.without_talk(call, now)
        facts = [self._transfers.fact(call, one)]
        to_colleague = consult.colleague_id is not None
        rule = self._routing.plan.queue_of(call.queue_id).recording.rule
        done.set |= recording.given_on(rule if to_colleague else "never", call.fields)
        if consult.colleague_id is not None:
            asked = Part(consult.colleague_id, guard={"offer": consult.offer_id}, set={"since": str(now)})
            asked.tally = self._routing.tally(call, consult.colleague_id)
            parts.append(asked)
            done.set |= {
                "agent": one.to,
                "agents": one.to,
                "offer": consult.offer_id,
                "leg": consult.leg,
            }
            about = consult.offer_id
            facts.append(event(call.call_id, Kind.ANSWERED, now, about=about, agent_id=consult.colleague_id))
        else:
            done.move = CallMove.SEND_OUT
            done.set["at"] = orjson.dumps(out_at(call, one)).decode()
        answer = await self._live.step(now, agents=parts, call=done, events=facts)
        await self._talks.show(answer.agents)
        return answer.applied

    async def _resume(
        self,
        call: LiveCall,
        consult: Consult,
        reason: MissReason | None = None,
        also: Mapping[str, str] | None = None,
    ) -> bool:
        """The agent is with the caller again, over his own leg. False: it has changed since it was looked at.

        `reason`: why the colleague did not take part; None: he did, or it is no doing of his. `also`: what becomes
        of the call's fields besides.
        """
        now = self._clock()
        back = Part(call.call_id, move=CallMove.RESUME, guard=as_seen(call) | {FIELD: call.fields[FIELD]})
        back.set = {FIELD: "", "join": consult.channel} | dict(also or {})
        facts = [self._over(call, consult, now, reason)]
        parts, missed = await self._without_colleague(call, consult, now, reason)
        done = await self._live.step(now, agents=parts, call=back, events=facts + missed, notify=call.agent_id)
        if done.applied:
            await self._talks.show(done.agents)
            await self._push(call.agent_id)
            await self._routing.match()
        return done.applied

    async def _push(self, agent_id: int | None) -> None:
        if agent_id is not None:
            agent = await self._live.agent(agent_id)
            await self._talks.show({agent_id: ("", agent.seq)})

    def _over(self, call: LiveCall, consult: Consult, now: int, reason: MissReason | None) -> CallEvent:
        why = {"reason": reason.value} if reason else {}
        return event(call.call_id, Kind.CONSULT_OVER, now, about=consult.offer_id, agent_id=call.agent_id, **why)

    async def _without_colleague(
        self, call: LiveCall, consult: Consult, now: int, reason: MissReason | None
    ) -> tuple[list[Part], list[CallEvent]]:
        """What it does to the colleague that nobody consults him any more."""
        colleague = consult.colleague_id
        if colleague is None:
            return [], []
        his = as_offered(call, consult)
        if reason is None or consult.answered_at is not None:
            return [self._routing.let_go(his, colleague, now), self._routing.spared(his, colleague, now)], []
        body = {"agent_id": colleague, "reason": reason.value, "consult": True}
        fact = event(call.call_id, Kind.MISSED, now, about=f"{consult.offer_id}/{colleague}", **body)
        return [await self._routing.missed(his, colleague, reason, now)], [fact]

    async def _left_by_agent(self, call: LiveCall, consult: Consult) -> bool:
        """The agent has hung up: whom he has spoken with has the caller, as with other phones; else the caller has his
        place in line, before others, and is offered to the agent again. False: it has changed since it was looked at.
        """
        if consult.answered_at is not None:
            with contextlib.suppress(HotlineError):
                return await self._complete(call, consult)
        now = self._clock()
        back = Part(call.call_id, move=CallMove.REQUEUE, guard=as_seen(call) | {FIELD: call.fields[FIELD]})
        failed = consult.transfer.over("agent_left")
        back.set = {FIELD: "", TRANSFER: failed.to_field(), "join": ""}
        if call.entry:
            back.set |= placed(self._routing.plan, returned_entry(call.entry, failed))
        parts, _ = await self._without_colleague(call, consult, now, None)
        parts += self._talks.without_talk(call, now)
        facts = [event_at(call.call_id, Kind.QUEUED, now, queue_id=call.queue_id)]
        done = await self._live.step(now, agents=parts, call=back, events=facts)
        if done.applied:
            await self._talks.show(done.agents)
            await self._routing.come_back(call.call_id)
            await self._routing.match()
        return done.applied

    # -- what Asterisk tells ---------------------------------------------------------------------------

    async def leg(self, agent_id: int, fact: Leg) -> bool:
        """A fact of a leg of an agent who is kept busy by a consultation; False: it is none of these."""
        while True:  # until nothing has come between looking and writing
            call = await self._live.call(fact.call_id)
            consult = consult_of(call)
            if consult is None or fact.offer_id not in (consult.offer_id, call.offer_id):
                return False
            if fact.offer_id == call.offer_id:
                if isinstance(fact, LegEnded) and agent_id == call.agent_id:
                    # Asterisk is asked, and can't answer while it tells.
                    self._later(self._until(call.call_id, consult.offer_id, self._left_by_agent))
                return True  # what his phone holds is not the caller
            match fact:
                case LegRinging():
                    done = await self._rings(call, consult, agent_id, fact)
                case LegAnswered():
                    done = await self._answers(call, consult, fact.at_ms, fact.channel_id)
                case LegEnded():
                    reason = miss_reason(_DIAL_STATUS.get(fact.cause, "NOANSWER"), fact.cause)
                    if consult.answered_at is None and fact.cause not in _DIAL_STATUS:
                        self._later(self._rung_out(call.call_id, consult.offer_id, reason))
                        return True
                    done = await self._resume(call, consult, reason)
                case _:
                    return True
            if done:
                return True

    async def _rings(self, call: LiveCall, consult: Consult, agent_id: int, fact: Leg) -> bool:
        about = f"{consult.offer_id}/{agent_id}"
        told = event(call.call_id, Kind.RINGING, fact.at_ms, about=about, agent_id=agent_id, consult=True)
        asked = Part(agent_id, move=AgentMove.RING, guard={"offer": consult.offer_id})
        asked.set = {"since": str(fact.at_ms)}
        asked.optional = True
        return await self._note(call, consult.now(ringing_at=fact.at_ms), [asked], [told])

    async def _answers(self, call: LiveCall, consult: Consult, at_ms: int, leg: str = "") -> bool:
        if consult.answered_at is not None:
            return True
        told = event(call.call_id, Kind.CONSULT_ANSWERED, at_ms, about=consult.offer_id, agent_id=consult.colleague_id)
        parts = []
        if consult.colleague_id is not None:
            asked = Part(consult.colleague_id, move=AgentMove.ANSWER, guard={"offer": consult.offer_id}, optional=True)
            asked.set = {"since": str(at_ms), "misses": "0"}
            parts.append(asked)
        return await self._note(call, consult.now(answered_at=at_ms, leg=leg), parts, [told])

    async def _note(self, call: LiveCall, consult: Consult, parts: Sequence[Part], facts: Sequence[CallEvent]) -> bool:
        """Keep what has happened; False: the call has changed since it was looked at."""
        noted = Part(call.call_id, guard=as_seen(call) | {FIELD: call.fields[FIELD]}, set={FIELD: consult.to_field()})
        done = await self._live.step(self._clock(), agents=parts, call=noted, events=facts, notify=call.agent_id)
        if done.applied:
            await self._talks.show(done.agents)
            await self._push(call.agent_id)
        return done.applied

    async def _rung_out(self, call_id: str, offer_id: str, reason: MissReason) -> None:
        """The colleague's phone has rung in vain, unless the agent has hung up: then his leg's end, which is told a
        moment later, says what is to be done.
        """
        await asyncio.sleep(_MOMENT_SECONDS)
        await self._until(call_id, offer_id, lambda call, consult: self._resume(call, consult, reason))

    async def answered(self, call_id: str, offer_id: str, at_ms: int) -> None:
        """Somebody outside has answered, as the dialplan tells."""
        await self._until(call_id, offer_id, lambda call, consult: self._answers(call, consult, at_ms))

    async def over(self, call_id: str, offer_id: str, dial_status: str, cause: int) -> None:
        """The other one is gone, or did not answer, as the dialplan tells. Comes twice, or late, without harm."""
        reason = miss_reason(dial_status, cause)
        await self._until(call_id, offer_id, lambda call, consult: self._resume(call, consult, reason))

    async def _until(self, call_id: str, offer_id: str, work: Callable[[LiveCall, Consult], Awaitable[bool]]) -> None:
        while True:  # until nothing has come between looking and writing
            call = await self._live.call(call_id)
            consult = consult_of(call)
            if consult is None or consult.offer_id != offer_id or await work(call, consult):
                return

    def _later(self, work: Coroutine[None, None, None]) -> None:
        """Do it beside; where this process dies over it, `compare` finds out."""
        self._beside.begin(work, "consult")

    async def settled(self) -> None:
        """Returns when what is done beside is done."""
        await self._beside.settled()

    async def caller_gone(self, call: LiveCall) -> None:
        """The caller has hung up while his agent consulted somebody: the two are parted."""
        with contextlib.suppress(UnavailableError):
            channel = await self._channel(call, call.offer_id)
            await self._asterisk.end_call(channel.channel_id)

    async def compare(self, call: LiveCall, legs: Sequence[Channel]) -> str:
        """Bring a consultation to what Asterisk has; what was repaired, or nothing."""
        consult = consult_of(call)
        if consult is None:
            return ""
        his = _leg(call, legs, call.offer_id)
        other = _leg(call, legs, consult.offer_id)
        if his is None:
            return "consulting agent gone" if await self._left_by_agent(call, consult) else ""
        if other is None:
            done = await self._resume(call, consult, MissReason.LEASE_ENDED)
            return "consulted one gone" if done else ""
        if other.up and consult.answered_at is None:
            await self._answers(call, consult, self._clock(), other.channel_id)
            return "consultation found answered"
        return ""

    async def _channel(self, call: LiveCall, offer_id: str) -> Channel:
        """The channel of an offer at the caller's node. Raises UnavailableError: nobody can say which."""
        at_node = (await self._asterisk.channels()).get(node_of(call.call_id), ())
        found = _leg(call, at_node, offer_id)
        if found is None:
            raise UnavailableError(detail="Asterisk")
        return found


def _leg(call: LiveCall, channels: Sequence[Channel], offer_id: str) -> Channel | None:
    """The channel of an offer at the caller's node."""
    node = node_of(call.call_id)
    theirs = (one for one in channels if one.call_id == call.call_id and one.node == node and not one.is_caller)
    return next((one for one in theirs if one.offer_id == offer_id), None)


def as_offered(call: LiveCall, consult: Consult) -> LiveCall:
    """The call as the colleague is offered it."""
    return LiveCall(call.call_id, call.state, {**call.fields, "offer": consult.offer_id})
