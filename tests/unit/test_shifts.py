"""Shifts: spans over midnight, working days, who is here, whose phone it is, and what a table says."""

import contextlib
import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.configuration.hours import is_work_day
from callcenter.shifts.model import (
    Attendance,
    Duty,
    Kind,
    Person,
    Presence,
    Shift,
    SignedIn,
    Times,
    due_on,
    duty_at,
    last_day_to_ask,
    next_month,
    span_of,
    who_is_here,
)
from callcenter.shifts.reading import read_roster
from callcenter.shifts.sheet import (
    LARGEST_UNPACKED,
    MOST_COLUMNS,
    MOST_ROWS,
    Grid,
    NoTableError,
    read_table,
    write_workbook,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 25)
EARLY = Kind(1, "1", "早班", "Early", Times(time(8), time(16)), "#000000", duty=False, removed=False)
NIGHT = Kind(3, "3", "夜班", "Night", Times(time(22), time(8)), "#000000", duty=True, removed=False)
REST = Kind(4, "0", "休息", "Rest", None, "#000000", duty=False, removed=False)
KINDS = (EARLY, NIGHT, REST)
PEOPLE = (
    Person(1, "alice", "陈晓琳", "1001"),
    Person(2, "bob", "李伟", "1002"),
    Person(3, "liwei", "李伟", None),
)


