"""Takes the pictures of the README from a real hotline: `python -m tests.browser.pictures [folder, docs by default]`.

The conversation on the desk is a real call; the calls of the day before it are facts written to the stream.
"""

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright, expect
from redis.asyncio import Redis

from callcenter.events import STREAM, CallEvent, Kind, event, event_at
from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import speaking_caller
from tests.asterisk.stage import administrator, callers
from tests.asterisk.stage import at_desk as at_desk_phone
from tests.browser.conftest import launch_chromium
from tests.browser.pages import Screen, at_desk, signed_in
from tests.onebox import RunningHotline, private_hotline
from tests.waiting import until

PEKING: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1440, "height": 900}}
LAPTOP: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1024, "height": 768}}
BOARD: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}
WALL: dict[str, Any] = {"timezone_id": "Asia/Shanghai", "viewport": {"width": 3840, "height": 2160}}
MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Past:
    """A call of the past. `talked` in seconds, 0 for one who gave up after `waited`."""

    minutes_ago: int
    customer: str
    agent: str
    waited: float
    talked: int
    call_type: str = ""
    notes: str = ""
    held: int = 0
    hung_up_by: str = "caller"
    next_step: str = "none"


HISTORY = (
    Past(26, "张伟", "alice", 6.1, 142, "enquiry", "问停车月卡怎么办理，已告知带行驶证到服务中心。"),
    Past(33, "王秀英", "bob", 5.2, 214, "repair", "厨房水管漏水，约今天 15:00 上门。", 35, next_step="site_visit"),
    Past(41, "李娜", "", 38.0, 0),
    Past(48, "陈静", "carol", 7.4, 96, "payment", "询问三季度物业费，已发账单短信。"),
    Past(57, "杨洋", "alice", 5.0, 327, "complaint", "楼上装修噪音，已转工程部处理。", 0, "caller", "refer_up"),
    Past(66, "赵敏", "dave", 12.8, 61, "enquiry", "问快递柜位置。"),
    Past(75, "黄磊", "alice", 5.7, 188, "repair", "单元门禁失灵，已派单。", 22, next_step="site_visit"),
    Past(92, "周涛", "bob", 6.6, 75, "praise", "表扬保安小刘帮忙搬东西。"),
    Past(118, "吴芳", "", 21.0, 0),
    Past(131, "孙鹏", "carol", 5.9, 254, "suggestion", "建议中庭增加长椅。", next_step="follow_up"),
    Past(149, "马超", "alice", 5.1, 119, "enquiry", "询问装修押金退还流程。"),
    Past(1490, "徐丽", "alice", 5.3, 205, "repair", "电梯关门异响，已报维保，师傅下午到。", next_step="site_visit"),
    Past(5790, "徐丽", "bob", 6.0, 98, "enquiry", "问访客停车怎么登记。"),
    Past(11560, "徐丽", "carol", 17.5, 312, "complaint", "夜间施工噪音，已协调停工至次日。", 48),
)


def facts_of(past: Past, number: int, people: dict[str, Any]) -> list[CallEvent]:
    """The facts that such a call would have left."""
    customer = people[past.customer]
    arrived = int(datetime.now(UTC).timestamp() * 1000) - past.minutes_ago * MINUTE
    call_id = f"node1-{arrived // 1000}.{number}"
    offer = f"{call_id}/{arrived}"
    told = customer["numbers"][0]
    answered = arrived + int(past.waited * 1000)
    ended = answered + past.talked * 1000
    facts = [
        event(call_id, Kind.ARRIVED, arrived, node="node1", called="4008001234", caller_number=told["number"]),
        event(
            call_id,
            Kind.IDENTIFIED,
            arrived + 9,
            customer_id=customer["customer_id"],
            place=told["place"],
            carrier=told["carrier"],
        ),
        event_at(call_id, Kind.QUEUED, arrived + 12, queue_id="service"),
    ]
    if past.talked:
        agent = people[past.agent]
        facts += [
            event(call_id, Kind.OFFERED, answered - 3200, about=offer, agent_id=agent),
            event(call_id, Kind.RINGING, answered - 3000, about=offer, agent_id=agent),
            event(call_id, Kind.ANSWERED, answered, about=offer, agent_id=agent),
        ]
    if past.held:
        facts += [
            event_at(call_id, Kind.HELD, answered + 30_000, about=offer),
            event_at(call_id, Kind.RESUMED, answered + 30_000 + past.held * 1000, about=offer),
        ]
    facts.append(event(call_id, Kind.ENDED, ended, hung_up_by=past.hung_up_by, cause=16))
    if past.talked:
        outcome = {"call_type": past.call_type, "notes": past.notes, "next_step": past.next_step}
        facts += [
            event_at(call_id, Kind.OUTCOME, ended + 21_000, by=agent, **outcome),
            event_at(call_id, Kind.WRAPPED_UP, ended + 21_000, agent_id=agent),
        ]
    return facts


