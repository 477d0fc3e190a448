"""Imports in PostgreSQL: the file's parts, its rows, who works on it, and lists for the page."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from asyncpg import Record as Row

from callcenter.db.pool import Connection, Executor
from callcenter.importing.fields import OwnField
from callcenter.importing.model import AT_WORK, Duplicates, Import, ImportState

CLAIM_SECONDS: Final = 30

_IMPORT: Final = """
    select i.import_id, i.file_name, i.size, i.state, i.made_by, i.made_at, i.encoding, i.separator, i.sheet, i.sheets,
        i.header_row, i.mapping, i.duplicates, i.total_rows, i.done_rows, i.last_row, i.counts, i.problem, i.began_at,
        i.ended_at, coalesce(u.display_name, '') as made_by_name
    from imports i left join users u on u.user_id = i.made_by
"""


def _import(row: Row) -> Import:
    fields = dict(row)
    fields["state"] = ImportState(fields["state"])
    fields["duplicates"] = Duplicates(fields["duplicates"])
    return Import(**fields)


async def insert(executor: Executor, file_name: str, size: int, made_by: int | None) -> int:
    """A new import whose file is to come; its id."""
    sql = "insert into imports (file_name, size, state, made_by) values ($1, $2, 'uploading', $3) returning import_id"
    return int(await executor.fetchval(sql, file_name, size, made_by))


async def find(executor: Executor, import_id: int, *, for_update: bool = False) -> Import | None:
    """One import; `for_update` keeps others from changing it until the transaction ends."""
    if for_update:
        await executor.execute("select from imports where import_id = $1 for update", import_id)
    row = await executor.fetchrow(f"{_IMPORT} where i.import_id = $1", import_id)
    return _import(row) if row else None


async def newest(executor: Executor, limit: int) -> list[Import]:
    """The last imports, newest first; those given up before anything came of them are left out."""
    sql = f"{_IMPORT} where i.state not in ('discarded', 'uploading') order by i.import_id desc limit $1"
    return [_import(row) for row in await executor.fetch(sql, limit)]


async def put(executor: Executor, import_id: int, **fields: Any) -> None:
    """Set fields of an import; names are columns of our own."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(fields, start=2))
    await executor.execute(f"update imports set {sets} where import_id = $1", import_id, *fields.values())  # noqa: S608


async def begin(executor: Executor, import_id: int, state: ImportState, **fields: Any) -> None:
    """Have the work of a state begun by whoever claims it; `fields` are where it begins."""
    await put(
        executor,
        import_id,
        state=state.value,
        claim=None,
        claimed_until=None,
        began_at=datetime.now(UTC),
        ended_at=None,
        problem=None,
        **fields,
    )


# -- the file ------------------------------------------------------------------------------------------


async def put_part(executor: Executor, import_id: int, part: int, content: bytes) -> None:
    """Keep a part of the file; the same part again replaces it."""
    await executor.execute(
        """
        insert into import_parts (import_id, part, content) values ($1, $2, $3)
        on conflict (import_id, part) do update set content = excluded.content
        """,
        import_id,
        part,
        content,
    )


async def size_of_parts(executor: Executor, import_id: int) -> int:
    """How many bytes have come, without a gap."""
    sql = """
        select coalesce(sum(length(content)), 0)::int as bytes, count(*)::int as parts, coalesce(max(part), -1) as last
        from import_parts where import_id = $1
    """
    row = await executor.fetchrow(sql, import_id)
    return int(row["bytes"]) if row["parts"] == row["last"] + 1 else -1


async def content_of(executor: Executor, import_id: int) -> bytes:
    """The whole file."""
    sql = "select content from import_parts where import_id = $1 order by part"
    return b"".join([row["content"] for row in await executor.fetch(sql, import_id)])


async def drop_content(executor: Executor, import_id: int, *, rows: bool = False) -> None:
    """Forget the file, and its `rows` too."""
    await executor.execute("delete from import_parts where import_id = $1", import_id)
    if rows:
        await executor.execute("delete from import_rows where import_id = $1", import_id)
        await executor.execute("delete from import_customers where import_id = $1", import_id)


async def tidy(executor: Executor, kept_days: int) -> None:
    """Forget the rows of imports older than so many days, and uploads that were given up."""
    old = """
        select import_id from imports
        where state not in ('running', 'undoing') and made_at < now() - $1 * interval '1 day'
    """
    for table in ("import_rows", "import_customers", "import_parts"):
        await executor.execute(f"delete from {table} where import_id in ({old})", kept_days)  # noqa: S608 (our names)
    await executor.execute(
        "delete from imports where state in ('uploading', 'discarded') and made_at < now() - interval '1 day'"
    )


# -- the work ------------------------------------------------------------------------------------------


async def has_work(executor: Executor) -> bool:
    """Whether an import waits for somebody to work on it."""
    states = [one.value for one in AT_WORK]
    sql = """
        select true from imports where state = any($1) and (claimed_until is null or claimed_until < now())
        limit 1 for update skip locked
    """
    return bool(await executor.fetchval(sql, states))


