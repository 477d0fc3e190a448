"""A call's row as a pure function of its facts: whatever their order of arrival, the same facts make the same row.

Pure: no I/O, no clock. Witnesses are believed in this order: the scripts and Asterisk's events, then Asterisk's
own CDR (`ledger`), then the reconciler's guess (`lost`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from callcenter.events import CallEvent, Kind
from callcenter.routing.model import MissReason
from callcenter.routing.rings import DEFAULT_CADENCE, Cadence, rings_in


class CallStatus(StrEnum):
    """What became of a call."""

    MENU = "menu"
    WAITING = "waiting"
    OFFERED = "offered"
    TALKING = "talking"
    CALLBACK = "callback"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    MESSAGE = "message"
    PASSED_ON = "passed_on"
    BLOCKED = "blocked"
    CLOSED = "closed"
    FAILED = "failed"


class HungUpBy(StrEnum):
    """Who ended a call first (TEL-18: the caller should)."""

    CALLER = "caller"
    AGENT = "agent"
    SYSTEM = "system"


class AbandonedIn(StrEnum):
    """Where a caller was who gave up: in a menu, in line, or while an agent's phone rang."""

    MENU = "menu"
    QUEUE = "queue"
    RINGING = "ringing"


class NextStep(StrEnum):
    """What follows a call (TEL-25, TEL-28, TEL-29, TEL-36, CAT-15)."""

    NONE = "none"
    CALLBACK = "callback"
    TRANSFER_DEPARTMENT = "transfer_department"
    REFER_UP = "refer_up"
    SITE_VISIT = "site_visit"
    FOLLOW_UP = "follow_up"


LIVE = frozenset({CallStatus.MENU, CallStatus.WAITING, CallStatus.OFFERED, CallStatus.TALKING, CallStatus.CALLBACK})
_AFTER_THE_END = frozenset({Kind.ENDED, Kind.LEDGER, Kind.WRAPPED_UP, Kind.OUTCOME, Kind.MESSAGE, Kind.IDENTIFIED})
_ORDER = {kind: position for position, kind in enumerate(Kind)}


def started_at(call_id: str) -> datetime:
    """The second in which Asterisk made the call's channel, read from the call id (`node1-1763780000.12`).

    The facts of one call are filed under it, so that a fact has one place however often it is told.

    Raises:
        ValueError: not a call id of ours.
    """
    return datetime.fromtimestamp(int(call_id.rpartition("-")[2].partition(".")[0]), tz=UTC)


def is_call_id(text: str) -> bool:
    """Whether `text` could be a call id: a node's name, a second, a counter."""
    node, dash, rest = text.rpartition("-")
    second, dot, counter = rest.partition(".")
    plain = node.isascii() and node.replace("-", "").isalnum() and len(text) <= 64
    return bool(dash and dot) and plain and all(n.isascii() and n.isdigit() and len(n) <= 10 for n in (second, counter))


@dataclass(slots=True)
class CallRecord:
    """One row of `calls`. Times are milliseconds since the epoch; durations seconds.

    `waiting_seconds` is what the caller waited, from his arrival to an agent's answer or his leaving; `rings` is the
    same wait in rings of the country's cadence. `ringing_seconds` and `agent_rings` count the agents' phones.
    `talking_seconds` leaves the time on hold out. A caller who keeps his place without a line heard rings until
    `left_at`, and waits on. `target_ring` is the last ring in which an answer was in time, `response_seconds` the
    second target, as they were set when the caller came into the line that he was in last. What came of it is told by
    `call_type` to `outcome_complete`: `form_fields` are as the version `form_version` of the type's form asks for them,
    `read_back` what was read back to the caller (TEL-17), `outcome_complete` is false where no form was known.
    """

    call_id: str
    node: str = ""
    queue_id: str | None = None
    called_number: str | None = None
    caller_number: str | None = None
    caller_name: str | None = None
    place: dict[str, str] | None = None
    carrier: dict[str, str] | None = None
    customer_id: int | None = None
    agent_id: int | None = None
    status: CallStatus = CallStatus.WAITING
    arrived_at: int = 0
    queued_at: int | None = None
    offered_at: int | None = None
    ringing_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    outcome_at: int | None = None
    rings: int = 0
    agent_rings: int = 0
    waiting_seconds: float = 0.0
    ringing_seconds: float = 0.0
    talking_seconds: float = 0.0
    holding_seconds: float = 0.0
    wrapup_seconds: float = 0.0
    offers: int = 0
    hung_up_by: HungUpBy | None = None
    hangup_cause: int | None = None
    through: str = "service"
    call_type: str | None = None
    notes: str | None = None
    next_step: str | None = None
    outcome_by: int | None = None
    sub_type: str | None = None
    form_version: int | None = None
    form_fields: dict[str, Any] | None = None
    read_back: list[str] | None = None
    read_back_at: int | None = None
    outcome_complete: bool | None = None
    menu_keys: str = ""
    priority: int = 0
    callback_number: str | None = None
    callback_at: int | None = None
    callback_attempts: int = 0
    left_at: int | None = None
    abandoned_in: AbandonedIn | None = None
    passed_on_to: str | None = None
    target_ring: int | None = None
    response_seconds: int | None = None


