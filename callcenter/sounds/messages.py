"""What callers leave to say when nobody can take their call (TEL-25, TEL-26, HRS-06)."""

from collections.abc import Callable
from typing import Final

from callcenter.calls.model import is_call_id
from callcenter.clock import moment
from callcenter.db.pool import Pool
from callcenter.errors import HotlineError, InvalidInputError, NotFoundError
from callcenter.events import Kind, event
from callcenter.routing.store import LiveQueue
from callcenter.sounds import store
from callcenter.sounds.wav import NotWavError, samples_of, seconds_of, wav_of
from callcenter.staff import audit
from callcenter.staff.model import Actor

LARGEST_MESSAGE: Final = 8 * 1024 * 1024
"""Bytes: more than eight minutes."""
SHORTEST_SECONDS: Final = 0.5
"""Who hung up sooner has left no message."""


class NoWavError(HotlineError):
    """A message is a WAV file: 8 kHz, mono, 16 bit."""

    error_id = "no_wav"
    status = 400
    zh = "留言须为 WAV 文件：8 kHz、单声道、16 位。"


class Messages:
    """Takes messages from the nodes, and gives them to who listens."""

    def __init__(self, pool: Pool, live: LiveQueue, clock: Callable[[], int]) -> None:
        self._pool = pool
        self._live = live
        self._clock = clock

    async def take(self, call_id: str, step_id: str, recorded_at_ms: int, recording: bytes) -> None:
        """Keep a call's message and record the fact. Comes twice without harm; a later longer one replaces.

        Raises:
            InvalidInputError: not a call id.
            NoWavError: not a WAV file of the telephone's form.
        """
        if not is_call_id(call_id):
            raise InvalidInputError(fields={"call_id": {"en": "Not a call id.", "zh": "不是有效的通话编号。"}})
        try:
            wav = wav_of(samples_of(recording))
        except NotWavError as error:
            raise NoWavError(detail=str(error)) from None
        seconds = round(seconds_of(len(wav)), 2)
        if seconds < SHORTEST_SECONDS:
            return
        await store.put_message(self._pool, call_id, seconds, wav, moment(recorded_at_ms))
        about = f"{call_id}/{step_id}"
        fact = event(call_id, Kind.MESSAGE, recorded_at_ms, about=about, seconds=seconds)
        await self._live.step(self._clock(), events=[fact])

    async def hear(self, actor: Actor, user_id: int, call_id: str) -> bytes:
        """A call's message; that it was heard is noted, and by whom first. Raises NotFoundError."""
        async with self._pool.acquire() as connection, connection.transaction():
            message = await store.find_message(connection, call_id) if is_call_id(call_id) else None
            if message is None:
                raise NotFoundError
            if message.heard_at is None:
                await store.note_heard(connection, call_id, user_id)
            await audit.record(connection, actor, "message.heard", of=("call", call_id))
        return message.recording
