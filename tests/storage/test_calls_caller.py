"""What a card says of a caller's earlier calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcenter.calls.caller import CallerLookup
from callcenter.calls.store import add_events, calls_of_customers, calls_of_number, events_of
from callcenter.customers.service import Customers
from callcenter.customers.store import find_by_number
from callcenter.db.pool import Pool, create_pool
from callcenter.events import Kind, event_at
from callcenter.settings import Settings

NOW = datetime.now(tz=UTC)
NUMBER, LANDLINE = "+8613800138000", "+8657188880000"


@pytest.fixture
async def ids(pool: Pool) -> dict[str, int]:
    """An agent who has left, and one who has not; a customer with a number, and one with the same landline."""
    found = {}
    for name in ("gone", "alice"):
        found[name] = await pool.fetchval(
            """insert into users (username, display_name, role, password_hash, disabled)
            values ($1, $1, 'agent', '', $1 = 'gone') returning user_id""",
            name,
        )
    for name, numbers in (("one", [NUMBER, LANDLINE]), ("two", [LANDLINE])):
        found[name] = await pool.fetchval("insert into customers (name) values ($1) returning customer_id", name)
        await pool.executemany(
            "insert into customer_numbers (customer_id, number) values ($1, $2)",
            [(found[name], one) for one in numbers],
        )
    return found


async def add(pool: Pool, place: int, days: float, number: str | None = None, **told: Any) -> str:
    """A call that came so many days ago; its id."""
    call_id = f"node1-1763780000.{place}"
    row = {"call_id": call_id, "node": "node1", "status": "answered", "arrived_at": NOW - timedelta(days=days)}
    row |= {"caller_number": number, **told}
    if "agent_id" in told:
        row["answered_at"] = row["arrived_at"]
    await pool.execute(
        f"insert into calls ({', '.join(row)}) values ({', '.join(f'${n + 1}' for n in range(len(row)))})",
        *row.values(),
    )
    return call_id


def looked_up(pool: Pool) -> CallerLookup:
    return CallerLookup(pool, Customers(pool), lambda _: False, "CN")


async def test_a_stranger_s_calls_are_on_his_card(pool: Pool, ids: dict[str, int]) -> None:
    assert (await calls_of_number(pool, "+8613900139000", 5)).has_customers is False
    await add(pool, 1, 70, "+8613900139000", agent_id=ids["alice"])
    await add(pool, 2, 40, "+8613900139000", agent_id=ids["gone"], call_type="complaint")
    await add(pool, 3, 0.5, "+8613900139000", status="abandoned")
    await pool.execute(
        "insert into ring_backs (number, call_id, first_at, last_at) values ('+8613900139000', 'x', now(), now())"
    )
    card = await looked_up(pool).card("13900139000", "")
    assert [(one["status"], one["agent_name"]) for one in card["recent_calls"]] == [
        ("abandoned", None),
        ("answered", "gone"),
        ("answered", "alice"),
    ]
    assert (card["kinds"], card["calls_in_day"], card["owner_agent"]) == (["repeat"], 1, None)
    assert card["ring_back_id"] is not None


async def test_calls_of_all_who_share_a_number_are_on_its_card_once(pool: Pool, ids: dict[str, int]) -> None:
    first = await add(pool, 1, 9, NUMBER, customer_id=ids["one"], agent_id=ids["gone"])
    second = await add(pool, 2, 8, LANDLINE, customer_id=ids["two"], agent_id=ids["alice"], next_step="callback")
    third = await add(pool, 3, 7, LANDLINE, notes="问物业费")
    other = await add(pool, 4, 6, "+8613900139000", customer_id=ids["one"])
    card = await looked_up(pool).card("057188880000", "")
    assert [one["call_id"] for one in card["recent_calls"]] == [other, third, second, first]
    assert card["recent_calls"][1]["notes"] == "问物业费"
    assert sorted(one["name"] for one in card["customers"]) == ["one", "two"]
    assert (card["kinds"], card["owner_agent"]) == (["open_case", "owned"], ids["alice"])


async def test_the_newest_fifty_are_looked_at_and_the_newest_read_in_full(pool: Pool, ids: dict[str, int]) -> None:
    for place in range(60):
        customer_id = ids["one" if place % 2 else "two"]
        await add(pool, place, 1 + place, LANDLINE, customer_id=customer_id, notes=f"{place}")
    of_number = (await calls_of_number(pool, LANDLINE, 5)).calls
    of_customers = await calls_of_customers(pool, [ids["one"], ids["two"]], 5)
    for calls in (of_number, of_customers):
        newest = sorted(calls, key=lambda call: call.arrived_at, reverse=True)
        assert [call.call_id for call in newest] == [f"node1-1763780000.{place}" for place in range(50)]
        assert [call.notes for call in newest[:6]] == ["0", "1", "2", "3", "4", None]
    assert await calls_of_customers(pool, [ids["one"] + 10**6], 5) == []


async def test_what_each_call_asks_is_planned_once_and_goes_by_indices(pool: Pool, ids: dict[str, int]) -> None:
    """However often some numbers ring: PostgreSQL would else plan anew for each number that rings seldom."""
    await pool.execute(
        """
        insert into customers (name) select 'customer' from generate_series(1, 3000);
        insert into customer_numbers (customer_id, number) select customer_id, '+86139' || customer_id from customers;
        insert into calls (call_id, node, status, arrived_at, caller_number, customer_id)
            select 'node1-1763780000.' || customer_id, 'node1', 'answered', now(), '+86138' || customer_id % 20,
                customer_id
            from customers;
        """
    )
    await pool.execute("analyze calls, customers, customer_numbers")
    async with pool.acquire() as connection:
        for _ in range(8):
            await calls_of_number(connection, "+8613900139000", 5)
            await calls_of_customers(connection, [ids["two"]], 5)
            await find_by_number(connection, "+8613900139000")
        planned = await connection.fetch(
            """select name, generic_plans, cardinality(parameter_types) as values from pg_prepared_statements
            where statement like $1""",
            "%(select $1::%",
        )
        assert [row["generic_plans"] for row in planned] == [3, 3, 3]
        plans = ""
        for row in planned:
            values = ", ".join(["null"] * row["values"])
            plans += str(await connection.fetch(f"explain execute {row['name']} ({values})"))
    assert all(index in plans for index in ("calls_number", "calls_customer", "customer_numbers_pkey"))
    assert not any(f"Seq Scan on {table}" in plans for table in ("calls", "customer_numbers"))


async def test_what_was_planned_for_little_goes_by_indices_when_there_is_much(database_url: str, pool: Pool) -> None:
    """A new hotline's first calls, and the first of a month, find almost empty tables."""
    by_index = await create_pool(Settings(database_url=database_url), by_index=True)
    try:
        async with by_index.acquire() as connection:
            await connection.execute("set plan_cache_mode = force_generic_plan")  # as it is after some batches
            await add_events(connection, [event_at("node1-1763780000.1", Kind.ARRIVED, 1_763_780_000_000)])
            await connection.execute("analyze call_events")
            await events_of(connection, ["node1-1763780000.1"])
            name = await connection.fetchval(
                "select name from pg_prepared_statements where statement like $1", "%call_id = any($1)%"
            )
            plan = str(await connection.fetch(f"explain execute {name} (null, null)"))
    finally:
        await by_index.close()
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan
