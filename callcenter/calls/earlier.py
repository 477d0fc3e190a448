"""What earlier calls tell of a caller, as a pure function of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from callcenter.clock import milliseconds

LOOKED_AT: Final = 50
"""So many of the newest calls of a number, and of its customers, are looked at."""
_TWO_MONTHS: Final = timedelta(days=62)
_MONTH: Final = timedelta(days=30)
_DAY: Final = timedelta(days=1)
_OPEN_STEPS: Final = frozenset({"callback", "transfer_department", "refer_up", "site_visit", "follow_up"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCall:
    """A call as far as it tells something of its caller. `agent_disabled` is None where there is no agent; the `notes`
    of older calls are not read.
    """

    call_id: str
    arrived_at: datetime
    answered_at: datetime | None
    status: str
    caller_number: str | None
    call_type: str | None
    next_step: str | None
    agent_id: int | None
    agent_name: str | None
    agent_disabled: bool | None
    notes: str | None


@dataclass(frozen=True, slots=True)
class OfNumber:
    """What is known of a number: its open task to ring back, whether any customer has it, its newest calls."""

    ring_back_id: int | None
    has_customers: bool
    calls: Sequence[EarlierCall]


def told_by(
    number: str, of_number: Iterable[EarlierCall], of_customers: Iterable[EarlierCall], now: datetime, shown: int
) -> dict[str, Any]:
    """What the newest calls of a number and of its customers tell: `recent_calls` (newest first, `shown` at the most),
    the number's `calls_in_day`, whether anything is open (`open_case`) or was a `complaint` within 30 days, and the
    first agent who spoke with them within two months and still works here (`owner_agent`; OWN-01, OWN-02).
    """
    calls: dict[str, EarlierCall] = {}
    for call in (*of_number, *of_customers):
        known = calls.get(call.call_id)
        if known is None or known.notes is None:
            calls[call.call_id] = call
    newest = sorted(calls.values(), key=lambda call: call.arrived_at, reverse=True)
    recent = [call for call in newest if call.arrived_at > now - _TWO_MONTHS]
    month = [call for call in recent if call.arrived_at > now - _MONTH]
    owners = [call.agent_id for call in recent if call.answered_at is not None and call.agent_disabled is False]
    return {
        "calls_in_day": sum(call.caller_number == number and call.arrived_at > now - _DAY for call in recent),
        "open_case": any(call.next_step in _OPEN_STEPS for call in month),
        "complaint": any(call.call_type == "complaint" for call in month),
        "owner_agent": owners[-1] if owners else None,
        "recent_calls": [_shown(call) for call in newest[:shown]],
    }


def _shown(call: EarlierCall) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "arrived_at": milliseconds(call.arrived_at),
        "status": call.status,
        "agent_name": call.agent_name,
        "call_type": call.call_type,
        "notes": call.notes,
    }
