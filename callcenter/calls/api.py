"""Calls, their outcomes and the tasks to ring back, over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.calls.model import AbandonedIn, CallStatus, NextStep
from callcenter.calls.store import CallFilter
from callcenter.errors import InvalidInputError, NotAllowedError
from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Milliseconds, Names, Paragraphs
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, may, signed_in

routes = Routes()


class CallOut(BaseModel):
    """One call. Times are milliseconds since the epoch; durations seconds; see `calls.model.CallRecord`."""

    call_id: str
    node: str
    queue_id: str | None
    queue_name_zh: str | None
    queue_name_en: str | None
    called_number: str | None
    caller_number: str | None
    number_display: str
    caller_name: str | None
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
    menu_keys: str
    priority: int
    callback_number: str | None
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
    body: dict[str, Any]


class CallWithEvents(CallOut):
    """One call with its facts in order."""

    events: list[EventOut]


class CallPage(BaseModel):
    """Some calls, newest first; `next` is what to pass as `before` for more."""

    calls: list[CallOut]
    next: str | None


class CallType(BaseModel):
    """A kind of call from the handbooks (requirements 4.2)."""

    code: str
    name_zh: str
    name_en: str
    direction: str


class OutcomeIn(BaseModel):
    """What came of a call (REC-01, REC-03, REC-10)."""

    model_config = ConfigDict(extra="forbid")

    call_type: Annotated[str, Field(min_length=1, max_length=40)]
    notes: Paragraphs = ""
    next_step: NextStep = NextStep.NONE
    customer_id: Annotated[Id | None, Field(description="Who it was, where several have this number")] = None


class RingBackOut(BaseModel):
    """A caller who is to be rung back; one task a number, however often he tried. `message_seconds`: how long the
    message is that he left in `call_id`; null: none.
    """

    ring_back_id: int
    kind: Literal["abandoned", "message", "callback_failed", "node_lost"]
    queue_id: str | None
    message_seconds: float | None
    number: str
    number_display: str
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
    done_note: str | None
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
    since: Annotated[Milliseconds | None, Field(alias="from")] = None,
    until: Annotated[Milliseconds | None, Field(alias="to")] = None,
    before: Line = "",
    limit: Limit = 50,
) -> CallPage:
    """Calls, newest first. `number` in any form; `from` and `to` bound the arrival (ms since the epoch)."""
    house = hotline(request)
    wanted = CallFilter(
        text=q.strip(),
        number=house.callers.key(number) if number else "",
        customer_id=customer_id,
        agent_id=agent_id,
        status=status.value if status else "",
        since=_time(since),
        until=_time(until),
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


@routes.put("/api/v1/calls/{call_id}/outcome", needs=SIGNED_IN)
async def put_outcome(request: web.Request, call_id: str, /, outcome: OutcomeIn) -> CallOut:
    """Record what came of a call. Out of wrap-up its agent becomes ready again; later it may still be changed."""
    house = hotline(request)
    session = signed_in(request)
    known = {kind["code"] for kind in await house.calls.list_call_types()}
    if outcome.call_type not in known:
        said = {"en": "Choose a call type from the list.", "zh": "请从列表中选择来电类型。"}
        raise InvalidInputError(fields={"call_type": said})
    fields = outcome.model_dump(mode="json", exclude_none=True)
    mine = session.extension is not None and await house.work.finish(session.user_id, call_id, fields)
    if not mine:
        call = await house.calls.get_call(call_id)
        if call["agent_id"] != session.user_id and not may(request, Permission.CORRECT_OUTCOMES):
            raise NotAllowedError
        await house.work.correct(session.user_id, call_id, fields)
    call = await house.calls.get_call_or_blank(call_id)
    return CallOut(**(call | fields))


@routes.get("/api/v1/call-types", needs=SIGNED_IN)
async def list_call_types(request: web.Request, /) -> list[CallType]:
    """The handbooks' call types, in their order."""
    return [CallType(**kind) for kind in await hotline(request).calls.list_call_types()]


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
