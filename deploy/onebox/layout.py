"""Where this hotline's folders and ports are; each can be moved by an environment variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callcenter.words import Problem

PROJECT = Path(__file__).resolve().parents[2]
ASTERISK_ROOT = Path("/opt/callcenter/asterisk")
SERVER_USER = "callcenter"
"""The system user that PostgreSQL and Redis run as when this is started by root."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Folders, addresses and ports of one hotline. A URL that is set: that server is somebody else's."""

    var: Path = PROJECT / "var"
    address: str = "127.0.0.1"
    web_host: str = "127.0.0.1"
    web_port: int = 8080
    sip_port: int = 5060
    ari_port: int = 8088
    agi_port: int = 4573
    postgres_port: int = 5433
    redis_port: int = 6380
    rtp_ports: tuple[int, int] = (10000, 10999)
    asterisk_root: Path = ASTERISK_ROOT
    database_url: str = ""
    redis_url: str = ""
    ari_url: str = ""
    throwaway: bool = False
    """For tests: PostgreSQL need not survive a power cut, so it never waits for the disk."""

    @property
    def log(self) -> Path:
        """Every part's log file."""
        return self.var / "log"

    @property
    def run(self) -> Path:
        """Files that name the running processes."""
        return self.var / "run"

    @property
    def hotline_file(self) -> Path:
        """What other programs read to find the running hotline."""
        return self.var / "hotline.json"

    @property
    def web_url(self) -> str:
        """Where browsers go on this machine."""
        host = self.address if self.web_host in ("", "0.0.0.0", "::") else self.web_host  # noqa: S104
        return f"http://{host}:{self.web_port}"

    def listeners(self) -> list[tuple[str, str, int, str]]:
        """What will listen: (variable, protocol, port, part); parts that are somebody else's left out."""
        wanted = [
            ("CALLCENTER_WEB_PORT", "tcp", self.web_port, "web"),
            ("CALLCENTER_AGI_PORT", "tcp", self.agi_port, "node"),
        ]
        if not self.database_url:
            wanted.append(("CALLCENTER_POSTGRES_PORT", "tcp", self.postgres_port, "PostgreSQL"))
        if not self.redis_url:
            wanted.append(("CALLCENTER_REDIS_PORT", "tcp", self.redis_port, "Redis"))
        if not self.ari_url:
            wanted.append(("CALLCENTER_SIP_PORT", "udp", self.sip_port, "SIP"))
            wanted.append(("CALLCENTER_ARI_PORT", "tcp", self.ari_port, "Asterisk"))
        return wanted


def layout_from(environment: Mapping[str, str] = os.environ) -> Layout:
    """The layout that the environment asks for; raises Problem for a value that cannot be."""
    base = Layout()
    first, last = _range(environment, "CALLCENTER_RTP_PORTS", base.rtp_ports)
    layout = Layout(
        var=Path(environment.get("CALLCENTER_VAR") or base.var).absolute(),
        web_host=environment.get("CALLCENTER_WEB_HOST") or base.web_host,
        web_port=_port(environment, "CALLCENTER_WEB_PORT", base.web_port),
        sip_port=_port(environment, "CALLCENTER_SIP_PORT", base.sip_port),
        ari_port=_port(environment, "CALLCENTER_ARI_PORT", base.ari_port),
        agi_port=_port(environment, "CALLCENTER_AGI_PORT", base.agi_port),
        postgres_port=_port(environment, "CALLCENTER_POSTGRES_PORT", base.postgres_port),
        redis_port=_port(environment, "CALLCENTER_REDIS_PORT", base.redis_port),
        rtp_ports=(first, last),
        asterisk_root=Path(environment.get("CALLCENTER_ASTERISK_ROOT") or base.asterisk_root).absolute(),
        database_url=environment.get("CALLCENTER_DATABASE_URL", ""),
        redis_url=environment.get("CALLCENTER_REDIS_URL", ""),
        ari_url=environment.get("CALLCENTER_ARI_URL", ""),
    )
    _refuse_doubles(layout)
    return layout


def _refuse_doubles(layout: Layout) -> None:
    seen: dict[tuple[str, int], str] = {}
    for variable, protocol, port, _part in layout.listeners():
        other = seen.setdefault((protocol, port), variable)
        if other != variable:
            raise Problem(
                f"{other} and {variable} are both {port}. Set one of them to another port.",
                f"{other} 与 {variable} 都是 {port}。请把其中一个改为其他端口。",
            )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise Problem(
            f"{name}={text} is no port. Set it to a number from 1 to 65535.",
            f"{name}={text} 不是端口号。请设为 1 到 65535 之间的数字。",
        )
    return int(text)


def _range(environment: Mapping[str, str], name: str, default: tuple[int, int]) -> tuple[int, int]:
    text = environment.get(name) or f"{default[0]}-{default[1]}"
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and 1024 <= int(first) < int(last) <= 65535):
        raise Problem(
            f"{name}={text} is no range of ports. Write it like {default[0]}-{default[1]}.",
            f"{name}={text} 不是端口范围。请写成 {default[0]}-{default[1]} 的形式。",
        )
    return int(first), int(last)
