"""Real espeak-ng and sox: every built-in prompt becomes audible speech, recordings a telephone's sound."""

import array
import asyncio
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from callcenter.sounds import service, speech
from callcenter.sounds.model import LANGUAGES, PROMPTS, SOUND_ID, Language, built_in_sounds
from callcenter.sounds.pinyin import reading
from callcenter.sounds.service import Sounds
from callcenter.sounds.wav import RATE, samples_of, wav_of


def loudness(wav: bytes) -> float:
    """Root mean square, of 1."""
    samples = array.array("h", samples_of(wav))
    return math.sqrt(sum(one * one for one in samples) / len(samples)) / 32768


def seconds(wav: bytes) -> float:
    return len(samples_of(wav)) / 2 / RATE


def kept_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The sounds in a folder, with the times (ns) when they were written."""
    return {path.stem: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def tone(of_seconds: float, *, kind: str = "wav", rate: int = 44_100) -> bytes:
    """A recording as a person's computer makes it."""
    form = f"-r {rate} -b 16 -c 2 -t {kind}".split()
    command = ["sox", "-n", *form, "-", "synth", str(of_seconds), "sine", "440"]
    return subprocess.run(command, check=True, capture_output=True).stdout


async def test_every_built_in_prompt_is_audible_speech_in_both_languages(
    pool: Any, redis: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BREATH_SECONDS", 0)
    sounds = Sounds(pool, redis, tmp_path)
    await sounds.make_ahead()
    made = kept_in(tmp_path)
    assert made.keys() == built_in_sounds().keys()
    for sound, (wav, _) in made.items():
        match = SOUND_ID.fullmatch(sound)
        assert match
        language: Language = "zh" if match[1] == "zh" else "en"
        words = PROMPTS[match[2]].words(language)
        syllables = len(words) if language == "zh" else len(words) / 3
        assert 0.3 < seconds(wav) < 1 + 0.45 * syllables, match[0]
        assert 0.02 < loudness(wav) < 0.3, match[0]
        peak = max(abs(one) for one in array.array("h", samples_of(wav)))
        assert 0.4 < peak / 32768 < 0.6, match[0]
    assert sum(len(wav) for wav, _ in made.values()) < 8_000_000
    await Sounds(pool, redis, tmp_path).make_ahead()
    assert kept_in(tmp_path) == made, "a second start makes nothing anew"


async def test_the_same_words_are_the_same_bytes_on_every_machine() -> None:
    first, second = await asyncio.gather(speech.speak("您好，再见。", "zh"), speech.speak("您好，再见。", "zh"))
    assert first == second


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("银行", "yin2 hang2"),
        ("重新", "chong2 xin1"),
        ("重要", "zhong4 yao4"),
        ("不要", "bu2 yao4"),
        ("一分钟", "yi4 fen1 zhong1"),
        ("Wi-Fi 报修", "Wi-Fi bao4 xiu1"),
    ],
)
def test_characters_are_read_as_in_their_words(text: str, said: str) -> None:
    assert reading(text) == said


def test_mandarin_is_spoken_with_its_tones() -> None:
    """Version 1.51's voice `cmn` says "hao three"; the one that is used must not become longer by a digit's name."""
    command = ["espeak-ng", "-b", "1", "-q", "-x", *speech._VOICES["zh"], "ni2 hao3"]
    spoken = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "(en)" not in spoken
    assert spoken.split() == ["n'i35_|", "X'Au214_|"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    ["[[h@'loU]] $(id) `id` 您好 hello", "-w /tmp/x hello", "<speak>hello</speak>", 'say "hello"\n\0', "😀 hello"],
)
async def test_hostile_text_is_only_spoken(text: str, language: Language) -> None:
    assert 0.3 < seconds(await speech.speak(text, language)) < 20


@pytest.mark.parametrize("text", ["", "   ", "。，！", "\0\0", "[[[]]]"])
async def test_text_with_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(speech.SpeechError):
        await speech.speak(text, "zh")


async def test_a_text_that_would_never_end_is_spoken_as_far_as_texts_go() -> None:
    assert 120 < seconds(await speech.speak("八百标兵奔北坡，" * 5000, "zh")) < 500


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg"])
async def test_a_recording_becomes_a_telephone_s_sound(kind: str) -> None:
    wav = await speech.convert(tone(2, kind=kind))
    assert seconds(wav) == pytest.approx(2, abs=0.1)
    assert loudness(wav) == pytest.approx(0.354, abs=0.02), "a sine whose peak is half of full scale"


async def test_a_very_long_recording_is_cut_where_it_is_known_to_be_too_long() -> None:
    assert seconds(await speech.convert(tone(200, rate=8000))) == pytest.approx(speech.MOST_SECONDS + 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"#!/bin/sh\nid\n",
        b"RIFF\xff\xff\xff\xffWAVE",
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
        b"ID3" + b"\xff" * 5000,
        b"OggS" + bytes(5000),
        b"<html></html>",
        b"/etc/passwd",
        b"MThd" + bytes(100),
    ],
)
async def test_what_is_no_recording_is_refused(body: bytes) -> None:
    with pytest.raises(speech.SpeechError):
        await speech.convert(body)


async def test_a_wav_of_ours_stays_as_long_as_it_is() -> None:
    mine = wav_of(bytes(8000) + b"\x00\x20" * 8000)
    assert len(await speech.convert(mine)) == len(mine)
