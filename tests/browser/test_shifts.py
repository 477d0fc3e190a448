"""Shifts in the browser: the roster from the keyboard, its approval, files, who is missing, hand-over, swaps."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Route, expect

from callcenter.shifts.sheet import XLSX, read_table
from tests.asterisk.stage import administrator
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.browser.pages import Screen, at_desk, signed_in
from tests.onebox import RunningHotline
from tests.people import Person

SHANGHAI = ZoneInfo("Asia/Shanghai")
PEKING: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}


def today() -> date:
    return datetime.now(SHANGHAI).date()


def monday(weeks_ahead: int) -> date:
    return today() - timedelta(days=today().weekday()) + timedelta(weeks=weeks_ahead)


@pytest_asyncio.fixture(loop_scope="session")
async def empty_roster(hotline: RunningHotline) -> AsyncIterator[None]:
    """No shift is planned before the test, nor after it."""
    await clear(hotline)
    yield
    await clear(hotline)


async def clear(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin:
        view = await admin.get("/shifts", first=str(monday(-1)), days=62)
        changes = [
            {"user_id": one["user_id"], "day": one["day"], "was": one["kind_id"], "kind_id": None}
            for one in view["shifts"]
        ]
        if changes:
            await admin.put("/shifts/cells", {"changes": changes, "reason": "test"})


def cell(screen: Screen, who: str, day: date) -> Locator:
    return screen.page.locator(f'tr[data-username="{who}"] [data-test="roster-cell"][data-day="{day}"]')


async def holds(screen: Screen, who: str, day: date, code: str) -> None:
    await expect(cell(screen, who, day)).to_have_attribute("data-kind", code)


async def weeks_on(screen: Screen, weeks: int) -> None:
    await screen.sees("roster")
    for n in range(weeks):
        await screen.click("week-after")
        await screen.sees("week", str(monday(n + 1)))
    await screen.sees("roster")


@asynccontextmanager
async def roster(
    chromium: Browser, hotline: RunningHotline, who: str = "super", weeks: int = 2
) -> AsyncIterator[Screen]:
    """The roster page of a week that lies so far ahead."""
    async with signed_in(chromium, hotline, who, "/shifts", **PEKING) as screen:
        await weeks_on(screen, weeks)
        yield screen


async def test_a_week_is_planned_from_the_keyboard(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first = monday(2)
    async with roster(chromium, hotline) as screen:
        await cell(screen, "alice", first).click()
        await screen.press("1", "1", "3", "0", "ArrowDown", "ArrowLeft", "2", "Home", "9", "ArrowLeft", "Delete")
        await holds(screen, "alice", first + timedelta(days=2), "3")
        await holds(screen, "bob", first + timedelta(days=3), "2")
        await cell(screen, "alice", first + timedelta(days=2)).click()
        await screen.press("Enter")
        await screen.page.keyboard.type("138 0013 8009")
        await screen.press("Enter")
        await expect(cell(screen, "alice", first + timedelta(days=2))).to_be_focused()
        await screen.sees("unsaved", "5")
        await screen.press("Control+s")
        await screen.sees_no("unsaved")
        await expect(cell(screen, "alice", first + timedelta(days=2))).to_contain_text("138 0013 8009")
        total = screen.at("roster-total", day=str(first + timedelta(days=3)))
        await expect(total).to_contain_text("晚班 1")
        await expect(screen.page.locator('tr[data-username="alice"] [data-test="roster-hours"]')).to_have_text("26")
        await screen.click("week-after")
        await screen.sees("week", str(monday(3)))
        await screen.click("copy-week")
        await screen.sees("unsaved", "5")
        await screen.click("roster-save")
        await screen.sees_no("unsaved")
        await screen.page.reload()
        await weeks_on(screen, 3)
        await holds(screen, "alice", monday(3) + timedelta(days=2), "3")


async def test_a_week_that_does_not_come_leaves_the_one_that_is_shown(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first, away = monday(2), re.compile(rf"/api/v1/shifts\?.*first={monday(3)}")
    async with roster(chromium, hotline) as screen:
        await cell(screen, "alice", first).click()
        await screen.press("1")
        await screen.click("roster-save")
        await screen.sees_no("unsaved")
        await screen.page.route(away, lambda route: route.abort())
        await screen.click("week-after")
        await expect(screen.page.locator(".el-message--error")).to_be_visible()
        await screen.sees("week", str(first))
        await holds(screen, "alice", first, "1")
        await screen.page.unroute(away)
        await screen.click("week-after")
        await screen.sees("week", str(monday(3)))
        await holds(screen, "alice", monday(3), "")


async def test_what_is_typed_while_a_save_is_on_its_way_is_still_to_be_saved(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first, gone, go_on = monday(2), asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        gone.set()
        await go_on.wait()
        await route.continue_()

    async with roster(chromium, hotline) as screen:
        await screen.page.route("**/api/v1/shifts/cells", hold)
        await cell(screen, "alice", first).click()
        await screen.press("1", "1", "Control+s")
        await asyncio.wait_for(gone.wait(), 10)
        await screen.press("3", "ArrowLeft", "ArrowLeft", "2")
        go_on.set()
        await screen.sees("unsaved", "2")
        await screen.click("roster-save")
        await screen.sees_no("unsaved")
        for n, code in enumerate("123"):
            await holds(screen, "alice", first + timedelta(days=n), code)


async def test_who_is_overtaken_is_told_and_may_save_again(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first = monday(2)
    async with roster(chromium, hotline) as one, roster(chromium, hotline, "admin") as other:
        for screen, key in ((one, "1"), (other, "2")):
            await cell(screen, "bob", first).click()
            await screen.press(key)
        await one.click("roster-save")
        await one.sees_no("unsaved")
        await other.click("roster-save")
        await other.sees("overtaken")
        await holds(other, "bob", first, "2")
        await other.click("roster-save")
        await other.sees_no("unsaved")
        async with administrator(hotline) as admin:
            view = await admin.get("/shifts", first=str(first), days=7)
        assert [one["kind_id"] for one in view["shifts"]] == [2]


async def test_a_month_is_handed_in_approved_and_then_changed_with_a_reason(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first = monday(8)
    month = f"{first:%Y-%m}"
    async with roster(chromium, hotline, weeks=8) as screen:
        await screen.page.locator(f'[data-month="{month}"] [data-test="roster-submit"]').click()
        await screen.sees("roster-month", month=month, state="submitted")
        async with roster(chromium, hotline, "admin", weeks=8) as admin:
            await admin.page.locator(f'[data-month="{month}"] [data-test="roster-approve"]').click()
            await admin.sees("roster-month", month=month, state="approved")
        await screen.page.reload()
        await weeks_on(screen, 8)
        await screen.sees("roster-month", month=month, state="approved")
        await cell(screen, "dave", first).click()
        await screen.press("1")
        await expect(screen.at("roster-save")).to_be_disabled()
        await screen.type("roster-reason", "陈晓琳病假")
        await screen.click("roster-save")
        await screen.sees_no("unsaved")


def workbook(*rows: tuple[Any, ...]) -> FilePayload:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return {"name": "排班.xlsx", "mimeType": XLSX, "buffer": out.getvalue()}


async def test_a_file_is_imported_once_nothing_is_wrong_with_it(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    first = monday(2)
    days = [first + timedelta(days=n) for n in range(2)]
    async with roster(chromium, hotline) as screen:
        await screen.click("import-roster")
        file = screen.at("import-file")
        await file.set_input_files(workbook(("人员", *days), ("陈晓琳", "早斑", 3), ("某某", "早班", "")))
        await screen.sees("import-problem", "没有叫“早斑”的班次。", cell="B2")
        await screen.sees("import-problem", "没有叫“某某”的人。", cell="A3")
        await screen.sees_no("import-save")
        await file.set_input_files({"name": "x.xlsx", "mimeType": XLSX, "buffer": b"PK no"})
        await screen.sees("import-refused", "可以读取的 .xlsx")
        await file.set_input_files(workbook(("人员", *days), ("陈晓琳", "早班", 3), ("1002", "休息", "")))
        await expect(screen.at("import-change")).to_have_count(3)
        await screen.click("import-save")
        await screen.sees_no("import-dialog")
        await holds(screen, "alice", days[0], "1")
        await holds(screen, "alice", days[1], "3")
        await holds(screen, "bob", days[0], "0")
        async with screen.page.expect_download() as download:
            await screen.click("export-week")
        path = await (await download.value).path()
        assert read_table(path.read_bytes())[1][:3] == ["陈晓琳", "早班", "夜班"]


@asynccontextmanager
async def on_shift_now(admin: Person, username: str) -> AsyncIterator[date]:
    """By the roster this person works now, since an hour; the shift's day."""
    now = datetime.now(SHANGHAI)
    begun, over = now - timedelta(hours=1), now + timedelta(hours=2)
    kind = {"code": "y", "name_zh": "白班", "name_en": "Day", "colour": "#2f7d5b"}
    made = await admin.post("/shifts/kinds", kind | {"starts": f"{begun:%H:%M}", "ends": f"{over:%H:%M}"})
    [who] = [one["user_id"] for one in await admin.get("/agents") if one["username"] == username]
    on = {"user_id": who, "day": begun.date().isoformat(), "was": None, "kind_id": made["id"]}
    await admin.put("/shifts/cells", {"changes": [on], "reason": "test"})
    try:
        yield begun.date()
    finally:
        await admin.delete(f"/shifts/kinds/{made['id']}")


