"""Fixtures that more than one tier uses."""

from collections.abc import Generator, Iterator

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside a failed test: what its hotline's services and nodes complained of last."""
    report = yield
    if report.failed:
        hotlines = {one for one in getattr(item, "funcargs", {}).values() if isinstance(one, RunningHotline)}
        for part, complaints in [found for one in hotlines for found in one.complaints()]:
            report.sections.append((part, complaints))
    return report
