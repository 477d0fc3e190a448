"""Who takes whom: the callers in line and the ready agents, kept so that the next pair is found at once. Pure.

The rule is a plain one: callers in their order, each is given the best agent who may take him. The order is one over
all queues: a step of priority is worth a fixed time of waiting, so whoever waits comes to the front (nobody starves).
The live service and the simulator use this same floor; time comes in as an argument.

What makes it quick: callers of a queue who need the same differ in their wait only, and an agent may take them from
one moment of waiting on. So callers are kept by need and priority, agents by that moment, and only the first of each
is ever looked at; what waiting alone changes is known in advance.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from callcenter.routing.index import Line, Ranking, may_take_after_ms
from callcenter.routing.model import Membership, Need, NotRung, Pair, QueueEntry, QueueRule, ReadyAgent

_NO_LINE = -1


class Floor:
    """The callers in line and the ready agents, as one process knows them; says who can be paired.

    `rules` holds a rule a queue; a queue without one asks the longest idle agent. Not for use by several threads.
    A caller whose clock is ahead of ours has waited no time, not less.
    """

    def __init__(self, rules: Mapping[str, QueueRule] = MappingProxyType({}), priority_step_ms: int = 60_000) -> None:
        self._entries: dict[str, QueueEntry] = {}
        self._agents: dict[int, ReadyAgent] = {}
        self.entries: Mapping[str, QueueEntry] = MappingProxyType(self._entries)
        self.agents: Mapping[int, ReadyAgent] = MappingProxyType(self._agents)
        self.set_rules(rules, priority_step_ms)

    def set_rules(self, rules: Mapping[str, QueueRule], priority_step_ms: int) -> None:
        """Go by other rules from now on; whoever is on the floor stays. Costs as much as putting everybody again."""
        self._rules = dict(rules)
        self._step_ms = priority_step_ms
        self._lines: list[Line] = []
        self._lines_of_queue: defaultdict[str, dict[tuple[Need, ...], Line]] = defaultdict(dict)
        self._line_of: dict[str, Line] = {}
        self._members: defaultdict[str, dict[int, Membership]] = defaultdict(dict)
        self._wanted: dict[tuple[int, str], Ranking[str, int]] = {}
        """Of each (agent, queue), the callers of that queue who prefer him, in their order."""
        self._sought: set[int] = set()
        """Since the last match: agents who came and whom a caller in line prefers, or the other way round."""
        self._moments: Ranking[int, float] = Ranking()
        """Of each line, when a pair is possible; as far as it is not in `_changed`."""
        self._changed: set[int] = set()
        for agent in self._agents.values():
            self._index_agent(agent)
        for entry in self._entries.values():
            self._index_entry(entry)

    # -- who is on the floor ---------------------------------------------------------------------------

    def put_entry(self, entry: QueueEntry) -> None:
        """A caller is in line, or is to be known by these words from now on."""
        if self._entries.get(entry.call_id) != entry:
            self.drop_entry(entry.call_id)
            self._entries[entry.call_id] = entry
            self._index_entry(entry)

    def drop_entry(self, call_id: str) -> None:
        """A caller is no longer in line, if he was."""
        entry = self._entries.pop(call_id, None)
        if entry is None:
            return
        line = self._line_of.pop(call_id)
        line.drop_entry(entry)
        self._changed.add(line.number)
        for agent_id in set(entry.preferred):
            place = (agent_id, entry.queue_id)
            self._wanted[place].drop(call_id)
            if not self._wanted[place]:
                del self._wanted[place]

    def put_agent(self, agent: ReadyAgent) -> None:
        """An agent is ready, or is to be known by these words from now on."""
        if self._agents.get(agent.agent_id) != agent:
            self.drop_agent(agent.agent_id)
            self._agents[agent.agent_id] = agent
            self._index_agent(agent)

    def drop_agent(self, agent_id: int) -> None:
        """An agent is no longer ready, if he was."""
        agent = self._agents.pop(agent_id, None)
        if agent is None:
            return
        for membership in agent.memberships:
            self._members[membership.queue_id].pop(agent_id, None)
            for line in self._lines_of_queue[membership.queue_id].values():
                line.drop_agent(agent_id)
                self._changed.add(line.number)

    def _index_entry(self, entry: QueueEntry) -> None:
        lines = self._lines_of_queue[entry.queue_id]
        line = lines.get(entry.needs)
        if line is None:
            line = lines[entry.needs] = self._new_line(entry)
        line.put_entry(entry)
        self._line_of[entry.call_id] = line
        self._changed.add(line.number)
        for agent_id in entry.preferred:
            wanted = self._wanted.setdefault((agent_id, entry.queue_id), Ranking())
            wanted.put(entry.call_id, self._order(entry)[0])
            if agent_id in self._members[entry.queue_id]:
                self._sought.add(agent_id)

    def _new_line(self, entry: QueueEntry) -> Line:
        rule = self._rules.get(entry.queue_id) or QueueRule(entry.queue_id)
        line = Line(len(self._lines), rule, entry.needs)
        self._lines.append(line)
        for agent_id, membership in self._members[entry.queue_id].items():
            agent = self._agents[agent_id]
            line.put_agent(agent, membership, dict(agent.skills))
        return line

    def _index_agent(self, agent: ReadyAgent) -> None:
        skills = dict(agent.skills)
        for membership in agent.memberships:
            self._members[membership.queue_id][agent.agent_id] = membership
            for line in self._lines_of_queue[membership.queue_id].values():
                line.put_agent(agent, membership, skills)
                self._changed.add(line.number)
            if (agent.agent_id, membership.queue_id) in self._wanted:
                self._sought.add(agent.agent_id)

    def _order(self, entry: QueueEntry) -> tuple[int, str]:
        return (entry.waiting_since_ms - entry.priority * self._step_ms, entry.call_id)

    # -- who can be paired -----------------------------------------------------------------------------

    def match(self, now_ms: int) -> list[Pair]:
        """Everybody who can be paired now, in the order to be claimed; they leave the floor. Whoever could not be
        claimed is to be put again.

        Nobody who is left on the floor could be paired at this moment. Costs O(log) of the callers and agents a
        pair, times the queues of the agents in it; nothing for those whom no change concerns.
        """
        pairs: list[Pair] = []
        places = [self._place(number, 0, now_ms) for number in self._take_due(now_ms)]
        places += [self._place(_NO_LINE, agent_id, now_ms) for agent_id in self._sought]
        heap = [place for place in places if place is not None]
        heapq.heapify(heap)
        while heap:
            _order, call_id, number, agent_id = heap[0]
            place = self._place(number, agent_id, now_ms)
            if place is None:
                heapq.heappop(heap)
            elif place != heap[0]:
                heapq.heapreplace(heap, place)
            else:
                pairs.append(self._take_pair(self._entries[call_id], now_ms))
        self._sought.clear()
        return pairs

    def next_change_ms(self, now_ms: int) -> int | None:
        """The next moment at which waiting alone makes a pair possible: a membership opens, a skill is asked for less
        strictly. `now_ms` itself where one is possible already; None: waiting brings none.
        """
        if any(self._first_preferring(agent_id) for agent_id in self._sought):
            return now_ms
        self._settle()
        first = self._moments.first()
        if first is None:
            return None
        return now_ms if first[0] <= now_ms else int(first[0])

    def why_not(self, entry: QueueEntry, agent: ReadyAgent, now_ms: int) -> NotRung | None:
        """Why this ready agent is not rung for this caller, the first reason that holds; None: he is the one.

        Of the two, one may have left the floor with the last `match`: a caller went to other agents then, an agent
        to a caller before this one.
        """
        membership = next((one for one in agent.memberships if one.queue_id == entry.queue_id), None)
        if membership is None:
            return NotRung.NOT_MEMBER
        if agent.agent_id not in entry.preferred:
            wait_ms = max(0, now_ms - entry.waiting_since_ms)
            after = may_take_after_ms(membership, entry.needs, dict(agent.skills))
            if wait_ms < membership.opens_after_ms:
                return NotRung.OPENS_LATER
            if after is None or wait_ms < after:
                return NotRung.LACKS_SKILL
        if entry.call_id not in self._entries:
            return NotRung.OTHER_AGENT_CHOSEN
        first = self._first_for(agent.agent_id, now_ms)
        if first is None or first < self._order(entry):
            return NotRung.CALLER_BEHIND_OTHERS
        return None if agent.agent_id in self._chosen(entry, now_ms) else NotRung.OTHER_AGENT_CHOSEN

    def _settle(self) -> None:
        for number in self._changed:
            moment = self._lines[number].opens_at()
            if moment is None:
                self._moments.drop(number)
            else:
                self._moments.put(number, moment)
        self._changed.clear()

    def _take_due(self, now_ms: int) -> list[int]:
        """The lines in which a pair is possible. Each loses somebody to a pair, and is settled anew then."""
        self._settle()
        due: list[int] = []
        while (first := self._moments.first()) is not None and first[0] <= now_ms:
            due.append(first[1])
            self._moments.drop(first[1])
        return due

    def _place(self, number: int, agent_id: int, now_ms: int) -> tuple[int, str, int, int] | None:
        """The first caller who can be paired in a line, or with an agent who is preferred (`number` _NO_LINE): his
        place in the order, his call_id, and where he was found.
        """
        if number == _NO_LINE:
            first = self._first_preferring(agent_id)
        else:
            line = self._lines[number]
            first = line.first_caller(line.least_wait(), now_ms, self._step_ms)
        return None if first is None else (*first, number, agent_id)

    def _first_preferring(self, agent_id: int) -> tuple[int, str] | None:
        agent = self._agents.get(agent_id)
        if agent is None:
            return None
        wanted = [self._wanted.get((agent_id, membership.queue_id)) for membership in agent.memberships]
        return min((first for one in wanted if one is not None and (first := one.first())), default=None)

    def _first_for(self, agent_id: int, now_ms: int) -> tuple[int, str] | None:
        """The first caller whom this agent may take; None too if he is not on the floor."""
        agent = self._agents.get(agent_id)
        if agent is None:
            return None
        firsts = [
            line.first_caller(line.wait_for(agent_id), now_ms, self._step_ms)
            for membership in agent.memberships
            for line in self._lines_of_queue[membership.queue_id].values()
        ]
        firsts.append(self._first_preferring(agent_id))
        return min((first for first in firsts if first is not None), default=None)

    def _take_pair(self, entry: QueueEntry, now_ms: int) -> Pair:
        agents = tuple(self._agents[agent_id] for agent_id in self._chosen(entry, now_ms))
        self.drop_entry(entry.call_id)
        for agent in agents:
            self.drop_agent(agent.agent_id)
        return Pair(entry, agents)

    def _chosen(self, entry: QueueEntry, now_ms: int) -> list[int]:
        """Whom to ring: the first of the preferred who is ready, alone (CAT-22, CAT-25, OWN-04), or the best."""
        members = self._members[entry.queue_id]
        for agent_id in entry.preferred:
            if agent_id in members:
                return [agent_id]
        return self._line_of[entry.call_id].best_agents(max(0, now_ms - entry.waiting_since_ms))
