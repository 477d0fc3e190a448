"""An agent asks a colleague while his caller is kept: whatever becomes of the three of them, nobody is lost."""

from collections.abc import Sequence

import pytest

from callcenter.asterisk.consults import ConsultRing
from callcenter.asterisk.model import Channel, LegAnswered, LegEnded, LegRinging
from callcenter.errors import HotlineError, UnavailableError
from callcenter.routing.consult import consult_of
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.script import CallFacts, Dial, Join, OfferOver, PassOn
from callcenter.routing.store import Part
from callcenter.routing.talks import Talks
from callcenter.routing.transfer import transfer_of
from callcenter.transfers.consults import Consults
from callcenter.transfers.errors import ConsultingAlreadyError, NoConsultError, NotAnsweredYetError
from callcenter.transfers.service import Transfers
from tests.storage.lines import House
from tests.storage.test_supervision_calls import NotedAsterisk
from tests.storage.test_transfers import ALICE, NotedAudit, talk


class ConsultingAsterisk(NotedAsterisk):
    """Asterisk as a note of whom it was told to ring for an agent."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[ConsultRing] = []
        self.refuses = False
        self.keeps_recording = False
        self.unrecorded: list[str] = []

    async def stop_recording(self, call_id: str, dialler: str) -> None:
        """Note it."""
        if self.keeps_recording:
            raise UnavailableError
        assert call_id == dialler
        self.unrecorded.append(call_id)

    async def begin_consult(self, ring: ConsultRing) -> None:
        """Note it; the other one's leg is there."""
        if self.refuses:
            raise UnavailableError
        self.rung.append(ring)
        endpoint = "trunk" if ring.outside else ring.to.partition("@")[0]
        call_id = ring.caller
        name = f"PJSIP/{endpoint}-0000000b"
        self.there.append(Channel("node1-2.2", call_id, ring.offer_id, endpoint, up=False, name=name))

    async def channels(self) -> dict[str, Sequence[Channel]]:
        """Those that the test says."""
        if self.away:
            raise UnavailableError
        return {"node1": self.there}


@pytest.fixture
def asterisk() -> ConsultingAsterisk:
    return ConsultingAsterisk()


@pytest.fixture
def consults(house: House, asterisk: ConsultingAsterisk) -> Consults:
    talks = Talks(house.routing, asterisk, house.routing._desks, lambda: house.now)
    log = NotedAudit()
    transfers = Transfers(house.routing, talks, log, lambda: house.now, house.world.dialled_form)
    consults = Consults(house.routing, transfers, talks, asterisk, lambda: house.now)
    house.witness.consults = consults
    house.routing.part_consult = consults.caller_gone
    return consults


async def kept(house: House, consults: Consults, asterisk: ConsultingAsterisk, *, answers: bool = True) -> CallFacts:
    """Agent 1 asks agent 2, whose phone rings and, if told so, answers."""
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(Channel("leg-1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a"))
    asterisk.there[-1] = Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    house.now += 1000
    await consults.ask_agent(1, 2, "急", "写了一半")
    offer = asterisk.rung[-1].offer_id
    await house.witness.take(LegRinging(facts.call_id, offer, "1002", "node1-2.2", house.now))
    if answers:
        house.now += 1000
        await house.witness.take(LegAnswered(facts.call_id, offer, "1002", "node1-2.2", house.now))
    return facts


async def states(house: House, facts: CallFacts) -> tuple[str, str, str]:
    """Where the call, agent 1 and agent 2 are."""
    return (await house.live.call(facts.call_id)).state.value, await house.state(1), await house.state(2)


async def asks(house: House, facts: CallFacts, previous: OfferOver | None = None) -> object:
    """What the caller's script is told when it asks."""
    answer, _ = await house.line.wait(facts, answered=True, previous=previous)
    return answer


def ends(house: House, facts: CallFacts, offer: str, agent_id: int, cause: int = 16) -> LegEnded:
    """The end of an agent's leg."""
    return LegEnded(
        facts.call_id, offer, f"100{agent_id}", f"leg-{agent_id}", house.now, cause=cause, hung_up_by_phone=True
    )


async def test_the_colleague_is_claimed_and_knows_why(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk)
    assert await states(house, facts) == ("consulting", "talking", "talking")
    (ring,) = asterisk.rung
    assert (ring.caller, ring.leg, ring.to, ring.outside) == (facts.call_id, "node1-1.1", "1002", False)
    desk = (await house.work.desk_now(2)).document
    assert (desk["call"]["transfer"]["note"], desk["call"]["consult"]["asked"]) == ("急", True)
    desk = (await house.work.desk_now(1)).document
    assert (desk["call"]["consult"]["asked"], bool(desk["call"]["consult"]["answered_at"])) == (False, True)
    with pytest.raises(ConsultingAlreadyError):
        await consults.ask_agent(1, 2)
    with pytest.raises(NoConsultError):
        await consults.complete(2)