def at(text: str) -> datetime:
    """A local time of Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# -- times ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "ends", "hours"),
    [("08:00", "16:00", 8), ("22:00", "08:00", 10), ("08:00", "08:00", 24), ("00:00", "23:59", 23 + 59 / 60)],
)
def test_a_shift_ends_the_same_day_or_the_next(starts: str, ends: str, hours: float) -> None:
    times = Times(time.fromisoformat(starts), time.fromisoformat(ends))
    start, end = span_of(times, date(2026, 12, 31), SHANGHAI)
    assert start.astimezone(SHANGHAI).date() == date(2026, 12, 31)
    assert (end - start).total_seconds() == pytest.approx(hours * 3600)


def test_a_night_in_which_the_clock_changes_is_an_hour_longer() -> None:
    start, end = span_of(Times(time(22), time(6)), date(2026, 10, 31), ZoneInfo("America/New_York"))
    assert end - start == timedelta(hours=9)


@pytest.mark.parametrize(
    ("day", "ahead", "last"),
    [
        ("2026-11-26", 1, "2026-11-25"),
        ("2026-11-30", 1, "2026-11-27"),  # a Monday: the Friday before
        ("2026-11-30", 0, "2026-11-30"),
        ("2026-11-30", 2, "2026-11-26"),
        ("2026-10-08", 1, "2026-09-30"),  # after the National Day holidays
        ("2026-10-11", 1, "2026-10-10"),  # a Saturday that is worked
    ],
)
def test_a_swap_is_asked_for_working_days_ahead(day: str, ahead: int, last: str) -> None:
    assert last_day_to_ask(date.fromisoformat(day), ahead, is_work_day) == date.fromisoformat(last)


def test_months() -> None:
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert due_on(date(2027, 1, 1), 28) == date(2026, 12, 28)
    assert due_on(date(2027, 3, 1), 28) == date(2027, 2, 28)


# -- who is here ---------------------------------------------------------------------------------------


def planned(user_id: int, starts: str, ends: str) -> Shift:
    return Shift(user_id, TODAY, 1, at(starts), at(ends), None, None)


def signed(state: str, since: str) -> SignedIn:
    return SignedIn(state, at(since), "", state != "signed_out")


@pytest.mark.parametrize(
    ("now", "state", "presence", "missing_since"),
    [
        ("2026-11-25T07:49", None, None, None),
        ("2026-11-25T07:50", "signed_out", Presence.DUE, None),
        ("2026-11-25T07:50", "ready", Presence.EARLY, None),
        ("2026-11-25T08:00", "signed_out", Presence.MISSING, "2026-11-25T08:00"),
        ("2026-11-25T08:00", "paused", Presence.HERE, None),
        ("2026-11-25T15:59", "signed_out", Presence.MISSING, "2026-11-25T08:00"),
        ("2026-11-25T16:00", "ready", Presence.UNPLANNED, None),
    ],
)
def test_somebody_against_his_shift(
    now: str, state: str | None, presence: Presence | None, missing_since: str | None
) -> None:
    states = {1: signed(state or "signed_out", "2026-11-25T07:00")}
    shifts = [planned(1, "2026-11-25T08:00", "2026-11-25T16:00")]
    rows = who_is_here(shifts, states, {1: PEOPLE[0]}, at(now), timedelta(minutes=10))
    assert [row.presence for row in rows] == ([presence] if presence else [])
    assert [row.missing_since for row in rows] == ([at(missing_since) if missing_since else None] if presence else [])


def test_who_has_left_is_missing_since_then_and_who_has_no_phone_is_not_seen() -> None:
    shifts = [planned(who, "2026-11-25T08:00", "2026-11-25T16:00") for who in (3, 2, 1)]
    states = {1: signed("signed_out", "2026-11-25T11:30"), 2: signed("talking", "2026-11-25T08:00")}
    people = {person.user_id: person for person in PEOPLE}
    rows = who_is_here(shifts, states, people, at("2026-11-25T12:00"), timedelta())
    assert [(row.user_id, row.presence) for row in rows] == [
        (1, Presence.MISSING),
        (2, Presence.HERE),
        (3, Presence.UNSEEN),
    ]
    assert rows[0].missing_since == at("2026-11-25T11:30")


def test_an_agent_whom_the_queue_does_not_know_is_not_there() -> None:
    shifts = [planned(who, "2026-11-25T08:00", "2026-11-25T16:00") for who in (1, 3)]
    people = {person.user_id: person for person in PEOPLE}
    early = who_is_here(shifts, {}, people, at("2026-11-25T07:55"), timedelta(minutes=10))
    assert [(row.user_id, row.presence) for row in early] == [(1, Presence.DUE)]
    now = who_is_here(shifts, {}, people, at("2026-11-25T09:00"), timedelta())
    assert [(row.user_id, row.presence, row.missing_since) for row in now] == [
        (1, Presence.MISSING, at("2026-11-25T08:00")),
        (3, Presence.UNSEEN, None),
    ]


def test_late_and_early_minutes_are_whole_ones_and_wait_for_the_end() -> None:
    day = Attendance(1, TODAY, 1, at("2026-11-25T08:00"), at("2026-11-25T16:00"), at("2026-11-25T08:00:59"),
                     at("2026-11-25T12:00"), 0)  # fmt: skip
    assert (day.late_minutes, day.early_minutes(at("2026-11-25T15:00"))) == (0, 0)
    nobody = replace(day, first_at=None, last_at=None)
    assert [nobody.absent(at(f"2026-11-25T{hour}")) for hour in ("15:59", "16:00")] == [False, True]
    assert not day.absent(at("2026-11-25T16:00"))
    assert day.early_minutes(at("2026-11-25T16:00")) == 240


# -- the duty phone ------------------------------------------------------------------------------------


def test_of_several_on_duty_the_one_with_a_number_of_his_own() -> None:
    start, end = at("2026-11-25T22:00"), at("2026-11-26T08:00")
    duties = [Duty(1, start, end, "111"), Duty(2, start + timedelta(hours=1), end, ""), Duty(3, end, end, "333")]
    assert duty_at(duties, at("2026-11-25T23:30"), "999") == (1, "111")
    assert duty_at(duties[1:], at("2026-11-25T23:30"), "999") == (2, "999")
    assert duty_at(duties[1:], at("2026-11-25T23:30"), "") is None
    assert duty_at(duties, end, "999") is None
    assert duty_at(duties, start - timedelta(seconds=1), "999") is None


# -- tables --------------------------------------------------------------------------------------------


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def told(grid: Grid) -> tuple[dict[tuple[int, str], int | None], dict[str, str]]:
    plan = read_roster(grid, PEOPLE, KINDS, TODAY, {})
    cells = {(user_id, day.isoformat()): kind for (user_id, day), kind in plan.cells.items()}
    return cells, {one.cell: one.en for one in plan.troubles}


def test_a_workbook_as_people_make_it() -> None:
    grid = read_table(
        workbook(
            ("十二月排班",),
            ("人员", date(2026, 12, 1), "2026/12/2", "12月3日"),
            ("alice", "早班", 3, "rest"),
            (1002, "-", "", " 夜 班 "),
        )
    )
    assert told(grid) == (
        {
            (1, "2026-12-01"): 1, (1, "2026-12-02"): 3, (1, "2026-12-03"): 4,
            (2, "2026-12-01"): None, (2, "2026-12-03"): 3,
        },
        {},
    )  # fmt: skip


def test_each_complaint_names_its_cell() -> None:
    cells, troubles = told(
        [
            ["", "2026-12-01", "2026-12-02", "合计", "2026-12-01", "2030-01-01"],
            ["alice", "早斑", "=A1"],
            ["李伟", "早班"],
            ["", "早班"],
            ["nobody", "早班"],
            ["1001", "早班"],
            ["bob", "1", "夜班"],
        ]
    )
    assert cells == {(2, "2026-12-01"): 1, (2, "2026-12-02"): 3}
    assert set(troubles) == {"D1", "E1", "F1", "B2", "C2", "A3", "A4", "A5", "A6"}
    assert troubles["B2"] == "There is no shift kind called 早斑."


def test_a_year_is_the_nearest_one() -> None:
    cells, _ = told([["", "11-24", "1/2"], ["alice", "1", "1"]])
    assert set(cells) == {(1, "2026-11-24"), (1, "2027-01-02")}


@pytest.mark.parametrize(("today", "day"), [("2028-01-10", "2028-02-29"), ("2027-06-10", "2028-02-29"), (TODAY, None)])
def test_a_leap_day_is_one_of_the_years_that_have_it(today: str | date, day: str | None) -> None:
    on = date.fromisoformat(str(today))
    plan = read_roster([["", f"{on}", "2月29日"], ["alice", "", "早班"]], PEOPLE, KINDS, on, {})
    assert [str(found) for _, found in plan.cells] == ([day] if day else [])
    assert [one.cell for one in plan.troubles] == ([] if day else ["C1"])


def test_a_removed_kind_is_known_where_it_is_held() -> None:
    gone = replace(EARLY, kind_id=9, removed=True)
    day = date(2026, 12, 1)
    grid: Grid = [["", day], ["alice", "早班"], ["bob", "Early"], ["liwei", "1"]]
    plan = read_roster(grid, PEOPLE, KINDS, TODAY, {(1, day): gone, (3, day): gone})
    assert plan.cells == {(1, day): 9, (2, day): EARLY.kind_id, (3, day): EARLY.kind_id}
    assert [one.cell for one in read_roster(grid[:2], PEOPLE, (), TODAY, {(2, day): gone}).troubles] == ["B2"]


def test_a_table_without_dates_says_where_they_go() -> None:
    assert told([["a", "b"], ["alice", "早班"]])[1].keys() == {"B1"}
    assert told([])[1].keys() == {"B1"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_text_in_either_encoding(encoding: str, delimiter: str) -> None:
    text = delimiter.join(("人员", "2026-12-01")) + "\r\n" + delimiter.join(("陈晓琳", "早班")) + "\r\n\r\n"
    assert told(read_table(text.encode(encoding))) == ({(1, "2026-12-01"): 1}, {})


def test_what_is_written_is_text_and_reads_as_it_was() -> None:
    rows: list[list[Any]] = [["name", date(2026, 12, 1)], ['=HYPERLINK("http://x")', "+1"], ["@x", "-"]]
    file = write_workbook([("排班", rows)])
    sheet = openpyxl.load_workbook(io.BytesIO(file)).worksheets[0]
    assert [cell.data_type for cell in sheet["A"]] == ["s", "s", "s"]
    assert read_table(file) == rows


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def replaced(file: bytes, part: str, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return packed(**(parts | {part: content}))


SHEET = "xl/worksheets/sheet1.xml"
BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">"""
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><worksheet><sheetData><row><c t='inlineStr'><is><t>&j;</t></is></c></row></sheetData></worksheet>"
)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"PK",
        b"\xd0\xcf\x11\xe0\xa1\xb1",
        b"\xff\xfe\x00\x81",
        b"a,b\0c",
        packed(**{"x.xml": b"0" * (LARGEST_UNPACKED + 1)}),
        packed(**{f"{n}": b"" for n in range(300)}),
        packed(**{"xl/workbook.xml": b"<x/>"}),
        replaced(workbook(("a",)), SHEET, b"<worksheet"),
        replaced(workbook(("a",)), SHEET, BOMB),
        b"\n" * (MOST_ROWS + 2) + b"a",
        b"," * MOST_COLUMNS + b"a",
        b'"' + b"x" * 200_000,
    ],
    ids=range(13),
)
def test_a_file_that_is_no_table_is_refused_and_nothing_else(file: bytes) -> None:
    if file == b"":
        assert read_table(file) == []
        return
    with pytest.raises(NoTableError) as refused:
        read_table(file)
    said = refused.value.fields["body"]
    assert isinstance(said, dict)
    assert said.keys() == {"en", "zh"}


