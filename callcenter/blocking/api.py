"""Blocked callers over HTTP."""

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from callcenter.blocking.model import BlockedCaller
from callcenter.clock import milliseconds, moment
from callcenter.customers.model import display_of
from callcenter.numbers.model import MASK, the_one
from callcenter.numbers.shown import Number
from callcenter.staff.permissions import Permission
from callcenter.validation import Milliseconds, RequiredLine
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()


class BlockIn(BaseModel):
    """A number in any written form, why it is blocked, and until when (null: until somebody lifts it)."""

    model_config = ConfigDict(extra="forbid")

    number: RequiredLine
    reason: RequiredLine
    blocked_until: Milliseconds | None = None


class BlockedCallerOut(BaseModel):
    """A blocked number; `expired` when its time is over and its calls come through again."""

    number: Number
    number_display: Number
    reason: str
    blocked_until: int | None
    expired: bool
    created_at: int
    created_by: str | None


def _out(blocked: BlockedCaller, now_ms: int, country: str) -> BlockedCallerOut:
    until = blocked.blocked_until
    return BlockedCallerOut(
        number=blocked.number,
        number_display=display_of(blocked.number, country),
        reason=blocked.reason,
        blocked_until=milliseconds(until) if until else None,
        expired=not blocked.holds_at(moment(now_ms)),
        created_at=milliseconds(blocked.created_at),
        created_by=blocked.created_by,
    )


@routes.get("/api/v1/blocked-callers", needs=Permission.BLOCK_CALLERS)
async def list_blocked_callers(request: web.Request, /) -> list[BlockedCallerOut]:
    """The blocked numbers, the latest first, those whose time is over too."""
    house = hotline(request)
    now = house.clock()
    return [_out(one, now, house.settings.country) for one in await house.blocking.list_blocked()]


@routes.post("/api/v1/blocked-callers", needs=Permission.BLOCK_CALLERS, status=201)
async def block_caller(request: web.Request, /, caller: BlockIn) -> BlockedCallerOut:
    """Block a number; one that is blocked gets the new reason and time."""
    house = hotline(request)
    until = moment(caller.blocked_until) if caller.blocked_until is not None else None
    blocked = await house.blocking.block(actor(request), caller.number, caller.reason, until)
    return _out(blocked, house.clock(), house.settings.country)


@routes.delete("/api/v1/blocked-callers/{number}", needs=Permission.BLOCK_CALLERS)
async def unblock_caller(request: web.Request, number: RequiredLine, /) -> None:
    """Let a number through again; a hidden one (138****5678) must be the only one that looks so."""
    house = hotline(request)
    if MASK in number:
        blocked = [one.number for one in await house.blocking.list_blocked()]
        number = the_one(number, blocked, house.settings.country) or number
    await house.blocking.lift(actor(request), number)
