"""Pure: what a run's raw facts come to. Times in milliseconds unless named otherwise."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import TypedDict

from tests.bench.capture import CallTrace

HOTLINE = "hotline"
QUEUE_AMI, QUEUE, DIAL = "app_queue+AMI", "app_queue", "Dial"
PATHS = (HOTLINE, QUEUE_AMI, QUEUE, DIAL)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all values do not exceed (nearest rank).

    Raises ValueError for none.
    """
    if not values:
        raise ValueError("no values")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, over many calls."""

    count: int
    least: float
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None when there is nothing to spread."""
        if not values:
            return None
        least, *shares = (round(percentile(values, percent), 2) for percent in (0, 50, 95, 99, 100))
        return cls(len(values), least, *shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a phase cost, as read from the kernel before and after it."""

    wall_seconds: float
    """From the first call until everything about the last one was done."""
    cpu_ms: Mapping[str, float]
    """Of each process, over the whole phase."""
    idle_ms_a_second: Mapping[str, float]
    """What each process uses with everybody signed in and no call."""
    machine_cpu_ms: float
    """Of the whole machine: SIPp, the bench and strangers too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The raw facts of one path's turn under one rate."""

    numbers: Sequence[str]
    """The callers who were to call."""
    calls: Mapping[str, CallTrace]
    """By the caller's number."""
    load: Load
    capture_drops: int = 0
    pops: Mapping[str, float] | None = None
    """Number -> when its card came to the desk (s since the epoch); None: there are no desks."""
    read: Mapping[str, float] = field(default_factory=dict)
    """Number -> when it was read there."""
    rows: int | None = None
    fallback: int = 0

    @property
    def cpu_ms_a_call(self) -> dict[str, float]:
        """Of each process, above its idle use."""
        load, count = self.load, max(len(self.numbers), 1)
        idle = {name: load.idle_ms_a_second.get(name, 0.0) * load.wall_seconds for name in load.cpu_ms}
        return {name: max(used - idle[name], 0.0) / count for name, used in load.cpu_ms.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One path under one rate, all rounds together."""

    path: str
    rate: int
    calls: int
    failures: Mapping[str, int]
    """Reason -> calls."""
    cpu_ms_a_call: Mapping[str, float]
    """Of each process, above its idle use."""
    cpu_ms_a_call_gross: Mapping[str, float]
    """The same with the idle use left in."""
    rounds: Sequence[Mapping[str, float]]
    """`cpu_ms_a_call` of each round."""
    cores: float
    """Cores that the measured processes used together, idle use included."""
    other_cores: float
    """Cores that SIPp, the bench and everybody else on the machine used meanwhile."""
    to_phone: Spread | None
    """Caller's INVITE -> INVITE at the phone."""
    to_ringing: Spread | None
    """Caller's INVITE -> the phone's 180."""
    to_answer: Spread | None
    """Caller's INVITE -> his 200."""
    more_phones: int
    """Calls that rang more than one phone."""
    sent_again: int
    """Callers whose INVITE had no answer within half a second."""
    capture_drops: int
    pop: Spread | None = None
    """Caller's INVITE -> the card at the desk."""
    pops_missing: int = 0
    """Calls that rang a phone whose desk never had the card."""
    pops_after_ringing: int = 0
    pop_read: Spread | None = None
    """The card at the desk -> read by the bench: what a busy machine adds."""
    pop_lead: Spread | None = None
    """The card at the desk -> the phone's 180; small is close, below zero is late."""
    rows: int | None = None
    """Calls that stood in the call log as answered afterwards; None: this path keeps none."""
    fallback: int = 0
    """Of those, how many Asterisk's own queue had to serve because the service or the node was too slow."""

    @property
    def failed(self) -> int:
        """Calls that were no conversation."""
        return sum(self.failures.values())

    @property
    def together_ms(self) -> float:
        """CPU a call of all processes."""
        return sum(self.cpu_ms_a_call.values())


def phase(path: str, rate: int, rounds: Sequence[Round]) -> Phase:
    """Put a phase's facts together."""
    loads = [one.load for one in rounds]
    numbers = [number for one in rounds for number in one.numbers]
    seen = [one.calls[number] for one in rounds for number in one.numbers if number in one.calls]
    failures = Counter(call.failed for call in seen if call.failed)
    if len(seen) < len(numbers):
        failures["never placed"] = len(numbers) - len(seen)
    count = max(len(numbers), 1)
    measured = sum(sum(load.cpu_ms.values()) for load in loads)
    window_ms = sum(load.wall_seconds for load in loads) * 1000
    counted = [one.rows for one in rounds if one.rows is not None]
    return Phase(
        path=path,
        rate=rate,
        calls=len(numbers),
        failures=dict(failures),
        cpu_ms_a_call=_rounded({name: mean(one.cpu_ms_a_call[name] for one in rounds) for name in loads[0].cpu_ms}),
        cpu_ms_a_call_gross=_rounded(
            {name: sum(load.cpu_ms[name] for load in loads) / count for name in loads[0].cpu_ms}
        ),
        rounds=[_rounded(one.cpu_ms_a_call) for one in rounds],
        cores=round(measured / window_ms, 3),
        other_cores=round(max(sum(load.machine_cpu_ms for load in loads) - measured, 0.0) / window_ms, 3),
        to_phone=Spread.of([ms(call.invited_at, call.phone_invited_at) for call in seen if call.phone_invited_at]),
        to_ringing=Spread.of([ms(call.invited_at, call.phone_ringing_at) for call in seen if call.phone_ringing_at]),
        to_answer=Spread.of([ms(call.invited_at, call.answered_at) for call in seen if call.answered_at]),
        more_phones=sum(call.phone_legs > 1 for call in seen),
        sent_again=sum(call.invites_sent > 1 for call in seen),
        capture_drops=sum(one.capture_drops for one in rounds),
        rows=sum(counted) if counted else None,
        fallback=sum(one.fallback for one in rounds),
        **_pop_figures(seen, rounds),
    )


class _Pops(TypedDict, total=False):
    pop: Spread | None
    pops_missing: int
    pops_after_ringing: int
    pop_read: Spread | None
    pop_lead: Spread | None


def _pop_figures(seen: Sequence[CallTrace], rounds: Sequence[Round]) -> _Pops:
    if any(one.pops is None for one in rounds):
        return {}
    pops = {number: at for one in rounds for number, at in (one.pops or {}).items()}
    read = {number: at for one in rounds for number, at in one.read.items()}
    shown = [(call, pops[call.number]) for call in seen if call.number in pops]
    leads = [ms(at, call.phone_ringing_at) for call, at in shown if call.phone_ringing_at]
    return {
        "pop": Spread.of([ms(call.invited_at, at) for call, at in shown]),
        "pop_read": Spread.of([ms(at, read[call.number]) for call, at in shown if call.number in read]),
        "pops_missing": sum(call.phone_legs > 0 and call.number not in pops for call in seen),
        "pops_after_ringing": sum(lead <= 0 for lead in leads),
        "pop_lead": Spread.of(leads),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def ms(start: float, end: float | None) -> float:
    """Milliseconds between two moments in seconds. Raises ValueError when there was no end."""
    if end is None:
        raise ValueError("it never happened")
    return (end - start) * 1000


def ratios(phases: Sequence[Phase], rate: int, process: str | None = None, beside: str = QUEUE_AMI) -> list[float]:
    """CPU a call, hotline / `beside`, of one process or of all together, of each round in which both had their turn.

    Where they did not take turns it is one ratio, of all rounds of each; none when either is not known.
    """
    by_path = {one.path: one for one in phases if one.rate == rate}
    if HOTLINE not in by_path or beside not in by_path:
        return []
    ours, theirs = by_path[HOTLINE], by_path[beside]
    pairs = list(zip(ours.rounds, theirs.rounds, strict=False))
    if len(ours.rounds) != len(theirs.rounds):
        pairs = [(ours.cpu_ms_a_call, theirs.cpu_ms_a_call)]
    used = [(_of(process, mine), _of(process, other)) for mine, other in pairs]
    return [mine / other for mine, other in used if other > 0]


def ratio(phases: Sequence[Phase], rate: int, process: str | None = None, beside: str = QUEUE_AMI) -> float | None:
    """The median of `ratios`; None when there are none."""
    found = ratios(phases, rate, process, beside)
    return median(found) if found else None


def _of(process: str | None, cpu_ms: Mapping[str, float]) -> float:
    return sum(cpu_ms.values()) if process is None else cpu_ms.get(process, 0.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure that was aimed at. `met` is None when this run has not measured it."""

    aim: str
    met: bool | None
    figure: str
