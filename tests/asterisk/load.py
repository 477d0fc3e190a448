"""Ten calls a second on two nodes, thirty agents at their desks, and independent witnesses of what came of it.

The witnesses are SIPp's logs (callers and phones), Asterisk's own CDR files, the rows in PostgreSQL and the keys in
Redis. Callers stay until an agent has hung up, so that each has to be answered by exactly one.
"""

import asyncio
import csv
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import psycopg
from redis.asyncio import Redis

from callcenter.asterisk.config import cdr_file
from callcenter.asterisk.ledger import COLUMNS
from tests import desks
from tests.asterisk.sip.driver import Caller, DeskPhone, caller_number
from tests.onebox import RunningHotline

AGENTS = 30
CALLS_A_SECOND = 10
TALK_SECONDS = 1.5
PATIENCE_SECONDS = 60
MOST_CALLS = 1000
"""Of one stream."""
SETTLE_SECONDS = 45.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Leg:
    """An INVITE that an agent's phone got; times are seconds since the epoch."""

    extension: str
    call_id: str
    rang_at: float
    answered_at: float | None = None
    ended_at: float | None = None


def legs_of(phone: DeskPhone) -> list[Leg]:
    """Every leg at the phones behind one port, in order of ringing."""
    legs: dict[str, Leg] = {}
    for event in phone.events():
        about, at = event.text.rsplit(" ", 1)[-1], phone.started_at + event.tick_ms / 1000
        if event.kind == "leg":
            uri, call_id, _ = event.text.split()
            legs[about] = Leg(uri.removeprefix("sip:"), call_id, at)
        elif event.kind == "answer":
            legs[about] = replace(legs[about], answered_at=at)
        elif event.kind in ("hung-up-on", "hangs-up", "cancelled", "rejects"):
            legs[about] = replace(legs[about], ended_at=at)
    return list(legs.values())


def two_calls_at_once(legs: Sequence[Leg]) -> list[tuple[Leg, Leg]]:
    """Legs that were at one phone at the same time."""
    return _overlaps(legs, lambda leg: leg.extension, lambda leg: leg.rang_at)


def two_agents_at_once(legs: Sequence[Leg]) -> list[tuple[Leg, Leg]]:
    """Legs on which a caller spoke with two agents at the same time."""
    answered = [leg for leg in legs if leg.answered_at is not None]
    return _overlaps(answered, lambda leg: leg.call_id, lambda leg: leg.answered_at or leg.rang_at)


def _overlaps(legs: Sequence[Leg], whose: Callable[[Leg], str], began: Callable[[Leg], float]) -> list[tuple[Leg, Leg]]:
    grouped: dict[str, list[Leg]] = {}
    for leg in sorted(legs, key=began):
        grouped.setdefault(whose(leg), []).append(leg)
    return [
        (one, two)
        for those in grouped.values()
        for one, two in itertools.pairwise(those)
        if one.ended_at is None or one.ended_at > began(two)
    ]


@dataclass
class Load:
    """Callers under way on the nodes, one SIPp a node."""

    streams: list[Caller] = field(default_factory=list)
    cut_off: list[Caller] = field(default_factory=list)
    """Those whose node has died."""
    node_died_at: float = 0.0
    """When the second node died; 0: it lives."""
    began_at: float = field(default_factory=time.time)

    def placed(self) -> dict[str, float]:
        """Each caller's number -> when he called (seconds since the epoch)."""
        return self._times("invite")

    def heard_ringing(self) -> dict[str, float]:
        """Each number whose call a node has taken -> when that was."""
        return self._times("ringing")

    def over(self) -> dict[str, float]:
        """Each number whose call is over -> when that was."""
        return self._times("hung-up-on") | self._times("hangs-up") | self._times("gives-up") | self.refused()

    def refused(self) -> dict[str, float]:
        """Each number whose call was refused -> when that was."""
        return self._times("not-answered")

    def _times(self, kind: str) -> dict[str, float]:
        return {
            event.text: stream.started_at + event.tick_ms / 1000
            for stream in self.streams
            for event in stream.events()
            if event.kind == kind
        }


