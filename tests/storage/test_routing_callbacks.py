"""A caller gives up the line and keeps his place: at his turn he is rung, once."""

from typing import Any

import pytest

from callcenter.asterisk.model import LegEnded, LegRinging
from callcenter.errors import NotFoundError, UnavailableError
from callcenter.routing.desk import CallGoneError
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.script import Ask, CallbackOver, CallFacts, Heard, Leave, Play
from tests.storage.lines import House


async def keeps_his_place(house: House, number: int = 1) -> CallFacts:
    """A waiting caller presses the key, confirms his number, hangs up."""
    facts = await house.enter(number)
    await house.line.pressed(facts.call_id, "1")
    asked = await house.turn(facts)
    assert isinstance(asked, Ask)
    assert await house.turn(facts, Heard(asked.step_id, "1")) == Play("callback/done", ("callback_done",))
    assert await house.turn(facts, Heard("callback/done")) == Leave()
    await house.hangs_up(facts)
    return facts


def over(facts: CallFacts, offer_id: str, at: int, *, answered_at: int | None = None, **how: Any) -> CallbackOver:
    return CallbackOver(
        **{
            "offer_id": offer_id,
            "dial_status": "ANSWER" if answered_at else "NOANSWER",
            "cause": 16,
            "customer_answered_at_ms": answered_at,
            "ended_at_ms": at,
            "hung_up_by": "caller",
        }
        | how
    )


async def test_he_is_told_his_number_and_may_type_another(house: House) -> None:
    facts = await house.enter(1)
    await house.line.pressed(facts.call_id, "1")
    asked = await house.turn(facts)
    assert isinstance(asked, Ask)
    assert asked.sounds == ("callback_number", "number-13800138000", "callback_confirm")
    typing = await house.turn(facts, Heard(asked.step_id, "2"))
    assert isinstance(typing, Ask)
    assert (typing.sounds, typing.most_digits) == (("callback_enter",), 20)
    refused = await house.turn(facts, Heard(typing.step_id, "110"))
    assert isinstance(refused, Ask)
    assert refused.sounds == ("callback_refused", "callback_enter")
    confirm = await house.turn(facts, Heard(refused.step_id, "13900139000"))
    assert isinstance(confirm, Ask)
    assert "number-13900139000" in confirm.sounds
    await house.turn(facts, Heard(confirm.step_id, "1"))
    call = await house.live.call(facts.call_id)
    assert (call.state, call.fields["callback_number"]) == (CallState.RESTING, "13900139000")


async def test_who_confirms_nothing_is_back_at_his_place(house: House) -> None:
    first, second = await house.enter(1), await house.enter(2)
    await house.line.pressed(first.call_id, "1")
    for _ in range(2):
        asked = await house.turn(first)
        assert isinstance(asked, Ask)
        await house.turn(first, Heard(asked.step_id))
    assert (await house.live.call(first.call_id)).state is CallState.WAITING
    await house.ready(1)
    assert await house.rung(first)
    assert not await house.rung(second)


async def test_other_keys_and_keys_at_other_times_mean_nothing(house: House) -> None:
    await house.ready(1)
    facts = await house.enter(1)
    for key in ("1", "5"):
        await house.line.pressed(facts.call_id, key)
    assert (await house.live.call(facts.call_id)).state is CallState.OFFERED


async def test_while_he_decides_nobody_rings_for_him(house: House) -> None:
    facts = await house.enter(1)
    await house.line.pressed(facts.call_id, "1")
    await house.ready(1)
    assert await house.state(1) == "ready"
    assert not await house.rung(facts)


async def test_he_keeps_his_place_in_line_and_is_rung_once(house: House) -> None:
    first = await keeps_his_place(house, 1)
    house.now += 1000
    second = await house.enter(2)
    await house.ready(1)
    assert await house.rung(first) == (1,)
    assert not await house.rung(second)
    (rung,) = house.asterisk.rung
    assert (rung.extension, rung.number, rung.call_id) == ("1001", "13800138000", first.call_id)
    offer = (await house.live.call(first.call_id)).offer_id
    await house.witness.take(LegRinging(first.call_id, offer, "1001", "leg", house.now))
    await house.answers(1, first)
    assert await house.state(1) == "talking"
    assert (await house.live.call(first.call_id)).state is CallState.OFFERED, "the customer's phone only rings"
    await house.callbacks.customer_answered(first.call_id, offer, house.now + 4000)
    assert (await house.live.call(first.call_id)).state is CallState.TALKING
    report = over(first, offer, house.now + 60_000, answered_at=house.now + 4000)
    await house.callbacks.over(first.call_id, report)
    await house.callbacks.over(first.call_id, report)
    assert await house.state(1) == "wrapup"
    kinds = await house.told(first)
    assert kinds[kinds.index("offered") :] == ["offered", "ringing", "calling", "answered", "ended"]
    assert len(house.asterisk.rung) == 1


