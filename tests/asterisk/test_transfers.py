"""An agent gives his caller on: who rings, who hears whom, who has what on his screen, and what is written down. Two
real nodes.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.sip.voice import AGENT_HZ, CALLER_HZ, LISTENER_HZ, Voice, speaking_caller
from tests.asterisk.stage import administrator, at_desk
from tests.asterisk.test_calls import ended
from tests.asterisk.test_listening import FAINT, LOUD
from tests.onebox import RunningHotline, private_hotline
from tests.people import Agent, Document, RefusedError
from tests.waiting import until

HERTZ = {"caller": CALLER_HZ, "carol": AGENT_HZ, "dave": LISTENER_HZ}
NOTE, NOTES = "客户问电梯保养，急", "电梯停在三楼，<b>两人</b>"


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningHotline]:
    """A hotline of two nodes."""
    with private_hotline(nodes=2) as running:
        yield running


@pytest.fixture
def pair(two_nodes: RunningHotline) -> Iterator[RunningHotline]:
    """The same with every part running, and no call left, after a test."""
    two_nodes.restore()
    yield two_nodes
    two_nodes.restore()
    two_nodes.hang_up_everything()


@dataclass
class Scene:
    """A caller who talks with carol, and dave at his desk; all of them speak and listen."""

    carol: Agent
    dave: Agent
    call_id: str
    caller: Caller
    voices: dict[str, Voice]

    async def transfer(self, by: Agent | None = None, **to: Any) -> None:
        """Give the caller on, with a word and what is written down so far."""
        await (by or self.carol).post("/desk/transfer", {"note": NOTE, "notes": NOTES} | to)

    async def talk(self, *people: str) -> None:
        """Wait until these hear each other, and no one else's voice is there."""

        def is_so() -> bool:
            return all(
                self._share(who, other, LOUD) >= 0.8
                if who in people and other in people
                else self._share(who, other, FAINT) <= 0.1
                for who in people
                for other in self.voices
                if other != who
            )

        try:
            await until(is_so, f"{people} talk", 10)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.heard()}") from None

    def heard(self) -> dict[str, dict[str, float]]:
        """Who hears whom, as parts of the last packets that are loud."""
        return {who: {other: self._share(who, other, LOUD) for other in self.voices} for who in self.voices}

    def _share(self, who: str, other: str, level: float) -> float:
        levels = self.voices[who].levels(HERTZ[other])
        return sum(one > level for one in levels) / max(1, len(levels))

    @property
    def is_on(self) -> bool:
        """Whether nobody has ended the caller's call."""
        return not [event for event in self.caller.events() if event.kind in ("hung-up-on", "not-answered")]


@asynccontextmanager
async def scene(
    pair: RunningHotline, number: str, *, nodes: tuple[int, int, int] = (0, 0, 0), ready: bool = True, **phone: Any
) -> AsyncIterator[Scene]:
    """`nodes`: where the caller, carol's phone and dave's are. `phone`: what dave's does; `ready`: whether he is."""
    at, carols, daves = nodes
    with Voice(hertz=AGENT_HZ) as mouth, Voice(hertz=LISTENER_HZ) as other:
        async with (
            at_desk(pair, "carol", node=carols, media_port=mouth.port) as carol,
            at_desk(pair, "dave", node=daves, ready=False, media_port=other.port, **phone) as dave,
        ):
            with speaking_caller(pair, number, node=at) as (caller, voice):
                desk = await carol.is_in("talking")
                mouth.speaks_to(carol.phone)
                voices = {"caller": voice, "carol": mouth, "dave": other}
                it = Scene(carol, dave, desk["call"]["call_id"], caller, voices)
                await it.talk("caller", "carol")
                if ready:
                    await dave.go("ready")
                yield it
                pair.restore()
                pair.hang_up_everything()


async def row_of(pair: RunningHotline, call_id: str) -> Document:
    """The call's row, as soon as it has ended."""
    async with administrator(pair) as admin:
        return await admin.call_when(call_id, ended)


