"""What happened to a call, as facts that are written once and never changed.

A fact is appended to the Redis stream `STREAM` in the same atomic step that changes the live state,
and travels from there to PostgreSQL (`callcenter.calls.writer`). Its id is made from what it is about,
never from chance, so that a fact told twice (by a retry, or by two witnesses) is one fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

STREAM = "cc:events"
AGENT_STREAM = "cc:agent_events"
"""Changes of agents' states; written by the same steps, and kept in `agent_events`."""
WRITTEN_CHANNEL = "cc:written"
"""Where it is told what stands in PostgreSQL now: JSON {"arrived": [when these calls arrived, ms], "agents": [id]}."""


class Kind(StrEnum):
    """The kinds of fact, in the order in which a call meets them."""

    ARRIVED = "arrived"
    IDENTIFIED = "identified"
    KEY = "key"
    QUEUED = "queued"
    MUSIC = "music"
    APOLOGY = "apology"
    PASSED_ON = "passed_on"
    CALLBACK_ASKED = "callback_asked"
    LINE_OVER = "line_over"
    TRANSFERRED = "transferred"
    OFFERED = "offered"
    RINGING = "ringing"
    MISSED = "missed"
    ANSWERED = "answered"
    HELD = "held"
    RESUMED = "resumed"
    RECORDING_BEGUN = "recording_begun"
    RECORDING_PAUSED = "recording_paused"
    RECORDING_RESUMED = "recording_resumed"
    RECORDING_STOPPED = "recording_stopped"
    RECORDING_FAILED = "recording_failed"
    RECONNECTING = "reconnecting"
    TAKEN_OVER = "taken_over"
    CONSULTING = "consulting"
    CONSULT_ANSWERED = "consult_answered"
    CONSULT_OVER = "consult_over"
    CALLING = "calling"
    CALLED_IN_VAIN = "called_in_vain"
    BLOCKED = "blocked"
    MESSAGE = "message"
    LOST = "lost"
    ENDED = "ended"
    LEDGER = "ledger"
    WRAPPED_UP = "wrapped_up"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One fact of one call.

    `at_ms` is Asterisk's own time where Asterisk witnessed the fact, else the service's.
    """

    event_id: str
    call_id: str
    kind: Kind
    at_ms: int
    body: Mapping[str, Any] = field(default_factory=dict)

    def to_stream(self) -> dict[str, str]:
        """The fields of its stream entry."""
        return {
            "id": self.event_id,
            "call": self.call_id,
            "kind": self.kind.value,
            "at": str(self.at_ms),
            "body": orjson.dumps(self.body).decode(),
        }

    @classmethod
    def from_stream(cls, fields: Mapping[str, str]) -> "CallEvent":
        """Read a stream entry. Raises KeyError or ValueError on one that is not ours."""
        return cls(
            event_id=fields["id"],
            call_id=fields["call"],
            kind=Kind(fields["kind"]),
            at_ms=int(fields["at"]),
            body=orjson.loads(fields["body"]),
        )


def event(call_id: str, kind: Kind, at_ms: int, *, about: str = "", **body: Any) -> CallEvent:
    """A fact that can happen once for `about` (an offer's id; by default the call itself)."""
    return CallEvent(f"{about or call_id}/{kind.value}", call_id, kind, at_ms, body)


def event_at(call_id: str, kind: Kind, at_ms: int, *, about: str = "", **body: Any) -> CallEvent:
    """A fact that can happen many times: its moment is part of its id."""
    return CallEvent(f"{about or call_id}/{kind.value}/{at_ms}", call_id, kind, at_ms, body)
