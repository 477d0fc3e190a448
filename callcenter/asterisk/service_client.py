"""What a node asks of `callcenter serve`, over HTTP with kept connections and firm time budgets (the Node API).

Every verb is safe to repeat. Addresses are tried in the order given, beginning with the one that answered last.
Never raises for a service that is away: the caller on the line decides what happens then.
"""

import http.client
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import orjson
import structlog

log = structlog.get_logger()

IDENTIFY_SECONDS: Final = 0.3
POLL_SECONDS: Final = 25.0
POLL_GRACE_SECONDS: Final = 2.0
ABSENCE_SECONDS: Final = 20.0
"""How long a waiting caller outlasts a service that is away before he goes to the fallback queue."""
RETRY_SECONDS: Final = 0.25
REPORT_SECONDS: Final = 3.0
CONNECT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What Asterisk knows about a caller; enough to rebuild his queue entry."""

    node: str
    call_id: str
    channel: str
    called: str
    caller_number: str | None
    """None: withheld."""
    caller_name: str
    arrived_at_ms: int


@dataclass(frozen=True, slots=True)
class PreviousOffer:
    """How the last dialling of an agent ended."""

    offer_id: str
    dial_status: str
    cause: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to do with a waiting caller. `fallback`: no service has answered for too long; `gone`: he hung up."""

    do: Literal["dial", "music", "wait", "leave", "fallback", "gone"]
    offer_id: str = ""
    endpoint: str = ""
    ring_seconds: int = 0


class ServiceAwayError(Exception):
    """No service took the request in time."""


class RequestRefusedError(Exception):
    """A service understood the request and refuses it (400, 404, 409, 422): repeating will not help."""


class _CallerGoneError(Exception):
    """The watched file descriptor spoke up."""


