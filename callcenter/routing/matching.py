"""Who takes whom: a pure function from callers in line and ready agents to pairs.

The caller who has waited longest is served first; of the agents who may serve him, the one idle longest.
The same function runs in the live service and in virtual time.
"""

import heapq
from collections.abc import Iterable

from callcenter.routing.model import Pair, QueueEntry, ReadyAgent


def match(entries: Iterable[QueueEntry], agents: Iterable[ReadyAgent]) -> list[Pair]:
    """Pair callers with agents. No call and no agent comes twice; ties fall to the smaller id.

    Cost: O((entries + memberships) log), memberships being the sum of the agents' queues.
    """
    idle_longest: dict[str, list[tuple[int, int, ReadyAgent]]] = {}
    free = 0
    for agent in agents:
        free += 1
        for membership in agent.memberships:
            idle_longest.setdefault(membership.queue_id, []).append((agent.idle_since_ms, agent.agent_id, agent))
    for line in idle_longest.values():
        heapq.heapify(line)

    pairs: list[Pair] = []
    taken: set[int] = set()
    for entry in sorted(entries, key=lambda entry: (entry.waiting_since_ms, entry.call_id)):
        if len(pairs) == free:
            break
        line = idle_longest.get(entry.queue_id, [])
        while line and line[0][1] in taken:
            heapq.heappop(line)
        if line:
            agent = heapq.heappop(line)[2]
            taken.add(agent.agent_id)
            pairs.append(Pair(entry, (agent,)))
    return pairs
