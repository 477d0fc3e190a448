"""Rosters over HTTP: the grid, months, swaps, files, attendance, who should be here now."""

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.clock import moment
from callcenter.errors import InvalidInputError
from callcenter.shifts import files
from callcenter.shifts.model import Cell, Kind, Person, RosterState, Rules, Shift, Times, due_on
from callcenter.shifts.service import View
from callcenter.shifts.sheet import CSV, LARGEST_FILE, XLSX
from callcenter.shifts.store import Roster
from callcenter.shifts.swaps import Swap
from callcenter.staff.model import Role
from callcenter.validation import Id, Line
from callcenter.web.routes import SIGNED_IN, SUPERVISORS, Binary, Routes, actor, hotline, signed_in

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
    """What somebody is planned for on a day; moments in ms, null for rest and leave."""

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


class AttendingStateOut(BaseModel):
    """An agent's state as it is now, since when (ms), and the reason of a pause."""

    name: str
    since: int
    reason: str


class AttendingOut(BaseModel):
    """How somebody stands to the roster now. `missing_since` (ms) where he should be here and is not."""

    person: RosterPersonOut
    presence: Literal["here", "missing", "early", "due", "unplanned", "unseen"]
    kind_id: int | None
    starts_at: int | None
    ends_at: int | None
    state: AttendingStateOut | None
    missing_since: int | None


class DutyPhoneOut(BaseModel):
    """Who holds the duty phone, and its number."""

    display_name: str
    number: str


class ShiftsNowOut(BaseModel):
    """Who should be here at the moment `at` (ms); who is missing comes first."""

    at: int
    rows: list[AttendingOut]
    kinds: list[ShiftKindOut]
    duty: DutyPhoneOut | None


class AttendanceOut(BaseModel):
    """Somebody's day against his shift; moments in ms. `last_at` null with a `first_at`: he is still there."""

    user_id: int
    display_name: str
    day: date
    kind_id: int | None
    starts_at: int | None
    ends_at: int | None
    first_at: int | None
    last_at: int | None
    late_minutes: int
    early_minutes: int
    present_minutes: int
    absent: bool


class AttendanceMonth(BaseModel):
    """A month's attendance."""

    rows: list[AttendanceOut]
    kinds: list[ShiftKindOut]


class ShiftSwapIn(BaseModel):
    """One's own shift of a day for a colleague's of the same or another day."""

    model_config = ConfigDict(extra="forbid")

    day: date
    colleague_id: Id
    colleague_day: date
    note: Line = ""


class ShiftSwapOut(BaseModel):
    """A request for a swap."""

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
    asked_at: int
    state: Literal["asked", "approved", "declined", "withdrawn"]
    decided_at: int | None
    decided_by: str | None
    decision: str


class ShiftMadeOut(BaseModel):
    """The id of what was made."""

    id: int


def ms(at: datetime | None) -> int | None:
    """Milliseconds since the epoch."""
    return None if at is None else round(at.timestamp() * 1000)


def _person(person: Person) -> RosterPersonOut:
    return RosterPersonOut(**{name: getattr(person, name) for name in Person.__slots__})


def _kind(kind: Kind) -> ShiftKindOut:
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


def _shift(shift: Shift) -> ShiftOut:
    fields = {name: getattr(shift, name) for name in Shift.__slots__}
    return ShiftOut(**fields | {"starts_at": ms(shift.starts_at), "ends_at": ms(shift.ends_at)})


def _roster(request: web.Request, roster: Roster, due_day: int) -> RosterMonthOut:
    session = signed_in(request)
    others = session.role is Role.SUPERVISOR and roster.submitted_by_id != session.user_id
    return RosterMonthOut(
        month=f"{roster.month:%Y-%m}",
        state=roster.state,
        due_on=due_on(roster.month, due_day),
        submitted_at=ms(roster.submitted_at),
        submitted_by=roster.submitted_by,
        decided_at=ms(roster.decided_at),
        decided_by=roster.decided_by,
        note=roster.note,
        may_decide=roster.state is RosterState.SUBMITTED and (others or session.role is Role.ADMINISTRATOR),
    )


def _view(request: web.Request, view: View) -> RosterViewOut:
    return RosterViewOut(
        today=hotline(request).shifts.today(),
        people=[_person(one) for one in view.people],
        kinds=[_kind(one) for one in view.kinds],
        shifts=[_shift(one) for one in view.shifts],
        rosters=[_roster(request, one, view.rules.due_day) for one in view.rosters],
        rules=ShiftRulesIn(**{name: getattr(view.rules, name) for name in Rules.__slots__}),
    )


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")


# -- the roster ----------------------------------------------------------------------------------------


