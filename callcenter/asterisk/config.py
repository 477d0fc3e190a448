"""Asterisk's configuration tree, rendered from `deploy/asterisk/` and `dialplans/`, and how it is started.

Owns every word that stands in a configuration file. Values are checked before they get in: none can end a line
or open a comment.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from string import Template

from callcenter.asterisk.announcements import SLOTS, class_lines
from callcenter.asterisk.model import NODE_NAME, TRUNK
from callcenter.asterisk.modules import module_lines
from callcenter.asterisk.recordings import recordings_folder

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "deploy" / "asterisk"
DIALPLANS = PROJECT / "dialplans"
AGI_SCRIPTS = PROJECT / "agi_scripts"

TONE_COUNTRIES = {"CN": "cn", "HK": "hk", "US": "us"}
"""Countries whose tones stand in indications.conf, by ISO code."""

_NODE_NAME = re.compile(NODE_NAME)
_VALUE = re.compile(r"[A-Za-z0-9_.:/+@=,\[\]-]*")
_CONTACT = re.compile(r"sips?:[A-Za-z0-9_.:@\[\]-]+")
_MAX_CONTROL_PATH = 100
"""Longest path of a unix socket, in bytes, with some room."""


class _ConfTemplate(Template):
    """`@{name}` is replaced; `${…}` is Asterisk's own."""

    delimiter = "@"


@dataclass(frozen=True, slots=True)
class AsteriskOptions:
    """One Asterisk: where it is installed, where it keeps its files, what it listens on."""

    etc_dir: Path
    run_dir: Path
    """Control socket and pid file."""
    log_dir: Path
    spool_dir: Path
    state_dir: Path
    """Asterisk's own database: pushed phones, registrations, device states."""
    ari_password: str
    root: Path | None = None
    """Folder into which a distribution's Asterisk was unpacked; None: `asterisk` on the PATH."""
    node_name: str = "node1"
    sip_host: str = "127.0.0.1"
    sip_port: int = 5060
    http_host: str = "127.0.0.1"
    http_port: int = 8088
    ari_user: str = "callcenter"
    ari_allowed_origins: tuple[str, ...] = ()
    rtp_first: int = 10000
    rtp_last: int = 10999
    agi_host: str = "127.0.0.1"
    agi_port: int = 4573
    trunk_peers: tuple[str, ...] = ("127.0.0.1/32",)
    """Addresses or networks whose INVITEs are calls to the hotline."""
    peers: Mapping[str, str] = field(default_factory=dict)
    """The hotline's other nodes: name -> SIP address as host:port, the host an IP address."""
    country: str = "CN"
    realm: str = "callcenter"
    """Digest realm; a phone's stored digest is md5(extension:realm:password)."""
    media_address: str = ""
    """Address in SDP for RTP; empty: `sip_host`."""
    external_address: str = ""
    """Public address when the machine stands behind NAT."""
    local_nets: tuple[str, ...] = ()
    """Networks that reach the machine without NAT; only with `external_address`."""
    http_sessions: int = 2000
    """Browser phones and ARI sockets at the same time."""
    fallback_ring_seconds: int = 20
    trunk_contact: str = ""
    """SIP URI that outgoing calls are sent to; empty: nobody can be called back or passed on."""
    hotline_number: str = ""
    """What people who are called see."""
    node_spool_dir: Path = Path("/var/spool/callcenter")
    """Where `callcenter node` keeps sounds and announcements; Asterisk plays them from there."""

    @property
    def rtp_address(self) -> str:
        """The address RTP is bound to and announced with."""
        return self.media_address or self.sip_host


class BadOptionError(ValueError):
    """A value must not stand in Asterisk's configuration."""