def facts_of(call: Document, kind: str) -> list[Document]:
    """The bodies of its facts of one kind."""
    return [one["body"] for one in call["events"] if one["kind"] == kind]


# -- to a colleague, without asking ----------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)])
async def test_the_colleague_has_the_caller_and_knows_why_before_his_phone_rings(
    pair: RunningHotline, nodes: tuple[int, int, int]
) -> None:
    async with scene(pair, "13900139101", nodes=nodes) as it:
        await it.transfer(user_id=it.dave.user["user_id"])
        popped = await it.dave.is_in("offered")
        given = popped["call"]["transfer"]
        assert (given["by_name"], given["note"], given["notes"], given["is_open"]) == ("王芳", NOTE, NOTES, True)
        assert popped["call"]["number"] == "139 0013 9101"
        await it.carol.is_in("wrapup")
        await asyncio.to_thread(it.carol.phone.wait_for, "hung-up-on")
        talking = await it.dave.is_in("talking")
        assert talking["call"]["transfer"]["is_open"] is False
        it.voices["dave"].speaks_to(it.dave.phone)
        await it.talk("caller", "dave")
        await it.carol.save(notes="carol wrote this")
        await it.dave.save(notes="dave wrote that")
        it.caller.stop()
        pair.hang_up_everything()
        await it.dave.is_in("wrapup")
        call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"], call["notes"]) == ("answered", "赵强", "dave wrote that")
    (told,) = facts_of(call, "transferred")
    assert (told["to_kind"], told["agent_id"], told["note"]) == ("agent", it.carol.user["user_id"], NOTE)


@pytest.mark.parametrize("does", ["reject", "ignore"])
async def test_a_colleague_who_does_not_answer_gives_the_caller_back(pair: RunningHotline, does: str) -> None:
    async with scene(pair, "13900139102", does=does) as it:
        await it.transfer(user_id=it.dave.user["user_id"])
        await it.carol.is_in("wrapup")
        back = await it.carol.sees(lambda desk: desk["state"]["name"] == "offered", 40)
        assert back["call"]["call_id"] == it.call_id
        assert back["call"]["transfer"]["failed"] == {"reject": "declined", "ignore": "no_answer"}[does]
        await it.carol.is_in("talking")
        await asyncio.to_thread(it.carol.phone.wait_for, "answer", count=2)
        it.voices["carol"].speaks_to(it.carol.phone, count=2)
        await it.talk("caller", "carol")
        assert it.is_on
        pair.hang_up_everything()
        call = await row_of(pair, it.call_id)
    assert call["agent_name"] == "王芳"


async def test_when_the_first_agent_is_gone_the_caller_waits_before_the_others(pair: RunningHotline) -> None:
    async with scene(pair, "13900139103", does="reject", ring_seconds=2) as it:
        await it.transfer(user_id=it.dave.user["user_id"])
        await it.carol.is_in("wrapup")
        await it.carol.go("paused")
        await it.carol.sees(lambda desk: desk["waiting"] == 1)
        assert it.is_on
        await it.carol.go("ready")
        desk = await it.carol.is_in("talking")
        assert (desk["call"]["call_id"], desk["call"]["priority"]) == (it.call_id, 5)


async def test_whoever_is_not_ready_is_not_rung_and_the_talk_goes_on(pair: RunningHotline) -> None:
    async with scene(pair, "13900139104", ready=False) as it:
        for to, why in (
            ({"user_id": it.dave.user["user_id"]}, "colleague_not_ready"),
            ({"user_id": it.carol.user["user_id"]}, "invalid_input"),
            ({"user_id": 987654}, "not_found"),
            ({"queue_id": "none"}, "invalid_input"),
            ({"number": "0085212345678"}, "invalid_input"),
            ({"number": "9501234567"}, "invalid_input"),
            ({}, "invalid_input"),
            ({"queue_id": "complaint", "number": "13800138000"}, "invalid_input"),
        ):
            with pytest.raises(RefusedError) as refused:
                await it.transfer(**to)
            assert refused.value.error_id == why, to
        with pytest.raises(RefusedError) as refused:
            await it.transfer(by=it.dave, queue_id="complaint")
        assert refused.value.error_id == "not_your_talk"
        await it.talk("caller", "carol")


