"""What queueing theory says of one line of callers and equal agents, in the steady state. Pure.

Erlang C (M/M/c): callers come by chance, wait as long as it takes. Erlang A (M/M/c+M): they give up after a while.
Erlang A by Zeltyn and Mandelbaum, "Call centers with impatient customers: many-server asymptotics of the M/M/n+G
queue" (2005), section 2. Times in seconds, rates a second. Own formulas: the one Python library for this brings
OR-tools and pandas along, and no waiting times.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

_PIECES = 4_000
"""Of Simpson's rule; the integrands are smooth."""
_NOTHING = 45.0
"""e to the minus that is nothing beside 1."""


@dataclass(frozen=True, slots=True)
class SteadyState:
    """A line after a long time. Waits are those of all callers, whether they were answered or gave up.

    `answered_within` gives the share of all callers who are answered within so many seconds.
    """

    mean_wait_seconds: float
    gave_up: float
    occupancy: float
    answered_within: Callable[[float], float]


def steady_state(
    calls_a_second: float, handle_seconds: float, agents: int, patience_seconds: float | None
) -> SteadyState | None:
    """By Erlang A, or without patience by Erlang C; None: the line grows without end.

    All means: of the time an agent needs, and of the time after which a caller gives up.
    """
    if patience_seconds is None:
        return _erlang_c(calls_a_second, handle_seconds, agents)
    return _erlang_a(calls_a_second, handle_seconds, agents, patience_seconds)


def erlang_b(load: float, agents: int) -> float:
    """The share of calls that find all of so many agents busy where nobody waits; `load` in Erlang."""
    blocked = 1.0
    for one in range(1, agents + 1):
        blocked = load * blocked / (one + load * blocked)
    return blocked


def _erlang_c(rate: float, handle: float, agents: int) -> SteadyState | None:
    load = rate * handle
    if load >= agents:
        return None
    blocked = erlang_b(load, agents)
    waits = agents * blocked / (agents - load * (1 - blocked))
    leave = agents / handle - rate
    return SteadyState(
        mean_wait_seconds=waits / leave,
        gave_up=0.0,
        occupancy=load / agents,
        answered_within=lambda seconds: 1 - waits * math.exp(-leave * seconds) if seconds >= 0 else 0.0,
    )


def _erlang_a(rate: float, handle: float, agents: int, patience: float) -> SteadyState:
    serve = agents / handle

    def grown(wait: float) -> float:
        """Logarithm of the density of the wait that a caller of endless patience would have, but for a factor."""
        return -rate * patience * math.expm1(-wait / patience) - serve * wait

    likeliest = patience * math.log(rate / serve) if rate > serve else 0.0
    height = grown(likeliest)
    last = likeliest + handle / agents
    while grown(last) > height - _NOTHING:
        last += last - likeliest
    first = likeliest
    step = (last - likeliest) / 1024
    while first > 0 and grown(first) > height - _NOTHING:
        first -= step
    first = max(0.0, first)

    def density(wait: float) -> float:
        return math.exp(grown(wait) - height)

    free = math.exp(-height)
    busy = erlang_b(rate * handle, agents - 1)
    long = busy * _integral(density, first, last)
    whole = free + rate * long
    gave_up = (busy * free + (rate - serve) * long) / whole

    def answered_within(seconds: float) -> float:
        if seconds < 0:
            return 0.0
        answered = busy * _integral(lambda wait: math.exp(-wait / patience) * density(wait), first, min(seconds, last))
        return (free + rate * answered) / whole

    return SteadyState(
        mean_wait_seconds=gave_up * patience,
        gave_up=gave_up,
        occupancy=rate * handle * (1 - gave_up) / agents,
        answered_within=answered_within,
    )


def _integral(of: Callable[[float], float], start: float, end: float) -> float:
    """Simpson's rule; nothing where `end` is not after `start`."""
    if end <= start:
        return 0.0
    width = (end - start) / _PIECES
    inner = sum((4 if place % 2 else 2) * of(start + place * width) for place in range(1, _PIECES))
    return (of(start) + inner + of(end)) * width / 3
