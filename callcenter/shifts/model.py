"""Rosters: kinds of shifts, who is planned when, who is there, how long ahead a swap is asked for. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Times:
    """When a shift is worked, in the department's zone; an end that is not later than the start is the next day's."""

    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of shift. `code` is the key that sets it; without `times` it is rest or leave; who has one with `duty`
    holds the duty phone. `colour` is #rrggbb.
    """

    kind_id: int
    code: str
    name_zh: str
    name_en: str
    times: Times | None
    colour: str
    duty: bool
    removed: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What a department sets: minutes to be there early (SHF-07), the day when the next month's roster is due (SHF-04),
    working days ahead that a swap is asked for (SHF-05), the phone of whoever is on duty without a number of his own.
    """

    early_minutes: int
    due_day: int
    swap_working_days: int
    duty_number: str


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff; without an extension nobody can see whether he is there."""

    user_id: int
    username: str
    display_name: str
    extension: str | None


@dataclass(frozen=True, slots=True)
class Shift:
    """What somebody is planned for on a day. The moments are None for rest and leave."""

    user_id: int
    day: date
    kind_id: int
    starts_at: datetime | None
    ends_at: datetime | None
    duty_number: str | None
    deputy_id: int | None


class RosterState(StrEnum):
    """How far a month's roster has come (SHF-04)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Cell:
    """A change of one cell of the roster: from the kind `was` to `kind_id`; None: nothing.

    A `duty_number` of None is the one that he had last.
    """

    user_id: int
    day: date
    was: int | None
    kind_id: int | None
    duty_number: str | None = None
    deputy_id: int | None = None


def span_of(times: Times, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when (UTC) a shift of this day is; a time that the clock skips is its later side."""
    last = day if times.ends > times.starts else day + timedelta(days=1)
    start, end = (datetime.combine(*when, tzinfo=zone) for when in ((day, times.starts), (last, times.ends)))
    return start.astimezone(UTC), end.astimezone(UTC)


def month_of(day: date) -> date:
    """The first of its month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def due_on(month: date, due_day: int) -> date:
    """When this month's roster is due: on that day of the month before (SHF-04)."""
    return (month - timedelta(days=1)).replace(day=due_day)


def last_day_to_ask(day: date, working_days: int, is_work_day: Callable[[date], bool]) -> date:
    """The last day on which a swap of this day's shift may be asked for: so many working days before it (SHF-05)."""
    while working_days:
        day -= timedelta(days=1)
        working_days -= is_work_day(day)
    return day


# -- who should be here and is not -----------------------------------------------------------------------


class Presence(StrEnum):
    """How somebody stands to the roster at a moment."""

    HERE = "here"
    MISSING = "missing"
    EARLY = "early"
    """His shift begins in a few minutes, and he is there (SHF-07)."""
    DUE = "due"
    """His shift begins in a few minutes, and he is not there yet."""
    UNPLANNED = "unplanned"
    """There without a shift."""
    UNSEEN = "unseen"
    """On shift without a phone: nobody can tell."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An agent's state as the live queue has it; of one it does not know there is none. `since`: when it began."""

    state: str
    since: datetime
    reason: str
    is_in: bool


@dataclass(frozen=True, slots=True)
class Attending:
    """One person at a moment; `missing_since` where he should be here."""

    user_id: int
    presence: Presence
    shift: Shift | None
    state: SignedIn | None
    missing_since: datetime | None = None


def who_is_here(
    shifts: Iterable[Shift],
    states: Mapping[int, SignedIn],
    people: Mapping[int, Person],
    now: datetime,
    early: timedelta,
) -> list[Attending]:
    """Everybody who is on shift at `now`, is soon to be, or is there without one; who is missing first."""
    rows: dict[int, Attending] = {}
    for shift in shifts:
        if shift.starts_at is None or shift.ends_at is None or shift.user_id in rows or shift.user_id not in people:
            continue
        has_phone = people[shift.user_id].extension is not None
        state = states.get(shift.user_id) if has_phone else None
        if shift.starts_at <= now < shift.ends_at:
            rows[shift.user_id] = _on_shift(shift, shift.starts_at, state, has_phone=has_phone)
        elif now < shift.starts_at <= now + early and has_phone:
            presence = Presence.EARLY if state is not None and state.is_in else Presence.DUE
            rows[shift.user_id] = Attending(shift.user_id, presence, shift, state)
    for user_id, state in states.items():
        if state.is_in and user_id not in rows and user_id in people:
            rows[user_id] = Attending(user_id, Presence.UNPLANNED, None, state)
    order = [Presence.MISSING, Presence.DUE, Presence.HERE, Presence.EARLY, Presence.UNSEEN, Presence.UNPLANNED]
    return sorted(rows.values(), key=lambda row: (order.index(row.presence), people[row.user_id].extension or "~"))


def _on_shift(shift: Shift, starts_at: datetime, state: SignedIn | None, *, has_phone: bool) -> Attending:
    if not has_phone:
        return Attending(shift.user_id, Presence.UNSEEN, shift, None)
    if state is not None and state.is_in:
        return Attending(shift.user_id, Presence.HERE, shift, state)
    missing_since = starts_at if state is None else max(starts_at, state.since)
    return Attending(shift.user_id, Presence.MISSING, shift, state, missing_since)


# -- who was there -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attendance:
    """A person's day against his shift (SHF-01, SHF-03); `kind_id` and the shift's moments None: there without one.

    `first_at` is the start of his first time signed in that touches the shift, `last_at` the end of the last; None
    while it goes on. `present_seconds` is how much of the shift (or, without one, of the day) he was signed in.
    """

    user_id: int
    day: date
    kind_id: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    first_at: datetime | None
    last_at: datetime | None
    present_seconds: float

    def absent(self, now: datetime) -> bool:
        """He was not there at all, and the shift is over."""
        return self.first_at is None and self.ends_at is not None and now >= self.ends_at

    @property
    def late_minutes(self) -> int:
        """How late he came, whole minutes; 0 for who did not come."""
        if self.starts_at is None or self.first_at is None:
            return 0
        return max(0, int((self.first_at - self.starts_at).total_seconds() // 60))

    def early_minutes(self, now: datetime) -> int:
        """How long before its end he was gone for good, whole minutes; 0 before that end."""
        if self.ends_at is None or self.last_at is None or now < self.ends_at:
            return 0
        return max(0, int((self.ends_at - self.last_at).total_seconds() // 60))


# -- the duty phone ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody holds the duty phone from `starts_at` to `ends_at`; an empty number: the one that is handed round."""

    user_id: int
    starts_at: datetime
    ends_at: datetime
    number: str


def duty_at(duties: Sequence[Duty], at: datetime, fallback: str) -> tuple[int, str] | None:
    """Who is on duty at `at` and his number (HRS-03, HRS-05); None: nobody, or nobody with a number.

    Of several the one with a number of his own, then the one who came last.
    """
    on_duty = [duty for duty in duties if duty.starts_at <= at < duty.ends_at and (duty.number or fallback)]
    if not on_duty:
        return None
    chosen = max(on_duty, key=lambda duty: (bool(duty.number), duty.starts_at))
    return chosen.user_id, chosen.number or fallback
