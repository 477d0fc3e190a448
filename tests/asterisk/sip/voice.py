"""What a caller says and hears: RTP of a test's own, so that sound is proven at both ends of a conversation."""

import math
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from tests.asterisk.sip.driver import Caller, DeskPhone
from tests.onebox import RunningHotline

CALLER_HZ = 1000
"""What every caller of these tests says."""
AGENT_HZ = 700
"""What every agent of these tests says, in syllables, into the fake microphone of his browser."""
LISTENER_HZ = 1300
"""What a supervisor who listens says."""

_RATE = 8000
_FRAME = 160
_ALAW, _DIGIT = 8, 101
_WINDOW_SECONDS = 1.0
_CATCH_UP_SECONDS = 0.2
"""How much of what he was too late to say he still says, so that his voice has no gaps on a busy machine."""
_KEY_PACKETS, _KEY_ENDS, _KEY_GAP = 5, 3, 5
"""A key in RFC 4733: so many packets while it is held, so many that say it is over, and then a pause."""
_QUIET = 60.0
"""Root mean square of 16-bit samples below which a frame is silence."""

Sound = Literal["nothing", "silence", "agent", "other"]


def _linear(code: int) -> int:
    """One sample of G.711 A-law as 16 bits."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    value = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return value if code & 0x80 else -value


_LINEAR = [_linear(code) for code in range(256)]
_CODES = sorted((value, code) for code, value in enumerate(_LINEAR))


def _alaw(value: float) -> int:
    """The A-law code nearest to a sample."""
    return min(_CODES, key=lambda one: abs(one[0] - value))[1]


_SILENCE = bytes([0xD5]) * _FRAME


def _tone(hertz: float) -> bytes:
    """One frame of a tone of whole waves, so that frames follow each other smoothly (multiples of 50 Hz)."""
    return bytes(_alaw(8000 * math.sin(2 * math.pi * hertz * n / _RATE)) for n in range(_FRAME))


def energy_at(hertz: float, samples: list[int]) -> float:
    """Which part (0 to 1) of these samples' energy is at a frequency (Goertzel)."""
    whole = sum(sample * sample for sample in samples)
    if whole == 0:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hertz / _RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = before * before + last * last - turn * before * last
    return power / (whole * len(samples) / 2)


@dataclass(slots=True)
class _Heard:
    at: float
    sound: Sound
    payload: bytes
    levels: dict[float, float] = field(default_factory=dict)
    """Tone -> how loud it is in this packet, of those that were asked for."""

    def level(self, hertz: float) -> float:
        """How loud a tone of whole waves is (root mean square of 16-bit samples)."""
        if hertz not in self.levels:
            samples = [_LINEAR[code] for code in self.payload]
            whole = sum(sample * sample for sample in samples) / len(samples)
            self.levels[hertz] = math.sqrt(energy_at(hertz, samples) * whole)
        return self.levels[hertz]


