"""Merging and splitting customers' records over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SerializationInfo, field_serializer

from callcenter.clock import milliseconds, moment
from callcenter.customers.api import show_choices
from callcenter.customers.merging_model import BY_RULE, Choice, Record, values_of
from callcenter.numbers.shown import Number, value_of
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Milliseconds
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()

_ADDRESS: Final = ("address", "building", "unit", "room")


class SideOut(BaseModel):
    """One of two records to merge; `updated_at` says which state of it this is."""

    customer_id: int
    name: str
    numbers: list[Number]
    tags: list[str]
    addresses: list[str]
    contracts: list[str]
    updated_at: int


class DifferenceOut(BaseModel):
    """A field that differs: both values and whose is proposed. `by_rule`: nobody chooses, the earlier one holds."""

    field: str
    kept: Any
    part: Any
    proposed: Choice
    by_rule: bool

    @field_serializer("kept", "part", when_used="json")
    def _shown(self, value: Any, info: SerializationInfo) -> Any:
        return value_of(self.field, value, info)


class MergePreviewOut(BaseModel):
    """Two records beside each other. What they have in lists is united."""

    kept: SideOut
    part: SideOut
    differences: list[DifferenceOut]


class MergeIn(BaseModel):
    """What to merge, and whose value each differing field has."""

    model_config = ConfigDict(extra="forbid")

    part_id: Id
    choices: Annotated[dict[str, Choice], Field(max_length=200)] = {}
    kept_updated_at: Milliseconds
    part_updated_at: Milliseconds


class LeadingOut(BaseModel):
    """The record to go on with."""

    customer_id: int


class PartOut(BaseModel):
    """A record that is part of another."""

    customer_id: int
    name: str
    merged_at: int
    merged_by: str | None


def _side(record: Record) -> SideOut:
    return SideOut(
        customer_id=record["customer_id"],
        name=record["name"],
        numbers=[one["number"] for one in record["numbers"]],
        tags=record["tags"],
        addresses=[" ".join(filter(None, map(one.get, _ADDRESS))) for one in record["addresses"]],
        contracts=[" ".join(filter(None, (one["name"], one["number"]))) for one in record["contracts"]],
        updated_at=milliseconds(datetime.fromisoformat(record["updated_at"])),
    )


@routes.get("/api/v1/customers/{customer_id}/merge", needs=Permission.MERGE_CUSTOMERS)
async def preview_merge(request: web.Request, customer_id: Id, /, part_id: Id) -> MergePreviewOut:
    """Two records beside each other before one becomes part of the other; the reading is audited."""
    found = await hotline(request).merging.preview(actor(request), customer_id, part_id)
    await show_choices(request)
    differences = [
        DifferenceOut(
            field=name,
            kept=values_of(found.kept, name)[0],
            part=values_of(found.part, name)[0],
            proposed=proposed,
            by_rule=name in BY_RULE,
        )
        for name, proposed in found.proposed.items()
    ]
    return MergePreviewOut(kept=_side(found.kept), part=_side(found.part), differences=differences)


@routes.post("/api/v1/customers/{customer_id}/merge", needs=Permission.MERGE_CUSTOMERS)
async def merge_customers(request: web.Request, customer_id: Id, /, wanted: MergeIn) -> LeadingOut:
    """Make another record part of this one, at once and whole. Its numbers lead here; its history stays its own and
    stands on this one's timeline.
    """
    seen = (moment(wanted.kept_updated_at), moment(wanted.part_updated_at))
    kept = await hotline(request).merging.merge(actor(request), customer_id, wanted.part_id, wanted.choices, seen)
    return LeadingOut(customer_id=kept)


@routes.get("/api/v1/customers/{customer_id}/parts", needs=Permission.READ_CUSTOMERS)
async def list_parts(request: web.Request, customer_id: Id, /) -> list[PartOut]:
    """The records that have been made part of this one, newest first."""
    return [
        PartOut(
            customer_id=one.customer_id,
            name=one.name,
            merged_at=milliseconds(one.merged_at),
            merged_by=one.merged_by,
        )
        for one in await hotline(request).merging.parts(customer_id)
    ]


@routes.post("/api/v1/customers/{customer_id}/split", needs=Permission.MERGE_CUSTOMERS)
async def split_customer(request: web.Request, customer_id: Id, /) -> LeadingOut:
    """Make a part a record of its own again, as it was; what was changed since stays where it is."""
    return LeadingOut(customer_id=await hotline(request).merging.split(actor(request), customer_id))
