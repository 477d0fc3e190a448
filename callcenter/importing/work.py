"""The work on an import: reading the file, checking its rows, writing them, undoing it.

Who works has a claim in PostgreSQL, renewed with every chunk. A chunk is one transaction: its rows, their customers
and how far the work has come stand together or not at all, so that whoever goes on after a death does each row
exactly once. An import that was stopped, or claimed by another, is left at the next chunk.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import structlog

from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.importing import files, records, store
from callcenter.importing.fields import guess, header_of
from callcenter.importing.matching import Matcher, Placed, Placing, Record
from callcenter.importing.model import (
    STATES,
    BadFileError,
    Import,
    ImportState,
    Outcome,
    Problem,
    Step,
)
from callcenter.importing.reading import RowDraft, RowReader
from callcenter.staff import audit
from callcenter.staff.model import Actor
from callcenter.tasks import ended

log = structlog.get_logger(__name__)

CHUNK_ROWS: Final = 1000
RENEW_SECONDS: Final = store.CLAIM_SECONDS / 3


class LostError(Exception):
    """The import was stopped, or another process has claimed it."""


class ImportWork:
    """What a process does to the imports that it claims."""

    def __init__(self, pool: Pool, claimant: str, *, country: str = "CN", chunk_rows: int = CHUNK_ROWS) -> None:
        self._pool = pool
        self._claimant = claimant
        self._country = country
        self._chunk_rows = chunk_rows

    async def run_all(self) -> int:
        """Work on imports until none is left that nobody works on; how many it were."""
        count = 0
        while await self.run_one():
            count += 1
        return count

    async def run_one(self) -> bool:
        """Work on one import until it is done, stopped, or lost to another; False when there is none."""
        found = await store.claim(self._pool, self._claimant)
        if found is None:
            return False
        steps = {
            ImportState.READING: self._read,
            ImportState.CHECKING: self._check,
            ImportState.RUNNING: self._run,
            ImportState.UNDOING: self._undo,
        }
        try:
            async with self._renewed(found):
                await steps[found.state](found)
        except LostError:
            log.info("left to others", import_id=found.import_id)
        except BadFileError as error:
            await self._give_up(found, error.en, error.zh)
        except AWAY:
            raise
        except Exception:
            log.exception("an import failed", import_id=found.import_id)
            await self._give_up(
                found,
                "Something went wrong inside; nothing of the last step was kept.",
                "系统内部出错，最后一步未保存。",
            )
        return True

    async def _give_up(self, found: Import, en: str, zh: str) -> None:
        with contextlib.suppress(LostError):
            async with self._chunk(found) as connection:
                await self._finish(connection, found, Step.FAIL, problem={"en": en, "zh": zh})

    # -- reading -------------------------------------------------------------------------------------------

    async def _read(self, found: Import) -> None:
        """The file's rows into the database; the headings and the columns' fields guessed."""
        content = await store.content_of(self._pool, found.import_id)
        book, encoding, separator, sheets, rows = await asyncio.to_thread(_open, content, found)
        own = await store.own_fields(self._pool)
        count = 0
        async with self._chunk(found) as connection:
            await connection.execute("delete from import_rows where import_id = $1", found.import_id)
            first: list[list[str]] = []
            while batch := await asyncio.to_thread(lambda: list(islice(rows, 5000))):
                await store.put_rows(connection, found.import_id, batch)
                first += [cells for _, cells in batch[: 20 - len(first)]]
                numbers = [number for number, _ in batch]
                if not count:
                    row_numbers = numbers[:20]
                count += len(batch)
            if not count:
                raise BadFileError("There is nothing in this file.", "文件是空的。")
            header = header_of(first[:5], own)
            widest = max(len(cells) for cells in first)
            headings = first[header - 1] if header else []
            mapping = guess([*headings, *[""] * (widest - len(headings))], own)
            await store.put(
                connection,
                found.import_id,
                encoding=encoding,
                separator=separator,
                sheets=sheets,
                header_row=row_numbers[header - 1] if header else 0,
                mapping=mapping,
                total_rows=count - header,
                counts={},
            )
            await self._finish(connection, found, Step.SUCCEED)
        del book

    # -- checking ------------------------------------------------------------------------------------------

    async def _check(self, found: Import) -> None:
        """What would become of each row; of customers nothing is changed. Begins anew when somebody else goes on."""
        reader = await self._reader(found)
        matcher = Matcher(found.duplicates)
        counts: Counter[str] = Counter()
        last, done = found.header_row, 0
        while rows := await store.rows_after(self._pool, found.import_id, last, self._chunk_rows, "cells"):
            drafts, lots = await asyncio.to_thread(
                _read_rows, reader, [(row["row_number"], row["cells"]) for row in rows]
            )
            numbers = {number for draft in drafts.values() for number, _ in draft.numbers}
            matcher.know(await records.of_numbers(self._pool, numbers))
            placing = matcher.place(list(drafts.items()))
            lots += [_lot(one, drafts[one.row_number]) for one in placing.rows]
            counts.update(str(lot["outcome"]) for lot in lots)
            last, done = rows[-1]["row_number"], done + len(rows)
            async with self._chunk(found) as connection:
                await store.put_lots(connection, found.import_id, lots)
                await store.put(connection, found.import_id, done_rows=done, last_row=last, counts=dict(counts))
        async with self._chunk(found) as connection:
            await self._finish(connection, found, Step.SUCCEED)

    async def _reader(self, found: Import) -> RowReader:
        first = await store.first_rows(self._pool, found.import_id, 20)
        headings: list[str] = next((row["cells"] for row in first if row["row_number"] == found.header_row), [])
        own = await store.own_fields(self._pool)
        return RowReader(found.mapping, headings, own, country=self._country)

    # -- importing -----------------------------------------------------------------------------------------

    async def _run(self, found: Import) -> None:
        """Write the rows, a chunk a transaction. Each looks again whose the numbers are: people work meanwhile."""
        while True:
            async with self._chunk(found) as connection:
                await connection.execute("select pg_advisory_xact_lock($1)", records.APPLYING)
                now = await store.find(connection, found.import_id)
                last = max(now.last_row, now.header_row) if now else 0
                rows = await store.rows_after(connection, found.import_id, last, self._chunk_rows, "draft")
                if now is None or not rows:
                    await self._finish(connection, found, Step.SUCCEED)
                    await store.drop_content(connection, found.import_id)
                    return
                counts = Counter(now.counts)
                counts.update(await self._write(connection, now, rows))
                await store.put(
                    connection,
                    found.import_id,
                    last_row=rows[-1]["row_number"],
                    done_rows=now.done_rows + len(rows),
                    counts=dict(counts),
                )

    async def _write(self, connection: Connection, found: Import, rows: Sequence[Any]) -> Counter[str]:
        """Write one chunk; how many rows came to what."""
        drafts = {row["row_number"]: RowDraft.of(row["draft"]) for row in rows if row["draft"] is not None}
        matcher = Matcher(found.duplicates)
        numbers = {number for draft in drafts.values() for number, _ in draft.numbers}
        matcher.know(await records.of_numbers(connection, numbers, for_update=True))
        placing = matcher.place(list(drafts.items()), await records.new_ids(connection, len(drafts)))
        touched = {**dict.fromkeys(placing.made), **placing.before}
        await records.remember(connection, found.import_id, touched)
        await records.insert(connection, list(placing.made.values()), found.made_by)
        await records.update(connection, list(placing.changed.values()))
        await records.write_changes(connection, "imported", found.made_by, _changes(found.import_id, placing))
        lots = [_lot(one, drafts[one.row_number]) for one in placing.rows]
        if lots:
            await store.put_lots(connection, found.import_id, lots)
        bad_before = len(rows) - len(drafts)
        counts = Counter(str(one.outcome) for one in placing.rows)
        counts[Outcome.BAD.value] += bad_before
        return counts

    # -- undoing -------------------------------------------------------------------------------------------

    async def _undo(self, found: Import) -> None:
        """Take out whom the import made, put back whom it changed; whom somebody has changed or used since is left."""
        while True:
            async with self._chunk(found) as connection:
                await connection.execute("select pg_advisory_xact_lock($1)", records.APPLYING)
                rows = await records.to_undo(connection, found.import_id, self._chunk_rows)
                if not rows:
                    await self._finish(connection, found, Step.SUCCEED)
                    return
                lots: dict[int, str] = {row["customer_id"]: row["against"] for row in rows if row["against"]}
                free = [row for row in rows if not row["against"]]
                made = [row["customer_id"] for row in free if row["before"] is None]
                await records.remove(connection, made)
                lots |= dict.fromkeys(made, "removed")
                lots |= await self._restore(connection, found, [row for row in free if row["before"] is not None])
                await records.put_undone(connection, found.import_id, lots)
                now = await store.find(connection, found.import_id)
                counts = Counter(now.counts if now else {})
                counts.update(lots.values())
                done = (now.done_rows if now else 0) + len(rows)
                await store.put(connection, found.import_id, counts=dict(counts), done_rows=done)

    async def _restore(self, connection: Connection, found: Import, rows: Sequence[Any]) -> dict[int, str]:
        before = [Record(**row["before"]) for row in rows]
        after = {one.customer_id: one for one in await records.of_ids(connection, [one.customer_id for one in before])}
        await records.update(connection, before)
        changes = []
        for one in before:
            new, old = after[one.customer_id].plain(), one.plain()
            changed = {name: [new[name], old[name]] for name in old if new[name] != old[name]}
            changes.append((one.customer_id, {"import_undone": found.import_id, "changed": changed}))
        await records.write_changes(connection, "changed", found.made_by, changes)
        return {one.customer_id: "restored" for one in before}

    # -- claims --------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _chunk(self, found: Import) -> AsyncIterator[Connection]:
        """A transaction on the import, whose row is locked until its end.

        Raises:
            LostError: it was stopped, or is another's.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.renew(connection, found.import_id, self._claimant, found.state):
                raise LostError
            yield connection

    @contextlib.asynccontextmanager
    async def _renewed(self, found: Import) -> AsyncIterator[None]:
        """Hold the claim while a chunk takes long."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                await store.hold(self._pool, found.import_id, self._claimant)

        task = asyncio.create_task(renew(), name="claim")
        try:
            yield
        finally:
            await ended([task])
            if not task.cancelled():
                task.result()

    async def _finish(self, connection: Connection, found: Import, step: Step, **fields: Any) -> None:
        state = STATES[found.state, step]
        await connection.execute(
            "update imports set state = $2, claim = null, claimed_until = null, ended_at = now() where import_id = $1",
            found.import_id,
            state.value,
        )
        if fields:
            await store.put(connection, found.import_id, **fields)
        if state in {ImportState.DONE, ImportState.UNDONE}:
            now = await store.find(connection, found.import_id)
            username = await connection.fetchval("select username from users where user_id = $1", found.made_by)
            await audit.record(
                connection,
                Actor(found.made_by, username or ""),
                f"import.{'finished' if state is ImportState.DONE else 'undone'}",
                of=("import", found.import_id),
                detail={"counts": now.counts if now else {}},
            )


def _open(content: bytes, found: Import) -> tuple[Any, str, str, list[str], Iterator[files.Row]]:
    """What holds the file open, its encoding, separator, sheets and rows."""
    if files.is_workbook(content):
        book = files.open_workbook(content)
        sheets = [one.title for one in book.worksheets]
        return book, "", "", sheets, files.workbook_rows(book, min(found.sheet, len(sheets) - 1))
    text, encoding = files.decoded(content, found.encoding)
    separator = found.separator or files.separator_of(text)
    return None, encoding, separator, [], files.csv_rows(text, separator)


def _read_rows(
    reader: RowReader, rows: Sequence[tuple[int, list[str]]]
) -> tuple[dict[int, RowDraft], list[dict[str, Any]]]:
    """The good rows' drafts, and the bad ones' lots."""
    drafts: dict[int, RowDraft] = {}
    lots: list[dict[str, Any]] = []
    for number, cells in rows:
        draft, problems = reader.read(cells)
        if problems:
            said = [_problem(one) for one in problems]
            lots.append({"row_number": number, "outcome": Outcome.BAD.value, "problems": said})
        else:
            drafts[number] = draft
    return drafts, lots


def _problem(one: Problem) -> dict[str, Any]:
    return {"column": one.column, "en": one.en, "zh": one.zh}


def _lot(one: Placed, draft: RowDraft) -> dict[str, Any]:
    """A row as it is kept; an id below 0 is of nobody who is kept yet."""
    customer_id = one.customer_id if one.customer_id is not None and one.customer_id > 0 else None
    return {
        "row_number": one.row_number,
        "outcome": one.outcome.value,
        "draft": draft.stored(),
        "problems": [_problem(one.problem)] if one.problem else None,
        "customer_id": customer_id,
    }


def _changes(import_id: int, placing: Placing) -> list[tuple[int, dict[str, Any]]]:
    """What goes into the histories: a new customer once, a changed one with each row that changed him."""
    made = [(one, {"import_id": import_id, "created": True}) for one in placing.made]
    changed = [
        (one.customer_id, {"import_id": import_id, "row": one.row_number, "changed": one.changed})
        for one in placing.rows
        if one.changed and one.customer_id is not None and one.customer_id not in placing.made
    ]
    return made + changed
