"""The Node API, which the scripts of a call speak (docs/node-api.md)."""

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.calls.model import is_call_id
from callcenter.configuration.model import ToQueue
from callcenter.errors import InvalidInputError
from callcenter.events import Kind, event
from callcenter.routing.line import spoken_to
from callcenter.routing.script import (
    Ask,
    CallbackOver,
    CallFacts,
    Dial,
    Ended,
    Heard,
    Join,
    KeepWaiting,
    Leave,
    OfferOver,
    PassOn,
    Play,
    RecordingStart,
    Say,
    TakeMessage,
)
from callcenter.web.routes import NODE, Routes, hotline

routes = Routes()

Ms = Annotated[int, Field(ge=0, le=32_503_680_000_000)]
Word = Annotated[str, Field(max_length=200)]
Cause = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""Q.850's, as Asterisk says it."""
CallerText = Annotated[str, Field(max_length=4000)]


class FactsIn(BaseModel):
    """What a script knows of its call."""

    node: Word
    channel: Word
    called: Word
    caller_number: CallerText | None = None
    caller_name: CallerText | None = None
    arrived_at_ms: Ms

    def facts(self, call_id: str) -> CallFacts:
        """As routing takes them. Raises InvalidInputError for what is no call id."""
        if not is_call_id(call_id):
            raise InvalidInputError(fields={"call_id": {"en": "Not a call id.", "zh": "不是有效的通话编号。"}})
        return CallFacts(
            call_id=call_id,
            node=self.node,
            channel=self.channel,
            called=self.called,
            caller_number=self.caller_number or "",
            caller_name=self.caller_name or "",
            arrived_at_ms=self.arrived_at_ms,
        )


class PreviousIn(BaseModel):
    """How the last dialling ended."""

    offer_id: Word
    dial_status: Word
    cause: Cause = 0
    at_ms: Ms
    notice_cut: bool = False


class HeardIn(BaseModel):
    """What came of the last ask, play or message."""

    step_id: Word
    digits: Annotated[str, Field(pattern=r"^[0-9*#]{0,40}$")] = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0


class WaitIn(FactsIn):
    """A caller asks what to do."""

    arriving: bool = False
    queue: Word = ""
    answered: bool = False
    previous: PreviousIn | None = None
    heard: HeardIn | None = None


class EndedIn(FactsIn):
    """A call is over."""

    ended_at_ms: Ms
    dial_status: Word = ""
    cause: Cause = 0
    offer_id: Word = ""
    answered_at_ms: Ms | None = None
    hung_up_by: Literal["caller", "agent", "system"] = "caller"
    talking_seconds: Annotated[float, Field(ge=0, le=32_503_680_000)] | None = None
    fallback: bool = False
    passed_on: bool = False


class CallbackAnsweredIn(BaseModel):
    """A customer who is called back has answered."""

    offer_id: Word
    customer_answered_at_ms: Ms


class ConsultAnsweredIn(BaseModel):
    """Whom an agent consults over the trunk has answered."""

    offer_id: Word
    answered_at_ms: Ms


class ConsultOverIn(BaseModel):
    """Consulting somebody is over: how the dialling of him ended."""

    offer_id: Word
    dial_status: Word = ""
    cause: Cause = 0


class CallbackOverIn(BaseModel):
    """Calling a customer back is over."""

    model_config = ConfigDict(extra="ignore")

    offer_id: Word
    dial_status: Word = ""
    cause: Cause = 0
    customer_answered_at_ms: Ms | None = None
    ended_at_ms: Ms
    hung_up_by: Literal["customer", "agent", "system"] = "customer"


class InstructionOut(BaseModel):
    """What a script shall do next (docs/node-api.md)."""

    do: Literal["dial", "join", "say", "ask", "play", "message", "pass_on", "wait", "leave"]
    queue: str = ""
    language: str = ""
    offer_id: str = ""
    endpoints: list[str] = []
    ring_seconds: int = 0
    recording: RecordingStart = "never"
    notice: list[str] = []
    step_id: str = ""
    sounds: list[str] = []
    most_digits: int = 1
    timeout_seconds: int = 0
    most_seconds: int = 0
    number: str = ""
    channel: str = ""


CALLBACK_PATH = "callback"
"""A CDR of calling back has the entry's call id and is not of the line on which he had called; `callback-over` tells
what came of it."""


class LedgerRow(BaseModel):
    """One of Asterisk's own CDRs of a hotline call."""

    model_config = ConfigDict(extra="allow")

    call_id: Word
    called: Word = ""
    caller_number: CallerText | None = None
    agent_channel: Word = ""
    started_at_ms: Ms
    answered_at_ms: Ms | None = None
    ended_at_ms: Ms
    disposition: Word = ""
    path: Word = ""
    fallback: bool = False


