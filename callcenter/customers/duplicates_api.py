"""Possible duplicates among customers, over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from callcenter.customers.model import display_of
from callcenter.numbers.shown import Number
from callcenter.staff import audit
from callcenter.staff.permissions import Permission
from callcenter.validation import Limit
from callcenter.web.routes import Routes, actor, hotline

routes = Routes()

After = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$")]


class SharingCustomerOut(BaseModel):
    """One of the records that share a number."""

    customer_id: int
    name: str
    unit_or_address: str
    company_or_project: str


class SharingOut(BaseModel):
    """Records that have a number in common."""

    number: Number
    number_display: Number
    customers: list[SharingCustomerOut]


class DuplicatesPage(BaseModel):
    """Some of them; `next` is what to pass as `after` for more, also where this page has none."""

    groups: list[SharingOut]
    next: str | None


@routes.get("/api/v1/possible-duplicates", needs=Permission.MERGE_CUSTOMERS)
async def list_duplicates(request: web.Request, /, after: After = "", limit: Limit = 50) -> DuplicatesPage:
    """Records that share a number and may be one customer, by the number; the reading is audited."""
    house = hotline(request)
    found, following = await house.duplicates.page(after, limit)
    await audit.record(house.pool, actor(request), "customers.duplicates_read", detail={"found": len(found)})
    groups = [
        SharingOut(
            number=one.number,
            number_display=display_of(one.number, house.settings.country),
            customers=[
                SharingCustomerOut(customer_id=customer_id, name=name, unit_or_address=unit, company_or_project=company)
                for customer_id, name, unit, company in one.customers
            ],
        )
        for one in found
    ]
    return DuplicatesPage(groups=groups, next=following)
