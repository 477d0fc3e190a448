"""Customers' records as an import reads, writes and restores them: sets of rows, never one statement a customer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from asyncpg import Record as Row

from callcenter.customers.names import initials_of
from callcenter.db.pool import Connection, Executor
from callcenter.importing.matching import Record

_RECORDS: Final = """
    select c.customer_id, c.name, c.company_or_project, c.unit_or_address, c.member_level, c.vip, c.birthday, c.notes,
        c.tags, c.own_fields,
        (select coalesce(jsonb_agg(jsonb_build_array(n.number, n.label) order by n.position, n.number), '[]')
            from customer_numbers n where n.customer_id = c.customer_id) as numbers,
        (select coalesce(jsonb_agg(jsonb_build_object('label', a.label, 'address', a.address, 'building', a.building,
            'unit', a.unit, 'room', a.room) order by a.position), '[]')
            from customer_addresses a where a.customer_id = c.customer_id) as addresses,
        (select coalesce(jsonb_agg(jsonb_build_object('contract_id', k.contract_id, 'kind', k.kind, 'name', k.name,
            'number', k.number, 'signed_on', k.signed_on, 'starts_on', k.starts_on, 'ends_on', k.ends_on,
            'warranty_until', k.warranty_until) order by k.position, k.contract_id), '[]')
            from customer_contracts k where k.customer_id = c.customer_id) as contracts
    from customers c where c.customer_id = any($1)
"""
_DAYS: Final = ("signed_on", "starts_on", "ends_on", "warranty_until")
APPLYING: Final = 0x696D706F
"""Key of the advisory lock of a transaction that writes records: two imports take turns, and know each other's."""


def _record(row: Row) -> Record:
    return Record(
        customer_id=row["customer_id"],
        name=row["name"],
        company_or_project=row["company_or_project"],
        unit_or_address=row["unit_or_address"],
        member_level=row["member_level"],
        vip=row["vip"],
        birthday=row["birthday"].isoformat() if row["birthday"] else "",
        notes=row["notes"],
        tags=list(row["tags"]),
        own=row["own_fields"],
        numbers=row["numbers"],
        addresses=row["addresses"],
        contracts=row["contracts"],
    )


async def of_numbers(executor: Executor, numbers: Iterable[str], *, for_update: bool = False) -> list[Record]:
    """The customers who have one of these numbers; merged and erased records are none.

    Number by number (`offset 0`): a table that has just been empty is of no known size, and would be read as a whole.
    """
    ids = await executor.fetch(
        """
        select distinct known.customer_id
        from unnest($1::text[]) as asked (number)
            cross join lateral (select customer_id from customer_numbers n where n.number = asked.number offset 0) known
        """,
        list(numbers),
    )
    if not ids:
        return []
    alive = await executor.fetch(
        f"""
        select customer_id from customers where customer_id = any($1) and merged_into is null and erased_at is null
        order by customer_id {"for update" if for_update else ""}
        """,  # noqa: S608 (our own words)
        [row["customer_id"] for row in ids],
    )
    return await of_ids(executor, [row["customer_id"] for row in alive]) if alive else []


async def of_ids(executor: Executor, ids: Sequence[int]) -> list[Record]:
    """These customers, by their ids' order."""
    rows = await executor.fetch(f"{_RECORDS} order by c.customer_id", list(ids))
    return [_record(row) for row in rows]


async def new_ids(executor: Executor, count: int) -> list[int]:
    """So many ids of customers to be; what isn't used is never used."""
    sql = "select nextval(pg_get_serial_sequence('customers', 'customer_id')) as id from generate_series(1, $1)"
    return [row["id"] for row in await executor.fetch(sql, count)]


async def insert(connection: Connection, records: Sequence[Record], made_by: int | None) -> None:
    """Keep new customers, at the ids they have."""
    if not records:
        return
    await connection.execute(
        """
        insert into customers (customer_id, name, company_or_project, unit_or_address, member_level, vip, birthday,
            notes, tags, own_fields, initials, created_by)
        overriding system value
        select v.*, $2 from jsonb_to_recordset($1) as v (customer_id bigint, name text, company_or_project text,
            unit_or_address text, member_level text, vip bool, birthday date, notes text, tags text[], own_fields jsonb,
            initials text)
        """,
        _rows(records),
        made_by,
    )
    await _put_parts(connection, records)


async def update(connection: Connection, records: Sequence[Record]) -> None:
    """Replace what an import can change of these customers."""
    if not records:
        return
    await connection.execute(
        """
        update customers c set name = v.name, company_or_project = v.company_or_project,
            unit_or_address = v.unit_or_address, member_level = v.member_level, vip = v.vip, birthday = v.birthday,
            notes = v.notes, tags = v.tags, own_fields = v.own_fields, initials = v.initials, updated_at = now()
        from jsonb_to_recordset($1) as v (customer_id bigint, name text, company_or_project text, unit_or_address text,
            member_level text, vip bool, birthday date, notes text, tags text[], own_fields jsonb, initials text)
        where c.customer_id = v.customer_id
        """,
        _rows(records),
    )
    ids = [one.customer_id for one in records]
    await connection.execute("delete from customer_numbers where customer_id = any($1)", ids)
    await connection.execute("delete from customer_addresses where customer_id = any($1)", ids)
    kept = [one["contract_id"] for record in records for one in record.contracts if "contract_id" in one]
    await connection.execute(
        "delete from customer_contracts where customer_id = any($1) and not contract_id = any($2)", ids, kept
    )
    await _put_parts(connection, records)


