"""Customers in PostgreSQL. Callers pass numbers by their keys (`callcenter.customers.model`)."""

from collections.abc import Sequence
from typing import Any, Final

from asyncpg import Record

from callcenter.customers.model import Candidate, Customer, CustomerNumber, Draft
from callcenter.db.pool import Executor

CANDIDATES: Final = """
    select c.customer_id, c.name, c.company_or_project, c.unit_or_address, c.vip, c.notes, n.label
    from customer_numbers n join customers c using (customer_id)
    where n.number = $1
    order by c.vip desc, c.updated_at desc, c.customer_id
    limit 10
"""

NEWEST: Final = "select * from customer_records where customer_id < $1 order by customer_id desc limit $2"

SEARCH_TEXT: Final = """
    with found as materialized (
        select customer_id from customers
        where customer_id < $1 and search_pairs(words) @> search_pairs(folded($3))
            and strpos(words, folded($3)) > 0
        order by customer_id desc limit $2
    )
    select r.* from found join customer_records r using (customer_id) order by customer_id desc
"""

SEARCH_SURNAME: Final = """
    select * from customer_records
    where customer_id < $1 and lower(name) ~>=~ lower($3) and lower(name) ~<~ (lower($3) || chr(1114111))
    order by customer_id desc limit $2
"""

SEARCH_NUMBER: Final = """
    with numbered as materialized (
        select customer_id from customer_numbers, unnest($4::text[]) as start
        where number ~>=~ start and number ~<~ (start || ':') and customer_id < $1
        union
        select customer_id from customer_numbers
        where reverse(number) ~>=~ $5 and reverse(number) ~<~ ($5 || ':') and customer_id < $1
    ), worded as materialized (
        select customer_id from customers
        where customer_id < $1 and search_pairs(words) @> search_pairs(folded($3))
            and strpos(words, folded($3)) > 0
        order by customer_id desc limit $2
    ), found as (
        select customer_id from numbered union select customer_id from worded
        order by customer_id desc limit $2
    )
    select r.* from found join customer_records r using (customer_id) order by customer_id desc
"""


def _customer(row: Record) -> Customer:
    fields: dict[str, Any] = dict(row)
    fields["numbers"] = tuple(CustomerNumber(number, label) for number, label in row["numbers"])
    return Customer(**fields)


async def find_by_number(executor: Executor, key: str) -> tuple[Candidate, ...]:
    """The customers who have this number: important ones first, then the ones last changed."""
    return tuple(Candidate(**row) for row in await executor.fetch(CANDIDATES, key))


async def find(executor: Executor, customer_id: int, *, for_update: bool = False) -> Customer | None:
    """One customer; `for_update` keeps others from changing him until the transaction ends."""
    if for_update:
        await executor.execute("select from customers where customer_id = $1 for update", customer_id)
    row = await executor.fetchrow("select * from customer_records where customer_id = $1", customer_id)
    return _customer(row) if row else None


async def newest(executor: Executor, *, before: int, limit: int) -> list[Customer]:
    """Customers below the id `before`, newest first."""
    return [_customer(row) for row in await executor.fetch(NEWEST, before, limit)]


async def search(executor: Executor, text: str, *, before: int, limit: int) -> list[Customer]:
    """Customers with `text` anywhere in name, company, project, unit or address, newest first."""
    query = SEARCH_TEXT if len("".join(text.split())) > 1 else SEARCH_SURNAME
    return [_customer(row) for row in await executor.fetch(query, before, limit, text)]


async def search_number(
    executor: Executor, text: str, *, starts: Sequence[str], end: str, before: int, limit: int
) -> list[Customer]:
    """Like `search`, and customers with a number that begins with one of `starts` or ends with `end`."""
    rows = await executor.fetch(SEARCH_NUMBER, before, limit, text, list(starts), end[::-1])
    return [_customer(row) for row in rows]


async def insert(executor: Executor, draft: Draft, created_by: int | None) -> int:
    """Keep a new customer; his id."""
    customer_id = await executor.fetchval(
        """
        insert into customers (name, company_or_project, unit_or_address, vip, notes, language, created_by)
        values ($1, $2, $3, $4, $5, $6, $7) returning customer_id
        """,
        *_values(draft),
        created_by,
    )
    await _put_numbers(executor, customer_id, draft.numbers)
    return int(customer_id)


async def update(executor: Executor, customer_id: int, draft: Draft) -> None:
    """Replace what a clerk may set."""
    await executor.execute(
        """
        update customers set name = $1, company_or_project = $2, unit_or_address = $3, vip = $4, notes = $5,
            language = $6, updated_at = now()
        where customer_id = $7
        """,
        *_values(draft),
        customer_id,
    )
    await executor.execute("delete from customer_numbers where customer_id = $1", customer_id)
    await _put_numbers(executor, customer_id, draft.numbers)


def _values(draft: Draft) -> tuple[object, ...]:
    return (
        draft.name,
        draft.company_or_project,
        draft.unit_or_address,
        draft.vip,
        draft.notes,
        draft.language,
    )


async def _put_numbers(executor: Executor, customer_id: int, numbers: Sequence[CustomerNumber]) -> None:
    await executor.executemany(
        "insert into customer_numbers (number, customer_id, label, position) values ($1, $2, $3, $4)",
        [(one.number, customer_id, one.label, position) for position, one in enumerate(numbers)],
    )
