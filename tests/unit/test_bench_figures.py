"""How the bench comes from raw facts to figures, ratios and verdicts."""

from dataclasses import replace

import pytest
from rich.console import Console

from tests.asterisk.sip.driver import caller_number
from tests.bench.capture import CallTrace
from tests.bench.figures import DIAL, HOTLINE, QUEUE_AMI, Load, Phase, Spread, percentile, phase, ratio
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
    made = phase(path, rate, calls, calls, LOAD, pops={"1": 100.010, "2": 100.020})
    return replace(made, **changes)  # type: ignore[arg-type]


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
    found = phase(QUEUE_AMI, 10, ["1", "2"], {"1": trace("1")}, LOAD)
    assert (found.calls, found.failures, found.failed) == (2, {"never placed": 1}, 1)
    assert found.pop is None


def test_a_card_after_the_ringing_is_late_and_none_is_missing() -> None:
    calls = {"1": trace("1"), "2": trace("2", ringing_at=100.005), "3": trace("3")}
    found = phase(HOTLINE, 10, calls, calls, LOAD, pops={"1": 100.010, "2": 100.010})
    assert (found.pops_after_ringing, found.pops_missing) == (1, 1)
    assert found.pop is not None
    assert found.pop.p99 == pytest.approx(10.0)


def test_ratios_need_both_paths() -> None:
    ours, theirs = a_phase(), a_phase(QUEUE_AMI, cpu_ms_a_call={"asterisk": 100.0})
    assert ratio([ours, theirs], 20) == 2.0
    assert ratio([ours, theirs], 20, "asterisk") == 2.0
    assert ratio([ours, theirs], 20, beside=DIAL) is None
    assert ratio([ours], 20) is None
    assert ratio([ours, replace(theirs, cpu_ms_a_call={})], 20) is None


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
