"""Reports that no service has taken yet, one file each, until one does."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import orjson
import structlog

from callcenter.asterisk.service_client import ReportVerb

log = structlog.get_logger()

MAX_FILES: Final = 100_000
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


class Spool:
    """A folder of reports for each verb. Safe for several threads and processes: each report is one atomic file."""

    def __init__(self, folder: Path) -> None:
        self._folders: dict[ReportVerb, Path] = {verb: folder / verb for verb in get_args(ReportVerb)}
        self._refused = folder / "refused"
        for one in self._folders.values():
            one.mkdir(parents=True, exist_ok=True)

    def put(self, verb: ReportVerb, call_id: str, body: Mapping[str, Any]) -> None:
        """Keep a report through a power failure. A full or read-only disk loses it, with a line in the log.

        The report of a channel that is there already is replaced.
        """
        folder = self._folders[verb]
        name = _UNSAFE.sub("_", f"{call_id}-{body.get('channel', '')}")[:200]
        fresh = folder / f".{name}.{os.getpid()}"
        try:
            with fresh.open("wb") as file:
                file.write(orjson.dumps({"call_id": call_id, "body": body}))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(folder / f"{name}.json")
        except OSError:
            log.exception("a report could not be kept on disk", verb=verb)
            with contextlib.suppress(OSError):
                fresh.unlink()

    def waiting(self) -> Iterator[tuple[Path, ReportVerb, str, dict[str, Any]]]:
        """Kept reports, oldest of a verb first: file, verb, call id, body. Unreadable files are put aside."""
        for verb, folder in self._folders.items():
            for path in sorted(folder.glob("*.json"), key=_written_at)[:MAX_FILES]:
                try:
                    kept = orjson.loads(path.read_bytes())
                    yield path, verb, str(kept["call_id"]), dict(kept["body"])
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
        return sum(1 for folder in self._folders.values() for _ in folder.glob("*.json"))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
