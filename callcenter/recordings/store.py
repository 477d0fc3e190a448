"""Rows of recordings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.db.pool import Connection, Executor
from callcenter.recordings.model import DeletedFor

LISTENED_AGAIN_MINUTES: Final = 10
"""Within so many minutes the same person goes on listening: a player asks for a sound piece by piece."""

LOOKED_THROUGH: Final = 20_000
"""So many recordings are looked through for a part of a number at once: no index has the parts."""

_ROWS: Final = """
    select r.recording_id, r.call_id, r.node, r.started_at, r.seconds, r.bytes, r.sha256, r.parts, r.peaks, r.file,
        r.held_at, r.hold_reason, hu.display_name as held_by_name,
        r.deleted_at, r.deleted_by_name, r.deleted_for, r.delete_reason, r.gone_at,
        c.queue_id, q.name_zh as queue_name_zh, q.name_en as queue_name_en, c.agent_id, u.display_name as agent_name,
        c.caller_number, c.caller_name, c.customer_id, k.name as customer_name
    from recordings r
    left join calls c on c.call_id = r.call_id
    left join queues q on q.queue_id = c.queue_id
    left join users u on u.user_id = c.agent_id
    left join users hu on hu.user_id = r.held_by
    left join customers k on k.customer_id = c.customer_id
"""


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """What is looked for; None: all. `before` is the last one of the page before. `number`: this one, whole and
    normalised; `digits`: those that have them, where there is no `number` or nothing was recorded of it.
    """

    from_at: datetime | None = None
    to_at: datetime | None = None
    queue_id: str | None = None
    agent_id: int | None = None
    digits: str | None = None
    number: str | None = None
    held: bool | None = None
    deleted: bool | None = None
    before: int | None = None


async def is_known(executor: Executor, call_id: str, node: str, started_at: datetime) -> bool:
    """Whether this recording was taken before, also when it has been deleted since; or who rang has been erased."""
    return bool(
        await executor.fetchval(
            """select exists (select from recordings where call_id = $1 and node = $2 and started_at = $3)
                or exists (select from calls where call_id = $1 and erased_at is not null)""",
            call_id,
            node,
            started_at,
        )
    )


async def add(executor: Executor, row: Mapping[str, Any]) -> int | None:
    """Add a recording; its id, or None: it is there."""
    names, values = ", ".join(row), ", ".join(f"${place}" for place in range(1, len(row) + 1))
    sql = f"insert into recordings ({names}) values ({values}) on conflict do nothing returning recording_id"  # noqa: S608
    found: int | None = await executor.fetchval(sql, *row.values())
    return found


async def of_call(executor: Executor, call_id: str) -> list[dict[str, Any]]:
    """A call's recordings, the first first."""
    return [dict(row) for row in await executor.fetch(f"{_ROWS} where r.call_id = $1 order by r.started_at", call_id)]


async def find(executor: Executor, recording_id: int) -> dict[str, Any] | None:
    """One recording."""
    row = await executor.fetchrow(f"{_ROWS} where r.recording_id = $1", recording_id)
    return dict(row) if row else None


