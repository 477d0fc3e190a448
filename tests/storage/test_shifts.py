"""Rosters over HTTP: cells, months and their approval, kinds, swaps, files, who is here, attendance, hand-over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from callcenter.clock import now_ms
from callcenter.db.pool import create_pool
from callcenter.settings import Settings
from callcenter.shifts.model import RosterState
from callcenter.shifts.sheet import CSV, XLSX, read_table
from callcenter.shifts.store import lock_rosters, put_state
from callcenter.staff.model import Role
from tests.storage.house import House, open_house

API = "/api/v1/shifts"
SHANGHAI = ZoneInfo("Asia/Shanghai")
EARLY, LATE, NIGHT, REST = 1, 2, 3, 4


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        await house.hire("bob", Role.AGENT, "1002", display_name="李伟")
        await house.hotline.sync_roster()
        set_clock(house, "2026-11-25T09:00")
        yield house


def set_clock(house: House, local: str) -> None:
    """Stop the house's clock at a local time."""
    at = round(datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).timestamp() * 1000)
    house.hotline.clock = house.hotline.shifts._clock = lambda: at


def cell(house: House, who: str, day: str, kind: int | None, was: int | None = None, **more: Any) -> dict[str, Any]:
    return {"user_id": house.ids[who], "day": day, "was": was, "kind_id": kind} | more


async def put(house: House, *changes: dict[str, Any], reason: str = "", by: str = "super") -> tuple[int, Any]:
    return await house.ask("PUT", f"{API}/cells", by=by, json={"changes": list(changes), "reason": reason})


async def planned(house: House, first: str = "2026-11-30", days: int = 7) -> dict[tuple[int, str], dict[str, Any]]:
    status, view = await house.ask("GET", f"{API}?first={first}&days={days}", by="alice")
    assert status == 200
    return {(one["user_id"], one["day"]): one for one in view["shifts"]}


def fields(answer: Any) -> list[str]:
    return list(answer["error"]["fields"])


# -- cells ---------------------------------------------------------------------------------------------


async def test_the_migration_ships_kinds_and_everybody_sees_the_roster(house: House) -> None:
    status, view = await house.ask("GET", f"{API}?first=2026-11-30", by="alice")
    assert status == 200
    assert [(one["code"], one["name_zh"], one["starts"], one["ends"], one["duty"]) for one in view["kinds"]] == [
        ("1", "早班", "08:00", "16:00", False),
        ("2", "晚班", "14:00", "22:00", False),
        ("3", "夜班", "22:00", "08:00", True),
        ("0", "休息", None, None, False),
        ("9", "请假", None, None, False),
    ]
    assert [one["username"] for one in view["people"]] == ["alice", "bob", "super", "admin"]
    assert [(one["month"], one["state"], one["due_on"]) for one in view["rosters"]] == [
        ("2026-11", "draft", "2026-10-28"),
        ("2026-12", "draft", "2026-11-28"),
    ]


async def test_a_night_ends_on_the_next_day_and_the_change_is_audited(house: House, pool: Any) -> None:
    assert (await put(house, cell(house, "alice", "2026-12-01", NIGHT)))[0] == 204
    shift = (await planned(house))[house.ids["alice"], "2026-12-01"]
    assert shift["starts_at"] == round(datetime(2026, 12, 1, 22, tzinfo=SHANGHAI).timestamp() * 1000)
    assert shift["ends_at"] == round(datetime(2026, 12, 2, 8, tzinfo=SHANGHAI).timestamp() * 1000)
    row = await pool.fetchrow("select username, object_id, detail from audit_log where action = 'roster.changed'")
    assert (row["username"], row["object_id"]) == ("super", "2026-12")
    assert row["detail"]["changes"] == [{"user_id": house.ids["alice"], "day": "2026-12-01", "was": None, "is": NIGHT}]


async def test_agents_change_nothing(house: House) -> None:
    assert (await put(house, cell(house, "alice", "2026-12-01", EARLY), by="alice"))[0] == 403


async def test_two_supervisors_who_change_one_day_are_not_both_right(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY))
    both = (cell(house, "bob", "2026-12-01", LATE), cell(house, "alice", "2026-12-01", LATE))
    status, answer = await put(house, *both, by="admin")
    assert (status, answer["error"]["id"], fields(answer)) == (409, "conflict", [f"{house.ids['alice']}/2026-12-01"])
    assert set(await planned(house)) == {(house.ids["alice"], "2026-12-01")}, "all or nothing"
    assert (await put(house, cell(house, "alice", "2026-12-01", LATE, was=EARLY), by="admin"))[0] == 204


