"""A supervisor's message on an agent's desk, and a caller who is taken over and hears the supervisor."""

from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, hire_supervisor
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.browser.pages import at_desk
from tests.onebox import RunningHotline
from tests.people import Person
from tests.waiting import until


async def test_a_message_stands_on_the_desk_until_it_is_seen(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline, ready=False) as desk:
        hostile = "<b>三点</b>开会\n<script>alert(1)</script>"
        await admin.post("/supervision/messages", {"text": hostile, "user_ids": None})
        await desk.sees("desk-message", "<b>三点</b>开会")
        await admin.post("/supervision/messages", {"text": "第二条", "user_ids": None})
        await expect(desk.at("desk-message")).to_have_count(2)
        await desk.page.reload()
        await expect(desk.at("desk-message")).to_have_count(2)
        await desk.press("Escape")
        await expect(desk.at("desk-message")).to_have_count(1)
        await desk.sees("desk-message", "<script>alert(1)</script>")
        await desk.click("desk-message-seen")
        await desk.sees_no("desk-message")

        async def all_seen() -> bool:
            sent = (await admin.get("/supervision/messages"))[:2]
            readers = [one for message in sent for one in message["readers"] if one["seen_at"]]
            return len(readers) == 2

        await until(all_seen, "the supervisor sees who has seen it")
        await desk.page.reload()
        await desk.sees("desk")
        await desk.sees_no("desk-message")


async def test_a_caller_who_is_taken_over_hears_the_supervisor(hotline: RunningHotline, chromium: Browser) -> None:
    username = await hire_supervisor(hotline, "1078", "browser")
    async with (
        at_desk_phone(hotline, "carol") as carol,
        at_desk(chromium, hotline, username, ready=False) as boss,
        Person(hotline.web_url) as person,
    ):
        await person.sign_in(username, hotline.logins[username]["password"])
        await boss.sees("phone-status", line="online")
        with speaking_caller(hotline, "13800138321") as (_, voice):
            call_id = (await carol.is_in("talking"))["call"]["call_id"]
            await person.post(f"/supervision/calls/{call_id}/take-over")
            await boss.phase("incoming")
            await boss.sees("answer")
            await boss.press("Alt+a")
            await boss.phase("talking")
            await until(lambda: voice.hears == "agent", "the caller hears the supervisor")
            await boss.hears_the_caller()
            await carol.is_in("wrapup")
            await person.post(f"/supervision/calls/{call_id}/end")
            await boss.state("wrapup")
