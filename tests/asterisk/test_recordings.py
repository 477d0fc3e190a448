"""Recording through the whole hotline: what a queue's rule and an agent make of a talk, in the sound itself."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import AGENT_HZ, CALLER_HZ, LISTENER_HZ, Voice, energy_at, speaking_caller
from tests.asterisk.stage import administrator, at_desk, configured, kinds
from tests.asterisk.test_recordings_layer import has_tone, sides_of
from tests.asterisk.test_transfers import asks, asks_again, scene
from tests.onebox import RunningHotline, private_hotline
from tests.people import Agent, Document, Person, RefusedError
from tests.waiting import until

NOTICE_SECONDS = 12
"""Longer than any notice."""


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningHotline]:
    """A hotline of two nodes."""
    with private_hotline(nodes=2) as running:
        yield running


@dataclass
class Talk:
    """A caller and an agent who both speak, connected."""

    agent: Agent
    call_id: str
    caller: Caller
    voice: Voice

    async def recording(self, state: str) -> None:
        """The agent does this to the recording, and sees it."""
        await self.agent.post("/desk/recording", {"state": state})
        await self.agent.sees(lambda desk: desk["call"]["recording"]["state"] == state, 5)


@asynccontextmanager
async def talk(hotline: RunningHotline, number: str, seconds: float) -> AsyncIterator[Talk]:
    """They are connected, the notice is over; the caller hangs up after so many seconds."""
    with Voice(hertz=AGENT_HZ) as mouth:
        async with at_desk(hotline, "carol", media_port=mouth.port) as carol:
            with speaking_caller(hotline, number, hold_seconds=seconds) as (caller, voice):
                desk = await carol.is_in("talking")
                mouth.speaks_to(carol.phone)
                await until(lambda: voice.hears == "agent", "they are connected", NOTICE_SECONDS)
                yield Talk(carol, desk["call"]["call_id"], caller, voice)
                await carol.is_in("wrapup", 40)


async def recordings_of(admin: Person, call_id: str) -> list[Document]:
    """A call's recordings, as soon as there is one."""

    async def there() -> bool:
        return bool(await admin.get(f"/calls/{call_id}/recordings"))

    await until(there, "the recording is kept", 40)
    found: list[Document] = await admin.get(f"/calls/{call_id}/recordings")
    return found


async def sound_of(admin: Person, recording: Document) -> bytes:
    url = f"{admin.web_url}/api/v1/recordings/{recording['recording_id']}/sound"
    async with admin._http.get(url) as answer:
        assert answer.status == 200
        return await answer.read()


async def test_every_talk_is_recorded_and_a_secret_is_not(hotline: RunningHotline) -> None:
    async with configured(hotline, recording={"rule": "always", "keep_days": 30}), administrator(hotline) as admin:
        async with talk(hotline, "13800137701", 16) as one:
            assert one.agent.desk["call"]["recording"]["state"] == "on"
            with_rule = await refused(one.agent, "off")
            assert with_rule == "always_recorded"
            await one.recording("paused")
            await asyncio.sleep(2)  # what is said now must not be in it
            await one.recording("on")
        [recording] = await recordings_of(admin, one.call_id)
        sides = sides_of(await sound_of(admin, recording))
        call = await admin.call_when(one.call_id, lambda call: "recording_resumed" in kinds(call))
    assert [has_tone(hertz, side) for hertz, side in zip((CALLER_HZ, AGENT_HZ), sides, strict=True)] == [True, True]
    assert [gap["why"] for gap in recording["breaks"]] == ["paused"]
    assert recording["breaks"][0]["seconds"] >= 1.8
    assert recording["seconds"] < call["talking_seconds"] - 1.8
    assert {"recording_begun", "recording_paused"} <= set(kinds(call))
    assert recording["agent_name"] == one.agent.user["display_name"]
    assert any(recording["caller_peaks"])
    assert any(recording["agent_peaks"])


async def refused(agent: Agent, state: str) -> str:
    try:
        await agent.post("/desk/recording", {"state": state})
    except RefusedError as error:
        return error.error_id
    return ""


async def test_on_demand_only_what_was_asked_for_is_recorded(hotline: RunningHotline) -> None:
    async with configured(hotline, recording={"rule": "on_demand"}), administrator(hotline) as admin:
        async with talk(hotline, "13800137702", 17) as one:
            assert one.agent.desk["call"]["recording"]["state"] == "off"
            await asyncio.sleep(1)
            await one.recording("on")
            await asyncio.sleep(3)
            await one.recording("off")
        [recording] = await recordings_of(admin, one.call_id)
        caller_side, _ = sides_of(await sound_of(admin, recording))
    assert 2 < recording["seconds"] < 4.5
    assert has_tone(CALLER_HZ, caller_side)


async def test_a_queue_that_is_never_recorded(hotline: RunningHotline) -> None:
    async with administrator(hotline) as admin:
        async with talk(hotline, "13800137703", 5) as one:
            assert one.agent.desk["call"]["recording"] is None
            assert await refused(one.agent, "on") == "not_recorded"
        call = await admin.call_when(one.call_id, lambda call: "ended" in kinds(call))
        assert not any(kind.startswith("recording") for kind in kinds(call))
        assert await admin.get(f"/calls/{one.call_id}/recordings") == []


