"""Many agents at their desks, through the public API only: made by the administrator, signed in, kept ready.

Each desk is a websocket; all of them live in this one process. A desk in wrap-up saves an outcome at once; one that
loses the service looks for it again, as the page does, and changes nothing else. Used by the tests and by `make bench`.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import orjson

from tests.bench.readiness import DESK_HEADER

FIRST_EXTENSION = 2001
_API_SECONDS = 20.0
_AT_ONCE = 4
"""Requests of the set-up under way at the same time."""
_MISSED = frozenset({"missed", "declined", "phone_failed"})
_AGAIN_SECONDS = 0.2
"""How long after a failure a desk tries again."""
_CARD_STATES = frozenset({"offered", "ringing", "talking"})


class DeskError(Exception):
    """The API did not do what a desk needs."""


class AwayError(DeskError):
    """The service could not do it now."""


@dataclass(frozen=True, slots=True)
class Account:
    """One agent, as the administrator made him."""

    username: str
    password: str = field(repr=False)
    extension: str
    sip_password: str = field(repr=False)


class Person:
    """Somebody who is signed in."""

    def __init__(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self.http = http
        self.url = url
        self.headers = headers

    @classmethod
    async def sign_in(cls, http: aiohttp.ClientSession, url: str, username: str, password: str) -> Self:
        """Raises DeskError."""
        async with http.post(f"{url}/api/v1/session", json={"username": username, "password": password}) as answer:
            cookie = answer.cookies.get("cc_session")
            if answer.status >= 300 or cookie is None:
                raise DeskError(f"sign-in of {username}: {answer.status} {(await answer.text())[:300]}")
            token = (await answer.json())["csrf_token"]
        return cls(http, url, {"Cookie": f"cc_session={cookie.value}", "X-CSRF-Token": token})

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request of the API, with its answer. Raises AwayError, DeskError, aiohttp.ClientError."""
        return await self._asked(method, path, json=body)

    async def send(self, method: str, path: str, content: bytes) -> Any:
        """Like `ask`, with a part of a file."""
        return await self._asked(method, path, data=content)

    async def _asked(self, method: str, path: str, **body: Any) -> Any:
        async with self.http.request(method, f"{self.url}/api/v1{path}", headers=self.headers, **body) as answer:
            if answer.status >= 300:
                kind = AwayError if answer.status >= 500 else DeskError
                raise kind(f"{method} {path}: {answer.status} {(await answer.text())[:300]}")
            return None if answer.status == 204 else orjson.loads(await answer.read())


@contextlib.asynccontextmanager
async def http_client() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client for many people: it keeps no cookies of its own."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=_API_SECONDS),
        json_serialize=lambda value: orjson.dumps(value).decode(),
    ) as http:
        yield http


async def make_agents(admin: Person, count: int) -> list[Account]:
    """Make `count` agents with desk phones, in every queue there is. Raises DeskError."""
    queues = [queue["queue_id"] for queue in await admin.ask("GET", "/queues")]
    places = asyncio.Semaphore(_AT_ONCE)

    async def make(place: int) -> Account:
        extension = str(FIRST_EXTENSION + place)
        username = f"desk{extension}"
        wanted = {
            "username": username,
            "display_name": f"Desk {extension}",
            "role": "agent",
            "extension": extension,
            "phone_kind": "desk",
            "queues": queues,
        }
        async with places:
            made = await admin.ask("POST", "/agents", wanted)
        return Account(username, made["password"], extension, made["sip"]["password"])

    return list(await asyncio.gather(*map(make, range(count))))


async def await_phones(admin: Person, accounts: Sequence[Account], seconds: float = 40.0) -> None:
    """Wait until the service sees every agent's phone. Raises DeskError."""
    wanted = {account.extension for account in accounts}
    deadline = time.monotonic() + seconds
    while True:
        agents = await admin.ask("GET", "/agents")
        missing = wanted - {agent["extension"] for agent in agents if agent["phone_online"]}
        if not missing:
            return
        if time.monotonic() > deadline:
            raise DeskError(f"{len(missing)} of {len(wanted)} phones are not seen by the service")
        await asyncio.sleep(0.5)


