"""The customers' records over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from callcenter.clock import milliseconds, moment
from callcenter.customers.model import (
    Address,
    Contract,
    ContractKind,
    Customer,
    CustomerNumber,
    Draft,
    facts_of,
    search_digits,
)
from callcenter.numbers.model import may_be_found
from callcenter.numbers.shown import Number, Values
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, Milliseconds, Names, Paragraphs, RequiredLine, cleaned_line
from callcenter.web.routes import OWN_CHOICES, Routes, actor, hotline, may, signed_in

routes = Routes()

ShortLine = Annotated[Line, Field(max_length=40)]
Birthday = Annotated[date, Field(ge=date(1880, 1, 1), le=date(2100, 1, 1))]
FieldId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
OwnValueIn = Annotated[StrictBool | float | str, BeforeValidator(cleaned_line)] | None

MOST_BY_DIGITS = 200
"""Of so many customers whose numbers have the typed digits those are kept whom the person may find so."""


class NumberIn(BaseModel):
    """A number in any written form, with what the clerk calls it."""

    model_config = ConfigDict(extra="forbid")

    number: RequiredLine
    label: Annotated[Line, Field(max_length=60)] = ""


class AddressIn(BaseModel):
    """An address; building, unit and room may be bare numbers."""

    model_config = ConfigDict(extra="forbid")

    label: ShortLine = ""
    address: Line = ""
    building: ShortLine = ""
    unit: ShortLine = ""
    room: ShortLine = ""


class ContractIn(BaseModel):
    """A project or contract. One that was read is sent back with its `contract_id`."""

    model_config = ConfigDict(extra="forbid")

    contract_id: Id | None = None
    kind: ContractKind
    name: RequiredLine
    number: Annotated[Line, Field(max_length=100)] = ""
    signed_on: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    warranty_until: date | None = None
    notes: Annotated[Paragraphs, Field(max_length=2000)] = ""


class CustomerIn(BaseModel):
    """What a clerk sets of a customer's record. The first of `addresses` is what `unit_or_address` shows; whoever
    knows no `addresses` sends that instead.
    """

    model_config = ConfigDict(extra="forbid")

    name: RequiredLine
    company_or_project: Line = ""
    unit_or_address: Line = ""
    vip: bool = False
    notes: Paragraphs = ""
    language: Literal["zh", "en"] | None = None
    numbers: list[NumberIn] = Field(default=[], max_length=20)
    addresses: Annotated[list[AddressIn], Field(max_length=20)] | None = None
    member_level: ShortLine = ""
    birthday: Birthday | None = None
    tags: list[Annotated[RequiredLine, Field(max_length=40)]] = Field(default=[], max_length=30)
    contracts: list[ContractIn] = Field(default=[], max_length=50)
    own_fields: dict[FieldId, OwnValueIn] = Field(default={}, max_length=100)

    def draft(self) -> Draft:
        """As the service takes it: what was not sent is left as it is."""
        optional = frozenset(_OPTIONAL) - self.model_fields_set
        return Draft(
            name=self.name,
            company_or_project=self.company_or_project,
            unit_or_address=self.unit_or_address,
            vip=self.vip,
            notes=self.notes,
            language=self.language,
            numbers=[CustomerNumber(one.number, one.label) for one in self.numbers],
            addresses=None if self.addresses is None else [Address(**one.model_dump()) for one in self.addresses],
            member_level=self.member_level,
            birthday=self.birthday,
            tags=self.tags,
            contracts=[Contract(**one.model_dump()) for one in self.contracts],
            own_fields={name: value for name, value in self.own_fields.items() if value is not None},
            kept=optional,
        )


_OPTIONAL: Final = (
    *("company_or_project", "unit_or_address", "vip", "notes", "language", "numbers"),
    *("member_level", "birthday", "tags", "contracts", "own_fields"),
)


class NewCustomer(CustomerIn):
    """A new customer. `call_id`: he is made while talking, and is the caller; sent twice, he is made once."""

    call_id: Annotated[Line, Field(max_length=150)] = ""


class CustomerChange(CustomerIn):
    """A record's new values; what is not sent stays as it is. `updated_at` guards against two clerks at once."""

    updated_at: Milliseconds | None = None


class NumberOut(BaseModel):
    """One of a customer's numbers."""

    number: Number
    number_display: Number
    label: str
    place: Names
    carrier: Names


class AddressOut(BaseModel):
    """One of a customer's addresses."""

    label: str
    address: str
    building: str
    unit: str
    room: str


class ContractOut(BaseModel):
    """A project or contract. `in_warranty`: null where no warranty is known (CAT-30)."""

    contract_id: int
    kind: ContractKind
    name: str
    number: str
    signed_on: date | None
    starts_on: date | None
    ends_on: date | None
    warranty_until: date | None
    in_warranty: bool | None
    notes: str


class OwnerOut(BaseModel):
    """Whose customer he is. `until`: the claim ends then; null: it does not end."""

    user_id: int
    name: str
    since: int
    until: int | None
    valid: bool