async def test_of_many_changes_at_once_each_cell_takes_one(house: House) -> None:
    asked = [put(house, cell(house, "alice", "2026-12-01", kind)) for kind in (EARLY, LATE, REST, EARLY)]
    assert sorted(status for status, _ in await asyncio.gather(*asked)) == [204, 409, 409, 409]


async def test_two_shifts_at_once_are_refused_by_name(house: House, pool: Any) -> None:
    kind = {"code": "7", "name_zh": "清晨", "name_en": "Dawn", "starts": "05:00", "ends": "09:00", "colour": "#000000"}
    _, made = await house.ask("POST", f"{API}/kinds", by="super", json=kind)
    night, dawn = cell(house, "bob", "2026-12-01", NIGHT), cell(house, "bob", "2026-12-02", made["id"])
    status, answer = await put(house, night, dawn)
    assert (status, fields(answer)) == (400, ["changes"])
    assert "李伟" in answer["error"]["fields"]["changes"]["zh"]
    assert await planned(house) == {}
    await put(house, night)
    with pytest.raises(Exception, match="shifts_one_at_a_time"):
        await pool.execute(
            "insert into shifts values ($1, '2026-12-02', 1, '2026-12-01 22:00Z', '2026-12-02 01:00Z')",
            house.ids["bob"],
        )


async def test_a_shift_can_move_within_one_change(house: House) -> None:
    await put(house, cell(house, "bob", "2026-12-01", NIGHT))
    moved = [cell(house, "bob", "2026-12-01", EARLY, NIGHT), cell(house, "bob", "2026-12-02", NIGHT)]
    assert (await put(house, *moved))[0] == 204
    cleared = [cell(house, "bob", "2026-12-01", None, EARLY), cell(house, "bob", "2026-12-02", None, NIGHT)]
    assert (await put(house, *cleared))[0] == 204
    assert await planned(house) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": 999_999, "day": "2026-12-01", "was": None, "kind_id": 1},
        {"user_id": 1, "day": "2026-12-01", "was": None, "kind_id": 999},
        {"user_id": 1, "day": "9999-12-31", "was": None, "kind_id": 1},
        {"user_id": 1, "day": "2026-13-01", "was": None, "kind_id": 1},
        {"user_id": 1, "day": "2026-12-01", "was": None, "kind_id": 3, "duty_number": "'; drop"},
        {"user_id": 1, "day": "2026-12-01", "was": None, "kind_id": 3, "duty_number": "0088216123456"},
        {"user_id": 1, "day": "2026-12-01", "was": None, "kind_id": 3, "x": 1},
    ],
)
async def test_what_makes_no_sense_is_refused(house: House, change: dict[str, Any], pool: Any) -> None:
    status, answer = await put(house, change)
    assert status == 400, answer
    assert await pool.fetchval("select count(*) from shifts") == 0


# -- months --------------------------------------------------------------------------------------------


async def month(house: House, verb: str, by: str, note: str = "") -> int:
    body = {} if verb == "submit" else {"note": note}
    return (await house.ask("POST", f"{API}/months/2026-12/{verb}", by=by, json=body))[0]


async def state(house: House, by: str = "super") -> dict[str, Any]:
    _, view = await house.ask("GET", f"{API}?first=2026-12-07", by=by)
    return dict(view["rosters"][0])


async def test_a_roster_is_handed_in_and_approved_by_somebody_else(house: House, pool: Any) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY))
    assert await month(house, "approve", "admin") == 409, "it is not handed in"
    assert await month(house, "submit", "super") == 204
    assert (await state(house))["may_decide"] is False
    assert await month(house, "approve", "super") == 403, "his own"
    await house.hire("deputy", Role.SUPERVISOR)
    assert (await state(house, "deputy"))["may_decide"] is True
    assert await month(house, "approve", "deputy") == 204, "a deputy may while the manager is away (SHF-24)"
    now = await state(house)
    assert (now["state"], now["submitted_by"], now["decided_by"]) == ("approved", "Super", "Deputy")
    assert await month(house, "approve", "admin") == 204, "done already"
    assert await month(house, "submit", "super") == 409
    actions = await pool.fetch("select action from audit_log where object_kind = 'roster' order by audit_id")
    assert [row["action"] for row in actions] == ["roster.changed", "roster.submitted", "roster.approved"]


