"""Alarms over real Redis and PostgreSQL, told to a real web server: nothing is lost, whatever dies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from callcenter.alarms.model import CLEAR_MS
from callcenter.alarms.service import Alarms
from callcenter.alarms.store import FACTS, STANDING
from callcenter.alarms.webhook import ANSWER_BYTES, CLAIM_MS, GIVE_UP_MS, Webhook
from callcenter.board.model import Board
from callcenter.configuration.model import Alarms as Thresholds
from callcenter.configuration.model import Configuration, PauseReason, Queue
from callcenter.db.pool import create_pool
from callcenter.errors import NotFoundError
from callcenter.settings import Settings
from callcenter.staff.model import HOTLINE_ITSELF, Actor
from callcenter.tasks import ended
from tests.boards import NOW, BoardOfTest, figure
from tests.storage.house import House, open_house
from tests.waiting import until

API = "/api/v1/board/alarms"
TOKEN = "token-of-the-robot"
KEY = "waiting:service"
CALLER = "+8613800138000"


def configuration(url: str = "", **thresholds: Any) -> Configuration:
    alarms = Thresholds(**({"waiting": 1, "longest_wait_seconds": None, "no_agent": False} | thresholds))
    queue = Queue(queue_id="service", name_zh="客服热线", name_en="Service hotline", alarms=alarms)
    reason = PauseReason(code="other", name_zh="其他", name_en="Other")
    return Configuration(queues=[queue], pause_reasons=[reason], webhook_url=url)


class Receiver:
    """A web server that is told of alarms; it answers as a test says."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        """Of the next answers; then 200."""
        self.texts: list[str] = []
        """What the next answers say; then more than is read, and no more than is sent at once: a rest that nobody takes
        would keep a socket open after the test.
        """
        self.location = ""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        """Where it is told, with its token."""
        return str(self.server.make_url("/hook").with_query(token=TOKEN))

    @property
    def told(self) -> list[str]:
        """Which notices came, in their order."""
        return [body["id"].partition("-")[2] for body in self.bodies]

    async def _take(self, request: web.Request) -> web.Response:
        assert request.query["token"] == TOKEN
        self.bodies.append(await request.json())
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {"Location": self.location} if self.location else {}
        text = self.texts.pop(0) if self.texts else "x" * 2 * ANSWER_BYTES
        return web.Response(status=status, headers=headers, text=text)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.server.start_server()
    yield receiver
    await receiver.server.close()


class Replica:
    """One replica's alarms, at a time of the test's own."""

    def __init__(self, pool: Any, redis: Any, there: BoardOfTest, url: str = "", **thresholds: Any) -> None:
        self.there = there
        self.now = NOW
        self.set = configuration(url, **thresholds)
        self.webhook = Webhook(
            pool, lambda: self.now, lambda: self.set, hotline="4008001234", zone=ZoneInfo("Asia/Shanghai")
        )
        self.alarms = Alarms(
            pool,
            redis,
            lambda: self.now,
            configuration=lambda: self.set,
            is_open=lambda _queue: True,
            webhook=self.webhook,
        )

    async def look(self, after_ms: int = 0) -> set[str]:
        """What stands after a look, so much later; PostgreSQL and the webhook have heard of it."""
        self.now += after_ms
        self.alarms._decides = True
        await self.alarms.decide(self.there.board)
        with contextlib.suppress(OSError):
            await self.alarms._keep()
            await self.alarms._tell()
        return set(await self.alarms.open_alarms())


@pytest.fixture
def there() -> BoardOfTest:
    return BoardOfTest()


@pytest.fixture
def replica(pool: Any, redis: Any, there: BoardOfTest, receiver: Receiver) -> Replica:
    return Replica(pool, redis, there, receiver.url)


async def rows_of(pool: Any) -> list[tuple[str, bool]]:
    """Key and whether it is over, of each row of the history."""
    rows = await pool.fetch("select key, cleared_at from alarms order by alarm_id")
    return [(row["key"], row["cleared_at"] is not None) for row in rows]


async def raised_and_cleared(replica: Replica) -> None:
    replica.there.call("a", "waiting", NOW)
    assert await replica.look() == {KEY}
    replica.there.over("a")
    await replica.look(1000)
    assert await replica.look(CLEAR_MS) == set()


# -- standing and history ------------------------------------------------------------------------------


async def test_an_alarm_stands_for_every_replica_and_is_kept_when_it_is_over(
    replica: Replica, pool: Any, redis: Any
) -> None:
    other = Replica(pool, redis, replica.there)
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    row = {"kind": "waiting", "subject": "service", "since": NOW, "value": 1, "threshold": 1, "acknowledged_by": None}
    assert await other.alarms.open_alarms() == {KEY: row}
    assert await rows_of(pool) == [(KEY, False)]
    replica.there.over("a")
    await replica.look(1000)
    await replica.look(CLEAR_MS)
    assert await other.alarms.open_alarms() == {}
    assert await rows_of(pool) == [(KEY, True)]
    assert await redis.xlen(FACTS) == 0


async def test_a_service_that_starts_again_keeps_since_and_who_sees_to_it(
    replica: Replica, pool: Any, redis: Any
) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    user_id = await pool.fetchval(
        "insert into users (username, display_name, role, password_hash) values ('s', '班长', 'supervisor', '')"
        " returning user_id"
    )
    await replica.alarms.acknowledge(Actor(user_id, "s", ""), KEY)
    after = Replica(pool, redis, replica.there)
    after.there.call("b", "waiting", NOW)
    await after.look(60_000)
    row = (await after.alarms.open_alarms())[KEY]
    assert (row["since"], row["acknowledged_by"], row["value"]) == (NOW, "班长", 2)
    assert await rows_of(pool) == [(KEY, False)]


async def test_what_was_raised_and_cleared_while_postgresql_was_away_is_in_the_history(
    redis: Any, there: BoardOfTest, pool: Any
) -> None:
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    await raised_and_cleared(Replica(gone, redis, there))
    assert await redis.xlen(FACTS) == 2
    await Replica(pool, redis, there).look(60_000)
    row = await pool.fetchrow("select raised_at, cleared_at from alarms")
    assert [round(at.timestamp() * 1000) for at in row] == [NOW, NOW + 1000 + CLEAR_MS]


async def test_a_fact_that_comes_twice_is_kept_once(
    replica: Replica, pool: Any, redis: Any, receiver: Receiver
) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.alarms.decide(replica.there.board)
    ((_, fields),) = await redis.xrange(FACTS)
    await replica.look()
    await redis.xadd(FACTS, fields)
    await replica.look(1000)
    assert await rows_of(pool) == [(KEY, False)]
    assert receiver.told == ["raised"]


async def test_two_who_decide_at_once_raise_one_alarm(replica: Replica, pool: Any, redis: Any) -> None:
    other = Replica(pool, redis, replica.there)
    replica.there.call("a", "waiting", NOW)
    other.now += 1
    await asyncio.gather(replica.alarms.decide(replica.there.board), other.alarms.decide(replica.there.board))
    await replica.look(2)
    assert await rows_of(pool) == [(KEY, False)]


async def test_an_alarm_that_redis_has_lost_is_put_back(replica: Replica, pool: Any, redis: Any) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    await redis.flushall()
    replica.there.over("a")
    after = Replica(pool, redis, replica.there)
    assert await after.look(5000) == {KEY}
    assert (await after.alarms.open_alarms())[KEY]["since"] == NOW
    await after.look(1000)
    assert await after.look(CLEAR_MS) == set()
    assert await rows_of(pool) == [(KEY, True)]


async def test_an_alarm_that_redis_has_lost_and_that_holds_begins_anew(replica: Replica, pool: Any, redis: Any) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    await redis.flushall()
    assert await replica.look(5000) == {KEY}
    assert await rows_of(pool) == [(KEY, True), (KEY, False)]


async def test_an_alarm_that_begins_anew_by_a_clock_that_is_behind_is_kept(
    replica: Replica, pool: Any, redis: Any, receiver: Receiver
) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    await redis.flushall()
    behind = Replica(pool, redis, replica.there, receiver.url)
    assert await behind.look(-5000) == {KEY}
    rows = await pool.fetch("select raised_at, cleared_at from alarms order by alarm_id")
    moments = [tuple(at and round(at.timestamp() * 1000) for at in row) for row in rows]
    assert moments == [(NOW, NOW), (NOW - 5000, None)]
    assert await redis.xlen(FACTS) == 0
    assert receiver.told == ["raised", "raised"]


async def test_facts_that_come_again_do_not_end_the_alarm_that_stands(
    redis: Any, there: BoardOfTest, pool: Any
) -> None:
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    without = Replica(gone, redis, there)
    await raised_and_cleared(without)
    there.call("b", "waiting", NOW)
    await without.look(1000)
    facts = await redis.xrange(FACTS)
    assert [fields["what"] for _, fields in facts] == ["raised", "cleared", "raised"]
    replica = Replica(pool, redis, there)
    await replica.look(60_000)
    for _, fields in facts:
        await redis.xadd(FACTS, fields)
    await replica.look(1000)
    assert await rows_of(pool) == [(KEY, True), (KEY, False)]


async def test_who_gave_up_of_late_is_counted_from_the_call_log(pool: Any, redis: Any, there: BoardOfTest) -> None:
    replica = Replica(pool, redis, there, waiting=None, abandoned=2)
    replica.now = await current(pool)
    await pool.execute(
        """
        insert into calls (call_id, node, queue_id, status, arrived_at, ended_at, waiting_seconds, abandoned_in)
        select 'node1-1763780000.' || n, 'node1', 'service', 'abandoned', now(), now() - make_interval(mins => m), s, i
        from (values (1, 1, 30, 'queue'), (2, 14, 6, 'ringing'), (3, 2, 4, 'queue'), (4, 16, 30, 'queue'),
            (5, 1, 30, 'menu')) c (n, m, s, i)
        """
    )
    await replica.look()
    assert await replica.look(1000) == {"abandoned:service"}
    assert (await replica.alarms.open_alarms())["abandoned:service"]["value"] == 2


GAVE_UP = """
    insert into calls (call_id, node, queue_id, status, arrived_at, ended_at, waiting_seconds, abandoned_in)
    select 'node1-1763780000.' || n, 'node1', 'service', 'abandoned', at, at, 30, 'queue'
    from generate_series(1, 2) n, to_timestamp($1 / 1000.0) at
