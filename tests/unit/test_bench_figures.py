"""How the bench comes from raw facts to figures, ratios and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tests.asterisk.sip.driver import caller_number
from tests.bench.capture import CallTrace
from tests.bench.figures import DIAL, HOTLINE, QUEUE_AMI, Load, Phase, Round, Spread, percentile, phase, ratio, ratios
from tests.bench.load import SCENARIOS, spread_talk
from tests.bench.plan import QUICK, Plan
from tests.bench.report import Run, tables

LOAD = Load(
    wall_seconds=10.0,
    cpu_ms={"asterisk": 500.0, "serve": 300.0},
    idle_ms_a_second={"asterisk": 10.0, "serve": 40.0},
    machine_cpu_ms=2800.0,
)


def trace(number: str, ringing_at: float = 100.040) -> CallTrace:
    return CallTrace(
        number,
        invited_at=100.0,
        answered_at=100.15,
        bye_at=102.15,
        phone_invited_at=100.03,
        phone_ringing_at=ringing_at,
        phone_legs=1,
    )


def a_phase(path: str = HOTLINE, rate: int = 20, **changes: object) -> Phase:
    calls = {number: trace(number) for number in ("1", "2")}
    made = phase(path, rate, [a_round(calls, pops={"1": 100.010, "2": 100.020})])
    if "cpu_ms_a_call" in changes:
        changes.setdefault("rounds", [changes["cpu_ms_a_call"]])
    return replace(made, **changes)  # type: ignore[arg-type]


def a_round(calls: Mapping[str, CallTrace], numbers: Sequence[str] = (), **more: Any) -> Round:
    """What these calls did; `numbers`: who was to call, others than those too."""
    return Round(numbers=numbers or list(calls), calls=calls, load=LOAD, **more)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (0, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_spread_of_nothing_is_nothing() -> None:
    assert Spread.of([]) is None
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(3, 1.0, 2.0, 3.0, 3.0, 3.0)


def test_idle_use_is_taken_off_each_process() -> None:
    found = a_phase()
    assert found.cpu_ms_a_call == {"asterisk": 200.0, "serve": 0.0}
    assert found.cpu_ms_a_call_gross == {"asterisk": 250.0, "serve": 150.0}
    assert found.together_ms == 200.0
    assert (found.cores, found.other_cores) == (0.08, 0.2)


def test_calls_that_never_came_are_failures() -> None:
    found = phase(QUEUE_AMI, 10, [a_round({"1": trace("1")}, ["1", "2"])])
    assert (found.calls, found.failures, found.failed) == (2, {"never placed": 1}, 1)
    assert found.pop is None


def test_a_card_after_the_ringing_is_late_and_none_is_missing() -> None:
    calls = {"1": trace("1"), "2": trace("2", ringing_at=100.005), "3": trace("3")}
    found = phase(HOTLINE, 10, [a_round(calls, pops={"1": 100.010, "2": 100.010})])
    assert (found.pops_after_ringing, found.pops_missing) == (1, 1)
    assert found.pop is not None
    assert found.pop.p99 == pytest.approx(10.0)


def test_ratios_need_both_paths() -> None:
    ours, theirs = a_phase(), a_phase(QUEUE_AMI, cpu_ms_a_call={"asterisk": 100.0})
    assert ratio([ours, theirs], 20) == 2.0
    assert ratio([ours, theirs], 20, "asterisk") == 2.0
    assert ratio([ours, theirs], 20, beside=DIAL) is None
    assert ratio([ours], 20) is None
    assert ratio([ours, replace(theirs, rounds=[{}])], 20) is None


def test_rounds_are_one_phase_and_each_has_its_own_cost() -> None:
    twice = replace(LOAD, cpu_ms={"asterisk": 900.0, "serve": 1400.0}, wall_seconds=20.0)
    first = a_round({"1": trace("1")}, pops={"1": 100.010}, rows=1)
    second = replace(a_round({"2": trace("2")}, pops={}, rows=1, fallback=1), load=twice)
    found = phase(HOTLINE, 20, [first, second])
    assert (found.calls, found.rows, found.fallback, found.pops_missing) == (2, 2, 1, 1)
    assert found.rounds == [{"asterisk": 400.0, "serve": 0.0}, {"asterisk": 700.0, "serve": 600.0}]
    assert found.cpu_ms_a_call == {"asterisk": 550.0, "serve": 300.0}
    assert found.cores == pytest.approx((800 + 2300) / 30_000, abs=0.001)


def test_what_took_turns_is_compared_turn_by_turn() -> None:
    """A round in which the whole machine was slower moves no ratio."""
    ours = a_phase(rounds=[{"asterisk": 10.0}, {"asterisk": 30.0}, {"asterisk": 12.0}])
    theirs = a_phase(QUEUE_AMI, rounds=[{"asterisk": 10.0}, {"asterisk": 20.0}, {"asterisk": 10.0}])
    assert ratios([ours, theirs], 20) == [1.0, 1.5, 1.2]
    assert ratio([ours, theirs], 20) == 1.2
    once = a_phase(DIAL, cpu_ms_a_call={"asterisk": 50.0})
    assert ratios([ours, once], 20, beside=DIAL) == [ours.together_ms / 50.0], "no turns: all rounds together"


def test_the_table_stands_with_half_of_the_phases_missing() -> None:
    run = Run(
        plan=Plan(rates=(10, 20)),
        began_at="2026-01-01T00:00:00Z",
        seconds=1.0,
        phases=[a_phase(), a_phase(QUEUE_AMI, failures={"not answered": 3})],
        idle_ms_a_second={"asterisk": 10.0},
        memory_mb={"before": {"asterisk": 100.0}, "after": {"serve": 90.0}},
        trouble={},
        machine={"cores": 2},
        versions={},
        commit="abc",
    )
    console = Console(width=160)
    with console.capture() as captured:
        console.print(tables(run))
    text = captured.get()
    assert "20/s" in text
    assert "app_queue+AMI" in text
    assert "not measured" in text


def test_a_plan_has_the_phones_that_its_sections_need() -> None:
    assert Plan().most_phones == 400
    assert Plan(sections=("calls",)).most_phones == 120
    assert Plan(sections=("matching",)).most_phones == 0
    assert "storm" not in QUICK.sections


def test_callers_of_a_line_talk_for_different_times() -> None:
    scenario = spread_talk((SCENARIOS / "caller.xml").read_text(), 2000)
    assert '<pause distribution="uniform" min="1000" max="3000"/>' in scenario
    assert "<pause/>" not in scenario


def test_callers_differ_and_are_mobile_numbers() -> None:
    numbers = [caller_number(place) for place in range(5000)]
    assert len(set(numbers)) == 5000
    assert all(len(number) == 11 and number.startswith("1") for number in numbers)
