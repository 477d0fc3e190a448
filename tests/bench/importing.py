"""How long an import of customers takes: `python -m tests.bench.importing [ROWS] [csv|xlsx]`.

The file has twelve columns as a property manager keeps them; every seventh row is bad, every fifth a duplicate.
"""

import asyncio
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import openpyxl

from callcenter.db.migrate import migrate
from callcenter.db.pool import create_pool
from callcenter.importing.model import AT_WORK, PART_BYTES, Duplicates
from callcenter.importing.service import Imports
from callcenter.settings import Settings
from callcenter.staff.model import HOTLINE_ITSELF
from tests.storage.conftest import empty_database, free_port, owner, postgres_program, wait_until_it_takes_connections
from tests.waiting import until

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


def _used_by(parent: int) -> float:
    """Seconds of a processor that a process's children have used; of PostgreSQL's first process: all of its work."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if stat.parent.name == str(parent):
                ticks += int(fields[13]) + int(fields[14])
            elif fields[1] == str(parent):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(server: str, postmaster: int, count: int, kind: str) -> dict[str, float]:
    """Seconds of each step, the process that works started for each as the service does it."""
    url = await empty_database(server)
    await migrate(url)
    settings = Settings(database_url=url)
    pool = await create_pool(settings)
    imports = Imports(pool, settings)
    working = asyncio.create_task(imports.work())
    content = file_of(count, kind)
    found = await imports.begin(HOTLINE_ITSELF, f"customers.{kind}", len(content))
    began = time.perf_counter()
    for part in range(-(-len(content) // PART_BYTES)):
        await imports.put_part(found.import_id, part, content[part * PART_BYTES : (part + 1) * PART_BYTES])
    seconds = {"upload": time.perf_counter() - began}

    async def step(name: str) -> None:
        began, used, server_used = time.perf_counter(), _used_by(os.getpid()), _used_by(postmaster)

        async def is_over() -> bool:
            return (await imports.get(found.import_id)).state not in AT_WORK

        await until(is_over, f"{name} is over", 900)
        now = await imports.get(found.import_id)
        seconds[name] = time.perf_counter() - began
        own, other = _used_by(os.getpid()) - used, _used_by(postmaster) - server_used
        print(f"{name}: {seconds[name]:.1f} s; processor: {own:.1f} s here, {other:.1f} s PostgreSQL; {now.counts}")

    await imports.read(HOTLINE_ITSELF, found.import_id)
    await step("read")
    now = await imports.get(found.import_id)
    await imports.check(HOTLINE_ITSELF, found.import_id, now.mapping, Duplicates.MERGE, now.header_row)
    await step("check")
    await imports.run(HOTLINE_ITSELF, found.import_id)
    await step("import")
    await imports.undo(HOTLINE_ITSELF, found.import_id)
    await step("undo")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await pool.close()
    return seconds


def main() -> None:
    """Measure, and print the seconds."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "csv"
    folder = Path(tempfile.mkdtemp(prefix="callcenter-postgres-"))
    identity = owner()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data, port = str(folder / "db"), free_port()
    subprocess.run(
        [postgres_program("initdb"), "-D", data, "-U", "callcenter", "-A", "trust", "-E", "UTF8", "--locale=C"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity,
    )  # fmt: skip
    server = subprocess.Popen(
        [postgres_program("postgres"), "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity,
    )  # fmt: skip
    try:
        wait_until_it_takes_connections(port)
        seconds = asyncio.run(measure(f"postgresql://callcenter@127.0.0.1:{port}", server.pid, count, kind))
        print(f"{count:,} rows of {kind}: " + ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()))
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
