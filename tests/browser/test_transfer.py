"""Two agents at their desks: one asks the other before he gives his caller on, by keyboard alone."""

from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, kinds
from tests.browser.pages import at_desk
from tests.onebox import RunningHotline
from tests.waiting import until


async def test_a_colleague_is_asked_and_then_has_the_caller(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        administrator(hotline) as admin,
        at_desk(chromium, hotline) as alice,
        at_desk(chromium, hotline, "bob", ready=False) as bob,
    ):
        with speaking_caller(hotline, "13900139191") as (_, voice):
            await alice.phase("incoming")
            call_id = await alice.call_id()
            await alice.press("Alt+a")
            await alice.phase("talking")
            await until(lambda: voice.hears == "agent", "the caller hears alice")
            await bob.be_ready()

            await alice.press("Alt+t")
            await alice.sees("transfer-panel")
            await alice.page.keyboard.type("李伟")
            await expect(alice.page.locator('[role="option"][aria-selected="true"]')).to_contain_text("李伟")
            await alice.press("Tab")
            await alice.page.keyboard.type("客户问电梯保养")
            await alice.press("Shift+Enter")
            await alice.sees("consult", answered="false")
            await bob.sees("transfer-note-text", "客户问电梯保养")
            await bob.press("Alt+a")
            await alice.sees("consult", answered="true")
            await bob.sees("consult", asked="true")
            await until(lambda: voice.hears == "other", "the caller hears music")

            await alice.press("Alt+t")
            await alice.state("wrapup")
            await bob.sees_no("consult")
            await bob.phase("talking")
            await until(lambda: voice.hears == "agent", "the caller hears bob")
            await bob.hears_the_caller()
            hotline.hang_up_everything()
        call = await admin.call_when(call_id, lambda call: call["ended_at"] is not None)
    assert call["agent_name"] == "李伟"
    assert "transferred" in kinds(call)
