"""Passwords and accounts as they are set, and the weekly review of sign-ins, over HTTP."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.errors import NotAllowedError
from callcenter.staff import audit
from callcenter.staff.model import HANDBOOK, Safety
from callcenter.staff.permissions import Permission
from callcenter.staff.sign_ins import Person, Stranger, Week
from callcenter.validation import cleaned_paragraphs
from callcenter.web.routes import Routes, actor, hotline, may

routes = Routes()

Hour = Annotated[int, Field(ge=0, le=23)]
Monday = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(3000, 1, 1))]
"""The day that a week begins on."""


class SafetyIn(BaseModel):
    """What is set of passwords, accounts and calls; 0 days or months: never.

    `password_days`: how long a password may be kept; `password_history`: so many last ones, the present among them,
    can't be taken again; `change_given_password`: who got a password from somebody else changes it when he signs in;
    `close_unused_days`: an account is closed when nobody has used it for so long; `night_from` to `night_until`
    (o'clock): sign-ins then are odd ones; `keep_calls_months`: after so long a call no longer says who rang.
    """

    model_config = ConfigDict(extra="forbid")

    password_days: Annotated[int, Field(ge=0, le=365)]
    password_shortest: Annotated[int, Field(ge=9, le=64)]
    password_history: Annotated[int, Field(ge=1, le=24)]
    change_given_password: bool
    close_unused_days: Annotated[int, Field(ge=0, le=3650)]
    night_from: Hour
    night_until: Hour
    keep_calls_months: Annotated[int, Field(ge=0, le=240)]


class SafetyOut(BaseModel):
    """What is set, and what the handbook asks for (HOS-03)."""

    safety: SafetyIn
    handbook: SafetyIn


def _safety(safety: Safety) -> SafetyIn:
    return SafetyIn(**asdict(safety))


@routes.get("/api/v1/safety", needs=Permission.READ_STAFF)
async def get_safety(request: web.Request, /) -> SafetyOut:
    """What is set of passwords, accounts and calls."""
    return SafetyOut(safety=_safety(await hotline(request).safety.get()), handbook=_safety(HANDBOOK))


@routes.put("/api/v1/safety", needs=Permission.MANAGE_STAFF)
async def put_safety(request: web.Request, /, wanted: SafetyIn) -> None:
    """Set it. How long calls say who rang wants the right to erase customers' data too."""
    house = hotline(request)
    changed = (await house.safety.get()).keep_calls_months != wanted.keep_calls_months
    if changed and not may(request, Permission.ERASE_CUSTOMERS):
        raise NotAllowedError
    await house.safety.put(actor(request), Safety(**wanted.model_dump()))


# -- the weekly review ---------------------------------------------------------------------------------


class ReviewOut(BaseModel):
    """Who has looked at a week, when (ms), and what he says."""

    reviewed_at: int
    reviewed_by: str
    note: str


class WeekOut(BaseModel):
    """A week, by its Monday in the department's zone."""

    week: date
    is_over: bool
    review: ReviewOut | None


class SignInAddressOut(BaseModel):
    """Where somebody signed in from."""

    address: str
    count: int
    is_new: bool


class PersonOut(BaseModel):
    """A person's week; moments in ms. `odd`: sign-ins at night without a shift; `never_used`: his account never was."""

    user_id: int
    username: str
    display_name: str
    role: str
    disabled: bool
    sign_ins: int
    first_at: int | None
    last_at: int | None
    failures: int
    lock_outs: int
    odd: list[int]
    addresses: list[SignInAddressOut]
    never_used: bool
    is_odd: bool


class StrangerOut(BaseModel):
    """Tries by a name that is nobody's."""

    username: str
    address: str
    failures: int
    last_at: int


class WeekSignIns(BaseModel):
    """Who signed in or tried to; those that want a look come first."""

    people: list[PersonOut]
    strangers: list[StrangerOut]


class ReviewIn(BaseModel):
    """What the reviewer has to say."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=2000)] = ""


@routes.get("/api/v1/sign-ins", needs=Permission.REVIEW_SIGN_INS)
async def list_weeks(request: web.Request, /) -> list[WeekOut]:
    """The last twelve weeks, the newest first, and who has reviewed them."""
    return [_week(one) for one in await hotline(request).sign_ins.weeks()]


@routes.get("/api/v1/sign-ins/{week}", needs=Permission.REVIEW_SIGN_INS)
async def get_sign_ins(request: web.Request, week: Monday, /) -> WeekSignIns:
    """The sign-ins of the week that begins on this Monday."""
    house = hotline(request)
    people, strangers = await house.sign_ins.read(week)
    await audit.record(house.pool, actor(request), "sign_ins.read", of=("week", week))
    return WeekSignIns(people=[_person(one) for one in people], strangers=[_stranger(one) for one in strangers])


@routes.post("/api/v1/sign-ins/{week}/review", needs=Permission.REVIEW_SIGN_INS)
async def review_sign_ins(request: web.Request, week: Monday, /, review: ReviewIn) -> None:
    """Say that a week that is over has been looked at; this is kept for ever."""
    await hotline(request).sign_ins.review(actor(request), week, cleaned_paragraphs(review.note))


def _week(one: Week) -> WeekOut:
    review = one.review
    kept = (
        ReviewOut(reviewed_at=milliseconds(review.reviewed_at), reviewed_by=review.reviewed_by, note=review.note)
        if review
        else None
    )
    return WeekOut(week=one.monday, is_over=one.is_over, review=kept)


def _person(one: Person) -> PersonOut:
    return PersonOut(
        user_id=one.user_id,
        username=one.username,
        display_name=one.display_name,
        role=one.role,
        disabled=one.disabled,
        sign_ins=one.sign_ins,
        first_at=milliseconds(one.first_at) if one.first_at else None,
        last_at=milliseconds(one.last_at) if one.last_at else None,
        failures=one.failures,
        lock_outs=one.lock_outs,
        odd=[milliseconds(at) for at in one.odd],
        addresses=[SignInAddressOut(**asdict(address)) for address in one.addresses],
        never_used=one.never_used,
        is_odd=one.is_odd,
    )


def _stranger(one: Stranger) -> StrangerOut:
    return StrangerOut(
        username=one.username, address=one.address, failures=one.failures, last_at=milliseconds(one.last_at)
    )
