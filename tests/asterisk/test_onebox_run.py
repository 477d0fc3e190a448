"""`make run` as a person meets it: one command up, one key down, and what goes wrong said in one line."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from callcenter.db.sample import STAFF
from deploy.onebox.box import wait_until
from deploy.onebox.layout import PROJECT, Layout
from deploy.onebox.processes import Process
from deploy.onebox.servers import http_status
from tests.onebox import layout_for_tests, nobody_listens, own_environment, read_hotline_file

READY_SECONDS = 40.0
Starter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def layout() -> Iterator[Layout]:
    """Free ports, and a folder that only its owner can enter."""
    var = Path(tempfile.mkdtemp(prefix="callcenter-run-"))
    yield layout_for_tests(var)
    shutil.rmtree(var, ignore_errors=True)


@pytest.fixture
def onebox(layout: Layout) -> Iterator[Starter]:
    """Starts `python -m deploy.onebox VERB` with this layout; what is left of it is ended after the test."""
    started: list[subprocess.Popen[str]] = []
    environment = own_environment({"CALLCENTER_ASTERISK_ROOT"}) | {
        "CALLCENTER_VAR": str(layout.var),
        "CALLCENTER_WEB_PORT": str(layout.web_port),
        "CALLCENTER_SIP_PORT": str(layout.sip_port),
        "CALLCENTER_ARI_PORT": str(layout.ari_port),
        "CALLCENTER_AGI_PORT": str(layout.agi_port),
        "CALLCENTER_POSTGRES_PORT": str(layout.postgres_port),
        "CALLCENTER_REDIS_PORT": str(layout.redis_port),
        "CALLCENTER_RTP_PORTS": f"{layout.rtp_ports[0]}-{layout.rtp_ports[1]}",
        "LC_ALL": "C.UTF-8",
    }

    def start(verb: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.onebox", verb],
            cwd=PROJECT,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    start("stop").communicate(timeout=60)
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def ready(layout: Layout, runner: "subprocess.Popen[str]") -> dict[str, Any]:
    """The facts in hotline.json, as soon as they are there."""
    assert wait_until(lambda: bool(read_hotline_file(layout.var)) or runner.poll() is not None, READY_SECONDS)
    assert runner.poll() is None, runner.communicate()[0]
    return read_hotline_file(layout.var)


def part_ids(layout: Layout) -> dict[str, int]:
    """The process ids on record, by part."""
    return {record.stem: json.loads(record.read_text())["pid"] for record in layout.run.glob("*.pid")}


def people(facts: dict[str, Any]) -> list[Any]:
    """Who stands in the database."""
    with psycopg.connect(facts["database_url"]) as connection:
        return connection.execute("select username, password_hash from users order by username").fetchall()


def test_up_down_and_up_again_with_the_data_there(layout: Layout, onebox: Starter) -> None:
    runner = onebox("run")
    first = ready(layout, runner)
    assert stat.S_IMODE((layout.var / "hotline.json").stat().st_mode) == 0o600
    assert http_status(f"{first['web_url']}/healthz") == 200
    before = people(first)
    assert {name for name, _hash in before} >= {"admin", "super", "alice", "bob", "carol", "dave"}
    runner.send_signal(signal.SIGINT)
    said, _ = runner.communicate(timeout=30)
    assert runner.returncode == 0
    assert first["web_url"] in said
    assert first["hotline_number"] in said
    assert first["logins"][0]["password"] in said
    assert not (layout.var / "hotline.json").exists()
    assert part_ids(layout) == {}
    for listener in layout.listeners():
        assert listener.protocol != "tcp" or nobody_listens(listener.port)

    again = onebox("run", LC_ALL="zh_CN.UTF-8")
    second = ready(layout, again)
    assert second["logins"] == first["logins"]
    assert people(second) == before
    assert "stopped" in onebox("stop").communicate(timeout=60)[0]
    assert "热线已就绪" in again.communicate(timeout=30)[0]
    assert again.returncode == 0


def test_parts_that_die_come_back(layout: Layout, onebox: Starter) -> None:
    facts = ready(layout, onebox("run"))
    before = part_ids(layout)
    for part in ("serve", "node", "asterisk", "redis", "postgres"):
        os.kill(before[part], signal.SIGKILL)

    def healthy_and_new() -> bool:
        now = part_ids(layout)
        return set(now) == set(before) and http_status(f"{facts['web_url']}/healthz") == 200

    changed = {"serve", "node", "asterisk", "redis", "postgres"}
    assert wait_until(lambda: all(part_ids(layout).get(part) != before[part] for part in changed), 20)
    assert wait_until(healthy_and_new, 30)
    assert part_ids(layout)["onebox"] == before["onebox"]


def test_a_killed_runner_leaves_nothing_and_the_next_run_comes_up(layout: Layout, onebox: Starter) -> None:
    runner = onebox("run")
    ready(layout, runner)
    parts = [Process.recorded(record) for record in layout.run.glob("*.pid")]
    runner.kill()
    runner.wait(10)
    assert all(part is None or part.wait(15) for part in parts)
    ready(layout, onebox("run"))


def test_a_taken_port_is_named_with_the_variable_to_set(layout: Layout, onebox: Starter) -> None:
    with socket.create_server(("127.0.0.1", layout.ari_port)):
        runner = onebox("run")
        said, _ = runner.communicate(timeout=30)
    assert runner.returncode == 1
    assert f"port {layout.ari_port} (tcp, for Asterisk) is taken" in said
    assert "CALLCENTER_ARI_PORT=" in said
    assert "已被" in said
    assert "Traceback" not in said
    assert part_ids(layout) == {}


def test_a_second_run_in_the_same_folder_is_told_so(layout: Layout, onebox: Starter) -> None:
    ready(layout, onebox("run"))
    second = onebox("run")
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert "already runs" in said
    assert "make stop" in said
    assert read_hotline_file(layout.var)


def test_stop_when_nothing_runs_is_fine(onebox: Starter) -> None:
    stopper = onebox("stop")
    assert "nothing was running" in stopper.communicate(timeout=30)[0]
    assert stopper.returncode == 0


def test_somebodys_own_servers_are_used_instead(layout: Layout, onebox: Starter) -> None:
    first = ready(layout, onebox("run"))
    with psycopg.connect(first["database_url"], autocommit=True) as connection:
        connection.execute("create database own")
    other = layout_for_tests(layout.var / "other")
    urls = {
        "CALLCENTER_DATABASE_URL": first["database_url"].rpartition("/")[0] + "/own",
        "CALLCENTER_REDIS_URL": first["redis_url"].rpartition("/")[0] + "/1",
        "CALLCENTER_ARI_URL": first["ari_url"],
        "CALLCENTER_ARI_PASSWORD": first["ari_password"],
    }
    places = {
        "CALLCENTER_VAR": str(other.var),
        "CALLCENTER_WEB_PORT": str(other.web_port),
        "CALLCENTER_AGI_PORT": str(other.agi_port),
    }
    ready(other, onebox("run", **urls, **places))
    assert set(part_ids(other)) == {"onebox", "serve", "node"}
    held = read_hotline_file(other.var)
    assert held["database_url"] == urls["CALLCENTER_DATABASE_URL"]
    assert len(people(held)) == len(STAFF)
    assert onebox("stop", **places).wait(60) == 0
    assert read_hotline_file(layout.var) == first


def test_two_nodes_and_two_services(layout: Layout, onebox: Starter) -> None:
    runner = onebox("run", CALLCENTER_ASTERISK_NODES="2", CALLCENTER_REPLICAS="2")
    facts = ready(layout, runner)
    assert [node["name"] for node in facts["nodes"]] == ["node1", "node2"]
    assert (facts["nodes"][0]["sip"], facts["nodes"][0]["ari_url"]) == (facts["sip"], facts["ari_url"])
    assert facts["nodes"][1]["sip"] == f"127.0.0.2:{layout.sip_port}"
    assert [http_status(f"{url}/healthz") for url in facts["web_urls"]] == [200, 200]
    before = part_ids(layout)
    assert {"asterisk2", "node2", "serve2"} <= set(before)
    for part in ("asterisk2", "serve2", "node2"):
        os.kill(before[part], signal.SIGKILL)
    assert wait_until(
        lambda: all(
            part_ids(layout).get(part, before[part]) != before[part] for part in ("asterisk2", "serve2", "node2")
        ),
        READY_SECONDS,
    )
    assert wait_until(lambda: http_status(f"{facts['web_urls'][1]}/healthz") == 200, READY_SECONDS)
    onebox("stop").communicate(timeout=60)
    assert part_ids(layout) == {}
