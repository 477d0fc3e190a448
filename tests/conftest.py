"""Fixtures that more than one tier uses."""

from collections.abc import Iterator

import pytest

from tests.onebox import RunningHotline, private_hotline


@pytest.fixture(scope="session")
def session_hotline() -> Iterator[RunningHotline]:
    """One real hotline for the whole test run, started when the first test asks for it."""
    with private_hotline() as running:
        yield running


@pytest.fixture
def hotline(session_hotline: RunningHotline) -> Iterator[RunningHotline]:
    """The real hotline, with every part running again, and no call left, after a test."""
    session_hotline.restore()
    yield session_hotline
    session_hotline.restore()
    session_hotline.hang_up_everything()
