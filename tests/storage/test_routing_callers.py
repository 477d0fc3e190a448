"""What a caller hears and is asked, from his arrival until somebody speaks with him."""

from typing import Any

from callcenter.routing.model import CallState
from callcenter.routing.script import Ask, Heard, Leave, PassOn, Play, Say, TakeMessage
from tests.storage.lines import House

MENU: dict[str, Any] = {
    "menu_id": "main",
    "name_zh": "总机",
    "name_en": "Main",
    "numbers": ["4008001299"],
    "keys": [
        {"key": "1", "name_zh": "报修", "name_en": "Repair", "to": {"kind": "queue", "queue_id": "service"}},
        {"key": "2", "name_zh": "投诉", "name_en": "Complaint", "to": {"kind": "queue", "queue_id": "complaint"}},
    ],
    "otherwise": {"kind": "queue", "queue_id": "service"},
}


async def test_a_key_of_the_menu_leads_to_its_queue(house: House) -> None:
    house.configure(menus=[MENU])
    facts = house.facts(1, "4008001299")
    asked = await house.turn(facts)
    assert isinstance(asked, Ask)
    assert (asked.sounds, asked.most_digits) == (("key-1", "key-2"), 1)
    assert await house.turn(facts) == asked, "a question that was lost is asked again"
    assert await house.turn(facts, Heard(asked.step_id, "2")) is None
    call = await house.live.call(facts.call_id)
    assert (call.state, call.queue_id, call.fields["menu_keys"]) == (CallState.WAITING, "complaint", "2")
    assert await house.told(facts) == ["arrived", "identified", "key", "queued"]


async def test_a_caller_who_presses_nothing_is_asked_again_and_then_led_on(house: House) -> None:
    house.configure(menus=[MENU])
    facts = house.facts(1, "4008001299")
    first = await house.turn(facts)
    assert isinstance(first, Ask)
    again = await house.turn(facts, Heard(first.step_id, "9"))
    assert isinstance(again, Ask)
    assert again.sounds == ("retry", "key-1", "key-2")
    assert await house.turn(facts, Heard(first.step_id, "2")) == again, "what came of an older question counts no more"
    assert await house.turn(facts, Heard(again.step_id)) is None
    assert (await house.live.call(facts.call_id)).queue_id == "service"


async def test_from_the_fifth_ring_he_hears_the_apology_then_his_place(house: House) -> None:
    first = await house.enter(1)
    second = await house.enter(2)
    house.now += 19_900
    assert await house.turn(second) is None, "the fifth ring begins at 20 s"
    house.now += 100
    assert await house.turn(second) == Say(("apology",))
    assert await house.turn(second, answered=True) is None
    house.now += 15_000
    assert await house.turn(second, answered=True) == Say(("place-2", "wait-None", "callback-1"))
    house.now += 59_000
    assert await house.turn(second, answered=True) is None, "not more often than every 60 s"
    await house.hangs_up(first)
    house.now += 1000
    said = await house.turn(second, answered=True)
    assert isinstance(said, Say)
    assert said.sounds[0] == "place-1"


async def test_an_apology_that_was_lost_on_the_way_is_said_again(house: House) -> None:
    facts = await house.enter(1)
    house.now += 20_000
    assert await house.turn(facts) == Say(("apology",))
    assert await house.turn(facts, answered=False) == Say(("apology",))


async def test_a_worse_place_is_not_told(house: House) -> None:
    facts = await house.enter(2)
    house.now += 20_000
    await house.turn(facts)
    house.now += 15_000
    await house.turn(facts, answered=True)
    house.card = {"kinds": ["vip"]}
    house.configure(caller_rules=[{"kind": "vip", "priority": 5}])
    await house.enter(3)
    house.now += 60_000
    assert await house.turn(facts, answered=True) == Say(("place-None", "wait-None", "callback-1"))


async def test_a_queue_may_answer_and_greet_first(house: House) -> None:
    house.configure(greet_first=True)
    facts = house.facts(1)
    assert await house.turn(facts) == Say(("greeting",))
    house.now += 20_000
    assert await house.turn(facts, answered=True) == Say(("apology",))


