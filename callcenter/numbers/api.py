"""Showing a hidden number, over HTTP."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.customers.model import display_of
from callcenter.errors import NotAllowedError
from callcenter.numbers.service import RecordKind
from callcenter.staff.permissions import Permission
from callcenter.validation import RequiredLine
from callcenter.web.routes import Routes, actor, hotline, may

routes = Routes()

_READS: Final[dict[RecordKind, Permission]] = {
    "customer": Permission.READ_CUSTOMERS,
    "call": Permission.READ_CALLS,
    "callback": Permission.READ_CALLS,
    "ring_back": Permission.RING_BACK,
}


class Reveal(BaseModel):
    """Whose number: a customer's (`position` is which, from 0), a caller's (`id` is the call's), the one that he wants
    to be called back at, or that of a task to ring back.
    """

    model_config = ConfigDict(extra="forbid")

    kind: RecordKind
    id: RequiredLine
    position: Annotated[int, Field(ge=0, le=1000)] = 0


class Revealed(BaseModel):
    """A number, whole; the one answer in which it is never hidden."""

    number: str
    number_display: str


@routes.post("/api/v1/numbers/reveal", needs=Permission.REVEAL_NUMBERS)
async def reveal_number(request: web.Request, /, whose: Reveal) -> Revealed:
    """Show one hidden number; it is audited, and at most 60 an hour are shown to one person."""
    if not may(request, _READS[whose.kind]):
        raise NotAllowedError
    house = hotline(request)
    number = await house.revealing.reveal(actor(request), whose.kind, whose.id, whose.position)
    return Revealed(number=number, number_display=display_of(number, house.settings.country))
