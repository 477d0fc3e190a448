"""Who has not heard to its end that he may be recorded is not recorded: he hears it again, and once is enough."""

import pytest

from callcenter.routing.script import CallFacts, Dial, Join, OfferOver
from callcenter.routing.store import Part
from tests.storage.lines import House
from tests.storage.test_recordings_failed import dialled

NOTICE = ("recording_notice",)


async def leg_lost(house: House, facts: CallFacts, offer_id: str, *, cut: bool) -> None:
    """His script asks again after a talk."""
    over = OfferOver(offer_id, "ANSWER", 44, house.now, notice_cut=cut)
    await house.line._known(facts.call_id, over)


async def dialled_again(house: House, facts: CallFacts) -> Dial:
    told = await house.turn(facts, answered=True)
    assert isinstance(told, Dial)
    return told


@pytest.mark.parametrize(("cut", "notice"), [(True, NOTICE), (False, ())])
@pytest.mark.parametrize(("rule", "start"), [("always", "now"), ("on_demand", "later")])
async def test_a_page_that_is_reloaded(house: House, rule: str, start: str, cut: bool, notice: tuple[str, ...]) -> None:
    facts, told = await dialled(house, rule)
    assert (told.recording, told.notice) == (start, NOTICE)
    await house.answers(1, facts)
    house.now += 1000
    await house.work.reconnect(1)
    await leg_lost(house, facts, told.offer_id, cut=cut)
    again = await dialled_again(house, facts)
    assert (again.recording, again.notice) == (start, notice)
    await house.answers(1, facts)
    house.now += 60_000
    await house.work.reconnect(1)
    await leg_lost(house, facts, again.offer_id, cut=False)
    assert (await dialled_again(house, facts)).notice == ()


@pytest.mark.parametrize("cut", [True, False])
async def test_a_phone_that_is_lost(house: House, cut: bool) -> None:
    facts, told = await dialled(house, "always")
    await house.answers(1, facts)
    house.now += 1000
    await house.ready(2)
    await leg_lost(house, facts, told.offer_id, cut=cut)
    again = await dialled_again(house, facts)
    assert again.offer_id != told.offer_id
    assert again.notice == (NOTICE if cut else ())


@pytest.mark.parametrize(("cut", "start"), [(True, "never"), (False, "now")])
async def test_a_caller_who_is_only_joined_is_not_recorded(house: House, cut: bool, start: str) -> None:
    facts, told = await dialled(house, "always")
    await house.answers(1, facts)
    await house.live.step(house.now, call=Part(facts.call_id, set={"join": "PJSIP/1001-0000000a"}))
    over = OfferOver(told.offer_id, "ANSWER", 0, house.now, notice_cut=cut)
    answer, _ = await house.line.wait(facts, answered=True, previous=over)
    assert isinstance(answer, Join)
    assert answer.recording == start
