"""Facts from the stream into a real PostgreSQL: each once, whatever dies."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callcenter.calls import store
from callcenter.calls.legs import LegEnd, LegRecord
from callcenter.calls.model import CallRecord, CallStatus
from callcenter.calls.service import Calls
from callcenter.calls.writer import GROUP, SET_ASIDE, CallWriter
from callcenter.clock import moment, now_ms
from callcenter.connections import connect_redis
from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.events import AGENT_STREAM, STREAM, CallEvent, Kind, event, event_at
from callcenter.tasks import ended

T = 1_763_780_000_123
CALLER = "+8613800138000"


def call_id(number: int) -> str:
    return f"node1-1763780000.{number}"


def abandoned(number: int, at: int = T) -> list[CallEvent]:
    call = call_id(number)
    return [
        event(call, Kind.ARRIVED, at, node="node1", called="400", caller_number=CALLER),
        event(call, Kind.QUEUED, at + 5, queue_id="nowhere"),
        event(call, Kind.ENDED, at + 26_000, hung_up_by="caller", cause=0),
    ]


def answered(number: int, at: int = T) -> list[CallEvent]:
    call = call_id(number)
    return [
        event(call, Kind.ARRIVED, at, node="node1", called="400", caller_number=CALLER),
        event(call, Kind.ANSWERED, at + 3000, about=f"{call}/1", agent_id=999),
        event(call, Kind.ENDED, at + 9000, hung_up_by="agent", cause=16),
    ]


@pytest.fixture
async def stream(redis_url: str) -> AsyncIterator[Any]:
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


async def tell(stream: Any, facts: list[CallEvent]) -> None:
    for fact in facts:
        await stream.xadd(STREAM, fact.to_stream())


async def until_written(stream: Any, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while await stream.xlen(STREAM):  # noqa: ASYNC110 (nobody tells that a stream is empty)
            await asyncio.sleep(0.02)


class Writing:
    """A writer at work while the block lasts."""

    def __init__(self, stream: Any, pool: Pool) -> None:
        self._writer = CallWriter(stream, pool, now_ms)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._writer.run())

    async def __aexit__(self, *_: object) -> None:
        await ended([self._task])


async def test_facts_become_a_row(stream: Any, pool: Pool) -> None:
    await tell(stream, answered(1))
    async with Writing(stream, pool):
        await until_written(stream)
    call = await Calls(pool, "CN").get_call(call_id(1))
    assert (call["status"], call["waiting_seconds"], call["talking_seconds"]) == ("answered", 3.0, 6.0)
    assert (call["hung_up_by"], call["number_display"], call["rings"]) == ("agent", "138 0013 8000", 1)
    assert call["agent_id"] is None, "no such agent any more: the row is kept without him"


async def test_who_was_torn_away_in_mid_call_is_rung_back(stream: Any, pool: Pool) -> None:
    torn = [fact for fact in answered(1) if fact.kind is not Kind.ENDED]
    await tell(stream, [*torn, event(call_id(1), Kind.LOST, torn[-1].at_ms + 5000, node_died=True)])
    async with Writing(stream, pool):
        await until_written(stream)
    assert await pool.fetchval("select kind from ring_backs where state = 'open'") == "node_lost"


async def test_a_missed_offer_of_nobody_known_is_a_fact_too(stream: Any, pool: Pool) -> None:
    offered = [*answered(1)[:1], event(call_id(1), Kind.OFFERED, T + 1000, about="1", agent_id=999)]
    await tell(stream, [*offered, event(call_id(1), Kind.MISSED, T + 30_000, about="1", reason="lease_ended")])
    async with Writing(stream, pool):
        await until_written(stream)
    assert await stream.xlen(SET_ASIDE) == 0
    assert (await Calls(pool, "CN").get_call(call_id(1)))["status"] == "waiting"


async def test_facts_told_again_are_one_fact(stream: Any, pool: Pool) -> None:
    await tell(stream, abandoned(1) + abandoned(1))
    async with Writing(stream, pool):
        await until_written(stream)
        await tell(stream, abandoned(1))
        await until_written(stream)
    assert await pool.fetchval("select count(*) from call_events") == 3
    assert await pool.fetchval("select call_count from ring_backs") == 1


async def test_a_writer_that_died_between_commit_and_acknowledgement_does_no_harm(stream: Any, pool: Pool) -> None:
    await stream.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    await tell(stream, answered(1))
    taken = await stream.xreadgroup(GROUP, "writer", {STREAM: ">"}, count=100)
    assert taken
    async with pool.acquire() as connection:
        await store.add_events(connection, answered(1)[:2])
    async with Writing(stream, pool):
        await until_written(stream)
    assert await pool.fetchval("select count(*) from call_events") == 3
    assert await pool.fetchval("select status from calls") == "answered"


async def test_two_writers_write_once(stream: Any, pool: Pool) -> None:
    for number in range(50):
        await tell(stream, abandoned(number, T + number))
    async with Writing(stream, pool), Writing(stream, pool):
        await until_written(stream)
    assert await pool.fetchval("select count(*) from call_events") == 150
    assert await pool.fetchval("select count(*) from calls") == 50
    assert await pool.fetchval("select call_count from ring_backs") == 50


async def test_facts_that_cannot_be_stored_are_set_aside(stream: Any, pool: Pool) -> None:
    call = call_id(1)
    await stream.xadd(STREAM, {"id": "x", "call": call, "kind": "nonsense", "at": "1", "body": "{}"})
    await stream.xadd(STREAM, {"id": "y", "call": "'; drop table calls; --", "kind": "ended", "at": "1", "body": "{}"})
    nul = CallEvent(f"{call}/identified", call, Kind.IDENTIFIED, T, {"place": {"zh": "a\x00b", "en": ""}})
    await tell(stream, [nul, *answered(1)])
    async with Writing(stream, pool):
        await until_written(stream)
    assert await stream.xlen(SET_ASIDE) == 3
    assert await pool.fetchval("select status from calls") == "answered"


async def test_a_change_of_an_agent_that_cannot_be_stored_holds_up_nothing(stream: Any, pool: Pool) -> None:
    change = {"id": "7/1", "agent": "7", "at": str(T), "from": "ready", "to": "paused", "move": "pause"}
    change |= {"reason": "", "call": "", "online": "1"}
    for odd in (change | {"id": "x", "agent": "nobody"}, {"id": "y"}, change | {"id": "z", "at": "now"}):
        await stream.xadd(AGENT_STREAM, odd)
    await stream.xadd(AGENT_STREAM, change)
    await tell(stream, answered(1))
    async with Writing(stream, pool):
        await until_written(stream)
    assert await pool.fetchval("select array_agg(event_id) from agent_events") == ["7/1"]
    assert await pool.fetchval("select status from calls") == "answered"
    assert await stream.xlen(SET_ASIDE) == 3
    assert not await stream.xlen(AGENT_STREAM)


async def test_a_caller_who_gave_up_is_rung_back_until_he_is_answered(stream: Any, pool: Pool) -> None:
    calls = Calls(pool, "CN")
    async with Writing(stream, pool):
        await tell(stream, abandoned(1))
        await tell(stream, abandoned(2, T + 60_000))
        await until_written(stream)
        [task] = await calls.list_ring_backs("open", 10)
        assert (task["number"], task["call_count"], task["rings"]) == (CALLER, 2, 6)
        await tell(stream, answered(3, T + 120_000))
        await until_written(stream)
    assert await calls.list_ring_backs("open", 10) == []
    [task] = await calls.list_ring_backs("done", 10)
    assert task["answered_by_call"] == call_id(3)


@pytest.mark.parametrize("first", [1, 9], ids=["ids in order", "ids the other way"])
async def test_tasks_follow_the_order_of_what_happened_though_all_is_written_together(
    stream: Any, pool: Pool, first: int
) -> None:
    calls = Calls(pool, "CN")
    async with Writing(stream, pool):
        await tell(stream, abandoned(5))
        await until_written(stream)
    await tell(stream, answered(first, T + 60_000) + abandoned(6, T + 120_000))
    async with Writing(stream, pool):
        await until_written(stream)
    [done] = await calls.list_ring_backs("done", 10)
    assert (done["call_count"], done["answered_by_call"]) == (1, call_id(first))
    [task] = await calls.list_ring_backs("open", 10)
    assert (task["call_id"], task["call_count"]) == (call_id(6), 1)


async def test_a_task_that_is_done_is_not_opened_by_a_late_ledger(stream: Any, pool: Pool) -> None:
    calls = Calls(pool, "CN")
    user = await pool.fetchval(
        """insert into users (username, display_name, role, password_hash)
        values ('a', 'A', 'agent', 'x') returning user_id"""
    )
    async with Writing(stream, pool):
        await tell(stream, abandoned(1))
        await until_written(stream)
        [task] = await calls.list_ring_backs("open", 10)
        await calls.finish_ring_back(task["ring_back_id"], user, "rung back")
        row = {"started_at_ms": T, "node": "node1", "caller_number": CALLER}
        await tell(stream, [event(call_id(1), Kind.LEDGER, T + 26_000, about="x", **row)])
        await until_written(stream)
    assert await calls.list_ring_backs("open", 10) == []


async def test_an_anonymous_caller_makes_no_task(stream: Any, pool: Pool) -> None:
    facts = [
        event(call_id(1), Kind.ARRIVED, T, node="node1"),
        event(call_id(1), Kind.ENDED, T + 1, hung_up_by="caller"),
    ]
    async with Writing(stream, pool):
        await tell(stream, facts)
        await until_written(stream)
    assert await Calls(pool, "CN").list_ring_backs("open", 10) == []


async def test_pages_of_calls(stream: Any, pool: Pool) -> None:
    for number in range(5):
        await tell(stream, answered(number, T + number))
    async with Writing(stream, pool):
        await until_written(stream)
    calls = Calls(pool, "CN")
    first, cursor = await calls.list_calls(store.CallFilter(), "", 3)
    second, end = await calls.list_calls(store.CallFilter(), cursor or "", 3)
    assert [call["call_id"] for call in first + second] == [call_id(number) for number in (4, 3, 2, 1, 0)]
    assert end is None
    assert len((await calls.list_calls(store.CallFilter(text="%"), "", 3))[0]) == 0
    with pytest.raises(InvalidInputError):
        await calls.list_calls(store.CallFilter(), "nonsense!", 3)
    with pytest.raises(NotFoundError):
        await calls.get_call("node1-1.1")


async def test_an_outcome_changed_later_is_the_newest(stream: Any, pool: Pool) -> None:
    first = event_at(call_id(1), Kind.OUTCOME, T + 10_000, by=1, call_type="repair", notes="a", next_step="none")
    later = event_at(call_id(1), Kind.OUTCOME, T + 20_000, by=1, call_type="complaint", notes="b", next_step="callback")
    await tell(stream, [*answered(1), later, first])
    async with Writing(stream, pool):
        await until_written(stream)
    assert (await Calls(pool, "CN").get_call(call_id(1)))["call_type"] == "complaint"


async def test_a_caller_of_a_node_that_died_is_rung_back(stream: Any, pool: Pool) -> None:
    facts = [*abandoned(1)[:2], event(call_id(1), Kind.LOST, T + 60_000)]
    async with Writing(stream, pool):
        await tell(stream, facts)
        await until_written(stream)
    assert len(await Calls(pool, "CN").list_ring_backs("open", 10)) == 1


@pytest.mark.parametrize(("node_died", "tasks"), [(True, 1), (False, 0)])
async def test_a_talk_that_was_cut_off_with_its_node_is_taken_up_again(
    stream: Any, pool: Pool, node_died: bool, tasks: int
) -> None:
    facts = [*answered(1)[:2], event(call_id(1), Kind.LOST, T + 60_000, node_died=node_died)]
    async with Writing(stream, pool):
        await tell(stream, facts)
        await until_written(stream)
        assert len(await Calls(pool, "CN").list_ring_backs("open", 10)) == tasks
        row = {"started_at_ms": T, "node": "node1", "caller_number": CALLER, "answered_at_ms": T + 3000}
        await tell(stream, [event(call_id(1), Kind.LEDGER, T + 61_000, about="x", **row)])
        await until_written(stream)
    assert await Calls(pool, "CN").list_ring_backs("open", 10) == [], "the ledger knows its real end"


async def test_the_ledger_tells_an_answer_by_a_phone_at_another_node(stream: Any, pool: Pool) -> None:
    row = {"started_at_ms": T, "node": "node1", "caller_number": CALLER, "answered_at_ms": T + 3000, "agent_id": None}
    async with Writing(stream, pool):
        await tell(stream, [event(call_id(1), Kind.LEDGER, T + 26_000, about="x", **row)])
        await until_written(stream)
    call = await Calls(pool, "CN").get_call(call_id(1))
    assert (call["status"], call["talking_seconds"]) == ("answered", 23.0)


async def test_an_answer_told_by_the_ledger_alone_closes_its_task(stream: Any, pool: Pool) -> None:
    row = {"started_at_ms": T, "node": "node1", "caller_number": CALLER, "answered_at_ms": T + 3000, "agent_id": 7}
    async with Writing(stream, pool):
        await tell(stream, abandoned(1))
        await until_written(stream)
        await tell(stream, [event(call_id(1), Kind.LEDGER, T + 26_000, about="x", **row)])
        await until_written(stream)
    assert await Calls(pool, "CN").list_ring_backs("open", 10) == []


async def test_every_column_of_a_row_is_written_as_it_is_and_over_it(pool: Pool) -> None:
    agent_id = await pool.fetchval(
        """insert into users (username, display_name, role, password_hash)
        values ('a', 'a', 'agent', '') returning user_id"""
    )
    record = CallRecord(call_id(1), node="node1", caller_number="+8613800138000", arrived_at=T + 1, agent_id=agent_id)
    record.place = {"zh": "上海", "en": "Shanghai"}
    record.caller_name, record.waiting_seconds, record.queue_id = 'a "b" \\ 🙂', 1.5, "gone"
    leg = LegRecord(call_id(1), agent_id, "offer", offered_at=T + 2, talking_seconds=1.25, ended_as=LegEnd.ENDED)
    before = LegRecord(call_id(1), agent_id, "offer")
    async with pool.acquire() as connection:
        for status in (CallStatus.TALKING, CallStatus.ANSWERED):
            record.status = status
            await store.put_calls(connection, [record])
            await store.put_legs(connection, [before, leg, LegRecord(call_id(1), agent_id + 1, "of who is gone")])
    row = await pool.fetchrow("select * from calls")
    assert (row["status"], row["agent_id"], row["queue_id"], row["customer_id"]) == ("answered", agent_id, None, None)
    assert (row["arrived_at"], row["answered_at"], float(row["waiting_seconds"])) == (moment(T + 1), None, 1.5)
    assert (row["place"], row["carrier"], row["caller_name"]) == (record.place, None, record.caller_name)
    [kept] = await pool.fetch("select * from call_legs")
    assert (kept["offered_at"], kept["rang_at"], kept["talking_seconds"]) == (moment(T + 2), None, 1.25)
    assert kept["ended_as"] == "ended"
