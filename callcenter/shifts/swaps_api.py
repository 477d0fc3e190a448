"""Swaps of shifts over HTTP."""

from datetime import date
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from callcenter.shifts.api import DecisionNoteIn, ShiftMadeOut, check_near, ms, own_alone
from callcenter.shifts.swaps import Swap
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Line
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, signed_in

routes = Routes()


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


@routes.get("/api/v1/shifts/swaps", needs=SIGNED_IN)
async def list_swaps(request: web.Request, /) -> list[ShiftSwapOut]:
    """Requests for swaps, the open ones first; agents see those that concern them."""
    return [_swap(one) for one in await hotline(request).swaps.list_all(own_alone(request))]


@routes.post("/api/v1/shifts/swaps", needs=SIGNED_IN, status=201)
async def ask_for_swap(request: web.Request, /, swap: ShiftSwapIn) -> ShiftMadeOut:
    """Ask for a swap of one's own shift, so many working days ahead."""
    colleague = (swap.colleague_id, swap.colleague_day)
    check_near(swap.day)
    check_near(swap.colleague_day)
    user_id = signed_in(request).user_id
    return ShiftMadeOut(id=await hotline(request).swaps.ask(actor(request), user_id, swap.day, colleague, swap.note))


@routes.post("/api/v1/shifts/swaps/{swap_id}/approve", needs=Permission.APPROVE_SHIFTS)
async def approve_swap(request: web.Request, swap_id: Id, /, said: DecisionNoteIn) -> None:
    """Approve a swap: the roster changes."""
    await hotline(request).swaps.approve(actor(request), swap_id, said.note)


@routes.post("/api/v1/shifts/swaps/{swap_id}/decline", needs=Permission.APPROVE_SHIFTS)
async def decline_swap(request: web.Request, swap_id: Id, /, said: DecisionNoteIn) -> None:
    """Decline a swap: the roster stays as it is."""
    await hotline(request).swaps.decline(actor(request), swap_id, said.note)


@routes.post("/api/v1/shifts/swaps/{swap_id}/withdraw", needs=SIGNED_IN)
async def withdraw_swap(request: web.Request, swap_id: Id, /) -> None:
    """Take one's own request back."""
    await hotline(request).swaps.withdraw(actor(request), swap_id)


def _swap(swap: Swap) -> ShiftSwapOut:
    fields = {name: getattr(swap, name) for name in Swap.__slots__}
    return ShiftSwapOut(**fields | {"asked_at": ms(swap.asked_at), "decided_at": ms(swap.decided_at)})
