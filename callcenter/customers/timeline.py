"""All that happened with a customer, newest first, in one list of pages.

A kind of entry is one `Source`: SQL that reads it by an index, newest first, and no further than a page goes. The pages
are merged from all sources in one statement, so that a page costs the same however long the history is. A new kind
is a new line in `SOURCES`.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from callcenter.clock import moment
from callcenter.db.pool import Executor, Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

MOST_PARTS: Final = 200
"""Records that one record may consist of, its own with them."""


class EntryKind(StrEnum):
    """What an entry tells of."""

    CALL = "call"
    RING_BACK = "ring_back"
    MESSAGE = "message"
    CHANGE = "change"
    MERGE = "merge"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Source:
    """Where entries of a kind come from.

    `sql` selects `at`, `key` (text that orders entries of one moment and names the entry for ever) and `detail`
    (jsonb). `{part}` is the id of a record, `{number}` a number; it has one of the two. `{page}` limits it to a page:
    a condition on `at` and `key`, the order and the limit.
    """

    kind: EntryKind
    sql: str
    at: str
    key: str

    @property
    def by_number(self) -> bool:
        """Whether it is read for each number, and not for each record."""
        return "{number}" in self.sql


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened. `customer_id` is the record that it stands at: the customer's own, or a part of it."""

    kind: EntryKind
    key: str
    at: datetime
    customer_id: int | None
    detail: dict[str, Any]


_CALL: Final = """
    select c.arrived_at, c.call_id, jsonb_build_object(
        'call_id', c.call_id, 'status', c.status, 'rings', c.rings, 'agent_name', u.display_name,
        'direction', case when c.callback_at is not null or t.direction = 'out' then 'out' else 'in' end,
        'waiting_seconds', c.waiting_seconds, 'talking_seconds', c.talking_seconds, 'call_type', c.call_type,
        'notes', c.notes, 'next_step', c.next_step, 'answered', c.answered_at is not null)
    from (select * from calls c where {where} {page}) c
        left join users u on u.user_id = c.agent_id left join call_types t on t.code = c.call_type
"""
_RING_BACK: Final = """
    select r.first_at, lpad(r.ring_back_id::text, 19, '0'), jsonb_build_object(
        'ring_back_id', r.ring_back_id, 'kind', r.kind, 'state', r.state, 'call_id', r.call_id,
        'call_count', r.call_count, 'done_at', (extract(epoch from r.done_at) * 1000)::bigint,
        'done_by', u.display_name, 'done_note', r.done_note, 'answered_by_call', r.answered_by_call)
    from (select * from ring_backs r where {where} {page}) r left join users u on u.user_id = r.done_by
"""
_CHANGE: Final = """
    select h.at, lpad(h.change_id::text, 19, '0'),
        jsonb_build_object('kind', h.kind, 'by', u.display_name, 'detail', h.detail - 'kept')
    from (select * from customer_changes h where {where} {page}) h left join users u on u.user_id = h.by_user
"""
_BY_RING_BACK: Final = ("r.first_at", "lpad(r.ring_back_id::text, 19, '0')")
_BY_CHANGE: Final = ("h.at", "lpad(h.change_id::text, 19, '0')")


def _of(sql: str, where: str) -> str:
    """`sql` with the rows that it reads: a page of them is taken before anything is looked up for each."""
    return sql.replace("{where}", where)


SOURCES: Final = (
    Source(EntryKind.CALL, _of(_CALL, "c.customer_id = {part}"), "c.arrived_at", "c.call_id"),
    Source(
        EntryKind.CALL,
        _of(_CALL, "c.customer_id is null and c.caller_number = {number}"),
        "c.arrived_at",
        "c.call_id",
    ),
    Source(EntryKind.RING_BACK, _of(_RING_BACK, "r.customer_id = {part}"), *_BY_RING_BACK),
    Source(EntryKind.RING_BACK, _of(_RING_BACK, "r.customer_id is null and r.number = {number}"), *_BY_RING_BACK),
    Source(
        EntryKind.MESSAGE,
        """
        select m.recorded_at, m.call_id, jsonb_build_object(
            'call_id', m.call_id, 'seconds', m.seconds, 'heard_by', u.display_name,
            'heard_at', (extract(epoch from m.heard_at) * 1000)::bigint)
        from messages m left join calls c on c.call_id = m.call_id left join users u on u.user_id = m.heard_by
        where m.number = {number} and (c.customer_id is null or c.customer_id = any($1)) {page}
        """,
        "m.recorded_at",
        "m.call_id",
    ),
    Source(
        EntryKind.CHANGE,
        _of(_CHANGE, "h.customer_id = {part} and h.kind not in ('merged', 'split', 'file')"),
        *_BY_CHANGE,
    ),
    Source(EntryKind.MERGE, _of(_CHANGE, "h.customer_id = {part} and h.kind in ('merged', 'split')"), *_BY_CHANGE),
    Source(EntryKind.FILE, _of(_CHANGE, "h.customer_id = {part} and h.kind = 'file'"), *_BY_CHANGE),
)

