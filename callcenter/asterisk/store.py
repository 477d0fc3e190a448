"""Who listens to a node: one replica of the service at a time, by a lease in Redis.

cc:ear:<node>   the listening replica, as host:process:id; gone two seconds after it was last renewed
"""

import asyncio
import os
import socket
import uuid
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

LEASE_SECONDS: Final = 2.0
RENEW_SECONDS: Final = 0.4
_MARGIN_SECONDS: Final = 0.8
"""A holder who can't renew stops listening so long before his lease may be another's."""

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


class Ear:
    """This replica's claim to listen to one node."""

    def __init__(self, redis: Redis, node: str) -> None:
        self._key = f"cc:ear:{node}"
        self._id = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
        scripts: Any = redis
        self._take = scripts.register_script(_TAKE)
        self._give_back = scripts.register_script(_GIVE_BACK)

    async def take(self) -> bool:
        """Take the lease or renew it; False: another replica has it. Raises RedisError, TimeoutError."""
        async with asyncio.timeout(RENEW_SECONDS):
            return bool(await self._take(keys=[self._key], args=[self._id, round(LEASE_SECONDS * 1000)]))

    async def keep(self) -> None:
        """Renew the lease; returns when another has it or it may have ended."""
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        while loop.time() - kept_at < LEASE_SECONDS - _MARGIN_SECONDS:
            await asyncio.sleep(RENEW_SECONDS)
            asked_at = loop.time()
            try:
                if not await self.take():
                    return
            except (RedisError, TimeoutError):
                continue
            kept_at = asked_at

    async def give_back(self) -> None:
        """Let another have it at once. Raises RedisError, TimeoutError."""
        async with asyncio.timeout(RENEW_SECONDS):
            await self._give_back(keys=[self._key], args=[self._id])
