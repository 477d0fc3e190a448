"""What an agent does to the recording of his talk: begin, pause for a secret, go on, stop.

Asterisk records by itself from then on; a service that dies stops nothing.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from callcenter.errors import ConflictError, UnavailableError
from callcenter.events import Kind, event_at
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.recording import ON, PAUSED
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

    def __init__(self, routing: Routing, asterisk: Recorders, desks: Desks, clock: Callable[[], int]) -> None:
        self._routing = routing
        self._live = routing.live
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock

    async def set(self, agent_id: int, wanted: Wanted) -> None:
        """Record this agent's talk, pause, or stop; already so is success.

        Raises:
            NoTalkError, NotRecordedError, AlwaysRecordedError, NothingToPauseError: it can't be.
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
        dialler = call.fields.get("leg", "") if call.is_callback else call.call_id
        if to != ON:
            if now == ON:
                await self._asterisk.stop_recording(call.call_id, dialler)
            await self._become(call, agent_id, now, to)
            return
        await self._become(call, agent_id, now, to)
        try:
            await self._asterisk.begin_recording(call.call_id, dialler, self._clock())
        except UnavailableError:
            await self._become(call, agent_id, to, now)
            raise

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
