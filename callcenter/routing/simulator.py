"""A hotline in virtual time, with the floor of the live one: what would become of these callers with these agents?

Pure: the same scenario gives the same calls, to the millisecond. Not simulated: missed and declined offers, pauses,
owners, overflow. Moments are milliseconds since the opening.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from random import Random

from callcenter.routing.matching import Floor
from callcenter.routing.model import Membership, Pair, QueueEntry, ReadyAgent
from callcenter.routing.rings import DEFAULT_CADENCE
from callcenter.routing.scenario import HandleTimes, Scenario, SimulatedQueue

HOUR_MS = 3_600_000
_LOGNORMAL_SIGMA = math.sqrt(math.log(2))
"""With it the deviation equals the mean."""


@dataclass(slots=True)
class SimulatedCall:
    """A call and what became of it: `wait_ms` ends with the answer, or, with `agent_id` None, with giving up."""

    queue_id: str
    arrived_ms: int
    handle_ms: int
    patience_ms: int | None
    wait_ms: int = 0
    agent_id: int | None = None


@dataclass(frozen=True, slots=True)
class AgentWork:
    """What an agent did. `kind`: which of the scenario's kinds of agents he is of. `busy_ms`: his time with calls,
    ringing included, while callers came in.
    """

    agent_id: int
    kind: int
    calls: int
    busy_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All calls in the order of their arrival, and all agents."""

    calls: list[SimulatedCall]
    agents: list[AgentWork]


def simulate(scenario: Scenario) -> Outcome:
    """Callers come in for the scenario's hours, and agents answer until nobody is left in line."""
    return _Hotline(scenario).run()


def ringing_ms(scenario: Scenario) -> int:
    """How long an agent's phone rings until he answers."""
    if scenario.answer_rings == 0:
        return 0
    seconds = (scenario.answer_rings - 1) * DEFAULT_CADENCE.period_seconds + DEFAULT_CADENCE.tone_seconds
    return round(seconds * 1000)


def _callers(scenario: Scenario, queue: SimulatedQueue) -> Iterator[SimulatedCall]:
    """Who rings a queue; chances of their own, so that what is changed elsewhere leaves these callers the same."""
    chances = (f"{scenario.seed}/{queue.queue_id}/{of}" for of in ("gap", "handle", "patience"))
    gaps, handling, patience = map(Random, chances)
    end_ms, handle_ms = scenario.hours * HOUR_MS, queue.handle_seconds * 1000
    log_mean = math.log(handle_ms) - _LOGNORMAL_SIGMA**2 / 2
    at_ms = gaps.expovariate(queue.calls_an_hour / HOUR_MS)
    while at_ms < end_ms:
        if queue.handle_times is HandleTimes.EXPONENTIAL:
            handle = handling.expovariate(1 / handle_ms)
        else:
            handle = handling.lognormvariate(log_mean, _LOGNORMAL_SIGMA)
        patient = None
        if queue.patience_seconds is not None:
            patient = round(patience.expovariate(1 / (queue.patience_seconds * 1000)))
        yield SimulatedCall(queue.queue_id, round(at_ms), round(handle), patient)
        at_ms += gaps.expovariate(queue.calls_an_hour / HOUR_MS)


class _Happens(IntEnum):
    """What happens, in the order of those that happen in the same millisecond. Each is about a number."""

    HANGS_UP = 0
    """An agent has done with his call."""
    ANSWERS = 1
    """The agent rung for a call answers."""
    GIVES_UP = 2
    """The caller of a call hangs up, if he still waits."""
    ARRIVES = 3
    OPENS = 4
    """Waiting has made a pair possible."""


class _Agent:
    """An agent at work; `ready` is what matching knows of him."""

    __slots__ = ("busy_ms", "calls", "claimed_ms", "kind", "ready")

    def __init__(self, kind: int, ready: ReadyAgent) -> None:
        self.kind, self.ready = kind, ready
        self.calls = self.busy_ms = self.claimed_ms = 0

    def took(self, queue_id: str) -> None:
        self.calls += 1
        turns = (
            Membership(one.queue_id, one.opens_after_ms, one.turns + (one.queue_id == queue_id))
            for one in self.ready.memberships
        )
        self.ready = ReadyAgent(
            self.ready.agent_id, tuple(turns), self.ready.idle_since_ms, self.calls, self.ready.skills
        )

    def done(self, now_ms: int) -> None:
        one = self.ready
        self.ready = ReadyAgent(one.agent_id, one.memberships, now_ms, one.calls, one.skills)


