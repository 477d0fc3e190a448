"""Rosters in PostgreSQL: kinds, rules, shifts, months; what the attendance of the past is read from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import asyncpg
from asyncpg import Record

from callcenter.db.pool import Connection, Executor
from callcenter.errors import InvalidInputError
from callcenter.shifts.model import (
    Attendance,
    Duty,
    Kind,
    Person,
    RosterState,
    Rules,
    Shift,
    Times,
)

# -- kinds and rules -----------------------------------------------------------------------------------

_KINDS: Final = """
    select kind_id, code, name_zh, name_en, starts, ends, colour, duty, removed_at is not null as removed
    from shift_kinds
"""


def _kind(row: Record) -> Kind:
    fields = dict(row)
    starts, ends = fields.pop("starts"), fields.pop("ends")
    return Kind(times=None if starts is None else Times(starts, ends), **fields)


async def list_kinds(executor: Executor) -> list[Kind]:
    """All kinds in their order, the removed ones last."""
    return [_kind(row) for row in await executor.fetch(_KINDS + "order by removed_at nulls first, position, kind_id")]


async def lock_kind(connection: Connection, kind_id: int) -> Kind | None:
    """A kind that is not removed, for a change of it; whoever locks months too locks them after it."""
    row = await connection.fetchrow(_KINDS + "where kind_id = $1 and removed_at is null for update", kind_id)
    return _kind(row) if row else None


async def hold_kinds(connection: Connection) -> dict[int, Kind]:
    """All kinds by their ids; none changes until the transaction's end. Months are locked after them."""
    return {row["kind_id"]: _kind(row) for row in await connection.fetch(_KINDS + "order by kind_id for share")}


async def put_kind(executor: Executor, kind: Kind) -> int:
    """Make a kind (`kind_id` 0), or set one; its id.

    Raises:
        InvalidInputError: another kind has this code or name.
    """
    times = (kind.times.starts, kind.times.ends) if kind.times else (None, None)
    values = (kind.code, kind.name_zh, kind.name_en, *times, kind.colour, kind.duty)
    try:
        if kind.kind_id == 0:
            made = await executor.fetchval(
                """
                insert into shift_kinds (code, name_zh, name_en, starts, ends, colour, duty, position)
                select $1, $2, $3, $4, $5, $6, $7, coalesce(max(position), 0) + 1 from shift_kinds returning kind_id
                """,
                *values,
            )
            return int(made)
        await executor.execute(
            """
            update shift_kinds set code = $2, name_zh = $3, name_en = $4, starts = $5, ends = $6, colour = $7, duty = $8
            where kind_id = $1
            """,
            kind.kind_id,
            *values,
        )
    except asyncpg.UniqueViolationError as error:
        taken = str(error.constraint_name).removeprefix("shift_kinds_")
        raise InvalidInputError(
            fields={taken: {"en": "Another kind of shift has this.", "zh": "已有班次使用。"}}
        ) from None
    return kind.kind_id


async def remove_kind(executor: Executor, kind_id: int) -> None:
    """Nothing new is planned with it."""
    await executor.execute("update shift_kinds set removed_at = now() where kind_id = $1", kind_id)


async def open_days_of(executor: Executor, kind_id: int, after: date) -> list[tuple[int, date]]:
    """(user id, day) of the shifts of a kind after a day, in months that are not approved."""
    rows = await executor.fetch(
        """
        select user_id, day from shifts left join rosters on month = date_trunc('month', day)::date
        where kind_id = $1 and day > $2 and coalesce(state, 'draft') <> 'approved'
        """,
        kind_id,
        after,
    )
    return [(row["user_id"], row["day"]) for row in rows]


async def read_rules(executor: Executor) -> Rules:
    """What the department has set."""
    row = await executor.fetchrow("select early_minutes, due_day, swap_working_days, duty_number from shift_settings")
    return Rules(**row)


async def put_rules(executor: Executor, rules: Rules) -> None:
    """Set it."""
    await executor.execute(
        "update shift_settings set early_minutes = $1, due_day = $2, swap_working_days = $3, duty_number = $4",
        rules.early_minutes,
        rules.due_day,
        rules.swap_working_days,
        rules.duty_number,
    )


# -- people and shifts ---------------------------------------------------------------------------------


async def list_people(executor: Executor, also: Collection[int] = ()) -> list[Person]:
    """Staff who may sign in, and those of these ids; who has a phone first, by extension."""
    rows = await executor.fetch(
        """
        select u.user_id, u.username, u.display_name, a.extension from users u left join agents a using (user_id)
        where not u.disabled or u.user_id = any ($1::bigint[])
        order by a.extension nulls last, u.display_name, u.user_id
        """,
        list(also),
    )
    return [Person(**row) for row in rows]


