"""What happens on agents' phones, as facts: Asterisk's events in, our words out. Pure.

Asterisk's vocabulary (channels, causes, endpoint states) ends here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MAX_REMEMBERED: Final = 10_000
"""Channels whose hang-up request was seen and whose end was not (lost with a socket)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Which agent's phone, for which call and offer, and when (ms since epoch, Asterisk's clock)."""

    call_id: str
    offer_id: str
    extension: str
    channel_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LegCreated(Leg):
    """The INVITE is on its way to the phone."""


@dataclass(frozen=True, slots=True)
class LegRinging(Leg):
    """The phone said that it rings (180)."""


@dataclass(frozen=True, slots=True)
class LegAnswered(Leg):
    """The agent answered."""


@dataclass(frozen=True, slots=True)
class LegHeld(Leg):
    """The agent put the caller on hold."""


@dataclass(frozen=True, slots=True)
class LegResumed(Leg):
    """The agent took the caller back."""


@dataclass(frozen=True, slots=True)
class LegEnded(Leg):
    """The leg is gone: not answered, or after the conversation."""

    cause: int
    """Q.850 cause: 16 normal, 17 busy, 19 no answer, 21 rejected, 26 answered elsewhere or cancelled, 44 lost."""
    hung_up_by_phone: bool
    """The phone ended it (BYE or a refusal); otherwise the caller's side or Asterisk did."""


@dataclass(frozen=True, slots=True)
class PhoneReachable:
    """A phone registered, or is gone."""

    extension: str
    reachable: bool


Fact = LegCreated | LegRinging | LegAnswered | LegHeld | LegResumed | LegEnded | PhoneReachable

_STATES: Final[Mapping[str, type[LegRinging | LegAnswered]]] = {"Ringing": LegRinging, "Up": LegAnswered}
_PLAIN: Final[Mapping[str, type[LegHeld | LegResumed]]] = {
    "ChannelHold": LegHeld,
    "ChannelUnhold": LegResumed,
}


class LegReader:
    """Turns one socket's events into facts. Remembers only what one event needs from an earlier one."""

    def __init__(self) -> None:
        self._asked_to_end: dict[str, None] = {}
        self._reachable: dict[str, bool] = {}

    def read(self, event: Mapping[str, Any]) -> Fact | None:
        """The fact an event tells, or None. Never raises for an event of an unknown shape."""
        try:
            return self._read(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def _read(self, event: Mapping[str, Any]) -> Fact | None:
        kind = event["type"]
        if kind in ("EndpointStateChange", "ContactStatusChange"):
            return self._reachability(event["endpoint"])
        channel = event["channel"]
        channel_id: str = channel["id"]
        if kind == "ChannelHangupRequest" and not event.get("soft"):
            self._remember(channel_id)
        by_phone = kind == "ChannelDestroyed" and self._asked_to_end.pop(channel_id, 0) is None
        leg = leg_of(channel, at_ms(event["timestamp"]))
        if leg and kind == "ChannelDestroyed":
            return LegEnded(*leg, cause=int(event["cause"]), hung_up_by_phone=by_phone)
        meaning = _meaning(kind, channel["state"])
        return meaning(*leg) if leg and meaning else None

    def _remember(self, channel_id: str) -> None:
        self._asked_to_end[channel_id] = None
        if len(self._asked_to_end) > MAX_REMEMBERED:
            del self._asked_to_end[next(iter(self._asked_to_end))]

    def _reachability(self, endpoint: Mapping[str, Any]) -> PhoneReachable | None:
        extension, reachable = str(endpoint["resource"]), endpoint["state"] == "online"
        if self._reachable.get(extension) == reachable:
            return None
        self._reachable[extension] = reachable
        return PhoneReachable(extension, reachable)


def _meaning(kind: str, state: str) -> type[LegCreated | LegRinging | LegAnswered | LegHeld | LegResumed] | None:
    """What an event of a leg in a state says, if it says anything."""
    if kind == "ChannelConnectedLine":
        return LegCreated if state == "Down" else None
    return _STATES.get(state) if kind == "ChannelStateChange" else _PLAIN.get(kind)


def leg_of(channel: Mapping[str, Any], moment_ms: int) -> tuple[str, str, str, str, int] | None:
    """Leg's fields from an ARI channel snapshot, or None when it is not an agent's leg of a hotline call."""
    values = channel.get("channelvars") or {}
    call_id = values.get("CC_CALL") or ""
    channel_id = str(channel["id"])
    if not call_id or call_id == channel_id:
        return None
    return call_id, values.get("CC_OFFER") or "", extension_of(channel["name"]), channel_id, moment_ms


def extension_of(channel_name: str) -> str:
    """`PJSIP/1001-0000002a` -> `1001`."""
    return channel_name.partition("/")[2].rpartition("-")[0]


def at_ms(timestamp: str) -> int:
    """Asterisk's `2026-11-22T03:57:01.684+0000` in ms since the epoch. Raises ValueError."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