async def remember(hotline: RunningHotline) -> None:
    """Write the history and wait until it is in the call log."""
    async with administrator(hotline) as admin:
        people: dict[str, Any] = {one["username"]: one["user_id"] for one in await admin.get("/agents")}
        for past in HISTORY:
            [people[past.customer]] = (await admin.get("/customers", q=past.customer))["customers"]
        async with Redis.from_url(hotline.redis_url, decode_responses=True) as redis:
            for number, past in enumerate(HISTORY):
                for fact in facts_of(past, number, people):
                    await redis.xadd(STREAM, fact.to_stream())  # type: ignore[arg-type]

        async def all_there() -> bool:
            return len((await admin.get("/calls", limit=50))["calls"]) >= len(HISTORY)

        await until(all_there, "the history is in the log", 30)


async def take(screen: Screen, file: Path) -> None:
    """Take one picture, with the pointer out of the way."""
    await screen.page.wait_for_load_state("networkidle")
    await screen.page.mouse.move(0, 0)
    await screen.page.screenshot(path=file, animations="disabled")
    print(file)


async def desk_pictures(hotline: RunningHotline, browser: Browser, folder: Path, rest: Path) -> None:
    """A conversation in full swing, somebody waiting behind it, and its end."""
    async with administrator(hotline) as admin:
        [customer] = (await admin.get("/customers", q="徐丽"))["customers"]
    async with at_desk(browser, hotline, **PEKING) as desk:
        with speaking_caller(hotline, customer["numbers"][0]["number"]):
            await desk.sees("answer")
            await take(desk, rest / "desk-incoming-zh.png")
            await desk.press("Alt+a")
            await desk.phase("talking")
            with Caller(hotline.sip, number="13900139000", hold_seconds=60):
                await desk.click("call-type-repair")
                await desk.type("notes", "电梯又有异响，4 楼开门时最明显。客户下午 3 点后在家。")
                await desk.page.locator("label:has([data-test=next-site_visit])").click()
                await desk.sees("waiting", "1")
                await expect(desk.at("call-timer")).to_contain_text("0:1", timeout=15_000)
                await take(desk, folder / "desk.png")
    async with signed_in(browser, hotline, "super", f"/customers/{customer['customer_id']}", **PEKING) as screen:
        await screen.sees("timeline-entry")
        await take(screen, folder / "customer.png")


