"""Lists that leave the house: asked for, approved by somebody else, downloaded, expired, given back, checked."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import openpyxl
import pytest

from callcenter.customers.model import CustomerNumber, Draft
from callcenter.exports.model import masked, masked_within
from callcenter.staff.model import HOTLINE_ITSELF, Role
from callcenter.staff.permissions import Permission
from callcenter.staff.roles import Roles
from tests.storage.house import House, open_house

API = "/api/v1/exports"
AUDITED = "select action from audit_log where object_kind = 'export' order by 1"
HOSTILE = "=cmd|' /C calc'!A0"


@pytest.fixture
async def house(pool: Any, redis: Any, database_url: str) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        house.hotline.settings.database_url = database_url
        for name, role in {"boss": Role.MANAGER, "chief": Role.MANAGER, "other": Role.SUPERVISOR}.items():
            await house.hire(name, role)
        drafts = [
            Draft("王小明", "绿城", "3幢 201", notes="儿子 13900139000", numbers=[CustomerNumber("13800138000")]),
            Draft(HOSTILE, "万科", vip=True, numbers=[CustomerNumber("0571-88888888"), CustomerNumber("95588")]),
        ]
        for draft in drafts:
            await house.hotline.customers.create(HOTLINE_ITSELF, draft)
        yield house


async def ask(house: House, by: str = "super", **more: Any) -> dict[str, Any]:
    body = {"kind": "customers", "format": "csv", "reason": "业委会要求", "purpose": "回访"} | more
    status, one = await house.ask("POST", API, by=by, json=body)
    assert status == 201, one
    return dict(one)


async def approve(house: House, one: dict[str, Any], by: str = "boss", **how: Any) -> tuple[int, Any]:
    return await house.ask("POST", f"{API}/{one['export_id']}/approve", by=by, json=how)


async def file(house: House, one: dict[str, Any], by: str = "super", language: str = "zh") -> tuple[int, bytes]:
    url = house.server.make_url(f"{API}/{one['export_id']}/file?language={language}")
    async with aiohttp.ClientSession() as http, http.get(url, headers=await house.headers(by)) as answer:
        return answer.status, await answer.read()


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+8613800138000", "138****8000"), ("+8657188888888", "0571****8888"), ("95588", "95588"),
     ("88888888", "88****88"), ("110", "110"), ("+14155550123", "141****0123")],
)  # fmt: skip
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


def test_numbers_within_text_are_masked() -> None:
    assert masked_within("儿子 139 0013 9000，3幢201，1985-03-12").startswith("儿子 139****9000，3幢201")


async def test_asked_approved_downloaded_returned_and_checked(house: House, pool: Any) -> None:
    one = await ask(house)
    assert (one["state"], one["rows"], one["own"]) == ("asked", 2, True)
    assert (await file(house, one))[0] == 409
    assert (await house.ask("GET", f"{API}/waiting", by="boss"))[1] == {"waiting": 1}
    status, decided = await approve(house, one, note="可以")
    assert (status, decided["state"], decided["decided_by"], decided["most_downloads"]) == (200, "approved", "Boss", 1)
    assert decided["valid_until"] - decided["decided_at"] == pytest.approx(3 * 86_400_000, abs=5000)
    status, content = await file(house, one)
    assert status == 200
    rows = table(content)
    assert rows[0][0].startswith(f"申请 {one['export_id']} · Super（super）下载于 ")
    assert rows[1][-1] == "来源"
    assert [row[1:4] for row in rows[2:]] == [
        ["王小明", "138****8000", "绿城"],
        [f"'{HOSTILE}", "0571****8888; 95588", "万科"],
    ]
    assert rows[2][9] == "儿子 139****9000"
    assert all(row[-1].startswith(f"#{one['export_id']}-1 super 20") for row in rows[2:])
    assert (await file(house, one))[0] == 410
    register = (await house.ask("GET", f"{API}/register", by="boss"))[1]
    assert [(row["asked_by"], row["downloads"], row["overdue"]) for row in register] == [("Super", 1, False)]
    assert (await house.ask("POST", f"{API}/{one['export_id']}/check", by="boss", json={}))[0] == 409
    for _ in range(2):
        path = f"{API}/{one['export_id']}/return"
        assert (await house.ask("POST", path, by="super", json={"how": "destroyed"}))[0] == 200
    status, checked = await house.ask("POST", f"{API}/{one['export_id']}/check", by="chief", json={"note": "已见碎纸"})
    assert (status, checked["checked_by"], checked["returned_how"]) == (200, "Chief", "destroyed")
    actions = [row["action"] for row in await pool.fetch(AUDITED)]
    assert actions == ["export.approved", "export.asked", "export.checked", "export.downloaded", "export.returned"]
    assert await pool.fetchval("select row_count from export_downloads") == 2


async def test_nobody_approves_or_checks_his_own(house: House, pool: Any) -> None:
    one = await ask(house, by="boss")
    assert (await house.ask("GET", f"{API}/waiting", by="boss"))[1] == {"waiting": 0}
    for what, body in (("approve", {}), ("decline", {"note": "x"})):
        status, answer = await house.ask("POST", f"{API}/{one['export_id']}/{what}", by="boss", json=body)
        assert (status, answer["error"]["id"]) == (403, "own_request")
    assert (await approve(house, one, by="chief"))[0] == 200
    assert (await file(house, one, by="boss"))[0] == 200
    await house.ask("POST", f"{API}/{one['export_id']}/return", by="boss", json={"how": "returned"})
    status, answer = await house.ask("POST", f"{API}/{one['export_id']}/check", by="boss", json={})
    assert (status, answer["error"]["id"]) == (403, "own_request")
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("update exports set decided_by = asked_by")


@pytest.mark.parametrize("who", ["super", "admin"])
async def test_supervisor_and_administrator_do_not_approve(house: House, who: str) -> None:
    one = await ask(house, by="other")
    assert (await approve(house, one, by=who))[0] == 403


async def test_two_who_decide_at_once_decide_once(house: House) -> None:
    one = await ask(house)
    assert (await approve(house, one))[0] == 200
    status, answer = await house.ask("POST", f"{API}/{one['export_id']}/decline", by="chief", json={"note": "不"})
    assert (status, answer["error"]["id"]) == (409, "export_not_now")


async def test_declined_and_withdrawn_are_never_downloaded(house: House) -> None:
    declined, withdrawn = await ask(house), await ask(house)
    status, one = await house.ask(
        "POST", f"{API}/{declined['export_id']}/decline", by="boss", json={"note": "用途不明"}
    )
    assert (status, one["note"]) == (200, "用途不明")
    for _ in range(2):
        assert (await house.ask("POST", f"{API}/{withdrawn['export_id']}/withdraw", by="super", json={}))[0] == 200
    assert (await approve(house, withdrawn))[0] == 409
    assert [(await file(house, one))[0] for one in (declined, withdrawn)] == [409, 409]


async def test_after_its_days_it_is_not_downloaded_and_overdue(house: House, pool: Any) -> None:
    fresh, taken = await ask(house), await ask(house)
    for one in (fresh, taken):
        await approve(house, one, downloads=5)
    assert (await file(house, taken))[0] == 200
    await pool.execute("update exports set valid_until = now() - interval '1 second'")
    status, content = await file(house, fresh)
    assert (status, b"export_expired" in content) == (410, True)
    register = (await house.ask("GET", f"{API}/register", by="boss"))[1]
    assert [(one["export_id"], one["overdue"]) for one in register] == [(taken["export_id"], True)]
    own = (await house.ask("GET", f"{API}/own", by="super"))[1]
    assert [one["may_download"] for one in own] == [False, False]


async def test_only_who_asked_downloads_and_sees_his_own(house: House) -> None:
    one = await ask(house)
    await approve(house, one)
    assert (await file(house, one, by="other"))[0] == 403
    assert (await house.ask("GET", f"{API}/own", by="other"))[1] == []
    assert (await house.ask("POST", f"{API}/{one['export_id']}/return", by="other", json={"how": "returned"}))[0] == 403


async def test_whole_numbers_only_when_the_approver_says_so(house: House) -> None:
    one = await ask(house, filter={"company_or_project": "绿城"})
    assert one["rows"] == 1
    await approve(house, one, whole_numbers=True)
    [_, _, row] = table((await file(house, one))[1])
    assert (row[2], row[9]) == ("138 0013 8000", "儿子 13900139000")


async def test_a_workbook_is_text_and_marked_everywhere(house: House) -> None:
    one = await ask(house, format="xlsx", filter={"vip": True})
    await approve(house, one)
    status, content = await file(house, one, language="en")
    assert status == 200
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book["Customers"]
    assert sheet["B3"].value == HOSTILE
    assert sheet["B3"].data_type == "s"
    mark = f"Request {one['export_id']} · downloaded by Super (super)"
    assert str(sheet["A1"].value).startswith(mark)
    assert sheet.oddFooter is not None
    assert str(sheet.oddFooter.center.text).startswith(mark)
    assert (book.properties.description or "").startswith(mark)
    assert str(sheet["L3"].value).startswith(f"#{one['export_id']}-")


async def test_calls_by_their_days(house: House, pool: Any) -> None:
    await pool.execute(
        """
        insert into calls (call_id, node, status, arrived_at, caller_number, queue_id, notes, waiting_seconds) values
        ('node1-1.1', 'node1', 'answered', '2026-11-20 16:30Z', '+8613800138000', 'service', '漏水', 7.6),
        ('node1-1.2', 'node1', 'answered', '2026-11-21 16:30Z', null, null, null, null)
        """
    )
    one = await ask(house, kind="calls", filter={"since": "2026-11-21", "until": "2026-11-21"})
    assert one["rows"] == 1
    await approve(house, one)
    [_, _, row] = table((await file(house, one))[1])
    assert (row[0], row[2], row[6], row[9]) == ("2026-11-21 00:30:00", "138****8000", "8", "漏水")


async def test_a_list_of_nothing_is_not_asked_for(house: House) -> None:
    body = {"kind": "customers", "reason": "x", "purpose": "y", "filter": {"text": "没有的"}}
    status, answer = await house.ask("POST", API, by="super", json=body)
    assert (status, list(answer["error"]["fields"])) == (400, ["filter"])


async def test_who_may_not_read_may_not_ask(house: House) -> None:
    house.hotline.roles = Roles({"supervisor": frozenset({Permission.EXPORT_LISTS})})
    body = {"kind": "calls", "reason": "x", "purpose": "y"}
    assert (await house.ask("POST", API, by="super", json=body))[0] == 403


async def test_a_merged_or_erased_record_is_in_no_list(house: House, pool: Any) -> None:
    await pool.execute("update customers set erased_at = now() where vip")
    assert (await ask(house))["rows"] == 1