async def test_an_approved_day_changes_with_a_reason_alone(house: House, pool: Any) -> None:
    await month(house, "submit", "super")
    await month(house, "approve", "admin")
    status, answer = await put(house, cell(house, "alice", "2026-12-01", EARLY))
    assert (status, fields(answer)) == (400, ["reason"])
    assert (await put(house, cell(house, "alice", "2026-12-01", EARLY), reason="病假顶班"))[0] == 204
    assert (await state(house))["state"] == "approved"
    detail = await pool.fetchval("select detail from audit_log where action = 'roster.changed'")
    assert (detail["state"], detail["reason"]) == ("approved", "病假顶班")


async def test_a_change_of_what_is_handed_in_makes_it_a_draft_again(house: House) -> None:
    await month(house, "submit", "super")
    await put(house, cell(house, "alice", "2026-12-01", EARLY))
    assert (await state(house))["state"] == "draft"
    await month(house, "submit", "super")
    assert await month(house, "return", "admin", "夜班缺人") == 204
    now = await state(house)
    assert (now["state"], now["note"], now["decided_by"]) == ("draft", "夜班缺人", "Admin")


# -- kinds ---------------------------------------------------------------------------------------------


async def test_new_times_hold_for_later_days_that_are_not_approved(house: House) -> None:
    for day in ("2026-11-24", "2026-11-26", "2026-12-01"):
        await put(house, cell(house, "alice", day, EARLY))
    await month(house, "submit", "super")
    await month(house, "approve", "admin")
    assert (await house.ask("PUT", f"{API}/kinds/1", by="super", json=NINE))[0] == 204
    shifts = await planned(house, "2026-11-20", 20)
    hours = {day: datetime.fromtimestamp(one["starts_at"] / 1000, SHANGHAI).hour for (_, day), one in shifts.items()}
    assert hours == {"2026-11-24": 8, "2026-11-26": 9, "2026-12-01": 8}


NINE = {"code": "1", "name_zh": "早班", "name_en": "Early", "starts": "09:00", "ends": "17:00", "colour": "#2f7d5b"}


async def hour_of(house: House, who: str, day: str) -> int:
    shift = (await planned(house, "2026-11-20", 40))[house.ids[who], day]
    return datetime.fromtimestamp(shift["starts_at"] / 1000, SHANGHAI).hour


async def one_waits(pool: Any) -> None:
    """Until a transaction of this database waits for a lock."""
    query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await pool.fetchval(query):  # noqa: ASYNC110 - PostgreSQL tells nobody
            await asyncio.sleep(0.02)


async def test_new_times_undo_nothing_that_happens_at_the_same_time(house: House, pool: Any) -> None:
    alice = house.ids["alice"]
    await put(house, *(cell(house, "alice", day, EARLY) for day in ("2026-11-27", "2026-12-01", "2026-12-02")))
    async with pool.acquire() as connection:
        async with connection.transaction():
            await lock_rosters(connection, [date(2026, 11, 1), date(2026, 12, 1)])
            asked = asyncio.create_task(house.ask("PUT", f"{API}/kinds/1", by="super", json=NINE))
            await one_waits(pool)
            for state in (RosterState.SUBMITTED, RosterState.APPROVED):
                await put_state(connection, date(2026, 11, 1), state, house.ids["admin"])
            changed = "update shifts set kind_id = $1 where user_id = $2 and day = '2026-12-01'"
            await connection.execute(changed, LATE, alice)
        assert (await asked)[0] == 204
    kinds = {day: one["kind_id"] for (_, day), one in (await planned(house)).items()}
    assert kinds == {"2026-12-01": LATE, "2026-12-02": EARLY}
    hours = [await hour_of(house, "alice", day) for day in ("2026-11-27", "2026-12-01", "2026-12-02")]
    assert hours == [8, 8, 9], "approved meanwhile; changed meanwhile; neither"


async def test_new_times_make_a_month_that_is_handed_in_a_draft_again(house: House, pool: Any) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY))
    await month(house, "submit", "super")
    assert (await house.ask("PUT", f"{API}/kinds/1", by="super", json=NINE | {"name_zh": "白班"}))[0] == 204
    assert (await state(house))["state"] == "draft"
    row = await pool.fetchrow("select * from audit_log where action = 'roster.changed' order by audit_id desc limit 1")
    assert (row["object_id"], row["detail"]["state"]) == ("2026-12", "submitted")
    assert row["detail"]["reason"] == "shift kind 1: new times"
    moved = {"user_id": house.ids["alice"], "day": "2026-12-01", "was": EARLY, "is": EARLY}
    assert row["detail"]["changes"] == [moved]


