"""Alarms in Redis, as they stand now, and in PostgreSQL, as they were.

cc:alarms         hash, key -> AlarmRow as JSON: what every replica's board shows
cc:alarms:facts   stream, alarms that were raised and cleared, until PostgreSQL has them

One script changes both or neither, so that no alarm is without its history, whatever dies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from callcenter.alarms.model import ABANDONED_WITHIN_MS, Verdict
from callcenter.alarms.words import Notice
from callcenter.board.model import AlarmRow
from callcenter.clock import milliseconds, moment
from callcenter.db.pool import Connection, Executor

STANDING: Final = "cc:alarms"
FACTS: Final = "cc:alarms:facts"
BATCH: Final = 200

_CHANGE: Final = """
local change = cjson.decode(ARGV[1])
local function stands(key, since)
  local row = redis.call('HGET', KEYS[1], key)
  if not row then return nil end
  row = cjson.decode(row)
  return row.since == since and row or nil
end
for key, row in pairs(change.raised) do
  if redis.call('HSETNX', KEYS[1], key, cjson.encode(row)) == 1 then
    redis.call('XADD', KEYS[2], '*', 'what', 'raised', 'key', key, 'at', change.at, 'row', cjson.encode(row))
  end
end
for key, row in pairs(change.renewed) do
  local old = stands(key, row.since)
  if old then
    row.acknowledged_by = old.acknowledged_by
    redis.call('HSET', KEYS[1], key, cjson.encode(row))
  end
end
for key, row in pairs(change.cleared) do
  if stands(key, row.since) then
    redis.call('HDEL', KEYS[1], key)
    redis.call('XADD', KEYS[2], '*', 'what', 'cleared', 'key', key, 'at', change.at, 'row', cjson.encode(row))
  end
end
"""
_RESTORE: Final = """
if redis.call('XLEN', KEYS[2]) > 0 then return 0 end
for key, row in pairs(cjson.decode(ARGV[1])) do redis.call('HSETNX', KEYS[1], key, cjson.encode(row)) end
return 1
"""
_ACKNOWLEDGE: Final = """
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row then return 0 end
row = cjson.decode(row)
if row.since ~= tonumber(ARGV[2]) then return 0 end
row.acknowledged_by = ARGV[3]
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(row))
return 1
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """An alarm was raised or cleared at `at_ms`, as the stream has it."""

    entry_id: str
    what: str
    key: str
    at_ms: int
    row: AlarmRow


class StandingAlarms:
    """The alarms that stand, in Redis. Every verb raises RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._change = self._redis.register_script(_CHANGE)
        self._restore = self._redis.register_script(_RESTORE)
        self._acknowledge = self._redis.register_script(_ACKNOWLEDGE)

    async def read(self) -> dict[str, AlarmRow]:
        """All of them, by their keys."""
        return {key: orjson.loads(row) for key, row in (await self._redis.hgetall(STANDING)).items()}

    async def change(self, verdict: Verdict, at_ms: int) -> None:
        """Carry a verdict out; what another has done meanwhile stays as it is."""
        change = {"at": at_ms, "raised": verdict.raised, "renewed": verdict.renewed, "cleared": verdict.cleared}
        await self._change(keys=[STANDING, FACTS], args=[orjson.dumps(change)])

    async def restore(self, rows: Mapping[str, AlarmRow]) -> None:
        """Put alarms back that Redis has lost; those that stand stay as they are. While PostgreSQL has not heard of all
        that was cleared, nothing is done.
        """
        await self._restore(keys=[STANDING, FACTS], args=[orjson.dumps(dict(rows))])

    async def acknowledge(self, key: str, since: int, by: str) -> None:
        """Note who sees to the alarm that has stood since then, if it still does."""
        await self._acknowledge(keys=[STANDING], args=[key, since, by])

    async def facts(self) -> list[Fact]:
        """What PostgreSQL may not have yet, the oldest first, `BATCH` at the most."""
        entries = await self._redis.xrange(FACTS, count=BATCH)
        return [
            Fact(entry_id, fields["what"], fields["key"], int(fields["at"]), orjson.loads(fields["row"]))
            for entry_id, fields in entries
        ]

    async def forget(self, facts: Sequence[Fact]) -> None:
        """PostgreSQL has these."""
        await self._redis.xdel(FACTS, *(fact.entry_id for fact in facts))


# -- history -------------------------------------------------------------------------------------------


_CLEAR_LOST: Final = """
    update alarms set cleared_at = greatest($2, raised_at)
    where key = $1 and raised_at <> $2 and cleared_at is null
        and not exists (select from alarms where key = $1 and raised_at = $2)
