"""What supervisors do about callers who are not to be let through. All is audited.

Whether a caller is refused is known by heart: it depends neither on how busy PostgreSQL is nor on its being there.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from redis.asyncio import Redis

from callcenter.blocking import store
from callcenter.blocking.model import BlockedCaller, holds
from callcenter.clock import moment
from callcenter.configuration.store import announce
from callcenter.customers.model import facts_of
from callcenter.db.pool import AWAY, Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

READ_SECONDS = 2
_LIFTED = moment(0)


class Blocking:
    """The blocked callers."""

    def __init__(self, pool: Pool, redis: Redis, clock: Callable[[], int], country: str) -> None:
        self._pool = pool
        self._redis = redis
        self._clock = clock
        self._country = country
        self._blocked: Mapping[str, datetime | None] = {}
        self._reading = asyncio.Lock()

    async def list_blocked(self) -> list[BlockedCaller]:
        """All of them, the latest first, those whose time is over too."""
        return await store.list_all(self._pool)

    def refuses(self, key: str) -> bool:
        """Whether a number is refused just now; `key` is what the number is found by."""
        return holds(self._blocked.get(key, _LIFTED), moment(self._clock()))

    async def reload(self) -> None:
        """Learn the blocked numbers anew; while PostgreSQL is away, what was known still holds."""
        try:
            async with self._reading, asyncio.timeout(READ_SECONDS):
                self._blocked = await store.until_when(self._pool)
        except AWAY as error:
            log.warning("blocked callers not read", error=type(error).__name__)

    async def block(self, actor: Actor, given: str, reason: str, until: datetime | None) -> BlockedCaller:
        """Block a number in any written form; for one that is blocked, set another reason and time.

        Raises:
            InvalidInputError: it is no telephone number, or `until` is over.
        """
        number = self._key(given)
        if until is not None and until <= moment(self._clock()):
            said = {"en": "This must be in the future.", "zh": "须为将来的时间。"}
            raise InvalidInputError(fields={"blocked_until": said})
        detail = {"reason": reason, "until": until.isoformat() if until else None}
        async with self._pool.acquire() as connection, connection.transaction():
            await store.put(connection, number, reason, until, actor.user_id)
            await audit.record(connection, actor, "caller.blocked", of=("number", number), detail=detail)
            blocked = await store.find(connection, number)
        await self._tell(number, until)
        if blocked is None:
            raise NotFoundError
        return blocked

    async def lift(self, actor: Actor, given: str) -> None:
        """Let a number through again.

        Raises:
            NotFoundError: it was not blocked.
        """
        number = self._key(given)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.remove(connection, number):
                raise NotFoundError
            await audit.record(connection, actor, "caller.unblocked", of=("number", number))
        await self._tell(number, _LIFTED)

    async def _tell(self, number: str, until: datetime | None) -> None:
        """A change holds at once: here without another look, and in every other replica."""
        async with self._reading:
            self._blocked = {**self._blocked, number: until}
        await announce(self._redis, "blocked_callers")

    def _key(self, given: str) -> str:
        key = facts_of(given, self._country).key
        if key is None or not key.lstrip("+").isdecimal():
            said = {"en": "This is no telephone number.", "zh": "这不是电话号码。"}
            raise InvalidInputError(fields={"number": said})
        return key
