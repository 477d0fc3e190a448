"""Passwords that age, accounts that nobody uses, the weekly review of sign-ins, and the audit log as it is read."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callcenter.staff import audit_store
from callcenter.staff.errors import PasswordExpiredError
from callcenter.staff.model import Role
from tests.storage.house import House, open_house

BROWSER = "192.0.2.7"


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        await house.hotline.role_work.reload()
        yield house


async def set_safety(house: House, **changes: Any) -> None:
    """Set it as an administrator does."""
    _, shown = await house.ask("GET", "/api/v1/safety", by="admin")
    status, said = await house.ask("PUT", "/api/v1/safety", by="admin", json=shown["safety"] | changes)
    assert status == 204, said


async def sign_in(house: House, username: str, password: str = "") -> dict[str, str]:
    """The headers of somebody who has signed in by his password."""
    token, session = await house.hotline.staff.sign_in(username, password or house.passwords[username], BROWSER)
    return {"Cookie": f"cc_session={token}", "X-CSRF-Token": session.csrf_token}


async def age(house: House, username: str, days: int) -> None:
    """His password is so many days old."""
    sql = "update users set password_changed_at = now() - make_interval(days => $2) where username = $1"
    await house.hotline.pool.execute(sql, username, days)


# -- passwords -----------------------------------------------------------------------------------------


async def test_by_default_no_password_ages(house: House) -> None:
    await age(house, "alice", 3000)
    headers = await sign_in(house, "alice")
    _, session = await house.ask("GET", "/api/v1/session", headers=headers)
    assert session["password"] == {"must_change": False, "expires_at": None, "shortest": 9, "history": 5}


async def test_an_old_password_is_changed_before_anything_else(house: House) -> None:
    await set_safety(house, password_days=15)
    await age(house, "alice", 16)
    headers = await sign_in(house, "alice")
    _, session = await house.ask("GET", "/api/v1/session", headers=headers)
    assert session["password"]["must_change"]
    for method, path in (("GET", "/api/v1/customers"), ("GET", "/api/v1/queues"), ("POST", "/api/v1/desk/state")):
        status, said = await house.ask(method, path, headers=headers, json={} if method == "POST" else None)
        assert (status, said["error"]["id"]) == (403, PasswordExpiredError.error_id)
    status, said = await house.ask("GET", "/api/v1/desk/live?desk_id=d1", headers=headers)
    assert status == 403
    change = {"old_password": house.passwords["alice"], "new_password": "Tr4vel-blue"}
    assert (await house.ask("PUT", "/api/v1/session/password", headers=headers, json=change))[0] == 204
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 200, "the same session goes on"
    _, session = await house.ask("GET", "/api/v1/session", headers=headers)
    assert not session["password"]["must_change"]
    assert session["password"]["expires_at"] > time.time() * 1000 + 14 * 86_400_000


async def test_a_password_that_expires_in_mid_shift_disturbs_nobody(house: House, redis: Any) -> None:
    await set_safety(house, password_days=15)
    headers = await sign_in(house, "alice")
    await age(house, "alice", 16)
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 200
    await redis.flushall()
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 200, "nor when Redis lost the session"


async def test_redis_losing_everything_opens_no_expired_session(house: House, redis: Any) -> None:
    await set_safety(house, password_days=15)
    await age(house, "alice", 16)
    headers = await sign_in(house, "alice")
    await redis.flushall()
    assert (await house.ask("GET", "/api/v1/customers", headers=headers))[0] == 403


async def test_the_last_passwords_are_not_taken_again(house: House) -> None:
    await set_safety(house, password_history=3)
    password, headers = house.passwords["alice"], await sign_in(house, "alice")
    used = [password]

    async def change(to: str) -> tuple[int, Any]:
        body = {"old_password": used[-1], "new_password": to}
        return await house.ask("PUT", "/api/v1/session/password", headers=headers, json=body)

    for n in range(3):
        for old in used[-3:]:
            status, said = await change(old)
            assert (status, list(said["error"]["fields"])) == (400, ["new_password"])
        new = f"Tr4vel-blue-{n}"
        assert (await change(new))[0] == 204
        used.append(new)
    assert (await change(password))[0] == 204, "three others came since"


async def test_what_is_shorter_than_set_is_refused(house: House) -> None:
    await set_safety(house, password_shortest=16)
    headers = await sign_in(house, "alice")
    body = {"old_password": house.passwords["alice"], "new_password": "Tr4vel-blue"}
    status, said = await house.ask("PUT", "/api/v1/session/password", headers=headers, json=body)
    assert (status, said["error"]["fields"]["new_password"]["en"]) == (400, "Use more than 15 characters.")
    _, made = await house.ask("POST", f"/api/v1/agents/{house.ids['alice']}/password", by="admin")
    assert len(made["password"]) == 16


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_given_password_is_changed_at_first_where_that_is_set(house: House, wanted: bool) -> None:
    await set_safety(house, change_given_password=wanted)
    person = {"username": "eve", "display_name": "夏娃", "role": "agent"}
    _, made = await house.ask("POST", "/api/v1/agents", by="admin", json=person)
    headers = await sign_in(house, "eve", made["password"])
    assert (await house.ask("GET", "/api/v1/queues", headers=headers))[0] == (403 if wanted else 200)


async def test_settings_out_of_bounds_are_refused(house: House) -> None:
    _, shown = await house.ask("GET", "/api/v1/safety", by="admin")
    for wrong in ({"password_shortest": 8}, {"password_history": 0}, {"password_days": -1}, {"night_from": 24}):
        assert (await house.ask("PUT", "/api/v1/safety", by="admin", json=shown["safety"] | wrong))[0] == 400
    assert shown["handbook"]["password_days"] == 15
    assert (await house.ask("PUT", "/api/v1/safety", by="super", json=shown["safety"]))[0] == 403


# -- accounts ------------------------------------------------------------------------------------------


async def last_used(house: House, username: str, days: int) -> None:
    """He used his account so many days ago."""
    sql = """
        update users set created_at = now() - interval '1 year',
            last_signed_in_at = now() - make_interval(days => $2)
        where username = $1
    """
    await house.hotline.pool.execute(sql, username, days)


async def test_unused_accounts_are_closed_once_and_by_the_hotline_itself(house: House, pool: Any) -> None:
    await set_safety(house, close_unused_days=90)
    house.phones.known["1001"] = ("browser", None)
    for name, days in (("alice", 91), ("super", 89), ("admin", 400)):
        await last_used(house, name, days)
    await house.hotline.staff.sessions.end_all(house.ids["admin"])
    safety = house.hotline.safety
    assert sum(await asyncio.gather(safety.close_unused(), safety.close_unused())) == 1
    disabled = await pool.fetch("select username from users where disabled")
    assert [row["username"] for row in disabled] == ["alice"], "the last administrator stays"
    assert "1001" not in house.phones.known
    lines = await pool.fetch("select username, detail from audit_log where action = 'account.closed'")
    assert [(row["username"], row["detail"]) for row in lines] == [("callcenter", {"unused_days": 90})]


async def test_who_is_opened_again_has_his_days_anew(house: House) -> None:
    await set_safety(house, close_unused_days=90)
    await last_used(house, "alice", 91)
    assert await house.hotline.safety.close_unused() == 1
    path = f"/api/v1/agents/{house.ids['alice']}"
    _, opened = await house.ask("PATCH", path, by="admin", json={"disabled": False})
    assert opened["closes_at"] > time.time() * 1000 + 89 * 86_400_000
    assert await house.hotline.safety.close_unused() == 0


async def test_who_is_signed_in_all_the_time_uses_his_account(house: House) -> None:
    await set_safety(house, close_unused_days=90)
    await sign_in(house, "alice")
    await last_used(house, "alice", 91)
    assert await house.hotline.safety.close_unused() == 0


async def test_nothing_is_closed_by_default(house: House) -> None:
    await last_used(house, "alice", 3000)
    assert await house.hotline.safety.close_unused() == 0


# -- the weekly review ---------------------------------------------------------------------------------


async def line(house: House, action: str, at: datetime, username: str = "alice", address: str = BROWSER) -> None:
    """A line of the audit log at a moment of the past."""
    await house.hotline.pool.execute(
        "insert into audit_log (at, user_id, username, action, address) values ($1, $2, $3, $4, $5)",
        at,
        house.ids.get(username),
        username,
        action,
        address,
    )


def last_monday() -> date:
    """The Monday of the week before this one, in Shanghai."""
    today = datetime.now(UTC).astimezone(house_zone()).date()
    return today - timedelta(days=today.isoweekday() + 6)


def house_zone() -> ZoneInfo:
    """The department's zone."""
    return ZoneInfo("Asia/Shanghai")


