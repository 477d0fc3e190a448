"""A node's requests, against a service that says what a test gives it, piece by piece."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from callcenter.asterisk import service_http
from callcenter.asterisk.service_http import (
    CallerGoneError,
    Held,
    Request,
    RequestRefusedError,
    ServiceAwayError,
    ServiceHttp,
)

KEEPALIVE_TIMER = "02"
"""Of /proc/net/tcp's field `tr`: the kernel asks an idle connection's other side whether it is there."""


def timer_of(local: tuple[str, int], remote_port: int) -> str:
    """The timer of the kernel that runs for a connection of this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{local[1]:04X}") and fields[2].endswith(f":{remote_port:04X}"):
            return fields[5].partition(":")[0]
    return ""


def test_the_kernel_looks_after_a_poll_whose_services_machine_may_vanish() -> None:
    caller, hangs_up = os.pipe()
    gone: list[BaseException] = []
    heard: list[float] = []
    began = time.monotonic()
    held = Held(caller, 0.1, lambda: heard.append(time.monotonic() - began))

    def ask(address: str) -> None:
        try:
            ServiceHttp([address], "token").send(Request("POST", "/"), time.monotonic() + 60, bytes, held)
        except CallerGoneError as error:
            gone.append(error)

    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        poll = threading.Thread(target=ask, args=(f"http://127.0.0.1:{port}",))
        poll.start()
        connection, node = service.accept()
        with connection:
            assert connection.recv(65_536).startswith(b"POST /")
            deadline = time.monotonic() + 5
            while timer_of(node, port) != KEEPALIVE_TIMER:
                assert time.monotonic() < deadline, "nobody asks whether the service's machine is there"
            while not heard:
                assert time.monotonic() < deadline, "the caller hears nothing"
            os.write(hangs_up, b"x")
            poll.join(5)
    os.close(caller)
    os.close(hangs_up)
    assert len(gone) == 1
    assert [0.1 <= seconds < 1 for seconds in heard] == [True], "a slow answer is noticed, once"


class Scripted:
    """A service that answers the requests of each connection with the pieces given for it, then closes it."""

    def __init__(self, connections: Sequence[Sequence[Sequence[bytes]]]) -> None:
        self.heard: list[bytes] = []
        self.accepted = 0
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.http = ServiceHttp([f"http://127.0.0.1:{self._listener.getsockname()[1]}/base"], "a-token")

    def ask(self, request: Request, seconds: float = 2) -> bytes:
        return self.http.send(request, time.monotonic() + seconds, bytes)

    def close(self) -> None:
        self.http.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _run(self) -> None:
        for answers in self._connections:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection:
                for pieces in answers:
                    heard = connection.recv(65_536)
                    if not heard:
                        break
                    self.heard.append(heard)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(0.02)


@pytest.fixture
def scripted() -> Iterator[list[Scripted]]:
    made: list[Scripted] = []
    yield made
    for service in made:
        service.close()


def answer(content: bytes, *, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nServer: x\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(content), more, content)


PLAIN = answer(b"hello")
ANSWERS = {
    "whole": [PLAIN],
    "byte by byte": [PLAIN[n : n + 1] for n in range(len(PLAIN))],
    "content later": [PLAIN[:-5], PLAIN[-5:]],
    "in chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n"],
    "small letters": [b"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello"],
    "after a word of patience": [b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN],
}


