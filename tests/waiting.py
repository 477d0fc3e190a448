"""Waiting for what others do and tell nobody of."""

import asyncio
from collections.abc import Awaitable, Callable

SECONDS = 20.0


async def until(is_so: Callable[[], object], what: str = "it is so", seconds: float = SECONDS) -> None:
    """Return as soon as `is_so()`, or what it awaits, is true.

    Raises:
        AssertionError: it is not within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = is_so()
                if await answer if isinstance(answer, Awaitable) else answer:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None
