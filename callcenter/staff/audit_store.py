"""Reading the audit log: pages by keyset, each under 100 ms however long the log is.

The most selective of what is asked for leads through an index; the rest is compared line by line, newest first, in at
most `LOOKED_AT` lines a page. A page may so be short, or empty, and yet say where to go on.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.db.pool import Connection, Pool

LOOKED_AT: Final = 10_000
"""Lines that a page looks at, at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line's place in the log: older ones come after it."""

    at: datetime
    audit_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None and "" are anything. `text` is a part of the details, the object's id, the username or
    the address, in any case of letters.
    """

    user_id: int | None = None
    username: str = ""
    action: str = ""
    object_kind: str = ""
    object_id: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit log."""

    audit_id: int
    at: datetime
    user_id: int | None
    username: str
    display_name: str | None
    action: str
    object_kind: str
    object_id: str
    detail: dict[str, Any]
    address: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines, and where to go on; None: that was all. `looked_back_to` is how far it was looked."""

    lines: list[Line]
    next: Place | None
    looked_back_to: datetime | None


_LEADS: Final = {
    "object": "object_kind = $4 and object_id = $5",
    "user": "user_id = $1",
    "action": "action = $3",
    "time": "true",
}
_PAGE: Final = """
with looked as materialized (
    select * from audit_log
    where {lead} and (at, audit_id) < ($9, $10) and at >= $7 and at < $8
    order by at desc, audit_id desc limit $11
), found as (
    select * from looked
    where ($1::bigint is null or user_id = $1) and ($2 = '' or lower(username) = lower($2))
        and ($3 = '' or action = $3) and ($4 = '' or object_kind = $4) and ($5 = '' or object_id = $5)
        and ($6 = '' or strpos(lower(concat_ws(' ', detail::text, object_id, username, address)), lower($6)) > 0)
    order by at desc, audit_id desc limit $12
)
select f.*, u.display_name, (select count(*) from looked) as looked,
    (select at from looked order by at, audit_id limit 1) as oldest_at,
    (select audit_id from looked order by at, audit_id limit 1) as oldest_id
from (select 1) one left join found f on true left join users u on u.user_id = f.user_id
order by f.at desc, f.audit_id desc
"""
_EVER: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_NEVER: Final = datetime.fromisoformat("3000-01-01T00:00:00+00:00")


def _lead(wanted: Wanted) -> str:
    if wanted.object_kind and wanted.object_id:
        return "object"
    if wanted.user_id is not None:
        return "user"
    return "action" if wanted.action else "time"


async def find(pool: Pool, wanted: Wanted, *, before: Place | None, limit: int) -> Page:
    """Lines that are so, the newest first, after the place `before`."""
    place = before or Place(_NEVER, 2**63 - 1)
    query = _PAGE.format(lead=_LEADS[_lead(wanted)])
    async with pool.acquire() as connection:
        rows = await _fetch(
            connection,
            query,
            wanted.user_id,
            wanted.username,
            wanted.action,
            wanted.object_kind,
            wanted.object_id,
            wanted.text,
            wanted.since or _EVER,
            wanted.until or _NEVER,
            place.at,
            place.audit_id,
            LOOKED_AT,
            limit + 1,
        )
    lines = [_line(row) for row in rows if row["audit_id"] is not None]
    if len(lines) > limit:
        last = lines[limit - 1]
        return Page(lines[:limit], Place(last.at, last.audit_id), last.at)
    looked, oldest_at = rows[0]["looked"], rows[0]["oldest_at"]
    further = Place(oldest_at, rows[0]["oldest_id"]) if looked == LOOKED_AT else None
    return Page(lines, further, oldest_at if further else None)


async def _fetch(connection: Connection, query: str, *values: Any) -> list[Any]:
    """One statement, planned for what is asked now: a plan for any question would lead through the wrong index."""
    async with connection.transaction(readonly=True):
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        return list(await connection.fetch(query, *values))


def _line(row: Any) -> Line:
    fields = {name: row[name] for name in Line.__dataclass_fields__}
    return Line(**fields)
