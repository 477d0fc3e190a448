"""The people and records that a first run starts with, so that there is somebody to sign in as."""

import asyncio
from typing import TYPE_CHECKING, Any

from callcenter.db.pool import create_pool
from callcenter.db.sample import load_sample

if TYPE_CHECKING:
    from .box import Box


def load(box: "Box") -> list[dict[str, Any]]:
    """Load the sample data if this database has no people; the logins that are known, with their passwords.

    In somebody's own database that has people already none is known.
    """
    logins = asyncio.run(_load(box))
    if logins:
        box.secrets.keep("logins", logins)
    kept: list[dict[str, Any]] = box.secrets.kept("logins") or []
    return kept


async def _load(box: "Box") -> list[dict[str, Any]]:
    pool = await create_pool(box.settings)
    try:
        if await pool.fetchval("select exists (select from users)"):
            return []
        return await load_sample(pool, lambda name: box.secrets.secret(name, 12))
    finally:
        await pool.close()
