"""A private PostgreSQL and Redis for these tests; each test that asks for a database gets an empty one."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from callcenter.connections import connect_redis
from callcenter.db.migrate import migrate_now
from callcenter.db.pool import Pool, create_pool
from callcenter.settings import Settings
from tests.storage.lines import House


def free_port() -> int:
    """A port of the loopback address that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def postgres_program(name: str) -> str:
    """The newest installed PostgreSQL's program `name`."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else name


def owner() -> dict[str, Any]:
    """Whom PostgreSQL runs as: it refuses root."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid}


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Wait until somebody listens on `port`; fail when `process` ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port} after {seconds} s")


def wait_until_it_takes_connections(port: int, seconds: float = 20) -> None:
    """PostgreSQL listens on its port a moment before it takes connections."""
    deadline = time.monotonic() + seconds
    ask = [postgres_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ask, check=False).returncode != 0:
        assert time.monotonic() < deadline, f"PostgreSQL took no connection for {seconds} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a private PostgreSQL server, without a database's name."""
    folder = Path(tempfile.mkdtemp(prefix="callcenter-postgres-"))
    port = free_port()
    identity = owner()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    subprocess.run(
        [postgres_program("initdb"), "-D", str(folder / "db"), "-U", "callcenter", "-A", "trust",
         "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity,
    )  # fmt: skip
    server = subprocess.Popen(
        [postgres_program("postgres"), "-D", str(folder / "db"), "-p", str(port), "-k", "", "-h", "127.0.0.1",
         "-c", "fsync=off", "-c", "max_connections=200"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity,
    )  # fmt: skip
    try:
        wait_for_port(port, server)
        wait_until_it_takes_connections(port)
        yield f"postgresql://callcenter@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a private Redis."""
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, server)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(20)


async def empty_database(postgres_url: str) -> str:
    """The address of a new empty database."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(f"{postgres_url}/postgres")
    await connection.execute(f"create database {name}")
    await connection.close()
    return f"{postgres_url}/{name}"


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """The name of a migrated database that tests copy."""
    url = asyncio.run(empty_database(postgres_url))
    migrate_now(url)
    return url.rsplit("/", 1)[1]


@pytest.fixture
async def database_url(postgres_url: str, template_database: str) -> str:
    """The address of a migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(f"{postgres_url}/postgres")
    await connection.execute(f"create database {name} template {template_database}")
    await connection.close()
    return f"{postgres_url}/{name}"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on this test's own migrated database."""
    pool = await create_pool(Settings(database_url=database_url))
    yield pool
    await pool.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An empty Redis."""
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def house(redis: Redis) -> House:
    """One replica of the routing over an empty Redis."""
    house = House(redis)
    await house.routing.picture.look_anew()
    return house
