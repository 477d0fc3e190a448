"""Lists that leave the house, over HTTP."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.errors import NotAllowedError
from callcenter.exports.model import DEFAULT_DAYS, MOST_DAYS, FileFormat, ListKind, Request, ReturnedHow
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, RequiredLine, cleaned_paragraphs
from callcenter.web.routes import Binary, Routes, actor, hotline, may

routes = Routes()
_ASK = Permission.EXPORT_LISTS
_APPROVE = Permission.APPROVE_EXPORTS
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Reason = Annotated[str, BeforeValidator(cleaned_paragraphs), Field(min_length=1, max_length=1000)]
Note = Annotated[str, BeforeValidator(cleaned_paragraphs), Field(max_length=1000)]


class ListFilter(BaseModel):
    """What stands in a list; empty: all. Days are the department's, both included.

    Of customers: `text` (a part of name, project or address), `company_or_project`, `member_level`, `tag`, `vip`, and
    the days their records were made. Of calls: `queue_id`, `status`, `call_type`, and the days they came.
    """

    model_config = ConfigDict(extra="forbid")

    text: Line = ""
    company_or_project: Line = ""
    member_level: Line = ""
    tag: Line = ""
    vip: bool = False
    queue_id: Line = ""
    status: Line = ""
    call_type: Line = ""
    since: date | None = Field(None, ge=date(2000, 1, 1), le=date(2099, 1, 1))
    until: date | None = Field(None, ge=date(2000, 1, 1), le=date(2099, 1, 1))

    def stored(self, zone: ZoneInfo) -> dict[str, Any]:
        """As the service keeps it: without what is empty, days as moments."""
        kept = {name: value for name, value in self.model_dump(exclude={"since", "until"}).items() if value}
        if self.since:
            kept["since"] = datetime.combine(self.since, time(), zone).isoformat()
        if self.until:
            after = datetime.combine(date.fromordinal(self.until.toordinal() + 1), time(), zone)
            kept["until"] = after.isoformat()
        return kept


class ExportIn(BaseModel):
    """A request for a list."""

    model_config = ConfigDict(extra="forbid")

    kind: ListKind
    filter: ListFilter = ListFilter()
    format: FileFormat = FileFormat.XLSX
    reason: Reason
    purpose: RequiredLine


class ApprovalIn(BaseModel):
    """For how long, how often, and with whole numbers or masked ones."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(DEFAULT_DAYS, ge=1, le=MOST_DAYS)
    downloads: int = Field(1, ge=1, le=20)
    whole_numbers: bool = False
    note: Note = ""


class DeclineIn(BaseModel):
    """Why not."""

    model_config = ConfigDict(extra="forbid")

    note: Reason


class ReturnIn(BaseModel):
    """What became of the list."""

    model_config = ConfigDict(extra="forbid")

    how: ReturnedHow


class CheckedIn(BaseModel):
    """What the check showed."""

    model_config = ConfigDict(extra="forbid")

    note: Note = ""


class ExportOut(BaseModel):
    """A request, and what has become of it."""

    export_id: int
    kind: str
    filter: dict[str, Any]
    format: str
    reason: str
    purpose: str
    rows: int
    asked_by: str
    own: bool
    asked_at: int
    state: str
    decided_by: str
    decided_at: int | None
    note: str
    whole_numbers: bool
    valid_until: int | None
    most_downloads: int
    downloads: int
    last_download_at: int | None
    expired: bool
    overdue: bool
    may_download: bool
    returned_at: int | None
    returned_how: str | None
    checked_at: int | None
    checked_by: str
    check_note: str


class WaitingOut(BaseModel):
    """How many requests wait for this person's decision."""

    waiting: int


def _out(one: Request, request: web.Request) -> ExportOut:
    now = datetime.now(UTC)
    return ExportOut(
        export_id=one.export_id,
        kind=one.kind.value,
        filter=one.filter,
        format=one.format.value,
        reason=one.reason,
        purpose=one.purpose,
        rows=one.rows_when_asked,
        asked_by=one.asked_by_name,
        own=one.asked_by == actor(request).user_id,
        asked_at=_ms(one.asked_at) or 0,
        state=one.state.value,
        decided_by=one.decided_by_name,
        decided_at=_ms(one.decided_at),
        note=one.note,
        whole_numbers=one.whole_numbers,
        valid_until=_ms(one.valid_until),
        most_downloads=one.most_downloads,
        downloads=one.downloads,
        last_download_at=_ms(one.last_download_at),
        expired=one.expired(now),
        overdue=one.overdue(now),
        may_download=one.may_download(now),
        returned_at=_ms(one.returned_at),
        returned_how=one.returned_how,
        checked_at=_ms(one.checked_at),
        checked_by=one.checked_by_name,
        check_note=one.check_note,
    )


