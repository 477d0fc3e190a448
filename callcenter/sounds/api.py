"""Sounds and messages for the nodes, prompts and messages for people, over HTTP."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.sounds.messages import LARGEST_MESSAGE
from callcenter.sounds.model import LONGEST_TEXT, Language, Prompt
from callcenter.sounds.prompts import LARGEST_RECORDING, Spoken
from callcenter.staff.permissions import Permission
from callcenter.validation import Milliseconds, cleaned_paragraphs
from callcenter.web.routes import (
    NODE,
    Binary,
    Routes,
    actor,
    hotline,
    signed_in,
)

routes = Routes()

StepId = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
Wav = Annotated[bytes, Binary("audio/wav")]
MessageBody = Annotated[bytes, Binary("audio/wav", most_bytes=LARGEST_MESSAGE)]
RecordingBody = Annotated[
    bytes, Binary("audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", most_bytes=LARGEST_RECORDING)
]


class SpokenOut(BaseModel):
    """A prompt in one language. `seconds` is null while its speech has not been made; `sound` is empty where nothing
    can be heard.
    """

    text: str
    built_in_text: str
    recorded: bool
    seconds: float | None
    sound: str


class SpokenInBoth(BaseModel):
    """A prompt in Chinese and in English."""

    zh: SpokenOut
    en: SpokenOut


class PromptOut(BaseModel):
    """A prompt, or the text of a menu (`menu_…`)."""

    name: str
    title_zh: str
    title_en: str
    languages: SpokenInBoth


class PromptTextIn(BaseModel):
    """What is to be said."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, BeforeValidator(cleaned_paragraphs), Field(min_length=1, max_length=LONGEST_TEXT)]


class MessageTaken(BaseModel):
    """The message is kept."""


# -- for the nodes -------------------------------------------------------------------------------------


@routes.get("/node/v1/sounds/{sound}", needs=NODE)
async def get_sound(request: web.Request, sound: str, /) -> Wav:
    """A sound: WAV, 8 kHz, mono, 16 bit. Its content never changes."""
    return await hotline(request).sounds.get(sound)


@routes.post("/node/v1/calls/{call_id}/message", needs=NODE)
async def take_message(
    request: web.Request,
    call_id: str,
    /,
    recording: MessageBody,
    step_id: StepId,
    recorded_at_ms: Milliseconds,
) -> MessageTaken:
    """What a caller left to say; may come twice. How long it is, the recording itself says."""
    await hotline(request).messages.take(call_id, step_id, recorded_at_ms, recording)
    return MessageTaken()


# -- for people ----------------------------------------------------------------------------------------


@routes.get("/api/v1/messages/{call_id}", needs=Permission.READ_CALLS)
async def get_message(request: web.Request, call_id: str, /) -> Wav:
    """What a caller left to say; that it was heard is noted."""
    return await hotline(request).messages.hear(actor(request), signed_in(request).user_id, call_id)


@routes.get("/api/v1/prompts", needs=Permission.READ_SETTINGS)
async def list_prompts(request: web.Request, /) -> list[PromptOut]:
    """Everything that callers may hear."""
    return [_prompt(*found) for found in await hotline(request).prompts.list_prompts()]


@routes.put("/api/v1/prompts/{name}/{language}", needs=Permission.CHANGE_SETTINGS)
async def put_prompt_text(request: web.Request, name: str, language: Language, /, wanted: PromptTextIn) -> SpokenOut:
    """Have other words spoken, at once; a recording of the words before goes."""
    return _spoken(await hotline(request).prompts.set_text(actor(request), name, language, wanted.text))


@routes.put("/api/v1/prompts/{name}/{language}/recording", needs=Permission.CHANGE_SETTINGS)
async def put_prompt_recording(
    request: web.Request, name: str, language: Language, /, recording: RecordingBody
) -> SpokenOut:
    """Have a person's recording heard, at once: WAV, MP3 or Ogg Vorbis of at most 60 seconds and 8 MB."""
    return _spoken(await hotline(request).prompts.set_recording(actor(request), name, language, recording))


@routes.delete("/api/v1/prompts/{name}/{language}", needs=Permission.CHANGE_SETTINGS)
async def reset_prompt(request: web.Request, name: str, language: Language, /) -> None:
    """Back to what is built in."""
    await hotline(request).prompts.reset(actor(request), name, language)


@routes.get("/api/v1/prompts/{name}/{language}/sound", needs=Permission.READ_SETTINGS)
async def get_prompt_sound(request: web.Request, name: str, language: Language, /) -> Wav:
    """What callers hear now."""
    return await hotline(request).prompts.get_sound(name, language)


def _prompt(prompt: Prompt, spoken: dict[Language, Spoken]) -> PromptOut:
    languages = SpokenInBoth(zh=_spoken(spoken["zh"]), en=_spoken(spoken["en"]))
    return PromptOut(name=prompt.name, title_zh=prompt.title_zh, title_en=prompt.title_en, languages=languages)


def _spoken(spoken: Spoken) -> SpokenOut:
    return SpokenOut.model_validate(spoken, from_attributes=True)
