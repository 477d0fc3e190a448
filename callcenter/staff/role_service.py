"""What people do about roles, and how every replica learns of it. All is audited.

A change is committed, learnt here, and told to every other replica; who missed the word finds it within three seconds.
What was learnt is kept in Redis too, so that a service which starts without PostgreSQL lets nobody do what was taken
from him.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import orjson
import structlog
from redis.exceptions import RedisError

from callcenter.configuration.store import announce
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.errors import ConflictError, NotFoundError
from callcenter.staff import audit, role_store
from callcenter.staff.errors import LastAdministratorError, OwnRightsError, RoleInUseError, ShippedRoleError
from callcenter.staff.model import Actor
from callcenter.staff.permissions import Permission
from callcenter.staff.role_store import Role
from callcenter.staff.roles import KNOWN, Roles, differs

log = structlog.get_logger(__name__)

KEPT: Final = "cc:roles"
READ_SECONDS: Final = 2


class RoleWork:
    """The roles, as people change them."""

    def __init__(self, pool: Pool, redis: Any, roles: Roles) -> None:
        self._pool = pool
        self._redis = redis
        self._roles = roles
        self._reading = asyncio.Lock()
        self._is_known = False
        self._names: dict[str, tuple[str, str]] = {}

    def name_of(self, role_id: str) -> tuple[str, str]:
        """A role's names, Chinese and English; its id while nothing else is known."""
        return self._names.get(role_id, (role_id, role_id))

    async def reload(self) -> None:
        """Learn roles and people anew; while PostgreSQL is away, what was known still holds."""
        try:
            async with self._reading, asyncio.timeout(READ_SECONDS):
                roles = await role_store.list_all(self._pool)
                rights = {role.role_id: role.permissions for role in roles}
                self._names = {role.role_id: (role.name_zh, role.name_en) for role in roles}
                people = await role_store.read_people(self._pool)
                is_new = not self._is_known or (rights, people) != (self._roles.granted, self._roles.people)
                self._is_known = True
                self._roles.take(rights, people)
                if is_new:
                    await self._redis.set(KEPT, orjson.dumps(_kept(rights, people), option=orjson.OPT_NON_STR_KEYS))
        except (RedisError, *AWAY) as error:
            log.warning("roles not read", error=type(error).__name__)
            if not self._is_known:
                await self._take_kept()

    async def _take_kept(self) -> None:
        try:
            kept = await self._redis.get(KEPT)
        except RedisError:
            return
        if kept is None:
            return
        held = orjson.loads(kept)
        rights = {
            role: frozenset(Permission(name) for name in names if name in KNOWN)
            for role, names in held["granted"].items()
        }
        self._roles.take(rights, {int(user_id): role for user_id, role in held["people"].items()})

    async def tell(self) -> None:
        """A committed change holds at once: here, and in every other replica."""
        await self.reload()
        await announce(self._redis, "roles")

    async def list_roles(self) -> list[Role]:
        """All roles, in their order."""
        return await role_store.list_all(self._pool)

    async def create(self, actor: Actor, name_zh: str, name_en: str, copy_of: str) -> str:
        """An own role that may do what another may; its id.

        Raises:
            NotFoundError: there is no role to copy.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            model = await _found(connection, copy_of)
            role_id = await role_store.insert(connection, name_zh, name_en)
            await role_store.put_differences(connection, role_id, differs(frozenset(), model.permissions))
            detail = {"name_zh": name_zh, "name_en": name_en, "copy_of": copy_of}
            await audit.record(connection, actor, "role.created", of=("role", role_id), detail=detail)
        await self.tell()
        return role_id

    async def change(
        self,
        actor: Actor,
        role_id: str,
        names: tuple[str, str],
        *,
        wanted: Iterable[Permission],
        seen: Iterable[Permission],
    ) -> None:
        """Give a role other names and rights. `seen` is what it could do when the change was thought of.

        Raises:
            NotFoundError: there is no such role.
            ConflictError: somebody else has changed it meanwhile.
            OwnRightsError: it is one's own role, and was not shipped with a right that it would have.
            LastAdministratorError: nobody could say any more what others may do.
        """
        rights = frozenset(wanted)
        async with self._pool.acquire() as connection, connection.transaction():
            await role_store.lock(connection)
            old = await _found(connection, role_id)
            if old.permissions != frozenset(seen):
                raise ConflictError
            await self._put(connection, actor, old, rights)
            if (old.name_zh, old.name_en) != names:
                await role_store.rename(connection, role_id, *names)
            detail = _changes(old, rights)
            if (old.name_zh, old.name_en) != names:
                detail |= {"name": [[old.name_zh, old.name_en], list(names)]}
            await audit.record(connection, actor, "role.changed", of=("role", role_id), detail=detail)
        await self.tell()

    async def reset(self, actor: Actor, role_id: str) -> None:
        """Let a shipped role do again what it could when it was shipped.

        Raises:
            NotFoundError: there is no such role.
            ShippedRoleError: it is an own role.
            LastAdministratorError: nobody could say any more what others may do.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await role_store.lock(connection)
            old = await _found(connection, role_id)
            if not old.shipped:
                raise ShippedRoleError
            await self._put(connection, actor, old, old.as_shipped)
            detail = _changes(old, old.as_shipped)
            await audit.record(connection, actor, "role.reset", of=("role", role_id), detail=detail)
        await self.tell()

    async def remove(self, actor: Actor, role_id: str) -> None:
        """Remove an own role.

        Raises:
            NotFoundError: there is no such role.
            ShippedRoleError: it is a shipped one.
            RoleInUseError: somebody has it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await role_store.lock(connection)
            old = await _found(connection, role_id)
            if old.shipped:
                raise ShippedRoleError
            if old.all_people:
                raise RoleInUseError
            await role_store.remove(connection, role_id)
            detail = {"name_zh": old.name_zh, "name_en": old.name_en}
            await audit.record(connection, actor, "role.removed", of=("role", role_id), detail=detail)
        await self.tell()

    async def _put(self, connection: Connection, actor: Actor, old: Role, rights: frozenset[Permission]) -> None:
        """Nobody gives himself a right that his role was not shipped with: he asks another who may give it."""
        own = await connection.fetchval("select role from users where user_id = $1", actor.user_id)
        if own == old.role_id and rights - old.permissions - old.as_shipped:
            raise OwnRightsError
        await role_store.put_differences(connection, old.role_id, differs(old.as_shipped, rights))
        if not await role_store.somebody_administers(connection):
            raise LastAdministratorError


async def _found(connection: Connection, role_id: str) -> Role:
    for role in await role_store.list_all(connection):
        if role.role_id == role_id:
            return role
    raise NotFoundError


def _changes(old: Role, rights: frozenset[Permission]) -> dict[str, Any]:
    return {"given": sorted(rights - old.permissions), "taken": sorted(old.permissions - rights)}


def _kept(rights: dict[str, frozenset[Permission]], people: dict[int, str]) -> dict[str, Any]:
    return {"granted": {role: sorted(held) for role, held in rights.items()}, "people": people}
