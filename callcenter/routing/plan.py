"""The configuration as routing reads it: one object, replaced as a whole when an administrator changes it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from callcenter.configuration.model import (
    CallerRule,
    Configuration,
    Destination,
    Hours,
    Menu,
    Queue,
    ToMenu,
    ToQueue,
)
from callcenter.routing.model import Membership, Need, QueueEntry, QueueRule, Strategy
from callcenter.routing.rings import DEFAULT_CADENCE, Cadence

REPEATS_COUNTED = 3
"""More earlier calls than this raise a caller no further."""


@dataclass(frozen=True, slots=True)
class Person:
    """An agent as routing needs him: his places in queues, his skills and their levels."""

    memberships: tuple[Membership, ...]
    skills: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Plan:
    """What is set. `people`: agent -> his queues and skills."""

    configuration: Configuration
    people: Mapping[int, Person] = field(default_factory=dict)
    country_cadence: Cadence = DEFAULT_CADENCE

    @cached_property
    def queues(self) -> dict[str, Queue]:
        """Queue id -> queue, in their order."""
        return {queue.queue_id: queue for queue in self.configuration.queues}

    @cached_property
    def skills(self) -> frozenset[str]:
        """The ids of the skills that there are."""
        return frozenset(skill.skill_id for skill in self.configuration.skills)

    @cached_property
    def menus(self) -> dict[str, Menu]:
        """Menu id -> menu."""
        return {menu.menu_id: menu for menu in self.configuration.menus}

    @cached_property
    def hours(self) -> dict[str, Hours]:
        """Hours id -> hours."""
        return {hours.hours_id: hours for hours in self.configuration.hours}

    @cached_property
    def cadence(self) -> Cadence:
        """The ringing tone that counts: the one set, or the country's."""
        own = self.configuration.cadence
        return Cadence(own.tone_seconds, own.silence_seconds) if own else self.country_cadence

    @cached_property
    def rules(self) -> dict[str, QueueRule]:
        """How each queue chooses agents."""
        return {
            queue.queue_id: QueueRule(
                queue.queue_id,
                queue.strategy,
                queue.ring_at_once if queue.strategy is Strategy.RING_SEVERAL else 1,
            )
            for queue in self.configuration.queues
        }

    @property
    def priority_step_ms(self) -> int:
        """How much waiting one step of priority is worth."""
        return self.configuration.priority_step_seconds * 1000

    @cached_property
    def _called(self) -> dict[str, Destination]:
        called: dict[str, Destination] = {}
        for queue in self.configuration.queues:
            called |= {number: ToQueue(queue_id=queue.queue_id) for number in queue.numbers}
        for menu in self.configuration.menus:
            called |= {number: ToMenu(menu_id=menu.menu_id) for number in menu.numbers}
        return called

    def destination_of(self, called: str) -> Destination:
        """Where a called number leads; the first queue where it is nobody's. A trunk may put a prefix before it."""
        if exact := self._called.get(called):
            return exact
        for number, destination in self._called.items():
            if called.endswith(number):
                return destination
        return ToQueue(queue_id=self.first_queue)

    @property
    def first_queue(self) -> str:
        """Where calls go that belong nowhere else."""
        return self.configuration.queues[0].queue_id

    def queue_of(self, queue_id: str) -> Queue:
        """A queue; the first one for an id that is no longer there."""
        return self.queues.get(queue_id) or self.configuration.queues[0]

    def ring_seconds(self, rings: int) -> int:
        """How long so many rings last, in whole seconds."""
        return max(1, round(rings * self.cadence.period_seconds))

    def ring_starts_ms(self, ring: int) -> int:
        """How long after the first tone ring `ring` begins."""
        return round((ring - 1) * self.cadence.period_seconds * 1000)


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of a caller that routing looks at. `calls_in_day`: earlier calls of this number within a day."""

    kinds: frozenset[str] = frozenset()
    calls_in_day: int = 0
    owner_agent: int | None = None
    blocked: bool = False


def entry_for(plan: Plan, call_id: str, queue_id: str, since_ms: int, caller: Caller) -> QueueEntry:
    """How a caller stands in the line of a queue, or of the one that a rule for callers of his kind names."""
    rules = [rule for rule in plan.configuration.caller_rules if _concerns(rule, queue_id, caller)]
    chosen = next((rule.queue_id for rule in rules if rule.queue_id), queue_id)
    queue = plan.queue_of(chosen)
    repeats = min(caller.calls_in_day, REPEATS_COUNTED) * plan.configuration.repeat_priority
    priority = queue.priority + sum(rule.priority for rule in rules) + repeats
    return QueueEntry(
        call_id,
        queue.queue_id,
        since_ms,
        priority,
        needs_of(queue),
        (caller.owner_agent,) if queue.owner_rings and caller.owner_agent else (),
    )


def _concerns(rule: CallerRule, queue_id: str, caller: Caller) -> bool:
    return rule.kind in caller.kinds and (not rule.from_queues or queue_id in rule.from_queues)


def entry_to_json(entry: QueueEntry) -> dict[str, Any]:
    """As the live queue keeps it."""
    return {
        "queue": entry.queue_id,
        "since": entry.waiting_since_ms,
        "priority": entry.priority,
        "needs": [[need.skill_id, need.level, [list(step) for step in need.relaxes]] for need in entry.needs],
        "preferred": list(entry.preferred),
    }


def needs_of(queue: Queue) -> tuple[Need, ...]:
    """The skills that a queue asks for."""
    return tuple(
        Need(need.skill_id, need.level, tuple((one.after_seconds * 1000, one.level) for one in need.relax))
        for need in queue.needs
    )


def placed(plan: Plan, kept: Mapping[str, Any]) -> dict[str, str]:
    """A caller's place in line, as the fields of his call; `kept` is his entry as the live queue keeps it, which
    remembers beside what `entry_to_json` makes the part of his priority that is his queue's (`queue_priority`).
    """
    return {
        "queue": str(kept["queue"]),
        "waiting_since": str(kept["since"]),
        "order": str(kept["since"] - kept["priority"] * plan.priority_step_ms),
        "entry": orjson.dumps(kept).decode(),
    }


def queued_body(plan: Plan, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What the fact says that a caller stands in a line (Kind.QUEUED); `kept` is his entry."""
    queue = plan.queue_of(kept["queue"])
    return {
        "queue_id": queue.queue_id,
        "priority": kept["priority"],
        "needs": kept["needs"],
        "target_ring": queue.ring_target.last_ring,
        "response_seconds": queue.response_seconds,
    }


def entry_from_json(call_id: str, kept: Mapping[str, Any]) -> QueueEntry:
    """The same back."""
    return QueueEntry(
        call_id,
        str(kept["queue"]),
        kept["since"],
        kept["priority"],
        tuple(
            Need(skill, level, tuple((after, lower) for after, lower in relaxes))
            for skill, level, relaxes in kept["needs"]
        ),
        tuple(kept["preferred"]),
    )
