"""Section `boards`: the same calls with nobody looking and with many boards open: how soon each shows a call, and what
a board costs.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import orjson

from tests.bench import usage
from tests.bench.calls import READY_AGAIN_SECONDS
from tests.bench.capture import traces
from tests.bench.figures import Spread
from tests.bench.staff import Staff
from tests.bench.stage import SETTLE_SECONDS, Stage
from tests.desks import DeskError

_SEQ = re.compile(r'"seq":(\d+)')
_HEAD = 60
"""Characters of a message in which its number stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """What open boards came to."""

    boards: int
    rate: int
    calls: int
    events: int
    """Sent to each board."""
    bytes_an_event: int
    shown: Spread | None
    """Caller's INVITE -> his call at a board, each call at each board (ms)."""
    missing: int
    """Calls that a board never showed, over all boards."""
    cpu_ms_a_second: tuple[float, float]
    """Of the service, without and with the boards."""
    memory_mb: tuple[float, float]
    """Of the service, before the boards were opened and with them after the calls."""

    @property
    def cpu_ms_a_board(self) -> float:
        """What a board adds, ms a second."""
        without, with_boards = self.cpu_ms_a_second
        return (with_boards - without) / self.boards

    @property
    def memory_kb_a_board(self) -> float:
        """What a board adds."""
        before, after = self.memory_mb
        return (after - before) * 1024 / self.boards


@dataclass(slots=True)
class _Open:
    """Boards that are open: when each event came to each board, and which callers it showed first."""

    came: dict[int, list[float]] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    known: set[str] = field(default_factory=set)

    def take(self, text: str, *, read: bool) -> None:
        """A message; every board has the same, so one of them is read."""
        found = _SEQ.search(text, 0, _HEAD)
        if found is None or '"event"' not in text[:_HEAD]:
            return
        seq = int(found[1])
        self.came.setdefault(seq, []).append(time.time())
        if not read:
            return
        self.bytes += len(text)
        for call in orjson.loads(text)["put"].get("calls", {}).values():
            if call["call_id"] not in self.known:
                self.known.add(call["call_id"])
                self.first["".join(filter(str.isdigit, call["number_display"]))[-11:]] = seq


@contextlib.asynccontextmanager
async def _opened(staff: Staff, count: int) -> AsyncIterator[_Open]:
    found, tasks = _Open(), list[asyncio.Task[None]]()
    ready = asyncio.Semaphore(0)

    async def look(place: int) -> None:
        async with staff.http.ws_connect(f"{staff.url}/api/v1/board/live", headers=staff.admin.headers) as socket:
            await socket.receive()
            ready.release()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    found.take(message.data, read=place == 0)

    try:
        for place in range(count):
            tasks.append(asyncio.create_task(look(place)))
            await asyncio.wait_for(ready.acquire(), 20)
        yield found
    finally:
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise DeskError(f"a board broke: {error!r}")


async def watch(stage: Stage, staff: Staff) -> Boards:
    """Calls with no board, then the same with many. Raises DeskError, SippError and their like."""
    plan, floor = stage.plan, staff.floor
    await staff.set_queues()
    await staff.seat(plan.phones)
    rate = max(plan.rates)
    pids = {"serve": stage.hotline.pids()["serve"]}

    async def calls(name: str, numbers: list[str]) -> "Watched":
        stage.tell(f"{name}: {len(numbers)} calls, {rate} a second")
        with stage.watch(name, pids) as watching:
            await stage.place(name, stage.hotline.number, numbers, rate)
        if not await floor.all_ready(READY_AGAIN_SECONDS):
            stage.trouble[f"desks not ready again: {floor.states()}"] += 1
        await asyncio.sleep(SETTLE_SECONDS)
        found = traces(watching.packets(), plan.caller_port, {plan.desk_phone_port, plan.desk_recovering_port})
        invited = {number: call.invited_at for number, call in found.items()}
        return Watched(watching.load.cpu_ms["serve"] / watching.load.wall_seconds, invited)

    async with stage.sipp.phones("agents", plan.desk_phone_port, plan.ring_ms):
        await floor.become("ready")
        await calls("no-board-warm", stage.numbers(plan.calls(rate) // 2))
        without = await calls("no-board", stage.numbers(plan.calls(rate)))
        before = usage.memory_mb(pids)["serve"]
        async with _opened(staff, plan.boards) as found:
            with_boards = await calls(f"boards-{plan.boards}", stage.numbers(plan.calls(rate)))
            after = usage.memory_mb(pids)["serve"]
    shown = [
        (at - invited_at) * 1000
        for number, invited_at in with_boards.invited.items()
        for at in found.came.get(found.first.get(number, -1), ())
    ]
    count = len(with_boards.invited)
    return Boards(
        boards=plan.boards,
        rate=rate,
        calls=count,
        events=len(found.came),
        bytes_an_event=round(found.bytes / max(len(found.came), 1)),
        shown=Spread.of(shown),
        missing=count * plan.boards - len(shown),
        cpu_ms_a_second=(round(without.cpu_ms_a_second, 1), round(with_boards.cpu_ms_a_second, 1)),
        memory_mb=(before, after),
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """The service's use, and when each caller's INVITE was seen (s since the epoch)."""

    cpu_ms_a_second: float
    invited: dict[str, float]
