"""Every setting of a running hotline, read from `CALLCENTER_…` environment variables."""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from callcenter.asterisk.model import NODE_NAME, TRUNK

_NODE = re.compile(NODE_NAME)


class Settings(BaseSettings):
    """Where the hotline's parts are and how it behaves. Each has a default that works on one machine."""

    model_config = SettingsConfigDict(env_prefix="CALLCENTER_", extra="ignore")

    database_url: str = "postgresql://callcenter@127.0.0.1:5432/callcenter"
    redis_url: str = "redis://127.0.0.1:6379/0"

    node_name: str = Field("node1", pattern=rf"^{NODE_NAME}$")
    """Name of the Asterisk machine beside this process; Asterisk's `systemname`, first part of each call id."""
    ari_url: str = "http://127.0.0.1:8088"
    """Asterisk's HTTP server, without a path."""
    nodes: str = ""
    """For `callcenter serve` over several Asterisk machines: each one's name and HTTP server, as
    node1=http://10.0.0.1:8088,node2=http://10.0.0.2:8088. Empty: `node_name` at `ari_url` alone."""
    ari_user: str = "callcenter"
    ari_password: SecretStr = SecretStr("")
    phone_websocket_url: str = ""
    """What a browser phone connects to, for example wss://hotline.example/ws; of several nodes one each,
    comma-separated, the first tried first. Empty: the nodes' own."""
    sip_domain: str = "127.0.0.1"
    """Host part of a phone's SIP address."""
    sip_port: int = 5060
    """Port a desk phone registers at."""

    media_address: str = "127.0.0.1"
    """IP address that phones are told to send their sound to; empty: Asterisk's choice. Of several nodes one each, as
    node1=192.0.2.1,node2=192.0.2.2."""

    web_host: str = "127.0.0.1"
    web_port: int = 8080
    front_servers: str = ""
    """Addresses of web servers in front of the service, comma-separated; their X-Forwarded-For is believed."""

    services: str = "http://127.0.0.1:8080"
    """For `callcenter node`: addresses of `callcenter serve`, comma-separated; tried in order."""
    agi_host: str = "127.0.0.1"
    agi_port: int = 4573
    node_token: SecretStr = SecretStr("")
    """Secret that `callcenter node` shows to `callcenter serve`."""
    asterisk_log_dir: Path = Path("/var/log/asterisk")
    """Where `callcenter node` finds Asterisk's CDR files."""
    spool_dir: Path = Path("/var/spool/callcenter")
    """Where `callcenter node` keeps the sounds that it has fetched, and reports and messages that no service has taken
    yet. Asterisk plays and records there.
    """
    sounds_dir: Path = Path("/var/lib/callcenter/sounds")
    """Where `callcenter serve` keeps the speech it has made; what is missing there is made again."""

    recordings_dir: Path = Path("/var/lib/callcenter/recordings")
    """Where `callcenter serve` keeps recordings of talks; one folder for all replicas, on the machines of all."""

    hotline_number: str = "4008001234"
    trunk_contact: str = Field("", pattern=r"^(sips?:[A-Za-z0-9_.:@\[\]-]+)?$")
    """SIP URI that outgoing calls are sent to, such as sip:trunk.example:5060; empty: nobody can be called back."""
    country: str = Field("CN", pattern=r"^[A-Z]{2}$")
    """Numbers without a country code, and the ring cadence, are this country's."""
    zone: str = "Asia/Shanghai"
    """The department's time zone, for people; inside all times are UTC."""

    @field_validator("nodes")
    @classmethod
    def _check_nodes(cls, text: str) -> str:
        for name, url in _by_node(text).items():
            parts = urlsplit(url)
            if not _NODE.fullmatch(name) or name == TRUNK or parts.scheme not in ("http", "https") or not parts.netloc:
                raise ValueError("write it like node1=http://10.0.0.1:8088,node2=http://10.0.0.2:8088")
        return text

    @field_validator("media_address")
    @classmethod
    def _check_media_address(cls, text: str) -> str:
        for address in _by_node(text).values() if "=" in text else filter(None, [text]):
            ip_address(address)
        return text

    @property
    def ari_urls(self) -> dict[str, str]:
        """Each node's HTTP server, by its name."""
        return _by_node(self.nodes) or {self.node_name: self.ari_url}

    @property
    def phone_websocket_urls(self) -> list[str]:
        """Where a browser phone connects to, as ws:// or wss://, in the order of trying."""
        return _listed(self.phone_websocket_url) or [_websocket_of(url) for url in self.ari_urls.values()]

    @property
    def service_urls(self) -> list[str]:
        """Every `callcenter serve`."""
        return [url.rstrip("/") for url in _listed(self.services)]

    def media_address_of(self, node: str) -> str:
        """Where phones of this node send their sound."""
        return _by_node(self.media_address).get(node, "") if "=" in self.media_address else self.media_address


def _listed(text: str) -> list[str]:
    return [part for one in text.split(",") if (part := one.strip())]


def _by_node(text: str) -> dict[str, str]:
    """`node1=x,node2=y` by name. Raises ValueError for a name that stands there twice."""
    pairs = [(name.strip(), value.strip()) for name, _, value in (part.partition("=") for part in _listed(text))]
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a node stands there twice")
    return dict(pairs)


def _websocket_of(ari_url: str) -> str:
    parts = urlsplit(ari_url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/ws"