async def test_who_plans_with_a_kind_that_is_being_set_plans_its_new_times(house: House, pool: Any) -> None:
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("update shift_kinds set starts = '09:00', ends = '17:00' where kind_id = 1")
            asked = asyncio.create_task(put(house, cell(house, "alice", "2026-12-01", EARLY)))
            await one_waits(pool)
        assert (await asked)[0] == 204
    assert await hour_of(house, "alice", "2026-12-01") == 9


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "2"}, "code"),
        ({"name_zh": "晚班"}, "name_zh"),
        ({"name_en": "LATE"}, "name_en"),
        ({"code": "A"}, "code"),
        ({"starts": None}, "ends"),
        ({"starts": None, "ends": None, "duty": True}, "duty"),
        ({"colour": "red;"}, "colour"),
        ({"starts": "24:00"}, "starts"),
    ],
)
async def test_a_kind_that_makes_no_sense_is_refused_at_its_field(
    house: House, change: dict[str, Any], field: str
) -> None:
    status, answer = await house.ask("PUT", f"{API}/kinds/1", by="super", json=NINE | change)
    assert (status, fields(answer)) == (400, [field])


async def test_a_removed_kind_stays_on_the_days_that_have_it(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", LATE))
    assert (await house.ask("DELETE", f"{API}/kinds/{LATE}", by="super"))[0] == 204
    assert (await house.ask("DELETE", f"{API}/kinds/{LATE}", by="super"))[0] == 404
    assert (await planned(house))[house.ids["alice"], "2026-12-01"]["kind_id"] == LATE
    assert (await put(house, cell(house, "bob", "2026-12-01", LATE)))[0] == 400


# -- the duty phone ------------------------------------------------------------------------------------


async def test_the_duty_phone_is_of_whoever_the_roster_says(house: House, pool: Any) -> None:
    shifts = house.hotline.shifts
    night = cell(house, "alice", "2026-11-25", NIGHT, duty_number="138 0013 8000")
    assert (await put(house, night, cell(house, "bob", "2026-11-26", NIGHT)))[0] == 204
    assert shifts.duty_number() is None
    set_clock(house, "2026-11-25T22:00")
    assert shifts.duty_number() == "13800138000"
    set_clock(house, "2026-11-26T23:00")
    assert shifts.duty_number() is None, "he has no number, and no phone is handed round"
    rules = {"early_minutes": 10, "due_day": 28, "swap_working_days": 1, "duty_number": "13900139000"}
    assert (await house.ask("PUT", f"{API}/rules", by="super", json=rules))[0] == 204
    assert shifts.duty_number() == "13900139000"
    await put(house, cell(house, "alice", "2026-11-27", NIGHT))
    set_clock(house, "2026-11-28T07:59")
    assert shifts.duty_number() == "13800138000", "the number she had last"
    shifts._pool = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    await shifts.reload()
    assert shifts.duty_number() == "13800138000", "known by heart"
    set_clock(house, "2026-11-28T08:00")
    assert shifts.duty_number() is None


async def test_agents_are_told_their_own_numbers_and_reasons_alone(house: House) -> None:
    numbers = {"alice": "13800138000", "bob": "13800138001"}
    nights = [cell(house, who, "2026-11-25", NIGHT, duty_number=number) for who, number in numbers.items()]
    assert (await put(house, *nights))[0] == 204
    set_clock(house, "2026-11-25T22:30")
    for who in numbers:
        await sign_in(house, who)
        await sign_in(house, who, "paused")
    for by, told in (("super", set(numbers)), ("alice", {"alice"})):
        _, view = await house.ask("GET", f"{API}?first=2026-11-25", by=by)
        shown = {one["user_id"]: one["duty_number"] for one in view["shifts"]}
        assert shown == {house.ids[who]: number if who in told else None for who, number in numbers.items()}
        _, now = await house.ask("GET", f"{API}/now", by=by)
        assert {one["person"]["username"] for one in now["rows"] if one["state"]["reason"]} == told
        assert now["duty"]["number"] in numbers.values()


# -- swaps ---------------------------------------------------------------------------------------------


async def swap(house: House, day: str, colleague_day: str, by: str = "alice", who: str = "bob") -> tuple[int, Any]:
    body = {"day": day, "colleague_id": house.ids[who], "colleague_day": colleague_day, "note": "家里有事"}
    return await house.ask("POST", f"{API}/swaps", by=by, json=body)


async def test_an_approved_swap_changes_the_roster_and_nothing_else_does(house: House, pool: Any) -> None:
    alice, bob = house.ids["alice"], house.ids["bob"]
    await put(house, cell(house, "alice", "2026-12-01", EARLY), cell(house, "bob", "2026-12-01", LATE),
              cell(house, "bob", "2026-12-03", NIGHT))  # fmt: skip
    status, made = await swap(house, "2026-12-01", "2026-12-03")
    assert status == 201
    assert (await swap(house, "2026-12-01", "2026-12-03"))[0] == 400, "asked already"
    assert len(await planned(house)) == 3
    path = f"{API}/swaps/{made['id']}"
    assert (await house.ask("POST", f"{path}/approve", by="bob", json={}))[0] == 403
    assert (await house.ask("POST", f"{path}/approve", by="super", json={"note": "同意"}))[0] == 204
    assert (await house.ask("POST", f"{path}/approve", by="super", json={}))[0] == 204
    kinds = {key: one["kind_id"] for key, one in (await planned(house)).items()}
    assert kinds == {(alice, "2026-12-01"): LATE, (bob, "2026-12-01"): EARLY, (alice, "2026-12-03"): NIGHT}
    assert (await house.ask("POST", f"{path}/decline", by="super", json={}))[0] == 409
    _, rows = await house.ask("GET", f"{API}/swaps", by="bob")
    assert [(one["state"], one["decided_by"], one["decision"]) for one in rows] == [("approved", "Super", "同意")]
    reason = await pool.fetchval(
        "select detail->>'reason' from audit_log where action = 'roster.changed' and detail->>'reason' <> ''"
    )
    assert "家里有事" in reason


async def test_a_swap_is_asked_for_one_working_day_ahead(house: House) -> None:
    await put(house, cell(house, "alice", "2026-11-30", EARLY), cell(house, "bob", "2026-11-30", LATE))
    set_clock(house, "2026-11-28T09:00")
    status, answer = await swap(house, "2026-11-30", "2026-11-30")
    assert (status, fields(answer)) == (400, ["day"])
    assert "2026-11-27" in answer["error"]["fields"]["day"]["en"]
    set_clock(house, "2026-11-27T23:00")
    assert (await swap(house, "2026-11-30", "2026-11-30"))[0] == 201


async def test_a_swap_of_a_roster_that_has_changed_since_is_not_approved(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY), cell(house, "bob", "2026-12-01", LATE))
    _, made = await swap(house, "2026-12-01", "2026-12-01")
    await put(house, cell(house, "bob", "2026-12-01", REST, LATE))
    status, _ = await house.ask("POST", f"{API}/swaps/{made['id']}/approve", by="super", json={})
    assert status == 409
    assert (await house.ask("POST", f"{API}/swaps/{made['id']}/decline", by="super", json={"note": "已变"}))[0] == 204


