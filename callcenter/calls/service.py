"""What people read and settle about calls: lists, one call with its facts, tasks to ring back."""

import base64
import binascii
from dataclasses import replace
from datetime import datetime
from typing import Any

from callcenter.calls import store
from callcenter.calls.model import is_call_id
from callcenter.clock import milliseconds, moment
from callcenter.customers.model import display_of
from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError

MILLISECONDS = (
    "arrived_at",
    "queued_at",
    "offered_at",
    "ringing_at",
    "answered_at",
    "ended_at",
    "outcome_at",
    "first_at",
    "last_at",
    "done_at",
    "callback_at",
    "left_at",
    "read_back_at",
)
SECONDS = (
    "waiting_seconds",
    "ringing_seconds",
    "talking_seconds",
    "holding_seconds",
    "wrapup_seconds",
    "message_seconds",
)


class Calls:
    """Reads calls. Facts get into calls through the event stream only."""

    def __init__(self, pool: Pool, country: str) -> None:
        self._pool = pool
        self._country = country

    async def list_calls(
        self, wanted: store.CallFilter, cursor: str, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of calls, newest first, and the cursor of the next page.

        Raises:
            InvalidInputError: the cursor is not one of ours.
        """
        before = _from_cursor(cursor) if cursor else None
        found = await store.list_calls(self._pool, replace(wanted, before=before), limit + 1)
        page = found[:limit]
        following = _to_cursor(page[-1]["arrived_at"], page[-1]["call_id"]) if len(found) > limit else None
        return [self._shown(row) for row in page], following

    async def get_call(self, call_id: str) -> dict[str, Any]:
        """One call. Raises NotFoundError."""
        row = await store.find_call(self._pool, call_id) if is_call_id(call_id) else None
        if row is None:
            raise NotFoundError
        return self._shown(row)

    async def took_part(self, call_id: str, agent_id: int) -> bool:
        """Whether this agent has talked in this call, be it that he has given the caller on. Raises NotFoundError."""
        took = await store.took_part(self._pool, call_id, agent_id) if is_call_id(call_id) else None
        if took is None:
            raise NotFoundError
        return took

    async def get_events(self, call_id: str) -> list[dict[str, Any]]:
        """The facts of one call, in order."""
        events = await store.events_of(self._pool, [call_id])
        return [
            {"event_id": e.event_id, "kind": e.kind.value, "at": e.at_ms, "body": dict(e.body)} for e in events[call_id]
        ]

    async def list_ring_backs(self, state: str, limit: int) -> list[dict[str, Any]]:
        """Tasks to ring back that are `open` or `done`."""
        return [self._shown(row) for row in await store.list_ring_backs(self._pool, state, limit)]

    async def finish_ring_back(self, ring_back_id: int, by: int, note: str) -> dict[str, Any]:
        """Close a task to ring back. Raises NotFoundError."""
        row = await store.finish_ring_back(self._pool, ring_back_id, by, note)
        if row is None:
            raise NotFoundError
        return self._shown(row)

    async def open_callbacks(self) -> list[dict[str, Any]]:
        """Every caller who keeps his place without a line and has not been spoken to, the longest waiting first."""
        return [self._shown(row) for row in await store.open_callbacks(self._pool)]

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row as people read it: times in milliseconds, durations as plain numbers, numbers readable."""
        shown = dict(row)
        for name in MILLISECONDS:
            if isinstance(shown.get(name), datetime):
                shown[name] = milliseconds(shown[name])
        for name in SECONDS:
            if shown.get(name) is not None:
                shown[name] = float(shown[name])
        number = shown.get("caller_number", shown.get("number"))
        shown["number_display"] = display_of(number, self._country)
        return shown


def _to_cursor(at: datetime, call_id: str) -> str:
    text = f"{round(at.timestamp() * 1_000_000)} {call_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, call_id = text.partition(" ")
        return moment(int(at) // 1000).replace(microsecond=int(at) % 1_000_000), call_id
    except (ValueError, binascii.Error, OverflowError, OSError):
        said = {"en": "Not a page of this list. Load the list anew.", "zh": "页码无效，请重新加载列表。"}
        raise InvalidInputError(fields={"before": said}) from None
