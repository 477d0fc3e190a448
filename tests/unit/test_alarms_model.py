"""Which alarms a board calls for, and when they are raised and cleared."""

from typing import Any

import pytest

from callcenter.alarms.model import CLEAR_MS, RAISE_MS, Verdict, judged, watched
from callcenter.board.model import AlarmRow
from callcenter.configuration.model import Alarms, Configuration, PauseReason, Queue
from tests.boards import NOW, BoardOfTest, figure

REASON = PauseReason(code="other", name_zh="其他", name_en="Other")
OFF: dict[str, Any] = {"longest_wait_seconds": None, "no_agent": False}


def configured(**alarms: Any) -> Configuration:
    queue = Queue(queue_id="service", name_zh="客服热线", name_en="Service hotline", alarms=Alarms(**alarms))
    return Configuration(queues=[queue], pause_reasons=[REASON])


def keys(there: BoardOfTest, configuration: Configuration, gave_up: int = 0, *, is_open: bool = True) -> set[str]:
    open_queues = {"service"} if is_open else set[str]()
    found = watched(there.board, configuration, NOW, open_queues=open_queues, gave_up={"service": gave_up})
    return {key for key, one in found.items() if one.is_over}


def test_a_quiet_board_calls_for_nothing() -> None:
    everything = configured(waiting=1, service_level_percent=100, abandoned=1)
    assert keys(BoardOfTest(), everything) == set()
    assert keys(BoardOfTest(), configured()) == set()


@pytest.mark.parametrize(("places", "raised"), [("wow", True), ("wo", False), ("wot", False), ("wocm", False)])
def test_callers_who_wait_are_those_nobody_has_answered_yet(places: str, raised: bool) -> None:
    there = BoardOfTest()
    names = {"w": "waiting", "o": "offered", "t": "talking", "c": "callback", "m": "menu"}
    for number, place in enumerate(places):
        there.call(str(number), names[place], NOW)
    assert keys(there, configured(waiting=3)) == ({"waiting:service"} if raised else set())


@pytest.mark.parametrize(
    ("place", "waited_ms", "raised"),
    [("waiting", 60_000, True), ("offered", 60_001, True), ("waiting", 59_999, False), ("callback", 90_000, False)],
)
def test_by_default_somebody_who_waits_a_minute_is_told(place: str, waited_ms: int, raised: bool) -> None:
    there = BoardOfTest()
    there.call("a", place, NOW - waited_ms)
    assert keys(there, configured()) == ({"longest_wait:service"} if raised else set())
    assert keys(there, configured(**OFF)) == set()


@pytest.mark.parametrize(
    ("row", "raised"),
    [
        (figure(answered=20, within_target=15), True),
        (figure(answered=20, within_target=16), False),
        (figure(answered=19, within_target=0), False),
        (figure(answered=16, within_target=16, abandoned_queue=3, abandoned_ringing=2), True),
        (figure(answered=16, within_target=16, abandoned_queue=5, short_abandoned=1), False),
        (figure(answered=16, within_target=16, abandoned_menu=50), False),
    ],
)
def test_the_service_level_is_of_those_answered_or_given_up(row: dict[str, Any], raised: bool) -> None:
    there = BoardOfTest()
    there.board["figures"]["service"] = row
    wanted_keys = {"service_level:service"} if raised else set()
    assert keys(there, configured(service_level_percent=80)) == wanted_keys


def test_short_abandons_count_where_they_are_not_left_out() -> None:
    there = BoardOfTest()
    there.board["figures"]["service"] = figure(answered=16, within_target=16, abandoned_queue=5, short_abandoned=1)
    counting = configured(service_level_percent=80).model_copy(update={"leave_out_short": False})
    assert keys(there, counting) == {"service_level:service"}


def test_who_gave_up_of_late_counts() -> None:
    assert keys(BoardOfTest(), configured(abandoned=3), gave_up=3) == {"abandoned:service"}
    assert keys(BoardOfTest(), configured(abandoned=3), gave_up=2) == set()


@pytest.mark.parametrize(("state", "raised"), [("signed_out", True), ("paused", False), ("talking", False)])
def test_a_queue_without_anybody_signed_in_is_told_while_it_is_open(state: str, raised: bool) -> None:
    there = BoardOfTest()
    there.agent(1, state, "service")
    there.agent(2, "ready", "other")
    assert keys(there, configured()) == ({"no_agent:service"} if raised else set())
    assert keys(there, configured(), is_open=False) == set()
    assert keys(there, configured(**OFF)) == set()


def test_a_lost_node_is_told_unless_that_is_off() -> None:
    there = BoardOfTest()
    there.board["nodes"]["node2"] = {"up": False}
    assert keys(there, configured()) == {"node_lost:node2"}
    assert keys(there, configured().model_copy(update={"node_lost_alarm": False})) == set()


