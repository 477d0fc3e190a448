"""Carries facts from the Redis stream to PostgreSQL, each exactly once, and folds them into the calls' rows.

One replica writes at a time (it holds an advisory lock); another takes over when it is gone. A fact leaves the
stream only after its transaction is committed; told again after a crash, it finds itself there. While PostgreSQL is
away the facts wait in the stream. A fact that can't be stored is set aside in `SET_ASIDE` and never blocks the rest.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import asyncpg
import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from callcenter import metrics
from callcenter.calls import store
from callcenter.calls.erased import ErasedCallers, mark_erased, strip_facts
from callcenter.calls.legs import legs_of
from callcenter.calls.model import CallRecord, CallStatus, fold, is_call_id
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.events import AGENT_STREAM, STREAM, WRITTEN_CHANNEL, CallEvent, Kind
from callcenter.routing.rings import DEFAULT_CADENCE, Cadence

log = structlog.get_logger(__name__)

GROUP = "writer"
CONSUMER = "writer"
SET_ASIDE = "cc:events:refused"
BATCH = 500
BLOCK_MS = 1000
GATHER_SECONDS = 0.8
"""How long facts are gathered before they are written together: a call's row is that much behind the call."""
WRITER_LOCK = 7_283_001
SETTLE_MS = 30_000
"""How long after its end a call is counted: by then what comes after the end has come (a message, Asterisk's CDR)."""

_ENDINGS = (Kind.ENDED, Kind.LOST, Kind.LEDGER)
_LEFT = (CallStatus.ABANDONED, CallStatus.FAILED, CallStatus.MESSAGE)
"""What leaves a task to ring back."""
STREAMS = (STREAM, AGENT_STREAM)
Entry = tuple[str, CallEvent]
Row = tuple[str, dict[str, str]]
Rows = dict[str, list[Row]]
"""Entries of each stream: id and fields, none once they are deleted."""
REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    KeyError,
    ValueError,
)
"""What is raised for an entry that can never be stored; anything else is the server's trouble, and is tried again."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a call does to its caller's task to ring back: opens one of this kind, or (None) closes it."""

    at_ms: int
    record: CallRecord
    kind: str | None


