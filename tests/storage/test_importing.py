"""Imports of customers: read, checked, imported, interrupted at every chunk, undone; by HTTP and by the work itself."""

import asyncio
import io
import os
import signal
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from callcenter.db.pool import Pool, create_pool
from callcenter.importing import store
from callcenter.importing.model import Duplicates
from callcenter.importing.service import Imports, NotNowError
from callcenter.importing.work import ImportWork, LostError
from callcenter.settings import Settings
from callcenter.staff.model import Actor
from callcenter.tasks import ended
from tests.storage.house import House, open_house
from tests.waiting import until

API = "/api/v1/imports"
ALICE = Actor(None, "alice", "127.0.0.1")
HEAD = ["姓名", "手机", "家庭电话", "小区", "楼栋", "单元", "房号", "会员等级", "VIP", "生日", "标签", "备注"]


def csv_of(*rows: list[str], head: list[str] = HEAD) -> bytes:
    return "\n".join(",".join(row) for row in (head, *rows)).encode()


def row(name: str, mobile: str, **more: str) -> list[str]:
    return [name, mobile, *(more.get(key, "") for key in HEAD[2:])]


class Desk:
    """Imports without HTTP: a person's verbs, and the work done here in this process."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.imports = Imports(pool, Settings())

    async def read(self, content: bytes, name: str = "客户.csv", **how: Any) -> int:
        found = await self.imports.begin(ALICE, name, len(content))
        for part in range(-(-len(content) // 1048576)):
            await self.imports.put_part(found.import_id, part, content[part * 1048576 : (part + 1) * 1048576])
        await self.imports.read(ALICE, found.import_id, **how)
        await ImportWork(self.pool, "reader").run_all()
        return found.import_id

    async def check(self, import_id: int, duplicates: str = "skip", **how: Any) -> dict[str, int]:
        found = await self.imports.get(import_id)
        header = how.pop("header_row", found.header_row)
        mapping = how.pop("mapping", found.mapping)
        await self.imports.check(ALICE, import_id, mapping, Duplicates(duplicates), header)
        await ImportWork(self.pool, "checker", chunk_rows=how.pop("chunk_rows", 1000)).run_all()
        return (await self.imports.get(import_id)).counts

    async def run(self, import_id: int, **how: Any) -> dict[str, int]:
        await self.imports.run(ALICE, import_id)
        await ImportWork(self.pool, "runner", **how).run_all()
        return (await self.imports.get(import_id)).counts

    async def undo(self, import_id: int) -> dict[str, int]:
        await self.imports.undo(ALICE, import_id)
        await ImportWork(self.pool, "undoer", chunk_rows=3).run_all()
        return (await self.imports.get(import_id)).counts

    async def whole(self, content: bytes, duplicates: str = "skip") -> dict[str, int]:
        import_id = await self.read(content)
        checked = await self.check(import_id, duplicates)
        done = await self.run(import_id)
        assert {k: v for k, v in done.items() if v} == {k: v for k, v in checked.items() if v}
        return done


@pytest.fixture
def desk(pool: Pool) -> Desk:
    return Desk(pool)


async def everything(pool: Pool) -> list[tuple[Any, ...]]:
    """All customers with all they have, without ids and times."""
    rows = await pool.fetch(
        """
        select c.name, c.company_or_project, c.unit_or_address, c.member_level, c.vip, c.birthday, c.notes, c.tags,
            c.own_fields, c.initials,
            (select array_agg(n.number || ' ' || n.label order by n.position) from customer_numbers n
                where n.customer_id = c.customer_id) as numbers,
            (select array_agg(a.address || '|' || a.building || '|' || a.unit || '|' || a.room order by a.position)
                from customer_addresses a where a.customer_id = c.customer_id) as addresses,
            (select array_agg(k.kind || '|' || k.name || '|' || k.number || '|' || coalesce(k.warranty_until::text, ''))
                from customer_contracts k where k.customer_id = c.customer_id) as contracts
        from customers c order by c.name, c.notes, numbers
        """
    )
    return [tuple(map(str, one.values())) for one in rows]


async def problems_of(desk: Desk, import_id: int) -> dict[int, list[str]]:
    rows = await desk.imports.rows(ALICE, import_id, "bad", 0, 200)
    return {one["row_number"]: [problem["en"] for problem in one["problems"]] for one in rows}


# -- a file, whole -------------------------------------------------------------------------------------


async def test_a_row_becomes_a_customer_with_all_it_says(desk: Desk, pool: Pool) -> None:
    head = [*HEAD, "合同类型", "合同编号", "保修至"]
    text = "刘秀英,138 0013 8000,0571-88888888,绿城,3,1,502,金卡,是,1985/3/12,老客户；怕狗,先打电话"
    line = [*text.split(","), "电梯维保", "HT-7", "2027年1月31日"]
    assert await desk.whole(csv_of(line, head=head)) == {"new": 1, "bad": 0}
    [one] = await everything(pool)
    assert one[:4] == ("刘秀英", "绿城", "3幢 1单元 502", "金卡")
    assert one[4:10] == ("True", "1985-03-12", "先打电话", "['老客户', '怕狗']", "{}", "lxy")
    assert one[10:] == (
        "['+8613800138000 手机', '+8657188888888 家庭电话']",
        "['|3|1|502']",
        "['elevator|HT-7|HT-7|2027-01-31']",
    )
    changes = await pool.fetch("select kind, detail from customer_changes")
    assert [(one["kind"], one["detail"]["created"]) for one in changes] == [("imported", True)]
    assert await pool.fetchval("select count(*) from import_parts") == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
async def test_a_csv_is_read_however_it_is_written(desk: Desk, pool: Pool, encoding: str, separator: str) -> None:
    text = csv_of(row("王小明", "13800138000", 备注="㐂"), row("李四", "13900139000")).decode()
    import_id = await desk.read(text.replace(",", separator).encode(encoding))
    found = await desk.imports.get(import_id)
    assert (found.state, found.encoding, found.separator) == ("read", encoding.removesuffix("-sig"), separator)
    assert (found.total_rows, found.header_row) == (2, 1)
    assert list(found.mapping[:3]) == ["name", "number", "number"]
    assert (await desk.check(import_id))["new"] == 2


def workbook(*rows: list[Any], title: str = "客户") -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for one in rows:
        sheet.append(one)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def test_a_workbook_is_read_with_its_numbers_and_days(desk: Desk, pool: Pool) -> None:
    content = workbook(["客户名单"], [], ["姓名", "手机", "生日"], ["王小明", 13800138000, datetime(1985, 3, 12)])  # noqa: DTZ001
    import_id = await desk.read(content, "客户.xlsx")
    found = await desk.imports.get(import_id)
    assert (found.header_row, list(found.sheets), found.encoding) == (3, ["客户"], "")
    assert await desk.check(import_id) == {"new": 1}
    await desk.run(import_id)
    [one] = await everything(pool)
    assert (one[0], one[5], one[10]) == ("王小明", "1985-03-12", "['+8613800138000 手机']")


async def test_headings_in_another_row_and_other_columns(desk: Desk, pool: Pool) -> None:
    import_id = await desk.read(b"a,b\n13800138000,\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e\n")
    found = await desk.imports.get(import_id)
    assert (found.header_row, list(found.mapping)) == (0, ["", ""])
    assert await desk.check(import_id, mapping=["number", "name"], header_row=1) == {"new": 1}


# -- what is wrong with rows ---------------------------------------------------------------------------


async def test_each_bad_row_says_why_and_comes_back_as_a_file(desk: Desk, pool: Pool) -> None:
    content = csv_of(
        row("王小明", "13800138000"),
        row("", "13900139000"),
        row("李四", "12"),
        row("赵六", "1.38E+10"),
        row("孙七", "13900139001", 生日="1985-02-30", VIP="大概"),
        row("=cmd|' /C calc'!A0", "-", 备注="@SUM(1)"),
        row("周八", "13900139002", 会员等级="金" * 41),
    )
    import_id = await desk.read(content)
    assert await desk.check(import_id) == {"new": 1, "bad": 6}
    said = await problems_of(desk, import_id)
    assert said.keys() == {3, 4, 5, 6, 7, 8}
    assert said[3] == ["The name is missing."]
    assert "Excel has shortened" in said[5][0]
    assert len(said[6]) == 2
    assert await desk.run(import_id) == {"new": 1, "bad": 6}
    file = "".join([part async for part in desk.imports.bad_rows(ALICE, import_id, "zh")])
    assert file.startswith("\ufeff姓名,手机")
    assert "'=cmd|' /C calc'!A0,'-" in file
    assert "手机: 不是有效的电话号码：12" in file
    # Corrected, it can be imported again; the guarded cells come back as they were.
    corrected = file.replace(",12,", ",13900139005,").replace(",'-,", ",13900139006,")
    again = await desk.read(corrected.encode())
    assert (await desk.check(again))["new"] == 2
    assert (await desk.run(again))["new"] == 2
    assert await pool.fetchval("select count(*) from customers where name like '=cmd%'") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n\n,,\n", "nothing in this file"),
        (b"\x00\x01\x02\xff" * 50, "no table"),
        (b"\xd0\xcf\x11\xe0old", "old .xls"),
        (b"PK\x03\x04broken", "broken"),
        (b"a," * 100_000 + b"\n", "more than 100 columns"),
        (b'name\n"' + b"x" * 1_100_000, "quotation mark"),
        (b"\xff\xfe\xff", "no table"),
        (b"\x81\x20\xff\xff\xff", "no table"),
    ],
)
async def test_a_file_that_is_no_table_says_why(desk: Desk, content: bytes, said: str) -> None:
    import_id = await desk.read(content)
    found = await desk.imports.get(import_id)
    assert found.state == "failed"
    assert found.problem is not None
    assert said in found.problem["en"]
    assert found.problem["zh"]


async def test_a_zip_bomb_is_refused_before_it_unpacks(desk: Desk) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts, parts.open("xl/sheet1.xml", "w") as part:
        for _ in range(420):
            part.write(b" " * 1_000_000)
    import_id = await desk.read(out.getvalue(), "bomb.xlsx")
    problem = (await desk.imports.get(import_id)).problem
    assert problem is not None
    assert "too large" in problem["en"]


async def test_a_wrong_encoding_is_said_and_can_be_changed_back(desk: Desk) -> None:
    import_id = await desk.read(csv_of(row("王小明", "13800138000")).decode().encode("gb18030"), encoding="utf-8")
    found = await desk.imports.get(import_id)
    assert (found.state, (found.problem or {})["en"]) == ("failed", "This file is not in UTF-8.")
    await desk.imports.read(ALICE, import_id, encoding="gb18030")
    await ImportWork(desk.pool, "reader").run_all()
    assert (await desk.imports.get(import_id)).state == "read"


# -- duplicates ----------------------------------------------------------------------------------------

FIRST = row("王小明", "13800138000", 小区="绿城", 备注="旧")
AGAIN = row("王晓明", "13800138000", 家庭电话="0571-88888888", 小区="万科", 会员等级="金卡", 楼栋="3", 房号="501")


@pytest.mark.parametrize(
    ("choice", "outcome", "becomes"),
    [
        ("skip", "skipped", ("王小明", "绿城", "", "旧", 1)),
        ("fill", "filled", ("王小明", "绿城", "金卡", "旧", 1)),
        ("overwrite", "overwritten", ("王晓明", "万科", "金卡", "旧", 2)),
        ("merge", "merged", ("王小明", "绿城", "金卡", "旧", 2)),
    ],
)
@pytest.mark.parametrize("in_one_file", [False, True])
async def test_duplicates_by_choice(
    desk: Desk, pool: Pool, choice: str, outcome: str, becomes: tuple[Any, ...], *, in_one_file: bool
) -> None:
    if in_one_file:
        counts = await desk.whole(csv_of(FIRST, AGAIN), choice)
    else:
        await desk.whole(csv_of(FIRST))
        counts = await desk.whole(csv_of(AGAIN), choice)
    assert counts[outcome] == 1
    [one] = await everything(pool)
    numbers = await pool.fetchval("select count(*) from customer_numbers")
    assert (one[0], one[1], one[3], one[6], numbers) == becomes
    assert (one[2] == "3幢 501") == (choice != "skip")


async def test_of_several_with_one_number_the_one_of_this_name_is_meant(desk: Desk, pool: Pool) -> None:
    for name in ("刘建国", "刘老太太"):
        await pool.execute("insert into customers (name) values ($1)", name)
    await pool.execute("insert into customer_numbers select '+8613800138000', customer_id from customers")
    import_id = await desk.read(csv_of(row("刘老太太", "13800138000", 备注="听力不好"), row("刘小妹", "13800138000")))
    assert await desk.check(import_id, "fill") == {"filled": 1, "bad": 1}
    assert "2 customers have these numbers" in (await problems_of(desk, import_id))[3][0]
    await desk.run(import_id)
    assert [one[0] for one in await everything(pool) if one[6] == "听力不好"] == ["刘老太太"]


async def test_a_merged_or_erased_record_is_nobody_s(desk: Desk, pool: Pool) -> None:
    await pool.execute("insert into customers (name, erased_at) values ('?', now())")
    await pool.execute("insert into customer_numbers select '+8613800138000', customer_id from customers")
    assert (await desk.whole(csv_of(FIRST)))["new"] == 1


async def test_own_fields_are_columns_too(desk: Desk, pool: Pool) -> None:
    await pool.execute(
        """
        insert into customer_fields (field_id, name_zh, name_en, kind, choices) values
        ('pet', '宠物', 'Pet', 'choice', '{猫,狗}'), ('area', '面积', 'Area', 'number', '{}')
        """
    )
    content = csv_of(
        ["王小明", "13800138000", "狗", "89.5"], ["李四", "", "鱼", "9"], head=["姓名", "手机", "宠物", "面积(㎡)"]
    )
    import_id = await desk.read(content)
    assert list((await desk.imports.get(import_id)).mapping) == ["name", "number", "own:pet", "own:area"]
    assert await desk.check(import_id) == {"new": 1, "bad": 1}
    await desk.run(import_id)
    assert (await everything(pool))[0][8] == "{'pet': '狗', 'area': 89.5}"


# -- deaths and replicas -------------------------------------------------------------------------------


def many(count: int) -> bytes:
    """New ones, duplicates of rows before, and bad ones."""
    rows = []
    for n in range(count):
        if n % 7 == 3:
            rows.append(row("", f"139{n:08d}"))
        elif n % 5 == 4:
            rows.append(row(f"客户{n - 3}", f"138{n - 3:08d}", 家庭电话=f"0571-8{n:07d}", 备注=f"又{n}"))
        else:
            rows.append(row(f"客户{n}", f"138{n:08d}", 小区="绿城"))
    return csv_of(*rows)


class Dies(ImportWork):
    """Work that dies in its n-th transaction: before its commit, or right after it."""

    def __init__(self, pool: Pool, claimant: str, at: int, *, after: bool, chunk_rows: int) -> None:
        super().__init__(pool, claimant, chunk_rows=chunk_rows)
        self._left = at
        self._after = after

    def _chunk(self, found: Any) -> Any:
        inner = super()._chunk

        @asynccontextmanager
        async def dying() -> AsyncIterator[Any]:
            self._left -= 1
            dies = self._left < 0
            async with inner(found) as connection:
                yield connection
                if dies and not self._after:
                    raise ConnectionError("killed")
            if dies:
                raise ConnectionError("killed")

        return dying()


async def finish_with_deaths(desk: Desk, *, after: bool) -> int:
    """Work that dies in every transaction it comes to, until the import is done; how often it died."""
    deaths = 0
    at = 0
    while True:
        work = Dies(desk.pool, f"mortal{deaths}", at, after=after, chunk_rows=10)
        try:
            if not await work.run_one():
                return deaths
        except ConnectionError:
            deaths += 1
            at = 1 if not after else 0
            await desk.pool.execute(
                "update imports set claimed_until = now() - interval '1 second' where claim is not null"
            )


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_every_chunk_border_it_comes_to_the_same(
    desk: Desk, pool: Pool, database_url: str, after: bool
) -> None:
    import_id = await desk.read(many(60))
    checked = await desk.check(import_id, "merge", chunk_rows=10)
    await desk.imports.run(ALICE, import_id)
    assert await finish_with_deaths(desk, after=after) >= 5
    found = await desk.imports.get(import_id)
    assert (found.state, found.done_rows) == ("done", 60)
    assert {k: v for k, v in found.counts.items() if v} == checked
    interrupted = await everything(pool)
    changes = await pool.fetchval("select count(*) from customer_changes")
    await pool.execute("truncate customers cascade")
    assert await desk.whole(many(60), "merge") == checked
    assert await everything(pool) == interrupted
    assert await pool.fetchval("select count(*) from customer_changes") == changes


@pytest.mark.parametrize("after", [False, True])
async def test_an_undoing_that_dies_comes_to_the_same(desk: Desk, pool: Pool, after: bool) -> None:
    await desk.whole(csv_of(row("客户0", "13800000000", 小区="旧"), row("客户2", "13800000002")))
    was = await everything(pool)
    import_id = await desk.read(many(40))
    await desk.check(import_id, "overwrite")
    await desk.run(import_id)
    await desk.imports.undo(ALICE, import_id)
    await finish_with_deaths(desk, after=after)
    assert (await desk.imports.get(import_id)).state == "undone"
    assert await everything(pool) == was


async def test_two_replicas_share_the_work_and_do_it_once(desk: Desk, pool: Pool, database_url: str) -> None:
    first, second = await desk.read(many(50)), await desk.read(many(50))
    for one in (first, second):
        await desk.check(one, "merge")
    for one in (first, second):
        await desk.imports.run(ALICE, one)
    other = await create_pool(Settings(database_url=database_url))
    try:
        works = [ImportWork(pool, "one", chunk_rows=5), ImportWork(other, "two", chunk_rows=5)]
        done = await asyncio.gather(*(work.run_all() for work in works))
    finally:
        await other.close()
    assert sum(done) == 2
    numbers = await pool.fetch("select number from customer_numbers group by number having count(*) > 1")
    assert not numbers
    assert await pool.fetchval("select count(*) from customers") == await pool.fetchval(
        "select sum((counts->>'new')::int) from imports"
    )


async def test_who_comes_back_after_his_claim_is_over_changes_nothing(desk: Desk, pool: Pool) -> None:
    import_id = await desk.read(many(30))
    await desk.check(import_id)
    await desk.imports.run(ALICE, import_id)
    slow = ImportWork(pool, "slow", chunk_rows=10)
    found = await store.claim(pool, "slow")
    assert found is not None
    await pool.execute("update imports set claimed_until = now() - interval '1 second'")
    await ImportWork(pool, "quick").run_all()
    was = await everything(pool)
    with pytest.raises(LostError):
        await slow._run(found)
    assert await everything(pool) == was


async def test_a_stopped_import_goes_on_where_it_was(desk: Desk, pool: Pool) -> None:
    import_id = await desk.read(many(40))
    checked = await desk.check(import_id, "merge")
    await desk.imports.run(ALICE, import_id)
    with pytest.raises(ConnectionError):
        await Dies(pool, "mortal", 1, after=True, chunk_rows=10).run_one()
    stopped = await desk.imports.stop(ALICE, import_id)
    assert (stopped.state, stopped.done_rows) == ("stopped", 20)
    assert await ImportWork(pool, "nobody").run_all() == 0
    assert {k: v for k, v in (await desk.run(import_id)).items() if v} == checked


# -- undoing -------------------------------------------------------------------------------------------


async def test_undo_takes_out_the_new_puts_back_the_changed_and_leaves_what_was_touched(desk: Desk, pool: Pool) -> None:
    await desk.whole(csv_of(row("王小明", "13800138000", 小区="绿城"), row("李四", "13900139000")))
    was = await everything(pool)
    import_id = await desk.read(
        csv_of(
            row("王小明", "13800138000", 小区="万科", 标签="x"),
            row("李四", "13900139000", 备注="新"),
            row("赵六", "13700137000"),
            row("孙七", "13700137001"),
            row("周八", "13700137002"),
        )
    )
    await desk.check(import_id, "overwrite")
    assert (await desk.run(import_id))["new"] == 3
    await pool.execute("update customers set notes = '改', updated_at = now() where name = '李四'")
    await pool.execute("update customers set notes = '改', updated_at = now() where name = '孙七'")
    await pool.execute(
        """
        insert into calls (call_id, node, status, arrived_at, customer_id)
        select 'node1-1.1', 'node1', 'answered', now(), customer_id from customers where name = '周八'
        """
    )
    counts = await desk.undo(import_id)
    assert (counts["removed"], counts["restored"], counts["changed"], counts["in_use"]) == (1, 1, 2, 1)
    left = {(one["name"], one["undone"]) for one in await desk.imports.left(import_id)}
    assert left == {("李四", "changed"), ("孙七", "changed"), ("周八", "in_use")}
    now = await everything(pool)
    assert [one for one in now if one[0] == "王小明"] == [one for one in was if one[0] == "王小明"]
    assert {one[0] for one in now} == {"王小明", "李四", "孙七", "周八"}


BY_HAND = {
    "the record": "update customers set notes = '座席改的', updated_at = now() where name = $1",
    "its history alone": """insert into customer_changes (customer_id, kind, detail)
        select customer_id, 'owner', '{}' from customers where name = $1""",
}


@pytest.mark.parametrize("change", BY_HAND.values(), ids=BY_HAND)
@pytest.mark.parametrize("is_new", [True, False])
async def test_what_a_person_changed_between_two_rows_of_one_customer_outlives_the_undoing(
    desk: Desk, pool: Pool, is_new: bool, change: str
) -> None:
    if not is_new:
        await desk.whole(csv_of(row("王小明", "13800138000", 小区="绿城")))
    rows = [row("王小明", "13800138000", 标签="x"), row("王小明", "13800138000", 标签="y"), row("赵六", "13700137000")]
    import_id = await desk.read(csv_of(*rows))
    await desk.check(import_id, "overwrite")
    await desk.imports.run(ALICE, import_id)
    with pytest.raises(ConnectionError):
        await Dies(pool, "mortal", 0, after=True, chunk_rows=1).run_one()
    await desk.imports.stop(ALICE, import_id)
    await pool.execute(change, "王小明")
    await desk.run(import_id, chunk_rows=1)
    counts = await desk.undo(import_id)
    assert {(one["name"], one["undone"]) for one in await desk.imports.left(import_id)} == {("王小明", "changed")}
    assert (counts["changed"], counts["removed"]) == (1, 1)
    assert await pool.fetchval("select tags from customers where name = '王小明'") == ["x", "y"]


async def test_what_a_person_changes_while_an_undoing_goes_on_outlives_it(desk: Desk, pool: Pool) -> None:
    import_id = await desk.read(csv_of(*(row(f"客户{n}", f"138{n:08d}") for n in range(6))))
    await desk.check(import_id)
    await desk.run(import_id)
    await desk.imports.undo(ALICE, import_id)
    with pytest.raises(ConnectionError):
        await Dies(pool, "mortal", 0, after=True, chunk_rows=3).run_one()
    await pool.execute("update customers set notes = '改', updated_at = now() where name = '客户5'")
    await pool.execute("update imports set claimed_until = now() - interval '1 second'")
    await ImportWork(pool, "undoer", chunk_rows=3).run_all()
    assert [one["name"] for one in await pool.fetch("select name from customers")] == ["客户5"]
    assert [(one["name"], one["undone"]) for one in await desk.imports.left(import_id)] == [("客户5", "changed")]


async def test_rows_are_forgotten_after_a_month(desk: Desk, pool: Pool) -> None:
    import_id = await desk.read(csv_of(FIRST))
    await pool.execute("update imports set made_at = now() - interval '31 days'")
    await desk.imports.tidy()
    assert await pool.fetchval("select count(*) from import_rows") == 0
    assert (await desk.imports.get(import_id)).file_name == "客户.csv"
    await pool.execute("update imports set state = 'checked'")
    with pytest.raises(NotNowError):
        await desk.imports.run(ALICE, import_id)
    await pool.execute("update imports set state = 'done'")
    with pytest.raises(NotNowError):
        await desk.imports.undo(ALICE, import_id)


# -- over HTTP, with the process that works ------------------------------------------------------------


@pytest.fixture
async def house(pool: Any, redis: Any, database_url: str) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        house.hotline.settings.database_url = database_url
        yield house


async def is_in(house: House, import_id: int, *states: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def it_is() -> bool:
        nonlocal found
        _, found = await house.ask("GET", f"{API}/{import_id}", by="super")
        return found["state"] in states

    await until(it_is, f"the import is {states}", 40)
    return found


async def upload(house: House, content: bytes) -> int:
    status, found = await house.ask("POST", API, by="super", json={"file_name": "客户.csv", "size": len(content)})
    assert status == 201
    number: int = found["import_id"]
    headers = {"Content-Type": "application/octet-stream"}
    for part in range(-(-len(content) // 1048576)):
        data = content[part * 1048576 : (part + 1) * 1048576]
        for _ in range(2):
            path = f"{API}/{number}/parts/{part}"
            assert (await house.ask("PUT", path, by="super", data=data, headers=headers))[0] == 204
    assert (await house.ask("POST", f"{API}/{number}/read", by="super", json={}))[0] == 200
    return number


async def test_over_http_from_upload_to_undo(house: House, pool: Pool) -> None:
    work = asyncio.create_task(house.hotline.imports.work())
    try:
        number = await upload(house, many(1500))
        found = await is_in(house, number, "read", "failed")
        _, preview = await house.ask("GET", f"{API}/{number}/preview", by="super")
        assert preview["rows"][1]["cells"][:2] == ["客户0", "13800000000"]
        body = {"mapping": preview["mapping"], "header_row": found["header_row"], "duplicates": "merge"}
        await house.ask("POST", f"{API}/{number}/check", by="super", json=body)
        checked = await is_in(house, number, "checked")
        status, rows = await house.ask("GET", f"{API}/{number}/rows?outcome=bad&limit=2", by="super")
        assert (status, [one["row_number"] for one in rows]) == (200, [5, 12])
        assert rows[0]["problems"][0]["zh"] == "缺少姓名。"
        await house.ask("POST", f"{API}/{number}/run", by="super", json={})
        done = await is_in(house, number, "done")
        assert {k: v for k, v in done["counts"].items() if v} == checked["counts"]
        status, text = await house.ask("GET", f"{API}/{number}/bad-rows?language=en", by="super")
        assert status == 200
        assert text.count("The name is missing.") == checked["counts"]["bad"]
        await house.ask("POST", f"{API}/{number}/undo", by="super", json={})
        await is_in(house, number, "undone")
        assert await pool.fetchval("select count(*) from customers") == 0
        actions = {
            one["action"] for one in await pool.fetch("select action from audit_log where object_kind = 'import'")
        }
        assert {"import.begun", "import.run_asked", "import.finished", "import.undo_asked", "import.undone"} <= actions
    finally:
        await ended([work])


async def test_a_process_killed_in_the_middle_is_followed_by_another(
    house: House, pool: Pool, database_url: str
) -> None:
    number = await upload(house, many(6000))
    desk = Desk(pool)
    await ImportWork(pool, "reader").run_all()
    checked = await desk.check(number, "merge")
    await desk.imports.run(ALICE, number)
    work = asyncio.create_task(house.hotline.imports.work())
    try:

        async def has_begun() -> bool:
            row = await pool.fetchrow("select done_rows, claim, state from imports where import_id = $1", number)
            if row["done_rows"] > 0 and row["claim"] and row["state"] == "running":
                os.kill(int(row["claim"].rsplit(":", 1)[1]), signal.SIGKILL)
                return True
            return False

        await until(has_begun, "some rows are imported", 30)
        await pool.execute("update imports set claimed_until = now() - interval '1 second' where claim is not null")
        found = await is_in(house, number, "done")
        assert {k: v for k, v in found["counts"].items() if v} == checked
        assert await pool.fetchval("select count(*) from customers") == checked["new"]
    finally:
        await ended([work])


async def test_what_cannot_be_done_now_is_refused(house: House) -> None:
    number = await upload(house, many(10))
    for what in ("run", "stop", "undo", "check"):
        body = {"mapping": ["name"]} if what == "check" else {}
        status, answer = await house.ask("POST", f"{API}/{number}/{what}", by="super", json=body)
        assert (status, answer["error"]["id"]) == (409, "import_not_now"), what
    assert (await house.ask("DELETE", f"{API}/{number}", by="super"))[0] == 204
    assert (await house.ask("GET", f"{API}/{number}", by="super"))[0] == 404


@pytest.mark.parametrize("size", [0, 52_428_801])
async def test_an_empty_or_huge_file_is_refused_at_once(house: House, size: int) -> None:
    status, answer = await house.ask("POST", API, by="super", json={"file_name": "x.csv", "size": size})
    assert (status, list(answer["error"]["fields"])) == (400, ["size"])


async def test_a_file_that_has_not_come_whole_is_not_read(house: House) -> None:
    _, found = await house.ask("POST", API, by="super", json={"file_name": "x.csv", "size": 10})
    status, _ = await house.ask("POST", f"{API}/{found['import_id']}/read", by="super", json={})
    assert status == 400


async def test_a_mapping_without_a_name_is_refused(house: House, pool: Pool) -> None:
    number = await upload(house, many(10))
    await ImportWork(pool, "reader").run_all()
    status, answer = await house.ask("POST", f"{API}/{number}/check", by="super", json={"mapping": ["number", "vip"]})
    assert (status, list(answer["error"]["fields"])) == (400, ["mapping"])
