"""The host of the AGI steps, over real connections, with a step that does what a test says."""

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from callcenter.asterisk import agi_host
from callcenter.asterisk.agi import Agi, AgiLostError
from callcenter.asterisk.agi_host import AgiHost
from callcenter.asterisk.steps import Node
from callcenter.settings import Settings

ENV = (
    "agi_network: yes\nagi_network_script: held\nagi_request: agi://127.0.0.1/held\nagi_channel: PJSIP/trunk-00000001\n"
    "agi_language: zh\nagi_type: PJSIP\nagi_uniqueid: n1-1763780000.1\nagi_version: 22\nagi_callerid: 13800138000\n"
    "agi_calleridname: unknown\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\n"
    "agi_dnid: 4008001234\nagi_rdnis: unknown\nagi_context: hotline\nagi_extension: 4008001234\nagi_priority: 3\n"
    "agi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 1\n\n"
)


@dataclasses.dataclass
class House:
    """A running host whose one step says hello and stays until its caller hangs up."""

    host: AgiHost
    server: threading.Thread
    callers: list[socket.socket] = dataclasses.field(default_factory=list)

    def ring(self) -> socket.socket:
        """A new conversation, with its environment sent."""
        caller = socket.create_connection(("127.0.0.1", self.host.port), timeout=5)
        self.callers.append(caller)
        caller.sendall(ENV.encode())
        return caller


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    def held(agi: Agi, _: Node) -> None:
        agi.send_command("NOOP")
        while not agi.hung_up_within(5):
            pass
        raise AgiLostError

    monkeypatch.setitem(agi_host.STEPS, "held", held)
    host = AgiHost(Node.of(Settings(spool_dir=tmp_path)), "127.0.0.1", 0)
    server = threading.Thread(target=host.serve)
    server.start()
    made = House(host, server)
    yield made
    host.stop()
    for caller in made.callers:
        caller.close()
    server.join(5)
    assert not server.is_alive()
    eventually(lambda: host.workers == 0)


def eventually(true: Any) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline, "not within 5 s"
        time.sleep(0.01)


def is_served(caller: socket.socket) -> bool:
    """Whether the step speaks; otherwise the connection was closed."""
    try:
        return caller.recv(100) == b"NOOP\n"
    except ConnectionResetError:
        return False


def counted(step: str, result: str) -> float:
    labels = {"step": step, "result": result}
    return REGISTRY.get_sample_value("callcenter_agi_sessions_total", labels) or 0.0


def test_many_more_talk_at_once_than_wait_for_them_and_then_the_threads_end(house: House) -> None:
    gone = counted("held", "gone")
    callers = [house.ring() for _ in range(60)]
    assert all(is_served(caller) for caller in callers)
    assert house.host.running == 60
    eventually(lambda: house.host.workers >= 60 + agi_host.LEAST_SPARE)
    for caller in callers:
        caller.close()
    eventually(lambda: house.host.workers == agi_host.MOST_SPARE)
    assert house.host.running == 0
    assert counted("held", "gone") == gone + 60
    assert is_served(house.ring())


def test_a_full_host_sends_callers_away_at_once_and_has_a_place_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agi_host, "MAX_CALLS", 10)
    full = counted("none", "full")
    callers = [house.ring() for _ in range(10)]
    assert all(is_served(caller) for caller in callers)
    began = time.monotonic()
    assert not any(is_served(house.ring()) for _ in range(20))
    assert time.monotonic() - began < 2
    assert counted("none", "full") == full + 20
    callers.pop().close()
    eventually(lambda: house.host.running == 9)
    assert is_served(house.ring())


def test_without_a_thread_for_the_next_caller_this_one_is_sent_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: house.host.workers == agi_host.LEAST_SPARE)

    def cannot(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", cannot)
        served = [is_served(house.ring()) for _ in range(agi_host.LEAST_SPARE + 3)]
    assert served == [True] * (agi_host.LEAST_SPARE - 1) + [False] * 4
    assert house.host.running == agi_host.LEAST_SPARE - 1
    assert is_served(house.ring())


def test_a_step_that_breaks_ends_no_worker(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(agi: Agi, node: Node) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setitem(agi_host.STEPS, "held", breaks)
        assert not any(is_served(house.ring()) for _ in range(3 * agi_host.LEAST_SPARE))
    assert is_served(house.ring())


def test_stop_ends_workers_that_wait_and_callers_that_are_held(house: House) -> None:
    caller = house.ring()
    assert is_served(caller)
    began = time.monotonic()
    house.host.stop()
    assert time.monotonic() - began < 2
    assert house.host.workers == 0
    assert caller.recv(100) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", house.host.port), timeout=1)


def test_a_report_that_outlasts_the_stop_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    may_report, reported = threading.Event(), threading.Event()

    def slow(agi: Agi, node: Node) -> None:
        agi.send_command("NOOP")
        assert may_report.wait(5)
        reported.set()

    monkeypatch.setitem(agi_host.STEPS, "held", slow)
    assert is_served(house.ring())
    house.host.stop(drain_seconds=0.05)
    assert not reported.is_set()
    may_report.set()
    house.host.join()
    assert reported.is_set()


def test_an_accept_that_fails_is_tried_again_after_a_pause(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []

    class Failing:
        def accept(self) -> None:
            tries.append(time.monotonic())
            raise OSError(24, "Too many open files")

    eventually(lambda: house.host.workers == agi_host.LEAST_SPARE)
    with monkeypatch.context() as crowded:
        crowded.setattr(house.host, "_listener", Failing())
        for _ in range(agi_host.LEAST_SPARE):  # who waits in accept() is let out of it
            socket.create_connection(("127.0.0.1", house.host.port)).close()
        eventually(lambda: len(tries) > 2 * agi_host.LEAST_SPARE)  # once each, those who were added as well
    assert len(tries) <= 4 * 2 * agi_host.LEAST_SPARE
    assert tries[-1] - tries[0] >= agi_host._ACCEPT_AGAIN_SECONDS
    assert is_served(house.ring())
