"""Start a program so that nothing of it can be left behind, and end it.

Each program leads a session of its own (Ctrl-C at the terminal reaches only the runner), is ended by the
kernel when the runner dies, and is named in a file with its start time, so that a later run can tell it
from another program that got the same process id.
"""

import contextlib
import ctypes
import json
import os
import pwd
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callcenter.words import Problem

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
KEPT_LOG_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start and how to end it. Times in seconds."""

    name: str
    argv: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    opened: Path | None = None
    """A folder it gets by descriptor, so that it works there also where the folders above are closed
    to its user; `{folder}` in `argv` stands for it."""
    given: str = ""
    """What it reads from standard input."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0


class Process:
    """One running (or ended) program, known by its process id and start time."""

    def __init__(self, name: str, pid: int, started: str, record: Path) -> None:
        self.name = name
        self.pid = pid
        self.started = started
        self.record = record
        self.born = time.monotonic()
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, program: Program, records: Path) -> "Process":
        """Start `program`; its record goes into the folder `records`. Raises Problem when it cannot start."""
        bound_log(program.log)
        runner = os.getpid()

        def tie_to_runner() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, program.stop_signal)
            if os.getppid() != runner:
                os._exit(1)

        with contextlib.ExitStack() as stack:
            log = stack.enter_context(program.log.open("ab"))
            argv, descriptors = list(program.argv), []
            if program.opened is not None:
                descriptors = [os.open(program.opened, os.O_RDONLY | os.O_DIRECTORY)]
                stack.callback(os.close, descriptors[0])
                argv = [word.replace("{folder}", f"/dev/fd/{descriptors[0]}") for word in argv]
            try:
                child = subprocess.Popen(
                    argv,
                    pass_fds=descriptors,
                    cwd=program.folder,
                    env=dict(program.environment) or None,
                    stdin=subprocess.PIPE if program.given else subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=tie_to_runner,  # noqa: PLW1509 - the runner starts programs from one thread
                    **identity(program.user),
                )
            except OSError as error:
                raise Problem(
                    f"{program.name} would not start: {error}", f"{program.name} 无法启动：{error}"
                ) from error
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(program.given.encode())
                child.stdin.close()
        record = records / f"{program.name}.pid"
        process = cls(program.name, child.pid, start_time(child.pid), record)
        process._child = child
        process.write_record()
        return process

    def write_record(self) -> None:
        """Write the file by which a later run finds this process."""
        whole = self.record.with_suffix(".new")
        whole.write_text(json.dumps({"pid": self.pid, "started": self.started}))
        whole.replace(self.record)

    @classmethod
    def recorded(cls, record: Path) -> "Process | None":
        """The process that a record names, if it still is that one."""
        try:
            kept = json.loads(record.read_text())
            process = cls(record.stem, int(kept["pid"]), str(kept["started"]), record)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return process if process.alive() else None

    def alive(self) -> bool:
        """Does it still run?"""
        if self._child is not None:
            return self._child.poll() is None
        return bool(self.started) and start_time(self.pid) == self.started

    def exit_words(self) -> str:
        """How it ended, such as "exit status 1" or "SIGKILL"; empty while it runs."""
        status = self._child.poll() if self._child else None
        if status is None:
            return ""
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, `seconds` at most; has it?"""
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.alive():
                    poller = select.poll()
                    poller.register(descriptor, select.POLLIN)
                    poller.poll(seconds * 1000)
            finally:
                os.close(descriptor)
        return not self.alive()

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> None:
        """Ask it to end, and end it with its whole group when it has not after `seconds`."""
        self.tell(number)
        self.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and everything it started at once."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait(5)
        self.record.unlink(missing_ok=True)


def identity(user: str | None) -> dict[str, Any]:
    """The arguments of subprocess that start a program as `user`; None: as whoever starts it."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def start_time(pid: int) -> str:
    """What tells this process from a later one with the same id; empty when there is none any more."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else f"{boot}/{fields[19]}"


def bound_log(log: Path, limit: int = KEPT_LOG_BYTES) -> None:
    """Move a log that has grown past `limit` bytes aside, in place: its writer goes on in the same file."""
    try:
        if log.stat().st_size <= limit:
            return
    except OSError:
        return
    with log.open("rb") as grown:
        grown.seek(-limit // 2, os.SEEK_END)
        log.with_name(f"{log.name}.1").write_bytes(grown.read())
    os.truncate(log, 0)


def last_words(log: Path, lines: int = 3) -> str:
    """The end of a log, on one line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])[-400:]


def wait_for(fact: Callable[[], bool], process: Process, log: Path, seconds: float) -> None:
    """Wait until `fact` holds; raises Problem when the process ends first or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not fact():
        if not process.alive():
            raise Problem(
                f"{process.name} ended at once ({process.exit_words()}): {last_words(log)}. Its log: {log}",
                f"{process.name} 启动后立即退出（{process.exit_words()}）：{last_words(log)}。日志：{log}",
            )
        if time.monotonic() > deadline:
            raise Problem(
                f"{process.name} was not ready after {seconds:.0f} s: {last_words(log)}. Its log: {log}",
                f"{process.name} 在 {seconds:.0f} 秒内未就绪：{last_words(log)}。日志：{log}",
            )
        time.sleep(0.03)
