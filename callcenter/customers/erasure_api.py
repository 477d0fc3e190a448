"""Erasing a customer's data over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, RequiredLine
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()


class ErasureOut(BaseModel):
    """An erasure that was asked for; `counts`: what is gone so far, by kind. Moments in ms; `done_at` is null while it
    goes on.
    """

    reason: str
    asked_at: int
    asked_by: str | None
    done_at: int | None
    counts: dict[str, int]


class ErasureView(BaseModel):
    """What there is to erase of a customer, by kind; whether he is on the line; and his erasure, once asked for."""

    name: str
    on_the_line: bool
    counts: dict[str, int]
    erasure: ErasureOut | None


class ErasureIn(BaseModel):
    """Why, and the customer's name, typed by whoever is sure."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[RequiredLine, Field(description="Stands in the proof")]
    name: RequiredLine


@routes.get("/api/v1/customers/{customer_id}/erasure", needs=Permission.ERASE_CUSTOMERS)
async def get_erasure(request: web.Request, customer_id: Id, /) -> ErasureView:
    """What would go, or how far it has come."""
    erasures = hotline(request).erasures
    preview, found = await erasures.preview(customer_id), await erasures.find(customer_id)
    erasure = found and ErasureOut(
        reason=found.reason,
        asked_at=milliseconds(found.asked_at),
        asked_by=found.asked_by,
        done_at=milliseconds(found.done_at) if found.done_at else None,
        counts=dict(found.counts),
    )
    return ErasureView(name=preview.name, on_the_line=preview.on_the_line, counts=dict(preview.counts), erasure=erasure)


@routes.post("/api/v1/customers/{customer_id}/erasure", needs=Permission.ERASE_CUSTOMERS)
async def ask_for_erasure(request: web.Request, customer_id: Id, /, asked: ErasureIn) -> None:
    """Erase a customer's data for good; it is carried out in the background."""
    await hotline(request).erasures.ask(actor(request), customer_id, asked.reason, asked.name)
