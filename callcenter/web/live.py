"""The desks that are open in this replica: each is sent its snapshot, then every change, numbered.

A change is the whole desk, so a browser that missed one is right again with the next; a gap in the numbers
(another replica's change came between) does no harm for the same reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import WSMsgType, web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.routing.store import LIVE_CHANNEL, WAKE_CHANNEL

log = structlog.get_logger(__name__)

TAKEN_OVER = 4001
SEND_BUDGET_SECONDS = 2.0
HEARTBEAT_SECONDS = 15.0

Document = Callable[[int], Awaitable[tuple[int, dict[str, Any]]]]


class Desk:
    """One open page."""

    def __init__(self, agent_id: int, desk_id: str, socket: web.WebSocketResponse) -> None:
        self.agent_id = agent_id
        self.desk_id = desk_id
        self.sent_seq = -1
        self.sending = asyncio.Lock()
        self._socket = socket

    async def send(self, message: dict[str, Any]) -> None:
        """Send, or drop a page that does not read."""
        try:
            async with asyncio.timeout(SEND_BUDGET_SECONDS):
                await self._socket.send_str(orjson.dumps(message).decode())
        except (ConnectionError, TimeoutError, RuntimeError):
            await self.close(1011)

    async def close(self, code: int) -> None:
        """End the page's connection; it may come back."""
        try:
            async with asyncio.timeout(SEND_BUDGET_SECONDS):
                await self._socket.close(code=code)
        except (ConnectionError, TimeoutError, RuntimeError):
            log.debug("desk gone", agent_id=self.agent_id)


class LiveDesks:
    """Keeps every open desk in step with the live queue."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._desks: dict[int, list[Desk]] = {}
        self.document: Document = _nothing
        self.taken_by: Callable[[int], Awaitable[str]] = _nobody
        self.wake: Callable[[str], None] = lambda call_id: None

    async def serve(self, socket: web.WebSocketResponse, agent_id: int, desk_id: str) -> None:
        """Keep one page up to date until it leaves or a later page takes over."""
        desk = Desk(agent_id, desk_id, socket)
        self._desks.setdefault(agent_id, []).append(desk)
        try:
            async with desk.sending:
                seq, document = await self.document(agent_id)
                desk.sent_seq = seq
                await desk.send({"type": "snapshot", "seq": seq, "desk": document})
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
                if message.type is WSMsgType.TEXT:
                    await desk.send({"type": "pong"})
        finally:
            self._desks[agent_id].remove(desk)
            if not self._desks[agent_id]:
                del self._desks[agent_id]

    async def push(self, agent_id: int) -> None:
        """Show an agent his desk as it is now. Returns when it has been handed to the network."""
        for desk in tuple(self._desks.get(agent_id, ())):
            if await self.taken_by(agent_id) not in ("", desk.desk_id):
                await desk.send({"type": "taken_over"})
                await desk.close(TAKEN_OVER)
                continue
            async with desk.sending:
                seq, document = await self.document(agent_id)
                if seq > desk.sent_seq:
                    desk.sent_seq = seq
                    await desk.send({"type": "desk", "seq": seq, "desk": document})

    async def refresh(self) -> None:
        """Show every desk the number of callers waiting, if it has changed. Sent with the last change's number."""
        for agent_id in tuple(self._desks):
            seq, document = await self.document(agent_id)
            for desk in tuple(self._desks.get(agent_id, ())):
                async with desk.sending:
                    if seq >= desk.sent_seq:
                        desk.sent_seq = seq
                        await desk.send({"type": "desk", "seq": seq, "desk": document})

    @property
    def agents(self) -> tuple[int, ...]:
        """Agents with a desk open in this replica."""
        return tuple(self._desks)

    async def listen(self) -> None:
        """Follow the changes that any replica makes, until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(LIVE_CHANNEL, WAKE_CHANNEL)
                    for agent_id in self.agents:
                        await self.push(agent_id)
                    async for message in pubsub.listen():
                        await self._hear(message)
            except RedisError:
                log.warning("live changes not heard")
                await asyncio.sleep(0.5)

    async def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] != "message":
            return
        if message["channel"] == WAKE_CHANNEL:
            self.wake(message["data"])
            return
        agent, _, seq = message["data"].partition(":")
        for desk in self._desks.get(int(agent), ()):
            if int(seq) > desk.sent_seq:
                await self.push(int(agent))
                return


async def _nothing(agent_id: int) -> tuple[int, dict[str, Any]]:
    return 0, {}


async def _nobody(agent_id: int) -> str:
    return ""
