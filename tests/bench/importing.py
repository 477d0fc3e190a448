"""Section `importing`: a list of customers is uploaded, read, checked, imported and undone, as a supervisor does it.

The file has twelve columns as a property manager keeps them; every seventh row is bad, every fifth a duplicate.
"""

import contextlib
import io
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import openpyxl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from callcenter.importing.model import AT_WORK, PART_BYTES
from tests.bench.figures import Verdict
from tests.desks import AwayError, Person
from tests.waiting import until

KINDS: Final = ("csv", "xlsx")
MOST_SECONDS: Final = 60.0
STEP_SECONDS: Final = 600.0
TO_IMPORT: Final = ("upload", "read", "check", "import")
HEAD = ["姓名", "手机", "家庭电话", "小区", "楼栋", "单元", "房号", "会员等级", "VIP", "生日", "标签", "备注"]
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂"


def rows_of(count: int) -> list[list[str]]:
    """The file's rows below the headings."""
    rows = []
    for n in range(count):
        name = _SURNAMES[n % 20] + _GIVEN[n // 20 % 24] + _GIVEN[n // 480 % 24]
        mobile = f"1{('38', '39', '86', '50')[n % 4]}{(n - 4 if n % 5 == 4 else n) * 37 % 100_000_000:08d}"
        rows.append(
            [
                "" if n % 7 == 3 else name,
                mobile,
                f"0571-8{n % 10_000_000:07d}" if n % 3 == 0 else "",
                ("天竺花园", "新外滩公寓", "滨江名苑")[n % 3],
                str(n % 30 + 1),
                str(n % 4 + 1),
                f"{n % 18 + 1}0{n % 4 + 1}",
                ("", "银卡", "金卡")[n % 3],
                "是" if n % 50 == 0 else "",
                f"19{n % 50 + 50}-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
                "老客户；有宠物" if n % 10 == 0 else "",
                "来电请先核对房号。" if n % 4 == 0 else "",
            ]
        )
    return rows


def file_of(count: int, kind: str) -> bytes:
    """The whole file."""
    rows = [HEAD, *rows_of(count)]
    if kind == "csv":
        return "\n".join(",".join(row) for row in rows).encode("gb18030")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What one file came to."""

    kind: str
    rows: int
    megabytes: float
    seconds: Mapping[str, float]
    """Of each step."""
    counts: Mapping[str, int]
    """How many rows came to what."""

    @property
    def together(self) -> float:
        """Seconds until all was imported."""
        return sum(self.seconds[step] for step in TO_IMPORT)


async def measure(person: Person, rows: int, tell: Callable[[str], None]) -> list[Imported]:
    """A file of each kind; each is undone before the next. Raises DeskError, TimeoutError."""
    return [await _Importing(person, tell).file(rows, kind) for kind in KINDS]


class _Importing:
    """One file on its way."""

    def __init__(self, person: Person, tell: Callable[[str], None]) -> None:
        self._person = person
        self._tell = tell
        self._path = ""
        self._seconds: dict[str, float] = {}

    async def file(self, rows: int, kind: str) -> Imported:
        """All steps of a file."""
        ask, content = self._person.ask, file_of(rows, kind)
        found = await ask("POST", "/imports", {"file_name": f"customers.{kind}", "size": len(content)})
        self._path = f"/imports/{found['import_id']}"
        self._tell(f"{rows:,} rows of {kind}")
        await self._step("upload", self._upload(content))
        read = await self._step("read", ask("POST", f"{self._path}/read", {}))
        how = {"mapping": read["mapping"], "header_row": read["header_row"], "duplicates": "merge"}
        await self._step("check", ask("POST", f"{self._path}/check", how))
        done = await self._step("import", ask("POST", f"{self._path}/run"))
        await self._step("undo", ask("POST", f"{self._path}/undo"))
        megabytes = round(len(content) / 1e6, 1)
        return Imported(kind=kind, rows=rows, megabytes=megabytes, seconds=self._seconds, counts=done["counts"])

    async def _upload(self, content: bytes) -> None:
        for part in range(-(-len(content) // PART_BYTES)):
            piece = content[part * PART_BYTES : (part + 1) * PART_BYTES]
            await self._person.send("PUT", f"{self._path}/parts/{part}", piece)

    async def _step(self, name: str, begin: Awaitable[Any]) -> dict[str, Any]:
        """Begin it and wait for its end; the import as it is then."""
        began = time.perf_counter()
        await begin
        now: dict[str, Any] = {}

        async def is_over() -> bool:
            with contextlib.suppress(AwayError):
                now.update(await self._person.ask("GET", self._path))
            return bool(now) and now["state"] not in AT_WORK

        await until(is_over, f"{name} is over", STEP_SECONDS)
        self._seconds[name] = round(time.perf_counter() - began, 1)
        self._tell(f"{name}: {self._seconds[name]} s; {now['state']}")
        return now


def table(done: Sequence[Imported]) -> Table:
    """The figures."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, title="lists of customers imported; seconds")
    for name in ("file", "rows", "MB", *TO_IMPORT, "together", "undo", "new", "bad"):
        shown.add_column(name, justify="right")
    for one in done:
        steps = (f"{one.seconds[step]:.1f}" for step in TO_IMPORT)
        counts = (f"{one.counts.get(name, 0):,}" for name in ("new", "bad"))
        shown.add_row(
            *(one.kind, f"{one.rows:,}", f"{one.megabytes}", *steps),
            *(f"{one.together:.1f}", f"{one.seconds['undo']:.1f}", *counts),
        )
    return shown


def aims(done: Sequence[Imported]) -> list[Verdict]:
    """The figures beside what is promised."""
    return [
        Verdict(
            f"{one.rows:,} rows of {one.kind} are uploaded, read, checked and imported within {MOST_SECONDS:.0f} s",
            one.together < MOST_SECONDS and bool(one.counts.get("new")),
            f"{one.together:.1f} s",
        )
        for one in done
    ]
