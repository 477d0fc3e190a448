"""One box to find customers by: a part of a name, address, company, number or contract number, or pinyin initials.

At millions of records a word is either common or rare. A common one is found among the newest records, so these are
looked through first, `PROBE` at the most; what is not there often enough is rare, and its index is asked. So no
search reads much, whatever is typed.
"""

from collections.abc import Sequence
from typing import Final

from callcenter.db.pool import Executor

PROBE: Final = 10_000
_ALIVE: Final = "merged_into is null and erased_at is null"
_RARE: Final = "(select count(*) from probed) < $2"
_ASKED: Final = "asked as materialized (select folded($3) as word)"
"""Folded once, not for each row."""
_WORD: Final = "(select word from asked)"

# ruff: noqa: S608 (all parts of these statements are constants of this module)

_TEXT_PROBE: Final = f"""
    probed as materialized (
        select customer_id
        from (select customer_id, words, initials from customers
            where customer_id < $1 and {_ALIVE} order by customer_id desc limit {PROBE}) as newest
        where strpos(words, {_WORD}) > 0 or ($4 <> '' and strpos(' ' || initials, ' ' || $4) > 0)
        limit $2
    )"""
_BY_WORDS: Final = f"""
    by_words as materialized (
        select customer_id from customers
        where {_RARE} and search_pairs(words) @> search_pairs({_WORD}) and length({_WORD}) > 1
            and strpos(words, {_WORD}) > 0 and customer_id < $1 and {_ALIVE}
    ), by_address as materialized (
        select customer_id from customer_addresses
        where {_RARE} and search_pairs(words) @> search_pairs({_WORD}) and length({_WORD}) > 1
            and strpos(words, {_WORD}) > 0 and position > 0 and customer_id < $1
    ), by_contract as materialized (
        select customer_id from customer_contracts
        where number <> '' and lower(number) ~>=~ lower($3) and lower(number) ~<~ (lower($3) || chr(1114111))
            and length($3) > 2 and customer_id < $1
        order by lower(number) using ~<~ limit 200
    )"""
_BY_INITIALS: Final = f"""
    by_initials as materialized (
        select customer_id from customers
        where {_RARE} and $4 <> '' and search_beginnings(initials) @> array[left($4, 8)]
            and strpos(' ' || initials, ' ' || $4) > 0 and customer_id < $1 and {_ALIVE}
    )"""
_NUMBER_PROBE: Final = f"""
    probed as materialized (
        select customer_id
        from (select customer_id, number from customer_numbers where customer_id < $1
            order by customer_id desc limit {PROBE}) as newest
        where number like any ($6::text[])
        limit $2
    )"""
_BY_START: Final = f"""
    select customer_id from customer_numbers, unnest($4::text[]) as start
    where {_RARE} and number ~>=~ start and number ~<~ (start || ':') and customer_id < $1
"""
_BY_PART: Final = f"""
    by_number as materialized (
        {_BY_START} union all
        select customer_id from customer_numbers
        where {_RARE} and number_parts(number) @> number_parts($5) and strpos(number, $5) > 0 and customer_id < $1
    )"""
_BY_END: Final = f"""
    by_number as materialized (
        {_BY_START} union all
        select customer_id from customer_numbers
        where {_RARE} and reverse(number) ~>=~ reverse($5) and reverse(number) ~<~ (reverse($5) || ':')
            and customer_id < $1
    )"""


def _found(*parts: str) -> str:
    """The ids of all parts, newest first. Number, contract and address know nothing of a record's end."""
    union = " union ".join(f"select customer_id from {part}" for part in parts)
    return f"""
    select customer_id
    from (select customer_id from ({union}) as any_of_them order by customer_id desc limit 2 * $2) as found
        join customers using (customer_id)
    where {_ALIVE} order by customer_id desc limit $2"""


_NUMBER_PARTS: Final = _found("probed", "by_number", "by_words", "by_address", "by_contract")
SEARCH_TEXT: Final = f"""
    with {_ASKED}, {_TEXT_PROBE}, {_BY_WORDS}, {_BY_INITIALS}
    {_found("probed", "by_words", "by_address", "by_contract", "by_initials")}
"""
SEARCH_PART: Final = f"with {_ASKED}, {_NUMBER_PROBE}, {_BY_PART}, {_BY_WORDS} {_NUMBER_PARTS}"
"""Four digits of a number or more."""
SEARCH_END: Final = f"with {_ASKED}, {_NUMBER_PROBE}, {_BY_END}, {_BY_WORDS} {_NUMBER_PARTS}"
"""Three digits: with which a number begins or ends."""
SEARCH_SURNAME: Final = f"""
    with probed as materialized (
        select customer_id
        from (select customer_id, name, initials from customers
            where customer_id < $1 and {_ALIVE} order by customer_id desc limit {PROBE}) as newest
        where starts_with(lower(name), lower($3)) or ($4 <> '' and strpos(' ' || initials, ' ' || $4) > 0)
        limit $2
    ), by_surname as materialized (
        select customer_id from customers
        where {_RARE} and lower(name) ~>=~ lower($3) and lower(name) ~<~ (lower($3) || chr(1114111))
            and customer_id < $1 and {_ALIVE}
    )
    {_found("probed", "by_surname")}
"""


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
    begins = [start for start in starts if not anywhere or digits not in start]
    patterns = [f"%{digits}%" if anywhere else f"%{digits}", *(f"{start}%" for start in begins)]
    query = SEARCH_PART if anywhere else SEARCH_END
    return [row[0] for row in await executor.fetch(query, before, limit, text, begins, digits, patterns)]
