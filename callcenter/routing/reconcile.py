"""Compares the live queue with the Asterisk nodes and puts right what differs, saying what and why.

Runs at every connection to a node and every few seconds. Repairs only what the truth's owner says: a call is over
when its own node has no channel for it, or is dead; while a node that lives does not say, nothing is ended that
somebody still speaks of.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Protocol

import structlog

from callcenter import metrics
from callcenter.asterisk.model import Channel, node_of
from callcenter.errors import UnavailableError
from callcenter.events import Kind, event, event_at
from callcenter.routing.consult import consult_of
from callcenter.routing.model import (
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
)
from callcenter.routing.script import OfferOver
from callcenter.routing.service import Routing
from callcenter.routing.store import LiveAgent, LiveCall, Part
from callcenter.routing.witness import Witness

log = structlog.get_logger(__name__)

SILENT_SECONDS = 80
"""A waiting script speaks at least every 57 s; one that has been silent for longer is gone."""
YOUNG_SECONDS = 3
"""A state this young may be on its way between two witnesses."""
BLIND_LEASE_SECONDS = 20
"""How much longer an offer is left alone while Asterisk can't be asked whether it has become a talk."""
DEAF_SECONDS = 30
"""A talk that has no leg after this long, and whose script asks what to do, is none any more."""
MISSING_SECONDS = 8
"""A call that Asterisk does not have is given this long for its end to be told: the node keeps reports of ends."""
LET_GO_BY = {
    AgentState.OFFERED: AgentMove.WITHDRAW,
    AgentState.RINGING: AgentMove.WITHDRAW,
    AgentState.TALKING: AgentMove.END,
}
"""How an agent leaves a call that is not his any more."""


class Asterisk(Protocol):
    """What is asked of the Asterisk nodes."""

    @property
    def names(self) -> Sequence[str]:
        """Every node."""

    def alive(self, node: str) -> bool:
        """False when a node has answered on no connection for some seconds."""

    async def channels(self) -> Mapping[str, Sequence[Channel]]:
        """The channels of the hotline's calls, by node; a node that does not answer is left out."""

    async def reachable(self) -> Mapping[str, Sequence[str]]:
        """Extension -> the nodes where its phone is registered. Raises UnavailableError when nobody can say."""

    async def end_leg(self, channel_id: str) -> None:
        """End a leg and keep the caller. Raises UnavailableError."""

    async def end_ways_to(self, dead: str) -> int:
        """End the channels between living nodes and a dead one; how many."""


class Consultations(Protocol):
    """Whoever keeps agents' consultations."""

    async def compare(self, call: LiveCall, legs: Sequence[Channel]) -> str:
        """Bring a call that is kept for one to what Asterisk has; what was repaired, or nothing."""


