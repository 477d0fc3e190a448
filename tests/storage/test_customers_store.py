"""Customers in a real PostgreSQL: looked up, searched, written, audited."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from callcenter.customers import search, store
from callcenter.customers.model import CustomerNumber, Draft
from callcenter.customers.service import Customers
from callcenter.db.pool import Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.staff.model import Actor

ALICE = Actor(None, "alice", "127.0.0.1")
HOSTILE = 'Robert\'); drop table customers;-- <script>alert(1)</script> "${SHELL(id)}" 😀'


def wang(*numbers: str, **fields: Any) -> Draft:
    """A draft of Wang Xiaoming."""
    return Draft(**{"name": "王小明", "numbers": [CustomerNumber(number) for number in numbers]} | fields)


@pytest.fixture
def customers(pool: Pool) -> Customers:
    return Customers(pool)


async def names(customers: Customers, text: str) -> list[str]:
    return [one.name for one in await customers.list_customers(ALICE, text=text)]


@pytest.mark.parametrize("caller", ["13800138000", "+8613800138000", "013800138000", "0571-88888888", "95588"])
async def test_a_caller_is_found_by_any_of_his_numbers(customers: Customers, caller: str) -> None:
    await customers.create(ALICE, wang("138 0013 8000", "(0571)8888 8888转8001", "95588"))
    found = await customers.identify(caller)
    assert [one.name for one in found.candidates] == ["王小明"]


async def test_a_shared_number_ranks_the_important_customer_first(customers: Customers) -> None:
    await customers.create(ALICE, wang("0571-88888888", name="李四", vip=True))
    await customers.create(ALICE, wang("0571-88888888"))
    found = await customers.identify("0571-88888888")
    assert [one.name for one in found.candidates] == ["李四", "王小明"]


@pytest.mark.parametrize("caller", [None, "anonymous", "${SHELL(id)}", "1" * 2000, "\0'\r\n"])
async def test_an_unknown_caller_is_nobody(customers: Customers, caller: str | None) -> None:
    assert (await customers.identify(caller)).candidates == ()


@pytest.mark.parametrize(
    "text",
    ["小明", "王小", "王", "绿城", "城桂花", "3幢", "2 0 1室", "acme", "ACME", "13800138000", "138 0013",
     "8000", "+86138", "0571-8888", "86138", "0086138", "571888"],
)  # fmt: skip
async def test_search_finds_parts(customers: Customers, text: str) -> None:
    await customers.create(
        ALICE,
        wang("13800138000", "0571-88888888", company_or_project="绿城桂花园 Acme", unit_or_address="3幢201室"),
    )
    await customers.create(ALICE, wang("13900139001", name="赵六"))
    assert await names(customers, text) == ["王小明"]


async def test_a_number_that_nobody_has_may_stand_in_a_name(customers: Customers) -> None:
    await customers.create(ALICE, wang(name="微信 13800138000"))
    assert await names(customers, "138 0013 8000") == ["微信 13800138000"]
    await customers.create(ALICE, wang("13800138000"))
    assert await names(customers, "138 0013 8000") == ["王小明"]


@pytest.mark.parametrize("text", ["00", "小明", "小", "13800138000"])
async def test_search_ends_where_there_is_no_customer(customers: Customers, pool: Pool, text: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local statement_timeout = '5s'")
        assert await search.search(connection, text, before=2**63 - 1, limit=50) == []
        digits = text if text.isdigit() else "1"
        found = await search.search_number(connection, text, starts=[digits], digits=digits, before=2**63 - 1, limit=9)
    assert found == []


@pytest.mark.parametrize("text", ["%", "_", "明小", "'", "\\", "王小明王小明", "|", HOSTILE])
async def test_search_takes_text_as_text(customers: Customers, text: str) -> None:
    await customers.create(ALICE, wang("13800138000"))
    assert await names(customers, text) == []


async def test_hostile_names_come_back_as_they_went_in(customers: Customers) -> None:
    made = await customers.create(ALICE, wang("13800138000", name=HOSTILE))
    assert (await customers.get(ALICE, made.customer_id)).name == HOSTILE
    assert await names(customers, HOSTILE) == [HOSTILE]


async def test_pages_follow_each_other(customers: Customers) -> None:
    for name in "甲乙丙丁戊":
        await customers.create(ALICE, wang(name=name))
    first = await customers.list_customers(ALICE, limit=3)
    second = await customers.list_customers(ALICE, limit=3, before=first[-1].customer_id)
    assert [one.name for one in [*first, *second]] == ["戊", "丁", "丙", "乙", "甲"]


async def test_a_change_replaces_and_its_history_has_the_old_values(customers: Customers, pool: Pool) -> None:
    made = await customers.create(ALICE, wang("13800138000"))
    changed = await customers.update(ALICE, made.customer_id, wang("13900139000", vip=True))
    assert [one.number for one in changed.numbers] == ["+8613900139000"]
    assert (await customers.identify("13800138000")).candidates == ()
    assert await pool.fetchval("select detail from audit_log where action = 'customer.changed'") == {
        "fields": ["numbers", "vip"]
    }
    detail = await pool.fetchval("select detail from customer_changes where kind = 'changed'")
    assert detail["changed"]["vip"] == [False, True]
    assert detail["changed"]["numbers"][0] == [{"number": "+8613800138000", "label": ""}]


async def test_reading_and_searching_is_audited(customers: Customers, pool: Pool) -> None:
    made = await customers.create(ALICE, wang("13800138000"))
    await customers.get(ALICE, made.customer_id)
    await customers.list_customers(ALICE, text="小明")
    rows = await pool.fetch("select action, username, address from audit_log order by audit_id")
    assert [row["action"] for row in rows] == ["customer.created", "customer.read", "customers.searched"]
    assert {(row["username"], row["address"]) for row in rows} == {("alice", "127.0.0.1")}


async def test_the_second_of_two_clerks_is_told(customers: Customers) -> None:
    made = await customers.create(ALICE, wang())
    await customers.update(ALICE, made.customer_id, wang(vip=True), seen_at=made.updated_at)
    with pytest.raises(ConflictError):
        await customers.update(ALICE, made.customer_id, wang(), seen_at=made.updated_at)


async def test_nobody_is_not_found(customers: Customers) -> None:
    with pytest.raises(NotFoundError):
        await customers.get(ALICE, 1)
    with pytest.raises(NotFoundError):
        await customers.update(ALICE, 1, wang())


@pytest.mark.parametrize("number", ["", "anonymous", "abc", "${SHELL(id)}", "\0"])
async def test_what_is_no_number_is_refused_in_both_languages(customers: Customers, number: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await customers.create(ALICE, wang("13800138000", number))
    said = refused.value.fields["numbers.1.number"]
    assert isinstance(said, dict)
    assert said.keys() == {"en", "zh"}


async def test_a_number_written_twice_is_kept_once(customers: Customers) -> None:
    made = await customers.create(ALICE, wang("13800138000", "+86 138 0013 8000"))
    assert [one.number for one in made.numbers] == ["+8613800138000"]


def nodes(plan: dict[str, Any]) -> list[str]:
    """The kinds of step in an EXPLAIN, with the index or the table each uses."""
    here = f"{plan['Node Type']} {plan.get('Index Name') or plan.get('Relation Name', '')}".strip()
    return [here, *(step for child in plan.get("Plans", []) for step in nodes(child))]


async def explained(pool: Pool, query: str, arguments: Sequence[object]) -> list[str]:
    async with pool.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        plan = await connection.fetchval(f"explain (format json) {query}", *arguments)
    return nodes(orjson.loads(plan)[0]["Plan"])


def steps_through(steps: list[str]) -> list[str]:
    """Steps that read all of a table that has rows here."""
    return [step for step in steps if step in {"Seq Scan customers", "Seq Scan customer_numbers"}]


@pytest.fixture
async def many(pool: Pool) -> Pool:
    """Twenty thousand customers with two numbers each."""
    await pool.execute(
        """
        insert into customers (name, company_or_project, unit_or_address)
        select '客户' || n, '项目' || n % 100, n % 40 || '幢' || n || '室' from generate_series(1, 20000) n
        """
    )
    await pool.execute(
        """
        insert into customer_numbers (number, customer_id)
        select '+8613' || lpad((customer_id * 37)::text, 9, '0'), customer_id from customers
        union all select '+86571' || lpad(customer_id::text, 8, '0'), customer_id from customers
        """
    )
    await pool.execute("analyze customers, customer_numbers")
    return pool


async def test_the_lookup_of_a_call_uses_the_index(many: Pool) -> None:
    steps = await explained(many, store.CANDIDATES, ["+8613000000037"])
    assert not steps_through(steps)
    assert any("customer_numbers" in step for step in steps)


@pytest.mark.parametrize(
    ("query", "arguments", "indexes"),
    [
        (search.SEARCH_TEXT, [2**62, 50, "幢12345", ""], {"customers_triples"}),
        (search.SEARCH_PAIR, [2**62, 50, "幢9", ""], {"customers_keys"}),
        (
            search.SEARCH_DIGITS,
            [2**62, 50, "03000", ["03000", "^+863000"]],
            {"customer_numbers_parts", "customers_triples"},
        ),
        (search.SEARCH_NUMBER, [2**62, 50, "031", ["031$", "^031"]], {"customer_numbers_parts"}),
        (search.SEARCH_SURNAME, [2**62, 50, "辛", ""], {"customers_surname"}),
        (search.SEARCH_TEXT, [2**62, 50, "kh", "kh"], {"customers_initials"}),
    ],
)
async def test_searches_use_their_indexes(many: Pool, query: str, arguments: list[object], indexes: set[str]) -> None:
    steps = await explained(many, query, arguments)
    assert indexes <= {step.rsplit(" ", 1)[-1] for step in steps}
    assert not steps_through(steps)


@pytest.mark.parametrize("text", ["同一小区", "tyk", "同", "13900005"])
async def test_a_search_goes_through_all_shelves_newest_first(pool: Pool, text: str) -> None:
    """Records far apart, with a thousand others above them: no page leaves one out."""
    ids = [3, 7, 66_000, 66_001, 200_000, 500_000]
    await pool.execute(
        """insert into customers (customer_id, name, initials, company_or_project) overriding system value
        select id, '同一' || id, 'tyk', '同一小区' from unnest($1::bigint[]) as id
        union all select id, '别人', 'br', '' from generate_series(600000, 601100) as id""",
        ids,
    )
    await pool.execute(
        """insert into customer_numbers (number, customer_id)
        select '+8613900005' || id, id from unnest($1::bigint[]) as id""",
        ids,
    )
    customers, found, before = Customers(pool), list[int](), None
    for _ in range(3):
        page = await customers.list_customers(ALICE, text=text, before=before, limit=2)
        found += [one.customer_id for one in page]
        before = found[-1]
    assert found == sorted(ids, reverse=True)