async def test_completed_the_caller_is_joined_with_the_colleague(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk)
    offer = asterisk.rung[-1].offer_id
    await consults.complete(1)
    assert await states(house, facts) == ("talking", "wrapup", "talking")
    told = await asks(house, facts)
    assert told == Join(offer, "PJSIP/1002-0000000b")
    call = await house.live.call(facts.call_id)
    given = transfer_of(call.fields)
    assert given
    assert (call.agent_id, call.offer_id, given.attended, given.is_open) == (2, offer, True, False)
    await house.witness.take(ends(house, facts, offer, 2))
    await house.hangs_up(facts, "agent")
    assert await states(house, facts) == ("ended", "wrapup", "wrapup")


async def test_before_the_answer_nothing_is_completed(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk, answers=False)
    with pytest.raises(NotAnsweredYetError):
        await consults.complete(1)
    assert await states(house, facts) == ("consulting", "talking", "ringing")


@pytest.mark.parametrize("answers", [False, True])
async def test_the_agent_goes_back(
    house: House, consults: Consults, asterisk: ConsultingAsterisk, answers: bool
) -> None:
    facts = await kept(house, consults, asterisk, answers=answers)
    old = (await house.live.call(facts.call_id)).offer_id
    await consults.go_back(1)
    assert await states(house, facts) == ("talking", "talking", "ready")
    assert await asks(house, facts, OfferOver(old, "ANSWER", 0, house.now)) == Join(old, "PJSIP/1001-0000000a")
    assert not (await house.live.call(facts.call_id)).fields["consult"]


@pytest.mark.parametrize(("cause", "state"), [(21, "paused"), (19, "paused"), (20, "ready"), (16, "paused")])
async def test_a_colleague_who_does_not_answer(
    house: House, consults: Consults, asterisk: ConsultingAsterisk, cause: int, state: str
) -> None:
    facts = await kept(house, consults, asterisk, answers=False)
    offer = asterisk.rung[-1].offer_id
    await house.witness.take(ends(house, facts, offer, 2, cause))
    await consults.settled()
    assert await states(house, facts) == ("talking", "talking", state)
    await consults.over(facts.call_id, offer, "BUSY", 17)
    assert await states(house, facts) == ("talking", "talking", state)


