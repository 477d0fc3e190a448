"""A caller whom nobody answers, as supervisors, the webhook and Prometheus are told of him; on a whole hotline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.asterisk.sip.driver import Caller
from tests.asterisk.stage import administrator, at_desk, configured
from tests.onebox import RunningHotline
from tests.people import Person
from tests.waiting import until

CALLER = "13800139611"
PARTS = {"version", "queues", "menus", "hours", "skills", "pause_reasons"}


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """A web address, and what it has been told."""
    told: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook")), told


@asynccontextmanager
async def telling(admin: Person, url: str) -> AsyncIterator[None]:
    """The webhook is told inside the block."""

    async def put(**changes: Any) -> None:
        now = await admin.get("/configuration")
        general = {name: value for name, value in now["configuration"].items() if name not in PARTS}
        await admin.put(f"/configuration/general?revision={now['revision']}", general | changes)

    await put(webhook_url=url)
    try:
        yield
    finally:
        await put(webhook_url="")


async def exposed(hotline: RunningHotline) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{hotline.web_url}/metrics") as answer:
        return await answer.text()


async def test_a_caller_whom_nobody_answers_is_told_of_everywhere(hotline: RunningHotline) -> None:
    alarms = {"longest_wait_seconds": 2, "waiting": None, "no_agent": True}
    active = 'callcenter_alarm_active{kind="%s",subject="service"} 1.0'
    async with (
        receiver() as (url, told),
        administrator(hotline) as admin,
        telling(admin, url),
        configured(hotline, alarms=alarms, nobody=None),
    ):

        async def newest(kind: str) -> dict[str, Any]:
            rows = await admin.get("/board/alarms")
            return next((row for row in rows if (row["kind"], row["subject"]) == (kind, "service")), {})

        async def is_exposed(kind: str) -> bool:
            return active % kind in await exposed(hotline)

        with Caller(hotline.sip, number=CALLER, hold_seconds=2) as caller:
            await until(lambda: is_exposed("longest_wait"), "Prometheus is told")
            await until(lambda: is_exposed("no_agent"), "nobody is signed in")
            await admin.post("/board/alarms/longest_wait:service/acknowledge")
            row = await newest("longest_wait")
            assert (row["cleared_at"], row["threshold"]) == (None, 2)
            assert row["acknowledged_by"] is not None
            assert 2 <= row["value"] < 20
            board = (await admin.get("/board"))["board"]
            assert board["alarms"]["longest_wait:service"]["acknowledged_by"] == row["acknowledged_by"]
            assert 'callcenter_waiting{queue="service"} 1.0' in await exposed(hotline)
            async with at_desk(hotline, "carol"):
                await asyncio.to_thread(caller.wait_for, "answered")
                await until(lambda: _is_over(newest, "longest_wait"), "the wait is over", 30)
                await until(lambda: _is_over(newest, "no_agent"), "somebody is signed in", 30)
        wanted = {(kind, state) for kind in ("longest_wait", "no_agent") for state in ("raised", "cleared")}
        await until(lambda: wanted <= _kinds(told), "the webhook has been told")
        assert CALLER not in str(told)


def _kinds(told: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["kind"], one["state"]) for one in told if one["subject"] == "service"}


async def _is_over(newest: Any, kind: str) -> bool:
    return (await newest(kind)).get("cleared_at") is not None
