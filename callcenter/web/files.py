"""The browser application's built files: compressed once, cached for ever when named by their content."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from callcenter.errors import NotFoundError

BUILT: Final = Path(__file__).parent / "dist"
_COMPRESSED: Final = frozenset({".html", ".js", ".css", ".svg", ".json", ".webmanifest", ".txt", ".map", ".wasm"})
_NOT_BUILT: Final = (
    "<!doctype html><meta charset=utf-8><title>callcenter</title>"
    "<p>The browser application has not been built. 网页尚未构建。"
)
_FOR_EVER: Final = "public, max-age=31536000, immutable"

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/manifest+json", ".webmanifest")


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is and compressed (None when that saves nothing)."""

    plain: bytes
    compressed: bytes | None
    content_type: str
    etag: str
    cache: str


class Files:
    """The files below a folder, read once. An address that is no file gets the application's page."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._files = {
            f"/{path.relative_to(folder).as_posix()}": _read(path) for path in folder.rglob("*") if path.is_file()
        }
        self._page = self._files.get("/index.html") or _file(_NOT_BUILT.encode(), "text/html", "no-store")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with the file, or with the application's page for one of its own addresses.

        Raises:
            NotFoundError: an address of the API, or of a file that isn't there.
        """
        path = request.path
        found = self._files.get(path)
        if found is None and (path.startswith(("/api/", "/node/", "/assets/")) or "." in path.rsplit("/", 1)[-1]):
            raise NotFoundError
        return _answer(request, found or self._page)


def _answer(request: web.Request, file: File) -> web.Response:
    headers = {hdrs.ETAG: f'"{file.etag}"', hdrs.CACHE_CONTROL: file.cache, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if any(tag.value == file.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    body = file.plain
    if file.compressed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = file.compressed
    charset = "utf-8" if file.content_type.startswith("text/") else None
    return web.Response(body=body, headers=headers, content_type=file.content_type, charset=charset)


def _read(path: Path) -> File:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    hashed = path.parent.name == "assets"
    return _file(path.read_bytes(), kind, _FOR_EVER if hashed else "no-cache", suffix=path.suffix)


def _file(plain: bytes, kind: str, cache: str, suffix: str = "") -> File:
    compressed = gzip.compress(plain, 6, mtime=0) if suffix in _COMPRESSED and len(plain) > 500 else None
    return File(plain, compressed, kind, hashlib.sha256(plain).hexdigest()[:32], cache)
