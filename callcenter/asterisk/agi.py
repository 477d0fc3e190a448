"""The fence around pyst2's AGI: one conversation with Asterisk about one call.

pyst2 0.5.1 installs a signal handler, prints callers' data, quotes nothing, has no time limit and takes a closed
socket for an unknown answer. This module keeps its commands and replaces its reading, writing and quoting.
No other module imports pyst2.
"""

import os
import re
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from asterisk.agi import AGI, AGIAppError, AGIError, AGIHangup, AGIInvalidCommand, AGIUsageError

__all__ = ["AGIError", "Agi", "AgiLostError", "AgiProtocolError"]

MAX_LINE_BYTES: Final = 16_384
MAX_ENV_LINES: Final = 100
MUSIC: Final = "default"
"""The class of music on hold without announcements (musiconhold.conf)."""
ANY_KEY: Final = "0123456789*#"
_READ_SECONDS: Final = 5.0
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_SAFE_VALUE = re.compile(r"[A-Za-z0-9_./@:&+-]*")
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\([A-Za-z0-9_]+\))?")
_ANSWER = re.compile(r"(\d{3})[ -](.*)")
_RESULT = re.compile(r"(?P<key>\w+)=(?P<value>\S*)(?: \((?P<more>.*)\))?")


class AgiProtocolError(AGIError):  # type: ignore[misc]  # pyst2 is untyped
    """The other side does not speak AGI, or too slowly."""


class AgiLostError(AGIHangup):  # type: ignore[misc]  # pyst2 is untyped
    """The caller or Asterisk is gone."""


class _Lines:
    """Lines from a file descriptor, each with a bound in bytes and in time."""

    def __init__(self, fd: int, seconds: float) -> None:
        self.fd = fd
        self.seconds = seconds
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN | select.POLLHUP)

    def read(self) -> bytes:
        """One line without its end. Raises AgiLostError at the end of the stream, AgiProtocolError otherwise."""
        deadline = time.monotonic() + self.seconds
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE_BYTES:
                raise AgiProtocolError("line too long")
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise AgiProtocolError("no line in time")
            self._fill()
        line, _, self._rest = self._rest.partition(b"\n")
        return line.rstrip(b"\r")

    def block(self, most: int) -> Iterator[bytes]:
        """The lines up to an empty one. Raises as read() does, and AgiProtocolError for `most` lines without it."""
        count = 0
        while count < most:
            line = self.read()
            if not line:
                return
            lines = [line, *self._at_hand()]
            count += len(lines)
            yield from lines
        raise AgiProtocolError("too many lines")

    def wait(self, seconds: float) -> None:
        """Wait until something has arrived, at most so long."""
        if not self._rest:
            self._poll.poll(seconds * 1000)

    def pending(self) -> bytes | None:
        """What has arrived without being asked for, up to now; None when nothing has. Raises AgiLostError."""
        while self._poll.poll(0):
            if len(self._rest) > MAX_LINE_BYTES:
                raise AgiProtocolError("too much unasked")
            self._fill()
        return self._rest or None

    def _at_hand(self) -> list[bytes]:
        """The rest of a block but its empty line, when all of it is here and its lines end in the usual way."""
        rest, end, more = self._rest.partition(b"\n\n")
        if not end or rest.startswith(b"\n") or b"\r" in rest:
            return []
        self._rest = b"\n" + more
        return rest.split(b"\n")

    def _fill(self) -> None:
        try:
            chunk = os.read(self.fd, 8192)
        except OSError as error:
            raise AgiLostError("connection lost") from error
        if not chunk:
            raise AgiLostError("end of stream")
        self._rest += chunk


def _line(*words: object) -> str:
    """A command as it is sent. Raises ValueError when it would be more than one line."""
    line = " ".join(map(str, words)).strip()
    if _UNSAFE.search(line):
        raise ValueError("control character in an AGI command")
    return line + "\n"


def _one_variable(values: Mapping[str, str]) -> tuple[str, str]:
    """These channel variables as one, and its value. Raises ValueError for what may not stand there."""
    for name, value in values.items():
        if not _SAFE_NAME.fullmatch(name) or not _SAFE_VALUE.fullmatch(value):
            raise ValueError(f"not allowed in a channel variable: {name}")
    if len(values) == 1:
        return next(iter(values.items()))
    return f"ARRAY({','.join(values)})", ",".join(values.values())


