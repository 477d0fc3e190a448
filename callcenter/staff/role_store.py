"""Roles in PostgreSQL."""

from dataclasses import dataclass
from typing import Final

from callcenter.db.pool import Connection, Executor
from callcenter.staff.permissions import SHIPPED, Permission
from callcenter.staff.roles import ADMINISTERS, NOBODY, granted


@dataclass(frozen=True, slots=True)
class Role:
    """A role; `people` may sign in with it, `all_people` have it whether they may or not."""

    role_id: str
    name_zh: str
    name_en: str
    shipped: bool
    permissions: frozenset[Permission]
    people: int
    all_people: int

    @property
    def as_shipped(self) -> frozenset[Permission]:
        """What it may do when nobody has changed it."""
        return SHIPPED.get(self.role_id, frozenset()) if self.shipped else frozenset()


_ROLES: Final = """
    select r.role_id, r.name_zh, r.name_en, r.shipped,
        (select coalesce(jsonb_object_agg(p.permission, p.granted), '{}') from role_permissions p
            where p.role_id = r.role_id) as differs,
        (select count(*) from users u where u.role = r.role_id and not u.disabled) as people,
        (select count(*) from users u where u.role = r.role_id) as all_people
    from roles r order by r.position, r.role_id
"""


async def list_all(executor: Executor) -> list[Role]:
    """All roles, in their order."""
    found = []
    for row in await executor.fetch(_ROLES):
        fields = dict(row)
        changes = fields.pop("differs")
        as_shipped = SHIPPED.get(row["role_id"], frozenset()) if row["shipped"] else frozenset()
        found.append(Role(**fields, permissions=granted(as_shipped, changes)))
    return found


async def read_people(executor: Executor) -> dict[int, str]:
    """Everybody's role by his id; `NOBODY` for whoever may not sign in."""
    rows = await executor.fetch("select user_id, case when disabled then $1 else role end as role from users", NOBODY)
    return {row["user_id"]: row["role"] for row in rows}


async def lock(connection: Connection) -> None:
    """Let no role and nobody's role change until the transaction ends; reading goes on."""
    await connection.execute("lock table users in share row exclusive mode")


async def somebody_administers(executor: Executor) -> bool:
    """Whether somebody who may sign in can still say what others may do."""
    return any(role.people for role in await list_all(executor) if role.permissions >= ADMINISTERS)


async def insert(executor: Executor, name_zh: str, name_en: str) -> str:
    """A new own role, the last one, which may do nothing; its id."""
    return str(
        await executor.fetchval(
            """
            insert into roles (role_id, name_zh, name_en, position)
            values ('own_' || nextval('own_roles'), $1, $2, (select coalesce(max(position), 0) + 1 from roles))
            returning role_id
            """,
            name_zh,
            name_en,
        )
    )


async def rename(executor: Executor, role_id: str, name_zh: str, name_en: str) -> None:
    """Give a role other names."""
    await executor.execute("update roles set name_zh = $2, name_en = $3 where role_id = $1", role_id, name_zh, name_en)


async def put_differences(executor: Executor, role_id: str, differs: dict[str, bool]) -> None:
    """Keep what differs from the role as shipped, and nothing else of what this release knows of."""
    await executor.execute(
        "delete from role_permissions where role_id = $1 and permission = any ($2)",
        role_id,
        [permission.value for permission in Permission],
    )
    await executor.executemany(
        "insert into role_permissions (role_id, permission, granted) values ($1, $2, $3)",
        [(role_id, name, given) for name, given in differs.items()],
    )


async def remove(executor: Executor, role_id: str) -> None:
    """Remove a role that nobody has."""
    await executor.execute("delete from roles where role_id = $1", role_id)
