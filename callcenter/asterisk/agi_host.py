"""`callcenter node`: serves the AGI steps to the Asterisk beside it from threads, and ships what the service missed.

One thread a call in a step; a caller who waits for an agent holds one. When this process is gone, Asterisk goes on
with the fallback queue by itself.
"""

import contextlib
import select
import signal
import socket
import threading
from functools import cache
from types import FrameType
from typing import Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from agi_scripts import (
    callback_answered,
    callback_over,
    consult_answered,
    consult_over,
    ended,
    identify,
    recording_notice,
    wait,
)
from callcenter import memory
from callcenter.asterisk.agi import Agi, AGIError, AgiLostError
from callcenter.asterisk.config import cdr_file
from callcenter.asterisk.ledger import Ledger
from callcenter.asterisk.recordings_shipper import RecordingShipper
from callcenter.asterisk.service_http import RequestRefusedError
from callcenter.asterisk.steps import Node, Step
from callcenter.settings import Settings

log = structlog.get_logger()

STEPS: Final[dict[str, Step]] = {
    "identify": identify.run,
    "wait": wait.run,
    "ended": ended.run,
    "callback_answered": callback_answered.run,
    "consult_answered": consult_answered.run,
    "consult_over": consult_over.run,
    "callback_over": callback_over.run,
    "recording_notice": recording_notice.run,
}
"""What Asterisk may ask for: agi://host:port/NAME. Nothing else is looked at, least of all files."""
MAX_CALLS: Final = 2000
"""Steps at the same time; beyond that a connection is closed and the caller goes to the fallback queue."""
LEAST_SPARE: Final = 4
"""Workers that wait for a connection, at least."""
MOST_SPARE: Final = 16
"""The same, at most: one that ends its step beside so many ends itself."""
DRAIN_SECONDS: Final = 5.0
SHIP_SECONDS: Final = 2.0
"""Pause between two looks at the spool and at the ledger."""
_THREAD_STACK_BYTES: Final = 512 * 1024
_ACCEPT_AGAIN_SECONDS: Final = 1.0
_ENVIRONMENT_BYTES: Final = 338
"""No conversation's first block is shorter: so long are the names of the lines that Asterisk always sends."""
_ENVIRONMENT_MS: Final = 50

SESSIONS = Counter("callcenter_agi_sessions", "AGI steps served", ["step", "result"])
RUNNING = Gauge("callcenter_agi_running", "AGI steps under way")
SPOOLED = Gauge("callcenter_agi_spooled", "Reports on disk that no service has taken")
STEP_SECONDS = Histogram("callcenter_agi_step_seconds", "Duration of an AGI step", ["step"])


@cache
def _session(step: str, result: str) -> Counter:
    return SESSIONS.labels(step, result)


@cache
def _seconds(step: str) -> Histogram:
    return STEP_SECONDS.labels(step)


