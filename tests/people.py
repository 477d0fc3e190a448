"""People at the hotline's pages, as programs: they sign in, watch their desk, and do what a person would."""

import asyncio
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

Document = dict[str, Any]


class RefusedError(Exception):
    """The hotline refused a request; `status` and the error's `error_id` say why."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.error_id = body.get("error", {}).get("id", "") if isinstance(body, dict) else ""


class Person:
    """Somebody signed in."""

    def __init__(self, web_url: str) -> None:
        self.web_url = web_url
        self.user: Document = {}
        self._csrf = ""
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(force_close=True),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def sign_in(self, username: str, password: str) -> Document:
        """Sign in; the answer of `POST /session`."""
        answer: Document = await self.post("/session", {"username": username, "password": password})
        self._csrf = answer["csrf_token"]
        self.user = answer["user"]
        return answer

    async def get(self, path: str, **query: str | int) -> Any:
        """GET below /api/v1. Raises RefusedError."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Any = None) -> Any:
        """POST below /api/v1. Raises RefusedError."""
        return await self._ask("POST", path, json={} if body is None else body)

    async def put(self, path: str, body: Any) -> Any:
        """PUT below /api/v1. Raises RefusedError."""
        return await self._ask("PUT", path, json=body)

    async def patch(self, path: str, body: Any) -> Any:
        """PATCH below /api/v1. Raises RefusedError."""
        return await self._ask("PATCH", path, json=body)

    async def delete(self, path: str) -> Any:
        """DELETE below /api/v1. Raises RefusedError."""
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **how: Any) -> Any:
        headers = {"X-CSRF-Token": self._csrf} if self._csrf else {}
        url = f"{self.web_url}/api/v1{path}"
        async with self._http.request(method, url, headers=headers, **how) as response:
            content = await response.read()
            body = orjson.loads(content) if content else None
            if response.status >= 400:
                raise RefusedError(response.status, body)
            return body

    async def call_when(self, call_id: str, is_so: Callable[[Document], bool], seconds: float = 15) -> Document:
        """One call of the call log, as soon as `is_so` of it."""
        call: Document = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        call = await self.get(f"/calls/{call_id}")
                        if is_so(call):
                            return call
                    except RefusedError as refused:
                        if refused.status != 404:
                            raise
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the call never became so; it is {call}") from None


class Agent(Person):
    """Somebody at a desk: what his page would show is in `desk`, everything it ever showed in `shown`."""

    def __init__(self, web_url: str) -> None:
        super().__init__(web_url)
        self.desk: Document = {}
        self.shown: list[Document] = []
        self.taken_over = False
        self.phone: Any = None
        """The SIP phone on the desk, where a test put one."""
        self.desk_id = str(uuid.uuid4())
        self._looked_at = 0
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def __aexit__(self, *failure: Any) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await super().__aexit__(*failure)

    async def sit_down(self) -> Document:
        """Open the desk; returns its first snapshot."""
        self._watching = asyncio.create_task(self._watch())
        return await self.sees(bool)

    async def _watch(self) -> None:
        while not self.taken_over:
            try:
                await self._watch_once()
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.1)

    async def _watch_once(self) -> None:
        url = f"{self.web_url}/api/v1/desk/live?desk_id={self.desk_id}"
        async with self._http.ws_connect(url) as socket:
            expected: int | None = None
            async for message in socket:
                told = orjson.loads(message.data)
                if told["type"] in ("snapshot", "desk", "waiting"):
                    assert expected is None or told["seq"] == expected, "a gap in the desk's numbers"
                    expected = told["seq"] + 1
                    self.desk = told.get("desk") or self.desk | {"waiting": told["waiting"]}
                    self.shown.append(self.desk)
                    self._news.set()
            self.taken_over = socket.close_code == 4001
            self._news.set()

    async def sees(self, is_so: Callable[[Document], bool], seconds: float = 15) -> Document:
        """What the desk showed when it first showed what is wanted, now or since the last such question."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    while self._looked_at < len(self.shown):
                        if is_so(self.shown[self._looked_at]):
                            return self.shown[self._looked_at]
                        self._looked_at += 1
                    if self.shown and is_so(self.desk):
                        return self.desk
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"the desk never showed it; it shows {self.desk}") from None

    async def is_taken_over(self, seconds: float = 5) -> None:
        """Returns as soon as the hotline has told this page that a later one is the desk."""
        async with asyncio.timeout(seconds):
            if self._watching:
                await asyncio.shield(self._watching)
        assert self.taken_over

    async def is_in(self, state: str, seconds: float = 15) -> Document:
        """The desk, as soon as the agent is in this state."""
        return await self.sees(lambda desk: desk["state"]["name"] == state, seconds)

    async def phone_is_online(self, seconds: float = 15) -> Document:
        """The desk, as soon as it says that the phone is registered."""
        return await self.sees(lambda desk: bool(desk["agent"]["phone_online"]), seconds)

    async def go(self, state: str, reason: str | None = None) -> Document:
        """Become ready, paused or signed out."""
        answer: Document = await self.post("/desk/state", {"state": state, "reason": reason})
        return answer

    async def save(
        self, call_type: str = "enquiry", notes: str = "", next_step: str = "none", call_id: str = "", **more: Any
    ) -> Document:
        """Write down what came of the call on the desk."""
        form = {"call_type": call_type, "notes": notes, "next_step": next_step} | more
        answer: Document = await self.put(f"/calls/{call_id or self.desk['call']['call_id']}/outcome", form)
        return answer