async def test_a_colleague_whose_phone_is_not_there(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    await consults.ask_agent(1, 2)
    await consults.over(facts.call_id, asterisk.rung[-1].offer_id, "CHANUNAVAIL", 20)
    assert await states(house, facts) == ("talking", "talking", "ready")
    assert not (await house.live.agent(2)).online


async def test_a_colleague_who_hangs_up(house: House, consults: Consults, asterisk: ConsultingAsterisk) -> None:
    facts = await kept(house, consults, asterisk)
    await house.witness.take(ends(house, facts, asterisk.rung[-1].offer_id, 2))
    assert await states(house, facts) == ("talking", "talking", "ready")


async def test_an_agent_who_hangs_up_has_given_the_caller_on(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk)
    old = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(ends(house, facts, old, 1))
    await consults.settled()
    assert await states(house, facts) == ("talking", "wrapup", "talking")
    assert isinstance(await asks(house, facts), Join)


@pytest.mark.parametrize("away", [False, True])
async def test_an_agent_who_hangs_up_before_the_answer_is_rung_again(
    house: House, consults: Consults, asterisk: ConsultingAsterisk, away: bool
) -> None:
    facts = await kept(house, consults, asterisk, answers=away)
    asterisk.away = away
    old = (await house.live.call(facts.call_id)).offer_id
    await house.witness.take(ends(house, facts, old, 1))
    await consults.settled()
    assert await states(house, facts) == ("offered", "offered", "ready")
    assert isinstance(await asks(house, facts), Dial)


async def test_a_caller_who_hangs_up_parts_the_two(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk)
    await house.hangs_up(facts)
    assert await states(house, facts) == ("ended", "wrapup", "ready")
    assert asterisk.ended_calls == ["node1-1.1"]


async def test_a_request_that_fails_leaves_all_as_it_was(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    asterisk.refuses = True
    with pytest.raises(HotlineError):
        await consults.ask_agent(1, 2)
    assert await states(house, facts) == ("talking", "talking", "ready")
    over = OfferOver(call.offer_id, "ANSWER", 0, house.now)
    assert await asks(house, facts, over) == Join(call.offer_id, "PJSIP/1001-0000000a"), (
        "where it was done all the same"
    )


async def test_a_caller_who_can_t_be_joined_has_his_place_back(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk)
    await house.work.set_state(3, AgentState.READY) if (await house.live.agent(3)).known else None
    await consults.complete(1)
    offer = asterisk.rung[-1].offer_id
    call = await house.live.call(facts.call_id)
    await house.routing.offer_over(call, OfferOver(offer, "CHANUNAVAIL", 0, house.now))
    assert await states(house, facts) == ("waiting", "wrapup", "wrapup")


async def test_what_asterisk_does_not_have_is_put_right(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await kept(house, consults, asterisk, answers=False)
    call = await house.live.call(facts.call_id)
    his, other = asterisk.there
    up = Channel(other.channel_id, other.call_id, other.offer_id, other.endpoint, up=True, name=other.name)
    assert await consults.compare(call, [his, other]) == ""
    assert await consults.compare(call, [his, up]) == "consultation found answered"
    found = consult_of(await house.live.call(facts.call_id))
    assert found
    assert found.answered_at
    call = await house.live.call(facts.call_id)
    assert await consults.compare(call, [his]) == "consulted one gone"
    assert await states(house, facts) == ("talking", "talking", "ready")


async def test_a_number_is_asked_and_then_has_the_caller(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    await consults.ask_number(ALICE, "13800138001")
    offer = asterisk.rung[-1].offer_id
    with pytest.raises(NotAnsweredYetError):
        await consults.complete(1)
    await consults.answered(facts.call_id, offer, house.now)
    await consults.complete(1)
    told = await asks(house, facts)
    assert told == Join(call.offer_id, "PJSIP/trunk-0000000b")
    assert (await house.live.call(facts.call_id)).state is CallState.AWAY
    vain = await asks(house, facts, OfferOver(call.offer_id, "CHANUNAVAIL", 0, house.now))
    assert not isinstance(vain, Join | PassOn), "he comes back"


# -- what is recorded ------------------------------------------------------------------------------------


async def recorded(house: House, facts: CallFacts) -> tuple[str, bool]:
    """What the call says of its recording, and whether that goes on by itself."""
    fields = (await house.live.call(facts.call_id)).fields
    return fields.get("recording", ""), bool(fields.get("recording_apart"))


async def test_a_consultation_is_not_recorded_and_what_follows_is(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    house.configure(recording={"rule": "always"})
    facts = await kept(house, consults, asterisk)
    assert asterisk.unrecorded == [facts.call_id]
    assert await recorded(house, facts) == ("paused", True)
    document = (await house.work.desk_now(1)).document
    assert document["call"]["recording"]["state"] == "paused"
    await consults.go_back(1)
    for _ in ("told", "told again"):
        told = await asks(house, facts)
        assert isinstance(told, Join)
        assert told.recording == "now"
        assert await recorded(house, facts) == ("on", False)


@pytest.mark.parametrize(("rule", "start"), [("always", "now"), ("on_demand", "later")])
async def test_the_colleague_has_the_queues_rule_afresh(
    house: House, consults: Consults, asterisk: ConsultingAsterisk, rule: str, start: str
) -> None:
    house.configure(recording={"rule": rule})
    facts = await kept(house, consults, asterisk)
    await consults.complete(1)
    told = await asks(house, facts)
    assert isinstance(told, Join)
    assert told.recording == start
    assert await recorded(house, facts) == ("on" if start == "now" else "", False)


async def test_what_could_not_be_recorded_before_may_be_with_the_colleague(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    house.configure(recording={"rule": "always"})
    facts = await kept(house, consults, asterisk)
    lacked = {"recording": "", "recording_apart": "", "recording_failed": "room"}
    await house.live.step(house.now, call=Part(facts.call_id, set=lacked))
    await consults.complete(1)
    told = await asks(house, facts)
    assert isinstance(told, Join)
    assert told.recording == "now"
    assert await recorded(house, facts) == ("on", False)
    assert (await house.live.call(facts.call_id)).fields["recording_failed"] == ""


async def test_a_secret_stays_one_when_the_agent_has_asked(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    house.configure(recording={"rule": "always"})
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    await house.live.step(house.now, call=Part(facts.call_id, set={"recording": "paused"}))
    await consults.ask_agent(1, 2)
    assert asterisk.unrecorded == []
    await consults.go_back(1)
    told = await asks(house, facts)
    assert isinstance(told, Join)
    assert told.recording == "later"
    assert await recorded(house, facts) == ("paused", False)


async def test_whoever_is_outside_is_not_recorded(
    house: House, consults: Consults, asterisk: ConsultingAsterisk
) -> None:
    house.configure(recording={"rule": "always"})
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    await consults.ask_number(ALICE, "13800138001")
    await consults.answered(facts.call_id, asterisk.rung[-1].offer_id, house.now)
    await consults.complete(1)
    assert await asks(house, facts) == Join(call.offer_id, "PJSIP/trunk-0000000b", "never")
    assert await recorded(house, facts) == ("", False)


@pytest.mark.parametrize("stops", [False, True])
async def test_what_asterisk_does_not_do_leaves_the_truth(
    house: House, consults: Consults, asterisk: ConsultingAsterisk, stops: bool
) -> None:
    house.configure(recording={"rule": "always"})
    facts = await talk(house)
    call = await house.live.call(facts.call_id)
    asterisk.there.append(
        Channel("node1-1.1", facts.call_id, call.offer_id, "1001", up=True, name="PJSIP/1001-0000000a")
    )
    asterisk.refuses = True
    asterisk.keeps_recording = not stops
    with pytest.raises(HotlineError):
        await consults.ask_agent(1, 2)
    assert (await recorded(house, facts))[0] == ("paused" if stops else "on")
