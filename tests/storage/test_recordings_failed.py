"""A node that could not record says so, and so do the desk and the call: nobody is shown a recording that is not."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callcenter.errors import UnavailableError
from callcenter.recordings.acts import CallerNotToldError, NoRoomError, RecordingActs
from callcenter.routing.script import CallFacts, Dial
from tests.storage.house import NODE_TOKEN, open_house
from tests.storage.lines import House, SilentDesks, ignore

MOMENT = 1_763_780_000_000


class NotedRecorders:
    """Asterisk as a note of the talks that it was told to record."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.away = False
        self.on_begin: Callable[[], Awaitable[None]] = ignore

    async def begin_recording(self, call_id: str, dialler: str, at_ms: int) -> None:
        """Note it, after what the test lets happen."""
        await self.on_begin()
        self.running.add(call_id)

    async def stop_recording(self, call_id: str, dialler: str) -> None:
        """Note it."""
        if self.away:
            raise UnavailableError
        self.running.discard(call_id)


class Room:
    """Whether the node's disk has room."""

    left = True

    async def __call__(self, node: str) -> bool:
        """As the test says."""
        assert node == "node1"
        return self.left


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def recorders() -> NotedRecorders:
    return NotedRecorders()


@pytest.fixture
def acts(house: House, recorders: NotedRecorders, room: Room) -> RecordingActs:
    return RecordingActs(house.routing, recorders, SilentDesks(), lambda: house.now, room)


async def dialled(house: House, rule: str) -> tuple[CallFacts, Dial]:
    """A caller whose agent's phone is to be rung, in a queue with this rule."""
    house.configure(recording={"rule": rule})
    await house.ready(1)
    facts = await house.enter(1)
    await house.routing.match()
    told = await house.turn(facts)
    assert isinstance(told, Dial)
    return facts, told


async def shown(house: House) -> dict[str, Any]:
    """What the agent's desk says of the recording."""
    document = (await house.work.desk_now(1)).document
    return {name: document["call"]["recording"][name] for name in ("state", "failed")}


@pytest.mark.parametrize("why", ["notice", "room"])
async def test_told_before_the_answer_it_is_never_shown_as_recorded(
    house: House, acts: RecordingActs, why: Any
) -> None:
    facts, told = await dialled(house, "always")
    for _ in ("told", "told again"):
        await acts.not_recorded(facts.call_id, told.offer_id, "now", why, house.now)
    house.now += 3000
    await house.answers(1, facts)
    assert await shown(house) == {"state": "off", "failed": why}
    kinds = await house.told(facts)
    assert "recording_begun" not in kinds
    assert kinds.count("recording_failed") == 1


async def test_told_after_the_answer_the_desk_takes_it_back(house: House, acts: RecordingActs) -> None:
    facts, told = await dialled(house, "always")
    house.now += 3000
    await house.answers(1, facts)
    assert await shown(house) == {"state": "on", "failed": None}
    await acts.not_recorded(facts.call_id, told.offer_id, "now", "room", house.now - 2000)
    assert await shown(house) == {"state": "off", "failed": "room"}
    assert (await house.told(facts))[-2:] == ["recording_begun", "recording_failed"]


async def test_who_was_not_told_is_not_recorded_on_demand(house: House, acts: RecordingActs) -> None:
    facts, told = await dialled(house, "on_demand")
    await acts.not_recorded(facts.call_id, told.offer_id, "later", "notice", house.now)
    await house.answers(1, facts)
    assert await shown(house) == {"state": "off", "failed": "notice"}
    with pytest.raises(CallerNotToldError):
        await acts.set(1, "on")
    assert "recording_failed" not in await house.told(facts), "nobody had wanted it yet"


async def test_a_word_of_the_notice_that_comes_late_stops_what_an_agent_has_begun(
    house: House, acts: RecordingActs, recorders: NotedRecorders
) -> None:
    facts, told = await dialled(house, "on_demand")
    await house.answers(1, facts)
    await acts.set(1, "on")
    assert recorders.running == {facts.call_id}
    recorders.away = True
    with pytest.raises(UnavailableError):
        await acts.not_recorded(facts.call_id, told.offer_id, "later", "notice", house.now)
    recorders.away = False
    await acts.not_recorded(facts.call_id, told.offer_id, "later", "notice", house.now)
    assert recorders.running == set()
    assert await shown(house) == {"state": "off", "failed": "notice"}
    assert (await house.told(facts)).count("recording_failed") == 1