def at(monday: date, day: int, hour: int) -> datetime:
    """An hour of a day of that week."""
    return datetime(monday.year, monday.month, monday.day, hour, tzinfo=house_zone()) + timedelta(days=day)


async def test_a_week_shows_what_wants_a_look(house: House, pool: Any) -> None:
    monday = last_monday()
    await pool.execute("update users set created_at = now() - interval '40 days'")
    await line(house, "session.started", at(monday, -3, 9))
    for day, hour in ((0, 9), (1, 9), (2, 23), (6, 23)):
        await line(house, "session.started", at(monday, day, hour))
    await line(house, "session.started", at(monday, 4, 10), address="198.51.100.9")
    await line(house, "session.started", at(monday, 7, 0))
    await line(house, "session.refused", at(monday, 3, 8), "super")
    await line(house, "session.locked_out", at(monday, 3, 8), "super")
    await line(house, "session.refused", at(monday, 3, 8), "root", "203.0.113.5")
    kind = await pool.fetchval("select kind_id from shift_kinds where code = '3'")
    await pool.execute(
        "insert into shifts (user_id, day, kind_id, starts_at, ends_at) values ($1, $2, $3, $4, $5)",
        house.ids["alice"],
        monday + timedelta(days=6),
        kind,
        at(monday, 6, 22),
        at(monday, 7, 8),
    )
    status, week = await house.ask("GET", f"/api/v1/sign-ins/{monday}", by="admin")
    assert status == 200, week
    people = {one["username"]: one for one in week["people"]}
    alice = people["alice"]
    assert (alice["sign_ins"], alice["failures"], alice["never_used"]) == (5, 0, True)
    assert alice["odd"] == [round(at(monday, 2, 23).timestamp() * 1000)], "at the night of his shift it is not odd"
    assert [(one["address"], one["count"], one["is_new"]) for one in alice["addresses"]] == [
        (BROWSER, 4, False),
        ("198.51.100.9", 1, True),
    ]
    assert (people["super"]["failures"], people["super"]["lock_outs"]) == (1, 1)
    assert [(one["username"], one["address"]) for one in week["strangers"]] == [("root", "203.0.113.5")]


