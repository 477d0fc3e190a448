"""What a supervisor does to real calls: takes them over, moves them, sets one before another, ends them."""

import asyncio
from typing import Any

import pytest

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.stage import administrator, at_desk, callers, configured, kinds, supervisor
from tests.asterisk.test_calls import ended, newest_call
from tests.asterisk.test_routing import listens, speaking, spoken_to_the_end
from tests.onebox import RunningHotline
from tests.people import Document, Person, RefusedError
from tests.waiting import until


async def act(boss: Person, call_id: str, what: str, **body: Any) -> None:
    await boss.post(f"/supervision/calls/{call_id}/{what}", body)


async def in_line(boss: Person, number: str) -> str:
    """The id of the call of a caller, as soon as he is in line."""
    found: list[str] = []

    async def is_there() -> bool:
        page = await boss.get("/calls", number=number, limit=1)
        found[:] = [call["call_id"] for call in page["calls"] if call["status"] == "waiting"]
        return bool(found)

    await until(is_there, "the caller is in line")
    return found[0]


def is_on(caller: Caller) -> bool:
    """Whether nobody has ended his call."""
    return not [event for event in caller.events() if event.kind in ("hung-up-on", "not-answered")]


async def test_a_waiting_caller_is_taken_over_by_a_supervisor_who_is_off_duty(hotline: RunningHotline) -> None:
    async with supervisor(hotline) as boss:
        with Caller(hotline.sip, number="13800138901", hold_seconds=1) as caller:
            call_id = await in_line(boss, "13800138901")
            await act(boss, call_id, "take-over")
            popped = await boss.is_in("offered")
            assert popped["call"]["number"] == "138 0013 8901"
            await boss.is_in("talking")
            await boss.is_in("wrapup")
            assert await asyncio.to_thread(caller.finish) == 0
        await boss.save()
        await boss.is_in("signed_out")
        call = await boss.call_when(call_id, lambda call: call["outcome_at"] is not None)
    assert (call["status"], call["agent_name"]) == ("answered", "主管")
    assert "taken_over" in kinds(call)


async def test_out_of_a_talk_the_agent_s_phone_ends_and_the_caller_is_kept(hotline: RunningHotline) -> None:
    async with supervisor(hotline) as boss, at_desk(hotline, "carol") as carol:
        with Caller(hotline.sip, number="13800138902", hold_seconds=60) as caller:
            call_id = (await carol.is_in("talking"))["call"]["call_id"]
            await act(boss, call_id, "take-over")
            await asyncio.to_thread(carol.phone.wait_for, "hung-up-on")
            await carol.is_in("wrapup")
            await boss.is_in("talking")
            await asyncio.to_thread(boss.phone.wait_for, "answer")
            assert is_on(caller)
            await act(boss, call_id, "take-over")
            await act(boss, call_id, "end")
            await asyncio.to_thread(caller.wait_for, "hung-up-on")
            await boss.is_in("wrapup")
            await boss.save()
            await boss.is_in("signed_out")
        call = await boss.call_when(call_id, ended)
        assert carol.desk["state"]["name"] == "wrapup"
    assert (call["status"], call["hung_up_by"], call["agent_name"]) == ("answered", "system", "主管")


async def test_from_a_ringing_phone_he_is_taken_at_once(hotline: RunningHotline) -> None:
    async with supervisor(hotline) as boss, at_desk(hotline, "carol", ring_seconds=60) as carol:
        with Caller(hotline.sip, number="13800138903", hold_seconds=60) as caller:
            call_id = (await carol.is_in("ringing"))["call"]["call_id"]
            await act(boss, call_id, "take-over")
            await carol.is_in("ready")
            await asyncio.to_thread(carol.phone.wait_for, "cancelled")
            await boss.is_in("talking")
            assert is_on(caller)
            await act(boss, call_id, "end")
            await asyncio.to_thread(caller.wait_for, "hung-up-on")
        call = await boss.call_when(call_id, ended)
    missed = [fact["body"]["reason"] for fact in call["events"] if fact["kind"] == "missed"]
    assert missed == ["taken_over"]


@pytest.mark.parametrize("talking", [False, True])
async def test_a_supervisor_who_does_not_answer_leaves_the_caller_his_place(
    hotline: RunningHotline, talking: bool
) -> None:
    async with supervisor(hotline, does="reject") as boss, at_desk(hotline, "carol", ready=talking) as carol:
        with Caller(hotline.sip, number="13800138904", hold_seconds=60) as caller:
            if talking:
                call_id = (await carol.is_in("talking"))["call"]["call_id"]
            else:
                call_id = await in_line(boss, "13800138904")
            await act(boss, call_id, "take-over")
            await boss.is_in("offered")
            await boss.is_in("signed_out")
            await carol.sees(lambda desk: desk["waiting"] == 1)
            assert is_on(caller)
            await carol.go("ready")
            await carol.sees(lambda desk: desk["state"]["name"] == "talking" and desk["call"]["call_id"] == call_id)
            await act(boss, call_id, "end")
            await carol.is_in("wrapup")
        await boss.call_when(call_id, ended)


async def test_a_talk_is_moved_to_another_queue_and_the_next_agent_has_it(hotline: RunningHotline) -> None:
    async with (
        supervisor(hotline) as boss,
        at_desk(hotline, "dave") as dave,
        at_desk(hotline, "carol", ready=False) as carol,
    ):
        with Caller(hotline.sip, number="13800138905", hold_seconds=60) as caller:
            call_id = (await dave.is_in("talking"))["call"]["call_id"]
            await act(boss, call_id, "move", queue_id="complaint")
            await dave.is_in("wrapup")
            await asyncio.to_thread(dave.phone.wait_for, "hung-up-on")
            await carol.sees(lambda desk: desk["waiting"] == 1)
            assert is_on(caller)
            await dave.save()
            await dave.is_in("ready")
            await carol.go("ready")
            desk = await carol.is_in("talking")
            assert desk["call"]["queue"]["queue_id"] == "complaint"
            assert dave.desk["state"]["name"] == "ready", "he serves the other queue"
            await act(boss, call_id, "end")
            await carol.is_in("wrapup")
        call = await boss.call_when(call_id, ended)
    assert (call["queue_id"], call["agent_name"]) == ("complaint", carol.user["display_name"])


