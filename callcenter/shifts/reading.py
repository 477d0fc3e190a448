"""What an imported table says about the roster: whose row, which day, which kind; each complaint names its cell. Pure.

First column: username, display name or extension; the columns after it: dates. Cells hold a kind's name (in either
language) or its code; an empty one leaves the day as it is, "-" clears it. The name of a removed kind is known where
the day holds it already.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from callcenter.shifts.model import Kind, Person
from callcenter.shifts.sheet import Entry, Grid, place

FARTHEST_DAYS: Final = 400
HEAD_WITHIN: Final = 5
"""The head is one of the first rows: titles may stand above it."""
MOST_PROBLEMS: Final = 100
CLEARING: Final = frozenset({"-", "—", "－", "/"})
_YEAR_FIRST: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_NO_YEAR: Final = re.compile(r"(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a cell, such as C7."""

    cell: str
    en: str
    zh: str


@dataclass(slots=True)
class Planned:
    """What the table plans: (user id, day) -> kind id, None: cleared; and what is wrong with it."""

    cells: dict[tuple[int, date], int | None] = field(default_factory=dict)
    places: dict[tuple[int, date], str] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def complain(self, row: int, column: int, en: str, zh: str) -> None:
        """Note what is wrong with a cell; both counted from 0."""
        if len(self.troubles) < MOST_PROBLEMS:
            self.troubles.append(Trouble(place(row, column), en, zh))


def read_roster(
    grid: Grid, people: Sequence[Person], kinds: Iterable[Kind], today: date, kept: Mapping[tuple[int, date], Kind]
) -> Planned:
    """What this table plans. `today`: a date without a year is the one nearest to it. `kept`: the cells of the roster
    that hold a removed kind.
    """
    planned = Planned()
    head = next((at for at, row in enumerate(grid[:HEAD_WITHIN]) if any(_day(one, today) for one in row[1:])), None)
    if head is None:
        planned.complain(0, 1, "Write dates here, such as 2026-12-01.", "请在这一行填写日期，例如 2026-12-01。")
        return planned
    days = _days(grid, head, planned, today)
    named = _named(people)
    known = {name: kind.kind_id for kind in kinds for name in _names_of(kind)}
    seen: dict[int, int] = {}
    for at in range(head + 1, len(grid)):
        row = grid[at]
        if not row:
            continue
        user_id = _whose(planned, named, at, str(row[0]))
        if user_id is None:
            continue
        if user_id in seen:
            en, zh = f"Row {seen[user_id] + 1} is of the same person.", f"与第 {seen[user_id] + 1} 行是同一个人。"
            planned.complain(at, 0, en, zh)
            continue
        seen[user_id] = at
        for column, day in days.items():
            if column < len(row):
                cell = (user_id, day)
                own = dict.fromkeys(_names_of(kept[cell])[:-1], kept[cell].kind_id) if cell in kept else {}
                _take(planned, known | own, (at, column), row[column], cell)
    return planned


def _days(grid: Grid, head: int, planned: Planned, today: date) -> dict[int, date]:
    """Column -> day, of those that have one."""
    days: dict[int, date] = {}
    for column in range(1, max(len(row) for row in grid)):
        said = grid[head][column] if column < len(grid[head]) else ""
        day = _day(said, today)
        if day is None:
            if said or any(column < len(row) and row[column] for row in grid[head + 1 :]):
                planned.complain(head, column, "This is no date, such as 2026-12-01.", "这不是日期，例如 2026-12-01。")
        elif abs(day - today) > timedelta(days=FARTHEST_DAYS):
            planned.complain(head, column, f"{day} is too far away.", f"{day} 离今天太远。")
        elif day in days.values():
            planned.complain(head, column, f"{day} comes twice.", f"{day} 出现了两次。")
        else:
            days[column] = day
    return days


def _day(said: Entry, today: date) -> date | None:
    if isinstance(said, date):
        return said
    if found := _YEAR_FIRST.fullmatch(said):
        return _date(*map(int, found.groups()))
    if found := _NO_YEAR.fullmatch(said):
        month, day = map(int, found.groups())
        near = [_date(today.year + years, month, day) for years in (-1, 0, 1)]
        return min((one for one in near if one), key=lambda one: abs(one - today), default=None)
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _named(people: Sequence[Person]) -> dict[str, set[int]]:
    """Folded username, display name or extension -> whose it is."""
    named: dict[str, set[int]] = {}
    for person in people:
        for name in (person.username, person.display_name, person.extension):
            if name:
                named.setdefault(_folded(name), set()).add(person.user_id)
    for person in people:  # a username is one person's, whatever others are called
        named[_folded(person.username)] = {person.user_id}
    return named


def _names_of(kind: Kind) -> tuple[str, str, str]:
    return _folded(kind.name_zh), _folded(kind.name_en), kind.code


def _folded(name: str) -> str:
    return "".join(name.casefold().split())


def _whose(planned: Planned, named: Mapping[str, set[int]], at: int, said: str) -> int | None:
    found = named.get(_folded(said), set())
    if len(found) == 1:
        return next(iter(found))
    if not said:
        planned.complain(at, 0, "Write whose row this is.", "请填写这一行是谁。")
    elif found:
        planned.complain(
            at, 0, f"Several people are called {said}: write the username.", f"有多人叫“{said}”，请写用户名。"
        )
    else:
        planned.complain(at, 0, f"There is nobody called {said}.", f"没有叫“{said}”的人。")
    return None


def _take(planned: Planned, known: Mapping[str, int], at: tuple[int, int], said: Entry, cell: tuple[int, date]) -> None:
    text = str(said)
    if not text:
        return
    if text in CLEARING:
        planned.cells[cell] = None
    elif text.startswith(("=", "+", "@")):
        planned.complain(*at, "This is a formula: write the shift itself.", "这是公式，请直接填写班次。")
    elif (kind_id := known.get(_folded(text))) is not None:
        planned.cells[cell] = kind_id
    else:
        planned.complain(*at, f"There is no shift kind called {text}.", f"没有叫“{text}”的班次。")
    planned.places[cell] = place(*at)
