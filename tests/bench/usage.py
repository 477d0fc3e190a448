"""CPU and memory of processes, as the kernel counts them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that matter here."""

    parent: int
    cpu_ms: float
    """Own time, user and kernel."""
    ended_children_cpu_ms: float


def parse_stat(text: str) -> Stat:
    """Read /proc/PID/stat; the program's name in it may hold anything. Raises ValueError, IndexError."""
    fields = text.rpartition(")")[2].split()
    user, kernel, child_user, child_kernel = (int(field) for field in fields[11:15])
    return Stat(int(fields[1]), (user + kernel) * _TICK_MS, (child_user + child_kernel) * _TICK_MS)


def _all_stats() -> dict[int, Stat]:
    found: dict[int, Stat] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = parse_stat((folder / "stat").read_text())
            except (OSError, ValueError, IndexError):
                continue
    return found


def tree(root: int, stats: Mapping[int, Stat]) -> list[int]:
    """`root` and everything below it."""
    family, fresh = [root], {root}
    while fresh:
        fresh = {pid for pid, stat in stats.items() if stat.parent in fresh}
        family += fresh
    return [pid for pid in family if pid in stats]


def cpu_ms(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU time used so far by each process with its children, those that have ended too."""
    stats = _all_stats()
    used: dict[str, float] = {}
    for name, root in roots.items():
        family = [stats[pid] for pid in tree(root, stats)]
        used[name] = sum(stat.cpu_ms for stat in family) + (family[0].ended_children_cpu_ms if family else 0.0)
    return used


def machine_cpu_ms() -> float:
    """CPU time that the whole machine has spent on anything."""
    user, nice, kernel, _idle, _wait, irq, soft_irq, *_ = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + kernel + irq + soft_irq) * _TICK_MS


def udp_sockets() -> str:
    """The kernel's table of UDP sockets; addresses and ports are in hexadecimal digits."""
    return Path("/proc/net/udp").read_text()


def memory_mb(roots: Mapping[str, int]) -> dict[str, float]:
    """Resident memory of each process with its children; a page that several share is split between them."""
    stats = _all_stats()
    return {name: round(sum(map(_resident_kb, tree(root, stats))) / 1024, 1) for name, root in roots.items()}


def _resident_kb(pid: int) -> int:
    for source, label in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            for line in Path(f"/proc/{pid}/{source}").read_text().splitlines():
                if line.startswith(label):
                    return int(line.split()[1])
        except OSError:
            continue
    return 0
