"""Several Asterisk nodes and the live queue in a real Redis: who listens, and what a node's death does."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from callcenter.asterisk.model import Channel, LegAnswered, LegEnded, LegRinging
from callcenter.asterisk.store import Ear
from callcenter.errors import UnavailableError
from callcenter.lease import LEASE_SECONDS
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.reconcile import MISSING_SECONDS, YOUNG_SECONDS, Reconciler
from callcenter.routing.script import CallFacts
from callcenter.routing.store import Part
from tests.storage.lines import House


class ToldNodes:
    """Two nodes that are as a test says."""

    def __init__(self) -> None:
        self.names = ("node1", "node2")
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.held: dict[str, list[Channel]] = {"node1": [], "node2": []}
        self.phones: dict[str, list[str]] = {}
        self.ended_ways_to: list[str] = []
        self.ended_legs: list[str] = []

    def alive(self, node: str) -> bool:
        """Whether a test has not let it die."""
        return node not in self.dead

    async def channels(self) -> Mapping[str, Sequence[Channel]]:
        """Those of the nodes that answer."""
        return {node: held for node, held in self.held.items() if node not in self.dead | self.silent}

    async def reachable(self) -> Mapping[str, Sequence[str]]:
        """As told; nobody can say while a living node is silent."""
        if self.silent - self.dead:
            raise UnavailableError
        return {extension: left for extension, at in self.phones.items() if (left := [*filter(self.alive, at)])}

    async def end_leg(self, channel_id: str) -> None:
        """Noted."""
        self.ended_legs.append(channel_id)

    async def end_ways_to(self, dead: str) -> int:
        """Noted."""
        self.ended_ways_to.append(dead)
        return 1


class TwoNodes(House):
    """One replica over two nodes."""

    def __init__(self, redis: Any) -> None:
        super().__init__(redis)
        self.nodes = ToldNodes()
        self.reconciler = Reconciler(self.routing, self.witness, self.nodes, lambda: self.now)

    async def call_at(self, node: str, number: int) -> str:
        """A caller in line at a node."""
        call_id = f"{node}-1763780000.{number}"
        facts = CallFacts(call_id, node, "PJSIP/trunk-1", "4008001234", "138", "", self.now)
        await self.turn(facts)
        self.nodes.held[node].append(Channel(call_id, call_id, "", "trunk", up=True))
        return call_id

    async def agent_at(self, node: str, agent_id: int) -> None:
        """An agent, ready, whose phone is registered at a node."""
        await self.agent(agent_id)
        self.nodes.phones[f"100{agent_id}"] = [node]
        await self.reconciler.run_once()
        await self.work.set_state(agent_id, AgentState.READY)

    async def where(self, call_id: str) -> CallState:
        """Where a call stands."""
        return (await self.live.call(call_id)).state


@pytest.fixture
async def two(redis: "Redis") -> TwoNodes:
    return TwoNodes(redis)


async def kinds_of(two: TwoNodes, call_id: str) -> list[str]:
    """The facts told of a call, in order."""
    entries = await two.live.redis.xrange("cc:events")
    return [fields["kind"] for _, fields in entries if fields["call"] == call_id]


async def test_a_dead_nodes_calls_are_lost_at_once_and_only_they(two: TwoNodes) -> None:
    here, there = await two.call_at("node1", 1), await two.call_at("node2", 2)
    two.nodes.dead.add("node2")
    await two.reconciler.run_once()
    assert (await two.where(here), await two.where(there)) == (CallState.WAITING, CallState.ENDED)
    assert (await kinds_of(two, there))[-1] == "lost"


async def test_nothing_is_lost_while_a_living_node_does_not_answer(two: TwoNodes) -> None:
    call_id = await two.call_at("node2", 1)
    await two.agent_at("node2", 2)
    two.nodes.silent.add("node2")
    for _ in range(5):
        two.now += 2 * MISSING_SECONDS * 100
        await two.reconciler.run_once()
    agent = await two.live.agent(2)
    assert await two.where(call_id) is CallState.OFFERED
    assert (agent.online, agent.node) == (True, "node2")


async def test_a_call_is_compared_with_its_own_node_only(two: TwoNodes) -> None:
    call_id = await two.call_at("node1", 1)
    two.nodes.held["node1"].clear()
    two.nodes.held["node2"].append(Channel("node2-1.9", call_id, "", "node1", up=True))
    await two.reconciler.run_once()
    two.now += MISSING_SECONDS * 1000 + 1
    await two.reconciler.run_once()
    assert await two.where(call_id) is CallState.ENDED


async def test_a_dead_nodes_agents_are_let_go_and_their_phones_are_gone(two: TwoNodes) -> None:
    await two.agent_at("node2", 1)
    call_id = await two.call_at("node2", 1)
    await two.routing.match()
    assert (await two.live.agent(1)).state is AgentState.OFFERED
    two.nodes.dead.add("node2")
    two.now += YOUNG_SECONDS * 1000
    await two.reconciler.run_once()
    agent = await two.live.agent(1)
    assert await two.where(call_id) is CallState.ENDED
    assert (agent.state, agent.online, agent.call_id) == (AgentState.READY, False, "")


async def test_a_way_to_a_dead_node_is_ended(two: TwoNodes) -> None:
    call_id = await two.call_at("node1", 1)
    two.nodes.held["node1"].append(Channel("node1-1.8", call_id, f"{call_id}/1", "node2", up=True))
    await two.reconciler.run_once()
    assert two.nodes.ended_ways_to == []
    two.nodes.dead.add("node2")
    await two.reconciler.run_once()
    assert two.nodes.ended_ways_to == ["node2"]
    assert await two.where(call_id) is CallState.WAITING


async def test_half_a_conversation_is_ended_and_a_whole_one_is_not(two: TwoNodes) -> None:
    whole, half = await two.call_at("node1", 1), await two.call_at("node1", 2)
    two.nodes.held["node1"] += [
        Channel("node1-1.11", whole, f"{whole}/1", "node2", up=True),
        Channel("node1-1.12", half, f"{half}/1", "node2", up=True),
    ]
    two.nodes.held["node2"].append(Channel("node2-1.13", whole, f"{whole}/1", "node1", up=True))
    await two.reconciler.run_once()
    assert two.nodes.ended_legs == [], "its other half may be on its way"
    two.now += YOUNG_SECONDS * 1000
    await two.reconciler.run_once()
    assert two.nodes.ended_legs == ["node1-1.12"]


async def test_a_phone_that_stands_at_two_nodes_is_where_it_was_told_last(two: TwoNodes) -> None:
    await two.agent_at("node1", 1)
    await two.work.set_reachable(1, reachable=True, node="node2")
    two.nodes.phones["1001"] = ["node1", "node2"]
    await two.reconciler.run_once()
    assert (await two.live.agent(1)).node == "node2"
    await two.work.set_reachable(1, reachable=False, node="node1")
    assert (await two.live.agent(1)).online, "the old registration's end says nothing"
    two.nodes.phones["1001"] = ["node1"]
    await two.reconciler.run_once()
    agent = await two.live.agent(1)
    assert (agent.online, agent.node) == (True, "node1")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [("talking", "ready", ""), ("ready", "ready", ""), ("paused", "paused", "lunch"), ("signed_out", "signed_out", "")],
)
async def test_an_agent_whom_redis_has_lost_is_what_he_was_once_his_phone_is_free(
    two: TwoNodes, before: str, after: str, reason: str
) -> None:
    await two.agent(1)
    await two.live.step(two.now, agent=Part(1, set={"before": before, "reason": "lunch"}))
    two.nodes.phones["1001"] = ["node1"]
    two.nodes.silent.add("node2")
    await two.reconciler.run_once()
    assert await two.state(1) == "signed_out", "his phone may ring at the node that does not say"
    two.nodes.silent.clear()
    two.nodes.held["node2"].append(Channel("node2-1.9", "node2-1.8", "node2-1.8/1", "1001", up=False))
    await two.reconciler.run_once()
    assert await two.state(1) == "signed_out", "his phone rings"
    two.nodes.held["node2"].clear()
    await two.reconciler.run_once()
    agent = await two.live.agent(1)
    assert (agent.state.value, agent.fields["reason"], agent.before) == (after, reason, "")


async def test_an_agent_whom_asterisks_own_queue_rings_is_offered_nobody_else(two: TwoNodes) -> None:
    await two.agent_at("node1", 1)
    leg = ("node1-1763780000.9", "", "1001", "node1-1763780000.10", two.now)
    await two.witness.take(LegRinging(*leg))
    two.nodes.held["node1"].append(Channel(leg[3], leg[0], "", "1001", up=False))
    other = await two.call_at("node2", 1)
    two.now += 2 * YOUNG_SECONDS * 1000
    await two.reconciler.run_once()
    assert (await two.state(1), await two.where(other)) == ("offered", CallState.WAITING)
    await two.witness.take(LegAnswered(*leg))
    assert await two.state(1) == "talking"
    await two.witness.take(LegEnded(*leg, cause=16, hung_up_by_phone=True))
    assert await two.state(1) == "wrapup"
    desk = (await two.work.desk_now(1)).document["call"]
    assert (desk["customers"], desk["number_e164"]) == ([], None), "the page can show who was not seen to arrive"


async def test_an_agent_whom_asterisks_own_queue_rang_in_vain_is_ready(two: TwoNodes) -> None:
    await two.agent_at("node1", 1)
    leg = ("node1-1763780000.9", "", "1001", "node1-1763780000.10", two.now)
    await two.witness.take(LegRinging(*leg))
    other = await two.call_at("node2", 1)
    await two.witness.take(LegEnded(*leg, cause=16, hung_up_by_phone=False))
    assert await two.where(other) is CallState.OFFERED


async def test_one_replica_listens_and_another_takes_over(redis: "Redis") -> None:
    one, two = Ear(redis, "node1"), Ear(redis, "node1")
    assert await one.take()
    assert not await two.take()
    assert await Ear(redis, "node2").take(), "each node has its own listener"
    await one.give_back()
    assert await two.take()
    await one.give_back()
    assert not await one.take(), "only the holder gives a lease back"


async def test_a_lease_ends_with_its_holder_and_is_kept_as_long_as_he_lives(redis: "Redis") -> None:
    loop = asyncio.get_running_loop()
    one, two = Ear(redis, "node1"), Ear(redis, "node1")
    assert await one.take()
    keeping = asyncio.create_task(one.keep())
    await asyncio.wait([keeping], timeout=LEASE_SECONDS + 0.5)
    assert not keeping.done()
    assert not await two.take()
    keeping.cancel()
    died_at = loop.time()
    while not await two.take():
        assert loop.time() - died_at < LEASE_SECONDS + 0.5
        await asyncio.sleep(0.05)
    await asyncio.wait_for(one.keep(), 1.0)


async def test_who_cannot_renew_stops_listening_before_another_may_begin(redis: "Redis") -> None:
    one = Ear(redis, "node1")
    assert await one.take()
    keeping = asyncio.create_task(one.keep())
    await redis.client_pause(round(LEASE_SECONDS * 1000) + 500, all=True)
    await asyncio.wait_for(keeping, LEASE_SECONDS)
