"""Parts die in the middle of calls: callers notice nothing they need not, and every call is in the log."""

import asyncio

from deploy.onebox.box import wait_until
from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.stage import administrator, at_desk, configured, kinds
from tests.asterisk.test_calls import ended, newest_call
from tests.onebox import RunningHotline


async def test_the_service_dies_in_mid_call(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol") as carol:
        with Caller(hotline.sip, number="13800138101", hold_seconds=4) as caller:
            desk = await carol.is_in("talking")
            with hotline.without("serve"):
                assert await asyncio.to_thread(caller.finish) == 0, "the conversation went on to its end"
        call = await admin.call_when(desk["call"]["call_id"], lambda call: call["hung_up_by"] == "caller", 20)
        assert call["status"] == "answered"
        assert kinds(call).count("ended") == 1
        assert 3 < call["talking_seconds"] < 6
        await carol.is_in("wrapup")
        await carol.save()
        await carol.is_in("ready")


async def test_the_service_dies_and_comes_back_in_mid_call(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol") as carol:
        with Caller(hotline.sip, number="13800138102", hold_seconds=8) as caller:
            desk = await carol.is_in("talking")
            hotline.restart("serve")
            await carol.sees(lambda desk: desk["state"]["name"] == "talking")
            assert await asyncio.to_thread(caller.finish) == 0
        await carol.is_in("wrapup")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert (call["status"], call["agent_name"]) == ("answered", carol.user["display_name"])
    assert kinds(call).count("answered") == 1


async def test_callers_wait_through_the_services_death_and_keep_their_places(hotline: RunningHotline) -> None:
    async with configured(hotline, apology_ring=1), at_desk(hotline, "carol", ready=False) as carol:
        first = Caller(hotline.sip, number="13800138103", hold_seconds=60)
        second = Caller(hotline.sip, number="13800138104", hold_seconds=60)
        with first, second:
            await asyncio.to_thread(first.wait_for, "answered")
            await asyncio.to_thread(second.wait_for, "answered")
            await carol.sees(lambda desk: desk["waiting"] == 2)
            hotline.restart("serve")
            await carol.sees(lambda desk: desk["waiting"] == 2, 20)
            await carol.go("ready")
            desk = await carol.is_in("talking", 20)
            assert desk["call"]["number_e164"] in ("+8613800138103", "+8613800138104")
            arrived = desk["call"]["arrived_at"]
            hotline.hang_up_everything()
        async with administrator(hotline) as admin:
            calls = [(await newest_call(admin, f"1380013810{n}", 40))["arrived_at"] for n in (3, 4)]
    assert arrived == min(calls), "the longest waiting caller was served first"


async def test_without_the_node_asterisk_rings_the_phones_itself(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin, at_desk(hotline, "carol") as carol:
        with hotline.without("node"), Caller(hotline.sip, number="13800138105", hold_seconds=2) as caller:
            await asyncio.to_thread(carol.phone.wait_for, "answer")
            assert await asyncio.to_thread(caller.finish) == 0
        call = await newest_call(admin, "13800138105", 40)
        assert (call["status"], call["through"]) == ("answered", "fallback")
        assert call["agent_name"] == carol.user["display_name"]
        assert 1 < call["talking_seconds"] < 4


async def test_with_everything_dead_but_asterisk(hotline: RunningHotline) -> None:
    async with at_desk(hotline, "carol") as carol:
        phone: DeskPhone = carol.phone
        with (
            hotline.without("serve", "node", "redis", "postgres"),
            Caller(hotline.sip, number="13800138106", hold_seconds=2) as caller,
        ):
            await asyncio.to_thread(phone.wait_for, "answer")
            assert await asyncio.to_thread(caller.finish) == 0
        async with administrator(hotline) as admin:
            call = await newest_call(admin, "13800138106", 60)
        assert (call["status"], call["through"]) == ("answered", "fallback")
        assert call["agent_name"] == carol.user["display_name"]


async def test_postgresql_is_away_for_a_while(hotline: RunningHotline) -> None:
    async with at_desk(hotline, "carol") as carol:
        with hotline.without("postgres"):
            with Caller(hotline.sip, number="13800138107", hold_seconds=1) as caller:
                desk = await carol.is_in("wrapup", 20)
                assert await asyncio.to_thread(caller.finish) == 0
            await carol.save("complaint", "电梯停运", sub_type="tech_fault", fields={"demand": "尽快修复"})
            await carol.is_in("ready")
        async with administrator(hotline) as admin:
            call = await admin.call_when(desk["call"]["call_id"], lambda call: call["outcome_at"] is not None, 40)
    assert (call["status"], call["call_type"]) == ("answered", "complaint")
    assert {"arrived", "queued", "offered", "ringing", "answered", "ended", "outcome"} <= set(kinds(call))


async def test_the_service_starts_and_routes_without_postgresql(hotline: RunningHotline) -> None:
    async with at_desk(hotline, "carol", ready=False) as carol:
        with hotline.without("postgres"):
            hotline.restart("serve")
            await carol.go("ready")
            with Caller(hotline.sip, number="13800138108", hold_seconds=1) as caller:
                desk = await carol.is_in("wrapup", 20)
                assert await asyncio.to_thread(caller.finish) == 0
        async with administrator(hotline) as admin:
            call = await admin.call_when(desk["call"]["call_id"], ended, 40)
    assert call["status"] == "answered"


async def test_redis_dies_in_mid_call_and_while_somebody_waits(hotline: RunningHotline) -> None:
    async with configured(hotline, apology_ring=1), at_desk(hotline, "carol") as carol:
        talker = Caller(hotline.sip, number="13800138109", hold_seconds=7)
        waiter = Caller(hotline.sip, number="13800138110", hold_seconds=30)
        with talker:
            desk = await carol.is_in("talking")
            with waiter:
                await asyncio.to_thread(waiter.wait_for, "answered")
                hotline.restart("redis")
                assert await asyncio.to_thread(talker.finish) == 0
                await carol.is_in("wrapup", 20)
                await carol.save()
                talking = await carol.sees(
                    lambda desk: desk["state"]["name"] == "talking" and desk["call"]["number_e164"] == "+8613800138110",
                    20,
                )
                hotline.hang_up_everything()
                await carol.is_in("wrapup", 20)
        async with administrator(hotline) as admin:
            first = await admin.call_when(desk["call"]["call_id"], ended, 40)
            second = await admin.call_when(talking["call"]["call_id"], ended, 40)
    assert (first["status"], second["status"]) == ("answered", "answered")
    assert first["talking_seconds"] > 5


async def test_a_disabled_agents_phone_is_forgotten_though_asterisk_was_away(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin:
        draft = {"username": "eve", "display_name": "Eve", "role": "agent", "queues": ["service"]}
        made = await admin.post("/agents", draft | {"extension": "1099", "phone_kind": "desk"})
        assert "1099" in hotline.asterisk("pjsip show endpoints")
        with hotline.without("asterisk"):
            changed = await admin.patch(f"/agents/{made['agent']['user_id']}", {"disabled": True})
            assert changed["phone_pushed"] is False
        assert await asyncio.to_thread(
            wait_until, lambda: "1099" not in hotline.asterisk("pjsip show endpoints"), 30
        ), "Asterisk still knows the phone"
