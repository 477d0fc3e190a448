"""What is set reaches every replica at once, survives PostgreSQL's absence, and can be looked up for any moment."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from callcenter.configuration.model import NOTHING_SET
from callcenter.db.pool import create_pool
from callcenter.hotline import Hotline
from callcenter.routing.roster import KEPT, RosterKeeper, read_roster, record_roster
from callcenter.routing.store import LiveQueue, Part
from callcenter.settings import Settings
from callcenter.staff.model import HOTLINE_ITSELF, PhoneKind, Role
from callcenter.staff.service import AgentDraft
from callcenter.tasks import ended
from tests.storage.house import House, open_house
from tests.waiting import until

QUEUE = {"queue_id": "complaint", "name_zh": "投诉专线", "name_en": "Complaint line", "offer_rings": 3}
NOW = 1_700_000_000_000


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


def keeper(pool: Any, redis: Any) -> RosterKeeper:
    """Another replica's."""
    return RosterKeeper(pool, LiveQueue(redis), lambda: NOW)


async def put_queue(house: House, **fields: Any) -> None:
    revision = (await house.hotline.administration.read()).revision
    body = QUEUE | {"members": [{"username": "alice", "opens_after_seconds": 20}]} | fields
    path = f"/api/v1/configuration/queues/{body['queue_id']}?revision={revision}"
    status, answer = await house.ask("PUT", path, by="admin", json=body)
    assert status == 200, answer


async def versions(pool: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch("select revision, roster from roster_versions order by at")]


async def test_the_roster_says_who_serves_what_from_when_and_how_well(house: House, pool: Any) -> None:
    await put_queue(house)
    await pool.execute("insert into skills values ('technical', '技术', 'Technical', 1)")
    await pool.execute("insert into agent_skills values ($1, 'technical', 7)", house.ids["alice"])
    await house.hire("bob", Role.AGENT, "1002")
    await pool.execute("update users set disabled = true where username = 'bob'")
    _, roster = await read_roster(pool)
    assert [agent.username for agent in roster.agents] == ["alice", "super", "admin"], "whoever may sign in"
    alice = roster.agents[0]
    assert (alice.extension, alice.kind, alice.name) == ("1001", "browser", "Alice")
    assert alice.memberships == (("complaint", 20), ("service", 0))
    assert alice.skills == (("technical", 7),)
    assert [queue.queue_id for queue in roster.configuration.queues] == ["service", "complaint"]


async def test_a_change_is_in_force_at_once_everywhere(house: House, pool: Any, redis: Any) -> None:
    other = Hotline(Settings(ari_url="http://127.0.0.1:1"), pool, redis)
    listening = [asyncio.create_task(one.roster.listen(one.take_settings)) for one in (house.hotline, other)]
    try:
        await until(lambda: _both_listen(redis))
        await put_queue(house)
        for one in (house.hotline, other):
            await until(partial(_has, one, "complaint"), seconds=1)
            plan = one.routing.plan
            assert plan.ring_seconds(plan.queues["complaint"].offer_rings) == 15, "three rings of the country's cadence"
        await house.hotline.staff.change_agent(
            HOTLINE_ITSELF, house.ids["alice"], AgentDraft("Alice", Role.AGENT, "1001", PhoneKind.BROWSER, ())
        )
        await until(lambda: _serves_nothing(other, house.ids["alice"]), seconds=1)
    finally:
        await ended(listening)


async def _both_listen(redis: Any) -> bool:
    return bool((await redis.pubsub_numsub("cc:config"))[0][1] == 2)


async def _has(hotline: Hotline, queue_id: str) -> bool:
    return queue_id in hotline.routing.plan.queues


async def _serves_nothing(hotline: Hotline, agent_id: int) -> bool:
    return (await hotline.live.agent(agent_id)).queues == ()


async def test_a_service_that_starts_without_postgresql_runs_by_the_last_roster(
    house: House, pool: Any, redis: Any
) -> None:
    await put_queue(house)
    first = keeper(pool, redis)
    await first.sync()
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    second = keeper(gone, redis)
    assert await second.sync()
    assert second.roster == first.roster
    assert (await LiveQueue(redis).agent(house.ids["alice"])).queues == ("complaint", "service")
    await gone.close()


