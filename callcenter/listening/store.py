"""Listenings in Redis and in the live queue.

  cc:listening  hash, listening id -> the listening; kept until its end stands in the audit log

Whether one is under way is said by the supervisor's field `listening` in the live queue, which one step changes
together with the call's `listener:<user id>`, so that all see the same.
"""

from typing import Any, Final

import orjson

from callcenter.listening.model import Listening, read, written
from callcenter.routing.model import AgentMove, AgentState, CallState, PauseReason
from callcenter.routing.store import LISTENER_FIELD, LiveAgent, LiveCall, LiveQueue, Outcome, Part

KEY: Final = "cc:listening"


class Listenings:
    """What is known of supervisors at conversations."""

    def __init__(self, live: LiveQueue) -> None:
        self._live = live
        self._redis: Any = live.redis

    async def put(self, one: Listening) -> None:
        """Keep it."""
        await self._redis.hset(KEY, one.listening_id, written(one))

    async def drop(self, listening_id: str) -> None:
        """Its end stands in the audit log."""
        await self._redis.hdel(KEY, listening_id)

    async def find(self, listening_id: str) -> Listening | None:
        """One that is under way, or has ended just now."""
        text = await self._redis.hget(KEY, listening_id)
        return read(text) if text else None

    async def all(self) -> list[tuple[Listening, bool]]:
        """Each that is kept, and whether it is under way."""
        kept = [read(text) for text in (await self._redis.hvals(KEY))]
        supervisors = await self._live.agents_of([one.supervisor_id for one in kept])
        return [(one, his.listening_id == one.listening_id) for one, his in zip(kept, supervisors, strict=True)]

    async def begin(self, one: Listening, supervisor: LiveAgent, call: LiveCall, now: int) -> Outcome:
        """The supervisor is at the conversation; while he is, he is offered nobody."""
        his = Part(supervisor.agent_id, only=(AgentState.PAUSED, AgentState.SIGNED_OUT), guard={"listening": ""})
        his.set = _his(one)
        if supervisor.state is AgentState.READY:
            his.move, his.only = AgentMove.PAUSE, (AgentState.READY,)
            his.set |= {"since": str(now), "reason": PauseReason.LISTENING.value}
        leg = {name: call.fields.get(name, "") for name in ("leg", "agent")}
        theirs = Part(call.call_id, only=(CallState.TALKING,), guard=leg, set=_theirs(one))
        return await self._live.step(now, agent=his, call=theirs, notify=one.agent_id)

    async def change(self, one: Listening, now: int) -> Outcome:
        """It goes on in another mode."""
        his = Part(one.supervisor_id, guard={"listening": one.listening_id}, set=_his(one))
        theirs = Part(one.call_id, only=(CallState.TALKING,), set=_theirs(one))
        return await self._live.step(now, agent=his, call=theirs, notify=one.agent_id)

    async def end(self, one: Listening, now: int) -> Outcome | None:
        """It is over, and the supervisor what he was before; None: it was over already."""
        while True:  # until nothing has come between looking and writing
            supervisor = await self._live.agent(one.supervisor_id)
            call = await self._live.call(one.call_id)
            if supervisor.listening_id != one.listening_id:
                return None
            reason = supervisor.fields.get("reason", "")
            his = Part(one.supervisor_id, only=(supervisor.state,))
            his.guard = {"listening": one.listening_id, "reason": reason}
            his.set = {"listening": "", "listens": ""}
            if supervisor.state is AgentState.PAUSED and reason == PauseReason.LISTENING:
                his.move = AgentMove.GO_READY
                his.set |= _ready(now)
            theirs = None
            if call.state is CallState.TALKING:
                theirs = Part(one.call_id, only=(CallState.TALKING,), set={f"{LISTENER_FIELD}{one.supervisor_id}": ""})
            done = await self._live.step(now, agent=his, call=theirs, notify=one.agent_id)
            if done.applied:
                return done

    async def free(self, supervisor: LiveAgent, now: int) -> Outcome:
        """One who is paused for a listening that is none is ready again."""
        his = Part(supervisor.agent_id, move=AgentMove.GO_READY, only=(AgentState.PAUSED,), set=_ready(now))
        his.guard = {"listening": "", "reason": PauseReason.LISTENING.value}
        return await self._live.step(now, agent=his)


def is_paused_for_nothing(supervisor: LiveAgent) -> bool:
    """Whether he is paused because he listens, and does not: Redis was lost, or a pause of before came back."""
    is_paused = supervisor.state is AgentState.PAUSED and supervisor.fields.get("reason") == PauseReason.LISTENING
    return is_paused and not supervisor.listening_id


def _ready(now: int) -> dict[str, str]:
    return {"reason": "", "since": str(now), "idle_since": str(now)}


def _his(one: Listening) -> dict[str, str]:
    """What his own desk shows."""
    shown = {name: getattr(one, name) for name in ("listening_id", "call_id", "agent_name", "mode", "since")}
    return {"listening": one.listening_id, "listens": orjson.dumps(shown).decode()}


def _theirs(one: Listening) -> dict[str, str]:
    return {f"{LISTENER_FIELD}{one.supervisor_id}": f"{one.mode.value} {one.supervisor_name}"}
