"""Alarms over HTTP: those of late, and who sees to one. Those that stand now are on the board."""

from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, Field

from callcenter.clock import milliseconds
from callcenter.staff.permissions import Permission
from callcenter.validation import Limit
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()

Key = Annotated[str, Field(pattern=r"^[a-z_]{1,40}:[A-Za-z0-9_-]{1,64}$")]
"""The kind of alarm and its queue or node, as `longest_wait:service`."""


class NoticeOut(BaseModel):
    """What the webhook was told: when it took it (null: not yet, or there is none), after how many tries."""

    delivered_at: int | None
    tries: int


class AlarmOut(BaseModel):
    """An alarm of late. `value` is what it was when the alarm was raised; names are empty for a node."""

    key: str
    kind: Literal["waiting", "longest_wait", "service_level", "abandoned", "no_agent", "node_lost"]
    subject: str
    name_zh: str
    name_en: str
    value: float | None
    threshold: float | None
    raised_at: int
    cleared_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    raised_notice: NoticeOut
    cleared_notice: NoticeOut


def _ms(at: datetime | None) -> int | None:
    return milliseconds(at) if at else None


@routes.get("/api/v1/board/alarms", needs=Permission.WATCH)
async def list_alarms(request: web.Request, /, limit: Limit = 50) -> list[AlarmOut]:
    """The alarms of late, the newest first, those that stand among them."""
    return [
        AlarmOut(
            key=row["key"],
            kind=row["kind"],
            subject=row["subject"],
            name_zh=row["name_zh"] or "",
            name_en=row["name_en"] or "",
            value=row["value"],
            threshold=row["threshold"],
            raised_at=_ms(row["raised_at"]) or 0,
            cleared_at=_ms(row["cleared_at"]),
            acknowledged_at=_ms(row["acknowledged_at"]),
            acknowledged_by=row["acknowledged_by"],
            raised_notice=NoticeOut(delivered_at=_ms(row["raised_delivered_at"]), tries=row["raised_tries"]),
            cleared_notice=NoticeOut(delivered_at=_ms(row["cleared_delivered_at"]), tries=row["cleared_tries"]),
        )
        for row in await hotline(request).alarms.history(limit)
    ]


@routes.post("/api/v1/board/alarms/{key}/acknowledge", needs=Permission.WATCH)
async def acknowledge_alarm(request: web.Request, key: Key, /) -> None:
    """See to an alarm that stands; everybody's board shows who does."""
    await hotline(request).alarms.acknowledge(actor(request), key)
