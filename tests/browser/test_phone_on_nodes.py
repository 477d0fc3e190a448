"""A browser phone over two Asterisk nodes: called across them, and gone over to the next when its own dies."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.asterisk.sip.voice import speaking_caller
from tests.browser.pages import at_desk
from tests.browser.test_troubles import answer, both_hear
from tests.onebox import RunningHotline, private_hotline


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[RunningHotline]:
    """A hotline of two nodes."""
    with private_hotline(nodes=2) as running:
        yield running


async def test_a_caller_on_another_node_is_heard_and_hears(two_nodes: RunningHotline, chromium: Browser) -> None:
    async with at_desk(chromium, two_nodes) as desk:
        with speaking_caller(two_nodes, "13800138401", node=1) as (caller, voice):
            await answer(desk)
            await both_hear(desk, voice)
            await desk.press("Alt+x")
            await desk.state("wrapup")
            caller.wait_for("hung-up-on")


async def test_the_phone_goes_over_to_the_next_node_when_its_own_dies(
    two_nodes: RunningHotline, chromium: Browser
) -> None:
    async with at_desk(chromium, two_nodes) as desk:
        two_nodes.kill("asterisk")
        await desk.sees_no("phone-status", line="online")
        await desk.sees("phone-status", line="online")
        with speaking_caller(two_nodes, "13800138402", node=1) as (_, voice):
            await answer(desk)
            await both_hear(desk, voice)
        two_nodes.restore()
