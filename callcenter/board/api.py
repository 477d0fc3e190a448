"""The supervisor's live board."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel

from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.web.live import HEARTBEAT_SECONDS
from callcenter.web.routes import Routes, actor, hotline, may, signed_in

routes = Routes()


class BoardOut(BaseModel):
    """A board (`callcenter.board.model`): table -> key -> row; the next event of a socket would be `seq` + 1."""

    seq: int
    at: int
    board: dict[str, dict[str, dict[str, Any]]]


class QuarterOut(BaseModel):
    """The calls of one queue that arrived in the quarter of an hour that begins at `at` (ms)."""

    queue_id: str
    at: int
    arrived: int
    answered: int
    within_target: int
    abandoned: int
    short_abandoned: int


class DaysOut(BaseModel):
    """Days to compare today with: queue -> its quarters of an hour."""

    yesterday: dict[str, list[QuarterOut]]
    last_week: dict[str, list[QuarterOut]]


class DeskDay(BaseModel):
    """An agent's own day so far (`callcenter.board.model.AgentDayRow`)."""

    calls: int
    rings: int
    within_target: int
    misses: int
    talking_seconds: float
    holding_seconds: float
    wrapup_seconds: float
    outcomes: int


@routes.get("/api/v1/desk/day", needs=Permission.TAKE_CALLS)
async def get_desk_day(request: web.Request, /) -> DeskDay:
    """The day of whoever asks: what he answered, how soon, how long, and of how many calls the outcome is written."""
    day = await hotline(request).boards.agent_day(signed_in(request).user_id)
    return DeskDay(**day, wrapup_seconds=day["seconds"].get("wrapup", 0.0))


@routes.get("/api/v1/board", needs=Permission.WATCH)
async def get_board(request: web.Request, /) -> BoardOut:
    """The board as it is now."""
    house = hotline(request)
    await audit.record(house.pool, actor(request), "board.read")
    return BoardOut(**await house.boards.snapshot(whole_numbers=may(request, Permission.SEE_NUMBERS)))


@routes.get("/api/v1/board/days", needs=Permission.WATCH)
async def get_days(request: web.Request, /) -> DaysOut:
    """Yesterday, and the same day of last week."""
    return DaysOut.model_validate(await hotline(request).boards.days())


@routes.websocket("/api/v1/board/live", needs=Permission.WATCH)
async def live(request: web.Request, /) -> web.WebSocketResponse:
    """The board, live: a snapshot, then numbered events."""
    house = hotline(request)
    await audit.record(house.pool, actor(request), "board.opened")
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=4096, compress=False)
    await socket.prepare(request)
    await house.boards.serve(socket, lambda: may(request, Permission.SEE_NUMBERS))
    return socket
