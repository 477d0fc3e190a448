"""What happens on agents' phones, as facts: Asterisk's events in, our words out. Pure.

Asterisk's vocabulary (channels, causes, endpoint states) ends here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.routing.script import RecordingStart

NODE_NAME: Final = r"[a-z][a-z0-9]{0,19}"
"""Shape of a node's name: the first part of its channels' ids, and an endpoint's name beside phones' numbers."""
EXTENSION: Final = r"[0-9]{3,6}"
"""Shape of a phone's number, which is its endpoint's name."""
TRUNK: Final = "trunk"
"""Name of the trunk's endpoint in deploy/asterisk/pjsip.conf; its tenths are called `trunk-0` to `trunk-9`."""
LISTENER: Final = "-listen-"
"""Between the node's name and the rest of the id of a channel to a supervisor who listens; it belongs to no call."""
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

    @property
    def node(self) -> str:
        """Where the phone is; the caller may be on another node."""
        return node_of(self.channel_id)


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
    """A phone registered at a node, or is gone from it."""

    node: str
    extension: str
    reachable: bool
    contact: str = ""
    """Its SIP address, where it has just registered."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A caller pressed a key. Told of callers whose channel is listened to."""

    call_id: str
    digit: str
    """One of 0-9, *, #, A-D."""
    at_ms: int

    @property
    def node(self) -> str:
        """Where the caller is."""
        return node_of(self.call_id)


@dataclass(frozen=True, slots=True)
class ListenerGone:
    """A supervisor's phone is at a conversation no more."""

    channel_id: str


Fact = (
    LegCreated | LegRinging | LegAnswered | LegHeld | LegResumed | LegEnded | PhoneReachable | KeyPressed | ListenerGone
)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a call of the hotline as it is now."""

    channel_id: str
    call_id: str
    offer_id: str
    """Empty for a caller, and for a phone that Asterisk's own queue rang."""
    endpoint: str
    """Whom it leads to: a phone's extension, another node's name, or the trunk (`is_trunk`)."""
    up: bool
    name: str = ""
    """As Asterisk calls it (`PJSIP/1001-0000002a`)."""

    @property
    def node(self) -> str:
        """The node it is on."""
        return node_of(self.channel_id)

    @property
    def is_caller(self) -> bool:
        """The caller himself, whom the call is named after."""
        return self.channel_id == self.call_id

    @property
    def extension(self) -> str:
        """The phone, where it is an agent's leg; else empty."""
        return self.endpoint if is_extension(self.endpoint) else ""

    @property
    def peer(self) -> str:
        """The other node, where it is one half of a call's way between two; else empty."""
        return "" if is_extension(self.endpoint) or is_trunk(self.endpoint) else self.endpoint


_EXTENSION: Final = re.compile(EXTENSION)
_ACCOUNT: Final = re.compile(rf"({NODE_NAME}-[0-9]+\.[0-9]+)(/[0-9a-z]+)?")
"""A channel's account code where it is of a call: the call's id, or the offer's, which begins with it. A phone that was
not told yet, or rings for no call, has the mark of `phones.objects_of`.
"""
_STATES: Final[Mapping[str, type[LegRinging | LegAnswered]]] = {"Ringing": LegRinging, "Up": LegAnswered}
_PLAIN: Final[Mapping[str, type[LegHeld | LegResumed]]] = {
    "ChannelHold": LegHeld,
    "ChannelUnhold": LegResumed,
}


class LegReader:
    """Turns one node's events into facts. Remembers only what one event needs from an earlier one."""

    def __init__(self, node: str) -> None:
        self._node = node
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
        if kind in ("PeerStatusChange", "ContactStatusChange"):
            return self._reachability(event["endpoint"], event.get("contact_info") or {})
        if kind == "ChannelDtmfReceived":
            return _key(event)
        channel = event["channel"]
        channel_id: str = channel["id"]
        if is_listener(channel_id):
            return ListenerGone(channel_id) if kind == "ChannelDestroyed" else None
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

    def _reachability(self, endpoint: Mapping[str, Any], contact: Mapping[str, Any]) -> PhoneReachable | None:
        """A new registration is told though the phone had one here: it may have been at another node meanwhile."""
        extension, reachable = str(endpoint["resource"]), endpoint["state"] == "online"
        address = contact.get("uri", "") if reachable and contact.get("contact_status") != "Removed" else ""
        if not is_extension(extension) or (self._reachable.get(extension) == reachable and not address):
            return None
        self._reachable[extension] = reachable
        return PhoneReachable(self._node, extension, reachable, address)


