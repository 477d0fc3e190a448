"""What goes wrong at a desk: reloads, second pages, no microphone, dead services, hostile callers."""

import asyncio

from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import Voice, speaking_caller
from tests.asterisk.stage import administrator, kinds
from tests.asterisk.test_calls import newest_call
from tests.browser.pages import Screen, at_desk
from tests.onebox import RunningHotline
from tests.waiting import until


async def answer(desk: Screen) -> None:
    """Let it ring, and answer."""
    await desk.sees("answer")
    await desk.press("Alt+a")
    await desk.phase("talking")


async def both_hear(desk: Screen, voice: Voice) -> None:
    """Wait until the caller hears the agent and the agent hears the caller."""
    await until(lambda: voice.hears == "agent", "the caller hears the agent", 15)
    await desk.hears_the_caller()


async def test_the_page_is_loaded_anew_in_mid_call(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800138301") as (caller, voice):
            await answer(desk)
            await both_hear(desk, voice)
            await desk.type("notes", "先记一半")
            call_id = await desk.call_id()

            await desk.page.reload()
            await desk.sees("pop", call_id=call_id)
            await expect(desk.at("notes")).to_have_value("先记一半")
            await desk.sees("hangup")
            await desk.phase("talking")
            await both_hear(desk, voice)
            flow = await desk.flow()
            assert flow["received"] > 10
            assert flow["sent"] > 10
            assert not {"hangs-up", "hung-up-on"} & {event.kind for event in caller.events()}

            await desk.press("Alt+x")
            await desk.state("wrapup")
            caller.wait_for("hung-up-on")
        call = await admin.call_when(call_id, lambda call: call["ended_at"] is not None)
    assert "reconnecting" in kinds(call)
    assert (call["status"], call["hung_up_by"], call["agent_name"]) == ("answered", "agent", "陈晓琳")


async def test_a_page_that_dies_in_mid_call_leaves_the_caller_to_the_next_agent(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, hotline) as alice, at_desk(chromium, hotline, "bob", ready=False) as bob:
        with speaking_caller(hotline, "13800138307") as (caller, voice):
            await answer(alice)
            await both_hear(alice, voice)
            await bob.be_ready()
            await alice.page.context.close()
            await expect(bob.at("answer")).to_be_visible(timeout=25_000)
            await answer(bob)
            await both_hear(bob, voice)
            assert not {"hangs-up", "hung-up-on"} & {event.kind for event in caller.events()}


async def test_a_second_page_takes_the_desk_and_the_first_takes_it_back(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, hotline) as first:
        second = Screen(await first.page.context.new_page(), hotline)
        await second.open("/desk")
        await second.sees("phone-status", line="online")
        await first.sees("taken-over")
        await first.click("use-here")
        await first.sees("phone-status", line="online")
        await second.sees("taken-over")
        with speaking_caller(hotline, "13800138302") as (_, voice):
            await answer(first)
            await both_hear(first, voice)
            await second.sees_no("answer")


async def test_without_a_microphone_nobody_is_ready(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline, ready=False, microphone=False) as desk:
        await desk.sees("phone-status", line="online")
        await desk.click("go-ready")
        await desk.sees("microphone-trouble", trouble="denied")
        await desk.state("signed_out")


async def test_the_caller_hangs_up(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800138303", hold_seconds=3):
            await answer(desk)
            await desk.phase("ended")
            await desk.state("wrapup")
            await desk.sees("summary-hung-up", "客户")
        await desk.click("skip")
        await desk.state("ready")


async def test_the_service_dies_in_mid_call(hotline: RunningHotline, chromium: Browser) -> None:
    async with administrator(hotline) as admin, at_desk(chromium, hotline) as desk:
        with speaking_caller(hotline, "13800138304") as (caller, voice):
            await answer(desk)
            await both_hear(desk, voice)
            call_id = await desk.call_id()
            with hotline.without("serve"):
                await desk.sees("banner-away")
                before = voice.packets
                await both_hear(desk, voice)
                assert voice.packets > before
                await desk.click("call-type-complaint")
                await desk.click("sub-type-quality")
                await desk.type("field-demand", "换新")
                await desk.type("notes", "服务中断时写下的")
                await desk.press("Alt+x")
                await desk.phase("ended")
                await asyncio.to_thread(caller.wait_for, "hung-up-on")
                await desk.press("Control+Enter")
        call = await admin.call_when(call_id, lambda call: bool(call["outcome_at"] and call["ended_at"]), 40)
        await desk.sees_no("banner-away")
    assert (call["call_type"], call["notes"]) == ("complaint", "服务中断时写下的")
    assert (call["status"], call["hung_up_by"]) == ("answered", "agent")


async def test_with_everything_dead_but_asterisk_the_open_page_rings(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, hotline) as desk:
        with hotline.without("serve", "node", "redis", "postgres"):
            await desk.sees("banner-away")
            with speaking_caller(hotline, "13800138305") as (_, voice):
                await desk.sees("fallback-call")
                await desk.sees("pop-number", "138")
                await answer(desk)
                await both_hear(desk, voice)
                await desk.click("call-type-repair")
                await desk.type("notes", "全停时的来电")
                await desk.press("Alt+x")
                await desk.phase("ended")
                await desk.press("Control+Enter")
        async with administrator(hotline) as admin:
            call = await newest_call(admin, "13800138305", 60)
            call = await admin.call_when(call["call_id"], lambda call: call["outcome_at"] is not None, 60)
    assert (call["status"], call["through"], call["agent_name"]) == ("answered", "fallback", "陈晓琳")
    assert (call["call_type"], call["notes"], call["hung_up_by"]) == ("repair", "全停时的来电", "agent")


HOSTILE = r"""<script>document.title='owned'</script><img src=x onerror=alert(1)> \"dq\" ${SHELL(id)}"""


async def test_a_hostile_callers_name_is_only_text(hotline: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, hotline) as desk:
        asked: list[str] = []
        desk.page.on("dialog", lambda dialog: asked.append(dialog.message))
        with Caller(hotline.sip, number="13800138306", name=HOSTILE, hold_seconds=60):
            card = await desk.sees("pop")
            await expect(card).to_contain_text("<script>document.title='owned'</script>")
            await desk.sees("answer")
        assert "owned" not in await desk.page.title()
        assert await card.locator("script, img").count() == 0
        assert not asked
