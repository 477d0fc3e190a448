"""What a caller hears and presses while his script carries out the service's instructions: real Asterisk and sound."""

import time
import urllib.parse
from typing import Any

import pytest

from tests.asterisk.hearing import (
    APOLOGY_HZ,
    MENU_HZ,
    POSITION_HZ,
    Json,
    ask,
    asking,
    dial,
    first_then,
    message,
    named,
    once,
    speaking,
    tone,
)
from tests.asterisk.layer import Layer
from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.stub_service import eventually
from tests.asterisk.test_layer import ledger_row

# ---- dial


def test_several_phones_ring_together_and_the_first_to_answer_has_the_call(layer: Layer) -> None:
    layer.service.answer_wait = lambda _: dial("1003", "1004", "1005")
    with (
        DeskPhone("1003", does="ignore") as slow,
        DeskPhone("1004", ring_seconds=0.5, talk_seconds=1) as quick,
        DeskPhone("1005", does="reject") as busy,
    ):
        for phone in (slow, quick, busy):
            layer.push(phone)
        with Caller(layer.sip, hold_seconds=30) as caller:
            slow.wait_for("cancelled")
            assert caller.finish() == 0
        report = layer.service.wait_for("ended").body
        assert {phone.wait_for("offered").text.split()[0] for phone in (slow, quick, busy)} == {
            layer.service.wait_for("ended").call_id
        }
    layer.forget("1005")
    assert (report["dial_status"], report["hung_up_by"]) == ("ANSWER", "agent")
    row = ledger_row(layer, layer.service.wait_for("ended").call_id)
    assert row["agent_channel"].startswith("PJSIP/1004-")


