"""How long a waiting caller outlasts a service that is away."""

import time
from typing import Any

import pytest

from agi_scripts import wait
from callcenter.asterisk.service_http import ServiceAwayError


class Clock:
    """The monotonic clock, moved by the test."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Patient:
    """A caller who stays on the line, and hears music."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def hung_up_within(self, seconds: float) -> bool:
        """He does not."""
        self._clock.now += seconds
        return False

    def fill_silence(self) -> None:
        """He has music."""


@pytest.mark.parametrize(
    ("held", "away", "kept"),
    [
        (30.0, 3.0, True),  # a poll of a while ago breaks as the service is restarted
        (49.0, 19.0, True),
        (0.0, 19.0, True),
        (0.0, 21.0, False),
        (30.0, 21.0, False),
        (57.0, 3.0, False),  # nobody has answered for as long as a poll may take
    ],
)
def test_patience_begins_when_the_service_goes_away(
    monkeypatch: pytest.MonkeyPatch, held: float, away: float, kept: bool
) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    began = clock.now
    told: Any = "told"

    def poll() -> Any:
        if clock.now == began:
            clock.now += held
            raise ServiceAwayError
        if clock.now < began + held + away:
            raise ServiceAwayError
        return told

    caller: Any = Patient(clock)
    if kept:
        assert wait._patiently(poll, caller, caller, wait.ABSENCE_SECONDS) == told
    else:
        with pytest.raises(ServiceAwayError):
            wait._patiently(poll, caller, caller, wait.ABSENCE_SECONDS)
