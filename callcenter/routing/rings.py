"""Rings: the handbooks count them, never seconds (TEL-01..TEL-04), so the cadence turns one into the other.

Pure. A ring starts with its tone: with China's cadence of 1 s tone and 4 s silence, ring n starts at 5(n-1) seconds.
"""

from dataclasses import dataclass

APOLOGY_RINGS = 5
"""From this ring on the agent apologises first (TEL-02)."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """One country's ringing tone: seconds of tone, seconds of silence."""

    tone_seconds: float
    silence_seconds: float

    @property
    def period_seconds(self) -> float:
        """Seconds from the start of one ring to the start of the next."""
        return self.tone_seconds + self.silence_seconds


# Asterisk's indications.conf, `ringcadence` of each country.
CADENCES = {
    "CN": Cadence(1.0, 4.0),
    "TW": Cadence(1.0, 2.0),
    "SG": Cadence(0.4, 2.0),
    "US": Cadence(2.0, 4.0),
}
DEFAULT_CADENCE = CADENCES["CN"]


def cadence_of(country: str) -> Cadence:
    """The cadence of a country (ISO 3166 letters); China's where none is known."""
    return CADENCES.get(country, DEFAULT_CADENCE)


def rings_in(seconds: float, cadence: Cadence = DEFAULT_CADENCE) -> int:
    """How many rings have started after `seconds` of ringing: 1 at once, 2 from the second tone on."""
    if seconds < 0:
        return 0
    return int(seconds // cadence.period_seconds) + 1
