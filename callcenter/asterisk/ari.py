"""Asterisk's REST interface: events in over one WebSocket; requests over it too, or over HTTP where it is not open.

Owns the connections and nothing about calls. A request is sent at most once: when its answer does not come, its
caller is told, and looks at what is there before trying again.
"""

import asyncio
import base64
import inspect
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson
import structlog
from yarl import URL

from callcenter.tasks import ended

log = structlog.get_logger()

REPLACED: Final = "ApplicationReplaced"
EVENTS: Final = (
    REPLACED,
    "ChannelConnectedLine",
    "ChannelStateChange",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ContactStatusChange",
    "PeerStatusChange",
    "RESTResponse",
)
"""The only messages Asterisk sends: answers to our requests, and the events that callcenter.asterisk.model reads."""

REQUEST_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
HTTP_CONNECT_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 10.0


class AriError(Exception):
    """Asterisk refused a request."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class AriAwayError(Exception):
    """No way to Asterisk, or it was lost before the answer came: the request may have been carried out."""


AWAY = (AriAwayError, AriError)
"""What a request may raise."""


class Ari:
    """One Asterisk. `on_connect` runs after each connect; events that come meanwhile are kept and follow it."""

    def __init__(self, url: str, user: str, password: str, app: str = "callcenter") -> None:
        """`url`: Asterisk's HTTP server without a path, http or https."""
        self.app = app
        self.connected = False
        self.answered_at: float | None = None
        """When Asterisk last said anything at all (the event loop's time)."""
        self.on_connect: Callable[[], Awaitable[None]] | None = None
        self.on_event: Callable[[dict[str, Any]], Awaitable[None] | None] | None = None
        self._url = f"{url.rstrip('/')}/ari"
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._backlog: list[dict[str, Any]] | None = None

    async def listen(self) -> None:
        """Connect and hear events until the connection is lost or can't be had; whether it could is in the log.

        Asterisk gives a second listener of the same `app` the first one's place.
        """
        url = f"{self._url}/events?app={self.app}"
        try:
            async with aiohttp.ClientSession(headers=self._headers) as session:
                async with asyncio.timeout(CONNECT_SECONDS):
                    socket = await session.ws_connect(url, heartbeat=_HEARTBEAT_SECONDS, max_msg_size=0, timeout=_CLOSE)
                try:
                    await self._converse(socket)
                finally:
                    await socket.close()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("no connection to asterisk", error=type(error).__name__)
        finally:
            self._lost()

    async def request(
        self,
        method: str,
        uri: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry out one REST request (`uri` without a leading slash); its JSON answer, or None.

        Raises AriError for an answer of 400 and above, AriAwayError when there is no answer.
        """
        socket = self._socket
        content = None if body is None else orjson.dumps(body)
        if socket is None or socket.closed:
            return await self.request_by_http(method, uri, query, content)
        request_id = str(next(self._ids))
        message: dict[str, Any] = {
            "type": "RESTRequest",
            "request_id": request_id,
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": value} for name, value in (query or {}).items()],
        }
        if content is not None:
            message |= {"content_type": "application/json", "message_body": content.decode()}
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        try:
            await socket.send_str(orjson.dumps(message).decode())
            async with asyncio.timeout(REQUEST_SECONDS):
                response = await answer
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            raise AriAwayError from error
        finally:
            self._answers.pop(request_id, None)
        reason, text = str(response.get("reason_phrase", "")), response.get("message_body")
        return _result(int(response.get("status_code", 500)), reason, text)

    async def request_by_http(
        self,
        method: str,
        uri: str,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Any:
        """As `request`, on a connection of its own: the client repeats a request on a kept one that was closed."""
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers | _JSON, timeout=_patience(seconds)) as session,
                session.request(
                    method, URL(f"{self._url}/{uri}", encoded=True).with_query(query), data=content
                ) as response,
            ):
                text = await response.text()
                self.answered_at = asyncio.get_running_loop().time()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AriAwayError from error
        return _result(response.status, response.reason or "", text)

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read until the socket is closed; start the owner's resync beside the reading."""
        self._socket = socket
        self._backlog = []
        start = asyncio.create_task(self._begin(socket), name="ari-begin")
        try:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                told = orjson.loads(message.data)
                if told.get("type") == REPLACED:
                    break
                await self._receive(told)
        finally:
            await ended([start])

    async def _begin(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Filter events, let the owner resync, hand over what came meanwhile. A failure closes the socket."""
        try:
            allowed = {"allowed": [{"type": name} for name in EVENTS]}
            await self.request("PUT", f"applications/{self.app}/eventFilter", body=allowed)
            if self.on_connect:
                await self.on_connect()
            while self._backlog:
                await self._deliver(self._backlog.pop(0))
            self._backlog = None
            self.connected = True
            log.info("connected to asterisk")
        except (AriError, AriAwayError):
            log.exception("the start with asterisk failed; it is tried again")
            await socket.close()
        except Exception:
            log.exception("the start with asterisk broke; it is tried again")
            await socket.close()

    async def _receive(self, message: dict[str, Any]) -> None:
        self.answered_at = asyncio.get_running_loop().time()
        if message.get("type") == "RESTResponse":
            answer = self._answers.get(str(message.get("request_id")))
            if answer and not answer.done():
                answer.set_result(message)
        elif self._backlog is not None:
            self._backlog.append(message)
        else:
            await self._deliver(message)

    async def _deliver(self, event: dict[str, Any]) -> None:
        if not self.on_event:
            return
        try:
            result = self.on_event(event)
            if inspect.isawaitable(result):
                await result
        except Exception:
            log.exception("an asterisk event could not be taken", kind=event.get("type"))

    def _lost(self) -> None:
        if self.connected:
            log.warning("connection to asterisk lost")
        self.connected = False
        self._socket = None
        self._backlog = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(AriAwayError())
        self._answers.clear()


def _result(status: int, reason: str, text: str | None) -> Any:
    """An answer's JSON, or None. Raises AriError."""
    if status >= 400:
        raise AriError(status, reason)
    return orjson.loads(text) if text else None


def _patience(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=HTTP_CONNECT_SECONDS)


_CLOSE: Final = aiohttp.ClientWSTimeout(ws_close=1.0)
_JSON: Final = {"Content-Type": "application/json"}
