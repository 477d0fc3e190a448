"""HTTP from a node to its services: kept connections, several addresses, firm time budgets.

Addresses are tried in the order given, beginning with the one that answered last.
"""

import http.client
import io
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast
from urllib.parse import urlsplit

import structlog

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

log = structlog.get_logger()

CONNECT_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
MOST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_ASK_AFTER_SECONDS: Final = 10
"""A connection that has been still for so long is asked, and asked again after half of it, whether its other side is
there: a machine that is gone ends a long poll after twice this time."""
_MOST_IDLE: Final = 64

_READ_BYTES: Final = 65_536
_NOT_IN_PATH: Final = re.compile(r"[\x00-\x20\x7f]")
_BREAK: Final = re.compile(r"[\r\n]")
_USUAL: Final = re.compile(
    rb"HTTP/1\.1 (?!204|304)([2-5][0-9]{2}) [^\r\n]*\r\n(?:.*\r\n)?content-length:[ \t]*([0-9]{1,7})\r\n",
    re.IGNORECASE | re.DOTALL,
)
_UNUSUAL: Final = re.compile(
    rb"\n(?:transfer-encoding|connection|[ \t]|content-length:.*\ncontent-length)", re.IGNORECASE | re.DOTALL
)

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


class _Address:
    """One service: where it is, and idle connections to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a service address: {url}")
        self.secure = parts.scheme == "https"
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self.name = _authority(parts.scheme, self.host, self.port)
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before (and may have been closed by the other side)."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=CONNECT_SECONDS), False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
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
        self, request: Request, deadline: float, parse: Callable[[bytes], Parsed], watch_fd: int | None = None
    ) -> Parsed:
        """The parsed content of the first good answer; `parse` raises ValueError for one that is not.

        Each address gets its share of the time that is left (`deadline` on the monotonic clock), so that one that
        hangs leaves some for the next; a long poll (with `watch_fd`) is not shared, and dropped as soon as that
        descriptor becomes readable. Raises ServiceAwayError, RequestRefusedError, CallerGoneError.
        """
        count = len(self._addresses)
        start = self._best
        for step in range(count):
            index = (start + step) % count
            now = time.monotonic()
            share = deadline if watch_fd is not None else now + (deadline - now) / (count - step)
            try:
                answer = parse(self._send_to(self._addresses[index], request, share, watch_fd))
            except (OSError, http.client.HTTPException, ValueError):
                self._addresses[index].forget()
                continue
            self._best = index
            return answer
        raise ServiceAwayError

    def _send_to(self, address: _Address, request: Request, deadline: float, watch_fd: int | None) -> bytes:
        while True:
            connection, used = address.take()
            try:
                content = self._exchange(connection, address, request, deadline, watch_fd)
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
        connection: http.client.HTTPConnection,
        address: _Address,
        request: Request,
        deadline: float,
        watch_fd: int | None,
    ) -> bytes:
        """One request and its answer's content. Raises OSError, HTTPException, RequestRefusedError, ValueError."""
        head = _head(address, request, self._token)
        connection.timeout = _left(deadline, CONNECT_SECONDS)
        if connection.sock:
            connection.sock.settimeout(connection.timeout)
        else:
            connection.connect()
            _notice_death(connection.sock)
        # In one piece: the service is woken once.
        connection.sock.sendall(head + request.content)
        _await_answer(connection, deadline, watch_fd)
        connection.sock.settimeout(_left(deadline, READ_SECONDS))
        status, content = _read_answer(connection, request.method)
        if status in (400, 404, 409, 413, 422):
            log.warning("the service refuses a node's request", status=status)
            raise RequestRefusedError(status)
        if status >= 300 or len(content) > MOST_ANSWER_BYTES:
            log.warning("the service fails a node's request", status=status)
            raise http.client.HTTPException(status)
        return content


def _authority(scheme: str, host: str, port: int | None) -> str:
    """A host's name as the header Host has it."""
    name = f"[{host}]" if ":" in host else host.encode("ascii" if host.isascii() else "idna").decode()
    return name if port in (None, {"http": 80, "https": 443}[scheme]) else f"{name}:{port}"


def _head(address: _Address, request: Request, token: str) -> bytes:
    """What stands before a request's content. Raises InvalidURL or ValueError for what may not stand there."""
    path = address.prefix + request.path
    if _NOT_IN_PATH.search(path):
        raise http.client.InvalidURL("control character or space in a path")
    if _BREAK.search(token) or _BREAK.search(request.content_type):
        raise ValueError("line break in a header")
    length = f"Content-Length: {len(request.content)}\r\n" if request.content or request.method != "GET" else ""
    return (
        f"{request.method} {path} HTTP/1.1\r\nHost: {address.name}\r\nAccept-Encoding: identity\r\n{length}"
        f"Authorization: Bearer {token}\r\nContent-Type: {request.content_type}\r\n\r\n"
    ).encode("ascii")


def _read_answer(connection: http.client.HTTPConnection, method: str) -> tuple[int, bytes]:
    """An answer's status and content, at most MOST_ANSWER_BYTES and one. What can't be used again is closed.

    Raises OSError, HTTPException.
    """
    begun = connection.sock.recv(_READ_BYTES)
    if usual := _usual_answer(begun):
        return usual
    with http.client.HTTPResponse(cast("socket.socket", _Begun(begun, connection.sock)), method=method) as response:
        response.begin()
        content = response.read(MOST_ANSWER_BYTES + 1)
        if response.will_close:
            connection.close()
        return response.status, content


def _usual_answer(answer: bytes) -> tuple[int, bytes] | None:
    """Status and content of an answer that is whole and like nearly all; None: http.client is to read it. Pure."""
    head, end, content = answer.partition(b"\r\n\r\n")
    found = _USUAL.match(head + b"\r\n")
    if not end or not found or int(found[2]) != len(content) or _UNUSUAL.search(head):
        return None
    return int(found[1]), content


class _Begun(io.RawIOBase):
    """A connection of which something was read already, for HTTPResponse, which asks a socket for a file."""

    def __init__(self, begun: bytes, sock: socket.socket) -> None:
        self._begun = begun
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        """The same, with a buffer; closing it leaves the connection open."""
        del mode
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """The next bytes. Raises OSError."""
        room = memoryview(buffer)
        if not self._begun:
            return self._sock.recv_into(room)
        given, self._begun = self._begun[: len(room)], self._begun[len(room) :]
        room[: len(given)] = given
        return len(given)


def _notice_death(sock: socket.socket) -> None:
    """Have the kernel end this connection when the other machine is gone; a process that ends is told of anyway."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _ASK_AFTER_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ASK_AFTER_SECONDS // 2)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)


def _await_answer(connection: http.client.HTTPConnection, deadline: float, watch_fd: int | None) -> None:
    """Return when the answer begins. Raises TimeoutError, or CallerGoneError when `watch_fd` speaks first."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    if watch_fd is not None:
        poll.register(watch_fd, select.POLLIN)
    left = deadline - time.monotonic()
    ready = poll.poll(max(left, 0) * 1000)
    if not ready:
        raise TimeoutError
    if any(fd == watch_fd for fd, _ in ready):
        raise CallerGoneError


def _left(deadline: float, most: float) -> float:
    """Seconds to `deadline`, at most `most`, never 0 (which would mean non-blocking)."""
    return min(max(deadline - time.monotonic(), 0.001), most)
