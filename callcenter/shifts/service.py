"""What people do about rosters. All is audited, in the change's own transaction.

Changes of a month come one after another: each locks the month's row of `rosters`, and before it the kinds that it
plans with. A cell is changed from what it held when it was shown; who was overtaken is told, and nothing of his change
is done.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import structlog
from redis.asyncio import Redis

from callcenter.clock import moment
from callcenter.configuration.store import announce
from callcenter.customers.model import dialled_form
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from callcenter.routing.model import AgentState
from callcenter.routing.store import LiveAgent
from callcenter.shifts import store
from callcenter.shifts.model import (
    Attendance,
    Attending,
    Cell,
    Duty,
    Kind,
    Person,
    RosterState,
    Rules,
    Shift,
    SignedIn,
    duty_at,
    month_of,
    next_month,
    span_of,
    who_is_here,
)
from callcenter.shifts.reading import Planned, read_roster
from callcenter.shifts.sheet import read_table
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

READ_SECONDS = 2
DUTY_KNOWN_AHEAD = timedelta(days=7)
"""How long the duty phone works while PostgreSQL is away."""


class OvertakenError(ConflictError):
    """Somebody else has changed this day meanwhile; nothing was saved. Look at it again."""

    zh = "这一天已被他人更改，本次没有保存，请核对后再存。"


class OwnRequestError(NotAllowedError):
    """Somebody else decides about what you have asked for or take part in."""

    zh = "自己提交或参与的须由他人审批。"


@dataclass(frozen=True, slots=True)
class View:
    """What a roster page shows: days, people, kinds, shifts, how far the months have come."""

    people: list[Person]
    kinds: list[Kind]
    shifts: list[Shift]
    rosters: list[store.Roster]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Preview:
    """What an imported table would change (with each cell's name in it), and what is wrong with it."""

    changes: list[tuple[str, Cell]]
    planned: Planned


@dataclass(frozen=True, slots=True)
class Now:
    """Who is there, who is not, and who holds the duty phone."""

    people: Mapping[int, Person]
    kinds: Mapping[int, Kind]
    rows: list[Attending]
    duty: tuple[int, str] | None


class Shifts:
    """The rosters."""

    def __init__(self, pool: Pool, redis: Redis, clock: Callable[[], int], zone: ZoneInfo, country: str) -> None:
        self._pool = pool
        self._redis = redis
        self._clock = clock
        self._zone = zone
        self._country = country
        self._duties: Sequence[Duty] = ()
        self._fallback = ""
        self._reading = asyncio.Lock()

    def today(self) -> date:
        """The department's date."""
        return self._now().astimezone(self._zone).date()

    def _now(self) -> datetime:
        return moment(self._clock())

    # -- looking -----------------------------------------------------------------------------------------

    async def view(self, first: date, days: int) -> View:
        """The roster of so many days."""
        last = first + timedelta(days=days - 1)
        shifts = await store.list_shifts(self._pool, first, last)
        months = sorted({month_of(first + timedelta(days=day)) for day in range(days)})
        return View(
            await store.list_people(self._pool, {shift.user_id for shift in shifts}),
            await store.list_kinds(self._pool),
            shifts,
            await store.list_rosters(self._pool, months),
            await store.read_rules(self._pool),
        )

    async def now(self, agents: Sequence[LiveAgent]) -> Now:
        """Who should be here now, who is, and who is not (MON-02, SHF-01)."""
        now = self._now()
        rules = await store.read_rules(self._pool)
        early = timedelta(minutes=rules.early_minutes)
        shifts = await store.shifts_around(self._pool, now, now + early)
        people = {one.user_id: one for one in await store.list_people(self._pool, {one.user_id for one in shifts})}
        kinds = {kind.kind_id: kind for kind in await store.list_kinds(self._pool)}
        states = {agent.agent_id: _signed_in(agent) for agent in agents if agent.known}
        return Now(people, kinds, who_is_here(shifts, states, people, now, early), self.duty())

    async def attendance(self, month: date, only: int | None) -> tuple[list[Attendance], View]:
        """A month's attendance against the roster, of everybody or of one person (SHF-01, SHF-03)."""
        first, last = (datetime.combine(day, datetime.min.time(), self._zone) for day in (month, next_month(month)))
        rows = await store.list_attendance(self._pool, first, last, zone=str(self._zone), now=self._now(), only=only)
        view = await self.view(month, (next_month(month) - month).days)
        people = await store.list_people(self._pool, {row.user_id for row in rows})
        return rows, replace(view, people=people)

    # -- the duty phone ----------------------------------------------------------------------------------

    def duty(self) -> tuple[int, str] | None:
        """Who is on duty now, and his number; known by heart, so that it holds while PostgreSQL is away."""
        return duty_at(self._duties, self._now(), self._fallback)

    def duty_number(self) -> str | None:
        """The number of who is on duty now; None: nobody is, or he can't be rung."""
        found = self.duty()
        return found[1] if found else None

    async def reload(self) -> None:
        """Learn anew who holds the duty phone; while PostgreSQL is away, what was known still holds."""
        now = self._now()
        try:
            async with self._reading, asyncio.timeout(READ_SECONDS):
                self._duties = await store.list_duties(self._pool, now, now + DUTY_KNOWN_AHEAD)
                self._fallback = (await store.read_rules(self._pool)).duty_number
        except AWAY as error:
            log.warning("duty phones not read", error=type(error).__name__)

    async def _tell(self) -> None:
        await self.reload()
        await announce(self._redis, "shifts")

    # -- kinds and rules ---------------------------------------------------------------------------------

    async def put_kind(self, actor: Actor, kind: Kind) -> int:
        """Make or set a kind. Shifts after today in months that are not approved take its new times;
        a month that is handed in is a draft again.

        Raises:
            NotFoundError: there is no such kind (any more).
            InvalidInputError: its code or name is taken, or its times would give somebody two shifts at once.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            before = await store.lock_kind(connection, kind.kind_id)
            if kind.kind_id and before is None:
                raise NotFoundError
            kind_id = await store.put_kind(connection, kind)
            if before is not None and before.times != kind.times:
                await self._take_times(connection, actor, replace(kind, kind_id=kind_id))
            detail = {"name": kind.name_zh, "before": _told(before), "after": _told(kind)}
            await audit.record(connection, actor, "shift_kind.set", of=("shift_kind", kind_id), detail=detail)
        await self._tell()
        return kind_id

    async def _take_times(self, connection: Connection, actor: Actor, kind: Kind) -> None:
        """The kind is locked: no further day takes it, and those it has are read again once their months are locked."""
        months = {month_of(day) for _, day in await store.open_days_of(connection, kind.kind_id, self.today())}
        rosters = await store.lock_rosters(connection, months)
        cells = await store.open_days_of(connection, kind.kind_id, self.today())
        kept = await store.cells_of(connection, cells)
        await store.put_shifts(connection, (), [self._with_times(shift, kind) for shift in kept.values()])
        await _refuse_overlaps(connection, {user_id for user_id, _ in cells}, "starts")
        taken = [Cell(*cell, kind.kind_id, kind.kind_id) for cell in cells]
        await _changed(connection, actor, rosters, taken, f"shift kind {kind.kind_id}: new times")

    def _with_times(self, shift: Shift, kind: Kind) -> Shift:
        span = span_of(kind.times, shift.day, self._zone) if kind.times else (None, None)
        return replace(shift, kind_id=kind.kind_id, starts_at=span[0], ends_at=span[1])

    async def remove_kind(self, actor: Actor, kind_id: int) -> None:
        """Take a kind out; shifts that have it keep it.

        Raises:
            NotFoundError: there is no such kind (any more).
        """
        async with self._pool.acquire() as connection, connection.transaction():
            kind = await store.lock_kind(connection, kind_id)
            if kind is None:
                raise NotFoundError
            await store.remove_kind(connection, kind_id)
            detail = {"name": kind.name_zh}
            await audit.record(connection, actor, "shift_kind.removed", of=("shift_kind", kind_id), detail=detail)

    async def put_rules(self, actor: Actor, rules: Rules) -> None:
        """Set what holds for all rosters. Raises InvalidInputError for a duty number that the trunk does not take."""
        rules = replace(rules, duty_number=self._dialled(rules.duty_number, "duty_number"))
        async with self._pool.acquire() as connection, connection.transaction():
            await store.put_rules(connection, rules)
            detail = {"early": rules.early_minutes, "due": rules.due_day, "swap": rules.swap_working_days}
            await audit.record(connection, actor, "shift_rules.set", detail=detail)
        await self._tell()

    def _dialled(self, given: str, field: str) -> str:
        number = dialled_form(given, self._country) if given else ""
        if number is None:
            said = {"en": "This is no number that the hotline calls.", "zh": "热线不能拨打这个号码。"}
            raise InvalidInputError(fields={field: said})
        return number

    # -- the roster --------------------------------------------------------------------------------------

    async def change(self, actor: Actor, cells: Sequence[Cell], reason: str) -> None:
        """Change cells of the roster, all or none.

        Raises:
            OvertakenError: a cell holds something else than it did when it was shown.
            InvalidInputError: an approved month and no reason (SHF-04), no such kind or person, two shifts at once.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await self.change_in(connection, actor, cells, reason)
        await self._tell()

    async def change_in(self, connection: Connection, actor: Actor, cells: Sequence[Cell], reason: str) -> None:
        """As `change`, in a transaction of the caller's, who tells of it afterwards (`told`)."""
        kinds = await store.hold_kinds(connection)
        rosters = await store.lock_rosters(connection, {month_of(cell.day) for cell in cells})
        if not reason and any(one.state is RosterState.APPROVED for one in rosters):
            said = {"en": "This month is approved: say why it changes.", "zh": "该月排班已审批，请填写更改原因。"}
            raise InvalidInputError(fields={"reason": said})
        before = await store.cells_of(connection, [(cell.user_id, cell.day) for cell in cells])
        for cell in cells:
            held = before.get((cell.user_id, cell.day))
            if (held.kind_id if held else None) != cell.was:
                raise OvertakenError(fields={f"{cell.user_id}/{cell.day}": OvertakenError().message()})
        shifts = await self._planned(connection, kinds, cells, before)
        cleared = [(cell.user_id, cell.day) for cell in cells if cell.kind_id is None]
        await store.put_shifts(connection, cleared, shifts)
        await _refuse_overlaps(connection, {cell.user_id for cell in cells}, "changes")
        await _changed(connection, actor, rosters, cells, reason)

    async def _planned(
        self,
        connection: Connection,
        kinds: Mapping[int, Kind],
        cells: Sequence[Cell],
        before: Mapping[tuple[int, date], Shift],
    ) -> list[Shift]:
        numbers = await store.last_duty_numbers(connection, {cell.user_id for cell in cells})
        # A removed kind moves, as in a swap, and never spreads.
        more = Counter(cell.kind_id for cell in cells)
        more.subtract(cell.was for cell in cells)
        shifts = []
        for cell in cells:
            if cell.kind_id is None:
                continue
            kind = kinds.get(cell.kind_id)
            if kind is None or (kind.removed and more[cell.kind_id] > 0):
                said = {"en": "There is no such kind of shift.", "zh": "没有这个班次。"}
                raise InvalidInputError(fields={"changes": said})
            held = before.get((cell.user_id, cell.day))
            number = (
                numbers.get(cell.user_id)
                if cell.duty_number is None
                else self._dialled(cell.duty_number, "duty_number")
            )
            if cell.duty_number is None and held is not None and held.kind_id == cell.kind_id:
                number = held.duty_number
            empty = Shift(
                cell.user_id, cell.day, 0, None, None, (number or None) if kind.duty else None, cell.deputy_id
            )
            shifts.append(self._with_times(empty, kind))
        return shifts

    async def told(self) -> None:
        """A change made by `change_in` is committed."""
        await self._tell()

    async def preview(self, file: bytes) -> Preview:
        """What a file would change, and what is wrong with it; saving is `change` with these cells.

        Raises:
            NoTableError: it is no table.
        """
        grid = await asyncio.to_thread(read_table, file)
        people = await store.list_people(self._pool)
        kinds = [kind for kind in await store.list_kinds(self._pool) if not kind.removed]
        kept = await store.removed_kinds_held(self._pool)
        planned = read_roster(grid, people, kinds, self.today(), kept)
        before = await store.cells_of(self._pool, list(planned.cells))
        changes = []
        for cell, kind_id in planned.cells.items():
            was = before[cell].kind_id if cell in before else None
            if was != kind_id:
                changes.append((planned.places[cell], Cell(*cell, was, kind_id)))
        return Preview(changes, planned)

    # -- months ------------------------------------------------------------------------------------------

    async def submit(self, actor: Actor, month: date) -> None:
        """Hand a month's roster in for approval (SHF-04). Raises ConflictError: it is approved already."""
        async with self._pool.acquire() as connection, connection.transaction():
            (roster,) = await store.lock_rosters(connection, [month])
            if roster.state is RosterState.APPROVED:
                raise ConflictError
            if roster.state is RosterState.DRAFT:
                await self._bring(connection, actor, month, RosterState.SUBMITTED)

    async def decide(self, actor: Actor, month: date, *, may_own: bool, approve: bool, note: str) -> None:
        """Approve a month's roster, or give it back. Everybody with this right may but the one who handed
        it in (unless `may_own`), so that a deputy can while the manager is away (SHF-04, SHF-24).

        Raises:
            ConflictError: it is not handed in (any more).
            OwnRequestError: it is his own.
        """
        wanted = RosterState.APPROVED if approve else RosterState.DRAFT
        async with self._pool.acquire() as connection, connection.transaction():
            (roster,) = await store.lock_rosters(connection, [month])
            if roster.state is wanted:
                return
            if roster.state is not RosterState.SUBMITTED:
                raise ConflictError
            if roster.submitted_by_id == actor.user_id and not may_own:
                raise OwnRequestError
            await self._bring(connection, actor, month, wanted, note)

    @staticmethod
    async def _bring(connection: Connection, actor: Actor, month: date, state: RosterState, note: str = "") -> None:
        await store.put_state(connection, month, state, actor.user_id, note)
        verb = {RosterState.SUBMITTED: "submitted", RosterState.APPROVED: "approved", RosterState.DRAFT: "given_back"}
        what = ("roster", f"{month:%Y-%m}")
        await audit.record(connection, actor, f"roster.{verb[state]}", of=what, detail={"note": note} if note else None)


def _signed_in(agent: LiveAgent) -> SignedIn:
    return SignedIn(
        agent.state.value,
        moment(agent.since_ms),
        agent.fields.get("reason", ""),
        agent.state is not AgentState.SIGNED_OUT,
    )


async def _changed(
    connection: Connection, actor: Actor, rosters: Sequence[store.Roster], cells: Sequence[Cell], reason: str
) -> None:
    """Of these locked months those that have changed are drafts again where they were handed in; it is audited."""
    for roster in rosters:
        changed = [_told_cell(cell) for cell in cells if month_of(cell.day) == roster.month]
        if not changed:
            continue
        await store.back_to_draft(connection, roster.month)
        detail = {"state": roster.state, "reason": reason, "changes": changed}
        await audit.record(connection, actor, "roster.changed", of=("roster", f"{roster.month:%Y-%m}"), detail=detail)


async def _refuse_overlaps(connection: Connection, user_ids: set[int], field: str) -> None:
    """Raises InvalidInputError naming who would have two shifts at once; the constraint has the last word."""
    found = await store.overlaps(connection, user_ids)
    if found:
        en = "; ".join(f"{name}: {day} and {other} overlap" for name, day, other in found)
        zh = "；".join(f"{name}：{day} 与 {other} 的班次重叠" for name, day, other in found)
        raise InvalidInputError(fields={field: {"en": f"{en}.", "zh": f"{zh}。"}})
    try:
        await connection.execute("set constraints shifts_one_at_a_time immediate")
    except asyncpg.ExclusionViolationError:
        said = {"en": "Somebody would have two shifts at once.", "zh": "有人会同时有两个班次。"}
        raise InvalidInputError(fields={field: said}) from None


def _told(kind: Kind | None) -> dict[str, Any] | None:
    if kind is None:
        return None
    times = [str(kind.times.starts), str(kind.times.ends)] if kind.times else None
    return {"code": kind.code, "times": times, "duty": kind.duty}


def _told_cell(cell: Cell) -> dict[str, Any]:
    told: dict[str, Any] = {"user_id": cell.user_id, "day": cell.day.isoformat(), "was": cell.was, "is": cell.kind_id}
    return told | {name: value for name in ("duty_number", "deputy_id") if (value := getattr(cell, name)) is not None}