@dataclass(slots=True)
class Written:
    """Whom a batch concerns that is in PostgreSQL now: calls, by when they arrived (ms), and agents."""

    arrived: set[int] = field(default_factory=set)
    agents: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Folded:
    """What facts have made: the ids of those that were new, the rows of their calls, the calls that ended by them."""

    new: set[str] = field(default_factory=set)
    records: dict[str, CallRecord] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Ended:
    """A call that has ended and is not counted yet; `counted_at` is when it will be (ms)."""

    counted_at: int
    record: CallRecord


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
        self._erased = ErasedCallers(redis)
        self._ended: dict[str, Ended] = {}

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
            self.count_settled()
            with contextlib.suppress(RedisError):
                await self._measure_lag()
            await asyncio.sleep(1)

    async def _measure_lag(self) -> None:
        """How old the oldest fact is that nobody has taken off: whoever writes, and while nobody does."""
        oldest = [entries[0][0] for stream in STREAMS if (entries := await self._redis.xrange(stream, count=1))]
        since = min((int(entry_id.partition("-")[0]) for entry_id in oldest), default=self._clock())
        metrics.WRITER_LAG.set(max(0, self._clock() - since) / 1000)

    def count_settled(self) -> None:
        """Count the calls that ended some time ago, each once, as what it has become."""
        now = self._clock()
        for call_id in [call_id for call_id, one in self._ended.items() if one.counted_at <= now]:
            record = self._ended.pop(call_id).record
            metrics.CALLS.labels(record.queue_id or "", record.status.value).inc()

    def _count_later(self, folded: Folded) -> None:
        for call_id, record in folded.records.items():
            if call_id in folded.ended:
                self._ended[call_id] = Ended(self._clock() + SETTLE_MS, record)
            elif call_id in self._ended:
                self._ended[call_id].record = record

    async def _write(self, connection: Connection) -> None:
        for stream in STREAMS:
            try:
                await self._redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        while rows := await self._read("0"):  # what an earlier writer took and did not finish
            await self.store(connection, rows)
        while True:
            self.count_settled()
            rows = await self._read(">", block=BLOCK_MS)
            if not rows:
                metrics.WRITER_LAG.set(0)
                continue
            if all(len(entries) < BATCH for entries in rows.values()):
                await asyncio.sleep(GATHER_SECONDS)
                for stream, entries in (await self._read(">")).items():
                    rows[stream] = rows.get(stream, []) + entries
            await self.store(connection, rows)
            oldest = min(int(entries[0][0].partition("-")[0]) for entries in rows.values())
            metrics.WRITER_LAG.set(max(0, self._clock() - oldest) / 1000)

    async def _read(self, position: str, block: int | None = None) -> Rows:
        """The next entries of both streams, as far as there are any."""
        wanted = dict.fromkeys(STREAMS, position)
        return _rows_of(await self._redis.xreadgroup(GROUP, CONSUMER, wanted, count=BATCH, block=block))

    async def store(self, connection: Connection, rows: Rows) -> None:
        """Commit these entries and take them off their streams."""
        entries: list[Entry] = []
        for entry_id, fields in rows.get(STREAM, ()):
            try:
                fact = CallEvent.from_stream(fields)
                if not is_call_id(fact.call_id):
                    raise ValueError
                entries.append((entry_id, fact))
            except (KeyError, ValueError):
                await self._set_aside(entry_id, fields)
        changes = [(entry_id, fields) for entry_id, fields in rows.get(AGENT_STREAM, ()) if fields]
        written = Written()
        try:
            await self._commit(connection, [fact for _, fact in entries], [fields for _, fields in changes], written)
        except REFUSED:
            await self._commit_one_by_one(connection, entries, changes, written)
        async with self._redis.pipeline() as pipe:
            for stream, taken in rows.items():
                ids = [entry_id for entry_id, _ in taken]
                pipe.xack(stream, GROUP, *ids)
                pipe.xdel(stream, *ids)
            pipe.publish(WRITTEN_CHANNEL, orjson.dumps({"arrived": [*written.arrived], "agents": [*written.agents]}))
            await pipe.execute()

    async def _commit_one_by_one(
        self, connection: Connection, entries: list[Entry], changes: list[Row], written: Written
    ) -> None:
        """Whatever can be stored is; the rest is set aside."""
        for entry_id, fact in entries:
            try:
                await self._commit(connection, [fact], [], written)
            except REFUSED as error:
                log.warning("fact refused", call_id=fact.call_id, kind=fact.kind.value, error=type(error).__name__)
                await self._set_aside(entry_id, fact.to_stream())
        for entry_id, fields in changes:
            try:
                await self._commit(connection, [], [fields], written)
            except REFUSED as error:
                log.warning("change of an agent refused", error=type(error).__name__)
                await self._set_aside(entry_id, fields)

    async def _set_aside(self, entry_id: str, fields: dict[str, str]) -> None:
        metrics.EVENTS_REFUSED.inc()
        await self._redis.xadd(SET_ASIDE, {**fields, "entry": entry_id}, maxlen=10_000)

    async def _commit(
        self,
        connection: Connection,
        facts: Sequence[CallEvent],
        changes: Sequence[Mapping[str, str]],
        written: Written,
    ) -> None:
        """Store what is new of these facts and of agents' changes; KeyError, ValueError: a change is none."""
        folded = Folded()
        async with connection.transaction():
            if changes:
                await store.add_agent_events(connection, changes)
            if facts:
                folded = await self._fold(connection, facts, written)
        metrics.EVENTS_WRITTEN.inc(len(folded.new))
        self._count_later(folded)
        written.agents |= {int(change["agent"]) for change in changes}

    async def _fold(self, connection: Connection, facts: Sequence[CallEvent], written: Written) -> Folded:
        """Store facts and what follows from them."""
        new = await store.add_events(connection, facts)
        touched = {fact.call_id for fact in facts if fact.event_id in new}
        if not touched:
            return Folded(new)
        events = await store.events_of(connection, touched)
        records = {call_id: fold(call_id, events[call_id], self._cadence()) for call_id in sorted(touched)}
        customers = {call_id: record.customer_id for call_id, record in records.items()}
        told = [fact for fact in facts if fact.event_id in new]
        erased = await self._erased.calls_of(connection, customers, told)
        if erased:
            await strip_facts(connection, erased)
            events |= await store.events_of(connection, erased)
            records |= {call_id: fold(call_id, events[call_id], self._cadence()) for call_id in sorted(erased)}
        await store.put_calls(connection, records.values())
        if erased:
            await mark_erased(connection, erased)
        await store.drop_drafts(connection, [one for one in facts if one.kind is Kind.OUTCOME and one.event_id in new])
        legs = [leg for call_id in records for leg in legs_of(call_id, events[call_id])]
        await store.put_legs(connection, legs)
        ends = [_task_of(record, events[call_id], new) for call_id, record in records.items()]
        await self._follow_up(connection, [one for one in ends if one is not None])
        written.arrived |= {record.arrived_at for record in records.values()}
        written.agents |= {record.agent_id for record in records.values() if record.agent_id is not None}
        written.agents |= {leg.agent_id for leg in legs}
        missed = (fact.body.get("agent_id") for fact in facts if fact.kind is Kind.MISSED)
        written.agents |= {agent_id for agent_id in missed if agent_id is not None}
        ended = {call_id for call_id, record in records.items() if self._has_just_ended(record, events[call_id], new)}
        return Folded(new, records, ended)

    def _has_just_ended(self, record: CallRecord, facts: list[CallEvent], new: set[str]) -> bool:
        """Whether these new facts have ended it: without them it had not."""
        if record.ended_at is None or not any(fact.event_id in new and fact.kind in _ENDINGS for fact in facts):
            return False
        before = [fact for fact in facts if fact.event_id not in new]
        return fold(record.call_id, before, self._cadence()).ended_at is None

    async def _follow_up(self, connection: Connection, tasks: Sequence[Task]) -> None:
        """Open and close tasks in the order in which their callers left or were answered."""
        in_order = sorted(tasks, key=lambda one: (one.at_ms, one.record.call_id))
        for is_done, group in groupby(in_order, key=lambda one: one.kind is None):
            if is_done:
                await store.close_ring_backs(connection, [one.record for one in group])
            else:
                for one in group:
                    await store.add_ring_back(connection, one.record, one.kind or "")


