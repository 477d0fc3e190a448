"""What is kept of recordings: taken from the nodes, listened to, held, deleted with proof.

A row is written when the sound is on disk, and stays when the sound is deleted. A deletion is written down first and
carried out afterwards, by whichever replica comes to it, until the file was seen to be gone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from redis.asyncio import Redis

from callcenter import metrics
from callcenter.calls.model import is_call_id
from callcenter.clock import moment
from callcenter.configuration.model import DEFAULT_KEEP_DAYS, Configuration
from callcenter.db.pool import Connection, Pool
from callcenter.errors import ConflictError, HotlineError, InvalidInputError, NotFoundError
from callcenter.recordings import store
from callcenter.recordings.files import Files
from callcenter.recordings.model import Part, file_of, parts_of
from callcenter.recordings.store import RecordingFilter
from callcenter.staff import audit
from callcenter.staff.model import HOTLINE_ITSELF, Actor

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500
"""Recordings that are deleted in one transaction."""
WAITING_KEY: Final = "cc:recordings:waiting"
"""Redis hash: node -> JSON of what it told last."""


class RecordingGoneError(HotlineError):
    """This recording has been deleted. What it was stands in its row."""

    error_id = "recording_deleted"
    status = 410
    zh = "该录音已删除，仅保留删除记录。"


class RecordingAwayError(HotlineError):
    """The sound of this recording is not in the folder of recordings. Ask an administrator to look at the folder."""

    error_id = "recording_away"
    status = 503
    retryable = True
    zh = "录音文件目前无法读取，请联系管理员检查录音目录。"


class HeldError(ConflictError):
    """This recording is held. Release it first."""

    error_id = "recording_held"
    zh = "该录音已被保留，请先解除保留。"


@dataclass(frozen=True, slots=True)
class Handed:
    """A recording as a node hands it in."""

    call_id: str
    node: str
    seconds: float
    sha256: str
    parts: str
    peaks: bytes
    sound: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on a node: to be handed in, put aside because it was refused; whether its disk has room."""

    node: str
    waiting: int
    put_aside: int
    has_room: bool
    at_ms: int


