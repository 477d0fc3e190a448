"""Call types and forms in versions, outcomes checked by them, drafts, and calls that nobody has written down."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callcenter.calls.writer import CallWriter
from callcenter.db.pool import Pool, create_pool
from callcenter.errors import UnavailableError
from callcenter.events import STREAM, CallEvent, Kind, event
from callcenter.forms.service import Forms
from callcenter.routing.desk import OutcomeMissingError
from callcenter.routing.model import AgentState
from callcenter.settings import Settings
from tests.storage import lines
from tests.storage.house import House, open_house

CALL = "node1-1795000000.7"


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


async def write_down(house: House) -> None:
    """Bring what the stream holds into PostgreSQL."""
    entries = await house.hotline.redis.xrange(STREAM)
    async with house.hotline.pool.acquire() as connection:
        await CallWriter(house.hotline.redis, house.hotline.pool, house.hotline.clock).store(
            connection, {STREAM: entries}
        )


async def a_call_of(house: House, username: str, call_id: str = CALL, queue_id: str = "service") -> None:
    """Somebody has answered a call, and it is over; nothing is written down."""
    at = house.hotline.clock() - 60_000
    facts: list[CallEvent] = [
        event(call_id, Kind.ARRIVED, at, node="node1", called="400", caller_number="+8613700137007"),
        event(call_id, Kind.QUEUED, at + 5, queue_id=queue_id),
        event(call_id, Kind.ANSWERED, at + 3000, about=f"{call_id}/1", agent_id=house.ids[username]),
        event(call_id, Kind.ENDED, at + 9000, hung_up_by="agent", cause=16),
    ]
    for fact in facts:
        await house.hotline.redis.xadd(STREAM, fact.to_stream())
    await write_down(house)


async def form_of(house: House, code: str) -> dict[str, Any]:
    _, forms = await house.ask("GET", "/api/v1/forms", by="alice")
    found: dict[str, Any] = next(one for one in forms["types"] if one["code"] == code)
    return found


def changed(found: dict[str, Any], **form: Any) -> dict[str, Any]:
    kept = {name: found[name] for name in ("name_zh", "name_en", "direction", "active", "version")}
    return kept | {"form": found["form"] | form}


async def test_a_form_changes_and_old_outcomes_keep_theirs(house: House) -> None:
    await a_call_of(house, "alice")
    before = await form_of(house, "complaint")
    outcome = {"call_type": "complaint", "sub_type": "quality", "fields": {"demand": "换新", "repeated": True}}
    sent = outcome | {"form_version": 1, "notes": "漏水", "read_back": ["name", "number"]}
    status, taken = await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json=sent)
    assert (status, taken["complete"], taken["read_back"]) == (200, True, ["number", "name"])
    assert taken["read_back_at"] is not None
    fields = [one for one in before["form"]["fields"] if one["code"] != "demand"]
    status, _ = await house.ask("PUT", "/api/v1/call-types/complaint", by="admin", json=changed(before, fields=fields))
    assert status == 200
    await write_down(house)
    _, call = await house.ask("GET", f"/api/v1/calls/{CALL}", by="alice")
    assert (call["sub_type"], call["form_version"], call["form_fields"]) == ("quality", 1, outcome["fields"])
    assert (await form_of(house, "complaint"))["version"] == 2
    _, old = await house.ask("GET", "/api/v1/forms/complaint/1", by="alice")
    assert "demand" in {one["code"] for one in old["fields"]}
    again = sent | {"notes": "漏水，已处理"}
    status, _ = await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json=again)
    assert status == 200, "corrected by the version that it was filled in with"
    status, refused = await house.ask(
        "PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json=sent | {"form_version": 2}
    )
    assert (status, set(refused["error"]["fields"])) == (400, {"fields.demand"})


async def test_the_service_says_what_is_missing_at_its_field(house: House) -> None:
    await a_call_of(house, "alice")
    outcome: dict[str, Any] = {"call_type": "complaint", "fields": {"happened_at": "gestern", "shoes": 1}}
    status, refused = await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json=outcome)
    wrong = {"sub_type", "fields.demand", "fields.happened_at", "fields.shoes"}
    assert (status, set(refused["error"]["fields"])) == (400, wrong)
    for unknown in ({"call_type": "nonsense"}, {"call_type": "repair", "form_version": 99}):
        status, _ = await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json=unknown)
        assert status == 400


async def test_two_who_change_a_form_at_once_do_not_overwrite_each_other(house: House) -> None:
    before = await form_of(house, "repair")
    tries = [
        house.ask("PUT", "/api/v1/call-types/repair", by="admin", json=changed(before, closing_zh=f"再见{n}"))
        for n in range(5)
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409]
    assert (await form_of(house, "repair"))["version"] == 2
    same = changed(await form_of(house, "repair"))
    assert (await house.ask("PUT", "/api/v1/call-types/repair", by="admin", json=same))[1]["version"] == 2


async def test_own_types_are_made_ordered_and_switched_off(house: House) -> None:
    made = {"name_zh": "停车", "name_en": "Parking", "direction": "in", "active": True, "version": 0, "form": {}}
    assert (await house.ask("PUT", "/api/v1/call-types/parking", by="alice", json=made))[0] == 403
    assert (await house.ask("PUT", "/api/v1/call-types/Parking!", by="admin", json=made))[0] == 404
    assert (await house.ask("PUT", "/api/v1/call-types/parking", by="admin", json=made))[0] == 200
    assert (await house.ask("PUT", "/api/v1/call-types/parking", by="admin", json=made))[0] == 409, "it is there by now"
    codes = ["parking", "complaint"]
    assert (await house.ask("PUT", "/api/v1/call-types-order", by="admin", json={"codes": codes}))[0] == 204
    _, types = await house.ask("GET", "/api/v1/call-types", by="alice")
    assert [one["code"] for one in types if one["direction"] == "in"][:3] == ["parking", "complaint", "enquiry"]
    off = made | {"active": False, "version": 1}
    assert (await house.ask("PUT", "/api/v1/call-types/parking", by="admin", json=off))[0] == 200
    _, types = await house.ask("GET", "/api/v1/call-types", by="alice")
    assert next(one for one in types if one["code"] == "parking")["active"] is False
    actions = await house.hotline.pool.fetch("select action from audit_log where action like 'call_type%' order by 1")
    assert [row["action"] for row in actions] == ["call_type.changed", "call_type.made", "call_types.ordered"]


async def test_words_are_set_by_queue_from_what_was_shown(house: House) -> None:
    _, forms = await house.ask("GET", "/api/v1/forms", by="alice")
    words = forms["words"] | {"company_zh": "新外滩", "queues": {"service": {"call_type": "repair"}}}
    sent = {"revision": forms["revision"], "words": words}
    assert (await house.ask("PUT", "/api/v1/call-words", by="admin", json=sent))[0] == 204
    assert (await house.ask("PUT", "/api/v1/call-words", by="admin", json=sent))[0] == 409
    wrong = {"revision": forms["revision"] + 1, "words": words | {"queues": {"service": {"call_type": "no_such"}}}}
    status, refused = await house.ask("PUT", "/api/v1/call-words", by="admin", json=wrong)
    assert (status, set(refused["error"]["fields"])) == (400, {"queues.service.call_type"})
    _, forms = await house.ask("GET", "/api/v1/forms", by="alice")
    assert forms["words"]["company_zh"] == "新外滩"


async def test_another_replica_learns_of_a_change(house: House, pool: Pool, redis: Any) -> None:
    other = Forms(pool, redis, house.hotline.clock, "CN")
    await other.reload()
    before = await form_of(house, "help")
    await house.ask("PUT", "/api/v1/call-types/help", by="admin", json=changed(before, closing_zh="保重"))
    await other.reload()
    assert (await other.now()).types["help"].version == 2


# -- drafts ----------------------------------------------------------------------------------------------


async def test_a_draft_is_each_person_s_own_and_gone_with_the_outcome(house: House) -> None:
    await a_call_of(house, "alice")
    path = f"/api/v1/calls/{CALL}/draft"
    assert (await house.ask("GET", path, by="alice"))[1] == {"draft": None, "written_at": None}
    draft = {"call_type": "complaint", "notes": "漏", "fields": {"demand": None, "amount": "x"}, "read_back": ["name"]}
    assert (await house.ask("PUT", path, by="alice", json=draft))[0] == 200, "nothing of it needs to be right"
    _, kept = await house.ask("GET", path, by="alice")
    assert (kept["draft"]["notes"], kept["draft"]["fields"]) == ("漏", draft["fields"])
    assert (await house.ask("GET", path, by="super"))[1]["draft"] is None
    _, unwritten = await house.ask("GET", "/api/v1/desk/unwritten", by="alice")
    assert [(one["call_id"], one["hung_up_by"]) for one in unwritten] == [(CALL, "agent")]
    assert unwritten[0]["draft_at"] == kept["written_at"]
    await house.ask("PUT", path, by="super", json={"notes": "其他人"})
    await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json={"call_type": "enquiry"})
    await write_down(house)
    assert (await house.ask("GET", path, by="alice"))[1]["draft"] is None
    assert (await house.ask("GET", path, by="super"))[1]["draft"] is not None
    assert (await house.ask("GET", "/api/v1/desk/unwritten", by="alice"))[1] == []


async def test_a_late_draft_does_not_overwrite_a_newer_one(house: House, pool: Pool) -> None:
    forms = house.hotline.forms
    at = house.hotline.clock()
    forms._clock = lambda: at
    await forms.put_draft(house.ids["alice"], CALL, {"notes": "new"})
    forms._clock = lambda: at - 5000
    await forms.put_draft(house.ids["alice"], CALL, {"notes": "old"})
    assert await forms.find_draft(house.ids["alice"], CALL) == ({"notes": "new"}, at)
    await pool.execute("update outcome_drafts set written_at = now() - interval '40 days'")
    await forms.drop_old_drafts()
    assert await forms.find_draft(house.ids["alice"], CALL) is None


async def test_a_draft_is_bounded_and_of_a_call(house: House) -> None:
    assert (await house.ask("PUT", "/api/v1/calls/nonsense/draft", by="alice", json={}))[0] == 404
    large = {"fields": {f"f{n}": "x" * 4000 for n in range(20)}}
    assert (await house.ask("PUT", f"/api/v1/calls/{CALL}/draft", by="alice", json=large))[0] == 400


# -- calls that nobody has written down --------------------------------------------------------------------


async def test_calls_without_an_outcome_can_be_found_where_their_queue_asks_for_one(house: House) -> None:
    await a_call_of(house, "alice")
    await a_call_of(house, "super", "node1-1795000000.8")
    _, page = await house.ask("GET", "/api/v1/calls?unwritten=true", by="super")
    assert len(page["calls"]) == 2
    _, page = await house.ask("GET", "/api/v1/calls?hung_up_by=agent&unwritten=true", by="super")
    assert len(page["calls"]) == 2
    assert (await house.ask("GET", "/api/v1/calls?hung_up_by=caller", by="super"))[1]["calls"] == []
    await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", by="alice", json={"call_type": "enquiry"})
    await write_down(house)
    _, page = await house.ask("GET", "/api/v1/calls?unwritten=true", by="super")
    assert [one["call_id"] for one in page["calls"]] == ["node1-1795000000.8"]
    await house.hotline.pool.execute(
        """update queues set settings = settings || '{"outcome_required": "off"}' where queue_id = 'service'"""
    )
    assert (await house.ask("GET", "/api/v1/calls?unwritten=true", by="super"))[1]["calls"] == []


async def test_an_outcome_is_taken_and_checked_without_postgresql(house: House) -> None:
    """His own call, by a service that knows the forms: they are checked. By one that does not: marked."""
    work = house.hotline.work
    agent_id = house.ids["alice"]
    redis = house.hotline.redis
    await redis.hset(f"cc:call:{CALL}", mapping={"state": "ended", "queue": "service"})
    await redis.hset(f"cc:agent:{agent_id}", mapping={"state": "wrapup", "call": CALL, "extension": "1001"})
    await house.hotline.forms.reload()
    headers = await house.headers("alice")

    nowhere = await create_pool(Settings(database_url="postgresql://127.0.0.1:1/nowhere"))
    house.hotline.forms._pool = house.hotline.calls._pool = house.hotline.pool = nowhere
    path = f"/api/v1/calls/{CALL}/outcome"
    assert (await house.ask("PUT", path, headers=headers, json={"call_type": "complaint"}))[0] == 400
    house.hotline.forms._known = None
    status, taken = await house.ask("PUT", path, headers=headers, json={"call_type": "complaint", "fields": {"x": 1}})
    assert (status, taken["complete"]) == (200, False)
    assert (await work.live.agent(agent_id)).state is AgentState.READY
    with pytest.raises(UnavailableError):
        await house.hotline.forms.now()


async def test_a_save_in_wrap_up_is_one_step_of_redis(house: House) -> None:
    agent_id = house.ids["alice"]
    redis = house.hotline.redis
    await redis.hset(f"cc:call:{CALL}", mapping={"state": "ended", "queue": "service"})
    await redis.hset(f"cc:agent:{agent_id}", mapping={"state": "wrapup", "call": CALL, "extension": "1001"})
    await house.hotline.forms.reload()
    headers = await house.headers("alice")
    before = await redis.info("commandstats")
    status, _ = await house.ask("PUT", f"/api/v1/calls/{CALL}/outcome", headers=headers, json={"call_type": "enquiry"})
    after = await redis.info("commandstats")
    assert status == 200
    own = ("cmdstat_evalsha", "cmdstat_getex", "cmdstat_hgetall")
    calls = {name: after.get(name, {}).get("calls", 0) - before.get(name, {}).get("calls", 0) for name in own}
    assert calls["cmdstat_evalsha"] == 1, calls
    assert calls["cmdstat_getex"] == 1, "who asks"


# -- not ready before it is written down -----------------------------------------------------------------------


@pytest.fixture
async def line(redis: Any) -> lines.House:
    house = lines.House(redis)
    await house.routing.picture.look_anew()
    house.configure(outcome_required="before_ready", wrapup_seconds=30)
    return house


async def wrapping_up(line: lines.House) -> str:
    await line.ready(1)
    facts = await line.enter(1)
    await line.answers(1, facts)
    await line.hangs_up(facts)
    assert await line.state(1) == "wrapup"
    return facts.call_id


async def where(line: lines.House) -> tuple[str, str, tuple[str, ...]]:
    agent = await line.live.agent(1)
    return agent.state.value, agent.fields.get("reason", ""), agent.owed


async def test_time_pauses_him_and_the_outcome_makes_him_ready(line: lines.House) -> None:
    call_id = await wrapping_up(line)
    with pytest.raises(OutcomeMissingError):
        await line.work.set_state(1, AgentState.READY)
    line.now += 31_000
    await line.work.end_wrapups()
    assert await where(line) == ("paused", "outcome_missing", (call_id,))
    desk = await line.work.desk_now(1)
    assert (desk.document["call"], desk.document["owed"]) == (None, [call_id])
    assert desk.document["owed_call"]["call_id"] == call_id
    with pytest.raises(OutcomeMissingError):
        await line.work.set_state(1, AgentState.READY)
    assert not await line.work.finish(1, "node1-1763780000.99", {"call_type": "repair"}), "another call is not his"
    assert await line.work.finish(1, call_id, {"call_type": "repair"})
    assert await where(line) == ("ready", "", ())
    entries = await line.live.redis.xrange(STREAM)
    kinds = [entry["kind"] for _, entry in entries if entry["call"] == call_id]
    assert kinds[-2:] == ["wrapped_up", "outcome"]


async def test_neither_a_pause_nor_signing_out_gets_round_it(line: lines.House) -> None:
    call_id = await wrapping_up(line)
    await line.work.set_state(1, AgentState.PAUSED, "break")
    assert await where(line) == ("paused", "break", (call_id,))
    await line.work.set_state(1, AgentState.SIGNED_OUT)
    with pytest.raises(OutcomeMissingError):
        await line.work.set_state(1, AgentState.READY)
    assert await line.work.finish(1, call_id, {"call_type": "repair"})
    assert await where(line) == ("signed_out", "", ()), "he said himself where he stands"
    await line.work.set_state(1, AgentState.READY)


async def test_who_has_written_it_down_while_talking_is_ready_by_himself(line: lines.House) -> None:
    await line.ready(1)
    facts = await line.enter(1)
    await line.answers(1, facts)
    assert await line.work.finish(1, facts.call_id, {"call_type": "repair"})
    assert await line.state(1) == "talking"
    await line.hangs_up(facts)
    line.now += 31_000
    await line.work.end_wrapups()
    assert await where(line) == ("ready", "", ())


async def test_a_supervisor_lets_him_off(line: lines.House) -> None:
    await wrapping_up(line)
    line.now += 31_000
    await line.work.end_wrapups()
    await line.work.set_state(1, AgentState.READY, freed=True)
    assert await where(line) == ("ready", "", ())


async def test_where_the_outcome_only_counts_he_may_go_on(line: lines.House) -> None:
    line.configure(outcome_required="counted")
    await wrapping_up(line)
    line.now += 31_000
    await line.work.end_wrapups()
    assert await line.state(1) == "wrapup"
    await line.work.set_state(1, AgentState.READY)
    assert await where(line) == ("ready", "", ())


async def test_saving_twice_and_at_the_same_time_as_the_clock_is_one_change(line: lines.House) -> None:
    call_id = await wrapping_up(line)
    line.now += 31_000
    await asyncio.gather(
        line.work.end_wrapups(),
        line.work.finish(1, call_id, {"call_type": "repair"}),
        line.work.end_wrapups(),
    )
    assert await where(line) == ("ready", "", ())
    assert not await line.work.finish(1, call_id, {"call_type": "repair"}), "it is a call of the past now"
