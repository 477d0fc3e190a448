"""The hotline's people in a run: an administrator, agents with registered phones, their desks as far as needed."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests import desks
from tests.bench.stage import Stage
from tests.desks import Account, DeskError, Floor, Person

PUSH_SECONDS = 60.0
_ENDPOINT = re.compile(r"Endpoint:\s+(\w+)")


@dataclass(slots=True)
class Staff:
    """Everybody."""

    admin: Person
    http: aiohttp.ClientSession
    accounts: Sequence[Account]
    floor: Floor
    url: str
    tell: Callable[[str], None]
    shipped: Sequence[Mapping[str, Any]]
    """The queues as they were at the start."""
    seated: int = 0
    """How many sit at their desks, the first ones."""

    async def seat(self, count: int) -> None:
        """Sign in so many agents in all, who are ready then; those who sit already stay as they are."""
        if count > self.seated:
            self.tell(f"signing in {count - self.seated} agents")
        await self.floor.open(self.http, [self.url], self.accounts[self.seated : count])
        self.seated = max(self.seated, count)

    async def set_queues(self, **changes: Any) -> None:
        """Every queue as shipped, but for `changes`; its members stay. Raises DeskError."""
        revision = (await self.admin.ask("GET", "/configuration"))["revision"]
        for queue in self.shipped:
            path = f"/configuration/queues/{queue['queue_id']}?revision={revision}"
            done = await self.admin.ask("PUT", path, {**queue, "members": None, **changes})
            revision = done["revision"]


@contextlib.asynccontextmanager
async def employed(stage: Stage) -> AsyncIterator[Staff]:
    """Agents are made, their phones register. Raises DeskError, SippError."""
    plan, url = stage.plan, stage.hotline.web_url
    async with desks.http_client() as http:
        login = next(login for login in stage.hotline.logins if login["role"] == "administrator")
        admin = await Person.sign_in(http, url, login["username"], login["password"])
        stage.tell(f"making {plan.most_phones} agents with desk phones")
        accounts = await desks.make_agents(admin, plan.most_phones)
        stage.tell("registering their phones")
        await _pushed(stage, accounts)
        await _register(stage, accounts)
        await desks.await_phones(admin, accounts)
        floor = Floor(await _call_type(admin))
        shipped = (await admin.ask("GET", "/configuration"))["configuration"]["queues"]
        try:
            yield Staff(admin, http, accounts, floor, url, stage.tell, shipped)
        finally:
            await floor.close()
            stage.trouble.update(floor.trouble)


async def _pushed(stage: Stage, accounts: Sequence[Account]) -> None:
    """Wait until Asterisk knows every phone. Raises DeskError."""
    wanted, deadline = {account.extension for account in accounts}, time.monotonic() + PUSH_SECONDS
    while missing := wanted - set(_ENDPOINT.findall(stage.hotline.asterisk("pjsip list endpoints"))):
        if time.monotonic() > deadline:
            raise DeskError(f"{len(missing)} of {len(wanted)} phones are not known to Asterisk")
        await asyncio.sleep(0.5)


async def _register(stage: Stage, accounts: Sequence[Account]) -> None:
    """All phones at one port; where there is a storm, the last one at a port of its own, to recover by itself."""
    plan = stage.plan
    apart = 1 if "storm" in plan.sections else 0
    phones = [(account.extension, account.sip_password) for account in accounts]
    await stage.sipp.register(plan.desk_phone_port, phones[: len(phones) - apart])
    if apart:
        await stage.sipp.register(plan.desk_recovering_port, phones[-1:])


async def _call_type(admin: Person) -> str:
    return str(next(one["code"] for one in await admin.ask("GET", "/call-types") if one["direction"] == "in"))
