"""Connections to PostgreSQL."""

from typing import Any

import asyncpg
import orjson
from asyncpg import Connection, Pool

from callcenter.db.migrate import migrate
from callcenter.settings import Settings

Executor = Pool | Connection
"""What SQL can be run on: a connection in a transaction, or any one of the pool."""

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""What is raised while PostgreSQL is away; the same statement may succeed later."""

__all__ = ["AWAY", "Connection", "Executor", "Pool", "create_pool", "ensure_partitions", "migrate"]


async def create_pool(settings: Settings, *, by_index: bool = False) -> Pool:
    """A pool of connections to `settings.database_url`; `jsonb` columns are Python objects.

    `by_index`: read no table as a whole that has an index for it. For whoever fills tables, and for what is asked for
    each call: PostgreSQL keeps the way it chose while they were almost empty, for its own checks of references too.

    Raises:
        OSError, asyncpg.PostgresError: the database can't be reached or refuses.
    """
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=0,
        max_size=5 if by_index else 10,
        init=_prepare,
        reset=_leave_as_it_is,
        command_timeout=30,
        server_settings={"application_name": "callcenter", "timezone": "UTC"}
        | ({"enable_seqscan": "off", "jit": "off"} if by_index else {}),  # whole reads count as too dear not to compile
    )


async def _leave_as_it_is(connection: Connection) -> None:
    """Nobody here changes a connection's state, so nothing is to be reset before the next one has it."""


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_to_jsonb, decoder=_from_jsonb
    )


def _to_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)


def _from_jsonb(value: bytes) -> Any:
    return orjson.loads(value[1:])


async def ensure_partitions(pool: Pool, *, months_ahead: int = 2) -> int:
    """Make the monthly partitions of `call_events` up to `months_ahead` months ahead; how many were new.

    Call it at start and then once a day; replicas may do so at once.
    """
    return int(await pool.fetchval("select ensure_partitions(now(), $1)", months_ahead))