def test_of_several_phones_the_one_that_is_lost_later_keeps_the_caller(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: {"do": "wait"} if body["previous"] else dial("1003", "1004")
    with DeskPhone("1003", does="ignore") as slow, DeskPhone("1004", ring_seconds=0.3) as quick:
        layer.push(slow)
        layer.push(quick)
        with Caller(layer.sip, hold_seconds=60):
            slow.wait_for("cancelled")
            leg = next(
                line
                for line in layer.console("core show channels concise").splitlines()
                if line.startswith("PJSIP/1004")
            )
            name = urllib.parse.quote(leg.split("!")[-1])
            layer.ari("DELETE", f"channels/{name}?reason_code=44")
            again = layer.service.wait_for("wait", 2).body
    assert (again["previous"]["dial_status"], again["previous"]["cause"]) == ("ANSWER", 44)
    assert again["answered"]


def test_several_phones_ring_for_a_caller_who_hears_music(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: dial("1003", "1004") if body["answered"] else {"do": "say"}
    with (
        DeskPhone("1003", does="ignore") as slow,
        DeskPhone("1004", ring_seconds=0.5, talk_seconds=1) as quick,
    ):
        layer.push(slow)
        layer.push(quick)
        with Caller(layer.sip, hold_seconds=30) as caller:
            assert caller.finish() == 0
    report = layer.service.wait_for("ended")
    row = ledger_row(layer, report.call_id)
    assert row["agent_channel"].startswith("PJSIP/1004-")
    assert 0.8 < report.body["talking_seconds"] < 1.6
    assert 0.8 < row["talking_seconds"] < 1.6, "the phone that was not answered has no part in it"


REFUSED_ENDPOINTS = [
    ["1003&Local/1@agents"], ["1003@trunk/x"], ["PJSIP/1003"], ["1003,20"], ["+8613800138000@trunk"], [], "1003",
    ["${EXTEN}"], ["1003\n"], [None], ["1003"] * 51,
]  # fmt: skip


@pytest.mark.parametrize("endpoints", REFUSED_ENDPOINTS, ids=range(len(REFUSED_ENDPOINTS)))
def test_what_is_no_phone_is_not_dialled(layer: Layer, endpoints: Any) -> None:
    refused = {"do": "dial", "offer_id": "o/1", "endpoints": endpoints, "ring_seconds": 20}
    layer.service.answer_wait = lambda _: refused if len(layer.service.of("wait")) < 3 else {"do": "leave"}
    with DeskPhone("1003") as phone, DeskPhone("trunk", port=layer.trunk_port) as trunk:
        layer.push(phone)
        with Caller(layer.sip):
            assert layer.service.wait_for("ended").body["hung_up_by"] == "system"
        assert not phone.events()
        assert not trunk.events()


# ---- say


def test_an_announcement_is_heard_from_its_beginning_then_music_then_another(layer: Layer) -> None:
    apology, position = named(layer, apology=tone(APOLOGY_HZ), position=tone(POSITION_HZ))
    layer.service.answer_wait = first_then({"do": "say", "sounds": [apology, position]}, lambda _: None)
    with speaking(layer) as (caller, voice):
        caller.wait_for("answered")
        eventually(lambda: voice.hears_tone(APOLOGY_HZ), "the apology", 2)
        eventually(lambda: voice.hears_tone(POSITION_HZ), "the position after it", 3)
        eventually(lambda: voice.hears == "other" and not voice.hears_tone(POSITION_HZ), "music after it", 3)
        over = time.monotonic()
        layer.service.answer_wait = once({"do": "say", "sounds": [position, apology]})
        eventually(lambda: voice.hears_tone(POSITION_HZ), "another announcement", 3)
        assert not voice.hears_tone(APOLOGY_HZ, since=over), "from its beginning"
        eventually(lambda: voice.hears_tone(APOLOGY_HZ), "and its second part", 3)
    assert len([one for one in layer.service.of("sound") if one.call_id in (apology, position)]) == 2, "fetched once"


def test_the_same_announcement_again_begins_anew(layer: Layer) -> None:
    both = named(layer, apology=tone(APOLOGY_HZ), position=tone(POSITION_HZ))
    layer.service.answer_wait = first_then({"do": "say", "sounds": both}, lambda _: None)
    with speaking(layer) as (_, voice):
        eventually(lambda: voice.hears_tone(POSITION_HZ), "its second part", 4)
        layer.service.answer_wait = once({"do": "say", "sounds": both})
        eventually(lambda: voice.hears_tone(APOLOGY_HZ), "its first part again", 2)
        layer.service.answer_wait = once({"do": "say", "sounds": []})
        eventually(lambda: not voice.hears_tone(APOLOGY_HZ), "music, in the middle of it", 0.9)
        assert not voice.hears_tone(POSITION_HZ)


def test_two_callers_hear_each_his_own(layer: Layer) -> None:
    apology, position = named(layer, apology=tone(APOLOGY_HZ, 2), position=tone(POSITION_HZ, 2))
    said = {"13800138001": [apology], "13800138002": [position]}
    layer.service.answer_wait = lambda body: (
        {"do": "say", "sounds": said[body["caller_number"]]} if body["arriving"] else None
    )
    with speaking(layer, number="13800138001") as (_, one), speaking(layer, number="13800138002") as (_, two):
        eventually(lambda: one.hears_tone(APOLOGY_HZ), "his own", 3)
        eventually(lambda: two.hears_tone(POSITION_HZ), "his own", 3)


def test_a_dial_in_the_middle_of_an_announcement_is_carried_out_at_once(layer: Layer) -> None:
    [long] = named(layer, long=tone(APOLOGY_HZ, 20))
    layer.service.answer_wait = first_then({"do": "say", "sounds": [long]}, lambda _: None)
    with DeskPhone("1003", ring_seconds=0.5) as phone:
        layer.push(phone)
        with speaking(layer) as (_, voice):
            eventually(lambda: voice.hears_tone(APOLOGY_HZ), "the announcement", 3)
            told: list[float] = []

            def offer(_: Json) -> Json:
                told.append(time.monotonic())
                return dial("1003")

            layer.service.answer_wait = offer
            phone.wait_for("invite")
            seen = time.monotonic()
            phone.wait_for("answer")
            assert seen - told[0] < 0.2
            assert not voice.hears_tone(APOLOGY_HZ, since=seen + 0.2), "music while the phone rings"


def test_an_announcement_leaves_out_what_cannot_be_had(layer: Layer) -> None:
    [apology] = named(layer, apology=tone(APOLOGY_HZ))
    hostile = [
        "../../../etc/passwd",
        "x" * 121,
        "A",
        "a&b",
        "a,b",
        "${EXTEN}",
        "",
        "a\nb",
        None,
        7,
        "missing",
        "broken",
    ]
    layer.service.sounds["broken"] = b"RIFF, not quite"
    layer.service.answer_wait = first_then({"do": "say", "sounds": [*hostile, apology]}, lambda _: None)
    with speaking(layer) as (_, voice):
        eventually(lambda: voice.hears_tone(APOLOGY_HZ), "the one that is there", 3)
    asked = [one.call_id for one in layer.service.of("sound")]
    assert set(asked) == {"missing", "broken", apology}
    with speaking(layer) as (_, voice):
        eventually(lambda: voice.hears_tone(APOLOGY_HZ), "the same", 3)
    assert [one.call_id for one in layer.service.of("sound")] == asked, "not asked for again"


def test_a_slow_sound_holds_nobody_up_for_longer_than_a_second(layer: Layer) -> None:
    names = named(layer, slow=tone(APOLOGY_HZ), slower=tone(POSITION_HZ))
    layer.service.sound_seconds = 3
    layer.service.answer_wait = first_then({"do": "say", "sounds": names}, lambda _: None)
    with speaking(layer) as (_, voice):
        eventually(lambda: voice.packets > 0, "music")
        assert time.monotonic() - layer.service.wait_for("wait").at < 1.9


# ---- ask


@pytest.mark.parametrize("key", ["3", "*", "#"])
def test_a_key_interrupts_the_question_and_is_its_answer(layer: Layer, key: str) -> None:
    heard: list[Json] = []
    names = named(layer, menu=tone(MENU_HZ, 20), more=tone(POSITION_HZ, 20))
    layer.service.answer_wait = asking(ask(names), heard)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the question", 3)
        voice.press(key)
        assert caller.finish(5) == 0
    assert heard == [{"step_id": "menu/1", "digits": key, "seconds": 0.0}]


@pytest.mark.parametrize(
    ("keys", "most", "digits"),
    [("13800138000#", 20, "13800138000"), ("123456", 4, "1234"), ("#", 4, ""), ("1*", 4, "1*")],
)
def test_several_keys_are_collected(layer: Layer, keys: str, most: int, digits: str) -> None:
    heard: list[Json] = []
    layer.service.answer_wait = asking(ask(named(layer, menu=tone(MENU_HZ, 20)), most), heard)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the question", 3)
        voice.press(keys)
        assert caller.finish(10) == 0
    assert [one["digits"] for one in heard] == [digits]


def test_nobody_presses_anything(layer: Layer) -> None:
    heard: list[Json] = []
    layer.service.answer_wait = asking(ask(named(layer, menu=tone(MENU_HZ, 0.5)), 4), heard)
    with speaking(layer) as (caller, _):
        assert caller.finish(6) == 0
    assert [one["digits"] for one in heard] == [""]


def test_who_hangs_up_in_a_question_is_gone_at_once(layer: Layer) -> None:
    layer.service.answer_wait = asking(ask(named(layer, menu=tone(MENU_HZ, 20))), [])
    with speaking(layer, hold_seconds=1) as (caller, _):
        caller.wait_for("hangs-up")
        hung_up = time.monotonic()
        report = layer.service.wait_for("ended")
        assert time.monotonic() - hung_up < 0.5
    assert report.body["hung_up_by"] == "caller"
    assert len(layer.service.of("wait")) == 1


def test_music_goes_on_after_a_question(layer: Layer) -> None:
    menu = ask(named(layer, menu=tone(MENU_HZ, 0.3)))
    layer.service.answer_wait = lambda body: menu if body["arriving"] else {"do": "wait"}
    with speaking(layer) as (_, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the question", 3)
        eventually(lambda: voice.hears == "other" and not voice.hears_tone(MENU_HZ), "music", 6)


# ---- play


def test_what_is_played_is_played_to_its_end(layer: Layer) -> None:
    heard: list[Json] = []
    names = named(layer, closed=tone(MENU_HZ), and_then=tone(POSITION_HZ))
    layer.service.answer_wait = asking({"do": "play", "step_id": "closed", "sounds": names}, heard)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the first", 3)
        voice.press("12")
        eventually(lambda: voice.hears_tone(POSITION_HZ), "the second", 3)
        assert caller.finish(5) == 0
    assert heard == [{"step_id": "closed", "digits": "", "seconds": 0.0}]
    assert layer.service.wait_for("ended").body["hung_up_by"] == "system"


# ---- the service dies


@pytest.mark.slow
@pytest.mark.parametrize("do", ["ask", "play", "message"])
def test_the_service_dies_in_the_middle_of_an_instruction(layer: Layer, do: str) -> None:
    [menu] = named(layer, menu=tone(MENU_HZ, 1))
    step = {"ask": ask([menu]), "play": {"do": "play", "step_id": "p", "sounds": [menu]}, "message": message([menu], 2)}
    layer.service.answer_wait = first_then(step[do], lambda _: None)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the sound", 3)
        layer.service.stop()
        try:
            eventually(lambda: voice.hears == "other" and not voice.hears_tone(MENU_HZ), "music, not silence", 8)
        finally:
            layer.service.answer_wait = lambda _: {"do": "leave"}
            layer.service.start()
        assert caller.finish(5) == 0
    assert layer.service.of("wait")[-1].body["heard"]["step_id"] == step[do]["step_id"], "what was heard is not lost"
