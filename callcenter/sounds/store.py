"""Prompts that differ from the built-in ones and what callers left to say, in PostgreSQL; texts of sounds in Redis.

Keys:

  cc:sounds   hash, sound id -> {"language", "text"}: what any replica needs to make a sound that another one named
  cc:config   channel: something has been set
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from callcenter.db.pool import Connection, Executor
from callcenter.sounds.model import Language

CONFIG_CHANNEL = "cc:config"
_TEXTS = "cc:sounds"


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from a built-in prompt: other words and/or a person's recording (its digest and size in bytes)."""

    text: str | None
    recording_digest: str | None
    recording_bytes: int


async def list_changes(executor: Executor) -> dict[tuple[str, str], Change]:
    """Every prompt that differs, by name and language."""
    rows = await executor.fetch(
        """select name, language, text, encode(sha256(recording), 'hex') as digest,
            coalesce(octet_length(recording), 0) as bytes
        from prompts"""
    )
    return {(row["name"], row["language"]): Change(row["text"], row["digest"], row["bytes"]) for row in rows}


async def find_recording(executor: Executor, name: str, language: str) -> bytes | None:
    """A prompt's recording, or None."""
    found: bytes | None = await executor.fetchval(
        "select recording from prompts where name = $1 and language = $2", name, language
    )
    return found


async def put_text(executor: Executor, name: str, language: str, text: str) -> None:
    """Set other words; a recording of the words before goes."""
    await executor.execute(
        """insert into prompts (name, language, text) values ($1, $2, $3)
        on conflict (name, language) do update set text = excluded.text, recording = null, recorded_at = null""",
        name,
        language,
        text,
    )


async def put_recording(executor: Executor, name: str, language: str, recording: bytes) -> None:
    """Set a recording."""
    await executor.execute(
        """insert into prompts (name, language, recording, recorded_at) values ($1, $2, $3, now())
        on conflict (name, language) do update set recording = excluded.recording, recorded_at = now()""",
        name,
        language,
        recording,
    )


async def remove_change(executor: Executor, name: str, language: str) -> None:
    """Go back to what is built in."""
    await executor.execute("delete from prompts where name = $1 and language = $2", name, language)


async def list_menus(executor: Executor) -> list[dict[str, Any]]:
    """The menus as they are set, each with its `menu_id`."""
    rows = await executor.fetch("select menu_id, settings from menus order by position, menu_id")
    return [row["settings"] | {"menu_id": row["menu_id"]} for row in rows]


# -- messages ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller left to say."""

    recording: bytes
    heard_at: datetime | None


async def put_message(
    executor: Executor, call_id: str, seconds: float, recording: bytes, recorded_at: datetime
) -> bool:
    """Keep a call's message; a longer one takes the place of a shorter. False: the one that is there stays, or who
    rang has been erased.
    """
    return bool(
        await executor.fetchval(
            """insert into messages (call_id, number, seconds, recording, recorded_at)
            select $1, (select caller_number from calls where call_id = $1), $2::float8::numeric, $3, $4
            where not exists (select from calls where call_id = $1 and erased_at is not null)
            on conflict (call_id) do update set
                number = coalesce(excluded.number, messages.number), seconds = excluded.seconds,
                recording = excluded.recording, recorded_at = excluded.recorded_at, heard_at = null, heard_by = null
            where excluded.seconds > messages.seconds
            returning true""",
            call_id,
            seconds,
            recording,
            recorded_at,
        )
    )


async def find_message(connection: Connection, call_id: str) -> Message | None:
    """A call's message, or None."""
    row = await connection.fetchrow("select recording, heard_at from messages where call_id = $1", call_id)
    return Message(row["recording"], row["heard_at"]) if row else None


async def note_heard(connection: Connection, call_id: str, by: int) -> None:
    """A person has heard this message; the first one is kept."""
    await connection.execute(
        "update messages set heard_at = now(), heard_by = $2 where call_id = $1 and heard_at is null", call_id, by
    )


# -- Redis ---------------------------------------------------------------------------------------------


async def remember_text(redis: Any, sound: str, language: Language, text: str) -> None:
    """Let every replica know what a sound says."""
    await redis.hset(_TEXTS, sound, orjson.dumps({"language": language, "text": text}).decode())


async def find_text(redis: Any, sound: str) -> tuple[Language, str] | None:
    """What a sound says, as some replica remembered it."""
    found = await redis.hget(_TEXTS, sound)
    if not found:
        return None
    told = orjson.loads(found)
    return told["language"], told["text"]


async def tell_change(redis: Any) -> None:
    """Let every replica know that prompts have been set."""
    await redis.publish(CONFIG_CHANNEL, "prompts")
