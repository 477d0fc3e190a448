"""Rosters over HTTP: the grid, months, swaps, files, attendance, who should be here now."""

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.errors import InvalidInputError
from callcenter.shifts import files
from callcenter.shifts.model import Cell, Kind, Person, RosterState, Rules, Shift, Times, due_on
from callcenter.shifts.service import View
from callcenter.shifts.sheet import CSV, LARGEST_FILE, XLSX
from callcenter.shifts.store import Roster
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Line
from callcenter.web.routes import SIGNED_IN, Binary, Routes, actor, hotline, may, signed_in

routes = Routes()

DayCount = Annotated[int, Field(ge=1, le=62)]
Month = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Name = Annotated[Line, Field(min_length=1, max_length=40)]


class ShiftKindIn(BaseModel):
    """A kind of shift; without times rest or leave. An end not later than the start is the next day's."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern=r"^[0-9a-z]$")]
    name_zh: Name
    name_en: Name
    starts: Clock | None = None
    ends: Clock | None = None
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    duty: bool = False


class ShiftKindOut(ShiftKindIn):
    """A kind; `removed` ones stand on past days only."""

    kind_id: int
    removed: bool


class ShiftRulesIn(BaseModel):
    """What holds for all rosters."""

    model_config = ConfigDict(extra="forbid")

    early_minutes: Annotated[int, Field(ge=0, le=120)]
    due_day: Annotated[int, Field(ge=1, le=28)]
    swap_working_days: Annotated[int, Field(ge=0, le=30)]
    duty_number: Line = ""


class RosterPersonOut(BaseModel):
    """Somebody on the roster."""

    user_id: int
    username: str
    display_name: str
    extension: str | None


class ShiftOut(BaseModel):
    """What somebody is planned for on a day; moments in ms, null for rest and leave. To agents `duty_number` is told of
    their own days alone: who is on duty now is in `/shifts/now`.
    """

    user_id: int
    day: date
    kind_id: int
    starts_at: int | None
    ends_at: int | None
    duty_number: str | None
    deputy_id: int | None


class RosterMonthOut(BaseModel):
    """How far a month's roster has come. `due_on`: by when it is to be handed in."""

    month: Month
    state: RosterState
    due_on: date
    submitted_at: int | None
    submitted_by: str | None
    decided_at: int | None
    decided_by: str | None
    note: str
    may_decide: bool


class RosterViewOut(BaseModel):
    """The roster of some days."""

    today: date
    people: list[RosterPersonOut]
    kinds: list[ShiftKindOut]
    shifts: list[ShiftOut]
    rosters: list[RosterMonthOut]
    rules: ShiftRulesIn


class RosterCellIn(BaseModel):
    """A change of one cell, from the kind `was` to `kind_id` (null: nothing)."""

    model_config = ConfigDict(extra="forbid")

    user_id: Id
    day: date
    was: Id | None
    kind_id: Id | None
    duty_number: Line | None = None
    deputy_id: Id | None = None


class RosterChangeIn(BaseModel):
    """Changes of the roster, all or none. An approved month wants a reason."""

    model_config = ConfigDict(extra="forbid")

    changes: Annotated[list[RosterCellIn], Field(min_length=1, max_length=5000)]
    reason: Line = ""


class DecisionNoteIn(BaseModel):
    """What somebody says to his decision."""

    model_config = ConfigDict(extra="forbid")

    note: Line = ""


class RosterTroubleOut(BaseModel):
    """What is wrong with a cell of a file, such as C7."""

    cell: str
    en: str
    zh: str


class PlannedCellOut(BaseModel):
    """A change that a file would make; `cell` is where it stands in the file."""

    cell: str
    user_id: int
    day: date
    was: int | None
    kind_id: int | None


class RosterPreviewOut(BaseModel):
    """What a file would change. Save it by `PUT /api/v1/shifts/cells`, when nothing is wrong with it."""

    changes: list[PlannedCellOut]
    problems: list[RosterTroubleOut]


class ShiftMadeOut(BaseModel):
    """The id of what was made."""

    id: int


def ms(at: datetime | None) -> int | None:
    """Milliseconds since the epoch."""
    return None if at is None else milliseconds(at)


def person_out(person: Person) -> RosterPersonOut:
    """Somebody, as pages have him."""
    return RosterPersonOut(**{name: getattr(person, name) for name in Person.__slots__})


