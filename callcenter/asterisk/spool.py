"""Reports that no service has taken yet, one file each, until one does."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

log = structlog.get_logger()

MAX_FILES: Final = 100_000
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


class Spool:
    """A folder of `ended` reports. Safe for several threads and processes: each report is one atomic file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "ended"
        self._refused = folder / "refused"
        self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, call_id: str, body: Mapping[str, Any]) -> None:
        """Keep a report through a power failure. A full or read-only disk loses it, with a line in the log."""
        name = _UNSAFE.sub("_", call_id)[:200] or "unnamed"
        fresh = self._folder / f".{name}.{os.getpid()}"
        try:
            with fresh.open("wb") as file:
                file.write(orjson.dumps({"call_id": call_id, "body": body}))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._folder / f"{name}.json")
        except OSError:
            log.exception("a call's end could not be kept on disk")
            with contextlib.suppress(OSError):
                fresh.unlink()

    def waiting(self) -> Iterator[tuple[Path, str, dict[str, Any]]]:
        """Kept reports, oldest first: file, call id, body. Unreadable files are put aside."""
        for path in sorted(self._folder.glob("*.json"), key=_written_at)[:MAX_FILES]:
            try:
                kept = orjson.loads(path.read_bytes())
                yield path, str(kept["call_id"]), dict(kept["body"])
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, TypeError):
                self.refuse(path)

    def refuse(self, path: Path) -> None:
        """Put a report aside that no service will ever take, for a person to look at."""
        self._refused.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.replace(self._refused / path.name)

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("*.json"))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
