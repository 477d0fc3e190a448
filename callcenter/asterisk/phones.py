"""Agents' phones inside Asterisk: pushed as PJSIP objects, watched, hung up.

Pushed phones live in Asterisk's own database and outlast its restart and ours.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from callcenter.asterisk.ari import Ari, AriError
from callcenter.asterisk.instructions import is_sound
from callcenter.asterisk.model import EXTENSION, CallingBack, Channel, channel_of, is_extension

PhoneKind = Literal["browser", "desk"]
LEG_LOST: Final = 44
"""Q.850 cause of a leg whose phone is gone; Asterisk's RTP timeout gives the same. dialplans/ keep the caller."""
CALLBACK: Final = "callback"
"""The dialplan's context in which an agent who was rung is connected with the customer."""
AT_ONCE: Final = 20
_SUBSCRIBE_AT_ONCE: Final = 100
_EXTENSION = re.compile(EXTENSION)
_DIGEST = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"\+?[0-9]{1,32}")
_CONTACT = re.compile(r"sip:[A-Za-z0-9@.:_-]+")


@dataclass(frozen=True, slots=True)
class Phone:
    """An agent's phone as it is pushed."""

    extension: str
    kind: PhoneKind
    ha1_digest: str | None
    """md5(extension:realm:password) in hex; None: it cannot register yet."""
    display_name: str = ""
    contact: str = ""
    """A fixed SIP address instead of registration (desk phones on a closed network, and tests)."""


class Phones:
    """All phones of one Asterisk, over one Ari."""

    def __init__(self, ari: Ari, *, realm: str = "callcenter", media_address: str = "127.0.0.1") -> None:
        """`media_address`: what phones are told to send RTP to; empty: Asterisk's choice."""
        self._ari = ari
        self._realm = realm
        self._media_address = media_address

    async def push(self, extension: str, kind: PhoneKind, ha1_digest: str | None, display_name: str = "") -> None:
        """Make one phone known and listen to it; already so is success. Raises ValueError, AriError, AriAwayError."""
        await self.push_all([Phone(extension, kind, ha1_digest, display_name)])

    async def push_all(self, phones: Sequence[Phone]) -> None:
        """Make these phones known and listen to them. Cheap for phones that are known already: one look each."""
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for phone in phones:
                tasks.create_task(self._push(phone, room))
        try:
            app = await self._ari.request("GET", f"applications/{self._ari.app}")
        except AriError as error:
            if error.status == 404:
                return  # nobody listens; who comes to listen brings all phones again
            raise
        heard = set(app["endpoint_ids"])
        new = [name for phone in phones if (name := f"PJSIP/{phone.extension}") not in heard]
        for start in range(0, len(new), _SUBSCRIBE_AT_ONCE):
            sources = ",".join(f"endpoint:{name}" for name in new[start : start + _SUBSCRIBE_AT_ONCE])
            await self._subscribe("POST", sources)

    async def forget_others(self, extensions: set[str]) -> None:
        """Forget every phone but these: one whose agent was changed while Asterisk could not be told."""
        found = await self._ari.request("GET", "endpoints/PJSIP")
        for name in {str(one["resource"]) for one in found} - extensions:
            if is_extension(name):
                await self.remove(name)

    async def remove(self, extension: str) -> None:
        """Forget a phone; a conversation on it goes on. Already gone is success."""
        _check(_EXTENSION, extension)
        with contextlib.suppress(AriError):
            await self._subscribe("DELETE", f"endpoint:PJSIP/{extension}")
        for kind in ("endpoint", "aor", "auth"):
            await self._delete(f"asterisk/config/dynamic/res_pjsip/{kind}/{extension}")
        await self._delete(f"deviceStates/Stasis%3Aagent-{extension}")

    async def reachable(self) -> set[str]:
        """What is registered, or answers at its fixed address: phones by extension, other nodes by name."""
        found = await self._ari.request("GET", "endpoints/PJSIP")
        return {one["resource"] for one in found if one["state"] == "online"}

    async def forget_contact(self, extension: str, contact: str) -> None:
        """Forget one registration of a phone. Already gone is success."""
        _check(_EXTENSION, extension)
        name = f"{extension};@{hashlib.md5(contact.encode(), usedforsecurity=False).hexdigest()}"
        await self._delete(f"asterisk/config/dynamic/res_pjsip/contact/{quote(name, safe='')}")

    async def set_signed_in(self, extension: str, signed_in: bool) -> None:
        """Say whether the fallback queue may ring this agent. Asterisk keeps it over restarts."""
        _check(_EXTENSION, extension)
        state = "NOT_INUSE" if signed_in else "UNAVAILABLE"
        await self._ari.request("PUT", f"deviceStates/Stasis%3Aagent-{extension}", query={"deviceState": state})

    async def hang_up(self, channel_id: str, cause: int = 16) -> None:
        """End a channel with a Q.850 cause. Already gone is success."""
        await self._delete(f"channels/{channel_id}", query={"reason_code": str(cause)})

    async def end_leg(self, channel_id: str) -> None:
        """End an agent's leg; the dialplan keeps the caller and asks what to do with him. Already gone is success."""
        await self.hang_up(channel_id, LEG_LOST)

    async def channels(self) -> list[Channel]:
        """The channels of hotline calls as they are now: callers, agents' legs, ways between nodes."""
        found = await self._ari.request("GET", "channels")
        return [channel for one in found if (channel := channel_of(one))]

    async def listen_to(self, channel_id: str) -> None:
        """Hear the keys pressed on a channel until it ends."""
        await self._subscribe("POST", f"channel:{channel_id}")

    async def originate(self, ring: CallingBack) -> None:
        """Ring an agent's phone; when he answers, the dialplan's [callback] rings the customer. Raises ValueError."""
        _check(_EXTENSION, ring.extension)
        _check(_NUMBER, ring.number)
        query = {
            "endpoint": f"PJSIP/{ring.extension}",
            "context": CALLBACK,
            "extension": ring.number,
            "priority": "1",
            "callerId": ring.number,
            "timeout": str(ring.agent_seconds),
        }
        variables = {
            "CC_CALL": ring.call_id,
            "CC_OFFER": ring.offer_id,
            "CHANNEL(accountcode)": ring.offer_id,
            "CC_RING_SECONDS": str(ring.ring_seconds),
            "PJSIP_HEADER(add,X-Call-Id)": ring.call_id,
        }
        if ring.recording != "never":
            variables |= {"CC_RECORDING": ring.recording, "CC_SOUNDS": "&".join(filter(is_sound, ring.notice))}
        await self._ari.request("POST", f"channels/{ring.channel_id}", query=query, body={"variables": variables})

    async def _push(self, phone: Phone, room: asyncio.Semaphore) -> None:
        objects = objects_of(phone, self._realm, self._media_address)
        mark = dict(objects["endpoint"])["accountcode"]
        async with room:
            if await self._mark(phone.extension) == mark:
                return
            if phone.contact:
                # An update adds fixed addresses to those that were there.
                await self._delete(f"asterisk/config/dynamic/res_pjsip/aor/{phone.extension}")
            for kind in ("auth", "aor", "endpoint"):
                fields = [{"attribute": name, "value": value} for name, value in objects[kind]]
                uri = f"asterisk/config/dynamic/res_pjsip/{kind}/{phone.extension}"
                await self._ari.request("PUT", uri, body={"fields": fields})

    async def _mark(self, extension: str) -> str | None:
        try:
            fields = await self._ari.request("GET", f"asterisk/config/dynamic/res_pjsip/endpoint/{extension}")
        except AriError as error:
            if error.status == 404:
                return None
            raise
        return next((one["value"] for one in fields if one["attribute"] == "accountcode"), None)

    async def _subscribe(self, method: str, sources: str) -> None:
        uri = f"applications/{self._ari.app}/subscription"
        await self._ari.request(method, uri, query={"eventSource": sources})

    async def _delete(self, uri: str, query: dict[str, str] | None = None) -> None:
        try:
            await self._ari.request("DELETE", uri, query=query)
        except AriError as error:
            if error.status != 404:
                raise


