"""Speech out of text, and telephone sound out of any recording, by espeak-ng and sox.

Each runs as a process of its own with limits of time and memory. Text and sound go in and out by pipes, never as an
argument or a file's name.
"""

import asyncio
import subprocess
import sys
from typing import Final

from callcenter.sounds.model import Language, says_something, speakable
from callcenter.sounds.wav import BYTES_A_SECOND, RATE, wav_of

MOST_SECONDS: Final = 60
"""A person's recording is at most so long."""
_SPEECH_SECONDS: Final = 600
"""No text of the longest that is spoken takes so long."""
_WORK_SECONDS: Final = 20.0
_FENCE: Final = ("prlimit", "--as=1000000000", f"--cpu={int(_WORK_SECONDS)}")
GENTLE: Final = 10
"""Niceness of work that nobody waits for."""

_VOICES: Final[dict[Language, tuple[str, ...]]] = {
    # "cmn" of version 1.51 (Debian 12) reads the tone numbers of its own dictionary as English words.
    "zh": ("-v", "cmn-latn-pinyin", "-s", "160", "-p", "45"),
    "en": ("-v", "en-gb", "-s", "150", "-p", "45"),
}
_SPEAK: Final = ("espeak-ng", "-b", "1", "-z", "--stdin", "--stdout")
_RAW: Final = ("-r", str(RATE), "-c", "1", "-b", "16", "-e", "signed-integer", "-L", "-t", "raw", "-")
_TRIM: Final = ("silence", "1", "0.01", "0.5%", "reverse", "silence", "1", "0.01", "0.5%", "reverse")
_LEVEL: Final = ("gain", "-n", "-6")
"""Peaks at half of full scale: as loud as a person on a telephone."""
_PAUSES: Final = ("pad", "0.02", "0.12")
_KINDS: Final[tuple[tuple[bytes, int, str], ...]] = (
    (b"WAVE", 8, "wav"),
    (b"OggS", 0, "ogg"),
    (b"ID3", 0, "mp3"),
    (b"\xff\xfb", 0, "mp3"),
    (b"\xff\xf3", 0, "mp3"),
    (b"\xff\xf2", 0, "mp3"),
)


class SpeechError(Exception):
    """A sound could not be made."""


async def speak(text: str, language: Language, *, reading: str = "", niceness: int = 0) -> bytes:
    """`text` as a WAV file. `reading`: its pinyin, where that is known already.

    Raises:
        SpeechError: there is nothing to say, or espeak-ng or sox is missing, fails or takes too long.
    """
    said = speakable(text)
    if not says_something(said):
        raise SpeechError("nothing to say")
    if language == "zh":
        said = reading or (await readings([said], niceness=niceness))[0]
    speech = await _run((*_SPEAK, *_VOICES[language]), said.encode(), niceness)
    shape = ("sox", "-V1", "-D", "-t", "wav", "-", *_RAW, *_TRIM, *_LEVEL, *_PAUSES)
    samples = await _run(shape, speech, niceness)
    if len(samples) > BYTES_A_SECOND * _SPEECH_SECONDS:
        raise SpeechError("too long")
    return wav_of(samples)


async def readings(texts: list[str], *, niceness: int = 0) -> list[str]:
    """The pinyin of Chinese texts, in one go. Raises SpeechError."""
    lines = "\n".join(speakable(text) for text in texts) + "\n"
    program = (sys.executable, "-m", "callcenter.sounds.pinyin")
    said = (await _run(program, lines.encode(), niceness)).decode().splitlines()
    if len(said) != len(texts):
        raise SpeechError("pinyin")
    return said


def kind_of(recording: bytes) -> str:
    """What these bytes look like: `wav`, `ogg`, `mp3`; empty for none of them."""
    return next((kind for mark, at, kind in _KINDS if recording[at : at + len(mark)] == mark), "")


async def convert(recording: bytes) -> bytes:
    """A WAV, MP3 or Ogg Vorbis recording as a WAV file of ours, not longer than a second more than `MOST_SECONDS`.

    Raises:
        SpeechError: it is none of these, or broken.
    """
    kind = kind_of(recording)
    if not kind:
        raise SpeechError("no sound that is known")
    end = ("trim", "0", str(MOST_SECONDS + 1))
    return wav_of(await _run(("sox", "-V1", "-D", "-t", kind, "-", *_RAW, *end, *_LEVEL), recording))


async def _run(command: tuple[str, ...], given: bytes, niceness: int = 0) -> bytes:
    """What a program says to `given`. Raises SpeechError.

    Started from a thread: the event loop's own way copies the process's page tables, which stops calls for 40 ms.
    """
    fenced = ("nice", "-n", str(niceness), *_FENCE, *command)

    def ask() -> "subprocess.CompletedProcess[bytes]":
        pipe, away = subprocess.PIPE, subprocess.DEVNULL
        return subprocess.run(fenced, input=given, stdout=pipe, stderr=away, check=False, timeout=_WORK_SECONDS)

    try:
        done = await asyncio.to_thread(ask)
    except OSError as error:
        raise SpeechError(f"{command[0]}: {type(error).__name__}") from None
    except subprocess.TimeoutExpired:
        raise SpeechError(f"{command[0]}: too slow") from None
    if done.returncode != 0 or not done.stdout:
        raise SpeechError(f"{command[0]}: ended with {done.returncode}")
    return done.stdout
