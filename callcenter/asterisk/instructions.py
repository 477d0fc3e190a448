"""What a node is told to do with a caller, read from the service's answer (docs/node-api.md). Pure.

The service is believed in what it wants, never in how it is spelt: what is read here goes into dial strings and file
names.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from callcenter.routing.script import (
    Answer,
    Ask,
    Dial,
    Join,
    KeepWaiting,
    Leave,
    PassOn,
    Play,
    RecordingStart,
    Say,
    TakeMessage,
)

MOST_ENDPOINTS: Final = 50
MOST_RING_SECONDS: Final = 600
MOST_SOUNDS: Final = 40
MOST_DIGITS: Final = 32
MOST_TIMEOUT_SECONDS: Final = 60
MOST_MESSAGE_SECONDS: Final = 480
"""Of 16,000 bytes each; the service takes 8 MB."""

_ENDPOINT = re.compile(r"[0-9]{3,6}(@[a-z0-9]{1,20})?")
_NUMBER = re.compile(r"\+?[0-9]{2,20}")
_SOUND = re.compile(r"[a-z0-9_-]{1,120}")
_CHANNEL = re.compile(r"PJSIP/[a-z0-9-]{1,40}-[0-9a-f]{8}")
_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
_LANGUAGE = re.compile(r"[a-z]{2}(_[A-Z]{2})?")


@dataclass(frozen=True, slots=True)
class Told:
    """An instruction, and where known the caller's queue and language (empty: as before)."""

    answer: Answer
    queue: str = ""
    language: str = ""


def is_sound(name: str) -> bool:
    """Whether this is a sound's name, and harmless in a path."""
    return _SOUND.fullmatch(name) is not None


def read_told(body: Mapping[str, Any]) -> Told:
    """Read a wait answer. Raises ValueError for anything the contract does not know."""
    try:
        answer = _READERS[body["do"]](body)
    except (KeyError, TypeError) as error:
        raise ValueError("not an instruction") from error
    return Told(answer, _word(body.get("queue") or "", empty=True), _language(body.get("language") or ""))


def _dial(body: Mapping[str, Any]) -> Answer:
    return Dial(
        _word(body["offer_id"]),
        _endpoints(body["endpoints"]),
        _within(body["ring_seconds"], MOST_RING_SECONDS),
        _RECORDING.get(body.get("recording"), "never"),
        _sounds({"sounds": body.get("notice")}),
    )


def _join(body: Mapping[str, Any]) -> Answer:
    channel = _matching(_CHANNEL, body["channel"], "channel")
    return Join(_word(body["offer_id"]), channel, _RECORDING.get(body.get("recording"), "never"))


_RECORDING: Final[Mapping[Any, RecordingStart]] = {"later": "later", "now": "now"}


def _ask(body: Mapping[str, Any]) -> Answer:
    timeout_seconds = _within(body["timeout_seconds"], MOST_TIMEOUT_SECONDS)
    return Ask(_word(body["step_id"]), _sounds(body), _within(body["most_digits"], MOST_DIGITS), timeout_seconds)


def _message(body: Mapping[str, Any]) -> Answer:
    return TakeMessage(_word(body["step_id"]), _sounds(body), _within(body["most_seconds"], MOST_MESSAGE_SECONDS))


_READERS: Final[Mapping[Any, Callable[[Mapping[str, Any]], Answer]]] = {
    "dial": _dial,
    "join": _join,
    "say": lambda body: Say(_sounds(body)),
    "ask": _ask,
    "play": lambda body: Play(_word(body["step_id"]), _sounds(body)),
    "message": _message,
    "pass_on": lambda body: PassOn(
        _matching(_NUMBER, body["number"], "number"), _word(body.get("step_id") or "", empty=True)
    ),
    "wait": lambda _: KeepWaiting(),
    "leave": lambda _: Leave(),
}


def _endpoints(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_ENDPOINTS:
        raise ValueError("not a list of endpoints")
    return tuple(_matching(_ENDPOINT, one, "endpoint") for one in given)


def _sounds(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The sounds of an instruction; what can be no sound's name is left out, as a sound that is not there."""
    given = body.get("sounds") or []
    if not isinstance(given, list):
        raise TypeError("not a list of sounds")
    return tuple(one for one in given if isinstance(one, str) and is_sound(one))[:MOST_SOUNDS]


def _matching(shape: re.Pattern[str], given: Any, what: str) -> str:
    if not isinstance(given, str) or not shape.fullmatch(given):
        raise ValueError(f"not allowed as {what}")
    return given


def _word(given: Any, *, empty: bool = False) -> str:
    return "" if empty and given == "" else _matching(_WORD, given, "a name")


def _language(given: Any) -> str:
    return "" if given == "" else _matching(_LANGUAGE, given, "a language")


def _within(given: Any, most: int) -> int:
    """A whole number, brought between 1 and `most`."""
    return min(max(int(given), 1), most)
