"""The process that works on imports: `python -m callcenter.importing.worker`, started by `callcenter serve`.

Reading a table of 100,000 rows keeps a processor busy for seconds, and a broken one may ask for all memory; neither may
reach the process that answers callers. It ends a while after its last work, or with the service
that started it (its standard input is closed then). Its settings come from the environment.
"""

import asyncio
import contextlib
import os
import resource
import socket
import sys
import threading
import time
from typing import Final

from callcenter import logs
from callcenter.db.pool import create_pool
from callcenter.importing.work import ImportWork
from callcenter.settings import Settings

MOST_MEMORY: Final = 3 * 1024**3
"""Bytes of address space."""
NICE: Final = 10
LINGER_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.3
"""After its work it looks for more for a while: a file that was read is checked next, and starting takes a second."""


def main() -> None:
    """Work until nothing has come for a while."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with contextlib.suppress(OSError):
        os.nice(NICE)
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    logs.set_up()
    asyncio.run(_work(Settings()))


def _end_with_the_service() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


async def _work(settings: Settings) -> None:
    pool = await create_pool(settings, by_index=True)
    try:
        claimant = f"{socket.gethostname()}:{os.getpid()}"
        work = ImportWork(pool, claimant, country=settings.country)
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < LINGER_SECONDS:
            if await work.run_all():
                idle_since = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await pool.close()


if __name__ == "__main__":
    main()