"""
_RAISE: Final = """
    insert into alarms (key, kind, subject, value, threshold, raised_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (key, raised_at) do nothing returning alarm_id
"""
_CLEAR: Final = """
    update alarms set cleared_at = greatest($3, raised_at)
    where key = $1 and raised_at = $2 and cleared_at is null returning alarm_id
"""
_NOTICE: Final = "insert into alarm_notices (alarm_id, what, due_at) values ($1, $2, $3) on conflict do nothing"


async def add(connection: Connection, facts: Iterable[Fact], *, tell: bool) -> None:
    """Keep these facts; each may come twice. `tell`: the webhook is to be told of those that are new."""
    for fact in facts:
        row, raised_at = fact.row, moment(fact.row["since"])
        if fact.what == "raised":
            # an alarm of this key that still stands here was lost with Redis; this one's moment may be before
            # that one's, by another replica's clock
            await connection.execute(_CLEAR_LOST, fact.key, raised_at)
            values = row["kind"], row["subject"], row["value"], row["threshold"]
            alarm_id = await connection.fetchval(_RAISE, fact.key, *values, raised_at)
        else:
            alarm_id = await connection.fetchval(_CLEAR, fact.key, raised_at, moment(fact.at_ms))
        if tell and alarm_id is not None:
            await connection.execute(_NOTICE, alarm_id, fact.what, moment(fact.at_ms))


async def open_rows(executor: Executor) -> dict[str, AlarmRow]:
    """The alarms that are not over, by their keys, with those who see to them."""
    rows = await executor.fetch(
        """
        select a.key, a.kind, a.subject, a.value, a.threshold, a.raised_at, u.display_name
        from alarms a left join users u on u.user_id = a.acknowledged_by where a.cleared_at is null
        """
    )
    return {
        row["key"]: AlarmRow(
            kind=row["kind"],
            subject=row["subject"],
            since=milliseconds(row["raised_at"]),
            value=row["value"],
            threshold=row["threshold"],
            acknowledged_by=row["display_name"],
        )
        for row in rows
    }


async def acknowledge(connection: Connection, key: str, by: int, at_ms: int) -> tuple[int, str] | None:
    """Note who sees to the open alarm of this key; since when it stands (ms) and his name. None: there is none."""
    row = await connection.fetchrow(
        """
        update alarms set acknowledged_by = user_id, acknowledged_at = $3
        from users where key = $1 and cleared_at is null and user_id = $2 returning raised_at, display_name
        """,
        key,
        by,
        moment(at_ms),
    )
    return (milliseconds(row["raised_at"]), row["display_name"]) if row else None


async def history(executor: Executor, limit: int) -> list[dict[str, Any]]:
    """The latest alarms, the newest first, with what the webhook was told of each."""
    rows = await executor.fetch(
        """
        select a.key, a.kind, a.subject, q.name_zh, q.name_en, a.value, a.threshold, a.raised_at, a.cleared_at,
            a.acknowledged_at, u.display_name as acknowledged_by,
            r.delivered_at as raised_delivered_at, coalesce(r.tries, 0) as raised_tries,
            c.delivered_at as cleared_delivered_at, coalesce(c.tries, 0) as cleared_tries
        from alarms a
        left join queues q on q.queue_id = a.subject and a.kind <> 'node_lost'
        left join users u on u.user_id = a.acknowledged_by
        left join alarm_notices r on r.alarm_id = a.alarm_id and r.what = 'raised'
        left join alarm_notices c on c.alarm_id = a.alarm_id and c.what = 'cleared'
        order by a.raised_at desc, a.alarm_id desc limit $1
        """,
        limit,
    )
    return [dict(row) for row in rows]


async def gave_up(executor: Executor, now_ms: int, shortest_seconds: int) -> dict[str, int]:
    """Queue id -> callers who gave up in line or while a phone rang of late, after so many seconds at least."""
    rows = await executor.fetch(
        """
        select queue_id, count(*) as callers from calls
        where status = 'abandoned' and coalesce(abandoned_in, 'queue') <> 'menu' and ended_at > $1
            and waiting_seconds >= $2 and queue_id is not null
        group by queue_id
        """,
        moment(now_ms - ABANDONED_WITHIN_MS),
        shortest_seconds,
    )
    return {row["queue_id"]: row["callers"] for row in rows}


# -- what the webhook is told --------------------------------------------------------------------------

_CLAIM: Final = """
    with due as (
        select n.alarm_id, n.what from alarm_notices n
        where n.delivered_at is null and n.given_up_at is null and n.due_at <= $1
            and (n.what = 'raised' or not exists (
                select from alarm_notices r where r.alarm_id = n.alarm_id and r.what = 'raised'
                    and r.delivered_at is null and r.given_up_at is null))
        order by n.due_at limit $3 for update skip locked
    )
    update alarm_notices n set tries = n.tries + 1, due_at = $2
    from due, alarms a left join queues q on q.queue_id = a.subject and a.kind <> 'node_lost'
    where n.alarm_id = due.alarm_id and n.what = due.what and a.alarm_id = n.alarm_id
    returning n.alarm_id, n.what, n.tries, a.kind, a.subject, coalesce(q.name_zh, a.subject) as name_zh,
        coalesce(q.name_en, a.subject) as name_en, a.value, a.threshold, a.raised_at, a.cleared_at
"""


async def claim(executor: Executor, now_ms: int, until_ms: int, most: int) -> list[tuple[Notice, int]]:
    """Notices whose time has come, and the how-manieth try it is now; nobody else takes them before `until_ms`.

    That an alarm is over is not told before that it was raised.
    """
    rows = await executor.fetch(_CLAIM, moment(now_ms), moment(until_ms), most)
    return [(_notice(row), row["tries"]) for row in rows]


def _notice(row: Mapping[str, Any]) -> Notice:
    over = row["what"] == "cleared"
    return Notice(
        alarm_id=row["alarm_id"],
        what=row["what"],
        kind=row["kind"],
        subject=row["subject"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        value=row["value"],
        threshold=row["threshold"],
        raised_at=milliseconds(row["raised_at"]),
        cleared_at=milliseconds(row["cleared_at"]) if over else None,
    )


async def delivered(executor: Executor, notice: Notice, at_ms: int) -> None:
    """The webhook has taken it."""
    await executor.execute(
        "update alarm_notices set delivered_at = $3 where alarm_id = $1 and what = $2",
        notice.alarm_id,
        notice.what,
        moment(at_ms),
    )


async def put_off(executor: Executor, notice: Notice, due_ms: int) -> None:
    """The webhook has not taken it; when it is tried again."""
    await executor.execute(
        "update alarm_notices set due_at = $3 where alarm_id = $1 and what = $2 and delivered_at is null",
        notice.alarm_id,
        notice.what,
        moment(due_ms),
    )


async def give_up(executor: Executor, notice: Notice, at_ms: int) -> None:
    """It is not told any more."""
    await executor.execute(
        "update alarm_notices set given_up_at = $3 where alarm_id = $1 and what = $2 and delivered_at is null",
        notice.alarm_id,
        notice.what,
        moment(at_ms),
    )
