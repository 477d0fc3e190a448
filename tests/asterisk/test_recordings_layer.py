"""Talks that are recorded, on Asterisk and its node alone: what is in the sound that is handed in."""

import asyncio
import subprocess
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from urllib.parse import quote

import pytest

from callcenter.asterisk.ari import Ari
from callcenter.asterisk.recorders import Recorders
from callcenter.asterisk.recordings import Recordings
from tests.asterisk.hearing import Json, dial, first_then, named, speaking, tone
from tests.asterisk.layer import ARI_PASSWORD, Layer
from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.sip.voice import AGENT_HZ, CALLER_HZ, Voice, energy_at
from tests.asterisk.stub_service import Asked, eventually
from tests.asterisk.test_outgoing import call_back

NOTICE_HZ = 1500


def sides_of(mp3: bytes) -> "tuple[array[int], array[int]]":
    """The samples of the caller and of the agent."""
    command = ["sox", "-V1", "-t", "mp3", "-", "-t", "raw", "-e", "signed-integer", "-b", "16", "-r", "8000", "-"]
    whole = array("h", subprocess.run(command, input=mp3, capture_output=True, check=True).stdout)
    return whole[0::2], whole[1::2]


def has_tone(hertz: float, samples: "array[int]") -> bool:
    """Whether the middle half of these samples is mostly one tone."""
    middle = list(samples[len(samples) // 4 : len(samples) * 3 // 4])
    return bool(middle) and energy_at(hertz, middle) > 0.6


@contextmanager
def talk(layer: Layer, instruction: Json, **caller: float) -> Iterator[tuple[Caller, Voice, DeskPhone]]:
    """A caller and an agent who both speak all the time, from the agent's answer on."""
    layer.service.answer_wait = first_then(instruction, lambda _: None)
    with Voice(hertz=AGENT_HZ) as mouth, DeskPhone("1001", media_port=mouth.port, ring_seconds=1) as phone:
        layer.push(phone)
        with speaking(layer, **caller) as (calling, voice):
            mouth.speaks_to(phone)
            yield calling, voice, phone


def recorded(layer: Layer) -> Asked:
    return layer.service.wait_for("recording", within_seconds=25)


def test_a_talk_is_recorded_from_its_first_word(layer: Layer) -> None:
    instruction = dial("1001") | {"recording": "now"}
    with talk(layer, instruction, hold_seconds=5) as (caller, _, _):
        assert caller.finish(15) == 0
    taken = recorded(layer)
    caller_side, agent_side = sides_of(taken.content)
    assert has_tone(CALLER_HZ, caller_side)
    assert has_tone(AGENT_HZ, agent_side)
    assert not has_tone(AGENT_HZ, caller_side)
    assert 3.5 < len(caller_side) / 8000 < 6.5
    assert sha256(taken.content).hexdigest() == taken.body["sha256"]
    assert taken.call_id == layer.service.wait_for("ended").call_id
    assert abs(float(taken.body["seconds"]) - len(caller_side) / 8000) < 0.3
    assert len(bytes.fromhex(taken.body["peaks"])) == 1200
    assert max(bytes.fromhex(taken.body["peaks"])) > 150
    eventually(lambda: not left_over(layer), "nothing is kept")


def left_over(layer: Layer) -> list[str]:
    folder = layer.options.node_spool_dir / "recording"
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_what_is_not_to_be_recorded_is_not(layer: Layer) -> None:
    for start in ({}, {"recording": "never"}, {"recording": "later"}):
        with talk(layer, dial("1001") | start, hold_seconds=2) as (caller, _, _):
            assert caller.finish(10) == 0
            assert not left_over(layer)
        eventually(lambda: layer.channels() == 0, "all is over")


def test_the_caller_hears_the_notice_before_he_is_connected(layer: Layer) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 1.5))
    instruction = dial("1001") | {"recording": "now", "notice": [notice]}
    with talk(layer, instruction, hold_seconds=6) as (caller, voice, phone):
        phone.wait_for("answer")
        eventually(lambda: voice.hears_tone(NOTICE_HZ), "the notice", 3)
        eventually(lambda: voice.hears_tone(AGENT_HZ), "the agent", 5)
        assert caller.finish(15) == 0
    caller_side, agent_side = sides_of(recorded(layer).content)
    assert has_tone(CALLER_HZ, caller_side)
    assert has_tone(AGENT_HZ, agent_side)
    assert 3 < len(caller_side) / 8000 < 5.5, "the notice is before the recording"


