"""Which replica of the service does what only one of them does: it holds a lease in Redis, and renews it."""

import asyncio
import os
import socket
import uuid
from typing import Any, Final

from redis.asyncio import Redis

LEASE_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 0.4

_TAKE: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Lease:
    """This replica's claim to do one thing; another's two seconds after it was last renewed."""

    def __init__(self, redis: Redis, key: str) -> None:
        """`key` holds the holder, as host:process:id."""
        self._key = key
        self._id = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        scripts: Any = redis
        self._take = scripts.register_script(_TAKE)
        self._give_back = scripts.register_script(_GIVE_BACK)

    async def take(self) -> bool:
        """Take the lease or renew it; False: another replica has it. Raises RedisError, TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            return bool(await self._take(keys=[self._key], args=[self._id, round(LEASE_SECONDS * 1000)]))

    async def give_back(self) -> None:
        """Let another have it at once. Raises RedisError, TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._give_back(keys=[self._key], args=[self._id])
