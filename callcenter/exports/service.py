"""What people do with lists that leave the house: ask, approve, download, give back, check. All audited (SEC-04)."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from callcenter.db.pool import Connection, Pool
from callcenter.errors import HotlineError, InvalidInputError, NotAllowedError, NotFoundError
from callcenter.exports import store
from callcenter.exports.files import order_of
from callcenter.exports.model import MOST_ROWS, ExportState, FileFormat, ListKind, Request, ReturnedHow
from callcenter.settings import Settings
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

READ_BYTES: Final = 256 * 1024


class ExportNotNowError(HotlineError):
    """This can't be done with the request any more. Look at where it is."""

    error_id = "export_not_now"
    status = 409
    zh = "该申请的状态已改变，现在不能这样做，请查看当前状态。"


class ExportExpiredError(HotlineError):
    """The approval is over: its days or its downloads are used up. Ask anew."""

    error_id = "export_expired"
    status = 410
    zh = "批准已失效：期限已过或下载次数已用完，请重新申请。"


class OwnRequestError(NotAllowedError):
    """Nobody decides or checks what they have asked for themselves."""

    error_id = "own_request"
    zh = "不能审批或核查自己的申请。"


class Exports:
    """Lists that leave the house."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings

    # -- asking --------------------------------------------------------------------------------------------

    async def ask(
        self,
        actor: Actor,
        kind: ListKind,
        wanted: dict[str, Any],
        *,
        file_format: FileFormat,
        reason: str,
        purpose: str,
    ) -> Request:
        """Ask for a list; `wanted` narrows it.

        Raises:
            InvalidInputError: nothing would stand in it, or too much.
        """
        count = await store.count(self._pool, kind, wanted)
        if not count:
            said = {"en": "Nothing would stand in this list.", "zh": "没有符合条件的记录。"}
            raise InvalidInputError(fields={"filter": said})
        if count > MOST_ROWS:
            said = {
                "en": f"More than {MOST_ROWS:,} rows: narrow the list.",
                "zh": f"超过 {MOST_ROWS:,} 行，请缩小范围。",
            }
            raise InvalidInputError(fields={"filter": said})
        async with self._pool.acquire() as connection, connection.transaction():
            export_id = await store.insert(
                connection,
                kind=kind.value,
                filter=wanted,
                format=file_format.value,
                reason=reason,
                purpose=purpose,
                rows_when_asked=count,
                asked_by=actor.user_id,
            )
            detail = {"kind": kind.value, "rows": count, "purpose": purpose}
            await audit.record(connection, actor, "export.asked", of=("export", export_id), detail=detail)
            return await self._found(connection, export_id)

    async def withdraw(self, actor: Actor, export_id: int) -> Request:
        """Take one's own request back before it is decided; again is the same."""
        async with self._locked(export_id) as (connection, one):
            _is_own(one, actor)
            if one.state is ExportState.WITHDRAWN:
                return one
            if one.state is not ExportState.ASKED:
                raise ExportNotNowError
            await store.put(connection, export_id, state=ExportState.WITHDRAWN.value)
            await audit.record(connection, actor, "export.withdrawn", of=("export", export_id))
            return await self._found(connection, export_id)

    # -- deciding ------------------------------------------------------------------------------------------

    async def approve(
        self, actor: Actor, export_id: int, *, days: int, downloads: int, whole_numbers: bool, note: str
    ) -> Request:
        """Let a list out for so many days and downloads.

        Raises:
            OwnRequestError: it is his own.
            ExportNotNowError: it is decided already, or taken back.
        """
        decided = {
            "valid_until": datetime.now(UTC) + timedelta(days=days),
            "most_downloads": downloads,
            "whole_numbers": whole_numbers,
        }
        return await self._decide(actor, export_id, ExportState.APPROVED, note, decided)

    async def decline(self, actor: Actor, export_id: int, *, note: str) -> Request:
        """Don't let it out. Raises as `approve`."""
        return await self._decide(actor, export_id, ExportState.DECLINED, note, {})

    async def _decide(
        self, actor: Actor, export_id: int, state: ExportState, note: str, decided: dict[str, Any]
    ) -> Request:
        async with self._locked(export_id) as (connection, one):
            if one.asked_by == actor.user_id:
                raise OwnRequestError
            if one.state is not ExportState.ASKED:
                raise ExportNotNowError
            decision = {
                "state": state.value,
                "note": note,
                "decided_by": actor.user_id,
                "decided_at": datetime.now(UTC),
            }
            await store.put(connection, export_id, **decision, **decided)
            detail = {"note": note} | {
                name: value.isoformat() if isinstance(value, datetime) else value for name, value in decided.items()
            }
            await audit.record(connection, actor, f"export.{state.value}", of=("export", export_id), detail=detail)
            return await self._found(connection, export_id)

    # -- the file ------------------------------------------------------------------------------------------

    async def download(self, actor: Actor, export_id: int, language: str) -> tuple[Request, AsyncIterator[bytes]]:
        """The file, made now, and the request it is of. The download is registered before the first byte.

        Raises:
            NotAllowedError: somebody else has asked for it.
            ExportNotNowError, ExportExpiredError: it isn't approved, or no longer.
        """
        async with self._locked(export_id) as (connection, one):
            _is_own(one, actor)
            if one.state is not ExportState.APPROVED or one.returned_at is not None:
                raise ExportNotNowError
            now = await connection.fetchval("select now()")
            if not one.may_download(now):
                raise ExportExpiredError
            download = await store.add_download(connection, export_id, actor.address)
            detail = {"download_id": download["download_id"]}
            await audit.record(connection, actor, "export.downloaded", of=("export", export_id), detail=detail)
        order = order_of(download["download_id"], export_id, download["at"], language, self._settings.zone)
        return one, self._written(order)

    async def _written(self, order: bytes) -> AsyncIterator[bytes]:
        """What the process writes.

        Raises:
            RuntimeError: it has not written all.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "callcenter.exports.writer",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ
            | {
                "CALLCENTER_DATABASE_URL": self._settings.database_url,
                "CALLCENTER_COUNTRY": self._settings.country,
            },
        )
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no pipes")
            process.stdin.write(order)
            await process.stdin.drain()
            while part := await process.stdout.read(READ_BYTES):
                yield part
            code = await process.wait()
            if code:
                log.error("a list was not written to its end", code=code)
                raise RuntimeError("a list was not written to its end")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    # -- the register --------------------------------------------------------------------------------------

    async def give_back(self, actor: Actor, export_id: int, how: ReturnedHow) -> Request:
        """Say that one's list was given back or destroyed: it can be downloaded no more. Again is the same."""
        async with self._locked(export_id) as (connection, one):
            _is_own(one, actor)
            if one.state is not ExportState.APPROVED or not one.downloads:
                raise ExportNotNowError
            if one.returned_at is not None:
                return one
            await store.put(connection, export_id, returned_at=datetime.now(UTC), returned_how=how.value)
            await audit.record(
                connection, actor, "export.returned", of=("export", export_id), detail={"how": how.value}
            )
            return await self._found(connection, export_id)

    async def check(self, actor: Actor, export_id: int, note: str) -> Request:
        """Confirm that a list that was given back or destroyed is (SEC-03).

        Raises:
            OwnRequestError: it is his own.
            ExportNotNowError: its borrower hasn't said so yet, or it was checked before.
        """
        async with self._locked(export_id) as (connection, one):
            if one.asked_by == actor.user_id:
                raise OwnRequestError
            if one.returned_at is None or one.checked_at is not None:
                raise ExportNotNowError
            checked = {"checked_at": datetime.now(UTC), "checked_by": actor.user_id, "check_note": note}
            await store.put(connection, export_id, **checked)
            await audit.record(connection, actor, "export.checked", of=("export", export_id), detail={"note": note})
            return await self._found(connection, export_id)

    # -- looking -------------------------------------------------------------------------------------------

    async def own(self, actor: Actor, limit: int) -> list[Request]:
        """Somebody's own requests, newest first."""
        return await store.of_person(self._pool, actor.user_id or 0, limit)

    async def for_approval(self, limit: int) -> list[Request]:
        """What waits for a decision, then what was decided."""
        return await store.for_approval(self._pool, limit)

    async def register(self, limit: int) -> list[Request]:
        """Who has which list until when."""
        return await store.outside(self._pool, limit)

    async def count_waiting(self, actor: Actor) -> int:
        """How many requests this person could decide."""
        return await store.count_waiting(self._pool, actor.user_id or 0)

    async def _found(self, executor: Any, export_id: int, *, for_update: bool = False) -> Request:
        one = await store.find(executor, export_id, for_update=for_update)
        if one is None:
            raise NotFoundError
        return one

    @contextlib.asynccontextmanager
    async def _locked(self, export_id: int) -> AsyncIterator[tuple[Connection, Request]]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection, await self._found(connection, export_id, for_update=True)


def _is_own(one: Request, actor: Actor) -> None:
    if one.asked_by != actor.user_id:
        raise NotAllowedError
