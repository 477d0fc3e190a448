"""What is set, and who serves it, as PostgreSQL has it, brought into the live queue.

The last roster is kept in Redis too, so that a service can start and route while PostgreSQL is away. Each that
holds is recorded in PostgreSQL, so that "why did nobody ring at 10:03" has an answer later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError

from callcenter.configuration.model import NOTHING_SET, Configuration
from callcenter.configuration.store import CHANGED_CHANNEL
from callcenter.configuration.store import read as read_configuration
from callcenter.db.pool import AWAY, Connection, Pool
from callcenter.routing.store import LiveQueue, Part

log = structlog.get_logger(__name__)

KEPT: Final = "cc:roster"


@dataclass(frozen=True, slots=True)
class RosterAgent:
    """An agent with a phone, who may sign in.

    `memberships`: (queue, seconds after which its callers are his too); `skills`: (skill, level).
    """

    agent_id: int
    username: str
    extension: str
    kind: str
    name: str
    memberships: tuple[tuple[str, int], ...]
    skills: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """Who serves what."""

    configuration: Configuration
    agents: tuple[RosterAgent, ...]


_ROSTER: Final = TypeAdapter(Roster)
_AGENTS: Final = TypeAdapter(tuple[RosterAgent, ...])

_READ_AGENTS: Final = """
    select a.user_id as agent_id, u.username, a.extension, a.phone_kind as kind, u.display_name as name,
        (select coalesce(jsonb_agg(jsonb_build_array(m.queue_id, m.opens_after_seconds) order by m.queue_id), '[]')
            from queue_members m where m.user_id = a.user_id) as memberships,
        (select coalesce(jsonb_agg(jsonb_build_array(s.skill_id, s.level) order by s.skill_id), '[]')
            from agent_skills s where s.user_id = a.user_id) as skills
    from agents a join users u using (user_id)
    where not u.disabled order by a.user_id
"""


async def read_roster(pool: Pool) -> tuple[int, Roster]:
    """The roster as PostgreSQL has it, and the revision of what is set; disabled staff are left out.

    Raises:
        pydantic.ValidationError: the database holds what no configuration can be.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        stored = await read_configuration(connection)
        agents = await connection.fetch(_READ_AGENTS)
    return stored.revision, Roster(stored.configuration, _AGENTS.validate_python([dict(row) for row in agents]))


_RECORD: Final = """
    insert into roster_versions (revision, roster)
    select $1, $2 where not exists (
        select from (select revision, roster from roster_versions order by at desc limit 1) newest
        where newest.revision > $1 or newest.roster = $2
    )
"""


async def record_roster(pool: Pool, revision: int, roster: Roster) -> None:
    """Record that this roster holds from now on, unless that is known, or a later one holds. Replicas may do so at
    once.
    """
    async with pool.acquire() as connection, connection.transaction():
        await _one_at_a_time(connection)
        await connection.execute(_RECORD, revision, _ROSTER.dump_python(roster, mode="json"))


_STATES: Final = """
select one.user_id, last.to_state, last.reason from unnest($1::bigint[]) one (user_id) cross join lateral (
    select to_state, reason from agent_events e
    where e.user_id = one.user_id and (e.move <> '' or e.from_state <> e.to_state)
    order by at desc, recorded_at desc limit 1
) last
"""
"""A row that tells of nothing but his phone is no word of his: a Redis that has lost everything takes him for signed
out when his phone registers before the roster is put."""


async def _one_at_a_time(connection: Connection) -> None:
    await connection.execute("select pg_advisory_xact_lock(hashtext('callcenter.record_roster'))")


class RosterKeeper:
    """Keeps the live queue's agents and queues as they are set."""

    def __init__(self, pool: Pool, live: LiveQueue, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._live = live
        self._clock = clock
        self._syncing = asyncio.Lock()
        self._is_known = False
        self._recorded: Roster | None = None
        self.roster = Roster(NOTHING_SET, ())

    async def sync(self) -> bool:
        """Bring the live queue up to date; whether anything has changed since the last time."""
        async with self._syncing:
            before = self.roster
            try:
                await self._read()
            except (ValidationError, *AWAY) as error:
                log.warning("roster not read", error=type(error).__name__)
                if not self._is_known:
                    await self._take_kept()
            if self._is_known:
                await self._put_agents()
            return self.roster != before

    async def listen(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Call `changed` at each change that any replica commits, until cancelled."""
        while True:
            try:
                async with self._live.redis.pubsub() as pubsub:
                    await pubsub.subscribe(CHANGED_CHANNEL)
                    async for _ in pubsub.listen():  # the first is the answer to subscribing: look then too
                        await changed()
            except (RedisError, *AWAY) as error:
                log.warning("changes not heard", error=type(error).__name__)
            except Exception:
                log.exception("changes not heard")
            await asyncio.sleep(1)

    async def _read(self) -> None:
        revision, self.roster = await read_roster(self._pool)
        self._is_known = True
        is_new = self.roster != self._recorded
        if is_new or not await self._live.redis.exists(KEPT):
            await self._live.redis.set(KEPT, _ROSTER.dump_json(self.roster))
        if is_new:
            await record_roster(self._pool, revision, self.roster)
            self._recorded = self.roster

    async def _take_kept(self) -> None:
        kept = await self._live.redis.get(KEPT)
        if kept is None:
            return
        try:
            self.roster = _ROSTER.validate_json(kept)
            self._is_known = True
        except ValidationError:
            log.warning("kept roster not understood")

    async def _put_agents(self) -> None:
        live = {agent.agent_id: agent for agent in await self._live.agents()}
        known = {agent_id for agent_id, agent in live.items() if agent.known}
        before = await self._before([one.agent_id for one in self.roster.agents if one.agent_id not in known])
        for agent in self.roster.agents:
            wanted = {
                "extension": agent.extension,
                "kind": agent.kind,
                "name": agent.name,
                "queues": ",".join(queue_id for queue_id, _ in agent.memberships),
            }
            is_live = live.pop(agent.agent_id, None)
            if is_live is None or any(is_live.fields.get(name) != value for name, value in wanted.items()):
                lost = before.get(agent.agent_id)
                part = Part(agent.agent_id, set=wanted)
                if lost:
                    part.guard, part.set = {"extension": ""}, wanted | lost  # another replica may have done it
                await self._live.step(self._clock(), agent=part)
        for agent_id in live:
            await self._live.forget_agent(agent_id, self._clock())

    async def _before(self, unknown: Sequence[int]) -> dict[int, dict[str, str]]:
        """How agents stood of whom the live queue knows nothing, as it has lost them: field `before`, and the reason
        of a pause. What to do about it is the reconciler's.
        """
        if not unknown:
            return {}
        try:
            rows = await self._pool.fetch(_STATES, list(unknown))
        except AWAY as error:
            log.warning("agents' states not read", error=type(error).__name__)
            return {}
        return {row["user_id"]: {"before": row["to_state"], "reason": row["reason"] or ""} for row in rows}
