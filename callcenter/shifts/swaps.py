"""Swaps of shifts: asked for by who has one, decided by a supervisor; only then the roster changes (SHF-05, SHF-06)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import asyncpg

from callcenter.configuration.hours import is_work_day
from callcenter.db.pool import Connection, Executor, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from callcenter.shifts import store
from callcenter.shifts.model import Cell, Shift, last_day_to_ask
from callcenter.shifts.service import OwnRequestError, Shifts
from callcenter.staff import audit
from callcenter.staff.model import Actor


class RosterChangedError(ConflictError):
    """The roster has changed since this swap was asked for. Decline it, and have it asked for again."""

    zh = "申请之后排班已有变动，请退回并重新申请。"


@dataclass(frozen=True, slots=True)
class Swap:
    """A request: the two exchange what they have on these days. `state`: asked, approved, declined, withdrawn."""

    swap_id: int
    user_id: int
    name: str
    day: date
    kind_id: int
    colleague_id: int
    colleague_name: str
    colleague_day: date
    colleague_kind_id: int | None
    note: str
    asked_at: datetime
    state: str
    decided_at: datetime | None
    decided_by: str | None
    decision: str


_SWAPS: Final = """
    select swap_id, w.user_id, u.display_name as name, day, kind_id, colleague_id, c.display_name as colleague_name,
        colleague_day, colleague_kind_id, note, asked_at, state, decided_at, d.display_name as decided_by, decision
    from shift_swaps w join users u using (user_id) join users c on c.user_id = colleague_id
        left join users d on d.user_id = decided_by