async def search(executor: Executor, wanted: RecordingFilter, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """The newest recordings that fit, and what to look before for more of them; None: there are no more.

    For a part of a number only the newest LOOKED_THROUGH are looked through: there may be more though none was found.
    """
    his = [] if wanted.number is None else await _of_number(executor, wanted.number)
    digits = None if his else wanted.digits
    looked_to = None if digits is None else await _end_of_look(executor, wanted)
    given = {
        "r.started_at >= $": wanted.from_at,
        "r.started_at < $": wanted.to_at,
        "c.queue_id = $": wanted.queue_id,
        "c.agent_id = $": wanted.agent_id,
        "c.caller_number like '%' || $ || '%'": digits,
        "r.recording_id = any($)": his if wanted.number is not None and digits is None else None,
        "r.recording_id < $": wanted.before,
        "r.recording_id >= $": looked_to,
    }
    asked = [(sql, value) for sql, value in given.items() if value is not None]
    terms = [sql.replace("$", f"${place}") for place, (sql, _) in enumerate(asked, 1)]
    values: list[Any] = [value for _, value in asked]
    if wanted.held is not None:
        terms.append("r.held_at is not null" if wanted.held else "r.held_at is null")
    if wanted.deleted is not None:
        terms.append("r.deleted_at is not null" if wanted.deleted else "r.deleted_at is null")
    where = f"where {' and '.join(terms)}" if terms else ""
    values.append(limit)
    sql = f"{_ROWS} {where} order by r.recording_id desc limit ${len(values)}"
    rows = [dict(row) for row in await executor.fetch(sql, *values)]
    return rows, rows[-1]["recording_id"] if len(rows) == limit else looked_to


async def _of_number(executor: Executor, number: str) -> list[int]:
    """The recordings of a caller's calls: by the indices on both, however old they are."""
    rows = await executor.fetch(
        "select recording_id from calls join recordings using (call_id) where caller_number = $1", number
    )
    return [row["recording_id"] for row in rows]


async def _end_of_look(executor: Executor, wanted: RecordingFilter) -> int | None:
    """The last recording that is looked at; None: all are."""
    found: int | None = await executor.fetchval(
        """select recording_id from recordings where ($1::bigint is null or recording_id < $1)
            and ($2::timestamptz is null or started_at >= $2) and ($3::timestamptz is null or started_at < $3)
        order by recording_id desc offset $4 limit 1""",
        wanted.before,
        wanted.from_at,
        wanted.to_at,
        LOOKED_THROUGH - 1,
    )
    return found


async def facts_of(executor: Executor, call_id: str) -> list[tuple[str, int]]:
    """What happened to a call that a player shows: kinds and moments (ms), in order."""
    rows = await executor.fetch(
        """select kind, (extract(epoch from at) * 1000)::bigint as at from call_events where call_id = $1
        and kind in ('answered', 'held', 'resumed', 'recording_paused', 'recording_resumed', 'recording_begun',
            'recording_stopped') order by at""",
        call_id,
    )
    return [(row["kind"], row["at"]) for row in rows]


async def was_listened_to(executor: Executor, recording_id: int, user_id: int) -> bool:
    """Whether it is in the audit log that this person listens to it now."""
    return bool(
        await executor.fetchval(
            """select exists (select from audit_log where object_kind = 'recording' and object_id = $1
                and action = 'recording.listened' and user_id = $2 and at > now() - make_interval(mins => $3))""",
            str(recording_id),
            user_id,
            LISTENED_AGAIN_MINUTES,
        )
    )


async def hold(connection: Connection, recording_id: int, by: int | None, reason: str) -> bool:
    """Keep it, whatever the retention says; False: it has been deleted."""
    done = await connection.execute(
        """update recordings set held_at = coalesce(held_at, now()), held_by = $2, hold_reason = $3
        where recording_id = $1 and deleted_at is null""",
        recording_id,
        by,
        reason,
    )
    return bool(done == "UPDATE 1")


async def release(connection: Connection, recording_id: int) -> str:
    """Keep it no longer than the others; its call's id."""
    return str(
        await connection.fetchval(
            """update recordings set held_at = null, held_by = null, hold_reason = null where recording_id = $1
            returning call_id""",
            recording_id,
        )
    )


async def to_erase(connection: Connection, call_ids: Sequence[str]) -> list[int]:
    """The recordings of those of these calls of which is erased, or is being erased, who rang."""
    rows = await connection.fetch(
        """select r.recording_id from recordings r join calls c using (call_id)
        where r.call_id = any($1) and c.erased_at is not null and r.deleted_at is null""",
        list(call_ids),
    )
    return [row["recording_id"] for row in rows]


async def expired(connection: Connection, days: Mapping[str, int], otherwise: int, limit: int) -> list[int]:
    """Recordings that have been kept as long as their queues say, locked; `days` by queue, `otherwise` of no queue."""
    rows = await connection.fetch(
        """select r.recording_id from recordings r
        left join calls c on c.call_id = r.call_id
        left join unnest($1::text[], $2::int[]) as kept (queue_id, days) on kept.queue_id = c.queue_id
        where r.deleted_at is null and r.held_at is null
            and r.started_at < now() - make_interval(days => $5)
            and r.started_at < now() - make_interval(days => coalesce(kept.days, $3))
        order by r.started_at limit $4 for update of r skip locked""",
        list(days),
        list(days.values()),
        otherwise,
        limit,
        min([otherwise, *days.values()]),
    )
    return [row["recording_id"] for row in rows]


async def mark_deleted(
    connection: Connection,
    recording_ids: Sequence[int],
    by: tuple[int | None, str],
    *,
    why: DeletedFor,
    reason: str | None = None,
) -> list[dict[str, Any]]:
    """Say that these are deleted; those that were not before and are not held. `by`: a person's id and name."""
    rows = await connection.fetch(
        """update recordings set deleted_at = now(), deleted_by = $2, deleted_by_name = $3, deleted_for = $4,
            delete_reason = $5
        where recording_id = any($1) and deleted_at is null and held_at is null
        returning recording_id, call_id, sha256, bytes""",
        list(recording_ids),
        by[0],
        by[1],
        why,
        reason,
    )
    return [dict(row) for row in rows]


async def going(executor: Executor, limit: int) -> list[tuple[int, str]]:
    """Recordings that are said to be deleted and whose files were not seen to be gone: ids and files."""
    rows = await executor.fetch(
        "select recording_id, file from recordings where deleted_at is not null and gone_at is null"
        " order by recording_id limit $1",
        limit,
    )
    return [(row["recording_id"], row["file"]) for row in rows]


async def mark_gone(executor: Executor, recording_id: int) -> None:
    """Its file is gone, and so is its waveform."""
    await executor.execute(
        "update recordings set gone_at = now(), peaks = '' where recording_id = $1 and gone_at is null", recording_id
    )
