"""`callcenter configuration …`: the configuration as a file, for a person at the machine."""

import asyncio
import contextlib
import getpass
from collections.abc import AsyncIterator
from pathlib import Path

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.configuration import file
from callcenter.configuration.service import Administration, Imported
from callcenter.console import failed, told
from callcenter.db.pool import AWAY, create_pool
from callcenter.errors import HotlineError, InvalidInputError
from callcenter.routing.store import LiveQueue
from callcenter.settings import Settings
from callcenter.staff.model import Actor

_WHAT = {"added": ("added", "新增"), "changed": ("changed", "修改"), "removed": ("removed", "删除")}


def export_file(settings: Settings, target: Path | None) -> None:
    """Write all that is set into a file, or show it."""
    text = asyncio.run(_exported(settings))
    if target is None:
        typer.echo(text, nl=False)
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise failed(f"{target}: {error.strerror}") from None


def import_file(settings: Settings, source: Path, *, dry_run: bool) -> None:
    """Put a file's configuration in place of what is set, and show what that changes."""
    try:
        with source.open("rb") as opened:
            content = opened.read(file.LARGEST_FILE + 1)
    except OSError as error:
        raise failed(f"{source}: {error.strerror}") from None
    imported = asyncio.run(_imported(settings, content, dry_run=dry_run))
    changed = [one for one in imported.changes if one.what in _WHAT]
    for one in changed:
        en, zh = _WHAT[one.what]
        typer.echo(f"{en} {zh}: " + " ".join([one.kind, one.id, ", ".join(one.fields)]).strip())
    if not changed:
        typer.echo("nothing changes 没有变化")
    elif dry_run:
        typer.echo("only shown, nothing was changed 仅预览，未作修改")
    else:
        typer.echo(f"in force as revision {imported.revision} 已生效，版本 {imported.revision}")


def show_profile(name: str) -> None:
    """Show a shipped profile."""
    if name not in file.profile_names():
        raise failed(f"there is no profile {name!r} 没有此模板; there are: {', '.join(file.profile_names())}")
    typer.echo(file.profile(name), nl=False)


async def _exported(settings: Settings) -> str:
    async with _administration(settings) as administration:
        return file.written((await administration.read()).configuration)


async def _imported(settings: Settings, content: bytes, *, dry_run: bool) -> Imported:
    async with _administration(settings) as administration:
        document = file.read(content)
        wanted = document.configuration()
        try:
            if dry_run:
                return await administration.preview(wanted)
            return await administration.bring_in(Actor(None, getpass.getuser(), "console"), wanted)
        except InvalidInputError as error:
            raise InvalidInputError(fields=document.with_lines(error.fields)) from None


@contextlib.asynccontextmanager
async def _administration(settings: Settings) -> AsyncIterator[Administration]:
    """The verbs, until the block is left; what goes wrong ends the command with a line for each thing."""
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    try:
        pool = await create_pool(settings)
        try:
            yield Administration(pool, redis, LiveQueue(redis).waiting)
        finally:
            await pool.close()
    except HotlineError as error:
        raise failed(*told(error)) from None
    except (RedisError, *AWAY) as error:
        raise failed(f"a part of the hotline is away 系统的一部分无法访问: {type(error).__name__}") from None
    finally:
        await redis.aclose()
