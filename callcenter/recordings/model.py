"""What a recording is, and when a talk is recorded. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, Literal

from callcenter.clock import moment

LONGEST_HOURS: Final = 12
LARGEST_BYTES: Final = 192 * 1024 * 1024
"""Twelve hours at 4 kB a second."""
MOST_PARTS: Final = 100
_TOLERANCE_SECONDS: Final = 1.0
_PART: Final = re.compile(r"([0-9]{13}):([0-9]{1,6}(?:\.[0-9]{1,6})?)")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")

DeletedFor = Literal["retention", "by_hand", "erasure"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch without a break. `offset_seconds`: where it begins in the sound."""

    started_at_ms: int
    seconds: float
    offset_seconds: float


@dataclass(frozen=True, slots=True)
class Break:
    """Where in the sound something was left out, when, for how long, and why: `paused` by the agent or `apart`."""

    offset_seconds: float
    started_at_ms: int
    seconds: float
    why: Literal["paused", "apart"]


def parts_of(text: str) -> tuple[Part, ...]:
    """Parts as a node writes them: `started_at_ms:seconds`, comma-separated. Raises ValueError."""
    found: list[Part] = []
    offset = 0.0
    for one in text.split(","):
        match = _PART.fullmatch(one)
        if match is None or len(found) == MOST_PARTS:
            raise ValueError("not the parts of a recording")
        part = Part(int(match[1]), float(match[2]), round(offset, 3))
        if part.seconds <= 0 or (found and part.started_at_ms < found[-1].started_at_ms):
            raise ValueError("not the parts of a recording")
        found.append(part)
        offset += part.seconds
    if offset > LONGEST_HOURS * 3600:
        raise ValueError("too long")
    return tuple(found)


def breaks_of(parts: Sequence[Part], facts: Sequence[tuple[str, int]]) -> tuple[Break, ...]:
    """What is left out between the parts. `facts`: kinds and moments (ms) of the call's facts."""
    pauses = [at for kind, at in facts if kind == "recording_paused"]
    found = []
    for part, following in pairwise(parts):
        ended = part.started_at_ms + round(part.seconds * 1000)
        paused = any(ended - 3000 <= at <= following.started_at_ms for at in pauses)
        seconds = max(0.0, (following.started_at_ms - ended) / 1000)
        found.append(Break(following.offset_seconds, ended, round(seconds, 1), "paused" if paused else "apart"))
    return tuple(found)


def offset_of(parts: Sequence[Part], at_ms: int) -> float | None:
    """Where in the sound a moment is; None: it was not recorded."""
    for part in parts:
        into = (at_ms - part.started_at_ms) / 1000
        if -_TOLERANCE_SECONDS <= into <= part.seconds:
            return round(part.offset_seconds + max(0.0, into), 1)
    return None


def file_of(call_id: str, node: str, started_at_ms: int) -> str:
    """Where a recording is kept, below the folder of all: a folder for each day (UTC)."""
    day = moment(started_at_ms).astimezone(UTC)
    return f"{day:%Y/%m/%d}/{_UNSAFE.sub('', f'{call_id}-at-{node}')}-{started_at_ms}.mp3"


def shown_name(call_id: str, started_at: datetime) -> str:
    """What a downloaded file is called."""
    return f"{started_at:%Y%m%d-%H%M%S}-{_UNSAFE.sub('', call_id)}.mp3"


def parts_from_json(kept: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Parts as a row has them."""
    found: list[Part] = []
    offset = 0.0
    for one in kept:
        found.append(Part(int(one["started_at_ms"]), float(one["seconds"]), round(offset, 3)))
        offset += float(one["seconds"])
    return tuple(found)
