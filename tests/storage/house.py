"""A hotline without Asterisk: real PostgreSQL and Redis, the web application on a port, people who ask it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
from aiohttp.test_utils import TestServer

from callcenter.hotline import Hotline
from callcenter.settings import Settings
from callcenter.staff.model import HOTLINE_ITSELF, PhoneKind, Role
from callcenter.staff.service import AgentDraft
from callcenter.web.middlewares import COOKIE, CSRF_HEADER
from callcenter.web.server import build_app

NODE_TOKEN = "node-token-of-the-tests"


class NotedPhones:
    """Asterisk's phones as a note of what it was told; `away` while it can't be told."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, str | None]] = {}
        self.names: dict[str, str] = {}
        self.away = False

    async def push(
        self, extension: str, kind: Literal["browser", "desk"], ha1_digest: str | None, display_name: str = ""
    ) -> None:
        """Note the phone."""
        if self.away:
            raise ConnectionError("Asterisk is away")
        self.known[extension] = (kind, ha1_digest)
        self.names[extension] = display_name

    async def remove(self, extension: str) -> None:
        """Strike the phone out."""
        if self.away:
            raise ConnectionError("Asterisk is away")
        self.known.pop(extension, None)


class House:
    """The hotline, and people to ask it as."""

    def __init__(self, hotline: Hotline, server: TestServer) -> None:
        self.hotline = hotline
        self.server = server
        self.phones = NotedPhones()
        hotline.staff._phones = self.phones
        self.ids: dict[str, int] = {}
        self.passwords: dict[str, str] = {}

    async def hire(self, username: str, role: str, extension: str | None = None, **fields: Any) -> int:
        """Make a member of staff; his id."""
        given: dict[str, Any] = {
            "display_name": username.title(),
            "role": role,
            "extension": extension,
            "phone_kind": PhoneKind.BROWSER,
            "queues": (),
        }
        draft = AgentDraft(**given | fields)
        done, password = await self.hotline.staff.create_agent(HOTLINE_ITSELF, username, draft)
        self.ids[username], self.passwords[username] = done.agent.user_id, password
        return done.agent.user_id

    async def headers(self, username: str) -> dict[str, str]:
        """What the browser of somebody who is signed in sends."""
        agent = await self.hotline.staff.get_agent(self.ids[username])
        token, session = await self.hotline.staff.sessions.start(agent)
        return {"Cookie": f"{COOKIE}={token}", CSRF_HEADER: session.csrf_token}

    async def ask(
        self, method: str, path: str, *, by: str = "", headers: dict[str, str] | None = None, **how: Any
    ) -> tuple[int, Any]:
        """The status and the JSON (or text) of an answer."""
        sent = (await self.headers(by) if by else {}) | (headers or {})
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.server.make_url(path), headers=sent, **how) as answer,
        ):
            text = await answer.text(errors="replace")
            return answer.status, await answer.json() if "json" in answer.content_type and text else text


@asynccontextmanager
async def open_house(pool: Any, redis: Any) -> AsyncIterator[House]:
    """A house with alice (agent, 1001), super and admin (1008, 1009); its Asterisk is a note."""
    sounds = Path(tempfile.mkdtemp(prefix="callcenter-sounds-"))
    settings = Settings(node_token=NODE_TOKEN, ari_url="http://127.0.0.1:1", sounds_dir=sounds)
    hotline = Hotline(settings, pool, redis)
    server = TestServer(build_app(hotline))
    await server.start_server()
    house = House(hotline, server)
    await pool.execute("update queues set name_en = 'Service' where queue_id = 'service'")
    await house.hire("alice", Role.AGENT, "1001", queues=("service",))
    await house.hire("super", Role.SUPERVISOR, "1008")
    await house.hire("admin", Role.ADMINISTRATOR, "1009")
    await hotline.sync_roster()
    try:
        yield house
    finally:
        await server.close()
        await asyncio.sleep(0)
        shutil.rmtree(sounds)
