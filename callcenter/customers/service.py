"""What the hotline does with customers: find the caller, list, read, write; all audited (SEC-04)."""

import dataclasses
from datetime import datetime
from typing import Any

from callcenter.customers import merging_store, store
from callcenter.customers.model import (
    Caller,
    Candidate,
    Customer,
    Draft,
    country_code,
    facts_of,
    search_digits,
    stored_numbers,
    warm,
)
from callcenter.db.pool import Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.numbers.model import with_kept_numbers
from callcenter.staff import audit
from callcenter.staff.model import Actor

_LAST = 2**63 - 1


class Customers:
    """The customers' records."""

    def __init__(self, pool: Pool, *, country: str = "CN") -> None:
        """`country` (ISO 3166) is where numbers without a country code belong."""
        self._pool = pool
        self._country = country
        self._country_code = country_code(country)

    @staticmethod
    def warm() -> None:
        """Load the tables of places and carriers (about 0.1 s); call once at start."""
        warm()

    async def identify(self, given: str | None) -> Caller:
        """Who may be ringing from the number a trunk gives: one query, none for an anonymous caller."""
        number = facts_of(given, self._country)
        return Caller(number, await self.candidates(number.key) if number.key else ())

    async def candidates(self, key: str) -> tuple[Candidate, ...]:
        """The customers who have the number of this key, the likeliest first: one query."""
        return await store.find_by_number(self._pool, key)

    async def list_customers(
        self, actor: Actor, *, text: str = "", before: int | None = None, limit: int = 50
    ) -> list[Customer]:
        """Customers, newest first, below the id `before`.

        `text` is a part of a name, company, project or unit, or a number in any form, its start or its end.
        """
        wanted = text.strip()
        page: dict[str, int] = {"before": before or _LAST, "limit": limit}
        if not wanted:
            return await store.newest(self._pool, **page)
        digits = search_digits(wanted)
        if digits:
            found = await store.search_number(
                self._pool, wanted, starts=self._starts(wanted, digits), end=digits, **page
            )
        else:
            found = await store.search(self._pool, wanted, **page)
        await audit.record(self._pool, actor, "customers.searched", detail={"text": wanted, "found": len(found)})
        return found

    def _starts(self, wanted: str, digits: str) -> list[str]:
        """How stored numbers may begin when somebody types `digits`."""
        starts = {digits, f"+{digits}", f"{self._country_code}{digits.removeprefix('0')}"}
        if digits.startswith("00"):
            starts.add(f"+{digits[2:]}")
        key = facts_of(wanted, self._country).key
        return sorted(starts | ({key} if key else set()))

    async def get(self, actor: Actor, customer_id: int) -> Customer:
        """One customer's record; of one that is part of another, that other.

        Raises:
            NotFoundError: there is none with this id.
        """
        customer_id = await merging_store.leading(self._pool, customer_id)
        customer = await store.find(self._pool, customer_id)
        if customer is None:
            raise NotFoundError
        await audit.record(self._pool, actor, "customer.read", of=("customer", customer_id))
        return customer

    async def create(self, actor: Actor, draft: Draft) -> Customer:
        """Keep a new customer.

        Raises:
            InvalidInputError: a number isn't one, or the name is empty.
        """
        clean = self._checked(draft)
        async with self._pool.acquire() as connection, connection.transaction():
            customer_id = await store.insert(connection, clean, actor.user_id)
            await audit.record(connection, actor, "customer.created", of=("customer", customer_id))
            return await self._found(connection, customer_id)

    async def update(
        self, actor: Actor, customer_id: int, draft: Draft, *, seen_at: datetime | None = None
    ) -> Customer:
        """Replace a customer's record; `seen_at` is the `updated_at` of the record that was edited.

        A number that is sent as it is shown to who may not see it (138****5678) stays what it is.

        Raises:
            NotFoundError: there is none with this id.
            ConflictError: somebody else changed it since `seen_at`.
            InvalidInputError: a number isn't one, or the name is empty.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            old = await store.find(connection, customer_id, for_update=True)
            if old is None:
                raise NotFoundError
            if seen_at is not None and _milliseconds(old.updated_at) != _milliseconds(seen_at):
                raise ConflictError
            kept = with_kept_numbers(draft.numbers, old.numbers, self._country)
            clean = self._checked(dataclasses.replace(draft, numbers=kept))
            await store.update(connection, customer_id, clean)
            new = await self._found(connection, customer_id)
            await audit.record(
                connection,
                actor,
                "customer.changed",
                of=("customer", customer_id),
                detail={"changed": _changed(old, new)},
            )
            return new

    async def _found(self, connection: Any, customer_id: int) -> Customer:
        customer = await store.find(connection, customer_id)
        if customer is None:
            raise NotFoundError
        return customer

    def _checked(self, draft: Draft) -> Draft:
        if not draft.name.strip():
            raise InvalidInputError(fields={"name": {"en": "Enter a name.", "zh": "请填写姓名。"}})
        try:
            numbers = stored_numbers(draft.numbers, self._country)
        except ValueError as error:
            said = {"en": "This is not a telephone number.", "zh": "不是有效的电话号码。"}
            raise InvalidInputError(fields={f"numbers.{error.args[0]}.number": said}) from None
        return dataclasses.replace(draft, numbers=numbers)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _changed(old: Customer, new: Customer) -> dict[str, list[Any]]:
    """Old and new value of each field that changed, so that the record's history can be read back."""
    before, after = dataclasses.asdict(old), dataclasses.asdict(new)
    return {
        name: [before[name], after[name]] for name in before if name != "updated_at" and before[name] != after[name]
    }
