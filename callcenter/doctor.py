"""`callcenter doctor`: looks at every part of a hotline and says what is wrong and what to do about it."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from callcenter.db.migrate import newest_revision
from callcenter.settings import Settings
from callcenter.sounds import speech

ANSWER_SECONDS = 5.0
CLOCK_SECONDS = 2.0
"""Two machines' clocks may differ by this much before calls' times look wrong."""
DISK_BYTES = 1_000_000_000
OLDEST_ASTERISK = 20


@dataclass(frozen=True)
class Finding:
    """What one look found. `remedy` says what to do, when it is wrong."""

    part: str
    found: str
    remedy: str = ""

    @property
    def wrong(self) -> bool:
        """Is there something to do?"""
        return bool(self.remedy)


Check = Callable[[Settings], Awaitable[Finding]]


async def examine(settings: Settings) -> list[Finding]:
    """Every part's finding, in a fixed order; looks at all of them at once."""
    checks: list[tuple[str, Check]] = [
        ("settings", _settings),
        ("PostgreSQL", _postgres),
        ("Redis", _redis),
        ("call steps (AGI)", _agi),
        ("speech", _speech),
        ("disk", _disk),
    ]
    checks += [(f"Asterisk {node} (ARI)", _ari_of(node, url)) for node, url in settings.ari_urls.items()]
    checks += [("browser phones", _phones_at(url)) for url in settings.phone_websocket_urls]
    checks += [("service", _service_at(url)) for url in settings.service_urls]
    return await asyncio.gather(*[_look(part, check, settings) for part, check in checks])


async def _look(part: str, check: Check, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await check(settings)
    except TimeoutError:
        return Finding(part, f"no answer in {ANSWER_SECONDS:.0f} s", "Is the address right, and the machine not busy?")
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever happens
        return Finding(part, f"{type(error).__name__}: {error}", "This is unexpected: report it with this line.")


async def _settings(settings: Settings) -> Finding:
    unset = [
        f"CALLCENTER_{name.upper()}"
        for name in ("ari_password", "node_token")
        if not getattr(settings, name).get_secret_value()
    ]
    if unset:
        return Finding("settings", f"not set: {', '.join(unset)}", "Set them to the secrets that the parts share.")
    return Finding("settings", f"node {settings.node_name}, number {settings.hotline_number}, zone {settings.zone}")


async def _postgres(settings: Settings) -> Finding:
    part = "PostgreSQL"
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Finding(part, str(error), "Start it, or correct CALLCENTER_DATABASE_URL.")
    try:
        away = abs(time.time() - float(await connection.fetchval("select extract(epoch from clock_timestamp())")))
        version = await connection.fetchval("show server_version")
        there = await connection.fetchval("select to_regclass('alembic_version') is not null")
        revision = await connection.fetchval("select version_num from alembic_version") if there else None
    finally:
        await connection.close()
    if revision != newest_revision():
        return Finding(part, f"schema {revision or 'none'}, wanted {newest_revision()}", "Run: callcenter migrate")
    if away > CLOCK_SECONDS:
        return Finding(part, f"its clock is {away:.1f} s away from this machine's", "Run a time service (NTP) on both.")
    return Finding(part, f"{version}, schema {revision}")


async def _redis(settings: Settings) -> Finding:
    part = "Redis"
    connection = Redis.from_url(settings.redis_url, socket_timeout=ANSWER_SECONDS, decode_responses=True)
    try:
        found = await connection.info()
        seconds, micros = await connection.time()
    except RedisError as error:
        return Finding(part, str(error), "Start it, or correct CALLCENTER_REDIS_URL.")
    finally:
        await connection.aclose()
    away = abs(time.time() - seconds - micros / 1e6)
    if away > CLOCK_SECONDS:
        return Finding(part, f"its clock is {away:.1f} s away from this machine's", "Run a time service (NTP) on both.")
    if not found.get("aof_enabled"):
        return Finding(part, "keeps nothing on disk", "Set appendonly yes in its configuration.")
    return Finding(part, f"{found['redis_version']}, {found['used_memory_human']} used")


def _ari_of(node: str, url: str) -> Check:
    part = f"Asterisk {node} (ARI)"

    async def check(settings: Settings) -> Finding:
        auth = aiohttp.BasicAuth(settings.ari_user, settings.ari_password.get_secret_value())
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/ari/asterisk/info", auth=auth) as answer:
                if answer.status == 401:
                    return Finding(part, "refuses the password", "CALLCENTER_ARI_PASSWORD must be that of ari.conf.")
                if answer.status != 200:
                    return Finding(part, f"answers {answer.status}", "Load its ARI modules and look into its log.")
                told = await answer.json()
        except (aiohttp.ClientError, OSError) as error:
            return Finding(part, str(error), "Start Asterisk, or correct CALLCENTER_ARI_URL or CALLCENTER_NODES.")
        version, name = told["system"]["version"], told["config"].get("name", "")
        if not version.split(".")[0].isdigit() or int(version.split(".")[0]) < OLDEST_ASTERISK:
            return Finding(part, f"version {version}", f"Asterisk {OLDEST_ASTERISK} or newer is needed.")
        if name != node:
            return Finding(
                part,
                f"its systemname is {name!r}, not {node}",
                "Give it that name in CALLCENTER_NODE_NAME or CALLCENTER_NODES.",
            )
        return Finding(part, version)

    return check


def _phones_at(url: str) -> Check:
    part = "browser phones"

    async def check(_settings: Settings) -> Finding:
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=("sip",)) as socket:
                if socket.protocol != "sip":
                    return Finding(part, f"{url} is no SIP socket", "CALLCENTER_PHONE_WEBSOCKET_URL must lead to /ws.")
        except (aiohttp.ClientError, OSError) as error:
            return Finding(part, f"{url}: {error}", "Check Asterisk's http.conf and the web server in front of it.")
        return Finding(part, url)

    return check


async def _agi(settings: Settings) -> Finding:
    address = f"{settings.agi_host}:{settings.agi_port}"
    try:
        _reader, writer = await asyncio.open_connection(settings.agi_host, settings.agi_port)
        writer.close()
        await writer.wait_closed()
    except OSError:
        return Finding("call steps (AGI)", f"nobody listens at {address}", "Start: callcenter node")
    return Finding("call steps (AGI)", address)


def _service_at(url: str) -> Check:
    async def check(_settings: Settings) -> Finding:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as answer:
                if answer.status == 200:
                    return Finding("service", url)
                said = (await answer.text())[:200]
        except (aiohttp.ClientError, OSError) as error:
            return Finding("service", f"{url}: {error}", "Start: callcenter serve")
        return Finding("service", f"{url} is not healthy: {said}", "See the parts above and the service's log.")

    return check


async def _speech(_settings: Settings) -> Finding:
    try:
        await speech.speak("您好", "zh")
    except speech.SpeechError as error:
        return Finding("speech", str(error), "Install espeak-ng and sox: until then callers hear recordings and music.")
    return Finding("speech", "espeak-ng, sox")


async def _disk(settings: Settings) -> Finding:
    return await asyncio.to_thread(_free_at, settings.spool_dir)


def _free_at(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES:
        return Finding("disk", f"{free / 1e9:.1f} GB free at {folder}", "Free some space: calls are kept there.")
    return Finding("disk", f"{free / 1e9:.0f} GB free")


def show(findings: list[Finding]) -> None:
    """Print the findings as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "Part", "Found", "What to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[bold red]✗[/]" if finding.wrong else "[green]✓[/]"
        table.add_row(mark, finding.part, _plain(finding.found), _plain(finding.remedy))
    Console(highlight=False).print(table)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
