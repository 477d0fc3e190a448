"""Tables in files: CSV in the encodings of Chinese offices, and .xlsx. All that comes in is hostile.

A file's text becomes rows of text cells, without control characters; rows that are empty are left out, and the others
keep the number that Excel shows beside them.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final

import openpyxl

from callcenter.importing.model import MOST_COLUMNS, MOST_ROWS, BadFileError
from callcenter.validation import cleaned_paragraphs

Row = tuple[int, list[str]]
"""A row's number, from 1, and its cells."""

ENCODINGS: Final = ("utf-8", "gb18030", "utf-16")
SEPARATORS: Final = (",", ";", "\t")
LARGEST_UNPACKED: Final = 400_000_000
MOST_PARTS: Final = 1_000
LONGEST_CELL: Final = 5_000
"""Characters; more than any field takes, so that a longer cell is still a cell that is too long."""


def decoded(content: bytes, encoding: str = "") -> tuple[str, str]:
    """A CSV's text and its encoding: as its first bytes say, else UTF-8 if all of it is valid, else GB18030.

    Raises:
        BadFileError: it isn't text in this encoding, or in any of them.
    """
    if encoding:
        tries = [encoding]
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        tries = ["utf-16"]
    else:
        tries = ["utf-8", "gb18030"]
    for one in tries:
        try:
            text = content.decode("utf-8-sig" if one == "utf-8" else one)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, one
    if encoding and "\0" not in content[:4096].decode("latin-1"):
        raise BadFileError(f"This file is not in {encoding.upper()}.", f"文件的编码不是 {encoding.upper()}。")
    raise BadFileError(
        "This is no table: neither .xlsx nor text in UTF-8 or GB18030.",
        "这不是表格文件：既不是 .xlsx，也不是 UTF-8 或 GB18030 编码的文本。",
    )


def separator_of(text: str) -> str:
    """What stands between the cells: the one of `SEPARATORS` that comes most often in the first lines."""
    head = text[:20_000].split("\n")[:10]
    return max(SEPARATORS, key=lambda one: sum(line.count(one) for line in head))


def csv_rows(text: str, separator: str) -> Iterator[Row]:
    """The rows of a CSV (RFC 4180).

    Raises:
        BadFileError: a cell or a row is too large.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    numbered: Iterator[tuple[int, Sequence[Any]]] = enumerate(reader, start=1)
    try:
        yield from _kept(numbered)
    except csv.Error:
        raise BadFileError(
            "A cell holds more than a million characters: a quotation mark is probably missing.",
            "有单元格超过一百万个字符，可能缺少引号。",
        ) from None


def open_workbook(content: bytes) -> Any:
    """An .xlsx, rows to be read one after another.

    Raises:
        BadFileError: it is none, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            infos = parts.infolist()
        # Reading a part never gives more than the size that is declared here.
        if len(infos) > MOST_PARTS or sum(info.file_size for info in infos) > LARGEST_UNPACKED:
            raise _too_much()
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except BadFileError:
        raise
    except MemoryError:
        raise _too_much() from None
    except Exception:  # noqa: BLE001 - whatever a broken file trips over, it is no table
        raise _no_workbook() from None
    if not book.worksheets:
        raise _no_workbook()
    return book


def workbook_rows(book: Any, sheet: int) -> Iterator[Row]:
    """The rows of a sheet (from 0); of a formula, what Excel had worked out.

    Raises:
        BadFileError: it is broken, or too large.
    """
    try:
        rows = book.worksheets[sheet].iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
        yield from _kept(enumerate(rows, start=1))
    except BadFileError:
        raise
    except MemoryError:
        raise _too_much() from None
    except Exception:  # noqa: BLE001 - as above
        raise _no_workbook() from None


def is_workbook(content: bytes) -> bool:
    """Whether it is a packed file, as .xlsx is.

    Raises:
        BadFileError: it is an old .xls.
    """
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFileError("This is an old .xls file: save it as .xlsx.", "这是旧的 .xls 文件，请另存为 .xlsx。")
    return content.startswith(b"PK")


def _too_much() -> BadFileError:
    return BadFileError("Unpacked, this file is too large.", "文件解压后过大。")


def _no_workbook() -> BadFileError:
    return BadFileError("This .xlsx file is broken.", "这个 .xlsx 文件已损坏。")


def _kept(rows: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    count = 0
    for number, row in rows:
        cells = [_cell(value) for value in islice(row, MOST_COLUMNS + 1)]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if len(cells) > MOST_COLUMNS or (len(row) > MOST_COLUMNS and any(row[MOST_COLUMNS:])):
            raise BadFileError(
                f"Row {number} has more than {MOST_COLUMNS} columns: the separator may be another.",
                f"第 {number} 行超过 {MOST_COLUMNS} 列，分隔符可能不对。",
            )
        count += 1
        if count > MOST_ROWS:
            raise BadFileError(
                f"There are more than {MOST_ROWS:,} rows: split the file.", f"超过 {MOST_ROWS:,} 行，请拆分文件。"
            )
        yield number, cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = "1" if value else "0"
    elif isinstance(value, datetime):
        text = value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    else:
        text = str(value)
    text = text[:LONGEST_CELL]
    return text.strip() if text.isprintable() else str(cleaned_paragraphs(text))
