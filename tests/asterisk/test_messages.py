"""Messages that callers leave: recorded, kept, handed in."""

import io
import struct
import time
import wave

import pytest

from tests.asterisk.hearing import (
    MENU_HZ,
    Json,
    asking,
    message,
    named,
    speaking,
    tone,
)
from tests.asterisk.layer import PLAIN_NUMBER, Layer
from tests.asterisk.sip.voice import CALLER_HZ, energy_at
from tests.asterisk.stub_service import eventually


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
