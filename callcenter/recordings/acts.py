"""What an agent does to the recording of his talk: begin, pause for a secret, go on, stop.

Asterisk records by itself from then on; a service that dies stops nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

from callcenter.errors import ConflictError, UnavailableError
from callcenter.events import Kind, event_at
from callcenter.routing import recording
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.recording import FAILED, ON, PAUSED
from callcenter.routing.script import RecordingStart, WhyNotRecorded
from callcenter.routing.service import Desks, Routing
from callcenter.routing.store import LiveCall, Part

Wanted = Literal["on", "paused", "off"]


class NoTalkError(ConflictError):
    """You are not in a conversation."""

    error_id = "no_talk"
    zh = "您当前没有在通话。"


class NotRecordedError(ConflictError):
    """Calls of this queue are not recorded."""

    error_id = "not_recorded"
    zh = "该队列的通话不录音。"


class AlwaysRecordedError(ConflictError):
    """All calls of this queue are recorded. Pause the recording for what must not be heard."""

    error_id = "always_recorded"
    zh = "该队列的通话全部录音；如有保密内容，请暂停录音。"


class NothingToPauseError(ConflictError):
    """Nothing is being recorded."""

    error_id = "nothing_to_pause"
    zh = "当前没有在录音。"


class CallerNotToldError(ConflictError):
    """This talk can't be recorded: the caller could not be told of it."""

    error_id = "caller_not_told"
    zh = "本次通话不能录音：未能向来电者播放录音提示。"


class NoRoomError(UnavailableError):
    """Nothing can be recorded now: the disk is full. Tell an administrator."""

    error_id = "no_room_to_record"
    zh = "目前无法录音：磁盘空间不足，请联系管理员。"


class Recorders(Protocol):
    """What is asked of the Asterisk nodes."""

    async def begin_recording(self, call_id: str, dialler: str, at_ms: int) -> None:
        """Record the talk that `dialler` has dialled. Raises UnavailableError."""

    async def stop_recording(self, call_id: str, dialler: str) -> None:
        """Record no more of it; already so is success. Raises UnavailableError."""


_FACTS: Final = {
    ("", ON): Kind.RECORDING_BEGUN,
    (ON, PAUSED): Kind.RECORDING_PAUSED,
    (PAUSED, ON): Kind.RECORDING_RESUMED,
    (ON, ""): Kind.RECORDING_STOPPED,
    (PAUSED, ""): Kind.RECORDING_STOPPED,
}


class RecordingActs:
    """The verbs. Any number of replicas may run them at once."""

    def __init__(
        self,
        routing: Routing,
        asterisk: Recorders,
        desks: Desks,
        clock: Callable[[], int],
        has_room: Callable[[str], Awaitable[bool]],
    ) -> None:
        """`has_room`: whether a node's disk has room for a recording."""
        self._routing = routing
        self._live = routing.live
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock
        self._has_room = has_room

    async def set(self, agent_id: int, wanted: Wanted) -> None:
        """Record this agent's talk, pause, or stop; already so is success.

        Raises:
            NoTalkError, NotRecordedError, AlwaysRecordedError, NothingToPauseError, CallerNotToldError, NoRoomError: it
                can't be.
            UnavailableError: Asterisk does not do it, and it is as it was.
        """
        call = await self._talk(agent_id)
        rule = self._routing.plan.queue_of(call.queue_id).recording.rule
        if rule == "never":
            raise NotRecordedError
        now, to = call.fields.get("recording", ""), "" if wanted == "off" else wanted
        if now == to:
            return
        if not to and rule == "always":
            raise AlwaysRecordedError
        if to == PAUSED and not now:
            raise NothingToPauseError
        if to == ON and not recording.is_told(call.fields):
            raise CallerNotToldError
        if to == ON and not await self._has_room(call.fields.get("node", "")):
            raise NoRoomError
        dialler = _dialler(call)
        if to != ON:
            if now == ON:
                await self._asterisk.stop_recording(call.call_id, dialler)
            await self._become(call, agent_id, now, to)
            return
        await self._begin(call, agent_id, now, dialler)

    async def _begin(self, call: LiveCall, agent_id: int, now: str, dialler: str) -> None:
        await self._become(call, agent_id, now, ON)
        try:
            await self._asterisk.begin_recording(call.call_id, dialler, self._clock())
        except UnavailableError:
            await self._become(call, agent_id, ON, now)
            raise
        if not recording.is_told((await self._live.call(call.call_id)).fields):  # a node has told so meanwhile
            await self._asterisk.stop_recording(call.call_id, dialler)
            raise CallerNotToldError

    async def not_recorded(
        self, call_id: str, offer_id: str, wanted: RecordingStart, why: WhyNotRecorded, told_at_ms: int
    ) -> None:
        """A node could not record a talk as it was `wanted`. Comes twice, or late, without harm: what an agent has
        begun to record of a caller who was not told is stopped.

        Raises:
            UnavailableError: Asterisk does not stop it; to be told again.
        """
        while True:  # until nothing has come between looking and writing
            call = await self._live.call(call_id)
            if call.offer_id == offer_id and call.fields.get(FAILED) == why:
                await self._stop_untold(call, why)
                return
            at = told_at_ms if call.state is CallState.OFFERED else self._clock()
            failed = wanted == "now" or (call.offer_id == offer_id and call.fields.get("recording") == ON)
            facts = [recording.failed_fact(call_id, offer_id, why, at)] if failed else []
            if call.offer_id != offer_id or call.state not in {CallState.OFFERED, CallState.TALKING}:
                await self._live.step(at, events=facts)
                return
            guard = {"offer": offer_id, "state": call.state.value, "recording": call.fields.get("recording", "")}
            part = Part(call_id, guard=guard, set=recording.not_recorded(call.fields, why, at))
            talks_to = call.agent_id if call.state is CallState.TALKING else None
            done = await self._live.step(at, call=part, events=facts, notify=talks_to)
            if done.applied:
                if talks_to is not None:
                    await self._desks.push(talks_to, done.seq(talks_to))
                await self._stop_untold(call, why)
                return

    async def _stop_untold(self, call: LiveCall, why: WhyNotRecorded) -> None:
        """Record no more of a caller who talks and was not told. Raises UnavailableError."""
        if why == "notice" and call.state is CallState.TALKING:
            await self._asterisk.stop_recording(call.call_id, _dialler(call))

    async def _talk(self, agent_id: int) -> LiveCall:
        agent = await self._live.agent(agent_id)
        if agent.state is not AgentState.TALKING or not agent.call_id:
            raise NoTalkError
        call = await self._live.call(agent.call_id)
        if call.state is not CallState.TALKING or call.agent_id != agent_id:
            raise NoTalkError
        return call

    async def _become(self, call: LiveCall, agent_id: int, now: str, to: str) -> None:
        at = self._clock()
        guard = {"recording": now, "offer": call.offer_id, "agent": str(agent_id), "state": CallState.TALKING.value}
        part = Part(call.call_id, guard=guard, set={"recording": to, "recording_since": str(at)})
        facts = [event_at(call.call_id, _FACTS[now, to], at, agent_id=agent_id)]
        done = await self._live.step(at, call=part, events=facts, notify=agent_id)
        if not done.applied:
            raise NoTalkError
        await self._desks.push(agent_id, done.seq(agent_id))


def _dialler(call: LiveCall) -> str:
    """The channel that has dialled the talk."""
    return call.fields.get("leg", "") if call.is_callback else call.call_id
