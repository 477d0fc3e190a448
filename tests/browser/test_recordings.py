"""A talk is recorded at an agent's desk and listened to by a supervisor, who leaves a line in the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from playwright.async_api import Browser, expect

from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, configured
from tests.asterisk.test_recordings import recordings_of
from tests.browser.pages import Screen, at_desk, signed_in
from tests.onebox import RunningHotline
from tests.people import Document
from tests.waiting import until

BOTH_SPEAK_SECONDS = 2.0


async def listened(hotline: RunningHotline, recording_id: int) -> list[tuple[str, str]]:
    """What the audit log has of a recording: who, what."""
    connection = await asyncpg.connect(hotline.database_url)
    try:
        rows = await connection.fetch(
            "select username, action from audit_log where object_kind = 'recording' and object_id = $1"
            " order by audit_id",
            str(recording_id),
        )
    finally:
        await connection.close()
    return [(row["username"], row["action"]) for row in rows]


async def talk_with_a_pause(desk: Screen, hotline: RunningHotline, number: str) -> str:
    """An agent takes a call, pauses the recording by its key and goes on; the call's id."""
    with speaking_caller(hotline, number) as (_, voice):
        await desk.phase("incoming")
        call_id = await desk.call_id()
        await desk.press("Alt+a")
        await desk.sees("desk-recording", state="on")
        await until(lambda: voice.hears == "agent", "the notice is over", 15)
        heard = voice.packets
        await until(lambda: voice.packets > heard + 50 * BOTH_SPEAK_SECONDS, "both have spoken")
        await desk.press("Alt+p")
        await desk.sees("desk-recording", state="paused")
        await desk.sees("recording-resume")
        heard = voice.packets
        await until(lambda: voice.packets > heard + 50 * BOTH_SPEAK_SECONDS, "a secret is said")
        await desk.press("Alt+p")
        await desk.sees("desk-recording", state="on")
        heard = voice.packets
        await until(lambda: voice.packets > heard + 50 * BOTH_SPEAK_SECONDS, "both have spoken again")
        await desk.press("Alt+x")
        await desk.state("wrapup")
    return call_id


@contextmanager
def without_room(hotline: RunningHotline) -> Iterator[None]:
    """The node can't write a recording."""
    folder = hotline.box.layout.nodes[0].spool / "recording"
    away = folder.with_name("recording-away")
    folder.rename(away)
    try:
        yield
    finally:
        away.rename(folder)


async def test_what_the_node_could_not_record_is_not_shown_as_recorded(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with configured(hotline, recording={"rule": "always"}), at_desk(chromium, hotline) as desk:
        with without_room(hotline), speaking_caller(hotline, "13800138872") as (_, voice):
            await desk.phase("incoming")
            call_id = await desk.call_id()
            await desk.press("Alt+a")
            await desk.sees("recording-failed", "录音磁盘空间不足")
            await desk.sees("desk-recording", state="off")
            await until(lambda: voice.hears == "agent", "they talk", 15)
            await desk.sees("desk-recording", state="off")
            await desk.press("Alt+x")
            await desk.state("wrapup")
    async with signed_in(chromium, hotline, "super", "/calls") as screen:
        await screen.click("call-row", call_id=call_id)
        await screen.sees("call-not-recorded", "本次通话没有录音。 录音磁盘空间不足。")


async def plays(screen: Screen) -> None:
    """Press play, and wait until the place in the recording has moved."""
    wave = screen.at("recording-wave")
    await screen.click("recording-play")

    async def moved() -> bool:
        return int(await wave.get_attribute("aria-valuenow") or 0) >= 1

    await until(moved, "it is played", 15)


async def test_a_talk_is_recorded_paused_and_played(hotline: RunningHotline, chromium: Browser) -> None:
    async with configured(hotline, recording={"rule": "always"}), administrator(hotline) as admin:
        async with at_desk(chromium, hotline) as desk:
            call_id = await talk_with_a_pause(desk, hotline, "13800138871")
        [recording] = await recordings_of(admin, call_id)
        await _is_listened_to(chromium, hotline, recording)
        await _is_deleted(chromium, hotline, recording)


async def _is_listened_to(chromium: Browser, hotline: RunningHotline, recording: Document) -> None:
    async with signed_in(chromium, hotline, "super", "/recordings") as screen:
        who = screen.at("recordings-agent").locator("option", has_text="李伟")
        await expect(who, "who has no recording can be asked for").to_have_count(1)
        await screen.type("recordings-number", "8871")
        await screen.at("recording-row").first.click()
        await screen.sees("recording-player")
        assert await listened(hotline, recording["recording_id"]) == []
        await plays(screen)
        assert await listened(hotline, recording["recording_id"]) == [("super", "recording.listened")]
        await expect(screen.at("recording-break")).to_have_count(1)
        wave = screen.at("recording-wave")
        await wave.focus()
        await screen.press("Home", "ArrowRight", "ArrowUp")
        await expect(screen.at("recording-speed")).to_have_value("1.25")
        await screen.sees_no("recording-delete")
        await screen.open("/calls")
        await screen.click("call-row", call_id=recording["call_id"])
        await screen.sees("recording-player")


async def _is_deleted(chromium: Browser, hotline: RunningHotline, recording: Document) -> None:
    async with signed_in(chromium, hotline, "admin", "/recordings") as screen:
        await screen.at("recording-row").first.click()
        await screen.click("recording-delete")
        await screen.type("recording-reason", "客户要求删除")
        await screen.click("recording-confirm")
        await screen.sees("recording-proof", "客户要求删除")
        await screen.sees("recording-proof", recording["sha256"])
    told: list[Any] = await listened(hotline, recording["recording_id"])
    assert told[-1] == ("admin", "recording.deleted")
