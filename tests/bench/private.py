"""A private hotline in a folder of its own, with its own ports; nothing of it is left behind."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from deploy.onebox.box import Box
from deploy.onebox.layout import layout_from
from deploy.onebox.processes import Process
from tests.bench.plan import Plan
from tests.onebox import SOUNDS

PARTS = ("asterisk", "serve", "node", "redis", "postgres")
KEPT_VARIABLES = ("CALLCENTER_ASTERISK_ROOT",)


_COMPLAINT = re.compile(r'level=(?:warning|error|critical) event="?((?<=")[^"]*|\S+)')


def complaints(log: Path) -> Counter[str]:
    """Warnings and errors in the logs of the service and the node: what, and how often."""
    found: Counter[str] = Counter()
    for name in ("serve", "node"):
        with (log / f"{name}.log").open(errors="replace") as lines:
            found.update(f"{name}: {said[1]}" for line in lines if (said := _COMPLAINT.search(line)))
    return found


class _Private:
    """Parts of a hotline in a folder of their own. Ports: those of a hotline, counted from `base_port`."""

    def __init__(self, folder: Path, base_port: int, rtp_ports: str) -> None:
        moved = {
            "CALLCENTER_VAR": str(folder),
            "CALLCENTER_WEB_PORT": str(base_port + 80),
            "CALLCENTER_SIP_PORT": str(base_port + 60),
            "CALLCENTER_ARI_PORT": str(base_port + 88),
            "CALLCENTER_AGI_PORT": str(base_port + 73),
            "CALLCENTER_POSTGRES_PORT": str(base_port + 33),
            "CALLCENTER_REDIS_PORT": str(base_port + 79),
            "CALLCENTER_RTP_PORTS": rtp_ports,
        }
        moved |= {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        plain = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
        self._box = Box(layout_from(moved), plain | {"CALLCENTER_SOUNDS_DIR": str(SOUNDS)})

    def __enter__(self) -> Self:
        try:
            self._box.open()
            self._start()
        except BaseException:
            self._box.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._box.close()

    def _start(self) -> None:
        raise NotImplementedError

    @property
    def sip_port(self) -> int:
        """Where its Asterisk is called."""
        return self._box.layout.sip_port

    def pids(self) -> dict[str, int]:
        """The processes that run now, by part."""
        return {name: self._box.processes[name].pid for name in PARTS if name in self._box.processes}

    def dead(self) -> list[str]:
        """Parts that have ended by themselves."""
        return [name for name, process in self._box.processes.items() if not process.alive()]

    def asterisk(self, command: str) -> str:
        """Run a console command of its Asterisk; what it says. Raises CalledProcessError."""
        console = self._box.layout.var / "asterisk" / "console"
        argv = [str(console), "-rx", command]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout


class PrivateAsterisk(_Private):
    """An Asterisk alone, up inside the `with` block; `prepare(folder)` changes its configuration before it starts."""

    def __init__(self, folder: Path, plan: Plan, prepare: Callable[[Path], None]) -> None:
        base = plan.base_port
        super().__init__(folder, plan.peer_base_port, f"{base + 3000}-{base + 4999}")
        self._prepare = prepare

    def _start(self) -> None:
        program = self._box.program("asterisk")
        self._prepare(self._box.layout.nodes[0].folder / "etc")
        self._box.processes["asterisk"] = Process.start(program, self._box.layout.run)
        self._box.wait_ready("asterisk")


class PrivateHotline(_Private):
    """A whole hotline, up inside the `with` block."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="callcenter-bench-"))
        self.folder.chmod(0o755)
        base = plan.base_port
        super().__init__(self.folder / "var", base, f"{base + 1000}-{base + 2999}")
        self._tell = tell
        self.logins: list[dict[str, Any]] = []

    def _start(self) -> None:
        self._box.start_all(self._tell)
        self.logins = list(self._box.logins)

    def remove(self) -> None:
        """Delete the folder with all it holds."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def web_url(self) -> str:
        """Where the API is."""
        return self._box.layout.web_url

    @property
    def database_url(self) -> str:
        """Its PostgreSQL, as the service knows it."""
        return self._box.settings.database_url

    @property
    def number(self) -> str:
        """The number that callers dial."""
        return self._box.settings.hotline_number

    @property
    def log(self) -> Path:
        """Every part's log."""
        return self._box.layout.log

    def stop_software(self) -> None:
        """End the service and the node; Asterisk goes on."""
        self._box.stop("node")
        self._box.stop("serve")