@pytest.mark.parametrize("kept", [None, "", "{", '{"queues": [], "agents": []}'])
async def test_without_any_roster_nobody_is_forgotten(house: House, redis: Any, kept: str | None) -> None:
    await (redis.delete(KEPT) if kept is None else redis.set(KEPT, kept))
    before = await LiveQueue(redis).agents()
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    lonely = keeper(gone, redis)
    assert not await lonely.sync()
    assert lonely.roster.configuration == NOTHING_SET
    assert await LiveQueue(redis).agents() == before
    await gone.close()


async def test_a_kept_roster_that_redis_lost_is_kept_again(house: House, redis: Any) -> None:
    await redis.delete(KEPT)
    await house.hotline.roster.sync()
    assert await redis.exists(KEPT)


async def test_what_postgresql_holds_wrongly_stops_nothing(house: House, pool: Any, redis: Any) -> None:
    before = house.hotline.roster.roster
    await pool.execute("""update queues set settings = '{"offer_rings": "many"}'""")
    assert not await house.hotline.roster.sync()
    assert house.hotline.roster.roster == before


async def test_each_roster_is_recorded_once_however_many_replicas_there_are(
    house: House, pool: Any, redis: Any
) -> None:
    replicas = [keeper(pool, redis) for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(one.sync() for one in replicas))
    await put_queue(house)
    await asyncio.gather(*(one.sync() for one in replicas))
    await put_queue(house, offer_rings=1)
    await put_queue(house, offer_rings=3)
    await asyncio.gather(*(one.sync() for one in replicas))
    kept = await versions(pool)
    queues = [[one["queue_id"] for one in row["roster"]["configuration"]["queues"]] for row in kept]
    assert queues == [["service"], ["service", "complaint"]], "what never was in force is not recorded"
    assert kept[0]["revision"] < kept[1]["revision"]
    assert {agent["username"]: agent["memberships"] for agent in kept[1]["roster"]["agents"]}["alice"] == [
        ["complaint", 20],
        ["service", 0],
    ]


async def test_a_replica_that_is_late_records_nothing_older(house: House, pool: Any) -> None:
    revision, old = await read_roster(pool)
    await put_queue(house)
    await house.hotline.sync_roster()
    before = await versions(pool)
    await record_roster(pool, revision, old)
    assert await versions(pool) == before


async def test_how_agents_stood_is_known_when_redis_has_lost_everything(house: House, pool: Any, redis: Any) -> None:
    await pool.execute(
        """insert into agent_events (event_id, user_id, at, from_state, to_state, move, reason, online)
        select n::text, $1, now() + make_interval(secs => n), 'ready', state, '', 'lunch', true
        from unnest(array['signed_out', 'talking', 'paused']) with ordinality as told (state, n)""",
        house.ids["alice"],
    )
    live = LiveQueue(redis)
    assert await keeper(pool, redis).sync()
    assert (await live.agent(house.ids["alice"])).before == "", "Redis knows him"
    await redis.flushall()
    await live.step(NOW, agent=Part(house.ids["alice"], set={"online": "1"}))
    await asyncio.gather(keeper(pool, redis).sync(), keeper(pool, redis).sync())
    agent = await live.agent(house.ids["alice"])
    assert (agent.state, agent.before, agent.fields["reason"]) == ("signed_out", "paused", "lunch")


async def test_a_phone_that_registers_before_the_roster_is_put_says_nothing_of_how_its_agent_stood(
    house: House, pool: Any, redis: Any
) -> None:
    await pool.execute(
        """insert into agent_events (event_id, user_id, at, from_state, to_state, move, online) values
        ('1', $1, now(), 'paused', 'ready', 'go_ready', true),
        ('2', $1, now() + interval '1 s', 'ready', 'ready', '', false),
        ('3', $1, now() + interval '2 s', 'signed_out', 'signed_out', '', true)""",
        house.ids["alice"],
    )
    await redis.flushall()
    await keeper(pool, redis).sync()
    assert (await LiveQueue(redis).agent(house.ids["alice"])).before == "ready"
