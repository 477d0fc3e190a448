"""The own fields of customers' records, made on a page: kept in PostgreSQL, audited."""

from collections.abc import Sequence

from callcenter.customers.own_fields import FieldKind, OwnField
from callcenter.db.pool import Executor, Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

MOST_FIELDS = 60
_FIXED_KIND = {"en": "What a field takes can't change: make another.", "zh": "字段类型不能更改，请另建一个字段。"}
_NO_CHOICES = {"en": "Enter the choices.", "zh": "请填写选项。"}
_TOO_MANY = {"en": "There are 60 fields already.", "zh": "最多 60 个字段。"}


async def list_fields(executor: Executor) -> list[OwnField]:
    """All fields in their order, the removed ones last."""
    rows = await executor.fetch(
        """select field_id, name_zh, name_en, kind, choices, required, position, removed_at is not null as removed
        from customer_fields order by removed_at is not null, position, field_id"""
    )
    return [OwnField(**dict(row) | {"kind": FieldKind(row["kind"]), "choices": tuple(row["choices"])}) for row in rows]


class OwnFields:
    """What administrators do with own fields."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self) -> Sequence[OwnField]:
        """All fields in their order, the removed ones last."""
        return await list_fields(self._pool)

    async def choices(self) -> frozenset[str]:
        """The ids of the fields whose values are chosen from a list, also of removed ones."""
        return frozenset(one.field_id for one in await list_fields(self._pool) if one.kind is FieldKind.CHOICE)

    async def put(self, actor: Actor, field: OwnField) -> OwnField:
        """Make or change a field; one that was removed is asked for again.

        Raises:
            InvalidInputError: its kind would change, a choice has no choices, or there are too many fields.
        """
        choices = tuple(dict.fromkeys(field.choices)) if field.kind is FieldKind.CHOICE else ()
        if field.kind is FieldKind.CHOICE and not choices:
            raise InvalidInputError(fields={"choices": _NO_CHOICES})
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table customer_fields in share row exclusive mode")
            known = {one.field_id: one for one in await list_fields(connection)}
            old = known.get(field.field_id)
            if old is not None and old.kind is not field.kind:
                raise InvalidInputError(fields={"kind": _FIXED_KIND})
            if (old is None or old.removed) and sum(not one.removed for one in known.values()) >= MOST_FIELDS:
                raise InvalidInputError(fields={"field_id": _TOO_MANY})
            await connection.execute(
                """insert into customer_fields (field_id, name_zh, name_en, kind, choices, required, position)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (field_id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en,
                    choices = excluded.choices, required = excluded.required, position = excluded.position,
                    removed_at = null""",
                field.field_id,
                field.name_zh,
                field.name_en,
                field.kind.value,
                list(choices),
                field.required,
                field.position,
            )
            [now] = [one for one in await list_fields(connection) if one.field_id == field.field_id]
            if now != old:
                detail = {"before": old, "after": now}
                await audit.record(
                    connection, actor, "customer_field.set", of=("customer_field", field.field_id), detail=detail
                )
            return now

    async def remove(self, actor: Actor, field_id: str) -> None:
        """Ask for a field no more; what was written in it stays. A removed one stays removed.

        Raises:
            NotFoundError: there is no such field.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            done = await connection.fetchval(
                """update customer_fields set removed_at = now() where field_id = $1 and removed_at is null
                returning true""",
                field_id,
            )
            if done:
                of = ("customer_field", field_id)
                await audit.record(connection, actor, "customer_field.removed", of=of)
            elif not await connection.fetchval("select true from customer_fields where field_id = $1", field_id):
                raise NotFoundError
