"""Section `storm`: callers in line and phones that all reject, then the first phone that answers again.

The hotline goes through it twice. Hardest: a miss pauses nobody (as far as that can be set), and whoever is paused at
last is made ready again by his page at once. As shipped: a rejected call pauses, nobody comes back, and the first who
does is the one whose phone answers again. app_queue goes through it without its autopause, as it is shipped.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench import desks, peers
from tests.bench.crowd import FILL_SECONDS, FREE_SECONDS, LAST_APOLOGY_RING, await_line
from tests.bench.readiness import Rung, first_ringing_ms, rung
from tests.bench.staff import Staff
from tests.bench.stage import Stage, Watch

HARDEST, AS_SHIPPED = "hotline, all back at once", "hotline as shipped"
MOST_MISSES = 20
RECOVERY_SECONDS = 3.0
BOUND_SECONDS = 5.0
_UDP_SOCKETS = Path("/proc/net/udp")
_CALLS_IN_QUEUE = re.compile(r" has (\d+) calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What it came to. Times in ms."""

    path: str
    waiting: int
    """Callers in line as it was looked at."""
    phones: int
    seconds: float
    cpu_ms_a_second: Mapping[str, float]
    offers_a_second: float
    """Phones rung."""
    statuses: Mapping[int, int]
    """What they answered."""
    recovered_ms: float | None
    """A phone answers again -> it rings; None: not within RECOVERY_SECONDS."""
    capture_drops: int

    @property
    def together_ms(self) -> float:
        """CPU a second of all processes."""
        return sum(self.cpu_ms_a_second.values())

    @property
    def ms_an_offer(self) -> float | None:
        """CPU of all processes for each phone that was rung; None: none was."""
        return self.together_ms / self.offers_a_second if self.offers_a_second else None


async def by_hotline(stage: Stage, staff: Staff, path: str) -> Storm:
    """The hotline, HARDEST or AS_SHIPPED. Raises DeskError, SippError."""
    floor, plan = staff.floor, stage.plan
    stage.tell(f"{path}: {plan.storm_phones} phones reject, {plan.storm_waiting} callers wait")
    await staff.seat(plan.storm_phones)
    misses = MOST_MISSES if path == HARDEST else 1
    await staff.set_queues(apology_ring=LAST_APOLOGY_RING, pause_after_misses=misses)
    await floor.become("paused")
    floor.comes_back = path == HARDEST

    async def begin() -> int:
        await await_line(stage, staff, plan.storm_waiting)
        return await desks.callers_in_line(staff.http, staff.url)

    async def back(extension: str) -> None:
        if not floor.comes_back:
            await floor.become("ready", [extension])

    storm = _Storm(stage, path, plan.desk_phone_port, plan.desk_recovering_port, stage.hotline.pids())
    done = await storm.run(
        stage.hotline.number, begin, lambda: floor.become("ready"), lambda: back(staff.accounts[-1].extension)
    )
    if floor.comes_back and not await floor.all_ready(FREE_SECONDS):
        stage.trouble[f"desks not ready after the storm: {floor.states()}"] += 1
    floor.comes_back = False
    return done


async def by_app_queue(stage: Stage, path: str) -> Storm:
    """app_queue with as many members."""
    plan = stage.plan
    stage.tell(f"{path}: {plan.storm_phones} phones reject, {plan.storm_waiting} callers wait")

    def in_line() -> int:
        found = _CALLS_IN_QUEUE.search(stage.hotline.asterisk("queue show storm"))
        return int(found[1]) if found else 0

    async def begin() -> int:
        deadline = time.monotonic() + FILL_SECONDS
        while (there := in_line()) < plan.storm_waiting and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        return there

    storm = _Storm(stage, path, plan.peer_phone_port, plan.peer_recovering_port, stage.asterisk_only())
    return await storm.run(peers.STORM_NUMBER, begin, _nothing, _nothing)


class _Storm:
    """One storm, whoever has to go through it."""

    def __init__(self, stage: Stage, path: str, port: int, recovering_port: int, pids: Mapping[str, int]) -> None:
        self._stage = stage
        self._path = path
        self._name = f"storm-{path.replace(' ', '-').replace(',', '')}"
        self._port = port
        self._recovering_port = recovering_port
        self._pids = pids

    async def run(
        self,
        called: str,
        begin: Callable[[], Awaitable[int]],
        let_loose: Callable[[], Awaitable[None]],
        back: Callable[[], Awaitable[None]],
    ) -> Storm:
        """`begin()` returns when the line is full, and how many are in it; `let_loose()` makes the agents ready;
        `back()` makes the one ready whose phone answers again.
        """
        stage, plan = self._stage, self._stage.plan
        async with (
            stage.sipp.phones(self._name, self._port, 0, rejecting=True),
            stage.sipp.line(
                self._name + "-callers",
                plan.caller_port,
                called=called,
                numbers=stage.numbers(plan.storm_waiting * 3),
                at_once=plan.storm_waiting,
                talk_ms=60_000,
                hang_up=stage.hang_up,
            ),
        ):
            async with stage.sipp.phones(self._name + "-last", self._recovering_port, 0, rejecting=True):
                waiting = await begin()
                with stage.watch(self._name, self._pids) as watch:
                    await let_loose()
                    await asyncio.sleep(plan.storm_seconds)
            recovered_ms = await self._recover(back)
        await stage.quiet()
        return self._done(waiting, watch, recovered_ms)

    async def _recover(self, back: Callable[[], Awaitable[None]]) -> float | None:
        stage = self._stage
        with stage.watch(f"{self._name}-recovery", self._pids) as watch:
            async with stage.sipp.phones(self._name + "-well", self._recovering_port, stage.plan.ring_ms):
                await _bound(self._recovering_port)
                since = time.time()
                await back()
                await asyncio.sleep(RECOVERY_SECONDS)
        found = self._seen(watch)
        return first_ringing_ms(found, self._recovering_port, since)

    def _seen(self, watch: Watch) -> Rung:
        return rung(watch.packets(), {self._port, self._recovering_port}, self._stage.plan.web_port)

    def _done(self, waiting: int, watch: Watch, recovered_ms: float | None) -> Storm:
        found, seconds = self._seen(watch), watch.load.wall_seconds
        return Storm(
            path=self._path,
            waiting=waiting,
            phones=self._stage.plan.storm_phones,
            seconds=round(seconds, 2),
            cpu_ms_a_second={part: round(used / seconds, 2) for part, used in watch.load.cpu_ms.items()},
            offers_a_second=round(found.offers / seconds, 2),
            statuses=found.statuses,
            recovered_ms=None if recovered_ms is None else round(recovered_ms, 1),
            capture_drops=watch.drops,
        )


async def _bound(port: int) -> None:
    """Wait until a program listens at this UDP port. Raises TimeoutError."""
    async with asyncio.timeout(BOUND_SECONDS):
        while f":{port:04X} " not in _UDP_SOCKETS.read_text():
            await asyncio.sleep(0.002)


async def _nothing() -> None:
    """A queue's members need no telling."""
