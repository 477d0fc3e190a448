"""Asterisk's own layer: dialplans, AGI steps, node, ledger and the fallback, against a stub of the service."""

import socket
import time
from typing import Any

import pytest

from tests.asterisk.layer import PLAIN_NUMBER, SIP_PASSWORD, TOKEN, Layer
from tests.asterisk.sip.driver import Caller, DeskPhone, free_udp_port
from tests.asterisk.stub_service import eventually

Json = dict[str, Any]


def dial(extension: str, ring_seconds: int = 20) -> Json:
    return {"do": "dial", "offer_id": "offer/1", "endpoints": [extension], "ring_seconds": ring_seconds}


def test_a_call_rings_the_offered_phone_with_its_id(layer: Layer) -> None:
    layer.service.answer_wait = lambda _: dial("1003")
    with DeskPhone("1003", ring_seconds=0.3) as phone:
        layer.push(phone)
        with Caller(layer.sip, name="张伟", number="13800138000", hold_seconds=1) as caller:
            assert caller.finish() == 0
        report = layer.service.wait_for("ended")
        offered = phone.wait_for("offered")
    assert offered.text.split()[0] == report.call_id
    assert report.call_id.startswith("layer1-")
    assert report.token == TOKEN
    assert report.body["caller_name"] == "张伟"
    assert report.body["caller_number"] == "13800138000"
    assert (report.body["hung_up_by"], report.body["dial_status"]) == ("caller", "ANSWER")
    assert report.body["offer_id"] == "offer/1"
    assert 0.9 < report.body["talking_seconds"] < 1.5
    assert report.body["arrived_at_ms"] < report.body["answered_at_ms"] < report.body["ended_at_ms"]
    [arriving] = layer.service.of("wait")
    assert arriving.body["arriving"]
    assert (arriving.body["answered"], arriving.body["queue"], arriving.body["previous"]) == (False, "", None)


