"""The live board over real servers: what it shows is what the facts say, and its events lead to what it shows."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest

from callcenter.asterisk.model import LegAnswered, LegEnded, LegRinging
from callcenter.board.model import applied
from callcenter.clock import now_ms
from callcenter.hotline import Hotline
from callcenter.routing.desk import InCallError
from callcenter.routing.model import AgentState, CallState
from callcenter.routing.script import CallFacts, Ended, OfferOver
from callcenter.routing.store import Part
from callcenter.staff.model import Role
from callcenter.tasks import ended
from tests.board_truth import by_the_board, by_the_facts
from tests.storage.house import House, open_house
from tests.waiting import until

AGENTS = ("alice", "bob", "carol")


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    """A hotline that writes facts and keeps its board; three agents with phones that are there."""
    async with open_house(pool, redis) as house:
        hotline = house.hotline
        await house.hire("bob", Role.AGENT, "1002", queues=("service",))
        await house.hire("carol", Role.AGENT, "1003", queues=("service",))
        await hotline.sync_roster()
        for username in AGENTS:
            await hotline.live.step(now_ms(), agent=Part(house.ids[username], set={"online": "1", "node": "node1"}))
        work = (hotline.writer.run(), hotline.desks.listen(), hotline.boards.listen(), hotline.boards.run())
        tasks = [asyncio.create_task(one) for one in work]
        yield house
        await ended(tasks)


class Viewer:
    """A page that keeps its board as browsers do."""

    def __init__(self) -> None:
        self.board: Any = None
        self.seq = 0
        self.events = 0

    def take(self, text: str) -> None:
        """A message of the socket."""
        told = orjson.loads(text)
        if told["type"] == "snapshot":
            self.board, self.seq = told["board"], told["seq"]
        elif told["type"] == "event":
            assert told["seq"] == self.seq + 1
            self.board, self.seq = applied(self.board, told["put"], told["drop"]), told["seq"]
            self.events += 1


@contextlib.asynccontextmanager
async def watching(house: House, by: str = "super") -> AsyncIterator[Viewer]:
    """A board that is open."""
    viewer, headers = Viewer(), await house.headers(by)
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(house.server.make_url("/api/v1/board/live")) as socket,
    ):

        async def read() -> None:
            async for message in socket:
                viewer.take(message.data)

        reading = asyncio.create_task(read())
        await until(lambda: viewer.board is not None)
        yield viewer
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


class Callers:
    """Callers and agents who do whatever may be done."""

    def __init__(self, hotline: Hotline, agents: list[int], seed: int) -> None:
        self.hotline = hotline
        self.agents = agents
        self.chance = random.Random(seed)
        self.facts: dict[str, CallFacts] = {}
        self.second = now_ms() // 1000

    async def act(self) -> None:
        """One thing."""
        await self.chance.choice(
            [self.arrive, self.arrive, self.leave, self.answer, self.miss, self.state, self.state]
        )()

    async def arrive(self, rung_ms: int | None = None) -> None:
        """A caller comes, who has heard it ring for so long; his script is not kept waiting."""
        number = len(self.facts)
        at = now_ms() - (self.chance.choice([0, 4000, 12_000, 26_000]) if rung_ms is None else rung_ms)
        facts = CallFacts(
            f"node1-{self.second}.{number}", "node1", "PJSIP/trunk-1", "400", f"1380013{number:04d}", "", at
        )
        self.facts[facts.call_id] = facts
        call = await self.hotline.live.call(facts.call_id)
        await self.hotline.line._look(call, facts, False, None, None)

    async def _one(self, *states: CallState) -> Any:
        calls = await self.hotline.live.calls(list(self.facts))
        found = [call for call in calls if call.state in states]
        return self.chance.choice(found) if found else None

    async def leave(self) -> None:
        """Somebody hangs up."""
        call = await self._one(CallState.WAITING, CallState.OFFERED, CallState.TALKING)
        if call:
            by = "agent" if call.state is CallState.TALKING and self.chance.random() < 0.5 else "caller"
            report = Ended(now_ms(), call.offer_id, None, by, 16, fallback=False)
            await self.hotline.routing.ended(self.facts[call.call_id], report)

    async def answer(self) -> None:
        """An agent's phone rings, and he takes the call."""
        call = await self._one(CallState.OFFERED)
        if call:
            extension = self.hotline.routing.extensions[call.agent_id]
            leg = (call.call_id, call.offer_id, extension, f"leg-{call.call_id}")
            await self.hotline.witness.take(LegRinging(*leg, now_ms()))
            await self.hotline.witness.take(LegAnswered(*leg, now_ms()))

    async def miss(self) -> None:
        """An agent does not answer, or ends the talk."""
        call = await self._one(CallState.OFFERED, CallState.TALKING)
        if call and call.state is CallState.OFFERED:
            await self.hotline.routing.offer_over(call, OfferOver(call.offer_id, "NOANSWER", 19, now_ms()))
            await self.hotline.routing.match()
        elif call:
            extension = self.hotline.routing.extensions[call.agent_id]
            leg = (call.call_id, call.offer_id, extension, f"leg-{call.call_id}")
            await self.hotline.witness.take(LegEnded(*leg, now_ms(), cause=16, hung_up_by_phone=True))

    async def state(self) -> None:
        """An agent changes his state."""
        wanted = self.chance.choice([AgentState.READY, AgentState.READY, AgentState.PAUSED, AgentState.SIGNED_OUT])
        with contextlib.suppress(InCallError):
            await self.hotline.work.set_state(self.chance.choice(self.agents), wanted, "break")


