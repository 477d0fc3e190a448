"""A node's long poll, against a service that says nothing."""

import os
import socket
import threading
import time
from pathlib import Path

from callcenter.asterisk.service_http import CallerGoneError, Request, ServiceHttp

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

    def ask(address: str) -> None:
        try:
            ServiceHttp([address], "token").send(Request("POST", "/"), time.monotonic() + 60, bytes, caller)
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
            os.write(hangs_up, b"x")
            poll.join(5)
    os.close(caller)
    os.close(hangs_up)
    assert len(gone) == 1
