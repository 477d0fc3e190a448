"""A passive capture of SIP messages and desks' sockets, and what it says about each call. Times: s since the epoch.

Both legs of a call are joined by the caller's number, which is unique in a run and stands in the From header
of either INVITE; so neither path has to carry anything extra.
"""

import os
import re
import struct
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.bench.load import die_with_parent

_SNAPSHOT_BYTES = 2400
_GLOBAL_HEADER_BYTES = 24
_RECORD_HEADER_BYTES = 16
_TCP_BEGINS = "tcp[((tcp[12] & 0xf0) >> 2):4]"
_CHANGES = f"{_TCP_BEGINS} = 0x504f5354 or {_TCP_BEGINS} = 0x50555420"
"""A packet that begins with POST or PUT."""
_ETHERNET = 1
_ETHERNET_BYTES = 14
_IPV4 = b"\x08\x00"
_TCP, _UDP = 6, 17
_FROM_USER = re.compile(rb"^(?:From|f)\s*:[^\r\n]*<sips?:([^@>;]+)@", re.IGNORECASE | re.MULTILINE)
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_CARD = re.compile(rb'"number_e164":"([^"]+)"')
_DESK_MESSAGES = (b'"type":"desk"', b'"type":"snapshot"')
_CSEQ = re.compile(rb"^CSeq\s*:\s*\d+\s+(\S+)", re.IGNORECASE | re.MULTILINE)


class CaptureError(Exception):
    """The capture could not be made or read."""


