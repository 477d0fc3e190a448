"""A call's row from its facts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.calls.model import CallRecord, CallStatus, HungUpBy, fold, is_call_id, started_at
from callcenter.events import CallEvent, Kind, event, event_at

CALL = "node1-1763780000.12"
T = 1_763_780_000_123
OFFER = f"{CALL}/1"


def answered_call() -> list[CallEvent]:
    return [
        event(CALL, Kind.ARRIVED, T, node="node1", called="4008001234", caller_number="+8613800138000"),
        event(CALL, Kind.IDENTIFIED, T + 4, customer_id=5),
        event(CALL, Kind.QUEUED, T + 5, queue_id="service"),
        event(CALL, Kind.OFFERED, T + 10, about=OFFER, agent_id=3),
        event(CALL, Kind.RINGING, T + 50, about=OFFER),
        event(CALL, Kind.ANSWERED, T + 7050, about=OFFER, agent_id=3),
        event_at(CALL, Kind.HELD, T + 8000, about=OFFER),
        event_at(CALL, Kind.RESUMED, T + 9000, about=OFFER),
        event(CALL, Kind.ENDED, T + 20_000, hung_up_by="caller", cause=16),
        event_at(CALL, Kind.OUTCOME, T + 30_000, by=3, call_type="repair", notes="漏水", next_step="site_visit"),
        event_at(CALL, Kind.WRAPPED_UP, T + 30_000, agent_id=3),
    ]


def test_a_call_that_a_supervisor_has_taken_over_is_his() -> None:
    second = f"{CALL}/2"
    facts = [
        *answered_call()[:6],
        event_at(CALL, Kind.TAKEN_OVER, T + 12_050, agent_id=9),
        event(CALL, Kind.OFFERED, T + 12_050, about=second, agent_id=9),
    ]
    on_offer = fold(CALL, facts)
    assert (on_offer.status, on_offer.agent_id, on_offer.talking_seconds) == (CallStatus.OFFERED, 9, 5.0)
    facts += [
        event(CALL, Kind.ANSWERED, T + 15_050, about=second, agent_id=9),
        event(CALL, Kind.ENDED, T + 20_050, hung_up_by="system", cause=16),
    ]
    record = fold(CALL, facts)
    assert (record.status, record.agent_id, record.hung_up_by) == (CallStatus.ANSWERED, 9, HungUpBy.SYSTEM)
    assert (record.waiting_seconds, record.talking_seconds, record.offers) == (7.05, 10.0, 2)


def test_an_answered_call() -> None:
    record = fold(CALL, answered_call())
    assert record.status is CallStatus.ANSWERED
    assert (record.waiting_seconds, record.rings) == (7.05, 2)
    assert (record.ringing_seconds, record.agent_rings) == (7.0, 2)
    assert (record.talking_seconds, record.holding_seconds, record.wrapup_seconds) == (11.95, 1.0, 10.0)
    assert (record.hung_up_by, record.agent_id, record.customer_id) == (HungUpBy.CALLER, 3, 5)
    assert (record.call_type, record.next_step, record.outcome_by) == ("repair", "site_visit", 3)


@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 10), max_size=12))
def test_order_and_repetition_change_nothing(chance: random.Random, twice: list[int]) -> None:
    facts = answered_call()
    told = facts + [facts[place] for place in twice]
    chance.shuffle(told)
    assert fold(CALL, told) == fold(CALL, facts)


@given(st.sets(st.integers(0, 10)))
def test_any_facts_may_be_missing(left_out: set[int]) -> None:
    record = fold(CALL, [fact for place, fact in enumerate(answered_call()) if place not in left_out])
    assert record.arrived_at > 0
    assert min(record.waiting_seconds, record.talking_seconds, record.wrapup_seconds) >= 0


@pytest.mark.parametrize("after_the_end", [0, 30_000])
@pytest.mark.parametrize("by", ["caller", "system"])
def test_a_caller_who_left_a_message(after_the_end: int, by: str) -> None:
    ended = event(CALL, Kind.ENDED, T + 26_000, hung_up_by=by, cause=0)
    message = event(CALL, Kind.MESSAGE, T + 25_000 + after_the_end, about=f"{CALL}/m1", seconds=8.5)
    record = fold(CALL, [*answered_call()[:3], message, ended])
    assert (record.status, record.ended_at) == (CallStatus.MESSAGE, T + 26_000)
    assert fold(CALL, [*answered_call(), message]).status is CallStatus.ANSWERED


def test_a_caller_who_gave_up() -> None:
    facts = [*answered_call()[:5], event(CALL, Kind.ENDED, T + 26_000, hung_up_by="caller", cause=0)]
    facts.append(event(CALL, Kind.MISSED, T + 26_003, about=OFFER, reason="caller_left"))
    record = fold(CALL, facts)
    assert (record.status, record.waiting_seconds, record.rings) == (CallStatus.ABANDONED, 26.0, 6)
    assert record.agent_id is None


def test_the_next_agent_answers_after_a_miss() -> None:
    second = f"{CALL}/2"
    facts = [
        *answered_call()[:5],
        event(CALL, Kind.MISSED, T + 20_050, about=OFFER, agent_id=3, reason="no_answer"),
        event(CALL, Kind.OFFERED, T + 20_060, about=second, agent_id=4),
        event(CALL, Kind.RINGING, T + 20_100, about=second),
        event(CALL, Kind.ANSWERED, T + 22_100, about=second, agent_id=4),
        event(CALL, Kind.ENDED, T + 32_100, hung_up_by="agent", cause=16),
    ]
    record = fold(CALL, facts)
    assert (record.agent_id, record.offers, record.rings) == (4, 2, 5)
    assert record.ringing_seconds == pytest.approx(22.0)
    assert record.talking_seconds == 10.0


def ledger(**body: object) -> CallEvent:
    told = {"started_at_ms": T, "caller_number": "+8613800138000", "called": "4008001234", "node": "node1"}
    return event(CALL, Kind.LEDGER, T + 20_000, about=f"{CALL}/a", **(told | body))


def test_the_ledger_alone_makes_a_fallback_calls_row() -> None:
    record = fold(CALL, [ledger(agent_id=3, answered_at_ms=T + 6000, fallback=True, queue_id="service")])
    assert (record.status, record.through, record.agent_id) == (CallStatus.ANSWERED, "fallback", 3)
    assert (record.waiting_seconds, record.talking_seconds) == (6.0, 14.0)
    assert record.caller_number == "+8613800138000"


def test_the_ledger_fills_in_an_answer_nobody_saw() -> None:
    facts = [*answered_call()[:3], event(CALL, Kind.ENDED, T + 20_000, hung_up_by="agent", cause=16)]
    record = fold(CALL, [*facts, ledger(agent_id=3, answered_at_ms=T + 6000)])
    assert (record.status, record.agent_id, record.talking_seconds) == (CallStatus.ANSWERED, 3, 14.0)
    assert record.hung_up_by is HungUpBy.AGENT


def test_the_ledger_contradicts_no_witness() -> None:
    facts = answered_call()
    assert fold(CALL, [*facts, ledger(agent_id=9, answered_at_ms=T + 1)]) == fold(CALL, facts)


def test_the_ledger_of_his_line_does_not_end_who_keeps_his_place() -> None:
    kept = [
        *answered_call()[:3],
        event(CALL, Kind.CALLBACK_ASKED, T + 9000, number="13800138000", queue_id="service"),
        event(CALL, Kind.LINE_OVER, T + 12_000, hung_up_by="caller"),
        ledger(hung_up_by="caller"),
    ]
    record = fold(CALL, kept)
    assert (record.status, record.ended_at) == (CallStatus.CALLBACK, None)
    in_vain = fold(CALL, [*kept, event(CALL, Kind.ENDED, T + 90_000, hung_up_by="system")])
    assert (in_vain.status, in_vain.ended_at) == (CallStatus.FAILED, T + 90_000)


def test_a_lost_call_is_closed_by_the_reconciler_until_asterisk_speaks() -> None:
    lost = event(CALL, Kind.LOST, T + 60_000)
    assert fold(CALL, [*answered_call()[:6], lost]).hung_up_by is HungUpBy.SYSTEM
    assert fold(CALL, [*answered_call(), lost]) == fold(CALL, answered_call())
    assert fold(CALL, [*answered_call()[:6], lost, ledger()]).ended_at == T + 20_000


def test_no_facts_make_a_blank_row() -> None:
    record = fold(CALL, [])
    assert record == CallRecord(CALL, node="node1", arrived_at=1_763_780_000_000)
    assert record.status is CallStatus.WAITING


@pytest.mark.parametrize(
    "text", ["", "x", "node1-", "node1-1.", "node1-1.x", "1-99999999999.1", "n'; --1.1", "a/b-1.1"]
)
def test_what_is_no_call_id(text: str) -> None:
    assert not is_call_id(text)


def test_a_call_id_says_when_the_call_began() -> None:
    assert is_call_id(CALL)
    assert started_at(CALL).timestamp() == 1_763_780_000


def test_a_talk_stays_with_who_had_it_when_the_next_offer_comes_to_nothing() -> None:
    second = f"{CALL}/2"
    facts = [
        *answered_call()[:6],
        event_at(CALL, Kind.QUEUED, T + 60_000, queue_id="service"),
        event(CALL, Kind.OFFERED, T + 60_010, about=second, agent_id=4),
        event(CALL, Kind.MISSED, T + 65_000, about=second, reason="caller_left"),
        event(CALL, Kind.ENDED, T + 65_000, hung_up_by="caller", cause=0),
    ]
    record = fold(CALL, facts)
    assert (record.status, record.agent_id) == (CallStatus.ANSWERED, 3)
    assert record.talking_seconds == pytest.approx(52.95)


def test_who_has_given_the_caller_on_does_not_write_over_who_had_him_last() -> None:
    second = f"{CALL}/2"
    talks = [
        *answered_call()[:6],
        event_at(CALL, Kind.TRANSFERRED, T + 12_050, agent_id=3),
        event(CALL, Kind.OFFERED, T + 12_100, about=second, agent_id=9),
        event(CALL, Kind.ANSWERED, T + 15_050, about=second, agent_id=9),
    ]
    end = event(CALL, Kind.ENDED, T + 20_050, hung_up_by="caller", cause=16)
    first = event_at(CALL, Kind.OUTCOME, T + 13_000, by=3, call_type="enquiry", notes="先问")
    last = event_at(CALL, Kind.OUTCOME, T + 30_000, by=9, call_type="repair", notes="漏水")
    late = event_at(CALL, Kind.OUTCOME, T + 40_000, by=3, call_type="enquiry", notes="先问，补")
    corrected = event_at(CALL, Kind.OUTCOME, T + 50_000, by=77, call_type="complaint", notes="更正")
    assert fold(CALL, [*talks, end, first]).notes == "先问"
    assert fold(CALL, [*talks, end, first, last, late]).notes == "漏水"
    assert fold(CALL, [*talks, end, first, last, late, corrected]).notes == "更正"
