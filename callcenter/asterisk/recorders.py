"""Recording in mid-talk, on one Asterisk: recorders (dialplans/recording.conf) are begun and ended by ARI."""

import asyncio
import re
from typing import Final

import structlog

from callcenter.asterisk.ari import Ari, AriError

log = structlog.get_logger(__name__)

CONTEXT: Final = "recorder"
_FOLDER: Final = "CC_RECORDINGS"
"""The dialplan's global: where the node takes recordings from."""
_LEG: Final = "CC_LEG"
_NOTICE_SECONDS: Final = 8.0
"""Longer than the notice, which is played to the caller before the two are connected; until then there is no talk."""
_AGAIN_SECONDS: Final = 0.25
_LOOKS: Final = 20
"""A recorder that begins with the talk is there a moment later, on a busy machine a second and more: one that came
after a pause was asked for would record what is to be kept secret.
"""
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,100}")
_FILE: Final = re.compile(r"[A-Za-z0-9./_-]{1,300}")


class Recorders:
    """All recorders of one Asterisk. Requests raise AriAwayError and AriError."""

    def __init__(self, ari: Ari) -> None:
        self._ari = ari

    async def begin(self, call_id: str, dialler: str, at_ms: int) -> None:
        """Record a talk from now on. `dialler`: the channel that has dialled it, the caller's own or, where a customer
        is called back, the agent's.

        Raises:
            AriError: it is no talk that may be recorded (404), or Asterisk refuses.
            ValueError: an id is none.
        """
        leg = await self._leg_of(_checked(_ID, dialler))
        folder = await self._variable("asterisk/variable", _FOLDER)
        caller, agent = (dialler, leg) if dialler == call_id else (leg, dialler)
        variables = {
            "CC_CALLER": caller,
            "CC_AGENT": _checked(_ID, agent),
            "CC_PART": _checked(_FILE, f"{folder}/{_checked(_ID, call_id)}_{at_ms}"),
            "CDR_PROP(disable)": "1",
        }
        query = {
            "endpoint": f"Local/{call_id}@{CONTEXT}/n",
            "context": f"{CONTEXT}-agent",
            "extension": "s",
            "priority": "1",
            "timeout": "5",
            "formats": "slin",
        }
        await self._ari.request("POST", "channels", query=query, body={"variables": variables})

    async def stop(self, call_id: str, dialler: str) -> int:
        """Record no more of a call that is being recorded; how many recorders there were. One that only begins when
        the notice has been played is waited for.
        """
        looks_after_answer = 0
        for _ in range(round(_NOTICE_SECONDS / _AGAIN_SECONDS)):
            if ended := await self._end_all(call_id):
                return ended
            if await self._variable(f"channels/{_checked(_ID, dialler)}/variable", _LEG):
                looks_after_answer += 1
            if looks_after_answer > _LOOKS:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        return 0

    async def _end_all(self, call_id: str) -> int:
        name = f"Local/{_checked(_ID, call_id)}@{CONTEXT}-"
        found = [one["id"] for one in await self._ari.request("GET", "channels") if one["name"].startswith(name)]
        for channel_id in found:
            try:
                await self._ari.request("DELETE", f"channels/{channel_id}")
            except AriError as error:
                if error.status != 404:
                    raise
        return len(found)

    async def _leg_of(self, dialler: str) -> str:
        """The leg that answered. Raises AriError 404: there is none, and none comes."""
        tries = round(_NOTICE_SECONDS / _AGAIN_SECONDS)
        for _ in range(tries):
            if leg := await self._variable(f"channels/{dialler}/variable", _LEG):
                return leg
            await asyncio.sleep(_AGAIN_SECONDS)
        raise AriError(404, "no leg that answered")

    async def _variable(self, uri: str, name: str) -> str:
        """A variable's value; empty: it is not set."""
        try:
            return str((await self._ari.request("GET", uri, query={"variable": name}))["value"]).strip()
        except AriError as error:
            if error.status == 404:
                return ""
            raise


def _checked(shape: re.Pattern[str], text: str) -> str:
    if not shape.fullmatch(text):
        raise ValueError("not allowed in a recording's name")
    return text
