"""Roles and their rights over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.staff.api import RoleId
from callcenter.staff.permissions import Permission
from callcenter.staff.rights import AREAS
from callcenter.staff.role_store import Role
from callcenter.validation import Names, cleaned_line
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, may, signed_in

routes = Routes()

RoleName = Annotated[str, BeforeValidator(cleaned_line), Field(min_length=1, max_length=40)]
Permissions = Annotated[set[Permission], Field(max_length=len(Permission))]


class RightOut(BaseModel):
    """A right in words."""

    permission: Permission
    name: Names
    meaning: Names


class AreaOut(BaseModel):
    """Rights that belong together."""

    area_id: str
    name: Names
    rights: list[RightOut]


class RoleOut(BaseModel):
    """A role. `as_shipped`: what it may do when reset, empty for an own role; `people` may sign in with it,
    `all_people` have it; `may_give`: whoever asks may give it to others.
    """

    role_id: str
    name_zh: str
    name_en: str
    shipped: bool
    permissions: list[Permission]
    as_shipped: list[Permission]
    people: int
    all_people: int
    may_give: bool


class RolesOut(BaseModel):
    """All roles and all rights; `own` is the role of whoever asks."""

    areas: list[AreaOut]
    roles: list[RoleOut]
    own: str


class RoleIn(BaseModel):
    """A new role, which may do what the role `copy_of` may."""

    model_config = ConfigDict(extra="forbid")

    name_zh: RoleName
    name_en: RoleName
    copy_of: RoleId


class RoleMade(BaseModel):
    """The id of a new role."""

    role_id: str


class RoleChange(BaseModel):
    """What a role shall be. `seen`: what it could do when the page showed it, so that nobody's change is lost."""

    model_config = ConfigDict(extra="forbid")

    name_zh: RoleName
    name_en: RoleName
    permissions: Permissions
    seen: Permissions


@routes.get("/api/v1/roles", needs=SIGNED_IN)
async def list_roles(request: web.Request, /) -> RolesOut:
    """What there is to be allowed, in words, and what each role may do."""
    house = hotline(request)
    own = house.roles.role_of(signed_in(request))
    mine, gives_any = house.roles.of(own), may(request, Permission.MANAGE_ROLES)
    areas = [
        AreaOut(
            area_id=area.area_id,
            name=Names(zh=area.zh, en=area.en),
            rights=[
                RightOut(
                    permission=right.permission,
                    name=Names(zh=right.zh, en=right.en),
                    meaning=Names(zh=right.meaning_zh, en=right.meaning_en),
                )
                for right in area.rights
            ],
        )
        for area in AREAS
    ]
    roles = [_out(role, may_give=gives_any or role.permissions <= mine) for role in await house.role_work.list_roles()]
    return RolesOut(areas=areas, roles=roles, own=own)


@routes.post("/api/v1/roles", needs=Permission.MANAGE_ROLES, status=201)
async def create_role(request: web.Request, /, role: RoleIn) -> RoleMade:
    """Make a role as a copy of one."""
    role_id = await hotline(request).role_work.create(actor(request), role.name_zh, role.name_en, role.copy_of)
    return RoleMade(role_id=role_id)


@routes.put("/api/v1/roles/{role_id}", needs=Permission.MANAGE_ROLES)
async def change_role(request: web.Request, role_id: RoleId, /, role: RoleChange) -> None:
    """Set a role's names and rights; they hold at once, for open sessions and sockets too."""
    await hotline(request).role_work.change(
        actor(request), role_id, (role.name_zh, role.name_en), wanted=role.permissions, seen=role.seen
    )


@routes.post("/api/v1/roles/{role_id}/reset", needs=Permission.MANAGE_ROLES)
async def reset_role(request: web.Request, role_id: RoleId, /) -> None:
    """Let a shipped role do again what it could as shipped."""
    await hotline(request).role_work.reset(actor(request), role_id)


@routes.delete("/api/v1/roles/{role_id}", needs=Permission.MANAGE_ROLES)
async def remove_role(request: web.Request, role_id: RoleId, /) -> None:
    """Remove an own role that nobody has."""
    await hotline(request).role_work.remove(actor(request), role_id)


def _out(role: Role, *, may_give: bool) -> RoleOut:
    return RoleOut(
        role_id=role.role_id,
        name_zh=role.name_zh,
        name_en=role.name_en,
        shipped=role.shipped,
        permissions=sorted(role.permissions),
        as_shipped=sorted(role.as_shipped),
        people=role.people,
        all_people=role.all_people,
        may_give=may_give,
    )
