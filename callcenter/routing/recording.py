"""When a talk is recorded, by its queue's rule and what its agent has said. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from callcenter.configuration.model import RecordingRule
from callcenter.events import CallEvent, Kind, event
from callcenter.routing.script import RecordingStart, WhyNotRecorded

ON: Final = "on"
PAUSED: Final = "paused"
"""What the call's field `recording` may be; empty: nothing is recorded."""
APART: Final = "recording_apart"
"""The call's field that says that it is recorded as soon as the caller, who is kept, is joined with an agent."""


FAILED: Final = "recording_failed"
"""The call's field that says why its talk could not be recorded; empty: nothing stands against it."""


def start_of(rule: RecordingRule, fields: Mapping[str, str]) -> RecordingStart:
    """How the talk that is going to be dialled begins. `fields`: the call's.

    An agent who comes back to the same caller goes on as it was; for another agent the queue's rule holds afresh, and
    so it does where it could not be kept.
    """
    if rule == "never":
        return "never"
    if fields.get("reconnecting") == "1":
        failed = rule == "always" and fields.get(FAILED) and not fields.get("recording")
        return "now" if failed or fields.get("recording") == ON else "later"
    return "now" if rule == "always" else "later"


def dialled(
    start: RecordingStart, fields: Mapping[str, str], *, told: bool, failed: WhyNotRecorded | None = None
) -> dict[str, str]:
    """What the call remembers of how its talk begins, and whether the caller is told of it at the answer. `fields`: the
    call's. Why it could not be recorded stays for an agent who comes back, unless it is tried again.
    """
    begins = {"recording_start": "" if start == "never" else start, "recording_told": "1" if told else ""}
    same = fields.get("reconnecting") == "1" and start == "later" and not told
    return begins | {FAILED: failed or (fields.get(FAILED, "") if same else "")}


def not_recorded(fields: Mapping[str, str], why: WhyNotRecorded, at_ms: int) -> dict[str, str]:
    """What the call's fields become when its node tells that it could not record: before the answer, or after it."""
    told: dict[str, str] = {FAILED: why}
    if fields.get("recording_start") == "now":
        told["recording_start"] = "later"
    if fields.get("recording"):
        told |= {"recording": "", "recording_since": str(at_ms)}
    return told | ({"recording_told": "", "noticed": ""} if why == "notice" else {})


def failed_fact(call_id: str, offer_id: str, why: WhyNotRecorded, at_ms: int) -> CallEvent:
    """That a talk which should have been recorded was not."""
    return event(call_id, Kind.RECORDING_FAILED, at_ms, about=offer_id, why=why)


def answered(fields: Mapping[str, str], at_ms: int) -> dict[str, str]:
    """What the call's fields become when an agent has answered."""
    start = fields.get("recording_start") or "never"
    if start == "never":
        return {"recording": "", APART: ""} if fields.get("recording") or fields.get(APART) else {}
    still_paused = fields.get("reconnecting") == "1" and fields.get("recording") == PAUSED
    state = ON if start == "now" else PAUSED if still_paused else ""
    since = fields.get("recording_since", "") if still_paused else str(at_ms)
    over = {APART: ""} if fields.get(APART) else {}
    noticed = {"noticed": "1"} if fields.get("recording_told") or fields.get("noticed") else {}
    return {"recording": state, "recording_since": since} | noticed | over


def apart(fields: Mapping[str, str], at_ms: int) -> dict[str, str]:
    """What the call's fields become when his agent leaves the caller to consult somebody: what those two say is not
    recorded. What was being recorded goes on when the caller is joined with his agent again.
    """
    if fields.get("recording") != ON:
        return {APART: ""}
    return {"recording": PAUSED, "recording_since": str(at_ms), APART: "1"}


def given_on(rule: RecordingRule, fields: Mapping[str, str]) -> dict[str, str]:
    """What they become when the one who was consulted is to have the caller: the queue's rule holds afresh."""
    begins = rule == "always" and is_told(fields)
    return {"recording": "", "recording_since": "", APART: "1" if begins else ""}


def start_of_joined(rule: RecordingRule, fields: Mapping[str, str]) -> RecordingStart:
    """How the talk goes on in which a caller who was kept is joined with an agent."""
    if rule == "never" or not is_told(fields):
        return "never"
    return "now" if fields.get(APART) or fields.get("recording") == ON else "later"


def is_told(fields: Mapping[str, str]) -> bool:
    """Whether the caller was told that he may be recorded; one who talks can't be told any more."""
    return fields.get("noticed") == "1"


def is_begun(fields: Mapping[str, str]) -> bool:
    """Whether the answer begins a recording."""
    return fields.get("recording_start") == "now"


def document(rule: RecordingRule, fields: Mapping[str, str]) -> dict[str, Any] | None:
    """What an agent is shown of it; None: this call is never recorded."""
    if rule == "never":
        return None
    since, state = fields.get("recording_since"), fields.get("recording") or "off"
    failed = (fields.get(FAILED) or None) if state == "off" else None
    return {"rule": rule, "state": state, "since": int(since) if since else None, "failed": failed}