"""


async def _list(executor: Executor, only: int | None) -> list[Swap]:
    rows = await executor.fetch(
        _SWAPS + "where $1::bigint is null or $1 in (w.user_id, colleague_id)"
        " order by state <> 'asked', asked_at desc limit 200",
        only,
    )
    return [Swap(**row) for row in rows]


async def _insert(connection: Connection, swap: Mapping[str, object]) -> int:
    try:
        made = await connection.fetchval(
            """
            insert into shift_swaps (user_id, day, kind_id, colleague_id, colleague_day, colleague_kind_id, note)
            values ($1, $2, $3, $4, $5, $6, $7) returning swap_id
            """,
            *swap.values(),
        )
    except asyncpg.UniqueViolationError:
        raise _wrong("day", "You have asked for this already.", "已经申请过了。") from None
    except (asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError):
        raise _wrong("colleague_id", "Choose a colleague.", "请选择同事。") from None
    return int(made)


async def _locked(connection: Connection, swap_id: int) -> Swap:
    if not await connection.fetchval("select true from shift_swaps where swap_id = $1 for update", swap_id):
        raise NotFoundError
    return Swap(**await connection.fetchrow(_SWAPS + "where swap_id = $1", swap_id))


class Swaps:
    """The requests."""

    def __init__(self, pool: Pool, shifts: Shifts) -> None:
        self._pool = pool
        self._shifts = shifts

    async def list_all(self, only: int | None) -> list[Swap]:
        """The open ones, then the decided, the latest first; `only` those of one person."""
        return await _list(self._pool, only)

    async def ask(self, actor: Actor, user_id: int, day: date, colleague: tuple[int, date], note: str) -> int:
        """Ask for a swap of one's own shift with a colleague's; the request's id.

        Raises:
            InvalidInputError: he has no shift that day, or it is too late: so many working days ahead (SHF-05).
        """
        colleague_id, colleague_day = colleague
        ahead = (await store.read_rules(self._pool)).swap_working_days
        last = last_day_to_ask(min(day, colleague_day), ahead, is_work_day)
        if self._shifts.today() > last:
            raise _wrong("day", f"The last day to ask was {last}.", f"最迟须在 {last} 提出申请。")
        async with self._pool.acquire() as connection, connection.transaction():
            cells = await store.cells_of(connection, [(user_id, day), colleague])
            mine, theirs = cells.get((user_id, day)), cells.get(colleague)
            if mine is None:
                raise _wrong("day", "You have no shift that day.", "您当天没有班次。")
            swap = {
                "user_id": user_id,
                "day": day,
                "kind_id": mine.kind_id,
                "colleague_id": colleague_id,
                "colleague_day": colleague_day,
                "colleague_kind_id": theirs.kind_id if theirs else None,
                "note": note,
            }
            swap_id = await _insert(connection, swap)
            detail = {"day": str(day), "colleague_id": colleague_id, "colleague_day": str(colleague_day), "note": note}
            await audit.record(connection, actor, "swap.asked", of=("swap", swap_id), detail=detail)
        return swap_id

    async def withdraw(self, actor: Actor, swap_id: int) -> None:
        """Take one's own request back.

        Raises:
            NotAllowedError: it is somebody else's.
            ConflictError: it has been decided.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            swap = await _locked(connection, swap_id)
            if swap.user_id != actor.user_id:
                raise NotAllowedError
            await self._decide(connection, actor, swap, "withdrawn", "")

    async def decline(self, actor: Actor, swap_id: int, note: str) -> None:
        """Leave the roster as it is. Raises ConflictError: it has been decided otherwise."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._decide(connection, actor, await _locked(connection, swap_id), "declined", note)

    async def approve(self, actor: Actor, swap_id: int, note: str) -> None:
        """Exchange what the two have on these days.

        Raises:
            ConflictError: it has been decided otherwise, or the roster has changed since it was asked for.
            OwnRequestError: a supervisor's own shift is in it; another one decides.
            InvalidInputError: the day is over, or somebody would have two shifts at once.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            swap = await _locked(connection, swap_id)
            if actor.user_id in (swap.user_id, swap.colleague_id):
                raise OwnRequestError
            if min(swap.day, swap.colleague_day) < self._shifts.today():
                raise _wrong("swap", "The day is over.", "日期已过。")
            if not await self._decide(connection, actor, swap, "approved", note):
                return
            await store.hold_kinds(connection)
            await store.lock_rosters(connection, {swap.day.replace(day=1), swap.colleague_day.replace(day=1)})
            pairs = [(who, day) for day in {swap.day, swap.colleague_day} for who in (swap.user_id, swap.colleague_id)]
            cells = _exchanged(swap, await store.cells_of(connection, pairs))
            reason = f"swap {swap_id}: {swap.note}" + (f" / {note}" if note else "")
            await self._shifts.change_in(connection, actor, cells, reason)
        await self._shifts.told()

    @staticmethod
    async def _decide(connection: Connection, actor: Actor, swap: Swap, state: str, note: str) -> bool:
        """Whether it was open; done already counts as success."""
        if swap.state == state:
            return False
        if swap.state != "asked":
            raise ConflictError
        await connection.execute(
            "update shift_swaps set state = $2, decided_at = now(), decided_by = $3, decision = $4 where swap_id = $1",
            swap.swap_id,
            state,
            actor.user_id,
            note,
        )
        detail = {"note": note} if note else None
        await audit.record(connection, actor, f"swap.{state}", of=("swap", swap.swap_id), detail=detail)
        return True


def _exchanged(swap: Swap, held: Mapping[tuple[int, date], Shift]) -> list[Cell]:
    """The cells with what the other has; raises RosterChangedError where it is not what was asked about."""
    kinds = {cell: shift.kind_id for cell, shift in held.items()}
    asked = (kinds.get((swap.user_id, swap.day)), kinds.get((swap.colleague_id, swap.colleague_day)))
    if asked != (swap.kind_id, swap.colleague_kind_id):
        raise RosterChangedError
    cells = []
    for day in sorted({swap.day, swap.colleague_day}):
        mine, theirs = kinds.get((swap.user_id, day)), kinds.get((swap.colleague_id, day))
        if mine != theirs:
            cells += [Cell(swap.user_id, day, mine, theirs), Cell(swap.colleague_id, day, theirs, mine)]
    return cells


def _wrong(field: str, en: str, zh: str) -> InvalidInputError:
    return InvalidInputError(fields={field: {"en": en, "zh": zh}})
