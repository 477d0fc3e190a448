"""The agent's side of the live queue: his states, his desk, what came of his call.

Owns what an agent does and what he is shown. The document that `document` makes is the whole desk; a browser
replaces the old one with it, so that a desk can't drift from the truth.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from callcenter.errors import ConflictError, HotlineError
from callcenter.events import Kind, event_at
from callcenter.routing.model import (
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    PauseReason,
    agent_moves,
    call_moves,
)
from callcenter.routing.rings import DEFAULT_CADENCE, Cadence, rings_in
from callcenter.routing.service import LEASE_SLACK_SECONDS, Routing
from callcenter.routing.store import LiveAgent, LiveCall, LiveQueue, Part

RECONNECT_RING_SECONDS = 15


class InCallError(ConflictError):
    """You are in a call. Finish it first."""

    error_id = "in_call"
    zh = "您正在通话中，请先结束通话。"


class NoPhoneError(HotlineError):
    """You have no phone here. Ask an administrator to give you an extension."""

    error_id = "no_phone"
    status = 409
    zh = "您还没有分机，请联系管理员分配。"


class CallGoneError(ConflictError):
    """The call could not be taken back: it has ended or gone back to the line."""

    error_id = "call_gone"
    zh = "无法恢复通话：通话已结束或来电者已回到队列。"


class TakenOverError(ConflictError):
    """You have signed in on another page since; this one is no longer your desk."""

    error_id = "taken_over"
    zh = "您已在另一个页面登录工作台，此页面不再有效。"


_WANTED = {
    AgentState.READY: AgentMove.GO_READY,
    AgentState.PAUSED: AgentMove.PAUSE,
    AgentState.SIGNED_OUT: AgentMove.SIGN_OUT,
}


@dataclass(frozen=True, slots=True)
class DeskNow:
    """A desk as it is: the number of its last change, the page that is it, and what it shows."""

    seq: int
    desk_id: str
    document: dict[str, Any]


class DeskWork:
    """What an agent does at his desk."""

    def __init__(
        self,
        routing: Routing,
        clock: Callable[[], int],
        end_leg: Callable[[str], Awaitable[None]],
        signed_in: Callable[[str, bool], Awaitable[None]],
        cadence: Cadence = DEFAULT_CADENCE,
    ) -> None:
        """`end_leg(channel)` ends an agent's leg on Asterisk and keeps the caller; `signed_in(extension, yes)`
        tells Asterisk's fallback.
        """
        self.routing = routing
        self.live: LiveQueue = routing.live
        self._clock = clock
        self._end_leg = end_leg
        self._signed_in = signed_in
        self._cadence = cadence

    async def take(self, agent_id: int, desk_id: str) -> None:
        """This page is the agent's desk from now on; an earlier one is told so.

        Raises:
            TakenOverError: a later page has been his desk since.
        """
        agent = await self._agent(agent_id)
        if agent.desk_id == desk_id:
            return
        if not await self.live.retire_desk(agent_id, agent.desk_id, desk_id):
            raise TakenOverError
        await self.live.step(self._clock(), agent=Part(agent_id, set={"desk": desk_id}))

    async def set_state(self, agent_id: int, wanted: AgentState, reason: PauseReason | None) -> None:
        """Make an agent ready, paused (for a reason) or signed out. Already there: nothing happens.

        Raises:
            InCallError: he is on offer, ringing or talking.
        """
        agent = await self._agent(agent_id)
        if agent.state is wanted and wanted is not AgentState.PAUSED:
            return
        now = self._clock()
        settings = {"since": str(now), "reason": reason.value if reason else "", "call": "", "offer": ""}
        if wanted is AgentState.READY:
            settings["idle_since"] = str(now)
        events = []
        if agent.state is AgentState.WRAPUP and agent.call_id:
            events.append(event_at(agent.call_id, Kind.WRAPPED_UP, now, agent_id=agent_id))
        done = await self.live.step(
            now,
            agent=Part(agent_id, moves=agent_moves(_WANTED[wanted]), guard={"call": agent.call_id}, set=settings),
            events=events,
        )
        if not done.applied:
            raise InCallError
        if AgentState.SIGNED_OUT in (wanted, agent.state):
            await self._signed_in(agent.extension, wanted is not AgentState.SIGNED_OUT)
        if wanted is AgentState.READY:
            await self.routing.match()

    async def finish(self, agent_id: int, call_id: str, outcome: dict[str, Any]) -> bool:
        """Record what came of a call; out of wrap-up it makes the agent ready. False: it is not his call now."""
        agent = await self._agent(agent_id)
        if agent.call_id != call_id:
            return False
        now = self._clock()
        fact = event_at(call_id, Kind.OUTCOME, now, by=agent_id, **outcome)
        if agent.state is not AgentState.WRAPUP:
            told = Part(call_id, set={"outcome": orjson.dumps(outcome).decode()})
            await self.live.step(now, call=told, events=[fact])
            return True
        settings = {"since": str(now), "idle_since": str(now), "call": "", "offer": "", "reason": ""}
        done = await self.live.step(
            now,
            agent=Part(agent_id, moves=agent_moves(AgentMove.FINISH), guard={"call": call_id}, set=settings),
            events=[fact, event_at(call_id, Kind.WRAPPED_UP, now, agent_id=agent_id)],
        )
        if not done.applied:
            await self.live.step(now, events=[fact])
        await self.routing.match()
        return True

    async def correct(self, by: int, call_id: str, outcome: dict[str, Any]) -> None:
        """Record another outcome for a call of the past."""
        now = self._clock()
        await self.live.step(now, events=[event_at(call_id, Kind.OUTCOME, now, by=by, **outcome)])

    async def reconnect(self, agent_id: int) -> None:
        """After his page was loaded anew in mid-call: ring his phone again, with the same caller.

        Raises:
            CallGoneError: there is no such conversation any more.
        """
        agent = await self._agent(agent_id)
        call = await self.live.call(agent.call_id) if agent.call_id else None
        if call is None or call.state is not CallState.TALKING or agent.state is not AgentState.TALKING:
            raise CallGoneError
        now = self._clock()
        offer_id = f"{call.call_id}/{now}"
        old = {"offer": call.offer_id}
        done = await self.live.step(
            now,
            agent=Part(
                agent_id,
                moves=agent_moves(AgentMove.RECONNECT),
                guard=old,
                set={"offer": offer_id, "since": str(now)},
            ),
            call=Part(
                call.call_id,
                moves=call_moves(CallMove.RECONNECT),
                guard=old,
                set={
                    "offer": offer_id,
                    "reconnecting": "1",
                    "held_at": "",
                    "ring_seconds": str(RECONNECT_RING_SECONDS),
                },
            ),
            lease_until_ms=now + (RECONNECT_RING_SECONDS + LEASE_SLACK_SECONDS) * 1000,
            events=[event_at(call.call_id, Kind.RECONNECTING, now, agent_id=agent_id)],
        )
        if not done.applied:
            raise CallGoneError
        if leg := call.fields.get("leg"):
            try:
                await self._end_leg(leg)
            except HotlineError:
                await self._still_talking(agent, call, offer_id)
                raise

    async def _still_talking(self, agent: LiveAgent, call: LiveCall, offer_id: str) -> None:
        """The old leg could not be ended: the talk is what it was."""
        offer = {"offer": offer_id}
        before = {"offer": call.offer_id}
        await self.live.step(
            self._clock(),
            agent=Part(agent.agent_id, moves=agent_moves(AgentMove.ANSWER), guard=offer, set=before),
            call=Part(call.call_id, moves=call_moves(CallMove.ANSWER), guard=offer, set=before | {"reconnecting": ""}),
        )

    async def set_reachable(self, agent_id: int, reachable: bool, node: str) -> None:
        """His phone has registered at a node, or is gone from it: without one he is offered nothing. That it is gone
        from a node where it was before says nothing.
        """
        agent = await self.live.agent(agent_id)
        if agent.online == reachable and (not reachable or agent.node == node):
            return
        if not reachable and agent.node not in ("", node):
            return
        place = {"online": "1", "node": node} if reachable else {"online": "0"}
        await self.live.step(self._clock(), agent=Part(agent_id, set=place))
        if reachable:
            await self.routing.match()

    async def desk_now(self, agent_id: int) -> DeskNow:
        """The desk as it is now. Raises NoPhoneError."""
        agent, call, waiting = await self.live.desk(agent_id)
        if not agent.known:
            raise NoPhoneError
        document = {
            "agent": {
                "user_id": agent_id,
                "display_name": agent.fields.get("name", ""),
                "extension": agent.extension,
                "phone_kind": agent.fields.get("kind", ""),
                "phone_online": agent.online,
            },
            "state": {
                "name": agent.state.value,
                "since": agent.since_ms,
                "reason": agent.fields.get("reason") or None,
            },
            "waiting": waiting,
            "call": self._call_document(call) if call else None,
        }
        return DeskNow(agent.seq, agent.desk_id, document)

    def _call_document(self, call: LiveCall) -> dict[str, Any]:
        queue = self.routing.queues.get(call.queue_id)
        end_of_wait = call.at("answered_at") or call.at("ended_at") or self._clock()
        arrived = call.at("arrived") or end_of_wait
        saved = orjson.loads(call.fields.get("outcome") or "{}")
        return call.card | {
            "call_id": call.call_id,
            "offer_id": call.offer_id,
            "queue": {
                "queue_id": call.queue_id,
                "name_zh": queue.name_zh if queue else call.queue_id,
                "name_en": queue.name_en if queue else call.queue_id,
            },
            "status": call.state.value,
            "arrived_at": arrived,
            "offered_at": call.at("offered_at"),
            "ringing_at": call.at("ringing_at"),
            "answered_at": call.at("answered_at"),
            "held_at": call.at("held_at"),
            "ended_at": call.at("ended_at"),
            "rings": rings_in((end_of_wait - arrived) / 1000, self._cadence),
            "hung_up_by": call.fields.get("hung_up_by") or None,
            "reconnecting": call.fields.get("reconnecting") == "1",
            "call_type": saved.get("call_type"),
            "notes": saved.get("notes"),
            "next_step": saved.get("next_step"),
        }

    async def _agent(self, agent_id: int) -> LiveAgent:
        agent = await self.live.agent(agent_id)
        if not agent.known:
            raise NoPhoneError
        return agent
