"""What boards count, from the calls' rows and the agents' changes: one source for pages, wallboards and Prometheus."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from callcenter.board.day import Quarter
from callcenter.board.model import AgentDayRow, FigureRow
from callcenter.clock import moment
from callcenter.db.pool import Executor
from callcenter.routing.model import PAUSE_AFTER
from callcenter.routing.rings import Cadence


@dataclass(frozen=True, slots=True)
class Targets:
    """What calls are judged by. `last_rings`, `response_seconds`: by queue, for calls that were not told their own."""

    last_rings: Mapping[str, int] = field(default_factory=dict)
    response_seconds: Mapping[str, int] = field(default_factory=dict)
    short_abandon_seconds: int = 5


_FIGURES = """
with target as (
    select * from unnest($3::text[], $4::int[], $5::int[]) as t (queue_id, last_ring, response_seconds)
), judged as (
    select c.*,
        c.answered_at is not null and c.rings <= coalesce(c.target_ring, t.last_ring) as in_target,
        c.answered_at is not null
            and c.waiting_seconds <= coalesce(c.response_seconds, t.response_seconds) as in_response,
        c.status = 'abandoned' and coalesce(c.abandoned_in, 'queue') <> 'menu' as gave_up
    from calls c left join target t using (queue_id)
    where c.arrived_at >= $1 and c.arrived_at < $2
)
select coalesce(queue_id, '') as queue_id,
    (extract(epoch from date_bin('15 minutes', arrived_at, 'epoch')) * 1000)::bigint as at,
    count(*) filter (where status <> 'blocked')::int as arrived,
    count(answered_at)::int as answered,
    count(*) filter (where in_target)::int as within_target,
    count(*) filter (where in_response)::int as within_response,
    count(*) filter (where status = 'abandoned' and abandoned_in = 'menu')::int as abandoned_menu,
    count(*) filter (where gave_up and coalesce(abandoned_in, 'queue') = 'queue')::int as abandoned_queue,
    count(*) filter (where gave_up and abandoned_in = 'ringing')::int as abandoned_ringing,
    count(*) filter (where gave_up and waiting_seconds < $6)::int as short_abandoned,
    count(callback_at)::int as callbacks_asked,
    count(*) filter (where status = 'message')::int as messages,
    count(*) filter (where status = 'passed_on')::int as passed_on,
    count(*) filter (where status = 'closed')::int as closed,
    count(*) filter (where status = 'blocked')::int as blocked,
    count(*) filter (where status = 'failed')::int as failed,
    coalesce(sum(waiting_seconds) filter (where answered_at is not null), 0)::float as waited_seconds,
    coalesce(max(waiting_seconds) filter (where answered_at is not null or gave_up), 0)::float as longest_wait_seconds,
    coalesce(sum(talking_seconds), 0)::float as talking_seconds