def _ms(at: datetime | None) -> int | None:
    return int(at.timestamp() * 1000) if at else None


@routes.post("/api/v1/exports", needs=_ASK, status=201)
async def ask_for_export(request: web.Request, /, wanted: ExportIn) -> ExportOut:
    """Ask for a list. Who may not read what stands in it may not ask either."""
    reads = Permission.READ_CUSTOMERS if wanted.kind is ListKind.CUSTOMERS else Permission.READ_CALLS
    if not may(request, reads):
        raise NotAllowedError
    line = hotline(request)
    one = await line.exports.ask(
        actor(request),
        wanted.kind,
        wanted.filter.stored(line.zone),
        file_format=wanted.format,
        reason=wanted.reason,
        purpose=wanted.purpose,
    )
    return _out(one, request)


@routes.get("/api/v1/exports/own", needs=_ASK)
async def list_own_exports(request: web.Request, /, limit: Limit = 50) -> list[ExportOut]:
    """One's own requests, newest first."""
    return [_out(one, request) for one in await hotline(request).exports.own(actor(request), limit)]


@routes.post("/api/v1/exports/{export_id}/withdraw", needs=_ASK)
async def withdraw_export(request: web.Request, export_id: Id, /) -> ExportOut:
    """Take one's own request back."""
    return _out(await hotline(request).exports.withdraw(actor(request), export_id), request)


@routes.post("/api/v1/exports/{export_id}/return", needs=_ASK)
async def return_export(request: web.Request, export_id: Id, /, said: ReturnIn) -> ExportOut:
    """Say that one's list was given back or destroyed; it can be downloaded no more."""
    return _out(await hotline(request).exports.give_back(actor(request), export_id, said.how), request)


@routes.get("/api/v1/exports/{export_id}/file", needs=_ASK)
async def get_export_file(
    request: web.Request, export_id: Id, /, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary("text/csv", _XLSX)] | web.StreamResponse:
    """The file, made now; each download is registered and counts. An answer that breaks off is not the whole file."""
    one, parts = await hotline(request).exports.download(actor(request), export_id, language)
    name = f"{one.kind.value}-{export_id}.{one.format.value}"
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{name}"'})
    response.content_type = "text/csv" if one.format is FileFormat.CSV else _XLSX
    await response.prepare(request)
    try:
        async for part in parts:
            await response.write(part)
    except RuntimeError:
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


@routes.get("/api/v1/exports/waiting", needs=_APPROVE)
async def count_waiting_exports(request: web.Request, /) -> WaitingOut:
    """How many requests wait for one's decision."""
    return WaitingOut(waiting=await hotline(request).exports.count_waiting(actor(request)))


@routes.get("/api/v1/exports", needs=_APPROVE)
async def list_exports(request: web.Request, /, limit: Limit = 100) -> list[ExportOut]:
    """What waits for a decision, oldest first; then what was decided, newest first."""
    return [_out(one, request) for one in await hotline(request).exports.for_approval(limit)]


@routes.post("/api/v1/exports/{export_id}/approve", needs=_APPROVE)
async def approve_export(request: web.Request, export_id: Id, /, how: ApprovalIn) -> ExportOut:
    """Let somebody else's list out."""
    return _out(await hotline(request).exports.approve(actor(request), export_id, **how.model_dump()), request)


@routes.post("/api/v1/exports/{export_id}/decline", needs=_APPROVE)
async def decline_export(request: web.Request, export_id: Id, /, why: DeclineIn) -> ExportOut:
    """Don't let it out."""
    return _out(await hotline(request).exports.decline(actor(request), export_id, note=why.note), request)


@routes.get("/api/v1/exports/register", needs=_APPROVE)
async def get_export_register(request: web.Request, /, limit: Limit = 100) -> list[ExportOut]:
    """Who has which list until when, and what came back (CUS-29)."""
    return [_out(one, request) for one in await hotline(request).exports.register(limit)]


@routes.post("/api/v1/exports/{export_id}/check", needs=_APPROVE)
async def check_export(request: web.Request, export_id: Id, /, said: CheckedIn) -> ExportOut:
    """Confirm that a list that was given back or destroyed is (SEC-03)."""
    return _out(await hotline(request).exports.check(actor(request), export_id, said.note), request)
