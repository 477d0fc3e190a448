"""What agents and supervisors see of a queue's life: callbacks, messages, wrap-up with a limit, and why nobody rang."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, configured
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.asterisk.test_calls import ended
from tests.asterisk.test_routing import listens, spoken_to_the_end
from tests.browser.pages import at_desk, signed_in
from tests.browser.test_troubles import answer
from tests.onebox import RunningHotline

CHINA = {"timezone_id": "Asia/Shanghai"}
"""The department's own zone: its days are the days of the page."""


async def test_who_keeps_his_place_is_seen_waiting_and_is_rung_back_from_the_desk(
    hotline: RunningHotline, chromium: Browser
) -> None:
    callback = {"key": "1", "offer_after_seconds": 0, "ring_seconds": 20}
    async with (
        configured(hotline, apology_ring=1, callback=callback),
        administrator(hotline) as person,
        signed_in(chromium, hotline, "super", "/calls") as screen,
        at_desk(chromium, hotline, ready=False) as desk,
    ):
        with speaking_caller(hotline, "13800138601") as (caller, voice):
            await asyncio.to_thread(caller.wait_for, "answered")
            await listens(voice)
            voice.press("1")
            await desk.sees("waiting", "0")
            await spoken_to_the_end(voice)
            voice.press("1")
            await asyncio.to_thread(caller.finish)
        await screen.sees("callback-row", "138 0013 8601", state="waiting")
        with DeskPhone("trunk", port=hotline.trunk_port, ring_seconds=9) as customer:
            await desk.click("go-ready")
            await desk.sees("callback-ask")
            await desk.sees("pop-number", "138 0013 8601")
            await desk.sees("pop-callback", "第 1 次回拨")
            await desk.sees("answer")
            assert not customer.events(), "nobody rings the customer before an agent is there"
            await desk.press("Alt+a")
            await desk.phase("calling")
            await desk.sees("pop-phase", "正在拨打客户")
            await screen.sees("callback-row", state="calling")
            await desk.phase("talking")
            call_id = await desk.call_id()
            await desk.press("Alt+x")
            await asyncio.to_thread(customer.wait_for, "hung-up-on")
            await desk.state("wrapup")
            assert len([event for event in customer.events() if event.kind == "invite"]) == 1
        await desk.click("call-type-repair")
        await desk.type("notes", "已回电，约明天上门")
        await desk.press("Control+Enter")
        await desk.state("ready")
        call = await person.call_when(call_id, lambda call: bool(ended(call) and call["outcome_at"]))
        tasks = [
            task for state in ("open", "done") for task in (await person.get("/ring-backs", state=state))["ring_backs"]
        ]
        assert "+8613800138601" not in {task["number"] for task in tasks}, "he was never missed"
        await screen.sees_no("callback-row")
        await screen.type("calls-search", "13800138601")
        await screen.click("call-row", call_id=call_id)
        await screen.sees("fact-callback-attempts", "1")
        for kind in ("callback_asked", "line_over", "calling", "answered", "outcome"):
            await screen.sees("call-event", kind=kind)
    assert (call["status"], call["notes"], call["agent_name"]) == ("answered", "已回电，约明天上门", "陈晓琳")


@pytest.mark.usefixtures("configuration_kept")
async def test_a_message_left_on_a_closed_day_is_played_in_the_page(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "admin", "/configuration/hours", **CHINA) as admin:
        await admin.click("hours-row")
        await admin.at("calendar-day").and_(admin.page.locator(".today")).click()
        await admin.sees("exception-row", "休息")
        await admin.save()
        await expect(admin.at("calendar-day").and_(admin.page.locator(".today"))).to_have_attribute(
            "data-why", "exception"
        )
        await admin.open("/configuration/queues/service")
        await admin.field("hours_id").select_option("office")
        await admin.field("callback.at_closing").uncheck()
        await admin.save()
        with speaking_caller(hotline, "13800138602") as (caller, voice):
            await listens(voice)
            await spoken_to_the_end(voice)
            voice.press("#")
            await asyncio.to_thread(caller.finish)
        await admin.click("nav-calls")
        task = await admin.sees("ring-back-row", "留言", number="+8613800138602")
        await task.locator("[data-test=sound-play]").click()
        await expect(task.locator("[data-test=sound-play]")).to_have_attribute("aria-pressed", "true")
        await expect(task.locator("input[type=range]")).not_to_have_js_property("value", "0")
        await expect(task).to_contain_text(re.compile(r"0:0\d / 0:0[1-9]"))
        await admin.type("calls-search", "13800138602")
        await admin.sees("call-row", "已留言", status="message")


