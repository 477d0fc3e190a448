"""Erasing a customer's data for good, and who rang in calls that are old enough; figures stay.

An erasure is asked for once, and is then carried out in small steps by whichever replica comes to it, so that it holds
up nobody and goes on after any crash; done again, a step finds nothing to do. Its row is the proof: when, by whom, why
and how much, never what. The audit log is not touched: it says who did what to the record of this number.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from callcenter.calls.erased import LATE_FACTS, ErasedCallers, strip_facts
from callcenter.clock import now_ms
from callcenter.db.pool import Connection, Executor, Pool
from callcenter.errors import HotlineError, InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import HOTLINE_ITSELF, Actor

log = structlog.get_logger(__name__)

BATCH: Final = 200
"""Calls in one transaction."""
OLD_BATCH: Final = 1000
ERASED_NAME: Final = "已删除 · Erased"

EraseOfCalls = Callable[[Connection, Sequence[str]], Awaitable[int]]
"""Erases what a room keeps of these calls, in the transaction given; how much that was."""


class OnTheLineError(HotlineError):
    """This customer is on the line just now, or waits to be called back. Try again later."""

    error_id = "customer_on_the_line"
    status = 409
    retryable = True
    zh = "该客户正在通话或等候回拨，请稍后再试。"


class PartOfAnotherError(HotlineError):
    """This record is part of another. Erase that one: it takes this one along."""

    error_id = "part_of_another"
    status = 409
    zh = "该资料已并入另一客户，请删除那位客户的资料。"


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far an erasure has come, and what it has erased."""

    erasure_id: int
    reason: str
    asked_at: datetime
    asked_by: str | None
    done_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Preview:
    """What there is to erase of a customer."""

    name: str
    on_the_line: bool
    counts: Mapping[str, int]


_PARTS: Final = """
with recursive parts as (
    select customer_id from customers where customer_id = $1
    union
    select c.customer_id from customers c join parts p on c.merged_into = p.customer_id
)
select array_agg(customer_id) from parts
"""
_OWN_NUMBERS: Final = """
select coalesce(array_agg(distinct n.number), '{}') from customer_numbers n
where n.customer_id = any ($1) and not exists (select from customer_numbers o
    join customers k using (customer_id)
    where o.number = n.number and o.customer_id <> all ($1) and k.erased_at is null)
"""
"""Numbers that nobody else has: calls from them are his even where nobody said so."""
_HIS_CALLS: Final = """
select call_id from calls where customer_id = any ($1)
union
select call_id from calls where caller_number = any ($2) and customer_id is null
"""
_BATCH: Final = f"""
with his as ({_HIS_CALLS})
select call_id from calls join his using (call_id) where erased_at is null limit {BATCH}
"""  # noqa: S608 (our own words)
_ON_THE_LINE: Final = """
select exists (select from calls where status = any ('{menu,waiting,offered,talking,callback}')
    and (customer_id = any ($1) or caller_number = any ($2)) and arrived_at > now() - interval '2 days')
"""
_LATE: Final = f"""
select call_id from (
    select c.* from customer_erasures e join calls c using (customer_id) where e.done_at > $1
    union
    select * from calls where erased_at > $1
) late
where erased_at is null or caller_number is not null or caller_name is not null
    or notes is not null or place is not null or form_fields is not null
    or exists (select from messages m where m.call_id = late.call_id)
    or exists (select from recordings r where r.call_id = late.call_id and r.deleted_at is null and r.held_at is null)
limit {BATCH}
"""  # noqa: S608 (our own words)
_OLD: Final = f"""
select call_id, arrived_at from calls
where arrived_at >= $1 and arrived_at < $2 and erased_at is null order by arrived_at limit {OLD_BATCH}
"""  # noqa: S608 (our own words)