async def test_a_caller_who_hangs_up_while_the_colleague_rings(pair: RunningHotline) -> None:
    async with scene(pair, "13900139105", ring_seconds=60) as it:
        await it.transfer(user_id=it.dave.user["user_id"])
        await it.dave.is_in("ringing")
        pair.hang_up_everything()
        await it.dave.is_in("ready")
        call = await row_of(pair, it.call_id)
        assert it.carol.desk["state"]["name"] == "wrapup"
    assert (call["status"], call["agent_name"]) == ("answered", "王芳")


async def test_a_service_that_is_killed_while_the_colleague_rings(pair: RunningHotline) -> None:
    async with scene(pair, "13900139106", ring_seconds=3) as it:
        await it.transfer(user_id=it.dave.user["user_id"])
        await it.dave.is_in("ringing")
        pair.kill("serve")
        await asyncio.to_thread(it.dave.phone.wait_for, "answer")
        it.voices["dave"].speaks_to(it.dave.phone)
        await it.talk("caller", "dave")
        pair.start("serve")
        await it.dave.sees(lambda desk: desk["state"]["name"] == "talking" and desk["call"]["status"] == "talking", 30)
        await it.talk("caller", "dave")
        pair.hang_up_everything()
        call = await row_of(pair, it.call_id)
    assert call["agent_name"] == "赵强"


# -- to a queue ------------------------------------------------------------------------------------------


async def test_a_queue_has_the_caller_with_the_waiting_that_he_has_behind_him(pair: RunningHotline) -> None:
    async with scene(pair, "13900139111", nodes=(1, 0, 1)) as it:
        await it.dave.go("paused")
        await it.transfer(queue_id="complaint")
        await it.carol.is_in("wrapup")
        await it.carol.save()
        desk = await it.carol.sees(lambda desk: desk["call"] and desk["call"]["queue"]["queue_id"] == "complaint")
        assert (desk["call"]["transfer"]["to_queue_zh"], desk["call"]["transfer"]["note"]) == ("投诉专线", NOTE)
        await it.carol.is_in("talking")
        pair.hang_up_everything()
        call = await row_of(pair, it.call_id)
    assert call["queue_id"] == "complaint"
    assert [one["queue_id"] for one in facts_of(call, "queued")] == ["service", "complaint"]


# -- to a number -----------------------------------------------------------------------------------------


async def test_a_number_outside_is_dialled_and_the_caller_speaks_with_it(pair: RunningHotline) -> None:
    with DeskPhone("trunk", port=pair.trunk_port, ring_seconds=0.5, talk_seconds=2) as outside:
        async with scene(pair, "13900139121") as it:
            await it.transfer(number="138 0013 8009")
            assert "13800138009" in (await asyncio.to_thread(outside.wait_for, "dialled")).text
            await it.carol.is_in("wrapup")
            await asyncio.to_thread(outside.wait_for, "hangs-up")
            call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"], call["passed_on_to"]) == ("answered", "王芳", "13800138009")
    assert call["talking_seconds"] < 20


async def test_when_nobody_answers_outside_the_caller_is_back_with_his_agent(pair: RunningHotline) -> None:
    with DeskPhone("trunk", port=pair.trunk_port, does="reject") as outside:
        async with scene(pair, "13900139122") as it:
            await it.transfer(number="13800138009")
            await asyncio.to_thread(outside.wait_for, "rejects")
            await it.carol.is_in("wrapup")
            back = await it.carol.is_in("offered")
            assert back["call"]["transfer"]["failed"] == "no_answer"
            await it.carol.is_in("talking")
            assert it.is_on
            pair.hang_up_everything()
            call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"]) == ("answered", "王芳")


# -- asking first ----------------------------------------------------------------------------------------


