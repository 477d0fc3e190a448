"""`python -m tests.bench [--quick] [--rates 10,20,40] [--seconds 20] [--keep-folder]`."""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from callcenter.words import Problem
from tests import desks
from tests.asterisk.sip.driver import caller_number
from tests.bench import plain_queue, report, usage
from tests.bench.capture import Capture, CaptureError, cards, packets, traces
from tests.bench.figures import HOTLINE, QUEUE, Load, Phase, phase
from tests.bench.load import Sipp, SippError
from tests.bench.plain_queue import PlainQueueError
from tests.bench.plan import MOST_PHONES, QUICK, Plan, phones_needed
from tests.bench.private import PrivateHotline, complaints
from tests.desks import DeskError, Floor, Person

MOST_SECONDS = 360
IDLE_SECONDS = 8.0
SETTLE_SECONDS = 4.0
"""After the last call's end: the ledger is shipped every two seconds, then written."""
READY_AGAIN_SECONDS = 15.0
WARM_UP_CALLS = 30
WARM_UP_RATE = 10
KEPT = Path(__file__).resolve().parents[2] / "var" / "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the two ways that calls can take."""

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


class Bench:
    """One run."""

    def __init__(self, plan: Plan, hotline: PrivateHotline, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._hotline = hotline
        self._tell = tell
        self._sipp = Sipp(hotline.folder / "sipp", plan.sip_port)
        self._placed = 0
        self._phases: list[Phase] = []
        self._memory: dict[str, Mapping[str, float]] = {}
        self._idle: Mapping[str, float] = {}
        self._trouble: Counter[str] = Counter()

    async def run(self) -> report.Run:
        """The hotline under each rate, then the plain queue. Raises DeskError, SippError and their like."""
        began, began_at = time.monotonic(), report.now()
        versions = report.versions(self._hotline.asterisk("core show version"))
        await self._measure_hotline()
        self._trouble.update(complaints(self._hotline.log))
        self._hotline.stop_software()
        await self._measure_queue()
        return report.Run(
            plan=self._plan,
            began_at=began_at,
            seconds=round(time.monotonic() - began, 1),
            phases=self._phases,
            idle_ms_a_second={name: round(used, 2) for name, used in self._idle.items()},
            memory_mb=self._memory,
            trouble=dict(self._trouble),
            machine=report.machine(),
            versions=versions,
            commit=report.commit(),
        )

    # -- the hotline -----------------------------------------------------------------------------------

    async def _measure_hotline(self) -> None:
        plan, sipp = self._plan, self._sipp
        async with desks.http_client() as http:
            admin = await self._administrator(http)
            self._tell(f"making {plan.phones} agents with desk phones")
            accounts = await desks.make_agents(admin, plan.phones)
            phones = [(account.extension, account.sip_password) for account in accounts]
            await sipp.register(plan.desk_phone_port, phones)
            async with sipp.phones("agents", plan.desk_phone_port, plan.ring_ms):
                await desks.await_phones(admin, accounts)
                self._tell("signing them in")
                await self._staffed(admin, http, accounts)

    async def _staffed(self, admin: Person, http: Any, accounts: Sequence[desks.Account]) -> None:
        floor = Floor(await _call_type(admin))
        try:
            await floor.open(http, [self._hotline.web_url], accounts)
            await self._hotline_phases(admin, floor)
        finally:
            await floor.close()
            self._trouble.update(floor.trouble)

    async def _administrator(self, http: Any) -> Person:
        login = next(login for login in self._hotline.logins if login["role"] == "administrator")
        return await Person.sign_in(http, self._hotline.web_url, login["username"], login["password"])

    async def _hotline_phases(self, admin: Person, floor: Floor) -> None:
        if not await floor.all_ready(READY_AGAIN_SECONDS):
            raise DeskError(f"not every desk became ready: {floor.states()}")

        async def all_done() -> None:
            if not await floor.all_ready(READY_AGAIN_SECONDS):
                self._trouble[f"desks not ready again: {floor.states()}"] += 1

        number = self._hotline.number
        await self._place("warm-up-hotline", number, self._numbers(WARM_UP_CALLS), WARM_UP_RATE)
        await all_done()
        self._idle = await self._idle_use()
        way = Way(
            path=HOTLINE,
            called=number,
            phone_port=self._plan.desk_phone_port,
            idle_ms_a_second=self._idle,
            pids=self._hotline.pids(),
            all_done=all_done,
            read=floor.read,
        )
        self._memory["hotline, before"] = usage.memory_mb(way.pids)
        for rate in self._plan.rates:
            since_ms = round(time.time() * 1000)
            numbers = self._numbers(self._plan.calls(rate))
            found = await self._phase(way, rate, numbers)
            rows, fallback = await desks.answered_rows(admin, numbers, since_ms)
            self._phases.append(replace(found, rows=rows, fallback=fallback))
        self._memory["hotline, after"] = usage.memory_mb(way.pids)

    # -- the plain queue -------------------------------------------------------------------------------

    async def _measure_queue(self) -> None:
        plan = self._plan
        self._tell(f"the same with a plain app_queue of {plan.phones} members, service and node stopped")
        async with self._sipp.phones("members", plan.queue_phone_port, plan.ring_ms):
            await plain_queue.add(self._hotline, plan)
            number = plain_queue.NUMBER
            await self._place("warm-up-queue", number, self._numbers(WARM_UP_CALLS), WARM_UP_RATE)
            idle = await self._idle_use()
            way = Way(
                path=QUEUE,
                called=number,
                phone_port=plan.queue_phone_port,
                idle_ms_a_second=idle,
                pids={"asterisk": self._hotline.pids()["asterisk"]},
                all_done=_at_once,
            )
            self._memory["app_queue, before"] = usage.memory_mb(way.pids)
            for rate in plan.rates:
                self._phases.append(await self._phase(way, rate, self._numbers(plan.calls(rate))))
            self._memory["app_queue, after"] = usage.memory_mb(way.pids)

    # -- one phase -------------------------------------------------------------------------------------

    async def _phase(self, way: Way, rate: int, numbers: Sequence[str]) -> Phase:
        self._tell(f"{way.path}: {len(numbers)} calls, {rate} a second")
        name, pids = f"{way.path}-{rate}", way.pids
        with Capture(self._hotline.folder / f"{name}.pcap", self._plan.sip_port, self._plan.web_port) as capture:
            began = time.monotonic()
            machine, used = usage.machine_cpu_ms(), usage.cpu_ms(pids)
            await self._place(name, way.called, numbers, rate)
            await way.all_done()
            await asyncio.sleep(SETTLE_SECONDS)
            after = usage.cpu_ms(pids)
            load = Load(
                wall_seconds=time.monotonic() - began,
                cpu_ms={part: after[part] - used[part] for part in pids},
                idle_ms_a_second=way.idle_ms_a_second,
                machine_cpu_ms=usage.machine_cpu_ms() - machine,
            )
            drops = capture.stop()
        if dead := self._hotline.dead():
            raise Problem(f"{', '.join(dead)} ended during the run", f"{'、'.join(dead)} 在测试中退出")
        found = list(packets(capture.file.read_bytes()))
        calls = traces(found, self._plan.caller_port, {way.phone_port})
        pops = None if way.read is None else cards(found, self._plan.web_port)
        return phase(way.path, rate, numbers, calls, load, capture_drops=drops, pops=pops, read=way.read)

    async def _place(self, name: str, called: str, numbers: Sequence[str], rate: int) -> None:
        port, talk_ms = self._plan.caller_port, self._plan.talk_ms
        await self._sipp.call(name, port, called=called, numbers=numbers, rate=rate, talk_ms=talk_ms)

    async def _idle_use(self) -> dict[str, float]:
        """CPU ms a second of each process, with no call."""
        await asyncio.sleep(SETTLE_SECONDS)
        pids = self._hotline.pids()
        before = usage.cpu_ms(pids)
        await asyncio.sleep(IDLE_SECONDS)
        after = usage.cpu_ms(pids)
        return {part: (after[part] - before[part]) / IDLE_SECONDS for part in pids}

    def _numbers(self, count: int) -> list[str]:
        """So many callers who have not called yet."""
        first, self._placed = self._placed, self._placed + count
        return [caller_number(place) for place in range(first, self._placed)]


async def _at_once() -> None:
    """Nothing is left to wait for."""


async def _call_type(admin: Person) -> str:
    return str(next(one["code"] for one in await admin.ask("GET", "/call-types") if one["direction"] == "in"))


async def _bounded(work: Coroutine[Any, Any, report.Run]) -> report.Run:
    """`work`, ended by SIGTERM and after MOST_SECONDS."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(MOST_SECONDS):
        return await task


def _plan_of(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else Plan()
    changes: dict[str, Any] = {}
    if arguments.rates:
        rates = tuple(int(rate) for rate in arguments.rates.split(","))
        changes = {"rates": rates, "phones": phones_needed(max(rates), plan.talk_ms, plan.ring_ms)}
    for name in ("seconds", "phones"):
        if getattr(arguments, name):
            changes[name] = min(getattr(arguments, name), MOST_PHONES)
    return replace(plan, **changes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one rate, eight seconds, fewer phones")
    parser.add_argument("--rates", help="calls a second, comma-separated")
    parser.add_argument("--seconds", type=int, help="how long callers come in, a rate")
    parser.add_argument("--phones", type=int, help="agents, and members of the plain queue")
    parser.add_argument("--keep-folder", action="store_true", help="leave logs and captures where they are")
    return parser.parse_args()


def main() -> int:
    """Run, print, keep; the exit status. Figures that miss their aim are no failure of the run."""
    arguments = _arguments()
    console, began = Console(highlight=False), time.monotonic()

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {line}")

    hotline = PrivateHotline(_plan_of(arguments), tell)
    failed = False
    try:
        with hotline:
            run = asyncio.run(_bounded(Bench(_plan_of(arguments), hotline, tell).run()))
        report.show(run)
        tell(f"kept as {report.keep(run, KEPT)}")
    except (Problem, DeskError, SippError, PlainQueueError, CaptureError, TimeoutError) as error:
        failed = True
        Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {type(error).__name__}: {error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        failed = True
        tell("stopped")
    finally:
        if failed or arguments.keep_folder:
            tell(f"logs and captures are left in {hotline.folder}")
        else:
            hotline.remove()
    return int(failed)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