async def test_who_is_missing_is_shown_until_he_signs_in(
    hotline: RunningHotline, chromium: Browser, empty_roster: None
) -> None:
    async with (
        administrator(hotline) as admin,
        on_shift_now(admin, "carol") as day,
        roster(chromium, hotline, weeks=0) as screen,
    ):
        await screen.sees("attending", "应到未到", username="carol", presence="missing")
        async with at_desk_phone(hotline, "carol"):
            await expect(screen.at("attending", username="carol", presence="here")).to_be_visible(timeout=25_000)
        await screen.click("shifts-attendance")
        await expect(screen.at("attendance-row", day=str(day)).filter(has_text="王芳")).to_contain_text(
            re.compile(r"\d 分")
        )


async def test_a_note_goes_from_one_shift_to_the_next(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline, "bob", ready=False, **PEKING) as bob:
        async with signed_in(chromium, hotline, "alice", "/shifts/hand-over", **PEKING) as alice:
            await alice.type("hand-over-text", "12 幢电梯停用，维保 20:00 前到。<b>")
            await alice.type("hand-over-items", "回访 12-3-501\n催维保到场")
            await alice.click("hand-over-submit")
            await alice.sees("hand-over-note", "12 幢电梯停用", taken="false")
            await alice.sees_no("take-note")
        await bob.page.reload()
        await bob.sees("hand-over-notice", "1")
        await bob.click("hand-over-notice")
        note = await bob.sees("hand-over-note", "<b>", taken="false")
        await expect(note.locator('[data-test="hand-over-item"]')).to_have_count(2)
        await bob.click("take-note")
        await bob.sees("taken-by", "李伟")
        await bob.at("item-done").first.click()
        await expect(bob.at("item-done")).to_have_count(1)
        await bob.at("add-to-note").first.click()
        await bob.type("addition-text", "维保 19:40 已到场")
        await bob.click("addition-save")
        await bob.sees("addition", "维保 19:40 已到场")
        await bob.type("visit-visitors", "电信维护 2 人")
        await bob.type("visit-purpose", "更换光模块")
        await bob.click("visit-save")
        await bob.click("visit-left")
        await bob.sees_no("visit-left")
        await bob.click("nav-desk")
        await bob.sees_no("hand-over-notice")


