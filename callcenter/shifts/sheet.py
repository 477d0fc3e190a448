"""Tables in files: .xlsx and .csv in, .xlsx out. What comes in is hostile; what goes out is text, never a formula."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from callcenter.errors import InvalidInputError
from callcenter.validation import cleaned_line

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv"
LARGEST_FILE: Final = 2_000_000
"""Bytes. A year's roster of a hundred people is a tenth of it."""
LARGEST_UNPACKED: Final = 20_000_000
MOST_PARTS: Final = 200
MOST_ROWS: Final = 500
MOST_COLUMNS: Final = 100
LONGEST_CELL: Final = 200

Entry = str | date
"""What a cell holds: a date, or its text; a formula is its text, which begins with "="."""
Grid = list[list[Entry]]


class NoTableError(InvalidInputError):
    """This file can't be read as a table. Save it in Excel as .xlsx, or as .csv."""

    zh = "无法读取这个文件，请在 Excel 中另存为 .xlsx 或 .csv。"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(fields={"body": {"en": en, "zh": zh}})


def _no_table() -> NoTableError:
    return NoTableError("This is no .xlsx or .csv file that can be read.", "这不是可以读取的 .xlsx 或 .csv 文件。")


def _too_large() -> NoTableError:
    return NoTableError(
        f"There are more than {MOST_ROWS} rows or {MOST_COLUMNS} columns: split the file.",
        f"超过 {MOST_ROWS} 行或 {MOST_COLUMNS} 列，请拆分文件。",
    )


def read_table(file: bytes) -> Grid:
    """The first sheet's rows, from its first row and column on; empty rows and columns at the end are left out.

    Raises:
        NoTableError: it is no such file, or too large.
    """
    if file.startswith(b"PK"):
        rows = _xlsx_rows(file)
    elif file.startswith(b"\xd0\xcf\x11\xe0"):
        raise NoTableError("This is an old .xls file: save it as .xlsx.", "这是旧的 .xls 文件，请另存为 .xlsx。")
    else:
        rows = _csv_rows(file)
    grid = [_without_end(row) for row in rows]
    while grid and not grid[-1]:
        grid.pop()
    if len(grid) > MOST_ROWS or any(len(row) > MOST_COLUMNS for row in grid):
        raise _too_large()
    return grid


def _xlsx_rows(file: bytes) -> Grid:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as parts:
            infos = parts.infolist()
        # Reading a part never gives more than the size that is declared here.
        if len(infos) > MOST_PARTS or sum(info.file_size for info in infos) > LARGEST_UNPACKED:
            raise NoTableError("Unpacked, this file is too large.", "文件解压后过大。")
        book = openpyxl.load_workbook(io.BytesIO(file), read_only=True, keep_links=False)
        rows = book.worksheets[0].iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS + 1, values_only=True)
        return [[_entry(value) for value in row] for row in rows]
    except NoTableError:
        raise
    except Exception:  # noqa: BLE001 - whatever a broken file trips over, it is no table
        raise _no_table() from None


def _csv_rows(file: bytes) -> Grid:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = file.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _no_table()
    if "\0" in text:
        raise _no_table()
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows: Grid = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append([_entry(value) for value in row])
            if len(rows) > MOST_ROWS:
                raise _too_large()
    except csv.Error:
        raise _no_table() from None
    return rows


def _entry(value: Any) -> Entry:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(cleaned_line("" if value is None else str(value)))[:LONGEST_CELL]


def _without_end(row: list[Entry]) -> list[Entry]:
    while row and row[-1] == "":
        row.pop()
    return row


def place(row: int, column: int) -> str:
    """A cell's name as Excel writes it; both counted from 0."""
    return f"{get_column_letter(column + 1)}{row + 1}"


def write_workbook(sheets: Iterable[tuple[str, Sequence[Sequence[Entry | int | float]]]]) -> bytes:
    """An .xlsx file of these sheets (title, rows), the first row the head. Text stays text, whatever it begins with."""
    book = openpyxl.Workbook(write_only=True)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "B2"
        sheet.column_dimensions["A"].width = 16
        for place_of_row, row in enumerate(rows):
            sheet.append([_written(sheet, value, head=place_of_row == 0) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _written(sheet: Any, value: Entry | float, *, head: bool) -> Any:
    cell: Any = WriteOnlyCell(sheet)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # what begins with "=" would be a formula
    elif isinstance(value, date):
        cell.number_format = "yyyy-mm-dd"
    if head:
        cell.font = Font(bold=True)
    return cell