async def test_a_week_is_reviewed_once_and_kept(house: House, pool: Any) -> None:
    monday = last_monday()
    await pool.execute("update users set created_at = now() - interval '40 days'")
    _, weeks = await house.ask("GET", "/api/v1/sign-ins", by="admin")
    assert weeks[0]["is_over"] is False
    assert [one["review"] for one in weeks if one["is_over"]] == [None] * (len(weeks) - 1)
    path = f"/api/v1/sign-ins/{monday}/review"
    assert (await house.ask("POST", path, by="super", json={"note": ""}))[0] == 403
    assert (await house.ask("POST", path, by="admin", json={"note": "夜间登录已核实"}))[0] == 204
    status, said = await house.ask("POST", path, by="admin", json={})
    assert (status, said["error"]["id"]) == (409, "already_reviewed")
    _, weeks = await house.ask("GET", "/api/v1/sign-ins", by="admin")
    kept = next(one for one in weeks if one["week"] == str(monday))["review"]
    assert (kept["reviewed_by"], kept["note"]) == ("Admin", "夜间登录已核实")
    this = monday + timedelta(days=7)
    assert (await house.ask("POST", f"/api/v1/sign-ins/{this}/review", by="admin", json={}))[0] == 409
    for wrong in (monday + timedelta(days=1), "9999-12-27", "0001-01-01", "today"):
        assert (await house.ask("GET", f"/api/v1/sign-ins/{wrong}", by="admin"))[0] == 400


