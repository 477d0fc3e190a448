"""Lists as files: CSV or .xlsx, a row after another, marked so that each row says whose copy it was."""

import io
import json
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from callcenter.cells import BOM, csv_lines
from callcenter.customers.model import bare_facts_of
from callcenter.exports import store
from callcenter.exports.model import (
    FileFormat,
    ListKind,
    Marks,
    Request,
    headings,
    masked,
    masked_within,
    title_of,
    yes,
)
from callcenter.validation import cleaned_paragraphs

BATCH_ROWS: Final = 500
LONGEST_CELL: Final = 32_767
"""Excel's own bound."""


class RowWriter:
    """Makes cells of a list's rows, with numbers masked unless they may be whole."""

    def __init__(self, one: Request, marks: Marks, language: str, zone: ZoneInfo, country: str = "CN") -> None:
        self._one = one
        self.marks = marks
        self.language = language
        self._zone = zone
        self._country = country

    def cells(self, row: Any) -> list[str]:
        """A row's cells, the mark in the last."""
        made = self._customer(row) if self._one.kind is ListKind.CUSTOMERS else self._call(row)
        return [*(str(cleaned_paragraphs(cell))[:LONGEST_CELL] for cell in made), self.marks.row]

    def _customer(self, row: Any) -> list[str]:
        return [
            str(row["customer_id"]),
            self._text(row["name"]),
            "; ".join(self._number(number) for number in row["numbers"]),
            self._text(row["company_or_project"]),
            self._text(row["unit_or_address"]),
            row["member_level"],
            yes(self.language) if row["vip"] else "",
            row["birthday"].isoformat() if row["birthday"] else "",
            self._text("; ".join(row["tags"])),
            self._text(row["notes"]),
            self._moment(row["created_at"]),
        ]

    def _call(self, row: Any) -> list[str]:
        zh = self.language == "zh"
        return [
            self._moment(row["arrived_at"]),
            (row["name_zh"] if zh else row["name_en"]) or "",
            self._number(row["caller_number"] or ""),
            self._text(row["customer"]),
            row["agent"],
            row["status"],
            _seconds(row["waiting_seconds"]),
            _seconds(row["talking_seconds"]),
            (row["type_zh"] if zh else row["type_en"]) or "",
            self._text(row["notes"]),
        ]

    def _number(self, number: str) -> str:
        if not number:
            return ""
        if self._one.whole_numbers:
            return bare_facts_of(number, self._country).display
        return masked(number, self._country)

    def _text(self, text: str) -> str:
        return text if self._one.whole_numbers else masked_within(text, self._country)

    def _moment(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"


def _seconds(value: Any) -> str:
    return "" if value is None else str(round(value))


async def write(connection: Any, one: Request, writer: RowWriter, out: BinaryIO) -> int:
    """Write the whole file; how many rows it has. The rows are those of one moment."""
    sink = (_Csv if one.format is FileFormat.CSV else _Workbook)(one, writer.marks, writer.language, out)
    count = 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for batch in _batches(store.rows(connection, one.kind, one.filter)):
            sink.add(writer.cells(row) for row in batch)
            count += len(batch)
    sink.close()
    return count


async def _batches(rows: AsyncIterator[Any]) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


class _Csv:
    """UTF-8 with the mark that Excel looks for; the watermark stands above the headings."""

    def __init__(self, one: Request, marks: Marks, language: str, out: BinaryIO) -> None:
        self._out = out
        out.write((BOM + csv_lines([[marks.whole], headings(one.kind, language)])).encode())

    def add(self, rows: Iterable[list[str]]) -> None:
        """Write rows."""
        self._out.write(csv_lines(rows).encode())

    def close(self) -> None:
        """Nothing is left to write."""
        self._out.flush()


class _Workbook:
    """A sheet of text cells; the watermark stands above the headings, in each printed page's footer and in the
    file's properties.
    """

    def __init__(self, one: Request, marks: Marks, language: str, out: BinaryIO) -> None:
        self._out = out
        self._book = openpyxl.Workbook(write_only=True)
        self._book.properties.creator = "callcenter"
        self._book.properties.description = marks.whole
        self._sheet: Any = self._book.create_sheet(title_of(one.kind, language))
        self._sheet.freeze_panes = "A3"
        self._sheet.oddFooter.center.text = marks.whole[:200].replace("&", "&&")
        for letter in "BCDEF":
            self._sheet.column_dimensions[letter].width = 18
        self._sheet.append([self._cell(marks.whole, bold=True)])
        self._sheet.append([self._cell(text, bold=True) for text in headings(one.kind, language)])

    def add(self, rows: Iterable[list[str]]) -> None:
        """Write rows."""
        for row in rows:
            self._sheet.append([self._cell(text) for text in row])

    def close(self) -> None:
        """Pack the sheet, and write the file."""
        packed = io.BytesIO()
        self._book.save(packed)
        self._out.write(packed.getbuffer())
        self._out.flush()

    def _cell(self, text: str, *, bold: bool = False) -> Any:
        """Text, whatever it begins with: a formula is a cell of another type, and editing keeps this one text."""
        cell: Any = WriteOnlyCell(self._sheet)
        cell.value = text
        cell.data_type = "s"
        if text.startswith(("=", "+", "-", "@")):
            cell.quotePrefix = True
        if bold:
            cell.font = Font(bold=True)
        return cell


def order_of(download_id: int, export_id: int, at: datetime, language: str, zone: str) -> bytes:
    """What the process that writes is told, over its standard input."""
    told = {
        "download_id": download_id,
        "export_id": export_id,
        "at": at.isoformat(),
        "language": language,
        "zone": zone,
    }
    return json.dumps(told).encode() + b"\n"