async def test_who_takes_part_in_a_swap_does_not_approve_it(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY), cell(house, "super", "2026-12-01", LATE))
    _, made = await swap(house, "2026-12-01", "2026-12-01", who="super")
    path = f"{API}/swaps/{made['id']}/approve"
    assert (await house.ask("POST", path, by="super", json={}))[0] == 403
    assert (await planned(house))[house.ids["super"], "2026-12-01"]["kind_id"] == LATE
    assert (await house.ask("POST", path, by="admin", json={}))[0] == 204


async def test_a_swap_moves_a_kind_that_is_removed(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", LATE), cell(house, "bob", "2026-12-01", EARLY))
    _, made = await swap(house, "2026-12-01", "2026-12-01")
    assert (await house.ask("DELETE", f"{API}/kinds/{LATE}", by="super"))[0] == 204
    assert (await house.ask("POST", f"{API}/swaps/{made['id']}/approve", by="super", json={}))[0] == 204
    kinds = {user_id: one["kind_id"] for (user_id, _), one in (await planned(house)).items()}
    assert kinds == {house.ids["alice"]: EARLY, house.ids["bob"]: LATE}
    spread = (cell(house, "bob", "2026-12-01", EARLY, was=LATE), cell(house, "bob", "2026-12-02", LATE))
    assert (await put(house, *spread, cell(house, "alice", "2026-12-02", LATE)))[0] == 400


async def test_a_request_is_taken_back_by_who_made_it(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY))
    _, made = await swap(house, "2026-12-01", "2026-12-02")
    assert (await house.ask("POST", f"{API}/swaps/{made['id']}/withdraw", by="bob", json={}))[0] == 403
    assert (await house.ask("POST", f"{API}/swaps/{made['id']}/withdraw", by="alice", json={}))[0] == 204
    assert (await house.ask("POST", f"{API}/swaps/{made['id']}/approve", by="super", json={}))[0] == 409
    for wrong in ("alice", "super"):
        status, _ = await swap(house, "2026-12-02", "2026-12-02", who=wrong)
        assert status == 400, "no shift that day, or with oneself"


# -- files ---------------------------------------------------------------------------------------------