class Scene:
    """The hotline with its agents, and what its witnesses say."""

    def __init__(self, hotline: RunningHotline, phones: Sequence[DeskPhone], floor: desks.Floor) -> None:
        self.hotline = hotline
        self.phones = phones
        self.floor = floor
        self.accounts: list[list[desks.Account]] = []
        """The agents whose phones registered at each node at first."""
        self._placed = 0

    def legs(self, load: Load) -> list[Leg]:
        """Every leg at any agent's phone since this load began; with a node its legs have ended."""
        legs = [leg for phone in self.phones for leg in legs_of(phone) if leg.rang_at >= load.began_at]
        died_at = load.node_died_at
        on_it = {account.extension for account in self.accounts[1]} if died_at else set[str]()
        return [
            replace(leg, ended_at=died_at)
            if leg.extension in on_it and leg.rang_at < died_at and not leg.ended_at
            else leg
            for leg in legs
        ]

    @contextmanager
    def load(self) -> Iterator[Load]:
        """`CALLS_A_SECOND`, half of them on each node, until somebody says it is enough; gone after the block."""
        load = Load()
        try:
            for node in self.hotline.facts["nodes"]:
                self.add_stream(load, node["sip"])
            yield load
        finally:
            for stream in (*load.streams, *load.cut_off):
                stream.stop()

    def add_stream(self, load: Load, sip: str) -> None:
        """Callers on a node, half of `CALLS_A_SECOND`."""
        numbers = [caller_number(place) for place in range(self._placed, self._placed + MOST_CALLS)]
        self._placed += MOST_CALLS
        stream = Caller(
            sip, called=self.hotline.number, numbers=numbers, hold_seconds=PATIENCE_SECONDS,
            patience_seconds=PATIENCE_SECONDS, calls_per_second=CALLS_A_SECOND / 2,
        )  # fmt: skip
        stream.start()
        load.streams.append(stream)

    async def rows(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        """The call log's rows of these callers, each with his number as he dialled it as `number`."""
        async with await psycopg.AsyncConnection.connect(self.hotline.database_url) as connection:
            connection.row_factory = psycopg.rows.dict_row  # type: ignore[assignment]
            found = await connection.execute(
                """select c.*, right(caller_number, 11) as number, exists (
                    select from call_events e where e.call_id = c.call_id and e.kind = 'ledger') as in_ledger
                    from calls c where right(caller_number, 11) = any(%s)""",
                (list(numbers),),
            )
            return list(await found.fetchall())  # type: ignore[arg-type]

    async def ring_backs(self) -> set[str]:
        """The numbers of all open tasks to ring back."""
        async with await psycopg.AsyncConnection.connect(self.hotline.database_url) as connection:
            found = await connection.execute("select right(number, 11) from ring_backs where state = 'open'")
            return {row[0] for row in await found.fetchall()}

    def ledger(self) -> list[dict[str, str]]:
        """Every line in Asterisk's own CDR files that is of a hotline call."""
        lines: list[dict[str, str]] = []
        for place in self.hotline.box.layout.nodes:
            if not cdr_file(place.log).exists():  # its node died before its first call was over
                continue
            with cdr_file(place.log).open(encoding="utf-8", newline="") as file:
                lines += [dict(zip(COLUMNS, values, strict=True)) for values in csv.reader(file)]
        return [line for line in lines if line["dcontext"].startswith(("hotline", "fallback"))]

    async def not_ready(self) -> list[Any]:
        """What the live queue holds of agents who are not ready, each with his call."""
        redis: Any = Redis.from_url(self.hotline.redis_url, decode_responses=True)
        try:
            agents = [await redis.hgetall(f"cc:agent:{agent_id}") for agent_id in await redis.smembers("cc:agents")]
            held = [
                agent
                for agent in agents
                if agent.get("extension", "").startswith("20") and agent.get("state") != "ready"
            ]
            return [(agent, await redis.hgetall(f"cc:call:{agent.get('call')}")) for agent in held]
        finally:
            await redis.aclose()

    async def left_in_redis(self) -> dict[str, list[str]]:
        """What the live queue still holds of calls."""
        redis: Any = Redis.from_url(self.hotline.redis_url, decode_responses=True)
        try:
            keys = ["cc:seen", "cc:leases", "cc:resting", "cc:wrapups", *await redis.keys("cc:waiting:*")]
            held = {key: await redis.zrange(key, 0, -1) for key in keys}
        finally:
            await redis.aclose()
        return {key: members for key, members in held.items() if members}


@asynccontextmanager
async def staffed(hotline: RunningHotline) -> AsyncIterator[Scene]:
    """Agents with desk phones, half of them at each node, all ready."""
    login = hotline.logins["admin"]
    async with desks.http_client() as http:
        admin = await desks.Person.sign_in(http, hotline.web_url, "admin", login["password"])
        accounts = await desks.make_agents(admin, AGENTS)
        types = await admin.ask("GET", "/call-types")
        floor = desks.Floor(next(one["code"] for one in types if one["direction"] == "in"))
        half = AGENTS // 2
        with (
            DeskPhone("desks", ring_seconds=0.1, talk_seconds=TALK_SECONDS) as first,
            DeskPhone("desks", ring_seconds=0.1, talk_seconds=TALK_SECONDS) as second,
        ):
            scene = Scene(hotline, (first, second), floor)
            scene.accounts = [accounts[:half], accounts[half:]]
            for node in (0, 1):
                await register(scene, scene.accounts[node], node)
            await desks.await_phones(admin, accounts)
            try:
                await floor.open(http, hotline.facts["web_urls"], accounts)
                assert await floor.all_ready(15), floor.states()
                yield scene
            finally:
                await floor.close()


async def register(scene: Scene, accounts: Sequence[desks.Account], node: int, *, phone: int | None = None) -> None:
    """Register these phones, which are those behind the port number `phone` (as `node`), at a node."""
    desk_phone = scene.phones[node if phone is None else phone]
    pairs = [(account.extension, account.sip_password) for account in accounts]
    assert await asyncio.to_thread(desk_phone.register_all, scene.hotline.facts["nodes"][node]["sip"], pairs)


async def so_it_is(true: Callable[[], bool | Awaitable[bool]], seconds: float) -> bool:
    """Whether a fact comes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found if isinstance(found, bool) else await found:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How routing came back. Seconds."""

    after: float
    """From the fault's end until a call that was placed later rang at an agent's phone."""
    first_waited: float
    """How long the first call that was placed later waited for that."""
    longest_wait: float
    """The same of whoever waited longest."""

    @classmethod
    def of(cls, load: Load, legs: Sequence[Leg], calls: dict[str, str], since: float) -> Self:
        """`calls`: call id -> the caller's number."""
        rang: dict[str, float] = {}
        for leg in legs:
            rang.setdefault(calls.get(leg.call_id, ""), leg.rang_at)
        later = sorted((at, number) for number, at in load.placed().items() if at > since)
        assert later, "nobody called after the fault"
        waits = [(at, rang.get(number, float("inf"))) for at, number in later]
        waited = [rang_at - at for at, rang_at in waits]
        return cls(min(rang_at for _, rang_at in waits) - since, waited[0], max(waited))


def doubled(values: Sequence[str]) -> list[str]:
    """What stands there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]
