"""Two records of one customer become one, and come apart again (issue 5; OWN-14).

One record is kept; the other becomes part of it: it is found no more, its numbers lead to the kept one, its calls,
files and history stay its own and stand on the kept one's timeline. All of it happens in one transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callcenter.clock import milliseconds
from callcenter.customers import merging_store as store
from callcenter.customers.merging_model import BY_RULE, Brought, Choice, Record, TooManyError, merge, proposal, split
from callcenter.db.pool import Connection, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor


class PartAlreadyError(ConflictError):
    """One of the two is part of another record already. Open it again, or split it off first."""

    error_id = "part_already"
    zh = "其中一份档案已并入其他档案，请重新打开，或先拆分。"


class PartOfPartError(ConflictError):
    """The record that it is part of is itself part of another. Split that one off first."""

    error_id = "part_of_part"
    zh = "该档案所并入的档案又已并入其他档案，请先拆分后者。"


_TOO_MANY = {
    "numbers": {"en": "Together they have more than 20 numbers.", "zh": "合并后电话号码超过 20 个。"},
    "tags": {"en": "Together they have more than 30 tags.", "zh": "合并后标签超过 30 个。"},
    "notes": {"en": "Both notes together are longer than 4,000 characters.", "zh": "两份备注合起来超过 4000 字。"},
}


@dataclass(frozen=True, slots=True)
class Preview:
    """Two records side by side; `proposed`: whose value each differing field would have."""

    kept: Record
    part: Record
    proposed: dict[str, Choice]


@dataclass(frozen=True, slots=True)
class Part:
    """A record that is part of another."""

    customer_id: int
    name: str
    merged_at: datetime
    merged_by: str | None


class Merging:
    """Merges and splits records."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def preview(self, actor: Actor, kept: int, part: int) -> Preview:
        """The two records beside each other; the reading is audited.

        Raises:
            NotFoundError: one of them is not there, or erased.
            PartAlreadyError: one of them is part of another record.
        """
        async with self._pool.acquire() as connection:
            one, other = await _both(connection, kept, part)
            if one["merged_into"] or other["merged_into"]:
                raise PartAlreadyError
            proposed = proposal(one, other, await connection.fetchval("select now()"))
            for customer_id in (kept, part):
                await audit.record(connection, actor, "customer.read", of=("customer", customer_id))
        return Preview(one, other, proposed)

    async def merge(
        self, actor: Actor, kept: int, part: int, choices: Mapping[str, Choice], seen: tuple[datetime, datetime]
    ) -> int:
        """Make `part` a part of `kept`; the id of the record that is kept. Comes twice without harm.

        `choices` says whose value a differing field has; without one it is the proposal's. `seen` are the `updated_at`
        of both, as they were shown. The earlier owner and the earlier registration hold (OWN-14).

        Raises:
            NotFoundError: one of them is not there, or erased.
            PartAlreadyError: one of them is part of another record.
            ConflictError: one of them was changed since it was shown.
            InvalidInputError: together they are more than one record can hold.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await store.lock(connection, kept, part)
            one, other = await _both(connection, kept, part)
            if other["merged_into"] == kept:
                return kept
            if one["merged_into"] or other["merged_into"]:
                raise PartAlreadyError
            if [_changed_at(one), _changed_at(other)] != [milliseconds(at) for at in seen]:
                raise ConflictError
            wanted = proposal(one, other, await connection.fetchval("select now()"))
            wanted |= {name: choice for name, choice in choices.items() if name in wanted and name not in BY_RULE}
            before = [store.brought_of(row) for row in await store.standing(connection, kept)]
            await _merge(connection, actor, (one, other), wanted, before)
        return kept

    async def parts(self, customer_id: int) -> list[Part]:
        """The records that are part of this one, the newest first."""
        return [
            Part(row["part"], row["name"], row["at"], row["by"])
            for row in await store.standing(self._pool, customer_id)
        ]

    async def split(self, actor: Actor, part: int) -> int:
        """Make a part a record of its own again, as it was; its id. One that is its own stays so.

        What has been changed on the kept record since the merge stays there.

        Raises:
            NotFoundError: there is no such record, or it is erased.
            PartOfPartError: the record that it is part of is part of another.
            ConflictError: it has become part of another one in this very moment.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            kept = await connection.fetchval("select merged_into from customers where customer_id = $1", part)
            await store.lock(connection, part, *([kept] if kept else []))
            found = await store.records(connection, part, *([kept] if kept else []))
            if part not in found or found[part]["erased_at"]:
                raise NotFoundError
            if found[part]["merged_into"] != kept:
                raise ConflictError
            if kept is not None:
                await _split(connection, actor, found[kept], part)
        return part


async def _both(connection: Connection, kept: int, part: int) -> tuple[Record, Record]:
    if kept == part:
        said = {"en": "Choose another record.", "zh": "请选择另一份档案。"}
        raise InvalidInputError(fields={"part_id": said})
    found = await store.records(connection, kept, part)
    if any(one not in found or found[one]["erased_at"] for one in (kept, part)):
        raise NotFoundError
    return found[kept], found[part]


def _changed_at(record: Record) -> int:
    return milliseconds(datetime.fromisoformat(record["updated_at"]))


async def _merge(
    connection: Connection,
    actor: Actor,
    both: tuple[Record, Record],
    choices: Mapping[str, Choice],
    before: list[Brought],
) -> None:
    kept, part = both
    try:
        wanted, brought = merge(kept, part, choices, before)
    except TooManyError as error:
        raise InvalidInputError(fields={error.args[0]: _TOO_MANY[error.args[0]]}) from None
    await store.put_rows(connection, part["customer_id"], "numbers", ())
    await store.change(connection, kept, wanted)
    await store.set_leading(connection, part["customer_id"], kept["customer_id"])
    told: dict[str, Any] = {"part": part["customer_id"], "part_name": part["name"]}
    changed = {name: [one.before[0], one.now[0]] for name, one in brought.taken.items()}
    added = {kind: len(rows) for kind, rows in wanted.add.items() if rows}
    kept_back = brought.to_json() | {"numbers": part["numbers"]}
    detail = told | {"changed": changed, "added": added, "kept": kept_back}
    await store.note(connection, kept["customer_id"], actor.user_id, "merged", detail)
    said = {"part": part["customer_id"], "fields": sorted(changed), "added": added}
    await audit.record(connection, actor, "customer.merged", of=("customer", kept["customer_id"]), detail=said)


async def _split(connection: Connection, actor: Actor, kept: Record, part: int) -> None:
    if kept["merged_into"]:
        raise PartOfPartError
    merges = await store.standing(connection, kept["customer_id"])
    mine = next(row for row in merges if row["part"] == part)
    brought = store.brought_of(mine)
    others = [store.brought_of(row) for row in merges if row is not mine]
    wanted = split(kept, brought, others)
    await store.change(connection, kept, wanted)
    await store.put_rows(connection, part, "numbers", mine["detail"]["kept"]["numbers"])
    await store.set_leading(connection, part, None)
    told = {"part": part, "part_name": mine["name"], "from": kept["customer_id"], "from_name": kept["name"]}
    for customer_id in (kept["customer_id"], part):
        await store.note(connection, customer_id, actor.user_id, "split", told)
    said = {"part": part, "from": kept["customer_id"]}
    await audit.record(connection, actor, "customer.split", of=("customer", part), detail=said)
