"""Records that may be the same customer: those that share a number. Some do rightly (a household's landline), so people
decide; nothing is merged by itself.

Where a page ends is a number, which not everybody may see: a page's end is kept in Redis, and goes out as a word that
says nothing.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from callcenter.db.pool import Pool
from callcenter.errors import ConflictError

LOOKED_AT: Final = 100_000
"""Numbers that one page looks through, so that it takes as long with millions."""
MOST_RECORDS: Final = 20
KEPT_SECONDS: Final = 12 * 3600
"""How long a list may be looked at before its next page: a working day."""
END_KEY: Final = "cc:duplicates:"
"""Redis: begins the name of a page's end; the word follows."""

_GROUPS: Final = f"""
    with looked as materialized (
        select number, customer_id from customer_numbers where number > $1
        order by number, customer_id limit {LOOKED_AT}
    ), edge as (
        select case when count(*) = {LOOKED_AT} then max(number) end as cut from looked
    ), shared as (
        select number, (array_agg(customer_id order by customer_id))[1:{MOST_RECORDS}] as ids from looked
        where number is distinct from (select cut from edge)
        group by number having count(*) > 1 order by number limit $2
    )
    select s.number, (select max(number) from looked where number < (select cut from edge)) as until,
        (select jsonb_agg(jsonb_build_array(c.customer_id, c.name, c.unit_or_address, c.company_or_project)
            order by c.customer_id) from customers c where c.customer_id = any(s.ids)) as customers
    from (select true) as one left join shared s on true order by s.number
"""  # noqa: S608 (of constants)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Records that have a number in common: id, name, unit or address, company or project of each."""

    number: str
    customers: Sequence[tuple[int, str, str, str]]


class ListOverError(ConflictError):
    """This list is too old to go on with. Open it again."""

    error_id = "list_over"
    zh = "列表已过期，请重新打开。"


class Duplicates:
    """Looks for them."""

    def __init__(self, pool: Pool, redis: Redis) -> None:
        self._pool = pool
        self._redis: Any = redis

    async def page(self, after: str, limit: int) -> tuple[list[Sharing], str | None]:
        """Some that share a number, by the number, after the page that `after` was told with; and the word to look
        further with, None at the end. A page may have none and a further one all the same.

        Raises:
            ListOverError: `after` was told too long ago, or never.
        """
        end = await self._redis.get(END_KEY + after) if after else ""
        if end is None:
            raise ListOverError
        rows: list[Any] = await self._pool.fetch(_GROUPS, end, limit)
        found = [Sharing(row["number"], [tuple(one) for one in row["customers"]]) for row in rows if row["number"]]
        following = found[-1].number if len(found) == limit else rows[0]["until"]
        return found, None if following is None else await self._word_for(following)

    async def _word_for(self, end: str) -> str:
        word = secrets.token_urlsafe(12)
        await self._redis.set(END_KEY + word, end, ex=KEPT_SECONDS)
        return word
