"""The Node API that scripts speak, and the desk's routes."""

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.calls.model import is_call_id
from callcenter.errors import InvalidInputError
from callcenter.events import Kind, event
from callcenter.routing.desk import TakenOverError
from callcenter.routing.model import AgentState, PauseReason
from callcenter.routing.script import CallFacts, Dial, Ended, KeepWaiting, OfferOver, Say
from callcenter.validation import Line
from callcenter.web.live import HEARTBEAT_SECONDS, TAKEN_OVER
from callcenter.web.routes import NODE, SIGNED_IN, Routes, hotline, signed_in

routes = Routes()

Ms = Annotated[int, Field(ge=0, le=32_503_680_000_000)]
Word = Annotated[str, Field(max_length=200)]
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
    cause: int = 0
    at_ms: Ms


class WaitIn(FactsIn):
    """A caller in line asks what to do."""

    queue: Word = ""
    music: bool = False
    previous: PreviousIn | None = None


class EndedIn(FactsIn):
    """A call is over."""

    ended_at_ms: Ms
    dial_status: Word = ""
    cause: int = 0
    offer_id: Word = ""
    answered_at_ms: Ms | None = None
    hung_up_by: Literal["caller", "agent", "system"] = "caller"
    talking_seconds: float | None = None
    fallback: bool = False


class QueueOut(BaseModel):
    """Where a call belongs."""

    queue: str
    language: str


class InstructionOut(BaseModel):
    """What a script shall do next."""

    do: Literal["dial", "music", "wait", "leave"]
    offer_id: str = ""
    endpoint: str = ""
    ring_seconds: int = 0


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


@routes.post("/node/v1/calls/{call_id}/identify", roles=NODE)
async def identify(request: web.Request, call_id: str, /, call: FactsIn) -> QueueOut:
    """A call has come in."""
    queue = await hotline(request).routing.arrive(call.facts(call_id))
    return QueueOut(queue=queue, language="zh" if hotline(request).settings.country == "CN" else "en")


@routes.post("/node/v1/calls/{call_id}/wait", roles=NODE)
async def wait(request: web.Request, call_id: str, /, call: WaitIn) -> InstructionOut:
    """Hold a caller's place; answers within 25 s."""
    previous = OfferOver(**call.previous.model_dump()) if call.previous else None
    answer = await hotline(request).routing.wait(call.facts(call_id), music=call.music, previous=previous)
    match answer:
        case Dial(offer_id, endpoints, ring_seconds):
            return InstructionOut(do="dial", offer_id=offer_id, endpoint=endpoints[0], ring_seconds=ring_seconds)
        case Say():
            return InstructionOut(do="music")
        case KeepWaiting():
            return InstructionOut(do="wait")
        case _:
            return InstructionOut(do="leave")


@routes.post("/node/v1/calls/{call_id}/ended", roles=NODE)
async def ended(request: web.Request, call_id: str, /, call: EndedIn) -> Empty:
    """A call is over; may come twice and late."""
    report = Ended(
        at_ms=call.ended_at_ms,
        offer_id=call.offer_id,
        answered_at_ms=call.answered_at_ms,
        hung_up_by=call.hung_up_by,
        cause=call.cause,
        fallback=call.fallback,
    )
    await hotline(request).routing.ended(call.facts(call_id), report)
    return Empty()


@routes.post("/node/v1/ledger", roles=NODE)
async def ledger(request: web.Request, /, rows: LedgerIn) -> LedgerOut:
    """Asterisk's own CDRs: what no other witness told is filled in from them."""
    house = hotline(request)
    accepted = 0
    for row in rows.rows:
        if not is_call_id(row.call_id):
            continue
        body = row.model_dump(exclude={"call_id"}, exclude_none=True) | {"node": rows.node}
        body["agent_id"] = house.witness.agents.get(_extension(row.agent_channel))
        body["caller_number"] = house.callers.key(row.caller_number or "") or None
        body["queue_id"] = house.routing.queue_for(row.called)
        about = f"{row.call_id}/{row.agent_channel or 'alone'}"
        fact = event(row.call_id, Kind.LEDGER, row.ended_at_ms, about=about, **body)
        await house.live.step(house.clock(), events=[fact])
        accepted += 1
    return LedgerOut(accepted=accepted)


def _extension(channel: str) -> str:
    """The phone of a channel's name (`PJSIP/1001-0000002a`)."""
    return channel.partition("/")[2].rpartition("-")[0]


# -- the desk ------------------------------------------------------------------------------------------


class DeskIn(BaseModel):
    """The page that asks."""

    desk_id: Annotated[Line, Field(min_length=1)]


class StateIn(BaseModel):
    """What an agent wants to be."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["ready", "paused", "signed_out"]
    reason: Literal["break", "meal", "meeting", "training", "other"] | None = None


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


class DeskOut(BaseModel):
    """The whole desk; `call` is the screen-pop's card."""

    agent: DeskAgent
    state: DeskState
    waiting: int
    call: dict[str, Any] | None


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


@routes.get("/api/v1/desk", roles=SIGNED_IN)
async def get_desk(request: web.Request, /) -> DeskOut:
    """The agent's desk as it is now."""
    return await _desk(request)


@routes.post("/api/v1/desk/state", roles=SIGNED_IN)
async def set_state(request: web.Request, /, wanted: StateIn) -> DeskOut:
    """Become ready, paused or signed out; refused while on offer, ringing or talking."""
    reason = PauseReason(wanted.reason or "other") if wanted.state == "paused" else None
    await hotline(request).work.set_state(signed_in(request).user_id, AgentState(wanted.state), reason)
    return await _desk(request)


@routes.post("/api/v1/desk/reconnect", roles=SIGNED_IN)
async def reconnect(request: web.Request, /) -> DeskOut:
    """After the page was loaded anew in mid-call: ring this phone again, with the same caller."""
    await hotline(request).work.reconnect(signed_in(request).user_id)
    return await _desk(request)


@routes.post("/api/v1/desk/phone", roles=SIGNED_IN)
async def get_phone(request: web.Request, /, desk: DeskIn) -> PhoneAccount:
    """This page becomes the agent's desk; a browser phone gets a password of its own, good until the next."""
    house = hotline(request)
    session = signed_in(request)
    await house.work.take(session.user_id, desk.desk_id)
    return PhoneAccount(**await house.staff.phone_account(session.user_id))


@routes.websocket("/api/v1/desk/live", roles=SIGNED_IN)
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
