"""Supervisors at conversations, over HTTP."""

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from callcenter.listening.model import Listening, Mode
from callcenter.staff.permissions import Permission
from callcenter.validation import RequiredLine
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()


class ListeningIn(BaseModel):
    """The conversation that a supervisor wants to be at, and who shall hear him: nobody, the agent, or both."""

    model_config = ConfigDict(extra="forbid")

    call_id: RequiredLine
    mode: Mode = Mode.LISTEN


class ModeIn(BaseModel):
    """Who shall hear the supervisor from now on."""

    model_config = ConfigDict(extra="forbid")

    mode: Mode


class ListeningOut(BaseModel):
    """A supervisor at a conversation, `since` his phone rang (ms since the epoch)."""

    listening_id: str
    mode: Mode
    call_id: str
    agent_id: int
    agent_name: str
    supervisor_id: int
    supervisor_name: str
    since: int


def _out(one: Listening) -> ListeningOut:
    return ListeningOut(**{name: getattr(one, name) for name in ListeningOut.model_fields})


@routes.get("/api/v1/listening", needs=Permission.LISTEN)
async def list_listening(request: web.Request, /) -> list[ListeningOut]:
    """Which supervisor is at which conversation now."""
    return [_out(one) for one in await hotline(request).listening.list()]


@routes.post("/api/v1/listening", needs=Permission.LISTEN)
async def start_listening(request: web.Request, /, wanted: ListeningIn) -> ListeningOut:
    """Ring the supervisor's own phone; when he answers he is at the conversation. Another one of his ends first."""
    return _out(await hotline(request).listening.start(actor(request), wanted.call_id, wanted.mode))


@routes.put("/api/v1/listening/{listening_id}", needs=Permission.LISTEN)
async def change_listening(request: web.Request, listening_id: RequiredLine, /, wanted: ModeIn) -> ListeningOut:
    """Go on in another mode; the phone does not ring again."""
    return _out(await hotline(request).listening.change(actor(request), listening_id, wanted.mode))


@routes.delete("/api/v1/listening/{listening_id}", needs=Permission.LISTEN)
async def stop_listening(request: web.Request, listening_id: RequiredLine, /) -> None:
    """Leave the conversation; who has left already has what he wants."""
    await hotline(request).listening.stop(actor(request), listening_id)
