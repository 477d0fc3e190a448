"""How agents are chosen, missed, let go and counted."""

import pytest

from callcenter.asterisk.model import LegEnded, LegRinging
from callcenter.routing.desk import NoExtensionError
from callcenter.routing.model import AGENT_TABLE, AgentMove, AgentState, CallState
from tests.storage.lines import House


async def test_so_many_misses_in_a_row_pause_an_agent(house: House) -> None:
    house.configure(pause_after_misses=2)
    await house.ready(1)
    facts = await house.enter(1)
    await house.rings_in_vain(facts)
    assert await house.rung(facts) == (1,), "one miss is none"
    await house.rings_in_vain(facts)
    agent = await house.live.agent(1)
    assert (agent.state, agent.fields["reason"]) == (AgentState.PAUSED, "missed")


async def test_an_answer_makes_earlier_misses_forgotten(house: House) -> None:
    house.configure(pause_after_misses=2)
    await house.ready(1)
    first = await house.enter(1)
    await house.rings_in_vain(first)
    await house.answers(1, first)
    await house.hangs_up(first)
    await house.work.set_state(1, AgentState.READY)
    second = await house.enter(2)
    await house.rings_in_vain(second)
    assert await house.rung(second) == (1,)


@pytest.mark.parametrize(
    ("status", "cause", "state", "reason"),
    [
        ("NOANSWER", 0, "paused", "missed"),
        ("BUSY", 17, "paused", "declined"),
        ("CONGESTION", 38, "paused", "phone_failed"),
        ("CHANUNAVAIL", 20, "ready", ""),
    ],
)
async def test_declined_silent_broken_and_unreachable_are_told_apart(
    house: House, status: str, cause: int, state: str, reason: str
) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    await house.rings_in_vain(facts, status, cause)
    agent = await house.live.agent(1)
    assert (agent.state, agent.fields["reason"]) == (state, reason)


async def test_several_are_rung_together_and_the_first_has_the_call(house: House) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    house.employ(3, "service")
    await house.ready(1, 2, 3)
    facts = await house.enter(1)
    assert await house.rung(facts) == (1, 2)
    answer = await house.turn(facts)
    assert getattr(answer, "endpoints", None) == ("1001", "1002")
    await house.answers(2, facts)
    assert [await house.state(agent) for agent in (1, 2, 3)] == ["ready", "talking", "ready"]
    assert (await house.live.call(facts.call_id)).agent_id == 2
    second = await house.enter(2)
    assert await house.rung(second) == (1, 3), "who was let go has lost no idle time"


async def test_one_of_several_declines_and_the_others_ring_on(house: House) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    await house.ready(1, 2)
    facts = await house.enter(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegEnded(facts.call_id, offer, "1001", "leg", house.now, cause=21, hung_up_by_phone=True))
    assert [await house.state(agent) for agent in (1, 2)] == ["paused", "offered"]
    await house.answers(2, facts)
    assert await house.state(2) == "talking"
    await house.hangs_up(facts)
    assert [await house.state(agent) for agent in (1, 2)] == ["paused", "wrapup"]


async def test_the_first_contact_owner_is_tried_first_for_his_rings(house: House) -> None:
    house.configure(owner_rings=2, offer_rings=4)
    house.card = {"kinds": ["owned"], "owner_agent": 2}
    await house.ready(1, 2)
    facts = await house.enter(1)
    assert await house.rung(facts) == (2,)
    answer = await house.turn(facts)
    assert getattr(answer, "ring_seconds", None) == 10
    await house.rings_in_vain(facts)
    assert await house.rung(facts) == (1,)
    again = await house.turn(facts)
    assert getattr(again, "ring_seconds", None) == 20


async def test_an_owner_who_is_not_there_is_no_loss(house: House) -> None:
    house.configure(owner_rings=2)
    house.card = {"kinds": ["owned"], "owner_agent": 2}
    await house.ready(1)
    facts = await house.enter(1)
    assert await house.rung(facts) == (1,)


