"""What one bench does: which rates for how long, with how many phones, on which ports."""

from dataclasses import dataclass

BASE_PORT = 26000
MOST_PHONES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shape of a run. Talk and ringing are the same on both paths."""

    rates: tuple[int, ...] = (10, 20, 40)
    """Calls a second, one phase each."""
    seconds: int = 20
    """How long callers come in, a phase."""
    talk_ms: int = 2000
    ring_ms: int = 100
    """How long a phone rings before it answers."""
    phones: int = 120
    base_port: int = BASE_PORT

    @property
    def web_port(self) -> int:
        """The hotline's web server."""
        return self.base_port + 80

    @property
    def sip_port(self) -> int:
        """Asterisk."""
        return self.base_port + 60

    @property
    def caller_port(self) -> int:
        """SIPp's callers."""
        return self.base_port + 61

    @property
    def desk_phone_port(self) -> int:
        """SIPp's phones of the hotline's agents."""
        return self.base_port + 62

    @property
    def queue_phone_port(self) -> int:
        """SIPp's phones of the plain queue's members."""
        return self.base_port + 63

    def calls(self, rate: int) -> int:
        """Calls of one phase."""
        return rate * self.seconds


QUICK = Plan(rates=(20,), seconds=8, phones=60)


def phones_needed(rate: int, talk_ms: int, ring_ms: int) -> int:
    """Phones that keep up with `rate` calls a second without a caller in line: the busy ones, and 40 %."""
    busy_seconds = (talk_ms + ring_ms) / 1000
    return min(MOST_PHONES, round(rate * busy_seconds * 1.4) + 5)
