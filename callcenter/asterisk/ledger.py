"""Asterisk's own ledger, shipped: tails the CDR file and posts the hotline's calls to the service.

Every call leaves a line in that file, also when nothing but Asterisk was alive. The place reached (inode and offset)
is kept in a small file; rows are posted at least once and the service takes each once.
"""

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
import structlog

log = structlog.get_logger()

COLUMNS: Final = (
    "uniqueid", "linkedid", "sequence", "start", "answer", "end", "channel", "dstchannel", "dcontext", "dst", "src",
    "clid", "lastapp", "disposition", "cc_path", "cc_agent_answered",
    "cc_call",
)  # fmt: skip
"""deploy/asterisk/cdr_custom.conf writes them in this order."""
CONTEXTS: Final = ("hotline", "hotline-call", "hotline-end", "fallback", "callback")
"""hotline-call: of the release before."""
MAX_READ_BYTES: Final = 512 * 1024
MAX_LINE_BYTES: Final = 32 * 1024
ROTATE_BYTES: Final = 32 * 1024 * 1024
MAX_CALLED: Final = 32
_NO_NUMBER = re.compile("[^0-9+]")
"""What callers may dial besides a number; [hotline] (dialplans/hotline.conf) leaves out the same."""
_NAME_IN_CLID = re.compile(r'^"?(.*?)"? <[^>]*>$', re.DOTALL)


