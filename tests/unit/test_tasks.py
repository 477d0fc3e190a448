"""The service ends, whatever goes away in the same moment."""

import asyncio
import contextlib

from callcenter.tasks import ended


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    never = asyncio.Event()

    async def patient() -> None:
        await never.wait()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await never.wait()
        await never.wait()

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(patient())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await ended(tasks)
    assert all(task.cancelled() for task in tasks)
