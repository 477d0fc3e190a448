"""Two Asterisk nodes and two replicas of the service, all real: one hotline."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator, at_desk, configured, kinds, supervisor
from tests.asterisk.test_calls import ended, newest_call
from tests.onebox import RunningHotline, private_hotline
from tests.people import Agent, Document


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningHotline]:
    """A hotline of two nodes and two replicas."""
    with private_hotline(nodes=2, replicas=2) as running:
        yield running


@pytest.fixture
def pair(two_nodes: RunningHotline) -> Iterator[RunningHotline]:
    """The same with every part running, and no call left, after a test."""
    two_nodes.restore()
    yield two_nodes
    two_nodes.restore()
    two_nodes.hang_up_everything()


def sip(pair: RunningHotline, node: int) -> str:
    """Where callers of a node call, as host:port."""
    return str(pair.facts["nodes"][node]["sip"])


def other(node: int) -> int:
    """The node that is not this one."""
    return 1 - node


def witnessed(call: Document) -> list[str]:
    """The kinds of a call's facts in order, without Asterisk's own CDR, which follows when it will."""
    return [kind for kind in kinds(call) if kind != "ledger"]


async def facts_of_missed_offer(pair: RunningHotline, number: str, phone_at: int, **phone: Any) -> tuple[Any, ...]:
    """What a call on node1 and its agent look like after one offer to a phone that does not take the call."""
    async with administrator(pair) as admin, at_desk(pair, "carol", node=phone_at, **phone) as carol:
        with Caller(sip(pair, 0), number=number, patience_seconds=8):
            offered = await carol.is_in("offered")
            desk = await carol.sees(lambda desk: desk["state"]["name"] in ("paused", "ready"))
            call = await admin.call_when(offered["call"]["call_id"], ended)
    missed = [fact["body"]["reason"] for fact in call["events"] if fact["kind"] == "missed"]
    return desk["state"]["name"], desk["state"]["reason"], missed, call["agent_rings"], call["status"]


@pytest.mark.parametrize("callers_node", [0, 1], ids=["caller on node1", "caller on node2"])
@pytest.mark.parametrize("by", ["caller", "agent"])
async def test_an_agent_on_the_other_node_answers(pair: RunningHotline, callers_node: int, by: str) -> None:
    number = f"1380013920{callers_node}"
    phone: dict[str, Any] = {"talk_seconds": 1.0} if by == "agent" else {}
    async with (
        administrator(pair) as admin,
        at_desk(pair, "carol", node=other(callers_node), replica=1, ring_seconds=1, **phone) as carol,
    ):
        with Caller(sip(pair, callers_node), number=number, name="张三", hold_seconds=2 if by == "caller" else 20):
            await carol.is_in("ringing")
            await carol.is_in("talking")
            desk = await carol.is_in("wrapup")
            rung = carol.phone.wait_for("invite").text
            assert desk["call"]["call_id"] in rung, "the phone joins the call to its screen-pop"
            assert number in rung, "the phone shows the caller's number"
            call = await admin.call_when(desk["call"]["call_id"], ended)
    assert call["node"] == f"node{callers_node + 1}"
    assert (call["status"], call["hung_up_by"], call["agent_name"]) == ("answered", by, carol.user["display_name"])
    assert witnessed(call) == ["arrived", "identified", "queued", "offered", "ringing", "answered", "ended"]
    assert call["offered_at"] <= call["ringing_at"] <= call["answered_at"] <= call["ended_at"]
    assert 0.9 < call["ringing_seconds"] < 3
    assert 0.5 < call["talking_seconds"] < 4


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ({"does": "reject"}, "declined"),
        ({"does": "reject", "reject_with": "603 Decline"}, "declined"),
        ({"does": "reject", "reject_with": "480 Temporarily Unavailable"}, "no_answer"),
        ({"does": "reject", "reject_with": "500 Server Internal Error"}, "failed"),
    ],
    ids=["busy", "decline", "unavailable", "error"],
)
async def test_a_refusal_on_the_other_node_means_the_same_as_here(
    pair: RunningHotline, phone: dict[str, Any], reason: str
) -> None:
    here = await facts_of_missed_offer(pair, "13800139210", 0, **phone)
    there = await facts_of_missed_offer(pair, "13800139211", 1, **phone)
    assert here == there
    assert here[2] == [reason]


@pytest.mark.parametrize("talks", [False, True], ids=["while the phone rings", "out of a talk"])
@pytest.mark.parametrize("boss_at", [0, 1], ids=["at the caller's node", "at the agent's node"])
async def test_a_supervisor_takes_over_between_nodes(pair: RunningHotline, talks: bool, boss_at: int) -> None:
    ring_seconds = 0.2 if talks else 60
    async with (
        supervisor(pair, node=boss_at, replica=1) as boss,
        at_desk(pair, "carol", node=1, ring_seconds=ring_seconds) as carol,
    ):
        with Caller(sip(pair, 0), number="13800139225", hold_seconds=60) as caller:
            call_id = (await carol.is_in("talking" if talks else "ringing"))["call"]["call_id"]
            await boss.post(f"/supervision/calls/{call_id}/take-over")
            await asyncio.to_thread(carol.phone.wait_for, "hung-up-on" if talks else "cancelled")
            await carol.is_in("wrapup" if talks else "ready")
            await boss.is_in("talking")
            assert not [event for event in caller.events() if event.kind == "hung-up-on"]
            await boss.post(f"/supervision/calls/{call_id}/end")
            await asyncio.to_thread(caller.wait_for, "hung-up-on")
            await boss.is_in("wrapup")
        call = await boss.call_when(call_id, ended)
    assert (call["hung_up_by"], call["agent_name"]) == ("system", boss.user["display_name"])


async def test_a_phone_on_the_other_node_rings_out(pair: RunningHotline) -> None:
    async with administrator(pair) as admin, at_desk(pair, "carol", node=1, does="ignore") as carol:
        with Caller(sip(pair, 0), number="13800139220", hold_seconds=60):
            rung = await carol.is_in("ringing")
            desk = await carol.is_in("paused", 40)
            assert desk["state"]["reason"] == "missed"
            await asyncio.to_thread(carol.phone.wait_for, "cancelled")
        pair.hang_up_everything()
        call = await admin.call_when(rung["call"]["call_id"], ended)
    assert next(fact["body"]["reason"] for fact in call["events"] if fact["kind"] == "missed") == "no_answer"


@pytest.mark.parametrize("phone_at", [0, 1], ids=["here", "on the other node"])
async def test_a_phone_that_has_gone_is_unreachable(pair: RunningHotline, phone_at: int) -> None:
    number = f"1380013923{phone_at}"
    async with (
        configured(pair, apology_ring=1),
        administrator(pair) as admin,
        at_desk(pair, "carol", node=phone_at, ready=False) as carol,
    ):
        login = pair.logins["carol"]
        with Caller(sip(pair, 0), number=number, patience_seconds=20, hold_seconds=20) as caller:
            await asyncio.to_thread(caller.wait_for, "answered")
            assert carol.phone.register(sip(pair, phone_at), login["sip_password"], expires_seconds=0)
            await carol.sees(lambda desk: not desk["agent"]["phone_online"])
            await as_if_registered(pair, carol)
            await carol.go("ready")
            await carol.is_in("offered")
            desk = await carol.is_in("ready")
        pair.hang_up_everything()
        call = await newest_call(admin, number)
        call = await admin.get(f"/calls/{call['call_id']}")
    assert not desk["agent"]["phone_online"]
    assert [fact["body"]["reason"] for fact in call["events"] if fact["kind"] == "missed"] == ["unreachable"]


async def as_if_registered(pair: RunningHotline, agent: Agent) -> None:
    """The service believes in a phone that has just gone."""
    redis: Any = Redis.from_url(pair.redis_url, decode_responses=True)
    await redis.hset(f"cc:agent:{agent.user['user_id']}", "online", "1")
    await redis.aclose()


async def test_a_page_that_is_loaded_again_is_rung_again_on_its_node(pair: RunningHotline) -> None:
    async with at_desk(pair, "carol", node=1) as carol:
        with Caller(sip(pair, 0), number="13800139240", hold_seconds=30):
            before = await carol.is_in("talking")
            await carol.post("/desk/reconnect")
            await asyncio.to_thread(carol.phone.wait_for, "hung-up-on")
            await asyncio.to_thread(carol.phone.wait_for, "answer", count=2)
            after = await carol.is_in("talking")
            pair.hang_up_everything()
    assert after["call"]["call_id"] == before["call"]["call_id"]


async def test_a_phone_that_registers_at_another_node_is_rung_there(pair: RunningHotline) -> None:
    async with at_desk(pair, "carol", node=1) as carol:
        login = pair.logins["carol"]
        for node in (0, 1, 0):
            assert carol.phone.register(sip(pair, node), login["sip_password"])
            await rings_at(pair, carol, node)


async def rings_at(pair: RunningHotline, agent: Agent, node: int) -> None:
    """A call to node1 rings the agent's phone by way of this node."""
    phone = f"PJSIP/{agent.desk['agent']['extension']}-"
    await phone_is_at(pair, agent, node)
    with Caller(sip(pair, 0), number="13800139250", hold_seconds=1):
        await agent.is_in("talking")
        assert phone in pair.asterisk("core show channels concise", node=node)
        assert phone not in pair.asterisk("core show channels concise", node=other(node))
        await agent.is_in("wrapup")
    await agent.save()
    await agent.is_in("ready")


