"""Who takes whom."""

from hypothesis import given
from hypothesis import strategies as st

from callcenter.routing.matching import match
from callcenter.routing.model import Pair, QueueEntry, ReadyAgent

QUEUES = ["service", "complaint", "repair"]
entries = st.lists(
    st.builds(
        QueueEntry,
        call_id=st.integers(0, 10_000).map(lambda n: f"node1-1763780000.{n}"),
        queue_id=st.sampled_from(QUEUES),
        waiting_since_ms=st.integers(0, 50),
    ),
    unique_by=lambda entry: entry.call_id,
    max_size=30,
)
agents = st.lists(
    st.builds(
        ReadyAgent,
        agent_id=st.integers(1, 10_000),
        queues=st.frozensets(st.sampled_from(QUEUES), min_size=1),
        idle_since_ms=st.integers(0, 50),
    ),
    unique_by=lambda agent: agent.agent_id,
    max_size=30,
)


def one(call: int, queue: str = "service", since: int = 0) -> QueueEntry:
    return QueueEntry(f"node1-1763780000.{call}", queue, since)


def free(agent: int, *queues: str, since: int = 0) -> ReadyAgent:
    return ReadyAgent(agent, frozenset(queues or ("service",)), since)


def test_the_longest_waiting_caller_gets_the_longest_idle_agent() -> None:
    pairs = match([one(1, since=20), one(2, since=10)], [free(7, since=9), free(8, since=5)])
    assert pairs == [
        Pair(one(2, since=10), free(8, since=5)),
        Pair(one(1, since=20), free(7, since=9)),
    ]


def test_an_agent_serves_only_his_queues() -> None:
    assert match([one(1, "complaint")], [free(7, "service")]) == []


def test_wait_counts_over_all_queues() -> None:
    pairs = match([one(1, "service", 20), one(2, "complaint", 10)], [free(7, "service", "complaint")])
    assert [pair.entry.call_id for pair in pairs] == ["node1-1763780000.2"]


@given(entries, agents)
def test_nobody_comes_twice_and_nobody_is_left_who_could_be_served(
    line: list[QueueEntry], ready: list[ReadyAgent]
) -> None:
    pairs = match(line, ready)
    calls = [pair.entry.call_id for pair in pairs]
    taken = [pair.agent.agent_id for pair in pairs]
    assert len(set(calls)) == len(calls)
    assert len(set(taken)) == len(taken)
    assert all(pair.entry.queue_id in pair.agent.queues for pair in pairs)
    left = [entry for entry in line if entry.call_id not in calls]
    idle = [agent for agent in ready if agent.agent_id not in taken]
    assert not [1 for entry in left for agent in idle if entry.queue_id in agent.queues]


@given(entries, agents)
def test_within_a_queue_the_earlier_caller_is_never_passed_over(
    line: list[QueueEntry], ready: list[ReadyAgent]
) -> None:
    served = {pair.entry.call_id for pair in match(line, ready)}
    for queue in QUEUES:
        order = sorted((e for e in line if e.queue_id == queue), key=lambda e: (e.waiting_since_ms, e.call_id))
        flags = [entry.call_id in served for entry in order]
        assert flags == sorted(flags, reverse=True)