async def send(house: House, body: bytes, kind: str = CSV) -> tuple[int, Any]:
    return await house.ask("POST", f"{API}/import", by="super", data=BytesIO(body), headers={"Content-Type": kind})


async def fetch(house: House, path: str, by: str = "super") -> bytes:
    async with (
        aiohttp.ClientSession() as http,
        http.get(house.server.make_url(path), headers=await house.headers(by)) as answer,
    ):
        assert (answer.status, answer.content_type) == (200, XLSX)
        return await answer.read()


async def test_a_file_is_looked_at_before_it_is_saved(house: House) -> None:
    table = "人员,2026-12-01,12/2\nalice,早班,3\n李伟,早斑,休息\n"
    status, seen = await send(house, table.encode("gb18030"))
    assert status == 200
    assert [(one["cell"], one["zh"]) for one in seen["problems"]] == [("B3", "没有叫“早斑”的班次。")]
    assert await planned(house) == {}
    status, seen = await send(house, table.replace("早斑", "晚班").encode())
    assert (status, seen["problems"], len(seen["changes"])) == (200, [], 4)
    changes = [{name: value for name, value in one.items() if name != "cell"} for one in seen["changes"]]
    assert (await put(house, *changes))[0] == 204
    assert {one["kind_id"] for one in (await planned(house)).values()} == {EARLY, LATE, NIGHT, REST}
    assert (await put(house, *changes))[0] == 409, "saved twice"
    _, again = await send(house, table.replace("早斑", "晚班").encode())
    assert again == {"changes": [], "problems": []}


async def test_what_is_exported_can_be_imported(house: House) -> None:
    await put(house, cell(house, "alice", "2026-12-01", EARLY), cell(house, "bob", "2026-12-06", NIGHT))
    for language in ("zh", "en"):
        file = await fetch(house, f"{API}/file?first=2026-11-30&days=7&language={language}")
        assert await send(house, file, XLSX) == (200, {"changes": [], "problems": []})
        assert len(read_table(file)[0]) == 8
    assert (await house.ask("DELETE", f"{API}/kinds/{EARLY}", by="super"))[0] == 204
    file = await fetch(house, f"{API}/file?first=2026-11-30&days=7")
    assert await send(house, file, XLSX) == (200, {"changes": [], "problems": []}), "a day keeps a removed kind"
    template = read_table(await fetch(house, f"{API}/file?first=2026-12-01&days=31&empty=true"))
    assert (len(template), len(template[0]), template[1]) == (5, 32, ["Alice"])


async def test_files_that_are_none_are_refused_in_plain_words(house: House) -> None:
    for body, kind in ((b"\xff\xfe\x00\x81", CSV), (b"PK\x03\x04 broken", XLSX), (b"\xd0\xcf\x11\xe0 old", XLSX)):
        status, answer = await send(house, body, kind)
        assert (status, fields(answer)) == (400, ["body"])
    status, answer = await send(house, b"x" * 2_000_001)
    assert (status, answer["error"]["fields"]["body"]["zh"]) == (413, "内容过大。")
    assert (await send(house, b"{}", "application/json"))[0] == 400


# -- who is here ---------------------------------------------------------------------------------------


async def sign_in(house: House, who: str, state: str = "ready") -> None:
    await house.ask("POST", "/api/v1/desk/state", by=who, json={"state": state})


async def test_who_should_be_here_and_is_not(house: House) -> None:
    now = datetime.now(SHANGHAI)
    house.hotline.clock = house.hotline.shifts._clock = now_ms
    await house.hire("carol", Role.AGENT, "1003")
    await house.hotline.sync_roster()
    start, soon = now - timedelta(minutes=30), now + timedelta(minutes=5)
    times = {"code": "7", "name_zh": "现在", "name_en": "Now", "colour": "#000000"}
    times |= {"starts": f"{start:%H:%M}", "ends": f"{now + timedelta(hours=2):%H:%M}"}
    _, made = await house.ask("POST", f"{API}/kinds", by="super", json=times)
    later = times | {"code": "8", "name_zh": "稍后", "name_en": "Soon", "starts": f"{soon:%H:%M}"}
    _, next_one = await house.ask("POST", f"{API}/kinds", by="super", json=later)
    day, next_day = start.date().isoformat(), soon.date().isoformat()
    changed = await put(house, cell(house, "alice", day, made["id"]), cell(house, "bob", next_day, next_one["id"]))
    assert changed[0] == 204
    await sign_in(house, "carol")
    status, seen = await house.ask("GET", f"{API}/now", by="alice")
    assert status == 200
    assert [(one["person"]["username"], one["presence"]) for one in seen["rows"]] == [
        ("alice", "missing"), ("bob", "due"), ("carol", "unplanned"),
    ]  # fmt: skip
    assert 29 <= (seen["at"] - seen["rows"][0]["missing_since"]) / 60_000 < 32
    await sign_in(house, "alice")
    await sign_in(house, "bob")
    _, seen = await house.ask("GET", f"{API}/now", by="alice")
    assert {one["person"]["username"]: one["presence"] for one in seen["rows"]} == {
        "alice": "here", "bob": "early", "carol": "unplanned",
    }  # fmt: skip
    await sign_in(house, "alice", "signed_out")
    _, seen = await house.ask("GET", f"{API}/now", by="alice")
    assert seen["rows"][0]["presence"] == "missing"
    assert (seen["at"] - seen["rows"][0]["missing_since"]) / 60_000 < 1, "since he left"


