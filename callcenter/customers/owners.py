"""Whose customer somebody is: claims of first registrants, and their end (OWN-01, OWN-02, OWN-15, OWN-17)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from callcenter.customers import store
from callcenter.customers.model import Customer
from callcenter.db.pool import Connection, Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

BATCH: Final = 500
"""Customers handed over in one transaction."""
_ENDS: Final = """
    case when s.owner_valid_months > 0 then now() + make_interval(months => s.owner_valid_months) end
"""
_NO_AGENT: Final = {"en": "Choose an agent who is at work here.", "zh": "请选择在岗的座席。"}


@dataclass(frozen=True, slots=True)
class OwnerSettings:
    """Whether who makes a record owns it (OWN-01), and how many months a claim holds after the last contact (OWN-02;
    0: for ever).
    """

    first_contact_owns: bool = False
    owner_valid_months: int = 2


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """How many customers are an agent's. `disabled`: he is here no more."""

    user_id: int
    name: str
    disabled: bool
    customers: int


async def claim(connection: Connection, customer_id: int, user_id: int | None) -> None:
    """Make the agent who made a record its owner, where that is set (OWN-01)."""
    owner = await connection.fetchval(
        f"""update customers c set owner_id = a.user_id, owner_since = now(), owner_until = {_ENDS}
        from customer_settings s, agents a
        where c.customer_id = $1 and a.user_id = $2 and s.first_contact_owns returning a.user_id""",  # noqa: S608
        customer_id,
        user_id,
    )
    if owner is not None:
        await store.add_change(connection, customer_id, user_id, "owner", {"from": None, "to": owner, "why": "first"})


class Owners:
    """What is said about customers' owners."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def settings(self) -> OwnerSettings:
        """The rules as they are set."""
        row = await self._pool.fetchrow("select first_contact_owns, owner_valid_months from customer_settings")
        return OwnerSettings(**row)

    async def counts(self) -> list[OwnerCount]:
        """Everybody who has customers, and all agents at work, by name."""
        rows = await self._pool.fetch(
            """
            with owned as (
                select owner_id, count(*) as customers from customers
                where owner_id is not null and merged_into is null and erased_at is null group by owner_id
            )
            select u.user_id, u.display_name as name, u.disabled, coalesce(o.customers, 0)::int as customers
            from users u left join owned o on o.owner_id = u.user_id left join agents a using (user_id)
            where o.customers > 0 or (a.user_id is not null and not u.disabled)
            order by u.disabled, u.display_name, u.user_id
            """
        )
        return [OwnerCount(**row) for row in rows]

    async def assign(self, actor: Actor, customer_id: int, user_id: int | None, reason: str = "") -> Customer:
        """Make a customer an agent's from now on, or nobody's (OWN-17).

        Raises:
            NotFoundError: there is no such customer.
            InvalidInputError: there is no such agent at work.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            customer = await store.find(connection, customer_id, for_update=True)
            if customer is None:
                raise NotFoundError
            if user_id is not None:
                await self._check(connection, [user_id])
            old = customer.owner.user_id if customer.owner else None
            await self._give(connection, {customer_id: user_id})
            detail: dict[str, Any] = {"from": old, "to": user_id, "why": reason}
            await store.add_change(connection, customer_id, actor.user_id, "owner", detail)
            said = {"from": old, "to": user_id}
            await audit.record(connection, actor, "customer.assigned", of=("customer", customer_id), detail=said)
            return await store.find(connection, customer_id) or customer

    async def hand_over(self, actor: Actor, owner_id: int, to: Sequence[int]) -> tuple[dict[int, int], int]:
        """Draw lots for up to `BATCH` customers of an agent who leaves, evenly among the agents `to` (OWN-15): how
        many each was given, and how many are left. Ask again until none are; whoever was handed over is the
        agent's no more, so that nothing is done twice, whatever dies in between.

        Raises:
            InvalidInputError: nobody is to have them, or somebody who is not at work here.
        """
        heirs = [one for one in dict.fromkeys(to) if one != owner_id]
        async with self._pool.acquire() as connection, connection.transaction():
            await self._check(connection, heirs)
            rows = await connection.fetch(
                """select customer_id from customers where owner_id = $1 and merged_into is null and erased_at is null
                order by customer_id limit $2 for update""",
                owner_id,
                BATCH,
            )
            drawn = _drawn([row["customer_id"] for row in rows], heirs)
            await self._give(connection, drawn)
            await connection.execute(
                """insert into customer_changes (customer_id, by_user, kind, detail)
                select customer_id, $3, 'owner', jsonb_build_object('from', $4::bigint, 'to', heir, 'why', 'lots')
                from unnest($1::bigint[], $2::bigint[]) as drawn (customer_id, heir)""",
                list(drawn),
                list(drawn.values()),
                actor.user_id,
                owner_id,
            )
            given = {heir: list(drawn.values()).count(heir) for heir in heirs}
            if drawn:
                detail = {"to": {str(heir): count for heir, count in given.items()}}
                await audit.record(connection, actor, "customers.handed_over", of=("user", owner_id), detail=detail)
            left = await connection.fetchval(
                """select count(*) from customers
                where owner_id = $1 and merged_into is null and erased_at is null""",
                owner_id,
            )
        return given, int(left)

    async def _check(self, connection: Connection, users: Sequence[int]) -> None:
        known = await connection.fetchval(
            "select count(*) from agents join users using (user_id) where user_id = any($1) and not disabled", users
        )
        if not users or known != len(users):
            raise InvalidInputError(fields={"to": _NO_AGENT})

    @staticmethod
    async def _give(connection: Connection, drawn: dict[int, int | None] | dict[int, int]) -> None:
        """Customer -> owner from now on."""
        await connection.execute(
            f"""update customers c set owner_id = drawn.owner_id,
                owner_since = case when drawn.owner_id is not null then now() end,
                owner_until = case when drawn.owner_id is not null then {_ENDS} end
            from customer_settings s, unnest($1::bigint[], $2::bigint[]) as drawn (customer_id, owner_id)
            where c.customer_id = drawn.customer_id""",  # noqa: S608 (our own constant)
            list(drawn),
            list(drawn.values()),
        )


def _drawn(customers: Sequence[int], heirs: Sequence[int]) -> dict[int, int]:
    """Each customer's new owner, by lots; nobody gets more than one above another."""
    order = random.sample(heirs, len(heirs))
    lots = [order[place % len(order)] for place in range(len(customers))]
    random.shuffle(lots)
    return dict(zip(customers, lots, strict=True))
