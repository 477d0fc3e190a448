"""The customers' records over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.customers.model import Customer, CustomerNumber, Draft, facts_of, search_digits
from callcenter.numbers.model import may_be_found
from callcenter.numbers.shown import Number
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Milliseconds, Names, Paragraphs, RequiredLine
from callcenter.web.routes import Routes, actor, hotline, may

routes = Routes()

MOST_BY_DIGITS = 200
"""Of so many customers whose numbers have the typed digits those are kept whom the person may find so."""


class NumberIn(BaseModel):
    """A number in any written form, with what the clerk calls it."""

    model_config = ConfigDict(extra="forbid")

    number: RequiredLine
    label: Annotated[Line, Field(max_length=60)] = ""


class CustomerIn(BaseModel):
    """What a clerk sets of a customer's record."""

    name: RequiredLine
    company_or_project: Line = ""
    unit_or_address: Line = ""
    vip: bool = False
    notes: Paragraphs = ""
    language: Literal["zh", "en"] | None = None
    numbers: list[NumberIn] = Field(default=[], max_length=20)

    def draft(self) -> Draft:
        """As the service takes it."""
        fields = self.model_dump(exclude={"numbers", "updated_at"})
        return Draft(**fields, numbers=[CustomerNumber(one.number, one.label) for one in self.numbers])


class CustomerChange(CustomerIn):
    """A whole record in place of the old one; its `updated_at` guards against two clerks at once."""

    updated_at: Milliseconds | None = None


class NumberOut(BaseModel):
    """One of a customer's numbers."""

    number: Number
    number_display: Number
    label: str
    place: Names
    carrier: Names


class CustomerOut(BaseModel):
    """One customer's record."""

    customer_id: int
    name: str
    company_or_project: str
    unit_or_address: str
    vip: bool
    notes: str
    language: str | None
    numbers: list[NumberOut]
    created_at: int
    updated_at: int


class CustomerPage(BaseModel):
    """Some customers; `next` is what to pass as `before` for more."""

    customers: list[CustomerOut]
    next: int | None


def _out(customer: Customer, country: str) -> CustomerOut:
    return CustomerOut(
        customer_id=customer.customer_id,
        name=customer.name,
        company_or_project=customer.company_or_project,
        unit_or_address=customer.unit_or_address,
        vip=customer.vip,
        notes=customer.notes,
        language=customer.language,
        numbers=[_number_out(one, country) for one in customer.numbers],
        created_at=int(customer.created_at.timestamp() * 1000),
        updated_at=int(customer.updated_at.timestamp() * 1000),
    )


def _may_be_found(typed: str, customer: CustomerOut, country: str) -> bool:
    numbers = [one.number for one in customer.numbers]
    return may_be_found(typed, numbers, lambda: customer.model_dump_json(exclude={"numbers"}), country)


def _number_out(one: CustomerNumber, country: str) -> NumberOut:
    facts = facts_of(one.number, country)
    return NumberOut(
        number=one.number,
        number_display=facts.display,
        label=one.label,
        place=Names(zh=facts.place.zh, en=facts.place.en),
        carrier=Names(zh=facts.carrier.zh, en=facts.carrier.en),
    )


@routes.get("/api/v1/customers", needs=Permission.READ_CUSTOMERS)
async def list_customers(
    request: web.Request, /, q: Line = "", before: Id | None = None, limit: Limit = 50
) -> CustomerPage:
    """Customers, newest first; `q` is a part of a name, company, unit, or a number in any form.

    Who may not see numbers finds a customer by a whole number, or by the digits that he is shown.
    """
    line = hotline(request)
    hides = search_digits(q) != "" and not may(request, Permission.SEE_NUMBERS)
    most = MOST_BY_DIGITS if hides else limit
    found = await line.customers.list_customers(actor(request), text=q, before=before, limit=most)
    country = line.settings.country
    customers = [_out(one, country) for one in found]
    if hides:  # one page: a next one would tell that there are others
        return CustomerPage(customers=[one for one in customers if _may_be_found(q, one, country)][:limit], next=None)
    return CustomerPage(
        customers=customers,
        next=found[-1].customer_id if len(found) == limit else None,
    )


@routes.post("/api/v1/customers", needs=Permission.WRITE_CUSTOMERS, status=201)
async def create_customer(request: web.Request, /, customer: CustomerIn) -> CustomerOut:
    """Keep a new customer."""
    line = hotline(request)
    return _out(await line.customers.create(actor(request), customer.draft()), line.settings.country)


@routes.get("/api/v1/customers/{customer_id}", needs=Permission.READ_CUSTOMERS)
async def get_customer(request: web.Request, customer_id: Id, /) -> CustomerOut:
    """One customer's record; the reading is audited."""
    line = hotline(request)
    return _out(await line.customers.get(actor(request), customer_id), line.settings.country)


@routes.put("/api/v1/customers/{customer_id}", needs=Permission.WRITE_CUSTOMERS)
async def put_customer(request: web.Request, customer_id: Id, /, customer: CustomerChange) -> CustomerOut:
    """Replace a customer's record."""
    line = hotline(request)
    seen_at = datetime.fromtimestamp(customer.updated_at / 1000, tz=UTC) if customer.updated_at else None
    changed = await line.customers.update(actor(request), customer_id, customer.draft(), seen_at=seen_at)
    return _out(changed, line.settings.country)
