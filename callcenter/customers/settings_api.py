"""Owners of customers, own fields and what the desk says of its caller, over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.customers.api import CustomerOut, FieldId, customer_out, show_choices
from callcenter.customers.own_fields import FieldKind, OwnField
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Line, RequiredLine
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, signed_in

routes = Routes()

FieldName = Annotated[RequiredLine, Field(max_length=40)]


class ChosenIn(BaseModel):
    """Who calls."""

    model_config = ConfigDict(extra="forbid")

    call_id: Annotated[RequiredLine, Field(max_length=150)]
    customer_id: Id


class OwnFieldIn(BaseModel):
    """What an administrator sets of an own field. `choices` for the kind `choice` alone."""

    model_config = ConfigDict(extra="forbid")

    name_zh: FieldName
    name_en: FieldName
    kind: FieldKind
    choices: list[Annotated[RequiredLine, Field(max_length=100)]] = Field(default=[], max_length=100)
    required: bool = False
    position: Annotated[int, Field(ge=0, le=1000)] = 0


class OwnFieldOut(BaseModel):
    """One own field. `removed`: it is asked for no more, what was written stays."""

    field_id: str
    name_zh: str
    name_en: str
    kind: FieldKind
    choices: list[str]
    required: bool
    position: int
    removed: bool


class OwnerSettingsBody(BaseModel):
    """Who makes a record is its owner (OWN-01), for so many months after the last contact (OWN-02; 0: for ever)."""

    model_config = ConfigDict(extra="forbid")

    first_contact_owns: bool
    owner_valid_months: Annotated[int, Field(ge=0, le=120)]


class OwnerIn(BaseModel):
    """Whose customer somebody is from now on; null: nobody's."""

    model_config = ConfigDict(extra="forbid")

    user_id: Id | None
    reason: Line = ""


class HeirsIn(BaseModel):
    """The agents among whom lots are drawn."""

    model_config = ConfigDict(extra="forbid")

    to: list[Id] = Field(min_length=1, max_length=200)


class OwnerCountOut(BaseModel):
    """How many customers are an agent's."""

    user_id: int
    name: str
    disabled: bool
    customers: int


class HandedOver(BaseModel):
    """How many customers each was given this time (user id -> customers), and how many are left: ask again."""

    given: dict[str, int]
    left: int


@routes.post("/api/v1/desk/customer", needs=Permission.TAKE_CALLS)
async def choose_customer(request: web.Request, /, chosen: ChosenIn) -> None:
    """Say who the caller at one's own desk is; kept with the call at once."""
    await hotline(request).choosing.choose(signed_in(request).user_id, chosen.call_id, chosen.customer_id)


@routes.get("/api/v1/customer-fields", needs=SIGNED_IN)
async def list_own_fields(request: web.Request, /) -> list[OwnFieldOut]:
    """The own fields of customers' records in their order, removed ones last."""
    return [_field_out(one) for one in await hotline(request).own_fields.list()]


@routes.put("/api/v1/customer-fields/{field_id}", needs=Permission.CHANGE_SETTINGS)
async def put_own_field(request: web.Request, field_id: FieldId, /, field: OwnFieldIn) -> OwnFieldOut:
    """Make or change an own field; what it takes can't change."""
    wanted = OwnField(field_id, **field.model_dump() | {"choices": tuple(field.choices)})
    return _field_out(await hotline(request).own_fields.put(actor(request), wanted))


@routes.delete("/api/v1/customer-fields/{field_id}", needs=Permission.CHANGE_SETTINGS)
async def delete_own_field(request: web.Request, field_id: FieldId, /) -> None:
    """Ask for an own field no more; what was written stays in the records."""
    await hotline(request).own_fields.remove(actor(request), field_id)


def _field_out(one: OwnField) -> OwnFieldOut:
    return OwnFieldOut.model_validate(one, from_attributes=True)


@routes.get("/api/v1/customer-settings", needs=SIGNED_IN)
async def get_customer_settings(request: web.Request, /) -> OwnerSettingsBody:
    """The rules of customers' owners."""
    return OwnerSettingsBody.model_validate(await hotline(request).owners.settings(), from_attributes=True)


@routes.put("/api/v1/customer-settings", needs=Permission.CHANGE_SETTINGS)
async def put_customer_settings(request: web.Request, /, wanted: OwnerSettingsBody) -> OwnerSettingsBody:
    """Set the rules of customers' owners."""
    house = hotline(request)
    await house.administration.put_ownership(actor(request), **wanted.model_dump())
    return OwnerSettingsBody.model_validate(await house.owners.settings(), from_attributes=True)


@routes.get("/api/v1/customer-owners", needs=Permission.ASSIGN_CUSTOMERS)
async def list_owners(request: web.Request, /) -> list[OwnerCountOut]:
    """Everybody who has customers, and all agents at work."""
    return [OwnerCountOut.model_validate(one, from_attributes=True) for one in await hotline(request).owners.counts()]


@routes.post("/api/v1/customer-owners/{user_id}/hand-over", needs=Permission.ASSIGN_CUSTOMERS)
async def hand_over_customers(request: web.Request, user_id: Id, /, heirs: HeirsIn) -> HandedOver:
    """Draw lots for some hundred customers of an agent who leaves (OWN-15); ask again until none are left."""
    given, left = await hotline(request).owners.hand_over(actor(request), user_id, heirs.to)
    return HandedOver(given={str(one): count for one, count in given.items()}, left=left)


@routes.put("/api/v1/customers/{customer_id}/owner", needs=Permission.ASSIGN_CUSTOMERS)
async def put_owner(request: web.Request, customer_id: Id, /, owner: OwnerIn) -> CustomerOut:
    """Say whose customer somebody is from now on (OWN-17)."""
    done = await hotline(request).owners.assign(actor(request), customer_id, owner.user_id, owner.reason)
    await show_choices(request)
    return customer_out(done, request)
