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
from callcenter.routing.callbacks import Callbacks
from callcenter.routing.desk import DeskWork
from callcenter.routing.model import (
    AgentMove,
    CallMove,
    CallState,
    MissReason,
    agent_moves,
    call_moves,
    miss_reason,
)
from callcenter.routing.script import OfferOver
from callcenter.routing.service import Desks, missed_fact
from callcenter.routing.store import LiveCall, Part

_DIAL_STATUS = {17: "BUSY", 21: "BUSY", 3: "CHANUNAVAIL", 20: "CHANUNAVAIL"}
"""Q.850 causes of a leg that was not answered, as Asterisk's Dial names them; others: it rang in vain."""


class Witness:
    """Turns facts about legs into steps of the live queue."""

    def __init__(self, work: DeskWork, callbacks: Callbacks, desks: Desks) -> None:
        self._work = work
        self._routing = work.routing
        self._callbacks = callbacks
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
        at = fact.at_ms
        about = f"{fact.offer_id}/{agent_id}"
        match fact:
            case LegRinging():
                agent.move, agent.moves = AgentMove.RING, agent_moves(AgentMove.RING)
                call.set = {"ringing_at": str(at)}
                facts = [event(fact.call_id, Kind.RINGING, at, about=about, agent_id=agent_id)]
            case LegAnswered():
                await self._answered(agent_id, fact)
                return
            case LegHeld():
                agent.set = {}
                call.set = {"held_at": str(at)}
                facts = [event_at(fact.call_id, Kind.HELD, at, about=fact.offer_id)]
            case LegResumed():
                agent.set = {}
                call.set = {"held_at": ""}
                facts = [event_at(fact.call_id, Kind.RESUMED, at, about=fact.offer_id)]
            case LegEnded():
                await self._ended(agent_id, fact)
                return
            case _:
                return
        done = await self._live.step(at, agent=agent, call=call, events=facts)
        if done.applied:
            await self._desks.push(agent_id, done.seq(agent_id))

    async def _answered(self, agent_id: int, fact: LegAnswered) -> None:
        """An agent has answered: the call is his, the others who rang for it are free again."""
        before = await self._live.call(fact.call_id)
        if before.offer_id != fact.offer_id:
            return
        if before.is_callback:
            await self._callbacks.agent_answered(before, agent_id, fact.channel_id, fact.at_ms)
            return
        at, guard = fact.at_ms, {"offer": fact.offer_id}
        call = Part(fact.call_id, moves=call_moves(CallMove.ANSWER), guard=guard)
        call.set = {"leg": fact.channel_id, "reconnecting": "", "agent": str(agent_id)}
        agent = self._routing.talking(before, agent_id, at)
        if not before.at("answered_at"):
            call.answered = True
            call.set["answered_at"] = str(at)
            waited = max(0, at - (before.at("arrived") or at)) / 1000
            metrics.WAITED.labels(before.queue_id).observe(waited)
        others = [other for other in before.rung if other != agent_id]
        facts = [event(fact.call_id, Kind.ANSWERED, at, about=fact.offer_id, agent_id=agent_id)]
        facts += [missed_fact(before, other, at, MissReason.OTHER_ANSWERED) for other in others]
        losers = [self._routing.let_go(before, other, at) for other in others]
        done = await self._live.step(at, agents=[agent, *losers], call=call, events=facts)
        for one, (_, seq) in done.agents.items():
            await self._desks.push(one, seq)

    async def _ended(self, agent_id: int, fact: LegEnded) -> None:
        call = await self._live.call(fact.call_id)
        if call.state is CallState.OFFERED and call.offer_id == fact.offer_id and not call.at("calling_at"):
            status = _DIAL_STATUS.get(fact.cause, "NOANSWER")
            if call.is_callback:
                await self._routing.offer_over(call, OfferOver(fact.offer_id, status, fact.cause, fact.at_ms))
                return
            if len(call.rung) > 1 and fact.hung_up_by_phone:
                await self._routing.one_of_several_missed(call, agent_id, miss_reason(status, fact.cause))
                return
        wrapup = {"since": str(fact.at_ms)} | self._routing.wrapup(call, fact.at_ms)
        guard = {"offer": fact.offer_id}
        moves = agent_moves(AgentMove.END)
        done = await self._live.step(
            fact.at_ms, agent=Part(agent_id, move=AgentMove.END, moves=moves, guard=guard, set=wrapup)
        )
        if done.applied:
            await self._desks.push(agent_id, done.seq(agent_id))

    async def _fallback(self, agent_id: int, fact: Leg) -> None:
        at = fact.at_ms
        agent = Part(agent_id, set={"since": str(at)})
        if isinstance(fact, LegAnswered):
            agent.move, agent.moves = AgentMove.ADOPT, agent_moves(AgentMove.ADOPT)
            agent.set |= {"call": fact.call_id, "offer": ""}
            call = Part(
                fact.call_id,
                moves=call_moves(CallMove.ADOPT),
                set={"agent": str(agent_id), "answered_at": str(at), "leg": fact.channel_id},
            )
            facts = [event(fact.call_id, Kind.ANSWERED, at, agent_id=agent_id)]
            await self._live.step(at, agent=agent, call=call, events=facts)
        elif isinstance(fact, LegEnded):
            agent.move, agent.moves = AgentMove.END, agent_moves(AgentMove.END)
            agent.guard = {"call": fact.call_id}
            await self._live.step(at, agent=agent)

    async def phone(self, agent_id: int, reachable: bool, node: str) -> None:
        """An agent's phone is registered at a node, or is gone from it."""
        await self._work.set_reachable(agent_id, reachable, node)

    async def answered(self, call_id: str, offer_id: str, extension: str, channel_id: str, at_ms: int) -> None:
        """An answer that nobody saw as it happened."""
        await self.take(LegAnswered(call_id, offer_id, extension, channel_id, at_ms))

    async def customer_answered(self, call: LiveCall, at_ms: int) -> None:
        """A customer who is called back has answered, and nobody saw it as it happened."""
        await self._callbacks.customer_answered(call.call_id, call.offer_id, at_ms)

    async def adopt(self, call: LiveCall, agent_id: int, offer_id: str, channel_id: str, at_ms: int) -> bool:
        """A conversation that Asterisk has and the live queue has not (it was lost, or was not there)."""
        offer = {"offer": offer_id}
        agent = {"call": call.call_id, "since": str(at_ms)} | offer
        talk = {"agent": str(agent_id), "answered_at": str(at_ms), "leg": channel_id} | offer
        done = await self._live.step(
            at_ms,
            agent=Part(agent_id, move=AgentMove.ADOPT, moves=agent_moves(AgentMove.ADOPT), set=agent),
            call=Part(call.call_id, moves=call_moves(CallMove.ADOPT), set=talk),
            events=[event(call.call_id, Kind.ANSWERED, at_ms, about=offer_id, agent_id=agent_id)],
        )
        return done.applied
