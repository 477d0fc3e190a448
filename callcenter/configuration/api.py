"""What an administrator sets, over HTTP: one thing at a time, or all of it as a file."""

import asyncio
import functools
from datetime import date, timedelta
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.configuration import file
from callcenter.configuration.changes import kind_of
from callcenter.configuration.hours import Why, plan_of
from callcenter.configuration.model import (
    Configuration,
    General,
    Hours,
    Menu,
    Name,
    PauseReason,
    Queue,
    Skill,
    Span,
)
from callcenter.configuration.service import Imported
from callcenter.configuration.store import Stored
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.staff.permissions import Permission
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, may

routes = Routes()

Revision = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""The revision that a change was made from."""
DayCount = Annotated[int, Field(ge=1, le=400)]


class ConfigurationOut(BaseModel):
    """All that is set, and the revision to name in the next change."""

    revision: int
    configuration: Configuration


class QueueOrder(BaseModel):
    """Every queue once; calls to no known number come to the first."""

    model_config = ConfigDict(extra="forbid")

    queue_ids: Annotated[list[Name], Field(max_length=200)]


class FileIn(BaseModel):
    """A configuration as a YAML file."""

    model_config = ConfigDict(extra="forbid")

    yaml: Annotated[str, Field(max_length=file.LARGEST_FILE)]


class ChangeOut(BaseModel):
    """What a file does to one object; `fields` are those that get another value."""

    kind: str
    id: str
    what: Literal["added", "changed", "removed", "same"]
    fields: list[str]


class ImportOut(BaseModel):
    """What a file has changed, or would change, and the revision it is at then."""

    changes: list[ChangeOut]
    revision: int


class ProfileName(BaseModel):
    """A shipped profile, and what it is called."""

    profile: str
    name: str


class ProfileOut(ProfileName):
    """A shipped profile as a file."""

    yaml: str


class DayOut(BaseModel):
    """When a day is open, and why; the name is the holiday's or the exception's.

    `calendar_known` is false where that year's public holidays are not known yet: then the plain week holds.
    """

    day: date
    spans: list[Span]
    why: Why
    name_zh: str
    name_en: str
    calendar_known: bool


def _out(stored: Stored) -> ConfigurationOut:
    return ConfigurationOut(revision=stored.revision, configuration=stored.configuration)


async def _seen_by(request: web.Request) -> Stored:
    """All that is set, as far as it is to be seen by the one who asks."""
    stored = await hotline(request).administration.read()
    if may(request, Permission.CHANGE_SETTINGS):
        return stored
    return Stored(stored.revision, stored.configuration.concealed())


def _same_id(given: str, named: str, field: str) -> None:
    if given != named:
        said = {"en": f"This must be {given!r}, as in the address.", "zh": f"须与地址中的“{given}”一致。"}
        raise InvalidInputError(fields={field: said})


@routes.get("/api/v1/configuration", needs=Permission.READ_SETTINGS)
async def get_configuration(request: web.Request, /) -> ConfigurationOut:
    """All that is set."""
    return _out(await _seen_by(request))


@routes.put("/api/v1/configuration/general", needs=Permission.CHANGE_SETTINGS)
async def put_general(request: web.Request, /, general: General, revision: Revision) -> ConfigurationOut:
    """Set what concerns all queues: the cadence, what priority is worth, the caller rules, where alarms are sent."""
    return _out(await hotline(request).administration.put_general(actor(request), revision, general))


@routes.put("/api/v1/configuration/queue-order", needs=Permission.CHANGE_SETTINGS)
async def put_queue_order(request: web.Request, /, order: QueueOrder, revision: Revision) -> ConfigurationOut:
    """Set the order of the queues."""
    return _out(await hotline(request).administration.order_queues(actor(request), revision, order.queue_ids))


@routes.put("/api/v1/configuration/queues/{queue_id}", needs=Permission.CHANGE_SETTINGS)
async def put_queue(request: web.Request, queue_id: Name, /, queue: Queue, revision: Revision) -> ConfigurationOut:
    """Set a queue, a new one or in place of the old. Without members it keeps those it has."""
    _same_id(queue_id, queue.queue_id, "queue_id")
    return _out(await hotline(request).administration.put(actor(request), revision, queue))


@routes.delete("/api/v1/configuration/queues/{queue_id}", needs=Permission.CHANGE_SETTINGS)
async def remove_queue(request: web.Request, queue_id: Name, /, revision: Revision) -> ConfigurationOut:
    """Take out a queue that nothing leads to and nobody waits in; past calls keep its name."""
    return _out(await hotline(request).administration.remove(actor(request), revision, kind_of(Queue), queue_id))


@routes.put("/api/v1/configuration/menus/{menu_id}", needs=Permission.CHANGE_SETTINGS)
async def put_menu(request: web.Request, menu_id: Name, /, menu: Menu, revision: Revision) -> ConfigurationOut:
    """Set a menu, a new one or in place of the old."""
    _same_id(menu_id, menu.menu_id, "menu_id")
    return _out(await hotline(request).administration.put(actor(request), revision, menu))


@routes.delete("/api/v1/configuration/menus/{menu_id}", needs=Permission.CHANGE_SETTINGS)
async def remove_menu(request: web.Request, menu_id: Name, /, revision: Revision) -> ConfigurationOut:
    """Take out a menu that nothing leads to."""
    return _out(await hotline(request).administration.remove(actor(request), revision, kind_of(Menu), menu_id))


@routes.put("/api/v1/configuration/hours/{hours_id}", needs=Permission.CHANGE_SETTINGS)
async def put_hours(request: web.Request, hours_id: Name, /, hours: Hours, revision: Revision) -> ConfigurationOut:
    """Set opening hours, new ones or in place of the old."""
    _same_id(hours_id, hours.hours_id, "hours_id")
    return _out(await hotline(request).administration.put(actor(request), revision, hours))


@routes.delete("/api/v1/configuration/hours/{hours_id}", needs=Permission.CHANGE_SETTINGS)
async def remove_hours(request: web.Request, hours_id: Name, /, revision: Revision) -> ConfigurationOut:
    """Take out opening hours that no queue has."""
    return _out(await hotline(request).administration.remove(actor(request), revision, kind_of(Hours), hours_id))


@routes.get("/api/v1/configuration/hours/{hours_id}/days", needs=Permission.READ_SETTINGS)
async def list_days(request: web.Request, hours_id: Name, /, first: date, count: DayCount = 42) -> list[DayOut]:
    """The open times of some days, and why each has them."""
    configuration = (await hotline(request).administration.read()).configuration
    found = next((one for one in configuration.hours if one.hours_id == hours_id), None)
    if found is None:
        raise NotFoundError
    if first.year > 9000:
        raise InvalidInputError(fields={"first": {"en": "This is too far off.", "zh": "日期过于遥远。"}})
    plans = (plan_of(found, first + timedelta(days=ahead)) for ahead in range(count))
    return [
        DayOut(
            day=plan.day,
            spans=list(plan.spans),
            why=plan.why,
            name_zh=plan.name_zh,
            name_en=plan.name_en,
            calendar_known=plan.calendar_known,
        )
        for plan in plans
    ]


@routes.put("/api/v1/configuration/skills/{skill_id}", needs=Permission.CHANGE_SETTINGS)
async def put_skill(request: web.Request, skill_id: Name, /, skill: Skill, revision: Revision) -> ConfigurationOut:
    """Set a skill, a new one or in place of the old. Without agents those who have it keep it."""
    _same_id(skill_id, skill.skill_id, "skill_id")
    return _out(await hotline(request).administration.put(actor(request), revision, skill))


@routes.delete("/api/v1/configuration/skills/{skill_id}", needs=Permission.CHANGE_SETTINGS)
async def remove_skill(request: web.Request, skill_id: Name, /, revision: Revision) -> ConfigurationOut:
    """Take out a skill that no queue asks for."""
    return _out(await hotline(request).administration.remove(actor(request), revision, kind_of(Skill), skill_id))


@routes.put("/api/v1/configuration/pause-reasons/{code}", needs=Permission.CHANGE_SETTINGS)
async def put_pause_reason(
    request: web.Request, code: Name, /, pause_reason: PauseReason, revision: Revision
) -> ConfigurationOut:
    """Set a pause reason, a new one or in place of the old."""
    _same_id(code, pause_reason.code, "code")
    return _out(await hotline(request).administration.put(actor(request), revision, pause_reason))


@routes.delete("/api/v1/configuration/pause-reasons/{code}", needs=Permission.CHANGE_SETTINGS)
async def remove_pause_reason(request: web.Request, code: Name, /, revision: Revision) -> ConfigurationOut:
    """Take out a pause reason; not the last."""
    return _out(await hotline(request).administration.remove(actor(request), revision, kind_of(PauseReason), code))


@routes.get("/api/v1/pause-reasons", needs=SIGNED_IN)
async def list_pause_reasons(request: web.Request, /) -> list[PauseReason]:
    """The reasons for which an agent may pause, in their order; also while PostgreSQL is away."""
    return hotline(request).roster.roster.configuration.pause_reasons


# -- files ---------------------------------------------------------------------------------------------


@routes.get("/api/v1/configuration/file", needs=Permission.READ_SETTINGS)
async def get_configuration_file(request: web.Request, /) -> web.Response:
    """All that is set, as a YAML file."""
    stored = await _seen_by(request)
    text = await asyncio.to_thread(file.written, stored.configuration)
    name = f"callcenter-configuration-{stored.revision}.yaml"
    return web.Response(
        text=text,
        content_type="text/yaml",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@routes.post("/api/v1/configuration/file", needs=Permission.CHANGE_SETTINGS)
async def import_configuration_file(
    request: web.Request, /, configuration: FileIn, dry_run: bool = False, revision: Revision | None = None
) -> ImportOut:
    """Put a file's configuration in place of what is set, or see with `dry_run` what that would change.

    With `revision` it is refused when something has been changed since.
    """
    document = await asyncio.to_thread(file.read, configuration.yaml.encode("utf-8", "surrogatepass"))
    wanted = await asyncio.to_thread(document.configuration)
    administration = hotline(request).administration
    try:
        if dry_run:
            return _import_out(await administration.preview(wanted))
        return _import_out(await administration.bring_in(actor(request), wanted, revision))
    except InvalidInputError as error:
        raise InvalidInputError(fields=document.with_lines(error.fields)) from None


def _import_out(imported: Imported) -> ImportOut:
    return ImportOut(
        changes=[
            ChangeOut(kind=one.kind, id=one.id, what=one.what, fields=list(one.fields)) for one in imported.changes
        ],
        revision=imported.revision,
    )


@routes.get("/api/v1/configuration/profiles", needs=Permission.READ_SETTINGS)
async def list_profiles(request: web.Request, /) -> list[ProfileName]:  # noqa: ARG001 - every handler takes it
    """The shipped profiles."""
    return [ProfileName(profile=name, name=_title(file.profile(name))) for name in file.profile_names()]


@routes.get("/api/v1/configuration/profiles/{profile}", needs=Permission.READ_SETTINGS)
async def get_profile(request: web.Request, profile: Name, /) -> ProfileOut:  # noqa: ARG001 - every handler takes it
    """A shipped profile, to look at, edit and bring in as a file."""
    text = file.profile(profile)
    return ProfileOut(profile=profile, name=_title(text), yaml=text)


@functools.cache
def _title(text: str) -> str:
    return file.read(text.encode()).configuration().name