@routes.get("/api/v1/shifts", roles=SIGNED_IN)
async def get_roster(request: web.Request, /, first: date, days: DayCount = 7) -> RosterViewOut:
    """The roster of so many days from `first` on."""
    _near(first)
    return _view(request, await hotline(request).shifts.view(first, days))


@routes.put("/api/v1/shifts/cells", roles=SUPERVISORS)
async def put_cells(request: web.Request, /, change: RosterChangeIn) -> None:
    """Change the roster, all or nothing; 409 where a cell holds something else than `was`."""
    cells = [Cell(**one.model_dump()) for one in change.changes]
    for cell in cells:
        _near(cell.day)
    if len({(cell.user_id, cell.day) for cell in cells}) < len(cells):
        raise InvalidInputError(fields={"changes": {"en": "A day comes twice.", "zh": "同一天出现两次。"}})
    await hotline(request).shifts.change(actor(request), cells, change.reason)


@routes.post("/api/v1/shifts/months/{month}/submit", roles=SUPERVISORS)
async def submit_roster(request: web.Request, month: Month, /) -> None:
    """Hand in a month's roster for approval."""
    await hotline(request).shifts.submit(actor(request), _month(month))


@routes.post("/api/v1/shifts/months/{month}/approve", roles=SUPERVISORS)
async def approve_roster(request: web.Request, month: Month, /, said: DecisionNoteIn) -> None:
    """Approve a month's roster: an administrator, or a supervisor who has not handed it in himself."""
    role = signed_in(request).role
    await hotline(request).shifts.decide(actor(request), role, _month(month), approve=True, note=said.note)


@routes.post("/api/v1/shifts/months/{month}/return", roles=SUPERVISORS)
async def return_roster(request: web.Request, month: Month, /, said: DecisionNoteIn) -> None:
    """Give a month's roster back to be changed."""
    role = signed_in(request).role
    await hotline(request).shifts.decide(actor(request), role, _month(month), approve=False, note=said.note)


@routes.get("/api/v1/shifts/now", roles=SIGNED_IN)
async def get_now(request: web.Request, /) -> ShiftsNowOut:
    """Who should be here at this moment and is not, who is, and who holds the duty phone."""
    house = hotline(request)
    now = await house.shifts.now(await house.live.agents())
    rows = [
        AttendingOut(
            person=_person(now.people[row.user_id]),
            presence=row.presence.value,
            kind_id=row.shift.kind_id if row.shift else None,
            starts_at=ms(row.shift.starts_at) if row.shift else None,
            ends_at=ms(row.shift.ends_at) if row.shift else None,
            state=AttendingStateOut(name=row.state.state, since=ms(row.state.since) or 0, reason=row.state.reason)
            if row.state
            else None,
            missing_since=ms(row.missing_since),
        )
        for row in now.rows
    ]
    duty = None
    if now.duty is not None and now.duty[0] in now.people:
        duty = DutyPhoneOut(display_name=now.people[now.duty[0]].display_name, number=now.duty[1])
    return ShiftsNowOut(at=house.clock(), rows=rows, kinds=[_kind(one) for one in now.kinds.values()], duty=duty)


# -- kinds and rules -----------------------------------------------------------------------------------


@routes.post("/api/v1/shifts/kinds", roles=SUPERVISORS, status=201)
async def make_kind(request: web.Request, /, kind: ShiftKindIn) -> ShiftMadeOut:
    """Make a kind of shift."""
    return ShiftMadeOut(id=await hotline(request).shifts.put_kind(actor(request), _kind_in(kind, 0)))


@routes.put("/api/v1/shifts/kinds/{kind_id}", roles=SUPERVISORS)
async def put_kind(request: web.Request, kind_id: Id, /, kind: ShiftKindIn) -> None:
    """Set a kind of shift; days after today in months that are not approved take its new times."""
    await hotline(request).shifts.put_kind(actor(request), _kind_in(kind, kind_id))


@routes.delete("/api/v1/shifts/kinds/{kind_id}", roles=SUPERVISORS)
async def remove_kind(request: web.Request, kind_id: Id, /) -> None:
    """Take a kind out; days that have it keep it."""
    await hotline(request).shifts.remove_kind(actor(request), kind_id)


@routes.put("/api/v1/shifts/rules", roles=SUPERVISORS)
async def put_rules(request: web.Request, /, rules: ShiftRulesIn) -> None:
    """Set what holds for all rosters."""
    await hotline(request).shifts.put_rules(actor(request), Rules(**rules.model_dump()))


# -- files ---------------------------------------------------------------------------------------------


@routes.post("/api/v1/shifts/import", roles=SUPERVISORS)
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


