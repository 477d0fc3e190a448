"""What earlier calls tell of a caller."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcenter.calls.earlier import EarlierCall, told_by

NOW = datetime(2026, 3, 10, 8, tzinfo=UTC)
NUMBER = "+8613800138000"


def call(name: str, *, days: float, agent: int | None = None, **told: Any) -> EarlierCall:
    arrived = NOW - timedelta(days=days)
    with_agent = {"agent_id": agent, "agent_name": f"Agent {agent}", "agent_disabled": False, "answered_at": arrived}
    nobody = dict.fromkeys(("agent_id", "agent_name", "agent_disabled", "answered_at"))
    rest = {"status": "answered", "caller_number": NUMBER, "call_type": None, "next_step": None, "notes": None}
    return EarlierCall(call_id=name, arrived_at=arrived, **rest | (with_agent if agent else nobody) | told)


def test_of_who_never_rang_nothing_is_told() -> None:
    assert told_by(NUMBER, [], [], NOW, 5) == {
        "calls_in_day": 0,
        "open_case": False,
        "complaint": False,
        "owner_agent": None,
        "recent_calls": [],
    }


def test_a_call_of_the_number_and_of_its_customer_is_one() -> None:
    noted, bare = call("a", days=0.5, notes="水管漏"), call("a", days=0.5)
    for of_number, of_customers in (([noted], [bare]), ([bare], [noted])):
        told = told_by(NUMBER, of_number, of_customers, NOW, 5)
        assert told["calls_in_day"] == 1
        assert [one["notes"] for one in told["recent_calls"]] == ["水管漏"]


def test_the_newest_are_shown_however_old() -> None:
    of_number = [call(f"n{days}", days=days, agent=1) for days in (1, 3, 400)]
    of_customers = [call(f"c{days}", days=days, caller_number="+8657188880000") for days in (2, 4, 500)]
    shown = told_by(NUMBER, of_number, of_customers, NOW, 5)["recent_calls"]
    assert [one["call_id"] for one in shown] == ["n1", "c2", "n3", "c4", "n400"]
    assert shown[0] == {
        "call_id": "n1",
        "arrived_at": int((NOW - timedelta(days=1)).timestamp()) * 1000,
        "status": "answered",
        "agent_name": "Agent 1",
        "call_type": None,
        "notes": None,
    }
    assert shown[1]["agent_name"] is None


def test_only_the_number_s_own_calls_repeat() -> None:
    calls = [call("a", days=0.1), call("b", days=0.9), call("c", days=1), call("d", days=0.2, caller_number=None)]
    assert told_by(NUMBER, calls, [call("e", days=0.1, caller_number="+8657188880000")], NOW, 5)["calls_in_day"] == 2


@pytest.mark.parametrize(("days", "still"), [(29.9, True), (30, False), (61, False)])
def test_what_is_open_and_complaints_hold_a_month(days: float, still: bool) -> None:
    told = told_by(NUMBER, [call("a", days=days, next_step="site_visit", call_type="complaint")], [], NOW, 5)
    assert (told["open_case"], told["complaint"]) == (still, still)
    told = told_by(NUMBER, [], [call("a", days=days, next_step="none", call_type="enquiry")], NOW, 5)
    assert (told["open_case"], told["complaint"]) == (False, False)


def test_who_spoke_first_within_two_months_owns() -> None:
    first, later = call("b", days=61.9, agent=2), call("c", days=1, agent=3)
    assert told_by(NUMBER, [later, call("a", days=62, agent=1)], [first], NOW, 5)["owner_agent"] == 2
    gone, unanswered = call("b", days=61, agent=2, agent_disabled=True), call("d", days=60, agent=4, answered_at=None)
    assert told_by(NUMBER, [later, gone, unanswered, call("e", days=50)], [], NOW, 5)["owner_agent"] == 3