class AgiHost:
    """A FastAGI server for STEPS on one listening socket.

    Its workers accept by themselves, so that no thread wakes another one for a call: who takes a connection and leaves
    too few behind starts one more, who comes back to enough of them ends.
    """

    def __init__(self, node: Node, host: str, port: int) -> None:
        """Raises OSError when the address can't be had."""
        self._node = node
        self._listener = socket.create_server((host, port), backlog=512)
        # What is accepted has these from its first moment.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _ENVIRONMENT_BYTES)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._workers: set[threading.Thread] = set()
        self._spare = 0
        self._lock = threading.Lock()
        threading.stack_size(_THREAD_STACK_BYTES)
        self._stop_asked = threading.Event()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def running(self) -> int:
        """Steps under way."""
        return len(self._open)

    @property
    def workers(self) -> int:
        """Threads: those in a step, and those that wait for a connection."""
        return len(self._workers)

    def serve(self) -> None:
        """Take connections until stop()."""
        for _ in range(LEAST_SPARE):
            self._add_worker()
        self._stop_asked.wait()

    def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take no more; short steps may end, then waiting callers are given to the fallback queue."""
        with self._lock:
            self._stop_asked.set()
            workers = list(self._workers)
            for peer in self._open:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RD)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for worker in workers:
            worker.join(drain_seconds / max(len(workers), 1))
        self._listener.close()

    def join(self) -> None:
        """After stop(): wait for steps that outlast it, for what they report must not be lost."""
        for worker in list(self._workers):
            worker.join()

    def _add_worker(self) -> bool:
        """Start one more; whether that could be done."""
        worker = threading.Thread(target=self._work, name="agi", daemon=True)
        with self._lock:
            if self._stop_asked.is_set():
                return False
            try:
                worker.start()
            except RuntimeError:
                log.exception("an AGI worker could not be started")
                return False
            self._workers.add(worker)
            self._spare += 1
        return True

    def _work(self) -> None:
        """Serve one connection after the other, until stop() or until there are enough who do."""
        while not self._stop_asked.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError as error:
                if not self._stop_asked.is_set():
                    log.warning("accepting an AGI connection failed", error=str(error))
                    self._stop_asked.wait(_ACCEPT_AGAIN_SECONDS)
                continue
            if self._enter(peer):
                self._serve_one(peer)
            else:
                peer.close()
            with self._lock:
                if self._spare >= MOST_SPARE:
                    break
                self._spare += 1
        with self._lock:
            self._workers.discard(threading.current_thread())

    def _enter(self, peer: socket.socket) -> bool:
        """Whether a connection has a place here, and somebody to take the next one."""
        with self._lock:
            self._spare -= 1
            if self._stop_asked.is_set():
                return False
            full = len(self._open) >= MAX_CALLS
            if not full:
                self._open.add(peer)
            few = self._spare < LEAST_SPARE
        if not full and few and not self._add_worker():
            with self._lock:
                full = self._spare == 0
                if full:
                    self._open.discard(peer)
        if full:
            _session("none", "full").inc()
        return not full

    def _serve_one(self, peer: socket.socket) -> None:
        RUNNING.inc()
        step_name = "none"
        result = "failed"
        try:
            _await_environment(peer)
            agi = Agi(peer.fileno(), peer.fileno(), finish=lambda: peer.shutdown(socket.SHUT_WR))
            name = agi.env.get("agi_network_script", "")
            step = STEPS.get(name)
            if step is None:
                result = "unknown"
                return
            step_name = name
            with _seconds(name).time():
                step(agi, self._node)
            result = "done"
        except AgiLostError:
            result = "gone"
        except (AGIError, RequestRefusedError, ValueError, OSError) as error:
            log.warning("an AGI step failed", step=step_name, error=type(error).__name__)
        except Exception:
            log.exception("an AGI step broke", step=step_name)
        finally:
            with self._lock:
                self._open.discard(peer)
            peer.close()
            RUNNING.dec()
            _session(step_name, result).inc()


def _await_environment(peer: socket.socket) -> None:
    """Return when most of the first block has come, or soon. Asterisk sends each of its twenty to forty lines alone,
    and pays each time for waking up who reads them: here he is woken once.
    """
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    poll.poll(_ENVIRONMENT_MS)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


class Shipper(threading.Thread):
    """Sends spooled reports, callers' messages and the ledger's new rows, for as long as the node runs."""

    def __init__(self, node: Node, ledger: Ledger) -> None:
        super().__init__(name="shipper", daemon=True)
        self._node = node
        self._ledger = ledger
        self._recordings = RecordingShipper(node.recordings, node.service)
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look, send, rest. What fails is tried again; nothing ends this thread."""
        while not self._stop_asked.wait(SHIP_SECONDS):
            try:
                self.send_spooled()
                self._node.hand_in_messages()
                self._ledger.ship(self._node.service)
                self._recordings.begin()
            except Exception:
                log.exception("shipping failed; it is tried again")

    def send_spooled(self) -> None:
        """Send kept reports until one is not taken."""
        spool = self._node.spool
        for path, verb, call_id, body in spool.waiting():
            try:
                if not self._node.service.deliver(verb, call_id, body):
                    break
            except RequestRefusedError:
                spool.refuse(path)
                continue
            path.unlink(missing_ok=True)
        SPOOLED.set(len(spool))

    def stop(self) -> None:
        """End the thread after what it is sending now."""
        self._stop_asked.set()
        self.join(DRAIN_SECONDS)
        self._recordings.stop()


def run_node(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    node = Node.of(settings)
    memory.settle()
    host = AgiHost(node, settings.agi_host, settings.agi_port)
    shipper = Shipper(node, Ledger(cdr_file(settings.asterisk_log_dir), settings.spool_dir, settings.node_name))

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        stopped.set()

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    shipper.start()
    server = threading.Thread(target=host.serve, name="agi-accept", daemon=True)
    server.start()
    log.info("node ready", agi_port=host.port)
    stopped.wait()
    host.stop()
    shipper.stop()
    host.join()
    node.service.close()
    log.info("node stopped")
