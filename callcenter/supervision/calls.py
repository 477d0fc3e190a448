"""What a supervisor does to a call: move it, set its priority, take it over, end it.

Each verb looks, decides, and writes in one guarded step; when something came between (the caller hung up, an agent
answered, another supervisor was quicker), it looks again. So of two who act at once one wins, and the other is told,
or acts on what the first has made of it.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from callcenter.calls.model import HungUpBy
from callcenter.errors import HotlineError, InvalidInputError, NotFoundError, UnavailableError
from callcenter.events import Kind, event, event_at
from callcenter.routing.callbacks import Callbacks
from callcenter.routing.course import offer_seconds
from callcenter.routing.desk import InCallError, NoPhoneError
from callcenter.routing.model import IN_CALL, AgentMove, AgentState, CallMove, CallState, MissReason
from callcenter.routing.plan import placed
from callcenter.routing.service import Desks, Routing, missed_fact
from callcenter.routing.store import LiveAgent, LiveCall, Part
from callcenter.routing.talks import Asterisk as TalkingLegs
from callcenter.routing.talks import Talks, as_seen, entry_of
from callcenter.supervision.errors import (
    AgentNotInQueueError,
    AgentSignedOutError,
    CalledBackError,
    CallInMenuError,
    CallInTalkError,
    CallOnOfferError,
    CallOverError,
    PhoneOfflineError,
    RecordOpenError,
    TakenOverAlreadyError,
)

_IN_LINE = (CallState.WAITING, CallState.RESTING)


class Asterisk(TalkingLegs, Protocol):
    """What is asked of the Asterisk nodes. All raise UnavailableError."""

    async def end_call(self, channel_id: str) -> None:
        """End a channel and with it the call."""


class Conversations(Protocol):
    """Where supervisors listen."""

    async def leave(self, supervisor: LiveAgent) -> bool:
        """He leaves the conversation that he is at; whether he was at one. Raises UnavailableError."""


class CallActs:
    """The verbs over calls. Any number of supervisors and replicas may use them at once."""

    def __init__(
        self,
        routing: Routing,
        callbacks: Callbacks,
        asterisk: Asterisk,
        desks: Desks,
        clock: Callable[[], int],
        *,
        listening: Conversations,
    ) -> None:
        self._routing = routing
        self._live = routing.live
        self._callbacks = callbacks
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock
        self._listening = listening
        self._talks = Talks(routing, asterisk, desks, clock)

    # -- his place in line -----------------------------------------------------------------------------

    async def move_to_queue(self, call_id: str, queue_id: str) -> None:
        """Let a caller go on in another queue's line with the waiting he has behind him; out of a talk, the agent
        goes to wrap-up.

        Raises:
            NotFoundError: there is no such call.
            InvalidInputError: there is no such queue.
            CallOverError, CallInMenuError, CallOnOfferError: he is not in line, nor in a talk.
            CalledBackError: he talks over the line of the agent who has called him back.
            UnavailableError: the agent's leg could not be ended; the talk goes on.
        """
        if queue_id not in self._routing.plan.queues:
            said = {"en": "There is no such queue.", "zh": "没有这个队列。"}
            raise InvalidInputError(fields={"queue_id": said})
        while True:
            call = await self._call(call_id)
            if call.state is CallState.TALKING:
                if call.is_callback:
                    raise CalledBackError
                if await self._talks.to_queue(call, queue_id):
                    return
                continue
            _refuse_unless_in_line(call)
            if call.queue_id == queue_id or await self._place(call, self._talks.moved(call, queue_id), anew=True):
                break
        await self._routing.match()

    async def move_to_agent(self, call_id: str, agent_id: int) -> None:
        """Offer a waiting caller to this agent as soon as he is ready, before all who stand behind the caller, and to
        him alone for as long as a customer's owner is rung. As with owners nobody waits in vain: another agent who
        can take the caller before that does (OWN-04).

        Raises:
            NotFoundError: there is no such call, or agent.
            AgentSignedOutError, AgentNotInQueueError: he would never be offered this caller.
            CallOverError, CallInMenuError, CallOnOfferError, CallInTalkError: the caller is not in line.
        """
        agent = await self._live.agent(agent_id)
        if not agent.known:
            raise NotFoundError
        while True:
            call = await self._call(call_id)
            if call.state is CallState.TALKING:
                raise CallInTalkError
            _refuse_unless_in_line(call)
            if agent.state is AgentState.SIGNED_OUT:
                raise AgentSignedOutError
            plan = self._routing.plan
            person, line = plan.people.get(agent_id), plan.queue_of(call.queue_id).queue_id
            if not person or line not in {one.queue_id for one in person.memberships}:
                raise AgentNotInQueueError
            if await self._place(call, entry_of(call) | {"preferred": [agent_id]}):
                break
        await self._routing.match()

    async def set_priority(self, call_id: str, priority: int) -> None:
        """Set a caller's priority in steps, in place of what his queue and his kind have made of it, for as long as his
        call lasts; his place in line is another at once.

        Raises:
            NotFoundError: there is no such call.
            CallOverError, CallInMenuError, CallOnOfferError, CallInTalkError: he is not in line.
        """
        while True:
            call = await self._call(call_id)
            if call.state is CallState.TALKING:
                raise CallInTalkError
            _refuse_unless_in_line(call)
            if await self._place(call, entry_of(call) | {"priority": priority}, by_hand=priority):
                break
        await self._routing.match()

    async def reorder(self) -> None:
        """Bring callers in line to their queues' priorities, where these have been set anew since; whoever has one of
        his own from a supervisor keeps it. Whoever was on offer then, or rested, is brought when he is in line again.
        Every replica does so, and after a death the next.
        """
        moved = [call_id for call_id, entry in self._routing.picture.waiting.items() if self._is_of_before(entry)]
        for call in await self._live.calls(moved):
            if call.state is CallState.WAITING and self._is_of_before(call.entry):
                await self._place(call, self._talks.moved(call, call.queue_id))

    def _is_of_before(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry was made with another priority of its queue than is set now."""
        queue = self._routing.plan.queues.get(entry.get("queue", ""))
        return queue is not None and entry.get("queue_priority", queue.priority) != queue.priority

    async def _place(
        self, call: LiveCall, entry: dict[str, Any], *, anew: bool = False, by_hand: int | None = None
    ) -> bool:
        """Give a caller in line another place. `anew`: his life in this queue begins now. False: he has changed."""
        place = self._talks.line(entry) if anew else placed(self._routing.plan, entry)
        if by_hand is not None:
            place["priority"] = str(by_hand)
        part = Part(call.call_id, only=(call.state,), guard=as_seen(call), set=place)
        return (await self._live.step(self._clock(), call=part, events=[self._talks.queued(call, entry)])).applied

    # -- taking over -----------------------------------------------------------------------------------

    async def take_over(self, supervisor_id: int, call_id: str) -> None:
        """Offer a caller to the supervisor himself, now: out of the line, from agents whose phones ring, or out of a
        talk; he leaves a conversation that he listens to first. If he does not answer, the caller has his place in
        line. Afterwards he is what he was.

        Raises:
            NotFoundError: there is no such call.
            NoPhoneError, PhoneOfflineError, InCallError, RecordOpenError: his phone can't ring for it.
            CallOverError, CallInMenuError, CalledBackError: the caller can't be taken from where he is.
            CallOnOfferError: an agent's phone is about to ring, who shall call a customer back.
            TakenOverAlreadyError: another supervisor has him.
            UnavailableError: the agent's leg, or his own at another conversation, could not be ended; all go on.
        """
        while True:
            call = await self._call(call_id)
            supervisor = await self._live.agent(supervisor_id)
            if supervisor.state in IN_CALL and supervisor.call_id == call_id:
                return
            _refuse_unless_free(supervisor)
            _refuse_unless_takable(call)
            if await self._listening.leave(supervisor):
                continue
            if call.is_callback and call.state is CallState.OFFERED and not await self._talks.end_legs(call):
                raise CallOnOfferError  # a phone is about to ring, whose agent would call the customer too
            offer_id = await self._take(call, supervisor)
            if offer_id is not None:
                break
        if call.state is CallState.OFFERED:
            with contextlib.suppress(UnavailableError):  # then they ring on, and stop when they are answered
                await self._talks.end_legs(call)
        elif call.state is CallState.TALKING:
            spared = self._talks.spare(supervisor.agent_id, offer_id)
            await self._talks.end_talking_leg(
                call, lambda: self._talks.still_talking(call, CallMove.ANSWER, offer_id, others=[spared])
            )

    async def _take(self, call: LiveCall, supervisor: LiveAgent) -> str | None:
        """The step; the offer's id, None: the call or the supervisor has changed since it was looked at."""
        now = self._clock()
        taken = Part(call.call_id, move=CallMove.TAKE_OVER, guard=as_seen(call))
        taken.set = {"taken_from": call.offer_id, "taken_by": str(supervisor.agent_id), "held_at": "", "next_at": ""}
        his = Part(supervisor.agent_id, move=AgentMove.TAKE_OVER, only=(supervisor.state,))
        his.guard = {"online": "1"} | {name: supervisor.fields.get(name, "") for name in ("reason", "listening")}
        if supervisor.state is not AgentState.READY:
            his.set = {"returns_to": supervisor.state.value, "returns_reason": supervisor.fields.get("reason", "")}
        others: list[Part] = []
        facts = []
        if call.state is CallState.OFFERED:
            others = [self._routing.let_go(call, agent_id, now) for agent_id in call.rung]
            facts = [missed_fact(call, agent_id, now, MissReason.TAKEN_OVER) for agent_id in call.rung]
        elif call.state is CallState.TALKING:
            others = self._talks.without_talk(call, now)
        facts.append(event_at(call.call_id, Kind.TAKEN_OVER, now, agent_id=supervisor.agent_id))
        plan = self._routing.plan
        seconds = offer_seconds(plan.queue_of(call.queue_id), plan, owner=False)
        return await self._routing.offer_now(
            taken, his, seconds, others=others, facts=facts, is_callback=call.is_callback
        )

    # -- the end ---------------------------------------------------------------------------------------

    async def end(self, call_id: str) -> None:
        """End a call, wherever the caller is; whoever keeps his place without a line is not called back. What follows
        is told by the call's script, as of any end.

        Raises:
            NotFoundError: there is no such call.
            UnavailableError: the call's node is away; try again.
        """
        while True:
            call = await self._call(call_id)
            if call.state is CallState.ENDED:
                return
            if not call.is_callback:
                if await self._hang_up(call, call_id):
                    return
                continue
            if await self._end_callback(call):
                return

    async def is_over(self, call_id: str) -> bool:
        """Whether a call has ended. Raises NotFoundError."""
        return (await self._call(call_id)).state is CallState.ENDED

    async def _hang_up(self, call: LiveCall, channel_id: str) -> bool:
        """End a channel and with it the call; whoever tells of its end is not asked who did it. False: it is over."""
        mark = Part(call.call_id, only=[state for state in CallState if state is not CallState.ENDED])
        mark.set = {"ended_by": HungUpBy.SYSTEM.value}
        if not (await self._live.step(self._clock(), call=mark)).applied:
            return False
        try:
            await self._asterisk.end_call(channel_id)
        except HotlineError:
            await self._live.step(self._clock(), call=Part(call.call_id, set={"ended_by": ""}))
            raise
        return True

    async def _end_callback(self, call: LiveCall) -> bool:
        """False: it has changed since it was looked at."""
        if call.state is CallState.TALKING:
            return await self._hang_up(call, call.fields["leg"])
        if call.state is CallState.OFFERED:
            return await self._end_calling(call)
        try:
            await self._callbacks.cancel(call.call_id)
        except NotFoundError:
            return False
        if not call.at("left_at"):  # he is being told that he will be called back
            with contextlib.suppress(UnavailableError):
                await self._asterisk.end_call(call.call_id)
        return True

    async def _end_calling(self, call: LiveCall) -> bool:
        """The agent's phone rings, or already the customer's: neither does any more."""
        now, agents = self._clock(), list(call.rung)
        every = await self._asterisk.channels()
        legs = [leg for channels in every.values() for leg in channels if leg.call_id == call.call_id]
        free = [part(call, agent, now) for agent in agents for part in (self._routing.spared, self._routing.let_go)]
        gone = Part(call.call_id, move=CallMove.END, guard=as_seen(call))
        gone.set = {"ended_at": str(now), "hung_up_by": "system", "calling_at": ""}
        fact = event(call.call_id, Kind.ENDED, now, hung_up_by="system", where="cancelled")
        done = await self._live.step(now, agents=free, call=gone, events=[fact])
        for agent_id, (_, seq) in done.agents.items():
            await self._desks.push(agent_id, seq)
        for leg in legs if done.applied else ():
            if leg.extension:
                await self._asterisk.end_call(leg.channel_id)
        await self._routing.match()
        return done.applied

    async def _call(self, call_id: str) -> LiveCall:
        call = await self._live.call(call_id)
        if not call.fields.get("arrived"):
            raise NotFoundError
        return call