"""


async def cleared_by_another(pool: Any, redis: Any) -> None:
    """All that stood is over."""
    await redis.delete(STANDING)
    await pool.execute("update alarms set cleared_at = raised_at")


async def current(pool: Any) -> int:
    """Now (ms): the call log takes calls of these days only."""
    at: datetime = await pool.fetchval("select now()")
    return round(at.timestamp() * 1000)


async def test_a_replica_that_has_the_lease_again_counts_anew_who_gave_up(
    pool: Any, redis: Any, there: BoardOfTest
) -> None:
    replica = Replica(pool, redis, there, waiting=None, abandoned=2)
    replica.now = await current(pool)
    await pool.execute(GAVE_UP, replica.now)
    async with Running(replica):
        await until(lambda: is_raised(redis, "abandoned:service"))
        await redis.set("cc:alarms:lease", "another")
        await until(lambda: not replica.alarms._decides)
        await cleared_by_another(pool, redis)
        replica.now += 3_600_000
        await redis.delete("cc:alarms:lease")
        await until(lambda: replica.alarms._counted_at == replica.now)
    assert await rows_of(pool) == [("abandoned:service", True)]
    assert await replica.alarms.open_alarms() == {}


async def test_a_threshold_that_is_set_again_is_not_judged_on_the_count_of_before(
    pool: Any, redis: Any, there: BoardOfTest
) -> None:
    replica = Replica(pool, redis, there, waiting=None, abandoned=2)
    replica.now = await current(pool)
    await pool.execute(GAVE_UP, replica.now)
    await replica.look()
    assert await replica.look(1000) == {"abandoned:service"}
    replica.set = configuration(waiting=None)
    assert await replica.look(1000) == set()
    replica.set = configuration(waiting=None, abandoned=2)
    assert await replica.look(3_600_000) == set()
    assert await replica.look(1000) == set()


async def test_what_a_replica_can_t_know_while_postgresql_is_away_stays(
    pool: Any, redis: Any, there: BoardOfTest
) -> None:
    thresholds: dict[str, Any] = {"waiting": None, "abandoned": 2, "service_level_percent": 80}
    there.board["figures"]["service"] = figure(answered=20, within_target=1)
    replica = Replica(pool, redis, there, **thresholds)
    replica.now = await current(pool)
    await pool.execute(GAVE_UP, replica.now)
    await replica.look()
    stood = await replica.look(1000)
    assert stood == {"abandoned:service", "service_level:service"}
    gone = await create_pool(Settings(database_url="postgresql://callcenter@127.0.0.1:1/none"))
    fresh = Replica(gone, redis, BoardOfTest(), **thresholds)
    fresh.now = replica.now
    for after_ms in (1000, CLEAR_MS, CLEAR_MS):
        assert await fresh.look(after_ms) == stood
    after = Replica(pool, redis, there, **thresholds)
    after.now = fresh.now + 3_600_000
    there.board["figures"]["service"] = figure(answered=20, within_target=20)
    for after_ms in (0, 1000):
        assert await after.look(after_ms) == stood
    assert await after.look(CLEAR_MS) == set()


# -- the webhook ---------------------------------------------------------------------------------------


async def test_the_webhook_is_told_when_it_begins_and_when_it_is_over(
    replica: Replica, receiver: Receiver, pool: Any
) -> None:
    replica.there.board["calls"]["a"] = {
        "queue_id": "service", "place": "waiting", "arrived_at": NOW, "number_display": CALLER
    }  # fmt: skip
    await replica.look()
    replica.there.over("a")
    await replica.look(1000)
    await replica.look(CLEAR_MS)
    assert receiver.told == ["raised", "cleared"]
    raised, cleared = receiver.bodies
    assert (raised["name_zh"], raised["value"], raised["raised_at"]) == ("客服热线", 1, NOW)
    assert cleared["cleared_at"] == NOW + 1000 + CLEAR_MS
    assert CALLER not in str(receiver.bodies)
    rows = await pool.fetch("select tries, delivered_at from alarm_notices")
    assert [(row["tries"], row["delivered_at"] is not None) for row in rows] == [(1, True), (1, True)]


async def test_what_the_webhook_does_not_take_it_is_told_again(replica: Replica, receiver: Receiver, pool: Any) -> None:
    receiver.statuses = [500, 404, 302, 200]
    receiver.location = receiver.url
    replica.there.call("a", "waiting", NOW)
    await replica.look()
    tries = [len(receiver.bodies)]
    for after_ms in (999, 1, 9_999, 1, 59_999, 1, 60_000):
        await replica.look(after_ms)
        tries.append(len(receiver.bodies))
    assert tries == [1, 1, 2, 2, 3, 3, 4, 4], "after 1 s, 10 s, 60 s; a redirection is not followed"
    assert await pool.fetchval("select tries from alarm_notices") == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"errcode":310000,"errmsg":"keywords not in content"}', "errcode 310000"),
        ('{"errcode":0,"code":9499,"msg":"Bad Request"}', "code 9499"),
        ('{"errcode":0,"errmsg":"ok"}', ""),
        ('{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}', ""),
        ('{"code":"accepted","errcode":true}', ""),
        ("[1]", ""),
        ("", ""),
        pytest.param('{"errcode":1,"text":"' + "x" * ANSWER_BYTES + '"}', "", id="long"),
    ],
)
async def test_what_a_robot_refuses_with_status_200_it_is_told_again(
    replica: Replica, receiver: Receiver, answer: str, reason: str
) -> None:
    receiver.texts = [answer]
    replica.there.call("a", "waiting", NOW)
    with structlog.testing.capture_logs() as logs:
        await replica.look()
    assert [line["reason"] for line in logs if line["event"] == "webhook not reached"] == [reason] * bool(reason)
    await replica.look(1000)
    await replica.look(60_000)
    assert receiver.told == (["raised", "raised"] if reason else ["raised"])


async def test_that_it_is_over_is_not_told_before_that_it_began(replica: Replica, receiver: Receiver) -> None:
    receiver.statuses = [500, 500, 500]
    await raised_and_cleared(replica)
    assert receiver.told == ["raised"] * 3
    await replica.look(60_000)
    assert receiver.told == ["raised"] * 4
    await replica.look(1000)
    assert receiver.told[4:] == ["cleared"]


async def test_a_service_that_starts_takes_up_what_is_still_to_be_told(
    replica: Replica, receiver: Receiver, pool: Any, redis: Any
) -> None:
    replica.there.call("a", "waiting", NOW)
    await replica.alarms.decide(replica.there.board)
    replica.alarms._decides = True
    await replica.alarms._keep()
    claimed = await pool.fetchval(
        "update alarm_notices set tries = 1, due_at = due_at + make_interval(secs => $1) returning tries",
        CLAIM_MS / 1000,
    )
    assert claimed == 1, "one who had taken it died"
    after = Replica(pool, redis, replica.there, receiver.url)
    await after.look(1000)
    assert receiver.told == []
    await after.look(CLAIM_MS)
    assert receiver.told == ["raised"]


async def test_a_webhook_that_is_not_there_holds_nothing_up_and_is_given_up_after_an_hour(
    replica: Replica, receiver: Receiver, pool: Any
) -> None:
    address = receiver.url
    await receiver.server.close()
    with structlog.testing.capture_logs() as logs:
        await raised_and_cleared(replica)
        await replica.look(GIVE_UP_MS + 20_000)
        await replica.look(1000)
    rows = await pool.fetch("select tries, delivered_at, given_up_at from alarm_notices order by what desc")
    assert [row["given_up_at"] is not None for row in rows] == [True, True]
    assert rows[0]["tries"] >= 2
    said = str(logs)
    assert "webhook not reached" in said
    assert TOKEN not in said
    assert address not in said


async def test_without_an_address_nobody_is_told(pool: Any, redis: Any, there: BoardOfTest) -> None:
    await raised_and_cleared(Replica(pool, redis, there))
    assert await pool.fetchval("select count(*) from alarm_notices") == 0


# -- as it runs ----------------------------------------------------------------------------------------


async def is_raised(redis: Any, key: str) -> bool:
    """Whether it stands."""
    return bool(await redis.hexists(STANDING, key))


async def is_over(redis: Any, key: str) -> bool:
    """Whether it stands no more."""
    return not await is_raised(redis, key)


class Running:
    """A replica's alarms at work while the block lasts."""

    def __init__(self, replica: Replica, boards: Any = None) -> None:
        self._work = replica.alarms.run(boards or replica.there)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._work)

    async def __aexit__(self, *_: object) -> None:
        await ended([self._task])


