"""What a caller hears and says while his script carries out the service's instructions: real Asterisk, real sound."""

import io
import math
import socket
import struct
import time
import urllib.parse
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.asterisk.layer import PLAIN_NUMBER, Layer
from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.sip.voice import CALLER_HZ, Voice, energy_at
from tests.asterisk.stub_service import eventually
from tests.asterisk.test_layer import ledger_row

Json = dict[str, Any]

APOLOGY_HZ, POSITION_HZ, MENU_HZ = 440, 620, 1500


def tone(hertz: float, seconds: float = 1.0) -> bytes:
    """A WAV file as the service has them."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        for n in range(int(8000 * seconds)):
            out.writeframesraw(struct.pack("<h", int(9000 * math.sin(2 * math.pi * hertz * n / 8000))))
    return file.getvalue()


def named(layer: Layer, **sounds: bytes) -> list[str]:
    """Give the service these sounds under names that no other test has; the names."""
    names = {f"{name}-{time.monotonic_ns()}": content for name, content in sounds.items()}
    layer.service.sounds |= names
    return list(names)


def first_then(first: Json, then: Callable[[Json], Json | None]) -> Callable[[Json], Json | None]:
    """One instruction on arrival, others later."""
    return lambda body: first if body["arriving"] else then(body)


def dial(*endpoints: str, ring_seconds: int = 20) -> Json:
    return {"do": "dial", "offer_id": "offer/1", "endpoints": list(endpoints), "ring_seconds": ring_seconds}


@contextmanager
def speaking(layer: Layer, **how: Any) -> Iterator[tuple[Caller, Voice]]:
    """A caller with ears and a mouth."""
    how.setdefault("hold_seconds", 60)
    with Voice() as voice, Caller(layer.sip, media_port=voice.port, **how) as caller:
        yield caller, voice


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


def once(instruction: Json) -> Callable[[Json], Json | None]:
    """One instruction, then nothing."""
    told = iter([instruction])
    return lambda _: next(told, None)


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


def asking(step: Json, heard: list[Json]) -> Callable[[Json], Json | None]:
    """Ask once, note what was heard, then let the caller go."""

    def answer(body: Json) -> Json | None:
        if not body["heard"]:
            return step
        heard.append(body["heard"])
        return {"do": "leave"}

    return answer


def ask(sounds: list[str], most_digits: int = 1, timeout_seconds: int = 1) -> Json:
    return {
        "do": "ask", "step_id": "menu/1", "sounds": sounds, "most_digits": most_digits,
        "timeout_seconds": timeout_seconds,
    }  # fmt: skip


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


# ---- message


def message(sounds: list[str], most_seconds: int = 60) -> Json:
    return {"do": "message", "step_id": "message/1", "sounds": sounds, "most_seconds": most_seconds}


def said(content: bytes) -> tuple[float, bool]:
    """How many seconds a recording has, and whether the caller's voice is in it."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        frames = file.readframes(file.getnframes())
    samples = list(struct.unpack(f"<{len(frames) // 2}h", frames))
    middle = samples[len(samples) // 2 :][:1600]
    return len(samples) / 8000, energy_at(CALLER_HZ, middle) > 0.8


def test_a_message_is_recorded_and_handed_in(layer: Layer) -> None:
    heard: list[Json] = []
    layer.service.answer_wait = asking(message(named(layer, please=tone(MENU_HZ, 0.5))), heard)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(MENU_HZ), "the request", 3)
        eventually(lambda: voice.hears_tone(950), "the tone", 3)
        began = time.time()
        eventually(lambda: time.time() - began > 2, "he speaks for a while", 3)
        voice.press("#")
        assert caller.finish(5) == 0
    taken = layer.service.wait_for("message")
    seconds, his = said(taken.content)
    assert his
    assert 1 < seconds < 3
    assert abs(float(taken.body["seconds"]) - seconds) < 0.1
    assert taken.body["step_id"] == "message/1"
    assert abs(int(taken.body["recorded_at_ms"]) / 1000 - began) < 2
    assert taken.call_id == layer.service.wait_for("ended").call_id
    assert abs(heard[0]["seconds"] - seconds) < 0.1
    eventually(lambda: not kept(layer), "nothing is kept")


def kept(layer: Layer) -> list[str]:
    return [file.name for file in (layer.options.node_spool_dir / "message").iterdir()]


def test_a_message_ends_with_its_time_or_with_silence(layer: Layer) -> None:
    heard: list[Json] = []
    layer.service.answer_wait = asking(message([], 2), heard)
    with speaking(layer) as (caller, _):
        assert caller.finish(8) == 0
    assert 1.5 < heard[0]["seconds"] < 2.5
    layer.service.answer_wait = asking(message([], 60), heard)
    with speaking(layer) as (caller, voice):
        eventually(lambda: voice.hears_tone(950), "the tone", 3)
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 1.5, "he speaks for a while", 3)
        voice.silent = True
        assert caller.finish(12) == 0
    assert 1 < heard[1]["seconds"] < 4


