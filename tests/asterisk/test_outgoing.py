"""What leads out over the trunk, callers who are passed on and customers who are called back, and who may not."""

import socket
import time
import urllib.parse
from typing import Any

import pytest

from tests.asterisk.layer import Layer
from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.asterisk.stub_service import eventually
from tests.asterisk.test_layer import ledger_row

# ---- pass on


@pytest.mark.parametrize("answered", [True, False])
def test_a_caller_is_passed_on_over_the_trunk(layer: Layer, answered: bool) -> None:
    layer.service.answer_wait = lambda _: {"do": "pass_on", "number": "+8613800138001"}
    does = {"does": "answer", "talk_seconds": 1} if answered else {"does": "reject"}
    with DeskPhone("trunk", port=layer.trunk_port, **does) as outside, Caller(layer.sip, hold_seconds=30) as caller:
        dialled = outside.wait_for("dialled")
        shown = outside.wait_for("invite").text
        report = layer.service.wait_for("ended")
        caller.finish()
    assert dialled.text == "sip:+8613800138001"
    assert "4008001234" in shown
    assert "X-Call-Id" not in shown
    assert report.body["passed_on"] is answered
    assert report.body["dial_status"] == ("ANSWER" if answered else "BUSY")
    assert (report.body["answered_at_ms"], report.body["hung_up_by"], report.body["offer_id"]) == (None, "system", "")
    row = ledger_row(layer, report.call_id)
    assert (row["path"], row["agent_channel"], row["answered_at_ms"]) == ("passed_on", "", None)


@pytest.mark.parametrize("number", ["110@trunk", "1,60", "${CALLERID(num)}", "PJSIP/1", "a", "", None, 7, "1" * 21])
def test_what_is_no_number_is_not_dialled(layer: Layer, number: Any) -> None:
    refused = {"do": "pass_on", "number": number}
    layer.service.answer_wait = lambda _: refused if len(layer.service.of("wait")) < 3 else {"do": "leave"}
    with DeskPhone("trunk", port=layer.trunk_port) as outside:
        with Caller(layer.sip):
            assert not layer.service.wait_for("ended").body["passed_on"]
        assert not outside.events()


def test_without_a_way_out_nobody_is_passed_on_and_the_log_says_why(layer: Layer) -> None:
    layer.console("dialplan set global CC_TRUNK 0")
    try:
        layer.service.answer_wait = lambda _: {"do": "pass_on", "number": "13800138001"}
        with DeskPhone("trunk", port=layer.trunk_port) as outside:
            with Caller(layer.sip):
                report = layer.service.wait_for("ended").body
            assert not outside.events()
        assert (report["passed_on"], report["dial_status"]) == (False, "CHANUNAVAIL")
        assert "CALLCENTER_TRUNK_CONTACT" in (layer.options.log_dir / "messages.log").read_text(errors="replace")
    finally:
        layer.console("dialplan set global CC_TRUNK 1")


# ---- calling back


def call_back(layer: Layer, number: str = "13800138002", ring_seconds: int = 20, **more: str) -> str:
    """Ring the agent's phone as the service does; the channel's id."""
    channel = f"back-{time.monotonic_ns()}"
    layer.ari(
        "POST",
        f"channels?endpoint=PJSIP%2F1003&extension={urllib.parse.quote(number)}&context=callback&priority=1"
        f"&channelId={channel}&callerId={urllib.parse.quote(number)}&timeout=20",
        {
            "variables": {
                "CC_CALL": "layer1-1700000000.1",
                "CC_OFFER": "layer1-1700000000.1/2",
                "CHANNEL(accountcode)": "layer1-1700000000.1/2",
                "CC_RING_SECONDS": str(ring_seconds),
                "PJSIP_HEADER(add,X-Call-Id)": "layer1-1700000000.1",
                **more,
            }
        },
    )
    return channel


def test_a_customer_is_called_back_once(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.3) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=1, talk_seconds=1.5) as customer,
    ):
        layer.push(phone)
        call_back(layer)
        assert phone.wait_for("offered").text.split()[0] == "layer1-1700000000.1"
        assert customer.wait_for("dialled").text == "sip:13800138002"
        shown = customer.wait_for("invite").text
        phone.wait_for("hung-up-on")
        report = layer.service.wait_for("callback-over")
        assert len([one for one in customer.events() if one.kind == "invite"]) == 1
    assert "4008001234" in shown
    assert "layer1-" not in shown
    body = report.body
    assert report.call_id == "layer1-1700000000.1"
    assert (body["offer_id"], body["number"], body["node"]) == ("layer1-1700000000.1/2", "13800138002", "layer1")
    assert (body["dial_status"], body["hung_up_by"]) == ("ANSWER", "customer")
    assert body["agent_answered_at_ms"] <= body["dialled_at_ms"]
    assert 900 < body["customer_answered_at_ms"] - body["dialled_at_ms"] < 2000
    assert 1300 < body["ended_at_ms"] - body["customer_answered_at_ms"] < 2500
    row = ledger_row(layer, "layer1-1700000000.1")
    assert row["path"] == "callback"
    assert row["agent_channel"].startswith("PJSIP/1003-")
    assert abs(row["answered_at_ms"] - body["customer_answered_at_ms"]) < 50
    assert (row["caller_number"], row["called"]) == (None, "13800138002")