@pytest.mark.parametrize("seed", range(3))
async def test_its_events_lead_to_what_the_facts_say(house: House, pool: Any, seed: int) -> None:
    boards = house.hotline.boards
    began = datetime.now(UTC) - timedelta(hours=1)
    callers = Callers(house.hotline, [house.ids[name] for name in AGENTS], seed)
    async with watching(house) as viewer:
        for step in range(160):
            await callers.act()
            snapshot = orjson.loads(orjson.dumps(await boards.snapshot()))
            await until(lambda: viewer.seq >= snapshot["seq"])  # noqa: B023 (awaited here)
            assert viewer.seq > snapshot["seq"] or viewer.board == snapshot["board"]
            if step % 40 == 39:
                await _settled(house)
                fresh = (await house.ask("GET", "/api/v1/board", by="super"))[1]
                await until(lambda: viewer.seq == fresh["seq"])  # noqa: B023 (awaited here)
                assert viewer.board == fresh["board"]
                assert by_the_board(viewer.board) == await by_the_facts(pool, began)
        assert viewer.events > 50


async def _settled(house: House) -> None:
    """All facts are written, and the board has heard of it."""

    async def written() -> bool:
        redis = house.hotline.redis
        return not await redis.xlen("cc:events") and not await redis.xlen("cc:agent_events")

    await until(written)
    await house.hotline.redis.publish("cc:written", orjson.dumps({"arrived": [], "agents": []}))
    await until(lambda: not house.hotline.boards._changed.is_set())


async def test_a_caller_is_on_the_board_while_he_waits(house: House) -> None:
    callers = Callers(house.hotline, [house.ids["alice"]], 1)
    async with watching(house) as viewer:
        assert viewer.board["queues"]["service"]["last_ring"] == 3
        await callers.arrive()
        await until(lambda: viewer.board["calls"])
        (row,) = viewer.board["calls"].values()
        assert (row["place"], row["queue_id"], row["agent_ids"]) == ("waiting", "service", [])
        await house.hotline.work.set_state(house.ids["alice"], AgentState.READY)
        await until(lambda: any(one["place"] == "offered" for one in viewer.board["calls"].values()))
        (row,) = viewer.board["calls"].values()
        assert row["agent_ids"] == [house.ids["alice"]]
        assert viewer.board["agents"][str(house.ids["alice"])]["state"] == "offered"
        await callers.answer()
        await until(lambda: any(one["place"] == "talking" for one in viewer.board["calls"].values()))
        await callers.leave()
        await until(lambda: not viewer.board["calls"])
        await until(lambda: viewer.board["figures"]["service"]["answered"] == 1)
        await until(lambda: viewer.board["agent_days"][str(house.ids["alice"])]["calls"] == 1)
        status, day = await house.ask("GET", "/api/v1/desk/day", by="alice")
        assert status == 200
        assert (day["calls"], day["within_target"], day["outcomes"], day["misses"]) == (1, 1, 0, 0)