async def claim(executor: Executor, claimant: str) -> Import | None:
    """Take the oldest import that nobody works on; None when there is none. The claim holds for `CLAIM_SECONDS`."""
    states = [one.value for one in AT_WORK]
    import_id = await executor.fetchval(
        """
        update imports set claim = $1, claimed_until = now() + $3 * interval '1 second'
        where import_id = (
            select import_id from imports where state = any($2)
                and (claimed_until is null or claimed_until < now())
            order by import_id for update skip locked limit 1
        )
        returning import_id
        """,
        claimant,
        states,
        CLAIM_SECONDS,
    )
    return await find(executor, import_id) if import_id is not None else None


async def hold(executor: Executor, import_id: int, claimant: str) -> None:
    """Hold the claim for longer, unless a transaction has the import just now: nobody else can claim it then."""
    await executor.execute(
        """
        update imports set claimed_until = now() + $3 * interval '1 second'
        where import_id = (select import_id from imports where import_id = $1 and claim = $2 for update skip locked)
        """,
        import_id,
        claimant,
        CLAIM_SECONDS,
    )


async def renew(executor: Executor, import_id: int, claimant: str, state: ImportState) -> bool:
    """Hold the claim for longer; False when the import is another's, or no longer in this state.

    In a transaction nobody else changes the import until its end.
    """
    done = await executor.fetchval(
        """
        update imports set claimed_until = now() + $4 * interval '1 second'
        where import_id = $1 and claim = $2 and state = $3 returning true
        """,
        import_id,
        claimant,
        state.value,
        CLAIM_SECONDS,
    )
    return bool(done)


async def put_rows(connection: Connection, import_id: int, rows: Sequence[tuple[int, list[str]]]) -> None:
    """Keep the file's rows."""
    await connection.copy_records_to_table(
        "import_rows",
        records=[(import_id, number, cells) for number, cells in rows],
        columns=["import_id", "row_number", "cells"],
    )


async def rows_after(executor: Executor, import_id: int, after: int, limit: int, what: str) -> list[Row]:
    """The next rows: their number and `what` ("cells" or "draft")."""
    sql = f"""
        select row_number, {what}, outcome from import_rows
        where import_id = $1 and row_number > $2 order by row_number limit $3
    """  # noqa: S608 (our own names)
    return list(await executor.fetch(sql, import_id, after, limit))


async def put_lots(executor: Executor, import_id: int, lots: Sequence[dict[str, Any]]) -> None:
    """What becomes of rows: row_number, outcome, draft, problems, customer_id."""
    await executor.execute(
        """
        update import_rows r
        set outcome = v.outcome, draft = v.draft, problems = v.problems, customer_id = v.customer_id
        from jsonb_to_recordset($2) as v (row_number int, outcome text, draft jsonb, problems jsonb, customer_id bigint)
        where r.import_id = $1 and r.row_number = v.row_number
        """,
        import_id,
        lots,
    )


async def own_fields(executor: Executor) -> list[OwnField]:
    """The fields that the department made, in their order."""
    sql = """
        select field_id, name_zh, name_en, kind, choices, required from customer_fields
        where removed_at is null order by position, field_id
    """
    return [OwnField(**dict(row)) for row in await executor.fetch(sql)]


# -- for the page --------------------------------------------------------------------------------------


async def first_rows(executor: Executor, import_id: int, limit: int) -> list[Row]:
    """The first rows of the file."""
    sql = "select row_number, cells from import_rows where import_id = $1 order by row_number limit $2"
    return list(await executor.fetch(sql, import_id, limit))


async def list_rows(
    executor: Executor, import_id: int, *, header_row: int, outcome: str, after: int, limit: int
) -> list[Row]:
    """Rows below the headings with this outcome (empty: any), after a row, with the name of whose they are."""
    sql = """
        select r.row_number, r.cells, r.problems, r.outcome, r.customer_id, c.name as customer_name
        from import_rows r left join customers c on c.customer_id = r.customer_id
        where r.import_id = $1 and r.row_number > greatest($2::int, $4::int) and ($3 = '' or r.outcome = $3)
        order by r.row_number limit $5
    """
    return list(await executor.fetch(sql, import_id, header_row, outcome, after, limit))


async def bad_rows(executor: Executor, import_id: int, batch: int = 1000) -> AsyncIterator[list[Row]]:
    """All bad rows, in batches."""
    after = 0
    sql = """
        select row_number, cells, problems from import_rows
        where import_id = $1 and outcome = 'bad' and row_number > $2 order by row_number limit $3
    """
    while rows := await executor.fetch(sql, import_id, after, batch):
        yield list(rows)
        after = rows[-1]["row_number"]


async def left_as_they_are(executor: Executor, import_id: int, limit: int) -> list[Row]:
    """Whom an undoing left, because somebody has changed or used the record since."""
    sql = """
        select m.customer_id, m.undone, c.name from import_customers m left join customers c using (customer_id)
        where m.import_id = $1 and m.undone in ('changed', 'in_use') order by m.customer_id limit $2
    """
    return list(await executor.fetch(sql, import_id, limit))
