"""Asterisk as the other rooms see it: phones, legs and channels in their words, and whether it is there.

Raises UnavailableError while Asterisk is away.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import structlog

from callcenter.asterisk.ari import Ari, AriAwayError, AriError
from callcenter.asterisk.model import Fact, LegReader
from callcenter.asterisk.phones import Phone, PhoneKind, Phones
from callcenter.errors import UnavailableError
from callcenter.routing.reconcile import Channel

log = structlog.get_logger(__name__)


class KnownPhone(Protocol):
    """A phone as the staff's room describes it."""

    @property
    def extension(self) -> str:
        """Its number and its name on Asterisk."""

    @property
    def kind(self) -> str:
        """In the browser or on the desk."""

    @property
    def ha1_digest(self) -> str:
        """md5(extension:realm:password)."""

    @property
    def display_name(self) -> str:
        """Whose it is."""


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except* (AriAwayError, AriError) as errors:
        log.warning("asterisk did not do it", error=type(errors.exceptions[0]).__name__)
        raise UnavailableError from None


class AsteriskDoor:
    """The way from the service to one Asterisk and back."""

    def __init__(
        self,
        ari: Ari,
        media_address: str,
        on_fact: Callable[[Fact], Awaitable[None]],
        on_connect: Callable[[], Awaitable[None]],
    ) -> None:
        """`media_address`: where phones send their sound. `on_connect` runs after each connection, before the facts
        that follow it are told to `on_fact`.
        """
        self._ari = ari
        self._phones = Phones(ari, media_address=media_address)
        self._reader = LegReader()
        self._on_fact = on_fact
        self._on_connect = on_connect
        ari.on_connect = self._connected
        ari.on_event = self._heard

    @property
    def connected(self) -> bool:
        """Whether Asterisk's events are being heard."""
        return self._ari.connected

    async def run(self) -> None:
        """Stay connected until cancelled."""
        await self._ari.run()

    async def _connected(self) -> None:
        self._reader = LegReader()
        await self._on_connect()

    async def _heard(self, event: dict[str, Any]) -> None:
        fact = self._reader.read(event)
        if fact is not None:
            await self._on_fact(fact)

    async def push(self, extension: str, kind: PhoneKind, ha1_digest: str | None, display_name: str = "") -> None:
        """Make Asterisk know this phone as it is now, and listen to it."""
        async with _answered():
            await self._phones.push(extension, kind, ha1_digest, display_name)

    async def push_all(self, phones: Sequence[KnownPhone]) -> None:
        """Make Asterisk know these phones and no others, and listen to them."""
        wanted = [
            Phone(one.extension, "browser" if one.kind == "browser" else "desk", one.ha1_digest, one.display_name)
            for one in phones
        ]
        async with _answered():
            await self._phones.push_all(wanted)
            await self._phones.forget_others({one.extension for one in wanted})

    async def remove(self, extension: str) -> None:
        """Make Asterisk forget a phone."""
        async with _answered():
            await self._phones.remove(extension)

    async def set_signed_in(self, extension: str, signed_in: bool) -> None:
        """Tell Asterisk's fallback queue whether it may ring this agent. Told again at the next connection."""
        try:
            await self._phones.set_signed_in(extension, signed_in)
        except (AriAwayError, AriError) as error:
            log.warning("fallback not told", error=type(error).__name__)

    async def end_leg(self, channel_id: str) -> None:
        """End an agent's leg and keep the caller, who asks what to do next; already gone is success."""
        async with _answered():
            await self._phones.end_leg(channel_id)

    async def reachable(self) -> set[str]:
        """The extensions whose phones are registered."""
        async with _answered():
            return await self._phones.reachable()

    async def channels(self) -> list[Channel]:
        """Every channel that belongs to a call of the hotline."""
        async with _answered():
            found = await self._phones.channels()
        return [Channel(one.channel_id, one.call_id, one.offer_id, one.extension, one.state == "Up") for one in found]
