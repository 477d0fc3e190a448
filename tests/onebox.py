"""A whole private hotline for tests: own ports and folder, every part real; parts can be killed and started.

def test_it(hotline: RunningHotline) -> None:
    hotline.kill("serve")
    hotline.start("serve")
"""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.onebox import hotline_file
from deploy.onebox.box import Box, kind_of, number_of, wait_until
from deploy.onebox.layout import Layout, layout_from
from deploy.onebox.ports import is_free, next_free
from deploy.onebox.processes import last_words

FIRST_PORT, LAST_PORT = 20000, 32000
"""Below the ports that the kernel gives to outgoing connections, so that none of those takes one."""
RTP_PORTS = 400


SOUNDS = Path(tempfile.gettempdir()) / "callcenter-test-sounds"
"""Speech that every hotline of the tests shares: a sound's name says its content, and making all takes a while."""


def free_ports(count: int, *, address: str = "127.0.0.1") -> list[int]:
    """`count` neighbouring ports that are free for TCP and UDP; two test runs begin at different places."""
    span = LAST_PORT - FIRST_PORT
    start = os.getpid() * 613 % span
    for step in range(0, span, count):
        first = FIRST_PORT + (start + step) % (span - count)
        ports = list(range(first, first + count))
        if all(is_free(address, protocol, port) for port in ports for protocol in ("tcp", "udp")):
            return ports
    raise RuntimeError("no free ports")


