"""Alarms: raised and cleared by what the board shows, seen to by supervisors, kept, and told to the webhook.

Runs in every replica; the one that holds the lease decides. Deciding needs Redis only: PostgreSQL hears of it
afterwards, and the webhook after that, so that neither keeps an alarm from the screens.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.alarms import store
from callcenter.alarms.model import judged, watched
from callcenter.alarms.webhook import Webhook
from callcenter.board.model import AlarmRow, Board
from callcenter.configuration.model import Configuration, Queue
from callcenter.db.pool import AWAY, Pool
from callcenter.errors import NotFoundError, UnavailableError
from callcenter.lease import Lease
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
BOARD_SECONDS: Final = 1.5
"""A board that takes longer is not judged: what it shows may be over."""
COUNT_MS: Final = 5_000
"""How often those who gave up are counted."""
RESTORE_MS: Final = 30_000
"""How often it is looked whether Redis has lost an alarm."""


class Looks(Protocol):
    """Where the board comes from."""

    async def recent(self) -> Board:
        """The board as it is now, or as it was a moment ago."""
        ...


class Alarms:
    """The hotline's alarms."""

    def __init__(
        self,
        pool: Pool,
        redis: Redis,
        clock: Callable[[], int],
        *,
        configuration: Callable[[], Configuration],
        is_open: Callable[[Queue], bool],
        webhook: Webhook,
    ) -> None:
        """`is_open(queue)`: whether its hours are open now."""
        self._pool = pool
        self._clock = clock
        self._configuration = configuration
        self._is_open = is_open
        self._webhook = webhook
        self._standing = store.StandingAlarms(redis)
        self._lease = Lease(redis, "cc:alarms:lease")
        self._decides = False
        self._is_late = False
        """Whether the last board was."""
        self._pending: dict[str, int] = {}
        self._gave_up: Mapping[str, int] | None = None
        """None: not counted yet."""
        self._counted_at = 0
        self._restored_at = 0

    async def open_alarms(self) -> dict[str, AlarmRow]:
        """The alarms that stand now, by their keys; the same in every replica. Raises RedisError."""
        return await self._standing.read()

    async def history(self, limit: int) -> list[dict[str, Any]]:
        """The latest alarms, the newest first."""
        return await store.history(self._pool, limit)

    async def acknowledge(self, actor: Actor, key: str) -> None:
        """Note that somebody sees to an alarm; who did so first stays.

        Raises:
            NotFoundError: there is no such alarm now.
        """
        row = (await self._standing.read()).get(key)
        if row is None:
            raise NotFoundError
        if row["acknowledged_by"] is not None:
            return
        await self._keep_facts()
        async with self._pool.acquire() as connection, connection.transaction():
            found = await store.acknowledge(connection, key, actor.user_id or 0, self._clock())
            if found is None:
                raise NotFoundError
            await audit.record(connection, actor, "alarm.acknowledged", of=("alarm", key))
        since, name = found
        await self._standing.acknowledge(key, since, name)

    async def run(self, boards: Looks) -> None:
        """Decide, keep and tell until cancelled, while no other replica does."""
        await asyncio.gather(
            _again(self._hold, "lease of the alarms not taken"),
            _again(lambda: self._look(boards), "alarms not judged"),
            _again(self._keep, "alarms not kept"),
            _again(self._tell, "webhook not told"),
        )

    # -- deciding --------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Take the lease or renew it. Without it, or when that can't be known, what was seen is forgotten: it may be of
        long ago when the lease is taken again.
        """
        holds = False
        try:
            holds = await self._lease.take()
        finally:
            self._decides = holds
            if not holds:
                self._pending, self._gave_up = {}, None

    async def _look(self, boards: Looks) -> None:
        if not self._decides:
            return
        try:
            async with asyncio.timeout(BOARD_SECONDS):
                board = await boards.recent()
        except TimeoutError:
            if not self._is_late:
                log.debug("board late, alarms not judged")
            self._is_late = True
            return
        self._is_late = False
        await self.decide(board)

    async def decide(self, board: Board) -> None:
        """Raise and clear what this board calls for. Raises RedisError."""
        configuration, now = self._configuration(), self._clock()
        found = watched(
            board,
            configuration,
            now,
            open_queues={queue.queue_id for queue in configuration.queues if self._is_open(queue)},
            gave_up=self._gave_up,
        )
        verdict = judged(await self._standing.read(), found, self._pending, now)
        if verdict.changes:
            await self._standing.change(verdict, now)
            for what, rows in (("alarm raised", verdict.raised), ("alarm cleared", verdict.cleared)):
                for key in rows:
                    log.info(what, alarm=key)
        self._pending = verdict.pending

    # -- keeping and telling ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        if not self._decides:
            return
        await self._keep_facts()
        now = self._clock()
        if now - self._restored_at >= RESTORE_MS:
            await self._standing.restore(await store.open_rows(self._pool))
            self._restored_at = now
        configuration = self._configuration()
        if not any(queue.alarms.abandoned for queue in configuration.queues):
            self._gave_up = None
        elif self._gave_up is None or now - self._counted_at >= COUNT_MS:
            shortest = configuration.short_abandon_seconds if configuration.leave_out_short else 0
            self._gave_up = await store.gave_up(self._pool, now, shortest)
            self._counted_at = now

    async def _keep_facts(self) -> None:
        """Bring what was raised and cleared into PostgreSQL, and leave word for the webhook."""
        tell = bool(self._configuration().webhook_url)
        while facts := await self._standing.facts():
            async with self._pool.acquire() as connection, connection.transaction():
                await store.add(connection, facts, tell=tell)
            await self._standing.forget(facts)

    async def _tell(self) -> None:
        if self._decides:
            await self._webhook.tell()


async def _again(work: Callable[[], Awaitable[None]], in_vain: str) -> None:
    """Do `work` every second; what goes wrong is said and tried again."""
    while True:
        try:
            await work()
        except (RedisError, UnavailableError, *AWAY) as error:
            log.warning(in_vain, error=type(error).__name__)
        except Exception:
            log.exception(in_vain)
        await asyncio.sleep(LOOK_SECONDS)