async def test_after_so_many_rings_an_overflow_takes_him_to_another_queue_with_his_wait(house: House) -> None:
    house.configure(overflow=[{"after_rings": 6, "to": {"kind": "queue", "queue_id": "complaint"}}])
    facts = await house.enter(1)
    arrived = house.now
    house.now += 20_000
    await house.turn(facts)
    house.now += 10_000
    await house.turn(facts, answered=True)
    call = await house.live.call(facts.call_id)
    assert (call.state, call.queue_id, call.waiting_since_ms) == (CallState.WAITING, "complaint", arrived)


async def test_an_overflow_to_a_number_passes_the_caller_on(house: House) -> None:
    house.configure(overflow=[{"after_seconds": 10, "to": {"kind": "number", "number": "02188886666"}}])
    facts = await house.enter(1)
    house.now += 10_000
    assert await house.turn(facts) == PassOn("02188886666")
    await house.hangs_up(facts)
    assert (await house.told(facts))[-2:] == ["passed_on", "ended"]


async def test_out_of_hours_whoever_is_on_duty_is_rung(house: House) -> None:
    house.world.open = False
    house.world.duty = "13800138000"
    house.configure(closed={"kind": "duty"})
    facts = house.facts(1)
    assert await house.turn(facts) == PassOn("13800138000")
    assert (await house.told(facts))[-1] == "passed_on"


async def test_when_nobody_is_on_duty_a_message_is_taken(house: House) -> None:
    house.world.open = False
    house.configure(closed={"kind": "duty"})
    facts = house.facts(1)
    asked = await house.turn(facts)
    assert asked == TakeMessage("message", ("closed", "message_intro"), 120)
    house.world.duty = "13800138000"
    assert await house.turn(facts, Heard("message", seconds=12.5)) == Play("message/done", ("message_done",))


async def test_out_of_hours_a_message_is_taken(house: House) -> None:
    house.world.open = False
    house.configure(callback={"at_closing": False})
    facts = house.facts(1)
    asked = await house.turn(facts)
    assert asked == TakeMessage("message", ("closed", "message_intro"), 120)
    assert await house.turn(facts, Heard("message", seconds=12.5)) == Play("message/done", ("message_done",))
    assert await house.turn(facts, Heard("message/done")) == Leave()


async def test_a_full_line_and_an_empty_floor_lead_elsewhere(house: House) -> None:
    house.configure(most_waiting=3, full={"kind": "end"}, nobody={"kind": "queue", "queue_id": "complaint"})
    house.world.waiting = 3
    assert await house.turn(house.facts(1)) == Play("end", ("full",))
    house.world.waiting, house.world.somebody = 0, False
    facts = house.facts(2)
    assert await house.turn(facts) is None
    assert (await house.live.call(facts.call_id)).queue_id == "complaint"


async def test_a_blocked_caller_hears_one_sentence(house: House) -> None:
    house.card = {"blocked": True}
    facts = house.facts(1)
    assert await house.turn(facts) == Play("end", ("blocked",))
    assert await house.turn(facts, Heard("end")) == Leave()
    assert "blocked" in await house.told(facts)


async def test_destinations_that_lead_to_each_other_end(house: House) -> None:
    house.world.open = False
    whole = house.routing.plan.configuration.model_dump()
    whole["queues"][0]["closed"] = {"kind": "queue", "queue_id": "complaint"}
    whole["queues"][1]["closed"] = {"kind": "queue", "queue_id": "service"}
    house.configure(queues=whole["queues"])
    assert await house.turn(house.facts(1)) == Leave()


async def test_complaints_go_to_the_specialist_and_callers_who_ring_again_go_up(house: House) -> None:
    house.configure(caller_rules=[{"kind": "complaint", "queue_id": "complaint", "priority": 2}])
    house.card = {"kinds": ["complaint"], "calls_in_day": 9}
    facts = await house.enter(1)
    call = await house.live.call(facts.call_id)
    assert (call.queue_id, call.entry["priority"]) == ("complaint", 5)


async def test_a_vip_is_served_before_one_who_waited_a_little_longer_but_not_much_longer(house: House) -> None:
    house.configure(caller_rules=[{"kind": "vip", "priority": 1}], priority_step_seconds=60)
    patient = await house.enter(1)
    house.now += 61_000
    longer = await house.enter(2)
    house.now += 59_000
    house.card = {"kinds": ["vip"]}
    vip = await house.enter(3)
    served = []
    await house.ready(1)
    for _ in range(3):
        (facts,) = [one for one in (patient, longer, vip) if await house.rung(one)]
        served.append(facts)
        await house.hangs_up(facts)
    assert served == [patient, vip, longer]
