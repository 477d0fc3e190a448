"""Customers' records in PostgreSQL. Callers pass numbers by their keys (`callcenter.customers.model`).

Records that are part of another one now (`merged_into`), or have been erased, are not listed here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from asyncpg import Record

from callcenter.customers.model import (
    Address,
    Candidate,
    Contract,
    ContractKind,
    Customer,
    CustomerNumber,
    Draft,
    Owner,
    addresses_of,
    ranked,
    shown_address,
    with_first,
)
from callcenter.customers.names import initials_of
from callcenter.db.pool import Executor

# ruff: noqa: S608 (all parts of these statements are constants of this module)

_CONTACT: Final = """(
    select max(last.arrived_at)
    from (select c.customer_id union all select customer_id from customers where merged_into = c.customer_id) as part,
        lateral (select arrived_at from calls k
            where k.customer_id = part.customer_id and k.answered_at is not null %s
            order by arrived_at desc limit 1) as last
)"""
LAST_CONTACT: Final = _CONTACT % ""
"""When the customer `c`, or one who is part of him now, was last spoken with."""

_OWNERS_CONTACT: Final = _CONTACT % "and k.agent_id = c.owner_id"
OWNED: Final = f"""
    left join users u on u.user_id = c.owner_id
    left join lateral (
        select case when c.owner_until is not null then greatest(c.owner_until, {_OWNERS_CONTACT}
            + (select make_interval(months => nullif(owner_valid_months, 0)) from customer_settings)) end as ends
        where c.owner_id is not null
    ) as claim on true
"""
"""Whose customer `c` is: a claim holds so long after its agent's last contact (OWN-02)."""

_OWNER: Final = """u.user_id as owner_user, u.display_name as owner_name, c.owner_since, claim.ends as owner_ends,
    not u.disabled and coalesce(claim.ends > now(), true) as owner_valid"""
_OWNER_COLUMNS: Final = ("owner_user", "owner_name", "owner_since", "owner_ends", "owner_valid")

RECORDS: Final = f"""
    select c.customer_id, c.name, c.company_or_project, c.unit_or_address, c.vip, c.notes, c.language,
        c.created_at, c.updated_at, c.member_level, c.birthday, c.tags, c.own_fields, {_OWNER},
        {LAST_CONTACT} as last_contact_at,
        (select coalesce(jsonb_agg(jsonb_build_array(number, label) order by position), '[]')
            from customer_numbers where customer_id = c.customer_id) as numbers,
        (select coalesce(jsonb_agg(jsonb_build_array(label, address, building, unit, room) order by position), '[]')
            from customer_addresses where customer_id = c.customer_id) as addresses,
        (select coalesce(jsonb_agg(to_jsonb(p) - 'customer_id' - 'position' order by position, contract_id), '[]')
            from customer_contracts p where customer_id = c.customer_id) as contracts
    from customers c {OWNED}
"""

_CANDIDATE: Final = f"""
    c.customer_id, c.name, c.company_or_project, c.unit_or_address, c.vip, c.notes, c.language,
        c.member_level, c.tags, {_OWNER},
        {LAST_CONTACT} as last_contact_at,
        (select max(warranty_until) from customer_contracts where customer_id = c.customer_id) as warranty_until,
        exists (select from calls
            where customer_id = c.customer_id and arrived_at > now() - interval '30 days' and next_step in
                ('callback', 'transfer_department', 'refer_up', 'site_visit', 'follow_up'))
"""
CANDIDATES: Final = f"""
    select {_CANDIDATE} or exists (select from ring_backs
            where number = (select $1::text) and state = 'open' and customer_id = c.customer_id) as open_case,
        n.label, n.position = 0 as main_number
    from customer_numbers n join customers c using (customer_id) {OWNED}
    where n.number = (select $1::text) and c.merged_into is null and c.erased_at is null
    order by c.vip desc, n.position, c.updated_at desc
    limit 20
"""
"""More than twenty share the telephone of a firm: nobody would be found in such a list. Planned once, for any number: a
value in a select of its own can't promise a cheaper way.
"""

CANDIDATE: Final = f"""
    select {_CANDIDATE} as open_case, '' as label, false as main_number from customers c {OWNED}
    where c.customer_id = $1 and c.merged_into is null and c.erased_at is null
"""

NEWEST: Final = f"""
    {RECORDS} where c.customer_id < $1 and c.merged_into is null and c.erased_at is null
    order by c.customer_id desc limit $2
"""
MOST_CANDIDATES: Final = 9
"""As many as have a digit to choose them by."""


