"""Section `calls`: the same calls at the same rates through the hotline, app_queue and Dial().

The hotline and its peer take turns, several rounds a rate, so that both meet the same minutes of the machine.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests import desks
from tests.bench import peers, usage
from tests.bench.capture import cards, traces
from tests.bench.figures import DIAL, HOTLINE, QUEUE, QUEUE_AMI, Phase, Round, phase
from tests.bench.staff import Staff
from tests.bench.stage import SETTLE_SECONDS, Stage

WARM_UP_CALLS = 30
WARM_UP_RATE = 15
READY_AGAIN_SECONDS = 15.0
NUMBERS = {QUEUE: peers.QUEUE_NUMBER, QUEUE_AMI: peers.QUEUE_NUMBER, DIAL: peers.DIAL_NUMBER}
"""What the callers of each peer dial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the ways that calls can take."""

    path: str
    stage: Stage
    called: str
    phone_port: int
    idle_ms_a_second: Mapping[str, float]
    pids: Mapping[str, int]
    """The processes that carry it."""
    all_done: Callable[[], Awaitable[None]]
    """Returns when the last call's work is done."""
    read: Mapping[str, float] | None = None
    """When the desks read each caller's card; None: there are no desks."""
    log: Callable[[Sequence[str], int], Awaitable[tuple[int, int]]] | None = None
    """Of these callers' calls since then (ms), how many stand in the call log as answered, and how many of those were
    carried by the fallback queue. None: this way has no call log."""


@dataclass(slots=True)
class Carried:
    """What all ways did at every rate."""

    phases: list[Phase] = field(default_factory=list)
    idle_ms_a_second: dict[str, Mapping[str, float]] = field(default_factory=dict)
    """Of each path: by process, with no call."""
    memory_mb: dict[str, Mapping[str, float]] = field(default_factory=dict)
    """When -> process -> resident memory."""

    async def take_turns(self, ways: Sequence[Way], rounds: int) -> None:
        """Every rate, so many rounds each: the first way is the first in one round and the last in the next."""
        for way in ways:
            self.idle_ms_a_second[way.path] = way.idle_ms_a_second
            self.memory_mb[f"{way.path}, before"] = usage.memory_mb(way.pids)
        for rate in ways[0].stage.plan.rates:
            taken: dict[str, list[Round]] = {way.path: [] for way in ways}
            for number in range(rounds):
                for way in ways if number % 2 == 0 else reversed(ways):
                    taken[way.path].append(await _round(way, rate, number))
            self.phases += [phase(path, rate, found) for path, found in taken.items()]
        for way in ways:
            self.memory_mb[f"{way.path}, after"] = usage.memory_mb(way.pids)


@contextlib.asynccontextmanager
async def by_hotline(stage: Stage, staff: Staff) -> AsyncIterator[Way]:
    """The hotline with all desks ready and warm, inside the block. Raises DeskError, SippError and their like."""
    floor = staff.floor
    await staff.set_queues()
    await staff.seat(stage.plan.phones)

    async def all_done() -> None:
        if not await floor.all_ready(READY_AGAIN_SECONDS):
            stage.trouble[f"desks not ready again: {floor.states()}"] += 1
        await asyncio.sleep(SETTLE_SECONDS)

    async with stage.sipp.phones("agents", stage.plan.desk_phone_port, stage.plan.ring_ms):
        await floor.become("ready")
        await all_done()
        number = stage.hotline.number
        await stage.place("warm-up-hotline", number, stage.numbers(WARM_UP_CALLS), WARM_UP_RATE)
        await all_done()
        pids = stage.hotline.pids()
        yield Way(
            path=HOTLINE,
            stage=stage,
            called=number,
            phone_port=stage.plan.desk_phone_port,
            idle_ms_a_second=await stage.idle_use(pids),
            pids=pids,
            all_done=all_done,
            read=floor.read,
            log=lambda numbers, since_ms: desks.answered_rows(staff.admin, numbers, since_ms),
        )


@contextlib.asynccontextmanager
async def by_peer(stage: Stage, path: str) -> AsyncIterator[Way]:
    """A peer with its phones, warm, inside the block; `stage`: that peer's."""
    plan = stage.plan
    async with contextlib.AsyncExitStack() as phones:
        ports = {plan.peer_phone_port, plan.peer_recovering_port} if "storm" in plan.sections else set()
        for port in ports or {plan.peer_phone_port}:
            await phones.enter_async_context(stage.sipp.phones(f"members-{port}", port, plan.ring_ms))
        await stage.place(f"warm-up-{path}", NUMBERS[path], stage.numbers(WARM_UP_CALLS), WARM_UP_RATE)
        pids = stage.called.pids()
        yield Way(
            path=path,
            stage=stage,
            called=NUMBERS[path],
            phone_port=plan.peer_phone_port,
            idle_ms_a_second=await stage.idle_use(pids),
            pids=pids,
            all_done=_at_once,
        )


async def _round(way: Way, rate: int, number: int) -> Round:
    stage, plan = way.stage, way.stage.plan
    since_ms, numbers = round(time.time() * 1000), stage.numbers(plan.calls(rate))
    stage.tell(f"{way.path}: {len(numbers)} calls, {rate} a second")
    name = f"{way.path}-{rate}-{number}"
    with stage.watch(name, way.pids) as watch:
        await stage.place(name, way.called, numbers, rate)
        await way.all_done()
    found = watch.packets()
    rows, fallback = (None, 0) if way.log is None else await way.log(numbers, since_ms)
    return Round(
        numbers=numbers,
        calls=traces(found, plan.caller_port, {way.phone_port, plan.desk_recovering_port, plan.peer_recovering_port}),
        load=replace(watch.load, idle_ms_a_second=way.idle_ms_a_second),
        capture_drops=watch.drops,
        pops=None if way.read is None else cards(found, plan.web_port),
        read=dict(way.read or {}),
        rows=rows,
        fallback=fallback,
    )


async def _at_once() -> None:
    """Nothing is left to wait for."""
