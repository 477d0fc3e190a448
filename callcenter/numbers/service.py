"""One hidden number shown whole to somebody who has a reason; each time stands in the audit log (SEC-01, SEC-04)."""

from typing import Any, Final, Literal

from redis.asyncio import Redis

from callcenter.db.pool import Pool
from callcenter.errors import HotlineError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

MOST_AN_HOUR: Final = 60
"""So many numbers a person may have shown within an hour: enough for work, too few for copying a list."""
_HOUR: Final = 3600

RecordKind = Literal["customer", "call", "callback", "ring_back"]

_FIND: Final[dict[RecordKind, str]] = {
    "customer": "select number from customer_numbers where customer_id = $1 order by position offset $2 limit 1",
    "call": "select caller_number from calls where call_id = $1 and $2 = 0",
    "callback": "select callback_number from calls where call_id = $1 and $2 = 0",
    "ring_back": "select number from ring_backs where ring_back_id = $1 and $2 = 0",
}


class RevealedEnoughError(HotlineError):
    """You have had 60 numbers shown within the hour. Try again later, or ask your supervisor."""

    error_id = "revealed_enough"
    status = 429
    zh = "您在一小时内已查看 60 个号码，请稍后再试或联系主管。"


class Revealing:
    """Shows numbers."""

    def __init__(self, pool: Pool, redis: Redis) -> None:
        self._pool = pool
        self._redis: Any = redis

    async def reveal(self, actor: Actor, kind: RecordKind, record_id: str, position: int) -> str:
        """The number of a record; `position` (from 0) is which of a customer's. The audit log has it before he has.

        Raises:
            NotFoundError: there is no such record, or it has no number there.
            RevealedEnoughError: he has had as many as he may within the hour.
        """
        await self._count(actor)
        wanted: Any = record_id
        if kind in {"customer", "ring_back"}:
            wanted = int(record_id) if record_id.isdecimal() and len(record_id) < 19 else 0
        async with self._pool.acquire() as connection, connection.transaction():
            number = await connection.fetchval(_FIND[kind], wanted, position)
            if not number:
                raise NotFoundError
            of = ("call" if kind == "callback" else kind, record_id)
            detail = {"position": position} if kind == "customer" else {"callback": True} if kind == "callback" else {}
            await audit.record(connection, actor, "number.revealed", of=of, detail=detail)
        return str(number)

    async def _count(self, actor: Actor) -> None:
        key = f"cc:revealed:{actor.user_id}"
        async with self._redis.pipeline(transaction=True) as both:
            both.incr(key)
            both.expire(key, _HOUR, nx=True)
            count, _ = await both.execute()
        if count > MOST_AN_HOUR:
            raise RevealedEnoughError
