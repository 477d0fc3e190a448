"""The live queue in a real Redis: whatever the interleaving, nobody stuck, nobody rung twice."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from callcenter.asterisk.model import LegAnswered, LegHeld, LegResumed, LegRinging
from callcenter.errors import UnavailableError
from callcenter.routing.desk import CallGoneError, DeskWork, InCallError
from callcenter.routing.model import AgentState, CallState, PauseReason
from callcenter.routing.script import CallFacts, Dial, Ended, OfferOver
from callcenter.routing.store import LiveCall, Part
from tests.storage.lines import AGENTS, House, ignore

Spoken = LegRinging | LegAnswered | LegHeld | LegResumed


async def test_a_ready_agent_is_offered_the_caller_at_once(house: House) -> None:
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    answer, _ = await house.line.wait(house.facts(1), arriving=True)
    assert isinstance(answer, Dial)
    assert answer.endpoints == ("1001",)
    for arriving in (True, False):  # his script was not answered, and asks again
        again, _ = await house.line.wait(house.facts(1), arriving=arriving)
        assert again == answer
    assert (await house.told(house.facts(1))).count("arrived") == 1


async def test_who_comes_as_an_agent_is_ready_is_written_and_offered_in_one_step(house: House) -> None:
    await house.ready(1)
    before = int(await house.live.redis.get("cc:changes"))
    facts = await house.enter(1)
    assert int(await house.live.redis.get("cc:changes")) == before + 1
    call = await house.live.call(facts.call_id)
    assert (call.state, call.agent_id, call.queue_id) == (CallState.OFFERED, 1, "service")
    assert await house.told(facts) == ["arrived", "identified", "queued", "offered"]
    await house.rings_in_vain(facts)
    call = await house.live.call(facts.call_id)
    assert (call.state, call.waiting_since_ms) == (CallState.WAITING, facts.arrived_at_ms), "his place is his own"


async def test_who_waits_and_asks_as_one_who_comes_keeps_his_place(house: House) -> None:
    first = await house.enter(1)
    answer, _ = await house.line._look(LiveCall(first.call_id, CallState.NEW, {}), first, False, None, None)
    assert answer is None
    house.now += 1000
    await house.ready(1)
    assert (await house.live.agent(1)).call_id == first.call_id


async def test_who_comes_does_not_overtake_who_waits(house: House) -> None:
    first = await house.enter(1)
    house.now += 1000
    house.employ(1, "service", opens_after=3)
    await house.ready(1)
    house.now += 1000
    second = await house.enter(2)
    assert (await house.live.agent(1)).call_id == first.call_id, "for whom he has become free meanwhile"
    assert (await house.live.call(second.call_id)).state is CallState.WAITING


async def test_who_comes_as_his_agent_is_gone_again_waits(house: House, redis: Redis) -> None:
    other = House(redis)
    await house.ready(1)
    await other.work.set_state(1, AgentState.PAUSED, reason="break")
    facts = await house.enter(1)
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING
    assert (await house.told(facts)).count("arrived") == 1
    await other.work.set_state(1, AgentState.READY)
    await house.routing.look_anew()
    assert (await house.live.agent(1)).call_id == facts.call_id


async def test_the_longest_waiting_caller_is_served_first(house: House) -> None:
    first = await house.enter(1)
    house.now += 1000
    await house.enter(2)
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    assert (await house.live.agent(1)).call_id == first.call_id


async def test_a_caller_keeps_his_place_when_an_agent_does_not_answer(house: House) -> None:
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    first = await house.enter(1)
    house.now += 1000
    await house.enter(2)
    call = await house.live.call(first.call_id)
    await house.routing.offer_over(call, OfferOver(call.offer_id, "NOANSWER", 19, house.now))
    agent = await house.live.agent(1)
    assert (agent.state, agent.fields["reason"]) == (AgentState.PAUSED, PauseReason.MISSED)
    await house.work.set_state(1, AgentState.READY)
    assert (await house.live.agent(1)).call_id == first.call_id


async def test_an_agent_whose_phone_is_gone_is_not_offered_a_call(house: House) -> None:
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    await house.work.set_reachable(1, reachable=False, node="node1")
    facts = await house.enter(1)
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING
    await house.work.set_reachable(1, reachable=True, node="node1")
    assert (await house.live.call(facts.call_id)).state is CallState.OFFERED


async def test_an_agent_in_a_call_cannot_sign_out(house: House) -> None:
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    await house.enter(1)
    with pytest.raises(InCallError):
        await house.work.set_state(1, AgentState.SIGNED_OUT)


async def test_two_replicas_claim_one_agent_once(redis: "Redis") -> None:
    one, two = House(redis), House(redis)
    await one.agent(1)
    for number in range(20):
        await one.enter(number)
    await two.routing.picture.look_anew()
    await one.live.step(one.now, agent=Part(1, set={"since": "1"}))
    await asyncio.gather(
        one.work.set_state(1, AgentState.READY),
        two.routing.match(),
        one.routing.match(),
        two.routing.match(),
    )
    states = [(await one.live.call(one.facts(number).call_id)).state for number in range(20)]
    assert states.count(CallState.OFFERED) == 1


async def test_the_end_of_a_call_told_twice_is_told_once(house: House) -> None:
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    facts = await house.enter(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    report = Ended(house.now + 9000, offer, house.now + 5000, "caller", 16, fallback=False)
    await house.routing.ended(facts, report)
    await house.work.finish(1, facts.call_id, {"call_type": "repair"})
    await house.routing.ended(facts, report)
    assert (await house.live.agent(1)).state is AgentState.READY
    kinds = [entry["kind"] for _, entry in await house.live.redis.xrange("cc:events")]
    assert kinds.count("ended") == 1


class Shift(RuleBasedStateMachine):
    """Agents, callers and mishaps in any order; each step is checked."""

    runner: asyncio.Runner
    redis: Any

    def __init__(self) -> None:
        super().__init__()
        self.do(self.redis.flushdb())
        self.house = House(self.redis)
        for agent_id, queues in AGENTS.items():
            self.do(self.house.agent(agent_id, queues))
        self.calls: list[CallFacts] = []

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def live(self, place: int) -> Any:
        return self.do(self.house.live.call(self.calls[place % len(self.calls)].call_id))

    @rule(queue_id=st.sampled_from(["complaint", "service"]), later=st.integers(0, 3000))
    def call_comes_in(self, queue_id: str, later: int) -> None:
        self.house.now += later
        self.calls.append(self.do(self.house.enter(len(self.calls), queue_id)))

    @rule(
        agent_id=st.sampled_from(sorted(AGENTS)),
        wanted=st.sampled_from([AgentState.READY, AgentState.READY, AgentState.PAUSED, AgentState.SIGNED_OUT]),
    )
    def agent_chooses(self, agent_id: int, wanted: AgentState) -> None:
        try:
            self.do(self.house.work.set_state(agent_id, wanted, "break"))
        except InCallError:
            state = self.do(self.house.live.agent(agent_id)).state
            assert state in {
                AgentState.OFFERED,
                AgentState.RINGING,
                AgentState.TALKING,
                AgentState.SIGNED_OUT,
            }

    @rule(agent_id=st.sampled_from(sorted(AGENTS)), reachable=st.booleans())
    def phone_comes_or_goes(self, agent_id: int, reachable: bool) -> None:
        self.do(self.house.work.set_reachable(agent_id, reachable, "node1"))

    @precondition(lambda self: self.calls)
    @rule(place=st.integers(0, 50), status=st.sampled_from(["NOANSWER", "BUSY", "CHANUNAVAIL", "CONGESTION"]))
    def offer_fails(self, place: int, status: str) -> None:
        call = self.live(place)
        over = OfferOver(call.offer_id, status, 0, self.house.now)
        self.do(self.house.routing.offer_over(call, over))
        self.do(self.house.routing.match())

    @precondition(lambda self: self.calls)
    @rule(place=st.integers(0, 50), answered=st.booleans(), by=st.sampled_from(["caller", "agent"]))
    def call_ends(self, place: int, answered: bool, by: str) -> None:
        call = self.live(place)
        facts = self.calls[place % len(self.calls)]
        spoke = answered and call.state is CallState.OFFERED
        report = Ended(self.house.now, call.offer_id, self.house.now if spoke else None, by, 16, fallback=False)
        self.do(self.house.routing.ended(facts, report))

    @rule(
        agent_id=st.sampled_from(sorted(AGENTS)),
        kinds=st.lists(st.sampled_from([LegRinging, LegAnswered, LegHeld, LegResumed]), min_size=1, max_size=3),
    )
    def phone_says(self, agent_id: int, kinds: list[type[Spoken]]) -> None:
        agent = self.do(self.house.live.agent(agent_id))
        for kind in kinds if agent.call_id else []:
            leg = kind(agent.call_id, agent.offer_id, f"100{agent_id}", "channel", self.house.now)
            self.do(self.house.witness.take(leg))

    @precondition(lambda self: self.calls)
    @rule(place=st.integers(0, 50), kind=st.sampled_from([LegRinging, LegAnswered]), agent_id=st.sampled_from([1, 2]))
    def phone_speaks_too_late(self, place: int, kind: type[Spoken], agent_id: int) -> None:
        late = f"{self.calls[place % len(self.calls)].call_id}/1"
        leg = kind(self.calls[place % len(self.calls)].call_id, late, f"100{agent_id}", "channel", self.house.now)
        self.do(self.house.witness.take(leg))

    @precondition(lambda self: self.calls)
    @rule(place=st.integers(0, 50))
    def sound_is_lost(self, place: int) -> None:
        call = self.live(place)
        self.do(self.house.routing.offer_over(call, OfferOver(call.offer_id, "ANSWER", 44, self.house.now)))
        self.do(self.house.routing.match())

    @rule(agent_id=st.sampled_from(sorted(AGENTS)))
    def outcome_is_saved(self, agent_id: int) -> None:
        agent = self.do(self.house.live.agent(agent_id))
        if agent.call_id:
            self.do(self.house.work.finish(agent_id, agent.call_id, {"call_type": "repair"}))

    @rule(agent_id=st.sampled_from(sorted(AGENTS)))
    def page_is_loaded_anew(self, agent_id: int) -> None:
        with suppress(CallGoneError):
            self.do(self.house.work.reconnect(agent_id))

    @invariant()
    def everything_fits(self) -> None:
        agents = self.do(self.house.live.agents())
        calls = [self.do(self.house.live.call(facts.call_id)) for facts in self.calls]
        busy = [a for a in agents if a.state in {AgentState.OFFERED, AgentState.RINGING, AgentState.TALKING}]
        held = {call.call_id: call for call in calls if call.state in {CallState.OFFERED, CallState.TALKING}}
        assert sorted(a.call_id for a in busy) == sorted(held), "an agent or a call is held by nobody"
        for agent in busy:
            assert held[agent.call_id].agent_id == agent.agent_id
            assert held[agent.call_id].offer_id == agent.offer_id
        waiting = [call for call in calls if call.state is CallState.WAITING]
        idle = [a for a in agents if a.state is AgentState.READY and a.online]
        assert not [1 for c in waiting for a in idle if c.queue_id in a.queues], "both left"


@pytest.fixture
def shift_runner(redis_url: str) -> Any:
    with asyncio.Runner() as runner:
        Shift.runner = runner
        Shift.redis = Redis.from_url(redis_url, decode_responses=True)
        yield runner
        runner.run(Shift.redis.aclose())


def test_any_shift_leaves_nobody_stuck(shift_runner: asyncio.Runner) -> None:
    run_state_machine_as_test(
        Shift,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_the_next_agent_is_not_charged_with_a_talk_he_never_had(house: House) -> None:
    await house.agent(1)
    await house.agent(2)
    await house.work.set_state(1, AgentState.READY)
    facts = await house.enter(1)
    first = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, first, "1001", "channel", house.now))
    house.now += 60_000
    await house.work.set_state(2, AgentState.READY)
    await house.routing.offer_over(await house.live.call(facts.call_id), OfferOver(first, "ANSWER", 44, house.now))
    await house.routing.match()
    assert (await house.live.agent(2)).call_id == facts.call_id
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.routing.ended(facts, Ended(house.now, offer, None, "caller", 0, fallback=False))
    assert (await house.live.agent(1)).state is AgentState.WRAPUP
    assert (await house.live.agent(2)).state is AgentState.READY


async def test_taking_a_call_back_that_asterisk_refuses_changes_nothing(house: House) -> None:
    async def refuse(_: str) -> None:
        raise UnavailableError

    work = DeskWork(house.routing, lambda: house.now, refuse, ignore)
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    facts = await house.enter(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, offer, "1001", "channel", house.now))
    house.now += 1000
    with pytest.raises(UnavailableError):
        await work.reconnect(1)
    call, agent = await house.live.call(facts.call_id), await house.live.agent(1)
    assert (call.state, call.offer_id, agent.state) == (CallState.TALKING, offer, AgentState.TALKING)
