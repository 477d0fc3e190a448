"""Messages from supervisors to desks: kept in PostgreSQL until each agent has clicked them away, told to open desks at
once. A desk that missed the word (a service died in between) asks again by itself.
"""

from collections.abc import Sequence

import orjson
import structlog
from redis.exceptions import RedisError

from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.routing.model import AgentState
from callcenter.routing.store import LiveQueue
from callcenter.staff import audit
from callcenter.staff.model import Actor
from callcenter.supervision import store
from callcenter.supervision.model import MESSAGES_CHANNEL, DeskMessage, SentMessage

log = structlog.get_logger(__name__)

SHOWN_LAST = 50


class DeskMessages:
    """The messages."""

    def __init__(self, pool: Pool, live: LiveQueue) -> None:
        self._pool = pool
        self._live = live

    async def send(self, actor: Actor, text: str, user_ids: Sequence[int] | None) -> DeskMessage:
        """Send a message to these agents; None: to all who are signed in now or come later in the shift. Sent twice
        within seconds, it is one.

        Raises:
            InvalidInputError: one of them is nobody.
        """
        readers = list(user_ids) if user_ids is not None else await self._signed_in(actor.user_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.one_at_a_time(connection, actor.user_id)
            message_id = await store.sent_just_now(connection, actor.user_id, text, user_ids)
            if message_id is None:
                to_all = user_ids is None
                message_id = await store.insert(connection, actor.user_id, text, to_all=to_all, readers=readers)
                if message_id is None:
                    said = {"en": "One of these people is not there.", "zh": "其中有人不存在。"}
                    raise InvalidInputError(fields={"user_ids": said})
                detail = {"to": "all" if to_all else readers}
                await audit.record(connection, actor, "message.sent", of=("message", message_id), detail=detail)
            message = await store.get(connection, message_id)
        await self._tell(message, user_ids, actor.user_id)
        return message

    async def unseen(self, user_id: int) -> list[DeskMessage]:
        """What this agent has not clicked away, the oldest first."""
        return await store.unseen(self._pool, user_id)

    async def see(self, user_id: int, message_id: int) -> None:
        """This agent has clicked a message away. Raises NotFoundError: there is no such message for him."""
        if not await store.see(self._pool, message_id, user_id):
            raise NotFoundError

    async def sent(self) -> list[SentMessage]:
        """The last messages with who has seen them, the latest first."""
        return await store.sent(self._pool, SHOWN_LAST)

    async def _signed_in(self, but: int | None) -> list[int]:
        agents = await self._live.agents()
        known = {row["user_id"] for row in await self._pool.fetch("select user_id from agents")}
        return [
            agent.agent_id
            for agent in agents
            if agent.state is not AgentState.SIGNED_OUT and agent.agent_id in known and agent.agent_id != but
        ]

    async def _tell(self, message: DeskMessage, user_ids: Sequence[int] | None, sender_id: int | None) -> None:
        told = {"users": user_ids, "but": sender_id if user_ids is None else None, "message": message.to_json()}
        try:
            await self._live.redis.publish(MESSAGES_CHANNEL, orjson.dumps(told))
        except RedisError as error:
            log.warning("message not told to open desks", error=type(error).__name__)
