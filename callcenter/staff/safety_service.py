"""What is set of passwords and accounts, and the daily work that follows from it. All is audited."""

import contextlib
from dataclasses import asdict
from datetime import UTC, datetime

import structlog

from callcenter.db.pool import Pool
from callcenter.staff import audit, safety_store
from callcenter.staff.errors import LastAdministratorError
from callcenter.staff.model import Actor, Safety, closes_at
from callcenter.staff.service import Staff

log = structlog.get_logger(__name__)


class SafetyWork:
    """The rules of passwords and accounts."""

    def __init__(self, pool: Pool, staff: Staff) -> None:
        self._pool = pool
        self._staff = staff

    async def get(self) -> Safety:
        """What is set."""
        return await safety_store.read(self._pool)

    async def put(self, actor: Actor, wanted: Safety) -> None:
        """Set it; it holds from the next sign-in and the next password on."""
        async with self._pool.acquire() as connection, connection.transaction():
            old = asdict(await safety_store.read(connection, for_update=True))
            new = asdict(wanted)
            if old == new:
                return
            await safety_store.put(connection, wanted)
            detail = {name: [old[name], new[name]] for name in new if old[name] != new[name]}
            await audit.record(connection, actor, "safety.changed", detail=detail)

    async def close_unused(self) -> int:
        """Close the accounts that nobody has used for as long as is set (HOS-05); how many. Replicas may do so at
        once, and it may end in the middle: each account is a change of its own.
        """
        safety = await self.get()
        closed = 0
        for agent in await self._staff.list_agents():
            due = closes_at(agent.used_at, safety)
            if agent.disabled or due is None or due > datetime.now(UTC):
                continue
            with contextlib.suppress(LastAdministratorError):
                closed += await self._staff.close_unused(agent.user_id)
        if closed:
            log.info("unused accounts closed", count=closed)
        return closed
