"""What happens to a caller while he is in line: when he is answered and hears the apology, when he is told his place,
when an overflow takes him away. Pure: a function of what his call has had so far and of the queue's settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.configuration.model import Destination, Queue
from callcenter.routing.plan import Plan


class Act(StrEnum):
    """What is due."""

    GREET = "greet"
    APOLOGISE = "apologise"
    ANNOUNCE = "announce"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a caller in line has had so far. Times are ms since the epoch; None: not yet."""

    arrived_at: int
    queued_at: int
    """When he came into this queue."""
    answered: bool
    greeted: bool
    apologised_at: int | None
    announced_at: int | None
    overflows: int
    """How many of this queue's overflows he has been through."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is next, and when (ms). `destination`: where an overflow leads."""

    act: Act
    at_ms: int
    destination: Destination | None = None


def next_due(caller: Waiting, queue: Queue, plan: Plan) -> Due | None:
    """The next thing that waiting alone brings; None when there is nothing more."""
    dues = [due for due in (_voice(caller, queue, plan), _overflow(caller, queue, plan)) if due]
    return min(dues, key=lambda due: (due.at_ms, due.act is not Act.OVERFLOW), default=None)


def _voice(caller: Waiting, queue: Queue, plan: Plan) -> Due | None:
    if queue.greet_first and not caller.greeted:
        return Due(Act.GREET, caller.queued_at)
    if caller.apologised_at is None:
        return Due(Act.APOLOGISE, caller.arrived_at + plan.ring_starts_ms(queue.apology_ring))
    told = queue.announcements
    if not (told.position or told.expected_wait or queue.callback.key):
        return None
    if caller.announced_at is None:
        return Due(Act.ANNOUNCE, caller.apologised_at + told.first_after_seconds * 1000)
    return Due(Act.ANNOUNCE, caller.announced_at + told.every_seconds * 1000)


def _overflow(caller: Waiting, queue: Queue, plan: Plan) -> Due | None:
    if caller.overflows >= len(queue.overflow):
        return None
    rule = queue.overflow[caller.overflows]
    if rule.after_rings is not None:
        after_ms = plan.ring_starts_ms(rule.after_rings + 1)
    else:
        after_ms = (rule.after_seconds or 0) * 1000
    # The wait in an earlier queue counts for the caller's place, not against the queue that he came into since.
    return Due(Act.OVERFLOW, caller.queued_at + after_ms, rule.to)


def expected_wait_seconds(place: int, answers_ms: Sequence[int]) -> float | None:
    """How long the caller at `place` (from 1) may wait, from how fast the line has moved; None: nobody can say.

    `answers_ms`: when the last callers were answered, newest first.
    """
    if len(answers_ms) < 3:
        return None
    pace_ms = (answers_ms[0] - answers_ms[-1]) / (len(answers_ms) - 1)
    return max(0.0, place * pace_ms / 1000)


def in_time(rings: int, queue: Queue) -> bool:
    """Whether a caller who heard so many rings was answered within the queue's target."""
    return rings <= queue.ring_target.last_ring


def offer_seconds(queue: Queue, plan: Plan, *, owner: bool) -> int:
    """How long an offer rings an agent's phone; the customer's owner is tried for rings of his own number."""
    rings = queue.owner_rings or queue.offer_rings if owner else queue.offer_rings
    return plan.ring_seconds(rings)