def test_an_agent_who_does_not_answer_sends_the_caller_back_to_the_queue(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: {"do": "leave"} if body["previous"] else dial("1003", 1)
    with DeskPhone("1003", does="ignore") as phone:
        layer.push(phone)
        with Caller(layer.sip):
            again = layer.service.wait_for("wait", 2)
            phone.wait_for("cancelled")
            report = layer.service.wait_for("ended")
    assert again.body["previous"]["offer_id"] == "offer/1"
    assert again.body["previous"]["dial_status"] == "NOANSWER"
    assert (again.body["arriving"], again.body["queue"]) == (False, "service")
    assert report.body["hung_up_by"] == "system"
    assert report.body["answered_at_ms"] is None


def test_a_busy_phone_tells_its_cause(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: {"do": "leave"} if body["previous"] else dial("1003")
    with DeskPhone("1003", does="reject") as phone:
        layer.push(phone)
        with Caller(layer.sip):
            again = layer.service.wait_for("wait", 2)
    assert (again.body["previous"]["dial_status"], again.body["previous"]["cause"]) == ("BUSY", 17)


def test_a_caller_who_hears_music_and_hangs_up_is_gone_at_once(layer: Layer) -> None:
    with Caller(layer.sip, hold_seconds=1) as caller:
        caller.wait_for("answered")
        waiting = layer.service.wait_for("wait", 2)
        assert waiting.body["answered"]
        caller.wait_for("hangs-up")
        hung_up = time.monotonic()
        report = layer.service.wait_for("ended")
        assert time.monotonic() - hung_up < 0.5
    assert report.body["hung_up_by"] == "caller"
    assert report.body["answered_at_ms"] is None
    assert report.body["talking_seconds"] == 0
    eventually(lambda: not layer.channels(), "no channel is left")


def test_a_caller_who_gives_up_while_ringing_is_gone_at_once(layer: Layer) -> None:
    layer.service.answer_wait = lambda _: None
    with Caller(layer.sip, patience_seconds=0.5) as caller:
        caller.wait_for("not-answered")
        assert layer.service.wait_for("ended").body["hung_up_by"] == "caller"


def test_who_waited_with_music_is_connected(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: dial("1003") if body["answered"] else {"do": "say"}
    with DeskPhone("1003", talk_seconds=1, ring_seconds=0.5) as phone:
        layer.push(phone)
        with Caller(layer.sip, hold_seconds=20) as caller:
            assert caller.finish() == 0
        report = layer.service.wait_for("ended")
    assert report.body["hung_up_by"] == "agent"
    assert 0.8 < report.body["talking_seconds"] < 1.6
    row = ledger_row(layer, report.call_id)
    assert 0.8 < row["talking_seconds"] < 1.6, "from the agent's answer, not from the music"


@pytest.mark.slow
def test_the_service_is_away_for_five_seconds_while_a_caller_waits(layer: Layer) -> None:
    with DeskPhone("1003") as phone:
        layer.push(phone)
        with Caller(layer.sip, hold_seconds=60) as caller:
            layer.service.wait_for("wait", 2)
            layer.service.stop()
            try:
                stays(caller, 5)
            finally:
                layer.service.answer_wait = lambda _: dial("1003")
                layer.service.start()
            phone.wait_for("answer", within_seconds=5)
            stays(caller, 0.5)


def stays(caller: Caller, seconds: float) -> None:
    """The caller is on the line all that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert "hung-up-on" not in {event.kind for event in caller.events()}
        time.sleep(0.1)


def test_no_node_means_the_fallback_queue_and_the_ledger_tells_later(layer: Layer) -> None:
    layer.stop_node()
    try:
        with DeskPhone("1003", ring_seconds=0.3) as phone:
            layer.push(phone)
            with Caller(layer.sip, number="13900139000", name="李，四", hold_seconds=2) as caller:
                offered = phone.wait_for("offered", within_seconds=20)
                phone.wait_for("answer")
                assert caller.finish() == 0
        assert not layer.service.asked
    finally:
        layer.start_node()
    call_id = offered.text.split()[0]
    row = ledger_row(layer, call_id)
    assert row["fallback"]
    assert row["agent_channel"].startswith("PJSIP/1003-")
    assert row["caller_number"] == "13900139000"
    assert row["caller_name"] == "李，四"
    assert 1 < row["talking_seconds"] < 3


def ledger_row(layer: Layer, call_id: str) -> Json:
    """The one row the node ships for a call."""

    def found() -> list[Json]:
        rows = [row for one in layer.service.of("ledger") for row in one.body["rows"]]
        return [row for row in rows if row["call_id"] == call_id]

    eventually(lambda: bool(found()), "the call's ledger row", 15)
    [row] = found()
    return row


def test_a_signed_out_agent_is_not_rung_by_the_fallback(layer: Layer) -> None:
    layer.stop_node()
    try:
        with DeskPhone("1004", ring_seconds=0.1) as out, DeskPhone("1003", ring_seconds=0.1, talk_seconds=0.5) as ready:
            layer.push(out)
            layer.push(ready)
            layer.ari("PUT", "deviceStates/Stasis%3Aagent-1004?deviceState=UNAVAILABLE")
            layer.console("dialplan set global CC_MEMBERS_AT 0")
            with Caller(layer.sip, hold_seconds=30) as caller:
                ready.wait_for("answer", within_seconds=20)
                assert caller.finish() == 0
            assert not out.events()
    finally:
        layer.ari("DELETE", "deviceStates/Stasis%3Aagent-1004")
        layer.start_node()


def test_a_report_nobody_takes_is_spooled_and_sent_later(layer: Layer) -> None:
    with Caller(layer.sip, hold_seconds=1) as caller:
        layer.service.wait_for("wait", 2)
        layer.service.stop()
        caller.wait_for("hangs-up")
        spool = layer.folder / "node" / "ended"
        try:
            eventually(lambda: len(list(spool.glob("*.json"))) == 1, "the report is on disk")
        finally:
            layer.service.start()
    layer.service.wait_for("ended")
    eventually(lambda: not list(spool.glob("*.json")), "the spool is empty")


def test_the_steps_run_as_plain_agi_too(layer: Layer) -> None:
    layer.service.answer_wait = lambda body: dial("1003") if body["answered"] else {"do": "say"}
    with DeskPhone("1003", ring_seconds=0.1, talk_seconds=0.5) as phone:
        layer.push(phone)
        with Caller(layer.sip, called=PLAIN_NUMBER, name="王小明", hold_seconds=30) as caller:
            phone.wait_for("answer", within_seconds=20)
            assert caller.finish() == 0
        report = layer.service.wait_for("ended")
    assert report.body["called"] == PLAIN_NUMBER
    assert (report.body["dial_status"], report.body["hung_up_by"]) == ("ANSWER", "agent")
    assert [one.body["arriving"] for one in layer.service.of("wait")][:2] == [True, False]


def test_a_caller_who_hangs_up_in_a_plain_step_is_gone_at_once(layer: Layer) -> None:
    with Caller(layer.sip, called=PLAIN_NUMBER, hold_seconds=1) as caller:
        layer.service.wait_for("wait", 2)
        caller.wait_for("hangs-up")
        layer.service.wait_for("ended", within_seconds=5)


GARBAGE = [
    b"",
    b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"A" * 1_000_000,
    b"agi_network: yes\nagi_network_script: ../../etc/passwd\n\n",
    b"agi_network: yes\nagi_network_script: wait\nagi_arg_1: \xff\xfe\0\n\n",
    b"agi_x: y\n" * 5000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_at_the_agi_port_harms_nobody(layer: Layer, garbage: bytes) -> None:
    address = (layer.options.agi_host, layer.options.agi_port)
    with socket.create_connection(address, timeout=8) as peer:
        try:
            peer.sendall(garbage)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(4096):
                pass
        except OSError:
            pass
    layer.service.answer_wait = lambda _: {"do": "leave"}
    with Caller(layer.sip) as caller:
        caller.finish()
        layer.service.wait_for("ended")


HOSTILE = [
    b'"a\\"b" <sip:13800138000@x>',
    b'"${SHELL(id)}" <sip:${SHELL(id)}@x>',
    b'"a" <sip:%0d%0aagi_arg_1:9@x>',
    b'"a\r\n  b" <sip:1@x>',
    b'"x\0y" <sip:1%002@x>',
    "王小明 <sip:+8613800138000@x>".encode(),
    b'"' + b"n" * 2000 + b'" <sip:1@x>',
    b'"Anonymous" <sip:anonymous@anonymous.invalid>',
    b'"1,CC_NEXT=dial|&;`" <sip:1@x>',
    b'"\xff\xfe" <sip:1@x>',
    b'"):\x01\x1b[31m" <sip:138%29%3Ax%0d%0aagi_arg_1%3A777@x>',
    b'"a,CC_OFFER=n1-1.0/1):0" <sip:1)}:0:9%7c777@x>',
]


@pytest.mark.parametrize("sender", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_caller_changes_nothing(layer: Layer, sender: bytes) -> None:
    layer.service.answer_wait = lambda _: {"do": "leave"}
    status = invite(layer, sender, b"4008001234%0aagi_x:1" if b"%0d" in sender else b"4008001234")
    if status not in (b"100", b"180"):
        assert status in (b"", b"400", b"404"), "PJSIP itself does not take it"
        return
    report = layer.service.wait_for("ended").body
    waited = layer.service.of("wait")
    assert len(waited) == 1
    assert set(report["caller_number"] or "") <= set("+0123456789*#")
    assert not any(ord(letter) < 32 for letter in report["caller_name"])
    assert len(report["caller_name"]) <= 160
    assert set(waited[0].body["called"]) <= set("+0123456789")
    assert report["offer_id"] == ""
    assert "777" not in (waited[0].body["called"], waited[0].body["queue"], report["dial_status"])
    assert "uid=" not in str(report)


def invite(layer: Layer, sender: bytes, called: bytes, host: str = "127.0.0.1", method: bytes = b"INVITE") -> bytes:
    """Send one raw request; the status of the first answer that says something, or nothing."""
    here = f"{host}:{free_udp_port(host)}"
    call_id = f"raw-{time.monotonic_ns()}"
    sdp = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n".encode()
    lines = [
        method + b" sip:" + called + f"@{layer.sip} SIP/2.0".encode(),
        f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{call_id}".encode(),
        b"From: " + sender + b";tag=1",
        b"To: <sip:" + called + f"@{layer.sip}>".encode(),
        f"Call-ID: {call_id}".encode(),
        b"CSeq: 1 " + method,
        f"Contact: <sip:x@{here}>".encode(),
        b"Max-Forwards: 70",
        b"Content-Type: application/sdp",
        f"Content-Length: {len(sdp)}".encode(),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((host, int(here.rpartition(":")[2])))
        phone.settimeout(2)
        phone.sendto(b"\r\n".join([*lines, b"", sdp]), (layer.options.sip_host, layer.options.sip_port))
        try:
            return phone.recv(65536).split(b" ")[1]
        except TimeoutError:
            return b""


STRANGER = b"<sip:13800138000@x>"


@pytest.mark.parametrize("method", [b"INVITE", b"REGISTER", b"OPTIONS", b"SUBSCRIBE", b"MESSAGE"])
def test_strangers_are_refused(layer: Layer, method: bytes) -> None:
    status = invite(layer, STRANGER, b"4008001234", host="127.0.0.2", method=method)
    assert status in (b"401", b"403", b"404", b"405", b"489")
    assert not layer.channels()
    assert not layer.service.asked


def test_a_wrong_password_does_not_register(layer: Layer) -> None:
    with DeskPhone("1003") as phone:
        layer.push(phone)
        assert phone.register(layer.sip, SIP_PASSWORD)
        assert not phone.register(layer.sip, "guessed")


def test_nothing_complains_in_asterisks_log(layer: Layer) -> None:
    """Modules that are missing, options that are unknown: each is a line at the start."""
    log = (layer.options.log_dir / "messages.log").read_text(encoding="utf-8", errors="replace")
    ours = ("loader.c", "Could not find option", "pbx_config", "config_options", "No application", "not registered")
    assert not [line for line in log.splitlines() if any(word in line for word in ours)]
