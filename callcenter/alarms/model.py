"""Which alarms a board calls for, by what is set, and when one is raised and cleared. Pure.

An alarm is cleared when its cause has been gone for `CLEAR_MS`, so that it doesn't come and go with every caller. What
may only seem so to a service that has just started is raised `RAISE_MS` after it was seen first.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from callcenter.board.model import AlarmRow, Board
from callcenter.board.reading import Line, agents_by_queue, counted_calls, lines, service_level
from callcenter.configuration.model import Configuration, Queue
from callcenter.routing.model import AgentState

Kind = Literal["waiting", "longest_wait", "service_level", "abandoned", "no_agent", "node_lost"]

CLEAR_MS: Final = 10_000
RAISE_MS: Final[Mapping[Kind, int]] = {"no_agent": 5_000, "node_lost": 5_000}
ABANDONED_WITHIN_MS: Final = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that is looked at, and whether it calls for an alarm now. Values are callers, s, or percent."""

    kind: Kind
    subject: str
    value: float | None
    threshold: float | None
    is_over: bool | None
    """None: not known, since PostgreSQL has not been asked yet."""

    @property
    def key(self) -> str:
        """Its key among the alarms."""
        return f"{self.kind}:{self.subject}"


def watched(
    board: Board,
    configuration: Configuration,
    now_ms: int,
    *,
    open_queues: Collection[str],
    gave_up: Mapping[str, int] | None,
) -> dict[str, Watched]:
    """All that is looked at, by its key.

    `gave_up`: queue id -> callers who gave up within `ABANDONED_WITHIN_MS`; None: they are not counted yet.
    """
    found: list[Watched] = []
    in_line, agents = lines(board, now_ms), agents_by_queue(board)
    for queue in configuration.queues:
        queue_id = queue.queue_id
        if queue_id not in board["queues"]:
            continue
        found += _of_line(queue, in_line[queue_id], None if gave_up is None else gave_up.get(queue_id, 0))
        found += _of_day(board, queue, leave_out_short=configuration.leave_out_short)
        if queue.alarms.no_agent:
            serving = sum(count for state, count in agents[queue_id].items() if state != AgentState.SIGNED_OUT)
            found.append(Watched("no_agent", queue_id, None, None, queue_id in open_queues and not serving))
    if configuration.node_lost_alarm:
        found += [Watched("node_lost", name, None, None, not node["up"]) for name, node in board["nodes"].items()]
    return {one.key: one for one in found}


def _of_line(queue: Queue, line: Line, gave_up: int | None) -> Iterator[Watched]:
    alarms = queue.alarms
    measures: tuple[tuple[Kind, float | None, int | None], ...] = (
        ("waiting", line.waiting, alarms.waiting),
        ("longest_wait", float(int(line.longest_wait_seconds)), alarms.longest_wait_seconds),
        ("abandoned", gave_up, alarms.abandoned),
    )
    for kind, value, threshold in measures:
        if threshold is not None:
            yield Watched(kind, queue.queue_id, value, threshold, None if value is None else value >= threshold)


def _of_day(board: Board, queue: Queue, *, leave_out_short: bool) -> Iterator[Watched]:
    threshold = queue.alarms.service_level_percent
    if threshold is None:
        return
    figure = board["figures"].get(queue.queue_id)
    if figure is None:
        yield Watched("service_level", queue.queue_id, None, threshold, None)
        return
    calls = counted_calls(figure, leave_out_short=leave_out_short)
    level = service_level(figure, leave_out_short=leave_out_short)
    value = None if level is None else round(level * 100, 1)
    is_over = level is not None and calls >= queue.alarms.service_level_calls and level * 100 < threshold
    yield Watched("service_level", queue.queue_id, value, threshold, is_over)


@dataclass(slots=True)
class Verdict:
    """What becomes of the alarms. `pending`: since when what is not decided yet has differed from what stands (ms)."""

    raised: dict[str, AlarmRow] = field(default_factory=dict)
    renewed: dict[str, AlarmRow] = field(default_factory=dict)
    cleared: dict[str, AlarmRow] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether anything is to be changed."""
        return bool(self.raised or self.renewed or self.cleared)


def judged(
    standing: Mapping[str, AlarmRow], found: Mapping[str, Watched], pending: Mapping[str, int], now_ms: int
) -> Verdict:
    """What becomes of the alarms that stand, by what is found now; `pending` is of the verdict before.

    What is no longer looked at is cleared at once; what is not known stays as it is.
    """
    verdict = Verdict(cleared={key: row for key, row in standing.items() if key not in found})
    for key, one in found.items():
        if one.is_over is None:
            continue
        row = standing.get(key)
        if one.is_over == (row is not None):
            if row is not None and (renewed := _renewed(row, one)) != row:
                verdict.renewed[key] = renewed
            continue
        since = pending.get(key, now_ms)
        if now_ms - since < (RAISE_MS.get(one.kind, 0) if row is None else CLEAR_MS):
            verdict.pending[key] = since
        elif row is None:
            verdict.raised[key] = AlarmRow(
                kind=one.kind,
                subject=one.subject,
                since=since,
                value=one.value,
                threshold=one.threshold,
                acknowledged_by=None,
            )
        else:
            verdict.cleared[key] = row
    return verdict


def _renewed(row: AlarmRow, one: Watched) -> AlarmRow:
    """The row of an alarm that stands. How long somebody waits is not in it: that changes with time alone."""
    value = row["value"] if one.kind == "longest_wait" else one.value
    return {**row, "value": value, "threshold": one.threshold}
