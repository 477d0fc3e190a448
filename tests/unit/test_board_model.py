"""A board's tables: what changes lead to, and what a day's quarters come to."""

from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.board.day import Day, Quarter
from callcenter.board.model import QUARTER_MS, TABLES, FigureRow, Table, applied, empty
from callcenter.board.picture import Picture, call_row, place_of
from callcenter.routing.model import CallState
from callcenter.routing.store import LiveCall

KEYS = st.sampled_from("abcd")
ROWS = st.fixed_dictionaries({"n": st.integers(0, 2)})
CHANGES = st.lists(st.tuples(st.sampled_from(TABLES), KEYS, st.one_of(st.none(), ROWS)), max_size=30)


def changed(picture: Picture, changes: list[tuple[Table, str, dict[str, int] | None]]) -> None:
    for table, key, row in changes:
        if row is None:
            picture.drop(table, key)
        else:
            picture.put(table, key, row)


@given(st.lists(CHANGES, max_size=6))
def test_every_event_leads_to_the_next_board(events: list[list[Any]]) -> None:
    picture, shown = Picture(), empty()
    for changes in events:
        changed(picture, changes)
        put, drop = picture.changes()
        assert all(put.values())
        assert all(drop.values())
        shown = applied(shown, put, drop)
        assert shown == picture.board
        assert picture.changes() == ({}, {})


def figures(arrived: int, longest: float = 0.0) -> FigureRow:
    row: dict[str, Any] = dict.fromkeys(FigureRow.__annotations__, 0)
    return cast("FigureRow", row | {"arrived": arrived, "longest_wait_seconds": longest})


QUARTERS = st.lists(
    st.builds(
        Quarter,
        st.sampled_from(["", "service", "complaint"]),
        st.integers(0, 5).map(lambda n: n * QUARTER_MS),
        st.builds(figures, st.integers(1, 9), st.floats(0, 100)),
    ),
    unique_by=lambda one: (one.queue_id, one.at),
)


@given(QUARTERS, st.integers(0, 5), st.integers(1, 6), QUARTERS)
def test_a_day_read_in_part_is_the_day_read_anew(
    first: list[Quarter], since: int, count: int, later: list[Quarter]
) -> None:
    start, end = since * QUARTER_MS, (since + count) * QUARTER_MS
    part = [one for one in later if start <= one.at < end]
    day, anew = Day(["service"]), Day(["service"])
    day.keep(0, 6 * QUARTER_MS, first)
    day.keep(start, end, part)
    anew.keep(0, 6 * QUARTER_MS, [one for one in first if not start <= one.at < end] + part)
    assert day.quarters == anew.quarters
    shown, wanted = day.figures(), anew.figures()
    assert {key: row for key, row in shown.items() if row["arrived"]} == {
        key: row for key, row in wanted.items() if row["arrived"]
    }
    assert shown["service"]["arrived"] == wanted["service"]["arrived"]
    assert shown[""]["arrived"] == sum(row["arrived"] for key, row in shown.items() if key) + sum(
        one.figures["arrived"] for one in [one for one in first if not start <= one.at < end] + part if not one.queue_id
    )


CALL = {
    "queue": "service",
    "arrived": "1000",
    "waiting_since": "2000",
    "offered_at": "3000",
    "answered_at": "4000",
    "callback_at": "5000",
    "agent": "7",
    "agents": "7,8",
    "entry": orjson.dumps({"priority": 2}).decode(),
    "card": orjson.dumps({"kinds": ["vip"], "customers": [{"customer_id": 3, "name": "<b>刘"}]}).decode(),
}


@pytest.mark.parametrize(
    ("state", "fields", "place", "since", "agents"),
    [
        (CallState.NEW, {}, "menu", 1000, []),
        (CallState.AWAY, {}, "menu", 1000, []),
        (CallState.AWAY, {"at": '{"to":{"kind":"menu","menu_id":"m"}}'}, "menu", 1000, []),
        (CallState.AWAY, {"at": '{"to":{"kind":"number","number":"138"}}'}, "outside", 1000, []),
        (CallState.AWAY, {"at": '{"to":{"kind":"duty"}}'}, "outside", 1000, []),
        (CallState.WAITING, {}, "waiting", 2000, []),
        (CallState.OFFERED, {}, "offered", 3000, [7, 8]),
        (CallState.TALKING, {}, "talking", 4000, [7]),
        (CallState.WAITING, {"callback_number": "138"}, "callback", 5000, []),
        (CallState.RESTING, {"callback_number": "138"}, "callback", 5000, []),
        (CallState.OFFERED, {"callback_number": "138"}, "calling", 3000, [7, 8]),
        (CallState.TALKING, {"callback_number": "138"}, "talking", 4000, [7]),
    ],
)
def test_where_a_call_is(state: CallState, fields: dict[str, str], place: str, since: int, agents: list[int]) -> None:
    call = LiveCall("node1-1763780000.1", state, CALL | fields)
    found = place_of(call)
    assert found == place
    row = call_row(call, found, "138 0013 8000")
    assert (row["since"], row["agent_ids"], row["arrived_at"], row["priority"]) == (since, agents, 1000, 2)
    assert (row["customer_id"], row["customer_name"], row["kinds"]) == (3, "<b>刘", ["vip"])


def test_a_call_that_is_over_or_was_never_heard_of_is_nowhere() -> None:
    assert place_of(LiveCall("x", CallState.ENDED, CALL)) is None
    assert place_of(LiveCall("x", CallState.NEW, {})) is None
