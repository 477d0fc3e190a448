"""The hotline's sounds on a node: fetched once each from a service, kept as A-law, which a trunk takes as it is."""

import array
import contextlib
import hashlib
import io
import math
import os
import sys
import threading
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from callcenter.asterisk.instructions import is_sound
from callcenter.asterisk.service_http import ServiceAwayError

log = structlog.get_logger()

RATE: Final = 8000
"""Samples a second, and bytes of A-law a second."""
FETCH_SECONDS: Final = 1.0
"""For all sounds of one instruction that are not here yet."""
AGAIN_SECONDS: Final = 15.0
"""A sound that could not be had is not asked for again before that."""
_TONE_HERTZ, _TONE_SECONDS, _TONE_LOUDNESS = 950, 0.4, 6000
"""The tone before a recording: China's record tone of ITU-T's list, once."""


class Sounds:
    """A folder of sounds. Safe for several threads and processes: each sound is one atomic file."""

    def __init__(self, folder: Path, fetch: Callable[[str, float], bytes | None]) -> None:
        """`fetch(name, seconds)` gives a WAV file, or None where there is none; raises ServiceAwayError."""
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._fetch = fetch
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}
        self._under_way: dict[str, threading.Event] = {}

    def files(self, names: Sequence[str]) -> list[Path]:
        """The files of those sounds that can be had within FETCH_SECONDS, in order; others are left out."""
        deadline = time.monotonic() + FETCH_SECONDS
        return [file for name in names if (file := self._file(name, deadline))]

    def joined(self, names: Sequence[str]) -> Path | None:
        """One file of all of these, where Asterisk takes only one; None when one can't be had or kept."""
        files = self.files(names)
        if len(files) < len(names):
            return None
        if len(files) == 1:
            return files[0]
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
        whole = self._folder / f"joined-{digest}.alaw"
        try:
            if not whole.exists():
                write_whole(whole, b"".join(file.read_bytes() for file in files))
        except OSError:
            log.exception("sounds could not be put on disk")
            return None
        return whole

    def tone(self) -> Path:
        """The tone that asks the caller to speak. Raises OSError."""
        file = self._folder / "tone.alaw"
        if not file.exists():
            turn = 2 * math.pi * _TONE_HERTZ / RATE
            samples = (int(_TONE_LOUDNESS * math.sin(turn * n)) for n in range(int(RATE * _TONE_SECONDS)))
            write_whole(file, alaw(array.array("h", samples)))
        return file

    def _file(self, name: str, deadline: float) -> Path | None:
        if not is_sound(name):
            return None
        file = self._folder / f"sound-{name}.alaw"
        if file.exists():
            return file
        with self._lock:
            under_way = self._under_way.get(name)
            if under_way is None:
                if time.monotonic() < self._not_before.get(name, 0.0):
                    return None
                self._under_way[name] = threading.Event()
        if under_way is not None:
            under_way.wait(max(deadline - time.monotonic(), 0))
        else:
            self._get(name, file, deadline)
        return file if file.exists() else None

    def _get(self, name: str, file: Path, deadline: float) -> None:
        """Fetch a sound and keep it, or remember that it could not be had."""
        try:
            content = self._fetch(name, max(deadline - time.monotonic(), 0))
            if content is not None:
                write_whole(file, alaw(samples_of(content)))
        except ServiceAwayError:
            pass
        except (ValueError, OSError) as error:
            log.warning("a sound cannot be used", sound=name, error=type(error).__name__)
        finally:
            now = time.monotonic()
            with self._lock:
                self._not_before = {one: at for one, at in self._not_before.items() if at > now}
                self._not_before[name] = now + AGAIN_SECONDS
                self._under_way.pop(name).set()


def write_whole(file: Path, content: bytes) -> None:
    """Put a file in its place at once; who has the one before it open goes on with that. Raises OSError."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        fresh.write_bytes(content)
        fresh.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def without_ending(file: Path) -> Path:
    """A sound's file as Asterisk wants it named."""
    return file.with_suffix("")


def seconds_of(file: Path) -> float:
    """How long a file of A-law lasts."""
    return file.stat().st_size / RATE


def samples_of(content: bytes) -> "array.array[int]":
    """The samples of a WAV file. Raises ValueError for one that is not 8 kHz, mono, 16 bit."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                raise ValueError("not 8 kHz, mono, 16 bit")
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError("not a WAV file") from error
    samples = array.array("h", frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def alaw(samples: "array.array[int]") -> bytes:
    """16-bit samples as G.711 A-law."""
    return bytes(_CODES[sample >> 4] for sample in samples)


def _code(step: int) -> int:
    """The A-law code of a sample's upper 12 bits (ITU-T G.711, table 1a)."""
    sign, size = (0x80, step) if step >= 0 else (0, ~step)
    segment = max(size.bit_length() - 4, 0)
    mantissa = size >> max(segment - 1, 0) & 15
    return (sign | segment << 4 | mantissa) ^ 0x55


_CODES: Final = bytes(_code(step) for step in (*range(2048), *range(-2048, 0)))
"""By a sample's upper 12 bits; negative ones count from the end, as Python's indices do."""
