"""One box to find customers by: a part of a name, address, company, number or contract number, or pinyin initials.

At millions of records a word is either common or rare. A common one is found among the newest records, so these are
looked through first, `PROBE` at the most. Where that is not enough the indices are asked shelf by shelf (`search_keys`:
65,536 records each), the newest first, until a page is full. So no search reads much, whatever is typed.
"""

from collections.abc import Sequence
from typing import Final

from callcenter.db.pool import Executor

PROBE: Final = 1_000
PROBE_LETTER: Final = 5_000
_ALIVE: Final = "merged_into is null and erased_at is null"
_RARE: Final = "(select count(*) from probed) < $2"
_ASKED: Final = """
    asked as materialized (select folded($3) as word),
    newest as materialized (
        select least($1::bigint - 1, coalesce(max(customer_id), 0)) >> 16 as shelf from customers
    )"""
"""Folded once, not for each row."""
_WORD: Final = "(select word from asked)"

# ruff: noqa: S608 (all parts of these statements are constants of this module)


def _by_shelf(found: str) -> str:
    """The newest ids of `found`, which names a `shelf_id` in its condition. Sorted by an expression, so that no plan
    walks through the records by their ids.
    """
    return f"""materialized (
        select found.customer_id
        from newest, generate_series(newest.shelf, 0, -1) as from_newest (shelf_id) cross join lateral (
            {found} and customer_id < $1 group by customer_id order by -customer_id limit $2
        ) as found
        where {_RARE} limit $2
    )"""


_TEXT_PROBE: Final = f"""
    probed as materialized (
        select customer_id
        from (select customer_id, words, initials from customers
            where customer_id < $1 and {_ALIVE} order by customer_id desc limit {PROBE}) as newest
        where strpos(words, {_WORD}) > 0 or ($4 <> '' and strpos(' ' || initials, ' ' || $4) > 0)
        limit $2
    )"""
_WORDS: Final = f"""search_keys(customer_id >> 16, words, 2) @> search_keys(shelf_id, {_WORD}, 2)
                and length({_WORD}) > 1 and strpos(words, {_WORD}) > 0"""
_BY_WORDS: Final = f"""
    by_words as {_by_shelf(f"select customer_id from customers where {_WORDS} and {_ALIVE}")},
    by_address as {_by_shelf(f"select customer_id from customer_addresses where {_WORDS} and position > 0")},
    by_contract as materialized (
        select customer_id from customer_contracts
        where number <> '' and lower(number) ~>=~ lower($3) and lower(number) ~<~ (lower($3) || chr(1114111))
            and length($3) > 2 and customer_id < $1
        order by lower(number) using ~<~ limit 200
    )"""
_INITIALS: Final = f"""select customer_id from customers
            where length($4) > 1
                and search_keys(customer_id >> 16, ' ' || initials, 3) @> search_keys(shelf_id, ' ' || $4, 3)
                and strpos(' ' || initials, ' ' || $4) > 0 and {_ALIVE}"""
_BY_INITIALS: Final = f"by_initials as {_by_shelf(_INITIALS)}"
_NUMBERS: Final = """select customer_id from unnest($4::text[]) as piece cross join lateral (
                select customer_id from customer_numbers
                where search_keys(customer_id >> 16, '^' || number || '$', 4) @> search_keys(shelf_id, piece, 4)
                    and strpos('^' || number || '$', piece) > 0 and customer_id < $1
            ) as one where true"""
_BY_NUMBER: Final = f"""
    probed as materialized (
        select distinct customer_id
        from (select customer_id, number from customer_numbers where customer_id < $1
            order by customer_id desc limit {PROBE}) as newest, unnest($4::text[]) as piece
        where strpos('^' || number || '$', piece) > 0
    ),
    by_number as {_by_shelf(_NUMBERS)}"""


def _found(*parts: str) -> str:
    """The ids of all parts, newest first. Number, contract and address know nothing of a record's end."""
    union = " union ".join(f"select customer_id from {part}" for part in parts)
    return f"""
    select customer_id
    from (select customer_id from ({union}) as any_of_them order by customer_id desc limit 2 * $2) as found
        join customers using (customer_id)
    where {_ALIVE} order by customer_id desc limit $2"""


SEARCH_TEXT: Final = f"""
    with {_ASKED}, {_TEXT_PROBE}, {_BY_WORDS}, {_BY_INITIALS}
    {_found("probed", "by_words", "by_address", "by_contract", "by_initials")}
"""
SEARCH_NUMBER: Final = f"""
    with {_ASKED}, {_BY_NUMBER}, {_BY_WORDS} {_found("probed", "by_number", "by_words", "by_address", "by_contract")}
"""
SEARCH_SURNAME: Final = f"""
    with by_surname as materialized (
        select customer_id from customers
        where left(lower(name), 1) = lower($3) and customer_id < $1 and {_ALIVE} order by customer_id desc limit $2
    ), by_initial as materialized (
        select customer_id
        from (select customer_id, initials from customers
            where $4 <> '' and customer_id < $1 and {_ALIVE} order by customer_id desc limit {PROBE_LETTER}) as newest
        where strpos(' ' || initials, ' ' || $4) > 0
        limit $2
    )
    {_found("by_surname", "by_initial")}
"""
"""One letter begins so many names that those among the newest records will do."""


def letters_of(text: str) -> str:
    """The pinyin initials that a search may mean; empty where it means none."""
    letters = "".join(text.split()).lower()
    return letters if letters.isascii() and letters.isalnum() and len(letters) <= 30 else ""


async def search(executor: Executor, text: str, *, before: int, limit: int) -> list[int]:
    """The ids of customers with `text` in name, company, project or an address, with a contract number that begins
    so, or with these pinyin initials; newest first.
    """
    query = SEARCH_TEXT if len("".join(text.split())) > 1 else SEARCH_SURNAME
    return [row[0] for row in await executor.fetch(query, before, limit, text, letters_of(text))]


async def search_number(
    executor: Executor, text: str, *, starts: Sequence[str], digits: str, before: int, limit: int
) -> list[int]:
    """Like `search`, and customers with a number that begins with one of `starts`, ends with `digits` or, of four
    digits or more, has them anywhere.
    """
    anywhere = len(digits) > 3
    begins = [f"^{start}" for start in starts if not anywhere or digits not in start]
    pieces = [digits if anywhere else f"{digits}$", *begins]
    return [row[0] for row in await executor.fetch(SEARCH_NUMBER, before, limit, text, pieces)]
