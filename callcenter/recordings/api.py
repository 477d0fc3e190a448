"""Recordings over HTTP: from the nodes, from desks, for those who may listen."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.calls.model import is_call_id
from callcenter.clock import milliseconds
from callcenter.configuration.model import Name
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.numbers.shown import Number
from callcenter.recordings.model import (
    LARGEST_BYTES,
    DeletedFor,
    breaks_of,
    offset_of,
    parts_from_json,
    shown_name,
)
from callcenter.recordings.service import Handed, Waiting, kept_until
from callcenter.recordings.store import RecordingFilter
from callcenter.routing.script import RecordingStart, WhyNotRecorded
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Milliseconds, cleaned_line
from callcenter.web.routes import NODE, Binary, Routes, actor, hotline, may, signed_in

routes = Routes()

RecordingBody = Annotated[bytes, Binary("audio/mpeg", most_bytes=LARGEST_BYTES)]
Reason = Annotated[str, BeforeValidator(cleaned_line), Field(min_length=2, max_length=500)]
NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,19}$")]


class RecordingTaken(BaseModel):
    """What the node handed in, or told, is kept."""


class WaitingIn(BaseModel):
    """What waits on a node."""

    node: NodeName
    waiting: Annotated[int, Field(ge=0, le=10_000_000)]
    put_aside: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    has_room: bool = True


class DeskRecordingIn(BaseModel):
    """What an agent wants of the recording of his talk."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["on", "paused", "off"]


class NotRecordedIn(BaseModel):
    """A talk was not, or will not be, recorded as it was wanted, and why."""

    offer_id: Annotated[str, Field(max_length=200)]
    wanted: RecordingStart
    why: WhyNotRecorded
    told_at_ms: Milliseconds