def kind_out(kind: Kind) -> ShiftKindOut:
    """A kind of shift, as pages have it."""
    times = (f"{kind.times.starts:%H:%M}", f"{kind.times.ends:%H:%M}") if kind.times else (None, None)
    fields = {name: getattr(kind, name) for name in Kind.__slots__ if name != "times"}
    return ShiftKindOut(starts=times[0], ends=times[1], **fields)


def _kind_in(kind: ShiftKindIn, kind_id: int) -> Kind:
    if (kind.starts is None) != (kind.ends is None):
        said = {"en": "Give both times, or none.", "zh": "开始和结束时间须同时填写或都不填。"}
        raise InvalidInputError(fields={"ends": said})
    if kind.duty and kind.starts is None:
        raise InvalidInputError(fields={"duty": {"en": "Duty has times.", "zh": "值班须有起止时间。"}})
    times = None
    if kind.starts is not None and kind.ends is not None:
        times = Times(time.fromisoformat(kind.starts), time.fromisoformat(kind.ends))
    fields = kind.model_dump(exclude={"starts", "ends"})
    return Kind(kind_id=kind_id, times=times, removed=False, **fields)


def _shift(shift: Shift, only: int | None) -> ShiftOut:
    fields = {name: getattr(shift, name) for name in Shift.__slots__}
    number = shift.duty_number if only in (None, shift.user_id) else None
    times = {"starts_at": ms(shift.starts_at), "ends_at": ms(shift.ends_at)}
    return ShiftOut(**fields | times | {"duty_number": number})


def _roster(request: web.Request, roster: Roster, due_day: int) -> RosterMonthOut:
    session = signed_in(request)
    may_own = may(request, Permission.MANAGE_STAFF)
    decides = may(request, Permission.APPROVE_SHIFTS) and (may_own or roster.submitted_by_id != session.user_id)
    return RosterMonthOut(
        month=f"{roster.month:%Y-%m}",
        state=roster.state,
        due_on=due_on(roster.month, due_day),
        submitted_at=ms(roster.submitted_at),
        submitted_by=roster.submitted_by,
        decided_at=ms(roster.decided_at),
        decided_by=roster.decided_by,
        note=roster.note,
        may_decide=roster.state is RosterState.SUBMITTED and decides,
    )


def _view(request: web.Request, view: View) -> RosterViewOut:
    return RosterViewOut(
        today=hotline(request).shifts.today(),
        people=[person_out(one) for one in view.people],
        kinds=[kind_out(one) for one in view.kinds],
        shifts=[_shift(one, own_alone(request)) for one in view.shifts],
        rosters=[_roster(request, one, view.rules.due_day) for one in view.rosters],
        rules=ShiftRulesIn(**{name: getattr(view.rules, name) for name in Rules.__slots__}),
    )


def first_of(text: str) -> date:
    """The first day of a month such as 2026-12."""
    return date.fromisoformat(f"{text}-01")


# -- the roster ----------------------------------------------------------------------------------------


@routes.get("/api/v1/shifts", needs=SIGNED_IN)
async def get_roster(request: web.Request, /, first: date, days: DayCount = 7) -> RosterViewOut:
    """The roster of so many days from `first` on."""
    check_near(first)
    return _view(request, await hotline(request).shifts.view(first, days))


@routes.put("/api/v1/shifts/cells", needs=Permission.PLAN_SHIFTS)
async def put_cells(request: web.Request, /, change: RosterChangeIn) -> None:
    """Change the roster, all or nothing; 409 where a cell holds something else than `was`."""
    cells = [Cell(**one.model_dump()) for one in change.changes]
    for cell in cells:
        check_near(cell.day)
    if len({(cell.user_id, cell.day) for cell in cells}) < len(cells):
        raise InvalidInputError(fields={"changes": {"en": "A day comes twice.", "zh": "同一天出现两次。"}})
    await hotline(request).shifts.change(actor(request), cells, change.reason)


@routes.post("/api/v1/shifts/months/{month}/submit", needs=Permission.PLAN_SHIFTS)
async def submit_roster(request: web.Request, month: Month, /) -> None:
    """Hand in a month's roster for approval."""
    await hotline(request).shifts.submit(actor(request), first_of(month))


