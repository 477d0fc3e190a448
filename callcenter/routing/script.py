"""What a call's scripts on a node say, and what they are told. Pure; docs/node-api.md is the same over HTTP."""

from dataclasses import dataclass
from typing import Literal

RecordingStart = Literal["never", "later", "now"]
"""Whether a talk is recorded from its first word, may be recorded later on, or never is."""
WhyNotRecorded = Literal["notice", "room"]
"""The caller can't be told that he may be recorded, or the node's disk is full."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a script knows of its call; enough to rebuild the entry when the live queue is lost.

    `queue`: where he stands, as the script was last told; empty before.
    """

    call_id: str
    node: str
    channel: str
    called: str
    caller_number: str
    caller_name: str
    arrived_at_ms: int
    queue: str = ""


@dataclass(frozen=True, slots=True)
class OfferOver:
    """How the dialling of agents' phones ended, as Asterisk says.

    `notice_cut`: the caller was to hear that he may be recorded, and has not heard it to its end.
    """

    offer_id: str
    dial_status: str
    cause: int
    at_ms: int
    notice_cut: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an `Ask`, a `Play` or a `TakeMessage`: the keys that were pressed, the seconds recorded."""

    step_id: str
    digits: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call as its script reports it. `answered_at_ms`: when an agent answered, None if none did.

    `passed_on`: somebody answered at the number to which an overflow had passed the caller on.
    """

    at_ms: int
    offer_id: str
    answered_at_ms: int | None
    hung_up_by: str
    cause: int
    fallback: bool
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring these phones together for so many seconds; the first to answer has the call.

    An endpoint is an extension, or `extension@node` for a phone that is registered on another node.
    """

    offer_id: str
    endpoints: tuple[str, ...]
    ring_seconds: int
    recording: RecordingStart = "never"
    notice: tuple[str, ...] = ()
    """What the caller hears when he is answered, before he is connected: that he may be recorded. Empty: nothing."""


@dataclass(frozen=True, slots=True)
class Join:
    """Connect the caller with a leg that is there: his agent's, who has consulted somebody, or that one's."""

    offer_id: str
    channel: str
    """Its name on Asterisk."""
    recording: RecordingStart = "never"


@dataclass(frozen=True, slots=True)
class Say:
    """Answer if that has not been done, let the caller hear these sounds and then music, and ask again at once: an
    offer does not wait for the end of the sounds. No sounds: music alone.
    """

    sounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer, play the sounds until a key is pressed, collect keys, and report them with `step_id`.

    One key is enough where `most_digits` is 1; otherwise `#` ends the number. Nothing pressed for `timeout_seconds`
    after the sounds: reported as no digits.
    """

    step_id: str
    sounds: tuple[str, ...]
    most_digits: int
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class Play:
    """Answer, play the sounds to their end, and report it."""

    step_id: str
    sounds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Answer, play the sounds and a tone, record until `#`, silence or `most_seconds`, hand the recording in, and
    report it. A caller who hangs up while he speaks has left his message too.
    """

    step_id: str
    sounds: tuple[str, ...]
    most_seconds: int


@dataclass(frozen=True, slots=True)
class PassOn:
    """Connect the caller with this number over the trunk; the call ends with that. With a `step_id`: where nobody
    answers there, the caller asks again, and his script reports the step as an offer that is over.
    """

    number: str
    step_id: str = ""


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    """Nothing new: ask again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The call is over."""


Answer = Dial | Join | Say | Ask | Play | TakeMessage | PassOn | KeepWaiting | Leave


@dataclass(frozen=True, slots=True)
class CallbackOver:
    """How calling a customer back ended, as its script reports it. Times (ms) are None where that did not happen."""

    offer_id: str
    dial_status: str
    cause: int
    customer_answered_at_ms: int | None
    ended_at_ms: int
    hung_up_by: str
