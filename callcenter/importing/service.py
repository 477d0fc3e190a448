"""What people do with imports of customers, and the process that does the work for them."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from callcenter.cells import BOM, csv_lines
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.errors import HotlineError, InvalidInputError, NotFoundError
from callcenter.importing import store
from callcenter.importing.fields import OwnField, guess, mapping_problem
from callcenter.importing.model import (
    KEPT_DAYS,
    LARGEST_FILE,
    PART_BYTES,
    STATES,
    Duplicates,
    Import,
    ImportState,
    Step,
)
from callcenter.settings import Settings
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
PREVIEW_ROWS: Final = 12


class NotNowError(HotlineError):
    """The import has gone on in the meantime: this can't be done now. Look at where it is."""

    error_id = "import_not_now"
    status = 409
    zh = "导入状态已改变，现在不能这样做，请查看当前状态。"


class Imports:
    """Imports of customers."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._news = asyncio.Event()

    # -- the file ------------------------------------------------------------------------------------------

    async def begin(self, actor: Actor, file_name: str, size: int) -> Import:
        """A new import, whose file is to come in parts.

        Raises:
            InvalidInputError: the file is empty or too large.
        """
        if not 1 <= size <= LARGEST_FILE:
            said = (
                {"en": "This file is empty.", "zh": "文件是空的。"}
                if size < 1
                else {"en": "This file is larger than 50 MB: split it.", "zh": "文件超过 50 MB，请拆分。"}
            )
            raise InvalidInputError(fields={"size": said})
        async with self._pool.acquire() as connection, connection.transaction():
            import_id = await store.insert(connection, file_name, size, actor.user_id)
            await audit.record(connection, actor, "import.begun", of=("import", import_id), detail={"size": size})
            return await self._found(connection, import_id)

    async def put_part(self, import_id: int, part: int, content: bytes) -> None:
        """Keep a part of the file, `PART_BYTES` each but the last; again is the same.

        Raises:
            NotFoundError, NotNowError: there is no such import, or its file is complete.
            InvalidInputError: the part is empty, or there are more than the file has.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            found = await self._found(connection, import_id, for_update=True)
            if found.state is not ImportState.UPLOADING:
                raise NotNowError
            if not content or part >= -(-found.size // PART_BYTES):
                said = {"en": "There is no such part of this file.", "zh": "文件没有这一部分。"}
                raise InvalidInputError(fields={"body": said})
            await store.put_part(connection, import_id, part, content)

    async def read(
        self, actor: Actor, import_id: int, *, encoding: str = "", separator: str = "", sheet: int = 0
    ) -> Import:
        """Have the file read: once all of it has come, or again in another way."""
        async with self._changed(actor, import_id, Step.READ) as (connection, found):
            if await store.size_of_parts(connection, import_id) != found.size:
                said = {"en": "Not all of the file has come: choose it again.", "zh": "文件没有上传完整，请重新选择。"}
                raise InvalidInputError(fields={"body": said})
            if sheet and sheet >= len(found.sheets):
                raise InvalidInputError(fields={"sheet": {"en": "There is no such sheet.", "zh": "没有这个工作表。"}})
            await store.begin(
                connection,
                import_id,
                ImportState.READING,
                encoding=encoding,
                separator=separator,
                sheet=sheet,
                last_row=0,
                done_rows=0,
                counts={},
            )
        return await self._kicked(import_id)

    # -- checking and importing ----------------------------------------------------------------------------

    async def check(
        self, actor: Actor, import_id: int, mapping: Sequence[str], duplicates: Duplicates, header_row: int
    ) -> Import:
        """Have all rows checked by a mapping; nothing is imported.

        Raises:
            InvalidInputError: the mapping can't be used.
        """
        own = await store.own_fields(self._pool)
        problem = mapping_problem(mapping, own)
        if problem:
            raise InvalidInputError(fields={"mapping": problem})
        async with self._changed(actor, import_id, Step.CHECK) as (connection, _):
            sql = "select count(*)::int from import_rows where import_id = $1 and row_number > $2"
            await store.begin(
                connection,
                import_id,
                ImportState.CHECKING,
                mapping=list(mapping),
                duplicates=duplicates.value,
                header_row=header_row,
                total_rows=await connection.fetchval(sql, import_id, header_row),
                last_row=0,
                done_rows=0,
                counts={},
            )
        return await self._kicked(import_id)

    async def run(self, actor: Actor, import_id: int) -> Import:
        """Have what was checked imported; one that was stopped goes on where it was.

        Raises:
            NotNowError: it isn't checked, or too long ago: its rows are kept for 30 days.
        """
        async with self._changed(actor, import_id, Step.RUN) as (connection, found):
            _check_kept(found)
            afresh = {} if found.state is ImportState.STOPPED else {"last_row": 0, "done_rows": 0, "counts": {}}
            await store.begin(connection, import_id, ImportState.RUNNING, **afresh)
        return await self._kicked(import_id)

    async def stop(self, actor: Actor, import_id: int) -> Import:
        """Stop checking or importing after the chunk under way; what was imported stays, and can be undone."""
        async with self._changed(actor, import_id, Step.STOP) as (connection, found):
            await store.put(
                connection, import_id, state=STATES[found.state, Step.STOP].value, claim=None, claimed_until=None
            )
        return await self.get(import_id)

    async def undo(self, actor: Actor, import_id: int) -> Import:
        """Have an import undone: whom it made is taken out, whom it changed is put back, unless changed since.

        Raises:
            NotNowError: it isn't finished, or too long ago: what is needed for it is kept for 30 days.
        """
        async with self._changed(actor, import_id, Step.UNDO) as (connection, found):
            _check_kept(found)
            touched = await connection.fetchval(
                "select count(*)::int from import_customers where import_id = $1", import_id
            )
            await store.begin(connection, import_id, ImportState.UNDOING, done_rows=0, total_rows=touched)
        return await self._kicked(import_id)

    async def discard(self, actor: Actor, import_id: int) -> None:
        """Give up an import of which nothing has been imported; its file and rows are forgotten."""
        async with self._changed(actor, import_id, Step.DISCARD) as (connection, _):
            await store.put(connection, import_id, state=ImportState.DISCARDED.value, claim=None, claimed_until=None)
            await store.drop_content(connection, import_id, rows=True)

    # -- looking -------------------------------------------------------------------------------------------

    async def get(self, import_id: int) -> Import:
        """One import.

        Raises:
            NotFoundError: there is none with this id.
        """
        return await self._found(self._pool, import_id)

    async def newest(self, limit: int) -> list[Import]:
        """The last imports, newest first."""
        return await store.newest(self._pool, limit)

    async def own_fields(self) -> list[OwnField]:
        """The fields that the department made, which columns can be too."""
        return await store.own_fields(self._pool)

    async def preview(self, import_id: int) -> list[Any]:
        """The first rows: number and cells."""
        return await store.first_rows(self._pool, import_id, PREVIEW_ROWS)

    async def guess(self, import_id: int, header_row: int) -> list[str]:
        """The columns' fields when the headings stand in another row."""
        rows = await store.first_rows(self._pool, import_id, 20)
        headings: list[str] = next((row["cells"] for row in rows if row["row_number"] == header_row), [])
        widest = max((len(row["cells"]) for row in rows), default=0)
        return guess([*headings, *[""] * (widest - len(headings))], await self.own_fields())

    async def rows(self, actor: Actor, import_id: int, outcome: str, after: int, limit: int) -> list[Any]:
        """Rows with this outcome (empty: any) after a row."""
        found = await self.get(import_id)
        rows = await store.list_rows(
            self._pool, import_id, header_row=found.header_row, outcome=outcome, after=after, limit=limit
        )
        await audit.record(
            self._pool, actor, "import.rows_read", of=("import", import_id), detail={"outcome": outcome, "after": after}
        )
        return rows

    async def left(self, import_id: int) -> list[Any]:
        """Whom an undoing left as they are, the first 200."""
        return await store.left_as_they_are(self._pool, import_id, 200)

    async def bad_rows(self, actor: Actor, import_id: int, language: str) -> AsyncIterator[str]:
        """The bad rows as CSV: the file's own columns and the reason, to be corrected and imported again."""
        found = await self.get(import_id)
        await audit.record(self._pool, actor, "import.bad_rows_taken", of=("import", import_id))
        first = await store.first_rows(self._pool, import_id, 20)
        headings: list[str] = next((row["cells"] for row in first if row["row_number"] == found.header_row), [])
        width = max(len(found.mapping), len(headings))
        names = ("行号", "原因") if language == "zh" else ("Row", "Reason")
        yield BOM + csv_lines([[*headings, *[""] * (width - len(headings)), *names]])
        async for rows in store.bad_rows(self._pool, import_id):
            lines = []
            for row in rows:
                cells = [*row["cells"], *[""] * (width - len(row["cells"]))][:width]
                reasons = "; ".join(_reason(one, headings, language) for one in row["problems"] or ())
                lines.append([*cells, str(row["row_number"]), reasons])
            yield csv_lines(lines)

    # -- the process that works ----------------------------------------------------------------------------

    async def work(self) -> None:
        """See to it, for as long as the service runs, that imports are worked on."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            try:
                if await store.has_work(self._pool):
                    await self._run_worker()
            except AWAY as error:
                log.warning("imports wait", error=type(error).__name__)

    async def tidy(self) -> None:
        """Forget the rows of old imports, and uploads that were given up."""
        await store.tidy(self._pool, KEPT_DAYS)

    async def _run_worker(self) -> None:
        environment = os.environ | {
            "CALLCENTER_DATABASE_URL": self._settings.database_url,
            "CALLCENTER_COUNTRY": self._settings.country,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callcenter.importing.worker",
            stdin=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            code = await process.wait()
            if code:
                log.warning("the process that imports has ended early", code=code)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _kicked(self, import_id: int) -> Import:
        self._news.set()
        return await self.get(import_id)

    async def _found(self, executor: Any, import_id: int, *, for_update: bool = False) -> Import:
        found = await store.find(executor, import_id, for_update=for_update)
        if found is None or found.state is ImportState.DISCARDED:
            raise NotFoundError
        return found

    @contextlib.asynccontextmanager
    async def _changed(self, actor: Actor, import_id: int, step: Step) -> AsyncIterator[tuple[Connection, Import]]:
        """A transaction on an import for which `step` is possible now; the audit log's line is in it.

        Raises:
            NotFoundError, NotNowError
        """
        async with self._pool.acquire() as connection, connection.transaction():
            found = await self._found(connection, import_id, for_update=True)
            if (found.state, step) not in STATES:
                raise NotNowError
            yield connection, found
            await audit.record(connection, actor, f"import.{step.value}_asked", of=("import", import_id))


def _check_kept(found: Import) -> None:
    if datetime.now(UTC) - found.made_at > timedelta(days=KEPT_DAYS):
        raise NotNowError


def _reason(problem: dict[str, Any], headings: Sequence[str], language: str) -> str:
    column = problem["column"]
    heading = headings[column] if column is not None and column < len(headings) else ""
    return f"{heading}: {problem[language]}" if heading else str(problem[language])