def _owner(fields: dict[str, Any]) -> Owner | None:
    """Take the owner's columns out of a row."""
    user_id, name, since, until, valid = (fields.pop(column) for column in _OWNER_COLUMNS)
    return Owner(user_id, name, since, until, valid) if user_id is not None else None


def customer_of(row: Record) -> Customer:
    """A row of `RECORDS`. What the release before wrote as one line is the first address."""
    fields: dict[str, Any] = dict(row)
    fields["owner"] = _owner(fields)
    fields["numbers"] = tuple(CustomerNumber(number, label) for number, label in fields["numbers"])
    addresses = [Address(*one) for one in fields["addresses"]]
    fields["addresses"] = with_first(addresses, fields["unit_or_address"])
    fields["contracts"] = tuple(_contract(one) for one in fields["contracts"])
    fields["tags"] = tuple(fields["tags"])
    return Customer(**fields)


def _contract(fields: dict[str, Any]) -> Contract:
    for name in ("signed_on", "starts_on", "ends_on", "warranty_until"):
        fields[name] = date.fromisoformat(fields[name]) if fields[name] else None
    return Contract(**fields | {"kind": ContractKind(fields["kind"])})


def _candidate(row: Record) -> Candidate:
    fields: dict[str, Any] = dict(row)
    fields["owner"] = _owner(fields)
    fields["tags"] = tuple(fields["tags"])
    return Candidate(**fields)


async def find_by_number(executor: Executor, key: str) -> tuple[Candidate, ...]:
    """The customers who have this number, the likeliest first."""
    found = [_candidate(row) for row in await executor.fetch(CANDIDATES, key)]
    return ranked(found, datetime.now(tz=UTC))[:MOST_CANDIDATES]


async def find_candidate(executor: Executor, customer_id: int) -> Candidate | None:
    """One customer as a candidate."""
    row = await executor.fetchrow(CANDIDATE, customer_id)
    return _candidate(row) if row else None


async def find(executor: Executor, customer_id: int, *, for_update: bool = False) -> Customer | None:
    """One customer; `for_update` keeps others from changing him until the transaction ends, and finds nobody whose
    record may not be changed any more (part of another, or erased).
    """
    if for_update and not await executor.fetchval(
        """select true from customers where customer_id = $1 and merged_into is null and erased_at is null
        for update""",
        customer_id,
    ):
        return None
    row = await executor.fetchrow(f"{RECORDS} where c.customer_id = $1", customer_id)
    return customer_of(row) if row else None


async def is_part(executor: Executor, customer_id: int) -> bool:
    """Whether this record is part of another one, and not erased."""
    return bool(
        await executor.fetchval(
            "select true from customers where customer_id = $1 and merged_into is not null and erased_at is null",
            customer_id,
        )
    )


async def newest(executor: Executor, *, before: int, limit: int) -> list[Customer]:
    """Customers below the id `before`, newest first."""
    return [customer_of(row) for row in await executor.fetch(NEWEST, before, limit)]


async def records(executor: Executor, customer_ids: Sequence[int]) -> list[Customer]:
    """These customers, newest first."""
    rows = await executor.fetch(f"{RECORDS} where c.customer_id = any($1) order by c.customer_id desc", customer_ids)
    return [customer_of(row) for row in rows]


_COLUMNS: Final = (
    *("name", "company_or_project", "unit_or_address", "vip", "notes", "language", "member_level", "birthday"),
    *("tags", "own_fields", "initials"),
)
_INSERT: Final = f"""
    insert into customers ({", ".join(_COLUMNS)}, created_by)
    values ({", ".join(f"${place}" for place in range(1, len(_COLUMNS) + 2))}) returning customer_id
"""
_UPDATE: Final = f"""
    update customers set {", ".join(f"{name} = ${place + 2}" for place, name in enumerate(_COLUMNS))},
        updated_at = now()
    where customer_id = $1
"""


def _values(draft: Draft, addresses: Sequence[Address]) -> tuple[object, ...]:
    return (
        draft.name,
        draft.company_or_project,
        shown_address(addresses[0])[:200] if addresses else "",
        draft.vip,
        draft.notes,
        draft.language,
        draft.member_level,
        draft.birthday,
        list(draft.tags),
        dict(draft.own_fields),
        initials_of(draft.name),
    )


