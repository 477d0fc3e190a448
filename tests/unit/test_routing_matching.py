"""Who takes whom: the rule in examples, and the floor against the rule itself, applied from scratch at every step."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.routing.matching import Floor
from callcenter.routing.model import (
    Membership,
    Need,
    NotRung,
    Pair,
    QueueEntry,
    QueueRule,
    ReadyAgent,
    Strategy,
)

SECOND = 1000
MINUTE = 60 * SECOND
ELEVATORS = Need("elevators", 5, ((20 * SECOND, 3), (40 * SECOND, 0)))


def caller(
    name: str,
    queue: str = "service",
    *,
    since: int = 0,
    priority: int = 0,
    needs: tuple[Need, ...] = (),
    preferred: tuple[int, ...] = (),
) -> QueueEntry:
    return QueueEntry(name, queue, since, priority, needs, preferred)


def agent(
    number: int, *places: str | Membership, idle: int = 0, calls: int = 0, skills: Mapping[str, int] | None = None
) -> ReadyAgent:
    memberships = tuple(Membership(one) if isinstance(one, str) else one for one in places or ("service",))
    return ReadyAgent(number, memberships, idle, calls, tuple((skills or {}).items()))


def floor(*everybody: QueueEntry | ReadyAgent, **strategies: Strategy) -> Floor:
    made = Floor({queue: QueueRule(queue, strategy, ring_at_once=2) for queue, strategy in strategies.items()})
    for one in everybody:
        if isinstance(one, QueueEntry):
            made.put_entry(one)
        else:
            made.put_agent(one)
    return made


def names(pairs: Iterable[Pair]) -> list[tuple[str, tuple[int, ...]]]:
    return [(pair.entry.call_id, tuple(one.agent_id for one in pair.agents)) for pair in pairs]


# -- the order of callers ------------------------------------------------------------------------------


def test_the_longest_waiting_caller_gets_the_longest_idle_agent() -> None:
    there = floor(caller("bob", since=20), caller("alice", since=10), agent(7, idle=9), agent(8, idle=5))
    assert names(there.match(30)) == [("alice", (8,)), ("bob", (7,))]


def test_an_agent_serves_only_his_queues() -> None:
    assert floor(caller("alice", "complaint"), agent(7, "service")).match(0) == []


def test_wait_counts_over_all_queues() -> None:
    there = floor(caller("bob", "service", since=20), caller("alice", "complaint", since=10))
    there.put_agent(agent(7, "service", "complaint"))
    assert names(there.match(30)) == [("alice", (7,))]


def test_a_step_of_priority_is_worth_a_fixed_time_of_waiting() -> None:
    ahead = floor(caller("alice", since=0), caller("vip", since=59 * SECOND, priority=1), agent(7))
    assert names(ahead.match(MINUTE)) == [("vip", (7,))]
    behind = floor(caller("alice", since=0), caller("vip", since=61 * SECOND, priority=1), agent(7))
    assert names(behind.match(2 * MINUTE)) == [("alice", (7,))]


def test_nobody_starves_behind_important_callers() -> None:
    there = floor(caller("alice", since=0))
    for second in range(0, 1000, 5):  # a VIP and an agent every five seconds: there is never one to spare
        there.put_entry(caller(f"vip{second:04}", since=second * SECOND, priority=5))
        there.put_agent(agent(7))
        pairs = there.match(second * SECOND)
        if names(pairs) == [("alice", (7,))]:
            assert second == pytest.approx(5 * 60, abs=5)
            return
    raise AssertionError("alice waits for ever")


def test_who_came_at_the_same_moment_goes_by_the_call_id() -> None:
    assert names(floor(caller("b"), caller("a"), agent(7)).match(0)) == [("a", (7,))]


# -- the choice of the agent ---------------------------------------------------------------------------


def test_fewest_calls_first_then_longest_idle() -> None:
    there = floor(caller("alice"), agent(1, idle=1, calls=3), agent(2, idle=9, calls=2), agent(3, idle=8, calls=2))
    there.set_rules({"service": QueueRule("service", Strategy.FEWEST_CALLS)}, MINUTE)
    assert names(there.match(9)) == [("alice", (3,))]


def test_strict_rotation_goes_round_and_missed_turns_are_made_up() -> None:
    """CAT-20, CAT-21."""
    there = floor(service=Strategy.ROTATION)
    turns = {1: 0, 2: 0, 3: 0}
    took: list[int] = []

    def call(present: set[int]) -> None:
        for number in present:
            there.put_agent(agent(number, Membership("service", turns=turns[number])))
        there.put_entry(caller(f"call{len(took)}"))
        (pair,) = there.match(0)
        took.append(pair.agents[0].agent_id)
        turns[took[-1]] += 1
        for number in present:
            there.drop_agent(number)

    for present in [{1, 2, 3}] * 4 + [{1, 3}] * 4 + [{1, 2, 3}] * 5:
        call(present)
    assert took[:4] == [1, 2, 3, 1]
    assert took[4:8] == [3, 1, 3, 1], "agent 2 is away"
    assert took[8:] == [2, 2, 2, 3, 1], "agent 2 makes up two turns, then the round goes on"
    assert turns == {1: 5, 2: 4, 3: 4}


def test_several_are_rung_together_and_nobody_of_them_for_another_caller() -> None:
    there = floor(caller("alice"), caller("bob", since=1), service=Strategy.RING_SEVERAL)
    for number in (1, 2, 3):
        there.put_agent(agent(number, idle=-number))
    assert names(there.match(1)) == [("alice", (3, 2)), ("bob", (1,))]


def test_ringing_several_fills_up_from_the_next_tier_that_is_open() -> None:
    there = floor(agent(1, Membership("service", 10 * SECOND)), agent(2, idle=5), service=Strategy.RING_SEVERAL)
    there.put_entry(caller("alice"))
    assert names(there.match(10 * SECOND)) == [("alice", (2, 1))]


def test_the_owner_is_asked_first_and_his_absence_is_no_loss() -> None:
    """CAT-22, CAT-25, OWN-04."""
    others = agent(1, idle=0), agent(2, idle=1), agent(3, idle=2)
    asked = caller("alice", preferred=(9, 3, 2))
    assert names(floor(asked, *others).match(5)) == [("alice", (3,))]
    assert names(floor(asked, agent(1)).match(5)) == [("alice", (1,))]
    assert names(floor(asked, *others, service=Strategy.RING_SEVERAL).match(5)) == [("alice", (3,))]


def test_an_owner_needs_no_skill_and_no_wait_but_a_place_in_the_queue() -> None:
    asked = caller("alice", needs=(ELEVATORS,), preferred=(7,))
    assert names(floor(asked, agent(7, Membership("service", MINUTE))).match(0)) == [("alice", (7,))]
    assert floor(asked, agent(7, "complaint")).match(0) == []


def test_an_owner_takes_the_first_of_his_callers() -> None:
    there = floor(caller("bob", since=1, preferred=(7,)), caller("alice", preferred=(7,)))
    there.put_agent(agent(7, Membership("service", MINUTE)))
    assert names(there.match(1)) == [("alice", (7,))]


# -- what waiting changes ------------------------------------------------------------------------------


def test_a_tier_opens_at_exactly_its_moment() -> None:
    there = floor(caller("alice", since=500), agent(7, Membership("service", 20 * SECOND)))
    assert there.match(20_499) == []
    assert there.next_change_ms(20_499) == 20_500
    assert names(there.match(20_500)) == [("alice", (7,))]
    assert there.next_change_ms(20_500) is None


def test_the_own_team_is_asked_before_those_who_help_out() -> None:
    there = floor(caller("alice"), agent(1, Membership("service", 5 * SECOND), idle=0), agent(2, idle=9 * SECOND))
    assert names(there.match(10 * SECOND)) == [("alice", (2,))]


def test_a_skill_is_asked_for_less_strictly_the_longer_a_caller_waits() -> None:
    there = floor(caller("alice", needs=(ELEVATORS,)), agent(1), agent(3, skills={"elevators": 3}))
    assert there.match(19_999) == []
    assert there.next_change_ms(19_999) == 20_000
    assert names(there.match(20_000)) == [("alice", (3,))]
    there.put_entry(caller("bob", needs=(ELEVATORS,)))
    assert there.next_change_ms(20_000) == 40_000
    assert names(there.match(40_000)) == [("bob", (1,))]


def test_a_skill_asked_for_strictly_is_never_waived() -> None:
    there = floor(caller("alice", needs=(Need("elevators", 5),)), agent(1, skills={"elevators": 4}))
    assert there.match(24 * 60 * MINUTE) == []
    assert there.next_change_ms(24 * 60 * MINUTE) is None


def test_a_caller_who_comes_from_a_clock_ahead_is_served_at_once() -> None:
    assert names(floor(caller("alice", since=500), agent(7)).match(0)) == [("alice", (7,))]


def test_a_moment_that_has_come_is_now() -> None:
    assert floor(caller("alice"), agent(7)).next_change_ms(5) == 5
    assert floor(caller("alice"), agent(7, Membership("service", 3))).next_change_ms(5) == 5
    late = floor(caller("alice", preferred=(7,)), agent(7, Membership("service", MINUTE)))
    assert late.next_change_ms(5) == 5


# -- who comes and goes --------------------------------------------------------------------------------


def test_who_was_paired_has_left_and_may_be_put_again() -> None:
    there = floor(caller("alice"), agent(7))
    (pair,) = there.match(0)
    assert not there.entries
    assert not there.agents
    there.put_entry(pair.entry)
    assert there.match(0) == []
    there.put_agent(pair.agents[0])
    assert there.match(0) == [pair]


def test_coming_twice_and_going_twice_does_no_harm() -> None:
    there = floor(caller("alice"), caller("alice"), agent(7), agent(7))
    there.drop_agent(7)
    there.drop_agent(7)
    there.drop_entry("alice")
    there.drop_entry("alice")
    assert there.match(0) == []
    there.put_entry(caller("alice"))
    there.put_agent(agent(7))
    assert names(there.match(0)) == [("alice", (7,))]


def test_what_is_put_again_replaces_what_was_known() -> None:
    there = floor(caller("alice"), agent(7, "complaint"))
    there.put_entry(caller("alice", "repair"))
    there.put_agent(agent(7, "service"))
    assert there.match(0) == []
    there.put_agent(agent(7, "repair"))
    assert names(there.match(0)) == [("alice", (7,))]


def test_new_rules_hold_for_those_who_are_there() -> None:
    there = floor(caller("alice"), caller("vip", since=30 * SECOND, priority=1), agent(1, calls=2), agent(2, idle=1))
    there.set_rules({"service": QueueRule("service", Strategy.FEWEST_CALLS)}, 10 * SECOND)
    assert names(there.match(MINUTE)) == [("alice", (2,)), ("vip", (1,))]


# -- why an agent was not rung -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (agent(1, "complaint"), NotRung.NOT_MEMBER),
        (agent(1, Membership("service", 11 * SECOND), skills={"elevators": 5}), NotRung.OPENS_LATER),
        (agent(1, skills={"elevators": 4}), NotRung.LACKS_SKILL),
        (agent(1, idle=2, skills={"elevators": 5}), NotRung.OTHER_AGENT_CHOSEN),
        (agent(1, "service", "complaint", idle=0, skills={"elevators": 5}), NotRung.CALLER_BEHIND_OTHERS),
        (agent(1, idle=0, skills={"elevators": 5}), None),
    ],
)
def test_why_a_ready_agent_is_not_rung(who: ReadyAgent, reason: NotRung | None) -> None:
    alice = caller("alice", needs=(ELEVATORS,))
    there = floor(alice, caller("bob", "complaint", since=-1), agent(2, idle=1, skills={"elevators": 6}), who)
    assert there.why_not(alice, who, 10 * SECOND) is reason


def test_why_tells_after_the_match_as_well() -> None:
    alice, bob = caller("alice"), caller("bob", since=1)
    chosen, other = agent(1, idle=0), agent(2, "service", idle=1)
    there = floor(alice, chosen, other)
    there.match(1)
    assert there.why_not(alice, other, 1) is NotRung.OTHER_AGENT_CHOSEN
    there = floor(alice, bob, chosen)
    there.match(1)
    assert there.why_not(bob, chosen, 1) is NotRung.CALLER_BEHIND_OTHERS


def test_an_owner_is_told_apart_from_the_others() -> None:
    alice = caller("alice", needs=(ELEVATORS,), preferred=(1,))
    owner, expert = agent(1, idle=9), agent(2, idle=0, skills={"elevators": 5})
    there = floor(alice, owner, expert)
    assert there.why_not(alice, owner, 0) is None
    assert there.why_not(alice, expert, 0) is NotRung.OTHER_AGENT_CHOSEN


# -- the floor is the rule -----------------------------------------------------------------------------


def may_take(entry: QueueEntry, one: ReadyAgent, now_ms: int) -> bool:
    wait = max(0, now_ms - entry.waiting_since_ms)
    place = next((place for place in one.memberships if place.queue_id == entry.queue_id), None)
    if place is None or wait < place.opens_after_ms:
        return False
    levels = dict(one.skills)
    return all(
        levels.get(need.skill_id, 0) >= min([need.level] + [level for after, level in need.relaxes if after <= wait])
        for need in entry.needs
    )


def best(entry: QueueEntry, ready: Mapping[int, ReadyAgent], rule: QueueRule, now_ms: int) -> tuple[ReadyAgent, ...]:
    def place(one: ReadyAgent) -> Membership:
        return next(place for place in one.memberships if place.queue_id == entry.queue_id)

    def rank(one: ReadyAgent) -> tuple[int, ...]:
        return {
            Strategy.LONGEST_IDLE: (one.idle_since_ms, one.agent_id),
            Strategy.FEWEST_CALLS: (one.calls, one.idle_since_ms, one.agent_id),
            Strategy.ROTATION: (place(one).turns, one.agent_id),
            Strategy.RING_SEVERAL: (one.idle_since_ms, one.agent_id),
        }[rule.strategy]

    for number in entry.preferred:
        if number in ready and any(one.queue_id == entry.queue_id for one in ready[number].memberships):
            return (ready[number],)
    able = [one for one in ready.values() if may_take(entry, one, now_ms)]
    able.sort(key=lambda one: (place(one).opens_after_ms, rank(one)))
    return tuple(able[: rule.ring_at_once if rule.strategy is Strategy.RING_SEVERAL else 1])


def greedy(
    entries: Iterable[QueueEntry],
    agents: Iterable[ReadyAgent],
    rules: Mapping[str, QueueRule],
    step_ms: int,
    now_ms: int,
) -> list[Pair]:
    """The rule: callers in their order, each takes the best of those who are left."""
    ready = {one.agent_id: one for one in agents}
    pairs = []
    for entry in sorted(entries, key=lambda one: (one.waiting_since_ms - one.priority * step_ms, one.call_id)):
        chosen = best(entry, ready, rules.get(entry.queue_id, QueueRule(entry.queue_id)), now_ms)
        if chosen:
            pairs.append(Pair(entry, chosen))
            for one in chosen:
                del ready[one.agent_id]
    return pairs


QUEUES = ("service", "complaint", "repair", "nameless")
STRATEGIES = list(Strategy)
NEEDS = (
    (),
    (),
    (ELEVATORS,),
    (Need("elevators", 2),),
    (Need("english", 1, ((5 * SECOND, 0),)), ELEVATORS),
    (Need("english", 4, ((7 * SECOND, 5), (9 * SECOND, 1), (12 * SECOND, 2))),),
)


class Hall:
    """A floor, and beside it nothing but two dictionaries; random things happen to both."""

    def __init__(self, random: Random, callers: int = 12, agents: int = 8) -> None:
        self.random = random
        self.most = callers, agents
        self.now = self.paired = 0
        self.entries: dict[str, QueueEntry] = {}
        self.agents: dict[int, ReadyAgent] = {}
        self.floor = Floor()
        self.new_rules()

    def new_rules(self) -> None:
        choose = self.random.choice
        self.rules = {queue: QueueRule(queue, choose(STRATEGIES), choose((1, 2, 3))) for queue in QUEUES[:3]}
        self.step_ms = choose((SECOND, MINUTE))
        self.floor.set_rules(self.rules, self.step_ms)

    def put_entry(self) -> None:
        choose = self.random.choice
        entry = QueueEntry(
            f"call{self.random.randrange(self.most[0])}",
            choose(QUEUES),
            self.now - choose((-500, 0, 0, 1, 2, 3, 5_000, 30_000)),
            choose((-1, 0, 0, 0, 1, 2)),
            choose(NEEDS),
            choose(((), (), (), (3,), (1, 4), (4, 4))),
        )
        self.entries[entry.call_id] = entry
        self.floor.put_entry(entry)

    def put_agent(self) -> None:
        choose = self.random.choice
        opens = (0, 0, 0, 4_000, 10_000)
        queues = self.random.sample(QUEUES, choose((1, 1, 2, 3)))
        one = ReadyAgent(
            self.random.randrange(self.most[1]),
            tuple(Membership(queue, choose(opens), choose((0, 1, 2))) for queue in queues),
            self.now - choose((0, 1, 2, 5_000)),
            choose((0, 1, 2)),
            choose(((), (("elevators", 3),), (("elevators", 6), ("english", 1)), (("english", 4),))),
        )
        self.agents[one.agent_id] = one
        self.floor.put_agent(one)

    def drop(self) -> None:
        if self.random.random() < 0.5:
            call_id = f"call{self.random.randrange(self.most[0])}"
            self.entries.pop(call_id, None)
            self.floor.drop_entry(call_id)
        else:
            number = self.random.randrange(self.most[1])
            self.agents.pop(number, None)
            self.floor.drop_agent(number)

    def pass_time(self) -> None:
        soon = self.floor.next_change_ms(self.now)
        assert soon is None or soon >= self.now
        self.now = soon if soon is not None and self.random.random() < 0.5 else self.now + self.random.randrange(3_000)

    def match(self) -> None:
        wanted = greedy(self.entries.values(), self.agents.values(), self.rules, self.step_ms, self.now)
        pairs = self.floor.match(self.now)
        assert names(pairs) == names(wanted)
        assert pairs == wanted
        self.paired += len(pairs)
        for pair in pairs:
            del self.entries[pair.entry.call_id]
            for one in pair.agents:
                del self.agents[one.agent_id]
        assert self.floor.entries == self.entries
        assert self.floor.agents == self.agents
        if self.random.random() < 0.1:
            self.look_ahead()
        for pair in pairs:
            self.not_claimed(pair)

    def not_claimed(self, pair: Pair) -> None:
        """Now and then another replica was quicker, or a phone is declined: one of the two comes back."""
        if self.random.random() < 0.3:
            entry = replace(pair.entry, priority=pair.entry.priority + self.random.randrange(2))
            self.entries[entry.call_id] = entry
            self.floor.put_entry(entry)
        for one in pair.agents:
            if self.random.random() < 0.3:
                self.agents[one.agent_id] = one
                self.floor.put_agent(one)

    def look_ahead(self) -> None:
        """Nobody is left who could be paired, each for a reason, and the next moment is the one that is named."""
        for entry in self.entries.values():
            for one in self.agents.values():
                why = self.floor.why_not(entry, one, self.now)
                assert why in (NotRung.NOT_MEMBER, NotRung.OPENS_LATER, NotRung.LACKS_SKILL)
                assert not may_take(entry, one, self.now)
        waits = [0, 4_000, 5_000, 7_000, 9_000, 10_000, 12_000, 20_000, 40_000]
        moments = sorted({entry.waiting_since_ms + wait for entry in self.entries.values() for wait in waits})
        later = (
            moment
            for moment in moments
            if moment > self.now
            and greedy(self.entries.values(), self.agents.values(), self.rules, self.step_ms, moment)
        )
        assert self.floor.next_change_ms(self.now) == next(later, None)

    def step(self) -> None:
        happens = self.random.choices(
            (self.put_entry, self.put_agent, self.drop, self.pass_time, self.match, self.new_rules),
            (30, 24, 6, 15, 24, 1),
        )[0]
        happens()


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_the_floor_pairs_as_the_rule_from_scratch(random: Random) -> None:
    hall = Hall(random)
    for _ in range(40):
        hall.step()
    hall.match()


@pytest.mark.parametrize("callers_and_agents", [(12, 8), (4, 8), (60, 6), (30, 60)])
@pytest.mark.parametrize("seed", range(4))
def test_the_floor_pairs_as_the_rule_in_ten_thousand_steps(seed: int, callers_and_agents: tuple[int, int]) -> None:
    hall = Hall(Random(seed), *callers_and_agents)
    for _ in range(10_000):
        hall.step()
    hall.match()
    assert hall.paired > 1_000
