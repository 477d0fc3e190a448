"""Compares the live queue with Asterisk and puts right what differs, saying what and why.

Runs at every connection to Asterisk and every few seconds. Repairs only what the truth's owner says: a call is
over when Asterisk has no channel for it; without Asterisk's word nothing is ended that somebody still speaks of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from callcenter import metrics
from callcenter.events import Kind, event, event_at
from callcenter.routing.model import (
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
    agent_moves,
    call_moves,
)
from callcenter.routing.script import OfferOver
from callcenter.routing.service import Routing
from callcenter.routing.store import LiveAgent, LiveCall, Part
from callcenter.routing.witness import Witness

log = structlog.get_logger(__name__)

SILENT_SECONDS = 45
"""A waiting script speaks at least every 25 s; one that has been silent for longer is gone."""
YOUNG_SECONDS = 3
"""A state this young may be on its way between two witnesses."""
BLIND_LEASE_SECONDS = 20
"""How much longer an offer is left alone while Asterisk can't be asked whether it has become a talk."""
DEAF_SECONDS = 30
"""A talk that has no leg after this long, and whose script asks what to do, is none any more."""
MISSING_SECONDS = 8
"""A call that Asterisk does not have is given this long for its end to be told: the node keeps reports of ends."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel on Asterisk: a caller's (`extension` empty) or an agent's leg."""

    channel_id: str
    call_id: str
    offer_id: str
    extension: str
    up: bool


class Asterisk(Protocol):
    """What is asked of Asterisk."""

    @property
    def connected(self) -> bool:
        """Whether Asterisk's events are being heard."""

    async def channels(self) -> list[Channel]:
        """Every channel that belongs to a call of the hotline."""

    async def reachable(self) -> set[str]:
        """The extensions whose phones are registered."""