def _refuse_unless_in_line(call: LiveCall) -> None:
    if call.state is CallState.ENDED:
        raise CallOverError
    if call.state is CallState.OFFERED:
        raise CallOnOfferError
    if call.state is CallState.CONSULTING:
        raise CallInTalkError
    if call.state not in _IN_LINE:
        raise CallInMenuError


def _refuse_unless_takable(call: LiveCall) -> None:
    if call.state is CallState.ENDED:
        raise CallOverError
    if call.state is CallState.CONSULTING:
        raise CallInTalkError
    is_somebodys = call.state in (CallState.OFFERED, CallState.TALKING)
    if is_somebodys and call.fields.get("taken_by") == call.fields.get("agent"):
        raise TakenOverAlreadyError
    if call.is_callback and (call.state is CallState.TALKING or call.at("calling_at")):
        raise CalledBackError
    is_being_told = call.state is CallState.RESTING and not call.at("left_at")
    if call.state in (CallState.NEW, CallState.AWAY) or is_being_told:
        raise CallInMenuError


def _refuse_unless_free(supervisor: LiveAgent) -> None:
    if not supervisor.known:
        raise NoPhoneError
    if supervisor.state in IN_CALL:
        raise InCallError
    if supervisor.state is AgentState.WRAPUP:
        raise RecordOpenError
    if not supervisor.online:
        raise PhoneOfflineError