async def test_a_waiting_caller_is_moved_to_an_agent_before_one_who_waits_longer(hotline: RunningHotline) -> None:
    first = Caller(hotline.sip, number="13800138906", hold_seconds=60)
    second = Caller(hotline.sip, number="13800138907", hold_seconds=60)
    async with supervisor(hotline) as boss, at_desk(hotline, "carol", ready=False) as carol:
        with callers(first, second):
            await in_line(boss, "13800138906")
            call_id = await in_line(boss, "13800138907")
            with pytest.raises(RefusedError) as refused:
                await act(boss, call_id, "move", user_id=carol.user["user_id"])
            assert refused.value.error_id == "agent_signed_out"
            await carol.go("paused")
            await act(boss, call_id, "move", user_id=carol.user["user_id"])
            await act(boss, call_id, "priority", priority=2)
            await carol.go("ready")
            desk = await carol.is_in("talking")
            assert desk["call"]["call_id"] == call_id
            hotline.hang_up_everything()
            await carol.is_in("wrapup")


async def test_a_priority_decides_who_is_served_first(hotline: RunningHotline) -> None:
    first = Caller(hotline.sip, number="13800138908", hold_seconds=60)
    second = Caller(hotline.sip, number="13800138909", hold_seconds=60)
    async with supervisor(hotline) as boss, at_desk(hotline, "carol", ready=False) as carol:
        with callers(first, second):
            await in_line(boss, "13800138908")
            call_id = await in_line(boss, "13800138909")
            await act(boss, call_id, "priority", priority=3)
            await carol.go("ready")
            desk = await carol.is_in("talking")
            assert (desk["call"]["call_id"], desk["call"]["priority"]) == (call_id, 3)
            hotline.hang_up_everything()
            await carol.is_in("wrapup")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_caller_in_line_is_ended_and_it_is_known_who_did_it(hotline: RunningHotline, answered: bool) -> None:
    async with configured(hotline, apology_ring=1 if answered else 5), supervisor(hotline) as boss:
        with Caller(hotline.sip, number="13800138910", hold_seconds=60) as caller:
            call_id = await in_line(boss, "13800138910")
            if answered:
                await asyncio.to_thread(caller.wait_for, "answered")
            await act(boss, call_id, "end")
            if answered:
                await asyncio.to_thread(caller.wait_for, "hung-up-on")
            await asyncio.to_thread(caller.finish)
            await act(boss, call_id, "end")
        call = await newest_call(boss, "13800138910")
        with pytest.raises(RefusedError) as refused:
            await act(boss, call_id, "take-over")
    assert (call["call_id"], call["hung_up_by"], call["answered_at"]) == (call_id, "system", None)
    assert refused.value.error_id == "call_over"


async def test_an_agent_in_a_real_conversation_is_not_freed(hotline: RunningHotline) -> None:
    async with supervisor(hotline) as boss, at_desk(hotline, "carol") as carol:
        path = f"/supervision/agents/{carol.user['user_id']}"
        with Caller(hotline.sip, number="13800138911", hold_seconds=60):
            call_id = (await carol.is_in("talking"))["call"]["call_id"]
            for what, body in (("free", {}), ("state", {"state": "paused"})):
                with pytest.raises(RefusedError) as refused:
                    await boss.post(f"{path}/{what}", body)
                assert refused.value.error_id == "agent_in_call"
            await act(boss, call_id, "end")
            await carol.is_in("wrapup")
        freed: Document = await boss.post(f"{path}/free")
        assert freed["state"] == "ready"
        await carol.is_in("ready")
        async with administrator(hotline) as admin:
            await admin.call_when(call_id, ended)


async def test_a_supervisor_calls_back_somebody_who_keeps_his_place_and_ends_the_talk(hotline: RunningHotline) -> None:
    callback = {"key": "1", "offer_after_seconds": 0, "ring_seconds": 20, "retry_after_minutes": [1]}
    async with configured(hotline, apology_ring=1, callback=callback), supervisor(hotline) as boss:
        with speaking(hotline, number="13800138912") as (caller, voice):
            await asyncio.to_thread(caller.wait_for, "answered")
            await listens(voice)
            call_id = await in_line(boss, "13800138912")
            voice.press("1")
            await spoken_to_the_end(voice)
            voice.press("1")
            await asyncio.to_thread(caller.finish)
        await boss.call_when(call_id, lambda call: call["left_at"] is not None)
        with DeskPhone("trunk", port=hotline.trunk_port, ring_seconds=0.5) as customer:
            await act(boss, call_id, "take-over")
            desk = await boss.is_in("offered")
            assert desk["call"]["callback"]["number_display"] == "138 0013 8912"
            await boss.sees(lambda desk: desk["call"] and desk["call"]["status"] == "talking")
            with pytest.raises(RefusedError) as refused:
                await act(boss, call_id, "move", queue_id="complaint")
            assert refused.value.error_id == "called_back"
            await act(boss, call_id, "end")
            await asyncio.to_thread(customer.wait_for, "hung-up-on")
            await boss.is_in("wrapup")
        call = await boss.call_when(call_id, ended)
    assert (call["status"], call["hung_up_by"], call["callback_attempts"]) == ("answered", "system", 1)
