"""The weekly look at who has signed in, and who tried to (HOS-02): read from the audit log, kept once reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError
from callcenter.staff import audit, safety_store
from callcenter.staff.errors import AlreadyReviewedError, WeekNotOverError
from callcenter.staff.model import Actor

WEEKS_SHOWN: Final = 12
SHIFT_MARGIN: Final = timedelta(hours=1)
"""So long before and after his shift a sign-in at night is no odd one."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody signed in from; `is_new`: never before this week."""

    address: str
    count: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A person's week. `odd`: the moments of sign-ins at night when he had no shift."""

    user_id: int
    username: str
    display_name: str
    role: str
    disabled: bool
    sign_ins: int
    first_at: datetime | None
    last_at: datetime | None
    failures: int
    lock_outs: int
    odd: Sequence[datetime]
    addresses: Sequence[Address]
    never_used: bool

    @property
    def is_odd(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.failures or self.lock_outs or self.odd or any(one.is_new for one in self.addresses))


@dataclass(frozen=True, slots=True)
class Stranger:
    """Tries to sign in by a name that is nobody's."""

    username: str
    address: str
    failures: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """Who has looked at a week."""

    reviewed_at: datetime
    reviewed_by: str
    note: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week by its Monday; `is_over`: it can be reviewed."""

    monday: date
    is_over: bool
    review: Review | None


_PEOPLE: Final = """
with lines as (
    select user_id, action, at, address from audit_log
    where action = any ('{session.started,session.refused,session.locked_out}') and at >= $1 and at < $2
        and user_id is not null
), night as (
    select l.user_id, array_agg(l.at order by l.at) as odd from lines l
    where l.action = 'session.started'
        and case when $4::int <= $5::int then extract(hour from l.at at time zone $3) >= $4
                and extract(hour from l.at at time zone $3) < $5
            else extract(hour from l.at at time zone $3) >= $4 or extract(hour from l.at at time zone $3) < $5 end
        and not exists (select from shifts s where s.user_id = l.user_id and s.starts_at is not null
            and l.at >= s.starts_at - $6::interval and l.at <= s.ends_at + $6::interval)
    group by l.user_id
), places as (
    select user_id, address, count(*) as count from lines where action = 'session.started' group by 1, 2
), placed as (
    select p.user_id, jsonb_agg(jsonb_build_object('address', p.address, 'count', p.count, 'is_new',
        not exists (select from audit_log a where a.action = 'session.started' and a.user_id = p.user_id
            and a.address = p.address and a.at < $1)) order by p.count desc, p.address) as addresses
    from places p group by p.user_id
), counted as (
    select user_id, count(*) filter (where action = 'session.started') as sign_ins,
        min(at) filter (where action = 'session.started') as first_at,
        max(at) filter (where action = 'session.started') as last_at,
        count(*) filter (where action = 'session.refused') as failures,
        count(*) filter (where action = 'session.locked_out') as lock_outs
    from lines group by user_id
)
select u.user_id, u.username, u.display_name, u.role, u.disabled, coalesce(c.sign_ins, 0) as sign_ins, c.first_at,
    c.last_at, coalesce(c.failures, 0) as failures, coalesce(c.lock_outs, 0) as lock_outs,
    coalesce(n.odd, '{}') as odd, coalesce(p.addresses, '[]') as addresses,
    u.last_signed_in_at is null and not u.disabled and u.created_at < $2 as never_used
from users u left join counted c using (user_id) left join night n using (user_id) left join placed p using (user_id)
where c.user_id is not null or (u.last_signed_in_at is null and not u.disabled and u.created_at < $2)
order by u.display_name, u.user_id
"""
_STRANGERS: Final = """
select username, address, count(*) as failures, max(at) as last_at from audit_log
where action = 'session.refused' and user_id is null and at >= $1 and at < $2
group by 1, 2 order by 3 desc, 4 desc limit 100
"""
_WEEKS: Final = """
select w.monday::date as monday, r.reviewed_at, r.note, u.display_name
from generate_series($1::date, $2::date, interval '7 days') w (monday)
left join sign_in_reviews r on r.week = w.monday::date left join users u on u.user_id = r.reviewed_by
where w.monday::date + 7 > (select coalesce(min(created_at), now()) at time zone $3 from users)
order by 1 desc
"""


class SignIns:
    """The sign-ins, week by week."""

    def __init__(self, pool: Pool, zone: ZoneInfo) -> None:
        """`zone`: the department's, whose Mondays begin its weeks."""
        self._pool = pool
        self._zone = zone

    async def weeks(self) -> list[Week]:
        """The last weeks, the newest first, back to when the first person was made."""
        now = datetime.now(UTC)
        this = _monday(now.astimezone(self._zone).date())
        rows = await self._pool.fetch(_WEEKS, this - timedelta(weeks=WEEKS_SHOWN - 1), this, str(self._zone))
        return [
            Week(
                row["monday"],
                self._end(row["monday"]) <= now,
                Review(row["reviewed_at"], row["display_name"], row["note"]) if row["reviewed_at"] else None,
            )
            for row in rows
        ]

    async def read(self, monday: date) -> tuple[list[Person], list[Stranger]]:
        """Who signed in or tried to in a week, and whose account was never used; names that are nobody's.

        Raises:
            InvalidInputError: the day is no Monday.
        """
        begins, ends = self._begin(monday), self._end(monday)
        safety = await safety_store.read(self._pool)
        rows = await self._pool.fetch(
            _PEOPLE, begins, ends, str(self._zone), safety.night_from, safety.night_until, SHIFT_MARGIN
        )
        people = [
            Person(**{**row, "addresses": [Address(**one) for one in row["addresses"]], "odd": list(row["odd"])})
            for row in rows
        ]
        people.sort(key=lambda one: not one.is_odd)
        strangers = [Stranger(**row) for row in await self._pool.fetch(_STRANGERS, begins, ends)]
        return people, strangers

    async def review(self, actor: Actor, monday: date, note: str) -> None:
        """Say that a week has been looked at.

        Raises:
            InvalidInputError: the day is no Monday.
            WeekNotOverError: more may come.
            AlreadyReviewedError: somebody has.
        """
        if self._end(monday) > datetime.now(UTC):
            raise WeekNotOverError
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                await connection.execute(
                    "insert into sign_in_reviews (week, reviewed_by, note) values ($1, $2, $3)",
                    monday,
                    actor.user_id,
                    note,
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyReviewedError from None
            detail = {"note": note} if note else None
            await audit.record(connection, actor, "sign_ins.reviewed", of=("week", monday), detail=detail)

    def _begin(self, monday: date) -> datetime:
        if monday.isoweekday() != 1:
            said = {"en": "A week is named by its Monday.", "zh": "请以周一的日期表示一周。"}
            raise InvalidInputError(fields={"week": said})
        return datetime.combine(monday, time(), self._zone)

    def _end(self, monday: date) -> datetime:
        return self._begin(monday + timedelta(days=7))


def _monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)
