"""Records that are merged and split, in PostgreSQL. A record is one JSON object (`merging_model.Record`)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from callcenter.customers.merging_model import FIELDS, LISTS, OWN_FIELD, Brought, Change, Record, key_of
from callcenter.db.pool import Connection, Executor

_COLUMNS: Final = {
    "numbers": {"number": "text", "label": "text"},
    "addresses": dict.fromkeys(("label", "address", "building", "unit", "room"), "text"),
    "contracts": {
        "kind": "text",
        "name": "text",
        "number": "text",
        "signed_on": "date",
        "starts_on": "date",
        "ends_on": "date",
        "warranty_until": "date",
        "notes": "text",
    },
}
_TIES: Final = {"numbers": "number", "addresses": "position", "contracts": "contract_id"}


def _rows_of(kind: str) -> str:
    columns = ", ".join(f"'{name}', x.{name}" for name in _COLUMNS[kind])
    return f"""'{kind}', (select coalesce(jsonb_agg(jsonb_build_object({columns})
        order by x.position, x.{_TIES[kind]}), '[]')
        from customer_{kind} x where x.customer_id = c.customer_id)"""  # noqa: S608 (of constants)


_RECORDS: Final = f"""
    select to_jsonb(c) - 'words' || jsonb_build_object({", ".join(map(_rows_of, LISTS))})
    from customers c where customer_id = any($1)
"""  # noqa: S608 (of constants)
_STANDING: Final = """
    select c.customer_id as part, c.name, h.at, h.detail, u.display_name as by
    from customers c cross join lateral (
        select at, detail, by_user from customer_changes
        where customer_id = $1 and kind = 'merged' and (detail->>'part')::bigint = c.customer_id
        order by at desc, change_id desc limit 1
    ) h left join users u on u.user_id = h.by_user
    where c.merged_into = $1 order by h.at desc, c.customer_id
"""


async def lock(connection: Connection, *customer_ids: int) -> None:
    """Keep others from changing these records until the transaction ends; always in the order of their ids."""
    await connection.execute(
        "select from customers where customer_id = any($1) order by customer_id for update", list(customer_ids)
    )


async def records(executor: Executor, *customer_ids: int) -> dict[int, Record]:
    """These records as JSON, by their ids; those that are not there are left out."""
    rows = [row[0] for row in await executor.fetch(_RECORDS, list(customer_ids))]
    return {row["customer_id"]: row for row in rows}


async def leading(executor: Executor, customer_id: int) -> int:
    """The record that this one is part of, at any depth; itself when it is part of none."""
    return int(
        await executor.fetchval(
            """with recursive up as (
                select $1::bigint as customer_id
                union
                select c.merged_into from customers c join up using (customer_id) where c.merged_into is not null
            )
            select coalesce((select customer_id from up join customers using (customer_id) where merged_into is null),
                $1)""",
            customer_id,
        )
    )


async def standing(executor: Executor, customer_id: int) -> list[dict[str, Any]]:
    """The merges into a record that stand, the newest first: part, its name, when, by whom, detail."""
    return [dict(row) for row in await executor.fetch(_STANDING, customer_id)]


async def change(connection: Connection, record: Record, wanted: Change) -> None:
    """Make the kept record so."""
    columns: dict[str, Any] = {}
    own = dict(record["own_fields"])
    for name, values in wanted.fields.items():
        if name.startswith(OWN_FIELD):
            own[name.removeprefix(OWN_FIELD)] = values[0]
        else:
            columns |= dict(zip(FIELDS[name], values, strict=True))
    columns["own_fields"] = {name: value for name, value in own.items() if value is not None}
    gone = wanted.remove.get("tags", frozenset())
    columns["tags"] = [*(tag for tag in record["tags"] if tag not in gone), *wanted.add.get("tags", ())]
    await _set_columns(connection, record["customer_id"], columns)
    for kind in LISTS:
        gone = wanted.remove.get(kind, frozenset())
        left = [row for row in record[kind] if key_of(kind, row) not in gone]
        new = list(wanted.add.get(kind, ()))
        rows = [*new, *left] if kind == "addresses" and wanted.part_first else [*left, *new]
        if rows != record[kind]:
            await put_rows(connection, record["customer_id"], kind, rows)


async def _set_columns(connection: Connection, customer_id: int, columns: Mapping[str, Any]) -> None:
    names = ", ".join(f"{name} = r.{name}" for name in columns)
    await connection.execute(
        f"""update customers c set {names}, updated_at = clock_timestamp()
        from jsonb_populate_record(null::customers, $2) r where c.customer_id = $1""",  # noqa: S608 (columns of ours)
        customer_id,
        dict(columns),
    )


async def put_rows(connection: Connection, customer_id: int, kind: str, rows: Iterable[Any]) -> None:
    """Have these rows stand in a list of a record, in this order, and no others."""
    names, types = ", ".join(_COLUMNS[kind]), ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS[kind].items())
    await connection.execute(f"delete from customer_{kind} where customer_id = $1", customer_id)  # noqa: S608
    await connection.execute(
        f"""insert into customer_{kind} (customer_id, position, {names})
        select $1, (place - 1)::int, {names}
        from rows from (jsonb_to_recordset($2) as ({types})) with ordinality as r ({names}, place)""",  # noqa: S608
        customer_id,
        list(rows),
    )


async def set_leading(connection: Connection, part: int, kept: int | None) -> None:
    """Have a record be part of another one, or of none."""
    await connection.execute(
        "update customers set merged_into = $2, updated_at = clock_timestamp() where customer_id = $1", part, kept
    )


async def note(connection: Connection, customer_id: int, by: int | None, kind: str, detail: Mapping[str, Any]) -> None:
    """Write a change of a record down."""
    await connection.execute(
        """insert into customer_changes (customer_id, by_user, kind, detail, at)
        values ($1, $2, $3, $4, clock_timestamp())""",
        customer_id,
        by,
        kind,
        dict(detail),
    )


def brought_of(row: Mapping[str, Any]) -> Brought:
    """What the part of a standing merge brought."""
    return Brought.of_json(row["detail"]["kept"])