async def asks(it: Scene, **to: Any) -> None:
    """Carol asks dave, and he answers."""
    await it.carol.post("/desk/consult", {"note": NOTE} | (to or {"user_id": it.dave.user["user_id"]}))
    await it.carol.sees(lambda desk: desk["call"]["consult"] is not None)
    if not to:
        await it.dave.is_in("talking")
        await it.carol.sees(lambda desk: desk["call"]["consult"]["answered_at"] is not None)
        it.voices["dave"].speaks_to(it.dave.phone)
        await it.talk("carol", "dave")
        await until(lambda: it.voices["caller"].hears == "other", "the caller hears music", 10)


@pytest.mark.parametrize("nodes", [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)])
async def test_the_colleague_is_asked_and_then_has_the_caller(
    pair: RunningHotline, nodes: tuple[int, int, int]
) -> None:
    async with scene(pair, "13900139131", nodes=nodes) as it:
        await asks(it)
        assert (it.dave.desk["call"]["consult"]["asked"], it.dave.desk["call"]["transfer"]["note"]) == (True, NOTE)
        await it.carol.post("/desk/consult/complete")
        await it.talk("caller", "dave")
        await it.carol.is_in("wrapup")
        await asyncio.to_thread(it.carol.phone.wait_for, "hung-up-on")
        desk = await it.dave.sees(lambda desk: desk["call"] and desk["call"]["consult"] is None)
        assert (desk["state"]["name"], desk["call"]["transfer"]["attended"]) == ("talking", True)
        assert it.is_on
        pair.hang_up_everything()
        await it.dave.is_in("wrapup")
        call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"]) == ("answered", "赵强")
    assert [one["attended"] for one in facts_of(call, "transferred")] == [True]


@pytest.mark.parametrize("nodes", [(0, 0, 0), (0, 1, 0)])
async def test_the_agent_goes_back_to_the_caller(pair: RunningHotline, nodes: tuple[int, int, int]) -> None:
    async with scene(pair, "13900139132", nodes=nodes) as it:
        await asks(it)
        await it.carol.post("/desk/consult/back")
        await it.talk("caller", "carol")
        await asyncio.to_thread(it.dave.phone.wait_for, "hung-up-on")
        await it.dave.is_in("ready")
        assert it.carol.desk["state"]["name"] == "talking"
        await asks_again(it)
        await it.carol.post("/desk/consult/complete")
        await it.talk("caller", "dave")


async def asks_again(it: Scene) -> None:
    """Dave is asked a second time."""
    await it.carol.post("/desk/consult", {"user_id": it.dave.user["user_id"]})
    await it.dave.is_in("talking")
    await it.carol.sees(lambda desk: desk["call"]["consult"] and desk["call"]["consult"]["answered_at"] is not None)
    it.voices["dave"].speaks_to(it.dave.phone, count=2)
    await it.talk("carol", "dave")


@pytest.mark.parametrize("does", ["reject", "ignore"])
async def test_a_colleague_who_declines_leaves_the_caller_with_the_agent(pair: RunningHotline, does: str) -> None:
    async with scene(pair, "13900139133", does=does) as it:
        await asks(it, user_id=it.dave.user["user_id"])
        await it.dave.sees(lambda desk: desk["state"]["name"] == "paused", 40)
        await it.carol.sees(lambda desk: desk["call"]["consult"] is None)
        await it.talk("caller", "carol")
        assert it.carol.desk["state"]["name"] == "talking"


async def test_a_colleague_who_hangs_up_leaves_the_caller_with_the_agent(pair: RunningHotline) -> None:
    async with scene(pair, "13900139134", talk_seconds=8) as it:
        await asks(it)
        await asyncio.to_thread(it.dave.phone.wait_for, "hangs-up")
        await it.talk("caller", "carol")
        await it.dave.is_in("ready")


async def test_an_agent_who_hangs_up_has_given_the_caller_on(pair: RunningHotline) -> None:
    async with scene(pair, "13900139135") as it:
        await asks(it)
        end_phone(pair, "1003")
        await it.talk("caller", "dave")
        await it.carol.is_in("wrapup")
        await it.dave.sees(lambda desk: desk["call"] and desk["call"]["consult"] is None)