class Recordings:
    """The doors. Any number of replicas, which share one folder."""

    def __init__(
        self,
        pool: Pool,
        redis: Redis,
        folder: Path,
        clock: Callable[[], int],
        configuration: Callable[[], Configuration],
    ) -> None:
        self._pool = pool
        self._redis: Any = redis
        self._files = Files(folder)
        self._clock = clock
        self._configuration = configuration

    # -- from the nodes --------------------------------------------------------------------------------

    async def take(self, handed: Handed) -> None:
        """Keep a recording. Comes twice, or late, without harm; what has been deleted does not come back.

        Raises:
            InvalidInputError: it is not what it says, or no recording.
            UnavailableError: there is no room for it now.
        """
        parts = _checked(handed)
        started_at = moment(parts[0].started_at_ms)
        if await store.is_known(self._pool, handed.call_id, handed.node, started_at):
            return
        file = file_of(handed.call_id, handed.node, parts[0].started_at_ms)
        await self._files.put(file, handed.sound)
        row = {
            "call_id": handed.call_id,
            "node": handed.node,
            "started_at": started_at,
            "seconds": handed.seconds,
            "bytes": len(handed.sound),
            "sha256": handed.sha256,
            "parts": [{"started_at_ms": part.started_at_ms, "seconds": part.seconds} for part in parts],
            "peaks": handed.peaks,
            "file": file,
        }
        if await store.add(self._pool, row) is not None:
            metrics.RECORDINGS_TAKEN.inc()

    async def note_waiting(self, told: Waiting) -> None:
        """A node says what waits there."""
        await self._redis.hset(WAITING_KEY, told.node, orjson.dumps(asdict(told)).decode())
        _show(told)

    async def has_room(self, node: str) -> bool:
        """Whether a node's disk has room for a recording, as far as it has told."""
        told = await self._redis.hget(WAITING_KEY, node)
        return told is None or bool(orjson.loads(told)["has_room"])

    async def watch(self) -> None:
        """Let every replica's figures say what the nodes told."""
        for told in (await self._redis.hgetall(WAITING_KEY)).values():
            _show(Waiting(**orjson.loads(told)))

    # -- for people ------------------------------------------------------------------------------------

    async def of_call(self, call_id: str) -> tuple[list[dict[str, Any]], list[tuple[str, int]]]:
        """A call's recordings, and what happened in it that a player shows."""
        rows = await store.of_call(self._pool, call_id)
        return rows, await store.facts_of(self._pool, call_id) if rows else []

    async def search(self, wanted: RecordingFilter, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """The newest recordings that fit, and what to look before for more; None: there are no more."""
        return await store.search(self._pool, wanted, limit)

    async def get(self, recording_id: int) -> dict[str, Any]:
        """One recording. Raises NotFoundError."""
        row = await store.find(self._pool, recording_id)
        if row is None:
            raise NotFoundError
        return row

    async def listen(self, actor: Actor, recording_id: int) -> Path:
        """The sound, for a player; that this person listens stands in the audit log before he hears anything.

        Raises:
            NotFoundError, RecordingGoneError, RecordingAwayError
        """
        path, row = await self._sound(recording_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1, $2)", recording_id % 2**31, actor.user_id or 0)
            if not await store.was_listened_to(connection, recording_id, actor.user_id or 0):
                detail = {"call_id": row["call_id"]}
                await audit.record(
                    connection, actor, "recording.listened", of=("recording", recording_id), detail=detail
                )
        return path

    async def download(self, actor: Actor, recording_id: int) -> tuple[Path, dict[str, Any]]:
        """The sound, as a file that leaves the house; audited each time.

        Raises:
            NotFoundError, RecordingGoneError, RecordingAwayError
        """
        path, row = await self._sound(recording_id)
        detail = {"call_id": row["call_id"], "sha256": row["sha256"]}
        await audit.record(self._pool, actor, "recording.downloaded", of=("recording", recording_id), detail=detail)
        return path, row

    async def _sound(self, recording_id: int) -> tuple[Path, dict[str, Any]]:
        row = await self.get(recording_id)
        if row["deleted_at"] is not None:
            raise RecordingGoneError
        path = self._files.find(row["file"])
        if path is None:
            log.error("a recording's file is not there", recording_id=recording_id)
            raise RecordingAwayError
        return path, row

    async def hold(self, actor: Actor, recording_id: int, reason: str) -> None:
        """Keep it until it is released. Raises NotFoundError, RecordingGoneError."""
        await self.get(recording_id)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.hold(connection, recording_id, actor.user_id, reason):
                raise RecordingGoneError
            of = ("recording", recording_id)
            await audit.record(connection, actor, "recording.held", of=of, detail={"reason": reason})

    async def release(self, actor: Actor, recording_id: int) -> None:
        """Keep it as long as the others; one whose caller has been erased goes now. Raises NotFoundError."""
        row = await self.get(recording_id)
        if row["held_at"] is None:
            return
        async with self._pool.acquire() as connection, connection.transaction():
            call_id = await store.release(connection, recording_id)
            await audit.record(connection, actor, "recording.released", of=("recording", recording_id))
            await self.erase(connection, [call_id])
        await self.sweep()

    async def delete(self, actor: Actor, recording_id: int, reason: str) -> dict[str, Any]:
        """Delete the sound, now and for good; the row as it is then. Already deleted is success.

        Raises:
            NotFoundError, HeldError
        """
        row = await self.get(recording_id)
        if row["held_at"] is not None:
            raise HeldError
        async with self._pool.acquire() as connection, connection.transaction():
            by = (actor.user_id, actor.username)
            done = await store.mark_deleted(connection, [recording_id], by, why="by_hand", reason=reason)
            if not done and (await self.get(recording_id))["deleted_at"] is None:
                raise HeldError
            for one in done:
                await self._audit_deletion(connection, actor, one, "by_hand", reason)
        await self.sweep()
        return await self.get(recording_id)

    async def erase(self, connection: Connection, call_ids: Sequence[str]) -> int:
        """Delete the recordings of calls of which is erased who rang, in the transaction given; how many. Those that
        are held stay until they are released. `sweep` deletes the files afterwards.
        """
        found = await store.to_erase(connection, call_ids)
        by = (HOTLINE_ITSELF.user_id, HOTLINE_ITSELF.username)
        done = await store.mark_deleted(connection, found, by, why="erasure")
        for one in done:
            await self._audit_deletion(connection, HOTLINE_ITSELF, one, "erasure", None)
        return len(done)

    # -- what goes by itself ---------------------------------------------------------------------------

    async def retain(self) -> int:
        """Delete what has been kept as long as its queue says; how many."""
        days: Mapping[str, int] = {one.queue_id: one.recording.keep_days for one in self._configuration().queues}
        count = 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                found = await store.expired(connection, days, DEFAULT_KEEP_DAYS, AT_ONCE)
                by = (HOTLINE_ITSELF.user_id, HOTLINE_ITSELF.username)
                done = await store.mark_deleted(connection, found, by, why="retention")
                for one in done:
                    await self._audit_deletion(connection, HOTLINE_ITSELF, one, "retention", None)
            count += len(done)
            if len(found) < AT_ONCE:
                break
        await self.sweep()
        return count

    async def sweep(self) -> None:
        """Delete the files of all that is said to be deleted, and write down that they are gone."""
        for recording_id, file in await store.going(self._pool, 10 * AT_ONCE):
            try:
                await self._files.delete(file)
            except OSError as error:
                kind = type(error).__name__
                log.warning("a recording's file can't be deleted", recording_id=recording_id, error=kind)
                metrics.RECORDINGS_NOT_DELETED.inc()
                continue
            await store.mark_gone(self._pool, recording_id)
            metrics.RECORDINGS_DELETED.inc()

    @staticmethod
    async def _audit_deletion(
        connection: Any, actor: Actor, row: Mapping[str, Any], why: str, reason: str | None
    ) -> None:
        detail = {"call_id": row["call_id"], "sha256": row["sha256"], "bytes": row["bytes"], "why": why}
        if reason:
            detail["reason"] = reason
        await audit.record(connection, actor, "recording.deleted", of=("recording", row["recording_id"]), detail=detail)


def kept_until(row: Mapping[str, Any], configuration: Configuration) -> int | None:
    """When a recording will be deleted (ms); None: it is held, or deleted."""
    if row["held_at"] is not None or row["deleted_at"] is not None:
        return None
    found = (one.recording.keep_days for one in configuration.queues if one.queue_id == row["queue_id"])
    until: datetime = row["started_at"] + timedelta(days=next(found, DEFAULT_KEEP_DAYS))
    return round(until.timestamp() * 1000)


def _checked(handed: Handed) -> tuple[Part, ...]:
    if not is_call_id(handed.call_id):
        raise InvalidInputError(fields={"call_id": {"en": "Not a call id.", "zh": "不是有效的通话编号。"}})
    if not handed.sound or sha256(handed.sound).hexdigest() != handed.sha256:
        raise InvalidInputError(fields={"sha256": {"en": "The sound is another.", "zh": "录音内容与校验值不符。"}})
    try:
        return parts_of(handed.parts)
    except ValueError:
        raise InvalidInputError(fields={"parts": {"en": "Not the parts.", "zh": "录音分段无效。"}}) from None


def _show(told: Waiting) -> None:
    metrics.RECORDINGS_WAITING.labels(told.node).set(told.waiting)
    metrics.RECORDINGS_PUT_ASIDE.labels(told.node).set(told.put_aside)
    metrics.RECORDINGS_ROOM.labels(told.node).set(told.has_room)