_SHIFTS: Final = "select user_id, day, kind_id, starts_at, ends_at, duty_number, deputy_id from shifts "


def _shift(row: Record) -> Shift:
    return Shift(**row)


async def list_shifts(executor: Executor, first: date, last: date) -> list[Shift]:
    """The shifts of these days, both included."""
    rows = await executor.fetch(_SHIFTS + "where day between $1 and $2 order by day, user_id", first, last)
    return [_shift(row) for row in rows]


async def shifts_around(executor: Executor, since: datetime, until: datetime) -> list[Shift]:
    """Shifts that have not ended at `since` and begin by `until`, the earliest first."""
    rows = await executor.fetch(
        _SHIFTS + "where starts_at is not null and ends_at > $1 and starts_at <= $2 order by starts_at", since, until
    )
    return [_shift(row) for row in rows]


async def list_duties(executor: Executor, since: datetime, until: datetime) -> list[Duty]:
    """Who holds the duty phone between these moments."""
    rows = await executor.fetch(
        """
        select user_id, starts_at, ends_at, coalesce(duty_number, '') as number
        from shifts join shift_kinds using (kind_id)
        where duty and starts_at is not null and ends_at > $1 and starts_at <= $2
        """,
        since,
        until,
    )
    return [Duty(**row) for row in rows]


async def cells_of(executor: Executor, cells: Sequence[tuple[int, date]]) -> dict[tuple[int, date], Shift]:
    """What stands in these cells of the roster."""
    rows = await executor.fetch(
        _SHIFTS + "join unnest($1::bigint[], $2::date[]) as wanted (user_id, day) using (user_id, day)",
        [user_id for user_id, _ in cells],
        [day for _, day in cells],
    )
    return {(row["user_id"], row["day"]): _shift(row) for row in rows}


async def removed_kinds_held(executor: Executor) -> dict[tuple[int, date], Kind]:
    """The cells of the roster that hold a removed kind."""
    kinds = {kind.kind_id: kind for kind in await list_kinds(executor) if kind.removed}
    rows = await executor.fetch(_SHIFTS + "where kind_id = any ($1::bigint[])", list(kinds))
    return {(row["user_id"], row["day"]): kinds[row["kind_id"]] for row in rows}


async def last_duty_numbers(executor: Executor, user_ids: Collection[int]) -> dict[int, str]:
    """The number each of them had last when he was on duty."""
    rows = await executor.fetch(
        """
        select distinct on (user_id) user_id, duty_number from shifts
        where user_id = any ($1::bigint[]) and duty_number is not null order by user_id, day desc
        """,
        list(user_ids),
    )
    return {row["user_id"]: row["duty_number"] for row in rows}


async def put_shifts(connection: Connection, cleared: Sequence[tuple[int, date]], shifts: Sequence[Shift]) -> None:
    """Clear and set cells; whether shifts overlap is checked at the transaction's end.

    Raises:
        InvalidInputError: there is no such person.
    """
    await connection.execute("set constraints shifts_one_at_a_time deferred")
    await connection.execute(
        """
        delete from shifts using unnest($1::bigint[], $2::date[]) as gone (user_id, day)
        where shifts.user_id = gone.user_id and shifts.day = gone.day
        """,
        [user_id for user_id, _ in cleared],
        [day for _, day in cleared],
    )
    columns: list[list[Any]] = [[getattr(shift, name) for shift in shifts] for name in Shift.__slots__]
    try:
        await connection.execute(
            """
            insert into shifts (user_id, day, kind_id, starts_at, ends_at, duty_number, deputy_id)
            select * from unnest($1::bigint[], $2::date[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
                $6::text[], $7::bigint[])
            on conflict (user_id, day) do update set kind_id = excluded.kind_id, starts_at = excluded.starts_at,
                ends_at = excluded.ends_at, duty_number = excluded.duty_number, deputy_id = excluded.deputy_id
            """,
            *columns,
        )
    except asyncpg.ForeignKeyViolationError:
        raise InvalidInputError(fields={"changes": {"en": "There is no such person.", "zh": "没有这个人。"}}) from None


async def overlaps(executor: Executor, user_ids: Collection[int]) -> list[tuple[str, date, date]]:
    """(name, day, the other day) where one of these people would have two shifts at a time."""
    rows = await executor.fetch(
        """
        select u.display_name, a.day, b.day as other
        from shifts a join shifts b on b.user_id = a.user_id and a.day < b.day and b.day <= a.day + 2
            and a.ends_at > b.starts_at and b.ends_at > a.starts_at
        join users u on u.user_id = a.user_id where a.user_id = any ($1::bigint[]) order by a.day limit 10
        """,
        list(user_ids),
    )
    return [(row["display_name"], row["day"], row["other"]) for row in rows]


# -- months --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Roster:
    """How far a month's roster has come, and who brought it there."""

    month: date
    state: RosterState
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    submitted_by_id: int | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str = ""


