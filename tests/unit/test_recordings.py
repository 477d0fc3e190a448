"""Recordings without a server: rules, parts, waveforms, and the files on a node."""

import math
import os
import time
from array import array
from pathlib import Path

import pytest

from callcenter.asterisk import recordings as on_node
from callcenter.asterisk.recordings import ConversionError, Recordings, peaks_of
from callcenter.asterisk.sounds import alaw
from callcenter.configuration.model import RecordingRule
from callcenter.recordings.model import Part, breaks_of, file_of, offset_of, parts_of
from callcenter.routing import recording

CALL = "node1-1763780000.42"


@pytest.mark.parametrize(
    ("rule", "fields", "start"),
    [
        ("never", {}, "never"),
        ("never", {"recording": "on", "reconnecting": "1"}, "never"),
        ("always", {}, "now"),
        ("always", {"recording": "paused"}, "now"),
        ("always", {"recording": "paused", "reconnecting": "1"}, "later"),
        ("always", {"recording_failed": "room", "reconnecting": "1"}, "now"),
        ("always", {"recording_failed": "notice", "reconnecting": "1"}, "now"),
        ("always", {"recording_failed": "room", "recording": "paused", "reconnecting": "1"}, "later"),
        ("on_demand", {"recording_failed": "room", "reconnecting": "1"}, "later"),
        ("on_demand", {}, "later"),
        ("on_demand", {"recording": "on"}, "later"),
        ("on_demand", {"recording": "on", "reconnecting": "1"}, "now"),
    ],
)
def test_a_queues_rule_holds_and_who_comes_back_goes_on(
    rule: RecordingRule, fields: dict[str, str], start: str
) -> None:
    assert recording.start_of(rule, fields) == start


def test_a_pause_outlives_the_page_and_no_talk() -> None:
    paused = {"recording": "paused", "recording_since": "5", "recording_start": "later"}
    assert recording.answered(paused | {"reconnecting": "1"}, 9)["recording"] == "paused"
    assert recording.answered(paused, 9)["recording"] == ""
    assert recording.answered({"recording_start": "now", "recording_told": "1"}, 9) == {
        "recording": "on",
        "recording_since": "9",
        "noticed": "1",
    }
    assert recording.answered({}, 9) == {}


def test_who_could_not_be_told_may_not_be_recorded_later_either() -> None:
    assert "noticed" not in recording.answered({"recording_start": "later"}, 9)
    assert recording.answered({"recording_start": "later", "noticed": "1"}, 9)["noticed"] == "1"


def test_parts_are_read_and_their_breaks_told() -> None:
    parts = parts_of("1763780000000:5.5,1763780009000:4")
    assert parts == (Part(1763780000000, 5.5, 0.0), Part(1763780009000, 4.0, 5.5))
    [gap] = breaks_of(parts, [("recording_paused", 1763780005600)])
    assert (gap.offset_seconds, gap.seconds, gap.why) == (5.5, 3.5, "paused")
    assert breaks_of(parts, [("held", 1763780005600)])[0].why == "apart"
    assert offset_of(parts, 1763780010000) == 6.5
    assert offset_of(parts, 1763780007000) is None


@pytest.mark.parametrize("text", ["", "x", "1763780000000", "1763780000000:-1", "1763780000000:1;drop", "1:1"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="parts"):
        parts_of(text)


def test_a_file_stays_in_its_folder() -> None:
    assert file_of("../../x", "node1", 1763780000000) == "2025/11/22/....x-at-node1-1763780000000.mp3"


def tone(hertz: float, seconds: float) -> bytes:
    turn = 2 * math.pi * hertz / 8000
    return alaw(array("h", (int(9000 * math.sin(turn * n)) for n in range(int(8000 * seconds)))))


def test_the_waveform_is_the_loudest_of_each_stretch() -> None:
    peaks = peaks_of(b"\xd5" * 4000 + tone(400, 0.5), 10)
    assert max(peaks[:5]) < 20
    assert min(peaks[5:]) > 180
    assert peaks_of(b"", 3) == b"\0\0\0"


def wrote(folder: Path, name: str, content: bytes, *, ago: float = 10) -> None:
    (folder / "recording").mkdir(exist_ok=True)
    path = folder / "recording" / name
    path.write_bytes(content)
    os.utime(path, (time.time() - ago,) * 2)


def test_parts_become_one_sound_with_a_side_each(tmp_path: Path) -> None:
    kept = Recordings(tmp_path, "node1")
    wrote(tmp_path, f"{CALL}_1763780000000_caller.alaw", tone(1000, 2), ago=20)
    wrote(tmp_path, f"{CALL}_1763780000000_agent.alaw", tone(700, 1.5), ago=20)
    wrote(tmp_path, f"{CALL}_1763780008000_caller.alaw", tone(1000, 1))
    assert kept.complete() == [], "nobody has said that the call is over"
    kept.call_over(CALL)
    assert kept.complete() == [CALL]
    made = kept.make(CALL)
    assert made is not None
    assert [round(part.seconds, 1) for part in made.parts] == [2.0, 1.0]
    assert made.parts[0].started_at_ms < made.parts[1].started_at_ms
    [waiting] = kept.waiting()
    assert waiting == made
    assert len(kept.sound(made)) == made.bytes
    assert kept.complete() == []
    kept.forget(made)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_call_whose_end_nobody_told_is_taken_later(tmp_path: Path) -> None:
    kept = Recordings(tmp_path, "node1")
    wrote(tmp_path, f"{CALL}_1763780000000_caller.alaw", tone(1000, 1), ago=on_node.ORPHAN_SECONDS + 1)
    assert kept.complete() == [CALL]


def test_what_cannot_be_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recordings(tmp_path, "node1")
    wrote(tmp_path, f"{CALL}_1763780000000_caller.alaw", tone(1000, 1))
    kept.call_over(CALL)
    with monkeypatch.context() as without_sox:
        without_sox.setenv("PATH", "/nonexistent")
        with pytest.raises(ConversionError):
            kept.make(CALL)
    assert kept.complete() == [CALL]
    assert kept.make(CALL) is not None


def test_nothing_said_is_nothing_kept(tmp_path: Path) -> None:
    kept = Recordings(tmp_path, "node1")
    wrote(tmp_path, f"{CALL}_1763780000000_caller.alaw", tone(1000, 0.1))
    kept.call_over(CALL)
    assert kept.make(CALL) is None
    assert kept.complete() == []


def test_without_room_none_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recordings(tmp_path, "node1")
    assert kept.has_room()
    monkeypatch.setattr(on_node, "LEAST_ROOM_BYTES", 2**62)
    assert not kept.has_room()