def test_who_says_nothing_leaves_no_message(layer: Layer) -> None:
    heard: list[Json] = []
    layer.service.answer_wait = asking(message([]), heard)
    with speaking(layer) as (caller, voice):
        voice.silent = True
        assert caller.finish(12) == 0
    assert heard[0]["seconds"] == 0
    assert not kept(layer)


@pytest.mark.parametrize("called", ["4008001234", PLAIN_NUMBER], ids=["node", "plain"])
def test_who_hangs_up_while_he_speaks_has_left_his_message(layer: Layer, called: str) -> None:
    layer.service.answer_wait = asking(message([]), [])
    with speaking(layer, called=called, hold_seconds=3) as (caller, _):
        caller.wait_for("hangs-up")
        taken = layer.service.wait_for("message")
    seconds, his = said(taken.content)
    assert his
    assert 1 < seconds < 3.2
    assert layer.service.wait_for("ended").body["hung_up_by"] == "caller"
    assert len(layer.service.of("wait")) == 1


def test_a_message_nobody_takes_is_kept_and_sent_later(layer: Layer) -> None:
    layer.service.answer_wait = asking(message([]), [])
    with speaking(layer, hold_seconds=3) as (caller, voice):
        eventually(lambda: voice.hears_tone(950), "the tone", 3)
        layer.service.stop()
        caller.wait_for("hangs-up")
        try:
            eventually(lambda: len(kept(layer)) == 2, "the message is on disk")
        finally:
            layer.service.start()
    assert said(layer.service.wait_for("message").content)[1]
    eventually(lambda: not kept(layer), "nothing is kept")


def test_a_message_that_is_refused_is_put_aside(layer: Layer) -> None:
    layer.service.refuses = 422
    layer.service.answer_wait = asking(message([], 2), [])
    with speaking(layer) as (caller, _):
        assert caller.finish(8) == 0
    layer.service.wait_for("message")
    eventually(lambda: not kept(layer), "it is put aside")
    assert len(list((layer.options.node_spool_dir / "refused").glob("*message*.wav"))) == 1


# ---- pass on


@pytest.mark.parametrize("answered", [True, False])
def test_a_caller_is_passed_on_over_the_trunk(layer: Layer, answered: bool) -> None:
    layer.service.answer_wait = lambda _: {"do": "pass_on", "number": "+8613800138001"}
    does = {"does": "answer", "talk_seconds": 1} if answered else {"does": "reject"}
    with DeskPhone("trunk", port=layer.trunk_port, **does) as outside, Caller(layer.sip, hold_seconds=30) as caller:
        dialled = outside.wait_for("dialled")
        shown = outside.wait_for("invite").text
        report = layer.service.wait_for("ended")
        caller.finish()
    assert dialled.text == "sip:+8613800138001"
    assert "4008001234" in shown
    assert "X-Call-Id" not in shown
    assert report.body["passed_on"] is answered
    assert report.body["dial_status"] == ("ANSWER" if answered else "BUSY")
    assert (report.body["answered_at_ms"], report.body["hung_up_by"], report.body["offer_id"]) == (None, "system", "")
    row = ledger_row(layer, report.call_id)
    assert (row["path"], row["agent_channel"], row["answered_at_ms"]) == ("passed_on", "", None)


@pytest.mark.parametrize("number", ["110@trunk", "1,60", "${CALLERID(num)}", "PJSIP/1", "a", "", None, 7, "1" * 21])
def test_what_is_no_number_is_not_dialled(layer: Layer, number: Any) -> None:
    refused = {"do": "pass_on", "number": number}
    layer.service.answer_wait = lambda _: refused if len(layer.service.of("wait")) < 3 else {"do": "leave"}
    with DeskPhone("trunk", port=layer.trunk_port) as outside:
        with Caller(layer.sip):
            assert not layer.service.wait_for("ended").body["passed_on"]
        assert not outside.events()


def test_without_a_way_out_nobody_is_passed_on_and_the_log_says_why(layer: Layer) -> None:
    layer.console("dialplan set global CC_TRUNK 0")
    try:
        layer.service.answer_wait = lambda _: {"do": "pass_on", "number": "13800138001"}
        with DeskPhone("trunk", port=layer.trunk_port) as outside:
            with Caller(layer.sip):
                report = layer.service.wait_for("ended").body
            assert not outside.events()
        assert (report["passed_on"], report["dial_status"]) == (False, "CHANUNAVAIL")
        assert "CALLCENTER_TRUNK_CONTACT" in (layer.options.log_dir / "messages.log").read_text(errors="replace")
    finally:
        layer.console("dialplan set global CC_TRUNK 1")


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


# ---- calling back


def call_back(layer: Layer, number: str = "13800138002", ring_seconds: int = 20, **more: str) -> str:
    """Ring the agent's phone as the service does; the channel's id."""
    channel = f"back-{time.monotonic_ns()}"
    layer.ari(
        "POST",
        f"channels?endpoint=PJSIP%2F1003&extension={urllib.parse.quote(number)}&context=callback&priority=1"
        f"&channelId={channel}&callerId={urllib.parse.quote(number)}&timeout=20",
        {
            "variables": {
                "CC_CALL": "layer1-1700000000.1",
                "CC_OFFER": "layer1-1700000000.1/2",
                "CC_RING_SECONDS": str(ring_seconds),
                "PJSIP_HEADER(add,X-Call-Id)": "layer1-1700000000.1",
                **more,
            }
        },
    )
    return channel


