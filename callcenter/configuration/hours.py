"""When queues are open: the week, China's public holidays with their swapped work days, and own exceptions. Pure.

The dates of holidays come from chinesecalendar, which follows the State Council's notice of each November; for a year
that it does not know yet the plain week holds, and a day's plan says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import chinese_calendar

from callcenter.configuration.model import Hours, Span

LOOKED_AHEAD: Final = 400
"""Days in which the next change is looked for: hours that open once a year are found."""

_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Why(StrEnum):
    """Why a day has the spans that it has."""

    EXCEPTION = "exception"
    HOLIDAY = "holiday"
    SWAPPED_WORK_DAY = "swapped_work_day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class DayPlan:
    """When a day is open, and why. `calendar_known` is false where holidays count but the year's are not known yet.

    The name is that of the holiday or the exception; empty on a plain day.
    """

    day: date
    spans: tuple[Span, ...]
    why: Why
    name_zh: str = ""
    name_en: str = ""
    calendar_known: bool = True


@dataclass(frozen=True, slots=True)
class OpenState:
    """Whether it is open, and until when that holds (aware); None: nothing changes in the time looked ahead."""

    is_open: bool
    until: datetime | None


def plan_of(hours: Hours, day: date) -> DayPlan:
    """The spans of one day: an own exception comes first, then the public holidays, then the week (HRS-07, HRS-11)."""
    for exception in hours.exceptions:
        if exception.day == day:
            return DayPlan(day, tuple(exception.spans), Why.EXCEPTION, exception.name, exception.name)
    spans = tuple(getattr(hours.week, _WEEK[day.weekday()]))
    if not hours.china_holidays:
        return DayPlan(day, spans, Why.WEEK)
    match _in_china(day):
        case None:
            return DayPlan(day, spans, Why.WEEK, calendar_known=False)
        case (_, ""):
            return DayPlan(day, spans, Why.WEEK)
        case (True, holiday):
            return DayPlan(day, tuple(hours.holiday), Why.HOLIDAY, *_names(holiday))
        case (_, holiday):
            return DayPlan(day, tuple(hours.week.monday), Why.SWAPPED_WORK_DAY, *_names(holiday))


def is_work_day(day: date) -> bool:
    """Whether offices work that day: by China's holidays and swapped weekends; in a year that is not known yet, Monday
    to Friday.
    """
    known = _in_china(day)
    return day.weekday() < 5 if known is None else not known[0]


@lru_cache(maxsize=4096)
def _in_china(day: date) -> tuple[bool, str] | None:
    """Whether the country is off that day, and for which holiday, or in place of which; None: not known yet.

    Kept, because the library goes through all its dates for each question.
    """
    try:
        off, holiday = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return None
    return off, holiday or ""


def _names(holiday: str) -> tuple[str, str]:
    return chinese_calendar.Holiday(holiday).chinese, holiday


def open_at(hours: Hours, at: datetime, zone: ZoneInfo) -> OpenState:
    """Whether these hours are open at `at` (aware), and when that changes next, in `zone`."""
    for start, end in _open_times(hours, at.astimezone(zone).date(), zone):
        if at < start:
            return OpenState(is_open=False, until=start.astimezone(zone))
        if at < end:
            return OpenState(is_open=True, until=None if end == _END else end.astimezone(zone))
    return OpenState(is_open=False, until=None)


_END: Final = datetime.max.replace(tzinfo=UTC)


def _open_times(hours: Hours, first: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """The open times from the day `first` on, in UTC; those that touch at midnight are one."""
    held: tuple[datetime, datetime] | None = None
    for ahead in range(LOOKED_AHEAD):
        day = first + timedelta(days=ahead)
        for span in plan_of(hours, day).spans:
            start, end = _moment(day, span.start, zone), _moment(day, span.end, zone)
            if held is not None and start <= held[1]:
                held = (held[0], max(end, held[1]))
                continue
            if held is not None:
                yield held
            held = (start, end)
    if held is not None:
        still_open = held[1] >= _moment(first + timedelta(days=LOOKED_AHEAD), "00:00", zone)
        yield (held[0], _END) if still_open else held


def _moment(day: date, text: str, zone: ZoneInfo) -> datetime:
    """A local time of a day as UTC; 24:00 is the next day's start. A time that the clock skips is its later side."""
    if text == "24:00":
        day, text = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(text), tzinfo=zone).astimezone(UTC)
