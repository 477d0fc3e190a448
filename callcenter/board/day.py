"""What became of a day's calls, by quarters of an hour. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from callcenter.board.model import FigureRow, QuarterRow

WHOLE = ""
"""The whole hotline, in the place of a queue's id; a call that came to no queue is of no other."""


@dataclass(frozen=True, slots=True)
class Quarter:
    """The calls of one queue ("" for none) that arrived in the quarter of an hour that begins at `at` (ms)."""

    queue_id: str
    at: int
    figures: FigureRow


class Day:
    """A day so far."""

    def __init__(self, queue_ids: Iterable[str]) -> None:
        """`queue_ids`: those that are shown without any call too."""
        self.quarters: dict[str, QuarterRow] = {}
        """As the board's table of that name."""
        self._by_queue: dict[str, dict[int, FigureRow]] = {queue_id: {} for queue_id in queue_ids}
        self._totals: dict[str, FigureRow] = {queue_id: total(()) for queue_id in self._by_queue}

    def keep(self, since_ms: int, until_ms: int, found: Iterable[Quarter]) -> None:
        """These are the quarters that began in this time."""
        touched = set()
        for queue_id, rows in self._by_queue.items():
            for at in [at for at in rows if since_ms <= at < until_ms]:
                del rows[at]
                self.quarters.pop(f"{queue_id}/{at}", None)
                touched.add(queue_id)
        for one in found:
            self._by_queue.setdefault(one.queue_id, {})[one.at] = one.figures
            touched.add(one.queue_id)
            if one.queue_id:
                self.quarters[f"{one.queue_id}/{one.at}"] = quarter_row(one)
        for queue_id in touched:
            self._totals[queue_id] = total(self._by_queue[queue_id].values())

    def figures(self) -> dict[str, FigureRow]:
        """Each queue's figures, and those of the whole hotline."""
        return {queue_id: row for queue_id, row in self._totals.items() if queue_id} | {
            WHOLE: total(self._totals.values())
        }


def total(rows: Iterable[FigureRow]) -> FigureRow:
    """All of these together."""
    rows = list(rows)
    added: dict[str, Any] = {name: sum(row[name] for row in rows) for name in FigureRow.__annotations__}  # type: ignore[literal-required]
    added["longest_wait_seconds"] = max((row["longest_wait_seconds"] for row in rows), default=0.0)
    return cast("FigureRow", added)


def quarter_row(quarter: Quarter) -> QuarterRow:
    """A quarter of an hour as charts need it."""
    figures = quarter.figures
    return QuarterRow(
        queue_id=quarter.queue_id,
        at=quarter.at,
        arrived=figures["arrived"],
        answered=figures["answered"],
        within_target=figures["within_target"],
        abandoned=figures["abandoned_queue"] + figures["abandoned_ringing"],
        short_abandoned=figures["short_abandoned"],
    )
