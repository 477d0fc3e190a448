"""Imports of customers over HTTP. A file comes in parts of 1 MiB, each of which may be sent again."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.importing.fields import FIELDS, NUMBER, OWN
from callcenter.importing.model import LARGEST_FILE, MOST_COLUMNS, PART_BYTES, Duplicates, Import
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Names, RequiredLine
from callcenter.web.routes import Binary, Routes, actor, hotline

routes = Routes()
_NEEDS = Permission.IMPORT_CUSTOMERS
RowNumber = Annotated[int, Field(ge=0, le=2_000_000)]


class ImportIn(BaseModel):
    """A file to come: its name and its bytes."""

    model_config = ConfigDict(extra="forbid")

    file_name: RequiredLine
    size: int = Field(ge=0, le=LARGEST_FILE * 100)


class ReadingIn(BaseModel):
    """How to read the file; empty: as it looks."""

    model_config = ConfigDict(extra="forbid")

    encoding: Literal["", "utf-8", "gb18030", "utf-16"] = ""
    separator: Literal["", ",", ";", "\t"] = ""
    sheet: int = Field(0, ge=0, le=200)


class CheckIn(BaseModel):
    """What each column is (empty: not imported), the row of the headings (0: none), and what becomes of duplicates."""

    model_config = ConfigDict(extra="forbid")

    mapping: list[Line] = Field(max_length=MOST_COLUMNS)
    header_row: RowNumber = 1
    duplicates: Duplicates = Duplicates.SKIP


class CustomerImportOut(BaseModel):
    """Where an import is. `counts` are rows by outcome; while it is undone, and then, also customers by what became of
    them (removed, restored, changed, in_use, gone).
    """

    import_id: int
    file_name: str
    size: int
    state: str
    made_by: str
    made_at: int
    encoding: str
    separator: str
    sheet: int
    sheets: list[str]
    header_row: int
    mapping: list[str]
    duplicates: str
    total_rows: int
    done_rows: int
    counts: dict[str, int]
    problem: Names | None
    began_at: int | None
    ended_at: int | None


class PreviewRowOut(BaseModel):
    """One of the file's first rows."""

    row_number: int
    cells: list[str]


class FilePreviewOut(BaseModel):
    """The file's first rows, and what each column is by the headings in a row."""

    rows: list[PreviewRowOut]
    mapping: list[str]


class RowProblemOut(BaseModel):
    """What is wrong with a row; `column` (from 0) is where."""

    column: int | None
    en: str
    zh: str


class ImportRowOut(BaseModel):
    """A row, and what becomes of it; `customer_id` is whose number it is."""

    row_number: int
    cells: list[str]
    outcome: str | None
    problems: list[RowProblemOut]
    customer_id: int | None
    customer_name: str | None


class ImportFieldOut(BaseModel):
    """What a column can be; `several` columns may be it."""

    key: str
    name: Names
    several: bool


class LeftOut(BaseModel):
    """A customer whom an undoing left as he is: `why` is changed or in_use."""

    customer_id: int
    name: str | None
    why: str


def _out(one: Import) -> CustomerImportOut:
    return CustomerImportOut(
        import_id=one.import_id,
        file_name=one.file_name,
        size=one.size,
        state=one.state.value,
        made_by=one.made_by_name,
        made_at=_ms(one.made_at) or 0,
        encoding=one.encoding,
        separator=one.separator,
        sheet=one.sheet,
        sheets=list(one.sheets),
        header_row=one.header_row,
        mapping=list(one.mapping),
        duplicates=one.duplicates.value,
        total_rows=one.total_rows,
        done_rows=one.done_rows,
        counts=one.counts,
        problem=Names(zh=one.problem["zh"], en=one.problem["en"]) if one.problem else None,
        began_at=_ms(one.began_at),
        ended_at=_ms(one.ended_at),
    )


def _ms(at: Any) -> int | None:
    return int(at.timestamp() * 1000) if at else None


@routes.get("/api/v1/imports", needs=_NEEDS)
async def list_imports(request: web.Request, /, limit: Limit = 50) -> list[CustomerImportOut]:
    """The last imports, newest first."""
    return [_out(one) for one in await hotline(request).imports.newest(limit)]


@routes.post("/api/v1/imports", needs=_NEEDS, status=201)
async def begin_import(request: web.Request, /, file: ImportIn) -> CustomerImportOut:
    """Begin an import; then send the file's parts, then have it read."""
    return _out(await hotline(request).imports.begin(actor(request), file.file_name, file.size))


@routes.get("/api/v1/imports/fields", needs=_NEEDS)
async def list_import_fields(request: web.Request, /) -> list[ImportFieldOut]:
    """What a column can be."""
    own = await hotline(request).imports.own_fields()
    return [
        *(ImportFieldOut(key=one.key, name=Names(zh=one.zh, en=one.en), several=one.key == NUMBER) for one in FIELDS),
        *(
            ImportFieldOut(key=OWN + one.field_id, name=Names(zh=one.name_zh, en=one.name_en), several=False)
            for one in own
        ),
    ]


