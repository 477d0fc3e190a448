"""What a simulation comes to, beside what queueing theory says of the same case. Pure; times in seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from callcenter.routing.erlang import SteadyState, steady_state
from callcenter.routing.index import may_take_after_ms
from callcenter.routing.model import Strategy
from callcenter.routing.rings import DEFAULT_CADENCE, rings_in
from callcenter.routing.scenario import HandleTimes, Scenario, SimulatedQueue
from callcenter.routing.simulator import AgentWork, Outcome, ringing_ms


@dataclass(frozen=True, slots=True)
class Theory:
    """Erlang's word on a queue. `state` None: the line grows without end.

    An agent's phone rings for `ringing_seconds`; theory counts them as part of the handle time, and here they are
    added to the waits.
    """

    name: str
    state: SteadyState | None
    ringing_seconds: float

    def answered_within(self, seconds: float) -> float:
        """The share of all callers who are answered within so many seconds."""
        return 0.0 if self.state is None else self.state.answered_within(seconds - self.ringing_seconds)

    @property
    def mean_wait_seconds(self) -> float:
        """Of all callers; infinite where the line grows without end."""
        if self.state is None:
            return math.inf
        return self.state.mean_wait_seconds + self.ringing_seconds * (1 - self.state.gave_up)


@dataclass(frozen=True, slots=True)
class QueueForecast:
    """What became of a queue's callers. Waits are those of all callers: until the answer, or until they gave up.

    The service level is `in_time / arrived`: callers answered within the ring target, of all who came.
    """

    queue_id: str
    target_rings: int
    target_seconds: float
    arrived: int
    in_time: int
    gave_up: int
    mean_wait_seconds: float
    p95_wait_seconds: float
    answered_after: Sequence[float]
    """The waits of those who were answered, shortest first."""
    theory: Theory | None

    @property
    def service_level(self) -> float:
        """0 to 1; 1 where nobody came."""
        return self.in_time / self.arrived if self.arrived else 1.0


@dataclass(frozen=True, slots=True)
class AgentForecast:
    """The work of one kind of agents; `occupancy` is their time with calls, ringing included, of all their time."""

    count: int
    queues: Sequence[str]
    least_calls: int
    mean_calls: float
    most_calls: int
    occupancy: float


def queue_forecasts(scenario: Scenario, outcome: Outcome) -> list[QueueForecast]:
    """Of each queue, in the scenario's order."""
    return [_of_queue(scenario, queue, outcome) for queue in scenario.queues]


def agent_forecasts(scenario: Scenario, outcome: Outcome) -> list[AgentForecast]:
    """Of each kind of agents, in the scenario's order."""
    by_kind: list[list[AgentWork]] = [[] for _ in scenario.agents]
    for work in outcome.agents:
        by_kind[work.kind].append(work)
    open_ms = scenario.hours * 3_600_000
    return [
        AgentForecast(
            len(works),
            [place.queue_id for place in scenario.memberships(kind)],
            min(work.calls for work in works),
            sum(work.calls for work in works) / len(works),
            max(work.calls for work in works),
            sum(work.busy_ms for work in works) / (len(works) * open_ms),
        )
        for kind, works in zip(scenario.agents, by_kind, strict=True)
    ]


def theory_of(scenario: Scenario, queue: SimulatedQueue) -> Theory | None:
    """Where a queue is M/M/c or M/M/c+M: its agents serve nothing else, all alike and from the first moment on, and
    one is rung at a time. With ringing before the answer it is so all but exactly. None: it is not.
    """
    agents = 0
    for kind in scenario.agents:
        places = scenario.memberships(kind)
        place = next((place for place in places if place.queue_id == queue.queue_id), None)
        if place is None:
            continue
        after_ms = may_take_after_ms(place, queue.asked, kind.skills)
        if after_ms == 0 and len(places) == 1:
            agents += kind.count
        elif after_ms is not None:
            return None
    if not agents or queue.handle_times is not HandleTimes.EXPONENTIAL or queue.strategy is Strategy.RING_SEVERAL:
        return None
    ringing = ringing_ms(scenario) / 1000
    state = steady_state(queue.calls_an_hour / 3600, queue.handle_seconds + ringing, agents, queue.patience_seconds)
    return Theory("Erlang C" if queue.patience_seconds is None else "Erlang A", state, ringing)


def _of_queue(scenario: Scenario, queue: SimulatedQueue, outcome: Outcome) -> QueueForecast:
    calls = [call for call in outcome.calls if call.queue_id == queue.queue_id]
    waits = sorted(call.wait_ms / 1000 for call in calls)
    answered = sorted(call.wait_ms / 1000 for call in calls if call.agent_id is not None)
    rings = queue.ring_target.last_ring
    return QueueForecast(
        queue_id=queue.queue_id,
        target_rings=rings,
        target_seconds=rings * DEFAULT_CADENCE.period_seconds,
        arrived=len(calls),
        in_time=sum(rings_in(wait) <= rings for wait in answered),
        gave_up=len(calls) - len(answered),
        mean_wait_seconds=sum(waits) / max(1, len(waits)),
        p95_wait_seconds=waits[math.ceil(0.95 * len(waits)) - 1] if waits else 0.0,
        answered_after=answered,
        theory=theory_of(scenario, queue),
    )
