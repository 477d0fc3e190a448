"""One box to find customers by: a part of a name, address, company, number or contract number, or pinyin initials.

At millions of records a word is either common or rare. A common one is found among the newest records, so these are
looked through first, `PROBE` at the most. Where that is not enough the indices are asked shelf by shelf (`search_keys`:
65,536 records each), the newest first, until a page is full; for the word's `KEYS` that are the rarest in a sample,
as a common one has long lists to be read. So no search reads much, whatever is typed.
"""

from collections.abc import Sequence
from typing import Final

from callcenter.db.pool import Executor

PROBE: Final = 1_000
PROBE_LETTER: Final = 5_000
SAMPLE: Final = 128
"""Records, as far from each other as may be, that tell which key is rare: always the same, so they are at hand."""
KEYS: Final = 5
LONGEST: Final = 30
"""Letters of a word whose keys are compared."""
NUMBER_ALONE: Final = 7
"""So many digits are a part of a number, and of words only where no number has them."""
_ALIVE: Final = "merged_into is null and erased_at is null"
_RARE: Final = "(select count(*) from probed) < $2"
_ASKED: Final = """
    asked as materialized (select folded($3) as piece),
    newest as materialized (
        select least($1::bigint - 1, coalesce(max(customer_id), 0)) >> 16 as shelf from customers
    )"""
"""Folded once, not for each row."""
_WORD: Final = "(select piece from asked)"

# ruff: noqa: S608 (all parts of these statements are constants of this module)


def _sample(said: str) -> str:
    """Of records far apart, what `said` has; the step is odd, as houses and streets come in even numbers."""
    return f"""materialized (
        select one.said
        from newest, generate_series(1, {SAMPLE}) as place
            cross join lateral (
                {said} where customer_id = place * ((newest.shelf + 1) * {65_536 // SAMPLE} - 1) offset 0
            ) as one (said)
    )"""


def _rarest(pieces: str, sample: str, width: int) -> str:
    """`piece` of each row of `pieces`, and the codes of its keys that are the rarest in the `sample`: as `search_keys`
    makes them, without a shelf.
    """
    return f"""materialized (
        select piece, array_agg(code) as codes
        from {pieces} cross join lateral (
            select (search_keys(0, part, {width}))[1] as code
            from (select distinct substr(piece, place, {width}) as part
                from generate_series(1, least(length(piece), {LONGEST}) - {width - 1}) as place) as parts
            order by (select count(*) from {sample} where strpos(said, part) > 0)
            limit {KEYS}
        ) as rarest
        group by piece
    )"""


def _by_shelf(rare: str, found: str) -> str:
    """The newest ids of `found`, whose condition has the `piece` of `rare` and its `keys` on a shelf. Sorted by an
    expression, so that no plan walks through the records by their ids.
    """
    return f"""materialized (
        select found.customer_id
        from newest, generate_series(newest.shelf, 0, -1) as from_newest (shelf_id) cross join lateral (
            select distinct on (-one.customer_id) one.customer_id
            from (select piece, array(select shelf_id << 42 | code from unnest(codes) as code) as keys from {rare})
                as asked_for cross join lateral ({found} and customer_id < $1) as one
            order by -one.customer_id limit $2
        ) as found
        where {_RARE} limit $2
    )"""


_TEXT_PROBE: Final = f"""
    newest_words as materialized (
        select customer_id, words, initials from customers
        where customer_id < $1 and {_ALIVE} order by customer_id desc limit {PROBE}
    ),
    probed as materialized (
        select customer_id from newest_words
        where strpos(words, {_WORD}) > 0 or ($4 <> '' and strpos(' ' || initials, ' ' || $4) > 0)
        limit $2
    )"""


def _by_words(width: int) -> str:
    """By neighbouring letters, so many; further addresses are few, and have an index of pairs alone."""
    said = "search_keys(customer_id >> 16, words, {}) @> keys and strpos(words, piece) > 0".format
    customers = f"select customer_id from customers where {said(width)} and {_ALIVE}"
    addresses = f"select customer_id from customer_addresses where {said(2)} and position > 0"
    return f"""
    some_words as {_sample("select words from customers")},
    rare_words as {_rarest("asked", "some_words", width)},
    rare_pairs as {_rarest("asked", "some_words", 2)},
    by_words as {_by_shelf("rare_words", customers)},
    by_address as {_by_shelf("rare_pairs", addresses)}"""