async def test_a_swap_is_asked_for_and_approved(hotline: RunningHotline, chromium: Browser, empty_roster: None) -> None:
    day = monday(2) + timedelta(days=1)
    async with administrator(hotline) as admin:
        ids = {one["username"]: one["user_id"] for one in await admin.get("/agents")}
        changes = [
            {"user_id": ids[who], "day": str(day), "was": None, "kind_id": kind}
            for who, kind in (("alice", 1), ("bob", 2))
        ]
        await admin.put("/shifts/cells", {"changes": changes, "reason": "test"})
    async with roster(chromium, hotline, "alice") as alice:
        await alice.sees_no("roster-save")
        await cell(alice, "alice", day).click()
        await alice.press("3")
        await holds(alice, "alice", day, "1")
        await alice.click("ask-swap")
        await expect(alice.at("swap-day")).to_have_value(str(day))
        await alice.at("swap-colleague").select_option(label="李伟")
        await alice.type("swap-note", "家里有事")
        await alice.click("swap-ask")
        await alice.sees("swap-row", "家里有事", state="asked")
    async with signed_in(chromium, hotline, "super", "/shifts/swaps", **PEKING) as screen:
        await screen.type("swap-decision", "同意")
        await screen.click("swap-approve")
        await screen.sees("swap-row", "同意", state="approved")
        await screen.click("shifts-roster")
        await weeks_on(screen, 2)
        await holds(screen, "alice", day, "2")
        await holds(screen, "bob", day, "1")


async def test_kinds_and_rules_are_set(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/shifts/kinds", **PEKING) as screen:
        await screen.click("new-kind")
        await screen.fill(name_zh="中班", name_en="Middle", starts="10", ends="19", code="1")
        await screen.click("save-kind")
        await screen.is_wrong("code", "已有班次使用。")
        await screen.fill(code="m")
        await screen.click("save-kind")
        await screen.sees("kind-row", "10:00–19:00", code="m")
        await screen.at("kind-row", code="m").locator('[data-test="remove-kind"]').click()
        await screen.agree()
        await screen.sees_no("kind-row", code="m")
        await screen.type("fallback-number", "123")
        await screen.click("save-rules")
        await screen.is_wrong("duty_number", "热线不能拨打这个号码。")
        await screen.type("fallback-number", "")
        await screen.click("save-rules")
        await expect(screen.page.locator('[data-path="duty_number"] .wrong')).to_have_count(0)
