"""Recordings of talks on a node: the files that Asterisk writes, made into one sound a call, kept until handed in.

Asterisk writes each side of a talk into a file of its own, A-law without a header (dialplans/recording.conf), so that
all that was written can be used, whatever dies. A talk that was paused, or went on with another agent, is in several
parts. When the call is over they become one MP3 with the caller on the left and the agent on the right. What can't be
made stays and is tried again: nothing here is in a call's way.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import orjson
import structlog

from callcenter.asterisk.sounds import RATE, write_whole
from callcenter.routing.script import RecordingStart, WhyNotRecorded

log = structlog.get_logger()

FORMAT: Final = "mp3"
KILOBITS: Final = 32
"""A second of both sides: 4 kB, 240 kB a minute."""
PEAKS: Final = 600
"""Points of the waveform, each side."""
LEAST_ROOM_BYTES: Final = 512 * 1024 * 1024
"""With less left on the disk no recording begins: the reports of calls need it more."""
LEAST_SECONDS: Final = 0.5
"""What is shorter holds nothing, and is not kept."""
SETTLE_SECONDS: Final = 2.0
"""How long after its call's end a file may still be written to."""
ORPHAN_SECONDS: Final = 900.0
"""Files of a call whose end nobody told are taken when nothing was written to them for so long."""
_WORK_SECONDS: Final = 600.0
_SILENCE: Final = b"\xd5"
"""A sample of silence in A-law."""
_FENCE: Final = ("nice", "-n", "10", "prlimit", "--as=1000000000")
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")
_PART = re.compile(r"([A-Za-z0-9.-]{1,100})_([0-9]{13})_(caller|agent)\.alaw")
SIDES: Final = ("caller", "agent")


class ConversionError(Exception):
    """A sound could not be made of what was recorded."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch that was recorded without a break. `started_at_ms`: when its first sound was heard."""

    started_at_ms: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that waits to be handed in."""

    call_id: str
    node: str
    seconds: float
    bytes: int
    sha256: str
    parts: tuple[Part, ...]
    peaks: str
    """Hexadecimal, two digits a point: PEAKS of the caller, then PEAKS of the agent."""

    @property
    def started_at_ms(self) -> int:
        """When its first sound was heard."""
        return self.parts[0].started_at_ms

    @property
    def name(self) -> str:
        """Of its files, without their endings."""
        return f"{_safe(self.call_id)}_{self.started_at_ms}"


@dataclass(frozen=True, slots=True)
class _Piece:
    """The files of one part."""

    name: str
    folder: Path

    def file(self, side: str) -> Path:
        return self.folder / f"{self.name}_{side}.alaw"

    def part(self) -> Part:
        """What was recorded. Asterisk begins with the first sound, and the last one is as old as the file."""
        sizes, written = [0], [0.0]
        for side in SIDES:
            with contextlib.suppress(FileNotFoundError):
                found = self.file(side).stat()
                sizes.append(found.st_size)
                written.append(found.st_mtime)
        seconds = max(sizes) / RATE
        return Part(round((max(written) - seconds) * 1000), round(seconds, 3))

    def delete(self) -> None:
        for side in SIDES:
            self.file(side).unlink(missing_ok=True)


def recordings_folder(spool: Path) -> Path:
    """Where Asterisk writes, below the node's spool."""
    return spool / "recording"