async def came_and_went(pool: Any, user_id: int, *turns: tuple[str, str]) -> None:
    """Agent's events: (local time, state)."""
    before = "signed_out"
    for n, (local, after) in enumerate(turns):
        at = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
        await pool.execute(
            "insert into agent_events (event_id, user_id, at, from_state, to_state, move, online)"
            " values ($1, $2, $3, $4, $5, 'x', true)",
            f"{user_id}-{n}-{local}", user_id, at, before, after,
        )  # fmt: skip
        before = after


async def test_attendance_compares_who_came_with_the_roster(house: House, pool: Any) -> None:
    alice, bob = house.ids["alice"], house.ids["bob"]
    await put(house, *(cell(house, "alice", f"2026-11-{day}", EARLY) for day in (10, 11, 12)),
              cell(house, "bob", "2026-11-11", NIGHT))  # fmt: skip
    await came_and_went(
        pool, alice,
        ("2026-11-10T07:48", "ready"), ("2026-11-10T12:00", "paused"), ("2026-11-10T16:05", "signed_out"),
        ("2026-11-11T08:12", "ready"), ("2026-11-11T15:30", "signed_out"),
        ("2026-11-14T10:00", "ready"), ("2026-11-14T11:30", "signed_out"),
    )  # fmt: skip
    await came_and_went(pool, bob, ("2026-11-11T21:55", "ready"), ("2026-11-12T03:00", "signed_out"),
                        ("2026-11-12T04:00", "ready"), ("2026-11-12T08:01", "signed_out"))  # fmt: skip
    status, found = await house.ask("GET", f"{API}/attendance?month=2026-11", by="super")
    assert status == 200
    told = {
        (one["user_id"], one["day"]): (
            one["kind_id"], one["late_minutes"], one["early_minutes"], one["present_minutes"], one["absent"],
        )
        for one in found["rows"]
    }  # fmt: skip
    assert told == {
        (alice, "2026-11-10"): (EARLY, 0, 0, 480, False),
        (alice, "2026-11-11"): (EARLY, 12, 30, 438, False),
        (alice, "2026-11-12"): (EARLY, 0, 0, 0, True),
        (alice, "2026-11-14"): (None, 0, 0, 90, False),
        (bob, "2026-11-11"): (NIGHT, 0, 0, 540, False),
    }
    _, own = await house.ask("GET", f"{API}/attendance?month=2026-11", by="bob")
    assert [one["user_id"] for one in own["rows"]] == [bob], "agents see their own"
    totals = read_table(await fetch(house, f"{API}/attendance/file?month=2026-11"))
    assert totals[1] == ["Alice", "3", "1", "1", "12", "1", "30", "16.8"]


async def test_who_is_still_here_has_not_left_early(house: House, pool: Any) -> None:
    await put(house, cell(house, "alice", "2026-11-25", EARLY))
    await came_and_went(pool, house.ids["alice"], ("2026-11-25T08:00", "ready"))
    _, found = await house.ask("GET", f"{API}/attendance?month=2026-11", by="super")
    (row,) = found["rows"]
    assert (row["last_at"], row["early_minutes"], row["present_minutes"]) == (None, 0, 60)


async def test_who_has_been_signed_in_for_long_is_there(house: House, pool: Any) -> None:
    await put(house, cell(house, "alice", "2026-11-25", EARLY), cell(house, "bob", "2026-11-20", EARLY))
    await came_and_went(pool, house.ids["alice"], ("2026-09-01T08:00", "ready"), ("2026-09-01T16:00", "signed_out"),
                        ("2026-10-05T08:00", "ready"))  # fmt: skip
    await came_and_went(pool, house.ids["bob"], ("2026-10-05T08:00", "ready"), ("2026-10-06T08:00", "signed_out"))
    _, found = await house.ask("GET", f"{API}/attendance?month=2026-11", by="super")
    told = {one["user_id"]: (one["absent"], one["last_at"], one["present_minutes"]) for one in found["rows"]}
    assert told == {house.ids["alice"]: (False, None, 60), house.ids["bob"]: (True, None, 0)}