_CALLS: Final = """
update calls set caller_number = null, caller_name = null, place = null, carrier = null, notes = null,
    callback_number = null, form_fields = null, erased_at = coalesce(erased_at, now()), updated_at = now()
where call_id = any ($1)
"""
_OTHERS: Final = """
with told as (
    select (detail ->> 'part')::bigint as part, (detail ->> 'from')::bigint as kept from customer_changes
    where customer_id = any ($1) and kind = 'split'
)
update customer_changes set detail = jsonb_strip_nulls(
    jsonb_build_object('part', detail -> 'part', 'from', detail -> 'from'))
where customer_id in (select part from told union select kept from told) and customer_id <> all ($1)
    and kind in ('merged', 'split')
    and ((detail ->> 'part')::bigint = any ($1) or (detail ->> 'from')::bigint = any ($1))
"""
"""A record that was once part of another, or had it as a part, stands in that one's history."""
_IMPORTS: Final = """
with his as (
    delete from import_rows r where customer_id = any ($1)
        or regexp_replace(array_to_string(cells, ','), '[^0-9,;/|]', '', 'g') ~ $2::text
    returning import_id
), undoing as (
    delete from import_customers where customer_id = any ($1) returning import_id
), files as (
    delete from import_parts where import_id in (select import_id from his union select import_id from undoing)
)
select count(*) from his
"""
"""A file that has a row of his can't be read again; the rows that were read of it go on."""
_DIGITS: Final = 10
"""So many last digits are a number's however it is written."""
_LEAST_DIGITS: Final = 7
"""Fewer are a service number or an extension, which stands in other people's rows too."""
_LONGEST_SECONDS: Final = 300.0
"""Looking through the rows of all files of 30 days."""
_TASKS: Final = """
update ring_backs set number = '', done_note = null, state = 'done', done_at = coalesce(done_at, now())
where (call_id = any ($1) or customer_id = any ($2) or number = any ($3)) and number <> ''
"""
_RECORD: Final = """
update customers set name = $2, company_or_project = '', unit_or_address = '', vip = false, notes = '',
    language = null, initials = '', member_level = '', birthday = null, tags = '{}', own_fields = '{}',
    owner_id = null, owner_since = null, owner_until = null, erased_at = now(), updated_at = now()
where customer_id = any ($1)
"""
_COUNTS: Final = f"""
select (select count(*) from customer_numbers where customer_id = any ($1)) as numbers,
    (select count(*) from customer_addresses where customer_id = any ($1)) as addresses,
    (select count(*) from customer_contracts where customer_id = any ($1)) as contracts,
    (select count(*) from customer_files where customer_id = any ($1)) as files,
    (select count(*) from customer_changes where customer_id = any ($1) and detail <> '{{}}') as changes,
    (select count(*) from ({_HIS_CALLS}) his) as calls,
    (select count(*) from messages where call_id in ({_HIS_CALLS})) as messages,
    (select count(*) from recordings where deleted_at is null and held_at is null
        and call_id in ({_HIS_CALLS})) as recordings,
    (select count(*) from ring_backs where number <> ''
        and (customer_id = any ($1) or number = any ($2))) as ring_backs
"""  # noqa: S608 (our own words)


