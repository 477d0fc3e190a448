"""Connections to Redis."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

import hiredis
from redis.asyncio import Connection, ConnectionPool, Redis, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as LostError

MOST_CONNECTIONS = 500
ANSWER_SECONDS = 5.0
_NOT_ALL = object()
_WAITING = frozenset({"XREAD", "XREADGROUP", "BLPOP", "BRPOP", "BLMOVE", "BZPOPMIN", "BZPOPMAX"})
"""Commands that wait for something to come; others' would wait behind them."""


class _Prompt:
    """Hands a command to a socket that takes it at once, without redis-py's limit of time for that, which costs a task
    a command (Python 3.11's `wait_for`). The answer has its limit in any case.
    """

    _writer: asyncio.StreamWriter | None
    is_connected: bool
    health_check_interval: float

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """As redis-py does it."""
        writer = self._writer
        if (
            writer is not None
            and self.is_connected
            and not self.health_check_interval
            and not isinstance(command, bytes | str)
            and writer.transport.get_write_buffer_size() == 0
        ):
            writer.writelines(command)
        else:
            await super().send_packed_command(command, check_health)  # type: ignore[misc]


class PromptConnection(_Prompt, Connection):
    """Over TCP."""


class PromptLocalConnection(_Prompt, UnixDomainSocketConnection):
    """Over a socket of this machine."""


class _Line(asyncio.Protocol):
    """A connection that carries the commands of everybody at once: Redis answers them in the order in which they came.
    redis-py makes it and reads errors; hiredis, as there, reads all else.
    """

    def __init__(self, pool: Any, connection: Any) -> None:
        self.is_open = True
        self._pool = pool
        self._connection = connection
        self._pack = connection.pack_command
        self._loop = asyncio.get_running_loop()
        self._asked: deque[tuple[float, asyncio.Future[Any]]] = deque()
        """When each was asked (the loop's time), and whom the answer goes to."""
        self._watch: asyncio.TimerHandle | None = None
        parser, writer = connection._parser, connection._writer  # noqa: SLF001 - there is no other way to them
        self._reader = hiredis.Reader(encoding="utf-8", replyError=parser.parse_error, notEnoughData=_NOT_ALL)
        self._transport = writer.transport
        self._before = self._transport.get_protocol()
        self._transport.set_protocol(self)

    async def ask(self, command: tuple[Any, ...]) -> Any:
        """What Redis answers. Raises ResponseError, LostError."""
        packed = self._pack(*command)
        if not self.is_open:
            raise LostError
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.append((self._loop.time(), answer))
        self._transport.writelines(packed)
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_SECONDS, self._look)
        return await answer

    def _look(self) -> None:
        """A Redis that has not answered for so long is given up."""
        self._watch = None
        if not self._asked:
            return
        left = self._asked[0][0] + ANSWER_SECONDS - self._loop.time()
        if left <= 0:
            self._transport.abort()
        else:
            self._watch = self._loop.call_later(left, self._look)

    async def close(self) -> None:
        """Nobody asks any more, or the connection was lost."""
        self.is_open = False
        await self._connection.disconnect()
        await self._pool.release(self._connection)

    def data_received(self, data: bytes) -> None:
        """Whoever asked has his answer, unless he has given up."""
        try:
            self._reader.feed(data)
            while (said := self._reader.gets()) is not _NOT_ALL:
                self._answer(self._asked.popleft()[1], said)
        except (hiredis.HiredisError, UnicodeDecodeError, IndexError):  # whose answer the next is, nobody can say
            self._transport.abort()

    @staticmethod
    def _answer(answer: asyncio.Future[Any], said: Any) -> None:
        if answer.done():
            return
        if isinstance(said, Exception):
            answer.set_exception(said)
        else:
            answer.set_result(said)

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits for an answer is told."""
        self.is_open = False
        self._before.connection_lost(error)
        if self._watch is not None:
            self._watch.cancel()
        for _, answer in self._asked:
            if not answer.done():
                answer.set_exception(LostError("the connection was lost"))
        self._asked.clear()


class PromptRedis(Redis):
    """Asks on one connection whatever is answered at once. redis-py takes a connection from its pool, looks it over and
    gives it back for each command, which costs three times as much as the command. What waits, or is read in a way of
    its own, goes by the pool. A command of which no answer came may have been carried out: it is not said again.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As redis-py does it."""
        options.pop("keys", None)  # for a cache, which there is not
        if options or args[0] in _WAITING:
            return await self._asked_otherwise(*args, **options)
        line = self._line
        if line is None or not line.is_open:
            line = await self._opened()
        said = await line.ask(args)
        read = self.response_callbacks.get(args[0])
        return read(said) if read else said

    async def _asked_otherwise(self, *args: Any, **options: Any) -> Any:
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    async def _opened(self) -> _Line:
        async with self._opening:
            if self._line is not None and not self._line.is_open:
                await self._line.close()
                self._line = None
            if self._line is None:
                pool: Any = self.connection_pool
                self._line = _Line(pool, await pool.get_connection())
            return self._line

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """As redis-py does it."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()
        await super().aclose(close_connection_pool)


def connect_redis(url: str) -> Redis:
    """The Redis at `url` (redis://, rediss:// or unix://), whose answers are text. Connects when it is first asked."""
    pool = ConnectionPool.from_url(url, decode_responses=True, max_connections=MOST_CONNECTIONS)
    if pool.connection_class is Connection:
        pool.connection_class = PromptConnection
        pool.connection_kwargs["socket_keepalive"] = True
    elif pool.connection_class is UnixDomainSocketConnection:
        pool.connection_class = PromptLocalConnection
    return PromptRedis.from_pool(pool)