async def phone_is_at(pair: RunningHotline, agent: Agent, node: int) -> None:
    """Returns as soon as the service knows that the agent's phone is at this node."""
    redis: Any = Redis.from_url(pair.redis_url, decode_responses=True)

    async def is_there() -> bool:
        return bool(await redis.hget(f"cc:agent:{agent.user['user_id']}", "node") == f"node{node + 1}")

    await so_it_is(is_there)
    await redis.aclose()


async def so_it_is(true: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    """Wait for a fact. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.02)


async def test_events_go_on_when_the_replica_that_listens_dies(pair: RunningHotline) -> None:
    async with administrator(pair) as admin:
        listening = await listener(pair)
        left = 1 if listening == "serve" else 0
        async with at_desk(pair, "carol", node=1, replica=left) as carol:
            pair.kill(listening)

            async def another_listens() -> bool:
                return await listener(pair) not in ("", listening)

            await so_it_is(another_listens, 3)
            with Caller(sip(pair, 0), number="13800139260", hold_seconds=2):
                await carol.is_in("ringing", 5)
                await carol.is_in("talking", 5)
                desk = await carol.is_in("wrapup")
            pair.restore()
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert witnessed(call) == ["arrived", "identified", "queued", "offered", "ringing", "answered", "ended"]


async def listener(pair: RunningHotline, node: str = "node2") -> str:
    """The replica that hears this node, `serve` or `serve2`; empty while none does."""
    redis: Any = Redis.from_url(pair.redis_url, decode_responses=True)
    held = await redis.get(f"cc:ear:{node}") or "::"
    await redis.aclose()
    parts = {str(process.pid): part for part, process in pair.box.processes.items()}
    return parts.get(held.split(":")[1], "")


async def test_two_replicas_tell_each_fact_once(pair: RunningHotline) -> None:
    async with administrator(pair) as admin, at_desk(pair, "carol", node=1) as carol:
        with Caller(sip(pair, 1), number="13800139270", hold_seconds=1):
            desk = await carol.is_in("wrapup")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    told = witnessed(call)
    assert sorted(told) == sorted(set(told)), "a fact was told twice"
    answered_at = {(fact["kind"], fact["at"]) for fact in call["events"] if fact["kind"] == "answered"}
    assert len(answered_at) == 1


@pytest.mark.parametrize("name", ["node1", "1003", "13800138000"])
async def test_a_stranger_is_refused_whatever_name_he_takes(pair: RunningHotline, name: str) -> None:
    async with at_desk(pair, "carol", node=1) as carol:
        with Caller(sip(pair, 1), called="1003", number=name, host="127.0.0.9", patience_seconds=3) as stranger:
            await asyncio.to_thread(stranger.finish)
            assert not [event for event in stranger.events() if event.kind in ("ringing", "answered")]
        assert not carol.phone.events()


async def test_a_node_dies(pair: RunningHotline) -> None:
    """Its caller becomes a task to ring back, its agent is let go, and the other node goes on at once."""
    async with (
        configured(pair, apology_ring=1),
        administrator(pair) as admin,
        at_desk(pair, "carol", node=0, ready=False) as carol,
        at_desk(pair, "dave", node=1) as dave,
    ):
        talker = Caller(sip(pair, 0), number="13800139281", hold_seconds=90)
        waiter = Caller(sip(pair, 1), number="13800139280", hold_seconds=90)
        with talker:
            await dave.is_in("talking")
            with waiter:
                await asyncio.to_thread(waiter.wait_for, "answered")
                pair.kill("asterisk2")
                killed_at = asyncio.get_running_loop().time()
                await dave.is_in("wrapup", 10)
                await carol.go("ready")
                desk = await carol.is_in("talking")
                assert desk["call"]["number_e164"] == "+8613800139281", "he has his place again, and the other is gone"
                lost = await newest_call(admin, "13800139280")
                gone_after = asyncio.get_running_loop().time() - killed_at
            assert gone_after < 10
            await dave.sees(lambda desk: not desk["agent"]["phone_online"])
            pair.hang_up_everything()
            await carol.is_in("wrapup")
        assert (lost["node"], lost["status"], lost["hung_up_by"]) == ("node2", "failed", "system")
        tasks = (await admin.get("/ring-backs", state="open"))["ring_backs"]
        assert "+8613800139280" in {task["number"] for task in tasks}
        await carol.save()
        await carol.is_in("ready")
        with Caller(sip(pair, 0), number="13800139282", hold_seconds=1):
            await carol.sees(
                lambda desk: desk["state"]["name"] == "talking" and desk["call"]["number_e164"] == "+8613800139282"
            )
            await carol.is_in("wrapup")
        pair.restore()


async def test_routing_goes_on_while_a_node_is_gone(pair: RunningHotline) -> None:
    async with at_desk(pair, "carol", node=0) as carol, at_desk(pair, "dave", node=1) as dave:
        pair.kill("asterisk2")
        with Caller(sip(pair, 0), number="13800139283", hold_seconds=1):
            await carol.is_in("talking", 5)
            await carol.is_in("wrapup")
        await dave.sees(lambda desk: not desk["agent"]["phone_online"])
        await is_said_to_be_away(pair, "node2")
        pair.restore()
        login = pair.logins["dave"]
        assert dave.phone.register(sip(pair, 1), login["sip_password"])
        await dave.sees(lambda desk: bool(desk["agent"]["phone_online"]))


async def test_a_node_that_hangs_is_as_good_as_dead_and_lives_again(pair: RunningHotline) -> None:
    async with (
        administrator(pair) as admin,
        at_desk(pair, "carol", node=0) as carol,
        at_desk(pair, "dave", node=1, ready=False) as dave,
    ):
        os.kill(pair.pid("asterisk2"), signal.SIGSTOP)
        try:
            await dave.sees(lambda desk: not desk["agent"]["phone_online"], 10)
            with Caller(sip(pair, 0), number="13800139284", hold_seconds=1):
                await carol.is_in("talking", 5)
                await carol.is_in("wrapup")
            changed = await admin.patch(f"/agents/{dave.user['user_id']}", {"display_name": "赵强"})
            assert changed["phone_pushed"], "a phone is made known to the nodes that live"
        finally:
            os.kill(pair.pid("asterisk2"), signal.SIGCONT)
        await dave.phone_is_online()


async def is_said_to_be_away(pair: RunningHotline, node: str) -> None:
    """Every replica's health and figures, and the doctor, name the node; calls can still be served."""
    async with aiohttp.ClientSession() as web:
        for url in pair.facts["web_urls"]:

            async def is_degraded(url: str = url) -> bool:
                async with web.get(f"{url}/healthz") as answer:
                    said = await answer.json()
                    assert answer.status == 200
                return said["status"] == "degraded" and not said["nodes"][node]["ok"]

            async def is_counted(url: str = url) -> bool:
                async with web.get(f"{url}/metrics") as answer:
                    return f'callcenter_node_up{{node="{node}"}} 0.0' in await answer.text()

            await so_it_is(is_degraded)
            await so_it_is(is_counted)
    doctor = await asyncio.to_thread(pair.command, "doctor")
    assert [line for line in doctor.stdout.splitlines() if "✗" in line and f"Asterisk {node}" in line]
    assert not [line for line in doctor.stdout.splitlines() if "✗" in line and "Asterisk node1" in line]


async def test_a_node_that_is_started_again_leaves_nobody_in_half_a_conversation(pair: RunningHotline) -> None:
    async with at_desk(pair, "carol", node=0, ready=False) as carol, at_desk(pair, "dave", node=1) as dave:
        with Caller(sip(pair, 0), number="13800139285", hold_seconds=90):
            await dave.is_in("talking")
            pair.restart("asterisk2")
            await dave.is_in("wrapup", 15)
            await carol.go("ready")
            desk = await carol.is_in("talking")
            pair.hang_up_everything()
            await carol.is_in("wrapup")
    assert desk["call"]["number_e164"] == "+8613800139285"


async def test_a_cut_socket_loses_nothing(pair: RunningHotline) -> None:
    async with administrator(pair) as admin, at_desk(pair, "carol", node=1) as carol:
        with Caller(sip(pair, 1), number="13800139290", hold_seconds=30):
            await carol.is_in("talking")
            for part in ("serve", "serve2"):
                pair.restart(part)
            desk = await carol.sees(lambda desk: desk["state"]["name"] == "talking")
            pair.hang_up_everything()
            await carol.is_in("wrapup")
        call = await admin.call_when(desk["call"]["call_id"], ended)
    assert (call["status"], call["hung_up_by"]) == ("answered", "caller")
    assert "lost" not in kinds(call)
