"""What was so at a moment of the past, read from PostgreSQL: who stood where, by which roster, who waited before."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from callcenter.calls.store import events_of, find_call
from callcenter.clock import milliseconds, moment
from callcenter.db.pool import Pool
from callcenter.events import CallEvent, Kind
from callcenter.routing.explain import AgentThen, why
from callcenter.routing.model import AgentState, Membership, MissReason, Need, QueueEntry
from callcenter.routing.plan import Plan
from callcenter.routing.rings import rings_in

_STATES = """
select distinct on (user_id) user_id, to_state, reason, call_id, online from agent_events
where user_id = any($1) and at <= $2 order by user_id, at desc, recorded_at desc
"""

_BEFORE = """
select c.call_id, c.queue_id, c.arrived_at from calls c
where c.queue_id is not null and c.queued_at <= $2 and coalesce(c.answered_at, c.ended_at, now()) > $2
    and c.call_id <> $1 and c.arrived_at > $2::timestamptz - interval '1 day'
    and c.arrived_at - make_interval(secs => c.priority * $4) < $3
"""


class History:
    """Answers questions about the past."""

    def __init__(self, pool: Pool, plan: Callable[[], Plan], clock: Callable[[], int]) -> None:
        self._pool = pool
        self._plan = plan
        self._clock = clock

    async def why(self, call_id: str, at_ms: int | None) -> dict[str, Any] | None:
        """Why each agent was not rung for this caller at a moment of his wait (by default its last); None: no such
        call, or it never stood in line.
        """
        row = await find_call(self._pool, call_id)
        if row is None or row["queued_at"] is None:
            return None
        ended: datetime | None = row["answered_at"] or row["ended_at"]
        end_ms = milliseconds(ended) - 1 if ended else self._clock()
        began_ms = milliseconds(row["queued_at"])
        at = max(began_ms, min(at_ms if at_ms is not None else end_ms, max(end_ms, began_ms)))
        facts = [fact for fact in (await events_of(self._pool, [call_id]))[call_id] if fact.at_ms <= at]
        caller = _entry(call_id, row, facts)
        roster = await self._roster(at)
        agents = await self._agents(roster, facts, at)
        before = await self._before(caller, at)
        plan = self._plan()
        answers = why(caller, agents, before, at)
        named = {agent["agent_id"]: agent for agent in roster}
        waited = (at - caller.waiting_since_ms) / 1000
        return {
            "at": at,
            "call": {
                "queue_id": caller.queue_id,
                "priority": caller.priority,
                "waited_seconds": waited,
                "rings": rings_in(waited, plan.cadence),
                "needs": [{"skill_id": need.skill_id, "level": need.level} for need in caller.needs],
            },
            "agents": [
                {
                    "user_id": one.agent_id,
                    "display_name": named[one.agent_id]["name"],
                    "extension": named[one.agent_id]["extension"],
                    "reason": one.reason or None,
                    "detail": one.detail,
                }
                for one in answers
            ],
        }

    async def _roster(self, at_ms: int) -> list[dict[str, Any]]:
        """The agents who were there, with their queues and skills: the newest version that is not younger."""
        kept = await self._pool.fetchval(
            """select roster from roster_versions
            order by at > $1, case when at <= $1 then at end desc, at limit 1""",
            moment(at_ms),
        )
        agents: list[dict[str, Any]] = (kept or {}).get("agents", [])
        return agents

    async def _agents(self, roster: list[dict[str, Any]], facts: list[CallEvent], at_ms: int) -> list[AgentThen]:
        ids = [agent["agent_id"] for agent in roster]
        rows = {row["user_id"]: row for row in await self._pool.fetch(_STATES, ids, moment(at_ms))}
        rung, missed = _offers(facts)
        return [
            AgentThen(
                agent["agent_id"],
                tuple(Membership(queue_id, seconds * 1000) for queue_id, seconds in agent["memberships"]),
                dict(agent["skills"]),
                AgentState(row["to_state"]) if row else AgentState.SIGNED_OUT,
                (row["reason"] if row else "") or "",
                (row["call_id"] if row else "") or "",
                bool(row and row["online"]),
                missed.get(agent["agent_id"]),
                agent["agent_id"] in rung,
            )
            for agent in roster
            for row in (rows.get(agent["agent_id"]),)
        ]

    async def _before(self, caller: QueueEntry, at_ms: int) -> list[QueueEntry]:
        step_seconds = self._plan().configuration.priority_step_seconds
        order = moment(caller.waiting_since_ms - caller.priority * step_seconds * 1000)
        rows = await self._pool.fetch(_BEFORE, caller.call_id, moment(at_ms), order, float(step_seconds))
        return [QueueEntry(row["call_id"], row["queue_id"], 0) for row in rows]


def _entry(call_id: str, row: dict[str, Any], facts: list[CallEvent]) -> QueueEntry:
    queued = [fact.body for fact in facts if fact.kind is Kind.QUEUED]
    body = next((one for one in reversed(queued) if "priority" in one), queued[-1] if queued else {})
    return QueueEntry(
        call_id,
        str(body.get("queue_id") or row["queue_id"]),
        milliseconds(row["arrived_at"]),
        int(body.get("priority", 0)),
        tuple(
            Need(skill, level, tuple((after, lower) for after, lower in relaxes))
            for skill, level, relaxes in body.get("needs") or ()
        ),
    )


def _offers(facts: list[CallEvent]) -> tuple[set[int], dict[int, MissReason]]:
    """Who was being rung at that moment, and how those missed who had been rung before."""
    rung: set[int] = set()
    missed: dict[int, MissReason] = {}
    for fact in facts:
        agent_id = fact.body.get("agent_id")
        if fact.kind is Kind.OFFERED and agent_id is not None:
            rung.add(agent_id)
        elif fact.kind is Kind.MISSED and agent_id is not None:
            rung.discard(agent_id)
            missed[agent_id] = MissReason(fact.body.get("reason", MissReason.NO_ANSWER))
    return rung, missed