@pytest.mark.parametrize("why", ["notice", "room"])
def test_what_cannot_be_recorded_is_told(layer: Layer, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 1.5))
    if why == "notice":
        notice = "no-such-sound"
    else:
        monkeypatch.setattr(Recordings, "has_room", lambda _: False)
    with talk(layer, dial("1001") | {"recording": "now", "notice": [notice]}, hold_seconds=5) as (caller, voice, phone):
        told = layer.service.wait_for("not-recorded")
        phone.wait_for("answer")
        eventually(lambda: voice.hears_tone(AGENT_HZ), "they are connected", 5)
        assert not left_over(layer)
        assert caller.finish(15) == 0
    assert told.call_id == layer.service.wait_for("ended").call_id
    assert (told.body["offer_id"], told.body["wanted"], told.body["why"]) == ("offer/1", "now", why)
    assert not layer.service.of("recording")


@pytest.mark.parametrize("who", ["agent", "caller"])
def test_who_hangs_up_while_the_notice_is_played_is_told(layer: Layer, who: str) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 6))
    instruction = dial("1001") | {"recording": "now", "notice": [notice]}
    layer.service.answer_wait = first_then(instruction, lambda _: None)
    with DeskPhone("1001", ring_seconds=0.5, talk_seconds=1.5 if who == "agent" else 30) as phone:
        layer.push(phone)
        with speaking(layer, hold_seconds=30 if who == "agent" else 3) as (caller, voice):
            eventually(lambda: voice.hears_tone(NOTICE_HZ), "the notice", 5)
            assert caller.finish(15) == 0
    report = layer.service.wait_for("ended").body
    assert (report["dial_status"], report["hung_up_by"]) == ("ANSWER", who)


@pytest.mark.parametrize("cut", [True, False])
def test_a_leg_that_is_lost_keeps_the_caller_and_tells_whether_he_has_heard_the_notice(layer: Layer, cut: bool) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 6 if cut else 1))
    instruction = dial("1001") | {"recording": "now", "notice": [notice]}
    layer.service.answer_wait = first_then(instruction, lambda _: None)
    with DeskPhone("1001", ring_seconds=0.5, talk_seconds=30) as phone:
        layer.push(phone)
        with speaking(layer) as (_, voice):
            eventually(lambda: voice.hears_tone(NOTICE_HZ), "the notice", 5)
            if not cut:
                eventually(lambda: left_over(layer) != [], "the talk that is recorded", 5)
            channels = layer.console("core show channels concise").splitlines()
            [leg] = [line for line in channels if line.startswith("PJSIP/1001")]
            layer.ari("DELETE", f"channels/{quote(leg.split('!')[-1])}?reason_code=44")
            again = layer.service.wait_for("wait", 2).body
    assert (again["previous"]["dial_status"], again["previous"]["cause"]) == ("ANSWER", 44)
    assert again["previous"]["notice_cut"] is cut
    assert again["answered"]


@pytest.mark.parametrize("who", ["agent", "customer"])
def test_who_hangs_up_on_a_callback_while_the_notice_is_played_is_told(layer: Layer, who: str) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 6))
    agent_seconds, customer_seconds = (4, 30) if who == "agent" else (30, 1.5)
    with (
        Voice(hertz=CALLER_HZ) as customer,
        DeskPhone("1003", ring_seconds=0.3, talk_seconds=agent_seconds) as phone,
        DeskPhone(
            "trunk", port=layer.trunk_port, ring_seconds=0.5, talk_seconds=customer_seconds, media_port=customer.port
        ),
    ):
        layer.push(phone)
        call_back(layer, CC_RECORDING="now", CC_SOUNDS=notice)
        eventually(lambda: customer.hears_tone(NOTICE_HZ), "the notice", 6)
        report = layer.service.wait_for("callback-over").body
    assert (report["dial_status"], report["hung_up_by"]) == ("ANSWER", who)