class Recordings:
    """A folder of recordings. `call_over` and `has_room` are safe in any thread; one thread does the rest."""

    def __init__(self, spool: Path, node: str) -> None:
        """`spool`: the node's. Raises OSError."""
        self._folder = recordings_folder(spool)
        self._ready = self._folder / "ready"
        self._refused = self._folder / "refused"
        self.node = node
        self._ready.mkdir(parents=True, exist_ok=True)

    def has_room(self) -> bool:
        """Whether a recording may begin."""
        try:
            return shutil.disk_usage(self._folder).free >= LEAST_ROOM_BYTES
        except OSError:
            return False

    def call_over(self, call_id: str) -> None:
        """A call is over: what was recorded of it is complete. Never raises."""
        try:
            begins = f"{_safe(call_id)}_"
            with os.scandir(self._folder) as files:  # a step of each call: a pattern costs three times as much
                found = any(file.name.startswith(begins) and file.name.endswith(".alaw") for file in files)
            if found:
                (self._folder / f"{_safe(call_id)}.over").touch()
        except OSError:
            log.exception("the end of a recording could not be noted")

    def complete(self) -> list[str]:
        """The calls whose recordings are complete and not made into a sound yet."""
        now = time.time()
        written: dict[str, float] = {}
        for path in self._folder.glob("*.alaw"):
            if match := _PART.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    written[match[1]] = max(written.get(match[1], 0.0), path.stat().st_mtime)
        return [
            call_id
            for call_id, last in sorted(written.items(), key=lambda one: one[1])
            if now - last > (SETTLE_SECONDS if (self._folder / f"{call_id}.over").exists() else ORPHAN_SECONDS)
        ]

    def make(self, call_id: str) -> Recording | None:
        """Make one sound of a complete call's parts; None: they hold nothing. May be repeated.

        Raises:
            ConversionError, OSError: it could not be made, and the parts are where they were.
        """
        pieces = [_Piece(name, self._folder) for name in self._names(call_id)]
        parts = [(piece, part) for piece in pieces if (part := piece.part()).seconds >= LEAST_SECONDS]
        made = self._make(call_id, parts) if parts else None
        for piece in pieces:
            piece.delete()
        (self._folder / f"{call_id}.over").unlink(missing_ok=True)
        return made

    def waiting(self) -> Iterator[Recording]:
        """Recordings to be handed in, oldest first. One that can't be read is put aside."""
        for path in sorted(self._ready.glob("*.json"), key=lambda path: path.name.rpartition("_")[2]):
            try:
                told = orjson.loads(path.read_bytes())
                yield Recording(**told | {"parts": tuple(Part(**part) for part in told["parts"])})
            except FileNotFoundError:
                continue
            except (ValueError, TypeError, KeyError):
                self._put_aside(path.stem)

    def sound(self, recording: Recording) -> bytes:
        """The MP3 file. Raises OSError."""
        return self._sound_of(recording).read_bytes()

    def forget(self, recording: Recording) -> None:
        """A service has it."""
        self._sound_of(recording).unlink(missing_ok=True)
        (self._ready / f"{recording.name}.json").unlink(missing_ok=True)

    def refuse(self, recording: Recording) -> None:
        """Put a recording aside that no service will ever take, for a person to look at."""
        self._put_aside(recording.name)

    def count(self) -> tuple[int, int]:
        """How many calls' recordings wait (to be made or handed in), and how many were put aside."""
        made = sum(1 for _ in self._ready.glob("*.json"))
        aside = sum(1 for _ in self._refused.glob("*.json")) if self._refused.exists() else 0
        return made + len(self.complete()), aside

    def _names(self, call_id: str) -> list[str]:
        found = (_PART.fullmatch(path.name) for path in self._folder.glob(f"{call_id}_*.alaw"))
        return sorted({f"{match[1]}_{match[2]}" for match in found if match and match[1] == call_id})

    def _make(self, call_id: str, parts: Sequence[tuple[_Piece, Part]]) -> Recording:
        work = self._folder / f"work-{call_id}"
        work.mkdir(exist_ok=True)
        try:
            sides = [work / side for side in SIDES]
            for side, target in zip(SIDES, sides, strict=True):
                with target.open("wb") as whole:
                    for piece, part in parts:
                        _append(whole.write, piece.file(side), round(part.seconds * RATE))
            sound = work / f"sound.{FORMAT}"
            _convert(sides, sound)
            content = sound.read_bytes()
            recording = Recording(
                call_id=call_id,
                node=self.node,
                seconds=round(sum(part.seconds for _, part in parts), 3),
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                parts=tuple(part for _, part in parts),
                peaks="".join(peaks_of(side.read_bytes()).hex() for side in sides),
            )
            sound.replace(self._sound_of(recording))
            write_whole(self._ready / f"{recording.name}.json", orjson.dumps(asdict(recording)))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return recording

    def _sound_of(self, recording: Recording) -> Path:
        return self._ready / f"{recording.name}.{FORMAT}"

    def _put_aside(self, name: str) -> None:
        self._refused.mkdir(exist_ok=True)
        for ending in ("json", FORMAT):
            with contextlib.suppress(FileNotFoundError):
                (self._ready / f"{name}.{ending}").replace(self._refused / f"{name}.{ending}")


def start_possible(
    start: RecordingStart, *, told: bool, has_room: bool
) -> tuple[RecordingStart, WhyNotRecorded | None]:
    """How a recording that is to begin so can begin here, and what stands against it. Pure.

    `told`: the caller is told of it, or was.
    """
    if not told:
        return "later", "notice"
    if start == "now" and not has_room:
        return "later", "room"
    return start, None


def peaks_of(samples: bytes, points: int = PEAKS) -> bytes:
    """The loudest of each of `points` equal stretches of A-law samples, 0 to 255, on a scale that ears have. Pure."""
    loudness = samples.translate(_LOUDNESS)
    edges = [len(loudness) * point // points for point in range(points + 1)]
    return bytes(max(loudness[one:other], default=0) for one, other in pairwise(edges))


def _safe(call_id: str) -> str:
    """A call id as it stands in file names; the dialplan's FILTER() leaves the same characters."""
    return _UNSAFE.sub("", call_id)[:100]


def _append(write: Callable[[bytes], object], file: Path, samples: int) -> None:
    """A side's samples of one part, silence where there are fewer; more belong to no part."""
    left = samples
    with contextlib.suppress(FileNotFoundError), file.open("rb") as side:
        while left and (chunk := side.read(min(left, 1 << 20))):
            write(chunk)
            left -= len(chunk)
    write(_SILENCE * left)


def _convert(sides: Sequence[Path], sound: Path) -> None:
    """Two sides as one sound, by sox in a process of its own. Raises ConversionError."""
    given = [word for side in sides for word in ("-t", "al", "-r", str(RATE), "-c", "1", str(side))]
    command = [*_FENCE, "sox", "-V1", "-D", "-M", *given, "-t", FORMAT, "-C", str(KILOBITS), str(sound)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_WORK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConversionError(type(error).__name__) from None
    if done.returncode != 0 or not sound.exists() or not sound.stat().st_size:
        raise ConversionError(f"sox ended with {done.returncode}")


def _loudness(code: int) -> int:
    """How loud an A-law code is: its segment and step are nearly a logarithm already (ITU-T G.711)."""
    return (((code ^ 0x55) & 0x7F) * 255) // 127


_LOUDNESS: Final = bytes(_loudness(code) for code in range(256))
