"""Callers who are given on: to whom they go, who has them back, and that nobody ever loses them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from callcenter.errors import InvalidInputError, NotFoundError, UnavailableError
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.script import CallFacts, Dial, OfferOver, PassOn
from callcenter.routing.talks import Talks
from callcenter.routing.transfer import transfer_of
from callcenter.staff.model import Actor
from callcenter.transfers.errors import ColleagueNotReadyError, NotYourTalkError
from callcenter.transfers.service import Transfers
from tests.storage.lines import House
from tests.storage.test_supervision_calls import NotedAsterisk

ALICE = Actor(1, "alice")


class NotedAudit:
    """A log as a list; `away` while it can't be written."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.away = False

    async def execute(self, _: str, *values: object) -> str:
        """Note the line."""
        if self.away:
            raise UnavailableError
        self.lines.append(values)
        return ""


@pytest.fixture
def asterisk() -> NotedAsterisk:
    return NotedAsterisk()


@pytest.fixture
def log() -> NotedAudit:
    return NotedAudit()


@pytest.fixture
def transfers(house: House, asterisk: NotedAsterisk, log: NotedAudit) -> Transfers:
    talks = Talks(house.routing, asterisk, house.routing._desks, lambda: house.now)
    return Transfers(house.routing, talks, log, lambda: house.now, house.world.dialled_form)


async def talk(house: House, number: int = 1) -> CallFacts:
    """Agent 1 talks with a caller; agent 2 is ready."""
    await house.ready(1)
    facts = await house.enter(number)
    await house.routing.match()
    await house.answers(1, facts)
    await house.ready(2)
    return facts


async def leg_is_over(house: House, facts: CallFacts, offer_id: str) -> object:
    """What the caller's script is told when his agent's leg has been ended."""
    over = OfferOver(offer_id, "ANSWER", 44, house.now)
    answer, _ = await house.line.wait(facts, answered=True, previous=over)
    return answer


async def test_a_colleague_is_claimed_at_once_and_the_agent_writes(
    house: House, transfers: Transfers, asterisk: NotedAsterisk
) -> None:
    facts = await talk(house)
    old = (await house.live.call(facts.call_id)).offer_id
    house.now += 1000
    await transfers.to_agent(1, 2, "急", "写了一半")
    assert (await house.state(1), await house.state(2)) == ("wrapup", "offered")
    assert asterisk.ended_legs == ["leg-1"]
    told = await leg_is_over(house, facts, old)
    assert isinstance(told, Dial)
    assert told.endpoints == ("1002",)
    await house.answers(2, facts)
    call = await house.live.call(facts.call_id)
    given = transfer_of(call.fields)
    assert given
    assert (call.state, call.agent_id, given.by, given.note, given.notes) == (CallState.TALKING, 2, 1, "急", "写了一半")
    assert not given.is_open
    desk = (await house.work.desk_now(2)).document
    assert desk["call"]["transfer"]["note"] == "急"


async def test_the_caller_comes_back_out_of_the_agent_s_wrapup(house: House, transfers: Transfers) -> None:
    facts = await talk(house)
    house.now += 1000
    await transfers.to_agent(1, 2)
    await house.rings_in_vain(facts)
    call = await house.live.call(facts.call_id)
    assert (call.state, call.agent_id, await house.state(1), await house.state(2)) == (
        CallState.OFFERED, 1, "offered", "paused",
    )  # fmt: skip
    await house.answers(1, facts)
    assert await house.state(1) == "talking"


async def test_a_caller_who_is_given_back_in_vain_stands_in_line_before_others(
    house: House, transfers: Transfers
) -> None:
    facts = await talk(house)
    house.now += 1000
    await transfers.to_agent(1, 2)
    await house.rings_in_vain(facts)
    await house.rings_in_vain(facts)
    call = await house.live.call(facts.call_id)
    assert (call.state, call.entry["priority"], await house.state(1)) == (CallState.WAITING, 5, "paused")
    given = transfer_of(call.fields)
    assert given
    assert given.failed == "no_answer"


async def test_an_agent_at_work_elsewhere_is_not_given_the_caller_back(house: House, transfers: Transfers) -> None:
    facts = await talk(house)
    house.now += 1000
    await transfers.to_agent(1, 2)
    await house.work.set_state(1, AgentState.PAUSED, "break")
    await house.rings_in_vain(facts)
    assert (await house.live.call(facts.call_id)).state is CallState.WAITING
    await house.work.set_state(1, AgentState.READY)
    assert await house.rung(facts) == (1,)


