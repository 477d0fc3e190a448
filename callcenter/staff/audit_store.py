"""Reading the audit log: pages by keyset, each under 100 ms however long the log is.

The most selective of what is asked for leads through an index; the rest is compared line by line, newest first, for as
long as a page may take. A page may so be short, or empty, and yet say where to go on.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.db.pool import Connection, Pool

LOOKED_AT: Final = 2_000
"""Lines that are looked at together."""
LOOKING_SECONDS: Final = 0.04
"""So long a page goes on to look at more of them."""


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
_LOOKED: Final = """
select * from audit_log
where {lead} and (at, audit_id) < ($8, $9) and at >= $7
order by at desc, audit_id desc limit {most}
"""
_PAGE: Final = """
select f.*, u.display_name from (
    select * from ({looked}) looked
    where ($1::bigint is null or user_id = $1) and ($2 = '' or lower(username) = lower($2))
        and ($3 = '' or action = $3) and ($4 = '' or object_kind = $4) and ($5 = '' or object_id = $5)
        and ($6 = '' or strpos(lower(concat_ws(' ', detail::text, object_id, username, address)), lower($6)) > 0)
    limit $10
) f left join users u using (user_id)
order by f.at desc, f.audit_id desc
"""
_LAST_LOOKED_AT: Final = """
select at, audit_id from ({looked}) looked
where $1::bigint is null or $2 = $2 or $3 = $3 or $4 = $4 or $5 = $5 or $6 = $6
offset {most} - 1
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
    place = before or Place(_NEVER, 0)
    if wanted.until is not None and wanted.until <= place.at:
        place = Place(wanted.until, 0)
    lines: list[Line] = []
    give_up_at = time.monotonic() + LOOKING_SECONDS
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        # A plan for any question would lead through the wrong index.
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        while True:
            found, looked_to = await _look(connection, wanted, place, limit + 1 - len(lines))
            lines += found
            if len(lines) > limit:
                last = lines[limit - 1]
                return Page(lines[:limit], Place(last.at, last.audit_id), None)
            if looked_to is None:
                return Page(lines, None, None)
            if time.monotonic() > give_up_at:
                return Page(lines, looked_to, looked_to.at)
            place = looked_to


async def _look(connection: Connection, wanted: Wanted, place: Place, most: int) -> tuple[list[Line], Place | None]:
    """At most so many lines among the next `LOOKED_AT`, and where those end; None: there are no more, or enough were
    found before.
    """
    looked = _LOOKED.format(lead=_LEADS[_lead(wanted)], most=LOOKED_AT)
    values = (
        wanted.user_id,
        wanted.username,
        wanted.action,
        wanted.object_kind,
        wanted.object_id,
        wanted.text,
        wanted.since or _EVER,
        place.at,
        place.audit_id,
    )
    rows = await connection.fetch(_PAGE.format(looked=looked), *values, most)
    lines = [_line(row) for row in rows]
    if len(lines) == most:
        return lines, None
    last = await connection.fetchrow(_LAST_LOOKED_AT.format(looked=looked, most=LOOKED_AT), *values)
    return lines, Place(last["at"], last["audit_id"]) if last else None


def _line(row: Any) -> Line:
    fields = {name: row[name] for name in Line.__dataclass_fields__}
    return Line(**fields)
