"""A customer's timeline over HTTP."""

from aiohttp import web
from pydantic import BaseModel

from callcenter.clock import milliseconds
from callcenter.customers.api import show_choices
from callcenter.customers.timeline import Entry, EntryKind, kinds_of
from callcenter.numbers.shown import Body
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()


class EntryOut(BaseModel):
    """Something that happened. `detail` depends on the kind; times in it are milliseconds since the epoch, durations
    seconds. `id` names the entry for ever.
    """

    id: str
    kind: EntryKind
    at: int
    customer_id: int | None
    detail: Body


class TimelinePage(BaseModel):
    """Some entries, newest first; `next` is what to pass as `before` for more."""

    entries: list[EntryOut]
    next: str | None


def _out(entry: Entry) -> EntryOut:
    return EntryOut(
        id=f"{entry.kind}:{entry.key.lstrip('0')}",
        kind=entry.kind,
        at=milliseconds(entry.at),
        customer_id=entry.customer_id,
        detail=entry.detail,
    )


@routes.get("/api/v1/customers/{customer_id}/timeline", needs=Permission.READ_CUSTOMERS)
async def get_timeline(
    request: web.Request, customer_id: Id, /, kinds: Line = "", before: Line = "", limit: Limit = 30
) -> TimelinePage:
    """All that happened with a customer, newest first: calls, tasks to ring back, messages, changes, merges, files.

    `kinds` is a comma-separated list of them; empty: all. What happened with a record that is part of this one is
    there too. The reading is audited.
    """
    entries, following = await hotline(request).timeline.page(
        actor(request), customer_id, kinds=kinds_of(kinds), cursor=before, limit=limit
    )
    await show_choices(request)
    return TimelinePage(entries=[_out(one) for one in entries], next=following)