def test_a_customer_is_called_back_once(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.3) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=1, talk_seconds=1.5) as customer,
    ):
        layer.push(phone)
        call_back(layer)
        assert phone.wait_for("offered").text.split()[0] == "layer1-1700000000.1"
        assert customer.wait_for("dialled").text == "sip:13800138002"
        shown = customer.wait_for("invite").text
        phone.wait_for("hung-up-on")
        report = layer.service.wait_for("callback-over")
        assert len([one for one in customer.events() if one.kind == "invite"]) == 1
    assert "4008001234" in shown
    assert "layer1-" not in shown
    body = report.body
    assert report.call_id == "layer1-1700000000.1"
    assert (body["offer_id"], body["number"], body["node"]) == ("layer1-1700000000.1/2", "13800138002", "layer1")
    assert (body["dial_status"], body["hung_up_by"]) == ("ANSWER", "customer")
    assert body["agent_answered_at_ms"] <= body["dialled_at_ms"]
    assert 900 < body["customer_answered_at_ms"] - body["dialled_at_ms"] < 2000
    assert 1300 < body["ended_at_ms"] - body["customer_answered_at_ms"] < 2500
    row = ledger_row(layer, "layer1-1700000000.1")
    assert row["path"] == "callback"
    assert row["agent_channel"].startswith("PJSIP/1003-")
    assert abs(row["answered_at_ms"] - body["customer_answered_at_ms"]) < 50
    assert (row["caller_number"], row["called"]) == (None, "13800138002")


def test_the_agent_hangs_up_on_the_customer(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1, talk_seconds=1.5) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=0.3) as customer,
    ):
        layer.push(phone)
        call_back(layer)
        customer.wait_for("hung-up-on")
        body = layer.service.wait_for("callback-over").body
    assert (body["dial_status"], body["hung_up_by"]) == ("ANSWER", "agent")
    assert body["customer_answered_at_ms"]


@pytest.mark.parametrize(("does", "status"), [("ignore", "NOANSWER"), ("reject", "BUSY")])
def test_a_customer_who_does_not_answer_is_not_rung_again(layer: Layer, does: Any, status: str) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1) as phone,
        DeskPhone("trunk", port=layer.trunk_port, does=does) as customer,
    ):
        layer.push(phone)
        began = time.monotonic()
        call_back(layer, ring_seconds=2)
        phone.wait_for("hung-up-on")
        body = layer.service.wait_for("callback-over").body
        assert len([one for one in customer.events() if one.kind == "invite"]) == 1
    assert (body["dial_status"], body["hung_up_by"], body["customer_answered_at_ms"]) == (status, "system", None)
    assert time.monotonic() - began < 6


def test_the_agent_gives_up_while_the_customers_phone_rings(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1, talk_seconds=1) as phone,
        DeskPhone("trunk", port=layer.trunk_port, does="ignore") as customer,
    ):
        layer.push(phone)
        call_back(layer)
        customer.wait_for("cancelled")
        body = layer.service.wait_for("callback-over").body
    assert (body["dial_status"], body["hung_up_by"]) == ("CANCEL", "agent")


def test_a_callback_that_nobody_takes_the_report_of_is_spooled(layer: Layer) -> None:
    spool = layer.options.node_spool_dir / "callback-over"
    with DeskPhone("1003", talk_seconds=1) as phone, DeskPhone("trunk", port=layer.trunk_port, does="ignore"):
        layer.push(phone)
        layer.service.stop()
        try:
            call_back(layer)
            eventually(lambda: len(list(spool.glob("*.json"))) == 1, "the report is on disk", 15)
        finally:
            layer.service.start()
    layer.service.wait_for("callback-over")
    eventually(lambda: not list(spool.glob("*.json")), "the spool is empty")


def test_a_phone_cannot_dial_out_by_itself(layer: Layer) -> None:
    """Toll fraud: the contexts that lead out are the service's alone."""
    contexts = layer.console("dialplan show agents") + layer.console("dialplan show hotline")
    assert "trunk" not in contexts
    assert "callback" not in contexts


def test_who_calls_himself_the_trunk_is_a_stranger(layer: Layer) -> None:
    request = (
        f"REGISTER sip:{layer.sip} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5999;branch=z9hG4bK1\r\n"
        "From: <sip:trunk@x>;tag=1\r\nTo: <sip:trunk@x>\r\nCall-ID: r1\r\nCSeq: 1 REGISTER\r\n"
        "Contact: <sip:thief@127.0.0.2:5999>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.settimeout(3)
        stranger.sendto(request.encode(), (layer.options.sip_host, layer.options.sip_port))
        try:
            answer = stranger.recv(65536).split()[1]
        except TimeoutError:
            answer = b""
    assert answer in (b"401", b"403", b"")
    assert "thief" not in layer.console("pjsip show contacts")