class Agi(AGI):  # type: ignore[misc]  # pyst2 is untyped
    """AGI over two file descriptors: a FastAGI socket's (twice) or standard input and output.

    pyst2's commands (answer(), appexec(), stream_file(), ...) are all there and go through this class's checks.
    Raises AgiLostError when the caller or Asterisk is gone, AgiProtocolError, and pyst2's AGIError tree.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        *,
        finish: Callable[[], None] | None = None,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        """Reads the environment at once. `finish` closes the conversation early, so that the call goes on."""
        # pyst2's own constructor is left out: it takes over SIGHUP and prints everything.
        self._got_sighup = False
        self._lines = _Lines(read_fd, read_seconds)
        self._write_fd = write_fd
        self._finish = finish
        self._told_of_hangup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()

    @property
    def watch_fd(self) -> int:
        """Readable when the caller hangs up while no command is under way; then ask hung_up()."""
        return self._lines.fd

    @cached_property
    def arguments(self) -> list[str]:
        """What the dialplan gave to the script, in order. `|` stands between those that come in one line: each line
        costs Asterisk as much as a command.
        """
        lines: list[str] = []
        while (name := f"agi_arg_{len(lines) + 1}") in self.env:
            lines.append(self.env[name])
        return [argument for line in lines for argument in line.split("|")]

    def hung_up(self) -> bool:
        """Whether Asterisk said by now that the caller is gone. Only between commands."""
        try:
            return self._told_of_hangup or self._lines.pending() is not None
        except AgiLostError:
            return True

    def hung_up_within(self, seconds: float) -> bool:
        """The same, after waiting so long for it."""
        self._lines.wait(seconds)
        return self.hung_up()

    def set_variables(self, values: Mapping[str, str]) -> None:
        """Set channel variables or functions in one command.

        Values may hold letters, digits and `_ . / @ : & + -`; raises ValueError for others and for odd names.
        """
        self.set_variable(*_one_variable(values))

    def go_on(self, label: str, values: Mapping[str, str]) -> None:
        """The last of a conversation: set variables as set_variables() does and have the dialplan go on at a label of
        its extension. All is said at once, so that Asterisk is woken once.
        """
        commands = [_line("SET PRIORITY", label)]
        if values:
            commands.insert(0, _line("SET VARIABLE", *map(self._quote, _one_variable(values))))
        self._send("".join(commands))
        self.finish()
        for _ in commands:
            self.get_result()

    def finish(self) -> None:
        """Let Asterisk go on with the dialplan; no command may follow."""
        if self._finish:
            with suppress(OSError):  # who is gone has gone on
                self._finish()

    def ring(self) -> None:
        """Let a caller who is not answered hear ringing."""
        self.execute("EXEC", "Ringing", self._quote(""))

    def start_music(self, music_class: str = MUSIC) -> None:
        """Play music on hold until something else is played or the call is connected; returns at once."""
        self.execute("SET MUSIC ON", self._quote(music_class))

    def play(self, sound: Path, seconds: float, until: str = "") -> str:
        """Play a file (without its ending) of that length; the key that ended it, if it is one of `until`."""
        with self._taking(seconds):
            key: str = self.stream_file(self._quote(sound), until)
        return key

    def key(self, seconds: float) -> str:
        """The next key that the caller presses within that time, or nothing."""
        with self._taking(seconds):
            key: str = self.wait_for_digit(int(seconds * 1000))
        return key

    def record(self, file: Path, most_seconds: int, silence_seconds: int) -> None:
        """Record what the caller says to a WAV file (`file` is without its ending) until `#`, silence or that time.

        Raises AgiLostError when he hangs up meanwhile; the file is there then, too.
        """
        with self._taking(most_seconds):
            self.execute(
                "RECORD FILE", self._quote(file), "wav", self._quote("#"), most_seconds * 1000, f"s={silence_seconds}"
            )

    @contextmanager
    def _taking(self, seconds: float) -> Iterator[None]:
        """A command that takes so long by itself."""
        usual = self._lines.seconds
        self._lines.seconds = usual + seconds
        try:
            yield
        finally:
            self._lines.seconds = usual

    def _get_agi_env(self) -> None:
        """Read the block of `agi_…: value` lines. The first line of a name counts."""
        for line in self._lines.block(MAX_ENV_LINES):
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if not name.startswith("agi_"):
                raise AgiProtocolError("not an AGI environment")
            self.env.setdefault(name.strip(), value.strip())

    def _quote(self, string: object) -> str:
        text = str(string)
        if _UNSAFE.search(text):
            raise ValueError("control character in an AGI argument")
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def test_hangup(self) -> None:
        """Nothing to test: a hang-up shows in the stream, not as a signal."""

    def send_command(self, command: str, *args: object) -> None:
        """Send one line. Raises ValueError when it would be more than one."""
        self._send(_line(command.strip(), *args))

    def _send(self, lines: str) -> None:
        left = lines.encode()
        try:
            while left:
                left = left[os.write(self._write_fd, left) :]
        except OSError as error:
            raise AgiLostError("connection lost") from error

    def get_result(self, stdin: object = None) -> dict[str, tuple[str, str]]:
        """The answer to a command, as pyst2 shapes it: `{"result": (value, text in parentheses)}`."""
        del stdin  # pyst2's signature
        code, text = self._answer()
        if code == 520:
            while not self._lines.read().startswith(b"520 "):
                pass
            raise AGIUsageError(text)
        if code in (510, 511):
            raise AgiLostError(text) if code == 511 else AGIInvalidCommand(text)
        if code != 200:
            raise AgiProtocolError(f"unknown answer {code}")
        result = {m["key"]: (m["value"], m["more"] or "") for m in _RESULT.finditer(text)}
        if result.get("result", ("", ""))[1] == "hangup":
            raise AgiLostError("hung up during a command")
        if result.get("result", ("", ""))[0] == "-1":
            if self.hung_up():
                raise AgiLostError("hung up during a command")
            raise AGIAppError("error in a command, or hung up")
        return result

    def _answer(self) -> tuple[int, str]:
        while True:
            line = self._lines.read().decode("utf-8", "replace")
            if line == "HANGUP":
                self._told_of_hangup = True
                continue
            found = _ANSWER.match(line)
            if not found:
                raise AgiProtocolError("not an AGI answer")
            return int(found[1]), found[2]
