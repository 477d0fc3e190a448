"""Open or closed: the week, holidays, swapped work days, own exceptions, lunch, midnight, the clock's own jumps."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest

from callcenter.configuration.hours import Why, open_at, plan_of
from callcenter.configuration.model import Hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
LUNCH = [{"start": "08:30", "end": "12:00"}, {"start": "14:00", "end": "17:30"}]
SHORT = [{"start": "09:00", "end": "12:00"}]
WORK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
ALL_DAY = [{"start": "00:00", "end": "24:00"}]
UNKNOWN_YEAR = max(chinese_calendar.constants.holidays).year + 1


def hours(**fields: Any) -> Hours:
    """An office: work days with a lunch break, Saturday mornings, holidays closed."""
    week = dict.fromkeys(WORK_DAYS, LUNCH) | {"saturday": SHORT}
    return Hours.model_validate(
        {"hours_id": "office", "name_zh": "办公时间", "name_en": "Office hours", "week": week} | fields
    )


@pytest.mark.parametrize(
    ("day", "starts", "why", "name"),
    [
        ("2026-11-23", ["08:30", "14:00"], Why.WEEK, ""),
        ("2026-11-28", ["09:00"], Why.WEEK, ""),
        ("2026-11-29", [], Why.WEEK, ""),
        ("2026-10-01", [], Why.HOLIDAY, "国庆节"),
        ("2026-10-03", [], Why.HOLIDAY, "国庆节"),
        ("2026-10-08", ["08:30", "14:00"], Why.WEEK, ""),
        ("2026-10-10", ["08:30", "14:00"], Why.SWAPPED_WORK_DAY, "国庆节"),
        ("2026-09-20", ["08:30", "14:00"], Why.SWAPPED_WORK_DAY, "国庆节"),
        ("2026-02-16", [], Why.HOLIDAY, "春节"),
        ("2026-02-23", [], Why.HOLIDAY, "春节"),
        ("2026-02-28", ["08:30", "14:00"], Why.SWAPPED_WORK_DAY, "春节"),
    ],
)
def test_a_day_in_china(day: str, starts: list[str], why: Why, name: str) -> None:
    plan = plan_of(hours(), date.fromisoformat(day))
    assert ([span.start for span in plan.spans], plan.why, plan.name_zh) == (starts, why, name)
    assert plan.calendar_known


def test_holidays_may_have_hours_of_their_own() -> None:
    plan = plan_of(hours(holiday=SHORT), date(2026, 10, 1))
    assert ([span.start for span in plan.spans], plan.name_en) == (["09:00"], "National Day")


def test_an_own_exception_comes_before_holiday_and_week() -> None:
    own = [
        {"day": "2026-10-01", "name": "抢修值班", "spans": SHORT},
        {"day": "2026-11-23", "name": "年会"},
        {"day": "2026-10-10", "spans": SHORT},
    ]
    for day, starts, name in (
        ("2026-10-01", ["09:00"], "抢修值班"),
        ("2026-11-23", [], "年会"),
        ("2026-10-10", ["09:00"], ""),
    ):
        plan = plan_of(hours(exceptions=own), date.fromisoformat(day))
        assert ([span.start for span in plan.spans], plan.why, plan.name_zh) == (starts, Why.EXCEPTION, name)


def test_holidays_do_not_count_where_they_are_not_asked_for() -> None:
    for day in (date(2026, 10, 1), date(UNKNOWN_YEAR, 1, 1)):
        plan = plan_of(hours(china_holidays=False), day)
        assert (plan.why, plan.calendar_known) == (Why.WEEK, True)


@pytest.mark.parametrize("year", [2003, UNKNOWN_YEAR, 2999])
def test_a_year_whose_holidays_nobody_knows_has_the_plain_week_and_says_so(year: int) -> None:
    monday = next(date(year, 10, day) for day in range(1, 8) if date(year, 10, day).weekday() == 0)
    plan = plan_of(hours(), monday)
    assert ([span.start for span in plan.spans], plan.why) == (["08:30", "14:00"], Why.WEEK)
    assert not plan.calendar_known


@pytest.mark.parametrize(
    ("at", "is_open", "until"),
    [
        ("2026-11-23 08:29", False, "2026-11-23 08:30"),
        ("2026-11-23 08:30", True, "2026-11-23 12:00"),
        ("2026-11-23 11:59", True, "2026-11-23 12:00"),
        ("2026-11-23 12:00", False, "2026-11-23 14:00"),
        ("2026-11-27 17:30", False, "2026-11-28 09:00"),
        ("2026-11-28 12:00", False, "2026-11-30 08:30"),
        ("2026-09-30 17:30", False, "2026-10-08 08:30"),
        ("2026-02-14 16:00", True, "2026-02-14 17:30"),
    ],
)
def test_open_and_when_that_changes(at: str, is_open: bool, until: str) -> None:
    asked = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    for moment in (asked, asked.astimezone(UTC)):
        state = open_at(hours(), moment, SHANGHAI)
        assert state.until is not None
        assert (state.is_open, state.until.strftime("%Y-%m-%d %H:%M")) == (is_open, until)


def test_open_through_midnight() -> None:
    night = hours(week=dict.fromkeys(WORK_DAYS, ALL_DAY), china_holidays=False)
    state = open_at(night, datetime(2026, 11, 24, 23, 59, tzinfo=SHANGHAI), SHANGHAI)
    assert (state.is_open, state.until) == (True, datetime(2026, 11, 28, tzinfo=SHANGHAI))


def test_never_and_always() -> None:
    at = datetime(2026, 11, 24, 12, tzinfo=SHANGHAI)
    never = open_at(hours(week={}), at, SHANGHAI)
    always = open_at(
        hours(week=dict.fromkeys((*WORK_DAYS, "saturday", "sunday"), ALL_DAY), holiday=ALL_DAY), at, SHANGHAI
    )
    assert (never.is_open, never.until) == (False, None)
    assert (always.is_open, always.until) == (True, None)


@pytest.mark.parametrize(
    ("at_utc", "is_open", "until_utc"),
    [
        # 2026-03-08, 02:00 EST becomes 03:00 EDT: the day has 23 hours.
        ("2026-03-08 06:59", False, "2026-03-08 07:00"),
        ("2026-03-08 07:30", True, "2026-03-08 21:00"),
        # 2026-11-01, 02:00 EDT becomes 01:00 EST: the day has 25 hours.
        ("2026-11-01 06:30", False, "2026-11-01 07:00"),
        ("2026-11-01 21:30", True, "2026-11-01 22:00"),
    ],
)
def test_the_clock_jumps(at_utc: str, is_open: bool, until_utc: str) -> None:
    early = hours(week={"sunday": [{"start": "02:00", "end": "17:00"}]}, china_holidays=False)
    state = open_at(early, datetime.fromisoformat(at_utc).replace(tzinfo=UTC), NEW_YORK)
    assert state.until is not None
    assert (state.is_open, state.until.astimezone(UTC).strftime("%Y-%m-%d %H:%M")) == (is_open, until_utc)
