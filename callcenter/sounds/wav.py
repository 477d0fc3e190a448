"""The one form of sound here: WAV, 8 kHz, mono, 16 bit, as telephones carry it. Pure."""

import io
import wave
from typing import Final

RATE: Final = 8000
BYTES_A_SECOND: Final = RATE * 2
HEADER_BYTES: Final = 44


class NotWavError(ValueError):
    """These bytes are no WAV of this form."""


def wav_of(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples, little end first."""
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples[: len(samples) // 2 * 2])
    return whole.getvalue()


def samples_of(wav: bytes) -> bytes:
    """The samples of a WAV file: those that its header promises and that are there.

    Raises:
        NotWavError: it is no WAV, or of another rate, width or number of channels.
    """
    try:
        with wave.open(io.BytesIO(wav)) as file:
            if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, RATE):
                raise NotWavError("not 8 kHz, mono, 16 bit")
            samples: bytes = file.readframes(len(wav))
            return samples
    except (wave.Error, EOFError) as error:
        raise NotWavError(str(error)) from None


def seconds_of(wav_bytes: int) -> float:
    """How long a WAV file of so many bytes, made by `wav_of`, is heard."""
    return max(0, wav_bytes - HEADER_BYTES) / BYTES_A_SECOND
