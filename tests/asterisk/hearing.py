"""What a stub of the service tells callers who can hear, press keys and speak: words for the tests of the steps."""

import io
import math
import struct
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.asterisk.layer import Layer
from tests.asterisk.sip.driver import Caller
from tests.asterisk.sip.voice import Voice

Json = dict[str, Any]

APOLOGY_HZ, POSITION_HZ, MENU_HZ = 440, 620, 1500


def tone(hertz: float, seconds: float = 1.0) -> bytes:
    """A WAV file as the service has them."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        for n in range(int(8000 * seconds)):
            out.writeframesraw(struct.pack("<h", int(9000 * math.sin(2 * math.pi * hertz * n / 8000))))
    return file.getvalue()


def named(layer: Layer, **sounds: bytes) -> list[str]:
    """Give the service these sounds under names that no other test has; the names."""
    names = {f"{name}-{time.monotonic_ns()}": content for name, content in sounds.items()}
    layer.service.sounds |= names
    return list(names)


def first_then(first: Json, then: Callable[[Json], Json | None]) -> Callable[[Json], Json | None]:
    """One instruction on arrival, others later."""
    return lambda body: first if body["arriving"] else then(body)


def dial(*endpoints: str, ring_seconds: int = 20) -> Json:
    return {"do": "dial", "offer_id": "offer/1", "endpoints": list(endpoints), "ring_seconds": ring_seconds}


@contextmanager
def speaking(layer: Layer, **how: Any) -> Iterator[tuple[Caller, Voice]]:
    """A caller with ears and a mouth."""
    how.setdefault("hold_seconds", 60)
    with Voice() as voice, Caller(layer.sip, media_port=voice.port, **how) as caller:
        yield caller, voice


def once(instruction: Json) -> Callable[[Json], Json | None]:
    """One instruction, then nothing."""
    told = iter([instruction])
    return lambda _: next(told, None)


def asking(step: Json, heard: list[Json]) -> Callable[[Json], Json | None]:
    """Ask once, note what was heard, then let the caller go."""

    def answer(body: Json) -> Json | None:
        if not body["heard"]:
            return step
        heard.append(body["heard"])
        return {"do": "leave"}

    return answer


def ask(sounds: list[str], most_digits: int = 1, timeout_seconds: int = 1) -> Json:
    return {
        "do": "ask", "step_id": "menu/1", "sounds": sounds, "most_digits": most_digits,
        "timeout_seconds": timeout_seconds,
    }  # fmt: skip


def message(sounds: list[str], most_seconds: int = 60) -> Json:
    return {"do": "message", "step_id": "message/1", "sounds": sounds, "most_seconds": most_seconds}
