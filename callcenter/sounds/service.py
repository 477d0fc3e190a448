"""Sounds for callers: which ones say a sentence, and each one's content.

Never in a call's way: `ids_for` looks things up in memory, speech is made by other processes, and a sound
that can't be made is left out and logged. An id's content never changes, so every node may keep what it has fetched.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from callcenter.configuration.model import Menu
from callcenter.db.pool import AWAY, Pool
from callcenter.errors import NotFoundError, UnavailableError
from callcenter.sounds import speech, store
from callcenter.sounds.model import (
    LANGUAGES,
    PROMPTS,
    SOUND_ID,
    Language,
    Piece,
    Prompt,
    Text,
    built_in_sounds,
    menu_prompt,
    recording_digest,
    sound_id,
    speakable,
    speech_digest,
)
from callcenter.sounds.store import Change
from callcenter.tasks import Beside

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 60.0
"""How long a sound that could not be made is left out before it is tried again."""
AT_ONCE: Final = 2
"""Sounds that are made at the same time."""
BREATH_SECONDS: Final = 0.05
"""Pause between two sounds that are made ahead: the first callers come first."""
LOOK_AGAIN_SECONDS: Final = 0.2


class Sounds:
    """The doors to what callers hear. Any number of replicas; each may have its own folder."""

    def __init__(self, pool: Pool, redis: Redis, folder: Path) -> None:
        self._pool = pool
        self._redis: Any = redis
        self._folder = folder
        self.changes: dict[tuple[str, str], Change] = {}
        """Prompts that differ from the built-in ones, by name and language, as last read."""
        self.menus: dict[str, Prompt] = {}
        """The menus' texts, as prompts that a recording may stand for, by name, as last read."""
        self._set: object = None
        self._ids: dict[tuple[Language, Piece], str] = {}
        self._texts: dict[str, tuple[Language, str]] = built_in_sounds()
        self._readings: dict[str, str] = {}
        self._failed: dict[str, float] = {}
        self._making: dict[str, asyncio.Task[bytes | None]] = {}
        self._beside = Beside()
        self._places = asyncio.Semaphore(AT_ONCE)

    # -- which sounds ----------------------------------------------------------------------------------

    def ids_for(self, language: Language, sequence: Sequence[Piece]) -> tuple[str, ...]:
        """The sounds that say `sequence`, in order. What can't be said is left out; nothing is raised."""
        found: list[str] = []
        for piece in sequence:
            sound = self._ids.get((language, piece))
            if sound is None:
                sound = self._ids[language, piece] = self._named(language, piece)
            if sound and not (self._failed and self._is_out(sound)):
                found.append(sound)
        return tuple(found)

    def _named(self, language: Language, piece: Piece) -> str:
        """The id of a piece's sound, and its making begun where it is new; empty for what is none."""
        name = piece.name if isinstance(piece, Text) else piece
        change = self.changes.get((name, language))
        if change and change.recording_digest:
            return sound_id(language, name, change.recording_digest)
        if isinstance(piece, Text):
            text = piece.text
        elif change and change.text:
            text = change.text
        elif name in PROMPTS:
            text = PROMPTS[name].words(language)
        else:
            log.error("no such prompt", prompt=name)
            return ""
        text = speakable(text)
        if not text:
            return ""
        sound = sound_id(language, name, speech_digest(language, text))
        if sound not in self._texts:
            self._texts[sound] = language, text
            self._beside.begin(self._introduce(sound, language, text), "new sound")
        return sound

    def _is_out(self, sound: str) -> bool:
        """Whether a sound could not be made; after a while it is tried again."""
        failed_at = self._failed.get(sound)
        if failed_at is None:
            return False
        if time.monotonic() - failed_at > RETRY_SECONDS:
            self._failed[sound] = time.monotonic()
            self._begin(sound)
        return True

    async def _introduce(self, sound: str, language: Language, text: str) -> None:
        """Tell the other replicas what a new sound says, and make it."""
        with contextlib.suppress(RedisError):
            await store.remember_text(self._redis, sound, language, text)
        await self._begin(sound)

    # -- their content ---------------------------------------------------------------------------------

    async def get(self, sound: str) -> bytes:
        """A sound's content: WAV, 8 kHz, mono, 16 bit.

        Raises:
            NotFoundError: there is none of this id (any more).
            UnavailableError: it can't be made just now.
        """
        match = SOUND_ID.fullmatch(sound)
        if match is None:
            raise NotFoundError
        kept = await asyncio.to_thread(self._read, sound)
        if kept is not None:
            return kept
        if sound not in self._texts and not await self._learn(sound):
            recorded = await self._recorded(sound, match[2], match[1])
            if recorded is not None:
                return recorded
            await asyncio.sleep(LOOK_AGAIN_SECONDS)  # another replica may be saying it only now
            if not await self._learn(sound):
                raise NotFoundError
        made = await asyncio.shield(self._begin(sound))
        if made is None:
            raise UnavailableError
        return made

    async def _recorded(self, sound: str, name: str, language: str) -> bytes | None:
        recording = await store.find_recording(self._pool, name, language)
        if recording is None or not recording_digest(recording).startswith(sound.rpartition("-")[2]):
            return None
        await asyncio.to_thread(self._write, sound, recording)
        return recording

    async def _learn(self, sound: str) -> bool:
        """Take over what another replica said of a sound, if one did."""
        told = await store.find_text(self._redis, sound)
        if told is not None:
            self._texts[sound] = told
        return told is not None

    def kept_bytes(self, sound: str) -> int | None:
        """The size of a sound that has been made here; None: it has not."""
        try:
            return self._path(sound).stat().st_size
        except OSError:
            return None

    def _path(self, sound: str) -> Path:
        return self._folder / f"{sound}.wav"

    def _read(self, sound: str) -> bytes | None:
        try:
            return self._path(sound).read_bytes()
        except OSError:
            return None

    def _write(self, sound: str, wav: bytes) -> None:
        """Keep a sound, whole or not at all; without a place for it, it is made again each time."""
        partial = self._folder / f"{sound}.{secrets.token_hex(4)}.partial"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(wav)
            os.replace(partial, self._path(sound))  # noqa: PTH105 (pathlib's says no more)
        except OSError as error:
            log.warning("sound not kept", sound=sound, error=type(error).__name__)

    # -- making ----------------------------------------------------------------------------------------

    def _begin(self, sound: str, niceness: int = 0) -> "asyncio.Task[bytes | None]":
        """The making of a sound, begun now or before."""
        task = self._making.get(sound)
        if task is None:
            task = self._making[sound] = asyncio.get_running_loop().create_task(self._make(sound, niceness))
            task.add_done_callback(lambda _: self._making.pop(sound, None))
        return task

    async def _make(self, sound: str, niceness: int) -> bytes | None:
        language, text = self._texts[sound]
        try:
            async with self._places:
                wav = await speech.speak(text, language, reading=self._readings.get(text, ""), niceness=niceness)
        except speech.SpeechError as error:
            if not self._failed:
                log.warning("sounds can't be made", sound=sound, why=str(error))
            self._failed[sound] = time.monotonic()
            return None
        await asyncio.to_thread(self._write, sound, wav)
        self._failed.pop(sound, None)
        return wav

    async def make_ahead(self) -> None:
        """Make the built-in prompts that have not been made, one after the other, what is heard most first."""
        missing = [sound for sound in self._texts if self.kept_bytes(sound) is None]
        chinese = [text for language, text in (self._texts[sound] for sound in missing) if language == "zh"]
        if chinese:
            with contextlib.suppress(speech.SpeechError):
                self._readings = dict(zip(chinese, await speech.readings(chinese, niceness=speech.GENTLE), strict=True))
        for sound in missing:
            await self._begin(sound, speech.GENTLE)
            await asyncio.sleep(BREATH_SECONDS)
        self._readings = {}
        if missing:
            log.info("prompts made", count=len(missing), failed=len(self._failed))

    # -- what has been set -----------------------------------------------------------------------------

    async def reload(self) -> None:
        """Take over what has been set about prompts and menus, and make what is new before a caller needs it.

        Raises what `AWAY` names while PostgreSQL is away.
        """
        read = await store.list_changes(self._pool), await store.list_menus(self._pool)
        if read == self._set:
            return
        self._set = read
        self.changes = read[0]
        self.menus = {menu.name: menu for menu in _menus(read[1])}
        self._ids = {}
        for language in LANGUAGES:
            changed = [name for name, its in self.changes if its == language and name in PROMPTS]
            self.ids_for(language, [*changed, *(Text(one.words(language), one.name) for one in self.menus.values())])

    async def tell(self) -> None:
        """After own changes: take them over, and have the other replicas do so."""
        await self.reload()
        with contextlib.suppress(RedisError):  # they look for themselves too
            await store.tell_change(self._redis)

    async def listen(self) -> None:
        """Follow the changes that any replica makes, until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(store.CONFIG_CHANNEL)
                    async for _ in pubsub.listen():
                        await self.reload()
            except (RedisError, *AWAY) as error:
                log.warning("changes of prompts not heard", error=type(error).__name__)
            except Exception:
                log.exception("changes of prompts not followed")
            await asyncio.sleep(1)


def _menus(rows: list[dict[str, Any]]) -> list[Prompt]:
    found: list[Prompt] = []
    for row in rows:
        try:
            found.append(menu_prompt(Menu.model_validate(row)))
        except ValidationError:
            log.warning("menu not understood", menu_id=row["menu_id"])
    return found
