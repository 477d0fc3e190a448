"""Asterisk and its node alone, real, with a stub for the service: what this room's own tests stand on."""

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from callcenter.asterisk.agi_host import AgiHost, Shipper
from callcenter.asterisk.config import AGI_SCRIPTS, DIALPLANS, AsteriskOptions, cdr_file, cli, command, render
from callcenter.asterisk.ledger import Ledger
from callcenter.asterisk.phones import Phone, objects_of
from callcenter.asterisk.steps import Node
from callcenter.settings import Settings
from deploy.onebox.layout import ASTERISK_ROOT
from tests.asterisk.sip.driver import DeskPhone, free_udp_port
from tests.asterisk.stub_service import StubService, eventually

TOKEN = "a-nodes-token"
SIP_PASSWORD = "a-phones-password"
ARI_PASSWORD = "an-ari-password"
NODE = "layer1"
PLAIN_NUMBER = "7777"
"""Calls to this number take the same dialplan with plain AGI scripts instead of `callcenter node`."""


@dataclass
class Layer:
    """The running parts."""

    options: AsteriskOptions
    service: StubService
    folder: Path
    asterisk: subprocess.Popen[bytes]
    trunk_port: int
    """Where calls over the trunk go to."""
    node: Node | None = None
    host: AgiHost | None = None
    shipper: Shipper | None = None

    @property
    def sip(self) -> str:
        """Where the trunk sends calls."""
        return f"{self.options.sip_host}:{self.options.sip_port}"

    def console(self, line: str) -> str:
        """What Asterisk's console says to a command."""
        return subprocess.run([*cli(self.options), "-rx", line], capture_output=True, text=True, check=False).stdout

    def start_node(self) -> None:
        """Run the AGI host and the shipper in threads of this process."""
        settings = Settings(
            services=self.service.url, node_token=TOKEN, node_name=NODE, spool_dir=self.options.node_spool_dir
        )
        node = self.node = Node.of(settings)
        self.host = AgiHost(node, self.options.agi_host, self.options.agi_port)
        threading.Thread(target=self.host.serve, daemon=True).start()
        self.shipper = Shipper(node, Ledger(cdr_file(self.options.log_dir), self.options.node_spool_dir, NODE))
        self.shipper.start()

    def stop_node(self) -> None:
        """End it; callers in a step go on as the dialplan says."""
        if self.host and self.shipper and self.node:
            self.host.stop()
            self.shipper.stop()
            self.node.service.close()
            self.host = self.shipper = None

    def push(self, phone: DeskPhone) -> None:
        """Make a phone known at its fixed address."""
        digest = hashlib.md5(f"{phone.extension}:callcenter:{SIP_PASSWORD}".encode()).hexdigest()  # noqa: S324 - SIP
        known = Phone(phone.extension, "desk", digest, contact=phone.contact)
        with contextlib.suppress(urllib.error.HTTPError):
            self.ari("DELETE", f"asterisk/config/dynamic/res_pjsip/aor/{phone.extension}")
        for kind, fields in objects_of(known, "callcenter", "127.0.0.1").items():
            body = {"fields": [{"attribute": name, "value": value} for name, value in fields]}
            self.ari("PUT", f"asterisk/config/dynamic/res_pjsip/{kind}/{phone.extension}", body)

    def forget(self, extension: str) -> None:
        """Make a phone unknown again: the fallback queue rings every one that is known."""
        for kind in ("endpoint", "aor", "auth"):
            self.ari("DELETE", f"asterisk/config/dynamic/res_pjsip/{kind}/{extension}")

    def ari(self, method: str, uri: str, body: Any = None) -> None:
        """One ARI request over plain HTTP."""
        url = f"http://{self.options.http_host}:{self.options.http_port}/ari/{uri}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 - our own Asterisk
            f"{url}{'&' if '?' in url else '?'}api_key=callcenter:{ARI_PASSWORD}",
            json.dumps(body).encode() if body else None, headers, method=method,
        )  # fmt: skip
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - our own Asterisk

    def quiet_down(self) -> None:
        """End every call and wait until nothing of it is under way."""
        self.console("channel request hangup all")
        eventually(lambda: not self.channels(), "no channel is left")
        eventually(lambda: not (self.host and self.host.running), "no step is under way")
        kept = self.options.node_spool_dir / "message"
        eventually(lambda: not list(kept.iterdir()), "no message is on its way")

    def channels(self) -> int:
        """How many channels there are."""
        found = re.search(r"(\d+) active channel", self.console("core show channels count"))
        return int(found[1]) if found else 0


@contextmanager
def running_layer() -> Iterator[Layer]:
    """Start Asterisk, the stub and the node; end all of them afterwards."""
    with tempfile.TemporaryDirectory(prefix="layer-") as name:
        folder = Path(name)
        trunk_port = free_udp_port()
        options = _options(folder, trunk_port)
        service = StubService()
        service.start()
        render(options)
        (options.etc_dir / "dialplans" / "plain.conf").write_text(_plain_dialplan(), encoding="utf-8")
        with (folder / "asterisk.out").open("wb") as out:
            process = subprocess.Popen(
                command(options), stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=_environment(service, folder)
            )
        layer = Layer(options, service, folder, process, trunk_port)
        try:
            eventually(lambda: "fully booted" in layer.console("core waitfullybooted"), "Asterisk is up", 20)
            layer.start_node()
            yield layer
        finally:
            layer.stop_node()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            service.stop()


def _options(folder: Path, trunk_port: int) -> AsteriskOptions:
    root = Path(os.environ.get("CALLCENTER_ASTERISK_ROOT", ASTERISK_ROOT))
    rtp = free_udp_port() // 2 * 2
    options = AsteriskOptions(
        etc_dir=folder / "etc", run_dir=folder / "run", log_dir=folder / "log", spool_dir=folder / "spool",
        state_dir=folder / "state", ari_password=ARI_PASSWORD, node_name=NODE, fallback_ring_seconds=5,
        trunk_contact=f"sip:127.0.0.1:{trunk_port}", hotline_number="4008001234", node_spool_dir=folder / "node",
        root=root if (root / "usr/sbin/asterisk").exists() else None,
    )  # fmt: skip
    return replace(
        options,
        sip_port=free_udp_port(),
        http_port=_free_tcp_port(),
        agi_port=_free_tcp_port(),
        rtp_first=rtp,
        rtp_last=rtp + 200,
    )


def _plain_dialplan() -> str:
    """The hotline's own dialplan under other context names, with the scripts run by Asterisk itself."""
    text = (DIALPLANS / "hotline.conf").read_text(encoding="utf-8").replace("hotline", "plain")
    text = re.sub(r"\$\{CC_AGI\}/(\w+)", rf"{AGI_SCRIPTS}/\1.py", text)
    return f"{text}\n[hotline](+)\nexten => {PLAIN_NUMBER},1,Goto(plain,{PLAIN_NUMBER},1)\n"


def _environment(service: StubService, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "CALLCENTER_SERVICES": service.url,
        "CALLCENTER_NODE_TOKEN": TOKEN,
        "CALLCENTER_NODE_NAME": NODE,
        "CALLCENTER_SPOOL_DIR": str(folder / "node"),
    }


def _free_tcp_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
