"""HTTP from a node to its services: kept connections, several addresses, firm time budgets.

Addresses are tried in the order given, beginning with the one that answered last.
"""

import http.client
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import structlog

log = structlog.get_logger()

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_ASK_AFTER_SECONDS: Final = 10
"""A connection that has been still for so long is asked, and asked again after half of it, whether its other side is
there: a machine that is gone ends a long poll after twice this time."""
_MOST_IDLE: Final = 64

Parsed = TypeVar("Parsed")


class ServiceAwayError(Exception):
    """No service took the request in time."""


class RequestRefusedError(Exception):
    """A service understood the request and refuses it (400, 404, 409, 413, 422): repeating will not help."""


class CallerGoneError(Exception):
    """The watched file descriptor spoke up."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, for whichever address answers."""

    method: str
    path: str
    content: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Held:
    """A caller who is held until the answer comes. `fd` becomes readable when he hangs up; `work` is done once where it
    takes longer than `seconds`.
    """

    fd: int
    seconds: float
    work: Callable[[], None]


class _OnePiece(http.client.HTTPConnection):
    """Sends a request in one piece, at flush(): http.client sends head and content one after the other, and the service
    would be woken for each.
    """

    def __init__(self, host: str, port: int | None, *, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._held: list[bytes] = []

    def send(self, data: Any) -> None:
        """Hold what is to be sent."""
        self._held.append(data)

    def flush(self) -> None:
        """Send what is held. Raises OSError."""
        held, self._held = self._held, []
        self.sock.sendall(b"".join(held))


class _OneSecurePiece(_OnePiece, http.client.HTTPSConnection):
    """The same over TLS."""


class _Address:
    """One service: where it is, and idle connections to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a service address: {url}")
        self.secure = parts.scheme == "https"
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._idle: list[_OnePiece] = []
        self._lock = threading.Lock()

    def take(self) -> tuple[_OnePiece, bool]:
        """A connection, and whether it was used before (and may have been closed by the other side)."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        kind = _OneSecurePiece if self.secure else _OnePiece
        return kind(self.host, self.port, timeout=CONNECT_SECONDS), False

    def give_back(self, connection: _OnePiece) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def forget(self) -> None:
        """Close idle connections: the other side has restarted."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class ServiceHttp:
    """Requests with a node's token. Shared by all threads."""

    def __init__(self, addresses: Sequence[str], token: str) -> None:
        """Raises ValueError for no address, or for one that is none."""
        if not addresses:
            raise ValueError("no service address")
        self._addresses = [_Address(url) for url in addresses]
        self._best = 0
        self._token = token

    def close(self) -> None:
        """Close idle connections. It can be used again."""
        for address in self._addresses:
            address.forget()

    def send(
        self, request: Request, deadline: float, parse: Callable[[bytes], Parsed], held: Held | None = None
    ) -> Parsed:
        """The parsed content of the first good answer; `parse` raises ValueError for one that is not.

        Each address gets its share of the time that is left (`deadline` on the monotonic clock), so that one that
        hangs leaves some for the next; a long poll (a caller is `held`) is not shared, and dropped as soon as he
        hangs up. Raises ServiceAwayError, RequestRefusedError, CallerGoneError, and what `held.work` does.
        """
        count = len(self._addresses)
        start = self._best
        for step in range(count):
            index = (start + step) % count
            now = time.monotonic()
            share = deadline if held is not None else now + (deadline - now) / (count - step)
            try:
                answer = parse(self._send_to(self._addresses[index], request, share, held))
            except (OSError, http.client.HTTPException, ValueError):
                self._addresses[index].forget()
                continue
            self._best = index
            return answer
        raise ServiceAwayError

    def _send_to(self, address: _Address, request: Request, deadline: float, held: Held | None) -> bytes:
        while True:
            connection, used = address.take()
            try:
                content = self._exchange(connection, address.prefix, request, deadline, held)
            except (ConnectionError, http.client.BadStatusLine):
                connection.close()
                if used:
                    continue
                raise
            except RequestRefusedError:
                address.give_back(connection)
                raise
            except BaseException:
                connection.close()
                raise
            address.give_back(connection)
            return content

    def _exchange(
        self,
        connection: _OnePiece,
        prefix: str,
        request: Request,
        deadline: float,
        held: Held | None,
    ) -> bytes:
        """One request and its answer's content. Raises OSError, HTTPException, RequestRefusedError."""
        connection.timeout = _left(deadline, CONNECT_SECONDS)
        if connection.sock:
            connection.sock.settimeout(connection.timeout)
        else:
            connection.connect()
            _notice_death(connection.sock)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": request.content_type}
        connection.request(request.method, prefix + request.path, request.content or None, headers)
        connection.flush()
        _await_answer(connection, deadline, held)
        connection.sock.settimeout(_left(deadline, READ_SECONDS))
        response = connection.getresponse()
        content = response.read(MOST_ANSWER_BYTES + 1)
        if response.status in (400, 404, 409, 413, 422):
            log.warning("the service refuses a node's request", status=response.status)
            raise RequestRefusedError(response.status)
        if response.status >= 300 or len(content) > MOST_ANSWER_BYTES:
            log.warning("the service fails a node's request", status=response.status)
            raise http.client.HTTPException(response.status)
        return content


def _notice_death(sock: socket.socket) -> None:
    """Have the kernel end this connection when the other machine is gone; a process that ends is told of anyway."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _ASK_AFTER_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ASK_AFTER_SECONDS // 2)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)


def _await_answer(connection: _OnePiece, deadline: float, held: Held | None) -> None:
    """Return when the answer begins. Raises TimeoutError, or CallerGoneError when the caller who is held is gone."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    if held is not None:
        poll.register(held.fd, select.POLLIN)
        if not poll.poll(_left(deadline, held.seconds) * 1000):
            held.work()
    ready = poll.poll(max(deadline - time.monotonic(), 0) * 1000)
    if not ready:
        raise TimeoutError
    if held is not None and any(fd == held.fd for fd, _ in ready):
        raise CallerGoneError


def _left(deadline: float, most: float) -> float:
    """Seconds to `deadline`, at most `most`, never 0 (which would mean non-blocking)."""
    return min(max(deadline - time.monotonic(), 0.001), most)
