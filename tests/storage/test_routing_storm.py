"""Whatever comes between whatever: nobody is stuck, nobody is rung twice, nobody is passed over."""

import asyncio
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from callcenter.routing import line
from tests.storage.conftest import free_port, wait_for_port
from tests.storage.storm import walk

SEEDS = range(24, 48)
STEPS = 4_500


@pytest.fixture
def two_servers() -> Iterator[list[str]]:
    """The addresses of two private Redis servers."""
    with tempfile.TemporaryDirectory(prefix="callcenter-storm-") as folder:
        servers, urls = [], []
        for number in range(2):
            port, socket = free_port(), Path(folder) / f"{number}.sock"
            arguments = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(socket), "--save", ""]
            server = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
            servers.append(server)
            wait_for_port(port, server)
            urls.append(f"unix://{socket}")
        yield urls
        for server in servers:
            server.terminate()
            server.wait(20)


def walk_all(url: str, seeds: range) -> Counter[str]:
    """Walk these seeds in a process of its own."""
    line.WAITING_SECONDS = line.OTHER_SECONDS = 0
    done: Counter[str] = Counter()
    for seed in seeds:
        done += asyncio.run(walk(url, seed, STEPS))
    return done


@pytest.mark.slow
def test_no_storm_leaves_anybody_stuck(two_servers: list[str]) -> None:
    with ProcessPoolExecutor(len(two_servers), get_context("spawn")) as processes:
        shares = [SEEDS[number :: len(two_servers)] for number in range(len(two_servers))]
        walked = sum(processes.map(walk_all, two_servers, shares), Counter())
    assert walked["steps"] >= 100_000
    rare = {"reconnect", "release", "conclude", "adopt", "second", "crashes", "losses", "calls back", "away"}
    rare |= {"take_over", "moves", "sends", "raises", "ends"}
    assert not [what for what in rare if not walked[what]], f"not everything has happened: {walked}"
