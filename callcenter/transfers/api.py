"""An agent gives his caller on, over HTTP."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.errors import InvalidInputError
from callcenter.routing.model import AgentState
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Line, Paragraphs
from callcenter.web.routes import Routes, actor, hotline, signed_in

routes = Routes()

Name = Annotated[str, Field(min_length=1, max_length=40)]


class TransferIn(BaseModel):
    """To whom, exactly one of the three, and what he shall know: `note`, the agent's word to him, and `notes`, what
    the agent has written down of the call so far.
    """

    model_config = ConfigDict(extra="forbid")

    user_id: Id | None = None
    queue_id: Name | None = None
    number: Annotated[Line, Field(max_length=40)] | None = None
    note: Annotated[Line, Field(max_length=200)] = ""
    notes: Annotated[Paragraphs, Field(max_length=4000)] = ""


class ColleagueOut(BaseModel):
    """A colleague on duty. `online`: his phone is there."""

    user_id: int
    display_name: str
    extension: str
    state: AgentState
    online: bool


class QueueOut(BaseModel):
    """A queue: how many wait in its line, how many of its agents are ready."""

    queue_id: str
    name_zh: str
    name_en: str
    waiting: int
    ready: int


class TargetsOut(BaseModel):
    """To whom a caller can be given: those who are ready first."""

    agents: list[ColleagueOut]
    queues: list[QueueOut]


@routes.get("/api/v1/desk/transfer/targets", needs=Permission.TAKE_CALLS)
async def list_targets(request: web.Request, /) -> TargetsOut:
    """Colleagues on duty and queues, as they are now."""
    house = hotline(request)
    colleagues = await house.transfers.colleagues(signed_in(request).user_id)
    colleagues.sort(key=lambda one: (one.state is not AgentState.READY, one.fields.get("name", "")))
    waiting = await house.live.waiting()
    ready = [one for one in colleagues if one.state is AgentState.READY and one.online]
    return TargetsOut(
        agents=[
            ColleagueOut(
                user_id=one.agent_id,
                display_name=one.fields.get("name", ""),
                extension=one.extension,
                state=one.state,
                online=one.online,
            )
            for one in colleagues
        ],
        queues=[
            QueueOut(
                queue_id=queue.queue_id,
                name_zh=queue.name_zh,
                name_en=queue.name_en,
                waiting=waiting.get(queue.queue_id, 0),
                ready=sum(queue.queue_id in one.queues for one in ready),
            )
            for queue in house.routing.plan.configuration.queues
        ],
    )


@routes.post("/api/v1/desk/transfer", needs=Permission.TAKE_CALLS)
async def transfer(request: web.Request, /, to: TransferIn) -> None:
    """Give the caller on without speaking with whoever takes him first."""
    work, agent_id = hotline(request).transfers, signed_in(request).user_id
    match _kind(to):
        case "user_id":
            await work.to_agent(agent_id, to.user_id or 0, to.note, to.notes)
        case "queue_id":
            await work.to_queue(agent_id, to.queue_id or "", to.note, to.notes)
        case _:
            await work.to_number(actor(request), to.number or "", to.note, to.notes)


@routes.post("/api/v1/desk/consult", needs=Permission.TAKE_CALLS)
async def consult(request: web.Request, /, to: TransferIn) -> None:
    """Keep the caller and ring somebody to be asked first: a colleague or a number."""
    work, agent_id = hotline(request).consults, signed_in(request).user_id
    match _kind(to):
        case "user_id":
            await work.ask_agent(agent_id, to.user_id or 0, to.note, to.notes)
        case "number":
            await work.ask_number(actor(request), to.number or "", to.note, to.notes)
        case _:
            said = {"en": "Only a colleague or a number can be asked first.", "zh": "只能先咨询同事或外部号码。"}
            raise InvalidInputError(fields={"queue_id": said})


@routes.post("/api/v1/desk/consult/complete", needs=Permission.TAKE_CALLS)
async def complete_consult(request: web.Request, /) -> None:
    """Connect the caller with the one who was asked."""
    await hotline(request).consults.complete(signed_in(request).user_id)


@routes.post("/api/v1/desk/consult/back", needs=Permission.TAKE_CALLS)
async def end_consult(request: web.Request, /) -> None:
    """Let the other one go, and be with the caller again."""
    await hotline(request).consults.go_back(signed_in(request).user_id)


def _kind(to: TransferIn) -> Literal["user_id", "queue_id", "number"]:
    """Which of the three was named. Raises InvalidInputError unless it is exactly one."""
    given = [name for name in ("user_id", "queue_id", "number") if getattr(to, name) is not None]
    if len(given) != 1:
        said = {"en": "Choose a colleague, a queue or a number.", "zh": "请选择一位同事、一个队列或一个号码。"}
        raise InvalidInputError(fields={"to": said})
    return given[0]  # type: ignore[return-value]
