"""`python -m tests.bench`, and what of it: `--help`."""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from callcenter.words import Problem
from tests.bench import matching, report
from tests.bench.bench import Bench
from tests.bench.capture import CaptureError
from tests.bench.load import SippError
from tests.bench.peers import PeerError
from tests.bench.plan import BASE_PORT, MOST_PHONES, QUICK, SECTIONS, Plan, phones_needed
from tests.bench.private import PrivateHotline
from tests.desks import DeskError

MOST_SECONDS = 1500
IMPORTING_SECONDS = 600
CUSTOMERS_SECONDS = 5400
"""More, for a section that makes millions first."""
KEPT = Path(__file__).resolve().parents[2] / "var" / "bench"


async def _bounded(work: Coroutine[Any, Any, report.Run], seconds: float) -> report.Run:
    """`work`, ended by SIGTERM and after so many seconds."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with asyncio.timeout(seconds):
        return await task


def _sections(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if strangers := set(wanted) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(strangers))}: there are {', '.join(SECTIONS)}")
    return wanted


def _plan_of(arguments: argparse.Namespace) -> Plan:
    plan = QUICK if arguments.quick else Plan()
    changes: dict[str, Any] = {"base_port": arguments.base_port}
    if arguments.only:
        changes["sections"] = arguments.only
    if arguments.rates:
        rates = tuple(int(rate) for rate in arguments.rates.split(","))
        changes |= {"rates": rates, "phones": phones_needed(max(rates), plan.talk_ms, plan.ring_ms)}
    if arguments.size:
        changes["customers"] = arguments.size
    if arguments.rows:
        changes["rows"] = arguments.rows
    if arguments.phones:
        changes["phones"] = min(arguments.phones, MOST_PHONES)
    for name in ("seconds", "rounds"):
        if getattr(arguments, name):
            changes[name] = getattr(arguments, name)
    return replace(plan, **changes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="calls, ready and matching only; one rate, shorter, fewer callers and phones",
    )
    parser.add_argument("--only", type=_sections, help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--rates", help="calls a second, comma-separated")
    parser.add_argument("--seconds", type=int, help="how long callers come in, a round; how long a line is watched")
    parser.add_argument("--rounds", type=int, help="turns of the hotline and of app_queue at each rate, in `calls`")
    parser.add_argument("--phones", type=int, help="agents, and members of app_queue, in `calls`")
    parser.add_argument("--size", type=int, help="customers in `customers`: 1.6 times as many numbers, twice the calls")
    parser.add_argument("--rows", type=int, help="rows of each file in `importing`")
    parser.add_argument("--base-port", type=int, default=BASE_PORT, help="the ports from here on are used")
    parser.add_argument("--keep-folder", action="store_true", help="leave logs and captures where they are")
    return parser.parse_args()


def _measure(plan: Plan, tell: Callable[[str], None], *, keep_folder: bool) -> report.Run:
    paired = None
    if "matching" in plan.sections:
        tell("pairing callers and agents")
        paired = matching.run(plan.matches)
    if set(plan.sections) == {"matching"}:
        return report.Run(
            plan=plan,
            began_at=report.now(),
            seconds=0.0,
            machine=report.machine(),
            versions=report.versions(),
            commit=report.commit(),
            pairing=paired,
        )
    hotline = PrivateHotline(plan, tell)
    left = True
    try:
        with hotline:
            longer = {"importing": IMPORTING_SECONDS, "customers": CUSTOMERS_SECONDS}
            most = MOST_SECONDS + sum(more for section, more in longer.items() if section in plan.sections)
            run = asyncio.run(_bounded(Bench(plan, hotline, tell).run(paired), most))
        left = keep_folder
    finally:
        if left:
            tell(f"logs and captures are left in {hotline.folder}")
        else:
            hotline.remove()
    return run


def main() -> int:
    """Run, print, keep; the exit status. Figures that miss their aim are no failure of the run."""
    arguments = _arguments()
    console, began = Console(highlight=False), time.monotonic()

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {line}")

    try:
        run = _measure(_plan_of(arguments), tell, keep_folder=arguments.keep_folder)
    except (Problem, DeskError, SippError, PeerError, CaptureError, TimeoutError) as error:
        Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {type(error).__name__}: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        tell("stopped")
        return 1
    report.show(run)
    tell(f"kept as {report.keep(run, KEPT)}")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