_BY_CONTRACT: Final = """
    by_contract as materialized (
        select customer_id from customer_contracts
        where number <> '' and lower(number) ~>=~ lower($3) and lower(number) ~<~ (lower($3) || chr(1114111))
            and length($3) > 2 and customer_id < $1
        order by lower(number) using ~<~ limit 200
    )"""
_INITIALS: Final = f"""select customer_id from customers
            where search_keys(customer_id >> 16, ' ' || initials, 3) @> keys
                and strpos(' ' || initials, piece) > 0 and {_ALIVE}"""
_BY_INITIALS: Final = f"""
    some_initials as {_sample("select ' ' || initials from customers")},
    rare_initials as {_rarest("(select ' ' || $4 as piece) as asked", "some_initials", 3)},
    by_initials as {_by_shelf("rare_initials", _INITIALS)}"""
_NUMBERS: Final = """select customer_id from customer_numbers
            where search_keys(customer_id >> 16, '^' || number || '$', 4) @> keys
                and strpos('^' || number || '$', piece) > 0"""
_BY_NUMBER: Final = f"""
    newest_numbers as materialized (
        select customer_id, number from customer_numbers where customer_id < $1 order by customer_id desc limit {PROBE}
    ),
    probed as materialized (
        select distinct customer_id from newest_numbers, unnest($4::text[]) as piece
        where strpos('^' || number || '$', piece) > 0
    ),
    some_numbers as {_sample("select '^' || number || '$' from customer_numbers")},
    rare_digits as {_rarest("unnest($4::text[]) as piece", "some_numbers", 4)},
    by_number as {_by_shelf("rare_digits", _NUMBERS)}"""


def _found(*parts: str) -> str:
    """The ids of all parts, newest first. Number, contract and address know nothing of a record's end."""
    union = " union ".join(f"select customer_id from {part}" for part in parts)
    return f"""
    select customer_id
    from (select customer_id from ({union}) as any_of_them order by customer_id desc limit 2 * $2) as found
        join customers using (customer_id)
    where {_ALIVE} order by customer_id desc limit $2"""


_TEXT: Final = f"""{_BY_CONTRACT}, {_BY_INITIALS}
    {_found("probed", "by_words", "by_address", "by_contract", "by_initials")}
"""
SEARCH_TEXT: Final = f"with {_ASKED}, {_TEXT_PROBE}, {_by_words(3)}, {_TEXT}"
SEARCH_PAIR: Final = f"with {_ASKED}, {_TEXT_PROBE}, {_by_words(2)}, {_TEXT}"
SEARCH_NUMBER: Final = f"""
    with {_ASKED}, {_BY_NUMBER}, {_BY_CONTRACT} {_found("probed", "by_number", "by_contract")}
"""
SEARCH_DIGITS: Final = f"""
    with {_ASKED}, {_BY_NUMBER}, {_by_words(3)}, {_BY_CONTRACT}
    {_found("probed", "by_number", "by_words", "by_address", "by_contract")}
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
    query = {1: SEARCH_SURNAME, 2: SEARCH_PAIR}.get(len("".join(text.split())), SEARCH_TEXT)
    return [row[0] for row in await executor.fetch(query, before, limit, text, letters_of(text))]


async def search_number(
    executor: Executor, text: str, *, starts: Sequence[str], digits: str, before: int, limit: int
) -> list[int]:
    """Like `search`, and customers with a number that begins with one of `starts`, ends with `digits` or, of four
    digits or more, has them anywhere. Of `NUMBER_ALONE` digits or more, like `search` only where no number has them.
    """
    anywhere = len(digits) > 3
    begins = [f"^{start}" for start in starts if not anywhere or digits not in start]
    pieces = [digits if anywhere else f"{digits}$", *begins]
    query = SEARCH_NUMBER if len(digits) >= NUMBER_ALONE else SEARCH_DIGITS
    found = [row[0] for row in await executor.fetch(query, before, limit, text, pieces)]
    if not found and query is SEARCH_NUMBER:
        return await search(executor, text, before=before, limit=limit)
    return found
