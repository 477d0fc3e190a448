"""Keeping the parts running: what dies is started again, until somebody says stop."""

import os
import select
import signal
import socket
import time
from collections.abc import Callable

from callcenter.words import Problem, words

from .box import Box
from .processes import bound_log

RESTART_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waiting time before the first, second, ... start again of a part that keeps dying."""
STEADY_SECONDS = 20.0
"""A part that has run this long has recovered."""
LOG_CHECK_SECONDS = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignal:
    """Turns Ctrl-C and its kin into a fact that can be waited for."""

    def __init__(self) -> None:
        self.given = False
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._read.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno())
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.given = True

    def fileno(self) -> int:
        """Readable when a signal has come."""
        return self._read.fileno()

    def raise_if_given(self) -> None:
        """Raise KeyboardInterrupt when it is time to stop."""
        if self.given:
            raise KeyboardInterrupt


class Watch:
    """Waits, without using the processor, for a part to die or a stop signal."""

    def __init__(self, box: Box, tell: Callable[[str], None]) -> None:
        self.box = box
        self._tell = tell
        self._deaths = dict.fromkeys(box.parts, 0)
        self._due: dict[str, float] = {}

    def run(self, stop: StopSignal) -> None:
        """Return when `stop` is given."""
        while not stop.given:
            now = time.monotonic()
            for name in [name for name, at in self._due.items() if at <= now]:
                self._start_again(name)
            self._note_the_dead()
            for log in self.box.layout.log.glob("**/*.log"):
                bound_log(log)
            self._sleep(stop)

    def _note_the_dead(self) -> None:
        for name, process in self.box.processes.items():
            if name in self._due or process.alive():
                continue
            if time.monotonic() - process.born > STEADY_SECONDS:
                self._deaths[name] = 0
            wait = RESTART_SECONDS[min(self._deaths[name], len(RESTART_SECONDS) - 1)]
            self._deaths[name] += 1
            self._due[name] = time.monotonic() + wait
            ended = process.exit_words()
            self._tell(words(f"{name} ended ({ended}); starting it again", f"{name} 已退出（{ended}），正在重新启动"))

    def _start_again(self, name: str) -> None:
        del self._due[name]
        try:
            self.box.start(name, ready=False)
        except Problem as problem:
            self._tell(words(problem.en, problem.zh))
            self._deaths[name] += 1
            self._due[name] = time.monotonic() + RESTART_SECONDS[-1]

    def _sleep(self, stop: StopSignal) -> None:
        poller = select.poll()
        poller.register(stop.fileno(), select.POLLIN)
        descriptors = []
        for name, process in self.box.processes.items():
            if name in self._due:
                continue
            try:
                descriptor = os.pidfd_open(process.pid)
            except ProcessLookupError:
                return
            descriptors.append(descriptor)
            poller.register(descriptor, select.POLLIN)
        until = min(self._due.values(), default=time.monotonic() + LOG_CHECK_SECONDS)
        try:
            poller.poll(max(0.0, until - time.monotonic()) * 1000)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
