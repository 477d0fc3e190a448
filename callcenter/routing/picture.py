"""A replica's own picture of who waits and who is ready, kept by the live queue's numbered changes.

It saves asking Redis at every look; the claim, which is atomic in Redis, decides what is true. Own changes are taken
in at once, those of other replicas from the channel, which tells all in order: a change may come twice, and an own one
before or after later ones of others. Each call and agent takes only what is newer than what it has.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from callcenter.routing.matching import Floor
from callcenter.routing.model import Membership, Pair, ReadyAgent
from callcenter.routing.plan import Plan, entry_from_json
from callcenter.routing.store import AgentChange, Change, LiveQueue

MOST_KNOWN = 20_000
"""Far more than change while an answer of Redis is on its way."""


class Picture:
    """The floor as this replica sees it."""

    def __init__(self, live: LiveQueue, plan: Callable[[], Plan], today: Callable[[], str]) -> None:
        """`today()`: the department's date, which a tally of another day does not count for."""
        self.floor = Floor()
        self._live = live
        self._plan = plan
        self._today = today
        self._known: dict[str | int, int] = {}
        """Of whom an own change was taken in that the channel has not told yet: its number, the latest last."""
        self._since = 0
        """The number up to which everything has been taken in, by the snapshot or by the channel."""
        self._begun = 0
        """The snapshot's."""
        self._looking = asyncio.Lock()
        self._meanwhile: list[tuple[Change, bool]] = []
        """Changes that came while a snapshot was on its way."""
        self._waiting: dict[str, Mapping[str, Any]] = {}
        self._idle: dict[int, AgentChange] = {}
        self.callbacks: set[str] = set()
        """Those in line who keep their place without a line."""

    async def look_anew(self) -> None:
        """Begin again from what Redis has: at the start, and after every break of the channel."""
        async with self._looking:
            self._meanwhile.clear()
            number, waiting, agents = await self._live.floor()
            self._begin(number, waiting, agents)
            for change, heard in self._meanwhile:
                self._take(change, heard=heard)

    def _begin(
        self,
        number: int,
        waiting: Mapping[str, Mapping[str, Any]],
        agents: Mapping[int, tuple[int, Mapping[str, Any]]],
    ) -> None:
        self._since = self._begun = number
        self._known.clear()
        self.callbacks.clear()
        self._waiting = dict(waiting)
        self._idle = {agent: AgentChange(agent, 0, True, since, tally) for agent, (since, tally) in agents.items()}
        for call_id in set(self.floor.entries) - set(waiting):
            self._drop_entry(call_id)
        self.rules_changed()

    def rules_changed(self) -> None:
        """The plan is another: all that depends on it is made anew."""
        plan = self._plan()
        self.floor.set_rules(plan.rules, plan.priority_step_ms)
        for agent_id in set(self.floor.agents) - set(self._idle):
            self.floor.drop_agent(agent_id)
        for call_id, entry in self._waiting.items():
            self._put_entry(call_id, entry)
        for change in self._idle.values():
            self._put_agent(change)

    def put_back(self, agent_ids: Iterable[int]) -> None:
        """Agents who were paired and shall not be claimed are as ready as before."""
        for agent_id in agent_ids:
            if agent_id in self._idle:
                self._put_agent(self._idle[agent_id])

    def pairs_with(self, call_id: str, kept: Mapping[str, Any], now_ms: int) -> list[Pair]:
        """Everybody who can be paired now if this caller, who is in no line yet, came into one; he is not kept there.
        `kept`: his entry as it would be kept.
        """
        if call_id in self._waiting:  # his script was not answered, and asks again
            return []
        self._put_entry(call_id, kept)
        pairs = self.floor.match(now_ms)
        self._drop_entry(call_id)
        return pairs

    def queue_in(self, call_id: str) -> str:
        """The queue in whose line a caller is kept, though it may be there no more; empty: he is not in line."""
        return str(self._waiting[call_id]["queue"]) if call_id in self._waiting else ""

    @property
    def waiting(self) -> Mapping[str, Mapping[str, Any]]:
        """Everybody in line: call -> his entry as it is kept."""
        return self._waiting

    def take(self, change: Change, *, heard: bool) -> None:
        """Take a change in. `heard`: it came by the channel, which has told all older ones."""
        if self._looking.locked():
            self._meanwhile.append((change, heard))
        self._take(change, heard=heard)

    def _take(self, change: Change, *, heard: bool) -> None:
        if change.number <= self._since:
            if change.alone and change.number > self._begun:  # a later one of another replica was heard before it
                self._live.on_lost()
            return
        if heard:
            self._since = change.number
        if change.call_id and self._is_news(change.call_id, change.number, heard):
            if change.entry is not None:
                self._waiting[change.call_id] = change.entry
                self._put_entry(change.call_id, change.entry)
            else:
                self._drop_entry(change.call_id)
        for agent in change.agents:
            if agent.ready is not None and self._is_news(agent.agent_id, change.number, heard):
                self._take_agent(agent)

    def _put_entry(self, call_id: str, kept: Mapping[str, Any]) -> None:
        """Whose queue is no longer there stands in the line of the first; a skill that is not is not asked for."""
        plan, entry = self._plan(), entry_from_json(call_id, kept)
        needs = tuple(need for need in entry.needs if need.skill_id in plan.skills)
        self.floor.put_entry(replace(entry, queue_id=plan.queue_of(entry.queue_id).queue_id, needs=needs))
        if kept.get("callback"):
            self.callbacks.add(call_id)

    def _drop_entry(self, call_id: str) -> None:
        self._waiting.pop(call_id, None)
        self.floor.drop_entry(call_id)
        self.callbacks.discard(call_id)

    def _take_agent(self, change: AgentChange) -> None:
        if change.ready:
            self._idle[change.agent_id] = change
            self._put_agent(change)
        else:
            self._idle.pop(change.agent_id, None)
            self.floor.drop_agent(change.agent_id)

    def _is_news(self, key: str | int, number: int, heard: bool) -> bool:
        known = self._known.get(key, 0)
        if heard and known <= number:
            self._known.pop(key, None)
        elif not heard:
            self._known.pop(key, None)
            self._known[key] = max(known, number)
            if len(self._known) > MOST_KNOWN:  # of a change that no channel tells, nothing takes its number away
                del self._known[next(iter(self._known))]
        return number > known

    def _put_agent(self, change: AgentChange) -> None:
        person = self._plan().people.get(change.agent_id)
        if person is None:
            self.floor.drop_agent(change.agent_id)
            return
        tally = change.tally if change.tally.get("day") == self._today() else {}
        turns = tally.get("turns") or {}
        self.floor.put_agent(
            ReadyAgent(
                change.agent_id,
                tuple(
                    Membership(one.queue_id, one.opens_after_ms, int(turns.get(one.queue_id, 0)))
                    for one in person.memberships
                ),
                change.idle_since_ms,
                int(tally.get("calls", 0)),
                person.skills,
            )
        )
