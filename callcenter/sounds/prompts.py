"""What an administrator does with prompts: other words, a person's recording, back to what is built in."""

from dataclasses import dataclass
from typing import Final

import structlog

from callcenter.db.pool import Pool
from callcenter.errors import HotlineError, NotFoundError
from callcenter.sounds import speech, store
from callcenter.sounds.model import (
    LANGUAGES,
    PROMPTS,
    Language,
    Piece,
    Prompt,
    Text,
    says_something,
    speakable,
)
from callcenter.sounds.service import Sounds
from callcenter.sounds.wav import samples_of, seconds_of
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

LARGEST_RECORDING: Final = 8 * 1024 * 1024
"""Bytes, as it is sent."""


class NoRecordingError(HotlineError):
    """This is not a recording that can be used. Send WAV, MP3 or Ogg Vorbis with something to be heard."""

    error_id = "no_recording"
    status = 400
    zh = "无法使用该录音。请上传有声音的 WAV、MP3 或 Ogg Vorbis 文件。"


class TooLongError(HotlineError):
    """A prompt is at most 60 seconds long."""

    error_id = "recording_too_long"
    status = 400
    zh = "提示音最长 60 秒。"


class NothingToSayError(HotlineError):
    """There is nothing in this text that could be spoken."""

    error_id = "nothing_to_say"
    status = 400
    zh = "这段文字没有可以读出的内容。"


class MenuTextError(HotlineError):
    """The words of a menu are set in the menu itself; here it can be given a recording."""

    error_id = "menu_text"
    status = 409
    zh = "菜单的文字请在菜单中修改；此处只能上传录音。"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A prompt in one language. `seconds` is None while its speech has not been made here; `sound` is what callers
    hear, empty where it can't be made.
    """

    text: str
    built_in_text: str
    recorded: bool
    seconds: float | None
    sound: str


class Prompts:
    """Every change is written down in the audit log, and takes effect in all replicas at once."""

    def __init__(self, pool: Pool, sounds: Sounds) -> None:
        self._pool = pool
        self._sounds = sounds

    async def list_prompts(self) -> list[tuple[Prompt, dict[Language, Spoken]]]:
        """Every prompt as it is now: the built-in ones, then the menus."""
        await self._sounds.reload()
        every = [*PROMPTS.values(), *self._sounds.menus.values()]
        return [(prompt, {one: self._spoken(one, prompt) for one in LANGUAGES}) for prompt in every]

    async def get_prompt(self, name: str) -> Prompt:
        """A prompt by its name. Raises NotFoundError."""
        if name in PROMPTS:
            return PROMPTS[name]
        await self._sounds.reload()
        if name not in self._sounds.menus:
            raise NotFoundError
        return self._sounds.menus[name]

    async def set_text(self, actor: Actor, name: str, language: Language, text: str) -> Spoken:
        """Have other words spoken; a recording of the words before goes.

        Raises:
            NotFoundError, NothingToSayError, MenuTextError
        """
        prompt = await self.get_prompt(name)
        if name not in PROMPTS:
            raise MenuTextError
        if not says_something(speakable(text)):
            raise NothingToSayError
        async with self._pool.acquire() as connection, connection.transaction():
            await store.put_text(connection, name, language, text)
            await audit.record(connection, actor, "prompt.changed", of=("prompt", f"{name}/{language}"))
        await self._sounds.tell()
        return self._spoken(language, prompt)

    async def set_recording(self, actor: Actor, name: str, language: Language, recording: bytes) -> Spoken:
        """Have a person's recording heard; it is brought to a telephone's form and a prompt's loudness.

        Raises:
            NotFoundError, NoRecordingError, TooLongError
        """
        prompt = await self.get_prompt(name)
        try:
            wav = await speech.convert(recording)
        except speech.SpeechError as error:
            log.info("recording refused", prompt=name, why=str(error))
            raise NoRecordingError from None
        if seconds_of(len(wav)) > speech.MOST_SECONDS:
            raise TooLongError
        if not any(samples_of(wav)):
            raise NoRecordingError
        async with self._pool.acquire() as connection, connection.transaction():
            await store.put_recording(connection, name, language, wav)
            await audit.record(connection, actor, "prompt.recorded", of=("prompt", f"{name}/{language}"))
        await self._sounds.tell()
        return self._spoken(language, prompt)

    async def reset(self, actor: Actor, name: str, language: Language) -> None:
        """Back to what is built in. Raises NotFoundError."""
        await self.get_prompt(name)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.remove_change(connection, name, language)
            await audit.record(connection, actor, "prompt.reset", of=("prompt", f"{name}/{language}"))
        await self._sounds.tell()

    async def get_sound(self, name: str, language: Language) -> bytes:
        """What callers hear now. Raises NotFoundError, UnavailableError."""
        spoken = self._spoken(language, await self.get_prompt(name))
        return await self._sounds.get(spoken.sound)

    def _spoken(self, language: Language, prompt: Prompt) -> Spoken:
        built_in = prompt.words(language)
        change = self._sounds.changes.get((prompt.name, language))
        piece: Piece = prompt.name if prompt.name in PROMPTS else Text(built_in, prompt.name)
        sound = "".join(self._sounds.ids_for(language, [piece]))
        size = change.recording_bytes if change and change.recording_digest else self._sounds.kept_bytes(sound)
        return Spoken(
            text=(change and change.text) or built_in,
            built_in_text=built_in,
            recorded=bool(change and change.recording_digest),
            seconds=round(seconds_of(size), 2) if size is not None else None,
            sound=sound,
        )
