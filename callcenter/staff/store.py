"""Staff in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
from asyncpg import Record

from callcenter.db.pool import Executor
from callcenter.errors import InvalidInputError
from callcenter.staff.model import Agent, Phone, PhoneKind, Queue

_AGENTS: Final = """
    select u.user_id, u.username, u.display_name, u.role, u.disabled, a.extension, a.phone_kind, a.sip_digest,
        coalesce((select array_agg(m.queue_id order by m.queue_id) from queue_members m
            where m.user_id = u.user_id), '{}') as queues,
        u.last_signed_in_at, greatest(u.created_at, u.last_signed_in_at, u.enabled_at) as used_at
    from users u left join agents a using (user_id)
"""
ONE_BY_ID: Final = _AGENTS + "where u.user_id = $1"
ONE_BY_NAME: Final = _AGENTS + "where lower(u.username) = lower($1)"
ALL: Final = _AGENTS + "order by u.disabled, a.extension nulls last, u.username"


HISTORY_KEPT: Final = 24
"""As many former passwords as anybody may ask for."""


def _no_such_role() -> InvalidInputError:
    return InvalidInputError(fields={"role": {"en": "There is no such role.", "zh": "没有这个角色。"}})


def _agent(row: Record) -> Agent:
    fields: dict[str, Any] = dict(row)
    fields["phone_kind"] = PhoneKind(row["phone_kind"]) if row["phone_kind"] else None
    fields["queues"] = tuple(row["queues"])
    return Agent(**fields)


async def find(executor: Executor, user_id: int) -> Agent | None:
    """One member of staff."""
    row = await executor.fetchrow(ONE_BY_ID, user_id)
    return _agent(row) if row else None


async def find_by_name(executor: Executor, username: str) -> Agent | None:
    """One member of staff by his username, in any case of letters."""
    row = await executor.fetchrow(ONE_BY_NAME, username)
    return _agent(row) if row else None


async def list_all(executor: Executor) -> list[Agent]:
    """All staff, the disabled last."""
    return [_agent(row) for row in await executor.fetch(ALL)]


@dataclass(frozen=True, slots=True)
class Password:
    """What is kept of a person's password; `given`: by somebody else, and to be changed."""

    kept: str
    changed_at: datetime
    given: bool


async def password_of(executor: Executor, user_id: int) -> Password:
    """What is kept of a person's password."""
    row = await executor.fetchrow(
        """
        select password_hash as kept, password_changed_at as changed_at, password_given as given
        from users where user_id = $1
        """,
        user_id,
    )
    return Password(**row)


async def former_passwords(executor: Executor, user_id: int, most: int) -> list[str]:
    """The hashes of a person's passwords before the present one, the last of them first."""
    rows = await executor.fetch(
        "select password_hash from password_history where user_id = $1 order by set_at desc limit $2", user_id, most
    )
    return [row["password_hash"] for row in rows]


async def rehash_password(executor: Executor, user_id: int, kept: str) -> None:
    """Keep the same password by a better hash."""
    await executor.execute("update users set password_hash = $2 where user_id = $1", user_id, kept)


async def set_password(executor: Executor, user_id: int, kept: str, *, given: bool) -> None:
    """Keep another password, and the hash of the one that was."""
    await executor.execute(
        """
        with former as (
            insert into password_history (user_id, password_hash)
            select user_id, password_hash from users where user_id = $1
        ), oldest as (
            delete from password_history where user_id = $1 and set_at <= (
                select set_at from password_history where user_id = $1 order by set_at desc offset $4 limit 1)
        )
        update users set password_hash = $2, password_changed_at = now(), password_given = $3 where user_id = $1
        """,
        user_id,
        kept,
        given,
        HISTORY_KEPT,
    )


async def note_sign_in(executor: Executor, user_id: int) -> None:
    """The person has signed in now."""
    await executor.execute("update users set last_signed_in_at = now() where user_id = $1", user_id)


