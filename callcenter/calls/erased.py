"""Whose calls say no more who rang, as far as facts of them may still come: a node's spool, Asterisk's CDR.

A customer's numbers are gone with him. What tells that a late call is his is a digest of the number in Redis, for as
long as facts may come; who rings from it again afterwards is nobody who was erased.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from redis.asyncio import Redis

from callcenter.calls.model import started_at
from callcenter.clock import moment
from callcenter.db.pool import Connection
from callcenter.events import CallEvent

LATE_FACTS: Final = timedelta(days=7)
"""So long after an erasure facts of its calls may still come."""
_KEY: Final = "cc:erased:"
"""Redis: begins the name of when (ms) a number's owner was erased; the number's digest follows."""
_OF_NUMBERS: Final = ("caller_number", "number")

_WHOSE: Final = """
select v.call_id, c.erased_at is not null or k.erased_at is not null as erased, k.customer_id is not null as named
from unnest($1::text[], $2::bigint[]) as v (call_id, customer_id)
left join customers k on k.customer_id = v.customer_id left join calls c on c.call_id = v.call_id
"""
_FACTS: Final = """
update call_events set body = case kind
    when 'outcome' then jsonb_strip_nulls(jsonb_build_object('by', body -> 'by', 'call_type', body -> 'call_type',
        'next_step', body -> 'next_step', 'customer_id', body -> 'customer_id', 'sub_type', body -> 'sub_type',
        'form_version', body -> 'form_version', 'read_back', body -> 'read_back',
        'read_back_at', body -> 'read_back_at', 'complete', body -> 'complete'))
    else body - '{caller_number,caller_name,clid,number,name,place,carrier,note,notes,customers}'::text[]
        - case when body ->> 'to_kind' = 'number' then 'to' else '' end end
where call_id = any ($1) and call_started_at = any ($2)
"""


async def strip_facts(connection: Connection, call_ids: Collection[str]) -> None:
    """Take out of these calls' facts who rang, and what was written of him."""
    await connection.execute(_FACTS, list(call_ids), [started_at(call_id) for call_id in call_ids])


async def mark_erased(connection: Connection, call_ids: Collection[str]) -> None:
    """Say of these calls' rows that they tell no more who rang."""
    await connection.execute(
        "update calls set erased_at = now() where call_id = any ($1) and erased_at is null", list(call_ids)
    )


class ErasedCallers:
    """Who has been erased of late."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    async def remember(self, numbers: Sequence[str], at_ms: int) -> None:
        """Calls from these numbers until then tell nobody any more."""
        async with self._redis.pipeline() as pipe:
            for number in numbers:
                pipe.set(_name(number), at_ms, ex=LATE_FACTS)
            await pipe.execute()

    async def calls_of(
        self, connection: Connection, customers: Mapping[str, int | None], facts: Sequence[CallEvent]
    ) -> set[str]:
        """Which of these calls are theirs: `customers` has who each is said to be of. By the number in new `facts`
        are only those of nobody: another may ring from an erased customer's telephone.
        """
        rows = await connection.fetch(_WHOSE, list(customers), list(customers.values()))
        others = {row["call_id"] for row in rows if row["named"]}
        told = [one for one in facts if one.call_id not in others]
        return {row["call_id"] for row in rows if row["erased"]} | await self._by_number(told)

    async def _by_number(self, facts: Sequence[CallEvent]) -> set[str]:
        said = [(one.call_id, number) for one in facts for number in _numbers(one.body)]
        names = list(dict.fromkeys(_name(number) for _, number in said))
        if not names:
            return set()
        until = {
            name: moment(int(at_ms))
            for name, at_ms in zip(names, await self._redis.mget(names), strict=True)
            if at_ms is not None
        }
        return {call_id for call_id, number in said if (at := until.get(_name(number))) and started_at(call_id) <= at}


def _numbers(body: Mapping[str, Any]) -> list[str]:
    return [body[name] for name in _OF_NUMBERS if isinstance(body.get(name), str) and body[name]]


def _name(number: str) -> str:
    return _KEY + sha256(number.encode()).hexdigest()
