"""SIPp: callers behind the trunk, and phones."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
CALLER_PATIENCE_SECONDS = 30
REGISTRATIONS_A_SECOND = 150
LINE_A_SECOND = 50
"""How quickly callers come who fill a line."""
DRAIN_SECONDS = 10
_CALLS_WERE_PLACED = (0, 1, None)
"""SIPp's exit status: all went well, some failed; None: ended by us."""


class SippError(Exception):
    """SIPp could not do its part."""


def spread_talk(scenario: str, talk_ms: int) -> str:
    """A caller's scenario in which he talks for half of `talk_ms` to one and a half, each as likely."""
    return scenario.replace(
        "<pause/>", f'<pause distribution="uniform" min="{talk_ms // 2}" max="{talk_ms * 3 // 2}"/>'
    )


def die_with_parent() -> None:
    """For a new process: the kernel ends it when the bench is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Sipp:
    """Starts SIPp against one Asterisk; its files go into `folder`."""

    def __init__(self, folder: Path, sip_port: int) -> None:
        self._folder = folder
        self._target = f"127.0.0.1:{sip_port}"
        folder.mkdir(parents=True, exist_ok=True)

    async def _start(self, name: str, scenario: str | Path, port: int, *more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(
                "sipp",
                self._target,
                "-mp",
                str(port + 5000 + 10 * (port % 10)),
                "-sf",
                str(SCENARIOS / scenario),
                "-i",
                "127.0.0.1",
                "-p",
                str(port),
            ),
            *("-nostdin", "-aa", "-trace_err", "-error_file", str(self._folder / f"{name}.errors")),
            *more,
            cwd=self._folder,
            env=os.environ | {"TERM": "dumb"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )

    @contextlib.asynccontextmanager
    async def phones(self, name: str, port: int, ring_ms: int, *, rejecting: bool = False) -> AsyncIterator[None]:
        """Phones that ring and answer at `port`, or reject every call, inside the block."""
        process = await self._start(name, "rejecting.xml" if rejecting else "phone.xml", port, "-d", str(ring_ms))
        try:
            yield
            if process.returncode is not None:
                raise SippError(f"the phones of {name} ended early: {self._errors(name)}")
        finally:
            await _end(process)

    async def register(self, port: int, accounts: Iterable[tuple[str, str]]) -> None:
        """Register phones (extension, password) at `port`; they must be there soon. Raises SippError.

        They register from the very port at which they are rung: Asterisk goes by where a REGISTER comes from.
        """
        lines = [f"{name};[authentication username={name} password={password}]" for name, password in accounts]
        fields = self._fields("register", lines)
        rate = ("-r", str(REGISTRATIONS_A_SECOND), "-m", str(len(lines)))
        process = await self._start("register", "register.xml", port, "-inf", str(fields), *rate)
        if await _await_end(process, 10 + len(lines) / REGISTRATIONS_A_SECOND) != 0:
            raise SippError(f"not every phone could register: {self._errors('register')}")

    async def call(self, name: str, port: int, *, called: str, numbers: Sequence[str], rate: int, talk_ms: int) -> None:
        """Place one call for each number, `rate` a second, and wait for the end of the last.

        Calls that fail are no error here. Raises SippError when SIPp itself can't run.
        """
        fields = self._fields(name, numbers)
        process = await self._start(
            name,
            "caller.xml",
            port,
            *("-inf", str(fields), "-s", called, "-r", str(rate), "-m", str(len(numbers))),
            *("-l", str(len(numbers)), "-d", str(talk_ms), "-recv_timeout", str(CALLER_PATIENCE_SECONDS * 1000)),
        )
        seconds = len(numbers) / rate + talk_ms / 1000 + CALLER_PATIENCE_SECONDS + 5
        if await _await_end(process, seconds) not in _CALLS_WERE_PLACED:
            raise SippError(f"the callers of {name}: {self._errors(name)}")

    @contextlib.asynccontextmanager
    async def line(
        self,
        name: str,
        port: int,
        *,
        called: str,
        numbers: Sequence[str],
        at_once: int,
        talk_ms: int,
        hang_up: Callable[[], object],
    ) -> AsyncIterator[None]:
        """Callers who wait for as long as it takes: `at_once` of them wait or talk at any time inside the block.

        Who has talked (half of `talk_ms` to one and a half, so that agents do not move in step) is followed by the next
        of `numbers`. At the end nobody follows and `hang_up()` ends all calls.
        """
        fields = self._fields(name, numbers)
        scenario = self._folder / f"{name}.xml"
        scenario.write_text(spread_talk((SCENARIOS / "caller.xml").read_text(), talk_ms))
        process = await self._start(
            name,
            scenario,
            port,
            *("-inf", str(fields), "-s", called, "-r", str(LINE_A_SECOND), "-m", str(len(numbers))),
            *("-l", str(at_once)),
        )
        try:
            yield
            if process.returncode is not None:
                raise SippError(f"the callers of {name} ended early: {self._errors(name)}")
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGUSR1)
                hang_up()
            await _await_end(process, DRAIN_SECONDS)

    def _errors(self, name: str) -> str:
        file = self._folder / f"{name}.errors"
        return file.read_text(errors="replace")[-400:] if file.exists() else "SIPp says nothing"

    def _fields(self, name: str, lines: Iterable[str]) -> Path:
        file = self._folder / f"{name}.csv"
        file.touch(mode=0o600)
        file.write_text("SEQUENTIAL\n" + "".join(f"{line}\n" for line in lines))
        return file


async def _await_end(process: asyncio.subprocess.Process, seconds: float) -> int | None:
    """The exit status; None when it had to be ended after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
