"""`callcenter node`: serves the AGI steps to the Asterisk beside it from threads, and ships what the service missed.

One thread a call in a step; a caller who waits for an agent holds one. When this process is gone, Asterisk goes on
with the fallback queue by itself.
"""

import contextlib
import select
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
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
DRAIN_SECONDS: Final = 5.0
SHIP_SECONDS: Final = 2.0
"""Pause between two looks at the spool and at the ledger."""
_THREAD_STACK_BYTES: Final = 512 * 1024
_ENVIRONMENT_BYTES: Final = 338
"""No conversation's first block is shorter: so long are the names of the lines that Asterisk always sends."""
_ENVIRONMENT_MS: Final = 50

SESSIONS = Counter("callcenter_agi_sessions", "AGI steps served", ["step", "result"])
RUNNING = Gauge("callcenter_agi_running", "AGI steps under way")
SPOOLED = Gauge("callcenter_agi_spooled", "Reports on disk that no service has taken")
STEP_SECONDS = Histogram("callcenter_agi_step_seconds", "Duration of an AGI step", ["step"])


class AgiHost:
    """A FastAGI server for STEPS on one listening socket."""

    def __init__(self, node: Node, host: str, port: int) -> None:
        """Raises OSError when the address can't be had."""
        self._node = node
        self._listener = socket.create_server((host, port), backlog=512)
        self._places = threading.BoundedSemaphore(MAX_CALLS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.stack_size(_THREAD_STACK_BYTES)
        self._threads = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="agi")
        self._stop_asked = threading.Event()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def running(self) -> int:
        """Steps under way."""
        return len(self._open)

    def serve(self) -> None:
        """Accept until stop()."""
        while not self._stop_asked.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                if self._stop_asked.is_set():
                    return
                log.exception("accepting an AGI connection failed")
                continue
            if not self._places.acquire(blocking=False):
                SESSIONS.labels("none", "full").inc()
                peer.close()
                continue
            with self._lock:
                self._open.add(peer)
            self._threads.submit(self._serve_one, peer)

    def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Take no more; short steps may end, then waiting callers are given to the fallback queue."""
        self._stop_asked.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for peer in self._open:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RD)
        threads = list(self._threads._threads)  # noqa: SLF001 - the executor has no join with a limit
        self._threads.shutdown(wait=False, cancel_futures=True)
        for thread in threads:
            thread.join(drain_seconds / max(len(threads), 1))

    def _serve_one(self, peer: socket.socket) -> None:
        RUNNING.inc()
        step_name = "none"
        result = "failed"
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _await_environment(peer)
            agi = Agi(peer.fileno(), peer.fileno(), finish=lambda: peer.shutdown(socket.SHUT_WR))
            name = agi.env.get("agi_network_script", "")
            step = STEPS.get(name)
            if step is None:
                result = "unknown"
                return
            step_name = name
            with STEP_SECONDS.labels(name).time():
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
            self._places.release()
            RUNNING.dec()
            SESSIONS.labels(step_name, result).inc()


def _await_environment(peer: socket.socket) -> None:
    """Return when most of the first block has come, or soon. Asterisk sends each of its twenty to forty lines alone,
    and pays each time for waking up who reads them: here he is woken once.
    """
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _ENVIRONMENT_BYTES)
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
    node.service.close()
    log.info("node stopped")
