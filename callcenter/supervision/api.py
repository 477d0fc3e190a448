"""What supervisors do to agents and calls, over HTTP; and the messages on agents' desks.

What is asked for is in the audit log before it is done (`.._asked`), or is not done. What is set, and messages, are
audited with the change itself, by their own verbs.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.db.pool import AWAY
from callcenter.errors import InvalidInputError
from callcenter.routing.model import AgentState
from callcenter.routing.store import LiveAgent
from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.supervision.calls import CallActs
from callcenter.supervision.errors import NotWrittenDownError
from callcenter.supervision.model import DeskMessage, SentMessage
from callcenter.validation import Id, cleaned_paragraphs
from callcenter.web.routes import Routes, actor, hotline, signed_in

routes = Routes()

Name = Annotated[str, Field(min_length=1, max_length=40)]
Priority = Annotated[int, Field(ge=-10, le=10)]
MessageText = Annotated[str, BeforeValidator(cleaned_paragraphs), Field(min_length=1, max_length=500)]


class Strict(BaseModel):
    """A request that names nothing else."""

    model_config = ConfigDict(extra="forbid")


class AgentStateIn(Strict):
    """What an agent is to be; `reason`: the code of a pause reason, by default the general one."""

    state: Literal["ready", "paused", "signed_out"]
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")] | None = None


class AgentStateOut(BaseModel):
    """Where an agent stands, since when (ms since the epoch)."""

    user_id: int
    state: AgentState
    since: int
    reason: str | None


class MoveIn(Strict):
    """Where a call goes: to a queue's line or to an agent; exactly one of the two."""

    queue_id: Name | None = None
    user_id: Id | None = None


class PriorityIn(Strict):
    """A priority in steps; the higher, the sooner."""

    priority: Priority


class MembershipIn(Strict):
    """A queue that an agent serves; `opens_after_seconds`: only callers who have waited that long are his."""

    queue_id: Name
    opens_after_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0


class MembershipsIn(Strict):
    """All queues that an agent serves."""

    queues: Annotated[list[MembershipIn], Field(max_length=200)]


class SkillsIn(Strict):
    """All skills of an agent: id -> level."""

    skills: Annotated[dict[Name, Annotated[int, Field(ge=1, le=10)]], Field(max_length=200)]


class MessageIn(Strict):
    """A message to these agents; null: to all who are signed in, or come later in the shift."""

    text: MessageText
    user_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None


class MessageOut(BaseModel):
    """A message as a desk shows it, as plain text; `sent_at` in ms since the epoch."""

    message_id: int
    text: str
    sent_at: int
    sent_by: str | None


class ReaderOut(BaseModel):
    """To whom a message was sent, and when he clicked it away (ms since the epoch; null: not yet)."""

    user_id: int
    display_name: str
    seen_at: int | None


class SentMessageOut(MessageOut):
    """A message with its readers."""

    to_all: bool
    readers: list[ReaderOut]


# -- agents --------------------------------------------------------------------------------------------


@routes.post("/api/v1/supervision/agents/{user_id}/state", needs=Permission.SUPERVISE)
async def set_agent_state(request: web.Request, user_id: Id, /, wanted: AgentStateIn) -> AgentStateOut:
    """Make an agent ready, paused or signed out; refused while a call is his."""
    await _asked(request, "agent.state_asked", of=("user", user_id), detail=wanted.model_dump())
    return _state_out(await hotline(request).agent_acts.set_state(user_id, AgentState(wanted.state), wanted.reason))


@routes.post("/api/v1/supervision/agents/{user_id}/free", needs=Permission.SUPERVISE)
async def free_agent(request: web.Request, user_id: Id, /) -> AgentStateOut:
    """Help an agent who is stuck in wrap-up, a pause, or a call that is none; refused in a real conversation."""
    await _asked(request, "agent.free_asked", of=("user", user_id))
    return _state_out(await hotline(request).agent_acts.free(user_id))


def _state_out(agent: LiveAgent) -> AgentStateOut:
    reason = agent.fields.get("reason") or None
    return AgentStateOut(user_id=agent.agent_id, state=agent.state, since=agent.since_ms, reason=reason)


@routes.put("/api/v1/supervision/agents/{user_id}/queues", needs=Permission.SUPERVISE)
async def set_agent_queues(request: web.Request, user_id: Id, /, memberships: MembershipsIn) -> None:
    """Let an agent serve these queues and no others, from the next call on."""
    opens_after = {one.queue_id: one.opens_after_seconds for one in memberships.queues}
    await hotline(request).agent_acts.put_queues(actor(request), user_id, opens_after)


@routes.put("/api/v1/supervision/agents/{user_id}/skills", needs=Permission.SUPERVISE)
async def set_agent_skills(request: web.Request, user_id: Id, /, levels: SkillsIn) -> None:
    """Set an agent's skills and no others, from the next call on."""
    await hotline(request).agent_acts.put_skills(actor(request), user_id, levels.skills)