def test_recording_stops_and_begins_in_mid_talk(layer: Layer) -> None:
    with talk(layer, dial("1001") | {"recording": "now"}, hold_seconds=9) as (caller, _, _):
        time.sleep(2.5)
        call = layer.service.of("wait")[0].call_id
        asyncio.run(act(layer, call, "stop"))
        paused_at = time.time()
        time.sleep(2)
        asyncio.run(act(layer, call, "begin"))
        resumed_at = time.time()
        assert caller.finish(15) == 0
    taken = recorded(layer)
    first, second = (tuple(map(float, part.split(":"))) for part in taken.body["parts"].split(","))
    assert first[0] / 1000 + first[1] < paused_at + 0.3
    assert second[0] / 1000 > resumed_at - 0.3
    caller_side, agent_side = sides_of(taken.content)
    assert has_tone(CALLER_HZ, caller_side)
    assert has_tone(AGENT_HZ, agent_side)
    assert abs(len(caller_side) / 8000 - first[1] - second[1]) < 0.3


async def act(layer: Layer, channel: str, what: str) -> None:
    url = f"http://{layer.options.http_host}:{layer.options.http_port}"
    recorders = Recorders(Ari(url, "callcenter", ARI_PASSWORD))
    if what == "stop":
        await recorders.stop(channel, channel)
    else:
        await recorders.begin(channel, channel, time.time_ns() // 1_000_000)


def test_a_recording_that_nobody_takes_is_kept_and_handed_in_later(layer: Layer) -> None:
    with talk(layer, dial("1001") | {"recording": "now"}, hold_seconds=3) as (caller, _, _):
        layer.service.wait_for("wait")
        layer.service.stop()
        try:
            assert caller.finish(15) == 0
            eventually(lambda: any(name.endswith(".json") for name in left_over(layer)), "it waits", 20)
        finally:
            layer.service.start()
    assert has_tone(CALLER_HZ, sides_of(recorded(layer).content)[0])
    eventually(lambda: not left_over(layer), "nothing is kept")


def test_a_customer_who_cannot_be_told_is_called_back_and_not_recorded(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.3) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=1, talk_seconds=2),
    ):
        layer.push(phone)
        call_back(layer, CC_RECORDING="now", CC_SOUNDS="no-such-sound")
        phone.wait_for("hung-up-on")
        assert not left_over(layer)
    told = layer.service.wait_for("not-recorded")
    assert told.call_id == "layer1-1700000000.1"
    assert (told.body["offer_id"], told.body["why"]) == (
        layer.service.wait_for("callback-over").body["offer_id"],
        "notice",
    )


def test_a_customer_who_is_called_back_is_told_and_recorded(layer: Layer) -> None:
    [notice] = named(layer, notice=tone(NOTICE_HZ, 1.5))
    with (
        Voice(hertz=AGENT_HZ) as agent,
        Voice(hertz=CALLER_HZ) as customer,
        DeskPhone("1003", ring_seconds=0.3, media_port=agent.port) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=1, talk_seconds=7, media_port=customer.port) as theirs,
    ):
        layer.push(phone)
        call_back(layer, CC_RECORDING="now", CC_SOUNDS=notice)
        agent.speaks_to(phone)
        customer.speaks_to(theirs)
        eventually(lambda: customer.hears_tone(NOTICE_HZ), "the notice", 5)
        eventually(lambda: customer.hears_tone(AGENT_HZ), "the agent", 5)
        phone.wait_for("hung-up-on")
    taken = recorded(layer)
    caller_side, agent_side = sides_of(taken.content)
    assert taken.call_id == "layer1-1700000000.1"
    assert has_tone(CALLER_HZ, caller_side)
    assert has_tone(AGENT_HZ, agent_side)
    assert 3.5 < len(caller_side) / 8000 < 6.5, "the notice is before the recording"
