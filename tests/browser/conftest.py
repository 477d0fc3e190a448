"""Chromium, with a microphone that speaks."""

import json
import math
import struct
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from tests.asterisk.sip.voice import AGENT_HZ
from tests.asterisk.stage import administrator
from tests.onebox import RunningHotline
from tests.people import RefusedError
from tests.waiting import until

_RATE = 48000
_SYLLABLE, _PAUSE = 0.22, 0.13
"""Seconds. A steady tone would be taken for noise and removed."""


def _write_voice(file: Path) -> None:
    samples = []
    for n in range(int(_RATE * (_SYLLABLE + _PAUSE)) * 8):
        within = n / _RATE % (_SYLLABLE + _PAUSE)
        loud = within < _SYLLABLE
        samples.append(int(9000 * math.sin(2 * math.pi * AGENT_HZ * n / _RATE)) if loud else 0)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for this tier, so that one Chromium serves all of its tests."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


async def launch_chromium(playwright: Playwright, folder: Path) -> Browser:
    """Headless Chromium with a fake microphone; what it says is kept in `folder`."""
    voice = folder / "agent.wav"
    _write_voice(voice)
    return await playwright.chromium.launch(
        executable_path="/usr/bin/chromium",
        args=[
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={voice}",
            "--autoplay-policy=no-user-gesture-required",
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One browser for the tier; pages get the microphone only when their context grants it."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright, tmp_path_factory.mktemp("microphone"))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def configuration_kept(hotline: RunningHotline) -> AsyncIterator[None]:
    """All that is set is after the test as it was before it."""
    async with administrator(hotline) as admin:
        before = (await admin.get("/configuration"))["configuration"]
        yield
        hotline.restore()
        hotline.hang_up_everything()

        async def is_back() -> bool:
            try:
                await admin.post("/configuration/file", {"yaml": json.dumps(before)})
            except RefusedError:  # somebody still stands in a queue that goes
                return False
            return True

        await until(is_back, "the configuration is back", 20)
