"""Where this hotline's folders and ports are; each can be moved by an environment variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from callcenter.words import Problem

PROJECT = Path(__file__).resolve().parents[2]
ASTERISK_ROOT = Path("/opt/callcenter/asterisk")
MOST_OF_A_KIND = 9
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel takes a few more."""
SERVER_USER = "callcenter"
"""The system user that PostgreSQL and Redis run as when this is started by root."""


class Listener(NamedTuple):
    """A port that a part will listen at, and the variable that moves it."""

    variable: str
    protocol: str
    """tcp or udp."""
    address: str
    port: int
    part: str


class NodePlace(NamedTuple):
    """One Asterisk: its name, the address of all that it listens at, the folder of its files."""

    name: str
    address: str
    folder: Path
    log: Path
    spool: Path
    """Where its `callcenter node` keeps reports."""


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
    asterisk_nodes: int = 1
    """How many Asterisks, each with its own `callcenter node`; the second listens at 127.0.0.2, and so on."""
    replicas: int = 1
    """How many services, at neighbouring web ports."""
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
        return self.web_urls[0]

    @property
    def web_urls(self) -> list[str]:
        """Where each replica of the service is."""
        host = self.address if self.web_host in ("", "0.0.0.0", "::") else self.web_host  # noqa: S104
        return [f"http://{host}:{self.web_port + number}" for number in range(self.replicas)]

    @property
    def nodes(self) -> list[NodePlace]:
        """Every Asterisk of this hotline, the first first."""
        places = [NodePlace("node1", self.address, self.var / "asterisk", self.log / "asterisk", self.var / "spool")]
        for number in range(1, self.asterisk_nodes):
            name, address = f"node{number + 1}", str(ip_address(self.address) + number)
            own = f"asterisk-{name}"
            places.append(NodePlace(name, address, self.var / own, self.log / own, self.var / f"spool-{name}"))
        return places

    @property
    def redis_socket(self) -> Path | None:
        """Where our Redis is reached on this machine for half of what its port costs; None: the path is too long."""
        path = self.var / "redis" / "redis.sock"
        return path if len(bytes(path.absolute())) <= LONGEST_SOCKET_PATH else None

    @property
    def postgres_socket(self) -> Path | None:
        """The folder, PostgreSQL's own, in which its socket file is; None: the file's path is too long."""
        folder = (self.var / "postgres").absolute()
        return folder if len(bytes(folder / f".s.PGSQL.{self.postgres_port}")) <= LONGEST_SOCKET_PATH else None

    def listeners(self) -> list[Listener]:
        """What will listen; parts that are somebody else's left out."""
        here = self.address
        wanted = [
            Listener("CALLCENTER_WEB_PORT", "tcp", here, self.web_port + number, "web")
            for number in range(self.replicas)
        ]
        wanted += [Listener("CALLCENTER_AGI_PORT", "tcp", node.address, self.agi_port, "node") for node in self.nodes]
        if not self.database_url:
            wanted.append(Listener("CALLCENTER_POSTGRES_PORT", "tcp", here, self.postgres_port, "PostgreSQL"))
        if not self.redis_url:
            wanted.append(Listener("CALLCENTER_REDIS_PORT", "tcp", here, self.redis_port, "Redis"))
        if not self.ari_url:
            for node in self.nodes:
                wanted.append(Listener("CALLCENTER_SIP_PORT", "udp", node.address, self.sip_port, "SIP"))
                wanted.append(Listener("CALLCENTER_ARI_PORT", "tcp", node.address, self.ari_port, "Asterisk"))
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
        asterisk_nodes=_count(environment, "CALLCENTER_ASTERISK_NODES"),
        replicas=_count(environment, "CALLCENTER_REPLICAS"),
        asterisk_root=Path(environment.get("CALLCENTER_ASTERISK_ROOT") or base.asterisk_root).absolute(),
        database_url=environment.get("CALLCENTER_DATABASE_URL", ""),
        redis_url=environment.get("CALLCENTER_REDIS_URL", ""),
        ari_url=environment.get("CALLCENTER_ARI_URL", ""),
    )
    if layout.ari_url and layout.asterisk_nodes > 1:
        raise Problem(
            "CALLCENTER_ASTERISK_NODES starts private Asterisks, CALLCENTER_ARI_URL says to use another. Unset one.",
            "CALLCENTER_ASTERISK_NODES 启动自带的 Asterisk，CALLCENTER_ARI_URL 则指定其他 Asterisk。请取消其中一个。",
        )
    if layout.web_port + layout.replicas > 65536:
        raise Problem(
            f"there is no port for each of {layout.replicas} services from {layout.web_port} on."
            " Set CALLCENTER_WEB_PORT to a smaller number.",
            f"从 {layout.web_port} 起没有足够的端口给 {layout.replicas} 个服务。请减小 CALLCENTER_WEB_PORT。",
        )
    _refuse_doubles(layout)
    return layout


def _refuse_doubles(layout: Layout) -> None:
    seen: dict[tuple[str, str, int], str] = {}
    for variable, protocol, address, port, _part in layout.listeners():
        other = seen.setdefault((protocol, address, port), variable)
        if other != variable:
            raise Problem(
                f"{other} and {variable} are both {port}. Set one of them to another port.",
                f"{other} 与 {variable} 都是 {port}。请把其中一个改为其他端口。",
            )


def _count(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or "1"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_OF_A_KIND):
        raise Problem(
            f"{name}={text} cannot be. Set it to a number from 1 to {MOST_OF_A_KIND}.",
            f"{name}={text} 无效。请设为 1 到 {MOST_OF_A_KIND} 之间的数字。",
        )
    return int(text)


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