async def test_turns_go_round_and_missed_turns_are_made_up(house: House) -> None:
    house.configure(strategy="rotation")
    house.employ(3, "service")
    await house.ready(1, 2)
    served = []
    for number in range(9):
        if number == 4:
            await house.ready(3)
        facts = await house.enter(number)
        (agent,) = await house.rung(facts)
        served.append(agent)
        await house.answers(agent, facts)
        await house.hangs_up(facts)
        await house.work.set_state(agent, AgentState.READY)
        house.now += 1000
    assert served == [1, 2, 1, 2, 3, 3, 1, 2, 3]


async def test_his_own_customer_is_no_turn(house: House) -> None:
    house.configure(strategy="rotation", owner_rings=2)
    await house.ready(1, 2)
    house.card = {"kinds": ["owned"], "owner_agent": 1}
    own = await house.enter(1)
    await house.answers(1, own)
    await house.hangs_up(own)
    await house.work.set_state(1, AgentState.READY)
    house.card = {}
    assert await house.rung(await house.enter(2)) == (1,)


async def test_own_team_first_then_others(house: House) -> None:
    house.employ(2, "service", opens_after=30)
    await house.ready(2)
    facts = await house.enter(1)
    house.now += 29_000
    await house.routing.match()
    assert not await house.rung(facts)
    house.now += 1000
    await house.routing.match()
    assert await house.rung(facts) == (2,)


async def test_a_skill_that_waiting_relaxes(house: House) -> None:
    relax = [{"after_seconds": 20, "level": 3}]
    house.configure(
        skills=[{"skill_id": "lifts", "name_zh": "电梯", "name_en": "Lifts"}],
        needs=[{"skill_id": "lifts", "level": 5, "relax": relax}],
    )
    house.employ(1, "service", lifts=3)
    house.employ(2, "service")
    await house.ready(1, 2)
    facts = await house.enter(1)
    assert not await house.rung(facts)
    house.now += 20_000
    await house.routing.match()
    assert await house.rung(facts) == (1,)


async def test_wrapup_ends_by_itself_once_the_outcome_is_there(house: House) -> None:
    house.configure(wrapup_seconds=30, wrapup_extension_seconds=60)
    await house.ready(1)
    facts = await house.enter(1)
    await house.answers(1, facts)
    with pytest.raises(NoExtensionError):
        await house.work.extend_wrapup(1)
    await house.hangs_up(facts)
    desk = await house.work.desk_now(1)
    assert desk.document["state"] | {"since": 0} == {
        "name": "wrapup",
        "since": 0,
        "reason": None,
        "until": house.now + 30_000,
        "may_extend": True,
    }
    await house.work.extend_wrapup(1)
    with pytest.raises(NoExtensionError):
        await house.work.extend_wrapup(1)
    house.now += 90_000
    await house.work.end_wrapups()
    assert await house.state(1) == "wrapup", "the outcome is required"
    house.configure(outcome_required=False)
    await house.work.end_wrapups()
    assert await house.state(1) == "ready"


async def test_every_change_of_an_agent_is_kept_and_is_in_the_table(house: House) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegRinging(facts.call_id, offer, "1001", "leg", house.now))
    await house.answers(1, facts)
    await house.hangs_up(facts)
    await house.work.finish(1, facts.call_id, {"call_type": "repair"})
    await house.work.set_reachable(1, reachable=False, node="node1")
    kept = [fields for _, fields in await house.live.redis.xrange("cc:agent_events")]
    moves = [(one["from"], one["move"], one["to"]) for one in kept if one["from"] != one["to"]]
    assert [move for _, move, _ in moves] == ["go_ready", "claim", "ring", "answer", "end", "finish"]
    for was, move, now in moves:
        assert AGENT_TABLE[AgentState(was), AgentMove(move)] == now
    assert (kept[-1]["online"], kept[-1]["to"]) == ("0", "ready")
    assert (await house.live.call(facts.call_id)).state is CallState.ENDED
