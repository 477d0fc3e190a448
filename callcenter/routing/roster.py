"""Queues and agents as they are set in PostgreSQL, brought into the live queue.

The last roster is kept in Redis too, so that a service can start and route while PostgreSQL is away.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog

from callcenter.db.pool import AWAY, Pool
from callcenter.routing.model import Queue
from callcenter.routing.store import LiveQueue, Part

log = structlog.get_logger(__name__)

KEPT = "cc:roster"


@dataclass(frozen=True, slots=True)
class RosterAgent:
    """An agent with a phone."""

    agent_id: int
    extension: str
    kind: str
    name: str
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """Who serves what."""

    queues: tuple[Queue, ...] = ()
    agents: tuple[RosterAgent, ...] = ()


async def read_roster(pool: Pool) -> Roster:
    """The roster as PostgreSQL has it; disabled staff are left out."""
    queues = await pool.fetch(
        """select q.queue_id, q.name_zh, q.name_en, q.ring_seconds,
            coalesce(array_agg(n.number) filter (where n.number is not null), '{}') as numbers
        from queues q left join queue_numbers n using (queue_id)
        group by q.queue_id order by q.position, q.queue_id"""
    )
    agents = await pool.fetch(
        """select a.user_id as agent_id, a.extension, a.phone_kind as kind, u.display_name as name,
            coalesce(array_agg(m.queue_id order by m.queue_id) filter (where m.queue_id is not null), '{}') as queues
        from agents a join users u using (user_id) left join queue_members m using (user_id)
        where not u.disabled group by a.user_id, u.user_id order by a.user_id"""
    )
    return _roster([dict(row) for row in queues], [dict(row) for row in agents])


def _roster(queues: list[dict[str, Any]], agents: list[dict[str, Any]]) -> Roster:
    return Roster(
        tuple(Queue(**row | {"numbers": tuple(row["numbers"])}) for row in queues),
        tuple(RosterAgent(**row | {"queues": tuple(row["queues"])}) for row in agents),
    )


class RosterKeeper:
    """Keeps the live queue's agents and queues as they are set."""

    def __init__(self, pool: Pool, live: LiveQueue, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._live = live
        self._clock = clock
        self.roster = Roster()

    async def sync(self) -> bool:
        """Bring the live queue up to date; whether anything has changed since the last time."""
        before = self.roster
        try:
            self.roster = await read_roster(self._pool)
            await self._live.redis.set(KEPT, orjson.dumps(asdict(self.roster)))
        except AWAY as error:
            log.warning("roster not read", error=type(error).__name__)
            if not before.queues and (kept := await self._live.redis.get(KEPT)):
                self.roster = _roster(**orjson.loads(kept))
        await self._put_agents()
        return self.roster != before

    async def _put_agents(self) -> None:
        live = {agent.agent_id: agent for agent in await self._live.agents()}
        for agent in self.roster.agents:
            wanted = {
                "extension": agent.extension,
                "kind": agent.kind,
                "name": agent.name,
                "queues": ",".join(agent.queues),
            }
            known = live.pop(agent.agent_id, None)
            if known is None or any(known.fields.get(name) != value for name, value in wanted.items()):
                await self._live.step(self._clock(), agent=Part(agent.agent_id, set=wanted))
        for agent_id in live:
            await self._live.forget_agent(agent_id)
