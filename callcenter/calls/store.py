"""Calls, their facts and the tasks to ring back, in PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from callcenter.calls.earlier import LOOKED_AT, EarlierCall, OfNumber
from callcenter.calls.legs import LegRecord
from callcenter.calls.model import CallRecord, in_order, started_at
from callcenter.clock import milliseconds, moment
from callcenter.db.pool import Connection, Executor
from callcenter.events import CallEvent, Kind

_TIMES = frozenset(
    {
        "arrived_at",
        "queued_at",
        "offered_at",
        "ringing_at",
        "answered_at",
        "ended_at",
        "outcome_at",
        "callback_at",
        "left_at",
        "read_back_at",
    }
)
_COLUMNS = [column.name for column in fields(CallRecord)]
# What a row refers to may have been removed since; the row is kept without it.
_STILL_THERE = {
    "queue_id": "(select queue_id from queues where queue_id = one.queue_id)",
    "customer_id": "(select customer_id from customers where customer_id = one.customer_id)",
    "agent_id": "(select user_id from users where user_id = one.agent_id)",
    "outcome_by": "(select user_id from users where user_id = one.outcome_by)",
    "call_type": "(select code from call_types where code = one.call_type)",
}
_UPSERT = f"""
insert into calls ({", ".join(_COLUMNS)})
select {", ".join(_STILL_THERE.get(name, f"one.{name}") for name in _COLUMNS)}
from jsonb_populate_recordset(null::calls, $1) as one
on conflict (call_id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}, updated_at = now()
"""  # noqa: S608 (names of our own dataclass)

_ADD_EVENTS = """
insert into call_events (event_id, call_id, kind, at, body, call_started_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::timestamptz[])
on conflict do nothing
returning event_id
"""

_EVENTS_OF = """
select event_id, call_id, kind, at, body from call_events
where call_id = any($1) and call_started_at = any($2)
order by call_id, at
"""

_ADD_RING_BACK = """
insert into ring_backs (number, customer_id, call_id, first_at, last_at, kind, queue_id)
values ($1, (select customer_id from customers where customer_id = $2), $3, $4, $4, $5,
    (select queue_id from queues where queue_id = $6))
on conflict (number) where state = 'open' do update set
    call_count = ring_backs.call_count + (ring_backs.call_id <> excluded.call_id)::int,
    call_id = case when ring_backs.kind = 'message' and excluded.kind <> 'message'
        then ring_backs.call_id else excluded.call_id end,
    kind = case when ring_backs.kind = 'message' then ring_backs.kind else excluded.kind end,
    queue_id = coalesce(excluded.queue_id, ring_backs.queue_id),
    customer_id = coalesce(excluded.customer_id, ring_backs.customer_id),
    last_at = greatest(ring_backs.last_at, excluded.last_at)
