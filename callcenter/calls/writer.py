"""Carries facts from the Redis stream to PostgreSQL, each exactly once, and folds them into the calls' rows.

One replica writes at a time (it holds an advisory lock); another takes over when it is gone. A fact leaves the
stream only after its transaction is committed; told again after a crash, it finds itself there. While PostgreSQL is
away the facts wait in the stream. A fact that can't be stored is set aside in `SET_ASIDE` and never blocks the rest.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from callcenter import metrics
from callcenter.calls import store
from callcenter.calls.model import CallRecord, CallStatus, fold, is_call_id
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.events import AGENT_STREAM, STREAM, CallEvent, Kind
from callcenter.routing.rings import DEFAULT_CADENCE, Cadence

log = structlog.get_logger(__name__)

GROUP = "writer"
CONSUMER = "writer"
SET_ASIDE = "cc:events:refused"
BATCH = 500
BLOCK_MS = 1000
GATHER_SECONDS = 0.15
"""How long facts are gathered before they are written together: a call's row is that much behind the call."""
WRITER_LOCK = 7_283_001

_ENDINGS = (Kind.ENDED, Kind.LOST, Kind.LEDGER)
_LEFT = (CallStatus.ABANDONED, CallStatus.FAILED, CallStatus.MESSAGE)
"""What leaves a task to ring back."""
Entry = tuple[str, CallEvent]


