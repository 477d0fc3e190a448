"""What a person reads of a run, and what is kept of it."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table

from tests.bench import customers, importing, matching
from tests.bench.boards import Boards
from tests.bench.crowd import Crowd
from tests.bench.customers import Archive
from tests.bench.figures import HOTLINE, PATHS, QUEUE_AMI, Phase, Spread, Verdict, ratio, ratios
from tests.bench.importing import Imported
from tests.bench.plan import Plan
from tests.bench.private import PARTS
from tests.bench.storm import Storm
from tests.bench.verdicts import Measured, verdicts

PROJECT = Path(__file__).resolve().parents[2]
NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that is known about one bench."""

    plan: Plan
    began_at: str
    seconds: float
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    commit: str
    phases: Sequence[Phase] = ()
    crowds: Mapping[str, Crowd] = field(default_factory=dict)
    """few, ready, many: how agents served a line."""
    boards: Boards | None = None
    storms: Sequence[Storm] = ()
    imported: Sequence[Imported] = ()
    archive: Archive | None = None
    pairing: matching.Run | None = None
    idle_ms_a_second: Mapping[str, float] = field(default_factory=dict)
    """What each process uses with every desk open and no call."""
    memory_mb: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """When -> process -> resident memory."""
    trouble: Mapping[str, int] = field(default_factory=dict)
    """What else was not as it should be, at the desks or in the logs."""

    @property
    def measured(self) -> Measured:
        """What verdicts are made from."""
        return Measured(
            rates=self.plan.rates,
            phases=self.phases,
            crowds=self.crowds,
            boards=self.boards,
            storms=self.storms,
            imported=self.imported,
            archive=self.archive,
            paired=self.pairing,
        )


def tables(run: Run) -> Group:
    """The whole report, for a terminal of 110 columns."""
    shown: list[Table] = []
    if run.phases:
        shown += [_figures(run), _beside(run), _memory(run)]
    if run.crowds:
        shown.append(_lines(run))
    if run.boards:
        shown.append(_boards(run.boards))
    if run.storms:
        shown.append(_storms(run))
    if run.imported:
        shown.append(importing.table(run.imported))
    if run.archive:
        shown.append(customers.table(run.archive))
    if run.pairing:
        shown.append(matching.table(run.pairing))
    return Group(*shown, _verdicts(verdicts(run.measured)))


def _figures(run: Run) -> Table:
    plan = run.plan
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=f"{plan.phones} phones, {plan.rounds} rounds of {plan.seconds} s a rate, {plan.talk_ms} ms talk,"
        f" {plan.ring_ms} ms ringing; {run.machine['cores']} cores; commit {run.commit}",
    )
    table.add_column("times in ms", no_wrap=True)
    for rate in plan.rates:
        table.add_column(f"{rate}/s\n{HOTLINE}", justify="right", style="bold")
        table.add_column(f"{rate}/s\n{QUEUE_AMI}", justify="right")
        table.add_column("ratio", justify="right", style="cyan")
    by_place = {(one.rate, one.path): one for one in run.phases}
    for name, ours, theirs, share in _rows(run):
        cells: list[str] = []
        for rate in plan.rates:
            cells += [_cell(by_place.get((rate, HOTLINE)), ours), _cell(by_place.get((rate, QUEUE_AMI)), theirs)]
            cells.append(_share(run.phases, rate, share) if share else "")
        table.add_row(
            name, *cells, end_section=name.startswith(("failed", "together", "cores used by all", "to answer"))
        )
    return table


_Reading = Callable[[Phase], str]


