"""An import of customers: its states, and what may follow on which. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LARGEST_FILE: Final = 50 * 1024 * 1024
"""Bytes."""
PART_BYTES: Final = 1024 * 1024
MOST_ROWS: Final = 300_000
MOST_COLUMNS: Final = 100
KEPT_DAYS: Final = 30
"""How long rows are kept for the list of bad ones and for undoing; they hold personal data."""


class ImportState(StrEnum):
    """Where an import is."""

    UPLOADING = "uploading"
    READING = "reading"
    READ = "read"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    """The file can't be read, as it is or in this way."""
    UNDOING = "undoing"
    UNDONE = "undone"
    DISCARDED = "discarded"


class Step(StrEnum):
    """What a person, or the work itself, does to an import."""

    READ = "read"
    CHECK = "check"
    RUN = "run"
    STOP = "stop"
    UNDO = "undo"
    DISCARD = "discard"
    SUCCEED = "succeed"
    FAIL = "fail"


_S = ImportState
STATES: Final[dict[tuple[ImportState, Step], ImportState]] = {
    (_S.UPLOADING, Step.READ): _S.READING,
    (_S.READ, Step.READ): _S.READING,
    (_S.CHECKED, Step.READ): _S.READING,
    (_S.FAILED, Step.READ): _S.READING,
    (_S.READ, Step.CHECK): _S.CHECKING,
    (_S.CHECKED, Step.CHECK): _S.CHECKING,
    (_S.CHECKED, Step.RUN): _S.RUNNING,
    (_S.STOPPED, Step.RUN): _S.RUNNING,
    (_S.CHECKING, Step.STOP): _S.READ,
    (_S.RUNNING, Step.STOP): _S.STOPPED,
    (_S.DONE, Step.UNDO): _S.UNDOING,
    (_S.STOPPED, Step.UNDO): _S.UNDOING,
    **{(one, Step.DISCARD): _S.DISCARDED for one in (_S.UPLOADING, _S.READING, _S.READ, _S.CHECKED, _S.FAILED)},
    (_S.READING, Step.SUCCEED): _S.READ,
    (_S.CHECKING, Step.SUCCEED): _S.CHECKED,
    (_S.RUNNING, Step.SUCCEED): _S.DONE,
    (_S.UNDOING, Step.SUCCEED): _S.UNDONE,
    (_S.READING, Step.FAIL): _S.FAILED,
    (_S.CHECKING, Step.FAIL): _S.READ,
    (_S.RUNNING, Step.FAIL): _S.STOPPED,
    (_S.UNDOING, Step.FAIL): _S.DONE,
}
"""What each step leads to; a pair that is missing is refused. What is stopped goes on where it was."""

AT_WORK: Final = frozenset({_S.READING, _S.CHECKING, _S.RUNNING, _S.UNDOING})
"""States in which a process works on it."""


class Duplicates(StrEnum):
    """What becomes of a row whose number somebody has already."""

    SKIP = "skip"
    FILL = "fill"
    """What his record lacks is filled in."""
    OVERWRITE = "overwrite"
    """What the row says replaces what his record says; cells that are empty change nothing, and no number is lost."""
    MERGE = "merge"
    """Numbers he lacks are added, and what his record lacks is filled in."""


class Outcome(StrEnum):
    """What becomes, or has become, of a row."""

    NEW = "new"
    FILLED = "filled"
    OVERWRITTEN = "overwritten"
    MERGED = "merged"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row can't be imported; `column` (from 0) is where, None for the row as a whole."""

    column: int | None
    en: str
    zh: str


class BadFileError(Exception):
    """A file that can't be read as a table, with the reason in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


@dataclass(frozen=True, slots=True)
class Import:
    """One import, as it stands in PostgreSQL (migration 0012)."""

    import_id: int
    file_name: str
    size: int
    state: ImportState
    made_by: int | None
    made_at: datetime
    encoding: str
    separator: str
    sheet: int
    sheets: Sequence[str]
    header_row: int
    mapping: Sequence[str]
    duplicates: Duplicates
    total_rows: int
    done_rows: int
    last_row: int
    counts: dict[str, int]
    problem: dict[str, str] | None
    began_at: datetime | None
    ended_at: datetime | None
    made_by_name: str = ""