"""
# A message that waits to be heard is not put aside by a later call without one.

_CLOSE_RING_BACK = """
update ring_backs set state = 'done', done_at = $2, answered_by_call = $3
where number = $1 and state = 'open' and (last_at <= $2 or call_id = $3)
"""


async def add_events(connection: Connection, events: Sequence[CallEvent]) -> set[str]:
    """Store facts; the ids of those that were new."""
    rows = await connection.fetch(
        _ADD_EVENTS,
        [fact.event_id for fact in events],
        [fact.call_id for fact in events],
        [fact.kind.value for fact in events],
        [moment(fact.at_ms) for fact in events],
        [dict(fact.body) for fact in events],
        [started_at(fact.call_id) for fact in events],
    )
    return {row["event_id"] for row in rows}


async def events_of(executor: Executor, call_ids: Iterable[str]) -> dict[str, list[CallEvent]]:
    """All facts of these calls, in the order of their times."""
    ids = list(call_ids)
    found: dict[str, list[CallEvent]] = {call_id: [] for call_id in ids}
    for row in await executor.fetch(_EVENTS_OF, ids, [started_at(call_id) for call_id in ids]):
        fact = CallEvent(row["event_id"], row["call_id"], Kind(row["kind"]), milliseconds(row["at"]), row["body"])
        found[fact.call_id].append(fact)
    return {call_id: in_order(facts) for call_id, facts in found.items()}


async def put_calls(connection: Connection, records: Iterable[CallRecord]) -> None:
    """Write these rows, whatever stood there before."""
    await connection.execute(_UPSERT, [_row(record, _COLUMNS, _TIMES) for record in records])


def _row(record: CallRecord | LegRecord, columns: Sequence[str], times: Set[str]) -> dict[str, Any]:
    values = ((name, getattr(record, name)) for name in columns)
    return {name: moment(value) if name in times and value is not None else value for name, value in values}


_LEG_TIMES = frozenset({"offered_at", "rang_at", "answered_at", "ended_at"})
_LEG_COLUMNS = [column.name for column in fields(LegRecord)]
_PUT_LEGS = f"""
insert into call_legs ({", ".join(_LEG_COLUMNS)})
select {", ".join(f"one.{name}" for name in _LEG_COLUMNS)}
from jsonb_populate_recordset(null::call_legs, $1) as one join users on user_id = one.agent_id
on conflict (call_id, offer_id, agent_id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _LEG_COLUMNS[3:])}
"""  # noqa: S608 (names of our own dataclass)


async def put_legs(connection: Connection, legs: Iterable[LegRecord]) -> None:
    """Write each agent's part in these calls, whatever stood there before; nothing of an agent who is gone."""
    rows = {(leg.call_id, leg.offer_id, leg.agent_id): _row(leg, _LEG_COLUMNS, _LEG_TIMES) for leg in legs}
    if rows:
        await connection.execute(
            "delete from call_legs where call_id = any ($1)", list({call_id for call_id, _, _ in rows})
        )
        await connection.execute(_PUT_LEGS, list(rows.values()))


async def took_part(executor: Executor, call_id: str, agent_id: int) -> bool | None:
    """Whether this agent has talked in this call, be it that he has given the caller on; None: no such call."""
    took: bool | None = await executor.fetchval(
        """
        select c.agent_id is not distinct from $2 or exists (
            select from call_legs l where l.call_id = c.call_id and l.agent_id = $2 and l.answered_at is not null)
        from calls c where c.call_id = $1
        """,
        call_id,
        agent_id,
    )
    return took


async def add_ring_back(connection: Connection, record: CallRecord, kind: str) -> None:
    """Note that this caller left before anybody spoke with him, and how; one open task a number."""
    ended_at, number = moment(record.ended_at or record.arrived_at), record.callback_number or record.caller_number
    await connection.execute(
        _ADD_RING_BACK, number, record.customer_id, record.call_id, ended_at, kind, record.queue_id
    )


async def add_agent_events(connection: Connection, rows: Sequence[Mapping[str, str]]) -> None:
    """Store changes of agents' states, as the live queue's stream has them; those that are there stay."""
    await connection.execute(
        """insert into agent_events (event_id, user_id, at, from_state, to_state, move, reason, call_id, online)
        select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::bool[])
        on conflict do nothing""",
        [row["id"] for row in rows],
        [int(row["agent"]) for row in rows],
        [moment(int(row["at"])) for row in rows],
        [row["from"] for row in rows],
        [row["to"] for row in rows],
        [row["move"] for row in rows],
        [row["reason"] or None for row in rows],
        [row["call"] or None for row in rows],
        [row["online"] == "1" for row in rows],
    )


async def close_ring_backs(connection: Connection, records: Iterable[CallRecord]) -> None:
    """These callers have been spoken to: their tasks to ring back are done."""
    rows = [
        (record.caller_number, moment(record.answered_at or record.arrived_at), record.call_id) for record in records
    ]
    if rows:
        await connection.executemany(_CLOSE_RING_BACK, rows)


