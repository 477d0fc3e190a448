"""The three servers that a hotline stands on, as programs: PostgreSQL, Redis, Asterisk."""

import contextlib
import hashlib
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from callcenter.asterisk.config import AsteriskOptions, BadOptionError, cli, command, render
from callcenter.settings import Settings
from callcenter.words import Problem

from .layout import SERVER_USER, Layout, NodePlace
from .processes import Program, identity, last_words
from .secret_file import private_file

OLDEST_ASTERISK = 20
PATH_AND_TONGUE = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


def server_user() -> str | None:
    """Whom PostgreSQL and Redis run as; None: whoever starts them. Raises Problem when root lacks it."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        raise Problem(
            f"the system user {SERVER_USER} is missing. Run: deploy/setup.sh run",
            f"缺少系统用户 {SERVER_USER}。请运行：deploy/setup.sh run",
        ) from None
    return SERVER_USER


def own_folder(folder: Path, user: str | None) -> Path:
    """Make a folder that only `user` can enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if user is not None:
        shutil.chown(folder, user, user)
    return folder


# ---- PostgreSQL


def postgres_programs(wanted: str = "") -> Path:
    """The folder with PostgreSQL's programs; `wanted` is the major version that the stored data has."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    folders = [folder for folder in folders if (folder / "postgres").exists()]
    if not folders and (found := shutil.which("postgres")):
        folders = [Path(found).resolve().parent]
        wanted = ""
    for folder in folders:
        if wanted in ("", folder.parent.name):
            return folder
    have = ", ".join(folder.parent.name for folder in folders) or "-"
    raise Problem(
        f"PostgreSQL {wanted} is not installed (found: {have}). Run deploy/setup.sh run,"
        f" or install postgresql-{wanted}, which the stored data needs.",
        f"未安装 PostgreSQL {wanted}（已有：{have}）。"
        f"请运行 deploy/setup.sh run，或安装现有数据所需的 postgresql-{wanted}。",
    )


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """A descriptor of `folder`: by /dev/fd a program gets there though the folders above are closed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_database(layout: Layout, password: str) -> None:
    """Make the folder with an empty database, if there is none; one that was broken off is made again."""
    folder = layout.var / "postgres"
    if (folder / "PG_VERSION").exists():
        return
    user = server_user()
    partial = layout.var / "postgres.partial"
    for left in (folder, partial):
        shutil.rmtree(left, ignore_errors=True)
    own_folder(partial, user)
    log = layout.log / "postgres.log"
    with tempfile.TemporaryFile() as password_file, log.open("ab") as output, open_folder(partial) as place:
        password_file.write(password.encode())
        password_file.seek(0)
        if user is not None:
            os.fchown(password_file.fileno(), pwd.getpwnam(user).pw_uid, -1)
        made = subprocess.run(
            [
                str(postgres_programs() / "initdb"),
                f"--pgdata=/dev/fd/{place}",
                "--username=callcenter",
                "--auth=scram-sha-256",
                f"--pwfile=/dev/fd/{password_file.fileno()}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            cwd="/",
            env=PATH_AND_TONGUE,
            pass_fds=[place, password_file.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            **identity(user),
        )
    if made.returncode != 0:
        raise Problem(
            f"PostgreSQL could not make its database: {last_words(log)}. Its log: {log}",
            f"PostgreSQL 无法创建数据库：{last_words(log)}。日志：{log}",
        )
    partial.rename(folder)


def _kept_pages_mb() -> int:
    """An eighth of the memory for pages at hand: its manual says a quarter, but more stands on this machine."""
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return min(max(memory_mb // 8, 64), 2048)


def postgres(layout: Layout) -> Program:
    """PostgreSQL on loopback, and by a socket file in its own folder where the path is short enough."""
    folder = layout.var / "postgres"
    options = {
        "listen_addresses": layout.address,
        "port": str(layout.postgres_port),
        "unix_socket_directories": "." if layout.postgres_socket is not None else "",
        "max_connections": "60",
        "shared_buffers": f"{_kept_pages_mb()}MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if layout.throwaway:
        options |= {"fsync": "off", "full_page_writes": "off"}  # what is committed outlives a kill all the same
    version = (folder / "PG_VERSION").read_text().strip()
    argv = [str(postgres_programs(version) / "postgres"), "-D", "{folder}"]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    return Program(
        name="postgres",
        argv=argv,
        folder=Path("/"),
        opened=folder,
        log=layout.log / "postgres.log",
        environment=PATH_AND_TONGUE,
        user=server_user(),
        stop_signal=signal.SIGINT,
    )


def postgres_answers(url: str) -> bool:
    """Does the database take a connection?"""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def make_schema_owner(url: str, database: str) -> None:
    """Make the hotline's own database in the private PostgreSQL, if it is not there."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", (database,)).fetchone()
        if found is None:
            connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))


# ---- Redis


def redis_server(layout: Layout, password: str) -> Program:
    """Redis on loopback; what it holds is on the disk within a second."""
    user = server_user()
    folder = own_folder(layout.var / "redis", user)
    lines = [
        f"bind {layout.address}",
        f"port {layout.redis_port}",
        "protected-mode yes",
        f"requirepass {password}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    if layout.redis_socket is not None:  # told by its name: Redis stands in its folder, and may enter no other
        lines += [f"unixsocket {layout.redis_socket.name}", "unixsocketperm 700"]
    return Program(
        name="redis",
        argv=["redis-server", "-"],
        given="\n".join(lines) + "\n",
        folder=folder,
        log=layout.log / "redis.log",
        environment=PATH_AND_TONGUE,
        user=user,
    )


def redis_answers(url: str) -> bool:
    """Is Redis there, with its data loaded?"""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as connection:
            return bool(connection.ping())
    except redis.exceptions.RedisError:
        return False


# ---- Asterisk


def asterisk_options(layout: Layout, settings: Settings, place: NodePlace) -> AsteriskOptions:
    """Where one Asterisk of this hotline is and listens. Raises Problem when none is installed."""
    return AsteriskOptions(
        root=_asterisk_root(layout),
        etc_dir=place.folder / "etc",
        run_dir=_socket_folder(place.folder / "run"),
        log_dir=settings.asterisk_log_dir,
        spool_dir=place.folder / "spool",
        state_dir=place.folder / "state",
        node_name=settings.node_name,
        sip_host=place.address,
        sip_port=layout.sip_port,
        peers={other.name: f"{other.address}:{layout.sip_port}" for other in layout.nodes if other != place},
        http_host=place.address,
        http_port=layout.ari_port,
        ari_user=settings.ari_user,
        ari_password=settings.ari_password.get_secret_value(),
        rtp_first=layout.rtp_ports[0],
        rtp_last=layout.rtp_ports[1],
        agi_host=settings.agi_host,
        agi_port=settings.agi_port,
        trunk_contact=settings.trunk_contact,
        hotline_number=settings.hotline_number,
        node_spool_dir=settings.spool_dir,
        country=settings.country,
    )


def _asterisk_root(layout: Layout) -> Path | None:
    if (layout.asterisk_root / "usr/sbin/asterisk").exists():
        return layout.asterisk_root
    if shutil.which("asterisk"):
        said = subprocess.run(["asterisk", "-V"], capture_output=True, text=True, check=False).stdout
        version = re.match(r"Asterisk (?:certified[-/])?(\d+)", said)
        if version and int(version[1]) >= OLDEST_ASTERISK:
            return None
    raise Problem(
        f"there is no Asterisk {OLDEST_ASTERISK} or newer, neither on the PATH nor at {layout.asterisk_root}."
        " Run: deploy/setup.sh run",
        f"未找到 Asterisk {OLDEST_ASTERISK} 或更高版本（PATH 与 {layout.asterisk_root} 中均无）。"
        "请运行：deploy/setup.sh run",
    )


def _socket_folder(wanted: Path) -> Path:
    """`wanted`, or a folder with a shorter name where a unix socket's path would be too long."""
    if len(str(wanted).encode()) <= 80:
        return wanted
    base = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return base / f"callcenter-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}"


def asterisk(name: str, layout: Layout, place: NodePlace, options: AsteriskOptions) -> Program:
    """Asterisk as the part `name`, with its configuration rendered anew; writes the console's command beside it."""
    try:
        render(options)
        argv = command(options)
        prefix = cli(options)
    except (BadOptionError, ValueError) as error:
        raise Problem(
            f"Asterisk's configuration cannot be written: {error}. Choose another folder or value"
            " (CALLCENTER_VAR takes Latin letters, digits, and . _ - only).",
            f"无法写入 Asterisk 配置：{error}。请换一个文件夹或取值（CALLCENTER_VAR 只能含拉丁字母、数字与 . _ -）。",
        ) from error
    quoted = " ".join(f"'{word}'" for word in prefix)
    console = asterisk_console(place)
    with private_file(console) as partial:
        partial.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    console.chmod(0o700)
    return Program(
        name=name,
        argv=argv,
        folder=place.folder,
        log=layout.log / f"{name}.log",
        environment={**PATH_AND_TONGUE, "HOME": str(place.folder)},
    )


def asterisk_console(place: NodePlace) -> Path:
    """A program that is this Asterisk's console: add `-rx` and a command."""
    return place.folder / "console"


def asterisk_answers(url: str, user: str, password: str) -> bool:
    """Does Asterisk answer over ARI?"""
    secret = b64encode(f"{user}:{password}".encode()).decode()
    return http_status(f"{url}/ari/asterisk/ping", {"Authorization": f"Basic {secret}"}) == 200


def http_status(url: str, headers: dict[str, str] | None = None) -> int:
    """The status that a GET gives; 0 when nobody answers. No proxy of the environment is used."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path or "/", headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def tcp_answers(host: str, port: int) -> bool:
    """Does somebody listen there?"""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
