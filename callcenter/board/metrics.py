"""The board as Prometheus reads it: the same figures as on the screen, from the same tables, without a query.

Every replica exposes the same figures: take `max without (instance)` of them. `queue` is a queue's id; empty: calls
that came to no queue that there is (menus, refused callers, queues removed today), so that sums are of all calls.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from callcenter.board.model import Board, CallPlace
from callcenter.board.reading import Line, agents_by_queue, lines, service_level
from callcenter.routing.model import AgentState

Family = GaugeMetricFamily
_NO_QUEUE: Final = ""
_PLACES: Final[tuple[CallPlace, ...]] = ("menu", "outside", "waiting", "offered", "talking", "callback", "calling")

_TODAY: Final = {
    "arrived": "Calls that arrived today",
    "answered": "Of today's calls, those an agent answered",
    "within_target": "Of today's calls, those answered by the last ring in time",
    "within_response": "Of today's calls, those answered within the queue's second target",
    "short_abandoned": "Of today's calls, those given up in line after less than the set seconds",
    "callbacks_asked": "Of today's calls, those that asked to be called back",
    "messages": "Of today's calls, those that left a message",
    "passed_on": "Of today's calls, those passed on to another number",
    "closed": "Of today's calls, those that came while it was closed",
    "blocked": "Of today's calls, those of blocked callers",
    "failed": "Of today's calls, those that failed",
    "waited_seconds": "Seconds that today's answered callers waited, together",
    "talking_seconds": "Seconds of today's talks, together",
}
"""Fields of FigureRow, which the metrics are called after, and what they say."""


class BoardFigures(Collector):
    """Reads the last board at each scrape."""

    def __init__(self, last: Callable[[], Board], clock: Callable[[], int]) -> None:
        """`last()`: the newest board there is, without looking for a newer one; `clock()`: ms."""
        self._last = last
        self._clock = clock
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[Family]:
        """The families, in their order."""
        board, now = self._last(), self._clock()
        in_line = lines(board, now)
        yield from _now(board, in_line)
        yield from _agents(board)
        yield from _today(board)
        yield from _alarms(board)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)


def _family(name: str, says: str, labels: list[str], samples: Mapping[tuple[str, ...], float]) -> Family:
    family = Family(f"callcenter_{name}", says, labels=labels)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def _now(board: Board, in_line: Mapping[str, Line]) -> Iterator[Family]:
    by_queue = {(one,): line for one, line in in_line.items()}
    yield _family(
        "waiting", "Callers who wait to be answered", ["queue"], {key: one.waiting for key, one in by_queue.items()}
    )
    yield _family(
        "longest_wait_seconds",
        "How long the caller has waited who waits longest",
        ["queue"],
        {key: one.longest_wait_seconds for key, one in by_queue.items()},
    )
    yield _family(
        "callbacks_waiting",
        "Callers who keep their place without a line",
        ["queue"],
        {key: one.callbacks for key, one in by_queue.items()},
    )
    calls: Counter[tuple[str, ...]] = Counter(
        (call["queue_id"] if call["queue_id"] in in_line else _NO_QUEUE, call["place"])
        for call in board["calls"].values()
    )
    places: dict[tuple[str, ...], float] = {
        (queue_id, place): calls[queue_id, place] for queue_id in (*in_line, _NO_QUEUE) for place in _PLACES
    }
    yield _family("live_calls", "Calls that are not over, by where they are", ["queue", "place"], places)


def _agents(board: Board) -> Iterator[Family]:
    states = Counter(agent["state"] for agent in board["agents"].values())
    yield _family("agents", "Agents by state", ["state"], {(state,): states[state] for state in AgentState})
    by_queue = agents_by_queue(board)
    yield _family(
        "queue_agents",
        "Agents of a queue by state; who serves several stands in each",
        ["queue", "state"],
        {(one, state): found[state] for one, found in by_queue.items() for state in AgentState},
    )


def _figures(board: Board) -> dict[str, Mapping[str, Any]]:
    """Today's figures of each queue that there is, and under the empty id what is left of the whole hotline's."""
    found = {one: row for one, row in board["figures"].items() if one in board["queues"]}
    whole = board["figures"].get("")
    if whole is not None:
        left = {
            name: max(0, value - sum(row[name] for row in found.values()))
            for name, value in whole.items()
            if name != "longest_wait_seconds"
        }
        found[_NO_QUEUE] = left
    return found


def _today(board: Board) -> Iterator[Family]:
    figures = _figures(board)
    for name, says in _TODAY.items():
        yield _family(f"today_{name}", says, ["queue"], {(one,): row[name] for one, row in figures.items()})
    yield _family(
        "today_abandoned",
        "Of today's calls, those given up, by where their callers were",
        ["queue", "where"],
        {
            (one, where): row[f"abandoned_{where}"]
            for one, row in figures.items()
            for where in ("menu", "queue", "ringing")
        },
    )
    yield _family(
        "today_longest_wait_seconds",
        "The longest wait of today's callers who were answered or gave up",
        ["queue"],
        {(one,): row["longest_wait_seconds"] for one, row in figures.items() if one != _NO_QUEUE},
    )
    yield from _levels(board, figures)


def _levels(board: Board, figures: Mapping[str, Mapping[str, Any]]) -> Iterator[Family]:
    leave_out = _leaves_out_short(board)
    levels = {one: service_level(row, leave_out_short=leave_out) for one, row in figures.items() if one != _NO_QUEUE}
    yield _family(
        "today_service_level_ratio",
        "Today's calls answered in time, of those answered or given up; absent while there is none",
        ["queue"],
        {(one,): level for one, level in levels.items() if level is not None},
    )
    whole = board["figures"].get("")
    level = service_level(whole, leave_out_short=leave_out) if whole is not None else None
    yield _family(
        "today_hotline_service_level_ratio",
        "The same of the whole hotline",
        [],
        {(): level} if level is not None else {},
    )


def _leaves_out_short(board: Board) -> bool:
    row = board["general"].get("general")
    return row is None or bool(row["leave_out_short"])


def _alarms(board: Board) -> Iterator[Family]:
    rows = board["alarms"].values()
    yield _family(
        "alarm_active",
        "1 while an alarm stands, by its kind and its queue or node",
        ["kind", "subject"],
        {(row["kind"], row["subject"]): 1 for row in rows},
    )
    open_rows = sum(row["acknowledged_by"] is None for row in rows)
    yield _family("alarms_unacknowledged", "Alarms that nobody sees to yet", [], {(): open_rows})
