"""What the hotline does with customers: find the caller, list, read, write; all audited (SEC-04)."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from callcenter.clock import milliseconds
from callcenter.customers import merging_store, owners, search, store
from callcenter.customers.fields import list_fields
from callcenter.customers.model import (
    Caller,
    Candidate,
    Contract,
    Customer,
    Draft,
    OwnValue,
    country_code,
    facts_of,
    search_digits,
    shown_address,
    stored_numbers,
    warm,
    with_first,
)
from callcenter.customers.own_fields import checked_values
from callcenter.db.pool import Connection, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.numbers.model import OWN_FIELDS, with_kept_numbers, with_kept_values
from callcenter.staff import audit
from callcenter.staff.model import Actor

_LAST: Final = 2**63 - 1
LONGEST_ADDRESS: Final = 200
"""Characters of an address as it is shown."""
_TOO_LONG: Final = {"en": "The address is too long: at most 200 characters.", "zh": "地址太长，最多 200 字。"}
_NO_CONTRACT: Final = {"en": "This contract is not in the record any more.", "zh": "该合同已不在档案中。"}
_ENDS_EARLY: Final = {"en": "This is before its start.", "zh": "结束日期早于开始日期。"}


class MergedError(ConflictError):
    """This record is part of another customer's now. Open it again: it leads to that one."""

    error_id = "customer_merged"
    zh = "该档案已并入另一客户。请重新打开，系统会转到那份档案，再作修改。"


class ContractGoneError(ConflictError):
    """Someone else has removed or replaced a contract of this record in the meantime; nothing was saved. Reload and try
    again.
    """

    error_id = "contract_gone"
    zh = "档案中的合同已被他人删除或替换，本次修改没有保存。请刷新后重试。"