def _task_of(record: CallRecord, facts: list[CallEvent], new: set[str]) -> Task | None:
    """A caller who gave up, left a message, or was cut off with his node is a task to ring back; another who was
    answered is a task done.
    """
    if not record.caller_number:
        return None
    endings = [fact for fact in facts if fact.kind in _ENDINGS]
    first = bool(endings) and all(fact.event_id in new for fact in endings)
    cut_off = bool(endings) and all(fact.body.get("node_died") for fact in endings)
    message = any(fact.event_id in new and fact.kind is Kind.MESSAGE for fact in facts)
    left_at = record.ended_at or record.arrived_at
    if cut_off and first:
        return Task(left_at, record, _ring_back_kind(record, lost=True))
    if record.answered_at is not None:
        told = any(fact.event_id in new and fact.kind in (Kind.ANSWERED, Kind.LEDGER) for fact in facts)
        return Task(record.answered_at, record, None) if told else None
    if record.status in _LEFT and (first or (endings and message)):
        lost = any(fact.kind is Kind.LOST for fact in facts)
        return Task(left_at, record, _ring_back_kind(record, lost=lost))
    return None


def _ring_back_kind(record: CallRecord, *, lost: bool) -> str:
    if record.status is CallStatus.MESSAGE:
        return "message"
    if record.callback_at is not None:
        return "callback_failed"
    return "node_lost" if lost else "abandoned"


def _rows_of(answer: Any) -> Rows:
    """The entries of an XREADGROUP answer by stream, in whichever of its two shapes redis-py gives it."""
    found: Rows = {}
    for stream, entries in answer.items() if isinstance(answer, dict) else answer or ():
        nested = entries and isinstance(entries[0], list)
        rows = [row for part in entries for row in part] if nested else entries
        if rows:
            found[stream] = [(entry_id, fields or {}) for entry_id, fields in rows]
    return found
