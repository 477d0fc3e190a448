"""What an administrator sets on the pages, and callers and agents meet at once."""

import asyncio
import io
import math
import re
import struct
import wave
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.browser.pages import at_desk, signed_in
from tests.onebox import RunningHotline
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("configuration_kept")

MENU_NUMBER = "4008001299"
RECORDED_HZ = 440


def recording(seconds: float = 3.0) -> bytes:
    """A tone, as somebody's recorder writes WAV files: 44.1 kHz, stereo."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44100)
        samples = (int(9000 * math.sin(2 * math.pi * RECORDED_HZ * n / 44100)) for n in range(int(44100 * seconds)))
        out.writeframes(b"".join(struct.pack("<hh", sample, sample) for sample in samples))
    return file.getvalue()


async def test_a_new_queue_and_a_menu_lead_a_caller_by_his_key(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        signed_in(chromium, hotline, "admin", "/configuration/queues") as admin,
        at_desk(chromium, hotline) as desk,
    ):
        await admin.click("new-queue")
        await admin.fill(name_zh="电梯报修", name_en="Elevator repairs", queue_id="elevator")
        await admin.save()
        await admin.sees("queue-page", "李伟", queue_id="elevator")
        await admin.click("configuration-menus")
        await admin.click("new-menu")
        await admin.fill(name_zh="服务菜单", name_en="Services", menu_id="services", numbers=MENU_NUMBER)
        await admin.fill(keys__0__name_zh="咨询", keys__0__name_en="enquiries")
        await admin.click("add-key")
        await admin.fill(keys__1__name_zh="电梯", keys__1__name_en="elevators")
        await admin.field("keys.1.to", "select >> nth=1").select_option("elevator")
        await admin.field("keys.1.call_type").select_option("repair")
        await admin.sees("menu-hears", "咨询请按 1，电梯请按 2。")
        await admin.save()
        with speaking_caller(hotline, "13800138501", called=MENU_NUMBER) as (_, voice):
            await until(lambda: voice.hears == "other", "the caller hears the menu")
            voice.press("2")
            await desk.sees("pop-menu", "电梯")
            await desk.sees("pop-queue", "电梯报修")
            await desk.sees("answer")
            await desk.press("Alt+a")
            await desk.phase("talking")
            await expect(desk.at("call-type-repair")).to_have_attribute("aria-selected", "true")
            await desk.click("call-type-repair")
            await expect(desk.at("call-type-repair")).to_have_attribute("aria-selected", "true")


def reloaded_seconds_ago(hotline: RunningHotline) -> int:
    """How long ago Asterisk was started or read its configuration anew."""
    said = hotline.asterisk("core show uptime seconds")
    return min(int(number) for number in re.findall(r": (\d+)", said))


async def test_rings_set_on_the_page_hold_for_the_next_call(hotline: RunningHotline, chromium: Browser) -> None:
    before = reloaded_seconds_ago(hotline)
    async with (
        signed_in(chromium, hotline, "admin", "/configuration/queues/service") as admin,
        at_desk(chromium, hotline, ready=False) as desk,
    ):
        with Caller(hotline.sip, number="13800138502", patience_seconds=2) as caller:
            caller.wait_for("gives-up")
        await admin.sees("life-moment", "0:20", kind="apology")
        await admin.fill(apology_ring="1")
        await admin.field("ring_target", "select").select_option("before")
        await admin.field("ring_target", "input").fill("2")
        await admin.sees("life-moment", "0:00", kind="apology")
        await admin.save()
        with Caller(hotline.sip, number="13800138503", hold_seconds=60) as caller:
            await asyncio.to_thread(caller.wait_for, "answered", within_seconds=4)
            await desk.click("go-ready")
            await desk.sees("apology", "让您久等了")
            await desk.sees("pop-rings", mood="sorry")
        await admin.click("configuration-queues")
        await admin.sees("queue-row", "第 2 声前", queue_id="service")
    assert reloaded_seconds_ago(hotline) > before


async def test_what_is_wrong_stands_at_its_field_in_both_languages(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "admin", "/configuration/queues/service") as admin:
        await admin.fill(offer_rings="0", callback__ring_seconds="5", callback__retry_after_minutes="10 0", name_en="")
        await admin.click("form-save")
        await admin.is_wrong("name_en", "此项必填")
        await admin.fill(name_en="Service hotline")
        await admin.click("form-save")
        await admin.sees("form-wrong", "3")
        await admin.is_wrong("offer_rings", "至少为 1")
        await admin.is_wrong("callback.ring_seconds", "至少为 10")
        await admin.is_wrong("callback.retry_after_minutes", "至少为 1")
        await admin.click("language-en")
        await admin.sees("form-wrong", "To correct (3)")
        await admin.is_wrong("offer_rings", "greater than or equal to 1")
        await admin.is_wrong("callback.ring_seconds", "greater than or equal to 10")
        await admin.is_wrong("callback.retry_after_minutes", "greater than or equal to 1")
        await admin.fill(offer_rings="4", callback__ring_seconds="30", callback__retry_after_minutes="5, 30")
        await admin.save()
    async with administrator(hotline) as person:
        queues = (await person.get("/configuration"))["configuration"]["queues"]
    assert queues[0]["callback"]["retry_after_minutes"] == [5, 30]


async def test_two_administrators_change_the_same_queue(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        signed_in(chromium, hotline, "admin", "/configuration/queues/service") as first,
        signed_in(chromium, hotline, "admin", "/configuration/queues/service") as second,
    ):
        await second.fill(response_seconds="45", wrapup_seconds="90")
        await first.fill(most_waiting="20", wrapup_seconds="30")
        await first.save()
        await second.click("form-save")
        await second.sees("configuration-overtaken")
        await second.click("configuration-reload")
        await second.sees_no("configuration-overtaken")
        await second.sees("form-clash", "话后处理时限")
        await expect(second.field("most_waiting")).to_have_value("20")
        await expect(second.field("response_seconds")).to_have_value("45")
        await second.save()
    async with administrator(hotline) as person:
        [queue, *_] = (await person.get("/configuration"))["configuration"]["queues"]
    assert (queue["most_waiting"], queue["response_seconds"], queue["wrapup_seconds"]) == (20, 45, 90)


async def test_a_file_goes_out_and_comes_back_with_one_line_changed(
    hotline: RunningHotline, chromium: Browser, tmp_path: Path
) -> None:
    async with signed_in(chromium, hotline, "admin", "/configuration/file") as admin:
        async with admin.page.expect_download() as download:
            await admin.click("download-file")
        file = tmp_path / "edited.yaml"
        await (await download.value).save_as(file)
        text = file.read_text("utf-8")
        assert text.count("客服热线") == 1
        file.write_text(text.replace("客服热线", "总服务台"), "utf-8")
        await admin.at("upload-file").set_input_files(file)
        await expect(admin.at("change-row")).to_have_count(1)
        await admin.sees("change-row", "中文名称", what="changed", id="service")
        await admin.click("import-apply")
        await admin.agree()
        await admin.sees_no("import-review")
        await admin.click("configuration-queues")
        await admin.sees("queue-row", "总服务台", queue_id="service")

        file.write_text(text.replace("客服热线", "总服务台") + "queue_count: 3\n", "utf-8")
        await admin.click("configuration-file")
        await admin.at("upload-file").set_input_files(file)
        await admin.sees("import-wrong", "queue_count")
        await expect(admin.at("import-apply")).to_be_disabled()


async def test_a_shipped_profile_is_applied(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "admin", "/configuration/file", language="en") as admin:
        await admin.at("profile").filter(has_text="Property management").locator("[data-test=profile-look]").click()
        await admin.sees("change-row", what="added", id="repair")
        await admin.click("import-apply")
        await admin.agree()
        await admin.sees_no("import-review")
        await admin.click("configuration-menus")
        await admin.sees("menu-row", "Main menu")
        await admin.click("configuration-queues")
        await expect(admin.at("queue-row")).to_have_count(4)
        await admin.sees("queue-row", "Before ring 3", queue_id="complaint")


async def test_a_blocked_caller_hears_the_sentence_and_is_gone(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        signed_in(chromium, hotline, "super", "/configuration/blocked-callers") as screen,
        at_desk_phone(hotline, "carol") as carol,
    ):
        await screen.fill(number="138-0013-8504", reason="多次骚扰，已报班长")
        await screen.press("Enter")
        row = await screen.sees("blocked-row", "多次骚扰，已报班长", number="+8613800138504")
        await expect(row).to_contain_text("周主管")
        with speaking_caller(hotline, "13800138504") as (caller, voice):
            await until(lambda: voice.hears == "other", "the caller hears the sentence")
            await asyncio.to_thread(caller.wait_for, "hung-up-on", within_seconds=15)
        assert carol.desk["state"]["name"] == "ready"
        assert not carol.phone.events()
        await screen.click("nav-calls")
        await screen.type("calls-search", "13800138504")
        await screen.sees("call-row", "已拦截", status="blocked")
        await screen.click("nav-configuration")
        await screen.click("configuration-blocked-callers")
        await row.locator("[data-test=lift-block]").click()
        await screen.agree()
        await screen.sees_no("blocked-row", number="+8613800138504")
        with Caller(hotline.sip, number="13800138504", hold_seconds=1):
            await carol.is_in("wrapup")


async def test_other_words_and_a_recording_are_heard_at_the_next_call(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with (
        administrator(hotline) as person,
        signed_in(chromium, hotline, "admin", "/configuration/prompts") as admin,
    ):
        await person.post("/blocked-callers", {"number": "13800138505", "reason": "test"})
        row = admin.at("prompt-row").filter(has=admin.page.get_by_text("blocked", exact=True))
        await row.locator("[data-test=prompt-text]").fill("您好。")
        await row.locator("[data-test=prompt-save]").click()
        await expect(row).to_contain_text("自定文字")
        short = await heard_seconds(hotline, "13800138505")
        await row.locator("[data-test=prompt-text]").fill("您好，这个号码暂时不能接通，如有需要请到服务中心。")
        await row.locator("[data-test=prompt-save]").click()
        await expect(row.locator("[data-test=prompt-save]")).to_have_count(0)
        assert await heard_seconds(hotline, "13800138505") > short + 2

        await row.locator("[data-test=prompt-upload]").set_input_files(
            {"name": "said.wav", "mimeType": "audio/wav", "buffer": recording()}
        )
        await expect(row).to_contain_text("真人录音")
        with speaking_caller(hotline, "13800138505") as (caller, voice):
            await until(lambda: voice.hears_tone(RECORDED_HZ), "the caller hears the recording")
            await asyncio.to_thread(caller.wait_for, "hung-up-on", within_seconds=15)
        await row.locator("[data-test=sound-play]").click()
        await expect(row.locator("[data-test=sound-play]")).to_have_attribute("aria-pressed", "true")

        await row.locator("[data-test=prompt-upload]").set_input_files(
            {"name": "said.wav", "mimeType": "audio/wav", "buffer": b"RIFF, not quite"}
        )
        await expect(row.get_by_role("alert")).not_to_be_empty()
        await row.locator("[data-test=prompt-reset]").click()
        await admin.agree()
        await expect(row).to_contain_text("内置")


async def heard_seconds(hotline: RunningHotline, number: str) -> float:
    """For how long a blocked caller is told that he is."""
    with speaking_caller(hotline, number) as (caller, _):
        answered = await asyncio.to_thread(caller.wait_for, "answered")
        over = await asyncio.to_thread(caller.wait_for, "hung-up-on", within_seconds=30)
    return (over.tick_ms - answered.tick_ms) / 1000


async def test_a_supervisor_sees_all_and_changes_nothing(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/configuration/queues") as screen:
        await screen.sees_no("new-queue")
        await screen.click("queue-row", queue_id="service")
        await screen.sees("queue-life")
        await expect(screen.field("name_zh")).to_be_disabled()
        await screen.sees_no("form-save")
        for page, absent in (
            ("menus", "new-menu"),
            ("hours", "new-hours"),
            ("skills", "levels-save"),
            ("pause-reasons", "new-pause-reason"),
            ("general", "form-save"),
            ("prompts", "prompt-upload"),
            ("file", "upload-file"),
        ):
            await screen.click(f"configuration-{page}")
            await expect(screen.page.locator(".content h1")).to_be_visible()
            await screen.sees_no(absent)
    async with signed_in(chromium, hotline, "alice", "/configuration/queues") as agent:
        await agent.sees("page-forbidden")


async def test_the_pages_without_a_mouse(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "admin", "/configuration/queues") as admin:
        await admin.at("queue-row", queue_id="complaint").focus()
        await admin.press("Alt+ArrowUp")
        await expect(admin.at("queue-row").first).to_have_attribute("data-queue-id", "complaint")
        await expect(admin.at("queue-row", queue_id="complaint")).to_be_focused()
        await admin.press("Alt+ArrowDown")
        await expect(admin.at("queue-row").first).to_have_attribute("data-queue-id", "service")
        await admin.press("Enter")
        await admin.sees("queue-page", queue_id="complaint")
        await admin.field("name_zh").focus()
        await admin.page.keyboard.type("（夜间）")
        await admin.press("Tab")
        await expect(admin.field("name_en")).to_be_focused()
        look = "(one) => { const { outline, borderColor, boxShadow } = getComputedStyle(one); "
        look += "return [outline, borderColor, boxShadow].join(); }"
        focused, resting = [await admin.field(path).evaluate(look) for path in ("name_en", "name_zh")]
        assert focused != resting
        await admin.press("Control+Enter")
        await admin.sees_no("form-discard")
        await admin.click("configuration-pause-reasons")
        await admin.at("pause-reason-row", code="meal").focus()
        await admin.press("Enter")
        await admin.sees("object-dialog")
        await admin.press("Escape")
        await admin.sees_no("object-dialog")


async def test_alarms_are_set_and_only_administrators_see_where_they_are_sent(
    hotline: RunningHotline, chromium: Browser
) -> None:
    token = "token-of-the-robot"
    async with signed_in(chromium, hotline, "admin", "/configuration/queues/service") as admin:
        await expect(admin.field("alarms.longest_wait_seconds")).to_have_value("60")
        await expect(admin.field("alarms.service_level_calls")).to_have_count(0)
        await admin.fill(alarms__waiting="5", alarms__service_level_percent="101")
        await admin.click("form-save")
        await admin.is_wrong("alarms.service_level_percent", "数值太大")
        await admin.fill(alarms__service_level_percent="80", alarms__longest_wait_seconds="")
        await admin.field("alarms.no_agent").uncheck()
        await admin.save()
        await admin.page.reload()
        for path, value in (("waiting", "5"), ("service_level_percent", "80"), ("longest_wait_seconds", "")):
            await expect(admin.field(f"alarms.{path}")).to_have_value(value)
        await expect(admin.field("alarms.no_agent")).not_to_be_checked()
        await admin.click("configuration-general")
        await admin.fill(webhook_url="ftp://example.net", short_abandon_seconds="8")
        await admin.click("form-save")
        await admin.is_wrong("webhook_url", "http")
        await admin.fill(webhook_url=f"https://example.net/hook?token={token}")
        await admin.save()
        await admin.page.reload()
        await expect(admin.field("webhook_url")).to_have_value(f"https://example.net/hook?token={token}")
        await expect(admin.field("short_abandon_seconds")).to_have_value("8")
    async with signed_in(chromium, hotline, "super", "/configuration/general") as screen:
        await expect(screen.field("webhook_url")).to_have_value("https://example.net/…")
        await expect(screen.field("webhook_url")).to_be_disabled()
        assert token not in await screen.page.content()
