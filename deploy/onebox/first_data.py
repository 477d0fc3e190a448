"""The people and records that a first run starts with, so that there is somebody to sign in as."""

import asyncio
from typing import TYPE_CHECKING, Any

from callcenter.db.pool import create_pool
from callcenter.db.sample import load_sample

if TYPE_CHECKING:
    from .box import Box


def load(box: "Box") -> list[dict[str, Any]]:
    """Load the sample data if this database has no people yet; the logins, with the passwords made at the first run."""
    kept: list[dict[str, Any]] | None = box.secrets.kept("logins")
    if kept is None:
        kept = asyncio.run(_load(box))
        box.secrets.keep("logins", kept)
    return kept


async def _load(box: "Box") -> list[dict[str, Any]]:
    pool = await create_pool(box.settings)
    try:
        return await load_sample(pool, lambda name: box.secrets.secret(name, 12))
    finally:
        await pool.close()
