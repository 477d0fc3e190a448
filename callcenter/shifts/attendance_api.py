"""Who should be here now, and who was there, over HTTP."""

import asyncio
from datetime import date
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel

from callcenter.clock import moment
from callcenter.shifts import files
from callcenter.shifts.api import Month, RosterPersonOut, ShiftKindOut, first_of, kind_out, ms, own_alone, person_out
from callcenter.shifts.model import SignedIn
from callcenter.shifts.sheet import XLSX
from callcenter.web.routes import SIGNED_IN, Binary, Routes, hotline

routes = Routes()


class AttendingStateOut(BaseModel):
    """An agent's state as it is now, since when (ms), and the reason of a pause; to agents that of their own alone."""

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
    """Somebody's day against his shift; moments in ms. `last_at` null with a `first_at`: he is still there;
    neither, and not `absent`: he may still come.
    """

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


@routes.get("/api/v1/shifts/now", needs=SIGNED_IN)
async def get_now(request: web.Request, /) -> ShiftsNowOut:
    """Who should be here at this moment and is not, who is, and who holds the duty phone."""
    house = hotline(request)
    now = await house.shifts.now(await house.live.agents())
    only = own_alone(request)
    rows = [
        AttendingOut(
            person=person_out(now.people[row.user_id]),
            presence=row.presence.value,
            kind_id=row.shift.kind_id if row.shift else None,
            starts_at=ms(row.shift.starts_at) if row.shift else None,
            ends_at=ms(row.shift.ends_at) if row.shift else None,
            state=_state(row.state, with_reason=only in (None, row.user_id)) if row.state else None,
            missing_since=ms(row.missing_since),
        )
        for row in now.rows
    ]
    duty = None
    if now.duty is not None and now.duty[0] in now.people:
        duty = DutyPhoneOut(display_name=now.people[now.duty[0]].display_name, number=now.duty[1])
    return ShiftsNowOut(at=house.clock(), rows=rows, kinds=[kind_out(one) for one in now.kinds.values()], duty=duty)


def _state(state: SignedIn, *, with_reason: bool) -> AttendingStateOut:
    return AttendingStateOut(name=state.state, since=ms(state.since) or 0, reason=state.reason if with_reason else "")


@routes.get("/api/v1/shifts/attendance", needs=SIGNED_IN)
async def get_attendance(request: web.Request, /, month: Month) -> AttendanceMonth:
    """Who came when, against the roster; agents see their own."""
    house = hotline(request)
    rows, view = await house.shifts.attendance(first_of(month), own_alone(request))
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
            absent=row.absent(now),
        )
        for row in rows
    ]
    return AttendanceMonth(rows=found, kinds=[kind_out(one) for one in view.kinds])


@routes.get("/api/v1/shifts/attendance/file", needs=SIGNED_IN)
async def get_attendance_file(
    request: web.Request, /, month: Month, language: Literal["zh", "en"] = "zh"
) -> Annotated[bytes, Binary(XLSX)]:
    """A month's attendance as .xlsx, with each person's totals (SHF-03)."""
    house = hotline(request)
    rows, view = await house.shifts.attendance(first_of(month), own_alone(request))
    now = moment(house.clock())
    return await asyncio.to_thread(files.attendance, rows, view, now, house.zone, language=language)