async def test_who_signs_out_after_the_month_is_not_there_for_ever(house: House, pool: Any) -> None:
    await put(house, cell(house, "alice", "2026-11-30", EARLY))
    await came_and_went(pool, house.ids["alice"], ("2026-11-30T08:00", "ready"), ("2026-12-05T08:00", "signed_out"))
    set_clock(house, "2026-12-02T23:00")
    _, found = await house.ask("GET", f"{API}/attendance?month=2026-11", by="super")
    assert found["rows"][0]["last_at"] is None, "the window ends in an hour"
    set_clock(house, "2026-12-10T09:00")
    _, found = await house.ask("GET", f"{API}/attendance?month=2026-11", by="super")
    (row,) = found["rows"]
    assert row["last_at"] == round(datetime(2026, 12, 3, tzinfo=SHANGHAI).timestamp() * 1000)
    assert (row["early_minutes"], row["present_minutes"]) == (0, 480)


# -- hand-over -----------------------------------------------------------------------------------------

NOTES = "/api/v1/hand-over/notes"


async def test_a_note_is_written_taken_over_once_and_added_to(house: House, pool: Any) -> None:
    body = {"text": "12 幢电梯停用，已报修。", "items": ["回访 12-3-501", "催维保到场"]}
    status, made = await house.ask("POST", NOTES, by="alice", json=body)
    assert status == 201
    assert (await house.ask("GET", "/api/v1/hand-over/waiting", by="bob"))[1] == {"waiting": 1}
    assert (await house.ask("GET", "/api/v1/hand-over/waiting", by="alice"))[1] == {"waiting": 0}
    take = f"{NOTES}/{made['id']}/take"
    assert (await house.ask("POST", take, by="alice", json={}))[0] == 400, "his own"
    assert (await house.ask("POST", take, by="bob", json={}))[0] == 204
    assert (await house.ask("POST", take, by="bob", json={}))[0] == 204, "once more"
    assert (await house.ask("POST", take, by="super", json={}))[0] == 409
    assert (await house.ask("POST", f"{NOTES}/{made['id']}/additions", by="bob", json={"text": "已到场"}))[0] == 204
    _, (note,) = await house.ask("GET", NOTES, by="bob")
    done = f"/api/v1/hand-over/items/{note['items'][0]['item_id']}/done"
    for _ in range(2):
        assert (await house.ask("POST", done, by="bob", json={}))[0] == 204
    _, (note,) = await house.ask("GET", NOTES, by="bob")
    assert (note["written_by"], note["taken_by"], note["own"]) == ("Alice", "李伟", False)
    assert [(one["text"], one["done_by"]) for one in note["items"]] == [("回访 12-3-501", "李伟"), ("催维保到场", None)]
    assert [(one["text"], one["written_by"]) for one in note["additions"]] == [("已到场", "李伟")]
    for change in ("update hand_over_notes set text = 'x'", "delete from hand_over_takings"):
        with pytest.raises(Exception, match="only grows"):
            await pool.execute(change)


@pytest.mark.parametrize("body", [{}, {"text": " \n"}, {"items": [""]}, {"text": "x" * 4001}, {"items": ["x"] * 51}])
async def test_a_note_that_says_nothing_is_none(house: House, body: dict[str, Any]) -> None:
    assert (await house.ask("POST", NOTES, by="alice", json=body))[0] == 400
    assert (await house.ask("GET", NOTES, by="alice"))[1] == []


async def test_visits_to_the_machine_room_are_recorded(house: House) -> None:
    visit = {"visitors": "电信维护 2 人", "purpose": "更换光模块", "came_at": now_ms() - 60_000}
    status, made = await house.ask("POST", "/api/v1/visits", by="alice", json=visit)
    assert status == 201
    assert (await house.ask("POST", "/api/v1/visits", by="alice", json=visit | {"left_at": 0}))[0] == 400
    for _ in range(2):
        assert (await house.ask("POST", f"/api/v1/visits/{made['id']}/left", by="bob", json={}))[0] == 204
    _, (seen,) = await house.ask("GET", "/api/v1/visits", by="bob")
    assert seen["left_at"] > seen["came_at"]
    assert seen["recorded_by"] == "Alice"
