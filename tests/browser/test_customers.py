"""Who calls, by keyboard alone: a first-time caller made a customer while talking, and two customers at one number."""

from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator
from tests.browser.pages import at_desk
from tests.onebox import RunningHotline


async def test_a_first_time_caller_is_made_a_customer_while_talking(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with Caller(hotline.sip, number="13800137811", hold_seconds=20):
            await desk.sees("pop-new-customer")
            await desk.press("Alt+a")
            await desk.phase("talking")
            await desk.press("n", "Enter")
            await desk.sees("pop-customer-name", "7811")
            call_id = await desk.call_id()
            await desk.page.reload()
            await desk.sees("pop-customer-name", "7811")
            await expect(desk.at("mute")).to_be_enabled()
            await desk.press("Alt+x")
            await desk.state("wrapup")
        await desk.click("skip")
        call = await admin.call_when(call_id, lambda call: call["customer_name"] and "7811" in call["customer_name"])
        [customer] = (await admin.get("/customers", q="13800137811"))["customers"]
        assert customer["customer_id"] == call["customer_id"]


async def test_of_two_customers_at_one_number_a_digit_chooses(hotline: RunningHotline, chromium: Browser) -> None:
    number = [{"number": "13800137812"}]
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        await admin.post("/customers", {"name": "沈先生", "numbers": number, "unit_or_address": "5 幢 501"})
        await admin.post("/customers", {"name": "沈太太", "numbers": [{"number": "13800137813"}, *number]})
        with Caller(hotline.sip, number="13800137812", hold_seconds=20):
            await expect(desk.at("pop-candidate")).to_have_count(2)
            await expect(desk.at("pop-candidate").first).to_contain_text("沈先生")
            await desk.sees("pop-reason", reason="main_number")
            await desk.press("Alt+a")
            await desk.phase("talking")
            await desk.press("2")
            await desk.sees("pop-customer-name", "沈太太")
            call_id = await desk.call_id()
            await desk.page.reload()
            await desk.sees("pop-customer-name", "沈太太")
            await expect(desk.at("mute")).to_be_enabled()
            await desk.press("Alt+x")
            await desk.state("wrapup")
        await desk.click("skip")
        await admin.call_when(call_id, lambda call: call["customer_name"] == "沈太太")
