"""Sounds, announcements and messages on a node's disk."""

import io
import math
import struct
import threading
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from callcenter.asterisk.announcements import SLOTS, Announcements, class_lines, slot_file
from callcenter.asterisk.messages import Messages
from callcenter.asterisk.service_http import ServiceAwayError
from callcenter.asterisk.sounds import Sounds, alaw, samples_of, seconds_of


def wav(samples: list[int], *, rate: int = 8000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


def test_alaw_is_g711() -> None:
    """The codes of ITU-T G.711's table, and every sample within its step of what is decoded again."""
    assert alaw(samples_of(wav([0, -1, 32767, -32768, 8, -8]))) == bytes([0xD5, 0x55, 0xAA, 0x2A, 0xD5, 0x55])
    for sample in range(-32768, 32768, 37):
        [code] = alaw(samples_of(wav([sample])))
        assert abs(decoded(code) - sample) <= max(abs(sample) / 32, 8) + 1


def decoded(code: int) -> int:
    code ^= 0x55
    segment, mantissa = code >> 4 & 7, code & 15
    size = (mantissa << 4) + 8 if segment == 0 else (mantissa << 4) + 0x108 << segment - 1
    return size if code & 0x80 else -size


class Service:
    """Has some sounds, and counts what it is asked."""

    def __init__(self, **sounds: bytes) -> None:
        self.sounds = sounds
        self.asked: list[str] = []
        self.away = False
        self.seconds = 0.0

    def fetch(self, name: str, seconds: float) -> bytes | None:
        self.asked.append(name)
        time.sleep(min(self.seconds, seconds))
        if self.away or self.seconds > seconds:
            raise ServiceAwayError
        return self.sounds.get(name)


def test_a_sound_is_fetched_once_also_by_many_at_once(tmp_path: Path) -> None:
    service = Service(a=wav([0] * 1600))
    service.seconds = 0.1
    sounds = Sounds(tmp_path, service.fetch)
    found: list[list[Path]] = []
    threads = [threading.Thread(target=lambda: found.append(sounds.files(["a", "a"]))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.asked == ["a"]
    assert {len(files) for files in found} == {2}
    assert seconds_of(found[0][0]) == 0.2
    assert Sounds(tmp_path, service.fetch).files(["a"]) == found[0][:1], "another process has it too"
    assert service.asked == ["a"]


def test_what_cannot_be_had_is_left_out_and_not_asked_for_again(tmp_path: Path) -> None:
    service = Service(a=wav([0]), stereo=wav([0, 0], channels=2), fast=wav([0], rate=16000), broken=b"no sound")
    sounds = Sounds(tmp_path, service.fetch)
    names = ["none", "stereo", "fast", "broken", "../a", "A", "a"]
    for _ in range(3):
        assert [file.name for file in sounds.files(names)] == ["sound-a.alaw"]
    assert service.asked == ["none", "stereo", "fast", "broken", "a"]
    assert [file.name for file in tmp_path.iterdir()] == ["sound-a.alaw"], "nothing else is left behind"


def test_a_service_that_is_away_is_not_stormed(tmp_path: Path) -> None:
    service = Service()
    service.away = True
    sounds = Sounds(tmp_path, service.fetch)
    for _ in range(50):
        assert not sounds.files(["a", "b"])
    assert service.asked == ["a", "b"]


def test_all_sounds_of_an_instruction_have_one_second(tmp_path: Path) -> None:
    service = Service()
    service.seconds = 9
    began = time.monotonic()
    assert not Sounds(tmp_path, service.fetch).files([f"s{n}" for n in range(20)])
    assert time.monotonic() - began < 1.5


def test_the_tone(tmp_path: Path) -> None:
    tone = Sounds(tmp_path, Service().fetch).tone()
    assert seconds_of(tone) == 0.4


# ---- announcements


@pytest.fixture
def pieces(tmp_path: Path) -> Callable[..., list[Path]]:
    def make(*names: str) -> list[Path]:
        files = [tmp_path / f"{name}.alaw" for name in names]
        for file in files:
            file.write_bytes(file.stem.encode())
        return files

    return make


def content(folder: Path, music_class: str | None) -> bytes:
    assert music_class
    return slot_file(folder, int(music_class.rpartition("-")[2])).with_suffix(".alaw").read_bytes()


def test_the_same_sounds_share_a_slot(tmp_path: Path, pieces: Callable[..., list[Path]]) -> None:
    node, plain = Announcements(tmp_path), Announcements(tmp_path)
    first = node.prepare(pieces("a", "b"))
    assert content(tmp_path, first) == b"ab"
    assert plain.prepare(pieces("a", "b")) == first
    other = plain.prepare(pieces("b", "a"))
    assert other != first
    assert (content(tmp_path, first), content(tmp_path, other)) == (b"ab", b"ba")


def test_the_slot_that_was_begun_longest_ago_is_taken(
    tmp_path: Path, pieces: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Announcements(tmp_path)
    classes = [node.prepare(pieces(f"s{number}")) for number in range(SLOTS)]
    assert len(set(classes)) == SLOTS
    assert node.prepare(pieces("more")) is None, "each of them is being opened just now"
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 5)
    assert node.prepare(pieces("s0")) == classes[0]
    assert node.prepare(pieces("more")) == classes[1]
    assert content(tmp_path, classes[1]) == b"more"
    assert node.prepare(pieces("s1")) == classes[2], "what was taken from it has to be put in place again"


def test_who_hears_an_announcement_keeps_it(tmp_path: Path, pieces: Callable[..., list[Path]]) -> None:
    node = Announcements(tmp_path)
    slot = slot_file(tmp_path, int((node.prepare(pieces("a")) or "").rpartition("-")[2])).with_suffix(".alaw")
    with slot.open("rb") as heard:
        (tmp_path / "say" / "slots.json").unlink()
        node.prepare(pieces("b"))
        assert slot.read_bytes() == b"b"
        assert heard.read() == b"a"


def test_slots_by_many_at_once(tmp_path: Path, pieces: Callable[..., list[Path]]) -> None:
    files = [pieces(f"s{number}") for number in range(30)]
    found: dict[int, str | None] = {}

    def prepare(number: int) -> None:
        found[number] = Announcements(tmp_path).prepare(files[number])

    threads = [threading.Thread(target=prepare, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: content(tmp_path, one) for number, one in found.items()} == {
        number: f"s{number}".encode() for number in range(30)
    }


def test_a_slots_file_that_cannot_be_read_begins_anew(tmp_path: Path, pieces: Callable[..., list[Path]]) -> None:
    node = Announcements(tmp_path)
    (tmp_path / "say" / "slots.json").write_text("rubbish")
    assert node.prepare(pieces("a"))


def test_the_classes_begin_with_their_slot_and_go_on_with_music() -> None:
    first, second = class_lines(Path("/spool"), [Path("/moh/a"), Path("/moh/b")]).split("\n\n")[:2]
    assert first.splitlines()[:5] == [
        "[cc-say-0]", "mode = playlist", "entry = /spool/say/0", "entry = /moh/a", "entry = /moh/b"
    ]  # fmt: skip
    assert second.splitlines()[2:4] == ["entry = /spool/say/1", "entry = /moh/b"]
    assert "entry = /spool/say/0" in class_lines(Path("/spool"), []), "without music, too"


# ---- messages


def test_a_message_is_kept_until_it_is_taken(tmp_path: Path) -> None:
    messages = Messages(tmp_path)
    message, file = messages.begin("n1-1.0", "message/1", 60)
    assert not list(messages.waiting()), "it is being recorded"
    said = [int(5000 * math.sin(n / 3)) for n in range(16000)]
    file.with_suffix(".wav").write_bytes(wav(said))
    assert messages.finish(message) == 2.0
    [waiting] = Messages(tmp_path).waiting()
    assert (waiting.call_id, waiting.step_id, waiting.seconds) == ("n1-1.0", "message/1", 2.0)
    assert list(samples_of(messages.recording(waiting))) == said
    messages.forget(waiting)
    assert not list((tmp_path / "message").iterdir())


def test_a_recording_that_asterisk_has_not_closed_is_waited_for(tmp_path: Path) -> None:
    messages = Messages(tmp_path)
    message, file = messages.begin("n1-1.0", "m", 60)
    whole = wav([1] * 16000)
    recording = file.with_suffix(".wav")
    recording.write_bytes(whole[:40] + bytes(4) + whole[44:8000])
    closing = threading.Timer(0.2, recording.write_bytes, [whole])
    closing.start()
    assert messages.finish(message) == 2.0
    closing.join()


def test_a_recording_that_nobody_finished_is_handed_in_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node died in the middle of it."""
    messages = Messages(tmp_path)
    _, file = messages.begin("n1-1.0", "m", 0)
    whole = wav([7] * 16000)
    file.with_suffix(".wav").write_bytes(whole[:40] + bytes(4) + whole[44:] + b"x")
    assert not list(messages.waiting())
    monkeypatch.setattr("callcenter.asterisk.messages.ORPHAN_SECONDS", -1)
    [waiting] = messages.waiting()
    assert messages.recording(waiting) == whole


def test_nothing_said_is_no_message(tmp_path: Path) -> None:
    messages = Messages(tmp_path)
    for samples in (None, [0] * 4000):
        message, file = messages.begin("n1-1.0", "m", 60)
        if samples:
            file.with_suffix(".wav").write_bytes(wav(samples))
        assert messages.finish(message) == 0.0
    assert not list(messages.waiting())
    assert not list((tmp_path / "message").iterdir())


def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    _, file = Messages(tmp_path).begin("../../n1", "/etc/passwd", 60)
    assert file.parent == tmp_path / "message"


def test_a_note_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    messages = Messages(tmp_path)
    (tmp_path / "message" / "x.json").write_text('{"call_id": 1}')
    assert not list(messages.waiting())
    assert [file.name for file in (tmp_path / "refused").iterdir()] == ["x.json"]
