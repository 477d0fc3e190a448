"""Asterisk's configuration: complete, private, and closed to values that would break out of their line."""

import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callcenter.asterisk.announcements import SLOTS
from callcenter.asterisk.config import AsteriskOptions, BadOptionError, cli, command, render
from callcenter.asterisk.phones import Phone, objects_of


def options(folder: Path, **more: Any) -> AsteriskOptions:
    base = AsteriskOptions(
        etc_dir=folder / "etc", run_dir=folder / "run", log_dir=folder / "log", spool_dir=folder / "spool",
        state_dir=folder / "state", ari_password="secret",
    )  # fmt: skip
    return replace(base, **more)


def text(folder: Path, name: str) -> str:
    return (folder / "etc" / name).read_text(encoding="utf-8")


def test_every_template_is_filled_in_and_private(tmp_path: Path) -> None:
    render(options(tmp_path, trunk_peers=("10.0.0.1", "192.0.2.0/24"), external_address="198.51.100.1"))
    files = list((tmp_path / "etc").rglob("*.conf"))
    assert len(files) > 20
    assert not [file.name for file in files if "@{" in file.read_text(encoding="utf-8")]
    assert not [file.name for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]
    assert "match = 10.0.0.1/32\nmatch = 192.0.2.0/24\n" in text(tmp_path, "pjsip.conf")
    assert "external_media_address = 198.51.100.1" in text(tmp_path, "pjsip.conf")
    assert "${CALLERID(num)}" in text(tmp_path, "dialplans/hotline.conf")


