"""A whole conversation in the browser: the pop, the sound, the phone's keys, the record."""

import re

from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, kinds
from tests.browser.pages import at_desk
from tests.onebox import RunningHotline
from tests.waiting import until


async def test_a_call_from_the_pop_to_the_record(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        [customer] = (await admin.get("/customers", q="徐丽"))["customers"]
        number = customer["numbers"][0]
        with speaking_caller(hotline, number["number"]) as (_, voice):
            await desk.phase("incoming")
            await desk.sees("pop-number", number["number_display"])
            await desk.sees("pop-place", number["place"]["zh"])
            await desk.sees("pop-customer-name", "徐丽")
            await desk.sees("pop-customer-unit", customer["unit_or_address"])
            await desk.sees("pop-vip")
            await desk.sees("answer")
            assert await desk.first_seen("pop-customer") < await desk.first_seen("answer"), "the pop stood first"
            call_id = await desk.call_id()
            await desk.press("Alt+a")
            await desk.phase("talking")
            await desk.state("talking")

            await until(lambda: voice.hears == "agent", "the caller hears the agent")
            await desk.hears_the_caller()
            flow = await desk.flow()
            assert flow["received"] > 10
            assert flow["sent"] > 10

            await desk.press("Alt+m")
            await desk.sees("muted")
            await until(lambda: voice.hears == "silence", "a muted agent is not heard")
            await desk.press("Alt+m")
            await until(lambda: voice.hears == "agent", "he is heard again")

            await desk.press("Alt+o")
            await desk.phase("held")
            await desk.sees("hold-timer")
            await until(lambda: voice.hears == "other", "the caller hears music")
            await admin.call_when(call_id, lambda call: "held" in kinds(call))
            await desk.press("Alt+o")
            await desk.phase("talking")
            await until(lambda: voice.hears == "agent", "the conversation goes on")
            await desk.hears_the_caller()

            await desk.press("Alt+k")
            for key in ("4", "2", "#"):
                await desk.click(f"key-{key}")
            await until(lambda: voice.digits == ["4", "2", "#"], "the digits arrive")

            await desk.press("Alt+x")
            await desk.state("wrapup")
            await desk.phase("ended")
        await desk.sees("summary-hung-up", "座席")
        await desk.sees("summary-rings", "1")
        await desk.press("Control+Enter")
        await desk.sees("need-type")
        await desk.page.keyboard.type("报修")
        await desk.press("Enter", "Alt+n")
        await desk.page.keyboard.type("三单元电梯异响，请今天上门。")
        await desk.press("Tab", "ArrowRight")
        await expect(desk.at("next-callback")).to_be_checked()
        await desk.press("Control+Enter")
        await desk.state("ready")
        await desk.sees("today-row", "徐丽")
        call = await admin.call_when(call_id, lambda call: call["outcome_at"] and call["wrapup_seconds"] is not None)
    wanted = [
        "arrived",
        "identified",
        "queued",
        "offered",
        "ringing",
        "answered",
        "held",
        "resumed",
        "ended",
        "outcome",
    ]
    assert [kind for kind in kinds(call) if kind in wanted] == wanted
    assert call["hung_up_by"] == "agent"
    assert call["customer_name"] == "徐丽"
    assert call["agent_name"] == "陈晓琳"
    assert call["notes"] == "三单元电梯异响，请今天上门。"
    assert call["next_step"] == "callback"
    assert call["call_type"]
    assert 0.1 < call["holding_seconds"] < 10
    assert call["talking_seconds"] > call["holding_seconds"]
    assert call["wrapup_seconds"] > 0
    assert re.fullmatch(r"\+86136\d{8}", call["caller_number"])


async def test_who_it_was_of_several_customers_with_this_number(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13812345678", hold_seconds=1):
            await desk.sees("answer")
            await desk.press("Alt+a")
            await desk.state("wrapup")
            call_id = await desk.call_id()
        await desk.at("pop-candidate").filter(has_text="刘老太太").click()
        await desk.sees("pop-customer-name", "刘老太太")
        await desk.click("call-type-enquiry")
        await desk.press("Control+Enter")
        await desk.state("ready")
        call = await admin.call_when(call_id, lambda call: call["outcome_at"] is not None)
    assert call["customer_name"] == "刘老太太"
