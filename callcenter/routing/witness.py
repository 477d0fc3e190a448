"""What Asterisk's events about agents' phones do to the live queue.

Facts of a leg that belongs to no open offer change nothing, so that late and repeated ones are harmless. A leg
without an offer is one that Asterisk's fallback queue rang while no service was there: it is adopted.
"""

from callcenter import metrics
from callcenter.asterisk.model import (
    Fact,
    KeyPressed,
    Leg,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    PhoneReachable,
)
from callcenter.events import Kind, event, event_at
from callcenter.routing.desk import DeskWork
from callcenter.routing.model import AgentMove, CallMove, agent_moves, call_moves
from callcenter.routing.service import Desks
from callcenter.routing.store import LiveCall, Part


class Witness:
    """Turns facts about legs into steps of the live queue."""

    def __init__(self, work: DeskWork, desks: Desks) -> None:
        self._work = work
        self._live = work.live
        self._desks = desks
        self.agents: dict[str, int] = {}
        """Extension -> agent; kept by whoever keeps the agents."""

    async def take(self, fact: Fact) -> None:
        """Act on one fact."""
        if isinstance(fact, KeyPressed):
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
        agent = Part(agent_id, guard={"offer": fact.offer_id}, set={"since": str(fact.at_ms)})
        call = Part(fact.call_id, guard={"offer": fact.offer_id})
        about, at = fact.offer_id, fact.at_ms
        match fact:
            case LegRinging():
                agent.moves = agent_moves(AgentMove.RING)
                call.set = {"ringing_at": str(at)}
                facts = [event(fact.call_id, Kind.RINGING, at, about=about, agent_id=agent_id)]
            case LegAnswered():
                agent.moves = agent_moves(AgentMove.ANSWER)
                call.moves = call_moves(CallMove.ANSWER)
                call.set = {"leg": fact.channel_id, "reconnecting": ""}
                before = await self._live.call(fact.call_id)
                if not before.at("answered_at"):
                    call.set["answered_at"] = str(at)
                    waited = max(0, at - (before.at("arrived") or at)) / 1000
                    metrics.WAITED.labels(before.queue_id).observe(waited)
                facts = [event(fact.call_id, Kind.ANSWERED, at, about=about, agent_id=agent_id)]
            case LegHeld():
                agent.set = {}
                call.set = {"held_at": str(at)}
                facts = [event_at(fact.call_id, Kind.HELD, at, about=about)]
            case LegResumed():
                agent.set = {}
                call.set = {"held_at": ""}
                facts = [event_at(fact.call_id, Kind.RESUMED, at, about=about)]
            case LegEnded():
                agent.moves = agent_moves(AgentMove.END)
                done = await self._live.step(at, agent=agent)
                if done.applied:
                    await self._desks.push(agent_id, done.seq)
                return
            case _:
                return
        done = await self._live.step(at, agent=agent, call=call, events=facts)
        if done.applied:
            await self._desks.push(agent_id, done.seq)

    async def _fallback(self, agent_id: int, fact: Leg) -> None:
        at = fact.at_ms
        agent = Part(agent_id, set={"since": str(at)})
        if isinstance(fact, LegAnswered):
            agent.moves = agent_moves(AgentMove.ADOPT)
            agent.set |= {"call": fact.call_id, "offer": ""}
            call = Part(
                fact.call_id,
                moves=call_moves(CallMove.ADOPT),
                set={"agent": str(agent_id), "answered_at": str(at), "leg": fact.channel_id},
            )
            facts = [event(fact.call_id, Kind.ANSWERED, at, agent_id=agent_id)]
            await self._live.step(at, agent=agent, call=call, events=facts)
        elif isinstance(fact, LegEnded):
            agent.moves = agent_moves(AgentMove.END)
            agent.guard = {"call": fact.call_id}
            await self._live.step(at, agent=agent)

    async def phone(self, agent_id: int, reachable: bool, node: str) -> None:
        """An agent's phone is registered at a node, or is gone from it."""
        await self._work.set_reachable(agent_id, reachable, node)

    async def answered(self, call_id: str, offer_id: str, extension: str, channel_id: str, at_ms: int) -> None:
        """An answer that nobody saw as it happened."""
        await self.take(LegAnswered(call_id, offer_id, extension, channel_id, at_ms))

    async def adopt(self, call: LiveCall, agent_id: int, offer_id: str, channel_id: str, at_ms: int) -> bool:
        """A conversation that Asterisk has and the live queue has not (it was lost, or was not there)."""
        offer = {"offer": offer_id}
        agent = {"call": call.call_id, "since": str(at_ms)} | offer
        talk = {"agent": str(agent_id), "answered_at": str(at_ms), "leg": channel_id} | offer
        done = await self._live.step(
            at_ms,
            agent=Part(agent_id, moves=agent_moves(AgentMove.ADOPT), set=agent),
            call=Part(call.call_id, moves=call_moves(CallMove.ADOPT), set=talk),
            events=[event(call.call_id, Kind.ANSWERED, at_ms, about=offer_id, agent_id=agent_id)],
        )
        return done.applied
