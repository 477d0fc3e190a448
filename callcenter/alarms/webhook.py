"""Tells the webhook of alarms: at least once, again and again for an hour, and never in anybody's way.

What is still to be told stands in PostgreSQL, so that a service that starts takes it up. The address may hold a token:
it is never logged. Only administrators set it; redirects are not followed, and of what is answered only the code by
which robots refuse is read.
"""

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

import aiohttp
import orjson
import structlog

from callcenter import metrics
from callcenter.alarms import store
from callcenter.alarms.words import Notice, body_of
from callcenter.configuration.model import Configuration
from callcenter.db.pool import Pool

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = (1, 10, 60)
"""After each try in vain; the last for all that follow."""
GIVE_UP_MS: Final = 3_600_000
CLAIM_MS: Final = 15_000
"""Longer than a try takes: who took a notice and died leaves it to the next."""
AT_ONCE: Final = 10
ANSWER_BYTES: Final = 4096
"""No more of an answer is read."""
REFUSALS: Final = ("errcode", "code")
"""What isn't 0 in an answer with status 200 when a robot has refused: DingTalk's and WeCom's, Feishu's."""


class Webhook:
    """The one web address that is told."""

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], int],
        configuration: Callable[[], Configuration],
        *,
        hotline: str,
        zone: tzinfo,
    ) -> None:
        """`hotline`: its number; `zone`: the department's."""
        self._pool = pool
        self._clock = clock
        self._configuration = configuration
        self._hotline = hotline
        self._zone = zone

    async def tell(self) -> None:
        """Tell all whose time has come; nothing while no address is set. Raises what the pool raises."""
        url = self._configuration().webhook_url
        if not url:
            return
        now = self._clock()
        due = await store.claim(self._pool, now, now + CLAIM_MS, AT_ONCE)
        if not due:
            return
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
            await asyncio.gather(*(self._tell(http, url, notice, tries) for notice, tries in due))

    async def _tell(self, http: aiohttp.ClientSession, url: str, notice: Notice, tries: int) -> None:
        happened_at = notice.raised_at if notice.cleared_at is None else notice.cleared_at
        if self._clock() - happened_at > GIVE_UP_MS:
            log.warning("webhook given up", notice=notice.notice_id, tries=tries - 1)
            await store.give_up(self._pool, notice, self._clock())
            return
        wrong = await self._post(http, url, notice)
        metrics.WEBHOOKS.labels("failed" if wrong else "delivered").inc()
        if not wrong:
            await store.delivered(self._pool, notice, self._clock())
            return
        log.warning("webhook not reached", notice=notice.notice_id, tries=tries, reason=wrong)
        again = AGAIN_SECONDS[min(tries, len(AGAIN_SECONDS)) - 1]
        await store.put_off(self._pool, notice, self._clock() + again * 1000)

    async def _post(self, http: aiohttp.ClientSession, url: str, notice: Notice) -> str:
        """Why it was not taken; empty: it was."""
        body = body_of(notice, self._hotline, self._zone)
        try:
            async with http.post(url, json=body, allow_redirects=False) as answer:
                if answer.status // 100 != 2:
                    return f"status {answer.status}"
                return _refusal(await _beginning(answer.content))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """What is answered, up to `ANSWER_BYTES`."""
    begun = b""
    while len(begun) < ANSWER_BYTES and (part := await content.read(ANSWER_BYTES - len(begun))):
        begun += part
    return begun


def _refusal(answer: bytes) -> str:
    """The code by which a robot refuses; empty: it doesn't."""
    try:
        said = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(said, dict):
        return ""
    codes = ((name, said.get(name)) for name in REFUSALS)
    return next((f"{name} {code}" for name, code in codes if type(code) is int and code), "")