class Erasures:
    """Asks for erasures, and carries them out."""

    def __init__(self, pool: Pool, callers: ErasedCallers, also: Mapping[str, EraseOfCalls] | None = None) -> None:
        """`callers`: by whom late calls are known; `also`: what other rooms keep of calls, by its name in the proof."""
        self._pool = pool
        self._callers = callers
        self._also = dict(also or {})

    async def preview(self, customer_id: int) -> Preview:
        """What would go.

        Raises:
            NotFoundError: there is none with this id.
        """
        name = await self._pool.fetchval("select name from customers where customer_id = $1", customer_id)
        if name is None:
            raise NotFoundError
        ids, numbers = await _his(self._pool, customer_id)
        counts = dict(await self._pool.fetchrow(_COUNTS, ids, numbers))
        return Preview(name, bool(await self._pool.fetchval(_ON_THE_LINE, ids, numbers)), counts)

    async def find(self, customer_id: int) -> Erasure | None:
        """The erasure of a customer, under way or done."""
        row = await self._pool.fetchrow(
            """
            select e.erasure_id, e.reason, e.asked_at, u.display_name as asked_by, e.done_at, e.counts
            from customer_erasures e left join users u on u.user_id = e.asked_by where e.customer_id = $1
            """,
            customer_id,
        )
        return Erasure(**row) if row else None

    async def ask(self, actor: Actor, customer_id: int, reason: str, typed_name: str) -> None:
        """Have a customer erased, with the records that were merged into his. Asked for already counts as success.

        Raises:
            NotFoundError: there is none with this id.
            InvalidInputError: no reason, or another name than his was typed.
            PartOfAnotherError: his record was merged into another.
            OnTheLineError: he is on the line.
        """
        if not reason.strip():
            raise InvalidInputError(fields={"reason": {"en": "Say why.", "zh": "请填写原因。"}})
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "select name, merged_into from customers where customer_id = $1 for update", customer_id
            )
            if row is None:
                raise NotFoundError
            if await connection.fetchval("select true from customer_erasures where customer_id = $1", customer_id):
                return
            if row["merged_into"] is not None:
                raise PartOfAnotherError
            if typed_name.strip() != row["name"]:
                said = {"en": "Type the customer's name as it is.", "zh": "请原样输入客户姓名。"}
                raise InvalidInputError(fields={"name": said})
            ids, numbers = await _his(connection, customer_id)
            if await connection.fetchval(_ON_THE_LINE, ids, numbers):
                raise OnTheLineError
            await connection.execute("update customers set erased_at = now() where customer_id = any ($1)", ids)
            await connection.execute(
                "insert into customer_erasures (customer_id, reason, asked_by) values ($1, $2, $3)",
                customer_id,
                reason.strip(),
                actor.user_id,
            )
            of = ("customer", customer_id)
            await audit.record(connection, actor, "customer.erase_asked", of=of, detail={"reason": reason.strip()})

    # -- carrying out ----------------------------------------------------------------------------------

    async def work(self) -> bool:
        """Carry out what was asked for; whether there was something."""
        rows = await self._pool.fetch("select erasure_id, customer_id from customer_erasures where done_at is null")
        for row in rows:
            _, numbers = await _his(self._pool, row["customer_id"])
            await self._callers.remember(numbers, now_ms())
            while await self._step(row["erasure_id"]):
                pass
        return bool(rows)

    async def _step(self, erasure_id: int) -> bool:
        """One transaction of an erasure; whether there is more to do. Another replica's step is left to it."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                """
                select customer_id, counts, asked_by from customer_erasures
                where erasure_id = $1 and done_at is null for update skip locked
                """,
                erasure_id,
            )
            if row is None:
                return False
            ids, numbers = await _his(connection, row["customer_id"])
            call_ids = [one["call_id"] for one in await connection.fetch(_BATCH, ids, numbers)]
            if call_ids:
                more = await self._erase_calls(connection, call_ids)
            else:
                more = await _erase_records(connection, ids, numbers)
            counts = {name: row["counts"].get(name, 0) + more.get(name, 0) for name in {*row["counts"], *more}}
            await connection.execute(
                "update customer_erasures set counts = $2, done_at = case when $3 then now() end where erasure_id = $1",
                erasure_id,
                counts,
                not call_ids,
            )
            if not call_ids:
                of = ("customer", row["customer_id"])
                await audit.record(connection, HOTLINE_ITSELF, "customer.erased", of=of, detail=counts)
        return bool(call_ids)

    async def sweep(self) -> int:
        """Erase again the calls of erased customers of which facts came late; how many."""
        swept = 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_LATE, datetime.now(UTC) - LATE_FACTS)
                if not rows:
                    return swept
                await self._erase_calls(connection, [row["call_id"] for row in rows])
            swept += len(rows)

    async def erase_old_calls(self) -> int:
        """Erase who rang in calls older than is set; how many. One replica at a time; it goes on where it ended."""
        total = 0
        while count := await self._erase_some_old():
            total += count
        if total:
            log.info("old calls erased", count=total)
        return total

    async def _erase_some_old(self) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                """
                select calls_erased_until as since, now() - make_interval(months => keep_calls_months) as until
                from safety_settings where keep_calls_months > 0 for update skip locked
                """
            )
            if row is None:
                return 0
            rows = await connection.fetch(_OLD, row["since"], row["until"])
            if rows:
                await self._erase_calls(connection, [one["call_id"] for one in rows])
                reached = rows[-1]["arrived_at"]
                await connection.execute("update safety_settings set calls_erased_until = $1", reached)
                detail = {"calls": len(rows), "until": reached.isoformat()}
                await audit.record(connection, HOTLINE_ITSELF, "calls.erased", detail=detail)
            return len(rows)

    async def _erase_calls(self, connection: Connection, call_ids: Sequence[str]) -> dict[str, int]:
        counts = {"calls": len(call_ids)}
        await connection.execute(_CALLS, call_ids)
        await strip_facts(connection, call_ids)
        gone = await connection.execute("delete from messages where call_id = any ($1)", call_ids)
        counts["messages"] = _count(gone)
        await connection.execute("delete from outcome_drafts where call_id = any ($1)", call_ids)
        counts["ring_backs"] = _count(await connection.execute(_TASKS, call_ids, [], []))
        for name, erase in self._also.items():
            counts[name] = await erase(connection, call_ids)
        return counts


async def _his(executor: Executor, customer_id: int) -> tuple[list[int], list[str]]:
    """The ids of his record and of its parts, and the numbers that are his alone."""
    ids: list[int] = await executor.fetchval(_PARTS, customer_id) or []
    return ids, list(await executor.fetchval(_OWN_NUMBERS, ids))


async def _erase_records(connection: Connection, ids: Sequence[int], numbers: Sequence[str]) -> dict[str, int]:
    """The last step: his numbers, by which the calls were found, go with the rest."""
    counts: dict[str, Any] = {"ring_backs": _count(await connection.execute(_TASKS, [], ids, numbers))}
    for name in ("numbers", "addresses", "contracts", "files"):
        deleted = await connection.execute(
            f"delete from customer_{name} where customer_id = any ($1)",  # noqa: S608 (our own names)
            ids,
        )
        counts[name] = _count(deleted)
    counts["import_rows"] = await connection.fetchval(_IMPORTS, ids, _pattern_of(numbers), timeout=_LONGEST_SECONDS)
    await connection.execute(_OTHERS, ids)
    blanked = await connection.execute(
        "update customer_changes set detail = '{}' where customer_id = any ($1) and detail <> '{}'", ids
    )
    counts["changes"] = _count(blanked)
    await connection.execute(_RECORD, ids, ERASED_NAME)
    await connection.execute(
        "insert into customer_changes (customer_id, kind) select unnest($1::bigint[]), 'erased'", ids
    )
    return counts


def _pattern_of(numbers: Sequence[str]) -> str | None:
    """What the digits of a row of a file fit that has one of these numbers; None: there are none."""
    digits = ["".join(c for c in number if c.isdigit())[-_DIGITS:] for number in numbers]
    anywhere = [one for one in digits if len(one) == _DIGITS]
    alone = [f"(^|[^0-9]){one}($|[^0-9])" for one in digits if _LEAST_DIGITS <= len(one) < _DIGITS]
    return "|".join(anywhere + alone) or None


def _count(done: str) -> int:
    """The rows of a statement's answer (`DELETE 3`)."""
    return int(done.rpartition(" ")[2])