async def board_pictures(hotline: RunningHotline, browser: Browser, folder: Path) -> None:
    """Two who talk, one who pauses, and callers behind them, on the board and on the wall."""
    async with administrator(hotline) as admin:
        numbers = [
            (await admin.get("/customers", q=name))["customers"][0]["numbers"][0]["number"]
            for name in ("陈静", "杨洋", "王秀英", "李娜", "赵敏", "黄磊")
        ]
    async with (
        at_desk_phone(hotline, "carol"),
        at_desk_phone(hotline, "dave"),
        at_desk(browser, hotline, "bob") as bob,
        signed_in(browser, hotline, "super", **BOARD) as screen,
        signed_in(browser, hotline, "super", **WALL) as wall,
    ):
        await bob.click("pause")
        await bob.click("pause-meal")
        await bob.state("paused")
        talking, waiting = numbers[:2], numbers[2:]
        with callers(*(Caller(hotline.sip, number=number, hold_seconds=120) for number in talking)):
            await expect(screen.at("board-agent", state="talking")).to_have_count(2, timeout=30_000)
            with callers(*(Caller(hotline.sip, number=number, hold_seconds=120) for number in waiting)):
                await expect(screen.at("board-longest")).to_contain_text("6", timeout=60_000)
                await take(screen, folder / "board.png")
                await wall.open("/wallboard")
                await wall.sees("wall-longest")
                await take(wall, folder / "wallboard.png")
            hotline.hang_up_everything()


async def configuration_pictures(hotline: RunningHotline, browser: Browser, folder: Path) -> None:
    """What an administrator sets, from a shipped profile: a queue's rings, drawn, and a menu."""
    async with administrator(hotline) as person:
        profile = await person.get("/configuration/profiles/property_management")
        await person.post("/configuration/file", {"yaml": profile["yaml"]})
    async with signed_in(browser, hotline, "admin", "/configuration/queues/repair", **PEKING) as screen:
        chart = await screen.sees("queue-life")
        await chart.evaluate("(chart) => chart.closest('section').scrollIntoView()")
        await take(screen, folder / "queue.png")
        await screen.open("/configuration/menus/main")
        await screen.sees("menu-hears")
        await take(screen, folder / "menu.png")


async def english_pictures(hotline: RunningHotline, browser: Browser, rest: Path) -> None:
    """Every page in English on a small screen, to be looked at."""
    async with at_desk(browser, hotline, language="en", **LAPTOP) as desk:
        await take(desk, rest / "en-idle.png")
        with speaking_caller(hotline, "+8613812345678", hold_seconds=8):
            await desk.sees("answer")
            await take(desk, rest / "en-incoming.png")
            await desk.press("Alt+a")
            await desk.phase("talking")
            await desk.click("keypad")
            await desk.click("call-type-complaint")
            await take(desk, rest / "en-talking.png")
            await desk.phase("ended")
            await take(desk, rest / "en-wrapup.png")
        await desk.click("skip")
    async with signed_in(browser, hotline, "admin", "/calls", language="en", **LAPTOP) as admin:
        for page in ("calls", "customers", "agents"):
            await admin.click(f"nav-{page}")
            await admin.sees(f"{page}-page")
            await take(admin, rest / f"en-{page}.png")
        await admin.click("new-agent")
        await admin.sees("agent-form")
        await take(admin, rest / "en-new-agent.png")
        await admin.open("/customers/11")
        await admin.sees("timeline")
        await take(admin, rest / "en-customer.png")
        await admin.open("/calls")
        await admin.at("call-row", status="answered").nth(2).click()
        await admin.sees("call-drawer")
        await take(admin, rest / "en-drawer.png")


async def pictures(hotline: RunningHotline, folder: Path) -> None:
    """All pictures; those for looking only go to a folder beside the temporary files."""
    rest = Path(tempfile.gettempdir()) / "callcenter-pictures"
    for place in (folder, rest):
        place.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright, rest)
        await remember(hotline)
        await desk_pictures(hotline, browser, folder, rest)
        async with signed_in(browser, hotline, "super", "/calls", **PEKING) as screen:
            await screen.sees("call-row")
            await screen.sees("ring-back-row")
            await take(screen, folder / "calls.png")
        await english_pictures(hotline, browser, rest)
        await board_pictures(hotline, browser, folder)
        await configuration_pictures(hotline, browser, folder)
        await browser.close()


if __name__ == "__main__":
    with private_hotline() as own:
        asyncio.run(pictures(own, Path(sys.argv[1] if len(sys.argv) > 1 else "docs")))
