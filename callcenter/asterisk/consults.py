"""Agents' legs that leave their callers for somebody whom they consult, on one Asterisk (dialplans/consult.conf)."""

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from callcenter.asterisk.ari import Ari, AriAwayError, AriError
from callcenter.asterisk.model import EXTENSION, NODE_NAME

BEGIN: Final = "consult-begin"
CONSULT: Final = "consult"
_SECONDS: Final = 1.5
"""How long Asterisk may take to send the agent's leg."""
_LOOK_SECONDS: Final = 0.03
_PHONE = re.compile(f"{EXTENSION}(@{NODE_NAME})?")
_NUMBER = re.compile(r"\+?[0-9]{2,20}")


@dataclass(frozen=True, slots=True)
class ConsultRing:
    """Somebody to be rung for an agent, whose caller is kept meanwhile."""

    caller: str
    """The caller's channel."""
    leg: str
    """The agent's leg at the caller's node."""
    to: str
    """An extension, with `@node` where its phone is at another node, or a number over the trunk (`outside`)."""
    outside: bool
    offer_id: str
    seconds: int


class Consults:
    """All consultations at one Asterisk. Requests raise AriAwayError and AriError."""

    def __init__(self, ari: Ari) -> None:
        self._ari = ari

    async def begin(self, ring: ConsultRing) -> None:
        """Keep the caller, and have the agent's leg ring the other one. Raises ValueError, and AriAwayError also where
        the leg was not seen to go.
        """
        if not (_NUMBER if ring.outside else _PHONE).fullmatch(ring.to):
            raise ValueError("neither a phone nor a number")
        way = "number" if ring.outside else "agent"
        query = {
            "endpoint": f"Local/{way}@{BEGIN}/n",
            "context": BEGIN,
            "extension": way,
            "priority": "1",
            "timeout": "5",
        }
        variables = {
            "CC_LEG": ring.leg,
            "CC_CALLER": ring.caller,
            "CC_CONSULT_TO": ring.to,
            "CC_CONSULT_OFFER": ring.offer_id,
            "CC_CONSULT_SECONDS": str(ring.seconds),
        }
        await self._ari.request("POST", "channels", query=query, body={"variables": variables})
        try:
            async with asyncio.timeout(_SECONDS):
                while not await self._is_sent(ring.leg):  # noqa: ASYNC110 - Asterisk does it
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise AriAwayError from error

    async def _is_sent(self, channel_id: str) -> bool:
        """Whether the leg has left its caller; one that is gone has, too."""
        try:
            snapshot = await self._ari.request("GET", f"channels/{channel_id}")
        except AriError as error:
            if error.status == 404:
                return True
            raise
        return bool(snapshot["dialplan"]["context"] == CONSULT)