class Reconciler:
    """Puts the live queue right."""

    def __init__(self, routing: Routing, witness: Witness, asterisk: Asterisk, clock: Callable[[], int]) -> None:
        self._routing = routing
        self._live = routing.live
        self._witness = witness
        self._asterisk = asterisk
        self._clock = clock
        self.consults: Consultations | None = None
        """Whoever keeps agents' consultations."""
        self._missing: dict[str, int] = {}
        self._halves: dict[str, int] = {}

    async def run_once(self) -> None:
        """One comparison, and what can be put right without Asterisk."""
        agents = await self._live.agents()
        answering = await self._compare(agents)
        await self._give_back(agents, answering)
        await self._leases(answering.keys(), _legs(answering))
        await self._let_go(agents, _legs(answering))
        await self._routing.match()

    async def compare(self) -> None:
        """Bring the live queue to what Asterisk has; at every connection, and again and again."""
        await self._compare(await self._live.agents())

    async def _compare(self, agents: Sequence[LiveAgent]) -> Mapping[str, Sequence[Channel]]:
        """The channels of the nodes that answered, with which the calls are compared."""
        channels = await self._asterisk.channels()
        dead = [node for node in self._asterisk.names if not self._asterisk.alive(node)]
        await self._phones(agents)
        await self._calls(channels, dead, agents)
        await self._ways(channels, dead)
        return channels

    def _repaired(self, what: str, **about: object) -> None:
        metrics.REPAIRS.labels(what).inc()
        log.warning("repaired", what=what, **about)

    async def _leases(self, answering: Set[str], legs: Mapping[str, Sequence[Channel]]) -> None:
        """Offers that should have come to something: the caller has his place back, the agent is free."""
        now = self._clock()
        long_ended = set(await self._live.due("cc:leases", now - BLIND_LEASE_SECONDS * 1000))
        for call_id in await self._live.due("cc:leases", now):
            if node_of(call_id) not in answering and call_id not in long_ended:
                continue
            call = await self._live.call(call_id)
            if call.is_callback and call_id in legs:
                await self._calling(call, legs[call_id], now)
                continue
            self._repaired("lease ended", call_id=call_id)
            await self._routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, now))
            left = await self._live.call(call_id)
            if left.state is CallState.OFFERED:
                queue = {"waiting_since": left.fields.get("arrived", str(now))}
                entry = Part(call_id, move=CallMove.REQUEUE, set=queue)
                reason = MissReason.LEASE_ENDED.value
                fact = event(call_id, Kind.MISSED, now, about=call.offer_id or call_id, reason=reason)
                await self._live.step(now, call=entry, events=[fact])

    async def _calling(self, call: LiveCall, legs: Sequence[Channel], now: int) -> None:
        """A callback that Asterisk still has: when the customer's leg is up, he speaks with the agent."""
        if any(not leg.extension and leg.up for leg in legs):
            await self._witness.customer_answered(call, now)
            self._repaired("callback found answered", call_id=call.call_id)

    async def _phones(self, agents: Sequence[LiveAgent]) -> None:
        """Where the agents' phones are, and which are gone: a dead node's are."""
        try:
            reachable = await self._asterisk.reachable()
        except UnavailableError:
            return
        for agent in agents:
            claims = reachable.get(agent.extension, ())
            node = agent.node if agent.node in claims else next(iter(claims), "")
            if agent.known and (agent.online != bool(node) or node not in ("", agent.node)):
                await self._witness.phone(agent.agent_id, bool(node), node or agent.node)

    async def _give_back(self, agents: Sequence[LiveAgent], channels: Mapping[str, Sequence[Channel]]) -> None:
        """Agents whose states Redis has lost have them again, as soon as their phones are known to be free."""
        if any(self._asterisk.alive(node) and node not in channels for node in self._asterisk.names):
            return
        busy = {channel.extension for those in channels.values() for channel in those}
        for agent in agents:
            if agent.before and agent.extension not in busy and await self._witness.give_back(agent):
                self._repaired("agent's state given back", agent_id=agent.agent_id)

    async def _calls(
        self, channels: Mapping[str, Sequence[Channel]], dead: Sequence[str], agents: Sequence[LiveAgent]
    ) -> None:
        now = self._clock()
        every = [channel for those in channels.values() for channel in those]
        there = {channel.call_id for channel in every if channel.is_caller}
        live = await self._live.live_calls()
        missing = [call_id for call_id, _ in live if node_of(call_id) in channels and call_id not in there]
        self._missing = {call_id: self._missing.get(call_id, now) for call_id in missing}
        gone = [call_id for call_id, since in self._missing.items() if now - since > MISSING_SECONDS * 1000]
        gone += [call_id for call_id, _ in live if node_of(call_id) in dead]
        with_leg = {channel.call_id for channel in every if not channel.is_caller}
        for call in await self._live.calls(gone):
            # Who keeps his place without a line has a channel only while he is being called.
            if not call.is_callback or (call.state is CallState.TALKING and call.call_id not in with_leg):
                await self._lost(call, now, node_died=node_of(call.call_id) in dead)
        unseen = [(call_id, seen) for call_id, seen in live if node_of(call_id) not in (*channels, *dead)]
        await self._silent(unseen, now)
        # Nobody who stands in line is said to talk.
        alone = there - with_leg - self._routing.picture.floor.entries.keys()
        await self._deaf([(call_id, seen) for call_id, seen in live if call_id in alone], now)
        await self._consults(channels, now)
        legs = {channel.call_id: channel for channel in every if channel.extension and channel.up}
        await self._conversations([leg for call_id, leg in legs.items() if call_id in there], agents, now)

    async def _conversations(self, legs: Sequence[Channel], agents: Sequence[LiveAgent], now: int) -> None:
        by_id = {agent.agent_id: agent for agent in agents}
        talking = set(await self._live.talking([leg.call_id for leg in legs]))
        for leg in legs:
            agent = by_id.get(self._witness.agents.get(leg.extension, 0))
            if agent is not None and not (agent.state is AgentState.TALKING and leg.call_id in talking):
                await self._conversation(await self._live.call(leg.call_id), leg, agent, now)

    async def _consults(self, channels: Mapping[str, Sequence[Channel]], now: int) -> None:
        """Agents who consult somebody: their legs and the others' are there for as long as it lasts."""
        for call in await self._live.calls(await self._live.in_state(CallState.CONSULTING)):
            consult = consult_of(call)
            young = consult is not None and now - consult.transfer.at_ms < 2 * YOUNG_SECONDS * 1000
            if self.consults is None or young or node_of(call.call_id) not in channels:
                continue
            if repaired := await self.consults.compare(call, channels[node_of(call.call_id)]):
                self._repaired(repaired, call_id=call.call_id)

    async def _ways(self, channels: Mapping[str, Sequence[Channel]], dead: Sequence[str]) -> None:
        """Half a conversation between nodes whose other half is gone, with its node or since that was started again,
        is ended: the caller has his place back, the phone is free.
        """
        now = self._clock()
        ways = {(one.node, one.peer, one.call_id): one for those in channels.values() for one in those if one.peer}
        halves = [
            way.channel_id
            for (node, peer, call_id), way in ways.items()
            if way.up and peer in channels and (peer, node, call_id) not in ways
        ]
        self._halves = {channel_id: self._halves.get(channel_id, now) for channel_id in halves}
        for channel_id, since in self._halves.items():
            if now - since >= YOUNG_SECONDS * 1000:
                with contextlib.suppress(UnavailableError):
                    await self._asterisk.end_leg(channel_id)
                    self._repaired("half a conversation ended", channel_id=channel_id)
        for node in dead:
            if any(peer == node for _, peer, _ in ways) and (ended := await self._asterisk.end_ways_to(node)):
                self._repaired("way to a dead node ended", node=node, channels=ended)

    async def _deaf(self, live: Sequence[tuple[str, int]], now: int) -> None:
        """Callers who are said to talk while their script waits for somebody: they have their place back."""
        asking = [call_id for call_id, seen in live if now - seen < DEAF_SECONDS * 1000]
        for call in await self._live.calls(await self._live.talking(asking)):
            since = call.at("answered_at") or call.at("arrived") or now
            if call.state is not CallState.TALKING or now - since < DEAF_SECONDS * 1000:
                continue
            back = Part(
                call.call_id,
                move=CallMove.REQUEUE,
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
        if call.state in (CallState.ENDED, CallState.CONSULTING) or call.fields.get("reconnecting") == "1":
            return
        of_this_offer = leg.offer_id != "" and agent.offer_id == leg.offer_id
        if agent.state is AgentState.WRAPUP and of_this_offer and now - agent.since_ms < YOUNG_SECONDS * 1000:
            return  # his talk has just been ended here; the leg is on its way out
        if call.state is CallState.OFFERED and call.offer_id == leg.offer_id:
            await self._witness.answered(leg.call_id, leg.offer_id, leg.extension, leg.channel_id, now)
        else:
            adopted = await self._witness.adopt(call, agent.agent_id, leg.offer_id, leg.channel_id, now)
            if not adopted:
                return
        self._repaired("conversation adopted", call_id=call.call_id)

    async def _lost(self, call: LiveCall, now: int, *, node_died: bool = False) -> None:
        """Asterisk knows no such call: nobody has told us of its end."""
        self._repaired("call gone", call_id=call.call_id)
        closing = Part(call.call_id, move=CallMove.END, set={"ended_at": str(now)})
        fact = event(call.call_id, Kind.LOST, now, node_died=node_died)
        await self._live.step(now, call=closing, events=[fact])

    async def _let_go(self, agents: Sequence[LiveAgent], legs: Mapping[str, Sequence[Channel]]) -> None:
        """Agents held by a call that is not theirs any more are let go; one whom Asterisk's own queue rings is not."""
        now = self._clock()
        held = [agent for agent in agents if agent.state in LET_GO_BY and now - agent.since_ms >= YOUNG_SECONDS * 1000]
        calls = await self._live.calls([agent.call_id for agent in held], only=("state", "offer", "agent", "agents"))
        for agent, held_by in zip(held, calls, strict=True):
            # Those who were rung beside the one who has the call are let go as their legs end, or here.
            theirs = {CallState.OFFERED: {held_by.agent_id, *held_by.rung}, CallState.TALKING: {held_by.agent_id}}
            if agent.agent_id in theirs.get(held_by.state, ()) and held_by.offer_id == agent.offer_id:
                continue
            call = await self._live.call(agent.call_id)
            if (consult := consult_of(call)) and (
                (agent.agent_id, agent.offer_id)
                in ((call.agent_id, call.offer_id), (consult.colleague_id, consult.offer_id))
            ):
                continue
            ringing = any(leg.extension == agent.extension for leg in legs.get(agent.call_id, ()))
            if agent.state is AgentState.OFFERED and not agent.offer_id and ringing:
                continue
            move = LET_GO_BY[agent.state]
            settings = {"since": str(now)}
            if move is AgentMove.WITHDRAW:
                settings |= {"call": "", "offer": ""}
            if move is AgentMove.END:
                settings |= self._routing.wrapup(call, now)
            let_go = Part(agent.agent_id, move=move, guard={"call": agent.call_id}, set=settings)
            if (await self._live.step(now, agent=let_go)).applied:
                self._repaired("agent let go", agent_id=agent.agent_id)

    async def free(self, agent: LiveAgent) -> None:
        """Let an agent go whose call Asterisk or the live queue no longer has, or has without him; one whose phone is
        in it stays.

        Raises:
            UnavailableError: a node does not answer, so that nobody can say.
        """
        channels = await self._asterisk.channels()
        if any(self._asterisk.alive(node) and node not in channels for node in self._asterisk.names):
            raise UnavailableError(detail="Asterisk")
        legs, now = _legs(channels), self._clock()
        call = await self._live.call(agent.call_id)
        is_in_it = any(leg.extension == agent.extension for leg in legs.get(agent.call_id, ()))
        if not is_in_it and now - agent.since_ms >= YOUNG_SECONDS * 1000 and call.offer_id == agent.offer_id:
            there = {channel.call_id for those in channels.values() for channel in those if channel.is_caller}
            await self._without_him(call, agent, now, has_line=call.call_id in there or call.is_callback)
        await self._let_go([await self._live.agent(agent.agent_id)], legs)

    async def _without_him(self, call: LiveCall, agent: LiveAgent, now: int, *, has_line: bool) -> None:
        """A call is said to be this agent's, and his phone is not in it: the caller has his place back."""
        if call.state not in (CallState.OFFERED, CallState.TALKING):
            return
        self._repaired("call without its agent", call_id=call.call_id)
        if not has_line:
            await self._lost(call, now)
        elif call.state is CallState.OFFERED and len(call.rung) > 1:
            await self._routing.one_of_several_missed(call, agent.agent_id, MissReason.LEASE_ENDED)
        else:
            status = "NOANSWER" if call.state is CallState.TALKING else "CANCEL"
            await self._routing.offer_over(call, OfferOver(call.offer_id, status, 0, now))

    async def _silent(self, live: Sequence[tuple[str, int]], now: int) -> None:
        """Without Asterisk's word: callers whose script has been silent for too long have left."""
        silent = [call_id for call_id, seen in live if now - seen > SILENT_SECONDS * 1000]
        for call in await self._live.calls(silent):
            if call.state in (CallState.NEW, CallState.WAITING, CallState.AWAY) and not call.is_callback:
                await self._lost(call, now)


def _legs(channels: Mapping[str, Sequence[Channel]]) -> dict[str, list[Channel]]:
    """Call -> the channels of its agents and of a customer who is called back."""
    legs: dict[str, list[Channel]] = {}
    for those in channels.values():
        for channel in those:
            if not channel.is_caller:
                legs.setdefault(channel.call_id, []).append(channel)
    return legs