class ReasonIn(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class BreakOut(BaseModel):
    """Where something was left out: paused by the agent, or between two talks."""

    offset_seconds: float
    started_at: int
    seconds: float
    why: Literal["paused", "apart"]


class MarkOut(BaseModel):
    """A moment to jump to."""

    offset_seconds: float
    kind: str


class RecordingOut(BaseModel):
    """A recording; times in ms since the epoch. What stands here of a deleted one is its proof: `gone_at` is when its
    file was seen to be gone.
    """

    recording_id: int
    call_id: str
    node: str
    started_at: int
    seconds: float
    bytes: int
    sha256: str
    queue_id: str | None
    queue_name_zh: str | None
    queue_name_en: str | None
    agent_id: int | None
    agent_name: str | None
    caller_number: Number | None
    customer_id: int | None
    customer_name: str | None
    kept_until: int | None
    held_at: int | None
    held_by_name: str | None
    hold_reason: str | None
    deleted_at: int | None
    deleted_by_name: str
    deleted_for: DeletedFor | None
    delete_reason: str | None
    gone_at: int | None


class RecordingWithMarks(RecordingOut):
    """The same with what a player draws. `peaks`: loudness 0 to 255 from the beginning to the end, of each side."""

    caller_peaks: list[int]
    agent_peaks: list[int]
    breaks: list[BreakOut]
    marks: list[MarkOut]


class RecordingPage(BaseModel):
    """The newest recordings, and where the next page begins: there may be one after an empty one (`number`)."""

    recordings: list[RecordingOut]
    next: int | None


# -- from nodes and desks ------------------------------------------------------------------------------


@routes.post("/node/v1/calls/{call_id}/recording", needs=NODE)
async def take_recording(  # noqa: PLR0917 - the query
    request: web.Request,
    call_id: str,
    /,
    recording: RecordingBody,
    node: NodeName,
    started_at_ms: Milliseconds,
    seconds: Annotated[float, Field(gt=0, le=86_400)],
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")],
    parts: Annotated[str, Field(max_length=4000)],
    peaks: Annotated[str, Field(pattern=r"^([0-9a-f]{4}){0,1500}$")] = "",
) -> RecordingTaken:
    """What was recorded of a call's talks, MP3; may come twice."""
    del started_at_ms  # the first part says it
    handed = Handed(call_id, node, seconds, sha256, parts, bytes.fromhex(peaks), recording)
    await hotline(request).recordings.take(handed)
    return RecordingTaken()


@routes.post("/node/v1/calls/{call_id}/not-recorded", needs=NODE)
async def not_recorded(request: web.Request, call_id: str, /, told: NotRecordedIn) -> RecordingTaken:
    """A node could not record a talk, or could not tell the caller of it; may come twice and late."""
    if not is_call_id(call_id):
        raise InvalidInputError(fields={"call_id": {"en": "Not a call id.", "zh": "不是有效的通话编号。"}})
    acts = hotline(request).recording_acts
    await acts.not_recorded(call_id, told.offer_id, told.wanted, told.why, told.told_at_ms)
    return RecordingTaken()


@routes.post("/node/v1/recordings-waiting", needs=NODE)
async def note_waiting(request: web.Request, /, told: WaitingIn) -> RecordingTaken:
    """A node says how many recordings wait there."""
    parts = hotline(request)
    await parts.recordings.note_waiting(Waiting(**told.model_dump(), at_ms=parts.clock()))
    return RecordingTaken()


@routes.post("/api/v1/desk/recording", needs=Permission.TAKE_CALLS)
async def set_recording(request: web.Request, /, wanted: DeskRecordingIn) -> None:
    """Record one's own talk, pause for what must not be heard, go on, or stop, as far as the queue's rule allows."""
    await hotline(request).recording_acts.set(signed_in(request).user_id, wanted.state)


# -- for people ----------------------------------------------------------------------------------------


@routes.get("/api/v1/calls/{call_id}/recordings", needs=Permission.LISTEN_TO_RECORDINGS)
async def list_call_recordings(request: web.Request, call_id: str, /) -> list[RecordingWithMarks]:
    """A call's recordings, also those that have been deleted."""
    if not is_call_id(call_id):
        raise NotFoundError
    rows, facts = await hotline(request).recordings.of_call(call_id)
    return [_with_marks(request, row, facts) for row in rows]


@routes.get("/api/v1/recordings", needs=Permission.LISTEN_TO_RECORDINGS)
async def list_recordings(  # noqa: PLR0917 - the query
    request: web.Request,
    /,
    number: Annotated[str, Field(max_length=40)] = "",
    queue_id: Name | None = None,
    agent_id: Id | None = None,
    from_ms: Milliseconds | None = None,
    to_ms: Milliseconds | None = None,
    state: Literal["kept", "held", "deleted"] | None = None,
    before: Id | None = None,
    limit: Limit = 50,
) -> RecordingPage:
    """The newest recordings that fit; `number`: the caller's in any form, or some digits of it, but for who may
    not see numbers. Nothing recorded of a whole number: it may be digits of a foreign one. For digits the newest
    20,000 are looked through at once; `next` says where to go on.
    """
    digits = "".join(one for one in number if one.isascii() and one.isdigit())
    if number.strip() and not digits:
        raise InvalidInputError(fields={"number": {"en": "Type digits.", "zh": "请输入数字。"}})
    parts = hotline(request)
    key = parts.callers.key(number) if digits else ""
    sees = may(request, Permission.SEE_NUMBERS)
    whole = key if digits and (key.startswith("+") or not sees) else None
    wanted = RecordingFilter(
        from_at=_moment(from_ms),
        to_at=_moment(to_ms),
        queue_id=queue_id,
        agent_id=agent_id,
        digits=(digits or None) if sees else None,
        number=whole,
        held=True if state == "held" else None,
        deleted={"kept": False, "deleted": True}.get(state or ""),
        before=before,
    )
    rows, following = await parts.recordings.search(wanted, limit)
    return RecordingPage(recordings=[RecordingOut(**_shown(request, row)) for row in rows], next=following)


@routes.get("/api/v1/recordings/{recording_id}/sound", needs=Permission.LISTEN_TO_RECORDINGS)
async def get_sound(request: web.Request, recording_id: Id, /) -> web.FileResponse:
    """The sound, whole or a range of it; that it is listened to is audited."""
    path = await hotline(request).recordings.listen(actor(request), recording_id)
    return web.FileResponse(path, headers={"Content-Type": "audio/mpeg", "Cache-Control": "private, no-store"})


@routes.get("/api/v1/recordings/{recording_id}/download", needs=Permission.LISTEN_TO_RECORDINGS)
async def download(request: web.Request, recording_id: Id, /) -> web.FileResponse:
    """The sound as a file; audited each time."""
    path, row = await hotline(request).recordings.download(actor(request), recording_id)
    name = shown_name(row["call_id"], row["started_at"].astimezone(hotline(request).zone))
    headers = {
        "Content-Type": "audio/mpeg",
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return web.FileResponse(path, headers=headers)


@routes.put("/api/v1/recordings/{recording_id}/hold", needs=Permission.DELETE_RECORDINGS)
async def hold(request: web.Request, recording_id: Id, /, why: ReasonIn) -> RecordingOut:
    """Keep a recording until it is released, whatever the retention says."""
    parts = hotline(request).recordings
    await parts.hold(actor(request), recording_id, why.reason)
    return RecordingOut(**_shown(request, await parts.get(recording_id)))


@routes.delete("/api/v1/recordings/{recording_id}/hold", needs=Permission.DELETE_RECORDINGS)
async def release(request: web.Request, recording_id: Id, /) -> RecordingOut:
    """Keep a recording no longer than the others."""
    parts = hotline(request).recordings
    await parts.release(actor(request), recording_id)
    return RecordingOut(**_shown(request, await parts.get(recording_id)))


@routes.post("/api/v1/recordings/{recording_id}/deletion", needs=Permission.DELETE_RECORDINGS)
async def delete(request: web.Request, recording_id: Id, /, why: ReasonIn) -> RecordingOut:
    """Delete a recording's sound for good; its row stays as the proof."""
    row = await hotline(request).recordings.delete(actor(request), recording_id, why.reason)
    return RecordingOut(**_shown(request, row))


def _shown(request: web.Request, row: dict[str, Any]) -> dict[str, Any]:
    times = ("started_at", "held_at", "deleted_at", "gone_at")
    return row | {
        **{name: None if row[name] is None else milliseconds(row[name]) for name in times},
        "kept_until": kept_until(row, hotline(request).routing.plan.configuration),
    }


def _with_marks(request: web.Request, row: dict[str, Any], facts: list[tuple[str, int]]) -> RecordingWithMarks:
    parts = parts_from_json(row["parts"])
    half = len(row["peaks"]) // 2
    breaks = breaks_of(parts, facts)
    marks = [(offset_of(parts, at), kind) for kind, at in facts if not kind.startswith("recording_")]
    return RecordingWithMarks(
        **_shown(request, row),
        caller_peaks=list(row["peaks"][:half]),
        agent_peaks=list(row["peaks"][half:]),
        breaks=[
            BreakOut(offset_seconds=one.offset_seconds, started_at=one.started_at_ms, seconds=one.seconds, why=one.why)
            for one in breaks
        ],
        marks=[MarkOut(offset_seconds=offset, kind=kind) for offset, kind in marks if offset is not None],
    )


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, tz=UTC)
