"""Calls and the tasks to ring back, over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.calls.model import AbandonedIn, CallStatus, HungUpBy
from callcenter.calls.store import CallFilter
from callcenter.numbers.shown import Body, Note, Number
from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Milliseconds, Names, Paragraphs
from callcenter.web.routes import Routes, actor, hotline, may, signed_in

routes = Routes()


class CallOut(BaseModel):
    """One call. Times are milliseconds since the epoch; durations seconds; see `calls.model.CallRecord`."""

    call_id: str
    node: str
    queue_id: str | None
    queue_name_zh: str | None
    queue_name_en: str | None
    called_number: str | None
    caller_number: Number | None
    number_display: Number
    caller_name: Number | None
    place: Names | None
    carrier: Names | None
    customer_id: int | None
    customer_name: str | None
    agent_id: int | None
    agent_name: str | None
    status: CallStatus
    arrived_at: int
    queued_at: int | None
    offered_at: int | None
    ringing_at: int | None
    answered_at: int | None
    ended_at: int | None
    outcome_at: int | None
    rings: int
    agent_rings: int
    waiting_seconds: float | None
    ringing_seconds: float | None
    talking_seconds: float | None
    holding_seconds: float | None
    wrapup_seconds: float | None
    offers: int
    hung_up_by: str | None
    hangup_cause: int | None
    through: str
    call_type: str | None
    notes: str | None
    next_step: str | None
    sub_type: str | None
    form_version: int | None
    form_fields: Body | None
    read_back: list[str] | None
    read_back_at: int | None
    outcome_complete: bool | None
    menu_keys: str
    priority: int
    callback_number: Number | None
    callback_at: int | None
    callback_attempts: int
    left_at: int | None
    abandoned_in: AbandonedIn | None
    passed_on_to: str | None


class EventOut(BaseModel):
    """One fact of a call."""

    event_id: str
    kind: str
    at: int
    body: Body


class CallWithEvents(CallOut):
    """One call with its facts in order."""

    events: list[EventOut]


class CallPage(BaseModel):
    """Some calls, newest first; `next` is what to pass as `before` for more."""

    calls: list[CallOut]
    next: str | None


class RingBackOut(BaseModel):
    """A caller who is to be rung back; one task a number, however often he tried. `message_seconds`: how long the
    message is that he left in `call_id`; null: none.
    """

    ring_back_id: int
    kind: Literal["abandoned", "message", "callback_failed", "node_lost"]
    queue_id: str | None
    message_seconds: float | None
    number: Number
    number_display: Number
    customer_id: int | None
    customer_name: str | None
    call_id: str
    call_count: int
    first_at: int
    last_at: int
    rings: int | None
    waiting_seconds: float | None
    state: str
    done_at: int | None
    done_by_name: str | None
    done_note: Note | None
    answered_by_call: str | None


class RingBackList(BaseModel):
    """Tasks to ring back."""

    ring_backs: list[RingBackOut]


class RingBackDone(BaseModel):
    """How a task to ring back was settled."""

    model_config = ConfigDict(extra="forbid")

    note: Paragraphs = ""


@routes.get("/api/v1/calls", needs=Permission.READ_CALLS)
async def list_calls(  # noqa: PLR0917 (query parameters)
    request: web.Request,
    /,
    q: Line = "",
    number: Line = "",
    customer_id: Id | None = None,
    agent_id: Id | None = None,
    status: CallStatus | None = None,
    hung_up_by: HungUpBy | None = None,
    unwritten: bool = False,
    since: Annotated[Milliseconds | None, Field(alias="from")] = None,
    until: Annotated[Milliseconds | None, Field(alias="to")] = None,
    before: Line = "",
    limit: Limit = 50,
) -> CallPage:
    """Calls, newest first. `number` in any form; `from` and `to` bound the arrival (ms since the epoch); `unwritten`:
    those that were answered, are over, and have no outcome where their queue asks for one.
    """
    house = hotline(request)
    wanted = CallFilter(
        text=q.strip(),
        number=house.callers.key(number) if number else "",
        customer_id=customer_id,
        agent_id=agent_id,
        status=status.value if status else "",
        hung_up_by=hung_up_by.value if hung_up_by else "",
        unwritten=unwritten,
        since=_time(since),
        until=_time(until),
        whole_number=None if may(request, Permission.SEE_NUMBERS) else house.callers.key(q),
    )
    calls, following = await house.calls.list_calls(wanted, before, limit)
    return CallPage(calls=[CallOut(**call) for call in calls], next=following)


@routes.get("/api/v1/calls/{call_id}", needs=Permission.READ_CALLS)
async def get_call(request: web.Request, call_id: str, /) -> CallWithEvents:
    """One call with its facts."""
    house = hotline(request)
    call = await house.calls.get_call(call_id)
    await audit.record(house.pool, actor(request), "call.read", of=("call", call_id))
    events = [EventOut(**event) for event in await house.calls.get_events(call_id)]
    return CallWithEvents(**call, events=events)


@routes.get("/api/v1/ring-backs", needs=Permission.RING_BACK)
async def list_ring_backs(
    request: web.Request, /, state: Literal["open", "done"] = "open", limit: Limit = 100
) -> RingBackList:
    """Callers who gave up and are to be rung back (TEL-28, TEL-37)."""
    found = await hotline(request).calls.list_ring_backs(state, limit)
    return RingBackList(ring_backs=[RingBackOut(**row) for row in found])


@routes.post("/api/v1/ring-backs/{ring_back_id}/done", needs=Permission.RING_BACK)
async def finish_ring_back(request: web.Request, ring_back_id: Id, /, done: RingBackDone) -> RingBackOut:
    """Settle a task to ring back; a settled one stays as it is."""
    house = hotline(request)
    row = await house.calls.finish_ring_back(ring_back_id, signed_in(request).user_id, done.note)
    await audit.record(house.pool, actor(request), "ring_back.done", of=("ring_back", ring_back_id))
    return RingBackOut(**row)


def _time(at_ms: int | None) -> datetime | None:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC) if at_ms is not None else None