def render(options: AsteriskOptions) -> None:
    """Write the whole configuration tree and make the folders; files are private to the user.

    Raises BadOptionError for a value that could break out of its line, and OSError.
    """
    values = _values(options)
    for folder in (
        options.run_dir,
        options.log_dir / "cdr-custom",
        options.spool_dir,
        options.state_dir / "keys",
    ):
        folder.mkdir(parents=True, exist_ok=True)
    (options.etc_dir / "dialplans").mkdir(parents=True, exist_ok=True)
    for source in sorted(TEMPLATES.glob("*.conf")):
        text = _ConfTemplate(source.read_text(encoding="utf-8")).substitute(values)
        _write_private(options.etc_dir / source.name, text)
    for source in sorted(DIALPLANS.glob("*.conf")):
        _write_private(options.etc_dir / "dialplans" / source.name, source.read_text(encoding="utf-8"))


def command(options: AsteriskOptions) -> list[str]:
    """The argument vector that runs Asterisk in the foreground with the rendered tree."""
    return [*_program(options), "-f", "-C", str(options.etc_dir / "asterisk.conf")]


def cli(options: AsteriskOptions) -> list[str]:
    """The argument vector of Asterisk's console; add `-rx` and a console command."""
    return [*_program(options), "-C", str(options.etc_dir / "asterisk.conf")]


def cdr_file(log_dir: Path) -> Path:
    """The ledger file that Asterisk writes below its log folder (cdr_custom.conf)."""
    return log_dir / "cdr-custom" / "hotline.csv"


def _program(options: AsteriskOptions) -> list[str]:
    """A distribution's Asterisk in a folder runs through that folder's own loader and libraries: no chroot."""
    if options.root is None:
        return ["asterisk"]
    loader = _one(options.root, "lib*/ld-linux-*.so.*", "lib/*/ld-linux-*.so.*")
    modules = _modules_dir(options.root)
    libraries = modules.parents[1]
    triplet = libraries.name
    path = f"{libraries}:{options.root / 'lib' / triplet}"
    return [str(loader), "--library-path", path, str(options.root / "usr/sbin/asterisk")]


def _modules_dir(root: Path) -> Path:
    return _one(root, "usr/lib/*/asterisk/modules")


def _installed_modules() -> Path | None:
    """Where the machine's own Asterisk keeps its modules, if that is one of the usual places."""
    for pattern in ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules"):
        for found in sorted(Path("/").glob(pattern)):
            return found
    return None


