"""What comes between looking and writing, between two words about one thing, between a picture and the truth."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004 - as redis calls it

from callcenter.asterisk.model import LegAnswered, LegEnded
from callcenter.routing.desk import InCallError
from callcenter.routing.model import AgentMove, AgentState, CallState
from callcenter.routing.script import CallFacts, Dial, Ended, Heard, OfferOver
from callcenter.routing.store import Change, LiveCall, Part, own_channel, read_change
from callcenter.web.live import LiveDesks
from tests.storage.lines import House
from tests.storage.test_routing_callbacks import keeps_his_place, over


def between(house: House, what: Callable[[], Awaitable[object]]) -> None:
    """The next time somebody has looked at a call, this happens before he goes on."""
    look, waiting = house.live.call, [what]

    async def call(call_id: str) -> LiveCall:
        found = await look(call_id)
        if waiting:
            await waiting.pop()()
        return found

    house.live.call = call  # type: ignore[method-assign]


async def leg_ends(house: House, agent_id: int, facts: CallFacts, cause: int, *, by_phone: bool = False) -> None:
    offer = (await house.live.call(facts.call_id)).offer_id
    leg = LegEnded(facts.call_id, offer, f"100{agent_id}", "leg", house.now, cause=cause, hung_up_by_phone=by_phone)
    await house.witness.take(leg)


async def leg_answers(house: House, agent_id: int, facts: CallFacts) -> None:
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, offer, f"100{agent_id}", f"leg-{agent_id}", house.now))


# -- the picture ---------------------------------------------------------------------------------------


async def test_an_own_change_that_is_taken_in_after_a_later_one_of_another_replica_counts_no_more(
    house: House, redis: Redis
) -> None:
    published: list[str] = []
    house.live.on_change = None
    async with redis.pubsub() as channel:
        await channel.subscribe("cc:live")
        await house.ready(1)
        await house.work.set_reachable(1, reachable=False, node="node1")
        await house.work.set_reachable(1, reachable=True, node="node1")
        async for message in channel.listen():
            if message["type"] == "message":
                published.append(message["data"])
            if len(published) == 4:
                break
    changes = [read_change(text) for text in published]
    for change in changes:
        house.routing.hear(change)
    house.routing.picture.take(changes[-2], heard=False)
    assert 1 in house.routing.picture.floor.agents


async def test_a_change_that_comes_while_a_snapshot_is_on_its_way_is_not_lost(house: House) -> None:
    picture, snapshot = house.routing.picture, house.live.floor
    changes: list[Change] = []
    house.live.on_change = changes.append

    async def slow() -> Any:
        seen = await snapshot()
        await house.agent(1)
        since = {"idle_since": str(house.now)}
        await house.live.step(house.now, agent=Part(1, move=AgentMove.GO_READY, set=since))
        for change in changes:
            picture.take(change, heard=True)
        return seen

    house.live.floor = slow  # type: ignore[method-assign]
    await picture.look_anew()
    assert 1 in picture.floor.agents


async def test_a_caller_who_is_moved_as_he_is_paired_is_not_offered_to_agents_of_his_old_line(
    house: House, redis: Redis
) -> None:
    facts = await house.enter(1)
    moved: list[Change] = []
    other = House(redis)
    other.live.on_change = moved.append
    entry = (await house.live.call(facts.call_id)).entry | {"queue": "complaint"}
    line = {"queue": "complaint", "entry": orjson.dumps(entry).decode()}
    await other.live.step(house.now, call=Part(facts.call_id, only=(CallState.WAITING,), set=line))
    floor = house.routing.picture.floor
    match = floor.match

    def and_hear(now_ms: int) -> Any:
        pairs = match(now_ms)
        for change in moved:
            asyncio.get_running_loop().call_soon(house.routing.hear, change)
        moved.clear()
        return pairs

    floor.match = and_hear  # type: ignore[method-assign]
    await house.ready(1)
    assert await house.rung(facts) == ()
    assert await house.state(1) == "ready"
    await house.ready(3)
    assert await house.rung(facts) == (3,)


async def test_redis_that_has_lost_everything_counts_on(house: House) -> None:
    for _ in range(20):
        await house.ready(1)
    before = (await house.live.agent(1)).seq
    house.now += 60_000
    await house.live.redis.flushall()
    await house.ready(1)
    facts = await house.enter(1)
    assert await house.rung(facts) == (1,), "later changes are taken for older ones"
    assert (await house.live.agent(1)).seq > before, "a desk would not be shown, an agent's history not be kept"


async def test_a_claim_that_breaks_off_loses_nobody(house: House) -> None:
    facts = await house.enter(1)
    step, broken = house.live.step, [True]

    async def breaks(*args: Any, **how: Any) -> Any:
        if how.get("lease_until_ms") and broken:
            broken.clear()
            raise ConnectionError
        return await step(*args, **how)

    house.live.step = breaks  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await house.ready(1)
    await house.routing.match()
    assert await house.rung(facts) == (1,)


async def test_a_page_that_does_not_read_holds_up_nobody_else(house: House) -> None:
    never = asyncio.Event()

    class Stuck:
        async def push(self, agent_id: int, seq: int) -> None:
            if agent_id == 1:
                await never.wait()

    first = await house.enter(1)
    house.routing._desks = Stuck()
    stuck = asyncio.create_task(house.ready(1))
    while not await house.rung(first):  # noqa: ASYNC110 - another task changes it and tells nobody
        await asyncio.sleep(0)
    second = await house.enter(2, "complaint")
    await asyncio.wait_for(house.ready(3), 5)
    assert await house.rung(second) == (3,)
    never.set()
    await stuck


async def test_whoever_missed_the_news_is_woken_when_the_channel_is_back(house: House, redis: Redis) -> None:
    facts = await house.enter(1)
    waits = asyncio.create_task(house.line.wait(facts))
    polls = house.routing._polls
    while not any(one._waiters for one in polls.get(facts.call_id, ())):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    other = House(redis)
    await other.routing.look_anew()
    await other.ready(1)
    await house.routing.look_anew()
    answer, _ = await asyncio.wait_for(waits, 5)
    assert isinstance(answer, Dial)


async def test_callers_of_a_queue_that_was_removed_are_served_by_the_first(house: House) -> None:
    facts = await house.enter(1, "complaint")
    house.configure(queues=house.routing.plan.configuration.model_dump()["queues"][:1])
    house.employ(1, "service")
    await house.ready(1)
    assert await house.rung(facts) == (1,)


async def test_after_redis_lost_everything_nobody_hears_the_menu_again(house: House) -> None:
    facts = CallFacts("node1-1763780000.1", "node1", "PJSIP/t", "4008001234", "138", "", house.now, queue="complaint")
    await house.turn(facts)
    assert (await house.live.call(facts.call_id)).queue_id == "complaint"


async def test_who_lost_his_agent_in_a_talk_that_was_found_comes_into_line(house: House) -> None:
    await house.agent(1)
    facts = house.facts(1)
    call = await house.live.call(facts.call_id)
    assert await house.witness.adopt(call, 1, "offer/1", "leg", house.now)
    lost = OfferOver("offer/1", "ANSWER", 44, house.now)
    await house.routing.offer_over(await house.live.call(facts.call_id), lost)
    for _ in range(2):
        await house.turn(facts)
    await house.ready(2)
    assert await house.rung(facts) == (2,)


# -- looking and writing -------------------------------------------------------------------------------


async def test_a_caller_who_hangs_up_as_he_is_claimed_leaves_his_agent_ready(house: House) -> None:
    facts = await house.enter(1)
    await house.agent(1)
    between(house, lambda: house.ready(1))
    await house.routing.ended(facts, Ended(house.now, "", None, "caller", 16, fallback=False))
    assert (await house.live.call(facts.call_id)).state is CallState.ENDED
    assert await house.state(1) == "ready"


async def test_an_answer_beats_the_end_of_the_offer_that_was_seen_before_it(house: House) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    call = await house.live.call(facts.call_id)
    await leg_answers(house, 1, facts)
    await house.routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, house.now))
    assert (await house.live.call(facts.call_id)).state is CallState.TALKING
    assert await house.state(1) == "talking"


async def test_one_declines_as_another_answers(house: House) -> None:
    house.configure(strategy="ring_several", ring_at_once=3)
    house.employ(3, "service")
    await house.ready(1, 2, 3)
    facts = await house.enter(1)
    between(house, lambda: leg_answers(house, 3, facts))
    await house.witness.take(
        LegEnded(
            facts.call_id,
            (await house.live.redis.hget(f"cc:call:{facts.call_id}", "offer")),
            "1001",
            "leg",
            house.now,
            cause=21,
            hung_up_by_phone=True,
        )
    )
    assert (await house.live.call(facts.call_id)).agent_id == 3
    assert await house.state(3) == "talking"
    assert await house.state(1) == "ready"


# -- ring several --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end_first", [False, True])
async def test_the_one_who_was_seen_first_is_not_the_one_who_got_the_caller(house: House, end_first: bool) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    await house.ready(1, 2)
    facts = await house.enter(1)
    await leg_answers(house, 1, facts)
    if end_first:
        await leg_ends(house, 1, facts, 26)
        await leg_answers(house, 2, facts)
    else:
        await leg_answers(house, 2, facts)
        await leg_ends(house, 1, facts, 26)
    assert [await house.state(agent) for agent in (1, 2)] == ["ready", "talking"]
    assert (await house.live.call(facts.call_id)).agent_id == 2
    await house.hangs_up(facts)
    assert [await house.state(agent) for agent in (1, 2)] == ["ready", "wrapup"]


async def test_whoever_rang_beside_is_free_when_the_call_ends_untold(house: House) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    await house.ready(1, 2)
    facts = await house.enter(1)
    await leg_answers(house, 1, facts)
    await house.hangs_up(facts)
    assert [await house.state(agent) for agent in (1, 2)] == ["wrapup", "ready"]


async def test_a_phone_that_answers_as_its_time_is_up_gives_the_caller_back(house: House) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await leg_answers(house, 1, facts)
    await leg_ends(house, 1, facts, 16)
    await house.ready(2)
    over = OfferOver(offer, "NOANSWER", 19, house.now)
    answer, _ = await asyncio.wait_for(house.line.wait(facts, previous=over), 5)
    assert isinstance(answer, Dial)
    assert await house.rung(facts) == (2,)


async def test_one_who_declines_is_told_as_a_change_of_the_call_that_rings_on_elsewhere(house: House) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    await house.ready(1, 2)
    facts = await house.enter(1)
    heard: list[Change] = []
    house.live.on_change = heard.append
    await leg_ends(house, 1, facts, 21, by_phone=True)
    assert await house.rung(facts) == (2,)
    assert [(change.call_id, change.entry) for change in heard] == [(facts.call_id, None)]


async def test_a_waiting_caller_of_whom_something_is_noted_keeps_his_place_in_every_picture(
    house: House, redis: Redis
) -> None:
    facts = await house.enter(1)
    other = House(redis)
    await other.routing.look_anew()
    heard: list[Change] = []
    house.live.on_change = heard.append
    noted = Part(facts.call_id, guard={"state": CallState.WAITING.value}, set={"line": "{}"})
    await house.live.step(house.now, call=noted)
    [change] = heard
    was = dict(other.routing.picture.floor.entries)
    other.routing.hear(change)
    assert (change.call_id, other.routing.picture.floor.entries) == (facts.call_id, was)
    await other.ready(1)
    assert await house.rung(facts) == (1,)
    house.live.on_change = None
    await house.answers(1, facts)
    house.live.on_change = heard.append
    await house.live.step(house.now, call=Part(facts.call_id, set={"held_at": "1"}))
    other.routing.hear(heard[-1])
    assert not other.routing.picture.floor.entries


# -- calling back --------------------------------------------------------------------------------------


async def test_an_agent_who_hangs_up_while_the_customers_phone_rings_writes_nothing_down(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.answers(1, facts)
    await leg_ends(house, 1, facts, 16, by_phone=True)
    await house.callbacks.over(facts.call_id, over(facts, offer, house.now))
    assert await house.state(1) == "ready"
    call = await house.live.call(facts.call_id)
    assert (call.state, call.fields["attempts"]) == (CallState.RESTING, "1")


async def test_a_try_whose_beginning_nobody_saw_is_counted_and_its_agent_let_go(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.callbacks.over(facts.call_id, over(facts, offer, house.now))
    call = await house.live.call(facts.call_id)
    assert (call.state, call.fields["attempts"]) == (CallState.RESTING, "1")
    assert await house.state(1) == "ready"


async def test_after_a_try_that_came_to_no_end_the_next_agents_answer_counts(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    await house.answers(1, facts)
    call = await house.live.call(facts.call_id)
    house.now += 60_000
    await house.routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, house.now))
    assert await house.state(1) == "ready"
    await house.routing.match()
    await house.answers(1, facts)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.callbacks.customer_answered(facts.call_id, offer, house.now)
    assert (await house.live.call(facts.call_id)).state is CallState.TALKING


async def test_a_late_word_of_his_hanging_up_does_not_have_him_rung_at_once_again(house: House) -> None:
    facts = await house.enter(1)
    await house.line.pressed(facts.call_id, "1")
    asked: Any = await house.turn(facts)
    await house.turn(facts, Heard(asked.step_id, "1"))
    house.now += 15_000
    await house.callbacks.wake_rested()
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.answers(1, facts)
    await house.callbacks.over(facts.call_id, over(facts, offer, house.now))
    await house.hangs_up(facts)
    assert (await house.live.call(facts.call_id)).state is CallState.RESTING


async def test_who_loses_his_phone_to_a_loss_of_redis_is_not_made_ready(house: House) -> None:
    await house.agent(1)
    look = house.live.agent

    async def loses(agent_id: int) -> Any:
        seen = await look(agent_id)
        await house.live.redis.flushall()
        return seen

    house.live.agent = loses  # type: ignore[method-assign]
    with pytest.raises(InCallError):
        await house.work.set_state(1, AgentState.READY)
    assert (await look(1)).state is AgentState.SIGNED_OUT


async def test_a_caller_who_finds_an_agent_ready_is_offered_without_the_channels_word(house: House) -> None:
    await house.ready(1)
    answer, _ = await asyncio.wait_for(house.line.wait(house.facts(1)), 5)
    assert isinstance(answer, Dial)


# -- agents --------------------------------------------------------------------------------------------


async def test_an_agent_who_is_removed_finishes_his_call_first(house: House) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    await house.answers(1, facts)
    assert not await house.live.forget_agent(1, house.now)
    assert await house.state(1) == "talking"
    await house.hangs_up(facts)
    assert await house.live.forget_agent(1, house.now)
    assert not (await house.live.agent(1)).known


async def test_a_phone_that_has_moved_on_is_not_gone(house: House) -> None:
    await house.ready(1)
    await house.work.set_reachable(1, reachable=True, node="node1")
    look = house.live.agent

    async def moves(agent_id: int) -> Any:
        seen = await look(agent_id)
        house.live.agent = look  # type: ignore[method-assign]
        await house.work.set_reachable(1, reachable=True, node="node2")
        return seen

    house.live.agent = moves  # type: ignore[method-assign]
    await house.work.set_reachable(1, reachable=False, node="node1")
    agent = await house.live.agent(1)
    assert (agent.online, agent.node) == (True, "node2")


# -- who is told ---------------------------------------------------------------------------------------


async def test_a_replica_that_listens_alone_is_told_by_the_answer_and_with_another_by_the_channel(
    house: House, redis: Redis
) -> None:
    alone: list[Change] = []
    house.live.on_alone = alone.append
    await house.agent(1)
    async with redis.pubsub() as own:
        await own.subscribe("cc:live", own_channel(house.live.replica))
        await house.work.set_reachable(1, reachable=False, node="node1")
        assert [agent.agent_id for change in alone for agent in change.agents] == [1]
        async with redis.pubsub() as others:
            await others.subscribe("cc:live", own_channel("another"))
            await house.work.set_reachable(1, reachable=True, node="node1")
            told = [await channel.get_message(ignore_subscribe_messages=True, timeout=5) for channel in (own, others)]
            while None in told:
                told = [
                    one or await channel.get_message(ignore_subscribe_messages=True, timeout=5)
                    for one, channel in zip(told, (own, others), strict=True)
                ]
    assert len(alone) == 1
    assert {read_change(one["data"]).number for one in told if one} == {alone[0].number + 1}


async def test_who_listens_alone_is_told_by_the_channel_of_a_replica_that_does_not_listen(
    house: House, redis: Redis
) -> None:
    alone: list[Change] = []
    house.live.on_alone = alone.append
    await house.agent(1)
    async with redis.pubsub() as others:
        await others.subscribe("cc:live", own_channel("another"))
        await house.work.set_reachable(1, reachable=False, node="node1")
        while not (message := await others.get_message(ignore_subscribe_messages=True, timeout=5)):
            pass
    assert read_change(message["data"]).agents[0].agent_id == 1
    assert not alone


async def test_a_step_whose_answer_is_lost_makes_the_replica_look_again(house: House) -> None:
    lost: list[bool] = []
    house.live.on_lost = lambda: lost.append(True)
    await house.agent(1)

    async def made_but_not_told(*args: Any, **more: Any) -> Any:
        raise ConnectionError

    house.live._step = made_but_not_told  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        await house.work.set_reachable(1, reachable=False, node="node1")
    assert lost


async def test_an_own_change_that_another_replica_s_overtook_makes_the_replica_look_again(house: House) -> None:
    lost: list[bool] = []
    house.live.on_lost = lambda: lost.append(True)
    picture = house.routing.picture
    await picture.look_anew()
    seen = picture._since
    picture.take(Change(seen + 2, "another", (), "b", None), heard=True)
    picture.take(Change(seen, house.live.replica, (), "a", None, alone=True), heard=False)
    assert not lost, "the snapshot has it"
    picture.take(Change(seen + 1, house.live.replica, (), "a", None, alone=True), heard=False)
    assert lost


async def test_however_many_steps_fail_one_look_is_under_way() -> None:
    looks = 0
    goes_on = asyncio.Event()

    async def look_anew() -> None:
        nonlocal looks
        looks += 1
        await goes_on.wait()

    desks = LiveDesks(None, "one", lambda *_: pytest.fail("no desk is open"), lambda _: None, look_anew)  # type: ignore[arg-type]
    for _ in range(20):
        desks.look_again()
        await asyncio.sleep(0)
    assert looks == 1
    goes_on.set()
    assert desks._looking is not None
    await desks._looking
    assert looks == 2, "what failed meanwhile is looked for once more"


# -- the two ends of a talk ----------------------------------------------------------------------------


async def _talks(house: House, moment_seconds: float = 60) -> CallFacts:
    await house.ready(1)
    facts = await house.enter(1)
    await house.answers(1, facts)
    house.witness.moment_seconds = moment_seconds
    return facts


@pytest.mark.parametrize("caller_first", [True, False])
async def test_a_talk_that_ends_for_both_is_one_change_of_the_agents_state(house: House, caller_first: bool) -> None:
    facts = await _talks(house)
    if caller_first:
        await house.hangs_up(facts)
    await leg_ends(house, 1, facts, 16)
    if not caller_first:
        await house.hangs_up(facts)
    changes: list[Change] = []
    house.live.on_change = changes.append
    async with asyncio.timeout(20):  # nobody waits for what has come
        await house.witness.settled()
    assert changes == []
    assert await house.state(1) == "wrapup"


async def test_an_agent_whose_caller_stays_writes_down_the_call_a_moment_later(house: House) -> None:
    facts = await _talks(house, 0.3)
    await leg_ends(house, 1, facts, 16)
    assert await house.state(1) == "talking"
    await house.witness.settled()
    assert await house.state(1) == "wrapup"
    assert (await house.live.call(facts.call_id)).state is CallState.TALKING


async def test_a_leg_that_ended_long_ago_takes_no_later_talk_away(house: House) -> None:
    facts = await _talks(house)
    await leg_ends(house, 1, facts, 16)
    await house.hangs_up(facts)
    await house.work.set_state(1, AgentState.READY)
    second = await house.enter(2)
    await house.answers(1, second)
    await house.witness.settled()
    assert await house.state(1) == "talking"


# -- what is not asked for again -----------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _offered_alone(house: House, redis: Redis) -> AsyncIterator[tuple[CallFacts, Any]]:
    """A caller on offer, where no other replica listens; and what this one hears."""
    house.live.is_shown = lambda _agent_id: True
    async with redis.pubsub() as own:
        await own.subscribe("cc:live", own_channel(house.live.replica))
        await own.get_message(timeout=5)
        await own.get_message(timeout=5)
        await house.ready(1)
        yield await house.enter(1), own


async def test_a_call_that_was_changed_here_a_moment_ago_is_not_asked_for_until_another_replica_changes_it(
    house: House, redis: Redis
) -> None:
    async with _offered_alone(house, redis) as (facts, own):
        other = House(redis)
        known = await house.live.call(facts.call_id)
        assert (known.state, known.agent_id) == (CallState.OFFERED, 1)
        assert known is await house.live.call(facts.call_id)
        assert known == await other.live.call(facts.call_id)

        await other.answers(1, facts)
        while (message := await own.get_message(ignore_subscribe_messages=True, timeout=5)) is None:
            pass
        house.routing.hear(read_change(message["data"]))
        assert (await house.live.call(facts.call_id)).state is CallState.TALKING


async def test_what_was_known_of_a_call_and_is_true_no_more_stops_nobody(house: House, redis: Redis) -> None:
    async with _offered_alone(house, redis) as (facts, _):
        other = House(redis)
        await other.answers(1, facts)  # and the word of it is late
        assert (await house.live.call(facts.call_id)).state is CallState.OFFERED
        await house.hangs_up(facts)
        call = await house.live.call(facts.call_id)
        assert call.state is CallState.ENDED
        assert await house.state(1) == "wrapup"
        assert (await house.told(facts))[-2:] == ["answered", "ended"]