async def test_wrap_up_ends_by_itself_and_a_key_gives_more_time(hotline: RunningHotline, chromium: Browser) -> None:
    wrapup: dict[str, Any] = {"wrapup_seconds": 5, "wrapup_extension_seconds": 4, "outcome_required": False}
    async with (
        configured(hotline, **wrapup),
        administrator(hotline) as person,
        at_desk(chromium, hotline) as desk,
    ):
        with Caller(hotline.sip, number="13800138603", hold_seconds=1):
            await answer(desk)
            await desk.state("wrapup")
        call_id = await desk.call_id()
        await desk.sees("wrapup-left", re.compile(r"0:0[1-5]"))
        await desk.press("Alt+l")
        await desk.sees("wrapup-left", re.compile(r"0:0[6-9]"))
        await desk.sees_no("extend-wrapup")
        await desk.state("ready")
        call = await person.call_when(call_id, lambda call: bool(call["wrapup_seconds"]))
    assert 8.5 < call["wrapup_seconds"] < 11


async def test_time_alone_does_not_end_a_wrap_up_without_a_record(hotline: RunningHotline, chromium: Browser) -> None:
    async with configured(hotline, wrapup_seconds=5), at_desk(chromium, hotline, language="en") as desk:
        with Caller(hotline.sip, number="13800138604", hold_seconds=1):
            await answer(desk)
            await desk.state("wrapup")
        await desk.sees("wrapup-over")
        await desk.state("wrapup")
        await desk.click("call-type-enquiry")
        await desk.press("Control+Enter")
        await desk.state("ready")


async def test_a_pause_is_chosen_without_a_mouse_and_shows_its_limit(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, hotline, ready=False) as desk:
        await desk.sees("phone-status", line="online")
        await desk.press("Alt+r")
        await desk.state("ready")
        await desk.at("pause").focus()
        await desk.press("Enter")
        await expect(desk.at("pause-break")).to_be_focused()
        await desk.press("Escape")
        await expect(desk.at("pause-break")).to_be_hidden()
        await expect(desk.at("pause")).to_be_focused()
        await desk.press("Enter")
        await expect(desk.at("pause-break")).to_be_focused()
        await desk.press("ArrowDown", "Enter")
        await desk.state("paused")
        await desk.sees("state-reason", "用餐")
        await desk.sees("pause-limit", "1:00:00")
        await desk.press("Alt+r")
        await desk.state("ready")


async def test_why_nobody_rang_is_said_for_every_agent(hotline: RunningHotline, chromium: Browser) -> None:
    needs = [{"skill_id": "technical", "level": 5}]
    async with (
        configured(hotline, needs=needs),
        at_desk(chromium, hotline) as alice,
        at_desk(chromium, hotline, "bob") as bob,
        at_desk_phone(hotline, "carol", ready=False) as carol,
    ):
        await bob.click("pause")
        await bob.click("pause-meal")
        await bob.state("paused")
        with Caller(hotline.sip, number="13800138605", patience_seconds=3) as caller:
            await asyncio.to_thread(caller.wait_for, "gives-up")
        await alice.state("ready")
        async with signed_in(chromium, hotline, "super", "/calls") as screen:
            await screen.type("calls-search", "13800138605")
            await expect(screen.at("call-row")).to_have_count(1)
            await screen.click("call-row", status="abandoned")
            await screen.sees("why-panel", "级以上")
            await screen.sees("why-group", "陈晓琳", reason="lacks_skill")
            await screen.sees("why-group", "李伟", reason="paused")
            await screen.sees("why-group", "用餐", reason="paused")
            await screen.sees("why-group", str(carol.user["display_name"]), reason="signed_out")
            await screen.at("why-moment").focus()
            await screen.press("Home")
            await screen.sees("why-panel", "来电后 0:00")
            await screen.sees("why-group", "陈晓琳", reason="lacks_skill")
