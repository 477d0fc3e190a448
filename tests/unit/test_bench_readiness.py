"""What the bench reads of lines of callers: who became ready when, whose phone was rung when."""

import pytest

from tests.bench.capture import Packet
from tests.bench.readiness import first_ringing_ms, rung, waits_ms

ASTERISK, PHONE, RECOVERING, PAGE, WEB = 26060, 26062, 26064, 40000, 26080


def ready(at: float, extension: str, request: str = "PUT /api/v1/calls/node1-1.1/outcome") -> Packet:
    text = f"{request} HTTP/1.1\r\nHost: x\r\nX-Bench-Desk: {extension}\r\n\r\n{{}}"
    return Packet(at, PAGE, WEB, text.encode(), tcp=True)


def invite(at: float, extension: str, call_id: str, port: int = PHONE) -> Packet:
    text = f"INVITE sip:{extension}@127.0.0.1:{port} SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n"
    return Packet(at, ASTERISK, port, text.encode())


def answer(at: float, status: str, call_id: str, port: int = PHONE, method: str = "INVITE") -> Packet:
    text = f"SIP/2.0 {status}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    return Packet(at, port, ASTERISK, text.encode())


def test_an_agent_waits_from_his_request_to_the_invite_at_his_phone() -> None:
    found = rung(
        [
            ready(10.0, "2001"),
            ready(10.1, "2002", "POST /api/v1/desk/state"),
            invite(10.02, "2001", "a"),
            invite(10.15, "2002", "b"),
        ],
        {PHONE},
        WEB,
    )
    waits, never = waits_ms(found)
    assert waits == [pytest.approx(20.0), pytest.approx(50.0)]
    assert (never, found.offers) == (0, 2)


def test_what_was_rung_before_he_was_ready_is_not_his() -> None:
    found = rung([invite(9.9, "2001", "a"), ready(10.0, "2001"), invite(12.0, "2003", "b")], {PHONE}, WEB)
    assert waits_ms(found) == ([], 1)


def test_who_became_ready_at_the_very_end_is_not_missed() -> None:
    assert waits_ms(rung([ready(10.0, "2001"), invite(10.5, "2002", "a")], {PHONE}, WEB)) == ([], 0)


def test_an_invite_that_is_sent_again_is_one_ring_and_an_answer_one_answer() -> None:
    found = rung(
        [
            invite(10.0, "2001", "a"),
            invite(10.5, "2001", "a"),
            answer(10.6, "486 Busy Here", "a"),
            answer(10.7, "486 Busy Here", "a"),
            invite(10.8, "2001", "b"),
            answer(10.9, "200 OK", "b"),
            answer(11.0, "200 OK", "b", method="BYE"),
        ],
        {PHONE},
        WEB,
    )
    assert (found.offers, found.statuses) == (2, {486: 1, 200: 1})


def test_other_requests_and_other_desks_say_nothing() -> None:
    stranger = Packet(10.0, PAGE, WEB, b"PUT /api/v1/calls/x/outcome HTTP/1.1\r\n\r\n", tcp=True)
    found = rung([stranger, ready(10.1, "2001", "POST /api/v1/desk/phone")], {PHONE}, WEB)
    assert found.ready == {}


def test_the_first_phone_that_recovers_is_the_one_at_its_own_port() -> None:
    found = rung(
        [
            answer(9.0, "180 Ringing", "a", RECOVERING),
            answer(10.1, "180 Ringing", "b", PHONE),
            answer(10.4, "180 Ringing", "c", RECOVERING),
        ],
        {PHONE, RECOVERING},
        WEB,
    )
    assert first_ringing_ms(found, RECOVERING, 10.0) == pytest.approx(400.0)
    assert first_ringing_ms(found, RECOVERING, 11.0) is None
