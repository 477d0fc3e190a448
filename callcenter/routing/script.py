"""What a call's scripts on a node say, and what they are told. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a script knows of its call; enough to rebuild the entry when the live queue is lost."""

    call_id: str
    node: str
    channel: str
    called: str
    caller_number: str
    caller_name: str
    arrived_at_ms: int


@dataclass(frozen=True, slots=True)
class OfferOver:
    """How the dialling of an agent's phone ended, as Asterisk says."""

    offer_id: str
    dial_status: str
    cause: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call as its script reports it. `answered_at_ms`: when an agent answered, None if none did."""

    at_ms: int
    offer_id: str
    answered_at_ms: int | None
    hung_up_by: str
    cause: int
    fallback: bool


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring this phone for so many seconds."""

    offer_id: str
    endpoint: str
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Nobody is free: let the caller hear music, and ask again."""


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Nothing new: ask again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The call is over."""


Answer = Dial | PlayMusic | KeepWaiting | Leave
