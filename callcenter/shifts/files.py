"""Rosters and attendance as files, in the form that the import takes where there is one."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from callcenter.shifts.model import Attendance, Kind
from callcenter.shifts.service import View
from callcenter.shifts.sheet import Entry, write_workbook

Language = Literal["zh", "en"]
_WORDS: Final = {
    "zh": {
        "roster": "排班",
        "kinds": "班次",
        "person": "用户名、姓名或分机",
        "how": ("班次", "代码", "开始", "结束"),
        "hints": ("单元格填班次名称或代码；留空表示不变；填 - 表示清除。",),
        "attendance": "考勤",
        "totals": "汇总",
        "attendance_head": ("姓名", "日期", "班次", "应到", "应离", "首次上线", "最后下线", "迟到(分)", "早退(分)",
                            "在岗(分)", "缺勤"),
        "totals_head": ("姓名", "班数", "缺勤", "迟到次数", "迟到(分)", "早退次数", "早退(分)", "在岗(小时)"),
        "yes": "是",
    },
    "en": {
        "roster": "Roster",
        "kinds": "Kinds",
        "person": "Username, name or extension",
        "how": ("Kind", "Code", "From", "Until"),
        "hints": ("Write a kind's name or code; an empty cell changes nothing; - clears it.",),
        "attendance": "Attendance",
        "totals": "Totals",
        "attendance_head": ("Name", "Day", "Kind", "From", "Until", "First here", "Last here", "Late (min)",
                            "Left early (min)", "Here (min)", "Absent"),
        "totals_head": ("Name", "Shifts", "Absent", "Times late", "Late (min)", "Times left early", "Left early (min)",
                        "Here (h)"),
        "yes": "yes",
    },
}  # fmt: skip


def roster(view: View, first: date, days: int, *, empty: bool, language: Language) -> bytes:
    """The roster of so many days, and a sheet with the kinds; `empty`: without the shifts."""
    words = _WORDS[language]
    every = [first + timedelta(days=day) for day in range(days)]
    kinds = {kind.kind_id: kind for kind in view.kinds}
    held = {} if empty else {(one.user_id, one.day): _name(kinds[one.kind_id], language) for one in view.shifts}
    rows: list[Sequence[Entry]] = [[str(words["person"]), *every]]
    rows += [
        [person.username, *(held.get((person.user_id, day), "") for day in every)]
        if _is_ambiguous(view, person.display_name)
        else [person.display_name, *(held.get((person.user_id, day), "") for day in every)]
        for person in view.people
    ]
    listed: list[Sequence[Entry]] = [list(words["how"])]
    for kind in view.kinds:
        if not kind.removed:
            times = [f"{kind.times.starts:%H:%M}", f"{kind.times.ends:%H:%M}"] if kind.times else ["", ""]
            listed.append([_name(kind, language), kind.code, *times])
    listed += [[], list(words["hints"])]
    return write_workbook([(str(words["roster"]), rows), (str(words["kinds"]), listed)])


def _is_ambiguous(view: View, name: str) -> bool:
    return sum(name.casefold() in (one.display_name.casefold(), one.username.casefold()) for one in view.people) > 1


def attendance(rows: Sequence[Attendance], view: View, now: datetime, zone: ZoneInfo, *, language: Language) -> bytes:
    """A month's days, and each person's totals (SHF-03)."""
    words = _WORDS[language]
    kinds = {kind.kind_id: kind for kind in view.kinds}
    names = {person.user_id: person.display_name for person in view.people}
    listed: list[Sequence[Entry | int | float]] = [list(words["attendance_head"])]
    listed += [
        [
            names.get(row.user_id, ""),
            row.day,
            _name(kinds[row.kind_id], language) if row.kind_id else "",
            *(_clock(at, zone) for at in (row.starts_at, row.ends_at, row.first_at, row.last_at)),
            row.late_minutes,
            row.early_minutes(now),
            round(row.present_seconds / 60),
            str(words["yes"]) if row.absent(now) else "",
        ]
        for row in rows
    ]
    totals: list[Sequence[Entry | int | float]] = [list(words["totals_head"])]
    for user_id in dict.fromkeys(row.user_id for row in rows):
        own = [row for row in rows if row.user_id == user_id]
        late = [row.late_minutes for row in own if row.late_minutes]
        early = [minutes for row in own if (minutes := row.early_minutes(now))]
        totals.append(
            [
                names.get(user_id, ""),
                sum(row.kind_id is not None for row in own),
                sum(row.absent(now) for row in own),
                len(late),
                sum(late),
                len(early),
                sum(early),
                round(sum(row.present_seconds for row in own) / 3600, 1),
            ]
        )
    return write_workbook([(str(words["totals"]), totals), (str(words["attendance"]), listed)])


def _name(kind: Kind, language: Language) -> str:
    return kind.name_zh if language == "zh" else kind.name_en


def _clock(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%m-%d %H:%M}" if at else ""
