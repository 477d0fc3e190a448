"""The index below `matching`: things in order, and a line of callers with the agents who may take them. Pure."""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from callcenter.routing.model import Membership, Need, QueueEntry, QueueRule, ReadyAgent, Strategy

Id = TypeVar("Id", int, str)
Key = TypeVar("Key")


class Ranking(Generic[Id, Key]):
    """Ids by their keys, least first. What was dropped leaves the heap when it comes to the top, or when more than
    half of the heap is such.
    """

    __slots__ = ("_heap", "_keys")

    def __init__(self) -> None:
        self._keys: dict[Id, Key] = {}
        self._heap: list[tuple[Key, Id]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, one: Id, key: Key) -> None:
        if self._keys.get(one) == key:
            return
        self._keys[one] = key
        heapq.heappush(self._heap, (key, one))
        if len(self._heap) > 2 * len(self._keys) + 8:
            self._heap = [(its_key, other) for other, its_key in self._keys.items()]
            heapq.heapify(self._heap)

    def drop(self, one: Id) -> None:
        self._keys.pop(one, None)

    def first(self) -> tuple[Key, Id] | None:
        heap = self._heap
        while heap and self._keys.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def firsts(self, count: int) -> list[tuple[Key, Id]]:
        """So many, least first; they stay."""
        found: list[tuple[Key, Id]] = []
        while len(found) < count and (first := self.first()) is not None:
            heapq.heappop(self._heap)
            if not found or found[-1] != first:  # one who was dropped and put again stands in the heap twice
                found.append(first)
        for one in found:
            heapq.heappush(self._heap, one)
        return found


def may_take_after_ms(membership: Membership, needs: Iterable[Need], skills: Mapping[str, int]) -> int | None:
    """After how much waiting (ms) an agent may take a caller with these needs; None: never.

    A need never rises: after so much waiting the lowest level will do that it has come down to.
    """
    after = membership.opens_after_ms
    for need in needs:
        level = skills.get(need.skill_id, 0)
        if level < need.level:
            relaxed = [after_ms for after_ms, lower in need.relaxes if lower <= level]
            if not relaxed:
                return None
            after = max(after, min(relaxed))
    return after


def _rank(strategy: Strategy, agent: ReadyAgent, membership: Membership) -> tuple[int, int]:
    """The lower, the sooner asked; where even, the lower agent_id."""
    match strategy:
        case Strategy.FEWEST_CALLS:
            return (agent.calls, agent.idle_since_ms)
        case Strategy.ROTATION:
            return (membership.turns, 0)
        case Strategy.LONGEST_IDLE | Strategy.RING_SEVERAL:
            return (agent.idle_since_ms, 0)


class Line:
    """The callers of one queue who need the same, and the ready agents who may take them, now or later."""

    def __init__(self, number: int, rule: QueueRule, needs: tuple[Need, ...]) -> None:
        self.number = number
        self._needs = needs
        self._strategy = rule.strategy
        self._rung = rule.ring_at_once if rule.strategy is Strategy.RING_SEVERAL else 1
        self._callers: dict[int, Ranking[str, int]] = {}
        """Of each priority, by the time since when they wait."""
        self._agents: defaultdict[tuple[int, int], Ranking[int, tuple[int, int]]] = defaultdict(Ranking)
        """Of each (opens_after_ms, time of waiting after which they may take a caller), by the queue's strategy."""
        self._tiers: dict[int, tuple[int, int]] = {}

    def put_entry(self, entry: QueueEntry) -> None:
        self._callers.setdefault(entry.priority, Ranking()).put(entry.call_id, entry.waiting_since_ms)

    def drop_entry(self, entry: QueueEntry) -> None:
        callers = self._callers[entry.priority]
        callers.drop(entry.call_id)
        if not callers:
            del self._callers[entry.priority]

    def put_agent(self, agent: ReadyAgent, membership: Membership, skills: Mapping[str, int]) -> None:
        after = may_take_after_ms(membership, self._needs, skills)
        if after is not None:
            tier = self._tiers[agent.agent_id] = (membership.opens_after_ms, after)
            self._agents[tier].put(agent.agent_id, _rank(self._strategy, agent, membership))

    def drop_agent(self, agent_id: int) -> None:
        tier = self._tiers.pop(agent_id, None)
        if tier is not None:
            self._agents[tier].drop(agent_id)

    def opens_at(self) -> float | None:
        """The first moment (ms) at which one of these callers can be given to one of these agents; None: waiting
        alone brings none.
        """
        firsts = [first[0] for callers in self._callers.values() if (first := callers.first())]
        after = self.least_wait() if firsts else None
        if after is None:
            return None
        return min(firsts) + after if after > 0 else -math.inf

    def least_wait(self) -> int | None:
        """After how much waiting (ms) the first of these agents may take a caller; None: there is no agent."""
        return min((after for (_opens, after), agents in self._agents.items() if agents), default=None)

    def wait_for(self, agent_id: int) -> int | None:
        """After how much waiting (ms) this agent may take a caller; None: never."""
        tier = self._tiers.get(agent_id)
        return None if tier is None else tier[1]

    def first_caller(self, after_ms: int | None, now_ms: int, step_ms: int) -> tuple[int, str] | None:
        """The first caller who has waited `after_ms` (None: for ever): his place in the order, and his call_id."""
        if after_ms is None:
            return None
        found: tuple[int, str] | None = None
        for priority, callers in self._callers.items():
            first = callers.first()
            if first is not None and (after_ms <= 0 or now_ms - first[0] >= after_ms):
                order = (first[0] - priority * step_ms, first[1])
                found = order if found is None else min(found, order)
        return found

    def best_agents(self, wait_ms: int) -> list[int]:
        """Who is rung for a caller who has waited so long: the first tiers first, then by the strategy."""
        found = [
            (opens_after_ms, rank, agent_id)
            for (opens_after_ms, after), agents in self._agents.items()
            if after <= wait_ms
            for rank, agent_id in agents.firsts(self._rung)
        ]
        return [agent_id for _opens, _rank, agent_id in heapq.nsmallest(self._rung, found)]
