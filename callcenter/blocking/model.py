"""Callers who are not let through, with the reason and until when. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BlockedCaller:
    """A number whose calls are refused; `number` is its key (`callcenter.customers.model`).

    `blocked_until` None: until somebody lifts it. `created_by` is the name of who did it, None when he is gone.
    """

    number: str
    reason: str
    blocked_until: datetime | None
    created_at: datetime
    created_by: str | None

    def holds_at(self, at: datetime) -> bool:
        """Whether the number is refused at this moment."""
        return holds(self.blocked_until, at)


def holds(blocked_until: datetime | None, at: datetime) -> bool:
    """Whether a block until then (None: until somebody lifts it) refuses a number at this moment."""
    return blocked_until is None or at < blocked_until
