"""The audit log over HTTP: read, never changed."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from callcenter.clock import milliseconds, moment
from callcenter.errors import InvalidInputError
from callcenter.numbers.model import masked
from callcenter.numbers.shown import Body
from callcenter.staff import audit, audit_store
from callcenter.staff.audit_words import ACTIONS, OBJECTS, words_of
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Milliseconds, Names
from callcenter.web.routes import Routes, actor, hotline, may

routes = Routes()

Code = Annotated[str, Field(pattern=r"^[a-z_.]{0,80}$")]
Cursor = Annotated[str, Field(pattern=r"^([0-9]{1,17}-[0-9]{1,18})?$")]
"""Where a page ends: microseconds since the epoch, and a line's number."""


class AuditLine(BaseModel):
    """What somebody did: `action` and its words, to which object, with which details, from which address. `user_id` is
    null for the hotline itself and for names that are nobody's.
    """

    audit_id: int
    at: int
    user_id: int | None
    username: str
    display_name: str | None
    action: str
    action_name: Names
    object_kind: str
    object_kind_name: Names
    object_id: str
    detail: Body
    address: str


class AuditPage(BaseModel):
    """Some lines, the newest first; `next` goes on (null: that was all). Where few lines are so, a page ends before it
    is full: `looked_back_to` (ms) says how far it was looked.
    """

    lines: list[AuditLine]
    next: str | None
    looked_back_to: int | None


class ActionOut(BaseModel):
    """What can be done, in words."""

    action: str
    name: Names


class AuditWords(BaseModel):
    """All actions and all kinds of objects, in words."""

    actions: list[ActionOut]
    objects: dict[str, Names]


@routes.get("/api/v1/audit/words", needs=Permission.READ_AUDIT)
async def list_words(request: web.Request, /) -> AuditWords:  # noqa: ARG001 - every handler takes it
    """What can be looked for."""
    actions = [
        ActionOut(action=f"{kind}.{verb}", name=Names(zh=zh, en=en))
        for kind, verbs in ACTIONS.items()
        for verb, (zh, en) in verbs.items()
    ]
    return AuditWords(actions=actions, objects={kind: Names(zh=zh, en=en) for kind, (zh, en) in OBJECTS.items()})


@routes.get("/api/v1/audit", needs=Permission.READ_AUDIT)
async def read_audit(  # noqa: PLR0917 - each is a parameter of the query
    request: web.Request,
    /,
    user_id: Id | None = None,
    username: Line = "",
    action: Code = "",
    object_kind: Code = "",
    object_id: Line = "",
    text: Line = "",
    since: Milliseconds | None = None,
    until: Milliseconds | None = None,
    before: Cursor = "",
    limit: Limit = 50,
) -> AuditPage:
    """Who did what: by person, action, object, time (from `since` until before `until`, ms) and a part of the text.
    That somebody looked is audited too, once a search.
    """
    wanted = audit_store.Wanted(
        user_id=user_id,
        username=username,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        text=text,
        since=moment(since) if since is not None else None,
        until=moment(until) if until is not None else None,
    )
    pool = hotline(request).pool
    page = await audit_store.find(pool, wanted, before=_place(before), limit=limit)
    if not before:  # and after the search, which would find its own line else
        asked = {name: str(value) for name, value in asdict(wanted).items() if value not in (None, "")}
        asked |= {name: masked(asked[name]) for name in ("text", "username") if name in asked}
        await audit.record(pool, actor(request), "audit.read", detail=asked)
    whole = may(request, Permission.SEE_NUMBERS)
    return AuditPage(
        lines=[_out(line, whole=whole) for line in page.lines],
        next=f"{_microseconds(page.next.at)}-{page.next.audit_id}" if page.next else None,
        looked_back_to=milliseconds(page.looked_back_to) if page.looked_back_to else None,
    )


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _place(cursor: str) -> audit_store.Place | None:
    if not cursor:
        return None
    at, _, audit_id = cursor.partition("-")
    try:
        return audit_store.Place(moment(int(at) // 1000).replace(microsecond=int(at) % 1_000_000), int(audit_id))
    except (ValueError, OverflowError):
        said = {"en": "This is no place in the log.", "zh": "不是有效的位置。"}
        raise InvalidInputError(fields={"before": said}) from None


def _out(line: audit_store.Line, *, whole: bool) -> AuditLine:
    zh, en = words_of(line.action)
    kind_zh, kind_en = OBJECTS.get(line.object_kind, (line.object_kind, line.object_kind))
    return AuditLine(
        audit_id=line.audit_id,
        at=milliseconds(line.at),
        user_id=line.user_id,
        username=line.username,
        display_name=line.display_name,
        action=line.action,
        action_name=Names(zh=zh, en=en),
        object_kind=line.object_kind,
        object_kind_name=Names(zh=kind_zh, en=kind_en),
        object_id=line.object_id if whole or line.object_kind != "number" else masked(line.object_id),
        detail=line.detail,
        address=line.address,
    )