class Floor:
    """All the desks, and what was shown on them."""

    def __init__(self, call_type: str) -> None:
        self._call_type = call_type
        self._states: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen_to: set[str] = set()
        """Calls and pauses that the page has done its part for."""
        self.read: dict[str, float] = {}
        """Caller's number -> when the bench first read his card (s since the epoch)."""
        self.saved: list[float] = []
        """How long each outcome took to be saved in wrap-up (ms)."""
        self.trouble: Counter[str] = Counter()
        """What did not go as it should at the desks."""
        self.messages = 0
        self.comes_back = False
        """Whether whoever is paused for a missed call makes himself ready again at once."""
        self._people: dict[str, Person] = {}

    async def open(self, http: aiohttp.ClientSession, urls: Sequence[str], accounts: Sequence[Account]) -> None:
        """Sign everybody in and make him ready, spread over the services at `urls`. Raises DeskError."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(place: int, account: Account) -> None:
            turn = place % len(urls)
            async with places:
                person = await Person.sign_in(http, urls[turn], account.username, account.password)
                await self._sit_down(person, account.extension, [*urls[turn:], *urls[:turn]])

        await asyncio.gather(*(one(place, account) for place, account in enumerate(accounts)))

    async def _sit_down(self, person: Person, extension: str, urls: Sequence[str]) -> None:
        self._states[extension] = "new"
        person.headers[DESK_HEADER] = extension
        self._people[extension] = person
        self._spawn(self._watch(person, extension, urls))
        while self._states[extension] == "new":
            self._changed.clear()
            await self._changed.wait()
        await person.ask("POST", "/desk/phone", {"desk_id": f"desk-{extension}"})
        await person.ask("POST", "/desk/state", {"state": "ready"})

    async def _watch(self, person: Person, extension: str, urls: Sequence[str]) -> None:
        """Keep the desk open, at whichever service is there."""
        for turn in itertools.count():
            person.url = urls[turn % len(urls)]
            live = f"{person.url}/api/v1/desk/live?desk_id=desk-{extension}"
            try:
                async with person.http.ws_connect(live, headers=person.headers) as socket:
                    await self._read(socket, person, extension)
                    self.trouble[f"desk closed with {socket.close_code}"] += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.trouble[f"desk not opened: {type(error).__name__}"] += 1
            self._states[extension] = "gone"
            self._changed.set()
            await asyncio.sleep(_AGAIN_SECONDS)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.trouble[f"desk broke: {error!r}"] += 1

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, person: Person, extension: str) -> None:
        async for message in socket:
            now = time.time()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._show(orjson.loads(message.data), now, person, extension)

    def _show(self, message: dict[str, Any], now: float, person: Person, extension: str) -> None:
        desk = message.get("desk")
        if desk is None:
            return
        self.messages += 1
        state, call = desk["state"]["name"], desk["call"]
        self._states[extension] = state
        if call and state in _CARD_STATES:
            self.read.setdefault((call["number_e164"] or "")[-11:], now)
        elif (
            call and state == "wrapup" and (talk := f"{call['call_id']} {desk['state']['since']}") not in self._seen_to
        ):
            self._seen_to.add(talk)
            self._spawn(self._save(person, call["call_id"]))
        elif state == "paused" and self.comes_back and desk["state"]["reason"] in _MISSED:
            pause = f"{extension}/{desk['state']['since']}"
            if pause not in self._seen_to:
                self._seen_to.add(pause)
                self._spawn(self._be(person, "ready"))
        self._changed.set()

    async def _be(self, person: Person, state: str) -> None:
        try:
            await person.ask("POST", "/desk/state", {"state": state})
        except (DeskError, aiohttp.ClientError, TimeoutError) as error:
            self.trouble[f"not {state}: {type(error).__name__} {str(error)[-160:]}"] += 1

    async def become(self, state: str, extensions: Sequence[str] | None = None) -> None:
        """Make these agents, or all, ready or paused; whom that fails for is counted as trouble."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(extension: str) -> None:
            async with places:
                await self._be(self._people[extension], state)

        await asyncio.gather(*map(one, self._people if extensions is None else extensions))

    async def _save(self, person: Person, call_id: str) -> None:
        outcome = {"call_type": self._call_type, "notes": "bench", "next_step": "none"}
        while True:
            began = time.perf_counter()
            try:
                await person.ask("PUT", f"/calls/{call_id}/outcome", outcome)
            except (DeskError, aiohttp.ClientError, TimeoutError) as error:
                self.trouble[f"outcome not saved: {type(error).__name__} {str(error)[-160:]}"] += 1
                if isinstance(error, DeskError) and not isinstance(error, AwayError):
                    return
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self.saved.append((time.perf_counter() - began) * 1000)
                return

    def count(self, state: str) -> int:
        """Desks in this state."""
        return sum(one == state for one in self._states.values())

    def states(self) -> dict[str, int]:
        """Desks by state."""
        return dict(Counter(self._states.values()))

    async def all_ready(self, seconds: float) -> bool:
        """Wait until every desk is ready again; whether they are."""
        try:
            async with asyncio.timeout(seconds):
                while self.count("ready") < len(self._states):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Leave all desks."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def callers_in_line(http: aiohttp.ClientSession, url: str) -> int:
    """How many callers wait, those on offer among them, as the service tells its monitoring (renewed within 3 s)."""
    async with http.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(round(float(line.rpartition(" ")[2])) for line in lines if line.startswith("callcenter_waiting{"))


async def answered_rows(admin: Person, numbers: Sequence[str], since_ms: int) -> tuple[int, int]:
    """How many of these callers stand in the call log as answered, and how many of those through the fallback.

    Raises DeskError.
    """
    wanted, found, cursor = set(numbers), dict[str, str](), ""
    while True:
        page = await admin.ask("GET", f"/calls?limit=100&from={since_ms}" + (f"&before={cursor}" if cursor else ""))
        found |= {
            number: call["through"]
            for call in page["calls"]
            if call["answered_at"] and (number := (call["caller_number"] or "")[-11:]) in wanted
        }
        cursor = page["next"]
        if not cursor:
            return len(found), sum(through == "fallback" for through in found.values())