async def drop_drafts(connection: Connection, outcomes: Sequence[CallEvent]) -> None:
    """What was drafted for these outcomes is theirs now; what was written after them stays."""
    if outcomes:
        await connection.executemany(
            "delete from outcome_drafts where call_id = $1 and user_id = $2 and written_at <= $3",
            [(fact.call_id, fact.body.get("by"), moment(fact.at_ms)) for fact in outcomes],
        )


_CALL_ROWS = """
select c.*, u.display_name as agent_name, k.name as customer_name,
    q.name_zh as queue_name_zh, q.name_en as queue_name_en
from calls c
left join users u on u.user_id = c.agent_id
left join customers k on k.customer_id = c.customer_id
left join queues q on q.queue_id = c.queue_id
"""

_RING_BACK_ROWS = """
select r.*, k.name as customer_name, u.display_name as done_by_name, c.rings, c.waiting_seconds,
    m.seconds as message_seconds
from ring_backs r
left join customers k on k.customer_id = r.customer_id
left join users u on u.user_id = r.done_by
left join calls c on c.call_id = r.call_id
left join messages m on m.call_id = r.call_id
"""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; None or empty: any. `before` is the last row of the page before.

    `whole_number`: of numbers `text` finds this one only, for who may not see them (SEC-01); None: all that it is in.
    """

    text: str = ""
    number: str = ""
    customer_id: int | None = None
    agent_id: int | None = None
    status: str = ""
    hung_up_by: str = ""
    unwritten: bool = False
    since: datetime | None = None
    until: datetime | None = None
    whole_number: str | None = None
    before: tuple[datetime, str] | None = None


def _terms(wanted: CallFilter) -> list[tuple[str, tuple[Any, ...]]]:
    """The conditions of a filter, with what is bound to their places."""
    number = "like {0}" if wanted.whole_number is None else "= {1}"
    like = "%" + wanted.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    asked: list[tuple[Any, str, tuple[Any, ...]]] = [
        (
            wanted.text,
            f"(k.name ilike {{0}} or c.notes ilike {{0}} or c.caller_number {number} or u.display_name ilike {{0}})",
            (like,) if wanted.whole_number is None else (like, wanted.whole_number),
        ),
        (wanted.number, "c.caller_number = {0}", (wanted.number,)),
        (wanted.customer_id, "c.customer_id = {0}", (wanted.customer_id,)),
        (wanted.agent_id, "c.agent_id = {0}", (wanted.agent_id,)),
        (wanted.status, "c.status = {0}", (wanted.status,)),
        (wanted.hung_up_by, "c.hung_up_by = {0} and c.answered_at is not null", (wanted.hung_up_by,)),
        (wanted.unwritten, _UNWRITTEN, (["off", "false"],)),
        (wanted.since, "c.arrived_at >= {0}", (wanted.since,)),
        (wanted.until, "c.arrived_at < {0}", (wanted.until,)),
        (wanted.before, "(c.arrived_at, c.call_id) < ({0}, {1})", wanted.before or ()),
    ]
    return [(sql, bound) for given, sql, bound in asked if given not in {None, "", False}]


_UNWRITTEN = """c.outcome_at is null and c.answered_at is not null and c.ended_at is not null
    and coalesce(q.settings->>'outcome_required', 'counted') <> all ({0}::text[])"""


async def list_calls(executor: Executor, wanted: CallFilter, limit: int) -> list[dict[str, Any]]:
    """The newest calls first, `limit` at the most."""
    terms: list[str] = []
    values: list[Any] = []
    for sql, bound in _terms(wanted):
        terms.append(sql.format(*(f"${len(values) + n}" for n in range(1, len(bound) + 1))))
        values.extend(bound)
    where = "where " + " and ".join(terms) if terms else ""
    values.append(limit)
    sql = f"{_CALL_ROWS} {where} order by c.arrived_at desc, c.call_id desc limit ${len(values)}"
    return [dict(row) for row in await executor.fetch(sql, *values)]


async def find_call(executor: Executor, call_id: str) -> dict[str, Any] | None:
    """One call's row, or None."""
    row = await executor.fetchrow(f"{_CALL_ROWS} where c.call_id = $1", call_id)
    return dict(row) if row else None


