"""Who of a call's agents did what, and for how long."""

import random

from callcenter.calls.legs import LegEnd, legs_of
from callcenter.calls.model import fold
from callcenter.events import CallEvent, Kind, event, event_at

CALL = "node1-1763780000.1"
T = 1_763_780_000_000


def at(seconds: int, kind: Kind, about: str = "", **body: object) -> CallEvent:
    return event(CALL, kind, T + seconds * 1000, about=f"{CALL}/{about}" if about else "", **body)


BLIND = [
    at(0, Kind.ARRIVED),
    at(0, Kind.QUEUED, queue_id="service"),
    at(1, Kind.OFFERED, "1/1", agent_id=1),
    at(2, Kind.RINGING, "1/1", agent_id=1),
    at(5, Kind.ANSWERED, "1", agent_id=1),
    at(10, Kind.HELD),
    at(13, Kind.RESUMED),
    event_at(CALL, Kind.TRANSFERRED, T + 20_000, agent_id=1, to_kind="agent", to="2"),
    at(20, Kind.OFFERED, "2/2", agent_id=2),
    at(21, Kind.RINGING, "2/2", agent_id=2),
    at(24, Kind.ANSWERED, "2", agent_id=2),
    at(60, Kind.ENDED),
]
ATTENDED = [
    *BLIND[:5],
    event_at(CALL, Kind.CONSULTING, T + 10_000, agent_id=1, to_kind="agent", to="2"),
    at(11, Kind.RINGING, "2c/2", agent_id=2, consult=True),
    at(14, Kind.CONSULT_ANSWERED, "2c", agent_id=2),
    event_at(CALL, Kind.TRANSFERRED, T + 20_000, agent_id=1, to_kind="agent", to="2"),
    at(20, Kind.ANSWERED, "2c", agent_id=2),
    at(60, Kind.ENDED),
]


def test_each_talk_is_counted_to_the_agent_who_had_it() -> None:
    first, second = legs_of(CALL, BLIND)
    assert (first.agent_id, first.talking_seconds, first.holding_seconds, first.ended_as) == (
        1, 12.0, 3.0, LegEnd.TRANSFERRED,
    )  # fmt: skip
    assert (second.agent_id, second.talking_seconds, second.ended_as) == (2, 36.0, LegEnd.ENDED)
    assert (second.rang_at, second.offer_id) == (T + 21_000, f"{CALL}/2")
    call = fold(CALL, BLIND)
    assert (call.agent_id, call.talking_seconds, call.holding_seconds) == (2, 48.0, 3.0)


def test_asking_first_is_no_talk_with_the_caller() -> None:
    first, second = legs_of(CALL, ATTENDED)
    assert (first.talking_seconds, first.consulting_seconds, first.ended_as) == (5.0, 10.0, LegEnd.TRANSFERRED)
    assert (second.answered_at, second.consulting_seconds, second.talking_seconds) == (T + 14_000, 6.0, 40.0)
    call = fold(CALL, ATTENDED)
    assert (call.agent_id, call.talking_seconds, call.holding_seconds) == (2, 45.0, 10.0)


def test_who_was_only_asked_has_not_talked() -> None:
    back = [*ATTENDED[:8], at(20, Kind.CONSULT_OVER, "2c", agent_id=1), ATTENDED[-1]]
    first, second = legs_of(CALL, back)
    assert (first.talking_seconds, first.consulting_seconds, first.ended_as) == (45.0, 10.0, LegEnd.ENDED)
    assert (second.talking_seconds, second.consulting_seconds, second.ended_as) == (0.0, 6.0, LegEnd.CONSULTED)
    assert fold(CALL, back).agent_id == 1


def test_the_order_and_repeats_of_facts_do_not_matter() -> None:
    for facts in (BLIND, ATTENDED):
        mixed = [*facts, *facts]
        random.Random(7).shuffle(mixed)
        assert legs_of(CALL, mixed) == legs_of(CALL, facts)
