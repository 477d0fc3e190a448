"""Cells of tables that people open in Excel: what begins like a formula must not be one.

A cell that begins with =, +, -, @, a tab or a line end is written with an apostrophe before it (OWASP, "CSV
injection"); a spreadsheet shows it as text. `unguarded` takes the apostrophe off again, so that a table
that was written here can be read here.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BOM: Final = "\ufeff"
"""Excel takes a CSV for UTF-8 only when it begins with this."""


def guarded(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    """What `guarded` was given; also the text in ="…", which some programs write to keep a number's zeros."""
    if text.startswith("'") and text[1:].lstrip(" ").startswith(_FORMULA):
        return text[1:]
    if text.startswith('="') and text.endswith('"') and len(text) >= 3:
        return text[2:-1]
    return text


def csv_lines(rows: Iterable[Sequence[str]]) -> str:
    """`rows` as CSV (RFC 4180), every cell guarded."""
    written = io.StringIO()
    csv.writer(written).writerows([guarded(cell) for cell in row] for row in rows)
    return written.getvalue()