def test_the_agent_hangs_up_on_the_customer(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1, talk_seconds=1.5) as phone,
        DeskPhone("trunk", port=layer.trunk_port, ring_seconds=0.3) as customer,
    ):
        layer.push(phone)
        call_back(layer)
        customer.wait_for("hung-up-on")
        body = layer.service.wait_for("callback-over").body
    assert (body["dial_status"], body["hung_up_by"]) == ("ANSWER", "agent")
    assert body["customer_answered_at_ms"]


@pytest.mark.parametrize(("does", "status"), [("ignore", "NOANSWER"), ("reject", "BUSY")])
def test_a_customer_who_does_not_answer_is_not_rung_again(layer: Layer, does: Any, status: str) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1) as phone,
        DeskPhone("trunk", port=layer.trunk_port, does=does) as customer,
    ):
        layer.push(phone)
        began = time.monotonic()
        call_back(layer, ring_seconds=2)
        phone.wait_for("hung-up-on")
        body = layer.service.wait_for("callback-over").body
        assert len([one for one in customer.events() if one.kind == "invite"]) == 1
    assert (body["dial_status"], body["hung_up_by"], body["customer_answered_at_ms"]) == (status, "system", None)
    assert time.monotonic() - began < 6


def test_the_agent_gives_up_while_the_customers_phone_rings(layer: Layer) -> None:
    with (
        DeskPhone("1003", ring_seconds=0.1, talk_seconds=1) as phone,
        DeskPhone("trunk", port=layer.trunk_port, does="ignore") as customer,
    ):
        layer.push(phone)
        call_back(layer)
        customer.wait_for("cancelled")
        body = layer.service.wait_for("callback-over").body
    assert (body["dial_status"], body["hung_up_by"]) == ("CANCEL", "agent")


def test_a_callback_that_nobody_takes_the_report_of_is_spooled(layer: Layer) -> None:
    spool = layer.options.node_spool_dir / "callback-over"
    with DeskPhone("1003", talk_seconds=1) as phone, DeskPhone("trunk", port=layer.trunk_port, does="ignore"):
        layer.push(phone)
        layer.service.stop()
        try:
            call_back(layer)
            eventually(lambda: len(list(spool.glob("*.json"))) == 1, "the report is on disk", 15)
        finally:
            layer.service.start()
    layer.service.wait_for("callback-over")
    eventually(lambda: not list(spool.glob("*.json")), "the spool is empty")


def test_a_phone_cannot_dial_out_by_itself(layer: Layer) -> None:
    """Toll fraud: the contexts that lead out are the service's alone."""
    contexts = layer.console("dialplan show agents")
    assert "trunk" not in contexts
    contexts += layer.console("dialplan show hotline")
    out = [line for line in contexts.splitlines() if "@trunk" in line]
    assert len(out) == 1
    assert "Dial(PJSIP/${FILTER(0-9+,${CC_NUMBER})}@trunk," in out[0], "whom the service names, not who calls"
    assert "callback" not in contexts


@pytest.mark.parametrize("name", ["trunk", "trunk-3", "13800138003"])
def test_who_calls_himself_the_trunk_or_its_caller_is_a_stranger(layer: Layer, name: str) -> None:
    request = (
        f"REGISTER sip:{layer.sip} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5999;branch=z9hG4bK1\r\n"
        f"From: <sip:{name}@x>;tag=1\r\nTo: <sip:{name}@x>\r\nCall-ID: {name}\r\nCSeq: 1 REGISTER\r\n"
        "Contact: <sip:thief@127.0.0.2:5999>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.settimeout(3)
        stranger.sendto(request.encode(), (layer.options.sip_host, layer.options.sip_port))
        try:
            answer = stranger.recv(65536).split()[1]
        except TimeoutError:
            answer = b""
    assert answer in (b"401", b"403", b"")
    assert "thief" not in layer.console("pjsip show contacts")
