"""A service that follows the Node API and does what a test says: the far side of the AGI steps."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

Json = dict[str, Any]
WAIT_SECONDS = 1.0
"""The stub's long poll; the real one's is longer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request the node made."""

    verb: str
    call_id: str
    body: Json
    token: str
    at: float
    """On the monotonic clock."""
    content: bytes = b""
    """What was sent, where that is no JSON; `body` is the query then."""


@dataclass
class StubService:
    """Listens on one port, which it keeps over stop() and start()."""

    answer_wait: Callable[[Json], Json | None] = lambda body: {"do": "wait"} if body["answered"] else {"do": "say"}
    """What a waiting caller is told; None: nothing before the long poll's end, which is then `wait`."""
    sounds: dict[str, bytes] = field(default_factory=dict)
    """Name -> WAV file; a name that is not here is 404."""
    sound_seconds: float = 0.0
    """How long it takes to say anything about a sound."""
    refuses: int = 0
    """The status that messages are refused with, if they are."""
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen again, at the same port."""
        self._server = _Server(("127.0.0.1", self.port), _handler_for(self))
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening and cut what is connected, like a killed process."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def of(self, verb: str) -> list[Asked]:
        """The requests of one kind so far."""
        return [one for one in self.asked if one.verb == verb]

    def wait_for(self, verb: str, count: int = 1, within_seconds: float = 10) -> Asked:
        """The `count`th request of a kind. Raises AssertionError when it does not come."""
        eventually(lambda: len(self.of(verb)) >= count, f"{count} of {verb}", within_seconds)
        return self.of(verb)[count - 1]

    def reply(self, verb: str, body: Json) -> Json:
        """The answer to one request."""
        if verb == "wait":
            known = {"queue": "service", "language": "zh"} if body["arriving"] else {}
            return self._after_poll(body) | known
        return {"accepted": len(body["rows"])} if verb == "ledger" else {}

    def _after_poll(self, body: Json) -> Json:
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and self._server:
            answer = self.answer_wait(body)
            if answer and answer != {"do": "wait"}:
                return answer
            time.sleep(0.02)
        return {"do": "wait"}


def eventually(true: Callable[[], bool], what: str, within_seconds: float = 10) -> None:
    """Wait for a fact. Raises AssertionError when it does not come true."""
    deadline = time.monotonic() + within_seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {within_seconds} s: {what}"
        time.sleep(0.02)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.connections: set[Any] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.connections):
            super().shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A node that hangs up on the stub is no error."""


def _handler_for(stub: StubService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path)
            *_, call_id, verb = parts.path.split("/")
            if self.headers["Content-Type"].startswith("audio/"):
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self._remember(verb, call_id, query, content)
                self._answer(stub.refuses or 200, b"{}")
                return
            body = orjson.loads(content)
            self._remember(verb, "" if verb == "ledger" else call_id, body)
            self._answer(200, orjson.dumps(stub.reply(verb, body)))

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            self._remember("sound", name, {})
            time.sleep(stub.sound_seconds)
            found = stub.sounds.get(name)
            self._answer(404 if found is None else 200, found or b"")

        def _remember(self, verb: str, call_id: str, body: Json, content: bytes = b"") -> None:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            stub.asked.append(Asked(verb, call_id, body, token, time.monotonic(), content))

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