class Capture:
    """tcpdump on the loopback device, writing into a file what goes over the SIP port, what comes from the web port and
    what is posted or put to it.
    """

    def __init__(self, file: Path, sip_port: int, web_port: int) -> None:
        self.file = file
        argv = ["tcpdump", "-i", "lo", "-n", "-s", str(_SNAPSHOT_BYTES), "-B", "16384", "-w", str(file)]
        if os.geteuid() == 0:
            argv += ["-Z", "root"]
        self._tcpdump = subprocess.Popen(
            [*argv, f"udp port {sip_port} or tcp src port {web_port} or (tcp dst port {web_port} and ({_CHANGES}))"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread starts programs here
        )
        self._await_listening()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _await_listening(self) -> None:
        said = ""
        assert self._tcpdump.stderr is not None
        for line in self._tcpdump.stderr:
            said += line
            if "listening on" in line:
                return
        raise CaptureError(f"tcpdump cannot capture on lo; it needs root or CAP_NET_RAW. It says: {said.strip()}")

    def stop(self) -> int:
        """End it; how many packets the kernel dropped for it."""
        if self._tcpdump.poll() is None:
            self._tcpdump.terminate()
        _, said = self._tcpdump.communicate(timeout=10)
        dropped = re.search(r"(\d+) packets? dropped by kernel", said or "")
        return int(dropped[1]) if dropped else 0


@dataclass(frozen=True, slots=True)
class Packet:
    """What one UDP or TCP packet carries: when, from which port to which, what."""

    at: float
    source: int
    target: int
    payload: bytes
    tcp: bool = False


def packets(content: bytes) -> Iterator[Packet]:
    """The UDP and TCP packets of a capture file; a record that was cut off at the end is left out.

    Raises CaptureError for anything but a classic pcap file of an Ethernet-like device.
    """
    order, per_second = _byte_order(content[:4])
    if len(content) < _GLOBAL_HEADER_BYTES:
        raise CaptureError("the capture file has no header")
    (link_type,) = struct.unpack_from(f"{order}I", content, 20)
    if link_type != _ETHERNET:
        raise CaptureError(f"unexpected link type {link_type} in the capture file")
    record = struct.Struct(f"{order}IIII")
    position = _GLOBAL_HEADER_BYTES
    while position + _RECORD_HEADER_BYTES <= len(content):
        seconds, fraction, kept, _length = record.unpack_from(content, position)
        position += _RECORD_HEADER_BYTES
        frame = content[position : position + kept]
        position += kept
        if len(frame) == kept and (found := _carried(frame)):
            yield Packet(seconds + fraction / per_second, *found)


def _byte_order(magic: bytes) -> tuple[str, float]:
    known = {
        b"\xd4\xc3\xb2\xa1": ("<", 1e6),
        b"\xa1\xb2\xc3\xd4": (">", 1e6),
        b"\x4d\x3c\xb2\xa1": ("<", 1e9),
        b"\xa1\xb2\x3c\x4d": (">", 1e9),
    }
    if magic not in known:
        raise CaptureError("not a pcap file")
    return known[magic]


def _carried(frame: bytes) -> tuple[int, int, bytes, bool] | None:
    packet = frame[_ETHERNET_BYTES:]
    if frame[12:14] != _IPV4 or len(packet) < 28 or packet[9] not in (_TCP, _UDP):
        return None
    inner = packet[(packet[0] & 0x0F) * 4 :]
    tcp = packet[9] == _TCP
    if len(inner) < (20 if tcp else 8):
        return None
    source, target = struct.unpack_from("!HH", inner)
    return source, target, inner[(inner[12] >> 4) * 4 if tcp else 8 :], tcp


@dataclass(slots=True)
class CallTrace:
    """When what happened to one call; None: never. `phone_…` is the leg to the agent's or member's phone."""

    number: str
    invited_at: float
    answered_at: float | None = None
    refused_with: int | None = None
    """The final answer that was no 200."""
    bye_at: float | None = None
    """The caller hung up."""
    dropped_at: float | None = None
    """Asterisk hung up on the caller before he did."""
    phone_invited_at: float | None = None
    phone_ringing_at: float | None = None
    phone_legs: int = 0
    invites_sent: int = 1
    """More than one: the first was not answered within half a second."""

    @property
    def failed(self) -> str:
        """Why this call was no conversation with a phone, ended by the caller; empty when it was."""
        if self.refused_with is not None:
            return f"refused with {self.refused_with}"
        if self.answered_at is None:
            return "not answered"
        if self.phone_invited_at is None:
            return "answered, but no phone rang"
        if self.dropped_at is not None:
            return "hung up by Asterisk"
        return ""


def cards(messages: Iterable[Packet], web_port: int) -> dict[str, float]:
    """When each caller's card first came to a desk's socket, by his number as Asterisk gave it (11 digits).

    Taken where it reaches the desk's machine, so that a busy reader in the bench is not counted as a late card.
    """
    found: dict[str, float] = {}
    for message in messages:
        if message.tcp and message.source == web_port and any(kind in message.payload for kind in _DESK_MESSAGES):
            for number in _CARD.findall(message.payload):
                found.setdefault(number.decode("ascii", "replace")[-11:], message.at)
    return found


def traces(messages: Iterable[Packet], caller_port: int, phone_ports: Collection[int]) -> dict[str, CallTrace]:
    """Each call by its caller's number, from the messages of both legs."""
    reader = _Reader(caller_port, phone_ports)
    for message in messages:
        if not message.tcp:
            reader.take(message)
    return reader.calls


class _Reader:
    """Follows the messages of both legs."""

    def __init__(self, caller_port: int, phone_ports: Collection[int]) -> None:
        self.calls: dict[str, CallTrace] = {}
        self._by_call_id: dict[bytes, CallTrace] = {}
        self._caller_port = caller_port
        self._phone_ports = phone_ports

    def take(self, message: Packet) -> None:
        """The next message."""
        head = message.payload
        call_id = _CALL_ID.search(head)
        if call_id is None:
            return
        known = self._by_call_id.get(call_id[1])
        if head.startswith(b"INVITE "):
            self._invite(message, call_id[1], known)
        elif known is not None and head.startswith(b"SIP/2.0 "):
            self._response(message, known)
        elif known is not None and head.startswith(b"BYE "):
            self._bye(message, known)

    def _invite(self, message: Packet, call_id: bytes, known: CallTrace | None) -> None:
        if known is not None:
            known.invites_sent += message.source == self._caller_port
            return
        user = _FROM_USER.search(message.payload)
        if user is None:
            return
        number = user[1].decode("ascii", "replace")
        if message.source == self._caller_port:
            self.calls[number] = self._by_call_id[call_id] = CallTrace(number, message.at)
        elif message.target in self._phone_ports and (call := self.calls.get(number)):
            self._by_call_id[call_id] = call
            call.phone_legs += 1
            call.phone_invited_at = call.phone_invited_at or message.at

    def _response(self, message: Packet, call: CallTrace) -> None:
        method = _CSEQ.search(message.payload)
        status = message.payload[8:11]
        if method is None or method[1] != b"INVITE" or not status.isdigit():
            return
        code = int(status)
        if message.source in self._phone_ports:
            if code == 180:
                call.phone_ringing_at = call.phone_ringing_at or message.at
        elif message.target == self._caller_port:
            if code == 200:
                call.answered_at = call.answered_at or message.at
            elif code >= 300:
                call.refused_with = code

    def _bye(self, message: Packet, call: CallTrace) -> None:
        if message.source == self._caller_port:
            call.bye_at = call.bye_at or message.at
        elif message.target == self._caller_port and call.bye_at is None:
            call.dropped_at = call.dropped_at or message.at