async def test_that_word_may_come_while_the_recorder_begins(
    house: House, acts: RecordingActs, recorders: NotedRecorders
) -> None:
    facts, told = await dialled(house, "on_demand")
    await house.answers(1, facts)
    recorders.on_begin = lambda: acts.not_recorded(facts.call_id, told.offer_id, "later", "notice", house.now)
    with pytest.raises(CallerNotToldError):
        await acts.set(1, "on")
    assert recorders.running == set()
    assert await shown(house) == {"state": "off", "failed": "notice"}


async def test_on_a_full_disk_no_recording_begins(house: House, acts: RecordingActs, room: Room) -> None:
    facts, _ = await dialled(house, "on_demand")
    await house.answers(1, facts)
    room.left = False
    with pytest.raises(NoRoomError):
        await acts.set(1, "on")
    assert await shown(house) == {"state": "off", "failed": None}
    room.left = True
    await acts.set(1, "on")
    assert await shown(house) == {"state": "on", "failed": None}


@pytest.mark.parametrize("why", ["notice", "room"])
async def test_after_a_reload_it_is_tried_again_and_said_again(house: House, acts: RecordingActs, why: Any) -> None:
    facts, told = await dialled(house, "always")
    await acts.not_recorded(facts.call_id, told.offer_id, "now", why, house.now)
    await house.answers(1, facts)
    house.now += 1000
    await house.work.reconnect(1)
    again = await house.turn(facts, answered=True)
    assert isinstance(again, Dial)
    assert (again.recording, bool(again.notice)) == ("now", why == "notice")
    await acts.not_recorded(facts.call_id, again.offer_id, "now", why, house.now)
    await house.answers(1, facts)
    assert await shown(house) == {"state": "off", "failed": why}


async def test_after_a_reload_the_desk_still_says_what_is_not_tried_again(house: House, acts: RecordingActs) -> None:
    facts, _ = await dialled(house, "on_demand")
    await house.answers(1, facts)
    await acts.set(1, "on")
    for wanted in ("now", "later"):
        house.now += 1000
        await house.work.reconnect(1)
        again = await house.turn(facts, answered=True)
        assert isinstance(again, Dial)
        assert again.recording == wanted
        if wanted == "now":
            await acts.not_recorded(facts.call_id, again.offer_id, "now", "room", house.now)
        await house.answers(1, facts)
        assert await shown(house) == {"state": "off", "failed": "room"}


async def test_the_next_talk_begins_afresh(house: House, acts: RecordingActs) -> None:
    facts, told = await dialled(house, "always")
    await acts.not_recorded(facts.call_id, told.offer_id, "now", "room", house.now)
    house.now += 20_000
    await house.rings_in_vain(facts)
    await house.ready(2)
    await house.routing.match()
    again = await house.turn(facts)
    assert isinstance(again, Dial)
    assert again.recording == "now"
    await acts.not_recorded(facts.call_id, told.offer_id, "now", "room", house.now)
    call = await house.live.call(facts.call_id)
    assert (call.fields["recording_start"], call.fields["recording_failed"]) == ("now", "")


async def test_a_hotline_without_the_words_of_the_notice_says_so_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.line._voice, "prompts", lambda *_: ())
    facts, told = await dialled(house, "always")
    assert told.recording == "later"
    await house.answers(1, facts)
    assert await shown(house) == {"state": "off", "failed": "notice"}
    assert "recording_failed" in await house.told(facts)


async def test_a_node_tells_it_over_http(pool: Any, redis: Any) -> None:
    async with open_house(pool, redis) as hotline:
        headers = {"Authorization": f"Bearer {NODE_TOKEN}"}
        told = {"offer_id": "node1-1763780000.9/1", "wanted": "now", "why": "room", "told_at_ms": MOMENT}
        path = "/node/v1/calls/{}/not-recorded"
        call = "node1-1763780000.9"
        assert (await hotline.ask("POST", path.format(call), headers=headers, json=told))[0] == 200
        assert (await hotline.ask("POST", path.format("x"), headers=headers, json=told))[0] == 400
        wrong = told | {"why": "mood"}
        assert (await hotline.ask("POST", path.format(call), headers=headers, json=wrong))[0] == 400
        [(_, entry)] = await redis.xrange("cc:events")
        assert (entry["kind"], entry["body"]) == ("recording_failed", '{"why":"room"}')
