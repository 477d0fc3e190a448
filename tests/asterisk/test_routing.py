"""What callers and agents meet on the way to each other, on a whole hotline: menus, overflows, callbacks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.sip.voice import Voice
from tests.asterisk.stage import administrator, at_desk, configured, kinds
from tests.asterisk.test_calls import ended, newest_call
from tests.onebox import RunningHotline
from tests.people import Person
from tests.waiting import until

SHANGHAI = ZoneInfo("Asia/Shanghai")
MENU: dict[str, Any] = {
    "menu_id": "main",
    "name_zh": "总机",
    "name_en": "Main menu",
    "numbers": ["4008001299"],
    "keys": [
        {"key": "1", "name_zh": "报修", "name_en": "Repair", "to": {"kind": "queue", "queue_id": "service"},
         "call_type": "repair"},
        {"key": "2", "name_zh": "投诉", "name_en": "Complaint", "to": {"kind": "queue", "queue_id": "complaint"}},
    ],
    "otherwise": {"kind": "queue", "queue_id": "service"},
}  # fmt: skip


@contextmanager
def speaking(hotline: RunningHotline, **how: Any) -> Iterator[tuple[Caller, Voice]]:
    """A caller with ears and a mouth, who can press keys."""
    how.setdefault("hold_seconds", 60)
    with Voice() as voice, Caller(hotline.sip, media_port=voice.port, **how) as caller:
        yield caller, voice


@asynccontextmanager
async def with_menu(hotline: RunningHotline) -> AsyncIterator[Person]:
    """The hotline has MENU inside the block."""
    async with administrator(hotline) as admin:
        revision = (await admin.get("/configuration"))["revision"]
        revision = (await admin.put(f"/configuration/menus/main?revision={revision}", MENU))["revision"]
        try:
            yield admin
        finally:
            revision = (await admin.get("/configuration"))["revision"]
            await admin.delete(f"/configuration/menus/main?revision={revision}")


async def listens(voice: Voice, seconds: float = 8) -> None:
    """Returns as soon as the caller hears something that is no agent."""
    await until(lambda: voice.hears == "other", "something is said", seconds)


async def spoken_to_the_end(voice: Voice, seconds: float = 30) -> None:
    """Returns when nobody has spoken to the caller for longer than between two sentences."""
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()

    def is_over() -> bool:
        nonlocal quiet_since
        if voice.hears == "other":
            quiet_since = loop.time()
        return loop.time() - quiet_since > 1.5

    await until(is_over, "nothing more is said", seconds)


async def test_a_key_leads_to_the_specialist_and_the_desk_shows_it(hotline: RunningHotline) -> None:
    async with with_menu(hotline) as admin, at_desk(hotline, "carol") as carol, at_desk(hotline, "dave"):
        with speaking(hotline, called="4008001299", number="13800138201") as (_, voice):
            await listens(voice)
            voice.press("2")
            desk = await carol.is_in("talking")
            hotline.hang_up_everything()
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert desk["call"]["queue"]["queue_id"] == "complaint"
    assert desk["call"]["menu_keys_names"] == [{"zh": "投诉", "en": "Complaint"}]
    assert (call["queue_id"], call["menu_keys"], call["status"]) == ("complaint", "2", "answered")
    assert kinds(call)[:5] == ["arrived", "identified", "key", "queued", "offered"]


async def test_who_gives_up_in_the_menu_is_counted_there(hotline: RunningHotline) -> None:
    async with with_menu(hotline) as admin:
        with speaking(hotline, called="4008001299", number="13800138202", hold_seconds=2) as (caller, _):
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138202")
    assert (call["status"], call["abandoned_in"]) == ("abandoned", "menu")


async def test_he_hears_the_apology_and_then_his_place_and_the_agent_sees_the_ring(hotline: RunningHotline) -> None:
    async with (
        configured(hotline, apology_ring=2, announcements={"first_after_seconds": 5, "every_seconds": 20}),
        at_desk(hotline, "carol", ready=False) as carol,
    ):
        with speaking(hotline, number="13800138203") as (caller, voice):
            await asyncio.to_thread(caller.wait_for, "answered")
            await listens(voice)
            await carol.go("ready")
            desk = await carol.is_in("talking")
            hotline.hang_up_everything()
    waited = (desk["call"]["answered_at"] - desk["call"]["arrived_at"]) / 1000
    assert 5 <= waited < 9, "the second ring begins after five seconds"
    assert (desk["call"]["rings"], desk["call"]["apology_ring"], desk["call"]["last_ring_in_time"]) == (2, 2, 3)


async def test_several_phones_ring_and_the_first_to_answer_has_the_call(hotline: RunningHotline) -> None:
    async with (
        configured(hotline, strategy="ring_several", ring_at_once=2),
        administrator(hotline) as admin,
        at_desk(hotline, "carol", ring_seconds=60) as carol,
        at_desk(hotline, "dave", ring_seconds=0.5) as dave,
    ):
        with Caller(hotline.sip, number="13800138204", hold_seconds=1):
            await carol.is_in("ringing")
            desk = await dave.is_in("wrapup")
            assert carol.desk["state"]["name"] == "ready", "nobody has missed anything"
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert (call["agent_name"], call["offers"]) == (dave.user["display_name"], 2)
    assert [fact["body"]["reason"] for fact in call["events"] if fact["kind"] == "missed"] == ["other_answered"]


async def test_an_overflow_passes_the_caller_on_to_the_duty_phone(hotline: RunningHotline) -> None:
    overflow = [{"after_seconds": 2, "to": {"kind": "number", "number": "02188886666"}}]
    async with configured(hotline, overflow=overflow), administrator(hotline) as admin:
        with (
            DeskPhone("trunk", port=hotline.trunk_port, talk_seconds=1) as duty,
            Caller(hotline.sip, number="13800138205", hold_seconds=30) as caller,
        ):
            dialled = await asyncio.to_thread(duty.wait_for, "dialled")
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138205")
    assert "02188886666" in dialled.text
    assert (call["status"], call["passed_on_to"]) == ("passed_on", "02188886666")


@asynccontextmanager
async def closed(hotline: RunningHotline) -> AsyncIterator[Person]:
    """The queue is closed inside the block, and its callers go to the duty phone."""
    async with administrator(hotline) as admin:
        never = {"hours_id": "never", "name_zh": "从不", "name_en": "Never", "week": {}, "china_holidays": False}
        revision = (await admin.get("/configuration"))["revision"]
        await admin.put(f"/configuration/hours/never?revision={revision}", never)
        try:
            async with configured(hotline, hours_id="never", closed={"kind": "duty"}):
                yield admin
        finally:
            revision = (await admin.get("/configuration"))["revision"]
            await admin.delete(f"/configuration/hours/never?revision={revision}")


@asynccontextmanager
async def on_duty(admin: Person, username: str, number: str) -> AsyncIterator[None]:
    """By the roster this person holds the duty phone now, with a number."""
    now = datetime.now(SHANGHAI)
    begun, over = now - timedelta(hours=1), now + timedelta(hours=2)
    kind = {"code": "z", "name_zh": "测试值班", "name_en": "Test duty", "colour": "#000000", "duty": True}
    made = await admin.post("/shifts/kinds", kind | {"starts": f"{begun:%H:%M}", "ends": f"{over:%H:%M}"})
    [who] = [one["user_id"] for one in await admin.get("/agents") if one["username"] == username]
    cell = {"user_id": who, "day": begun.date().isoformat()}
    on = cell | {"was": None, "kind_id": made["id"], "duty_number": number}
    await admin.put("/shifts/cells", {"changes": [on], "reason": "test"})
    try:
        yield
    finally:
        off = cell | {"was": made["id"], "kind_id": None}
        await admin.put("/shifts/cells", {"changes": [off], "reason": "test"})
        await admin.delete(f"/shifts/kinds/{made['id']}")


async def test_a_closed_queue_s_caller_reaches_whoever_is_on_duty(hotline: RunningHotline) -> None:
    async with closed(hotline) as admin, on_duty(admin, "dave", "139 0013 9001"):
        with (
            DeskPhone("trunk", port=hotline.trunk_port, talk_seconds=1) as duty,
            Caller(hotline.sip, number="13800138215", hold_seconds=30) as caller,
        ):
            dialled = await asyncio.to_thread(duty.wait_for, "dialled")
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138215")
    assert "13900139001" in dialled.text
    assert (call["status"], call["passed_on_to"]) == ("passed_on", "13900139001")


async def test_a_caller_whom_the_duty_phone_did_not_take_is_a_task(hotline: RunningHotline) -> None:
    async with closed(hotline) as admin, on_duty(admin, "dave", "13900139001"):
        with (
            DeskPhone("trunk", port=hotline.trunk_port, does="reject"),
            Caller(hotline.sip, number="13800138217", hold_seconds=30) as caller,
        ):
            await asyncio.to_thread(caller.finish)

        async def is_owed() -> bool:
            tasks = (await admin.get("/ring-backs", state="open"))["ring_backs"]
            return any(task["number"] == "+8613800138217" for task in tasks)

        await until(is_owed, "he is to be rung back")


async def test_a_closed_queue_s_caller_leaves_a_message_when_nobody_is_on_duty(hotline: RunningHotline) -> None:
    async with closed(hotline) as admin:
        with speaking(hotline, number="13800138216") as (caller, voice):
            await listens(voice)
            await spoken_to_the_end(voice)
            voice.press("#")
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138216")
        call = await admin.call_when(call["call_id"], lambda call: call["status"] == "message")
    assert call["passed_on_to"] is None


async def test_a_message_becomes_a_task_with_its_recording(hotline: RunningHotline) -> None:
    overflow = [{"after_seconds": 1, "to": {"kind": "message"}}]
    async with configured(hotline, overflow=overflow), administrator(hotline) as admin:
        with speaking(hotline, number="13800138206") as (caller, voice):
            await listens(voice)
            await spoken_to_the_end(voice)
            voice.press("#")
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138206")
        call = await admin.call_when(call["call_id"], lambda call: call["status"] == "message")
        tasks = (await admin.get("/ring-backs", state="open"))["ring_backs"]
        [task] = [task for task in tasks if task["number"] == "+8613800138206"]
    assert (task["kind"], task["queue_id"]) == ("message", "service")
    assert task["message_seconds"] > 0.5


async def test_a_caller_keeps_his_place_without_a_line_and_is_rung_back_once(hotline: RunningHotline) -> None:
    callback = {"key": "1", "offer_after_seconds": 0, "ring_seconds": 20, "retry_after_minutes": [1]}
    async with (
        configured(hotline, apology_ring=1, callback=callback),
        administrator(hotline) as admin,
        at_desk(hotline, "carol", ready=False) as carol,
    ):
        with speaking(hotline, number="13800138207") as (caller, voice):
            await asyncio.to_thread(caller.wait_for, "answered")
            await listens(voice)
            voice.press("1")
            await carol.sees(lambda desk: desk["waiting"] == 0)
            await spoken_to_the_end(voice)
            voice.press("1")
            await asyncio.to_thread(caller.finish)
        with Caller(hotline.sip, number="13800138208", hold_seconds=60) as later:
            await asyncio.to_thread(later.wait_for, "answered")
            [waiting] = await admin.get("/callbacks")
            assert (waiting["state"], waiting["attempts"]) == ("waiting", 0)
            assert waiting["number_display"] == "138 0013 8207"
            with DeskPhone("trunk", port=hotline.trunk_port, ring_seconds=0.5, talk_seconds=2) as customer:
                await carol.go("ready")
                popped = await carol.is_in("offered")
                assert popped["call"]["callback"]["number_display"] == "138 0013 8207", "he was before the other"
                await carol.sees(lambda desk: desk["call"] and desk["call"]["callback"]["calling"])
                await carol.sees(lambda desk: desk["call"] and desk["call"]["status"] == "talking")
                desk = await carol.is_in("wrapup")
                dialled = [event for event in customer.events() if event.kind == "dialled"]
            await carol.save("repair", "回电")
            await carol.is_in("talking")
            hotline.hang_up_everything()
        call = await admin.call_when(desk["call"]["call_id"], ended)
        assert await admin.get("/callbacks") == []
    assert len(dialled) == 1, "the customer is rung once"
    assert (call["status"], call["callback_attempts"]) == ("answered", 1)
    assert call["agent_name"] == carol.user["display_name"]
    assert call["callback_number"] == "13800138207"
    told = kinds(call)
    assert told.index("callback_asked") < told.index("line_over") < told.index("calling") < told.index("answered")


async def test_why_nobody_rang_is_told_for_every_agent(hotline: RunningHotline) -> None:
    async with (
        administrator(hotline) as admin,
        at_desk(hotline, "carol", ready=False) as carol,
        at_desk(hotline, "dave", ready=False) as dave,
    ):
        await carol.go("paused", "meal")
        with Caller(hotline.sip, number="13800138209", patience_seconds=2) as caller:
            await asyncio.to_thread(caller.finish)
        call = await newest_call(admin, "13800138209")
        why = await admin.get(f"/calls/{call['call_id']}/why")
    reasons = {agent["display_name"]: (agent["reason"], agent["detail"]) for agent in why["agents"]}
    assert reasons[carol.user["display_name"]] == ("paused", "meal")
    assert reasons[dave.user["display_name"]] == ("signed_out", "")
    assert why["call"]["queue_id"] == "service"
    assert why["call"]["rings"] == 1