class LedgerIn(BaseModel):
    """Rows of a node's ledger."""

    node: Word
    rows: list[LedgerRow] = Field(max_length=1000)


class LedgerOut(BaseModel):
    """How many rows were taken."""

    accepted: int


class Empty(BaseModel):
    """Done."""


@routes.post("/node/v1/calls/{call_id}/wait", needs=NODE)
async def wait(request: web.Request, call_id: str, /, call: WaitIn) -> InstructionOut:
    """Hold a caller's place; answers within 55 s."""
    previous = OfferOver(**call.previous.model_dump()) if call.previous else None
    heard = Heard(**call.heard.model_dump()) if call.heard else None
    facts = replace(call.facts(call_id), queue=call.queue)
    answer, now = await hotline(request).line.wait(
        facts, arriving=call.arriving, answered=call.answered, previous=previous, heard=heard
    )
    told = _INSTRUCTIONS[type(answer)]
    return InstructionOut(do=told, queue=now.queue_id, language=spoken_to(now), **asdict(answer))


_INSTRUCTIONS: dict[type, Any] = {
    Dial: "dial",
    Join: "join",
    Say: "say",
    Ask: "ask",
    Play: "play",
    TakeMessage: "message",
    PassOn: "pass_on",
    KeepWaiting: "wait",
    Leave: "leave",
}


@routes.post("/node/v1/calls/{call_id}/callback-answered", needs=NODE)
async def callback_answered(request: web.Request, call_id: str, /, told: CallbackAnsweredIn) -> Empty:
    """A customer who is called back has answered."""
    await hotline(request).callbacks.customer_answered(call_id, told.offer_id, told.customer_answered_at_ms)
    return Empty()


@routes.post("/node/v1/calls/{call_id}/consult-answered", needs=NODE)
async def consult_answered(request: web.Request, call_id: str, /, told: ConsultAnsweredIn) -> Empty:
    """Whom an agent consults over the trunk has answered."""
    await hotline(request).consults.answered(call_id, told.offer_id, told.answered_at_ms)
    return Empty()


@routes.post("/node/v1/calls/{call_id}/consult-over", needs=NODE)
async def consult_over(request: web.Request, call_id: str, /, told: ConsultOverIn) -> Empty:
    """Whom an agent has consulted is gone, or did not answer; may come twice and late."""
    await hotline(request).consults.over(call_id, told.offer_id, told.dial_status, told.cause)
    return Empty()


@routes.post("/node/v1/calls/{call_id}/callback-over", needs=NODE)
async def callback_over(request: web.Request, call_id: str, /, told: CallbackOverIn) -> Empty:
    """Calling a customer back is over; may come twice and late."""
    by = "caller" if told.hung_up_by == "customer" else told.hung_up_by
    report = CallbackOver(**told.model_dump() | {"hung_up_by": by})
    await hotline(request).callbacks.over(call_id, report)
    return Empty()


@routes.post("/node/v1/calls/{call_id}/ended", needs=NODE)
async def ended(request: web.Request, call_id: str, /, call: EndedIn) -> Empty:
    """A call is over; may come twice and late."""
    report = Ended(
        at_ms=call.ended_at_ms,
        offer_id=call.offer_id,
        answered_at_ms=call.answered_at_ms,
        hung_up_by=call.hung_up_by,
        cause=call.cause,
        fallback=call.fallback,
        passed_on=call.passed_on,
    )
    await hotline(request).routing.ended(call.facts(call_id), report)
    return Empty()


@routes.post("/node/v1/ledger", needs=NODE)
async def ledger(request: web.Request, /, rows: LedgerIn) -> LedgerOut:
    """Asterisk's own CDRs: what no other witness told is filled in from them."""
    house = hotline(request)
    facts = []
    for row in rows.rows:
        if not is_call_id(row.call_id) or row.path == CALLBACK_PATH:
            continue
        body = row.model_dump(exclude={"call_id"}, exclude_none=True) | {"node": rows.node}
        body["agent_id"] = house.witness.agents.get(_extension(row.agent_channel))
        body["caller_number"] = house.callers.key(row.caller_number or "") or None
        to = house.routing.plan.destination_of(row.called)
        body["queue_id"] = to.queue_id if isinstance(to, ToQueue) else house.routing.plan.first_queue
        about = f"{row.call_id}/{row.agent_channel or 'alone'}"
        facts.append(event(row.call_id, Kind.LEDGER, row.ended_at_ms, about=about, **body))
    if facts:
        await house.live.step(house.clock(), events=facts)
    return LedgerOut(accepted=len(facts))


def _extension(channel: str) -> str:
    """The phone of a channel's name (`PJSIP/1001-0000002a`)."""
    return channel.partition("/")[2].rpartition("-")[0]