def test_a_cell_at_the_end_of_the_sheet_costs_nothing() -> None:
    far = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    far += b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>'
    assert len(read_table(replaced(workbook(("a",)), SHEET, far))) <= MOST_ROWS


_ENTRIES = st.one_of(
    st.text(max_size=12), st.dates(), st.sampled_from(["早班", "1", "=1+1", "alice", "1001", "12-1", "-"])
)


@given(st.lists(st.lists(_ENTRIES, max_size=6), max_size=8))
def test_whatever_a_table_holds_is_planned_or_complained_about(grid: Grid) -> None:
    plan = read_roster(grid, PEOPLE, KINDS, TODAY, {})
    assert {user_id for user_id, _ in plan.cells} <= {1, 2, 3}
    assert set(plan.cells.values()) <= {1, 3, 4, None}
    assert all(one.en and one.zh and one.cell for one in plan.troubles)


@given(st.binary(max_size=300), st.booleans())
def test_whatever_bytes_come_are_a_table_or_refused(content: bytes, packed_too: bool) -> None:
    with contextlib.suppress(NoTableError):
        read_table(b"PK\x03\x04" + content if packed_too else content)


def test_moments_are_utc() -> None:
    assert span_of(EARLY.times or Times(time(), time()), TODAY, SHANGHAI)[0].tzinfo is UTC