@pytest.mark.parametrize("pieces", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_read_however_it_comes_and_its_connection_is_used_again(
    scripted: list[Scripted], pieces: list[bytes]
) -> None:
    service = Scripted([[pieces, [PLAIN]]])
    scripted.append(service)
    assert service.ask(Request("POST", "/x", b"{}")) == b"hello"
    assert service.ask(Request("GET", "/y")) == b"hello"
    assert service.accepted == 1


@pytest.mark.parametrize(
    "last", [answer(b"hello", more=b"Connection: close\r\n"), b"HTTP/1.0 200 OK\r\n\r\nhello"], ids=["told", "old"]
)
def test_a_connection_that_the_service_ends_is_not_used_again(scripted: list[Scripted], last: bytes) -> None:
    service = Scripted([[[last]], [[PLAIN]]])
    scripted.append(service)
    assert service.ask(Request("GET", "/x")) == b"hello"
    assert service.ask(Request("GET", "/y")) == b"hello"
    assert service.accepted == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_and_a_new_one_is_not(
    scripted: list[Scripted],
) -> None:
    service = Scripted([[[PLAIN]], [[PLAIN]], [[]]])
    scripted.append(service)
    assert service.ask(Request("GET", "/x")) == b"hello"
    time.sleep(0.1)
    assert service.ask(Request("GET", "/y")) == b"hello"
    service.http.close()
    with pytest.raises(ServiceAwayError):
        service.ask(Request("GET", "/z"))
    assert service.accepted == 3


def test_a_request_says_all_that_it_must_in_one_piece(scripted: list[Scripted]) -> None:
    service = Scripted([[[PLAIN], [PLAIN], [PLAIN]]])
    scripted.append(service)
    service.ask(Request("POST", "/x?y=1", b"content", "audio/wav"))
    service.ask(Request("GET", "/x"))
    service.ask(Request("POST", "/x"))
    host = service.heard[0].partition(b"Host: ")[2].partition(b"\r\n")[0]
    rest = b"Authorization: Bearer a-token\r\nContent-Type: "
    head = b" HTTP/1.1\r\nHost: " + host + b"\r\nAccept-Encoding: identity\r\n"
    assert host.startswith(b"127.0.0.1:")
    assert service.heard == [
        b"POST /base/x?y=1" + head + b"Content-Length: 7\r\n" + rest + b"audio/wav\r\n\r\ncontent",
        b"GET /base/x" + head + rest + b"application/json\r\n\r\n",
        b"POST /base/x" + head + b"Content-Length: 0\r\n" + rest + b"application/json\r\n\r\n",
    ]


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/\u4e2d"])
def test_a_path_that_may_not_stand_there_is_not_sent(scripted: list[Scripted], path: str) -> None:
    service = Scripted([[[PLAIN]]])
    scripted.append(service)
    with pytest.raises(ServiceAwayError):
        service.ask(Request("GET", path))
    assert service.heard == []


def test_a_refusal_keeps_the_connection_and_a_failure_does_not(scripted: list[Scripted]) -> None:
    refusal, failure = answer(b"{}", status=b"409 Conflict"), answer(b"{}", status=b"503 Service Unavailable")
    service = Scripted([[[refusal], [failure]], [[PLAIN]]])
    scripted.append(service)
    with pytest.raises(RequestRefusedError):
        service.ask(Request("POST", "/x"))
    with pytest.raises(ServiceAwayError):
        service.ask(Request("POST", "/x"))
    assert service.ask(Request("POST", "/x")) == b"hello"
    assert service.accepted == 2


def test_an_answer_that_stops_half_way_is_waited_for_no_longer_than_that(
    scripted: list[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_http, "READ_SECONDS", 0.2)
    service = Scripted([[[PLAIN[:-2]], [PLAIN]]])
    scripted.append(service)
    began = time.monotonic()
    with pytest.raises(ServiceAwayError):
        service.ask(Request("GET", "/x"), 5)
    assert 0.15 < time.monotonic() - began < 1


def test_what_a_held_caller_hears_ends_with_him() -> None:
    def gone() -> None:
        raise CallerGoneError

    caller, hangs_up = os.pipe()
    held = Held(caller, 0.05, gone)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        http = ServiceHttp([f"http://127.0.0.1:{silent.getsockname()[1]}"], "token")
        with pytest.raises(CallerGoneError):
            http.send(Request("POST", "/x"), time.monotonic() + 5, bytes, held)
    os.close(caller)
    os.close(hangs_up)
