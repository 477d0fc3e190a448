"""Records merged and split in a real PostgreSQL: whole, in any order, by two at once, and back as they were."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from callcenter.clock import milliseconds, moment
from callcenter.customers import duplicates
from callcenter.customers import merging_store as store
from callcenter.customers.merging import Merging, PartAlreadyError, PartOfPartError
from callcenter.customers.merging_model import Choice
from callcenter.customers.service import Customers
from callcenter.customers.timeline import EntryKind, Timeline
from callcenter.db.pool import Pool
from callcenter.errors import ConflictError, HotlineError, InvalidInputError, NotFoundError
from callcenter.staff.model import Actor
from tests.storage.house import House, open_house

ALICE = Actor(None, "alice", "127.0.0.1")
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
RANDOM_NUMBERS = [f"+861380013{n:04d}" for n in range(7100, 7108)]


@pytest.fixture
def merging(pool: Pool) -> Merging:
    return Merging(pool)


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


async def a_record(pool: Pool, *numbers: str, **fields: Any) -> int:
    """A customer with these columns, numbers, `addresses` and `contracts`."""
    lists = {"numbers": [{"number": one, "label": ""} for one in numbers]}
    lists |= {kind: fields.pop(kind, []) for kind in ("addresses", "contracts")}
    columns = {"name": "王小明", "created_at": START} | fields
    places = ", ".join(f"${place + 1}" for place in range(len(columns)))
    async with pool.acquire() as connection:
        customer_id = await connection.fetchval(
            f"insert into customers ({', '.join(columns)}) values ({places}) returning customer_id", *columns.values()
        )
        for kind, rows in lists.items():
            await store.put_rows(connection, customer_id, kind, rows)
    return int(customer_id)


def an_address(room: str) -> dict[str, str]:
    return {"label": "家", "address": "天竺花园", "building": "3幢", "unit": "1单元", "room": room}


def a_contract(name: str) -> dict[str, Any]:
    return {
        "kind": "decoration",
        "name": name,
        "number": f"ZX-{name}",
        "signed_on": "2025-03-01",
        "starts_on": None,
        "ends_on": None,
        "warranty_until": "2027-03-01",
        "notes": "",
    }


async def state(pool: Pool, *ids: int) -> dict[int, dict[str, Any]]:
    """The records as they stand, without the moment of their last change."""
    found = await store.records(pool, *ids)
    return {one: {k: v for k, v in record.items() if k != "updated_at"} for one, record in found.items()}


async def merge(merging: Merging, kept: int, part: int, **choices: Choice) -> int:
    """As somebody does who has just looked at both."""
    both = await store.records(merging._pool, kept, part)
    seen = [datetime.fromisoformat(both[one]["updated_at"]) for one in (kept, part)]
    return await merging.merge(ALICE, kept, part, choices, (seen[0], seen[1]))


async def test_a_merge_unites_and_takes_the_chosen_values(merging: Merging, pool: Pool) -> None:
    kept = await a_record(pool, "+8613800137001", name="王小明", notes="早上来电", tags=["业主"], vip=False)
    part = await a_record(
        pool,
        "+8613800137002",
        "+8613800137001",
        name="王晓明",
        member_level="金卡",
        notes="有狗",
        tags=["业主", "装修"],
        vip=True,
        own_fields={"car": "浙A12345"},
        addresses=[an_address("201")],
        contracts=[a_contract("厨房")],
        unit_or_address="天竺花园3幢1单元201",
    )
    preview = await merging.preview(ALICE, kept, part)
    assert preview.proposed == {
        "name": "kept",
        "unit_or_address": "part",
        "vip": "part",
        "member_level": "part",
        "notes": "both",
        "own_fields.car": "part",
    }
    await merge(merging, kept, part, name="part")
    now = (await state(pool, kept))[kept]
    assert (now["name"], now["member_level"], now["vip"]) == ("王晓明", "金卡", True)
    assert (now["notes"], now["tags"]) == ("早上来电\n有狗", ["业主", "装修"])
    assert [one["number"] for one in now["numbers"]] == ["+8613800137001", "+8613800137002"]
    assert now["own_fields"] == {"car": "浙A12345"}
    assert (len(now["addresses"]), len(now["contracts"])) == (1, 1)
    assert now["unit_or_address"] == "天竺花园3幢1单元201"
    found = await Customers(pool).identify("13800137002")
    assert [one.customer_id for one in found.candidates] == [kept], "the part's number leads to the kept record"
    assert (await Customers(pool).get(ALICE, part)).customer_id == kept


async def test_the_earlier_owner_and_registration_hold(merging: Merging, pool: Pool) -> None:
    """OWN-14, whatever somebody chooses."""
    owners = [
        await pool.fetchval(
            """insert into users (username, display_name, role, password_hash) values ($1, $1, 'agent', '')
            returning user_id""",
            name,
        )
        for name in ("li", "wu", "xu")
    ]
    now = datetime.now(UTC)
    kept = await a_record(pool, owner_id=owners[0], owner_since=START, owner_until=now + timedelta(days=9))
    part = await a_record(
        pool,
        owner_id=owners[1],
        owner_since=START - timedelta(days=3),
        owner_until=now + timedelta(days=9),
        created_at=START - timedelta(days=3),
    )
    expired = await a_record(
        pool, owner_id=owners[2], owner_since=START - timedelta(days=30), owner_until=now - timedelta(days=1)
    )
    await merge(merging, kept, part, owner="kept", registration="kept")
    await merge(merging, kept, expired)
    row = await pool.fetchrow("select owner_id, created_at from customers where customer_id = $1", kept)
    assert (row["owner_id"], row["created_at"]) == (owners[1], START - timedelta(days=3))
    await merging.split(ALICE, part)
    row = await pool.fetchrow("select owner_id, created_at from customers where customer_id = $1", kept)
    assert (row["owner_id"], row["created_at"]) == (owners[0], START)


async def test_calls_keep_their_record_and_stand_on_the_kept_one_s_timeline(merging: Merging, pool: Pool) -> None:
    kept, part = await a_record(pool), await a_record(pool, "+8613800137001")
    await pool.execute(
        """insert into calls (call_id, node, customer_id, status, arrived_at)
        values ('node1-1.1', 'node1', $1, 'answered', now())""",
        part,
    )
    await merge(merging, kept, part)
    assert await pool.fetchval("select customer_id from calls") == part
    page, _ = await Timeline(pool).page(ALICE, kept, kinds=frozenset(), cursor="", limit=9)
    assert [one.kind for one in page] == [EntryKind.MERGE, EntryKind.CALL]
    assert "kept" not in page[0].detail["detail"]
    await merging.split(ALICE, part)
    page, _ = await Timeline(pool).page(ALICE, part, kinds=frozenset({EntryKind.CALL}), cursor="", limit=9)
    assert len(page) == 1


async def test_a_second_telling_changes_nothing(merging: Merging, pool: Pool) -> None:
    kept, part = await a_record(pool, name="甲"), await a_record(pool, name="乙")
    both = await store.records(pool, kept, part)
    seen = tuple(datetime.fromisoformat(both[one]["updated_at"]) for one in (kept, part))
    for _ in range(2):
        assert await merging.merge(ALICE, kept, part, {}, (seen[0], seen[1])) == kept
    for _ in range(2):
        assert await merging.split(ALICE, part) == part
    kinds = [row["kind"] for row in await pool.fetch("select kind from customer_changes order by change_id")]
    assert kinds == ["merged", "split", "split"], "one on each record"
    actions = [row["action"] for row in await pool.fetch("select action from audit_log order by audit_id")]
    assert actions == ["customer.merged", "customer.split"]
    with pytest.raises(ConflictError):
        await merging.merge(ALICE, kept, part, {}, (seen[0], seen[1]))


async def test_what_was_changed_since_it_was_shown_is_not_merged(merging: Merging, pool: Pool) -> None:
    kept, part = await a_record(pool), await a_record(pool)
    with pytest.raises(ConflictError):
        await merging.merge(ALICE, kept, part, {}, (moment(1), moment(2)))
    assert (await state(pool, part))[part]["merged_into"] is None


async def test_no_circles_and_no_merging_into_a_part(merging: Merging, pool: Pool) -> None:
    one, two, three = [await a_record(pool, name=name) for name in "甲乙丙"]
    await merge(merging, one, two)
    for kept, part in ((two, one), (two, three), (three, two)):
        with pytest.raises(PartAlreadyError):
            await merge(merging, kept, part)
    with pytest.raises(InvalidInputError):
        await merge(merging, one, one)
    with pytest.raises(NotFoundError):
        await merging.merge(ALICE, one, 999, {}, (moment(1), moment(2)))
    await merge(merging, three, one)
    assert (await Customers(pool).get(ALICE, two)).customer_id == three
    with pytest.raises(PartOfPartError):
        await merging.split(ALICE, two)


async def test_together_no_more_than_a_record_holds(merging: Merging, pool: Pool) -> None:
    kept = await a_record(pool, *[f"+8613800138{n:03d}" for n in range(15)])
    part = await a_record(pool, *[f"+8613800139{n:03d}" for n in range(6)])
    with pytest.raises(InvalidInputError) as refused:
        await merge(merging, kept, part)
    assert refused.value.fields.keys() == {"numbers"}
    assert len((await state(pool, part))[part]["numbers"]) == 6


async def test_a_change_since_the_merge_stays_after_the_split(merging: Merging, pool: Pool) -> None:
    kept, part = await a_record(pool, name="甲"), await a_record(pool, "+8613800137001", name="乙", notes="旧")
    await merge(merging, kept, part, name="part")
    await pool.execute("update customers set name = '丙', vip = true where customer_id = $1", kept)
    await pool.execute(
        "insert into customer_numbers (number, customer_id, position) values ('+8613800137009', $1, 5)", kept
    )
    await merging.split(ALICE, part)
    found = await state(pool, kept, part)
    assert (found[kept]["name"], found[kept]["vip"], found[kept]["notes"]) == ("丙", True, "")
    assert [one["number"] for one in found[kept]["numbers"]] == ["+8613800137009"]
    assert [one["number"] for one in found[part]["numbers"]] == ["+8613800137001"]
    assert (found[part]["name"], found[part]["notes"]) == ("乙", "旧")


async def at_random(pool: Pool, random: Random) -> int:
    """A record as anybody may have made it."""

    def some(values: list[Any], most: int) -> list[Any]:
        return random.sample(values, random.randint(0, min(most, len(values))))

    return await a_record(
        pool,
        *some(RANDOM_NUMBERS, 4),
        name=random.choice("甲乙丙丁"),
        notes=random.choice(["", "x", "y"]),
        vip=random.random() < 0.5,
        member_level=random.choice(["", "金卡"]),
        tags=some(["业主", "装修", "投诉"], 3),
        own_fields={name: random.choice([1, 2]) for name in some(["car", "pet"], 2)},
        created_at=START + timedelta(days=random.randint(0, 4)),
        addresses=[an_address(room) for room in some(["101", "102", "201"], 2)],
        contracts=[a_contract(name) for name in some(["厨房", "浴室"], 2)],
    )


@pytest.mark.parametrize("seed", range(25))
async def test_after_merges_and_splits_in_any_order_all_is_as_before(merging: Merging, pool: Pool, seed: int) -> None:
    random = Random(seed)
    ids = [await at_random(pool, random) for _ in range(5)]
    before = await state(pool, *ids)
    for _ in range(14):
        kept, part = random.sample(ids, 2)
        try:
            if random.random() < 0.6:
                fields = ("name", "notes", "vip", "member_level", "own_fields.car", "unit_or_address")
                chosen: dict[str, Choice] = {name: random.choice(["kept", "part", "both"]) for name in fields}
                await merge(merging, kept, part, **chosen)
            else:
                await merging.split(ALICE, part)
        except ConflictError:
            continue
        numbers = {one["number"] for record in (await state(pool, *ids)).values() for one in record["numbers"]}
        assert numbers == {one["number"] for record in before.values() for one in record["numbers"]}, "none is lost"
    while rest := [
        row[0] for row in await pool.fetch("select customer_id from customers where merged_into is not null")
    ]:
        for part in rest:
            try:
                await merging.split(ALICE, part)
            except PartOfPartError:
                continue
    assert await state(pool, *ids) == before


async def test_merges_at_once_make_no_circle_and_lose_no_number(merging: Merging, pool: Pool) -> None:
    ids = [await a_record(pool, number, name=number[-1]) for number in RANDOM_NUMBERS[:4]]
    random = Random(1)

    async def somebody() -> None:
        for _ in range(12):
            kept, part = random.sample(ids, 2)
            try:
                await (merge(merging, kept, part) if random.random() < 0.7 else merging.split(ALICE, part))
            except HotlineError:
                continue

    await asyncio.gather(*(somebody() for _ in range(6)))
    for one in ids:
        leading = await store.leading(pool, one)
        assert (await state(pool, leading))[leading]["merged_into"] is None
    numbers = [row["number"] for row in await pool.fetch("select number from customer_numbers")]
    assert sorted(numbers) == RANDOM_NUMBERS[:4]


async def test_over_http(house: House, pool: Pool) -> None:
    kept, part = await a_record(pool, name="甲", vip=True), await a_record(pool, "+8613800137001", name="乙")
    path = f"/api/v1/customers/{kept}/merge"
    assert (await house.ask("GET", f"{path}?part_id={part}", by="alice"))[0] == 403
    status, preview = await house.ask("GET", f"{path}?part_id={part}", by="super")
    assert status == 200
    assert [one["field"] for one in preview["differences"]] == ["name", "vip"]
    body = {"part_id": part, "choices": {"name": "part"}}
    body |= {f"{side}_updated_at": preview[side]["updated_at"] for side in ("kept", "part")}
    assert await house.ask("POST", path, by="super", json=body) == (200, {"customer_id": kept})
    status, parts = await house.ask("GET", f"/api/v1/customers/{kept}/parts", by="alice")
    assert [(one["customer_id"], one["name"]) for one in parts] == [(part, "乙")]
    status, shown = await house.ask("GET", f"/api/v1/customers/{part}", by="alice")
    assert (shown["customer_id"], shown["name"]) == (kept, "乙")
    status, page = await house.ask("GET", f"/api/v1/customers/{kept}/timeline?kinds=merge", by="alice")
    assert page["entries"][0]["detail"]["detail"]["changed"] == {"name": ["甲", "乙"]}
    assert page["entries"][0]["at"] <= milliseconds(datetime.now(UTC))
    assert await house.ask("POST", f"/api/v1/customers/{part}/split", by="super") == (200, {"customer_id": part})
    assert (await house.ask("GET", f"/api/v1/customers/{kept}", by="alice"))[1]["name"] == "甲"


async def test_a_change_of_a_part_is_refused_and_its_page_leads_to_the_kept_one(house: House, pool: Pool) -> None:
    kept, part = await a_record(pool, name="甲"), await a_record(pool, "+8613800137001", name="乙")
    await pool.execute("update customers set merged_into = $1 where customer_id = $2", kept, part)
    path = f"/api/v1/customers/{part}"
    status, said = await house.ask("PUT", path, by="super", json={"name": "丙"})
    assert (status, said["error"]["id"]) == (409, "customer_merged")
    assert "已并入" in said["error"]["message"]["zh"]
    assert (await house.ask("GET", path, by="super"))[1]["customer_id"] == kept
    assert await pool.fetchval("select name from customers where customer_id = $1", part) == "乙"


async def test_records_that_share_a_number_are_listed_whatever_the_pages(
    house: House, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = RANDOM_NUMBERS[0]
    one, two = await a_record(pool, number, name="甲"), await a_record(pool, number, RANDOM_NUMBERS[1], name="乙")
    three = await a_record(pool, RANDOM_NUMBERS[1], RANDOM_NUMBERS[2], name="丙")
    monkeypatch.setattr(
        duplicates, "_GROUPS", duplicates._GROUPS.replace("limit 100000", "limit 3").replace("= 100000", "= 3")
    )
    found, after = [], ""
    for _ in range(9):
        status, page = await house.ask("GET", "/api/v1/possible-duplicates", by="super", params={"after": after})
        assert status == 200
        found += [(group["number"], [each["customer_id"] for each in group["customers"]]) for group in page["groups"]]
        after = page["next"]
        if after is None:
            break
        assert not any(one.strip("+") in after for one in RANDOM_NUMBERS), "a page's end says no number"
    assert found == [(number, [one, two]), (RANDOM_NUMBERS[1], [two, three])]
    assert (await house.ask("GET", "/api/v1/possible-duplicates", by="alice"))[0] == 403


@pytest.mark.parametrize("after", ["never-told", "8613800138000"])
async def test_a_page_of_duplicates_begins_only_where_another_ended(house: House, pool: Pool, after: str) -> None:
    await a_record(pool, RANDOM_NUMBERS[0], name="甲")
    await a_record(pool, RANDOM_NUMBERS[0], name="乙")
    status, said = await house.ask("GET", "/api/v1/possible-duplicates", by="super", params={"after": after})
    assert (status, said["error"]["id"]) == (409, "list_over")