@dataclass(slots=True)
class _Spells:
    """Adds up stretches of time that open and close."""

    total_ms: int = 0
    open_since: int | None = None

    def open(self, at_ms: int) -> None:
        if self.open_since is None:
            self.open_since = at_ms

    def close(self, at_ms: int) -> None:
        if self.open_since is not None:
            self.total_ms += max(0, at_ms - self.open_since)
            self.open_since = None


@dataclass(slots=True)
class _Fold:
    record: CallRecord
    ringing: _Spells = field(default_factory=_Spells)
    talking: _Spells = field(default_factory=_Spells)
    holding: _Spells = field(default_factory=_Spells)
    ended_by_witness: bool = False
    wrapped_up_at: int | None = None
    blocked: bool = False
    left_message: bool = False
    was_passed_on: bool = False
    """Somebody answered at the number to which an overflow led."""
    answered_by: int | None = None
    """The agent who answered last; a later offer that came to nothing does not take the talk from him."""
    talked: set[int] = field(default_factory=set)
    """Every agent who has talked with him."""

    def take(self, fact: CallEvent) -> None:
        """Fold one fact in; an ended call changes no more but by what belongs after its end."""
        if self.record.ended_at is not None and fact.kind not in _AFTER_THE_END:
            return
        getattr(self, f"_{fact.kind.value}")(fact.at_ms, fact.body)

    def _arrived(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        record.arrived_at = at
        record.node = body.get("node", "")
        record.called_number = body.get("called")
        record.caller_number = body.get("caller_number")
        record.caller_name = body.get("caller_name")

    def _identified(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        record.customer_id = body.get("customer_id")
        record.place = body.get("place")
        record.carrier = body.get("carrier")

    def _key(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        record.menu_keys = (record.menu_keys + str(body.get("key", "")))[:40]
        if record.queued_at is None:
            record.status = CallStatus.MENU

    def _blocked(self, at: int, body: Mapping[str, Any]) -> None:
        self.blocked = True

    def _passed_on(self, at: int, body: Mapping[str, Any]) -> None:
        self.record.passed_on_to = body.get("to")

    def _callback_asked(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        record.callback_number, record.callback_at = body.get("number"), at
        record.queue_id = body.get("queue_id") or record.queue_id
        if record.queued_at is None:
            record.queued_at = at
        record.status = CallStatus.CALLBACK

    def _line_over(self, at: int, body: Mapping[str, Any]) -> None:
        self.record.left_at = at

    def _calling(self, at: int, body: Mapping[str, Any]) -> None:
        self.ringing.close(at)
        self.record.callback_attempts = body.get("attempt") or self.record.callback_attempts + 1

    def _called_in_vain(self, at: int, body: Mapping[str, Any]) -> None:
        self._back_in_line(at)
        self.record.agent_id = self.answered_by

    def _queued(self, at: int, body: Mapping[str, Any]) -> None:
        self.record.queue_id = body.get("queue_id")
        self.record.priority = body.get("priority", self.record.priority)
        self.record.target_ring = body.get("target_ring", self.record.target_ring)
        self.record.response_seconds = body.get("response_seconds", self.record.response_seconds)
        if self.record.queued_at is None:
            self.record.queued_at = at
        self._back_in_line(at)

    def _music(self, at: int, body: Mapping[str, Any]) -> None:
        pass

    _apology = _music
    _recording_begun = _recording_paused = _recording_resumed = _recording_stopped = _recording_failed = _music

    def _offered(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        record.offers += 1
        record.agent_id = body.get("agent_id")
        record.offered_at = at
        record.ringing_at = None
        record.status = CallStatus.OFFERED

    def _ringing(self, at: int, body: Mapping[str, Any]) -> None:
        if body.get("consult"):  # somebody whom his agent asks
            return
        self.record.ringing_at = at
        self.ringing.open(at)

    def _missed(self, at: int, body: Mapping[str, Any]) -> None:
        if body.get("reason") == MissReason.OTHER_ANSWERED or body.get("consult"):
            return
        self._back_in_line(at)
        self.record.agent_id = self.answered_by

    def _back_in_line(self, at: int) -> None:
        self.ringing.close(at)
        self.holding.close(at)
        self.talking.close(at)
        self.record.status = CallStatus.WAITING if self.record.callback_at is None else CallStatus.CALLBACK

    def _answered(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        if body.get("agent_id") is not None:
            record.agent_id = self.answered_by = body["agent_id"]
            self.talked.add(body["agent_id"])
        if record.answered_at is None:
            record.answered_at = at
        self.ringing.close(at)
        self.talking.open(at)
        record.status = CallStatus.TALKING

    def _held(self, at: int, body: Mapping[str, Any]) -> None:
        self.talking.close(at)
        self.holding.open(at)

    def _resumed(self, at: int, body: Mapping[str, Any]) -> None:
        self.holding.close(at)
        self.talking.open(at)

    def _reconnecting(self, at: int, body: Mapping[str, Any]) -> None:
        self._back_in_line(at)
        self.record.status = CallStatus.OFFERED

    def _transferred(self, at: int, body: Mapping[str, Any]) -> None:
        """His agent has given him on."""
        self._back_in_line(at)
        if body.get("to_kind") == "number":
            self.record.status = CallStatus.PASSED_ON

    def _consulting(self, at: int, body: Mapping[str, Any]) -> None:
        """His agent speaks with somebody else meanwhile; he is on hold."""
        self._held(at, body)

    def _consult_answered(self, at: int, body: Mapping[str, Any]) -> None:
        pass

    def _consult_over(self, at: int, body: Mapping[str, Any]) -> None:
        """He speaks with his agent again."""
        self._resumed(at, body)

    def _taken_over(self, at: int, body: Mapping[str, Any]) -> None:
        """A supervisor has taken him from whoever was offered to him, or talked with him."""
        self._back_in_line(at)
        self.record.agent_id = body.get("agent_id")
        self.record.status = CallStatus.OFFERED

    def _message(self, at: int, body: Mapping[str, Any]) -> None:
        """It is handed in when it has been recorded, which may be after the call's end."""
        self.left_message = True
        if self.record.status in {CallStatus.ABANDONED, CallStatus.FAILED}:
            self.record.status = CallStatus.MESSAGE

    def _lost(self, at: int, body: Mapping[str, Any]) -> None:
        self._end(at, HungUpBy.SYSTEM, None)

    def _ended(self, at: int, body: Mapping[str, Any]) -> None:
        self.ended_by_witness = True
        self.was_passed_on = bool(body.get("passed_on"))
        if body.get("fallback"):
            self.record.through = "fallback"
        by = HungUpBy(body.get("hung_up_by") or HungUpBy.CALLER)
        self._end(at, by, body.get("cause"))
        record = self.record
        if body.get("where") == "cancelled":
            record.status = CallStatus.CLOSED
        if record.status is CallStatus.ABANDONED:
            self.record.abandoned_in = AbandonedIn(body.get("where") or AbandonedIn.QUEUE)

    def _ledger(self, at: int, body: Mapping[str, Any]) -> None:
        """Asterisk's own CDR: it fills what no other witness told."""
        record = self.record
        if not record.arrived_at and body.get("started_at_ms"):
            record.arrived_at = body["started_at_ms"]
            record.node = body.get("node", "")
            record.called_number = body.get("called")
            record.caller_number = body.get("caller_number")
        if body.get("fallback"):
            record.through = "fallback"
        if body.get("queue_id") and record.queue_id is None:
            record.queue_id = body["queue_id"]
        told_answer = record.answered_at is None and body.get("answered_at_ms")
        if told_answer:  # whose phone it was is not known of one at another node
            record.answered_at = body["answered_at_ms"]
            record.agent_id = body.get("agent_id") or record.agent_id
            self.talking.open(body["answered_at_ms"])
        only_his_line = record.callback_at is not None  # who kept his place hung up long before his call was over
        if told_answer or not (self.ended_by_witness or only_his_line):
            by = record.hung_up_by if self.ended_by_witness else body.get("hung_up_by")
            if by is None and record.answered_at is not None and body.get("last_app") == "Hangup":
                by = HungUpBy.AGENT  # dialplans/ hang up on an answered caller only after his agent has
            self._end(
                (self.ended_by_witness and record.ended_at) or at,
                HungUpBy(by or HungUpBy.CALLER),
                record.hangup_cause,
            )

    def _end(self, at: int, by: HungUpBy, cause: int | None) -> None:
        record = self.record
        record.ended_at = at
        record.hung_up_by = by
        record.hangup_cause = cause
        self.ringing.close(at)
        self.talking.close(at)
        self.holding.close(at)
        if record.answered_at is not None:
            record.status = CallStatus.ANSWERED
            record.agent_id = self.answered_by if self.answered_by is not None else record.agent_id
        else:
            record.status = self._unanswered(by)
            record.agent_id = None

    def _unanswered(self, by: HungUpBy) -> CallStatus:
        if self.blocked:
            return CallStatus.BLOCKED
        if self.was_passed_on:
            return CallStatus.PASSED_ON
        if self.left_message:
            return CallStatus.MESSAGE
        return CallStatus.ABANDONED if by is HungUpBy.CALLER else CallStatus.FAILED

    def _wrapped_up(self, at: int, body: Mapping[str, Any]) -> None:
        self.wrapped_up_at = at

    def _outcome(self, at: int, body: Mapping[str, Any]) -> None:
        record = self.record
        if record.outcome_by == self.answered_by != body.get("by") in self.talked:
            return  # who gave the caller on does not write over the one who had him last
        record.outcome_at = at
        record.outcome_by = body.get("by")
        record.call_type = body.get("call_type")
        record.notes = body.get("notes")
        record.next_step = body.get("next_step")
        record.sub_type = body.get("sub_type")
        record.form_version = body.get("form_version")
        record.form_fields = body.get("fields")
        record.read_back = body.get("read_back")
        record.read_back_at = body.get("read_back_at")
        record.outcome_complete = body.get("complete")
        if body.get("customer_id") is not None:
            record.customer_id = body["customer_id"]


def in_order(events: Iterable[CallEvent]) -> list[CallEvent]:
    """As they happened; the ledger and the reconciler speak after everybody else has."""
    late = {Kind.LOST: 1, Kind.LEDGER: 2}
    return sorted(events, key=lambda fact: (late.get(fact.kind, 0), fact.at_ms, _ORDER[fact.kind], fact.event_id))


def fold(call_id: str, events: Iterable[CallEvent], cadence: Cadence = DEFAULT_CADENCE) -> CallRecord:
    """The row that these facts make. Each fact may come twice; their order does not matter."""
    facts = in_order({fact.event_id: fact for fact in events}.values())
    state = _Fold(CallRecord(call_id))
    record = state.record
    if any(fact.kind is Kind.ENDED for fact in facts):
        facts = [fact for fact in facts if fact.kind is not Kind.LOST]
    for fact in facts:
        state.take(fact)
    if not record.arrived_at:
        record.arrived_at = int(started_at(call_id).timestamp() * 1000)
    record.node = record.node or call_id.rpartition("-")[0]

    end_of_wait = record.answered_at or record.ended_at
    if end_of_wait is not None:
        record.waiting_seconds = max(0, end_of_wait - record.arrived_at) / 1000
        heard_until = record.left_at or end_of_wait
        record.rings = rings_in(max(0, heard_until - record.arrived_at) / 1000, cadence)
    record.ringing_seconds = state.ringing.total_ms / 1000
    record.agent_rings = rings_in(record.ringing_seconds, cadence) if record.ringing_at else 0
    record.talking_seconds = state.talking.total_ms / 1000
    record.holding_seconds = state.holding.total_ms / 1000
    if state.wrapped_up_at is not None and record.ended_at is not None:
        record.wrapup_seconds = max(0, state.wrapped_up_at - record.ended_at) / 1000
    return record