class Taker(Protocol):
    """What takes ledger rows: ServiceClient."""

    def ledger(self, node: str, rows: Sequence[Mapping[str, Any]]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Place:
    """How far the file has been shipped."""

    inode: int = 0
    offset: int = 0


def rows_of(lines: Sequence[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parse whole CDR lines of hotline calls: id of the channel that dialled and the wire row. Pure; odd lines are left
    out, and a line of the release before, which has no last column, is not odd.
    """
    text = b"\n".join(lines).decode("utf-8", "replace").replace("\0", "")
    for values in csv.reader(text.splitlines(keepends=True)):
        if not len(COLUMNS) - 1 <= len(values) <= len(COLUMNS):
            continue
        row = dict.fromkeys(COLUMNS, "") | dict(zip(COLUMNS, values, strict=False))
        if row["dcontext"] in CONTEXTS and row["uniqueid"]:
            yield row["uniqueid"], _wire_row(row)


def folded(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a channel that dialled: several dial attempts have a line each, written one after the other."""
    calls: dict[str, dict[str, Any]] = {}
    for channel_id, row in rows:
        before = calls.get(channel_id)
        if before is None:
            calls[channel_id] = row
            continue
        merged = before | {name: value for name, value in row.items() if value not in (None, "")}
        merged["started_at_ms"] = min(before["started_at_ms"], row["started_at_ms"])
        merged["ended_at_ms"] = max(before["ended_at_ms"], row["ended_at_ms"])
        merged["talking_seconds"] = round(before["talking_seconds"] + row["talking_seconds"], 3)
        if before["answered_at_ms"] is not None:
            merged["answered_at_ms"] = before["answered_at_ms"]
            merged["disposition"] = before["disposition"]
            merged["agent_channel"] = before["agent_channel"]
        merged["fallback"] = before["fallback"] or row["fallback"]
        merged["attempts"] = before["attempts"] + 1
        calls[channel_id] = merged
    return list(calls.values())


class Ledger:
    """The tail of one CDR file."""

    def __init__(self, file: Path, state_dir: Path, node: str) -> None:
        self._file = file
        self._state = state_dir / "ledger-offset.json"
        self._node = node
        state_dir.mkdir(parents=True, exist_ok=True)
        self._place = self._load()
        self._end: Place | None = None
        """Where the file ended at the last look."""

    def ship(self, taker: Taker) -> int:
        """Post what is new until the end of the file or a refusal; the number of calls posted.

        The last call in the file is left for the next time, unless nothing has been written since: more lines
        of it may follow. Raises OSError.
        """
        shipped = 0
        end_before, self._end = self._end, None
        while True:
            lines, place = self._read(end_before)
            if not lines:
                self._rotate()
                return shipped
            rows = folded(list(rows_of(lines)))
            if rows and not taker.ledger(self._node, rows):
                return shipped
            shipped += len(rows)
            self._place = place
            self._save()

    def _read(self, end_before: Place | None) -> tuple[list[bytes], Place]:
        """Whole lines from the place reached, at most MAX_READ_BYTES, and the place after them.

        Of a file that does not end at `end_before`, the last call's lines are left out.
        """
        for path in self._files():
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                offset = self._place.offset if stat.st_ino == self._place.inode else 0
                if offset > stat.st_size:
                    offset = 0
                file.seek(offset)
                content = file.read(MAX_READ_BYTES)
            at_end = offset + len(content) >= stat.st_size
            lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
            if not lines and len(content) >= MAX_LINE_BYTES:
                log.error("a ledger line without an end is passed over")
                return [b"\n"], Place(stat.st_ino, offset + len(content))
            still = path == self._file
            if at_end and still:
                self._end = Place(stat.st_ino, stat.st_size)
                if self._end != end_before:
                    lines = _without_last_call(lines)
            if lines:
                return lines, Place(stat.st_ino, offset + sum(map(len, lines)))
            if not still and stat.st_ino == self._place.inode:
                self._place = Place()
                continue
        return [], self._place

    def _files(self) -> list[Path]:
        """The rotated file that was not read to its end, if any, then the one Asterisk writes."""
        rotated = self._file.with_name(self._file.name + ".1")
        found = [rotated] if self._place.inode and _inode(rotated) == self._place.inode else []
        return [*found, self._file] if self._file.exists() else found

    def _rotate(self) -> None:
        """Put a big file aside once it is shipped; Asterisk opens it anew for each call."""
        if self._place.inode == _inode(self._file) and self._place.offset > ROTATE_BYTES:
            self._file.replace(self._file.with_name(self._file.name + ".1"))

    def _load(self) -> Place:
        try:
            kept = orjson.loads(self._state.read_bytes())
            return Place(int(kept["inode"]), int(kept["offset"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Place()

    def _save(self) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_bytes(orjson.dumps({"inode": self._place.inode, "offset": self._place.offset}))
        fresh.replace(self._state)


def _call_id_of(line: bytes) -> bytes:
    return line.partition(b",")[0]


def _without_last_call(lines: list[bytes]) -> list[bytes]:
    last = _call_id_of(lines[-1]) if lines else b""
    while lines and _call_id_of(lines[-1]) == last:
        lines = lines[:-1]
    return lines


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _wire_row(row: Mapping[str, str]) -> dict[str, Any]:
    """The Node API's ledger row. Answered means by an agent: a caller who heard the hotline alone was not.

    Of a callback the agent's phone is the channel that dialled, and the customer is who was dialled.
    """
    started, ended = _ms(row["start"]) or 0, _ms(row["end"]) or 0
    path = row["cc_path"]
    back = path == "callback"
    answered = _answered_by_agent_ms(row)
    if answered is not None and not started <= answered <= ended:
        answered = None
    name = _NAME_IN_CLID.match(row["clid"])
    return {
        "call_id": row["cc_call"] if back else row["uniqueid"],
        "linked_id": row["linkedid"],
        "path": path,
        "called": _NO_NUMBER.sub("", row["dst"])[:MAX_CALLED],
        "caller_number": None if back else row["src"] or None,
        "caller_name": name[1] if name and not back else "",
        "channel": row["channel"],
        "agent_channel": _agent_channel(row),
        "started_at_ms": started,
        "answered_at_ms": answered,
        "ended_at_ms": ended,
        "talking_seconds": 0.0 if answered is None else max(ended - answered, 0) / 1000,
        "disposition": "NO ANSWER" if answered is None and row["disposition"] == "ANSWERED" else row["disposition"],
        "last_app": row["lastapp"],
        "fallback": path == "fallback",
        "attempts": 1,
    }


def _answered_by_agent_ms(row: Mapping[str, str]) -> int | None:
    """When an agent and a customer were connected, if they were."""
    if row["cc_path"] == "passed_on" or not row["dstchannel"]:
        return None
    if row["cc_path"] in ("answered", "fallback", "callback"):
        return _whole_ms(row["cc_agent_answered"])
    return _ms(row["answer"])


def _agent_channel(row: Mapping[str, str]) -> str:
    match row["cc_path"]:
        case "callback":
            return row["channel"]
        case "passed_on":
            return ""
    return row["dstchannel"]


def _ms(text: str) -> int | None:
    """`seconds.microseconds` since the epoch in ms; None for Asterisk's zero."""
    seconds, _, fraction = text.partition(".")
    if not seconds.isdigit() or int(seconds) == 0:
        return None
    return int(seconds) * 1000 + int((fraction + "000")[:3])


def _whole_ms(text: str) -> int | None:
    return int(text) if text.isdigit() else None