_EARLIER = "c.call_id, c.arrived_at, c.answered_at, c.status, c.caller_number, c.call_type, c.next_step, c.agent_id"
_EARLIER_CALLS = f"""
    {_EARLIER}, u.display_name as agent_name, u.disabled as agent_disabled,
    case when c.place <= $2 then c.notes end as notes
"""
# Planned once, for any number: a value in a select of its own can't promise a cheaper way.
_OF_NUMBER = f"""
select (select ring_back_id from ring_backs where number = (select $1::text) and state = 'open') as ring_back_id,
    exists (select from customer_numbers where number = (select $1::text)) as has_customers, {_EARLIER_CALLS}
from (select) as one
left join lateral (
    select {_EARLIER}, c.notes, row_number() over (order by c.arrived_at desc) as place
    from calls c where c.caller_number = (select $1::text) order by c.arrived_at desc limit {LOOKED_AT}
) as c on true
left join users u on u.user_id = c.agent_id
"""  # noqa: S608 (our own words)
_OF_CUSTOMERS = f"""
select {_EARLIER_CALLS}
from (
    select {_EARLIER}, c.notes, row_number() over (order by c.arrived_at desc) as place
    from unnest((select $1::bigint[])) as one (customer_id), lateral (
        select * from calls where customer_id = one.customer_id order by arrived_at desc limit {LOOKED_AT}
    ) as c order by c.arrived_at desc limit {LOOKED_AT}
) as c
left join users u on u.user_id = c.agent_id
"""  # noqa: S608 (our own words)


async def calls_of_number(executor: Executor, number: str, noted: int) -> OfNumber:
    """What is known of a number, its newest calls among it, `noted` of them with their notes: one query."""
    rows = await executor.fetch(_OF_NUMBER, number, noted)
    calls = [_earlier(row) for row in rows if row["call_id"] is not None]
    return OfNumber(rows[0]["ring_back_id"], rows[0]["has_customers"], calls)


async def calls_of_customers(executor: Executor, customer_ids: Sequence[int], noted: int) -> list[EarlierCall]:
    """The newest calls of these customers together, `noted` of them with their notes."""
    return [_earlier(row) for row in await executor.fetch(_OF_CUSTOMERS, customer_ids, noted)]


def _earlier(row: Mapping[str, Any]) -> EarlierCall:
    return EarlierCall(**{name: row[name] for name in _EARLIER_FIELDS})


_EARLIER_FIELDS = [column.name for column in fields(EarlierCall)]


async def open_callbacks(executor: Executor) -> list[dict[str, Any]]:
    """Callers who keep their place without a line and have not been spoken to, the longest waiting first."""
    rows = await executor.fetch(
        f"{_CALL_ROWS} where c.status = 'callback' or (c.status = 'offered' and c.callback_at is not null)"
        " order by c.arrived_at"
    )
    return [dict(row) for row in rows]


async def list_ring_backs(executor: Executor, state: str, limit: int) -> list[dict[str, Any]]:
    """Tasks to ring back: open ones with the longest waiting first, done ones with the newest first."""
    order = "r.first_at" if state == "open" else "r.done_at desc"
    sql = f"{_RING_BACK_ROWS} where r.state = $1 order by {order} limit $2"
    return [dict(row) for row in await executor.fetch(sql, state, limit)]


async def finish_ring_back(executor: Executor, ring_back_id: int, by: int, note: str) -> dict[str, Any] | None:
    """Close a task; closing a closed one changes nothing. None: there is no such task."""
    await executor.execute(
        """update ring_backs set state = 'done', done_at = now(), done_by = $2, done_note = $3
        where ring_back_id = $1 and state = 'open'""",
        ring_back_id,
        by,
        note,
    )
    row = await executor.fetchrow(f"{_RING_BACK_ROWS} where r.ring_back_id = $1", ring_back_id)
    return dict(row) if row else None