async def test_one_of_two_replicas_decides_and_the_other_goes_on_when_it_is_gone(
    pool: Any, redis: Any, there: BoardOfTest, receiver: Receiver
) -> None:
    first, second = Replica(pool, redis, there, receiver.url), Replica(pool, redis, there, receiver.url)
    there.call("a", "waiting", NOW)
    async with Running(second):
        async with Running(first):
            await until(lambda: receiver.told == ["raised"])
            assert first.alarms._decides != second.alarms._decides
        await until(lambda: second.alarms._decides)
        there.over("a")
        second.now += 1000
        await until(lambda: bool(second.alarms._pending))
        second.now += CLEAR_MS
        await until(lambda: receiver.told == ["raised", "cleared"])


async def test_a_board_that_can_t_be_read_changes_nothing(replica: Replica, redis: Any) -> None:
    class Failing:
        looks = 0

        async def recent(self) -> Board:
            self.looks += 1
            raise OSError("PostgreSQL is away")

    replica.there.call("a", "waiting", NOW)
    await replica.look()
    failing = Failing()
    async with Running(replica, failing):
        await until(lambda: failing.looks >= 2)
    assert set(await redis.hgetall(STANDING)) == {KEY}


class Hanging(BoardOfTest):
    """A board that may not come."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.looks = 0

    async def recent(self) -> Board:
        """The board, or nothing at all."""
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.board


async def test_a_board_that_hangs_costs_neither_the_lease_nor_what_was_seen(pool: Any, redis: Any) -> None:
    there = Hanging()
    first, second = Replica(pool, redis, there), Replica(pool, redis, BoardOfTest())
    there.call("a", "waiting", NOW)
    async with Running(first):
        await until(lambda: is_raised(redis, KEY))
        async with Running(second):
            there.over("a")
            first.now += 1000
            await until(lambda: bool(first.alarms._pending))
            seen = dict(first.alarms._pending)
            there.hangs, looks = True, there.looks
            with structlog.testing.capture_logs() as logs:
                await until(lambda: there.looks == looks + 3)
            assert (first.alarms._decides, second.alarms._decides) == (True, False)
            assert first.alarms._pending == seen == {KEY: NOW + 1000}
            late = [line["log_level"] for line in logs if line["event"] == "board late, alarms not judged"]
            assert late == ["debug"], "once"
            first.now += CLEAR_MS
            there.hangs = False
            await until(lambda: is_over(redis, KEY))


async def test_a_board_that_fails_costs_nothing_of_what_was_seen(replica: Replica, redis: Any) -> None:
    class Failing(Hanging):
        async def recent(self) -> Board:
            if self.hangs:
                self.looks += 1
                raise ValueError("a row that is none")
            return await super().recent()

    there = Failing()
    there.call("a", "waiting", NOW)
    async with Running(replica, there):
        await until(lambda: is_raised(redis, KEY))
        there.over("a")
        replica.now += 1000
        await until(lambda: bool(replica.alarms._pending))
        there.hangs, looks = True, there.looks
        await until(lambda: there.looks == looks + 2)
        assert replica.alarms._pending == {KEY: NOW + 1000}
        replica.now += CLEAR_MS
        there.hangs = False
        await until(lambda: is_over(redis, KEY))


# -- over HTTP -----------------------------------------------------------------------------------------


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


async def test_a_supervisor_sees_to_an_alarm_once(house: House, pool: Any, redis: Any, there: BoardOfTest) -> None:
    replica = Replica(pool, redis, there)
    there.call("a", "waiting", NOW)
    await replica.look()
    for _ in range(2):
        assert (await house.ask("POST", f"{API}/{KEY}/acknowledge", by="super"))[0] == 204
    assert (await house.ask("POST", f"{API}/{KEY}/acknowledge", by="admin"))[0] == 204
    standing = await house.hotline.alarms.open_alarms()
    assert standing[KEY]["acknowledged_by"] == "Super"
    rows = await pool.fetch("select username, object_id from audit_log where action = 'alarm.acknowledged'")
    assert [tuple(row) for row in rows] == [("super", KEY)]
    status, listed = await house.ask("GET", API, by="super")
    assert status == 200
    assert [(one["key"], one["raised_at"], one["cleared_at"], one["acknowledged_by"]) for one in listed] == [
        (KEY, NOW, None, "Super")
    ]
    assert (listed[0]["name_zh"], listed[0]["raised_notice"]) == ("客服热线", {"delivered_at": None, "tries": 0})


async def test_an_alarm_that_is_over_or_never_was_can_t_be_seen_to(house: House, pool: Any, redis: Any) -> None:
    await raised_and_cleared(Replica(pool, redis, BoardOfTest()))
    for key, status in ((KEY, 404), ("node_lost:node9", 404), ("'; drop table alarms; --", 400)):
        assert (await house.ask("POST", f"{API}/{key}/acknowledge", by="super"))[0] == status
    with pytest.raises(NotFoundError):
        await house.hotline.alarms.acknowledge(HOTLINE_ITSELF, KEY)


async def test_the_newest_come_first_and_no_more_than_asked(house: House, pool: Any, redis: Any) -> None:
    replica = Replica(pool, redis, BoardOfTest())
    for _ in range(3):
        await raised_and_cleared(replica)
    _, listed = await house.ask("GET", f"{API}?limit=2", by="super")
    moments = [one["raised_at"] for one in listed]
    assert len(moments) == 2
    assert moments == sorted(moments, reverse=True)
    assert (await house.ask("GET", API, by="alice"))[0] == 403


async def test_only_administrators_see_the_whole_address(house: House, pool: Any) -> None:
    url = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"
    _, now = await house.ask("GET", "/api/v1/configuration", by="admin")
    general = {"webhook_url": url, "short_abandon_seconds": 8, "leave_out_short": False, "node_lost_alarm": False}
    status, after = await house.ask(
        "PUT", f"/api/v1/configuration/general?revision={now['revision']}", by="admin", json=general
    )
    assert (status, {name: after["configuration"][name] for name in general}) == (200, general)
    for path in ("/api/v1/configuration", "/api/v1/configuration/file"):
        _, seen = await house.ask("GET", path, by="super")
        assert TOKEN not in str(seen), path
        assert "oapi.dingtalk.com" in str(seen)
        _, seen = await house.ask("GET", path, by="admin")
        assert TOKEN in str(seen), path
    assert TOKEN not in str([dict(row) for row in await pool.fetch("select detail from audit_log")])
    bad = {"webhook_url": "ftp://x"}
    status, said = await house.ask(
        "PUT", f"/api/v1/configuration/general?revision={after['revision']}", by="admin", json=bad
    )
    assert (status, list(said["error"]["fields"])) == (400, ["webhook_url"])