def own_environment(ours: Iterable[str] = ()) -> dict[str, str]:
    """This process' environment without any setting of a hotline, so that no test touches somebody's own."""
    kept = set(ours)
    return {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_") or name in kept}


def layout_for_tests(var: Path, *, address: str = "127.0.0.1", nodes: int = 1, replicas: int = 1) -> Layout:
    """A layout with free ports in `var`, on PostgreSQL that does not wait for the disk.

    `nodes`: how many Asterisks, the second at the next address; `replicas`: how many services.
    """
    sip, ari, agi, postgres, redis, web, *_ = free_ports(5 + replicas, address=address)
    rtp = free_ports(RTP_PORTS, address=address)
    root = layout_from({name: value for name, value in os.environ.items() if name == "CALLCENTER_ASTERISK_ROOT"})
    return Layout(
        var=var,
        address=address,
        web_host=address,
        web_port=web,
        sip_port=sip,
        ari_port=ari,
        agi_port=agi,
        postgres_port=postgres,
        redis_port=redis,
        rtp_ports=(rtp[0], rtp[-1]),
        asterisk_nodes=nodes,
        replicas=replicas,
        asterisk_root=root.asterisk_root,
        throwaway=True,
    )


_PIDFD_GETFD = 438
"""The number of pidfd_getfd(2), which is the same on every machine; Python has no name for it."""


class _Descriptors:
    """The open files of a process that this one may trace, such as its children's."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}/fd")
        self._pidfd = os.pidfd_open(pid)
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall

    def close(self) -> None:
        os.close(self._pidfd)

    def sockets(self) -> Iterator[socket.socket]:
        """Each TCP socket of the process, as one of this process'."""
        for link in self._folder.iterdir():
            with contextlib.suppress(OSError):  # it was closed meanwhile
                if link.readlink().name.startswith("socket:"):
                    descriptor = self._syscall(_PIDFD_GETFD, self._pidfd, int(link.name), 0)
                    if descriptor < 0:
                        raise OSError(ctypes.get_errno(), "pidfd_getfd")
                    yield socket.socket(fileno=descriptor)


class RunningHotline:
    """A hotline with all parts running: postgres, redis, asterisk, serve, node, and where there are several of a
    kind asterisk2, serve2, node2 and so on.
    """

    def __init__(self, box: Box, trunk_port: int = 0) -> None:
        """`trunk_port`: where calls out over the trunk go."""
        self.box = box
        self.trunk_port = trunk_port
        self.logins: dict[str, dict[str, Any]] = {}
        """By username: role, password, extension, phone_kind; a desk phone's sip_username, sip_password."""
        self.facts: dict[str, Any] = {}
        """What `var/hotline.json` holds."""

    def begin(self) -> None:
        """Start everything, with the sample people. Raises Problem."""
        self.box.open()
        self.box.start_all()
        logins = self.box.logins
        self.facts = hotline_file.write(self.box, logins)
        self.logins = {login["username"]: login for login in logins}

    # ---- where it is

    @property
    def var(self) -> Path:
        """Its folder: log/, asterisk/, hotline.json."""
        return self.box.layout.var

    @property
    def web_url(self) -> str:
        """Where pages and /api/v1 are."""
        return self.box.layout.web_url

    @property
    def sip(self) -> str:
        """host:port for callers."""
        return str(self.facts["sip"])

    @property
    def database_url(self) -> str:
        """For asyncpg or psycopg."""
        return self.box.settings.database_url

    @property
    def redis_url(self) -> str:
        """For redis."""
        return self.box.settings.redis_url

    @property
    def number(self) -> str:
        """The hotline's number."""
        return self.box.settings.hotline_number

    # ---- what a test does to it

    def kill(self, part: str) -> None:
        """End a part at once, as a crash would; it stays away until `start`."""
        self.box.kill(part)

    def stop(self, part: str) -> None:
        """End a part in good order; it stays away until `start`."""
        self.box.stop(part)

    def start(self, part: str) -> None:
        """Start a part again and wait until it is ready."""
        self.box.start(part)

    def restart(self, part: str) -> None:
        """Kill a part and start it again."""
        self.kill(part)
        self.start(part)

    def restore(self) -> None:
        """Start every part that a test left stopped."""
        for part in self.box.parts:
            self.box.start(part)

    @contextmanager
    def without(self, *parts: str) -> Iterator[None]:
        """The parts are killed inside the block and back, ready, after it."""
        for part in parts:
            self.kill(part)
        try:
            yield
        finally:
            self.restore()

    def cut(self, part: str, port: int) -> int:
        """Cut the part's TCP connections to a port, as a broken network would; how many. Both ends live on."""
        process = self.pid(part)
        cut = 0
        with contextlib.closing(_Descriptors(process)) as descriptors:
            for connection in descriptors.sockets():
                with connection, contextlib.suppress(OSError):
                    if connection.family == socket.AF_INET and connection.getpeername()[1] == port:
                        connection.shutdown(socket.SHUT_RDWR)
                        cut += 1
        return cut

    def pid(self, part: str) -> int:
        """The process id of a running part."""
        return self.box.processes[part].pid

    def asterisk(self, command: str, *, node: int = 0) -> str:
        """What an Asterisk's console answers to `command`; `node` counts from 0."""
        console = [self.facts["nodes"][node]["asterisk_cli"], "-rx", command]
        return subprocess.run(console, capture_output=True, text=True, check=True, timeout=20).stdout

    def hang_up_everything(self) -> None:
        """End every channel on every running Asterisk, as if everybody hung up."""
        for part in self.box.processes:
            if kind_of(part) == "asterisk":
                self.asterisk("channel request hangup all", node=number_of(part))

    def command(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `callcenter …` with this hotline's settings, some of them changed."""
        program = self.box.program("serve")
        return subprocess.run(
            [*program.argv[:-1], *arguments],
            cwd=program.folder,
            env={**program.environment, "COLUMNS": "200", **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def last_words(self, part: str, lines: int = 20) -> str:
        """The end of a part's log."""
        return last_words(self.box.layout.log / f"{part}.log", lines)

    def complaints(self, lines: int = 15) -> Iterator[tuple[str, str]]:
        """Each service and node, and the last that it said above information."""
        for part in self.box.parts:
            log = self.box.layout.log / f"{part}.log"
            if kind_of(part) in {"serve", "node"} and log.exists():
                said = log.read_text(encoding="utf-8", errors="replace").splitlines()
                yield part, "\n".join([line for line in said if " level=info " not in line][-lines:])


@contextmanager
def private_hotline(*, address: str = "127.0.0.1", nodes: int = 1, replicas: int = 1) -> Iterator[RunningHotline]:
    """A hotline of the block's own, ended and removed after it; CALLCENTER_KEEP_TEST_VAR=1 keeps it."""
    var = Path(tempfile.mkdtemp(prefix="callcenter-test-"))
    layout = layout_for_tests(var, address=address, nodes=nodes, replicas=replicas)
    trunk_port = next_free(address, "udp", layout.rtp_ports[1])
    environment = own_environment() | {
        "CALLCENTER_TRUNK_CONTACT": f"sip:{address}:{trunk_port}",
        "CALLCENTER_SOUNDS_DIR": str(SOUNDS),
    }
    hotline = RunningHotline(Box(layout, environment), trunk_port)
    try:
        hotline.begin()
        yield hotline
    finally:
        hotline.box.close()
        if os.environ.get("CALLCENTER_KEEP_TEST_VAR"):
            print(f"kept {var}")
        else:
            shutil.rmtree(var, ignore_errors=True)


def read_hotline_file(var: Path) -> dict[str, Any]:
    """What a running hotline's file holds; empty while it is not ready."""
    try:
        held: dict[str, Any] = json.loads((var / "hotline.json").read_text())
    except (OSError, ValueError):
        return {}
    return held


def nobody_listens(port: int, *, seconds: float = 5.0) -> bool:
    """Is this TCP port of 127.0.0.1 closed, or closed within `seconds`?"""

    def closed() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    return wait_until(closed, seconds)
