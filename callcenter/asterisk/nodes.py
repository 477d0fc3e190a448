"""All Asterisks of the hotline together, as the other rooms see them.

What is told is told to every node; one that is away hears it at its next connection, and is no error for the others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from callcenter.asterisk.ari import AWAY
from callcenter.asterisk.consults import ConsultRing
from callcenter.asterisk.door import AsteriskDoor
from callcenter.asterisk.listeners import Listener, ListenerRing
from callcenter.asterisk.model import CallingBack, Channel, PhoneReachable, is_extension, node_of
from callcenter.asterisk.phones import Phone, PhoneKind
from callcenter.errors import UnavailableError
from callcenter.tasks import Beside

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


class Nodes:
    """Every node's door, by its name."""

    def __init__(self, doors: Sequence[AsteriskDoor]) -> None:
        self._doors = {door.node: door for door in doors}
        self._beside = Beside()

    async def run(self) -> None:
        """Watch and listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for door in self._doors.values():
                tasks.create_task(door.run(), name=f"asterisk {door.node}")

    # -- who is there ----------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes, in the order in which they are set."""
        return tuple(self._doors)

    def connected(self, node: str) -> bool:
        """Whether a node serves calls: it answers and is listened to, by this replica or by another."""
        return self._doors[node].connected

    def alive(self, node: str) -> bool:
        """False when a node has answered on no connection for four seconds. While merely its events are not heard,
        it lives.
        """
        return self._doors[node].alive

    def _living(self) -> list[AsteriskDoor]:
        """A dead node is not asked: its answer would be waited for."""
        return [door for door in self._doors.values() if door.alive]

    async def reachable(self) -> dict[str, list[str]]:
        """Extension -> the nodes where its phone is registered: one, or more while a phone that has gone over to
        another node still stands at the first. The latest PhoneReachable told where it is.

        Raises:
            UnavailableError: a node that lives does not answer, so that nobody can say.
        """
        living = self._living()
        async with _answered():
            found = await asyncio.gather(*(door.phones.reachable() for door in living))
        claims: dict[str, list[str]] = {}
        for door, names in zip(living, found, strict=True):
            for extension in filter(is_extension, names):
                claims.setdefault(extension, []).append(door.node)
        return claims

    async def channels(self) -> dict[str, list[Channel]]:
        """The channels of the hotline's calls, by node; a node that does not answer is left out."""
        doors = self._living()
        found = await asyncio.gather(*(door.phones.channels() for door in doors), return_exceptions=True)
        answers: dict[str, list[Channel]] = {}
        for door, channels in zip(doors, found, strict=True):
            if isinstance(channels, AWAY):
                log.warning("node does not say its channels", node=door.node, error=type(channels).__name__)
            elif isinstance(channels, BaseException):
                raise channels
            else:
                answers[door.node] = channels
        return answers

    # -- what all of them are told ---------------------------------------------------------------------

    async def push(self, extension: str, kind: PhoneKind, ha1_digest: str | None, display_name: str = "") -> None:
        """Make the nodes know this phone as it is now, and have it listened to.

        Raises:
            UnavailableError: no node could be told.
        """
        phone = Phone(extension, kind, ha1_digest, display_name)
        await self._tell(lambda door: door.phones.push_all([phone]))

    async def push_all(self, phones: Sequence[KnownPhone], *, at: str | None = None) -> None:
        """Make the nodes, or the one named, know these phones and no others, and have them listened to.

        Raises:
            UnavailableError: no node could be told.
        """
        wanted = [
            Phone(one.extension, "browser" if one.kind == "browser" else "desk", one.ha1_digest, one.display_name)
            for one in phones
        ]
        await self._tell(lambda door: door.push_all(wanted), at=at)

    async def remove(self, extension: str) -> None:
        """Make the nodes forget a phone.

        Raises:
            UnavailableError: no node could be told.
        """
        await self._tell(lambda door: door.phones.remove(extension))

    async def set_signed_in(self, extension: str, signed_in: bool, *, at: str | None = None) -> None:
        """Tell the nodes, or the one named, whether their fallback queue may ring this agent. Nodes that are away
        are told at their next connection.
        """
        with contextlib.suppress(UnavailableError):
            await self._tell(lambda door: door.phones.set_signed_in(extension, signed_in), at=at)

    async def _tell(self, say: Callable[[AsteriskDoor], Awaitable[None]], *, at: str | None = None) -> None:
        doors = [self._doors[at]] if at else self._living()
        told = await asyncio.gather(*(_told(door, say) for door in doors))
        if not any(told):
            raise UnavailableError(detail="Asterisk")

    def registered(self, fact: PhoneReachable) -> None:
        """A phone has registered at a node: the others shall forget that they had it, in the background."""
        for door in self._living():
            if door.node != fact.node:
                self._beside.begin(self._forget(door, fact), f"forget {fact.extension}")

    @staticmethod
    async def _forget(door: AsteriskDoor, fact: PhoneReachable) -> None:
        with contextlib.suppress(*AWAY):
            await door.phones.forget_contact(fact.extension, fact.contact)

    # -- what one of them is told ----------------------------------------------------------------------

    async def end_leg(self, channel_id: str) -> None:
        """End an agent's leg and keep the caller, who asks what to do next; already gone is success.

        Raises:
            UnavailableError: its node is away.
        """
        async with _answered():
            await self._door_of(channel_id).phones.end_leg(channel_id)

    async def end_call(self, channel_id: str) -> None:
        """End a caller's channel, or an agent's who calls somebody back, and with it the call; already gone is success.

        Raises:
            UnavailableError: its node is away.
        """
        async with _answered():
            await self._door_of(channel_id).phones.hang_up(channel_id)

    async def end_ways_to(self, dead: str) -> int:
        """End the channels between living nodes and a dead one, which nobody else ends; how many.

        A node that still reaches the dead one keeps them: then it is not dead for the people who talk.
        """
        ended = 0
        for door in self._living():
            with contextlib.suppress(*AWAY):
                if dead in await door.phones.reachable():
                    continue
                for channel in await door.phones.channels():
                    if channel.peer == dead:
                        await door.phones.end_leg(channel.channel_id)
                        ended += 1
        return ended

    async def originate(self, ring: CallingBack) -> None:
        """Ring an agent's phone at its node, to connect him with a customer who is rung back (docs/node-api.md).

        Raises:
            UnavailableError: the node is away or refuses; the phone may ring all the same.
            ValueError: a number is none.
        """
        async with _answered():
            await self._door_of(ring.channel_id).phones.originate(ring)

    async def subscribe_channel(self, channel_id: str) -> None:
        """Have a caller's keys told as facts (KeyPressed), until his channel ends or its listener changes.

        Raises:
            UnavailableError: its node is away, or nobody listens to it.
        """
        async with _answered():
            await self._door_of(channel_id).phones.listen_to(channel_id)

    async def begin_consult(self, ring: ConsultRing) -> None:
        """Keep a caller, and have his agent's leg ring somebody else.

        Raises:
            UnavailableError: the node is away or refuses; it may have been done all the same.
            ValueError: it is nobody who could be rung.
        """
        async with _answered():
            await self._door_of(ring.caller).consults.begin(ring)

    # -- supervisors at conversations ------------------------------------------------------------------

    async def ring_listener(self, ring: ListenerRing) -> None:
        """Ring a supervisor's phone at the node of the agent's leg, at most once a channel id.

        Raises:
            UnavailableError: the node is away or refuses; the phone may ring all the same.
            ValueError: the phone is none.
        """
        door = self._door_of(ring.channel_id)
        async with _answered():
            await door.listeners.ring(ring)
        with contextlib.suppress(UnavailableError):  # its end is found a moment later without that
            async with _answered():
                await door.listeners.subscribe(ring.channel_id)

    async def find_listener(self, channel_id: str) -> Listener | None:
        """A supervisor's channel; None: it is gone. Raises UnavailableError."""
        async with _answered():
            return await self._door_of(channel_id).listeners.find(channel_id)

    async def change_listener(self, channel_id: str, mode: str) -> bool:
        """Send a supervisor who has answered to another mode; False: his channel is gone.

        Raises:
            UnavailableError: the node is away or did not do it.
        """
        async with _answered():
            return await self._door_of(channel_id).listeners.change(channel_id, mode)

    async def end_listener(self, channel_id: str) -> None:
        """Hang up on a supervisor; already gone is success. Raises UnavailableError."""
        async with _answered():
            await self._door_of(channel_id).phones.hang_up(channel_id)

    async def listeners(self) -> list[Listener]:
        """The supervisors' channels of the nodes that answer."""
        found: list[Listener] = []
        for door in self._living():
            with contextlib.suppress(*AWAY):
                found += await door.listeners.list()
        return found

    # -- recording in mid-talk -------------------------------------------------------------------------

    async def begin_recording(self, call_id: str, dialler: str, at_ms: int) -> None:
        """Record the talk that a channel has dialled. Raises UnavailableError."""
        async with _answered():
            await self._door_of(dialler).recorders.begin(call_id, dialler, at_ms)

    async def stop_recording(self, call_id: str, dialler: str) -> None:
        """Record no more of a talk; already so is success. Raises UnavailableError."""
        async with _answered():
            await self._door_of(dialler).recorders.stop(call_id, dialler)

    def _door_of(self, channel_id: str) -> AsteriskDoor:
        door = self._doors.get(node_of(channel_id))
        if door is None:
            raise UnavailableError(detail="Asterisk")
        return door


async def _told(door: AsteriskDoor, say: Callable[[AsteriskDoor], Awaitable[None]]) -> bool:
    try:
        async with _answered():
            await say(door)
    except UnavailableError:
        log.warning("node not told yet", node=door.node)
        return False
    return True


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    try:
        yield
    except* AWAY as errors:
        log.warning("asterisk did not do it", error=type(errors.exceptions[0]).__name__)
        raise UnavailableError(detail="Asterisk") from None