async def test_a_lock_out_is_written_down_once(house: House, pool: Any) -> None:
    wrong = {"username": "alice", "password": "wrong"}
    for _ in range(8):
        await house.ask("POST", "/api/v1/session", json=wrong)
    assert await pool.fetchval("select count(*) from audit_log where action = 'session.locked_out'") == 1


# -- the audit log -------------------------------------------------------------------------------------


async def test_an_act_is_found_by_person_action_object_text_and_time(house: House) -> None:
    body = {"name": "王小明", "numbers": [{"number": "13800138777"}]}
    _, made = await house.ask("POST", "/api/v1/customers", by="alice", json=body)
    await house.ask("GET", f"/api/v1/customers/{made['customer_id']}", by="super")
    now = round(time.time() * 1000)
    for query in (
        {"user_id": house.ids["alice"]},
        {"username": "ALICE"},
        {"action": "customer.created"},
        {"object_kind": "customer", "object_id": str(made["customer_id"])},
        {"text": "127.0.0"},
        {"since": now - 60_000, "until": now + 60_000},
        {"user_id": house.ids["alice"], "action": "customer.created", "text": "ALICE", "since": now - 60_000},
    ):
        status, page = await house.ask("GET", "/api/v1/audit", by="admin", params=query)
        assert status == 200, page
        found = [one for one in page["lines"] if one["action"] == "customer.created"]
        assert [one["action_name"] for one in found] == [{"zh": "新建客户", "en": "Made a customer"}], query
    for query in ({"username": "bob"}, {"until": now - 60_000}, {"object_kind": "customer", "object_id": "0"}):
        _, page = await house.ask("GET", "/api/v1/audit", by="admin", params=query)
        assert not [one for one in page["lines"] if one["action"] == "customer.created"], query
    _, page = await house.ask("GET", "/api/v1/audit", by="admin", params={"action": "audit.read", "text": "ALICE"})
    assert page["lines"][0]["username"] == "admin", "who looks is seen to look"
    assert (await house.ask("GET", "/api/v1/audit", by="super"))[0] == 403


async def test_pages_follow_one_another_without_gap_or_repetition(house: House, pool: Any) -> None:
    await pool.execute("insert into audit_log (at, action) select now(), 'test.same' from generate_series(1, 7)")
    await pool.execute(
        """insert into audit_log (at, action)
        select now() - n * interval '1 us', 'test.other' from generate_series(1, 9) n"""
    )
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 3, "until": 32_000_000_000_000}
    while True:
        _, page = await house.ask("GET", "/api/v1/audit", by="admin", params=query)
        seen += [one["audit_id"] for one in page["lines"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert len(seen) == len(set(seen))
    mine = await pool.fetch("select audit_id from audit_log where action like 'test.%'")
    assert {row["audit_id"] for row in mine} <= set(seen)


async def test_a_rare_word_is_looked_for_page_by_page(house: House, pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_store, "LOOKED_AT", 10)
    monkeypatch.setattr(audit_store, "LOOKING_SECONDS", 0)
    await pool.execute("""insert into audit_log (action, detail) values ('a.b', '{"note": "针 50% _"}')""")
    await pool.execute("insert into audit_log (action) select 'a.c' from generate_series(1, 35)")
    query: dict[str, Any] = {"text": "针 50% _"}
    pages = 0
    while True:
        _, page = await house.ask("GET", "/api/v1/audit", by="admin", params=query)
        pages += 1
        if page["lines"] and page["lines"][0]["action"] == "a.b":
            break
        assert page["next"], "it says where to go on"
        query["before"] = page["next"]
    assert pages == 4


@pytest.mark.parametrize("before", ["x", "1", "-1-1", "1-" + "9" * 30])
async def test_a_place_that_is_none_is_refused(house: House, before: str) -> None:
    assert (await house.ask("GET", "/api/v1/audit", by="admin", params={"before": before}))[0] == 400


async def test_the_auditor_reads_it(house: House) -> None:
    await house.hire("auditor", Role.AUDITOR)
    assert (await house.ask("GET", "/api/v1/audit", by="auditor"))[0] == 200
    assert (await house.ask("GET", "/api/v1/audit/words", by="auditor"))[0] == 200