def test_a_board_that_has_not_been_read_calls_for_nothing() -> None:
    there = BoardOfTest()
    there.board["queues"] = {}
    assert keys(there, configured(waiting=1, service_level_percent=100), gave_up=9) == set()


# -- raising and clearing ------------------------------------------------------------------------------


class Watch:
    """The alarms of a board as time goes on."""

    def __init__(self, **alarms: Any) -> None:
        self.there = BoardOfTest()
        self.configuration = configured(**alarms)
        self.now = NOW
        self.standing: dict[str, AlarmRow] = {}
        self.verdict = Verdict()
        self.gave_up: dict[str, int] | None = {}

    def look(self, after_ms: int = 0) -> set[str]:
        """What stands after a look so much later."""
        self.now += after_ms
        found = watched(self.there.board, self.configuration, self.now, open_queues={"service"}, gave_up=self.gave_up)
        self.verdict = judged(self.standing, found, self.verdict.pending, self.now)
        self.standing |= {**self.verdict.raised, **self.verdict.renewed}
        for key in self.verdict.cleared:
            del self.standing[key]
        return set(self.standing)


def test_an_alarm_is_raised_at_once_and_cleared_when_its_cause_has_been_gone_for_a_while() -> None:
    watch = Watch(waiting=2)
    watch.there.call("a", "waiting", NOW)
    watch.there.call("b", "waiting", NOW)
    assert watch.look() == {"waiting:service"}
    row = watch.standing["waiting:service"]
    assert row == AlarmRow(kind="waiting", subject="service", since=NOW, value=2, threshold=2, acknowledged_by=None)
    watch.there.over("b")
    assert watch.look(1000) == {"waiting:service"}
    assert watch.look(CLEAR_MS - 1) == {"waiting:service"}
    assert watch.look(1) == set()


def test_one_caller_more_and_less_does_not_make_it_come_and_go() -> None:
    watch = Watch(waiting=1)
    for _ in range(10):
        watch.there.call("a", "waiting", watch.now)
        assert watch.look(1000) == {"waiting:service"}
        assert not watch.verdict.cleared
        watch.there.over("a")
        assert watch.look(CLEAR_MS - 1000) == {"waiting:service"}
    assert watch.standing["waiting:service"]["since"] == NOW + 1000


def test_an_alarm_says_how_it_is_now_but_not_how_long_somebody_waits() -> None:
    watch = Watch(waiting=1)
    watch.there.call("a", "waiting", NOW - 61_000)
    watch.look()
    watch.there.call("b", "waiting", NOW)
    watch.look(5000)
    assert watch.standing["waiting:service"]["value"] == 2
    assert watch.standing["longest_wait:service"]["value"] == 61
    watch.look(1000)
    assert not watch.verdict.changes


def test_who_sees_to_it_stays_when_it_is_renewed() -> None:
    watch = Watch(waiting=1)
    watch.there.call("a", "waiting", NOW)
    watch.look()
    watch.standing["waiting:service"]["acknowledged_by"] = "Super"
    watch.there.call("b", "waiting", NOW)
    watch.look(1000)
    assert watch.standing["waiting:service"]["acknowledged_by"] == "Super"
    assert watch.standing["waiting:service"]["value"] == 2


@pytest.mark.parametrize("kind", ["node_lost", "no_agent"])
def test_what_a_service_that_has_just_started_can_t_know_is_raised_a_little_later(kind: Any) -> None:
    watch = Watch()
    subject = "node1" if kind == "node_lost" else "service"
    if kind == "node_lost":
        watch.there.board["nodes"]["node1"] = {"up": False}
    else:
        watch.there.board["agents"] = {}
    assert watch.look() == set()
    assert watch.look(RAISE_MS[kind] - 1) == set()
    assert watch.look(1) == {f"{kind}:{subject}"}
    assert watch.standing[f"{kind}:{subject}"]["since"] == NOW


def test_what_is_set_off_is_cleared_at_once() -> None:
    watch = Watch(waiting=1)
    watch.there.call("a", "waiting", NOW)
    assert watch.look() == {"waiting:service"}
    watch.configuration = configured()
    assert watch.look(1000) == set()


def test_what_is_not_counted_yet_leaves_what_stands_and_raises_nothing() -> None:
    watch = Watch(abandoned=2, service_level_percent=80)
    watch.gave_up = {"service": 2}
    watch.there.board["figures"]["service"] = figure(answered=20, within_target=1)
    stood = watch.look()
    assert stood == {"abandoned:service", "service_level:service"}
    watch.gave_up = None
    watch.there.board["figures"] = {}
    for _ in range(3):
        assert watch.look(CLEAR_MS) == stood
        assert not watch.verdict.changes
    watch.standing.clear()
    assert watch.look(1000) == set()