def _one(root: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for found in sorted(root.glob(pattern)):
            return found
    raise FileNotFoundError(f"no {patterns[0]} below {root}")


def _music_dir(root: Path | None) -> Path | str:
    """A folder with music: the distribution's, or Asterisk's default one."""
    roots = [root] if root else [Path("/")]
    for base in roots:
        for pattern in ("usr/share/asterisk/moh", "var/lib/asterisk/moh", "usr/share/asterisk/moh/*"):
            for folder in sorted(base.glob(pattern)):
                if folder.is_dir() and any(folder.iterdir()):
                    return folder
    return "moh"


def _values(options: AsteriskOptions) -> Mapping[str, str]:
    installed = ""
    if options.root:
        installed = (
            f"astmoddir => {_checked(_modules_dir(options.root))}\n"
            f"astdatadir => {_checked(options.root / 'usr/share/asterisk')}\n"
        )
    nat = "".join(f"local_net = {_network(net)}\n" for net in options.local_nets)
    if options.external_address:
        address = _checked(options.external_address)
        nat += f"external_media_address = {address}\nexternal_signaling_address = {address}\n"
    if len(str(options.run_dir / "asterisk.ctl").encode()) > _MAX_CONTROL_PATH:
        raise BadOptionError(f"the run folder's path is too long for a socket: {options.run_dir}")
    plain: dict[str, object] = {
        "etc_dir": options.etc_dir,
        "run_dir": options.run_dir,
        "log_dir": options.log_dir,
        "spool_dir": options.spool_dir,
        "state_dir": options.state_dir,
        "agi_dir": AGI_SCRIPTS,
        "node_name": options.node_name,
        "sip_host": options.sip_host,
        "sip_port": options.sip_port,
        "http_host": options.http_host,
        "http_port": options.http_port,
        "http_sessions": options.http_sessions,
        "ari_user": options.ari_user,
        "ari_password": options.ari_password,
        "allowed_origins": ",".join(options.ari_allowed_origins),
        "rtp_first": options.rtp_first,
        "rtp_last": options.rtp_last,
        "agi_host": options.agi_host,
        "agi_port": options.agi_port,
        "tone_country": TONE_COUNTRIES.get(options.country, "us"),
        "realm": options.realm,
        "media_address": options.rtp_address,
        "bind_rtp": "no" if ip_address(options.rtp_address).is_unspecified or options.external_address else "yes",
        "music_dir": _music_dir(options.root),
        "hotline_number": options.hotline_number,
        "trunk_leads_out": 1 if options.trunk_contact else 0,
        "slot_count": SLOTS,
        "fallback_ring_seconds": options.fallback_ring_seconds,
        "recordings_dir": recordings_folder(options.node_spool_dir),
    }
    values = {name: _checked(value) for name, value in plain.items()}
    return values | {
        "installed_dirs": installed,
        "nat_lines": nat,
        "peers": "".join(_peer(name, address) for name, address in options.peers.items()),
        "trunk_matches": "".join(f"match = {_network(peer)}\n" for peer in options.trunk_peers),
        "trunk_permits": "".join(f"permit = {_network(peer)}\n" for peer in options.trunk_peers),
        "trunk_tenths": "".join(map(_trunk_tenth, range(10))),
        "trunk_contact_line": _trunk_contact_line(options.trunk_contact),
        "slot_classes": _slot_classes(options),
        "modules": module_lines(_modules_dir(options.root) if options.root else _installed_modules()),
    }


def _trunk_tenth(digit: int) -> str:
    """The lines of pjsip.conf for callers whose number ends with a digit; a phone's number is shorter."""
    name = f"{TRUNK}-{digit}"
    pattern = f"/:[+]?[0-9]{{6,}}{digit}@/"
    return f"\n[{name}](trunk-tenth)\n\n[{name}]\ntype = identify\nendpoint = {name}\nmatch_header = From: {pattern}\n"


def _trunk_contact_line(contact: str) -> str:
    if not contact:
        return ""
    if not _CONTACT.fullmatch(contact):
        raise BadOptionError(f"not a SIP URI: {contact!r}")
    return f"contact = {contact}\n"


def _slot_classes(options: AsteriskOptions) -> str:
    folder = Path(_music_dir(options.root))
    music = sorted({file.with_suffix("") for file in folder.iterdir() if file.is_file()}) if folder.is_dir() else []
    _checked(options.node_spool_dir)
    return class_lines(options.node_spool_dir, [Path(_checked(piece)) for piece in music])


def _checked(value: object) -> str:
    """`value` as text, if no line end, comment or expression can hide in it."""
    text = str(value)
    if not _VALUE.fullmatch(text):
        raise BadOptionError(f"not allowed in Asterisk's configuration: {text!r}")
    return text


def _peer(name: str, address: str) -> str:
    """The lines of pjsip.conf for another node. Raises ValueError for what is no name or address of one."""
    host, _, port = address.rpartition(":")
    if not _NODE_NAME.fullmatch(name) or name == TRUNK or not (port.isascii() and port.isdigit()):
        raise BadOptionError(f"no name and SIP address of a node: {name!r} {address!r}")
    host = str(ip_address(host.strip("[]")))
    at = f"[{host}]" if ":" in host else host
    return f"\n[{name}](node)\naors = {name}\npermit = {host}\n\n[{name}](node-address)\ncontact = sip:{at}:{port}\n"


def _network(text: str) -> str:
    """An address or a network in the form pjsip.conf wants. Raises ValueError for anything else."""
    return str(ip_network(text, strict=False))


def _write_private(path: Path, text: str) -> None:
    """Replace `path` at once, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
