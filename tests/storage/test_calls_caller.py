"""What a card says of a caller's earlier calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcenter.calls.caller import CallerLookup
from callcenter.calls.store import calls_of_customers, calls_of_number
from callcenter.customers.service import Customers
from callcenter.db.pool import Pool

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
