"""One Asterisk as the service sees it: whether it lives, what happens on it, what it is told.

Every replica of the service may ask and tell; one of them listens (callcenter.asterisk.store).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from callcenter.asterisk.ari import AWAY, Ari
from callcenter.asterisk.consults import Consults
from callcenter.asterisk.listeners import Listeners
from callcenter.asterisk.model import Fact, LegReader
from callcenter.asterisk.phones import Phone, Phones
from callcenter.asterisk.recorders import Recorders
from callcenter.asterisk.store import RENEW_SECONDS, Ear
from callcenter.tasks import ended

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often a node is asked whether it is there, and how long it may take to answer."""
DEAD_SECONDS: Final = 4.0
"""A node that has not answered for so long, on any connection, is dead."""
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 1.0


class AsteriskDoor:
    """The way from the service to one Asterisk and back. Its requests raise AriAwayError and AriError."""

    def __init__(
        self,
        node: str,
        ari: Ari,
        ear: Ear,
        *,
        media_address: str,
        on_fact: Callable[[Fact], Awaitable[None]],
        on_connect: Callable[[str], Awaitable[None]],
        on_death: Callable[[str], Awaitable[None]],
    ) -> None:
        """`media_address`: where phones send their sound. `on_connect(node)` runs after each connection that
        listens, before the facts that follow it are told to `on_fact`; `on_death(node)`, which never raises, as soon
        as the node is dead.
        """
        self.node = node
        self.phones = Phones(ari, media_address=media_address)
        self.listeners = Listeners(ari)
        self.consults = Consults(ari)
        self.recorders = Recorders(ari)
        self._ari = ari
        self._ear = ear
        self._reader = LegReader(node)
        self._on_fact = on_fact
        self._on_connect = on_connect
        self._on_death = on_death
        self._another_listens = False
        self._began_at: float | None = None
        ari.on_connect = self._connected
        ari.on_event = self._heard

    @property
    def listening(self) -> bool:
        """Whether this replica hears what happens there."""
        return self._ari.connected

    @property
    def connected(self) -> bool:
        """Whether it serves calls: it answers, and this replica listens to it or another does."""
        heard = self.listening or (self._another_listens and self._ari.answered_at is not None)
        return heard and self.alive

    @property
    def alive(self) -> bool:
        """False when it has answered on no connection for `DEAD_SECONDS`. While merely its events are not heard, it
        lives.
        """
        return self._dead_in > 0

    @property
    def _dead_in(self) -> float:
        """Seconds until it is dead if it stays silent; none or less: it is."""
        answered_at = self._ari.answered_at
        since = self._began_at if answered_at is None else answered_at
        return DEAD_SECONDS if since is None else since + DEAD_SECONDS - asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Listen whenever this replica is the one to, and see whether the node lives, until cancelled."""
        self._began_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look(), name=f"look {self.node}")
            tasks.create_task(self._listen(), name=f"listen {self.node}")

    async def _look(self) -> None:
        lived = True
        while True:
            try:
                await self._ari.request_by_http("GET", "asterisk/ping", seconds=LOOK_SECONDS)
            except AWAY as error:
                log.debug("node does not answer", node=self.node, error=type(error).__name__)
            except Exception:
                log.exception("a node answered what could not be read", node=self.node)
            if lived and not self.alive:
                log.warning("node is dead", node=self.node)
                await self._on_death(self.node)
            lived = self.alive
            await asyncio.sleep(min(LOOK_SECONDS, self._dead_in) if lived else LOOK_SECONDS)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                began_at = loop.time()
                if await self._may_listen():
                    await self._listen_once()
                    lasted = loop.time() - began_at > _LONGEST_PAUSE_SECONDS
                    pause = _FIRST_PAUSE_SECONDS if lasted else min(pause * 2, _LONGEST_PAUSE_SECONDS)
                else:
                    pause = RENEW_SECONDS
                await asyncio.sleep(pause)
        finally:
            with contextlib.suppress(RedisError, TimeoutError):
                await self._ear.give_back()

    async def _may_listen(self) -> bool:
        try:
            mine = await self._ear.take()
        except (RedisError, TimeoutError) as error:
            log.warning("nobody can say who listens", node=self.node, error=type(error).__name__)
            mine, self._another_listens = False, False
        else:
            self._another_listens = not mine
        return mine

    async def _listen_once(self) -> None:
        """Listen until the connection or the right to it is lost."""
        listening = asyncio.create_task(self._ari.listen(), name=f"ari {self.node}")
        keeping = asyncio.create_task(self._ear.keep(), name=f"ear {self.node}")
        try:
            await asyncio.wait((listening, keeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ended((listening, keeping))
            for task in (listening, keeping):
                if not task.cancelled() and (error := task.exception()):
                    log.error("listening broke; it is tried again", node=self.node, exc_info=error)

    async def _connected(self) -> None:
        self._reader = LegReader(self.node)
        await self._on_connect(self.node)

    async def _heard(self, event: dict[str, Any]) -> None:
        fact = self._reader.read(event)
        if fact is not None:
            await self._on_fact(fact)

    async def push_all(self, phones: Sequence[Phone]) -> None:
        """Make it know these phones and no others, and have them listened to."""
        await self.phones.push_all(phones)
        await self.phones.forget_others({one.extension for one in phones})
