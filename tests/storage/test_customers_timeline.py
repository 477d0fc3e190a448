"""A customer's timeline in a real PostgreSQL: every source, the order, the pages, the indices."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from callcenter.customers.model import CustomerNumber, Draft
from callcenter.customers.service import Customers
from callcenter.customers.timeline import Entry, EntryKind, Timeline, page_sql
from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff.model import Actor

ALICE = Actor(None, "alice", "127.0.0.1")
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
NUMBER = "+8613800137001"


@pytest.fixture
def timeline(pool: Pool) -> Timeline:
    return Timeline(pool)


async def a_customer(pool: Pool, *numbers: str, name: str = "王小明") -> int:
    """A customer of whom nothing is told yet, not even that his record was made."""
    made = await Customers(pool).create(ALICE, Draft(name, numbers=[CustomerNumber(one) for one in numbers]))
    await pool.execute("delete from customer_changes where customer_id = $1", made.customer_id)
    return made.customer_id


async def a_call(pool: Pool, n: int, customer_id: int | None, number: str | None = NUMBER, **fields: Any) -> str:
    """The n-th call, n minutes after the start."""
    at = START + timedelta(minutes=n)
    columns = {
        "call_id": f"node1-{int(at.timestamp())}.{n}",
        "node": "node1",
        "customer_id": customer_id,
        "caller_number": number,
        "status": "answered",
        "arrived_at": at,
        "answered_at": at,
    } | fields
    places = ", ".join(f"${place + 1}" for place in range(len(columns)))
    await pool.execute(f"insert into calls ({', '.join(columns)}) values ({places})", *columns.values())
    return str(columns["call_id"])


async def everything(pool: Pool, customer_id: int) -> None:
    """One entry of every source."""
    await a_call(pool, 1, customer_id, notes="问物业费", call_type="enquiry", rings=2)
    await a_call(pool, 2, None, notes="还没有档案")
    at = [START + timedelta(minutes=n) for n in range(20)]
    await pool.execute(
        """insert into ring_backs (number, customer_id, call_id, first_at, last_at, state, done_at, done_note)
        values ($1, $2, 'node1-1.1', $3, $3, 'done', $4, '已回电'), ($1, null, 'node1-1.2', $4, $4, 'done', $4, '')""",
        NUMBER, customer_id, at[3], at[4],
    )  # fmt: skip
    call_id = await a_call(pool, 5, customer_id, status="message", answered_at=None)
    await pool.execute(
        "insert into messages (call_id, number, seconds, recording, recorded_at) values ($1, $2, 8, '', $3)",
        call_id, NUMBER, at[6],
    )  # fmt: skip
    for minute, kind in ((7, "changed"), (8, "file"), (9, "split")):
        await pool.execute(
            "insert into customer_changes (customer_id, at, kind, detail) values ($1, $2, $3, $4)",
            customer_id, at[minute], kind, {"vip": [False, True], "kept": "for a split alone"},
        )  # fmt: skip


async def all_pages(timeline: Timeline, customer_id: int, limit: int, **how: Any) -> list[Entry]:
    found: list[Entry] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = await timeline.page(
            ALICE, customer_id, kinds=how.get("kinds", frozenset()), cursor=cursor, limit=limit
        )
        assert len(page) == limit or cursor is None
        found += page
    return found


def minutes(entries: list[Entry]) -> list[tuple[str, int]]:
    return [(one.kind, int((one.at - START).total_seconds() // 60)) for one in entries]


ALL = [
    ("merge", 9), ("file", 8), ("change", 7), ("message", 6), ("call", 5), ("ring_back", 4), ("ring_back", 3),
    ("call", 2), ("call", 1),
]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 50])
async def test_every_source_stands_in_one_order_whatever_the_pages(timeline: Timeline, pool: Pool, limit: int) -> None:
    customer_id = await a_customer(pool, NUMBER)
    await everything(pool, customer_id)
    await everything_of_somebody_else(pool)
    found = await all_pages(timeline, customer_id, limit)
    assert minutes(found) == ALL
    assert len({(one.kind, one.key) for one in found}) == len(found)


async def everything_of_somebody_else(pool: Pool) -> None:
    other = await a_customer(pool, "+8613800137002", NUMBER, name="张三")
    call_id = await a_call(pool, 11, other, call_id="node1-1.11", status="message")
    await pool.execute(
        "insert into messages (call_id, number, seconds, recording, recorded_at) values ($1, $2, 8, '', $3)",
        call_id, NUMBER, START,
    )  # fmt: skip
    await pool.execute("insert into customer_changes (customer_id, kind) values ($1, 'created')", other)


async def test_entries_of_one_moment_are_paged_without_loss(timeline: Timeline, pool: Pool) -> None:
    customer_id = await a_customer(pool, NUMBER)
    for n in range(12):
        await a_call(pool, n, customer_id, arrived_at=START)
        await pool.execute(
            "insert into customer_changes (customer_id, at, kind) values ($1, $2, 'changed')", customer_id, START
        )
    found = await all_pages(timeline, customer_id, 5)
    assert len({(one.kind, one.key) for one in found}) == 24
    keys = [one.key for one in found if one.kind is EntryKind.CHANGE]
    assert keys == sorted(keys, reverse=True), "numbers in their order, ten after nine"


async def test_kinds_are_chosen(timeline: Timeline, pool: Pool) -> None:
    customer_id = await a_customer(pool, NUMBER)
    await everything(pool, customer_id)
    found = await all_pages(timeline, customer_id, 2, kinds=frozenset({EntryKind.RING_BACK, EntryKind.FILE}))
    assert minutes(found) == [("file", 8), ("ring_back", 4), ("ring_back", 3)]
    for kind in EntryKind:
        alone = await all_pages(timeline, customer_id, 2, kinds=frozenset({kind}))
        assert minutes(alone) == [one for one in ALL if one[0] == kind]


async def test_what_an_entry_tells(timeline: Timeline, pool: Pool) -> None:
    customer_id = await a_customer(pool, NUMBER)
    await everything(pool, customer_id)
    found = await all_pages(timeline, customer_id, 50)
    by_minute = {minute: one for one, (_, minute) in zip(found, minutes(found), strict=True)}
    assert by_minute[1].detail["notes"] == "问物业费"
    assert (by_minute[1].detail["rings"], by_minute[1].detail["direction"]) == (2, "in")
    assert by_minute[3].detail["done_note"] == "已回电"
    assert by_minute[6].detail["seconds"] == 8
    assert by_minute[7].detail["detail"] == {"vip": [False, True]}, "what only a split needs is not told"


async def test_calls_of_merged_parts_are_there(timeline: Timeline, pool: Pool) -> None:
    kept, part = await a_customer(pool), await a_customer(pool, NUMBER)
    deeper = await a_customer(pool)
    await pool.execute("update customers set merged_into = $2 where customer_id = $1", part, kept)
    await pool.execute("update customers set merged_into = $2 where customer_id = $1", deeper, part)
    await a_call(pool, 1, part)
    await a_call(pool, 2, deeper)
    assert [one.customer_id for one in await all_pages(timeline, kept, 1)] == [deeper, part]


@pytest.mark.parametrize("cursor", ["x", "bm90IG91cnM", "MTIgeCB5", "-", "=", "\0"])
async def test_a_cursor_that_is_not_ours_is_refused(timeline: Timeline, pool: Pool, cursor: str) -> None:
    customer_id = await a_customer(pool)
    with pytest.raises(InvalidInputError):
        await timeline.page(ALICE, customer_id, kinds=frozenset(), cursor=cursor, limit=5)


async def test_nobody_has_no_timeline_and_looking_is_audited_once(timeline: Timeline, pool: Pool) -> None:
    with pytest.raises(NotFoundError):
        await timeline.page(ALICE, 999, kinds=frozenset(), cursor="", limit=5)
    customer_id = await a_customer(pool, NUMBER)
    await everything(pool, customer_id)
    await all_pages(timeline, customer_id, 2)
    assert await pool.fetchval("select count(*) from audit_log where action = 'customer.timeline_read'") == 1


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(step for child in plan.get("Plans", []) for step in nodes(child))]


async def test_no_source_reads_more_than_a_page(timeline: Timeline, pool: Pool) -> None:
    """Of a customer with 5,000 calls among 20,000, a page reads a page of each source, by an index."""
    customer_id = await a_customer(pool, NUMBER)
    await pool.execute(
        """
        insert into calls (call_id, node, customer_id, caller_number, status, arrived_at)
        select 'node1-1.' || n, 'node1', case when n % 4 = 0 then $1::bigint end, '+86138' || n % 97, 'answered',
            $2::timestamptz + make_interval(secs => n) from generate_series(1, 20000) n
        """,
        customer_id,
        START,
    )
    await pool.execute(
        """
        insert into customer_changes (customer_id, at, kind)
        select $1, $2::timestamptz + make_interval(secs => n), 'changed' from generate_series(1, 3000) n
        """,
        customer_id,
        START,
    )
    await pool.execute(
        """
        with others as (
            insert into customers (name) select 'n' || n from generate_series(1, 20000) n returning customer_id
        ), changes as (
            insert into customer_changes (customer_id, kind) select customer_id, 'created' from others
        ), tasks as (
            insert into ring_backs (number, customer_id, call_id, first_at, last_at, state, done_at)
            select '+8613' || customer_id, case when customer_id % 2 = 0 then customer_id end, 'node1-2.1', now(),
                now(), 'done', now() from others
        )
        insert into messages (call_id, number, seconds, recording, recorded_at)
        select 'node1-3.' || customer_id, '+8613' || customer_id, 5, '', now() from others
        """
    )
    await pool.execute("analyze")
    arguments = [[customer_id], [NUMBER], START + timedelta(seconds=15000), "call", "node1-1.15000", 31]
    async with pool.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        plan = await connection.fetchval(f"explain (analyze, format json) {page_sql(frozenset())}", *arguments)
    steps = nodes(orjson.loads(plan)[0]["Plan"])
    read = [(one["Relation Name"], one["Node Type"], one["Actual Rows"]) for one in steps if "Relation Name" in one]
    big = [one for one in read if one[0] in {"calls", "customer_changes", "ring_backs", "messages"}]
    assert big
    assert not [one for one in big if "Seq Scan" in one[1]], big
    assert max(rows for _, _, rows in big) <= 40, big


async def test_the_making_of_a_record_is_told(timeline: Timeline, pool: Pool) -> None:
    made = await Customers(pool).create(ALICE, Draft("王小明"))
    (told,) = await all_pages(timeline, made.customer_id, 10)
    assert (told.kind, told.detail["kind"]) == (EntryKind.CHANGE, "created")
