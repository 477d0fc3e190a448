"""What supervisors do to calls: moved, set before others, taken over, ended; also when somebody else acts meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from callcenter.asterisk.model import Channel, LegAnswered, LegEnded, LegRinging
from callcenter.errors import InvalidInputError, NotFoundError, UnavailableError
from callcenter.routing.desk import InCallError, NoPhoneError
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.script import Ask, CallbackOver, CallFacts, Dial, Heard, OfferOver
from callcenter.routing.store import LiveCall
from callcenter.supervision.calls import CallActs
from callcenter.supervision.errors import (
    AgentNotInQueueError,
    AgentSignedOutError,
    CalledBackError,
    CallInMenuError,
    CallInTalkError,
    CallOnOfferError,
    CallOverError,
    PhoneOfflineError,
    RecordOpenError,
    TakenOverAlreadyError,
)
from tests.storage.lines import House, NobodyListens
from tests.storage.test_routing_callers import MENU

SUPER, OTHER_SUPER = 8, 9


class NotedAsterisk:
    """Asterisk as a note of what it was told to end."""

    def __init__(self) -> None:
        self.ended_legs: list[str] = []
        self.ended_calls: list[str] = []
        self.there: list[Channel] = []
        self.away = False

    async def channels(self) -> dict[str, Sequence[Channel]]:
        """Those that the test says."""
        return {"node1": self.there}

    async def end_leg(self, channel_id: str) -> None:
        """Note it."""
        if self.away:
            raise UnavailableError
        self.ended_legs.append(channel_id)

    async def end_call(self, channel_id: str) -> None:
        """Note it."""
        if self.away:
            raise UnavailableError
        self.ended_calls.append(channel_id)


@pytest.fixture
def asterisk() -> NotedAsterisk:
    return NotedAsterisk()


@pytest.fixture
async def acts(house: House, asterisk: NotedAsterisk) -> CallActs:
    for supervisor in (SUPER, OTHER_SUPER):
        await house.agent(supervisor, "")
        house.witness.agents[f"100{supervisor}"] = supervisor
    house.work.end_leg = asterisk.end_leg
    desks = house.routing._desks
    return CallActs(house.routing, house.callbacks, asterisk, desks, lambda: house.now, listening=NobodyListens())


async def pause(house: House, agent_id: int) -> None:
    await house.work.set_state(agent_id, AgentState.PAUSED, "break")


async def in_talk(house: House, agent_id: int, number: int = 1) -> CallFacts:
    await house.ready(agent_id)
    facts = await house.enter(number)
    await house.answers(agent_id, facts)
    house.now += 5000
    return facts


async def state_of(house: House, facts: CallFacts) -> CallState:
    return (await house.live.call(facts.call_id)).state


def between(house: House, what: Callable[[], Awaitable[object]]) -> None:
    """Have `what` happen once, between the next look at a call and what is made of it."""
    look = house.live.call

    async def call(call_id: str) -> LiveCall:
        seen = await look(call_id)
        house.live.call = look  # type: ignore[method-assign]
        await what()
        return seen

    house.live.call = call  # type: ignore[method-assign]


# -- moving --------------------------------------------------------------------------------------------


async def test_a_moved_caller_keeps_his_waiting_and_is_offered_in_the_other_queue(house: House, acts: CallActs) -> None:
    earlier = await house.enter(1)
    house.now += 60_000
    await house.enter(2, "complaint")
    await acts.move_to_queue(earlier.call_id, "complaint")
    await acts.move_to_queue(earlier.call_id, "complaint")
    assert await house.live.waiting() == {"service": 0, "complaint": 2}
    await house.ready(3)
    assert await house.rung(earlier) == (3,), "he has waited longer"
    assert (await house.told(earlier))[-2:] == ["queued", "offered"]


async def test_a_caller_moved_to_an_agent_is_offered_to_him_before_others_who_wait_longer(
    house: House, acts: CallActs
) -> None:
    first = await house.enter(1)
    house.now += 1000
    second = await house.enter(2)
    await house.agent(1)
    await pause(house, 1)
    await acts.move_to_agent(second.call_id, 1)
    await acts.set_priority(second.call_id, 1)
    await house.work.set_state(1, AgentState.READY)
    assert await house.rung(second) == (1,)
    assert int((await house.live.call(second.call_id)).fields["ring_seconds"]) == 20, "as long as any agent is rung"
    assert await state_of(house, first) is CallState.WAITING


async def test_a_caller_is_moved_only_to_somebody_who_could_be_offered_him(house: House, acts: CallActs) -> None:
    facts = await house.enter(1)
    await house.agent(1)
    await house.agent(3, "complaint")
    with pytest.raises(AgentSignedOutError):
        await acts.move_to_agent(facts.call_id, 1)
    await pause(house, 3)
    with pytest.raises(AgentNotInQueueError):
        await acts.move_to_agent(facts.call_id, 3)
    with pytest.raises(NotFoundError):
        await acts.move_to_agent(facts.call_id, 77)
    with pytest.raises(InvalidInputError):
        await acts.move_to_queue(facts.call_id, "nowhere")


async def test_out_of_a_talk_he_comes_into_the_line_and_the_agent_into_wrap_up(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    facts = await in_talk(house, 1)
    offer = (await house.live.call(facts.call_id)).offer_id
    with pytest.raises(CallInTalkError):
        await acts.move_to_agent(facts.call_id, 1)
    await acts.move_to_queue(facts.call_id, "complaint")
    assert (await house.state(1), await state_of(house, facts)) == ("wrapup", CallState.WAITING)
    assert asterisk.ended_legs == ["leg-1"]
    await house.witness.take(LegEnded(facts.call_id, offer, "1001", "leg-1", house.now, 44, hung_up_by_phone=False))
    await house.ready(3)
    call, _ = await house.line.wait(facts, answered=True, previous=OfferOver(offer, "ANSWER", 44, house.now))
    assert isinstance(call, Dial)
    assert await house.rung(facts) == (3,)
    await house.answers(3, facts)
    await house.hangs_up(facts)
    assert [await house.state(agent) for agent in (1, 3)] == ["wrapup", "wrapup"]


async def test_a_leg_that_can_not_be_ended_leaves_the_talk_as_it_was(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    facts = await in_talk(house, 1)
    before = (await house.live.call(facts.call_id)).fields
    asterisk.away = True
    for act in (acts.move_to_queue(facts.call_id, "complaint"), acts.take_over(SUPER, facts.call_id)):
        house.now += 1000
        with pytest.raises(UnavailableError):
            await act
        call = await house.live.call(facts.call_id)
        assert (call.state, call.agent_id, call.queue_id) == (CallState.TALKING, 1, "service")
        assert call.offer_id == before["offer"]
        assert [await house.state(one) for one in (1, SUPER)] == ["talking", "signed_out"]
    assert await house.live.due("cc:leases", house.now + 10**9) == []
    await house.hangs_up(facts)
    assert await house.state(1) == "wrapup"


async def test_who_is_not_in_line_is_not_moved(house: House, acts: CallActs) -> None:
    await house.ready(1)
    offered = await house.enter(1)
    for act in (acts.move_to_queue(offered.call_id, "complaint"), acts.set_priority(offered.call_id, 3)):
        with pytest.raises(CallOnOfferError):
            await act
    house.configure(menus=[MENU])
    in_menu = house.facts(2, "4008001299")
    await house.turn(in_menu)
    for act in (acts.move_to_queue(in_menu.call_id, "complaint"), acts.take_over(SUPER, in_menu.call_id)):
        with pytest.raises(CallInMenuError):
            await act
    await house.hangs_up(offered)
    for act in (acts.move_to_queue(offered.call_id, "complaint"), acts.take_over(SUPER, offered.call_id)):
        with pytest.raises(CallOverError):
            await act
    with pytest.raises(NotFoundError):
        await acts.end("node1-1763780000.99")


# -- priority ------------------------------------------------------------------------------------------


async def test_a_priority_decides_who_is_served_first_and_stays_his(house: House, acts: CallActs) -> None:
    first = await house.enter(1)
    house.now += 30_000
    second = await house.enter(2)
    await acts.set_priority(second.call_id, 1)
    await acts.move_to_queue(second.call_id, "complaint")
    await acts.move_to_queue(second.call_id, "service")
    await house.ready(1)
    assert await house.rung(second) == (1,)
    assert await state_of(house, first) is CallState.WAITING
    assert (await house.live.call(second.call_id)).entry["priority"] == 1


async def test_a_queue_s_priority_moves_those_who_stand_in_it_already(house: House, acts: CallActs) -> None:
    house.employ(1, "service", "complaint")
    earlier = await house.enter(1)
    by_hand = await house.enter(2)
    await acts.set_priority(by_hand.call_id, -5)
    house.now += 30_000
    later = await house.enter(3, "complaint")
    await acts.reorder()
    house.configure(priority=-3)
    await asyncio.gather(acts.reorder(), acts.reorder())
    entries = [(await house.live.call(one.call_id)).entry["priority"] for one in (earlier, by_hand, later)]
    assert entries == [-3, -5, 0]
    told = await house.told(by_hand)
    await acts.reorder()
    assert await house.told(by_hand) == told, "nothing is done anew where nothing differs"
    await house.ready(1)
    assert await house.rung(later) == (1,)


# -- taking over ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [AgentState.SIGNED_OUT, AgentState.PAUSED, AgentState.READY])
async def test_a_waiting_caller_rings_the_supervisor_who_is_afterwards_what_he_was(
    house: House, acts: CallActs, before: AgentState
) -> None:
    if before is not AgentState.SIGNED_OUT:
        await house.work.set_state(SUPER, before, "break" if before is AgentState.PAUSED else "")
    facts = await house.enter(1)
    await acts.take_over(SUPER, facts.call_id)
    await acts.take_over(SUPER, facts.call_id)
    assert await house.rung(facts) == (SUPER,)
    assert isinstance(await house.turn(facts), Dial)
    await house.answers(SUPER, facts)
    assert (await house.state(SUPER), await state_of(house, facts)) == ("talking", CallState.TALKING)
    await house.hangs_up(facts)
    assert await house.state(SUPER) == "wrapup"
    await house.work.finish(SUPER, facts.call_id, {"call_type": "enquiry"})
    agent = await house.live.agent(SUPER)
    assert (agent.state, agent.fields["reason"]) == (before, "break" if before is AgentState.PAUSED else "")


@pytest.mark.parametrize("status", ["NOANSWER", "BUSY", "CHANUNAVAIL"])
async def test_a_supervisor_who_does_not_answer_gives_the_caller_his_place_back(
    house: House, acts: CallActs, status: str
) -> None:
    facts = await house.enter(1)
    await house.enter(2)
    await acts.take_over(SUPER, facts.call_id)
    await house.rings_in_vain(facts, status, 20)
    assert (await house.state(SUPER), await state_of(house, facts)) == ("signed_out", CallState.WAITING)
    await house.ready(1)
    assert await house.rung(facts) == (1,), "his own place"


async def test_who_says_something_else_himself_is_not_what_he_was(house: House, acts: CallActs) -> None:
    facts = await house.enter(1)
    await acts.take_over(SUPER, facts.call_id)
    await house.answers(SUPER, facts)
    await house.hangs_up(facts)
    await house.work.set_state(SUPER, AgentState.READY)
    assert await house.state(SUPER) == "ready"
    await pause(house, SUPER)
    await house.work.set_state(SUPER, AgentState.READY)
    assert await house.state(SUPER) == "ready"


async def test_from_ringing_phones_he_is_taken_at_once_and_they_miss_nothing(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    house.configure(strategy="ring_several", ring_at_once=2)
    await house.ready(1, 2)
    facts = await house.enter(1)
    old = (await house.live.call(facts.call_id)).offer_id
    asterisk.there = [Channel(f"leg-{n}", facts.call_id, old, f"100{n}", False) for n in (1, 2)]
    house.now += 2000
    await acts.take_over(SUPER, facts.call_id)
    assert [await house.state(one) for one in (1, 2, SUPER)] == ["ready", "ready", "offered"]
    assert asterisk.ended_legs == ["leg-1", "leg-2"]
    answer, _ = await house.line.wait(facts, previous=OfferOver(old, "CHANUNAVAIL", 44, house.now))
    assert isinstance(answer, Dial)
    assert answer.endpoints == ("1008",)
    assert (await house.live.agent(1)).misses == 0
    assert (await house.told(facts))[-4:] == ["missed", "missed", "taken_over", "offered"]


@pytest.mark.parametrize("word", [LegRinging, LegAnswered])
async def test_a_phone_that_rings_or_answers_too_late_is_ended(
    house: House, acts: CallActs, asterisk: NotedAsterisk, word: type[LegRinging]
) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    old = (await house.live.call(facts.call_id)).offer_id
    house.now += 1
    await acts.take_over(SUPER, facts.call_id)
    await house.witness.take(word(facts.call_id, old, "1001", "leg-1", house.now))
    await house.witness.settled()
    assert asterisk.ended_legs == ["leg-1"]
    assert (await house.state(1), await house.rung(facts)) == ("ready", (SUPER,))


async def test_an_answer_in_the_same_moment_is_taken_out_of_the_talk(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    await house.ready(1)
    facts = await house.enter(1)

    async def answers() -> None:
        await house.answers(1, facts)
        house.now += 10

    between(house, answers)
    await acts.take_over(SUPER, facts.call_id)
    assert [await house.state(one) for one in (1, SUPER)] == ["wrapup", "offered"]
    assert asterisk.ended_legs == ["leg-1"]


async def test_a_caller_who_hangs_up_in_the_same_moment_is_over(house: House, acts: CallActs) -> None:
    facts = await house.enter(1)
    between(house, lambda: house.hangs_up(facts))
    with pytest.raises(CallOverError):
        await acts.take_over(SUPER, facts.call_id)
    assert await house.state(SUPER) == "signed_out"
    facts = await in_talk(house, 1, number=2)
    await acts.take_over(SUPER, facts.call_id)
    await house.hangs_up(facts)
    assert [await house.state(one) for one in (1, SUPER)] == ["wrapup", "signed_out"]


async def test_out_of_a_talk_the_agent_has_wrap_up_and_the_supervisor_the_caller(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    facts = await in_talk(house, 1)
    old = (await house.live.call(facts.call_id)).offer_id
    await acts.take_over(SUPER, facts.call_id)
    assert asterisk.ended_legs == ["leg-1"]
    await house.witness.take(LegEnded(facts.call_id, old, "1001", "leg-1", house.now, 44, hung_up_by_phone=False))
    answer, _ = await house.line.wait(facts, answered=True, previous=OfferOver(old, "ANSWER", 44, house.now))
    assert isinstance(answer, Dial)
    await house.answers(SUPER, facts)
    assert [await house.state(one) for one in (1, SUPER)] == ["wrapup", "talking"]
    house.now += 1000
    await house.hangs_up(facts)
    assert [await house.state(one) for one in (1, SUPER)] == ["wrapup", "wrapup"]


async def test_of_two_supervisors_one_has_him_and_the_other_is_told(house: House, acts: CallActs) -> None:
    facts = await house.enter(1)
    done = await asyncio.gather(
        acts.take_over(SUPER, facts.call_id), acts.take_over(OTHER_SUPER, facts.call_id), return_exceptions=True
    )
    assert sorted(str(type(one)) for one in done) == sorted(map(str, (type(None), TakenOverAlreadyError)))
    states = {one: await house.state(one) for one in (SUPER, OTHER_SUPER)}
    assert sorted(states.values()) == ["offered", "signed_out"]
    winner = next(one for one in states if states[one] == "offered")
    await house.answers(winner, facts)
    other = next(one for one in states if one != winner)
    with pytest.raises(TakenOverAlreadyError):
        await acts.take_over(other, facts.call_id)
    with pytest.raises(InCallError):
        await acts.take_over(winner, (await house.enter(2)).call_id)


async def test_a_supervisor_whose_phone_can_not_ring_is_told_why(house: House, acts: CallActs) -> None:
    facts = await house.enter(1)
    with pytest.raises(NoPhoneError):
        await acts.take_over(77, facts.call_id)
    await house.work.set_reachable(SUPER, False, "")
    with pytest.raises(PhoneOfflineError):
        await acts.take_over(SUPER, facts.call_id)
    await house.work.set_reachable(SUPER, True, "node1")
    await acts.take_over(SUPER, facts.call_id)
    await house.answers(SUPER, facts)
    await house.hangs_up(facts)
    with pytest.raises(RecordOpenError):
        await acts.take_over(SUPER, (await house.enter(2)).call_id)


# -- callers who keep their place without a line -------------------------------------------------------


async def keeps_his_place(house: House) -> CallFacts:
    """Somebody in line who has asked to be called back and hung up."""
    facts = await house.enter(1)
    await house.line.pressed(facts.call_id, "1")
    asked = await house.turn(facts)
    assert isinstance(asked, Ask)
    await house.turn(facts, Heard(asked.step_id, "1"))
    return facts


async def test_a_callback_is_moved_taken_over_and_ended(house: House, acts: CallActs, asterisk: NotedAsterisk) -> None:
    facts = await keeps_his_place(house)
    with pytest.raises(CallInMenuError):
        await acts.take_over(SUPER, facts.call_id)
    await house.hangs_up(facts)
    await acts.move_to_queue(facts.call_id, "complaint")
    assert (await house.live.call(facts.call_id)).entry["callback"]
    await acts.take_over(SUPER, facts.call_id)
    [ring] = house.asterisk.rung
    assert (ring.extension, ring.number) == ("1008", "13800138000")
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, offer, "1008", "leg-8", house.now))
    asterisk.there = [Channel("leg-8", facts.call_id, offer, "1008", True)]
    await acts.end(facts.call_id)
    await acts.end(facts.call_id)
    assert asterisk.ended_calls == ["leg-8"]
    assert (await house.state(SUPER), await state_of(house, facts)) == ("signed_out", CallState.ENDED)


async def test_a_customer_who_is_being_called_back_stays_with_his_agent(
    house: House, acts: CallActs, asterisk: NotedAsterisk
) -> None:
    facts = await keeps_his_place(house)
    await house.hangs_up(facts)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, offer, "1001", "leg-1", house.now))
    with pytest.raises(CalledBackError):
        await acts.take_over(SUPER, facts.call_id)
    await house.callbacks.customer_answered(facts.call_id, offer, house.now)
    for act in (acts.take_over(SUPER, facts.call_id), acts.move_to_queue(facts.call_id, "complaint")):
        with pytest.raises(CalledBackError):
            await act
    await acts.end(facts.call_id)
    assert asterisk.ended_calls == ["leg-1"]


async def test_who_rests_until_he_is_tried_again_is_called_at_once_or_not_at_all(house: House, acts: CallActs) -> None:
    facts = await keeps_his_place(house)
    await house.hangs_up(facts)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(LegAnswered(facts.call_id, offer, "1001", "leg-1", house.now))
    await house.callbacks.over(facts.call_id, CallbackOver(offer, "NOANSWER", 19, None, house.now, "system"))
    assert await state_of(house, facts) is CallState.RESTING
    house.now += 1000
    await acts.take_over(SUPER, facts.call_id)
    assert house.asterisk.rung[-1].extension == "1008"
    assert await house.live.due("cc:resting", house.now + 10**9) == []
    await house.rings_in_vain(facts)
    await acts.end(facts.call_id)
    assert await state_of(house, facts) is CallState.ENDED


# -- the end -------------------------------------------------------------------------------------------


async def test_a_call_with_a_line_is_ended_on_its_node(house: House, acts: CallActs, asterisk: NotedAsterisk) -> None:
    waiting = await house.enter(1)
    talking = await in_talk(house, 2, number=2)
    for facts in (waiting, talking):
        await acts.end(facts.call_id)
        await house.hangs_up(facts, by="system")
        await acts.end(facts.call_id)
    assert asterisk.ended_calls == [waiting.call_id, talking.call_id]
    asterisk.away = True
    with pytest.raises(UnavailableError):
        await acts.end((await house.enter(3)).call_id)
