"""SIPp as the people at both ends: callers behind the trunk and agents' desk phones.

A Caller or DeskPhone is a context manager; leaving it ends its SIPp process. What happened is read from the log
lines that the scenarios beside this file write. Used by the tests and by `make bench`.
"""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Literal, Self

SCENARIOS = Path(__file__).parent
_LINE = re.compile(r"^(?P<kind>[a-z-]+) (?P<tick>\d+) ?(?P<rest>.*)$")
_POLL_SECONDS = 0.02
_REGISTRATIONS_A_SECOND = 50
_PREFIXES = tuple(f"1{second}{third}" for second in (3, 5, 8) for third in range(10))


def caller_number(place: int) -> str:
    """The mobile number of caller `place`; all differ, and their places and carriers do too."""
    return f"{_PREFIXES[place % len(_PREFIXES)]}{place * 7919 % 10**8:08d}"


class _Scenario(Template):
    """`@{name}` is replaced; `@` alone stands in SIP addresses."""

    pattern = r"@\{(?P<braced>[a-z_]+)\}|(?P<escaped>(?!))|(?P<named>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class SipEvent:
    """One thing SIPp did or saw."""

    kind: str
    """Caller: invite ringing answered hung-up-on hangs-up gives-up not-answered. Phone: listen invite dialled
    offered sound leg answer hung-up-on hangs-up cancelled rejects, whose text from leg on ends with the SIP Call-ID."""
    tick_ms: int
    """Milliseconds on the clock of that SIPp process."""
    text: str