@dataclass(slots=True)
class Voice:
    """Somebody's mouth and ears at one UDP port: says a tone to whoever sends him sound. A context manager."""

    host: str = "127.0.0.1"
    port: int = 0
    packets: int = 0
    """RTP packets with sound that came."""
    sent: int = 0
    digits: list[str] = field(default_factory=list)
    """Keys that came as RFC 4733 events."""
    silent: bool = False
    """Whether he says nothing, in packets of silence."""
    hertz: float = CALLER_HZ
    """What he says."""
    _socket: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)
    _heard: deque[_Heard] = field(default_factory=lambda: deque(maxlen=3000))
    _keys: deque[str] = field(default_factory=deque)
    _peer: tuple[str, int] | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _digit_at: int = -1

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.host, 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=work) for work in (self._listen, self._speak)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2)
        if self._socket:
            self._socket.close()

    @property
    def hears(self) -> Sound:
        """What he hears: the agent's voice, something else (music), silence, or nothing at all.

        The agent speaks in syllables: his voice is heard when any of the last second's packets carries it.
        """
        since = time.monotonic() - _WINDOW_SECONDS
        heard = [one.sound for one in list(self._heard) if one.at > since]
        if not heard:
            return "nothing"
        if heard.count("other") > len(heard) // 4:
            return "other"
        return "agent" if heard.count("agent") >= 3 else "silence"

    def speaks_to(self, phone: DeskPhone, *, count: int = 1) -> None:
        """He begins to speak to who has rung his phone (the `count`th time), without waiting for a sound from there."""
        address, _, media = phone.wait_for("sound", count=count).text.partition(" m=audio ")
        self._peer = (address.split()[-1], int(media.split()[0]))

    def press(self, keys: str) -> None:
        """Press keys, one after another."""
        self._keys.extend(keys)

    def hears_tone(self, hertz: float, *, since: float | None = None) -> bool:
        """Whether most of the last quarter of a second was this tone; or any eighth of a second `since` then."""
        now = time.monotonic()
        heard = [one for one in list(self._heard) if one.at > (now - 0.25 if since is None else since)]
        packets = sum(energy_at(hertz, [_LINEAR[code] for code in one.payload]) > 0.9 for one in heard)
        return packets > (len(heard) // 2 if since is None else 6)

    def levels(self, hertz: float) -> list[float]:
        """How loud a tone was in each packet of the last half second: taken one by one, so that a lost one between
        them is no matter.
        """
        since = time.monotonic() - 0.5
        return [one.level(hertz) for one in list(self._heard) if one.at > since]

    def _listen(self) -> None:
        assert self._socket is not None
        while not self._over.is_set():
            try:
                packet, self._peer = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if len(packet) < 12 or packet[0] >> 6 != 2:
                continue
            kind = packet[1] & 0x7F
            if kind == _ALAW:
                self.packets += 1
                self._heard.append(_Heard(time.monotonic(), _sound_of(packet[12:]), packet[12:]))
            elif kind == _DIGIT:
                began = int.from_bytes(packet[4:8], "big")
                if began != self._digit_at:
                    self._digit_at = began
                    self.digits.append("0123456789*#"[packet[12]] if packet[12] < 12 else "?")

    def _speak(self) -> None:
        assert self._socket is not None
        number, stamp, tone = 1, 1000, _tone(self.hertz)
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due = max(due + _FRAME / _RATE, time.monotonic() - _CATCH_UP_SECONDS)
            if self._peer is None:
                continue
            if self._keys:
                number, stamp = self._press(self._keys.popleft(), number, stamp)
                due = time.monotonic()
            says = _SILENCE if self.silent else tone
            self._send(_ALAW, number, stamp, says)
            number, stamp = (number + 1) & 0xFFFF, stamp + _FRAME
            self.sent += 1

    def _press(self, key: str, number: int, stamp: int) -> tuple[int, int]:
        """One key, in the time it takes; the next packet's number and time."""
        code = "0123456789*#".index(key)
        for packet in range(1, _KEY_PACKETS + _KEY_ENDS + 1):
            held, over = min(packet, _KEY_PACKETS), packet > _KEY_PACKETS
            event = struct.pack("!BBH", code, 0x8A if over else 0x0A, held * _FRAME)
            self._send(_DIGIT, number, stamp, event)
            number = (number + 1) & 0xFFFF
            self._over.wait(0.02)
        self._over.wait(0.02 * _KEY_GAP)
        return number, stamp + _FRAME * (_KEY_PACKETS + _KEY_ENDS + _KEY_GAP)

    def _send(self, kind: int, number: int, stamp: int, payload: bytes) -> None:
        assert self._socket is not None
        assert self._peer is not None
        self._socket.sendto(struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, stamp, 0x5EED) + payload, self._peer)


def _sound_of(payload: bytes) -> Sound:
    samples = [_LINEAR[code] for code in payload]
    if math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples))) < _QUIET:
        return "silence"
    return "agent" if energy_at(AGENT_HZ, samples) > 0.5 else "other"


@contextmanager
def speaking_caller(
    hotline: RunningHotline, number: str, *, node: int = 0, **how: float | str
) -> Iterator[tuple[Caller, Voice]]:
    """A SIPp caller who speaks and listens, gone after the block; hangs up after two minutes if not told otherwise.

    `node`: whom he calls, counted from 0.
    """
    how.setdefault("hold_seconds", 120)
    sip = hotline.facts["nodes"][node]["sip"]
    with Voice() as voice, Caller(sip, number=number, media_port=voice.port, **how) as caller:  # type: ignore[arg-type]
        yield caller, voice
