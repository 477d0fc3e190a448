"""The simulator against queueing theory and against the plain rules; Erlang's formulas against a chain of states."""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pytest

from callcenter.routing.erlang import steady_state
from callcenter.routing.forecast import agent_forecasts, queue_forecasts
from callcenter.routing.scenario import Scenario
from callcenter.routing.simulator import Outcome, SimulatedCall, simulate

TARGET_SECONDS = 15.0


def scenario(
    *queues: dict[str, Any], agents: Sequence[dict[str, Any]] = ({"count": 8},), answer_rings: int = 0, **others: Any
) -> Scenario:
    each = {"calls_an_hour": 120, "handle_seconds": 180}
    lines = [each | queue for queue in queues or ({},)]
    return Scenario.model_validate(
        {"hours": 20, "queues": lines, "agents": list(agents), "answer_rings": answer_rings} | others
    )


def waits(outcome: Outcome, queue_id: str = "service") -> list[int]:
    return [call.wait_ms for call in outcome.calls if call.queue_id == queue_id]


# -- what theory says ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A line of equal agents; `hours` are long enough for an error well below 2 %."""

    calls_an_hour: float
    handle_seconds: float
    agents: int
    patience_seconds: float | None
    hours: float = 0.0


CASES = [
    Case(20, 180, 2, None, 2_000),
    Case(60, 180, 4, None, 1_200),
    Case(120, 180, 8, None, 900),
    Case(120, 180, 8, 120, 600),
    Case(200, 180, 8, 60, 300),
    Case(1_000, 180, 50, 60, 50),
]


@dataclass(frozen=True)
class Expected:
    """The mean wait of all callers (seconds), the share answered in time."""

    mean_wait: float
    in_time: float
    gave_up: float
    occupancy: float


def chain(case: Case, agents: int | None = None, handle: float = 1.0, within: float = TARGET_SECONDS) -> Expected:
    """Exact, by the states themselves: the number of callers there is a birth-death chain; a caller who comes to `n`
    before him in line goes through the states n, n-1, … until he is served or gives up (uniformization).
    """
    servers = agents or case.agents
    come, serve = case.calls_an_hour / 3600, 1 / (case.handle_seconds * handle)
    leave = 1 / case.patience_seconds if case.patience_seconds else 0.0
    logs = [0.0]
    while len(logs) <= servers or logs[-1] > max(logs) - 40:
        there = len(logs)
        logs.append(logs[-1] + math.log(come / (min(there, servers) * serve + max(0, there - servers) * leave)))
    weights = [math.exp(one - max(logs)) for one in logs]
    shares = [one / sum(weights) for one in weights]
    in_line = sum((there - servers) * share for there, share in enumerate(shares) if there > servers)
    busy = sum(min(there, servers) * share for there, share in enumerate(shares))
    behind = shares[servers:]
    fastest = servers * serve + len(behind) * leave
    jumps = fastest * within
    served, in_time, chance, all_chances, jump = 0.0, 0.0, math.exp(-jumps), math.exp(-jumps), 0
    while all_chances < 1 - 1e-9:
        jump += 1
        after = [0.0] * len(behind)
        for before_him, share in enumerate(behind):
            forward = servers * serve + before_him * leave
            after[before_him] += share * (1 - (forward + leave) / fastest)
            if before_him:
                after[before_him - 1] += share * forward / fastest
            else:
                served += share * forward / fastest
        behind = after
        chance *= jumps / jump
        all_chances += chance
        in_time += chance * served
    return Expected(in_line / come, sum(shares[:servers]) + in_time, leave * in_line / come, busy / servers)


@pytest.mark.parametrize("case", [*CASES, Case(3, 60, 1, 30), Case(2_000, 180, 60, 600), Case(300, 60, 30, None)])
def test_erlangs_formulas_are_the_chain_of_states(case: Case) -> None:
    found = steady_state(case.calls_an_hour / 3600, case.handle_seconds, case.agents, case.patience_seconds)
    wanted = chain(case)
    assert found is not None
    assert found.mean_wait_seconds == pytest.approx(wanted.mean_wait, rel=1e-6)
    assert found.answered_within(TARGET_SECONDS) == pytest.approx(wanted.in_time, rel=1e-6, abs=1e-9)
    assert found.gave_up == pytest.approx(wanted.gave_up, rel=1e-6)
    assert found.occupancy == pytest.approx(wanted.occupancy, rel=1e-6)


