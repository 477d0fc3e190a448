"""Files at a customer's record, over HTTP."""

from typing import Annotated
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel

from callcenter.clock import milliseconds
from callcenter.customers.files import File
from callcenter.customers.files_model import MOST_BYTES
from callcenter.numbers.shown import Number
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Line
from callcenter.web.routes import Binary, Routes, actor, hotline

routes = Routes()

Content = Annotated[bytes, Binary("application/octet-stream", most_bytes=MOST_BYTES)]


class FileOut(BaseModel):
    """A file (its name may be a number); `customer_id` is the record that it stands at, `size` in bytes."""

    file_id: int
    customer_id: int
    name: Number
    media_type: str
    size: int
    added_at: int
    added_by: str | None


def _out(file: File) -> FileOut:
    return FileOut(
        file_id=file.file_id,
        customer_id=file.customer_id,
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        added_at=milliseconds(file.added_at),
        added_by=file.added_by,
    )


@routes.get("/api/v1/customers/{customer_id}/files", needs=Permission.READ_CUSTOMERS)
async def list_files(request: web.Request, customer_id: Id, /) -> list[FileOut]:
    """The files of a record and of those that are part of it, newest first."""
    return [_out(one) for one in await hotline(request).customer_files.list_files(customer_id)]


@routes.post("/api/v1/customers/{customer_id}/files", needs=Permission.WRITE_CUSTOMERS, status=201)
async def attach_file(request: web.Request, customer_id: Id, /, content: Content, name: Line) -> FileOut:
    """Attach a file of at most 20 MiB: PDF, a picture, an Office document without macros, or text.

    What it is, is read from its content; `name` is cleaned and gets an ending that fits. The same content twice is one
    file.
    """
    return _out(await hotline(request).customer_files.attach(actor(request), customer_id, name, content))


@routes.get("/api/v1/customers/{customer_id}/files/{file_id}", needs=Permission.READ_CUSTOMERS)
async def get_file(request: web.Request, customer_id: Id, file_id: Id, /) -> web.Response:
    """A file to save, never to show; the reading is audited."""
    file, content = await hotline(request).customer_files.read(actor(request), customer_id, file_id)
    return web.Response(
        body=content,
        content_type=file.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


@routes.delete("/api/v1/customers/{customer_id}/files/{file_id}", needs=Permission.WRITE_CUSTOMERS)
async def remove_file(request: web.Request, customer_id: Id, file_id: Id, /) -> None:
    """Take a file away; for 30 days it can be brought back, then its content is erased."""
    await hotline(request).customer_files.remove(actor(request), customer_id, file_id)


@routes.post("/api/v1/customers/{customer_id}/files/{file_id}/restore", needs=Permission.WRITE_CUSTOMERS)
async def restore_file(request: web.Request, customer_id: Id, file_id: Id, /) -> None:
    """Bring a removed file back."""
    await hotline(request).customer_files.restore(actor(request), customer_id, file_id)
