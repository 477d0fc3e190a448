"""A supervisor at his pages listens to an agent at his desk; both hear and see what they should."""

import pytest
from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import AGENT_HZ, LISTENER_HZ, Voice, speaking_caller
from tests.asterisk.stage import administrator, at_desk
from tests.asterisk.test_listening import set_told
from tests.browser.pages import Screen, signed_in
from tests.browser.pages import at_desk as at_browser_desk
from tests.onebox import RunningHotline
from tests.people import Agent
from tests.waiting import until


async def listens(screen: Screen, call_id: str) -> None:
    """Open the conversation in the call log and listen."""
    await screen.click("call-row", call_id=call_id)
    await screen.click("listen-start")
    await screen.sees("listen-bar", mode="listen", call_id=call_id)
    await screen.sees("listen-heard", "双方都听不到您")


def loud(voice: Voice, hertz: float) -> bool:
    """Whether some of what was heard just now was this tone: people in browsers speak in syllables."""
    levels = voice.levels(hertz)
    return sum(level > 1500 for level in levels) > len(levels) // 4


async def test_from_the_call_log_into_the_conversation_and_out_of_it(
    hotline: RunningHotline, chromium: Browser
) -> None:
    with Voice(hertz=LISTENER_HZ) as mouth, speaking_caller(hotline, "13800138801") as (_, caller):
        async with (
            at_desk(hotline, "carol", media_port=mouth.port) as carol,
            signed_in(chromium, hotline, "super", "/calls") as screen,
        ):
            call_id = await talks(carol, mouth)
            await screen.page.reload()
            await listens(screen, call_id)
            assert screen.page.url.endswith("/calls"), "he stays where he is"
            await screen.sees_no("banner-call")
            await screen.hears_the_caller()
            assert not loud(mouth, AGENT_HZ)
            await screen.press("2")
            await screen.sees("listen-bar", mode="whisper")
            await until(lambda: loud(mouth, AGENT_HZ), "the agent hears what he whispers")
            assert not loud(caller, AGENT_HZ)
            await screen.press("3")
            await screen.sees("listen-bar", mode="barge")
            await until(lambda: loud(caller, AGENT_HZ), "both hear him")
            await carol.sees(lambda desk: desk["listener"] == "周主管")
            await screen.click("nav-customers")
            await screen.sees("listen-bar", mode="barge")
            await screen.click("listen-listen")
            await screen.sees("listen-bar", mode="listen")
            await until(lambda: not loud(mouth, AGENT_HZ) and not loud(caller, AGENT_HZ), "nobody hears him")
            await screen.at("listen-bar").focus()
            await screen.press("Escape")
            await screen.sees_no("listen-bar")
            assert carol.desk["state"]["name"] == "talking"
            hotline.hang_up_everything()


@pytest.mark.parametrize("told", [True, False])
async def test_the_desk_shows_the_notice_where_that_is_set(
    hotline: RunningHotline, chromium: Browser, told: bool
) -> None:
    async with administrator(hotline) as admin:
        await set_told(admin, told)
        async with (
            at_browser_desk(chromium, hotline) as desk,
            signed_in(chromium, hotline, "super", "/calls") as screen,
        ):
            with speaking_caller(hotline, "13800138802"):
                await desk.sees("answer")
                await desk.press("Alt+a")
                await desk.phase("talking")
                call_id = await desk.call_id()
                await screen.page.reload()
                await listens(screen, call_id)
                if told:
                    await desk.sees("listener", "周主管 正在旁听")
                else:
                    await desk.sees_no("listener")
                await screen.press("3")
                await desk.sees("listener", "周主管 正在旁听")
                await screen.press("Escape")
                await screen.sees_no("listen-bar")
                await desk.sees_no("listener")
                await desk.phase("talking")
                hotline.hang_up_everything()
                await desk.state("wrapup")
        await set_told(admin, False)


async def test_what_stands_against_it_is_said(hotline: RunningHotline, chromium: Browser) -> None:
    with Voice() as mouth, speaking_caller(hotline, "13800138803"):
        async with (
            at_desk(hotline, "carol", media_port=mouth.port) as carol,
            signed_in(chromium, hotline, "admin", "/calls") as screen,
        ):
            call_id = await talks(carol, mouth)
            await screen.page.reload()
            await screen.click("call-row", call_id=call_id)
            await screen.click("listen-start")
            await expect(screen.page.locator(".el-message")).to_contain_text("您还没有分机")
            hotline.hang_up_everything()


@pytest.mark.usefixtures("configuration_kept")
async def test_whether_agents_are_told_is_set_on_a_page(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        administrator(hotline) as admin,
        signed_in(chromium, hotline, "admin", "/configuration/general") as screen,
    ):
        await screen.at("tell-listened").check()
        await screen.save()
        whole = await admin.get("/configuration")
        assert whole["configuration"]["tell_listened"] is True
        await screen.page.reload()
        await expect(screen.at("tell-listened")).to_be_checked()


async def talks(carol: Agent, mouth: Voice) -> str:
    """The agent talks; the call's id."""
    desk = await carol.is_in("talking")
    mouth.speaks_to(carol.phone)
    return str(desk["call"]["call_id"])
