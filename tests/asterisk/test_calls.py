"""One call through the whole hotline: SIPp on the trunk, SIPp on the desk, everything between real."""

import asyncio
from typing import Any

import pytest

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator, at_desk, callers, configured, kinds
from tests.onebox import RunningHotline
from tests.people import Agent, Document


def ended(call: Document) -> bool:
    return call["ended_at"] is not None


async def newest_call(person: Any, number: str, seconds: float = 15) -> Document:
    """The newest call from a number, as soon as there is one that has ended."""
    async with asyncio.timeout(seconds):
        while True:
            page = await person.get("/calls", number=number, limit=1)
            if page["calls"] and ended(page["calls"][0]):
                found: Document = page["calls"][0]
                return found
            await asyncio.sleep(0.1)


async def test_a_call_is_answered_on_a_desk_phone_and_logged(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol", ring_seconds=1) as carol:
        with Caller(hotline.sip, number="13800138001", name="张三", hold_seconds=2) as caller:
            popped = await carol.is_in("offered")
            assert popped["call"]["number"] == "138 0013 8001"
            assert popped["call"]["place"]["zh"]
            await carol.is_in("ringing")
            await carol.is_in("talking")
            desk = await carol.is_in("wrapup")
            assert caller.finish() == 0
        saved = await carol.save("repair", "三单元漏水", "site_visit")
        assert saved["call_type"] == "repair"
        await carol.is_in("ready")
        call = await admin.call_when(desk["call"]["call_id"], lambda call: call["outcome_at"] is not None)
    assert kinds(call)[:6] == ["arrived", "identified", "queued", "offered", "ringing", "answered"]
    assert {"ended", "outcome"} <= set(kinds(call))
    assert (call["status"], call["hung_up_by"], call["agent_name"]) == (
        "answered",
        "caller",
        carol.user["display_name"],
    )
    assert call["arrived_at"] <= call["offered_at"] <= call["ringing_at"] <= call["answered_at"] <= call["ended_at"]
    assert call["rings"] == call["agent_rings"] == 1
    assert 0.9 < call["ringing_seconds"] < 3
    assert 1.5 < call["talking_seconds"] < 4
    assert call["notes"] == "三单元漏水"


async def test_the_agent_hangs_up_first(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol", talk_seconds=1) as carol:
        with Caller(hotline.sip, number="13800138002", hold_seconds=20):
            desk = await carol.is_in("wrapup")
        assert desk["call"]["hung_up_by"] in (None, "agent")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert call["hung_up_by"] == "agent"


async def test_nobody_ready_longest_wait_first_and_who_gives_up_is_rung_back(hotline: RunningHotline) -> None:
    first = Caller(hotline.sip, number="13800138003", hold_seconds=4)
    second = Caller(hotline.sip, number="13800138004", hold_seconds=8)
    leaver = Caller(hotline.sip, number="13800138005", hold_seconds=3)
    async with (
        configured(hotline, apology_ring=1),
        administrator(hotline) as admin,
        at_desk(hotline, "carol", ready=False) as carol,
    ):
        with callers(leaver, first, second):
            for caller in (leaver, first, second):
                await asyncio.to_thread(caller.wait_for, "answered")
            await carol.sees(lambda desk: desk["waiting"] >= 2)
            await asyncio.to_thread(leaver.finish)
            gave_up = await newest_call(admin, "13800138005")
            await carol.go("ready")
            desk = await carol.is_in("talking")
            assert desk["call"]["number_e164"] == "+8613800138003", "he has waited longest"
            await carol.is_in("wrapup")
            await carol.save()
            desk = await carol.sees(
                lambda desk: desk["state"]["name"] == "talking" and desk["call"]["number_e164"] == "+8613800138004"
            )
            await carol.is_in("wrapup")
            await carol.save()
        assert (gave_up["status"], gave_up["hung_up_by"], gave_up["rings"]) == ("abandoned", "caller", 1)
        assert 3 <= gave_up["waiting_seconds"] < 6
        tasks = (await admin.get("/ring-backs", state="open"))["ring_backs"]
        [task] = [task for task in tasks if task["number"] == "+8613800138005"]
        done = await admin.post(f"/ring-backs/{task['ring_back_id']}/done", {"note": "已回电"})
        assert (done["state"], done["done_note"]) == ("done", "已回电")


async def test_a_declined_call_goes_to_the_next_agent(hotline: RunningHotline) -> None:
    async with (
        administrator(hotline) as admin,
        at_desk(hotline, "carol", does="reject") as carol,
        at_desk(hotline, "dave") as dave,
    ):
        with Caller(hotline.sip, number="13800138006", hold_seconds=1):
            desk = await dave.is_in("wrapup")
        paused = await carol.is_in("paused")
        assert paused["state"]["reason"] == "declined"
        call = await admin.call_when(desk["call"]["call_id"], ended)
    missed = [event for event in call["events"] if event["kind"] == "missed"]
    assert [event["body"]["reason"] for event in missed] == ["declined"]
    assert (call["offers"], call["agent_name"]) == (2, dave.user["display_name"])


async def test_a_caller_who_leaves_while_the_phone_rings(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol", does="ignore") as carol:
        with Caller(hotline.sip, number="13800138007", patience_seconds=2):
            desk = await carol.is_in("ringing")
            await carol.is_in("ready")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert (call["status"], call["agent_rings"], call["agent_id"]) == ("abandoned", 1, None)


async def test_a_later_desk_takes_over(hotline: RunningHotline) -> None:
    async with at_desk(hotline, "carol", ready=False) as carol, Agent(hotline.web_url) as again:
        await again.sign_in("carol", hotline.logins["carol"]["password"])
        await again.sit_down()
        await carol.is_taken_over()
        async with Agent(hotline.web_url) as old_page:
            old_page.desk_id = carol.desk_id
            await old_page.sign_in("carol", hotline.logins["carol"]["password"])
            old_page._watching = asyncio.create_task(old_page._watch())
            await old_page.is_taken_over()
        assert not again.taken_over


HOSTILE = [
    r"a\"b",
    "${SHELL(id)}",
    "x;y|z,`id`",
    "<script>alert(1)</script>",
    "王小明",
    "n" * 2000,
    "' or 1=1; --",
    "",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_whatever_the_callers_name_is(hotline: RunningHotline, name: str) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol") as carol:
        with Caller(hotline.sip, number="13800138008", name=name, hold_seconds=0.5):
            desk = await carol.is_in("wrapup")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    kept = call["caller_name"] or ""
    assert len(kept) <= 160
    assert "uid=" not in kept
    if name == "王小明":
        assert kept == name


NUMBERS = [
    ("13800138000", "+8613800138000"),
    ("+8613800138000", "+8613800138000"),
    ("8613800138000", "+8613800138000"),
    ("057187654321", "+8657187654321"),
    ("4008001234", "+864008001234"),
    ("95588", "95588"),
    ("anonymous", None),
    ("%24%7BSHELL(id)%7D", None),
    ("0" * 300, "?"),
]


@pytest.mark.parametrize(("number", "kept"), NUMBERS, ids=[number[:12] for number, _ in NUMBERS])
async def test_whatever_the_callers_number_is(hotline: RunningHotline, number: str, kept: str | None) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol") as carol:
        with Caller(hotline.sip, number=number, hold_seconds=0.5):
            desk = await carol.is_in("wrapup")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    if kept == "?":
        assert len(call["caller_number"]) <= 64
    else:
        assert call["caller_number"] == kept
    assert desk["call"]["anonymous"] == (kept is None)
