"""What callers have said after the tone, kept on disk until a service has taken it.

A message is two files: the recording, which Asterisk writes, and a note with whose it is. The note is there first, so
that nothing is lost when this process or the caller goes in the middle of it.
"""

import contextlib
import io
import re
import time
import wave
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import orjson
import structlog

from callcenter.asterisk.sounds import RATE, write_whole
from callcenter.clock import now_ms

log = structlog.get_logger()

LEAST_SECONDS: Final = 1.1
"""What is shorter says nothing, and is not kept: Asterisk leaves a second of the silence that ended it."""
CLOSING_SECONDS: Final = 1.0
"""How long Asterisk may take to finish the file after it has told that the caller hung up."""
ORPHAN_SECONDS: Final = 60
"""How long after its time a recording that nobody has finished is taken as it is."""
_HEADER_BYTES, _SAMPLE_BYTES = 44, 2
_UNSAFE = re.compile(r"[^A-Za-z0-9-]")


@dataclass(frozen=True, slots=True)
class Message:
    """Whose message it is. `seconds` is None until the recording is over."""

    call_id: str
    step_id: str
    recorded_at_ms: int
    most_seconds: int
    seconds: float | None = None


class Messages:
    """A folder of messages. Safe for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the node's spool. Asterisk writes there too."""
        self._folder = folder / "message"
        self._refused = folder / "refused"
        self._folder.mkdir(parents=True, exist_ok=True)

    def begin(self, call_id: str, step_id: str, most_seconds: int) -> tuple[Message, Path]:
        """A message that is going to be recorded now, and where to (without the file's ending). Raises OSError."""
        message = Message(call_id, step_id, now_ms(), most_seconds)
        self._write(message)
        return message, self._file(message, "")

    def finish(self, message: Message) -> float:
        """The recording is over: the seconds of it that are worth keeping. What is kept is handed in soon."""
        recording = self._file(message, ".wav")
        deadline = time.monotonic() + CLOSING_SECONDS
        while not _is_closed(recording) and time.monotonic() < deadline:
            time.sleep(0.01)
        return self._over(message)

    def waiting(self) -> Iterator[Message]:
        """Messages to be handed in, oldest first."""
        notes = []
        for path in self._folder.glob("*.json"):
            try:
                notes.append(Message(**orjson.loads(path.read_bytes())))
            except FileNotFoundError:
                continue
            except (ValueError, TypeError):
                self._refuse(path)
        for message in sorted(notes, key=lambda note: note.recorded_at_ms):
            seconds = message.seconds
            if seconds is None:
                if now_ms() < message.recorded_at_ms + (message.most_seconds + ORPHAN_SECONDS) * 1000:
                    continue
                seconds = self._over(message)
            if seconds:
                yield replace(message, seconds=seconds)

    def recording(self, message: Message) -> bytes:
        """The recording as a whole WAV file, also when Asterisk could not finish it. Raises OSError."""
        samples = self._file(message, ".wav").read_bytes()[_HEADER_BYTES:]
        whole = io.BytesIO()
        with wave.open(whole, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(_SAMPLE_BYTES)
            file.setframerate(RATE)
            file.writeframes(samples[: len(samples) // _SAMPLE_BYTES * _SAMPLE_BYTES])
        return whole.getvalue()

    def forget(self, message: Message) -> None:
        """A service has it."""
        for ending in (".json", ".wav"):
            self._file(message, ending).unlink(missing_ok=True)

    def refuse(self, message: Message) -> None:
        """Put a message aside that no service will ever take, for a person to listen to."""
        for ending in (".json", ".wav"):
            self._refuse(self._file(message, ending))

    def _over(self, message: Message) -> float:
        seconds = _seconds_of(self._file(message, ".wav"))
        if seconds < LEAST_SECONDS:
            self.forget(message)
            return 0.0
        self._write(replace(message, seconds=seconds))
        return seconds

    def _write(self, message: Message) -> None:
        write_whole(self._file(message, ".json"), orjson.dumps(asdict(message)))

    def _file(self, message: Message, ending: str) -> Path:
        name = _UNSAFE.sub("_", f"{message.call_id}-{message.step_id}-{message.recorded_at_ms}")[-200:]
        return self._folder / f"{name}{ending}"

    def _refuse(self, path: Path) -> None:
        self._refused.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.replace(self._refused / path.name)


def _is_closed(recording: Path) -> bool:
    """Whether the header tells the length that the file has: Asterisk writes it when it is done."""
    try:
        with recording.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            size = file.seek(0, io.SEEK_END)
    except OSError:
        return False
    return size > _HEADER_BYTES and int.from_bytes(header[40:44], "little") == size - _HEADER_BYTES


def _seconds_of(recording: Path) -> float:
    try:
        size = recording.stat().st_size
    except OSError:
        return 0.0
    return max(size - _HEADER_BYTES, 0) / (RATE * _SAMPLE_BYTES)
