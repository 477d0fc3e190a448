"""A whole hotline on one machine: its parts, the order they start in, and how they are kept running."""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from callcenter.db.migrate import migrate_now
from callcenter.settings import Settings
from callcenter.words import Problem, words

from . import first_data, servers
from .layout import PROJECT, Layout, NodePlace
from .ports import refuse_taken
from .processes import Process, Program, start_time, wait_for
from .secret_file import SecretFile

KINDS = ("postgres", "redis", "asterisk", "serve", "node")
"""Kinds of parts in the order of starting; ended the other way round."""
OUR_OWN = ("serve", "node")
NEEDED_MEGABYTES = 300

Teller = Callable[[str], None]


class Box:
    """The parts of one hotline. First `open()`, then `start`, `stop`, `kill`; at last `close()`."""

    def __init__(self, layout: Layout, environment: Mapping[str, str] = os.environ) -> None:
        self.layout = layout
        self.processes: dict[str, Process] = {}
        self.logins: list[dict[str, Any]] = []
        """Whom one can sign in as; there after `start_all()`."""
        self._environment = dict(environment)
        self._lock = -1
        self._secrets: SecretFile | None = None
        self._settings: Settings | None = None

    # ---- the way up and down

    def open(self) -> None:
        """Make the folders, see that nobody else runs here, end what an earlier run left, check the ports.

        Raises Problem.
        """
        layout = self.layout
        try:
            places = [folder for place in layout.nodes for folder in (place.folder, place.spool)]
            for folder in (layout.var, layout.log, layout.run, *places):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(
                f"cannot write to {layout.var} ({error.strerror}). Set CALLCENTER_VAR to a folder you own.",
                f"无法写入 {layout.var}（{error.strerror}）。请将 CALLCENTER_VAR 设为可写的文件夹。",
            ) from error
        self._take_lock()
        layout.hotline_file.unlink(missing_ok=True)
        end_leftovers(layout)
        _refuse_full_disk(layout)
        refuse_taken(layout)
        self._secrets = SecretFile(layout.var / "secrets.json")

    def close(self) -> None:
        """End every part, the last started first. A box that was not opened leaves all as it is."""
        if self._lock < 0:
            return
        self.layout.hotline_file.unlink(missing_ok=True)
        for name in reversed(self.parts):
            self.stop(name)
        (self.layout.run / "onebox.pid").unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def start_all(self, tell: Teller = lambda _line: None) -> None:
        """Everything up and ready, the schema up to date, sample data at the first run.

        Raises Problem; then call `close()`.
        """
        mine = [name for name in self.parts if kind_of(name) not in OUR_OWN and self.is_ours(name)]
        if mine:
            tell(words(f"starting {', '.join(mine)}", f"启动 {'、'.join(mine)}"))
            for name in mine:
                self.start(name, ready=False)
            for name in mine:
                self.wait_ready(name)
        tell(words("bringing the database up to date", "更新数据库结构"))
        self.migrate()
        self.logins = first_data.load(self)
        tell(words("starting the service and the node", "启动服务与节点"))
        ours = [name for name in self.parts if kind_of(name) in OUR_OWN]
        for name in ours:
            self.start(name, ready=False)
        for name in ours:
            self.wait_ready(name)

    def _take_lock(self) -> None:
        self._lock = os.open(self.layout.run / "onebox.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = -1
            raise Problem(
                f"this hotline already runs ({self.layout.var}). Stop it with: make stop",
                f"该热线已在运行（{self.layout.var}）。停止请用：make stop",
            ) from None
        record = self.layout.run / "onebox.pid"
        Process("onebox", os.getpid(), start_time(os.getpid()), record).write_record()

    # ---- settings

    @property
    def secrets(self) -> SecretFile:
        """Passwords of this hotline; there after `open()`."""
        if self._secrets is None:
            raise RuntimeError("the box is not open")
        return self._secrets

    @property
    def settings(self) -> Settings:
        """What the service and the node are told; there after `open()`."""
        if self._settings is None:
            self._settings = self._make_settings()
        return self._settings

    def _make_settings(self) -> Settings:
        layout, secret = self.layout, self.secrets.secret
        given = self._environment
        settings = Settings(
            database_url=layout.database_url or self._private_database("callcenter"),
            redis_url=layout.redis_url or f"redis://:{secret('redis')}@{layout.address}:{layout.redis_port}/0",
            ari_url=layout.ari_url or f"http://{layout.address}:{layout.ari_port}",
            ari_password=SecretStr(given.get("CALLCENTER_ARI_PASSWORD") or secret("ari")),
            web_host=layout.web_host,
            web_port=layout.web_port,
            services=given.get("CALLCENTER_SERVICES") or ",".join(layout.web_urls),
            agi_host=layout.address,
            agi_port=layout.agi_port,
            node_token=SecretStr(given.get("CALLCENTER_NODE_TOKEN") or secret("node_token")),
            asterisk_log_dir=layout.nodes[0].log,
            spool_dir=layout.nodes[0].spool,
            recordings_dir=Path(given.get("CALLCENTER_RECORDINGS_DIR") or layout.var / "recordings"),
            sounds_dir=Path(given.get("CALLCENTER_SOUNDS_DIR") or layout.var / "sounds"),
            trunk_contact=given.get("CALLCENTER_TRUNK_CONTACT", ""),
        )
        if layout.asterisk_nodes == 1:
            return settings
        addresses = {place.name: place.address for place in layout.nodes}
        several = {
            "node_name": layout.nodes[0].name,
            "nodes": ",".join(f"{name}=http://{at}:{layout.ari_port}" for name, at in addresses.items()),
            "media_address": ",".join(f"{name}={at}" for name, at in addresses.items()),
        }
        return settings.model_copy(update=several)

    def settings_of(self, name: str) -> Settings:
        """What one part is told: those of `settings` that are its own differ over parts of a kind."""
        number = number_of(name)
        if number == 0:
            return self.settings
        if kind_of(name) == "serve":
            return self.settings.model_copy(update={"web_port": self.layout.web_port + number})
        place = self.layout.nodes[number]
        own = {
            "node_name": place.name,
            "ari_url": self.settings.ari_urls[place.name],
            "agi_host": place.address,
            "asterisk_log_dir": place.log,
            "spool_dir": place.spool,
        }
        return self.settings.model_copy(update=own)

    def _private_database(self, name: str) -> str:
        layout = self.layout
        return (
            f"postgresql://callcenter:{self.secrets.secret('database')}@{layout.address}:{layout.postgres_port}/{name}"
        )

    def environment(self, part: str) -> dict[str, str]:
        """The environment of a service or a node; that of the first service is every `callcenter` command's."""
        told = {}
        settings = self.settings_of(part)
        for name in Settings.model_fields:
            value = getattr(settings, name)
            told[f"CALLCENTER_{name.upper()}"] = (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
        if kind_of(part) == "serve":
            told |= self._socket_urls()
        return {**self._environment, **told, "PYTHONUNBUFFERED": "1"}

    def _socket_urls(self) -> dict[str, str]:
        """Where the service reaches those of our own servers that have a socket file of this machine."""
        urls, layout, secret = {}, self.layout, self.secrets.secret
        if self.is_ours("redis") and (redis := layout.redis_socket) is not None:
            urls["CALLCENTER_REDIS_URL"] = f"unix://:{secret('redis')}@{quote(str(redis.absolute()))}?db=0"
        if self.is_ours("postgres") and (folder := layout.postgres_socket) is not None:
            at = f"host={quote(str(folder))}&port={layout.postgres_port}"
            urls["CALLCENTER_DATABASE_URL"] = f"postgresql://callcenter:{secret('database')}@/callcenter?{at}"
        return urls

    # ---- one part

    @property
    def parts(self) -> list[str]:
        """Every part in the order of starting; the second of a kind is called asterisk2, serve2 or node2."""
        many = {"asterisk": self.layout.asterisk_nodes, "node": self.layout.asterisk_nodes}
        many["serve"] = self.layout.replicas
        return [f"{kind}{number or ''}" for kind in KINDS for number in (0, *range(2, many.get(kind, 1) + 1))]

    def is_ours(self, name: str) -> bool:
        """Is this part private to this hotline, or somebody else's server?"""
        theirs = {
            "postgres": self.layout.database_url,
            "redis": self.layout.redis_url,
            "asterisk": self.layout.ari_url,
        }
        return not theirs.get(kind_of(name))

    def program(self, name: str) -> Program:
        """How this part is started; its files are made if they are missing."""
        layout = self.layout
        if name == "postgres":
            servers.make_database(layout, self.secrets.secret("database"))
            return servers.postgres(layout)
        if name == "redis":
            return servers.redis_server(layout, self.secrets.secret("redis"))
        if kind_of(name) == "asterisk":
            place = layout.nodes[number_of(name)]
            options = servers.asterisk_options(layout, self.settings_of(name), place)
            return servers.asterisk(name, layout, place, options)
        return Program(
            name=name,
            argv=[sys.executable, "-m", "callcenter.cli", kind_of(name)],
            folder=PROJECT,
            log=layout.log / f"{name}.log",
            environment=self.environment(name),
        )

    def ready(self, name: str) -> bool:
        """Does this part do its work now?"""
        settings, kind = self.settings_of(name), kind_of(name)
        if name == "postgres":
            return servers.postgres_answers(self._private_database("postgres"))
        if name == "redis":
            return servers.redis_answers(settings.redis_url)
        if kind == "asterisk":
            password = settings.ari_password.get_secret_value()
            return servers.asterisk_answers(settings.ari_url, settings.ari_user, password)
        if kind == "serve":
            return servers.http_status(f"{self.layout.web_urls[number_of(name)]}/healthz") == 200
        return servers.tcp_answers(settings.agi_host, settings.agi_port)

    def start(self, name: str, *, ready: bool = True) -> Process:
        """Start a part, and wait until it is ready unless told otherwise. Raises Problem."""
        running = self.processes.get(name)
        if running is not None and running.alive():
            return running
        process = Process.start(self.program(name), self.layout.run)
        self.processes[name] = process
        if ready:
            self.wait_ready(name)
        return process

    def wait_ready(self, name: str, seconds: float = 30.0) -> None:
        """Wait until a started part is ready. Raises Problem when it ends first or takes longer."""
        wait_for(lambda: self.ready(name), self.processes[name], self.layout.log / f"{name}.log", seconds)

    def stop(self, name: str) -> None:
        """Ask a part to end and see that it does; nothing happens when it does not run."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.stop(signal.SIGINT if name == "postgres" else signal.SIGTERM)

    def kill(self, name: str) -> None:
        """End a part at once, as a crash would."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()

    def migrate(self) -> None:
        """Bring the database's schema to this release's."""
        if self.is_ours("postgres"):
            servers.make_schema_owner(self._private_database("postgres"), "callcenter")
        migrate_now(self.settings.database_url)

    def sip_address(self, place: NodePlace) -> str:
        """Where a trunk sends its calls for a node, as host:port."""
        host = urlsplit(self.layout.ari_url).hostname if self.layout.ari_url else place.address
        return f"{host}:{self.layout.sip_port}"


def kind_of(name: str) -> str:
    """`asterisk2` -> `asterisk`."""
    return name.rstrip("0123456789")


def number_of(name: str) -> int:
    """`asterisk` -> 0, `asterisk2` -> 1."""
    return int(name.removeprefix(kind_of(name)) or 1) - 1


def end_leftovers(layout: Layout) -> int:
    """End what a run that was killed left behind; how many processes that were."""
    order = {kind: place for place, kind in enumerate(KINDS)}
    records = sorted(layout.run.glob("*.pid"), key=lambda record: -order.get(kind_of(record.stem), -1))
    ended = 0
    for record in records:
        if record.stem == "onebox":
            continue
        process = Process.recorded(record)
        if process is not None:
            process.stop(signal.SIGINT if record.stem == "postgres" else signal.SIGTERM)
            ended += 1
        record.unlink(missing_ok=True)
    return ended


def stop_running(layout: Layout, seconds: float = 40.0) -> int:
    """End the hotline of this folder, runner and all; how many processes had to be ended here."""
    ended = 0
    runner = Process.recorded(layout.run / "onebox.pid")
    if runner is not None:
        runner.stop(signal.SIGTERM, seconds)
        ended += 1
    ended += end_leftovers(layout)
    layout.hotline_file.unlink(missing_ok=True)
    return ended


def _refuse_full_disk(layout: Layout) -> None:
    free = shutil.disk_usage(layout.var).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise Problem(
            f"the disk is full: {free} MB are left at {layout.var} and {NEEDED_MEGABYTES} MB are needed."
            " Free some space.",
            f"磁盘已满：{layout.var} 只剩 {free} MB，至少需要 {NEEDED_MEGABYTES} MB。请清理空间。",
        )


def wait_until(fact: Callable[[], bool], seconds: float) -> bool:
    """Wait for a fact, `seconds` at most; does it hold?"""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True
