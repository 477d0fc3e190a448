"""Who listens to a node: one replica of the service at a time, by a lease in Redis.

cc:ear:<node>   the listening replica, as host:process:id; gone two seconds after it was last renewed
"""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.lease import LEASE_SECONDS, Lease

RENEW_SECONDS: Final = 0.4
_MARGIN_SECONDS: Final = 0.8
"""A holder who can't renew stops listening so long before his lease may be another's."""


class Ear(Lease):
    """This replica's claim to listen to one node."""

    def __init__(self, redis: Redis, node: str) -> None:
        super().__init__(redis, f"cc:ear:{node}")

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