async def insert(executor: Executor, draft: Draft, created_by: int | None) -> int:
    """Keep a new customer; his id."""
    addresses = addresses_of(draft)
    customer_id = int(await executor.fetchval(_INSERT, *_values(draft, addresses), created_by))
    await _put_numbers(executor, customer_id, draft.numbers)
    await _put_addresses(executor, customer_id, addresses)
    await _put_contracts(executor, customer_id, draft.contracts)
    return customer_id


async def update(executor: Executor, customer_id: int, draft: Draft) -> None:
    """Replace what a clerk may set."""
    addresses = addresses_of(draft)
    await executor.execute(_UPDATE, customer_id, *_values(draft, addresses))
    await executor.execute("delete from customer_numbers where customer_id = $1", customer_id)
    await _put_numbers(executor, customer_id, draft.numbers)
    await executor.execute("delete from customer_addresses where customer_id = $1", customer_id)
    await _put_addresses(executor, customer_id, addresses)
    await executor.execute(
        "delete from customer_contracts where customer_id = $1 and contract_id <> all($2)",
        customer_id,
        [one.contract_id for one in draft.contracts if one.contract_id is not None],
    )
    await _put_contracts(executor, customer_id, draft.contracts)


async def _put_numbers(executor: Executor, customer_id: int, numbers: Sequence[CustomerNumber]) -> None:
    await executor.executemany(
        "insert into customer_numbers (number, customer_id, label, position) values ($1, $2, $3, $4)",
        [(one.number, customer_id, one.label, position) for position, one in enumerate(numbers)],
    )


async def _put_addresses(executor: Executor, customer_id: int, addresses: Sequence[Address]) -> None:
    await executor.executemany(
        """insert into customer_addresses (customer_id, position, label, address, building, unit, room)
        values ($1, $2, $3, $4, $5, $6, $7)""",
        [
            (customer_id, position, one.label, one.address, one.building, one.unit, one.room)
            for position, one in enumerate(addresses)
        ],
    )


async def _put_contracts(executor: Executor, customer_id: int, contracts: Sequence[Contract]) -> None:
    """Write these contracts: one with an id of his is changed, the others are new."""
    written = [
        (
            *(customer_id, position, one.kind.value, one.name, one.number, one.signed_on, one.starts_on),
            *(one.ends_on, one.warranty_until, one.notes, one.contract_id),
        )
        for position, one in enumerate(contracts)
    ]
    await executor.executemany(
        """insert into customer_contracts (customer_id, position, kind, name, number, signed_on, starts_on, ends_on,
            warranty_until, notes)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        [one[:-1] for one in written if one[-1] is None],
    )
    await executor.executemany(
        """update customer_contracts set position = $2, kind = $3, name = $4, number = $5, signed_on = $6,
            starts_on = $7, ends_on = $8, warranty_until = $9, notes = $10
        where customer_id = $1 and contract_id = $11""",
        [one for one in written if one[-1] is not None],
    )


async def add_change(
    executor: Executor, customer_id: int, by: int | None, kind: str, detail: Mapping[str, Any]
) -> None:
    """Note a change of a record, for its timeline; in the change's own transaction."""
    await executor.execute(
        "insert into customer_changes (customer_id, by_user, kind, detail) values ($1, $2, $3, $4)",
        customer_id,
        by,
        kind,
        dict(detail),
    )


async def made_in_call(executor: Executor, call_id: str, number: str) -> int | None:
    """The customer with this number who was made while talking in this call; asked under the call's lock, so that a
    request that comes twice makes one.
    """
    await executor.execute("select pg_advisory_xact_lock(hashtextextended('customer of ' || $1, 0))", call_id)
    found: int | None = await executor.fetchval(
        """select c.customer_id from customer_numbers n join customer_changes c using (customer_id)
        where n.number = $2 and c.kind = 'created' and c.detail ->> 'call_id' = $1 limit 1""",
        call_id,
        number,
    )
    return found


async def fill_initials(executor: Executor, after: int, limit: int) -> int | None:
    """Make the initials of records that have none (written by the release before, or by hand), of at most `limit`
    above the id `after`; the last id, None when there are no more.
    """
    rows = await executor.fetch(
        """select customer_id, name from customers where initials = '' and customer_id > $1
        order by customer_id limit $2""",
        after,
        limit,
    )
    made = [(row["customer_id"], row["name"], initials_of(row["name"])) for row in rows]
    await executor.executemany(
        "update customers set initials = $3 where customer_id = $1 and name = $2 and initials = ''",
        [one for one in made if one[2]],
    )
    return rows[-1]["customer_id"] if len(rows) == limit else None