from judged group by 1, 2
"""

_AGENT_DAYS = """
with one as (
    select unnest($1::bigint[]) as user_id
), changes as (
    select user_id, at, to_state, reason, split_part(event_id, '/', 2)::bigint as seq
    from agent_events where user_id = any($1) and at >= $2 and (from_state <> to_state or move = 'pause')
    union all
    select one.user_id, $2, last.to_state, last.reason, last.seq
    from one cross join lateral (
        select e.to_state, e.reason, split_part(e.event_id, '/', 2)::bigint as seq from agent_events e
        where e.user_id = one.user_id and e.at < $2 and (e.from_state <> e.to_state or e.move = 'pause')
        order by e.at desc, e.recorded_at desc limit 1
    ) last
), spells as (
    select user_id, to_state, reason, at,
        lead(at) over (partition by user_id order by seq) - at as lasted
    from changes
), states as (
    select user_id, jsonb_object_agg(state, seconds) as seconds from (
        select s.user_id, case when s.to_state = 'paused' and p.productive then 'paused_productive' else s.to_state end
            as state, sum(greatest(0, extract(epoch from s.lasted)))::float as seconds
        from spells s left join pause_reasons p on p.code = s.reason
        where s.lasted is not null group by 1, 2
    ) by_state group by 1
), rings as (
    select c.agent_id as user_id, sum(his.rings)::int as rings
    from calls c cross join lateral (
        select sum(floor(greatest(0, seconds) / $6::float) + 1) as rings from (
            select extract(epoch from min(at) filter (where kind <> 'ringing')
                - min(at) filter (where kind = 'ringing')) as seconds
            from call_events e
            where e.call_id = c.call_id and e.call_started_at >= $2 - interval '1 day'
                and kind in ('ringing', 'answered', 'calling') and (body->>'agent_id')::bigint = c.agent_id
            group by split_part(event_id, '/', 2)
        ) offer where seconds is not null
    ) his
    where c.agent_id = any($1) and c.arrived_at >= $2 and c.answered_at is not null group by 1
), talks as (
    select c.agent_id as user_id, count(*)::int as calls,
        count(*) filter (where c.rings <= coalesce(c.target_ring, t.last_ring))::int as within_target,
        count(*) filter (where c.outcome_at is not null
            or coalesce(q.settings->>'outcome_required', 'counted') in ('off', 'false'))::int as outcomes
    from calls c left join unnest($3::text[], $4::int[]) as t (queue_id, last_ring) using (queue_id)
        left join queues q using (queue_id)
    where c.agent_id = any($1) and c.arrived_at >= $2 and c.answered_at is not null group by 1
), legs as (
    select agent_id as user_id, count(distinct call_id)::int as calls,
        sum(talking_seconds)::float as talking_seconds, sum(holding_seconds)::float as holding_seconds
    from call_legs where agent_id = any($1) and answered_at >= $2 and ended_as is distinct from 'consulted' group by 1
), missed as (
    select (body->>'agent_id')::bigint as user_id, count(*)::int as misses from call_events
    where kind = 'missed' and at >= $2 and body->>'reason' = any($5) and (body->>'agent_id')::bigint = any($1)
    group by 1
)
select one.user_id, greatest(coalesce(l.calls, 0), coalesce(t.calls, 0)) as calls, coalesce(r.rings, 0) as rings,
    coalesce(t.within_target, 0) as within_target, coalesce(m.misses, 0) as misses,
    coalesce(l.talking_seconds, 0) as talking_seconds, coalesce(l.holding_seconds, 0) as holding_seconds,
    coalesce(t.outcomes, 0) as outcomes, coalesce(s.seconds, '{}') as seconds,
    (select (extract(epoch from min(at)) * 1000)::bigint from changes c
        where c.user_id = one.user_id and c.to_state <> 'signed_out') as first_at
from one left join talks t using (user_id) left join missed m using (user_id) left join states s using (user_id)
left join rings r using (user_id) left join legs l using (user_id)
"""
# An offer's facts begin with its id, which is the call's and a moment. Of a callback the agent takes his phone before
# the customer's rings (`calling`).


async def read_quarters(executor: Executor, since_ms: int, until_ms: int, targets: Targets) -> list[Quarter]:
    """What became of the calls that arrived in this time."""
    queues = list(targets.last_rings)
    rows = await executor.fetch(
        _FIGURES,
        moment(since_ms),
        moment(until_ms),
        queues,
        [targets.last_rings[queue_id] for queue_id in queues],
        [targets.response_seconds[queue_id] for queue_id in queues],
        targets.short_abandon_seconds,
    )
    return [Quarter(row["queue_id"], row["at"], _figures(row)) for row in rows]


def _figures(row: Mapping[str, Any]) -> FigureRow:
    return cast("FigureRow", {name: row[name] for name in FigureRow.__annotations__})


async def read_agent_days(
    executor: Executor, agent_ids: Collection[int], since_ms: int, targets: Targets, cadence: Cadence
) -> list[AgentDayRow]:
    """What these agents have done since then; rings are `cadence`'s."""
    queues: Sequence[str] = list(targets.last_rings)
    rows = await executor.fetch(
        _AGENT_DAYS,
        list(agent_ids),
        moment(since_ms),
        queues,
        [targets.last_rings[queue_id] for queue_id in queues],
        [reason.value for reason in PAUSE_AFTER],
        cadence.period_seconds,
    )
    return [cast("AgentDayRow", dict(row)) for row in rows]
