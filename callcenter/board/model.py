"""What a supervisor's board shows, as tables of rows, and how one board becomes the next. Pure.

A board is `{table: {key: row}}`; rows are whole, so that a board can't drift: an event puts rows in place of those with
their keys and drops others. Whatever changes with time alone (waits, rings, how long somebody has talked) is not in it:
pages count it from the moments that are. All moments are ms since the epoch, durations s.

  queues    queue id -> QueueRow      figures   queue id, or "" for the whole hotline -> FigureRow (today)
  calls     call id  -> CallRow       quarters  "queue id/ms" -> QuarterRow (today, a quarter of an hour each)
  agents    user id  -> AgentRow      agent_days user id -> AgentDayRow (today)
  nodes     name     -> NodeRow       alarms    key      -> AlarmRow
  general   "general" -> GeneralRow

Keys are text. The socket `GET /api/v1/board/live` says `{"type": "snapshot", "seq", "at", "board"}`, then
`{"type": "event", "seq", "at", "put": {table: {key: row}}, "drop": {table: [key]}}` with `seq` one higher each time;
`at` is the service's clock. A gap in `seq` means: connect again.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

from callcenter.numbers.model import masked
from callcenter.routing.model import AgentState

Table = Literal["queues", "calls", "agents", "figures", "agent_days", "quarters", "nodes", "alarms", "general"]
TABLES: Final[tuple[Table, ...]] = (
    "queues",
    "calls",
    "agents",
    "figures",
    "agent_days",
    "quarters",
    "nodes",
    "alarms",
    "general",
)
Board = dict[str, dict[str, Mapping[str, Any]]]
QUARTER_MS: Final = 15 * 60_000
CallPlace = Literal["menu", "outside", "waiting", "offered", "talking", "callback", "calling"]
"""Where a call is: in a menu or asked something, sent out to a number, in line, on offer to agents, in talk; without a
line: keeping its place (in line, or resting until it is tried again), being called back.
"""


def with_hidden_numbers(tables: Mapping[str, Mapping[str, Mapping[str, Any]]], country: str) -> dict[str, Any]:
    """Tables of rows as who may not see numbers has them (SEC-01)."""
    if not tables.get("calls"):
        return dict(tables)
    calls = {
        key: {**row, "number_display": masked(row["number_display"], country)} for key, row in tables["calls"].items()
    }
    return {**tables, "calls": calls}


class QueueRow(TypedDict):
    """A queue as it is set, in the order of `position`."""

    queue_id: str
    name_zh: str
    name_en: str
    position: int
    target_kind: Literal["within", "before", "after"]
    target_rings: int
    last_ring: int
    """The last ring in which an answer is in time."""
    apology_ring: int
    response_seconds: int
    priority: int


class CallRow(TypedDict):
    """A call that is not over. `since`: when it came to its `place`; `arrived_at`: since when the caller waits."""

    call_id: str
    queue_id: str
    place: CallPlace
    since: int
    arrived_at: int
    answered_at: int | None
    held_at: int | None
    priority: int
    number_display: str
    """Empty: withheld."""
    customer_id: int | None
    customer_name: str | None
    kinds: list[str]
    """vip, open_case, complaint, owned."""
    agent_ids: list[int]
    """Who is rung, or talks; empty while nobody does."""
    node: str
    next_at: int | None
    """A callback that rests: when it is tried again."""


class AgentRow(TypedDict):
    """An agent. `until`: when his wrap-up ends by itself. `misses`: in a row. `listener`: who listens to him now."""

    user_id: int
    display_name: str
    extension: str
    phone_kind: str
    online: bool
    node: str
    state: AgentState
    since: int
    reason: str | None
    until: int | None
    call_id: str
    misses: int
    queues: list[str]
    skills: dict[str, int]
    listener: str | None


class FigureRow(TypedDict):
    """What became of the calls that arrived today. Service level: `within_target` / (`answered` + `abandoned_queue` +
    `abandoned_ringing`), less `short_abandoned` where those are left out.
    """

    arrived: int
    answered: int
    within_target: int
    """Answered by the last ring in time."""
    within_response: int
    """Answered within the second target's seconds."""
    abandoned_menu: int
    abandoned_queue: int
    abandoned_ringing: int
    short_abandoned: int
    """Of the two before: who waited less than `GeneralRow.short_abandon_seconds`."""
    callbacks_asked: int
    messages: int
    passed_on: int
    closed: int
    blocked: int
    failed: int
    waited_seconds: float
    """Of those who were answered, together."""
    longest_wait_seconds: float
    """Of those who were answered or gave up."""
    talking_seconds: float


class QuarterRow(TypedDict):
    """The calls of one queue that arrived in one quarter of an hour, which begins at `at`."""

    queue_id: str
    at: int
    arrived: int
    answered: int
    within_target: int
    abandoned: int
    """In line or while a phone rang."""
    short_abandoned: int


class AgentDayRow(TypedDict):
    """An agent's day so far. The seconds of each state leave the one that he is in now out (`AgentRow.since`).
    A call with its talk counts for whoever had it last, also where it was taken over or moved out of another's talk.

    Occupancy: (talking + wrapup) / (talking + wrapup + ready), with rings and offers counted as ready.
    """

    user_id: int
    calls: int
    rings: int
    """Rings of his own phone until he took it, of the calls that count for him."""
    within_target: int
    misses: int
    talking_seconds: float
    holding_seconds: float
    outcomes: int
    """Calls of his whose outcome was saved, or is not asked for by their queue."""
    seconds: dict[str, float]
    """State -> s; `paused` is apart as `paused` and `paused_productive`."""
    first_at: int | None
    """When he signed in first."""


class NodeRow(TypedDict):
    """An Asterisk. `up`: it serves calls."""

    up: bool


class AlarmRow(TypedDict):
    """Something that a supervisor shall know now."""

    kind: Literal["waiting", "longest_wait", "service_level", "abandoned", "no_agent", "node_lost"]
    subject: str
    """The queue's id, or the node's name."""
    since: int
    value: float | None
    """Callers, s, or percent, as it is now; a longest wait as it was when the alarm was raised. Null: it has none."""
    threshold: float | None
    acknowledged_by: str | None
    """The name of who sees to it."""


class GeneralRow(TypedDict):
    """What concerns all of it."""

    tone_seconds: float
    silence_seconds: float
    short_abandon_seconds: int
    leave_out_short: bool
    """Whether short abandons are left out of the service level."""
    tell_listened: bool
    """Whether agents are told that somebody listens."""
    day_began_at: int


def empty() -> Board:
    """A board that shows nothing."""
    return {table: {} for table in TABLES}


def applied(board: Board, put: Mapping[str, Mapping[str, Any]], drop: Mapping[str, list[str]]) -> Board:
    """The board after an event, as pages compute it."""
    return {
        table: {key: row for key, row in rows.items() if key not in drop.get(table, ())} | dict(put.get(table, {}))
        for table, rows in board.items()
    }