@pytest.mark.parametrize(
    "more",
    [
        {"node_name": "n1\nlive_dangerously = yes"},
        {"ari_password": "a;b"},
        {"ari_user": "x]\n[y"},
        {"sip_host": "${SHELL(id)}"},
        {"realm": 'a"b'},
        {"ari_allowed_origins": ("http://a\r\n",)},
        {"trunk_contact": "sip:a\ncontext = agents"},
        {"trunk_contact": "10.0.0.1"},
        {"hotline_number": "1\n2"},
        {"node_spool_dir": Path("/a\nb")},
    ],
)
def test_a_value_cannot_leave_its_line(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not allowed|does not appear|not a SIP URI"):
        render(options(tmp_path, **more))


@pytest.mark.parametrize("peer", ["", "trunk.example", "1.2.3.4\nmatch = 0.0.0.0/0"])
def test_a_trunk_is_an_address(tmp_path: Path, peer: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        render(options(tmp_path, trunk_peers=(peer,)))


def test_a_tenth_of_the_trunk_lets_in_the_trunks_addresses_alone(tmp_path: Path) -> None:
    render(options(tmp_path, trunk_peers=("10.0.0.1", "192.0.2.0/24")))
    pjsip = text(tmp_path, "pjsip.conf")
    access = "deny = 0.0.0.0/0.0.0.0\ndeny = ::/0\npermit = 10.0.0.1/32\npermit = 192.0.2.0/24\n"
    assert f"[trunk-tenth](!,trunk-endpoint)\nidentify_by = header\n{access}" in pjsip
    patterns = re.findall(r"\nendpoint = trunk-(\d)\nmatch_header = From: /(.*)/\n", pjsip)
    froms = {
        '"x" <sip:13800138003@10.0.0.1>;tag=1': ["3"],
        "<sip:+8613800138007@10.0.0.1>;tag=1": ["7"],
        "sip:02787654320@10.0.0.1": ["0"],
        "<sip:1003@10.0.0.1>;tag=1234567@": [],
        "<sip:anonymous@anonymous.invalid>;tag=1": [],
    }
    found = {one: [digit for digit, pattern in patterns if re.search(pattern, one)] for one in froms}
    assert found == froms


def test_the_trunk_leads_out_only_where_it_is_told_to(tmp_path: Path) -> None:
    render(options(tmp_path))
    assert "CC_TRUNK = 0\n" in text(tmp_path, "extensions.conf")
    assert "\ncontact = " not in text(tmp_path, "pjsip.conf")
    render(options(tmp_path, trunk_contact="sip:trunk.example:5080", hotline_number="4008001234"))
    assert "CC_TRUNK = 1\n" in text(tmp_path, "extensions.conf")
    assert "CC_HOTLINE = 4008001234\n" in text(tmp_path, "extensions.conf")
    assert "\ncontact = sip:trunk.example:5080\n" in text(tmp_path, "pjsip.conf")


def test_announcements_have_their_slots(tmp_path: Path) -> None:
    render(options(tmp_path, node_spool_dir=tmp_path / "node"))
    classes = text(tmp_path, "musiconhold.conf").split("[cc-say-")[1:]
    assert len(classes) == SLOTS
    for number, one in enumerate(classes):
        first = next(line for line in one.splitlines() if line.startswith("entry"))
        assert first == f"entry = {tmp_path}/node/say/{number}"


def test_a_socket_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="too long"):
        render(options(tmp_path, run_dir=tmp_path / ("x" * 120)))


def test_how_asterisk_is_started(tmp_path: Path) -> None:
    conf = str(tmp_path / "etc" / "asterisk.conf")
    assert command(options(tmp_path)) == ["asterisk", "-f", "-C", conf]
    assert cli(options(tmp_path)) == ["asterisk", "-C", conf]


def test_nobody_anonymous_and_nothing_dangerous(tmp_path: Path) -> None:
    render(options(tmp_path))
    assert "endpoint_identifier_order = username,header,ip\n" in text(tmp_path, "pjsip.conf")
    assert "live_dangerously = no" in text(tmp_path, "asterisk.conf")
    modules = text(tmp_path, "modules.conf")
    assert "autoload = no" in modules
    closed = ("anonymous", "app_system", "func_shell", "func_curl", "func_env", "res_config", "pbx_spool")
    assert not [name for name in closed if name in modules]


def test_another_node_is_known_by_its_name_from_its_address_only(tmp_path: Path) -> None:
    render(options(tmp_path, peers={"node2": "10.0.0.2:5060", "node3": "[2001:db8::3]:5070"}))
    pjsip = text(tmp_path, "pjsip.conf")
    assert "[node2](node)\naors = node2\npermit = 10.0.0.2\n" in pjsip
    assert "[node2](node-address)\ncontact = sip:10.0.0.2:5060\n" in pjsip
    assert "contact = sip:[2001:db8::3]:5070\n" in pjsip
    assert "from_user = node1\n" in pjsip
    assert "deny = 0.0.0.0/0.0.0.0\n" in pjsip


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("trunk", "10.0.0.2:5060"),
        ("1001", "10.0.0.2:5060"),
        ("node2]\n[x", "10.0.0.2:5060"),
        ("node2", "10.0.0.2"),
        ("node2", "node2.example:5060"),
        ("node2", "10.0.0.2:5060\npermit = 0.0.0.0/0"),
        ("node2", "10.0.0.2:５０６０"),
    ],
)
def test_a_node_has_a_name_and_an_address(tmp_path: Path, name: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"no name and SIP address|does not appear"):
        render(options(tmp_path, peers={name: address}))


def test_a_pushed_phone_is_marked_by_all_that_is_pushed() -> None:
    digest = "0" * 32
    desk = objects_of(Phone("1003", "desk", digest), "r", "127.0.0.1")
    browser = objects_of(Phone("1003", "browser", digest), "r", "127.0.0.1")
    other = objects_of(Phone("1003", "desk", "1" * 32), "r", "127.0.0.1")
    marks = {dict(one["endpoint"])["accountcode"] for one in (desk, browser, other)}
    assert len(marks) == 3
    assert {name for name, _ in desk["endpoint"]} == {name for name, _ in browser["endpoint"]}


@pytest.mark.parametrize(
    "phone",
    [
        Phone("trunk", "desk", None),
        Phone("1003\n", "desk", None),
        Phone("1003", "desk", "x"),
        Phone("12", "desk", None),
    ],
)
def test_a_phone_of_a_wrong_shape_is_refused(phone: Phone) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        objects_of(phone, "r", "")
