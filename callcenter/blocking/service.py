"""What supervisors do about callers who are not to be let through. All is audited."""

from collections.abc import Callable
from datetime import datetime

from callcenter.blocking import store
from callcenter.blocking.model import BlockedCaller
from callcenter.clock import moment
from callcenter.customers.model import facts_of
from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor


class Blocking:
    """The blocked callers."""

    def __init__(self, pool: Pool, clock: Callable[[], int], country: str) -> None:
        self._pool = pool
        self._clock = clock
        self._country = country

    async def list_blocked(self) -> list[BlockedCaller]:
        """All of them, the latest first, those whose time is over too."""
        return await store.list_all(self._pool)

    async def holding(self, key: str) -> BlockedCaller | None:
        """The block that refuses a number just now; `key` is what the number is found by."""
        blocked = await store.find(self._pool, key)
        return blocked if blocked and blocked.holds_at(moment(self._clock())) else None

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

    def _key(self, given: str) -> str:
        key = facts_of(given, self._country).key
        if key is None or not key.lstrip("+").isdecimal():
            said = {"en": "This is no telephone number.", "zh": "这不是电话号码。"}
            raise InvalidInputError(fields={"number": said})
        return key
