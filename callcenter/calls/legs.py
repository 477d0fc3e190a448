"""Each agent's part in a call, as a pure function of the call's facts: who was rung when, who talked how long.

`calls.agent_id` is the agent who spoke with the caller last; what each of several agents did is counted here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from callcenter.calls.model import in_order
from callcenter.events import CallEvent, Kind


class LegEnd(StrEnum):
    """How an agent's part ended."""

    MISSED = "missed"
    TRANSFERRED = "transferred"
    CONSULTED = "consulted"
    TAKEN_AWAY = "taken_away"
    ENDED = "ended"


@dataclass(slots=True)
class LegRecord:
    """One row of `call_legs`. Times are milliseconds since the epoch; durations seconds. `consulting_seconds`: he spoke
    with a colleague about the caller, who was on hold.
    """

    call_id: str
    agent_id: int
    offer_id: str
    offered_at: int | None = None
    rang_at: int | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    talking_seconds: float = 0.0
    holding_seconds: float = 0.0
    consulting_seconds: float = 0.0
    ended_as: LegEnd | None = None


class _Legs:
    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.legs: list[LegRecord] = []
        self.talker: LegRecord | None = None
        self.asked: LegRecord | None = None
        self._since: int = 0
        self._spell = ""

    def open_leg(self, agent_id: int) -> LegRecord | None:
        """His part that has not ended."""
        return next((one for one in reversed(self.legs) if one.agent_id == agent_id and one.ended_at is None), None)

    def add(self, agent_id: int, offer_id: str, at: int) -> LegRecord:
        leg = LegRecord(self.call_id, agent_id, offer_id, offered_at=at)
        self.legs.append(leg)
        return leg

    def spell(self, kind: str, at: int) -> None:
        """What the talking agent does from now on: talking, holding, consulting, or nothing."""
        if self.talker is not None and self._spell:
            seconds = max(0, at - self._since) / 1000
            name = f"{self._spell}_seconds"
            setattr(self.talker, name, getattr(self.talker, name) + seconds)
        self._spell, self._since = kind, at

    def end(self, leg: LegRecord | None, at: int, how: LegEnd) -> None:
        if leg is None or leg.ended_at is not None:
            return
        if leg is self.talker:
            self.spell("", at)
            self.talker = None
        leg.ended_at, leg.ended_as = at, how

    def leave(self, at: int, how: LegEnd) -> None:
        """The caller has left whoever he talked with."""
        self.end_asked(at)
        self.end(self.talker, at, how)

    def end_asked(self, at: int) -> None:
        if self.asked is not None and self.asked.answered_at is not None:
            self.asked.consulting_seconds += max(0, at - self.asked.answered_at) / 1000
        self.end(self.asked, at, LegEnd.CONSULTED)
        self.asked = None


def legs_of(call_id: str, events: Iterable[CallEvent]) -> list[LegRecord]:
    """The parts of all agents in this call, in the order in which they began. Each fact may come twice."""
    legs = _Legs(call_id)
    for fact in in_order({fact.event_id: fact for fact in events}.values()):
        _take(legs, fact)
    return legs.legs


def _take(legs: _Legs, fact: CallEvent) -> None:  # noqa: C901, PLR0912 - one case a kind of fact
    at, agent_id = fact.at_ms, fact.body.get("agent_id")
    match fact.kind:
        case Kind.OFFERED if agent_id is not None:
            legs.add(agent_id, fact.event_id.removesuffix(f"/{agent_id}/{Kind.OFFERED.value}"), at)
        case Kind.RINGING if agent_id is not None:
            leg = legs.open_leg(agent_id) or legs.add(agent_id, _offer(fact, agent_id), at)
            leg.rang_at = leg.rang_at or at
        case Kind.MISSED if agent_id is not None:
            legs.end(legs.open_leg(agent_id), at, LegEnd.MISSED)
        case Kind.CONSULTING:
            legs.spell("consulting", at)
        case Kind.CONSULT_ANSWERED if agent_id is not None:
            leg = legs.open_leg(agent_id) or legs.add(agent_id, _offer(fact, agent_id), at)
            leg.answered_at, legs.asked = at, leg
        case Kind.CONSULT_OVER:
            legs.end_asked(at)
            legs.spell("talking", at)
        case Kind.TRANSFERRED:
            asked, legs.asked = legs.asked, None
            if asked is not None and asked.answered_at is not None:
                asked.consulting_seconds += max(0, at - asked.answered_at) / 1000
            legs.leave(at, LegEnd.TRANSFERRED)
        case Kind.ANSWERED if agent_id is not None:
            if legs.talker is not None and legs.talker.agent_id != agent_id:
                legs.leave(at, LegEnd.TAKEN_AWAY)
            leg = legs.open_leg(agent_id) or legs.add(agent_id, _offer(fact, agent_id), at)
            leg.answered_at = leg.answered_at or at
            legs.talker = leg
            legs.spell("talking", at)
        case Kind.HELD:
            legs.spell("holding", at)
        case Kind.RESUMED:
            legs.spell("talking", at)
        case Kind.RECONNECTING:
            legs.spell("", at)
        case Kind.TAKEN_OVER:
            legs.leave(at, LegEnd.TAKEN_AWAY)
        case Kind.QUEUED:
            legs.leave(at, LegEnd.TAKEN_AWAY)
        case Kind.ENDED | Kind.LOST:
            legs.leave(at, LegEnd.ENDED)
            for leg in legs.legs:
                legs.end(leg, at, LegEnd.MISSED if leg.answered_at is None else LegEnd.ENDED)
        case _:
            pass


def _offer(fact: CallEvent, agent_id: int) -> str:
    """The offer that a fact is about: its id begins with that."""
    return fact.event_id.rpartition("/")[0].removesuffix(f"/{agent_id}")