def test_the_textbook_case_of_erlang_c() -> None:
    """200 calls an hour of three minutes, 14 agents: 17.4 % wait, 88.8 % are answered in 20 s, the mean is 7.8 s."""
    found = steady_state(200 / 3600, 180, 14, None)
    assert found is not None
    assert 1 - found.answered_within(0) == pytest.approx(0.174, abs=5e-4)
    assert found.answered_within(20) == pytest.approx(0.888, abs=5e-4)
    assert found.mean_wait_seconds == pytest.approx(7.8, abs=0.05)


def test_without_patience_too_much_work_has_no_steady_state() -> None:
    assert steady_state(10 / 3600, 3600, 10, None) is None
    assert steady_state(10 / 3600, 3600, 10, 60) is not None


@pytest.mark.parametrize(
    ("calls_a_second", "handle", "agents", "patience"), [(1 / 3600, 0.1, 10_000, 86_400), (27, 86_400, 1, 86_400)]
)
def test_extremes_stay_numbers(calls_a_second: float, handle: float, agents: int, patience: float) -> None:
    found = steady_state(calls_a_second, handle, agents, patience)
    assert found is not None
    shares = (found.gave_up, found.occupancy, found.answered_within(15))
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)
    assert math.isfinite(found.mean_wait_seconds)


# -- the simulator against theory ----------------------------------------------------------------------


def served_in_turn(calls: Sequence[SimulatedCall], agents: int, handle: float = 1.0) -> list[tuple[float, bool]]:
    """Each caller's wait (ms), and whether he was answered, by the textbook's recursion: whoever has been free longest
    takes the first in line.
    """
    free = [0.0] * agents
    told = []
    for call in calls:
        wait = max(0.0, free[0] - call.arrived_ms)
        if call.patience_ms is None or wait <= call.patience_ms:
            heapq.heapreplace(free, call.arrived_ms + wait + call.handle_ms * handle)
            told.append((wait, True))
        else:
            told.append((float(call.patience_ms), False))
    return told


@pytest.mark.parametrize("strategy", ["longest_idle", "fewest_calls", "rotation"])
@pytest.mark.parametrize("patience", [None, 60])
def test_every_single_wait_is_the_textbooks(strategy: str, patience: float | None) -> None:
    many = scenario({"strategy": strategy, "patience_seconds": patience}, agents=[{"count": 7}], hours=100)
    calls = simulate(many).calls
    assert [(call.wait_ms, call.agent_id is not None) for call in calls] == served_in_turn(calls, 7)


BATCHES = 40


def batch_means(calls: Sequence[SimulatedCall], hours: float, values: Sequence[float]) -> list[float]:
    """Of each span of the time but the first, in which the line fills."""
    batches: list[list[float]] = [[] for _ in range(BATCHES)]
    for call, value in zip(calls, values, strict=True):
        batches[min(BATCHES - 1, int(call.arrived_ms / (hours * 3_600_000) * BATCHES))].append(value)
    return [fmean(batch) for batch in batches[1:]]


