"""The only source of the present moment, so that tests and the simulator can bring their own."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The present moment in milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def milliseconds(at: datetime) -> int:
    """An aware time in milliseconds since 1970-01-01 UTC: `moment`, back."""
    return round(at.timestamp() * 1000)


def moment(at_ms: int) -> datetime:
    """The aware UTC time of `at_ms` (milliseconds since 1970-01-01 UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