async def test_an_agent_who_hangs_up_before_the_answer_has_the_caller_back(pair: RunningHotline) -> None:
    async with scene(pair, "13900139136", ring_seconds=60) as it:
        await asks(it, user_id=it.dave.user["user_id"])
        await it.dave.is_in("ringing")
        end_phone(pair, "1003")
        await it.carol.is_in("offered")
        await it.carol.is_in("talking")
        await it.dave.is_in("ready")
        it.voices["carol"].speaks_to(it.carol.phone, count=2)
        await it.talk("caller", "carol")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_caller_who_hangs_up_meanwhile_parts_the_two(pair: RunningHotline, answered: bool) -> None:
    async with scene(pair, "13900139137", ring_seconds=0.2 if answered else 60) as it:
        await (asks(it) if answered else asks(it, user_id=it.dave.user["user_id"]))
        pair.asterisk(f"channel request hangup {trunk_channel(pair)}")
        await it.carol.is_in("wrapup")
        await it.dave.is_in("ready")
        await asyncio.to_thread(it.carol.phone.wait_for, "hung-up-on")
        await asyncio.to_thread(it.dave.phone.wait_for, "hung-up-on" if answered else "cancelled")
        call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"]) == ("answered", "王芳")


async def test_a_service_that_is_killed_meanwhile_disturbs_nobody(pair: RunningHotline) -> None:
    async with scene(pair, "13900139138") as it:
        await asks(it)
        pair.kill("serve")
        await it.talk("carol", "dave")
        pair.start("serve")
        await it.carol.post("/desk/consult/complete")
        await it.talk("caller", "dave")


async def test_a_number_is_asked_first_and_then_has_the_caller(pair: RunningHotline) -> None:
    with Voice(hertz=LISTENER_HZ) as mouth, DeskPhone("trunk", port=pair.trunk_port, media_port=mouth.port) as outside:
        async with scene(pair, "13900139139", ready=False) as it:
            it.voices["dave"] = mouth
            await asks(it, number="13800138009")
            await it.carol.sees(lambda desk: desk["call"]["consult"]["answered_at"] is not None)
            mouth.speaks_to(outside)
            await it.talk("carol", "dave")
            await it.carol.post("/desk/consult/complete")
            await it.carol.is_in("wrapup")
            await it.talk("caller", "dave")
            pair.asterisk(f"channel request hangup {trunk_channel(pair, beside=it.call_id)}")
            call = await row_of(pair, it.call_id)
    assert (call["status"], call["agent_name"]) == ("answered", "王芳")
    assert [one["hung_up_by"] for one in facts_of(call, "ended")] == ["system"], "not by his agent"


async def test_a_number_that_nobody_answers_leaves_the_caller_with_the_agent(pair: RunningHotline) -> None:
    with DeskPhone("trunk", port=pair.trunk_port, does="reject"):
        async with scene(pair, "13900139140", ready=False) as it:
            await it.carol.post("/desk/consult", {"number": "13800138009"})
            await it.carol.sees(lambda desk: desk["call"]["consult"] is not None)
            await it.carol.sees(lambda desk: desk["call"]["consult"] is None)
            await it.talk("caller", "carol")


def end_phone(pair: RunningHotline, extension: str) -> None:
    """An agent hangs up his phone."""
    channels = pair.asterisk("core show channels concise")
    name = next(line.partition("!")[0] for line in channels.splitlines() if line.startswith(f"PJSIP/{extension}-"))
    pair.asterisk(f"channel request hangup {name}")


def trunk_channel(pair: RunningHotline, beside: str = "-") -> str:
    """The channel over the trunk; the one beside the caller's."""
    channels = pair.asterisk("core show channels concise").splitlines()
    theirs = (line for line in channels if line.startswith("PJSIP/trunk") and not line.endswith(beside))
    return next(theirs).partition("!")[0]