def controlled(found: Sequence[float], controls: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The mean of batches without what two controls (each of mean 0) explain of it, and its standard error."""
    first, second = controls

    def together(some: Sequence[float], others: Sequence[float]) -> float:
        return fmean(a * b for a, b in zip(some, others, strict=True)) - fmean(some) * fmean(others)

    square = together(first, first) * together(second, second) - together(first, second) ** 2
    one = (
        together(found, first) * together(second, second) - together(found, second) * together(first, second)
    ) / square
    two = (together(found, second) * together(first, first) - together(found, first) * together(first, second)) / square
    rest = [value - one * a - two * b for value, a, b in zip(found, first, second, strict=True)]
    mean = fmean(rest)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in rest) / (len(rest) - 3))
    return mean, deviation / math.sqrt(len(rest))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_waits_and_service_level_are_within_two_percent_of_theory(case: Case) -> None:
    """What chance does to these callers shows, too, in two lines whose steady state is known exactly: with one agent
    more, and with calls a twentieth shorter. They are the control variates; the simulator has no part in them.
    """
    queue = {
        "calls_an_hour": case.calls_an_hour,
        "handle_seconds": case.handle_seconds,
        "patience_seconds": case.patience_seconds,
    }
    calls = simulate(scenario(queue, agents=[{"count": case.agents}], hours=case.hours)).calls
    simulated = [(call.wait_ms, call.agent_id is not None) for call in calls]
    others = [
        (served_in_turn(calls, case.agents + 1), chain(case, agents=case.agents + 1)),
        (served_in_turn(calls, case.agents, handle=0.95), chain(case, handle=0.95)),
    ]
    measures: list[tuple[Callable[[tuple[float, bool]], float], Callable[[Expected], float]]] = [
        (lambda call: call[0] / 1000, lambda expected: expected.mean_wait),
        (lambda call: float(call[1] and call[0] < TARGET_SECONDS * 1000), lambda expected: expected.in_time),
    ]
    for measure, of_theory in measures:
        controls = []
        for told, known in others:
            means = batch_means(calls, case.hours, [measure(call) for call in told])
            controls.append([mean - of_theory(known) for mean in means])
        found, error = controlled(batch_means(calls, case.hours, [measure(call) for call in simulated]), controls)
        wanted = of_theory(chain(case))
        assert error < 0.01 * wanted, "too short a run to tell"
        assert found == pytest.approx(wanted, rel=0.02)


def test_the_comparison_can_fail() -> None:
    """A second of ringing before each answer, of which theory is not told, is seen."""
    case = CASES[0]
    queue = {"calls_an_hour": case.calls_an_hour, "handle_seconds": case.handle_seconds}
    rung = waits(simulate(scenario(queue, agents=[{"count": 2}], hours=100, answer_rings=1)))
    silent = waits(simulate(scenario(queue, agents=[{"count": 2}], hours=100)))
    assert fmean(rung) > 1.02 * fmean(silent)


# -- what a supervisor sees ----------------------------------------------------------------------------


def test_the_same_seed_brings_the_same_callers_whoever_answers_them() -> None:
    few, many = (simulate(scenario(agents=[{"count": count}])) for count in (7, 9))
    assert [(call.arrived_ms, call.handle_ms) for call in few.calls] == [
        (call.arrived_ms, call.handle_ms) for call in many.calls
    ]
    assert fmean(waits(many)) < fmean(waits(few))
    assert simulate(scenario()) == simulate(scenario())
    assert simulate(scenario(seed=2)) != simulate(scenario())


def test_every_caller_is_answered_or_gives_up_when_his_patience_ends() -> None:
    outcome = simulate(scenario({"patience_seconds": 60}, agents=[{"count": 5}], answer_rings=2))
    assert {call.agent_id is None for call in outcome.calls} == {True, False}
    for call in outcome.calls:
        assert call.patience_ms is not None
        if call.agent_id is None:
            assert call.wait_ms == call.patience_ms
        else:
            assert 6_000 <= call.wait_ms <= call.patience_ms


def test_an_agent_whose_caller_gives_up_while_he_is_rung_takes_the_next() -> None:
    outcome = simulate(
        scenario(
            {"calls_an_hour": 60, "handle_seconds": 10, "patience_seconds": 8}, agents=[{"count": 1}], answer_rings=2
        )
    )
    spent = sum(call.handle_ms + 6_000 for call in outcome.calls if call.agent_id is not None)
    gave_up_rung = outcome.agents[0].busy_ms - spent
    assert sum(call.agent_id is not None for call in outcome.calls) == outcome.agents[0].calls > 100
    assert gave_up_rung > 0, "his phone rang for callers who gave up"


def test_helpers_take_only_those_who_have_waited() -> None:
    helped = scenario(
        agents=[{"count": 5}, {"count": 3, "queues": [{"queue_id": "service", "opens_after_seconds": 30}]}]
    )
    outcome = simulate(helped)
    by_helpers = [call.wait_ms for call in outcome.calls if call.agent_id is not None and call.agent_id >= 5]
    assert min(by_helpers) == 30_000
    own = [work.calls for work in outcome.agents if work.kind == 0]
    assert min(own) > max(work.calls for work in outcome.agents if work.kind == 1)


def test_a_skill_is_waited_for_until_it_is_asked_for_less() -> None:
    needs = [{"skill_id": "elevators", "level": 3, "relax": [{"after_seconds": 20, "level": 0}]}]
    outcome = simulate(scenario({"needs": needs}, agents=[{"count": 2, "skills": {"elevators": 3}}, {"count": 8}]))
    assert min(call.wait_ms for call in outcome.calls if call.agent_id is not None and call.agent_id >= 2) == 20_000


def test_rotation_gives_everybody_the_same_number_of_calls() -> None:
    outcome = simulate(scenario({"strategy": "rotation"}, agents=[{"count": 6}, {"count": 4}]))
    calls = [work.calls for work in outcome.agents]
    assert max(calls) - min(calls) <= 10


def test_several_phones_ring_and_one_agent_wins() -> None:
    outcome = simulate(scenario({"strategy": "ring_several", "calls_an_hour": 60}, answer_rings=3))
    assert sum(work.calls for work in outcome.agents) == len(outcome.calls)
    spent = sum(call.handle_ms + 11_000 for call in outcome.calls)
    assert sum(work.busy_ms for work in outcome.agents) > 1.05 * spent, "those who did not win were busy too"


def test_a_priority_is_felt() -> None:
    both = scenario(
        {"queue_id": "vip", "calls_an_hour": 20, "priority": 10}, {"queue_id": "others", "calls_an_hour": 130}
    )
    outcome = simulate(both)
    assert fmean(waits(outcome, "vip")) < 0.5 * fmean(waits(outcome, "others"))


def test_lognormal_calls_take_as_long_in_the_mean() -> None:
    outcome = simulate(scenario({"handle_times": "lognormal"}, agents=[{"count": 20}], hours=200))
    times = [call.handle_ms / 1000 for call in outcome.calls]
    assert fmean(times) == pytest.approx(180, rel=0.02)
    assert math.sqrt(fmean((time - 180) ** 2 for time in times)) == pytest.approx(180, rel=0.1)


# -- the forecast --------------------------------------------------------------------------------------


def test_the_service_level_is_those_in_time_of_all_who_came() -> None:
    target = {"ring_target": {"kind": "before", "rings": 3}, "patience_seconds": 60}
    few = scenario(target, agents=[{"count": 6}])
    outcome = simulate(few)
    (forecast,) = queue_forecasts(few, outcome)
    assert (forecast.target_rings, forecast.target_seconds) == (2, 10)
    assert forecast.arrived == len(outcome.calls)
    assert forecast.in_time == sum(call.agent_id is not None and call.wait_ms < 10_000 for call in outcome.calls)
    assert forecast.gave_up == sum(call.agent_id is None for call in outcome.calls)
    assert forecast.service_level == forecast.in_time / forecast.arrived
    ordered = sorted(waits(outcome))
    assert sum(wait / 1000 <= forecast.p95_wait_seconds for wait in ordered) >= 0.95 * len(ordered)


def test_theory_speaks_where_it_may_and_comes_close() -> None:
    plain = scenario({"patience_seconds": 120}, hours=300, answer_rings=1)
    (forecast,) = queue_forecasts(plain, simulate(plain))
    assert forecast.theory is not None
    assert forecast.theory.name == "Erlang A"
    assert forecast.theory.mean_wait_seconds == pytest.approx(forecast.mean_wait_seconds, rel=0.1)
    assert forecast.theory.answered_within(15) == pytest.approx(forecast.service_level, rel=0.02)
    (agents,) = agent_forecasts(plain, simulate(plain))
    assert forecast.theory.state is not None
    assert agents.occupancy == pytest.approx(forecast.theory.state.occupancy, rel=0.02)


@pytest.mark.parametrize(
    ("queue", "agents"),
    [
        ({"handle_times": "lognormal"}, {}),
        ({"strategy": "ring_several"}, {}),
        ({}, {"queues": [{"queue_id": "service", "opens_after_seconds": 10}]}),
        (
            {"needs": [{"skill_id": "english", "level": 2, "relax": [{"after_seconds": 9, "level": 1}]}]},
            {"skills": {"english": 1}},
        ),
    ],
)
def test_theory_is_silent_elsewhere(queue: dict[str, Any], agents: dict[str, Any]) -> None:
    other = scenario(queue, agents=[{"count": 8} | agents], hours=1)
    assert queue_forecasts(other, simulate(other))[0].theory is None


def test_theory_is_silent_where_agents_serve_another_queue_too() -> None:
    two = scenario(
        {"queue_id": "service"}, {"queue_id": "repair"}, agents=[{"count": 9}, {"count": 5, "queues": ["repair"]}]
    )
    assert [forecast.theory for forecast in queue_forecasts(two, simulate(two))] == [None, None]


def test_without_patience_and_with_too_few_agents_the_line_grows_without_end() -> None:
    few = scenario(agents=[{"count": 5}], hours=5)
    (forecast,) = queue_forecasts(few, simulate(few))
    assert forecast.theory is not None
    assert forecast.theory.state is None