@routes.put("/api/v1/supervision/queues/{queue_id}/priority", needs=Permission.SUPERVISE)
async def set_queue_priority(request: web.Request, queue_id: Name, /, wanted: PriorityIn) -> None:
    """Set a queue's priority; who stands in its line already changes his place too."""
    await hotline(request).administration.put_queue_priority(actor(request), queue_id, wanted.priority)


# -- calls ---------------------------------------------------------------------------------------------


@routes.post("/api/v1/supervision/calls/{call_id}/move", needs=Permission.SUPERVISE)
async def move_call(request: web.Request, call_id: str, /, to: MoveIn) -> None:
    """Move a waiting caller to another queue's line or to an agent; out of a talk to a queue."""
    if (to.queue_id is None) == (to.user_id is None):
        said = {"en": "Name either a queue or an agent.", "zh": "请指定队列或座席之一。"}
        raise InvalidInputError(fields={"queue_id": said})
    acts = await _acts_asked(request, "call.move_asked", call_id, to.model_dump(exclude_none=True))
    if to.queue_id is not None:
        await acts.move_to_queue(call_id, to.queue_id)
    elif to.user_id is not None:
        await acts.move_to_agent(call_id, to.user_id)


@routes.post("/api/v1/supervision/calls/{call_id}/priority", needs=Permission.SUPERVISE)
async def set_call_priority(request: web.Request, call_id: str, /, wanted: PriorityIn) -> None:
    """Set a waiting caller's priority, for as long as his call lasts."""
    acts = await _acts_asked(request, "call.priority_asked", call_id, wanted.model_dump())
    await acts.set_priority(call_id, wanted.priority)


@routes.post("/api/v1/supervision/calls/{call_id}/take-over", needs=Permission.SUPERVISE)
async def take_over_call(request: web.Request, call_id: str, /) -> None:
    """Have a caller ring the own phone, now: out of the line, from other agents, or out of a talk."""
    acts = await _acts_asked(request, "call.take_over_asked", call_id)
    await acts.take_over(signed_in(request).user_id, call_id)


@routes.post("/api/v1/supervision/calls/{call_id}/end", needs=Permission.SUPERVISE)
async def end_call(request: web.Request, call_id: str, /) -> None:
    """End a call, wherever the caller is."""
    acts = await _acts_asked(request, "call.end_asked", call_id)
    await acts.end(call_id)


async def _acts_asked(
    request: web.Request, action: str, call_id: str, detail: Mapping[str, Any] | None = None
) -> CallActs:
    """The verbs over calls, when it is written down what is asked of this one; a call that is over takes no act.
    Raises NotFoundError, NotWrittenDownError.
    """
    acts = hotline(request).call_acts
    if not await acts.is_over(call_id):
        await _asked(request, action, of=("call", call_id), detail=detail)
    return acts


async def _asked(
    request: web.Request, action: str, *, of: tuple[str, object], detail: Mapping[str, Any] | None = None
) -> None:
    """Write down what somebody asks for before it is done. Raises NotWrittenDownError."""
    try:
        await audit.record(hotline(request).pool, actor(request), action, of=of, detail=dict(detail or {}))
    except AWAY as error:
        raise NotWrittenDownError from error


# -- messages ------------------------------------------------------------------------------------------


@routes.post("/api/v1/supervision/messages", needs=Permission.SUPERVISE, status=201)
async def send_message(request: web.Request, /, message: MessageIn) -> MessageOut:
    """Show agents a message on their desks."""
    return _message_out(await hotline(request).desk_messages.send(actor(request), message.text, message.user_ids))


@routes.get("/api/v1/supervision/messages", needs=Permission.SUPERVISE)
async def list_messages(request: web.Request, /) -> list[SentMessageOut]:
    """The last messages with who has seen them, the latest first."""
    return [_sent_out(one) for one in await hotline(request).desk_messages.sent()]


@routes.get("/api/v1/desk/messages", needs=Permission.TAKE_CALLS)
async def list_unseen_messages(request: web.Request, /) -> list[MessageOut]:
    """What one has not clicked away, the oldest first."""
    unseen = await hotline(request).desk_messages.unseen(signed_in(request).user_id)
    return [_message_out(one) for one in unseen]


@routes.post("/api/v1/desk/messages/{message_id}/seen", needs=Permission.TAKE_CALLS)
async def see_message(request: web.Request, message_id: Id, /) -> None:
    """Click a message away."""
    await hotline(request).desk_messages.see(signed_in(request).user_id, message_id)


def _message_out(message: DeskMessage) -> MessageOut:
    return MessageOut(**message.to_json())


def _sent_out(sent: SentMessage) -> SentMessageOut:
    readers = [
        ReaderOut(
            user_id=one.user_id,
            display_name=one.display_name,
            seen_at=milliseconds(one.seen_at) if one.seen_at else None,
        )
        for one in sent.readers
    ]
    return SentMessageOut(**sent.message.to_json(), to_all=sent.to_all, readers=readers)
