"""The process that writes one list to its standard output: `python -m callcenter.exports.writer`.

Half a million rows keep a processor busy for a minute, which the process that answers callers can't spare. What to
write comes as one line of JSON (`files.order_of`), the settings from the environment.
"""

import asyncio
import contextlib
import json
import os
import sys
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callcenter.db.pool import create_pool
from callcenter.exports import files, store
from callcenter.exports.model import marks_of
from callcenter.settings import Settings

NICE = 10


def main() -> None:
    """Write one list."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    asyncio.run(_write(json.loads(sys.stdin.buffer.readline()), Settings()))


async def _write(order: dict[str, Any], settings: Settings) -> None:
    zone = ZoneInfo(order["zone"])
    pool = await create_pool(settings)
    try:
        one = await store.find(pool, order["export_id"])
        if one is None or one.valid_until is None:
            raise SystemExit(2)
        at = datetime.fromisoformat(order["at"]).astimezone(zone)
        until = f"{one.valid_until.astimezone(zone):%Y-%m-%d %H:%M}"
        marks = marks_of(one, order["download_id"], f"{at:%Y-%m-%d %H:%M}", until, order["language"])
        writer = files.RowWriter(one, marks, order["language"], zone, settings.country)
        async with pool.acquire() as connection:
            count = await files.write(connection, one, writer, sys.stdout.buffer)
        await store.end_download(pool, order["download_id"], count)
    finally:
        await pool.close()


if __name__ == "__main__":
    main()
