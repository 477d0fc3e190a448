"""Hand-over notes and visits over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.clock import moment
from callcenter.shifts.api import ShiftMadeOut, ms
from callcenter.shifts.hand_over import Note, Visit
from callcenter.validation import Id, Milliseconds, Paragraphs, RequiredLine
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, signed_in

routes = Routes()


class HandOverNoteIn(BaseModel):
    """What the next shift is to know, and what is still to be done."""

    model_config = ConfigDict(extra="forbid")

    text: Paragraphs = ""
    items: Annotated[list[RequiredLine], Field(max_length=50)] = []


class HandOverAdditionIn(BaseModel):
    """Something to be added beneath a note."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Paragraphs, Field(min_length=1)]


class HandOverItemOut(BaseModel):
    """Something to be done; `done_at` null: it still is."""

    item_id: int
    text: str
    done_at: int | None
    done_by: str | None


class HandOverAdditionOut(BaseModel):
    """What was added later."""

    written_at: int
    written_by: str
    text: str


class HandOverNoteOut(BaseModel):
    """A note; `taken_at` null: nobody has taken it over yet. `own`: who asks wrote it."""

    note_id: int
    written_at: int
    written_by: str
    own: bool
    text: str
    items: list[HandOverItemOut]
    additions: list[HandOverAdditionOut]
    taken_at: int | None
    taken_by: str | None


class HandOverWaitingOut(BaseModel):
    """How many notes of others nobody has taken over yet."""

    waiting: int


class VisitIn(BaseModel):
    """Who was in the machine room, from when to when, and what for."""

    model_config = ConfigDict(extra="forbid")

    visitors: RequiredLine
    purpose: RequiredLine
    came_at: Milliseconds
    left_at: Milliseconds | None = None


class VisitOut(BaseModel):
    """A visit; `left_at` null: they are still there."""

    visit_id: int
    visitors: str
    purpose: str
    came_at: int
    left_at: int | None
    recorded_by: str


@routes.get("/api/v1/hand-over/notes", needs=SIGNED_IN)
async def list_notes(request: web.Request, /) -> list[HandOverNoteOut]:
    """The notes that nobody has taken over first, then those with something to do, then the latest."""
    user_id = signed_in(request).user_id
    return [_note(one, user_id) for one in await hotline(request).hand_over.list_notes()]


@routes.get("/api/v1/hand-over/waiting", needs=SIGNED_IN)
async def count_waiting(request: web.Request, /) -> HandOverWaitingOut:
    """How many notes wait to be taken over by somebody like who asks."""
    return HandOverWaitingOut(waiting=await hotline(request).hand_over.waiting_for(signed_in(request).user_id))


@routes.post("/api/v1/hand-over/notes", needs=SIGNED_IN, status=201)
async def write_note(request: web.Request, /, note: HandOverNoteIn) -> ShiftMadeOut:
    """Hand over to the next shift."""
    return ShiftMadeOut(id=await hotline(request).hand_over.write(actor(request), note.text, note.items))


@routes.post("/api/v1/hand-over/notes/{note_id}/take", needs=SIGNED_IN)
async def take_note(request: web.Request, note_id: Id, /) -> None:
    """Take a note over."""
    await hotline(request).hand_over.take(actor(request), note_id)


@routes.post("/api/v1/hand-over/notes/{note_id}/additions", needs=SIGNED_IN, status=201)
async def add_to_note(request: web.Request, note_id: Id, /, addition: HandOverAdditionIn) -> None:
    """Add something beneath a note; what stands there stays."""
    await hotline(request).hand_over.add(actor(request), note_id, addition.text)


@routes.post("/api/v1/hand-over/items/{item_id}/done", needs=SIGNED_IN)
async def finish_item(request: web.Request, item_id: Id, /) -> None:
    """An open item is done."""
    await hotline(request).hand_over.finish_item(actor(request), item_id)


@routes.get("/api/v1/visits", needs=SIGNED_IN)
async def list_visits(request: web.Request, /) -> list[VisitOut]:
    """Who was in the machine room: those who are still there first."""
    return [_visit(one) for one in await hotline(request).hand_over.list_visits()]


@routes.post("/api/v1/visits", needs=SIGNED_IN, status=201)
async def record_visit(request: web.Request, /, visit: VisitIn) -> ShiftMadeOut:
    """Record a visit to the machine room."""
    left = None if visit.left_at is None else moment(visit.left_at)
    made = await hotline(request).hand_over.record_visit(
        actor(request), visit.visitors, visit.purpose, moment(visit.came_at), left
    )
    return ShiftMadeOut(id=made)


@routes.post("/api/v1/visits/{visit_id}/left", needs=SIGNED_IN)
async def end_visit(request: web.Request, visit_id: Id, /) -> None:
    """They have left now."""
    await hotline(request).hand_over.end_visit(actor(request), visit_id)


def _note(note: Note, user_id: int) -> HandOverNoteOut:
    return HandOverNoteOut(
        note_id=note.note_id,
        written_at=ms(note.written_at) or 0,
        written_by=note.written_by,
        own=note.written_by_id == user_id,
        text=note.text,
        items=[
            HandOverItemOut(item_id=one.item_id, text=one.text, done_at=ms(one.done_at), done_by=one.done_by)
            for one in note.items
        ],
        additions=[
            HandOverAdditionOut(written_at=ms(one.written_at) or 0, written_by=one.written_by, text=one.text)
            for one in note.additions
        ],
        taken_at=ms(note.taken_at),
        taken_by=note.taken_by,
    )


def _visit(visit: Visit) -> VisitOut:
    fields = {name: getattr(visit, name) for name in Visit.__slots__}
    return VisitOut(**fields | {"came_at": ms(visit.came_at), "left_at": ms(visit.left_at)})