@routes.post("/api/v1/shifts/months/{month}/approve", needs=Permission.APPROVE_SHIFTS)
async def approve_roster(request: web.Request, month: Month, /, said: DecisionNoteIn) -> None:
    """Approve a month's roster; one's own only who manages the staff."""
    await _decide(request, month, said, approve=True)


@routes.post("/api/v1/shifts/months/{month}/return", needs=Permission.APPROVE_SHIFTS)
async def return_roster(request: web.Request, month: Month, /, said: DecisionNoteIn) -> None:
    """Give a month's roster back to be changed."""
    await _decide(request, month, said, approve=False)


async def _decide(request: web.Request, month: str, said: DecisionNoteIn, *, approve: bool) -> None:
    may_own = may(request, Permission.MANAGE_STAFF)
    shifts = hotline(request).shifts
    await shifts.decide(actor(request), first_of(month), may_own=may_own, approve=approve, note=said.note)


# -- kinds and rules -----------------------------------------------------------------------------------


@routes.post("/api/v1/shifts/kinds", needs=Permission.PLAN_SHIFTS, status=201)
async def make_kind(request: web.Request, /, kind: ShiftKindIn) -> ShiftMadeOut:
    """Make a kind of shift."""
    return ShiftMadeOut(id=await hotline(request).shifts.put_kind(actor(request), _kind_in(kind, 0)))


@routes.put("/api/v1/shifts/kinds/{kind_id}", needs=Permission.PLAN_SHIFTS)
async def put_kind(request: web.Request, kind_id: Id, /, kind: ShiftKindIn) -> None:
    """Set a kind of shift; days after today in months that are not approved take its new times."""
    await hotline(request).shifts.put_kind(actor(request), _kind_in(kind, kind_id))


@routes.delete("/api/v1/shifts/kinds/{kind_id}", needs=Permission.PLAN_SHIFTS)
async def remove_kind(request: web.Request, kind_id: Id, /) -> None:
    """Take a kind out; days that have it keep it."""
    await hotline(request).shifts.remove_kind(actor(request), kind_id)


@routes.put("/api/v1/shifts/rules", needs=Permission.PLAN_SHIFTS)
async def put_rules(request: web.Request, /, rules: ShiftRulesIn) -> None:
    """Set what holds for all rosters."""
    await hotline(request).shifts.put_rules(actor(request), Rules(**rules.model_dump()))


# -- files ---------------------------------------------------------------------------------------------


@routes.post("/api/v1/shifts/import", needs=Permission.PLAN_SHIFTS)
async def preview_import(
    request: web.Request, /, table: Annotated[bytes, Binary(XLSX, CSV, most_bytes=LARGEST_FILE)]
) -> RosterPreviewOut:
    """What a table (.xlsx, .csv in UTF-8 or GB18030) would change, and what is wrong with it; nothing is saved."""
    preview = await hotline(request).shifts.preview(table)
    changes = [
        PlannedCellOut(cell=place, user_id=cell.user_id, day=cell.day, was=cell.was, kind_id=cell.kind_id)
        for place, cell in preview.changes
    ]
    problems = [RosterTroubleOut(cell=one.cell, en=one.en, zh=one.zh) for one in preview.planned.troubles]
    return RosterPreviewOut(changes=changes, problems=problems)


@routes.get("/api/v1/shifts/file", needs=SIGNED_IN)
async def get_file(
    request: web.Request, /, first: date, days: DayCount = 7, empty: bool = False, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary(XLSX)]:
    """The roster as .xlsx, in the form that the import takes; `empty`: a template."""
    check_near(first)
    view = await hotline(request).shifts.view(first, days)
    return await asyncio.to_thread(files.roster, view, first, days, empty=empty, language=language)


def check_near(day: date) -> None:
    """Raises InvalidInputError for a day that no roster is made for: calendars end."""
    if not date(2000, 1, 1) <= day <= date(2099, 1, 1) - timedelta(days=62):
        said = {"en": "This day is too far away.", "zh": "日期太远。"}
        raise InvalidInputError(fields={"day": said})


def own_alone(request: web.Request) -> int | None:
    """The user id of who plans no shifts, and sees his own alone; None for others."""
    return None if may(request, Permission.PLAN_SHIFTS) else signed_in(request).user_id
