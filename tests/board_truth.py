"""What a board must show, by SQL over the facts themselves (`call_events`, `agent_events`), written apart from the
service's own statements.
"""

from typing import Any

_CALLS = """
with fact as (
    select call_id, kind, at, body from call_events where call_started_at >= $1
), call as (
    select call_id,
        min(at) filter (where kind = 'arrived') as arrived_at,
        (array_agg(body order by at desc) filter (where kind = 'queued' and body ? 'target_ring'))[1] as queued,
        (array_agg(body ->> 'queue_id' order by at desc) filter (where kind = 'queued'))[1] as queue_id,
        min(at) filter (where kind = 'answered') as answered_at,
        max(at) filter (where kind in ('ended', 'lost')) as ended_at,
        (array_agg(body) filter (where kind = 'ended'))[1] as ended,
        max(at) filter (where kind in ('queued', 'missed')) as in_line_at,
        max(at) filter (where kind = 'offered') as offered_at,
        bool_or(kind = 'callback_asked') as callback
    from fact group by call_id having bool_or(kind = 'arrived')
), judged as (
    select *, floor(extract(epoch from answered_at - arrived_at) / 5) + 1 as rings,
        extract(epoch from coalesce(answered_at, ended_at) - arrived_at) as waited
    from call
)
select coalesce(queue_id, '') as queue_id,
    count(*)::int as arrived,
    count(answered_at)::int as answered,
    count(*) filter (where rings <= (queued ->> 'target_ring')::int)::int as within_target,
    count(*) filter (where answered_at is null and ended ->> 'hung_up_by' = 'caller'
        and ended ->> 'where' = 'menu')::int as abandoned_menu,
    count(*) filter (where answered_at is null and ended ->> 'hung_up_by' = 'caller'
        and ended ->> 'where' = 'queue')::int as abandoned_queue,
    count(*) filter (where answered_at is null and ended ->> 'hung_up_by' = 'caller'
        and ended ->> 'where' = 'ringing')::int as abandoned_ringing,
    count(*) filter (where answered_at is null and ended ->> 'hung_up_by' = 'caller' and ended ->> 'where' <> 'menu'
        and waited < 5)::int as short_abandoned,
    count(*) filter (where ended_at is null and answered_at is null and not callback
        and (offered_at is null or in_line_at > offered_at))::int as waiting,
    count(*) filter (where ended_at is null and answered_at is not null)::int as talking
from judged group by 1
"""

_AGENTS = """
select to_state, count(*)::int from (
    select distinct on (e.user_id) e.to_state from agent_events e join agents using (user_id)
    order by e.user_id, split_part(event_id, '/', 2)::bigint desc
) last where to_state <> 'signed_out' group by 1
"""


async def by_the_facts(pool: Any, since: Any) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Queue ("" for none) -> its figures; agents by state, those who are signed in."""
    calls = {row["queue_id"]: dict(row) for row in await pool.fetch(_CALLS, since)}
    return calls, {row["to_state"]: row["count"] for row in await pool.fetch(_AGENTS)}


def by_the_board(board: dict[str, Any]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """The same from a board, as far as the facts tell of it."""
    names = ("arrived", "answered", "within_target", "abandoned_menu", "abandoned_queue", "abandoned_ringing")
    calls: dict[str, dict[str, int]] = {}
    for queue_id, row in board["figures"].items():
        here = [call for call in board["calls"].values() if call["queue_id"] == queue_id]
        figures = {name: row[name] for name in (*names, "short_abandoned")}
        figures["waiting"] = sum(call["place"] == "waiting" for call in here)
        figures["talking"] = sum(call["place"] == "talking" for call in here)
        if queue_id and any(figures.values()):
            calls[queue_id] = {"queue_id": queue_id} | figures
    states: dict[str, int] = {}
    for agent in board["agents"].values():
        if agent["state"] != "signed_out":
            states[agent["state"]] = states.get(agent["state"], 0) + 1
    return calls, states
