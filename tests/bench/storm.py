"""Section `storm`: callers in line and phones that all reject, then the first phone that answers again.

The hotline goes through it twice. Hardest: a miss pauses nobody (as far as that can be set), and whoever is paused at
last is made ready again by his page at once. As shipped: a rejected call pauses, nobody comes back, and the first who
does is the one whose phone answers again. app_queue goes through it without its autopause, as it is shipped.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests import desks
from tests.bench import peers, usage
from tests.bench.crowd import FREE_SECONDS, LAST_APOLOGY_RING
from tests.bench.load import SippError
from tests.bench.readiness import Rung, first_ringing_ms, rung
from tests.bench.staff import Staff
from tests.bench.stage import Stage, Watch

HARDEST, AS_SHIPPED = "hotline, all back at once", "hotline as shipped"
MOST_MISSES = 20
RECOVERY_SECONDS = 3.0
BOUND_SECONDS = 5.0
FILL_SECONDS = 30.0
_CALLS_IN_QUEUE = re.compile(r" has (\d+) calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What it came to. Times in ms."""

    path: str
    waiting: int
    """Callers in line as it was looked at."""
    phones: int
    filling_cpu_ms: float
    """Of all processes, from the first caller until all were in line, every phone rejecting already."""
    filling_seconds: float
    seconds: float
    """How long it was looked at from then on."""
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
    await staff.seat(plan.storm_phones)
    misses = MOST_MISSES if path == HARDEST else 1
    await staff.set_queues(apology_ring=LAST_APOLOGY_RING, pause_after_misses=misses)
    await floor.become("ready")
    floor.comes_back = path == HARDEST
    last = staff.accounts[plan.storm_phones - 1].extension

    async def in_line() -> int:
        """Whoever is on offer is among them: he stands in line again in a moment."""
        return await desks.callers_in_line(staff.http, staff.url)

    async def back() -> None:
        if not floor.comes_back:
            await floor.become("ready", [last])

    storm = _Storm(stage, path, plan.desk_phone_port, plan.desk_recovering_port, stage.hotline.pids())
    done = await storm.run(stage.hotline.number, in_line, back)
    if floor.comes_back and not await floor.all_ready(FREE_SECONDS):
        stage.trouble[f"desks not ready after the storm: {floor.states()}"] += 1
    floor.comes_back = False
    return done


async def by_app_queue(stage: Stage, path: str) -> Storm:
    """app_queue with as many members; `stage`: a peer's."""
    plan = stage.plan

    async def in_line() -> int:
        found = _CALLS_IN_QUEUE.search(stage.called.asterisk("queue show storm"))
        return int(found[1]) if found else 0

    async def back() -> None:
        """A member needs no telling."""

    storm = _Storm(stage, path, plan.peer_phone_port, plan.peer_recovering_port, stage.called.pids())
    return await storm.run(peers.STORM_NUMBER, in_line, back)


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
        self, called: str, in_line: Callable[[], Awaitable[int]], back: Callable[[], Awaitable[None]]
    ) -> Storm:
        """`in_line()`: how many callers are there; `back()` makes the agent ready whose phone answers again."""
        stage, plan = self._stage, self._stage.plan
        stage.tell(f"{self._path}: {plan.storm_waiting} callers come, {plan.storm_phones} phones reject")
        async with (
            stage.sipp.phones(self._name, self._port, 0, rejecting=True),
            AsyncExitStack() as last_phone,
        ):
            sick = stage.sipp.phones(self._name + "-last", self._recovering_port, 0, rejecting=True)
            await last_phone.enter_async_context(sick)
            async with stage.sipp.line(
                self._name + "-callers",
                plan.caller_port,
                called=called,
                numbers=stage.numbers(plan.storm_waiting * 3),
                at_once=plan.storm_waiting,
                talk_ms=60_000,
                hang_up=stage.hang_up,
            ):
                with stage.watch(f"{self._name}-filling", self._pids) as filling:
                    waiting = await _full(in_line, plan.storm_waiting)
                stage.tell(f"{waiting} are in line")
                with stage.watch(self._name, self._pids) as watch:
                    await asyncio.sleep(plan.storm_seconds)
                await last_phone.aclose()
                recovered_ms = await self._recover(back)
        await stage.quiet()
        return self._done(waiting, filling, watch, recovered_ms)

    async def _recover(self, back: Callable[[], Awaitable[None]]) -> float | None:
        stage = self._stage
        with stage.watch(f"{self._name}-recovery", self._pids) as watch:
            async with stage.sipp.phones(self._name + "-well", self._recovering_port, stage.plan.ring_ms):
                await _bound(self._recovering_port)
                since = time.time()
                await back()
                await asyncio.sleep(RECOVERY_SECONDS)
        return first_ringing_ms(self._seen(watch), self._recovering_port, since)

    def _seen(self, watch: Watch) -> Rung:
        return rung(watch.packets(), {self._port, self._recovering_port}, self._stage.plan.web_port)

    def _done(self, waiting: int, filling: Watch, watch: Watch, recovered_ms: float | None) -> Storm:
        found, seconds = self._seen(watch), watch.load.wall_seconds
        return Storm(
            path=self._path,
            waiting=waiting,
            phones=self._stage.plan.storm_phones,
            seconds=round(seconds, 2),
            filling_cpu_ms=round(sum(filling.load.cpu_ms.values())),
            filling_seconds=round(filling.load.wall_seconds, 2),
            cpu_ms_a_second={part: round(used / seconds, 2) for part, used in watch.load.cpu_ms.items()},
            offers_a_second=round(found.offers / seconds, 2),
            statuses=found.statuses,
            recovered_ms=None if recovered_ms is None else round(recovered_ms, 1),
            capture_drops=watch.drops,
        )


async def _bound(port: int) -> None:
    """Wait until a program listens at this UDP port. Raises SippError."""
    deadline = time.monotonic() + BOUND_SECONDS
    while f":{port:04X} " not in usage.udp_sockets():
        if time.monotonic() > deadline:
            raise SippError(f"nobody listens at {port}")
        await asyncio.sleep(0.002)


async def _full(in_line: Callable[[], Awaitable[int]], wanted: int) -> int:
    """Wait for so many callers in line, FILL_SECONDS at most; how many there are."""
    deadline = time.monotonic() + FILL_SECONDS
    while (there := await in_line()) < wanted:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    return there
