"""Commands to Redis: many on one connection, each with its own answer, whatever becomes of the connection."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import NoScriptError

from callcenter.connections import connect_redis
from tests.storage.conftest import free_port, wait_for_port
from tests.waiting import until


class OwnRedis:
    """A Redis that can be ended and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        arguments = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    server = OwnRedis()
    yield server
    server.kill()


async def _connections(redis: Any) -> int:
    return int((await redis.info("clients"))["connected_clients"])


async def test_everybody_who_asks_at_once_has_his_own_answer(redis_url: str) -> None:
    redis: Any = connect_redis(redis_url)
    before = await _connections(redis)
    answers = await asyncio.gather(*(redis.echo(f"第{n}位") for n in range(2_000)))
    assert answers == [f"第{n}位" for n in range(2_000)]
    assert await _connections(redis) == before
    await redis.hset("cc:test", mapping={"a": "1", "名": "王"})
    assert await redis.hgetall("cc:test") == {"a": "1", "名": "王"}
    assert await redis.zadd("cc:zset", {"x": 2.5}) == 1
    assert await redis.zrange("cc:zset", 0, -1, withscores=True) in ([("x", 2.5)], [["x", 2.5]])
    await redis.delete("cc:test", "cc:zset")
    await redis.aclose()


async def test_a_refused_command_disturbs_nobody(redis_url: str) -> None:
    redis: Any = connect_redis(redis_url)
    refused = redis.evalsha("0" * 40, 0)
    answers: Any = await asyncio.gather(redis.echo("a"), refused, redis.echo("b"), return_exceptions=True)
    assert answers[::2] in (["a", "b"], ("a", "b"))
    assert isinstance(answers[1], NoScriptError)
    await redis.aclose()


async def test_who_gives_up_takes_nobody_elses_answer(redis_url: str) -> None:
    redis: Any = connect_redis(redis_url)
    await redis.ping()
    slow = asyncio.ensure_future(redis.echo("mine"))
    await asyncio.sleep(0)
    slow.cancel()
    assert await redis.echo("yours") == "yours"
    assert slow.cancelled()
    await redis.aclose()


async def test_what_waits_holds_up_nobody(redis_url: str) -> None:
    redis: Any = connect_redis(redis_url)
    await redis.xgroup_create("cc:stream", "g", id="0", mkstream=True)
    waiting = asyncio.ensure_future(redis.xreadgroup("g", "c", {"cc:stream": ">"}, block=20_000))
    popping = asyncio.ensure_future(redis.blpop(["cc:list"], timeout=20))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(3):
        assert await redis.echo("now") == "now"
        await redis.xadd("cc:stream", {"a": "1"})
        await redis.rpush("cc:list", "x")
        assert await waiting
        assert await popping in (("cc:list", "x"), ["cc:list", "x"])
    await redis.delete("cc:stream")
    await redis.aclose()


async def test_after_redis_was_killed_the_same_client_goes_on(own_redis: OwnRedis) -> None:
    redis: Any = connect_redis(own_redis.url)
    assert await redis.echo("before") == "before"
    await redis.client_pause(20_000)
    on_its_way = asyncio.ensure_future(redis.echo("meanwhile"))
    await asyncio.sleep(0.1)
    own_redis.kill()
    own_redis.start()
    with pytest.raises(LostError):  # it may have been carried out
        await on_its_way
    assert await redis.echo("after") == "after"
    assert await _connections(redis) <= 3
    own_redis.kill()
    with pytest.raises(LostError):
        await redis.echo("nobody")
    own_redis.start()
    assert await redis.echo("again") == "again"
    await redis.aclose()


async def test_a_file_is_as_good_as_a_port(tmp_path: Path) -> None:
    file = tmp_path / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(file), "--requirepass", "s3cret", "--save", ""]
    server = await asyncio.create_subprocess_exec("redis-server", *options, stdout=subprocess.DEVNULL)
    try:
        await until(file.exists, "Redis listens", 20)
        redis: Any = connect_redis(f"unix://:s3cret@{file}?db=0")
        assert await redis.echo("here") == "here"
        async with redis.pipeline() as pipe:
            pipe.echo("and")
            pipe.echo("there")
            assert await pipe.execute() == ["and", "there"]
        await redis.aclose()
    finally:
        server.kill()
        await server.wait()


async def test_after_what_can_not_be_read_the_same_client_goes_on(redis_url: str) -> None:
    redis: Any = connect_redis(redis_url)
    await redis.set("cc:odd", b"\xff\xfe")
    with pytest.raises(LostError):
        await redis.get("cc:odd")
    assert await redis.echo("fine") == "fine"
    await redis.delete("cc:odd")
    await redis.aclose()
