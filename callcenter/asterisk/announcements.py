"""Announcements that a caller hears while his script asks on: music on hold whose first piece is the announcement.

Asterisk plays music on hold by itself, so that an announcement holds nothing up: a call can be dialled in the middle
of a word. musiconhold.conf has SLOTS classes whose first entry is a file of the node's spool and whose others are the
music; a file is opened when somebody begins to hear its class. The files are put in place here, and taken turns with.
"""

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from callcenter.asterisk.sounds import write_whole

log = structlog.get_logger()

SLOTS: Final = 64
REUSE_SECONDS: Final = 1.0
"""Asterisk opens a slot's file within one packet of being told to play it; before this it gets no other content."""
MUSIC_ENTRIES: Final = 40
"""Pieces of music after an announcement before it would be heard again."""


def music_class(slot: int) -> str:
    """The slot's name in musiconhold.conf."""
    return f"cc-say-{slot}"


def slot_file(folder: Path, slot: int) -> Path:
    """The file a slot begins with, without its ending. `folder`: the node's spool."""
    return folder / "say" / str(slot)


def class_lines(folder: Path, music: Sequence[Path]) -> str:
    """The classes of all slots for musiconhold.conf; the music begins with another piece in each. Pure.

    `folder`: the node's spool. `music`: files without their endings.
    """
    lines: list[str] = []
    for slot in range(SLOTS):
        pieces = [music[(slot + place) % len(music)] for place in range(MUSIC_ENTRIES)] if music else []
        entries = [slot_file(folder, slot), *pieces]
        lines += [f"[{music_class(slot)}]", "mode = playlist", *(f"entry = {entry}" for entry in entries), ""]
    return "\n".join(lines)


class Announcements:
    """The slots of one node. Safe for several threads and processes: who takes what stands in a locked file."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the node's spool."""
        self._folder = folder
        (folder / "say").mkdir(parents=True, exist_ok=True)

    def prepare(self, files: Sequence[Path]) -> str | None:
        """The class that begins with these files of A-law; None when every slot is being begun just now, or the disk
        is full.
        """
        sounds = [file.name for file in files]
        try:
            with self._taken() as slots:
                slot = _slot_of(slots, sounds)
                if slot is None:
                    return None
                if slots.get(slot, {}).get("sounds") != sounds:
                    content = b"".join(file.read_bytes() for file in files)
                    write_whole(slot_file(self._folder, int(slot)).with_suffix(".alaw"), content)
                slots[slot] = {"sounds": sounds, "at": time.time()}
        except OSError:
            log.exception("an announcement could not be put on disk")
            return None
        return music_class(int(slot))

    @contextmanager
    def _taken(self) -> Iterator[dict[str, Any]]:
        """What stands in each slot and since when, to be changed; nobody else changes it meanwhile."""
        with (self._folder / "say" / "slots.json").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            try:
                slots = dict(orjson.loads(file.read()))
            except ValueError:
                slots = {}
            yield slots
            file.truncate(0)
            file.write(orjson.dumps(slots))


def _slot_of(slots: dict[str, Any], sounds: list[str]) -> str | None:
    """The slot that has these sounds, or one that has not been begun for longest."""
    for slot, kept in slots.items():
        if kept["sounds"] == sounds:
            return slot
    for number in range(SLOTS):
        if str(number) not in slots:
            return str(number)
    oldest = min(slots, key=lambda slot: float(slots[slot]["at"]))
    return oldest if time.time() - float(slots[oldest]["at"]) > REUSE_SECONDS else None