class CallWriter:
    """Runs in every replica of the service; writes in one of them."""

    def __init__(
        self,
        redis: Redis,
        pool: Pool,
        clock: Callable[[], int],
        cadence: Callable[[], Cadence] = lambda: DEFAULT_CADENCE,
    ) -> None:
        """`cadence()`: in which rings are counted now."""
        self._redis: Any = redis
        self._pool = pool
        self._clock = clock
        self._cadence = cadence

    async def run(self) -> None:
        """Write until cancelled, whatever goes away and comes back meanwhile."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    try:
                        if await connection.fetchval("select pg_try_advisory_lock($1)", WRITER_LOCK):
                            await self._write(connection)
                    finally:
                        connection.terminate()  # and with it the lock
            except (*AWAY, RedisError) as error:
                log.warning("writer waits", error=type(error).__name__)
            except Exception:
                log.exception("writer failed")
            await asyncio.sleep(1)

    async def _write(self, connection: Connection) -> None:
        for stream in (STREAM, AGENT_STREAM):
            try:
                await self._redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        await self._store_agents(connection, "0")
        position = "0"  # first what an earlier writer took and did not finish, then what is new
        while True:
            answer = await self._redis.xreadgroup(
                GROUP, CONSUMER, {STREAM: position}, count=BATCH, block=BLOCK_MS if position == ">" else None
            )
            rows = _rows_of(answer)
            await self._store_agents(connection, ">")
            if not rows:
                metrics.WRITER_LAG.set(0)
                position = ">"
                continue
            if len(rows) < BATCH and position == ">":
                rows += await self._gather()
            await self.store(connection, rows)
            metrics.WRITER_LAG.set(max(0, self._clock() - int(rows[0][0].partition("-")[0])) / 1000)

    async def _store_agents(self, connection: Connection, position: str) -> None:
        """Commit what is new of agents' states and take it off its stream."""
        answer = await self._redis.xreadgroup(GROUP, CONSUMER, {AGENT_STREAM: position}, count=BATCH)
        if rows := _rows_of(answer):
            await store.add_agent_events(connection, [fields for _, fields in rows if fields])
            ids = [entry_id for entry_id, _ in rows]
            await self._redis.xack(AGENT_STREAM, GROUP, *ids)
            await self._redis.xdel(AGENT_STREAM, *ids)

    async def _gather(self) -> list[tuple[str, dict[str, str]]]:
        """What else comes within a moment."""
        await asyncio.sleep(GATHER_SECONDS)
        return _rows_of(await self._redis.xreadgroup(GROUP, CONSUMER, {STREAM: ">"}, count=BATCH))

    async def store(self, connection: Connection, rows: list[tuple[str, dict[str, str]]]) -> None:
        """Commit these stream entries and take them off the stream."""
        entries: list[Entry] = []
        for entry_id, fields in rows:
            try:
                fact = CallEvent.from_stream(fields)
                if not is_call_id(fact.call_id):
                    raise ValueError
                entries.append((entry_id, fact))
            except (KeyError, ValueError):
                await self._set_aside(entry_id, fields)
        try:
            await self._commit(connection, [fact for _, fact in entries])
        except AWAY:
            raise
        except asyncpg.PostgresError:
            await self._commit_one_by_one(connection, entries)
        ids = [entry_id for entry_id, _ in rows]
        async with self._redis.pipeline() as pipe:
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            await pipe.execute()

    async def _commit_one_by_one(self, connection: Connection, entries: list[Entry]) -> None:
        for entry_id, fact in entries:
            try:
                await self._commit(connection, [fact])
            except AWAY:
                raise
            except asyncpg.PostgresError as error:
                log.warning("fact refused", call_id=fact.call_id, kind=fact.kind.value, error=type(error).__name__)
                await self._set_aside(entry_id, fact.to_stream())

    async def _set_aside(self, entry_id: str, fields: dict[str, str]) -> None:
        metrics.EVENTS_REFUSED.inc()
        await self._redis.xadd(SET_ASIDE, {**fields, "entry": entry_id}, maxlen=10_000)

    async def _commit(self, connection: Connection, facts: list[CallEvent]) -> None:
        if not facts:
            return
        async with connection.transaction():
            new = await store.add_events(connection, facts)
            touched = {fact.call_id for fact in facts if fact.event_id in new}
            if not touched:
                return
            events = await store.events_of(connection, touched)
            records = {call_id: fold(call_id, events[call_id], self._cadence()) for call_id in sorted(touched)}
            await store.put_calls(connection, records.values())
            for call_id, record in records.items():
                await self._follow_up(connection, record, events[call_id], new)
        metrics.EVENTS_WRITTEN.inc(len(new))

    async def _follow_up(
        self, connection: Connection, record: CallRecord, facts: list[CallEvent], new: set[str]
    ) -> None:
        """A caller who gave up, left a message, or was cut off with his node becomes a task to ring back; another who
        was answered is a task done.
        """
        if not record.caller_number:
            return
        endings = [fact for fact in facts if fact.kind in _ENDINGS]
        first = bool(endings) and all(fact.event_id in new for fact in endings)
        cut_off = bool(endings) and all(fact.body.get("node_died") for fact in endings)
        message = any(fact.event_id in new and fact.kind is Kind.MESSAGE for fact in facts)
        if cut_off and first:
            await store.add_ring_back(connection, record, _ring_back_kind(record, lost=True))
        elif record.answered_at is not None:
            if any(fact.event_id in new and fact.kind in (Kind.ANSWERED, Kind.LEDGER) for fact in facts):
                await store.close_ring_back(connection, record)
        elif record.status in _LEFT and (first or (endings and message)):
            lost = any(fact.kind is Kind.LOST for fact in facts)
            await store.add_ring_back(connection, record, _ring_back_kind(record, lost=lost))


def _ring_back_kind(record: CallRecord, *, lost: bool) -> str:
    if record.status is CallStatus.MESSAGE:
        return "message"
    if record.callback_at is not None:
        return "callback_failed"
    return "node_lost" if lost else "abandoned"


def _rows_of(answer: Any) -> list[tuple[str, dict[str, str]]]:
    """The entries of an XREADGROUP answer, in whichever of its two shapes redis-py gives it."""
    if not answer:
        return []
    streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
    found: list[tuple[str, dict[str, str]]] = []
    for entries in streams:
        nested = entries and isinstance(entries[0], list)
        rows = [row for part in entries for row in part] if nested else entries
        found += [(entry_id, fields or {}) for entry_id, fields in rows]
    return found