def objects_of(phone: Phone, realm: str, media_address: str) -> dict[str, list[tuple[str, str]]]:
    """PJSIP objects of a phone: kind -> attributes. Pure. Raises ValueError for values of a wrong shape.

    Every attribute in which the kinds differ stands in both, so that a push changes a desk phone into a browser one.
    The endpoint's `accountcode` is a mark of all that was pushed, to be compared before pushing again.
    """
    _check(_EXTENSION, phone.extension)
    if phone.ha1_digest is not None:
        _check(_DIGEST, phone.ha1_digest)
    if phone.contact:
        _check(_CONTACT, phone.contact)
    browser = phone.kind == "browser"
    auth = [
        ("auth_type", "digest"),
        ("username", phone.extension),
        ("realm", realm),
        ("password_digest", f"MD5:{phone.ha1_digest or '0' * 32}"),
    ]
    aor = [
        ("max_contacts", "1"),
        ("remove_existing", "yes"),
        ("minimum_expiration", "30"),
        ("default_expiration", "120"),
        ("maximum_expiration", "3600"),
        ("qualify_frequency", "0"),
    ]
    if phone.contact:
        aor.append(("contact", phone.contact))
    yes_for_browser = "yes" if browser else "no"
    endpoint = [
        ("auth", phone.extension),
        ("aors", phone.extension),
        ("context", "agents"),
        ("disallow", "all"),
        ("allow", "alaw,ulaw,opus" if browser else "alaw,ulaw"),
        ("webrtc", yes_for_browser),
        ("use_avpf", yes_for_browser),
        ("media_encryption", "dtls" if browser else "no"),
        ("ice_support", yes_for_browser),
        ("rtcp_mux", yes_for_browser),
        ("media_use_received_transport", yes_for_browser),
        ("dtls_auto_generate_cert", yes_for_browser),
        ("dtls_verify", "fingerprint" if browser else "no"),
        ("dtls_setup", "actpass"),
        ("direct_media", "no"),
        ("rtp_symmetric", "yes"),
        ("force_rport", "yes"),
        ("rewrite_contact", yes_for_browser),
        ("rtp_timeout", "10" if browser else "0"),
        ("rtp_timeout_hold", "600" if browser else "0"),
        ("timers", "yes"),
        ("dtmf_mode", "rfc4733"),
        ("send_connected_line", "no"),
        ("trust_connected_line", "no"),
        ("trust_id_inbound", "no"),
        ("allow_transfer", "no"),
        ("allow_subscribe", "no"),
        ("device_state_busy_at", "1"),
        ("callerid", f"<{phone.extension}>"),
    ]
    if media_address:
        endpoint += [("media_address", media_address), ("bind_rtp_to_media_address", "yes")]
    mark = hashlib.sha256(repr((auth, aor, endpoint)).encode()).hexdigest()[:20]
    return {"auth": auth, "aor": aor, "endpoint": [*endpoint, ("accountcode", mark)]}


def _check(shape: re.Pattern[str], text: str) -> None:
    if not shape.fullmatch(text):
        raise ValueError(f"not of the form {shape.pattern}")
