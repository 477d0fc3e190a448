"""Taking a caller out of a talk: what that does to his agents and their phones, and the way back when it can't be done.

Whoever moves a caller looks, decides, and writes in one step that is guarded by what was looked at (`as_seen`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from callcenter.asterisk.model import Channel
from callcenter.configuration.model import ToQueue
from callcenter.errors import HotlineError
from callcenter.events import CallEvent, Kind, event_at
from callcenter.routing.model import AgentMove, AgentState, CallMove
from callcenter.routing.plan import needs_of, placed, queued_body
from callcenter.routing.service import Desks, Routing
from callcenter.routing.store import LiveCall, Part

_SEEN = ("state", "offer", "agent", "agents", "second", "queue", "entry", "calling_at", "answered_at", "left_at")
"""Fields of a call on which an act is decided."""


class Asterisk(Protocol):
    """What is asked of the Asterisk nodes. All raise UnavailableError."""

    async def channels(self) -> Mapping[str, Sequence[Channel]]:
        """The channels of the hotline's calls, by node; a node that does not answer is left out."""

    async def end_leg(self, channel_id: str) -> None:
        """End an agent's leg and keep the caller."""


class Talks:
    """The parts of such acts. Any number of replicas may use them at once."""

    def __init__(self, routing: Routing, asterisk: Asterisk, desks: Desks, clock: Callable[[], int]) -> None:
        self._routing = routing
        self._live = routing.live
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock

    # -- a place in line -------------------------------------------------------------------------------

    def moved(self, call: LiveCall, queue_id: str) -> dict[str, Any]:
        """His entry in the line of a queue: what the queues add to his priority is the new one's, and so are the
        skills.
        """
        queue, entry = self._routing.plan.queue_of(queue_id), entry_of(call)
        priority = entry["priority"] - entry.get("queue_priority", 0) + queue.priority
        given = call.fields.get("priority")
        entry |= {"queue": queue_id, "priority": int(given) if given else priority, "queue_priority": queue.priority}
        if queue_id != call.queue_id:
            needs = [[need.skill_id, need.level, [list(one) for one in need.relaxes]] for need in needs_of(queue)]
            entry |= {"needs": needs, "preferred": []}
        return entry

    def line(self, entry: dict[str, Any]) -> dict[str, str]:
        """The fields of a caller who comes into a queue now."""
        queue_id = entry["queue"]
        at = {"to": ToQueue(queue_id=queue_id).model_dump(), "queue": queue_id}
        line = {"queued_at": self._clock()}
        return placed(self._routing.plan, entry) | {
            "at": orjson.dumps(at).decode(),
            "line": orjson.dumps(line).decode(),
        }

    def queued(self, call: LiveCall, entry: dict[str, Any]) -> CallEvent:
        """The fact that he stands in that line."""
        return event_at(call.call_id, Kind.QUEUED, self._clock(), **queued_body(self._routing.plan, entry))

    async def to_queue(
        self, call: LiveCall, queue_id: str, *, facts: Sequence[CallEvent] = (), fields: Mapping[str, str] | None = None
    ) -> bool:
        """Out of a talk into a queue's line with the waiting that he has behind him; the agent goes to wrap-up. False:
        the talk has changed since it was looked at.

        Raises:
            UnavailableError: the agent's leg could not be ended; the talk goes on.
        """
        now, entry = self._clock(), self.moved(call, queue_id)
        back = Part(call.call_id, move=CallMove.REQUEUE, guard=as_seen(call))
        back.set = self.line(entry) | {"held_at": "", "calling_at": "", "join": ""} | dict(fields or {})
        agents, told = self.without_talk(call, now), [*facts, self.queued(call, entry)]
        done = await self._live.step(now, agents=agents, call=back, events=told)
        if not done.applied:
            return False
        await self.show(done.agents)
        await self.end_talking_leg(call, lambda: self.still_talking(call, CallMove.ADOPT, call.offer_id))
        await self._routing.match()
        return True

    # -- his agents ------------------------------------------------------------------------------------

    def without_talk(self, call: LiveCall, now: int) -> list[Part]:
        """What it does to the agents of a talk that the caller is taken out of it."""
        parts = self._routing.let_others_go(call, now)
        if call.agent_id is not None:
            ending = {"since": str(now)} | self._routing.wrapup(call, now)
            guard = {"offer": call.offer_id}
            parts.append(Part(call.agent_id, move=AgentMove.END, guard=guard, set=ending, optional=True))
        return parts

    @staticmethod
    def spare(agent_id: int, offer_id: str) -> Part:
        """An agent who was claimed for an offer that is none after all."""
        cleared = {"call": "", "offer": ""}
        guard = {"offer": offer_id}
        return Part(agent_id, move=AgentMove.WITHDRAW, guard=guard, set=cleared, optional=True)

    async def show(self, changed: Mapping[int, tuple[str, int]]) -> None:
        """Show those who have changed their desks."""
        for agent_id, (_, seq) in changed.items():
            await self._desks.push(agent_id, seq)

    async def end_talking_leg(self, call: LiveCall, undo: Callable[[], Awaitable[None]]) -> None:
        """The agent's phone ends, and the caller's script asks what to do with him. Raises UnavailableError."""
        try:
            if leg := call.fields.get("leg"):
                await self._asterisk.end_leg(leg)
            else:
                await self.end_legs(call)
        except HotlineError:
            await undo()
            raise

    async def still_talking(self, call: LiveCall, back: CallMove, offer_id: str, others: Sequence[Part] = ()) -> None:
        """The leg could not be ended: the talk is what it was, unless the call has gone on from `offer_id` since."""
        names = ("offer", "agent", "agents", "queue", "entry", "order", "waiting_since", "line", "at", "taken_by")
        was = {name: call.fields.get(name, "") for name in (*names, "transfer")}
        agents = list(others)
        if call.agent_id is not None:
            theirs = Part(call.agent_id, move=AgentMove.ADOPT, only=(AgentState.WRAPUP,), optional=True)
            theirs.guard = {"call": call.call_id, "offer": call.offer_id}
            theirs.set = {"since": call.fields.get("answered_at") or str(self._clock()), "wrapup_until": ""}
            agents.append(theirs)
        talk = Part(call.call_id, move=back, guard={"offer": offer_id}, set=was)
        fact = event_at(call.call_id, Kind.ANSWERED, self._clock(), agent_id=call.agent_id)
        done = await self._live.step(self._clock(), agents=agents, call=talk, events=[fact])
        await self.show(done.agents)

    async def end_legs(self, call: LiveCall) -> int:
        """End the phones' legs of the offer that was open; how many. Raises UnavailableError."""
        ended = 0
        for channels in (await self._asterisk.channels()).values():
            for leg in channels:
                if leg.extension and leg.call_id == call.call_id and leg.offer_id == call.offer_id:
                    await self._asterisk.end_leg(leg.channel_id)
                    ended += 1
        return ended


def as_seen(call: LiveCall) -> dict[str, str]:
    """A guard: the call is as it was looked at."""
    return {name: call.fields.get(name, "") for name in _SEEN}


def entry_of(call: LiveCall) -> dict[str, Any]:
    """His entry; one out of a talk that was found on Asterisk has none yet."""
    new = {"queue": call.queue_id, "since": call.waiting_since_ms, "priority": 0, "needs": [], "preferred": []}
    return call.entry or new