class _Address:
    """One service: where it is, and idle connections to it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a service address: {url}")
        self.secure = parts.scheme == "https"
        self.host, self.port, self.prefix = parts.hostname, parts.port, parts.path.rstrip("/")
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
            if len(self._idle) < 64:
                self._idle.append(connection)
                return
        connection.close()

    def forget(self) -> None:
        """Close idle connections: the other side has restarted."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class ServiceClient:
    """The node's side of the Node API. Shared by all threads."""

    def __init__(
        self,
        addresses: Sequence[str],
        token: str,
        *,
        absence_seconds: float = ABSENCE_SECONDS,
        on_undelivered: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        """`on_undelivered(call_id, body)` keeps an `ended` report that no service has taken."""
        if not addresses:
            raise ValueError("no service address")
        self._addresses = [_Address(url) for url in addresses]
        self._best = 0
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._absence_seconds = absence_seconds
        self._on_undelivered = on_undelivered

    def close(self) -> None:
        """Close idle connections. The client can be used again."""
        for address in self._addresses:
            address.forget()

    def identify(self, facts: CallFacts) -> tuple[str, str] | None:
        """The queue and the language for a caller, within 300 ms over all addresses; None otherwise."""
        deadline = time.monotonic() + IDENTIFY_SECONDS
        try:
            answer = self._post(_call_path(facts.call_id, "identify"), _wire(facts), deadline)
        except (ServiceAwayError, RequestRefusedError):
            return None
        return str(answer.get("queue") or ""), str(answer.get("language") or "")

    def wait(
        self,
        facts: CallFacts,
        *,
        queue: str,
        music: bool,
        previous: PreviousOffer | None,
        watch_fd: int,
        absence_seconds: float | None = None,
    ) -> Instruction:
        """Poll until there is something to do for this caller, at most one long poll.

        `watch_fd` becomes readable when he hangs up: the poll is dropped at once. A service that is away is
        tried again for `absence_seconds`.
        """
        body = _wire(facts) | {
            "queue": queue,
            "music": music,
            "previous": asdict(previous) if previous else None,
        }
        patience = self._absence_seconds if absence_seconds is None else absence_seconds
        give_up = time.monotonic() + patience
        while True:
            deadline = time.monotonic() + POLL_SECONDS + POLL_GRACE_SECONDS
            try:
                answer = self._post(_call_path(facts.call_id, "wait"), body, deadline, watch_fd)
                return _instruction(answer)
            except _CallerGoneError:
                return Instruction("gone")
            except RequestRefusedError:
                return Instruction("fallback")
            except ServiceAwayError:
                if time.monotonic() >= give_up:
                    return Instruction("fallback")
                if _readable(watch_fd, RETRY_SECONDS):
                    return Instruction("gone")

    def ended(self, call_id: str, body: Mapping[str, Any]) -> None:
        """Report a call's end, or hand the report to `on_undelivered`."""
        if not self.deliver_ended(call_id, body) and self._on_undelivered:
            self._on_undelivered(call_id, body)

    def deliver_ended(self, call_id: str, body: Mapping[str, Any]) -> bool:
        """Report a call's end; whether a service took it. Raises RequestRefusedError."""
        try:
            self._post(_call_path(call_id, "ended"), body, time.monotonic() + REPORT_SECONDS)
        except ServiceAwayError:
            return False
        return True

    def ledger(self, node: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Ship ledger rows; whether a service took them. Raises RequestRefusedError."""
        deadline = time.monotonic() + 2 * REPORT_SECONDS
        try:
            self._post("/node/v1/ledger", {"node": node, "rows": list(rows)}, deadline)
        except ServiceAwayError:
            return False
        return True

    def _post(self, path: str, body: Mapping[str, Any], deadline: float, watch_fd: int | None = None) -> dict[str, Any]:
        """The JSON answer of the first service that gives one.

        Each address gets its share of the time that is left, so that one that hangs leaves some for the next;
        a long poll (with `watch_fd`) is not shared. Raises ServiceAwayError, RequestRefusedError, _CallerGoneError.
        """
        payload = orjson.dumps(body)
        count = len(self._addresses)
        start = self._best
        for step in range(count):
            index = (start + step) % count
            now = time.monotonic()
            share = deadline if watch_fd is not None else now + (deadline - now) / (count - step)
            try:
                answer = self._post_to(self._addresses[index], path, payload, share, watch_fd)
            except (OSError, http.client.HTTPException, ValueError):
                self._addresses[index].forget()
                continue
            self._best = index
            return answer
        raise ServiceAwayError

    def _post_to(
        self, address: _Address, path: str, payload: bytes, deadline: float, watch_fd: int | None
    ) -> dict[str, Any]:
        while True:
            connection, used = address.take()
            try:
                answer = self._exchange(connection, address.prefix + path, payload, deadline, watch_fd)
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
            return answer

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        payload: bytes,
        deadline: float,
        watch_fd: int | None,
    ) -> dict[str, Any]:
        """One request and its answer. Raises OSError, HTTPException, ValueError (no JSON object)."""
        connection.timeout = _left(deadline, CONNECT_SECONDS)
        if connection.sock:
            connection.sock.settimeout(connection.timeout)
        connection.request("POST", path, payload, self._headers)
        _await_answer(connection, deadline, watch_fd)
        connection.sock.settimeout(_left(deadline, REPORT_SECONDS))
        response = connection.getresponse()
        content = response.read()
        if response.status in (400, 404, 409, 422):
            log.warning("the service refuses a node's request", status=response.status)
            raise RequestRefusedError(response.status)
        if response.status >= 300:
            log.warning("the service fails a node's request", status=response.status)
            raise http.client.HTTPException(response.status)
        answer = orjson.loads(content)
        if not isinstance(answer, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong answer, not a wrong type
        return answer


def _await_answer(connection: http.client.HTTPConnection, deadline: float, watch_fd: int | None) -> None:
    """Return when the answer begins. Raises TimeoutError, or _CallerGoneError when `watch_fd` speaks first."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    if watch_fd is not None:
        poll.register(watch_fd, select.POLLIN)
    left = deadline - time.monotonic()
    ready = poll.poll(max(left, 0) * 1000)
    if not ready:
        raise TimeoutError
    if any(fd == watch_fd for fd, _ in ready):
        raise _CallerGoneError


def _readable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _left(deadline: float, most: float) -> float:
    """Seconds to `deadline`, at most `most`, never 0 (which would mean non-blocking)."""
    return min(max(deadline - time.monotonic(), 0.001), most)


def _call_path(call_id: str, verb: str) -> str:
    return f"/node/v1/calls/{quote(call_id, safe='')}/{verb}"


def _wire(facts: CallFacts) -> dict[str, Any]:
    body = asdict(facts)
    del body["call_id"]
    return body


def _instruction(answer: Mapping[str, Any]) -> Instruction:
    """Read a wait answer. Raises ValueError for anything the contract does not know."""
    match answer.get("do"):
        case "dial":
            return Instruction("dial", str(answer["offer_id"]), str(answer["endpoint"]), int(answer["ring_seconds"]))
        case "music":
            return Instruction("music")
        case "wait":
            return Instruction("wait")
        case "leave":
            return Instruction("leave")
    raise ValueError("unknown instruction")