class CustomerOut(BaseModel):
    """One customer's record. `last_contact_at`: when he was last spoken with."""

    customer_id: int
    name: str
    company_or_project: str
    unit_or_address: str
    vip: bool
    notes: str
    language: str | None
    numbers: list[NumberOut]
    addresses: list[AddressOut]
    member_level: str
    birthday: date | None
    tags: list[str]
    contracts: list[ContractOut]
    own_fields: Values
    owner: OwnerOut | None
    last_contact_at: int | None
    created_at: int
    updated_at: int


class CustomerPage(BaseModel):
    """Some customers; `next` is what to pass as `before` for more."""

    customers: list[CustomerOut]
    next: int | None


async def show_choices(request: web.Request) -> None:
    """What is chosen from a list in own fields is shown in the answer, whatever it looks like."""
    if not may(request, Permission.SEE_NUMBERS):
        request[OWN_CHOICES] = await hotline(request).own_fields.choices()


def customer_out(customer: Customer, request: web.Request) -> CustomerOut:
    """A record as it is answered."""
    house = hotline(request)
    today = datetime.now(house.zone).date()
    fields: dict[str, Any] = {
        name: getattr(customer, name)
        for name in CustomerOut.model_fields
        if name not in {"numbers", "addresses", "contracts", "owner"}
    }
    owner = customer.owner
    return CustomerOut(
        **fields
        | {
            "tags": list(customer.tags),
            "own_fields": dict(customer.own_fields),
            "numbers": [_number_out(one, house.settings.country) for one in customer.numbers],
            "addresses": [AddressOut.model_validate(one, from_attributes=True) for one in customer.addresses],
            "contracts": [_contract_out(one, today) for one in customer.contracts],
            "owner": OwnerOut(
                user_id=owner.user_id,
                name=owner.name,
                since=milliseconds(owner.since),
                until=milliseconds(owner.until) if owner.until else None,
                valid=owner.valid,
            )
            if owner
            else None,
            "last_contact_at": milliseconds(customer.last_contact_at) if customer.last_contact_at else None,
            "created_at": milliseconds(customer.created_at),
            "updated_at": milliseconds(customer.updated_at),
        }
    )


def _may_be_found(typed: str, customer: CustomerOut, country: str) -> bool:
    numbers = [one.number for one in customer.numbers]
    return may_be_found(typed, numbers, lambda: customer.model_dump_json(exclude={"numbers"}), country)


def _contract_out(one: Contract, today: date) -> ContractOut:
    fields = {name: getattr(one, name) for name in ContractOut.model_fields if name != "in_warranty"}
    return ContractOut(**fields, in_warranty=one.warranty_until and one.warranty_until >= today)


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
    """Customers, newest first; `q` is a part of a name, company or address, the initials of a name's pinyin, the
    beginning of a contract's number, or a part of a number in any form.

    Who may not see numbers finds a customer by a whole number, or by the digits that he is shown.
    """
    line = hotline(request)
    hides = search_digits(q) != "" and not may(request, Permission.SEE_NUMBERS)
    most = MOST_BY_DIGITS if hides else limit
    found = await line.customers.list_customers(actor(request), text=q, before=before, limit=most)
    await show_choices(request)
    customers = [customer_out(one, request) for one in found]
    if hides:  # one page: a next one would tell that there are others
        country = line.settings.country
        return CustomerPage(customers=[one for one in customers if _may_be_found(q, one, country)][:limit], next=None)
    return CustomerPage(
        customers=customers,
        next=found[-1].customer_id if len(found) == limit else None,
    )


@routes.post("/api/v1/customers", needs=Permission.WRITE_CUSTOMERS, status=201)
async def create_customer(request: web.Request, /, customer: NewCustomer) -> CustomerOut:
    """Keep a new customer. With `call_id`, a call at one's own desk, he is its caller from then on."""
    line = hotline(request)
    made = await line.customers.create(actor(request), customer.draft(), call_id=customer.call_id)
    if customer.call_id and may(request, Permission.TAKE_CALLS):
        await line.choosing.choose(signed_in(request).user_id, customer.call_id, made.customer_id)
    await show_choices(request)
    return customer_out(made, request)


@routes.get("/api/v1/customers/{customer_id}", needs=Permission.READ_CUSTOMERS)
async def get_customer(request: web.Request, customer_id: Id, /) -> CustomerOut:
    """One customer's record; the reading is audited."""
    found = await hotline(request).customers.get(actor(request), customer_id)
    await show_choices(request)
    return customer_out(found, request)


@routes.put("/api/v1/customers/{customer_id}", needs=Permission.WRITE_CUSTOMERS)
async def put_customer(request: web.Request, customer_id: Id, /, customer: CustomerChange) -> CustomerOut:
    """Change a customer's record; what is not sent stays as it is."""
    seen_at = moment(customer.updated_at) if customer.updated_at else None
    changed = await hotline(request).customers.update(actor(request), customer_id, customer.draft(), seen_at=seen_at)
    await show_choices(request)
    return customer_out(changed, request)
