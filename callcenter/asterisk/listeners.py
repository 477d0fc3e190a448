"""Supervisors' phones at conversations, on one Asterisk: rung, sent to another mode, ended (dialplans/listen.conf)."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from callcenter.asterisk.ari import Ari, AriAwayError, AriError
from callcenter.asterisk.model import EXTENSION, NODE_NAME, is_listener

CONTEXT: Final = "listen"
MODE_CONTEXT: Final = "listen-mode"
RING_SECONDS: Final = 30
"""How long the supervisor's phone rings at most."""
_MODE_SECONDS: Final = 1.5
"""How long Asterisk may take to send his channel to another mode."""
_LOOK_SECONDS: Final = 0.03
_PHONE = re.compile(f"{EXTENSION}(@{NODE_NAME})?")


@dataclass(frozen=True, slots=True)
class ListenerRing:
    """A supervisor's phone to be rung, so that he is at a conversation when he answers."""

    channel_id: str
    """An id of our choosing, of the shape that `is_listener` knows, on the node of `leg`."""
    phone: str
    """His extension, with `@node` where it is registered at another node than the agent's leg."""
    leg: str
    """The agent's leg."""
    mode: str
    shown: str
    """The number that his phone shows: the agent's extension."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A supervisor's channel as it is now. `mode` is none of ours while it is not `up`."""

    channel_id: str
    up: bool
    mode: str


class Listeners:
    """All supervisors' channels of one Asterisk. Requests raise AriAwayError and AriError."""

    def __init__(self, ari: Ari) -> None:
        self._ari = ari

    async def ring(self, ring: ListenerRing) -> None:
        """Ring his phone, at most once a channel id. Raises ValueError."""
        if not _PHONE.fullmatch(ring.phone):
            raise ValueError("not a phone")
        query = {
            "endpoint": f"PJSIP/{ring.phone}",
            "context": CONTEXT,
            "extension": ring.mode,
            "priority": "1",
            "callerId": ring.shown,
            "timeout": str(RING_SECONDS),
        }
        header = "X-CC-Listen" if "@" in ring.phone else "X-Listen"
        variables = {
            "CC_LISTEN_TO": ring.leg,
            "CDR_PROP(disable)": "1",
            f"PJSIP_HEADER(add,{header})": ring.channel_id,
        }
        await self._ari.request("POST", f"channels/{ring.channel_id}", query=query, body={"variables": variables})

    async def subscribe(self, channel_id: str) -> None:
        """Hear of its end, also where it leads to another node."""
        uri = f"applications/{self._ari.app}/subscription"
        await self._ari.request("POST", uri, query={"eventSource": f"channel:{channel_id}"})

    async def find(self, channel_id: str) -> Listener | None:
        """One channel; None: it is gone."""
        try:
            return _listener(await self._ari.request("GET", f"channels/{channel_id}"))
        except AriError as error:
            if error.status == 404:
                return None
            raise

    async def list(self) -> list[Listener]:
        """All there are."""
        found = await self._ari.request("GET", "channels")
        return [_listener(one) for one in found if is_listener(one["id"])]

    async def change(self, channel_id: str, mode: str) -> bool:
        """Send a channel that is up to another mode, without another ring; False: it is gone.

        The channel that carries the word ends by itself; that it was carried is read from the supervisor's own.
        """
        query = {
            "endpoint": f"Local/{mode}@{MODE_CONTEXT}/n",
            "context": MODE_CONTEXT,
            "extension": mode,
            "priority": "1",
            "timeout": "5",
        }
        await self._ari.request("POST", "channels", query=query, body={"variables": {"CC_LISTENING": channel_id}})
        try:
            async with asyncio.timeout(_MODE_SECONDS):
                while (listener := await self.find(channel_id)) and listener.mode != mode:  # noqa: ASYNC110 - Asterisk does it
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise AriAwayError from error
        return listener is not None


def _listener(snapshot: Mapping[str, Any]) -> Listener:
    return Listener(snapshot["id"], snapshot["state"] == "Up", snapshot["dialplan"]["exten"])
