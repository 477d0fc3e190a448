"""Blocked callers in PostgreSQL."""

from datetime import datetime
from typing import Final

from asyncpg import Record

from callcenter.blocking.model import BlockedCaller
from callcenter.db.pool import Executor

_BLOCKED: Final = """
    select b.number, b.reason, b.blocked_until, b.created_at, u.display_name as created_by
    from blocked_callers b left join users u on u.user_id = b.created_by
"""
ALL: Final = _BLOCKED + "order by b.created_at desc, b.number"
ONE: Final = _BLOCKED + "where b.number = $1"
UNTIL_WHEN: Final = "select number, blocked_until from blocked_callers where coalesce(blocked_until > now(), true)"


def _blocked(row: Record) -> BlockedCaller:
    return BlockedCaller(**row)


async def list_all(executor: Executor) -> list[BlockedCaller]:
    """All of them, the latest first, those whose time is over too."""
    return [_blocked(row) for row in await executor.fetch(ALL)]


async def find(executor: Executor, number: str) -> BlockedCaller | None:
    """The block of a number."""
    row = await executor.fetchrow(ONE, number)
    return _blocked(row) if row else None


async def until_when(executor: Executor) -> dict[str, datetime | None]:
    """The numbers that are blocked now, and until when; None: until somebody lifts it."""
    return {row["number"]: row["blocked_until"] for row in await executor.fetch(UNTIL_WHEN)}


async def put(executor: Executor, number: str, reason: str, until: datetime | None, by: int | None) -> None:
    """Block a number, or block it for another reason and time."""
    await executor.execute(
        """
        insert into blocked_callers (number, reason, blocked_until, created_by) values ($1, $2, $3, $4)
        on conflict (number) do update set reason = $2, blocked_until = $3, created_by = $4, created_at = now()
        """,
        number,
        reason,
        until,
        by,
    )


async def remove(executor: Executor, number: str) -> bool:
    """Lift a block; whether there was one."""
    return bool(await executor.fetchval("delete from blocked_callers where number = $1 returning true", number))
