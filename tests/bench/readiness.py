"""Pure: what a capture says about lines of callers: who became ready when, whose phone was rung when. Times: s since
the epoch.

An agent is ready from the moment at which the request of his page that makes him ready reaches the service's machine:
his outcome that is saved, or his click. His page names him in the header DESK_HEADER.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tests.bench.capture import Packet

DESK_HEADER = "X-Bench-Desk"
LATEST_SECONDS = 1.0
"""Who became ready less than this before a capture's end is not missed when his phone was not rung in it."""
_DESK = re.compile(rb"^" + DESK_HEADER.encode() + rb"\s*:\s*(\w+)", re.IGNORECASE | re.MULTILINE)
_MAKES_READY = re.compile(rb"^(?:PUT \S+/outcome|POST \S+/desk/state) ")
_INVITED = re.compile(rb"^INVITE sips?:([^@>;\s]+)@")
_CALL_ID = re.compile(rb"^(?:Call-ID|i)\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_ANSWER_TO_INVITE = re.compile(rb"^CSeq\s*:\s*\d+\s+INVITE", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Rung:
    """What was seen at phones and pages. `rings`, `ready`: extension -> when, in order."""

    rings: dict[str, list[float]] = field(default_factory=dict)
    ready: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    """What phones answered to INVITEs: final SIP status -> how often."""
    ringing_at: list[tuple[float, int]] = field(default_factory=list)
    """Each 180 of a phone: when, from which port."""
    last_at: float = 0.0

    @property
    def offers(self) -> int:
        """How often any phone was rung."""
        return sum(map(len, self.rings.values()))


def rung(messages: Iterable[Packet], phone_ports: Collection[int], web_port: int) -> Rung:
    """Read a capture. An INVITE that is sent again is the same ringing, a final answer that is sent again the same."""
    found, known, answered = Rung(), set[bytes](), set[bytes]()
    for message in messages:
        found.last_at = message.at
        if message.tcp:
            desk = _DESK.search(message.payload) if message.target == web_port else None
            if desk and _MAKES_READY.match(message.payload):
                found.ready.setdefault(desk[1].decode(), []).append(message.at)
        elif message.target in phone_ports:
            invited, call_id = _INVITED.match(message.payload), _CALL_ID.search(message.payload)
            if invited and call_id and call_id[1] not in known:
                known.add(call_id[1])
                found.rings.setdefault(invited[1].decode(), []).append(message.at)
        elif message.source in phone_ports:
            _answer(message, found, answered)
    return found


def _answer(message: Packet, found: Rung, answered: set[bytes]) -> None:
    status, call_id = message.payload[8:11], _CALL_ID.search(message.payload)
    if not status.isdigit() or not call_id or not _ANSWER_TO_INVITE.search(message.payload):
        return
    if status == b"180":
        found.ringing_at.append((message.at, message.source))
    elif status >= b"200" and call_id[1] not in answered:
        answered.add(call_id[1])
        found.statuses[int(status)] = found.statuses.get(int(status), 0) + 1


def waits_ms(found: Rung) -> tuple[list[float], int]:
    """From each time that somebody became ready to the INVITE at his phone, and how many were never rung after it.

    Who is not rung before he becomes ready again (his page says it twice) is counted by the later.
    """
    waits: list[float] = []
    missing = 0
    for extension, moments in found.ready.items():
        rings = found.rings.get(extension, [])
        for at, until in zip(moments, [*moments[1:], float("inf")], strict=True):
            ring = next((one for one in rings if at < one <= until), None)
            if ring is not None:
                waits.append((ring - at) * 1000)
            elif until == float("inf") and found.last_at - at > LATEST_SECONDS:
                missing += 1
    return waits, missing


def first_ringing_ms(found: Rung, port: int, since: float) -> float | None:
    """How long after `since` the phone at `port` first rang; None: never."""
    moments = (at for at, source in found.ringing_at if source == port and at >= since)
    return next(((at - since) * 1000 for at in moments), None)
