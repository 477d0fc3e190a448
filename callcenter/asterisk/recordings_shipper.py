"""Makes sounds of complete recordings and hands them in, beside all else that a node does: a long one takes a while."""

import threading
import time
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from callcenter.asterisk.recordings import ConversionError, Recording, Recordings
from callcenter.asterisk.service_client import ServiceClient
from callcenter.asterisk.service_http import RequestRefusedError

log = structlog.get_logger()

AGAIN_SECONDS: Final = 60.0
"""How long after a failure a recording is tried to be made again."""
TELL_SECONDS: Final = 10.0
"""How often the service is told what waits here, while anything does."""

MADE = Counter("callcenter_recordings_made", "Recordings made of what Asterisk wrote")
FAILED = Counter("callcenter_recordings_failed", "Recordings that could not be made, each try")
HANDED_IN = Counter("callcenter_recordings_handed_in", "Recordings that a service has taken")
UNSHIPPED = Gauge("callcenter_recordings_unshipped", "Recordings here that no service has taken yet")


class RecordingShipper:
    """One round at a time, in a thread of its own."""

    def __init__(self, recordings: Recordings, service: ServiceClient) -> None:
        self._recordings = recordings
        self._service = service
        self._round: threading.Thread | None = None
        self._stop_asked = threading.Event()
        self._not_before: dict[str, float] = {}
        self._told: tuple[int, int, bool] = (0, 0, True)
        self._told_at = 0.0

    def begin(self) -> None:
        """Begin a round, unless one is under way."""
        if self._stop_asked.is_set() or (self._round and self._round.is_alive()):
            return
        self._round = threading.Thread(target=self._run, name="recordings", daemon=True)
        self._round.start()

    def stop(self) -> None:
        """End after what is being done now, which is done again after a restart if it takes long."""
        self._stop_asked.set()
        if self._round:
            self._round.join(5)

    def _run(self) -> None:
        try:
            self.make()
            self.hand_in()
            self.tell()
        except Exception:
            log.exception("recordings could not be handed in; it is tried again")

    def make(self) -> None:
        """Make sounds of all that is complete."""
        for call_id in self._recordings.complete():
            if self._stop_asked.is_set() or time.monotonic() < self._not_before.get(call_id, 0.0):
                continue
            try:
                if self._recordings.make(call_id) is not None:
                    MADE.inc()
                self._not_before.pop(call_id, None)
            except (ConversionError, OSError) as error:
                FAILED.inc()
                self._not_before[call_id] = time.monotonic() + AGAIN_SECONDS
                log.warning("a recording could not be made; it is tried again", call_id=call_id, why=str(error))

    def hand_in(self) -> None:
        """Hand in what waits, until one is not taken."""
        for recording in self._recordings.waiting():
            if self._stop_asked.is_set() or not self._hand_in(recording):
                return

    def _hand_in(self, recording: Recording) -> bool:
        """Whether the next one may follow."""
        try:
            if not self._service.recording(recording, self._recordings.sound(recording)):
                return False
        except RequestRefusedError:
            log.warning("the service refuses a recording; it is put aside", call_id=recording.call_id)
            self._recordings.refuse(recording)
            return True
        except FileNotFoundError:
            log.warning("a recording's sound is gone", call_id=recording.call_id)
        else:
            HANDED_IN.inc()
        self._recordings.forget(recording)
        return True

    def tell(self) -> None:
        """Tell the service how many wait, whenever that is news, and from time to time while it is not none."""
        waiting, aside = self._recordings.count()
        UNSHIPPED.set(waiting)
        now = (waiting, aside, self._recordings.has_room())
        if now == self._told and (now == (0, 0, True) or time.monotonic() < self._told_at + TELL_SECONDS):
            return
        if self._service.recordings_waiting(self._recordings.node, *now):
            self._told, self._told_at = now, time.monotonic()