@routes.get("/api/v1/imports/{import_id}", needs=_NEEDS)
async def get_import(request: web.Request, import_id: Id, /) -> CustomerImportOut:
    """Where an import is; ask again to see it go on."""
    return _out(await hotline(request).imports.get(import_id))


@routes.put("/api/v1/imports/{import_id}/parts/{part}", needs=_NEEDS)
async def put_import_part(
    request: web.Request,
    import_id: Id,
    part: Annotated[int, Field(ge=0, le=99)],
    /,
    content: Annotated[bytes, Binary("application/octet-stream", most_bytes=PART_BYTES)],
) -> None:
    """Send a part of the file, from 0; each has 1 MiB but the last."""
    await hotline(request).imports.put_part(import_id, part, content)


@routes.post("/api/v1/imports/{import_id}/read", needs=_NEEDS)
async def read_import(request: web.Request, import_id: Id, /, how: ReadingIn) -> CustomerImportOut:
    """Have the file read, or read again in another way."""
    return _out(await hotline(request).imports.read(actor(request), import_id, **how.model_dump()))


@routes.get("/api/v1/imports/{import_id}/preview", needs=_NEEDS)
async def preview_import(request: web.Request, import_id: Id, /, header_row: RowNumber | None = None) -> FilePreviewOut:
    """The file's first rows; `header_row`: where the headings stand, if not where they seem to."""
    imports = hotline(request).imports
    found = await imports.get(import_id)
    rows = [PreviewRowOut(**dict(row)) for row in await imports.preview(import_id)]
    kept = header_row is None or header_row == found.header_row
    return FilePreviewOut(
        rows=rows, mapping=list(found.mapping) if kept else await imports.guess(import_id, header_row or 0)
    )


@routes.post("/api/v1/imports/{import_id}/check", needs=_NEEDS)
async def check_import(request: web.Request, import_id: Id, /, how: CheckIn) -> CustomerImportOut:
    """Have all rows checked: what would become of each; nothing is imported."""
    imports = hotline(request).imports
    return _out(await imports.check(actor(request), import_id, how.mapping, how.duplicates, how.header_row))


@routes.get("/api/v1/imports/{import_id}/rows", needs=_NEEDS)
async def list_import_rows(
    request: web.Request,
    import_id: Id,
    /,
    outcome: Literal["", "new", "filled", "overwritten", "merged", "unchanged", "skipped", "bad"] = "",
    after: RowNumber = 0,
    limit: Limit = 50,
) -> list[ImportRowOut]:
    """Rows with this outcome, after a row."""
    rows = await hotline(request).imports.rows(actor(request), import_id, outcome, after, limit)
    return [_row_out(row) for row in rows]


def _row_out(row: Mapping[str, Any]) -> ImportRowOut:
    fields = dict(row)
    fields["problems"] = fields["problems"] or []
    return ImportRowOut(**fields)


@routes.get("/api/v1/imports/{import_id}/bad-rows", needs=_NEEDS)
async def get_bad_rows(
    request: web.Request, import_id: Id, /, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary("text/csv")] | web.StreamResponse:
    """The bad rows as CSV, with the reasons in a last column: to be corrected and imported again."""
    lines = hotline(request).imports.bad_rows(actor(request), import_id, language)
    first = await anext(lines)
    headers = {"Content-Disposition": f'attachment; filename="bad-rows-{import_id}.csv"'}
    response = web.StreamResponse(headers=headers)
    response.content_type = "text/csv"
    response.charset = "utf-8"
    await response.prepare(request)
    await response.write(first.encode())
    async for more in lines:
        await response.write(more.encode())
    await response.write_eof()
    return response


@routes.post("/api/v1/imports/{import_id}/run", needs=_NEEDS)
async def run_import(request: web.Request, import_id: Id, /) -> CustomerImportOut:
    """Import what was checked; one that was stopped goes on where it was."""
    return _out(await hotline(request).imports.run(actor(request), import_id))


@routes.post("/api/v1/imports/{import_id}/stop", needs=_NEEDS)
async def stop_import(request: web.Request, import_id: Id, /) -> CustomerImportOut:
    """Stop checking or importing; what was imported stays, and can be undone."""
    return _out(await hotline(request).imports.stop(actor(request), import_id))


@routes.post("/api/v1/imports/{import_id}/undo", needs=_NEEDS)
async def undo_import(request: web.Request, import_id: Id, /) -> CustomerImportOut:
    """Take out whom the import made, and put back whom it changed, unless changed or used since."""
    return _out(await hotline(request).imports.undo(actor(request), import_id))


@routes.get("/api/v1/imports/{import_id}/left", needs=_NEEDS)
async def list_left(request: web.Request, import_id: Id, /) -> list[LeftOut]:
    """Whom an undoing left as they are."""
    rows = await hotline(request).imports.left(import_id)
    return [LeftOut(customer_id=row["customer_id"], name=row["name"], why=row["undone"]) for row in rows]


@routes.delete("/api/v1/imports/{import_id}", needs=_NEEDS)
async def discard_import(request: web.Request, import_id: Id, /) -> None:
    """Give up an import of which nothing has been imported."""
    await hotline(request).imports.discard(actor(request), import_id)