async def test_an_agent_s_rings_are_those_of_his_own_phone(house: House) -> None:
    hotline, alice, bob = house.hotline, house.ids["alice"], house.ids["bob"]
    callers = Callers(hotline, [alice, bob], 1)
    await hotline.work.set_state(alice, AgentState.READY)
    await callers.arrive(rung_ms=26_000)
    (call_id,) = callers.facts
    at = now_ms() - 20_000

    async def rings(extension: str, after_ms: int) -> LegAnswered:
        leg = (call_id, (await hotline.live.call(call_id)).offer_id, extension, f"leg-{extension}")
        await hotline.witness.take(LegRinging(*leg, at + after_ms))
        return LegAnswered(*leg, at + after_ms + 7000)

    in_vain = await rings("1001", 0)
    await hotline.routing.offer_over(
        await hotline.live.call(call_id), OfferOver(in_vain.offer_id, "NOANSWER", 19, at + 20_000)
    )
    await hotline.work.set_state(alice, AgentState.PAUSED, "break")
    await hotline.work.set_state(bob, AgentState.READY)
    await hotline.witness.take(await rings("1002", 20_000))
    await _settled(house)
    days = [await hotline.boards.agent_day(one) for one in (alice, bob)]
    assert [(day["calls"], day["rings"], day["misses"]) for day in days] == [(0, 0, 1), (1, 2, 0)]


async def test_a_target_that_is_changed_does_not_judge_the_morning(house: House, pool: Any) -> None:
    callers = Callers(house.hotline, [house.ids["alice"]], 1)
    await callers.arrive(rung_ms=12_000)
    await house.hotline.work.set_state(house.ids["alice"], AgentState.READY)
    await callers.answer()
    await _settled(house)
    assert (await house.hotline.boards.snapshot())["board"]["figures"]["service"]["within_target"] == 1
    answer = (await house.ask("GET", "/api/v1/configuration", by="admin"))[1]
    queue = answer["configuration"]["queues"][0] | {"ring_target": {"kind": "within", "rings": 1}}
    path = f"/api/v1/configuration/queues/service?revision={answer['revision']}"
    status, said = await house.ask("PUT", path, by="admin", json=queue)
    assert status == 200, said
    await house.hotline.sync_roster()
    board = (await house.hotline.boards.snapshot())["board"]
    assert board["queues"]["service"]["last_ring"] == 1
    assert board["figures"]["service"]["within_target"] == 1


async def test_agents_see_no_board(house: House) -> None:
    for path in ("/api/v1/board", "/api/v1/board/days", "/api/v1/board/live"):
        assert (await house.ask("GET", path, by="alice"))[0] == 403


async def test_who_signs_out_sees_no_more(house: House) -> None:
    headers = await house.headers("super")
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(house.server.make_url("/api/v1/board/live"), autoclose=False) as socket,
    ):
        assert (await socket.receive_json())["type"] == "snapshot"
        assert (await house.ask("DELETE", "/api/v1/session", headers=headers))[0] == 204
        while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)


async def test_a_page_that_does_not_read_is_let_go(house: House) -> None:
    boards = house.hotline.boards
    async with watching(house):
        (page,) = boards._pages
        for _ in range(200):
            page.say('{"type": "pong"}')
        assert page.too_slow
        await until(lambda: not boards._pages)


async def test_the_days_before_are_counted_as_today_is(house: House, pool: Any) -> None:
    boards = house.hotline.boards
    yesterday = boards.day_began_at(1) + 9 * 3_600_000
    await pool.execute(
        """insert into calls (call_id, node, queue_id, status, arrived_at, answered_at, ended_at,
            rings, waiting_seconds)
        select 'node1-1763780000.' || n, 'node1', 'service', 'answered', t, t, t, n, 5 * (n - 1)
        from generate_series(1, 5) n, to_timestamp($1 / 1000.0) t""",
        float(yesterday),
    )
    status, days = await house.ask("GET", "/api/v1/board/days", by="super")
    assert status == 200
    assert days["last_week"] == {}
    (quarter,) = days["yesterday"]["service"]
    assert (quarter["at"], quarter["arrived"], quarter["answered"], quarter["within_target"]) == (yesterday, 5, 5, 3)


async def test_a_postgresql_that_hangs_holds_up_nothing_live(house: House, pool: Any) -> None:
    callers = Callers(house.hotline, [house.ids["alice"]], 1)
    boards = house.hotline.boards
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table calls in access exclusive mode")
        async with asyncio.timeout(4):
            await callers.arrive()
            await until(lambda: boards.last["calls"])
            assert [one["place"] for one in (await boards.look())["calls"].values()] == ["waiting"]
    await callers.leave()
    await until(lambda: boards.last["figures"].get("service", {}).get("abandoned_queue") == 1)


async def test_a_look_that_is_cut_off_forgets_no_change(pool: Any, redis: Any) -> None:
    async with open_house(pool, redis) as house:
        boards = house.hotline.boards
        await boards.look()
        await Callers(house.hotline, [house.ids["alice"]], 1).arrive()
        boards.look_anew()
        await redis.client_pause(1000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await boards.look()
        assert [one["place"] for one in (await boards.look())["calls"].values()] == ["waiting"]
