"""Requests for lists in PostgreSQL, and the rows of the lists."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from asyncpg import Record

from callcenter.db.pool import Connection, Executor
from callcenter.exports.model import MOST_ROWS, ExportState, FileFormat, ListKind, Request

_REQUEST: Final = """
    select e.export_id, e.kind, e.filter, e.format, e.reason, e.purpose, e.rows_when_asked, e.asked_by, e.asked_at,
        e.state, e.decided_by, e.decided_at, e.note, e.whole_numbers, e.valid_until, e.most_downloads, e.returned_at,
        e.returned_how, e.checked_at, e.check_note, a.display_name as asked_by_name, a.username as asked_by_username,
        coalesce(d.display_name, '') as decided_by_name, coalesce(k.display_name, '') as checked_by_name,
        (select count(*)::int from export_downloads l where l.export_id = e.export_id) as downloads,
        (select max(l.at) from export_downloads l where l.export_id = e.export_id) as last_download_at
    from exports e
    join users a on a.user_id = e.asked_by
    left join users d on d.user_id = e.decided_by
    left join users k on k.user_id = e.checked_by
"""


def _request(row: Record) -> Request:
    fields = dict(row)
    fields["kind"], fields["format"] = ListKind(fields["kind"]), FileFormat(fields["format"])
    fields["state"] = ExportState(fields["state"])
    return Request(**fields)


async def insert(executor: Executor, **fields: Any) -> int:
    """A new request; its id. Names are columns of our own."""
    places = ", ".join(f"${place + 1}" for place in range(len(fields)))
    sql = f"insert into exports ({', '.join(fields)}) values ({places}) returning export_id"  # noqa: S608
    return int(await executor.fetchval(sql, *fields.values()))


async def put(executor: Executor, export_id: int, **fields: Any) -> None:
    """Set fields of a request; names are columns of our own."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(fields, start=2))
    await executor.execute(f"update exports set {sets} where export_id = $1", export_id, *fields.values())  # noqa: S608


async def find(executor: Executor, export_id: int, *, for_update: bool = False) -> Request | None:
    """One request; `for_update` keeps others from changing it until the transaction ends."""
    if for_update:
        await executor.execute("select from exports where export_id = $1 for update", export_id)
    row = await executor.fetchrow(f"{_REQUEST} where e.export_id = $1", export_id)
    return _request(row) if row else None


async def of_person(executor: Executor, user_id: int, limit: int) -> list[Request]:
    """Somebody's own requests, newest first."""
    sql = f"{_REQUEST} where e.asked_by = $1 order by e.export_id desc limit $2"
    return [_request(row) for row in await executor.fetch(sql, user_id, limit)]


async def for_approval(executor: Executor, limit: int) -> list[Request]:
    """What waits for a decision, oldest first, then what was decided, newest first."""
    sql = f"""{_REQUEST} where e.state <> 'withdrawn'
        order by e.state <> 'asked', case when e.state = 'asked' then e.export_id else -e.export_id end limit $1"""
    return [_request(row) for row in await executor.fetch(sql, limit)]


async def outside(executor: Executor, limit: int) -> list[Request]:
    """The register: lists that were downloaded; those whose return nobody has checked yet come first."""
    sql = f"""{_REQUEST} where e.state = 'approved'
        and exists (select from export_downloads l where l.export_id = e.export_id)
        order by e.checked_at is not null, e.valid_until, e.export_id desc limit $1"""
    return [_request(row) for row in await executor.fetch(sql, limit)]


async def count_waiting(executor: Executor, besides: int) -> int:
    """How many requests wait for a decision that this person may make."""
    sql = "select count(*)::int from exports where state = 'asked' and asked_by <> $1"
    return int(await executor.fetchval(sql, besides))


async def add_download(executor: Executor, export_id: int, address: str) -> Record:
    """Register a download; its id and moment."""
    sql = "insert into export_downloads (export_id, address) values ($1, $2) returning download_id, at"
    return await executor.fetchrow(sql, export_id, address)


async def end_download(executor: Executor, download_id: int, row_count: int) -> None:
    """It was written to its end."""
    await executor.execute("update export_downloads set row_count = $2 where download_id = $1", download_id, row_count)


# -- the lists -----------------------------------------------------------------------------------------

_CUSTOMERS: Final = """
    from customers c
    where c.merged_into is null and c.erased_at is null
        and ($1::text = '' or (search_pairs(c.words) @> search_pairs(folded($1)) and strpos(c.words, folded($1)) > 0))
        and ($2::text = '' or c.company_or_project = $2)
        and ($3::text = '' or c.member_level = $3)
        and ($4::text = '' or c.tags @> array[$4::text])
        and (not $5::bool or c.vip)
        and ($6::timestamptz is null or c.created_at >= $6) and ($7::timestamptz is null or c.created_at < $7)
"""
_CALLS: Final = """
    from calls c left join customers k on k.customer_id = c.customer_id left join users u on u.user_id = c.agent_id
        left join queues q on q.queue_id = c.queue_id left join call_types t on t.code = c.call_type
    where ($1::timestamptz is null or c.arrived_at >= $1) and ($2::timestamptz is null or c.arrived_at < $2)
        and ($3::text = '' or c.queue_id = $3) and ($4::text = '' or c.status = $4)
        and ($5::text = '' or c.call_type = $5)
"""


def _bound(kind: ListKind, wanted: dict[str, Any]) -> list[Any]:
    """The values of a list's filter, in their order."""

    def at(name: str) -> datetime | None:
        return datetime.fromisoformat(wanted[name]) if wanted.get(name) else None

    def text(*names: str) -> list[str]:
        return [wanted.get(name, "") for name in names]

    if kind is ListKind.CUSTOMERS:
        asked = text("text", "company_or_project", "member_level", "tag")
        return [*asked, bool(wanted.get("vip")), at("since"), at("until")]
    return [at("since"), at("until"), *text("queue_id", "status", "call_type")]


async def count(executor: Executor, kind: ListKind, wanted: dict[str, Any]) -> int:
    """How many rows a list has; counted to one more than may be asked for."""
    source = _CUSTOMERS if kind is ListKind.CUSTOMERS else _CALLS
    sql = f"select count(*)::int from (select 1 {source} limit {MOST_ROWS + 1}) as found"  # noqa: S608
    return int(await executor.fetchval(sql, *_bound(kind, wanted), timeout=25))


async def rows(connection: Connection, kind: ListKind, wanted: dict[str, Any]) -> AsyncIterator[Record]:
    """A list's rows, a few at a time; within a transaction."""
    if kind is ListKind.CUSTOMERS:
        sql = f"""
            select c.customer_id, c.name, c.company_or_project, c.unit_or_address, c.member_level, c.vip, c.birthday,
                c.tags, c.notes, c.created_at,
                (select coalesce(array_agg(n.number order by n.position), '{{}}') from customer_numbers n
                    where n.customer_id = c.customer_id) as numbers
            {_CUSTOMERS} order by c.customer_id limit {MOST_ROWS}
        """  # noqa: S608
    else:
        sql = f"""
            select c.arrived_at, q.name_zh, q.name_en, c.caller_number, coalesce(k.name, c.caller_name, '') as customer,
                coalesce(u.display_name, '') as agent, c.status, c.waiting_seconds, c.talking_seconds,
                t.name_zh as type_zh, t.name_en as type_en, coalesce(c.notes, '') as notes
            {_CALLS} order by c.arrived_at, c.call_id limit {MOST_ROWS}
        """
    async for row in connection.cursor(sql, *_bound(kind, wanted), prefetch=500):
        yield row