class Customers:
    """The customers' records."""

    def __init__(self, pool: Pool, *, country: str = "CN", look_ups: Pool | None = None) -> None:
        """`country` (ISO 3166) is where numbers without a country code belong; `look_ups`: asked for callers' records,
        instead of `pool`.
        """
        self._pool = pool
        self._look_ups = look_ups or pool
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
        return await store.find_by_number(self._look_ups, key)

    async def candidate(self, customer_id: int) -> Candidate:
        """A customer as a screen-pop shows him, whatever number he calls from.

        Raises:
            NotFoundError: there is none with this id, or he is part of another now.
        """
        found = await store.find_candidate(self._pool, customer_id)
        if found is None:
            raise NotFoundError
        return found

    async def list_customers(
        self, actor: Actor, *, text: str = "", before: int | None = None, limit: int = 50
    ) -> list[Customer]:
        """Customers, newest first, below the id `before`.

        `text` is a part of a name, company, project or address, the initials of a name's pinyin, the beginning of a
        contract's number, or a number in any form, its start, its end, or four digits of it or more.
        """
        wanted = text.strip()
        page: dict[str, int] = {"before": before or _LAST, "limit": limit}
        if not wanted:
            newest = await store.newest(self._pool, **page)
            await audit.record(self._pool, actor, "customers.listed", detail={"before": before, "found": len(newest)})
            return newest
        digits = search_digits(wanted)
        if digits:
            ids = await search.search_number(
                self._pool, wanted, starts=self._starts(wanted, digits), digits=digits, **page
            )
        else:
            ids = await search.search(self._pool, wanted, **page)
        found = await store.records(self._pool, ids) if ids else []
        said = {"by": "digits" if digits else "words", "found": len(found)}
        await audit.record(self._pool, actor, "customers.searched", detail=said)
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

    async def create(self, actor: Actor, draft: Draft, *, call_id: str = "") -> Customer:
        """Keep a new customer. Asked again while talking in the same call (`call_id`) with the same first number, it
        is the one that is there already. His own fields are asked for on his page, not in the middle of a call.

        Raises:
            InvalidInputError: a number isn't one, the name is empty, or an own field is wrong.
            ContractGoneError: a contract has an id; a new customer's has none.
        """
        clean = self._checked(draft)
        _check_contracts(clean.contracts, ())
        async with self._pool.acquire() as connection, connection.transaction():
            if call_id and clean.numbers:
                made = await store.made_in_call(connection, call_id, clean.numbers[0].number)
                if made is not None:
                    return await self._found(connection, made)
            if draft.kept.isdisjoint({"own_fields"}):
                clean = await self._with_own_fields(connection, clean, {})
            customer_id = await store.insert(connection, clean, actor.user_id)
            said = {"call_id": call_id} if call_id else {}
            await store.add_change(connection, customer_id, actor.user_id, "created", said)
            await owners.claim(connection, customer_id, actor.user_id)
            await audit.record(connection, actor, "customer.created", of=("customer", customer_id))
            return await self._found(connection, customer_id)

    async def update(
        self, actor: Actor, customer_id: int, draft: Draft, *, seen_at: datetime | None = None
    ) -> Customer:
        """Replace a customer's record, but for what `draft.kept` names; `seen_at` is the `updated_at` of the record
        that was edited.

        A number that is sent as it is shown to who may not see it (138****5678) stays what it is, in own fields too.

        Raises:
            NotFoundError: there is none with this id, or it has been erased.
            MergedError: it is part of another now.
            ConflictError: somebody else changed it since `seen_at`.
            ContractGoneError: a contract is not the record's, or comes twice.
            InvalidInputError: a number isn't one, the name is empty, or an own field is wrong.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            old = await store.find(connection, customer_id, for_update=True)
            if old is None:
                raise MergedError if await store.is_part(connection, customer_id) else NotFoundError
            if seen_at is not None and milliseconds(old.updated_at) != milliseconds(seen_at):
                raise ConflictError
            kept = with_kept_numbers(draft.numbers, old.numbers, self._country)
            clean = self._checked(dataclasses.replace(draft, numbers=kept))
            if "contracts" not in draft.kept:
                _check_contracts(clean.contracts, old.contracts)
            if "own_fields" not in draft.kept:
                sent = with_kept_values(clean.own_fields, old.own_fields, self._country, within=OWN_FIELDS)
                clean = dataclasses.replace(clean, own_fields=sent)
                clean = await self._with_own_fields(connection, clean, old.own_fields)
            await store.update(connection, customer_id, _kept(clean, old))
            new = await self._found(connection, customer_id)
            changed = _changed(old, new)
            if changed:
                await store.add_change(connection, customer_id, actor.user_id, "changed", {"changed": changed})
            detail = {"fields": sorted(changed)}
            await audit.record(connection, actor, "customer.changed", of=("customer", customer_id), detail=detail)
            return new

    async def fill_initials(self) -> None:
        """Make the initials of all records that have none, a thousand at a time."""
        after: int | None = 0
        while after is not None:
            async with self._pool.acquire() as connection, connection.transaction():
                after = await store.fill_initials(connection, after, 1000)

    async def _with_own_fields(self, connection: Connection, draft: Draft, old: Mapping[str, OwnValue]) -> Draft:
        values, wrong = checked_values(await list_fields(connection), draft.own_fields, old)
        if wrong:
            raise InvalidInputError(fields={f"own_fields.{name}": said for name, said in wrong.items()})
        return dataclasses.replace(draft, own_fields=values)

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
        wrong = {
            f"addresses.{place}.address": _TOO_LONG
            for place, one in enumerate(draft.addresses or ())
            if len(shown_address(one)) > LONGEST_ADDRESS
        } | {
            f"contracts.{place}.ends_on": _ENDS_EARLY
            for place, one in enumerate(draft.contracts)
            if one.starts_on and one.ends_on and one.ends_on < one.starts_on
        }
        if wrong:
            raise InvalidInputError(fields=wrong)
        return dataclasses.replace(draft, numbers=numbers, tags=tuple(dict.fromkeys(draft.tags)))


def _check_contracts(sent: Sequence[Contract], there: Sequence[Contract]) -> None:
    """Each contract that has an id is one that is there, once. Raises ContractGoneError."""
    ids = {one.contract_id for one in there}
    wrong = {}
    for place, one in enumerate(sent):
        if one.contract_id is not None and one.contract_id not in ids:
            wrong[f"contracts.{place}.contract_id"] = _NO_CONTRACT
        ids -= {one.contract_id}
    if wrong:
        raise ContractGoneError(fields=wrong)


def _kept(draft: Draft, old: Customer) -> Draft:
    """`draft` with what it leaves as it is. An address that came as one line takes the first one's place."""
    fields = {name: getattr(old, name) for name in draft.kept}
    if draft.addresses is None and "unit_or_address" not in draft.kept:
        fields["addresses"] = with_first(old.addresses, draft.unit_or_address)
    elif draft.addresses is None:
        fields["addresses"] = old.addresses
    return dataclasses.replace(draft, **fields)


_NOT_CHANGED_BY_CLERKS: Final = frozenset({"updated_at", "last_contact_at", "owner"})


def _changed(old: Customer, new: Customer) -> dict[str, list[Any]]:
    """Old and new value of each field that changed, so that the record's history can be read back."""
    before, after = dataclasses.asdict(old), dataclasses.asdict(new)
    return {
        name: [before[name], after[name]]
        for name in before
        if name not in _NOT_CHANGED_BY_CLERKS and before[name] != after[name]
    }