class Sipp:
    """One SIPp process with a rendered scenario."""

    def __init__(self, scenario: str, values: dict[str, str], arguments: list[str], fields: Sequence[str] = ()) -> None:
        """`fields`: a line for each call, whose parts stand in the scenario as [field0] and so on."""
        self._values = values
        self._fields = fields
        self.started_at = 0.0
        """When its clock began (seconds since the epoch)."""
        self._scenario = scenario
        self._arguments = arguments
        self._folder = Path(tempfile.mkdtemp(prefix="sipp-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start SIPp. Raises FileNotFoundError when it is not installed."""
        text = (SCENARIOS / f"{self._scenario}.xml").read_text(encoding="utf-8")
        file = self._folder / "scenario.xml"
        file.write_text(_Scenario(text).substitute(self._values), encoding="utf-8")
        rows: list[str] = []
        if self._fields:
            lines = self._folder / "fields.csv"
            lines.write_text("SEQUENTIAL\n" + "".join(f"{line}\n" for line in self._fields), encoding="utf-8")
            rows = ["-inf", str(lines)]
        self.started_at = time.time()
        with (self._folder / "screen").open("wb") as screen:
            self._process = subprocess.Popen(
                ["sipp", "-sf", str(file), "-trace_logs", "-log_file", str(self._folder / "log"),
                 "-trace_err", "-error_file", str(self._folder / "errors"), "-cid_str", "%u-%p", "-nostdin",
                 *rows, *self._arguments],
                stdout=screen, stderr=subprocess.STDOUT, cwd=self._folder,
            )  # fmt: skip

    def stop(self) -> None:
        """End the process, as a phone dies: nobody is told. Forget its files. Safe to repeat."""
        if self._process:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def place_no_more(self) -> None:
        """No new calls; those under way go on to their end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def freeze(self) -> None:
        """End the process and keep what it has seen, until `stop`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The running process's id."""
        assert self._process is not None
        return self._process.pid

    def events(self) -> list[SipEvent]:
        """What has happened so far, in order."""
        try:
            text = (self._folder / "log").read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        found = (_LINE.match(line) for line in text.split("\n"))
        return [SipEvent(m["kind"], int(m["tick"]), m["rest"].strip()) for m in found if m]

    def wait_for(self, kind: str, *, count: int = 1, within_seconds: float = 10) -> SipEvent:
        """The `count`th event of a kind. Raises AssertionError with SIPp's own errors when it does not come."""
        deadline = time.monotonic() + within_seconds
        while True:
            found = [event for event in self.events() if event.kind == kind]
            if len(found) >= count:
                return found[count - 1]
            if time.monotonic() > deadline:
                raise AssertionError(f"no {kind!r} in {within_seconds} s; {self.events()}; {self.errors()}")
            time.sleep(_POLL_SECONDS)

    def finish(self, within_seconds: float = 30) -> int:
        """Wait until all calls are through; SIPp's exit code (0: every call went as the scenario says)."""
        assert self._process is not None
        return self._process.wait(within_seconds)

    def errors(self) -> str:
        """SIPp's own complaints, for an assertion's message."""
        try:
            return (self._folder / "errors").read_text("utf-8", "replace")[-2000:]
        except FileNotFoundError:
            return (self._folder / "screen").read_text("utf-8", "replace")[-500:]


class Caller(Sipp):
    """One caller, or a stream of them, calling a number through the trunk."""

    def __init__(
        self,
        hotline: str,
        *,
        called: str = "4008001234",
        number: str = "13800138000",
        numbers: Sequence[str] = (),
        name: str = "",
        hold_seconds: float = 1,
        patience_seconds: float = 60,
        calls: int = 1,
        calls_per_second: float = 1,
        at_once: int = 1000,
        host: str = "127.0.0.1",
        rtp: bool = False,
        media_port: int | None = None,
    ) -> None:
        """`hotline`: "host:port". `name` and `number` go into the From header as they are.

        `number` may hold `[call_number]`; `numbers`: one call from each of them instead. `hold_seconds`: the caller
        hangs up that long after the answer.
        `patience_seconds`: he gives up when not answered. `rtp`: sends one packet stream while talking.
        `media_port`: somebody else sends and takes his sound, at that port of `host`.
        """
        media = '<nop><action><exec rtp_stream="apattern,1,8,PCMA/8000"/></action></nop>' if rtp else ""
        values = {
            "called": called,
            "from_number": "[field0]" if numbers else number,
            "from_name": f'"{name}" ' if name else "",
            "hold_ms": str(int(hold_seconds * 1000)),
            "patience_ms": str(int(patience_seconds * 1000)),
            "media": media,
            "media_port": str(media_port) if media_port else "[media_port]",
        }
        port = free_udp_port(host)
        arguments = [
            hotline, "-i", host, "-p", str(port), "-m", str(len(numbers) or calls), "-r", str(calls_per_second),
            "-l", str(at_once), "-mi", host,
        ]  # fmt: skip
        super().__init__("caller", values, arguments, numbers)


class DeskPhone(Sipp):
    """An agent's desk phone at a fixed port (`contact`), which rings and then does as told, call after call."""

    def __init__(
        self,
        extension: str,
        *,
        does: Literal["answer", "reject", "ignore"] = "answer",
        ring_seconds: float = 0.2,
        talk_seconds: float | None = None,
        reject_with: str = "486 Busy Here",
        host: str = "127.0.0.1",
        port: int = 0,
        media_port: int | None = None,
    ) -> None:
        """`talk_seconds`: hangs up that long after answering; None: leaves that to the caller. `media_port`: somebody
        else sends and takes his sound, at that port of `host`.
        """
        self.extension = extension
        self.port = port or free_udp_port(host)
        self.contact = f"sip:{extension}@{host}:{self.port}"
        ring_ms, talk_ms = int(ring_seconds * 1000), int((talk_seconds or 86400) * 1000)
        values = {
            "extension": extension,
            "media_port": str(media_port) if media_port else "[media_port]",
            "first_answer": "180 Ringing",
            "after_ringing": _after_ringing(does, ring_ms, reject_with),
            "after_answer": f'<recv request="BYE" timeout="{talk_ms}" ontimeout="bye" next="hung-up-on"/>',
        }
        self._host = host
        super().__init__("phone", values, ["-i", host, "-p", str(self.port), "-mi", host, "-aa", "-l", "1000"])

    def start(self) -> None:
        """Start SIPp and wait until it listens. Raises AssertionError when it does not."""
        super().start()
        deadline = time.monotonic() + 20
        # Not by is_free(): a probe that holds the port as SIPp takes it would end SIPp.
        while f":{self.port:04X} " not in Path("/proc/net/udp").read_text():
            assert time.monotonic() < deadline, self.errors()
            time.sleep(_POLL_SECONDS)

    def register(self, hotline: str, password: str, *, expires_seconds: int = 3600) -> bool:
        """Register `contact` with digest authentication; whether it was taken."""
        return self.register_all(hotline, [(self.extension, password)], expires_seconds=expires_seconds)

    def register_all(self, hotline: str, accounts: Sequence[tuple[str, str]], *, expires_seconds: int = 3600) -> bool:
        """Register several phones (extension, password) at this one's port; whether all were taken."""
        host = self.contact.split("@")[1].split(":")[0]
        values = {"contact_port": str(self.port), "expires": str(expires_seconds)}
        arguments = [
            hotline, "-i", host, "-p", str(free_udp_port(host)), "-m", str(len(accounts)), "-timeout", "5s",
            "-r", str(_REGISTRATIONS_A_SECOND),
        ]  # fmt: skip
        fields = [f"{name};[authentication username={name} password={password}]" for name, password in accounts]
        with Sipp("register", values, arguments, fields) as registration:
            return registration.finish(10) == 0


def _after_ringing(does: str, ring_ms: int, reject_with: str) -> str:
    """The scenario's part between 180 and the answer."""
    if does == "ignore":
        return '<recv request="CANCEL" next="cancelled"/>'
    wait = f'<recv request="CANCEL" timeout="{ring_ms}" ontimeout="ready" next="cancelled"/><label id="ready"/>'
    if does == "answer":
        return wait
    return f"""{wait}
  <send retrans="500">
    <![CDATA[
      SIP/2.0 {reject_with}
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]p[call_number]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
    ]]>
    <action><log message="rejects [clock_tick] [$call] [call_id]"/></action>
  </send>
  <recv request="ACK" next="end"/>"""


def free_udp_port(host: str = "127.0.0.1") -> int:
    """A port nobody has just now, outside the range that outgoing connections take."""
    for port in _candidates():
        if is_free(host, port):
            return port
    raise OSError("no free UDP port")


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens at a UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


_next_port = iter(range(0))


def _candidates() -> Iterator[int]:
    """Ports not given out lately by this process, starting somewhere of its own."""
    global _next_port  # noqa: PLW0603 - one sequence a process
    for _ in range(20000):
        port = next(_next_port, 0)
        if not port:
            start = 40000 + time.monotonic_ns() % 5000
            _next_port = iter(range(start, 60000, 2))
            port = next(_next_port)
        yield port