_ROSTERS: Final = """
    select month, state, submitted_at, s.display_name as submitted_by, submitted_by as submitted_by_id, decided_at,
        d.display_name as decided_by, note
    from rosters r left join users s on s.user_id = r.submitted_by left join users d on d.user_id = r.decided_by
"""


async def list_rosters(executor: Executor, months: Sequence[date]) -> list[Roster]:
    """These months, in order; one that nobody has touched is a draft."""
    rows = await executor.fetch(_ROSTERS + "where month = any ($1::date[])", list(months))
    known = {row["month"]: Roster(**{**row, "state": RosterState(row["state"])}) for row in rows}
    return [known.get(month) or Roster(month, RosterState.DRAFT) for month in sorted(months)]


async def lock_rosters(connection: Connection, months: Collection[date]) -> list[Roster]:
    """These months, until the transaction's end; everybody locks them in the same order."""
    ordered = sorted(set(months))
    await connection.execute("insert into rosters (month) select unnest($1::date[]) on conflict do nothing", ordered)
    await connection.execute("select from rosters where month = any ($1::date[]) order by month for update", ordered)
    return await list_rosters(connection, ordered)


async def put_state(executor: Executor, month: date, state: RosterState, by: int | None, note: str = "") -> None:
    """Bring a month's roster to a state: submitted by somebody, or decided by him."""
    if state is RosterState.SUBMITTED:
        done = "submitted_at = now(), submitted_by = $3, decided_at = null, decided_by = null"
    else:
        done = "decided_at = now(), decided_by = $3"
    await executor.execute(f"update rosters set state = $2, note = $4, {done} where month = $1", month, state, by, note)  # noqa: S608 - one of two texts


async def back_to_draft(executor: Executor, month: date) -> None:
    """A submitted month that has been changed is a draft again."""
    await executor.execute(
        "update rosters set state = 'draft', note = '' where state = 'submitted' and month = $1", month
    )


# -- attendance ----------------------------------------------------------------------------------------

# Whether somebody came or went: what happened in the window, and before it the last of each. Who has not gone by the
# window's end is still there only while that end is to come.
_ATTENDANCE: Final = """
    with events as (
        select user_id, at, recorded_at, to_state from agent_events
        where at >= $1 and at < $2::timestamptz + interval '2 days'
            and (from_state = 'signed_out') <> (to_state = 'signed_out')
        union all
        select before.* from users u cross join lateral (
            select e.user_id, e.at, e.recorded_at, e.to_state from agent_events e
            where e.user_id = u.user_id and e.at < $1 and (e.from_state = 'signed_out') <> (e.to_state = 'signed_out')
            order by e.at desc, e.recorded_at desc limit 1) before
    ), turns as (
        select user_id, at, to_state <> 'signed_out' as is_in,
            lead(at) over (partition by user_id order by at, recorded_at) as until
        from events
    ), present as (
        select user_id, at as since, until is null and $5 < $2::timestamptz + interval '2 days' as goes_on,
            coalesce(until, least($5::timestamptz, $2::timestamptz + interval '2 days')) as until
        from turns where is_in
    ), planned as (
        select * from shifts where starts_at >= $1 and starts_at < $2 and starts_at <= $5
    )
    select s.user_id, s.day, s.kind_id, s.starts_at, s.ends_at, min(p.since) as first_at,
        case when bool_or(p.goes_on) then null else max(p.until) end as last_at,
        coalesce(sum(extract(epoch from least(p.until, s.ends_at) - greatest(p.since, s.starts_at)))
            filter (where p.since is not null), 0)::float8 as present_seconds
    from planned s left join present p on p.user_id = s.user_id and p.since < s.ends_at and p.until > s.starts_at
    group by s.user_id, s.day, s.kind_id, s.starts_at, s.ends_at
    union all
    select p.user_id, (p.since at time zone $4)::date, null, null, null, min(p.since),
        case when bool_or(p.goes_on) then null else max(p.until) end,
        sum(extract(epoch from p.until - p.since))::float8
    from present p where p.since >= $1 and p.since < $2
        and not exists (
            select from shifts s where s.user_id = p.user_id and s.starts_at < p.until and s.ends_at > p.since)
    group by 1, 2
"""


async def list_attendance(
    executor: Executor, first: datetime, last: datetime, *, zone: str, now: datetime, only: int | None
) -> list[Attendance]:
    """Everybody's days (or those of `only`) whose shift began, or who was there without one, between two moments."""
    rows = await executor.fetch(
        f"select * from ({_ATTENDANCE}) found where $3::bigint is null or user_id = $3"  # noqa: S608 - a constant
        " order by day, user_id, starts_at",
        first,
        last,
        only,
        zone,
        now,
    )
    return [Attendance(**row) for row in rows]