async def insert(
    executor: Executor, username: str, display_name: str, role: str, kept: str, *, given: bool = False
) -> int:
    """A new member of staff; his id. `given`: his password is to be changed when he first signs in.

    Raises:
        InvalidInputError: the username is taken, or there is no such role.
    """
    try:
        user_id = await executor.fetchval(
            """
            insert into users (username, display_name, role, password_hash, password_given)
            values ($1, $2, $3, $4, $5) returning user_id
            """,
            username,
            display_name,
            role,
            kept,
            given,
        )
    except asyncpg.UniqueViolationError:
        raise InvalidInputError(
            fields={"username": {"en": "This username is taken.", "zh": "该用户名已被使用。"}}
        ) from None
    except asyncpg.ForeignKeyViolationError:
        raise _no_such_role() from None
    return int(user_id)


async def update(executor: Executor, user_id: int, display_name: str, role: str, *, disabled: bool) -> None:
    """Set a person's name, role, and whether he may sign in.

    Raises:
        InvalidInputError: there is no such role.
    """
    try:
        await executor.execute(
            """
            update users set display_name = $2, role = $3, disabled = $4,
                enabled_at = case when disabled and not $4 then now() else enabled_at end
            where user_id = $1
            """,
            user_id,
            display_name,
            role,
            disabled,
        )
    except asyncpg.ForeignKeyViolationError:
        raise _no_such_role() from None


async def put_phone(executor: Executor, user_id: int, extension: str, kind: PhoneKind, digest: str | None) -> None:
    """Give a person a phone, or change it.

    Raises:
        InvalidInputError: somebody else has this extension.
    """
    try:
        await executor.execute(
            """
            insert into agents (user_id, extension, phone_kind, sip_digest) values ($1, $2, $3, $4)
            on conflict (user_id) do update set extension = $2, phone_kind = $3, sip_digest = $4
            """,
            user_id,
            extension,
            kind.value,
            digest,
        )
    except asyncpg.UniqueViolationError:
        raise InvalidInputError(
            fields={"extension": {"en": "Somebody else has this extension.", "zh": "该分机号已被他人使用。"}}
        ) from None


async def drop_phone(executor: Executor, user_id: int) -> None:
    """Take a person's phone, and with it his place in the queues."""
    await executor.execute("delete from agents where user_id = $1", user_id)


async def put_queues(executor: Executor, user_id: int, queues: Sequence[str]) -> None:
    """Set the queues an agent serves; where he serves one already, when its callers become his stays as it is.

    Raises:
        InvalidInputError: there is no such queue.
    """
    wanted = list(dict.fromkeys(queues))
    await executor.execute("delete from queue_members where user_id = $1 and queue_id <> all ($2)", user_id, wanted)
    found = await executor.fetchval(
        "select count(*) from queues where queue_id = any ($1) and removed_at is null", wanted
    )
    if found != len(wanted):
        raise InvalidInputError(fields={"queues": {"en": "There is no such queue.", "zh": "没有这个队列。"}})
    await executor.execute(
        """
        insert into queue_members (queue_id, user_id) select unnest($2::text[]), $1
        on conflict do nothing
        """,
        user_id,
        wanted,
    )


async def list_queues(executor: Executor) -> list[Queue]:
    """The queues, in their order."""
    rows = await executor.fetch(
        "select queue_id, name_zh, name_en from queues where removed_at is null order by position, queue_id"
    )
    return [Queue(**row) for row in rows]


async def list_phones(executor: Executor) -> list[Phone]:
    """The phones that Asterisk shall know: of staff who may sign in, with a password made."""
    rows = await executor.fetch(
        """
        select a.extension, a.phone_kind as kind, a.sip_digest as ha1_digest, u.display_name
        from agents a join users u using (user_id)
        where not u.disabled and a.sip_digest is not null order by a.extension
        """
    )
    return [Phone(**{**row, "kind": PhoneKind(row["kind"])}) for row in rows]