async def test_of_two_who_are_given_to_one_colleague_one_is_refused(
    house: House, transfers: Transfers, asterisk: NotedAsterisk
) -> None:
    first = await talk(house)
    await house.work.set_state(2, AgentState.PAUSED, "break")
    await house.ready(3)
    second = await house.enter(2, "complaint")
    await house.routing.match()
    await house.answers(3, second)
    await house.work.set_state(2, AgentState.READY)
    house.now += 1000
    done = await asyncio.gather(transfers.to_agent(1, 2), transfers.to_agent(3, 2), return_exceptions=True)
    assert sorted(str(type(one).__name__) for one in done) == ["ColleagueNotReadyError", "NoneType"]
    calls = await house.live.calls([first.call_id, second.call_id])
    assert sorted(call.state.value for call in calls) == ["offered", "talking"]
    assert len(asterisk.ended_legs) == 1


async def test_the_talk_goes_on_when_the_leg_can_t_be_ended(
    house: House, transfers: Transfers, asterisk: NotedAsterisk, log: NotedAudit
) -> None:
    facts = await talk(house)
    asterisk.away = True
    works: list[Callable[[], Awaitable[None]]] = [
        lambda: transfers.to_agent(1, 2),
        lambda: transfers.to_queue(1, "complaint"),
        lambda: transfers.to_number(ALICE, "13800138001"),
    ]
    for n, work in enumerate(works):
        house.now += 1000
        with pytest.raises(UnavailableError):
            await work()
        call = await house.live.call(facts.call_id)
        assert (call.state, call.agent_id, call.queue_id) == (CallState.TALKING, 1, "service"), n
        assert (await house.state(1), await house.state(2)) == ("talking", "ready")
        assert transfer_of(call.fields) is None
    assert len(log.lines) == 1


async def test_who_may_not(house: House, transfers: Transfers, log: NotedAudit) -> None:
    facts = await talk(house)
    for work, error in (
        (transfers.to_agent(2, 1), NotYourTalkError),
        (transfers.to_agent(1, 1), InvalidInputError),
        (transfers.to_agent(1, 77), NotFoundError),
        (transfers.to_agent(1, 3), NotFoundError),
        (transfers.to_queue(1, "none"), InvalidInputError),
        (transfers.to_number(ALICE, "0085212345678"), InvalidInputError),
    ):
        with pytest.raises(error):
            await work
    await house.agent(3, "complaint")
    with pytest.raises(ColleagueNotReadyError):
        await transfers.to_agent(1, 3)
    log.away = True
    with pytest.raises(UnavailableError):
        await transfers.to_number(ALICE, "13800138001")
    assert (await house.live.call(facts.call_id)).state is CallState.TALKING
    assert not log.lines


async def test_a_number_is_dialled_once_and_a_caller_whom_nobody_answers_comes_back(
    house: House, transfers: Transfers, log: NotedAudit
) -> None:
    facts = await talk(house)
    old = (await house.live.call(facts.call_id)).offer_id
    house.now += 1000
    await transfers.to_number(ALICE, "13800138001", "说要找工程部")
    assert await house.state(1) == "wrapup"
    told = await leg_is_over(house, facts, old)
    assert isinstance(told, PassOn)
    assert (told.number, bool(told.step_id)) == ("13800138001", True)
    house.now += 9000
    over = OfferOver(told.step_id, "NOANSWER", 19, house.now)
    answer, call = await house.line.wait(facts, answered=True, previous=over)
    assert isinstance(answer, Dial)
    assert (call.state, call.agent_id, await house.state(1)) == (CallState.OFFERED, 1, "offered")
    assert "passed_on" in await house.told(facts)


async def test_a_queue_s_line_keeps_the_waiting(house: House, transfers: Transfers) -> None:
    facts = await talk(house)
    await house.work.set_state(2, AgentState.PAUSED, "break")
    since = (await house.live.call(facts.call_id)).waiting_since_ms
    house.now += 60_000
    await transfers.to_queue(1, "complaint", "要投诉")
    call = await house.live.call(facts.call_id)
    assert (call.state, call.queue_id, call.waiting_since_ms) == (CallState.WAITING, "complaint", since)
    assert "transferred" in await house.told(facts)
    await house.work.set_state(2, AgentState.READY)
    assert await house.rung(facts) == (2,)


async def test_a_leg_that_is_lost_after_a_transfer_is_no_transfer_in_vain(house: House, transfers: Transfers) -> None:
    facts = await talk(house)
    house.now += 1000
    await transfers.to_agent(1, 2)
    await house.answers(2, facts)
    await house.work.reconnect(2)
    await house.rings_in_vain(facts)
    call = await house.live.call(facts.call_id)
    assert (call.state, call.entry["priority"], await house.state(1)) == (CallState.WAITING, 0, "wrapup")