class Reconciler:
    """Puts the live queue right."""

    def __init__(self, routing: Routing, witness: Witness, asterisk: Asterisk, clock: Callable[[], int]) -> None:
        self._routing = routing
        self._live = routing.live
        self._witness = witness
        self._asterisk = asterisk
        self._clock = clock
        self._missing: dict[str, int] = {}

    async def run_once(self) -> None:
        """One comparison."""
        if self._asterisk.connected:
            await self.compare()
            await self._leases(self._clock())
        else:
            await self._silent()
            await self._leases(self._clock() - BLIND_LEASE_SECONDS * 1000)
        await self._agents()
        await self._routing.match()

    async def compare(self) -> None:
        """Bring the live queue to what Asterisk has; at every connection, and again and again."""
        await self._phones()
        await self._calls(await self._asterisk.channels())

    def _repaired(self, what: str, **about: object) -> None:
        metrics.REPAIRS.labels(what).inc()
        log.warning("repaired", what=what, **about)

    async def _leases(self, ended_before_ms: int) -> None:
        """Offers that should have come to something: the caller has his place back, the agent is free."""
        now = self._clock()
        for call_id in await self._live.due("cc:leases", ended_before_ms):
            call = await self._live.call(call_id)
            self._repaired("lease ended", call_id=call_id)
            await self._routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, now))
            left = await self._live.call(call_id)
            if left.state is CallState.OFFERED:
                queue = {"waiting_since": left.fields.get("arrived", str(now))}
                entry = Part(call_id, moves=call_moves(CallMove.REQUEUE), set=queue)
                reason = MissReason.LEASE_ENDED.value
                fact = event(call_id, Kind.MISSED, now, about=call.offer_id or call_id, reason=reason)
                await self._live.step(now, call=entry, events=[fact])

    async def _phones(self) -> None:
        reachable = await self._asterisk.reachable()
        for agent in await self._live.agents():
            if agent.known and agent.online != (agent.extension in reachable):
                await self._witness.phone(agent.agent_id, agent.extension in reachable)

    async def _calls(self, channels: list[Channel]) -> None:
        now = self._clock()
        there = {channel.call_id for channel in channels if not channel.extension}
        legs = {channel.call_id: channel for channel in channels if channel.extension and channel.up}
        missing = [call_id for call_id, _ in await self._live.live_calls() if call_id not in there]
        self._missing = {call_id: self._missing.get(call_id, now) for call_id in missing}
        gone = [call_id for call_id, since in self._missing.items() if now - since > MISSING_SECONDS * 1000]
        for call in await self._live.calls(gone):
            await self._lost(call, now)
        await self._deaf({channel.call_id for channel in channels if channel.extension}, now)
        agents = {agent.agent_id: agent for agent in await self._live.agents()}
        for call in await self._live.calls(list(legs)):
            leg = legs[call.call_id]
            agent = agents.get(self._witness.agents.get(leg.extension, 0))
            if agent is not None:
                await self._conversation(call, leg, agent, now)

    async def _deaf(self, with_leg: set[str], now: int) -> None:
        """Callers who are said to talk while their script waits for somebody: they have their place back."""
        asking = [call_id for call_id, seen in await self._live.live_calls() if now - seen < DEAF_SECONDS * 1000]
        for call in await self._live.calls([call_id for call_id in asking if call_id not in with_leg]):
            since = call.at("answered_at") or call.at("arrived") or now
            if call.state is not CallState.TALKING or now - since < DEAF_SECONDS * 1000:
                continue
            back = Part(
                call.call_id,
                moves=call_moves(CallMove.REQUEUE),
                guard={"offer": call.offer_id},
                set={"waiting_since": call.fields.get("arrived", str(now)), "reconnecting": ""},
            )
            fact = event_at(call.call_id, Kind.QUEUED, now, queue_id=call.queue_id)
            await self._live.step(now, call=back, events=[fact], notify=call.agent_id)
            self._repaired("caller given back", call_id=call.call_id)

    async def _conversation(self, call: LiveCall, leg: Channel, agent: LiveAgent, now: int) -> None:
        """Asterisk has this conversation: the live queue shall have it too."""
        if agent.state is AgentState.TALKING and call.state is CallState.TALKING:
            return
        if call.state is CallState.ENDED or call.fields.get("reconnecting") == "1":
            return
        if call.state is CallState.OFFERED and call.offer_id == leg.offer_id:
            await self._witness.answered(leg.call_id, leg.offer_id, leg.extension, leg.channel_id, now)
        else:
            adopted = await self._witness.adopt(call, agent.agent_id, leg.offer_id, leg.channel_id, now)
            if not adopted:
                return
        self._repaired("conversation adopted", call_id=call.call_id)

    async def _lost(self, call: LiveCall, now: int) -> None:
        """Asterisk knows no such call: nobody has told us of its end."""
        self._repaired("call gone", call_id=call.call_id)
        closing = Part(call.call_id, moves=call_moves(CallMove.END), set={"ended_at": str(now)})
        await self._live.step(now, call=closing, events=[event(call.call_id, Kind.LOST, now)])

    async def _agents(self) -> None:
        """Agents held by a call that is not theirs any more are let go."""
        now = self._clock()
        held = {
            AgentState.OFFERED: AgentMove.WITHDRAW,
            AgentState.RINGING: AgentMove.WITHDRAW,
            AgentState.TALKING: AgentMove.END,
        }
        agents = [
            agent
            for agent in await self._live.agents()
            if agent.state in held and now - agent.since_ms >= YOUNG_SECONDS * 1000
        ]
        calls = await self._live.calls([agent.call_id for agent in agents])
        for agent, call in zip(agents, calls, strict=True):
            if call.agent_id == agent.agent_id and call.state in (CallState.OFFERED, CallState.TALKING):
                continue
            move = held[agent.state]
            settings = {"since": str(now)}
            if move is AgentMove.WITHDRAW:
                settings |= {"call": "", "offer": ""}
            let_go = Part(agent.agent_id, moves=agent_moves(move), guard={"call": agent.call_id}, set=settings)
            if (await self._live.step(now, agent=let_go)).applied:
                self._repaired("agent let go", agent_id=agent.agent_id)

    async def _silent(self) -> None:
        """Without Asterisk's word: callers whose script has been silent for too long have left."""
        now = self._clock()
        for call_id, seen_at in await self._live.live_calls():
            call = await self._live.call(call_id)
            if call.state is CallState.WAITING and now - seen_at > SILENT_SECONDS * 1000:
                await self._lost(call, now)
