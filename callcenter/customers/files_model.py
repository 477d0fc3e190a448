"""What a file is, by its content, and what it may be called. Pure.

Neither the name nor the type that a browser tells is believed. Kept are documents and pictures; never programs, web
pages as such, SVG or documents with macros. Text is text, whatever it says.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from typing import Final

from callcenter.validation import cleaned_line

MOST_BYTES: Final = 20 * 1024 * 1024
LONGEST_NAME: Final = 150


class UnknownKindError(ValueError):
    """This is none of the kinds of file that are kept."""


class MacrosError(ValueError):
    """The document has macros in it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file; `endings` are those that its name may have, the first is the usual one."""

    media_type: str
    endings: tuple[str, ...]


PDF: Final = Kind("application/pdf", ("pdf",))
TEXT: Final = Kind("text/plain", ("txt", "csv", "md", "log"))
_STARTS: Final = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", Kind("image/png", ("png",))),
    (b"\xff\xd8\xff", Kind("image/jpeg", ("jpg", "jpeg"))),
    (b"GIF87a", Kind("image/gif", ("gif",))),
    (b"GIF89a", Kind("image/gif", ("gif",))),
    (b"II*\0", Kind("image/tiff", ("tif", "tiff"))),
    (b"MM\0*", Kind("image/tiff", ("tif", "tiff"))),
    (b"{\\rtf", Kind("application/rtf", ("rtf",))),
)
_WEBP: Final = Kind("image/webp", ("webp",))
_HEIC: Final = Kind("image/heic", ("heic", "heif"))
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"hevc"})
_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument."
_IN_ZIP: Final = (
    ("word/document.xml", Kind(_OPEN_XML + "wordprocessingml.document", ("docx",))),
    ("xl/workbook.xml", Kind(_OPEN_XML + "spreadsheetml.sheet", ("xlsx",))),
    ("ppt/presentation.xml", Kind(_OPEN_XML + "presentationml.presentation", ("pptx",))),
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IN_OLE: Final = (
    ("WordDocument", Kind("application/msword", ("doc", "wps"))),
    ("Workbook", Kind("application/vnd.ms-excel", ("xls", "et"))),
    ("PowerPoint Document", Kind("application/vnd.ms-powerpoint", ("ppt", "dps"))),
)
_MACROS_IN_OLE: Final = tuple(name.encode("utf-16-le") for name in ("_VBA_PROJECT", "Macros"))
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def kind_of(content: bytes) -> Kind:
    """What this content is.

    Raises:
        UnknownKindError: nothing that is kept.
        MacrosError: an Office document with macros.
    """
    for start, kind in _STARTS:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _WEBP
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        return _HEIC
    if content.startswith(b"PK\x03\x04"):
        return _in_zip(content)
    if content.startswith(_OLE):
        return _in_ole(content)
    if _is_text(content):
        return TEXT
    raise UnknownKindError


def _in_zip(content: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = {name.replace("\\", "/") for name in packed.namelist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise UnknownKindError from None
    for part, kind in _IN_ZIP:
        if part in names and "[Content_Types].xml" in names:
            if any(name.casefold().endswith("vbaproject.bin") for name in names):
                raise MacrosError
            return kind
    raise UnknownKindError


def _in_ole(content: bytes) -> Kind:
    for stream, kind in _IN_OLE:
        if stream.encode("utf-16-le") in content:
            if any(macros in content for macros in _MACROS_IN_OLE):
                raise MacrosError
            return kind
    raise UnknownKindError


def _is_text(content: bytes) -> bool:
    if _NOT_TEXT.search(content):
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def clean_name(given: str, kind: Kind) -> str:
    """What a file of this kind is called here: the last part of the given path, with an ending of its kind."""
    name = str(cleaned_line(given)).replace("\\", "/").rsplit("/", 1)[-1]
    name = re.sub(r'[<>:"|?*]', "_", name).strip(" .")
    if _RESERVED.match(name):
        name = f"_{name}"
    stem, dot, ending = name.rpartition(".")
    if not dot or ending.casefold() not in kind.endings:
        stem, ending = name, kind.endings[0]
    return f"{(stem or 'file')[: LONGEST_NAME - len(ending) - 1].rstrip(' .')}.{ending}"