class _Hotline:
    """A run. The number of a call is its place in `_calls`, and as text its call_id."""

    def __init__(self, scenario: Scenario) -> None:
        self._queues = {queue.queue_id: queue for queue in scenario.queues}
        self._needs = {queue.queue_id: queue.asked for queue in scenario.queues}
        self._ringing_ms = ringing_ms(scenario)
        self._end_ms = round(scenario.hours * HOUR_MS)
        rules = {queue.queue_id: queue.rule for queue in scenario.queues}
        self._floor = Floor(rules, scenario.priority_step_seconds * 1000)
        self._agents: list[_Agent] = []
        for kind, agents in enumerate(scenario.agents):
            for _ in range(agents.count):
                ready = ReadyAgent(
                    len(self._agents), scenario.memberships(agents), 0, skills=tuple(agents.skills.items())
                )
                self._agents.append(_Agent(kind, ready))
                self._floor.put_agent(ready)
        self._calls: list[SimulatedCall] = []
        self._coming = heapq.merge(
            *(_callers(scenario, queue) for queue in scenario.queues), key=lambda call: call.arrived_ms
        )
        self._rung: dict[int, Pair] = {}
        """By the number of the call whose caller waits for one of these agents to answer."""
        self._agenda: list[tuple[int, _Happens, int]] = []
        self._opens_ms: int | None = None
        """The next OPENS of the agenda."""

    def run(self) -> Outcome:
        self._expect_caller()
        while self._agenda:
            now_ms, happens, number = heapq.heappop(self._agenda)
            if self._happened(happens, number, now_ms):
                self._match(now_ms)
        work = [AgentWork(one.ready.agent_id, one.kind, one.calls, one.busy_ms) for one in self._agents]
        return Outcome(self._calls, work)

    def _happened(self, happens: _Happens, number: int, now_ms: int) -> bool:
        """Whether there is something to match after it."""
        match happens:
            case _Happens.HANGS_UP:
                self._agents[number].done(now_ms)
                self._free(number, now_ms)
                return True
            case _Happens.ANSWERS:
                return self._answers(number, now_ms)
            case _Happens.GIVES_UP:
                return self._gives_up(number, now_ms)
            case _Happens.ARRIVES:
                self._arrives(number, now_ms)
                return True
            case _Happens.OPENS:
                self._opens_ms = None
                return True

    def _expect(self, at_ms: int, happens: _Happens, number: int) -> None:
        heapq.heappush(self._agenda, (at_ms, happens, number))

    def _expect_caller(self) -> None:
        call = next(self._coming, None)
        if call is not None:
            self._expect(call.arrived_ms, _Happens.ARRIVES, len(self._calls))
            self._calls.append(call)

    def _arrives(self, number: int, now_ms: int) -> None:
        call = self._calls[number]
        priority = self._queues[call.queue_id].priority
        self._floor.put_entry(QueueEntry(str(number), call.queue_id, now_ms, priority, self._needs[call.queue_id]))
        if call.patience_ms is not None:
            self._expect(now_ms + call.patience_ms, _Happens.GIVES_UP, number)
        self._expect_caller()

    def _match(self, now_ms: int) -> None:
        for pair in self._floor.match(now_ms):
            number = int(pair.entry.call_id)
            self._rung[number] = pair
            for agent in pair.agents:
                self._agents[agent.agent_id].claimed_ms = now_ms
            self._expect(now_ms + self._ringing_ms, _Happens.ANSWERS, number)
        opens_ms = self._floor.next_change_ms(now_ms) if self._floor.entries else None
        if opens_ms is not None and (self._opens_ms is None or opens_ms < self._opens_ms):
            self._opens_ms = opens_ms
            self._expect(opens_ms, _Happens.OPENS, 0)

    def _answers(self, number: int, now_ms: int) -> bool:
        pair = self._rung.pop(number, None)
        if pair is None:
            return False
        call, (winner, *others) = self._calls[number], pair.agents
        call.wait_ms, call.agent_id = now_ms - call.arrived_ms, winner.agent_id
        self._agents[winner.agent_id].took(call.queue_id)
        self._expect(now_ms + call.handle_ms, _Happens.HANGS_UP, winner.agent_id)
        for other in others:
            self._free(other.agent_id, now_ms)
        return bool(others)

    def _gives_up(self, number: int, now_ms: int) -> bool:
        call = self._calls[number]
        pair = self._rung.pop(number, None)
        if pair is None and call.agent_id is not None:
            return False
        call.wait_ms = now_ms - call.arrived_ms
        self._floor.drop_entry(str(number))
        for agent in pair.agents if pair else ():
            self._free(agent.agent_id, now_ms)
        return pair is not None

    def _free(self, agent_id: int, now_ms: int) -> None:
        agent = self._agents[agent_id]
        agent.busy_ms += max(0, min(now_ms, self._end_ms) - agent.claimed_ms)
        self._floor.put_agent(agent.ready)
