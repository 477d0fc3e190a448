"""The call's record as an agent fills it in: by keyboard, across a reload, later; and made on a page."""

import re
from typing import Any

from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, configured
from tests.browser.pages import Screen, at_desk, signed_in
from tests.onebox import RunningHotline
from tests.waiting import until


async def talking(desk: Screen) -> str:
    """He answers; the call's id."""
    await desk.sees("answer")
    await desk.press("Alt+a")
    await desk.phase("talking")
    return await desk.call_id()


async def test_a_complaint_is_written_down_by_keyboard_while_talking(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800999601") as (_, voice):
            call_id = await talking(desk)
            await desk.sees("script-greeting", "您好")
            await desk.press("Alt+c")
            await desk.page.keyboard.type("投诉")
            await desk.press("Enter")
            await desk.sees("script-closing", "谢谢您将此事告知我们")
            await expect(desk.at("sub-type-attitude")).to_be_focused()
            await desk.press("Control+Enter")
            await expect(desk.at("sub-type-attitude")).to_be_focused()
            await expect(desk.page.locator('[data-path="sub_type"] .wrong')).to_have_text("此项必填")
            await expect(desk.page.locator('[data-path="fields.demand"] .wrong')).to_have_text("此项必填")
            await desk.press("5", "Tab")
            await desk.page.keyboard.type("热水器漏水，一周内修过两次。")
            await desk.press("Control+Enter")
            await expect(desk.at("field-demand")).to_be_focused()
            await desk.page.keyboard.type("换一台新的")
            await desk.at("read-back-number").focus()
            await desk.press("1", "2", "4")
            await desk.sees("draft-kept", where="service")

            await desk.page.reload()
            await desk.phase("talking")
            await desk.hears_the_caller()
            await until(lambda: voice.hears == "agent", "the page has the call again", 20)
            await expect(desk.at("notes")).to_have_value("热水器漏水，一周内修过两次。")
            await expect(desk.at("field-demand")).to_have_value("换一台新的")
            await expect(desk.at("sub-type-quality")).to_have_attribute("aria-checked", "true")
            await expect(desk.at("read-back-name")).to_have_attribute("aria-checked", "true")
            await desk.press("Control+Enter")
            await desk.sees_no("draft-kept")
            await desk.press("Alt+x")
            await desk.state("wrapup")
        await desk.press("Control+Enter")
        await desk.state("ready")
        call = await admin.call_when(
            call_id, lambda call: call["outcome_at"] is not None and call["wrapup_seconds"] is not None
        )
        assert (call["call_type"], call["sub_type"], call["outcome_complete"]) == ("complaint", "quality", True)
        assert call["form_fields"]["demand"] == "换一台新的"
        assert call["read_back"] == ["number", "name", "matter"]
        await desk.open(f"/calls?call={call_id}")
        await desk.sees("record-demand", "换一台新的")
        await desk.sees("record-read_back", "电话号码、姓名、来电事项")


async def test_who_may_not_be_ready_before_it_is_written_down(hotline: RunningHotline, chromium: Browser) -> None:
    rule: dict[str, Any] = {"outcome_required": "before_ready", "wrapup_seconds": 5}
    async with configured(hotline, **rule), administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800999602"):
            call_id = await talking(desk)
            await desk.press("Alt+x")
            await desk.state("wrapup")
            await desk.sees("agent-first", "请等客户先挂断")
            await desk.click("skip")
            await expect(desk.page.locator(".el-message").first).to_contain_text("请先填写上一通电话的记录")
            await desk.state("wrapup")
        await desk.state("paused")
        await desk.sees("owed")
        await desk.press("Alt+r")
        await desk.state("paused")
        await desk.type("notes", "问营业时间")
        await desk.click("call-type-enquiry")
        await desk.press("Control+Enter")
        await desk.state("ready")
        await desk.sees_no("owed")
        call = await admin.call_when(call_id, lambda call: call["outcome_at"] is not None)
    assert (call["call_type"], call["notes"], call["hung_up_by"]) == ("enquiry", "问营业时间", "agent")


async def test_a_call_is_written_down_later_in_another_browser(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin:
        async with at_desk(chromium, hotline) as desk:
            with speaking_caller(hotline, "13800999603", hold_seconds=1):
                call_id = await talking(desk)
                await desk.state("wrapup")
            await desk.sees("summary-hung-up", "客户")
            await desk.sees_no("agent-first")
            await desk.type("notes", "先记一半")
            await desk.sees("draft-kept", where="service")
            await desk.click("skip")
            await desk.state("ready")
            await desk.sees("unwritten-row", call_id=call_id)
        async with at_desk(chromium, hotline, ready=False) as desk:
            await desk.sees("unwritten-draft")
            row = desk.at("unwritten-row", call_id=call_id)
            await row.focus()
            await desk.press("Enter")
            await expect(desk.at("notes")).to_have_value("先记一半")
            await expect(desk.at("notes")).to_be_focused()
            await desk.press("End")
            await desk.page.keyboard.type("，再补一半")
            await desk.press("Alt+c")
            await desk.page.keyboard.type("咨询")
            await desk.press("Enter", "Control+Enter")
            await desk.sees_no("unwritten-row", call_id=call_id)
            await desk.state("signed_out")
        call = await admin.call_when(call_id, lambda call: call["outcome_at"] is not None)
        assert (call["notes"], call["call_type"]) == ("先记一半，再补一半", "enquiry")


async def test_calls_without_a_record_are_found_on_the_calls_page(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800999604"):
            call_id = await talking(desk)
            await desk.press("Alt+x")
            await desk.state("wrapup")
        await desk.click("skip")
        await desk.state("ready")
    async with signed_in(chromium, hotline, "super", "/calls") as page:
        await page.sees("call-row", call_id=call_id)
        for label in ("未写记录", "座席先挂断"):
            await page.click("calls-record")
            await page.page.locator(".el-select-dropdown__item", has_text=label).locator("visible=true").click()
            row = await page.sees("call-row", call_id=call_id)
            await expect(row.locator('[data-test="call-unwritten"]')).to_be_visible()


async def test_a_form_is_made_on_a_page_and_used_for_the_next_call(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        at_desk(chromium, hotline) as desk,
        signed_in(chromium, hotline, "admin", "/configuration/forms") as admin,
    ):
        await admin.click("new-type")
        await admin.type("type-name-zh", "停车")
        await admin.type("type-name-en", "Parking")
        await admin.click("field-add")
        await admin.page.keyboard.type("车牌号")
        await admin.press("Tab")
        await admin.page.keyboard.type("Plate")
        await admin.at("field-required").check()
        await expect(admin.at("preview").locator('[data-path="fields.plate"]')).to_contain_text("车牌号")
        await admin.press("Control+Enter")
        await admin.sees("type-entry", "停车", code="parking")
        with speaking_caller(hotline, "13800999605", hold_seconds=2):
            await talking(desk)
            await desk.state("wrapup")
        await desk.page.reload()
        await desk.state("wrapup")
        await desk.click("call-type-parking")
        await desk.press("Control+Enter")
        await expect(desk.at("field-plate")).to_be_focused()
        await desk.page.keyboard.type("沪A12345")
        await desk.press("Control+Enter")
        await desk.state("ready")
        await admin.at("type-active").uncheck()
        await admin.press("Control+Enter")
        await admin.sees("type-entry", re.compile("已停用"), code="parking")