@routes.get("/api/v1/shifts/file", roles=SIGNED_IN)
async def get_file(
    request: web.Request, /, first: date, days: DayCount = 7, empty: bool = False, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary(XLSX)]:
    """The roster as .xlsx, in the form that the import takes; `empty`: a template."""
    _near(first)
    view = await hotline(request).shifts.view(first, days)
    return await asyncio.to_thread(files.roster, view, first, days, empty=empty, language=language)


# -- attendance ----------------------------------------------------------------------------------------


@routes.get("/api/v1/shifts/attendance", roles=SIGNED_IN)
async def get_attendance(request: web.Request, /, month: Month) -> AttendanceMonth:
    """Who came when, against the roster; agents see their own."""
    house = hotline(request)
    rows, view = await house.shifts.attendance(_month(month), _only(request))
    names = {person.user_id: person.display_name for person in view.people}
    now = moment(house.clock())
    found = [
        AttendanceOut(
            user_id=row.user_id,
            display_name=names.get(row.user_id, ""),
            day=row.day,
            kind_id=row.kind_id,
            starts_at=ms(row.starts_at),
            ends_at=ms(row.ends_at),
            first_at=ms(row.first_at),
            last_at=ms(row.last_at),
            late_minutes=row.late_minutes,
            early_minutes=row.early_minutes(now),
            present_minutes=round(row.present_seconds / 60),
            absent=row.absent,
        )
        for row in rows
    ]
    return AttendanceMonth(rows=found, kinds=[_kind(one) for one in view.kinds])


@routes.get("/api/v1/shifts/attendance/file", roles=SIGNED_IN)
async def get_attendance_file(
    request: web.Request, /, month: Month, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary(XLSX)]:
    """A month's attendance as .xlsx, with each person's totals (SHF-03)."""
    house = hotline(request)
    rows, view = await house.shifts.attendance(_month(month), _only(request))
    now = moment(house.clock())
    return await asyncio.to_thread(files.attendance, rows, view, now, house.zone, language=language)


# -- swaps ---------------------------------------------------------------------------------------------


@routes.get("/api/v1/shifts/swaps", roles=SIGNED_IN)
async def list_swaps(request: web.Request, /) -> list[ShiftSwapOut]:
    """Requests for swaps, the open ones first; agents see those that concern them."""
    return [_swap(one) for one in await hotline(request).swaps.list_all(_only(request))]


@routes.post("/api/v1/shifts/swaps", roles=SIGNED_IN, status=201)
async def ask_for_swap(request: web.Request, /, swap: ShiftSwapIn) -> ShiftMadeOut:
    """Ask for a swap of one's own shift, so many working days ahead."""
    colleague = (swap.colleague_id, swap.colleague_day)
    _near(swap.day)
    _near(swap.colleague_day)
    user_id = signed_in(request).user_id
    return ShiftMadeOut(id=await hotline(request).swaps.ask(actor(request), user_id, swap.day, colleague, swap.note))


@routes.post("/api/v1/shifts/swaps/{swap_id}/approve", roles=SUPERVISORS)
async def approve_swap(request: web.Request, swap_id: Id, /, said: DecisionNoteIn) -> None:
    """Approve a swap: the roster changes."""
    await hotline(request).swaps.approve(actor(request), swap_id, said.note)


@routes.post("/api/v1/shifts/swaps/{swap_id}/decline", roles=SUPERVISORS)
async def decline_swap(request: web.Request, swap_id: Id, /, said: DecisionNoteIn) -> None:
    """Decline a swap: the roster stays as it is."""
    await hotline(request).swaps.decline(actor(request), swap_id, said.note)


@routes.post("/api/v1/shifts/swaps/{swap_id}/withdraw", roles=SIGNED_IN)
async def withdraw_swap(request: web.Request, swap_id: Id, /) -> None:
    """Take one's own request back."""
    await hotline(request).swaps.withdraw(actor(request), swap_id)


def _swap(swap: Swap) -> ShiftSwapOut:
    fields = {name: getattr(swap, name) for name in Swap.__slots__}
    return ShiftSwapOut(**fields | {"asked_at": ms(swap.asked_at), "decided_at": ms(swap.decided_at)})


def _only(request: web.Request) -> int | None:
    session = signed_in(request)
    return session.user_id if session.role is Role.AGENT else None


def _near(day: date) -> None:
    """Raises InvalidInputError for a day that no roster is made for: calendars end."""
    if not date(2000, 1, 1) <= day <= date(2099, 1, 1) - timedelta(days=62):
        said = {"en": "This day is too far away.", "zh": "日期太远。"}
        raise InvalidInputError(fields={"day": said})
