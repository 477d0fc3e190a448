"""Section `calls`: the same calls at the same rates through the hotline, app_queue and Dial()."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests import desks
from tests.bench import peers, usage
from tests.bench.capture import cards, traces
from tests.bench.figures import DIAL, HOTLINE, QUEUE, QUEUE_AMI, Phase, phase
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
    called: str
    phone_port: int
    idle_ms_a_second: Mapping[str, float]
    pids: Mapping[str, int]
    """The processes that carry it."""
    all_done: Callable[[], Awaitable[None]]
    """Returns when the last call's work is done."""
    read: Mapping[str, float] | None = None
    """When the desks read each caller's card; None: there are no desks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one path did at every rate. `memory_mb`: before and after."""

    phases: Sequence[Phase]
    idle_ms_a_second: Mapping[str, float]
    memory_mb: Mapping[str, Mapping[str, float]]


async def by_hotline(stage: Stage, staff: Staff) -> Carried:
    """All rates through the hotline. Raises DeskError, SippError and their like."""
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
        way = Way(
            path=HOTLINE,
            called=number,
            phone_port=stage.plan.desk_phone_port,
            idle_ms_a_second=await stage.idle_use(pids),
            pids=pids,
            all_done=all_done,
            read=floor.read,
        )

        async def logged(rate: int) -> Phase:
            since_ms, numbers = round(time.time() * 1000), stage.numbers(stage.plan.calls(rate))
            found = await _phase(stage, way, rate, numbers)
            rows, fallback = await desks.answered_rows(staff.admin, numbers, since_ms)
            return replace(found, rows=rows, fallback=fallback)

        return await _carried(stage, way, logged)


async def by_peer(stage: Stage, path: str) -> Carried:
    """All rates through a peer."""
    await stage.place(f"warm-up-{path}", NUMBERS[path], stage.numbers(WARM_UP_CALLS), WARM_UP_RATE)
    pids = stage.asterisk_only()
    way = Way(
        path=path,
        called=NUMBERS[path],
        phone_port=stage.plan.peer_phone_port,
        idle_ms_a_second=await stage.idle_use(pids),
        pids=pids,
        all_done=_at_once,
    )
    return await _carried(stage, way, lambda rate: _phase(stage, way, rate, stage.numbers(stage.plan.calls(rate))))


async def _carried(stage: Stage, way: Way, at: Callable[[int], Awaitable[Phase]]) -> Carried:
    before = usage.memory_mb(way.pids)
    phases = [await at(rate) for rate in stage.plan.rates]
    after = usage.memory_mb(way.pids)
    memory = {f"{way.path}, before": before, f"{way.path}, after": after}
    return Carried(phases=phases, idle_ms_a_second=way.idle_ms_a_second, memory_mb=memory)


async def _phase(stage: Stage, way: Way, rate: int, numbers: Sequence[str]) -> Phase:
    stage.tell(f"{way.path}: {len(numbers)} calls, {rate} a second")
    plan = stage.plan
    with stage.watch(f"{way.path}-{rate}", way.pids) as watch:
        await stage.place(f"{way.path}-{rate}", way.called, numbers, rate)
        await way.all_done()
    found = watch.packets()
    load = replace(watch.load, idle_ms_a_second=way.idle_ms_a_second)
    calls = traces(found, plan.caller_port, {way.phone_port, plan.desk_recovering_port, plan.peer_recovering_port})
    pops = None if way.read is None else cards(found, plan.web_port)
    return phase(way.path, rate, numbers, calls, load, capture_drops=watch.drops, pops=pops, read=way.read)


async def _at_once() -> None:
    """Nothing is left to wait for."""
