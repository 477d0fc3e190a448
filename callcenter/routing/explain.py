"""Why an agent was not rung for a caller at a moment: the same rules as routing, over what was so then. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callcenter.routing.index import may_take_after_ms
from callcenter.routing.model import AgentState, Membership, MissReason, NotRung, QueueEntry

_BUSY = frozenset({AgentState.OFFERED, AgentState.RINGING, AgentState.TALKING})
_OWN_MISSES = {
    MissReason.NO_ANSWER: "missed",
    MissReason.DECLINED: "declined",
    MissReason.UNREACHABLE: "unreachable",
    MissReason.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class AgentThen:
    """An agent as he stood at the moment: his places, skills, state (for a reason, in a call), whether his phone was
    there. `missed`: how he missed an earlier offer of this very caller; `rung`: his phone was ringing for him.
    """

    agent_id: int
    memberships: tuple[Membership, ...]
    skills: Mapping[str, int]
    state: AgentState
    pause_reason: str = ""
    call_id: str = ""
    online: bool = False
    missed: MissReason | None = None
    rung: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Why he was not rung; `reason` is empty for one who was. `detail`: the pause reason, or seconds until he opens."""

    agent_id: int
    reason: str
    detail: str = ""


def why(caller: QueueEntry, agents: Iterable[AgentThen], before_him: Iterable[QueueEntry], at_ms: int) -> list[Answer]:
    """For each agent, the first reason that holds. `before_him`: callers who stood before this one in any line."""
    others = list(before_him)
    return [_why(caller, agent, others, at_ms) for agent in agents]


def _why(caller: QueueEntry, agent: AgentThen, others: list[QueueEntry], at_ms: int) -> Answer:
    if agent.rung:
        return Answer(agent.agent_id, "")
    reason, detail = _unable(caller, agent)
    if reason:
        return Answer(agent.agent_id, reason, detail)
    waited = at_ms - caller.waiting_since_ms
    if agent.agent_id not in caller.preferred:
        membership = next(one for one in agent.memberships if one.queue_id == caller.queue_id)
        if waited < membership.opens_after_ms:
            left = (membership.opens_after_ms - waited + 999) // 1000
            return Answer(agent.agent_id, NotRung.OPENS_LATER.value, str(left))
        after = may_take_after_ms(membership, caller.needs, agent.skills)
        if after is None or waited < after:
            return Answer(agent.agent_id, NotRung.LACKS_SKILL.value)
    queues = {one.queue_id for one in agent.memberships}
    behind = any(other.queue_id in queues for other in others)
    chosen = NotRung.CALLER_BEHIND_OTHERS if behind else NotRung.OTHER_AGENT_CHOSEN
    return Answer(agent.agent_id, chosen.value)


def _unable(caller: QueueEntry, agent: AgentThen) -> tuple[str, str]:
    """Why he could take no call at all, or not this one; nothing: he could."""
    member = any(one.queue_id == caller.queue_id for one in agent.memberships)
    if not member and agent.agent_id not in caller.preferred:
        return NotRung.NOT_MEMBER.value, ""
    if agent.missed is not None and agent.state in (AgentState.PAUSED, AgentState.READY):
        return _OWN_MISSES.get(agent.missed, "missed"), agent.pause_reason
    standing = {
        AgentState.SIGNED_OUT: (NotRung.SIGNED_OUT.value, ""),
        AgentState.PAUSED: (NotRung.PAUSED.value, agent.pause_reason),
        AgentState.WRAPUP: (NotRung.WRAPUP.value, ""),
    } | dict.fromkeys(_BUSY, (NotRung.WITH_ANOTHER_CALL.value, agent.call_id))
    if agent.state in standing:
        return standing[agent.state]
    return ("", "") if agent.online else (NotRung.PHONE_AWAY.value, "")
