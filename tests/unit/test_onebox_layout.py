"""Folders, ports, secrets and messages of the one-machine hotline."""

import json
import socket
import stat
from pathlib import Path

import pytest

from callcenter.words import Problem, words
from deploy.onebox.box import Box
from deploy.onebox.layout import Layout, layout_from
from deploy.onebox.ports import holder, is_free, refuse_taken
from deploy.onebox.secret_file import ALPHABET, SecretFile, private_file

PORTS = {
    "CALLCENTER_WEB_PORT": "web_port",
    "CALLCENTER_SIP_PORT": "sip_port",
    "CALLCENTER_ARI_PORT": "ari_port",
    "CALLCENTER_AGI_PORT": "agi_port",
    "CALLCENTER_POSTGRES_PORT": "postgres_port",
    "CALLCENTER_REDIS_PORT": "redis_port",
}


@pytest.mark.parametrize(("variable", "field"), PORTS.items())
def test_every_port_can_be_moved(variable: str, field: str) -> None:
    assert getattr(layout_from({variable: "21999"}), field) == 21999


@pytest.mark.parametrize("text", ["0", "65536", "-1", "eighty", "8080;id", "８０８０", "99999999999999999999"])
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    with pytest.raises(Problem, match="CALLCENTER_WEB_PORT") as refused:
        layout_from({"CALLCENTER_WEB_PORT": text})
    assert "端口" in refused.value.zh


@pytest.mark.parametrize("text", ["10000", "10000-", "2-1", "20000-10000", "1-2", "20000-70000", "a-b"])
def test_what_is_no_range_is_refused_by_name(text: str) -> None:
    with pytest.raises(Problem, match="CALLCENTER_RTP_PORTS"):
        layout_from({"CALLCENTER_RTP_PORTS": text})


def test_two_parts_on_one_port_are_refused() -> None:
    with pytest.raises(Problem, match=r"CALLCENTER_WEB_PORT and CALLCENTER_AGI_PORT are both 4573"):
        layout_from({"CALLCENTER_WEB_PORT": "4573"})


def test_the_service_reaches_its_redis_by_a_file_where_the_path_is_short_enough(tmp_path: Path) -> None:
    box = Box(Layout(var=tmp_path), {})
    box.open()
    try:
        told, file = box.environment("serve"), tmp_path / "redis" / "redis.sock"
        assert told["CALLCENTER_REDIS_URL"].endswith(f"@{file}?db=0")
        assert "unixsocket redis.sock" in str(box.program("redis").given)
    finally:
        box.close()
    assert Layout(var=Path("/" + "x" * 100)).redis_socket is None


def test_the_service_reaches_its_postgresql_by_a_file_too(tmp_path: Path) -> None:
    box = Box(Layout(var=tmp_path, postgres_port=21999), {})
    box.open()
    try:
        url = box.environment("serve")["CALLCENTER_DATABASE_URL"]
        assert url.endswith(f"@/callcenter?host={tmp_path}/postgres&port=21999")
        assert "@127.0.0.1:21999/" in box.environment("node")["CALLCENTER_DATABASE_URL"]
        (tmp_path / "postgres").mkdir()
        (tmp_path / "postgres" / "PG_VERSION").write_text("")
        assert "unix_socket_directories=." in box.program("postgres").argv
    finally:
        box.close()
    assert Layout(var=Path("/" + "x" * 100)).postgres_socket is None
    box = Box(Layout(var=tmp_path, database_url="postgresql://db/x"), {})
    box.open()
    try:
        assert box.environment("serve")["CALLCENTER_DATABASE_URL"] == "postgresql://db/x"
    finally:
        box.close()


def test_own_servers_need_no_port() -> None:
    urls = {
        "CALLCENTER_DATABASE_URL": "postgresql://db/x",
        "CALLCENTER_REDIS_URL": "redis://r",
        "CALLCENTER_ARI_URL": "http://a",
    }
    layout = layout_from(urls)
    assert [variable for variable, *_ in layout.listeners()] == ["CALLCENTER_WEB_PORT", "CALLCENTER_AGI_PORT"]
    box = Box(layout, {})
    assert not any(box.is_ours(name) for name in ("postgres", "redis", "asterisk"))
    assert box.is_ours("serve")


def test_more_nodes_and_replicas_listen_beside_the_first() -> None:
    layout = layout_from({"CALLCENTER_ASTERISK_NODES": "2", "CALLCENTER_REPLICAS": "3"})
    assert [(place.name, place.address, place.folder.name) for place in layout.nodes] == [
        ("node1", "127.0.0.1", "asterisk"),
        ("node2", "127.0.0.2", "asterisk-node2"),
    ]
    assert [url.rpartition(":")[2] for url in layout.web_urls] == ["8080", "8081", "8082"]
    assert Box(layout, {}).parts == [
        *("postgres", "redis", "asterisk", "asterisk2", "serve", "serve2", "serve3", "node", "node2")
    ]
    assert Box(layout_from({}), {}).parts == ["postgres", "redis", "asterisk", "serve", "node"]


@pytest.mark.parametrize("text", ["0", "10", "-1", "two", "２"])
def test_what_is_no_number_of_nodes_is_refused_by_name(text: str) -> None:
    with pytest.raises(Problem, match="CALLCENTER_ASTERISK_NODES"):
        layout_from({"CALLCENTER_ASTERISK_NODES": text})


def test_private_nodes_and_somebody_elses_are_not_mixed() -> None:
    with pytest.raises(Problem, match="CALLCENTER_ARI_URL"):
        layout_from({"CALLCENTER_ASTERISK_NODES": "2", "CALLCENTER_ARI_URL": "http://a"})


def test_a_taken_port_is_told_with_its_holder_and_a_free_one() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not is_free("127.0.0.1", "tcp", port)
        assert holder("tcp", port).startswith("python") or holder("tcp", port).startswith("pytest")
        with pytest.raises(Problem, match=rf"port {port} .* is taken by .*CALLCENTER_WEB_PORT=\d+ make run"):
            refuse_taken(Layout(web_port=port))


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = SecretFile(path).secret("redis")
    assert set(made) <= set(ALPHABET)
    assert len(made) == 32
    assert SecretFile(path).secret("redis") == made
    assert SecretFile(path).secret("ari") != made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {"redis", "ari"}


def test_a_file_that_could_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "hotline.json"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError), private_file(path) as partial:
        partial.write_text("half \ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "停"),
        ({"LANG": "C.UTF-8"}, "stop"),
        ({"LANG": "zh_CN", "LC_ALL": "C"}, "stop"),
        ({}, "stop"),
    ],
)
def test_the_terminal_speaks_its_persons_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words("stop", "停") == expected
