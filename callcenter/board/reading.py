"""What alarms and Prometheus read off a board, so that both say what the screen says. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from callcenter.board.model import Board

IN_LINE: Final = frozenset({"waiting", "offered"})
"""Where a caller waits to be answered: a phone that rings for him has not answered yet."""
WITHOUT_LINE: Final = frozenset({"callback", "calling"})
"""Where a caller is who keeps his place without a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A queue's line: callers who wait to be answered, how long the first of them has, those who keep their place."""

    waiting: int = 0
    longest_wait_seconds: float = 0.0
    callbacks: int = 0


def lines(board: Board, now_ms: int) -> dict[str, Line]:
    """The line of each queue at this moment."""
    waits: dict[str, list[float]] = {queue_id: [] for queue_id in board["queues"]}
    callbacks = dict.fromkeys(board["queues"], 0)
    for call in board["calls"].values():
        queue_id = call["queue_id"]
        if queue_id not in waits:
            continue
        if call["place"] in IN_LINE:
            waits[queue_id].append(max(0, now_ms - call["arrived_at"]) / 1000)
        callbacks[queue_id] += call["place"] in WITHOUT_LINE
    return {one: Line(len(times), max(times, default=0.0), callbacks[one]) for one, times in waits.items()}


def counted_calls(figure: Mapping[str, Any], *, leave_out_short: bool) -> int:
    """How many calls of a `FigureRow` its service level is of: those that were answered or given up."""
    gave_up = figure["abandoned_queue"] + figure["abandoned_ringing"]
    return int(figure["answered"] + gave_up - (figure["short_abandoned"] if leave_out_short else 0))


def service_level(figure: Mapping[str, Any], *, leave_out_short: bool) -> float | None:
    """The share of calls that were answered in time, 0 to 1; None while there was none."""
    calls = counted_calls(figure, leave_out_short=leave_out_short)
    return figure["within_target"] / calls if calls > 0 else None


def agents_by_queue(board: Board) -> dict[str, Counter[str]]:
    """How many agents of each queue are in each state."""
    found: dict[str, Counter[str]] = {queue_id: Counter() for queue_id in board["queues"]}
    for agent in board["agents"].values():
        for queue_id in agent["queues"]:
            if queue_id in found:
                found[queue_id][agent["state"]] += 1
    return found
