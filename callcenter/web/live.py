"""The desks that are open in this replica: each is sent its snapshot, then every change, numbered.

A change is the whole desk; changes that come together are sent as one. How many callers wait changes for every desk
at once and is sent alone. The numbers count what a socket was sent. A supervisor's message is no change of the desk: it
has no number, and a page that may have missed one asks for those it has not seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from aiohttp import WSMsgType, web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.errors import HotlineError
from callcenter.routing.desk import DeskNow
from callcenter.routing.store import LIVE_CHANNEL, Change, own_channel, read_change
from callcenter.supervision.model import MESSAGES_CHANNEL
from callcenter.tasks import Beside

log = structlog.get_logger(__name__)

TAKEN_OVER = 4001
NO_DESK = 1008
SEND_BUDGET_SECONDS = 2.0
HEARTBEAT_SECONDS = 15.0
OWN_CHANGE_SECONDS = 0.03
AGAIN_SECONDS = 0.5
ANY_CHANGE = 2**63
"""Higher than any change's number: look, whatever has been sent."""

Document = Callable[[int, int | None], Awaitable[DeskNow]]


class Desk:
    """One open page."""

    def __init__(self, agent_id: int, desk_id: str, socket: web.WebSocketResponse) -> None:
        self.agent_id = agent_id
        self.desk_id = desk_id
        self.sent_seq = -1
        self.number = 0
        self.waiting = 0
        self.sending = asyncio.Lock()
        self._socket = socket

    async def show(self, kind: str, now: DeskNow) -> None:
        """Send the desk as it is now."""
        self.sent_seq = now.seq
        self.waiting = now.document["waiting"]
        self.number += 1
        await self.send({"type": kind, "seq": self.number, "desk": now.document})

    async def show_waiting(self, waiting: int) -> None:
        """Send how many callers wait now."""
        self.waiting = waiting
        self.number += 1
        await self.send({"type": "waiting", "seq": self.number, "waiting": waiting})

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

    def __init__(
        self,
        redis: Redis,
        replica: str,
        document: Document,
        hear: Callable[[Change], None],
        look_anew: Callable[[], Awaitable[None]],
    ) -> None:
        """`replica`: who this is in changes; `document(agent, after)` makes a desk as it is with the change `after`
        (None: as it is now); `hear(change)` is told of every change that any replica makes; `look_anew()` is called
        when changes may have been missed.
        """
        self._redis: Any = redis
        self._desks: dict[int, list[Desk]] = {}
        self._replica = replica
        self._beside = Beside()
        self._lost = False
        """Whether a change may have been missed since all was looked at last."""
        self._looking: asyncio.Task[None] | None = None
        self._document = document
        self._hear_change = hear
        self._look_anew = look_anew

    async def serve(self, socket: web.WebSocketResponse, agent_id: int, desk_id: str) -> None:
        """Keep one page up to date until it leaves or a later page takes over."""
        desk = Desk(agent_id, desk_id, socket)
        self._desks.setdefault(agent_id, []).append(desk)
        try:
            async with desk.sending:
                now = await self._look(desk, None)
                if now is None:
                    return
                await desk.show("snapshot", now)
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
                if message.type is WSMsgType.TEXT:
                    await desk.send({"type": "pong"})
        finally:
            self._desks[agent_id].remove(desk)
            if not self._desks[agent_id]:
                del self._desks[agent_id]

    async def push(self, agent_id: int, seq: int) -> None:
        """Show an agent his desk after its change `seq`. Returns when it has been handed to the network."""
        for desk in tuple(self._desks.get(agent_id, ())):
            async with desk.sending:
                if desk.sent_seq >= seq:
                    continue
                now = await self._look(desk, seq)
                if now is None:
                    continue
                if now.desk_id not in ("", desk.desk_id):
                    await desk.send({"type": "taken_over"})
                    await desk.close(TAKEN_OVER)
                elif now.seq > desk.sent_seq:
                    await desk.show("desk", now)

    async def _look(self, desk: Desk, after: int | None) -> DeskNow | None:
        """The desk as it is; None, and the page is let go, when its agent has none any more."""
        try:
            return await self._document(desk.agent_id, after)
        except HotlineError:
            await desk.close(NO_DESK)
            return None

    async def refresh(self, waiting: Mapping[int, int]) -> None:
        """Show desks how many callers wait (agent -> callers in his queues), where that has changed."""
        for agent_id, desks in tuple(self._desks.items()):
            for desk in tuple(desks):
                if desk.waiting == waiting.get(agent_id, 0) or desk.sending.locked():
                    continue  # who is being sent something is looked at again the next time
                async with desk.sending:
                    await desk.show_waiting(waiting.get(agent_id, 0))

    def is_open(self, agent_id: int) -> bool:
        """Whether an agent has a desk open in this replica."""
        return agent_id in self._desks

    @property
    def agents(self) -> tuple[int, ...]:
        """Agents with a desk open in this replica."""
        return tuple(self._desks)

    async def listen(self) -> None:
        """Follow the changes that any replica makes, until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(LIVE_CHANNEL, own_channel(self._replica), MESSAGES_CHANNEL)
                    async for message in pubsub.listen():
                        await self._hear(message)
            except RedisError:
                log.warning("live changes not heard")
            except Exception:
                log.exception("live changes not followed")
            await asyncio.sleep(AGAIN_SECONDS)

    def look_again(self) -> None:
        """A change may have been missed: look at everything again, soon."""
        self._lost = True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_until_seen(), name="look again")

    async def _look_until_seen(self) -> None:
        while self._lost:
            self._lost = False
            try:
                await self._look_at_all()
            except RedisError:
                self._lost = True
            except Exception:
                log.exception("changes not looked for")
                self._lost = True
            await asyncio.sleep(AGAIN_SECONDS if self._lost else 0)

    async def _look_at_all(self) -> None:
        await self._look_anew()
        for agent_id in self.agents:
            await self.push(agent_id, ANY_CHANGE)

    async def _hear(self, message: dict[str, Any]) -> None:
        if message["channel"] == MESSAGES_CHANNEL:
            await self._tell(message)
            return
        if message["channel"] != LIVE_CHANNEL:
            return
        if message["type"] == "subscribe":  # at the start, and whenever the connection was made again
            await self._look_at_all()
        if message["type"] != "message":
            return
        change = read_change(message["data"])
        if change.by == self._replica:
            self.hear_own(change)
            return
        self._hear_change(change)
        for agent in change.agents:
            await self.push(agent.agent_id, agent.seq)

    def hear_own(self, change: Change) -> None:
        """A change that this replica has made. Its desks are shown by who has made it, with the answer to its step,
        which saves a look at Redis; what is done here is for when that fails.
        """
        self._hear_change(change)
        for agent in change.agents:
            if agent.agent_id in self._desks:
                asyncio.get_running_loop().call_later(OWN_CHANGE_SECONDS, self._push_later, agent.agent_id, agent.seq)

    async def _tell(self, heard: dict[str, Any]) -> None:
        """Show a supervisor's message; after a break, have pages ask for what they may have missed."""
        told = orjson.loads(heard["data"]) if heard["type"] == "message" else {"users": None, "but": None}
        ids = self.agents if told["users"] is None else told["users"]
        desks = [desk for agent_id in ids if agent_id != told["but"] for desk in self._desks.get(agent_id, ())]
        message = {"type": "message"} | ({"message": told["message"]} if "message" in told else {})
        await asyncio.gather(*(desk.send(message) for desk in desks))

    def _push_later(self, agent_id: int, seq: int) -> None:
        if all(desk.sent_seq >= seq for desk in self._desks.get(agent_id, ())):
            return
        self._beside.begin(self._push_unless_shown(agent_id, seq), "push-later")

    async def _push_unless_shown(self, agent_id: int, seq: int) -> None:
        while agent_id in self._desks:
            try:
                await self.push(agent_id, seq)
            except RedisError:
                log.warning("desk not shown yet", agent_id=agent_id)
                await asyncio.sleep(1)
                continue
            except Exception:
                log.exception("desk not shown", agent_id=agent_id)
            return
