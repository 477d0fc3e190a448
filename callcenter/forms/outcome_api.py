"""What came of a call, over HTTP: outcomes, their drafts, the calls that nobody has written down."""

import contextlib
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.calls.model import HungUpBy, NextStep
from callcenter.errors import InvalidInputError, NotAllowedError, NotFoundError
from callcenter.forms.model import Code
from callcenter.numbers.model import MASK, with_kept_values
from callcenter.numbers.shown import Number
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Milliseconds, Paragraphs
from callcenter.web.routes import SIGNED_IN, Routes, hotline, may, signed_in

routes = Routes()

FieldValues = Annotated[dict[Code, Any], Field(max_length=60)]
"""Field code to value; see `forms.model.FieldKind` for how each kind is written."""
Ticks = Annotated[list[Code], Field(max_length=20)]
LARGEST_DRAFT = 64_000
"""Characters of all that a draft holds, as JSON."""


class OutcomeIn(BaseModel):
    """What came of a call (REC-01, REC-03, REC-10). `form_version`: the version of the type's form that it was filled
    in with; null: the newest. `read_back`: what was read back to the caller (TEL-17), the last of it at `read_back_at`.
    """

    model_config = ConfigDict(extra="forbid")

    call_type: Annotated[str, Field(min_length=1, max_length=40)]
    sub_type: Code | None = None
    notes: Paragraphs = ""
    next_step: NextStep = NextStep.NONE
    customer_id: Annotated[Id | None, Field(description="Who it was, where several have this number")] = None
    form_version: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    fields: FieldValues = {}
    read_back: Ticks = []
    read_back_at: Milliseconds | None = None


class OutcomeOut(BaseModel):
    """What was taken. `complete`: it has all that its form requires."""

    call_id: str
    call_type: str
    sub_type: str | None
    notes: str
    next_step: NextStep
    customer_id: int | None
    form_version: int
    fields: dict[str, Any]
    read_back: list[str]
    read_back_at: int | None
    complete: bool


class DraftIn(BaseModel):
    """What is written so far; nothing of it needs to be right or complete."""

    model_config = ConfigDict(extra="forbid")

    call_type: Annotated[str, Field(max_length=40)] | None = None
    sub_type: Annotated[str, Field(max_length=40)] | None = None
    notes: Paragraphs = ""
    next_step: NextStep = NextStep.NONE
    customer_id: Id | None = None
    form_version: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    fields: FieldValues = {}
    read_back: Ticks = []
    read_back_at: Milliseconds | None = None


class DraftOut(BaseModel):
    """A draft as it is kept, and since when (ms); null: there is none."""

    draft: DraftIn | None
    written_at: int | None


class DraftKept(BaseModel):
    """When a draft was kept (ms)."""

    written_at: int


class UnwrittenCall(BaseModel):
    """A call of the agent's own whose outcome is not saved. `draft_at`: since when there is a draft; null: none."""

    call_id: str
    arrived_at: int
    answered_at: int
    ended_at: int
    number_display: Number
    talking_seconds: float
    hung_up_by: HungUpBy | None
    queue_id: str | None
    customer_id: int | None
    customer_name: str | None
    draft_at: int | None


@routes.put("/api/v1/calls/{call_id}/outcome", needs=SIGNED_IN)
async def put_outcome(request: web.Request, call_id: str, /, outcome: OutcomeIn) -> OutcomeOut:
    """Record what came of a call. Out of wrap-up its agent becomes ready again; later it may still be changed.

    Neither the check nor an agent's own call needs PostgreSQL.
    """
    house = hotline(request)
    session = signed_in(request)
    given = await _whole(request, call_id, outcome.fields)
    filled = await house.forms.check(
        outcome.call_type, outcome.form_version, outcome.sub_type, given, outcome.read_back
    )
    now = house.clock()
    taken = outcome.model_dump(mode="json") | {
        "sub_type": filled.sub_type,
        "form_version": filled.form_version,
        "fields": dict(filled.fields),
        "read_back": list(filled.read_back),
        "read_back_at": min(outcome.read_back_at or now, now) if filled.read_back else None,
        "complete": filled.complete,
    }
    told = {name: value for name, value in taken.items() if value is not None}
    if session.extension is None or not await house.work.finish(session.user_id, call_id, told):
        own = await house.calls.took_part(call_id, session.user_id)
        if not own and not may(request, Permission.CORRECT_OUTCOMES):
            raise NotAllowedError
        await house.work.correct(session.user_id, call_id, told)
    return OutcomeOut(call_id=call_id, **taken)


async def _whole(request: web.Request, call_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with what was saved for what is sent as it is shown to who may not see numbers (138****5678)."""
    if not any(isinstance(value, str) and MASK in value for value in fields.values()):
        return fields
    house = hotline(request)
    with contextlib.suppress(NotFoundError):
        saved = (await house.calls.get_call(call_id))["form_fields"] or {}
        return with_kept_values(fields, saved, house.settings.country)
    return fields


@routes.get("/api/v1/calls/{call_id}/draft", needs=SIGNED_IN)
async def get_draft(request: web.Request, call_id: str, /) -> DraftOut:
    """What the person who asks has written of a call and not saved."""
    found = await hotline(request).forms.find_draft(signed_in(request).user_id, call_id)
    if found is None:
        return DraftOut(draft=None, written_at=None)
    return DraftOut(draft=DraftIn.model_validate(found[0]), written_at=found[1])


@routes.put("/api/v1/calls/{call_id}/draft", needs=SIGNED_IN)
async def put_draft(request: web.Request, call_id: str, /, draft: DraftIn) -> DraftKept:
    """Keep what is written of a call so far; each person has a draft of his own."""
    kept = draft.model_dump(mode="json")
    if len(draft.model_dump_json()) > LARGEST_DRAFT:
        raise InvalidInputError(fields={"fields": {"en": "This is too much.", "zh": "内容过多。"}})
    return DraftKept(written_at=await hotline(request).forms.put_draft(signed_in(request).user_id, call_id, kept))


@routes.delete("/api/v1/calls/{call_id}/draft", needs=SIGNED_IN)
async def drop_draft(request: web.Request, call_id: str, /) -> None:
    """Forget what one has written of a call and not saved."""
    await hotline(request).forms.drop_draft(signed_in(request).user_id, call_id)


@routes.get("/api/v1/desk/unwritten", needs=Permission.TAKE_CALLS)
async def list_unwritten(request: web.Request, /) -> list[UnwrittenCall]:
    """The agent's own calls of the last seven days that he has not written down, the latest first."""
    found = await hotline(request).forms.unwritten_of(signed_in(request).user_id)
    return [UnwrittenCall(**row) for row in found]