def _rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": one.customer_id,
            "name": one.name,
            "company_or_project": one.company_or_project,
            "unit_or_address": one.unit_or_address,
            "member_level": one.member_level,
            "vip": one.vip,
            "birthday": one.birthday or None,
            "notes": one.notes,
            "tags": one.tags,
            "own_fields": one.own,
            "initials": initials_of(one.name),
        }
        for one in records
    ]


async def _put_parts(connection: Connection, records: Sequence[Record]) -> None:
    """The rows below a customer's: numbers, addresses, contracts."""
    numbers = [
        (number, one.customer_id, label[:100], place)
        for one in records
        for place, (number, label) in enumerate(one.numbers)
    ]
    if numbers:
        await connection.copy_records_to_table(
            "customer_numbers", records=numbers, columns=["number", "customer_id", "label", "position"]
        )
    addresses = [
        (one.customer_id, place, *(address.get(name, "") for name in ("label", "address", "building", "unit", "room")))
        for one in records
        for place, address in enumerate(one.addresses)
    ]
    if addresses:
        await connection.copy_records_to_table(
            "customer_addresses",
            records=addresses,
            columns=["customer_id", "position", "label", "address", "building", "unit", "room"],
        )
    await _put_contracts(connection, records)


async def _put_contracts(connection: Connection, records: Sequence[Record]) -> None:
    new, kept = [], []
    for one in records:
        for place, contract in enumerate(one.contracts):
            values = (contract["kind"], contract["name"], contract["number"], *_days_of(contract))
            if "contract_id" in contract:
                kept.append((contract["contract_id"], *values))
            else:
                new.append((one.customer_id, place, *values))
    columns = ["kind", "name", "number", *_DAYS]
    if new:
        await connection.copy_records_to_table(
            "customer_contracts", records=new, columns=["customer_id", "position", *columns]
        )
    if kept:
        await connection.execute(
            """
            update customer_contracts k set kind = v.kind, name = v.name, number = v.number, signed_on = v.signed_on,
                starts_on = v.starts_on, ends_on = v.ends_on, warranty_until = v.warranty_until
            from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::date[], $6::date[], $7::date[],
                $8::date[]) as v (id, kind, name, number, signed_on, starts_on, ends_on, warranty_until)
            where k.contract_id = v.id
            """,
            *(list(column) for column in zip(*kept, strict=True)),
        )


def _days_of(contract: Mapping[str, Any]) -> list[date | None]:
    return [date.fromisoformat(contract[name]) if contract.get(name) else None for name in _DAYS]


async def write_changes(
    connection: Connection, kind: str, by_user: int | None, changes: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    """What was changed of records, for their histories: (customer id, detail)."""
    if changes:
        await connection.execute(
            """
            insert into customer_changes (customer_id, by_user, kind, detail)
            select v.customer_id, $1, $2, v.detail from jsonb_to_recordset($3) as v (customer_id bigint, detail jsonb)
            """,
            by_user,
            kind,
            [{"customer_id": customer_id, "detail": detail} for customer_id, detail in changes],
        )


# -- undoing -------------------------------------------------------------------------------------------


async def remember(connection: Connection, import_id: int, touched: Mapping[int, Any]) -> None:
    """Note whom the import makes (None) or changes (what he is), for undoing; before it does so.

    Of one whom it changed before, the first `before` stays; where somebody else has changed him since, so does the
    moment, by which the undoing knows that.
    """
    if touched:
        await connection.execute(
            """
            insert into import_customers (import_id, customer_id, before, after_at)
            select $1, v.customer_id, v.before, now()
            from jsonb_to_recordset($2) as v (customer_id bigint, before jsonb)
            on conflict (import_id, customer_id) do update set after_at = excluded.after_at
            where not exists (select from customers c where c.customer_id = excluded.customer_id
                    and c.updated_at <> import_customers.after_at)
                and not exists (select from customer_changes k where k.customer_id = excluded.customer_id
                    and k.at > import_customers.after_at)
            """,
            import_id,
            [{"customer_id": customer_id, "before": before} for customer_id, before in touched.items()],
        )


async def to_undo(connection: Connection, import_id: int, limit: int) -> list[Row]:
    """The next customers to undo: what they were before, and what speaks against it (an empty string: nothing)."""
    sql = """
        select m.customer_id, m.before,
            case when c.customer_id is null then 'gone'
                when c.updated_at <> m.after_at or c.merged_into is not null or c.erased_at is not null then 'changed'
                when m.before is null and (
                    exists (select from calls k where k.customer_id = m.customer_id)
                    or exists (select from ring_backs k where k.customer_id = m.customer_id)
                    or exists (select from customer_files k where k.customer_id = m.customer_id)
                    or exists (select from customers k where k.merged_into = m.customer_id)) then 'in_use'
                when exists (select from customer_changes k where k.customer_id = m.customer_id and k.at > m.after_at)
                    then 'changed'
                else '' end as against
        from (select * from import_customers where import_id = $1 and undone is null
            order by customer_id limit $2) m
        left join customers c on c.customer_id = m.customer_id
        order by m.customer_id
    """
    rows = list(await connection.fetch(sql, import_id, limit))
    ids = [row["customer_id"] for row in rows]
    await connection.execute("select from customers where customer_id = any($1) order by customer_id for update", ids)
    return list(await connection.fetch(sql, import_id, limit))


async def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Take customers out again, and all that hangs on them."""
    await connection.execute("delete from customers where customer_id = any($1)", list(ids))


async def put_undone(connection: Connection, import_id: int, lots: Mapping[int, str]) -> None:
    """What became of customers when the import was undone."""
    await connection.execute(
        """
        update import_customers m set undone = v.undone from unnest($2::bigint[], $3::text[]) as v (id, undone)
        where m.import_id = $1 and m.customer_id = v.id
        """,
        import_id,
        list(lots),
        list(lots.values()),
    )
