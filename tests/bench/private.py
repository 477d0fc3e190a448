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


class PrivateHotline:
    """Everything up inside the `with` block."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.folder = Path(tempfile.mkdtemp(prefix="callcenter-bench-"))
        self.folder.chmod(0o755)
        base = plan.base_port
        moved = {
            "CALLCENTER_VAR": str(self.folder / "var"),
            "CALLCENTER_WEB_PORT": str(plan.web_port),
            "CALLCENTER_SIP_PORT": str(plan.sip_port),
            "CALLCENTER_ARI_PORT": str(base + 88),
            "CALLCENTER_AGI_PORT": str(base + 73),
            "CALLCENTER_POSTGRES_PORT": str(base + 33),
            "CALLCENTER_REDIS_PORT": str(base + 79),
            "CALLCENTER_RTP_PORTS": f"{base + 1000}-{base + 2999}",
        }
        moved |= {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        plain = {name: value for name, value in os.environ.items() if not name.startswith("CALLCENTER_")}
        self._box = Box(layout_from(moved), plain | {"CALLCENTER_SOUNDS_DIR": str(SOUNDS)})
        self.logins: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        try:
            self._box.open()
            self._box.start_all(self._tell)
            self.logins = list(self._box.logins)
        except BaseException:
            self._box.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._box.close()

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

    def pids(self) -> dict[str, int]:
        """The processes that run now, by part."""
        return {name: self._box.processes[name].pid for name in PARTS if name in self._box.processes}

    def dead(self) -> list[str]:
        """Parts that have ended by themselves."""
        return [name for name, process in self._box.processes.items() if not process.alive()]

    def stop_software(self) -> None:
        """End the service and the node; Asterisk goes on."""
        self._box.stop("node")
        self._box.stop("serve")

    def restart_asterisk(self, prepare: Callable[[Path], None]) -> None:
        """A fresh Asterisk; `prepare(folder)` changes its configuration before it starts. Raises Problem."""
        self._box.stop("asterisk")
        program = self._box.program("asterisk")
        prepare(self._box.layout.nodes[0].folder / "etc")
        self._box.processes["asterisk"] = Process.start(program, self._box.layout.run)
        self._box.wait_ready("asterisk")

    def asterisk(self, command: str) -> str:
        """Run a console command of this Asterisk; what it says. Raises CalledProcessError."""
        console = self._box.layout.var / "asterisk" / "console"
        argv = [str(console), "-rx", command]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout
