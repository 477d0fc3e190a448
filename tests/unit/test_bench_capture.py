"""What the bench reads out of a capture of SIP messages."""

import struct
from collections.abc import Sequence

import pytest

from tests.bench.capture import CallTrace, CaptureError, cards, packets, traces
from tests.bench.usage import Stat, parse_stat, tree

CALLER, ASTERISK, PHONE, WEB = 26061, 26060, 26062, 26080


def message(first_line: str, call_id: str, *, number: str = "13800138000", method: str = "INVITE") -> bytes:
    return (
        f'{first_line}\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nFrom: "A" <sip:{number}@127.0.0.1>;tag=1\r\n'
        f"To: <sip:4008001234@127.0.0.1>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    ).encode()


def frame(source: int, target: int, payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return b"\0" * 12 + b"\x08\x00" + header + udp


def capture(frames: Sequence[tuple[float, bytes]], order: str = "<", nanoseconds: bool = False) -> bytes:
    magic, per_second = (0xA1B23C4D, 10**9) if nanoseconds else (0xA1B2C3D4, 10**6)
    content = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    for at, data in frames:
        whole = int(at)
        fraction = round((at - whole) * per_second)
        content += struct.pack(f"{order}IIII", whole, fraction, len(data), len(data)) + data
    return content


def a_call(phone_number: str = "13800138000") -> list[tuple[float, bytes]]:
    return [
        (10.000, frame(CALLER, ASTERISK, message("INVITE sip:400@x SIP/2.0", "c1"))),
        (10.001, frame(ASTERISK, CALLER, message("SIP/2.0 100 Trying", "c1"))),
        (10.002, frame(ASTERISK, CALLER, message("SIP/2.0 180 Ringing", "c1"))),
        (10.020, frame(ASTERISK, PHONE, message("INVITE sip:1001@x SIP/2.0", "p1", number=phone_number))),
        (10.025, frame(PHONE, ASTERISK, message("SIP/2.0 180 Ringing", "p1", number=phone_number))),
        (10.125, frame(PHONE, ASTERISK, message("SIP/2.0 200 OK", "p1", number=phone_number))),
        (10.130, frame(ASTERISK, CALLER, message("SIP/2.0 200 OK", "c1"))),
        (12.130, frame(CALLER, ASTERISK, message("BYE sip:400@x SIP/2.0", "c1", method="BYE"))),
        (12.131, frame(ASTERISK, CALLER, message("SIP/2.0 200 OK", "c1", method="BYE"))),
    ]


def traced(frames: Sequence[tuple[float, bytes]]) -> dict[str, CallTrace]:
    return traces(packets(capture(frames)), CALLER, {PHONE})


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_packets_are_read_in_every_form_of_the_file(order: str, nanoseconds: bool) -> None:
    [found] = packets(capture([(1.25, frame(1, 2, b"hello"))], order, nanoseconds))
    assert (found.at, found.source, found.target, found.payload) == (1.25, 1, 2, b"hello")


def test_a_record_that_was_cut_off_is_left_out() -> None:
    content = capture([(1.0, frame(1, 2, b"one")), (2.0, frame(1, 2, b"two"))])
    assert [found.payload for found in packets(content[:-2])] == [b"one"]


def test_what_is_neither_udp_nor_tcp_over_ipv4_is_left_out() -> None:
    icmp = bytearray(frame(1, 2, b"x"))
    icmp[14 + 9] = 1
    arp = b"\0" * 12 + b"\x08\x06" + b"\0" * 40
    assert not list(packets(capture([(1.0, bytes(icmp)), (1.0, arp), (1.0, b"")])))


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xd4\xc3\xb2\xa1"])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(CaptureError):
        list(packets(content))


def test_both_legs_of_a_call_are_joined_by_the_callers_number() -> None:
    [call] = traced(a_call()).values()
    assert (call.invited_at, call.phone_invited_at, call.phone_ringing_at) == (10.0, 10.02, 10.025)
    assert (call.answered_at, call.bye_at, call.dropped_at) == (10.13, 12.13, None)
    assert (call.phone_legs, call.invites_sent, call.failed) == (1, 1, "")


def segment(source: int, target: int, payload: bytes) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", source, target, 0, 0, 8 << 4, 0x18, 0, 0, 0) + b"\0" * 12 + payload
    made = bytearray(frame(0, 0, b"")[:34] + tcp)
    made[14 + 9] = 6
    return bytes(made)


def test_a_card_is_taken_where_it_first_comes_to_a_desk() -> None:
    card = b'\x81~..{"type":"desk","seq":4,"desk":{"call":{"number":"138 0013 8000","number_e164":"+8613800138000"}}}'
    frames = [
        (1.0, segment(WEB, 50001, b'HTTP/1.1 200 OK {"number_e164":"+8613800138000"}')),
        (2.0, segment(50001, WEB, card)),
        (3.0, segment(WEB, 50001, card)),
        (4.0, segment(WEB, 50001, card)),
    ]
    found = list(packets(capture(frames)))
    assert cards(found, WEB) == {"13800138000": 3.0}
    assert not traces(found, WEB, {50001})


def test_an_answer_without_a_phone_is_a_failure() -> None:
    [call] = traced(a_call(phone_number="13900139000")).values()
    assert call.failed == "answered, but no phone rang"


def test_a_refused_call_is_a_failure() -> None:
    frames = [
        *a_call()[:2],
        (10.1, frame(ASTERISK, CALLER, message("SIP/2.0 503 Service Unavailable", "c1"))),
    ]
    [call] = traced(frames).values()
    assert call.failed == "refused with 503"


def test_a_call_that_asterisk_ends_is_a_failure() -> None:
    bye = frame(ASTERISK, CALLER, message("BYE sip:trunk@x SIP/2.0", "c1", method="BYE"))
    [call] = traced([*a_call()[:7], (11.0, bye)]).values()
    assert call.failed == "hung up by Asterisk"


def test_an_invite_that_is_sent_again_is_counted_once_as_a_call() -> None:
    again = (10.5, frame(CALLER, ASTERISK, message("INVITE sip:400@x SIP/2.0", "c1")))
    [call] = traced([a_call()[0], again, *a_call()[1:]]).values()
    assert (call.invited_at, call.invites_sent) == (10.0, 2)


def test_a_programs_name_does_not_confuse_its_cpu_time() -> None:
    text = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 1 0 100 1 1"
    assert parse_stat(text) == Stat(7, 2000.0, 300.0)


def test_a_tree_holds_grandchildren_and_nobody_else() -> None:
    stats = {pid: Stat(parent, 0, 0) for pid, parent in {1: 0, 5: 1, 6: 5, 7: 6, 8: 1}.items()}
    assert sorted(tree(5, stats)) == [5, 6, 7]
    assert tree(99, stats) == []
