"""The pages beside the desk: calls, tasks to ring back, customers, agents."""

import asyncio

from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator
from tests.browser.pages import at_desk, signed_in, somebody
from tests.browser.test_troubles import answer
from tests.onebox import RunningHotline


async def test_a_call_stands_on_the_calls_page_with_all_that_happened(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, hotline, "bob") as desk:
        with Caller(hotline.sip, number="13800138401", hold_seconds=1):
            await answer(desk)
            await desk.state("wrapup")
        call_id = await desk.call_id()
        await desk.click("call-type-enquiry")
        await desk.type("notes", "问物业费")
        await desk.press("Control+Enter")
        await desk.state("ready")
        await desk.click("nav-calls")
        await desk.type("calls-search", "13800138401")
        row = await desk.sees("call-row", call_id=call_id, status="answered")
        await expect(row).to_contain_text("李伟")
        await row.click()
        await desk.sees("call-drawer", call_id=call_id)
        await desk.sees("call-notes", "问物业费")
        await desk.sees("fact-hung-up", "客户")
        await desk.sees("fact-agent", "李伟")
        for kind in ("arrived", "identified", "queued", "offered", "ringing", "answered", "ended", "outcome"):
            await desk.sees("call-event", kind=kind)


async def test_who_gave_up_is_rung_back_and_marked_done(hotline: RunningHotline, chromium: Browser) -> None:
    with Caller(hotline.sip, number="13800138402", hold_seconds=1.5) as caller:
        await asyncio.to_thread(caller.finish)
    async with signed_in(chromium, hotline, "super", "/calls") as screen:
        row = screen.at("ring-back-row", number="+8613800138402")
        await expect(row).to_contain_text("138 0013 8402")
        await row.locator('[data-test="ring-back-done"]').click()
        await screen.type("ring-back-note", "已回电，约周三上门")
        await screen.click("ring-back-save")
        await screen.sees_no("ring-back-row", number="+8613800138402")
    async with administrator(hotline) as admin:
        done = (await admin.get("/ring-backs", state="done"))["ring_backs"]
    [task] = [task for task in done if task["number"] == "+8613800138402"]
    assert task["done_note"] == "已回电，约周三上门"


async def test_a_new_customer_is_known_at_his_next_call(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline) as desk:
        with Caller(hotline.sip, number="13800138403", hold_seconds=1):
            await answer(desk)
            await desk.state("wrapup")
        await desk.sees("pop-new-customer")
        await desk.click("pop-make-customer")
        await desk.sees("pop-new-form", "138 0013 8403")
        await desk.type("pop-new-name", '钱多多 "<b>"')
        await desk.type("pop-new-unit", "9 幢 901")
        await desk.click("pop-new-save")
        await desk.sees("pop-customer-name", '钱多多 "<b>"')
        await desk.click("skip")
        await desk.state("ready")
        with Caller(hotline.sip, number="13800138403", hold_seconds=1):
            await desk.sees("pop-customer-name", '钱多多 "<b>"')
            await desk.sees("pop-customer-unit", "9 幢 901")
            await answer(desk)
            await desk.state("wrapup")
        await desk.click("skip")
        await desk.click("nav-customers")
        await desk.type("customers-search", "138 0013 8403")
        await expect(desk.at("customer-row")).to_have_count(1)
        await desk.click("customer-row")
        await expect(desk.at("timeline-entry", kind="call")).not_to_have_count(0)


async def test_an_administrator_makes_an_agent_who_can_take_calls(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        signed_in(chromium, hotline, "admin", "/agents") as admin,
        somebody(chromium, hotline) as newcomer,
        signed_in(chromium, hotline, "super", "/agents") as supervisor,
    ):
        await admin.click("new-agent")
        await admin.type("agent-name", "新同事")
        await admin.type("agent-username", "newcomer")
        await admin.click("agent-phone-browser")
        await admin.type("agent-extension", "1088")
        await admin.click("agent-save")
        password = await (await admin.sees("once-password")).inner_text()
        await admin.click("once-close")
        await admin.sees("agent-row", "1088", username="newcomer")
        await newcomer.open()
        await newcomer.sign_in("newcomer", password)
        await newcomer.be_ready()
        await supervisor.sees("agent-row", username="newcomer", state="ready")
        await supervisor.sees_no("new-agent")
        await newcomer.click("go-off")
        await newcomer.state("signed_out")
        await supervisor.sees("agent-row", username="newcomer", state="signed_out")