def _rows(run: Run) -> list[tuple[str, _Reading, _Reading, str]]:
    """Name, how to read it from a phase of the hotline and of the queue, which CPU ratio stands beside it."""

    def both(read: _Reading, share: str = "") -> tuple[_Reading, _Reading, str]:
        return read, read, share

    def cpu(name: str) -> _Reading:
        return lambda one: f"{one.cpu_ms_a_call[name]:.2f}" if name in one.cpu_ms_a_call else NOTHING

    rows: list[tuple[str, _Reading, _Reading, str]] = [
        ("calls", *both(lambda one: str(one.calls))),
        ("by the fallback queue", lambda one: _alarm(one.fallback), _no_pop, ""),
        ("failed", *both(lambda one: _alarm(one.failed))),
    ]
    rows += [(f"CPU a call {name}", *both(cpu(name), "asterisk" if name == "asterisk" else "")) for name in PARTS]
    rows += [
        ("together", *both(lambda one: f"{one.together_ms:.2f}", "together")),
        ("cores used by these", *both(lambda one: f"{one.cores:.2f}")),
        ("cores used by all others", *both(lambda one: f"{one.other_cores:.2f}")),
        ("to phone's INVITE, p50/p99", *both(lambda one: _two(one.to_phone))),
        ("to phone's 180, p50/p99", *both(lambda one: _two(one.to_ringing))),
        ("to answer, p50/p99", *both(lambda one: _two(one.to_answer))),
        ("to screen-pop, p50/p95/p99", lambda one: _three(one.pop), _no_pop, ""),
        ("read by the bench, p50/p99", lambda one: _two(one.pop_read), _no_pop, ""),
        ("pop leads 180, least/p50", _lead, _no_pop, ""),
        (
            "pop late or missing",
            lambda one: _alarm(one.pops_after_ringing + one.pops_missing),
            _no_pop,
            "",
        ),
    ]
    return rows


def _no_pop(_one: Phase) -> str:
    return ""


def _cell(one: Phase | None, read: _Reading) -> str:
    return NOTHING if one is None else str(read(one))


def _share(phases: Sequence[Phase], rate: int, process: str) -> str:
    found = ratio(phases, rate, None if process == "together" else process)
    return NOTHING if found is None else f"{found:.2f}"


def _alarm(count: int) -> str:
    return f"[bold red]{count}[/]" if count else "0"


def _two(spread: Spread | None) -> str:
    return f"{spread.p50:.1f} / {spread.p99:.1f}" if spread else NOTHING


def _three(spread: Spread | None) -> str:
    return f"{spread.p50:.0f} / {spread.p95:.0f} / {spread.p99:.0f}" if spread else NOTHING


def _lead(one: Phase) -> str:
    return f"{one.pop_lead.least:.1f} / {one.pop_lead.p50:.1f}" if one.pop_lead else NOTHING


