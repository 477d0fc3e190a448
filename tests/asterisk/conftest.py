"""Fixtures of this tier's own."""

from collections.abc import Iterator

import pytest

from tests.asterisk.layer import Layer, running_layer


@pytest.fixture(scope="session")
def session_layer() -> Iterator[Layer]:
    """One Asterisk with its node and a stub service, for all tests of the asterisk room."""
    with running_layer() as running:
        yield running


@pytest.fixture
def layer(session_layer: Layer) -> Iterator[Layer]:
    """The same, quiet and with nothing remembered, before each test."""
    fresh, service = type(session_layer.service)(), session_layer.service
    service.answer_wait = fresh.answer_wait
    service.sounds, service.sound_seconds, service.refuses = {}, 0.0, 0
    service.asked.clear()
    yield session_layer
    session_layer.quiet_down()
