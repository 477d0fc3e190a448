"""The desk's routes, callers who keep their place without a line, and why nobody rang."""

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.errors import NotFoundError
from callcenter.numbers.shown import Number
from callcenter.routing.desk import TakenOverError
from callcenter.routing.model import AgentState
from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.validation import Line, Milliseconds
from callcenter.web.live import HEARTBEAT_SECONDS, TAKEN_OVER
from callcenter.web.routes import Routes, actor, hotline, signed_in

routes = Routes()


class DeskIn(BaseModel):
    """The page that asks."""

    desk_id: Annotated[Line, Field(min_length=1)]


class StateIn(BaseModel):
    """What an agent wants to be."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["ready", "paused", "signed_out"]
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")] | None = None
    """The code of a pause reason (`GET /api/v1/pause-reasons`)."""


class DeskAgent(BaseModel):
    """The agent whose desk it is."""

    user_id: int
    display_name: str
    extension: str
    phone_kind: str
    phone_online: bool


class DeskState(BaseModel):
    """Where he stands, since when (ms since the epoch)."""

    name: AgentState
    since: int
    reason: str | None
    until: int | None
    may_extend: bool


class ListeningNow(BaseModel):
    """The conversation of another that a supervisor is at."""

    listening_id: str
    call_id: str
    agent_name: str
    mode: Literal["listen", "whisper", "barge"]
    since: int


class DeskOut(BaseModel):
    """The whole desk; `call` is the screen-pop's card. `owed`: the calls that he must write down before he can be
    ready, `owed_call` the first of them, as far as it is known still. `listener`: the supervisor at this conversation,
    where the agent is told; `listening`: a supervisor's own part in another's.
    """

    agent: DeskAgent
    state: DeskState
    waiting: int
    call: dict[str, Any] | None
    owed: list[str]
    owed_call: dict[str, Any] | None
    listener: str | None
    listening: ListeningNow | None


class PhoneAccount(BaseModel):
    """What a browser needs to be a phone; only `kind` and `extension` for a phone on the desk."""

    kind: Literal["browser", "desk"]
    extension: str
    websocket_url: str = ""
    websocket_urls: Annotated[list[str], Field(description="One for each node; the first that can be had serves")] = []
    uri: str = ""
    username: str = ""
    password: str = ""
    realm: str = ""
    display_name: str = ""


@routes.get("/api/v1/desk", needs=Permission.TAKE_CALLS)
async def get_desk(request: web.Request, /) -> DeskOut:
    """The agent's desk as it is now."""
    return await _desk(request)


@routes.post("/api/v1/desk/state", needs=Permission.TAKE_CALLS)
async def set_state(request: web.Request, /, wanted: StateIn) -> DeskOut:
    """Become ready, paused or signed out; refused while on offer, ringing or talking."""
    work, state = hotline(request).work, AgentState(wanted.state)
    await work.set_state(signed_in(request).user_id, state, work.reason_of(state, wanted.reason))
    return await _desk(request)


@routes.post("/api/v1/desk/wrapup/extend", needs=Permission.TAKE_CALLS)
async def extend_wrapup(request: web.Request, /) -> DeskOut:
    """More time for the outcome, once a call."""
    await hotline(request).work.extend_wrapup(signed_in(request).user_id)
    return await _desk(request)


@routes.post("/api/v1/desk/reconnect", needs=Permission.TAKE_CALLS)
async def reconnect(request: web.Request, /) -> DeskOut:
    """After the page was loaded anew in mid-call: ring this phone again, with the same caller."""
    await hotline(request).work.reconnect(signed_in(request).user_id)
    return await _desk(request)


@routes.post("/api/v1/desk/phone", needs=Permission.TAKE_CALLS)
async def get_phone(request: web.Request, /, desk: DeskIn) -> PhoneAccount:
    """This page becomes the agent's desk; a browser phone gets a password of its own, good until the next."""
    house = hotline(request)
    session = signed_in(request)
    await house.work.take(session.user_id, desk.desk_id)
    return PhoneAccount(**await house.staff.phone_account(session.user_id))


@routes.websocket("/api/v1/desk/live", needs=Permission.TAKE_CALLS)
async def live(request: web.Request, /, desk_id: Line) -> web.WebSocketResponse:
    """The desk, live. The latest page of an agent is his desk; an earlier one is told and let go."""
    house = hotline(request)
    agent_id = signed_in(request).user_id
    taken_over = False
    try:
        await house.work.take(agent_id, desk_id)
    except TakenOverError:
        taken_over = True
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=4096, compress=False)
    await socket.prepare(request)
    if taken_over:
        await socket.close(code=TAKEN_OVER)
        return socket
    await house.desks.serve(socket, agent_id, desk_id)
    return socket


async def _desk(request: web.Request) -> DeskOut:
    now = await hotline(request).work.desk_now(signed_in(request).user_id)
    return DeskOut.model_validate(now.document)


# -- callers who keep their place without a line -----------------------------------------------------


class CallbackOut(BaseModel):
    """A caller who keeps his place. `state`: in line, being called, or resting until `next_at` (ms)."""

    call_id: str
    number_display: Number
    customer_name: str | None
    queue_id: str
    queue_name_zh: str | None
    queue_name_en: str | None
    since: int
    state: Literal["waiting", "calling", "resting"]
    attempts: int
    next_at: int | None


@routes.get("/api/v1/callbacks", needs=Permission.RING_BACK)
async def list_callbacks(request: web.Request, /) -> list[CallbackOut]:
    """Everybody who keeps his place without a line, the longest waiting first."""
    house = hotline(request)
    return [CallbackOut(**row) for row in await house.callbacks.list_open(house.calls)]


@routes.delete("/api/v1/callbacks/{call_id}", needs=Permission.SUPERVISE)
async def cancel_callback(request: web.Request, call_id: str, /) -> None:
    """Take somebody who keeps his place out of the line."""
    house = hotline(request)
    await house.callbacks.cancel(call_id)
    await audit.record(house.pool, actor(request), "callback.cancelled", of=("call", call_id))


# -- why nobody rang -----------------------------------------------------------------------------------


class NeedOut(BaseModel):
    """A skill that the caller's queue asks for."""

    skill_id: str
    level: int


class CallerThen(BaseModel):
    """How the caller stood in line."""

    queue_id: str
    priority: int
    waited_seconds: float
    rings: int
    needs: list[NeedOut]


class AgentThenOut(BaseModel):
    """Why this agent was not rung; null: he was."""

    user_id: int
    display_name: str
    extension: str
    reason: str | None
    detail: str


class WhyOut(BaseModel):
    """Why nobody rang for a caller at the moment `at` (ms)."""

    at: int
    call: CallerThen
    agents: list[AgentThenOut]


@routes.get("/api/v1/calls/{call_id}/why", needs=Permission.WATCH)
async def why_nobody_rang(request: web.Request, call_id: str, /, at: Milliseconds | None = None) -> WhyOut:
    """Why each agent was not rung for this caller at a moment of his wait; by default at its end."""
    found = await hotline(request).history.why(call_id, at)
    if found is None:
        raise NotFoundError
    return WhyOut(**found)
