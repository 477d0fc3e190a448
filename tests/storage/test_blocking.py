"""Blocked callers: by whom, why, until when; found in any form of the number; over when their time is over."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callcenter.clock import now_ms
from callcenter.db.pool import create_pool
from callcenter.hotline import Hotline
from callcenter.settings import Settings
from callcenter.tasks import ended
from tests.storage.house import House, open_house
from tests.waiting import until

API = "/api/v1/blocked-callers"
HOUR_MS = 3_600_000


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


async def block(house: House, number: str, reason: str = "骚扰电话", **fields: Any) -> tuple[int, Any]:
    return await house.ask("POST", API, by="super", json={"number": number, "reason": reason} | fields)


async def listed(house: House) -> list[dict[str, Any]]:
    status, rows = await house.ask("GET", API, by="super")
    assert status == 200
    return list(rows)


async def test_a_number_is_blocked_in_any_form_and_let_through_again(house: House, pool: Any) -> None:
    status, made = await block(house, "138 0013-8000")
    assert status == 201
    assert (made["number"], made["number_display"], made["created_by"]) == ("+8613800138000", "138 0013 8000", "Super")
    assert (made["blocked_until"], made["expired"]) == (None, False)
    assert await listed(house) == [made]
    assert house.hotline.blocking.refuses("+8613800138000")
    assert (await house.ask("DELETE", f"{API}/+86%20138-0013-8000", by="admin"))[0] == 204
    assert await listed(house) == []
    assert not house.hotline.blocking.refuses("+8613800138000")
    assert (await house.ask("DELETE", f"{API}/13800138000", by="super"))[0] == 404
    rows = await pool.fetch("select action, username, object_id, detail from audit_log where object_kind = 'number'")
    assert [(row["action"], row["username"], row["object_id"]) for row in rows] == [
        ("caller.blocked", "super", "+8613800138000"),
        ("caller.unblocked", "admin", "+8613800138000"),
    ]
    assert rows[0]["detail"] == {"reason": "骚扰电话", "until": None}


async def test_a_block_ends_by_itself_and_is_shown_as_over(house: House) -> None:
    now = now_ms()
    _, made = await block(house, "95588", blocked_until=now + HOUR_MS)
    assert (made["number"], made["blocked_until"], made["expired"]) == ("95588", now + HOUR_MS, False)
    blocking = house.hotline.blocking
    assert blocking.refuses("95588")
    house.hotline.clock = blocking._clock = lambda: now + HOUR_MS
    assert not blocking.refuses("95588")
    assert [one["expired"] for one in await listed(house)] == [True]


async def test_blocking_again_sets_another_reason_and_time(house: House) -> None:
    await block(house, "13800138000")
    status, _ = await block(house, "+86 13800138000", "恶意投诉", blocked_until=now_ms() + HOUR_MS)
    assert status == 201
    assert [(one["reason"], one["blocked_until"] is None) for one in await listed(house)] == [("恶意投诉", False)]


async def test_the_latest_comes_first(house: House) -> None:
    for number in ("95588", "95566", "10086"):
        await block(house, number)
    assert [one["number"] for one in await listed(house)] == ["10086", "95566", "95588"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"number": "13800138000", "reason": "  "}, "reason"),
        ({"number": "13800138000"}, "reason"),
        ({"number": "13800138000", "reason": "x" * 201}, "reason"),
        ({"number": "anonymous", "reason": "x"}, "number"),
        ({"number": "'; drop table users; --", "reason": "x"}, "number"),
        ({"number": "", "reason": "x"}, "number"),
        ({"number": "13800138000", "reason": "x", "blocked_until": 1}, "blocked_until"),
        ({"number": "13800138000", "reason": "x", "blocked_until": "tomorrow"}, "blocked_until"),
        ({"number": "13800138000", "reason": "x", "until": 1}, "until"),
    ],
)
async def test_what_makes_no_sense_is_refused_at_its_field(house: House, body: dict[str, Any], field: str) -> None:
    status, answer = await house.ask("POST", API, by="super", json=body)
    assert (status, list(answer["error"]["fields"])) == (400, [field])
    assert answer["error"]["fields"][field].keys() == {"en", "zh"}
    assert await listed(house) == []


async def test_a_block_stays_when_who_made_it_is_gone(house: House, pool: Any) -> None:
    await block(house, "95588")
    await pool.execute("delete from users where username = 'super'")
    _, rows = await house.ask("GET", API, by="admin")
    assert [(one["number"], one["created_by"]) for one in rows] == [("95588", None)]


async def test_a_block_holds_at_once_in_every_replica_and_while_postgresql_is_away(
    house: House, pool: Any, redis: Any
) -> None:
    other = Hotline(Settings(ari_url="http://127.0.0.1:1"), pool, redis)
    listening = asyncio.create_task(other.roster.listen(other.take_settings))
    try:
        await until(lambda: _listens(redis))
        await block(house, "13800138000")
        await until(lambda: _is_blocked(other, "13800138000"), seconds=1)
    finally:
        await ended([listening])
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    other.blocking._pool = other.callers._pool = gone
    await other.blocking.reload()
    assert await _is_blocked(other, "13800138000")
    assert not await _is_blocked(other, "13800138001")


async def _listens(redis: Any) -> bool:
    return bool((await redis.pubsub_numsub("cc:config"))[0][1])


async def _is_blocked(hotline: Hotline, number: str) -> bool:
    return bool((await hotline.callers.card(number, ""))["blocked"])
