"""Files that stand at a customer's record (CUS-09, CUS-10, CUS-16): kept in PostgreSQL, so that one backup has it all.

A removed file can be brought back for `KEPT_DAYS`; then its content is erased (CUS-11); its name stays in the history.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.customers.files_model import MacrosError, UnknownKindError, clean_name, kind_of
from callcenter.customers.timeline import parts_of
from callcenter.db.pool import Connection, Executor, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

MOST_FILES: Final = 200
"""Of one record."""
KEPT_DAYS: Final = 30


class ErasedError(NotFoundError):
    """This file was removed too long ago. Its content is gone."""

    zh = "该文件删除已久，内容已清除。"


@dataclass(frozen=True, slots=True)
class File:
    """A file without its content; `customer_id` is the record that it stands at."""

    file_id: int
    customer_id: int
    name: str
    media_type: str
    size: int
    added_at: datetime
    added_by: str | None


_FILES: Final = """
    select file_id, customer_id, name, media_type, size, added_at, u.display_name as added_by
    from customer_files f left join users u on u.user_id = f.added_by
"""


class Files:
    """The customers' files."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_files(self, customer_id: int) -> list[File]:
        """The files of a record and of those that are part of it, the newest first."""
        parts = await parts_of(self._pool, customer_id)
        rows = await self._pool.fetch(
            _FILES
            + f"""where customer_id = any($1) and removed_at is null
                order by added_at desc, file_id desc limit {5 * MOST_FILES}""",
            parts,
        )
        return [File(**row) for row in rows]

    async def attach(self, actor: Actor, customer_id: int, name: str, content: bytes) -> File:
        """Keep a file; its kind is read from the content. The same content twice is one file.

        Raises:
            InvalidInputError: it is empty, none of the kinds that are kept, or one too many.
            NotFoundError: there is no such customer.
            ConflictError: the record is part of another one.
        """
        kind, sha256 = await asyncio.to_thread(_looked_at, content)
        clean = clean_name(name, kind)
        async with self._pool.acquire() as connection, connection.transaction():
            await _writable(connection, customer_id)
            there = await connection.fetchval(
                "select file_id from customer_files where customer_id = $1 and sha256 = $2 and removed_at is null",
                customer_id,
                sha256,
            )
            if there is not None:
                return await _get(connection, customer_id, there)
            if await _count(connection, customer_id) >= MOST_FILES:
                raise _wrong(f"There are {MOST_FILES} files already.", f"已有 {MOST_FILES} 个文件，不能再添加。")
            file_id = await connection.fetchval(
                """insert into customer_files (customer_id, name, media_type, size, sha256, content, added_by)
                values ($1, $2, $3, $4, $5, $6, $7) returning file_id""",
                customer_id,
                clean,
                kind.media_type,
                len(content),
                sha256,
                content,
                actor.user_id,
            )
            file = await _get(connection, customer_id, file_id)
            await _note(connection, actor, "added", file)
            return file

    async def read(self, actor: Actor, customer_id: int, file_id: int) -> tuple[File, bytes]:
        """A file with its content; that it was read is audited.

        Raises:
            NotFoundError: there is no such file at this record or a part of it, or it was removed.
        """
        async with self._pool.acquire() as connection:
            file = await _get(connection, customer_id, file_id)
            content = await connection.fetchval("select content from customer_files where file_id = $1", file_id)
            await audit.record(
                connection, actor, "customer.file_read", of=("customer", customer_id), detail={"file_id": file_id}
            )
        return file, content

    async def remove(self, actor: Actor, customer_id: int, file_id: int) -> None:
        """Take a file away; one that is away stays so.

        Raises:
            NotFoundError: there is no such file at this record or a part of it.
        """
        await self._set_removed(actor, customer_id, file_id, removed=True)

    async def restore(self, actor: Actor, customer_id: int, file_id: int) -> None:
        """Bring a removed file back.

        Raises:
            NotFoundError: there is no such file at this record or a part of it.
            ErasedError: its content has been erased.
        """
        await self._set_removed(actor, customer_id, file_id, removed=False)

    async def _set_removed(self, actor: Actor, customer_id: int, file_id: int, *, removed: bool) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            file = await _get(connection, customer_id, file_id, removed=None)
            was = await connection.fetchrow(
                "select removed_at is not null, octet_length(content) > 0 from customer_files"
                " where file_id = $1 for update",
                file_id,
            )
            if was[0] == removed:
                return
            if not was[1]:
                raise ErasedError
            await connection.execute(
                "update customer_files set removed_at = case when $2 then now() end where file_id = $1",
                file_id,
                removed,
            )
            await _note(connection, actor, "removed" if removed else "restored", file)

    async def erase_removed(self) -> None:
        """Erase the content of files that were removed long ago (CUS-11). Every replica may do so at once."""
        await self._pool.execute(
            """update customer_files set content = ''
            where removed_at < now() - make_interval(days => $1) and octet_length(content) > 0""",
            KEPT_DAYS,
        )


def _looked_at(content: bytes) -> tuple[Any, bytes]:
    if not content:
        raise _wrong("This file is empty.", "文件为空。")
    try:
        return kind_of(content), hashlib.sha256(content).digest()
    except MacrosError:
        raise _wrong("This document has macros. Save it without them.", "文档含有宏，请另存为不含宏的文件。") from None
    except UnknownKindError:
        raise _wrong(
            "Only PDF, pictures, Office documents and text are kept.", "只能添加 PDF、图片、Office 文档和文本文件。"
        ) from None


def _wrong(en: str, zh: str) -> InvalidInputError:
    return InvalidInputError(fields={"file": {"en": en, "zh": zh}})


async def _writable(connection: Connection, customer_id: int) -> None:
    row = await connection.fetchrow(
        "select merged_into, erased_at from customers where customer_id = $1 for no key update", customer_id
    )
    if row is None or row["erased_at"]:
        raise NotFoundError
    if row["merged_into"]:
        raise ConflictError


async def _count(executor: Executor, customer_id: int) -> int:
    return int(
        await executor.fetchval(
            "select count(*) from customer_files where customer_id = $1 and removed_at is null", customer_id
        )
    )


async def _get(connection: Connection, customer_id: int, file_id: int, *, removed: bool | None = False) -> File:
    row = await connection.fetchrow(
        _FILES
        + """where file_id = $1 and customer_id = any($2) and not exists (
                select from customers c where c.customer_id = f.customer_id and c.erased_at is not null)
            and ($3::bool is null or (removed_at is not null) = $3)""",
        file_id,
        await parts_of(connection, customer_id),
        removed,
    )
    if row is None:
        raise NotFoundError
    return File(**row)


async def _note(connection: Connection, actor: Actor, what: str, file: File) -> None:
    detail = {"what": what, "file_id": file.file_id, "name": file.name, "size": file.size}
    await connection.execute(
        """insert into customer_changes (customer_id, by_user, kind, detail, at)
        values ($1, $2, 'file', $3, clock_timestamp())""",
        file.customer_id,
        actor.user_id,
        detail,
    )
    said = {"file_id": file.file_id, "size": file.size}
    await audit.record(connection, actor, f"customer.file_{what}", of=("customer", file.customer_id), detail=said)
