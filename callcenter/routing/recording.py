"""When a talk is recorded, by its queue's rule and what its agent has said. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from callcenter.configuration.model import RecordingRule
from callcenter.routing.script import RecordingStart

ON: Final = "on"
PAUSED: Final = "paused"
"""What the call's field `recording` may be; empty: nothing is recorded."""


def start_of(rule: RecordingRule, fields: Mapping[str, str]) -> RecordingStart:
    """How the talk that is going to be dialled begins. `fields`: the call's.

    An agent who comes back to the same caller goes on as it was; for another agent the queue's rule holds afresh.
    """
    if rule == "never":
        return "never"
    if fields.get("reconnecting") == "1":
        return "now" if fields.get("recording") == ON else "later"
    return "now" if rule == "always" else "later"


def dialled(start: RecordingStart) -> dict[str, str]:
    """What the call remembers of how its talk begins."""
    return {"recording_start": start}


def answered(fields: Mapping[str, str], at_ms: int) -> dict[str, str]:
    """What the call's fields become when an agent has answered."""
    start = fields.get("recording_start", "never")
    if start == "never":
        return {"recording": ""} if fields.get("recording") else {}
    still_paused = fields.get("reconnecting") == "1" and fields.get("recording") == PAUSED
    state = ON if start == "now" else PAUSED if still_paused else ""
    since = fields.get("recording_since", "") if still_paused else str(at_ms)
    return {"recording": state, "recording_since": since, "noticed": "1"}


def is_begun(fields: Mapping[str, str]) -> bool:
    """Whether the answer begins a recording."""
    return fields.get("recording_start") == "now"


def document(rule: RecordingRule, fields: Mapping[str, str]) -> dict[str, Any] | None:
    """What an agent is shown of it; None: this call is never recorded."""
    if rule == "never":
        return None
    since = fields.get("recording_since")
    return {"rule": rule, "state": fields.get("recording") or "off", "since": int(since) if since else None}
