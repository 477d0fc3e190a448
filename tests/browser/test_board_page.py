"""The supervisor's live board and the wallboard, with real calls."""

import asyncio
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from playwright.async_api import Browser, expect

from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.asterisk.stage import configured
from tests.board_truth import by_the_facts
from tests.browser.pages import Screen, off_duty, signed_in
from tests.onebox import RunningHotline
from tests.waiting import until

BOARD: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}
WALL: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1920, "height": 1080}}
KNOWN = ("13912483589", "张伟")
"""A number of the sample customers, and whose it is."""
SLEEP_SECONDS = 7
"""Longer than what a page takes for a late tick."""
SOON_MS = 3000
"""How soon a page that slept shows the truth, on a busy machine; on its own it takes under 1 s."""


async def live(screen: Screen, name: str = "board-page") -> None:
    """Wait until the page shows the truth."""
    await screen.sees(name, live="open")
    await screen.sees("board-headline" if name == "board-page" else "wall-title")


async def test_a_waiting_caller_is_seen_with_his_rings_until_he_talks(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with (
        at_desk_phone(hotline, "carol", ready=False) as carol,
        signed_in(chromium, hotline, "super", **BOARD) as screen,
    ):
        await live(screen)
        await screen.sees("board-nobody")
        await screen.sees("duty-now")
        with Caller(hotline.sip, number=KNOWN[0], hold_seconds=30):
            row = await screen.sees("board-caller", KNOWN[1], place="waiting")
            await expect(row).to_contain_text("139 1248 3589")
            await expect(row.locator('[data-test="rings"]')).to_have_attribute("data-mood", "good")
            await expect(row.locator('[data-test="rings"]')).to_have_attribute("data-rings", "3", timeout=15_000)
            await expect(row.locator('[data-test="rings"]')).to_have_attribute("data-mood", "late")
            await expect(screen.at("board-longest")).to_contain_text(re.compile(r"[34]"))
            await expect(screen.at("board-headline-waiting")).to_have_text("1")
            await expect(
                screen.at("board-queue", queue="service").locator("[data-test=board-queue-waiting]")
            ).to_have_text("1")
            await carol.go("ready")
            agent = screen.at("board-agent", user_id=str(carol.user["user_id"]))
            await expect(agent).to_have_attribute("data-state", "talking", timeout=20_000)
            await expect(agent).to_contain_text(KNOWN[1])
            await screen.sees("board-nobody")
            hotline.hang_up_everything()
            await expect(agent).to_have_attribute("data-state", "wrapup")
        await expect(screen.at("board-level-formula")).to_contain_text(
            re.compile(r"按时 \d+ ÷ \(接听 \d+ \+ 放弃 \d+\)")
        )


async def shown(screen: Screen) -> dict[str, int]:
    """The figures of the headline, as they are read on the screen."""
    names = {
        "board-headline-waiting": ("waiting",),
        "board-arrived": ("arrived",),
        "board-level-formula": ("within_target", "answered", "abandoned"),
        "board-abandoned-where": ("abandoned_menu", "abandoned_queue", "abandoned_ringing"),
    }
    found: dict[str, int] = {}
    for name, parts in names.items():
        text = await screen.at(name).text_content()
        found |= zip(parts, map(int, re.findall(r"\d+", text or "")), strict=False)
    return found


async def told(hotline: RunningHotline) -> tuple[dict[str, int], dict[str, int]]:
    """The same by the facts, and agents by state."""
    day = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    connection = await asyncpg.connect(hotline.database_url)
    try:
        queues, states = await by_the_facts(connection, day)
    finally:
        await connection.close()
    names = (
        "waiting",
        "arrived",
        "within_target",
        "answered",
        "abandoned_menu",
        "abandoned_queue",
        "abandoned_ringing",
    )
    figures = {name: sum(queue[name] for queue in queues.values()) for name in names}
    short = sum(queue["short_abandoned"] for queue in queues.values())
    figures["abandoned"] = figures["abandoned_queue"] + figures["abandoned_ringing"] - short
    return figures, states


async def test_each_figure_is_what_the_facts_say(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        at_desk_phone(hotline, "carol", ready=False) as carol,
        at_desk_phone(hotline, "dave", ready=False, does="ignore") as dave,
        signed_in(chromium, hotline, "super", "/board", **BOARD) as screen,
    ):
        await live(screen)
        screen_before, (facts_before, _) = await shown(screen), await told(hotline)
        with Caller(hotline.sip, number="13800138707", patience_seconds=7) as gives_up:
            await screen.sees("board-caller", "138 0013 8707")
            await asyncio.to_thread(gives_up.finish)
        await dave.go("ready")
        with Caller(hotline.sip, number="13800138708", patience_seconds=7) as gives_up:
            await dave.is_in("ringing")
            await asyncio.to_thread(gives_up.finish)
        await dave.go("paused")
        await carol.go("ready")
        with Caller(hotline.sip, number="13800138709", hold_seconds=60):
            await carol.is_in("talking")
            with Caller(hotline.sip, number="13800138710", hold_seconds=60):
                await screen.sees("board-caller", "138 0013 8710", place="waiting")
                new = {"arrived": 4, "answered": 1, "within_target": 1, "abandoned_queue": 1, "abandoned_ringing": 1}
                wanted = dict.fromkeys(screen_before, 0) | new | {"waiting": 1, "abandoned": 2}

                async def all_is_so() -> bool:
                    (facts, states), now = await told(hotline), await shown(screen)
                    by_state = {state: await screen.at("board-agent", state=state).count() for state in states}
                    return (
                        {name: now[name] - screen_before[name] for name in now} == wanted
                        and {name: facts[name] - facts_before[name] for name in now} == wanted
                        and by_state == states == {"talking": 1, "paused": 1}
                    )

                await until(all_is_so, "the screen shows what the facts say")
                hotline.hang_up_everything()


async def test_what_may_be_done_is_a_key_away(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/board", **BOARD) as screen:
        await live(screen)
        with Caller(hotline.sip, number="13800138702", hold_seconds=30):
            await screen.sees("board-caller", "138 0013 8702")
            await screen.press("2", "Enter")
            for act in ("priority", "move", "end"):
                await screen.sees("board-act", act=act)
            await screen.press("Escape")
            await screen.sees_no("board-menu")
            await expect(screen.at("board-caller")).to_be_focused()
            await screen.press("e")
            await expect(screen.page.locator(".el-message-box")).to_contain_text("138 0013 8702")
            await screen.press("Escape")
            await expect(screen.page.locator(".el-message-box")).to_be_hidden()
            await expect(screen.at("board-caller")).to_be_focused()
            await screen.press("1", "Space")
            await screen.sees("board-formula", "÷")
            hotline.hang_up_everything()
            await screen.sees("board-nobody")


async def test_an_alarm_is_told_until_somebody_has_seen_it(hotline: RunningHotline, chromium: Browser) -> None:
    async with (
        configured(hotline, alarms={"waiting": 1, "no_agent": False}),
        configured(hotline, of="complaint", alarms={"no_agent": False}),
        signed_in(chromium, hotline, "super", "/board", **BOARD) as screen,
    ):
        await live(screen)
        with Caller(hotline.sip, number="13800138703", hold_seconds=30):
            await screen.sees("board-alarm", "1 人在等（阈值 1）", kind="waiting", subject="service")
            await expect(screen.page).to_have_title(re.compile(r"^\(1!\)"))
            await screen.press("a")
            await screen.sees("board-alarm", "周主管 已确认")
            await expect(screen.page).to_have_title(re.compile(r"^(?!\()"))
            await screen.open("/wallboard")
            await screen.sees("wall-alarm", kind="waiting")
            await expect(screen.at("wallboard")).not_to_contain_text("周主管")


async def test_a_call_is_moved_from_the_board(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/board", **BOARD) as screen:
        await live(screen)
        with Caller(hotline.sip, number="13800138706", hold_seconds=30):
            await screen.sees("board-caller", "客服热线")
            await screen.press("2", "m")
            await screen.type("board-move-search", "投诉")
            await screen.press("Enter")
            await screen.sees("board-caller", "投诉专线")
            await expect(screen.at("board-caller")).to_be_focused()
            await screen.press("e")
            await screen.agree()
            await screen.sees("board-nobody")


async def test_a_caller_is_taken_over_from_the_board(hotline: RunningHotline, chromium: Browser) -> None:
    try:
        async with (
            at_desk_phone(hotline, "carol") as carol,
            signed_in(chromium, hotline, "super", "/board", **BOARD) as screen,
        ):
            await live(screen)
            with speaking_caller(hotline, "13800138711") as (_, voice):
                await carol.is_in("talking")
                await expect(screen.at("board-agent").first).to_contain_text("138 0013 8711")
                await screen.press("3", "t")
                await screen.agree()
                await screen.phase("incoming")
                await screen.press("Alt+a")
                await screen.phase("talking")
                await until(lambda: voice.hears == "agent", "the caller hears the supervisor")
                await screen.hears_the_caller()
                await carol.is_in("wrapup")
    finally:
        await off_duty(hotline, "super")


async def test_an_agent_sees_no_board(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "bob", "/board") as screen:
        await screen.sees("page-forbidden")
        await screen.sees_no("nav-board")
        await screen.open("/wallboard")
        await screen.sees("page-forbidden")


async def test_the_wallboard_shows_counts_and_nobody_by_name_or_number(
    hotline: RunningHotline, chromium: Browser
) -> None:
    async with (
        at_desk_phone(hotline, "carol", ready=False) as carol,
        signed_in(chromium, hotline, "super", **WALL) as screen,
    ):
        await carol.go("paused")
        await screen.open("/wallboard?seconds=600")
        await live(screen, "wallboard")
        await screen.sees_no("user-menu")
        await expect(screen.at("wall-paused")).to_have_text("1")
        with Caller(hotline.sip, number=KNOWN[0], hold_seconds=30):
            await expect(screen.at("wall-waiting")).to_have_text("1")
            await expect(screen.at("wall-longest")).to_have_text(re.compile("[23]"))
            slides = [await screen.at("wall-title").text_content()]
            for _ in range(await screen.page.locator("footer .dots > i").count() - 1):
                await screen.press("ArrowRight")
                slides.append(await screen.at("wall-title").text_content())
                said = await screen.page.content()
                for private in (*KNOWN, "139 1248", "王芳", "1003"):
                    assert private not in said, f"{private} is on the wall"
            assert len(set(slides)) == len(slides), slides
            await screen.press("Space")
            await screen.sees("wall-held")


async def test_a_page_that_slept_shows_the_truth_at_once(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/board", **BOARD) as screen:
        await live(screen)
        browser = await screen.page.context.new_cdp_session(screen.page)
        with Caller(hotline.sip, number="13800138704", patience_seconds=SLEEP_SECONDS) as gives_up:
            await screen.sees("board-caller", "138 0013 8704")
            await browser.send("Page.setWebLifecycleState", {"state": "frozen"})
            await asyncio.to_thread(gives_up.finish)
        with Caller(hotline.sip, number="13800138705", hold_seconds=30) as comes:
            await asyncio.to_thread(comes.wait_for, "ringing")
            await browser.send("Page.setWebLifecycleState", {"state": "active"})
            await expect(screen.at("board-caller")).to_contain_text("138 0013 8705", timeout=SOON_MS)
            await expect(screen.at("board-caller")).to_have_count(1)


async def test_a_board_without_its_service_says_so_and_comes_back(hotline: RunningHotline, chromium: Browser) -> None:
    async with signed_in(chromium, hotline, "super", "/board", **BOARD) as screen:
        await live(screen)
        hotline.kill("serve")
        await screen.sees("board-old", "连接中断")
        await screen.sees("board-page", stale="true")
        hotline.start("serve")
        await live(screen)
        await screen.sees_no("board-old")