def _beside(run: Run) -> Table:
    """CPU a call of every path, and ours as a ratio to each other one."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="CPU ms a call; in brackets the hotline's as a ratio to it")
    table.add_column("calls a second")
    for path in PATHS:
        table.add_column(f"{path}\nAsterisk", justify="right", style="bold" if path == HOTLINE else "")
        table.add_column("\ntogether", justify="right")
    by_place = {(one.rate, one.path): one for one in run.phases}
    for rate in run.plan.rates:
        cells: list[str] = []
        for path in PATHS:
            one = by_place.get((rate, path))
            cells += _pair(run, one) if one else (NOTHING, NOTHING)
        table.add_row(str(rate), *cells)
    return table


def _pair(run: Run, one: Phase) -> tuple[str, str]:
    asterisk, together = f"{one.cpu_ms_a_call.get('asterisk', 0.0):.2f}", f"{one.together_ms:.2f}"
    if one.path == HOTLINE:
        return asterisk, together
    shares = (ratio(run.phases, one.rate, process, one.path) for process in ("asterisk", None))
    first, second = (NOTHING if share is None else f"{share:.2f}" for share in shares)
    return f"{asterisk} ({first})", f"{together} ({second})"


def _lines(run: Run) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=f"callers in line, {run.plan.crowd_agents} agents; CPU ms a call with all that waiting costs",
        caption="the callers hear ringing: apology_ring is at its highest, so that no music is sent",
    )
    for name in ("in line", "served/s", *PARTS, "together", "ready to INVITE, p50/p99/most", "never rung"):
        table.add_column(name, justify="right")
    for one in run.crowds.values():
        spread = one.to_invite
        table.add_row(
            str(one.waiting),
            f"{one.served / one.seconds:.1f}",
            *(f"{one.cpu_ms_a_call.get(part, 0.0):.2f}" for part in PARTS),
            f"{one.together_ms:.2f}",
            f"{spread.p50:.1f} / {spread.p99:.1f} / {spread.most:.0f}" if spread else NOTHING,
            _alarm(one.never_rung),
        )
    return table


def _boards(found: Boards) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"boards open, {found.calls} calls at {found.rate} a second")
    for name in (
        "boards",
        "INVITE to board, p50/p95/p99",
        "events",
        "bytes an event",
        "serve, CPU ms a second: none open",
        "all open",
        "a board",
        "memory KB a board",
    ):
        table.add_column(name, justify="right")
    without, with_boards = found.cpu_ms_a_second
    table.add_row(
        str(found.boards),
        f"{found.shown.p50:.0f} / {found.shown.p95:.0f} / {found.shown.p99:.0f}" if found.shown else NOTHING,
        str(found.events),
        str(found.bytes_an_event),
        f"{without:.0f}",
        f"{with_boards:.0f}",
        f"{found.cpu_ms_a_board:.2f}",
        f"{found.memory_kb_a_board:.0f}",
    )
    return table


def _storms(run: Run) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="all phones reject; CPU ms a second")
    table.add_column("path", no_wrap=True)
    for name in ("in line", "phones", *PARTS, "together", "rung/s", "ms a ring", "filling, CPU s", "recovered, ms"):
        table.add_column(name, justify="right")
    for one in run.storms:
        used = (one.cpu_ms_a_second.get(part) for part in PARTS)
        table.add_row(
            one.path,
            str(one.waiting),
            str(one.phones),
            *(NOTHING if ms is None else f"{ms:.0f}" for ms in used),
            f"{one.together_ms:.0f}",
            f"{one.offers_a_second:.0f}",
            NOTHING if one.ms_an_offer is None else f"{one.ms_an_offer:.1f}",
            f"{one.filling_cpu_ms / 1000:.1f}",
            "[bold red]never[/]" if one.recovered_ms is None else f"{one.recovered_ms:.0f}",
        )
    return table


def _memory(run: Run) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="memory, MB; CPU with every desk open and no call")
    table.add_column("process")
    for when in run.memory_mb:
        table.add_column(when, justify="right")
    table.add_column("idle CPU, % of a core", justify="right")
    for name in PARTS:
        cells = [f"{taken[name]:.0f}" if name in taken else NOTHING for taken in run.memory_mb.values()]
        idle = run.idle_ms_a_second.get(name)
        table.add_row(name, *cells, NOTHING if idle is None else f"{idle / 10:.1f}")
    return table


def _verdicts(found: Sequence[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    words = {True: "[green]met[/]", False: "[bold red]MISSED[/]", None: "[yellow]not measured[/]"}
    for verdict in found:
        table.add_row(words[verdict.met], verdict.aim, verdict.figure)
    return table


def show(run: Run) -> None:
    """Print the report; as wide as it needs to be where nobody's terminal is narrower."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=150)
    console.print(tables(run))
    for phase in run.phases:
        for reason, count in phase.failures.items():
            console.print(f"[red]{phase.path} at {phase.rate}/s: {count} calls {reason}[/]")
    for what, count in run.trouble.items():
        console.print(f"[yellow]{count} x {what}[/]", soft_wrap=True)


def keep(run: Run, folder: Path) -> Path:
    """Write the run as JSON; where it stands."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{run.began_at.replace(':', '').replace('-', '')}.json"
    kept = asdict(run) | {"verdicts": [asdict(verdict) for verdict in verdicts(run.measured)]}
    for phase in kept["phases"]:
        phase["failed"] = sum(phase["failures"].values())
        phase["together_ms"] = round(sum(phase["cpu_ms_a_call"].values()), 3)
    kept["ratios"] = {
        str(rate): {
            path: {
                "asterisk": ratios(run.phases, rate, "asterisk", path),
                "together": ratios(run.phases, rate, beside=path),
            }
            for path in PATHS[1:]
        }
        for rate in run.plan.rates
    }
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return file


def now() -> str:
    """This second, as a run is named by it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def machine() -> dict[str, Any]:
    """What the run ran on."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory[1]) / 1_048_576, 1) if memory else None,
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
    }


def versions(asterisk: str = "") -> dict[str, str]:
    """Of the programs that took part; `asterisk` is what its console said, empty where none was started."""
    return {
        "asterisk": asterisk.partition(" built")[0].strip(),
        "python": platform.python_version(),
        "redis": _said("redis-server", "--version"),
        "sipp": _said("sipp", "-v"),
    }


def commit() -> str:
    """The commit that is checked out, with + when something is changed; ? outside a repository."""
    found = _said("git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(PROJECT), "status", "--porcelain", "--untracked-files=no")
    return f"{found or '?'}{'+' if changed else ''}"


def _said(*argv: str) -> str:
    """The first line that a program says; empty when it can't."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "")
