"""Every setting of a running hotline, read from `CALLCENTER_…` environment variables."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the hotline's parts are and how it behaves. Each has a default that works on one machine."""

    model_config = SettingsConfigDict(env_prefix="CALLCENTER_", extra="ignore")

    database_url: str = "postgresql://callcenter@127.0.0.1:5432/callcenter"
    redis_url: str = "redis://127.0.0.1:6379/0"

    node_name: str = Field("node1", pattern=r"^[a-z0-9]{1,20}$")
    """Name of the Asterisk machine beside this process; Asterisk's `systemname`, first part of each call id."""
    ari_url: str = "http://127.0.0.1:8088"
    """Asterisk's HTTP server, without a path."""
    ari_user: str = "callcenter"
    ari_password: SecretStr = SecretStr("")
    phone_websocket_url: str = ""
    """What a browser phone connects to, for example wss://hotline.example/ws. Empty: Asterisk's own, from `ari_url`."""
    sip_domain: str = "127.0.0.1"
    """Host part of a phone's SIP address."""
    sip_port: int = 5060
    """Port a desk phone registers at."""

    media_address: str = Field("127.0.0.1", pattern=r"^[0-9A-Fa-f.:]*$")
    """IP address that phones are told to send their sound to; empty: Asterisk's choice."""

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

    hotline_number: str = "4008001234"
    trunk_contact: str = Field("", pattern=r"^(sips?:[A-Za-z0-9_.:@\[\]-]+)?$")
    """SIP URI that outgoing calls are sent to, such as sip:trunk.example:5060; empty: nobody can be called back."""
    country: str = Field("CN", pattern=r"^[A-Z]{2}$")
    """Numbers without a country code, and the ring cadence, are this country's."""
    zone: str = "Asia/Shanghai"
    """The department's time zone, for people; inside all times are UTC."""