@dataclass(frozen=True, slots=True)
class CallingBack:
    """An agent to be connected with a customer who is rung back."""

    extension: str
    channel_id: str
    """The channel of the agent's phone, an id of our choosing that begins with the node's name and `-`."""
    number: str
    """The customer's, as it is dialled."""
    call_id: str
    offer_id: str
    agent_seconds: int
    """How long the agent's phone rings at most."""
    ring_seconds: int
    """How long the customer's does after it."""
    recording: RecordingStart = "never"
    notice: tuple[str, ...] = ()
    """The sounds that the customer hears before he is connected: that he may be recorded."""


def _key(event: Mapping[str, Any]) -> KeyPressed | None:
    channel = channel_of(event["channel"])
    if channel is None or not channel.is_caller:
        return None
    return KeyPressed(channel.call_id, event["digit"], at_ms(event["timestamp"]))


def _meaning(kind: str, state: str) -> type[LegCreated | LegRinging | LegAnswered | LegHeld | LegResumed] | None:
    """What an event of a leg in a state says, if it says anything."""
    if kind == "ChannelConnectedLine":
        return LegCreated if state == "Down" else None
    return _STATES.get(state) if kind == "ChannelStateChange" else _PLAIN.get(kind)


def channel_of(snapshot: Mapping[str, Any]) -> Channel | None:
    """An ARI channel snapshot in our words, or None when it belongs to no call of the hotline.

    A channel from the trunk that nobody has named yet is a caller who has just come in.
    """
    channel_id, endpoint = str(snapshot["id"]), endpoint_of(snapshot["name"])
    account = _ACCOUNT.fullmatch(snapshot["accountcode"])
    call_id = account[1] if account else (channel_id if is_trunk(endpoint) else "")
    if not call_id:
        return None
    # Asterisk may hand a leg's account code on to the caller who is bridged with it.
    offer_id = account[0] if account and account[2] and channel_id != call_id else ""
    return Channel(channel_id, call_id, offer_id, endpoint, snapshot["state"] == "Up", snapshot["name"])


def leg_of(snapshot: Mapping[str, Any], moment_ms: int) -> tuple[str, str, str, str, int] | None:
    """Leg's fields from an ARI channel snapshot, or None when it is not an agent's leg of a hotline call."""
    channel = channel_of(snapshot)
    if channel is None or not channel.extension:
        return None
    return channel.call_id, channel.offer_id, channel.extension, channel.channel_id, moment_ms


def node_of(channel_id: str) -> str:
    """`node1-1763780000.42` -> `node1`: Asterisk's `systemname` begins every channel's id."""
    return channel_id.partition("-")[0]


def is_listener(channel_id: str) -> bool:
    """Whether a channel leads to a supervisor who listens."""
    return channel_id.startswith(node_of(channel_id) + LISTENER)


def is_extension(text: str) -> bool:
    """Whether this is the number of a phone."""
    return bool(_EXTENSION.fullmatch(text))


def is_trunk(endpoint: str) -> bool:
    """Whether an endpoint is the trunk's, or a tenth of it. No node's name has a hyphen."""
    return endpoint.partition("-")[0] == TRUNK


def endpoint_of(channel_name: str) -> str:
    """`PJSIP/1001-0000002a` -> `1001`."""
    return channel_name.partition("/")[2].rpartition("-")[0]


def at_ms(timestamp: str) -> int:
    """Asterisk's `2026-11-22T03:57:01.684+0000` in ms since the epoch. Raises ValueError."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