async def test_a_service_that_dies_stops_no_recording(hotline: RunningHotline) -> None:
    async with configured(hotline, recording={"rule": "always"}), administrator(hotline) as admin:
        with Voice(hertz=AGENT_HZ) as mouth:
            async with at_desk(hotline, "carol", media_port=mouth.port) as carol:
                with speaking_caller(hotline, "13800137704", hold_seconds=14) as (_, voice):
                    desk = await carol.is_in("talking")
                    mouth.speaks_to(carol.phone)
                    await until(lambda: voice.hears == "agent", "they are connected", NOTICE_SECONDS)
                    hotline.kill("serve")
                    await asyncio.sleep(3)
                    hotline.start("serve")
                    await until(lambda: not hotline.asterisk("core show channels concise").strip(), "over", 30)
        [recording] = await recordings_of(admin, desk["call"]["call_id"])
        caller_side, agent_side = sides_of(await sound_of(admin, recording))
    assert recording["seconds"] > 5
    assert recording["breaks"] == []
    assert has_tone(CALLER_HZ, caller_side)
    assert has_tone(AGENT_HZ, agent_side)


async def test_a_talk_between_two_nodes_is_recorded_and_paused(two_nodes: RunningHotline) -> None:
    async with configured(two_nodes, recording={"rule": "always"}), administrator(two_nodes) as admin:
        with Voice(hertz=AGENT_HZ) as mouth:
            async with at_desk(two_nodes, "carol", node=1, media_port=mouth.port) as carol:
                with speaking_caller(two_nodes, "13800137705", hold_seconds=15) as (caller, voice):
                    desk = await carol.is_in("talking")
                    mouth.speaks_to(carol.phone)
                    await until(lambda: voice.hears == "agent", "they are connected", NOTICE_SECONDS)
                    one = Talk(carol, desk["call"]["call_id"], caller, voice)
                    await one.recording("paused")
                    await one.recording("on")
                    await carol.is_in("wrapup", 40)
        [recording] = await recordings_of(admin, one.call_id)
        sides = sides_of(await sound_of(admin, recording))
    assert recording["node"] == "node1", "where the caller is"
    assert [has_tone(hertz, side) for hertz, side in zip((CALLER_HZ, AGENT_HZ), sides, strict=True)] == [True, True]


def is_mostly(hertz: float, samples: "array[int]") -> bool:
    """Whether most fifths of a second of this are one tone: one packet that was late disturbs one of them."""
    fifths = [list(samples[at : at + 1600]) for at in range(0, len(samples), 1600)]
    return sum(energy_at(hertz, one) > 0.6 for one in fifths) > 0.6 * len(fifths)


@pytest.mark.parametrize("nodes", [(0, 0, 0), (0, 1, 1)])
async def test_what_agents_say_to_each_other_is_not_recorded_and_the_talks_around_it_are(
    two_nodes: RunningHotline, nodes: tuple[int, int, int]
) -> None:
    async with configured(two_nodes, recording={"rule": "always"}), administrator(two_nodes) as admin:
        async with scene(two_nodes, "13800137706", nodes=nodes) as it:
            await asyncio.sleep(2)  # so that there is something of it
            await asks(it)
            assert it.carol.desk["call"]["recording"]["state"] == "paused"
            await asyncio.sleep(2)  # what is said now must not be in it
            await it.carol.post("/desk/consult/back")
            await it.talk("caller", "carol")
            await it.carol.sees(lambda desk: desk["call"]["recording"]["state"] == "on")
            await it.dave.is_in("ready")
            await asyncio.sleep(2)  # so that there is something of it
            await asks_again(it)
            await it.carol.post("/desk/consult/complete")
            await it.talk("caller", "dave")
            await it.dave.sees(lambda desk: desk["call"]["recording"]["state"] == "on")
            await asyncio.sleep(3)  # so that there is something of it
        [recording] = await recordings_of(admin, it.call_id)
        caller_side, agent_side = sides_of(await sound_of(admin, recording))
        call = await admin.call_when(it.call_id, lambda call: "ended" in kinds(call))
    cuts = [0, *(round(gap["offset_seconds"] * 8000) for gap in recording["breaks"]), len(agent_side)]
    talks = [slice(*cut) for cut in pairwise(cuts)]
    assert [gap["why"] for gap in recording["breaks"]] == ["apart", "apart"]
    assert [is_mostly(CALLER_HZ, caller_side[one]) for one in talks] == [True, True, True]
    heard = [[is_mostly(hertz, agent_side[one]) for hertz in (AGENT_HZ, LISTENER_HZ)] for one in talks]
    assert heard == [[True, False], [True, False], [False, True]]
    at = {kind: [one["at"] for one in call["events"] if one["kind"] == kind] for kind in ("consulting", "transferred")}
    ended = [gap["started_at"] for gap in recording["breaks"]]
    assert all(end < asked + 500 for end, asked in zip(ended, at["consulting"], strict=True))
    last = recording["breaks"][1]
    assert last["started_at"] + last["seconds"] * 1000 > at["transferred"][0] - 500