async def test_an_answer_that_only_the_report_tells_counts(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.answers(1, facts)
    await house.callbacks.over(facts.call_id, over(facts, offer, house.now + 9000, answered_at=house.now + 3000))
    assert await house.state(1) == "wrapup"
    assert {"answered", "ended"} <= set(await house.told(facts))


async def test_a_customer_who_does_not_answer_rests_and_is_a_task_in_the_end(house: House) -> None:
    house.configure(callback={"retry_after_minutes": [10]})
    facts = await keeps_his_place(house)
    await house.ready(1)
    for attempt in (1, 2):
        call = await house.live.call(facts.call_id)
        await house.answers(1, facts)
        house.now += 30_000
        await house.callbacks.over(facts.call_id, over(facts, call.offer_id, house.now))
        assert await house.state(1) == "ready", "there is nothing to write down"
        if attempt == 1:
            assert (await house.live.call(facts.call_id)).state is CallState.RESTING
            house.now += 599_000
            await house.callbacks.wake_rested()
            assert (await house.live.call(facts.call_id)).state is CallState.RESTING
            house.now += 1000
            await house.callbacks.wake_rested()
            assert await house.rung(facts) == (1,)
    assert (await house.live.call(facts.call_id)).state is CallState.ENDED
    assert len(house.asterisk.rung) == 2


async def test_an_agent_who_does_not_take_his_phone_loses_the_turn_not_the_customer(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    leg = LegEnded(facts.call_id, offer, "1001", "leg", house.now, cause=19, hung_up_by_phone=False)
    await house.witness.take(leg)
    assert await house.state(1) == "paused"
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING
    await house.ready(2)
    assert await house.rung(facts) == (2,)


async def test_a_customer_who_was_spoken_to_is_not_called_again_though_his_talk_was_not_seen(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    assert await house.rung(facts) == (1,)
    offer = (await house.live.call(facts.call_id)).offer_id
    gone = LegEnded(facts.call_id, offer, "1001", "leg", house.now, cause=16, hung_up_by_phone=False)
    await house.witness.take(gone)
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING, "as if the agent had not answered"
    report = over(facts, offer, house.now + 60_000, answered_at=house.now + 4000)
    await house.callbacks.over(facts.call_id, report)
    await house.callbacks.over(facts.call_id, report)
    assert (await house.live.call(facts.call_id)).state is CallState.ENDED
    kinds = await house.told(facts)
    assert (kinds.count("answered"), kinds.count("ended")) == (1, 1)
    await house.ready(2)
    assert len(house.asterisk.rung) == 1


async def test_a_talk_that_is_told_while_he_is_offered_again_leaves_nobody_with_a_call_that_is_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    gone = LegEnded(facts.call_id, offer, "1001", "leg", house.now, cause=16, hung_up_by_phone=False)

    async def offered_again(*_: object) -> None:
        await house.witness.take(gone)
        await house.ready(2)

    monkeypatch.setattr(house.callbacks, "customer_answered", offered_again)
    report = over(facts, offer, house.now + 60_000, answered_at=house.now + 4000)
    await house.callbacks.over(facts.call_id, report)
    call, agent = await house.live.call(facts.call_id), await house.live.agent(2)
    assert (call.state, agent.state) == (CallState.OFFERED, AgentState.OFFERED)
    assert (agent.call_id, agent.offer_id) == (call.call_id, call.offer_id)


async def test_asterisk_that_refuses_leaves_the_place(house: House) -> None:
    async def refuse(ring: object) -> None:
        raise UnavailableError

    house.asterisk.originate = refuse  # type: ignore[method-assign]
    facts = await keeps_his_place(house)
    await house.agent(1)
    await house.work.set_state(1, AgentState.READY)
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING


async def test_callbacks_that_redis_lost_come_back_from_the_calls_rows(house: House) -> None:
    class Rows:
        async def open_callbacks(self) -> list[dict[str, Any]]:
            """One that waits."""
            row = {"call_id": "node1-1763780000.1", "arrived_at": house.now, "callback_at": house.now}
            row |= {"queue_id": "service", "priority": 0, "node": "node1", "caller_number": "+8613800138000"}
            return [row | {"callback_number": "13800138000", "callback_attempts": 1}]

    assert await house.callbacks.restore(Rows()) == 1
    assert await house.callbacks.restore(Rows()) == 0, "those that are there stay as they are"
    await house.ready(1)
    assert house.asterisk.rung[0].number == "13800138000"


async def test_a_supervisor_takes_him_out_of_the_line(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.callbacks.cancel(facts.call_id)
    with pytest.raises(NotFoundError):
        await house.callbacks.cancel(facts.call_id)
    await house.ready(1)
    assert not house.asterisk.rung


async def test_a_page_that_is_loaded_anew_cannot_ring_back_over_a_line_that_nobody_holds(house: House) -> None:
    facts = await keeps_his_place(house)
    await house.ready(1)
    offer = (await house.live.call(facts.call_id)).offer_id
    await house.answers(1, facts)
    await house.callbacks.customer_answered(facts.call_id, offer, house.now)
    with pytest.raises(CallGoneError):
        await house.work.reconnect(1)
    await house.callbacks.over(facts.call_id, over(facts, offer, house.now + 9000, answered_at=house.now))
    assert await house.state(1) == "wrapup"