PARTS: Final = f"""
    with recursive parts as (
        select $1::bigint as customer_id
        union
        select c.customer_id from customers c join parts p on c.merged_into = p.customer_id
    )
    select customer_id from parts limit {MOST_PARTS}
"""  # noqa: S608 (a constant)
_PAGE: Final = """
    and {at} <= $3 and ({at}, '{kind}'::text, {key}) < ($3, $4, $5)
    order by {at} desc fetch first ($6) rows with ties
"""
# Ordered as the index is, so that no more than a page is read; entries of the last moment come all, for the order
# of the keys.
_NEWEST: Final = (datetime(9999, 1, 1, tzinfo=moment(0).tzinfo), "", "")


def page_sql(kinds: frozenset[EntryKind]) -> str:
    """The statement of a page: $1 the records, $2 the numbers, $3 to $5 the entry before the page, $6 how many."""
    wanted = "\n    union all\n".join(_part_sql(source) for source in SOURCES if not kinds or source.kind in kinds)
    return f"""
    select * from (
    {wanted}
    ) as entries (kind, customer_id, at, key, detail)
    where $1::bigint[] is not null and $2::text[] is not null
    order by at desc, kind desc, key desc limit $6
    """  # noqa: S608 (of constants)


def _part_sql(source: Source) -> str:
    page = _PAGE.format(at=source.at, kind=source.kind, key=source.key)
    inner = source.sql.format(part="part.id", number="part.id", page=page)
    places, record = ("$2::text[]", "null::bigint") if source.by_number else ("$1::bigint[]", "part.id")
    return f"""
    (select '{source.kind}'::text, {record}, found.* from unnest({places}) as part (id)
        cross join lateral ({inner}) as found (at, key, detail))
    """  # noqa: S608 (of constants)


async def parts_of(executor: Executor, customer_id: int) -> list[int]:
    """The record with all that are part of it, at any depth; its own id is there even where there is no record."""
    return [row["customer_id"] for row in await executor.fetch(PARTS, customer_id)]


class Timeline:
    """Reads timelines."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, actor: Actor, customer_id: int, *, kinds: frozenset[EntryKind], cursor: str, limit: int
    ) -> tuple[list[Entry], str | None]:
        """A page of entries, newest first (those of some `kinds`; none: of all), and the cursor of the next page.

        That somebody looked is audited, once for all pages.

        Raises:
            NotFoundError: there is no such customer.
            InvalidInputError: the cursor is not one of ours.
        """
        at, kind, key = _from_cursor(cursor) if cursor else _NEWEST
        async with self._pool.acquire() as connection:
            parts = await parts_of(connection, customer_id)
            numbers = await connection.fetchval(
                """select array(select number from customer_numbers where customer_id = any($1))
                from customers where customer_id = $2 and erased_at is null""",
                parts,
                customer_id,
            )
            if numbers is None:
                raise NotFoundError
            found = await connection.fetch(page_sql(kinds), parts, numbers, at, kind, key, limit + 1)
            if not cursor:
                await audit.record(connection, actor, "customer.timeline_read", of=("customer", customer_id))
        entries = [
            Entry(EntryKind(row["kind"]), row["key"], row["at"], row["customer_id"], row["detail"]) for row in found
        ]
        return entries[:limit], _to_cursor(entries[limit - 1]) if len(entries) > limit else None


def _to_cursor(last: Entry) -> str:
    text = f"{round(last.at.timestamp() * 1_000_000)} {last.kind} {last.key}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, kind, key = text.split(" ", 2)
        if "\0" in text:
            raise ValueError
        return moment(int(at) // 1000).replace(microsecond=int(at) % 1_000_000), str(EntryKind(kind)), key
    except (ValueError, binascii.Error, OverflowError, OSError):
        said = {"en": "Not a page of this list. Load the list anew.", "zh": "页码无效，请重新加载列表。"}
        raise InvalidInputError(fields={"before": said}) from None


def kinds_of(text: str) -> frozenset[EntryKind]:
    """The kinds that a comma-separated list names; unknown ones are left out."""
    known: Sequence[EntryKind] = tuple(EntryKind)
    return frozenset(kind for kind in known if kind in text.split(","))
