"""Connections to Redis."""

from collections.abc import Iterable

from redis.asyncio import Connection, ConnectionPool, Redis

MOST_CONNECTIONS = 500


class PromptConnection(Connection):
    """Hands a command to a socket that takes it at once, without redis-py's limit of time for that, which costs a task
    a command (Python 3.11's `wait_for`). The answer has its limit in any case.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """As redis-py does it."""
        writer = self._writer
        if (
            writer is not None
            and self.is_connected
            and not self.health_check_interval
            and not isinstance(command, bytes | str)
            and writer.transport.get_write_buffer_size() == 0
        ):
            writer.writelines(command)
        else:
            await super().send_packed_command(command, check_health)


def connect_redis(url: str) -> Redis:
    """The Redis at `url`, whose answers are text. Connects when it is first asked."""
    pool = ConnectionPool.from_url(
        url,
        decode_responses=True,
        socket_keepalive=True,
        max_connections=MOST_CONNECTIONS,
        connection_class=PromptConnection,
    )
    return Redis.from_pool(pool)
