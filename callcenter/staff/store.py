"""Staff in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from asyncpg import Record

from callcenter.db.pool import Executor
from callcenter.errors import InvalidInputError
from callcenter.staff.model import Agent, Phone, PhoneKind, Queue, Role

_AGENTS: Final = """
    select u.user_id, u.username, u.display_name, u.role, u.disabled, a.extension, a.phone_kind, a.sip_digest,
        coalesce((select array_agg(m.queue_id order by m.queue_id) from queue_members m
            where m.user_id = u.user_id), '{}') as queues
    from users u left join agents a using (user_id)
"""
ONE_BY_ID: Final = _AGENTS + "where u.user_id = $1"
ONE_BY_NAME: Final = _AGENTS + "where lower(u.username) = lower($1)"
ALL: Final = _AGENTS + "order by u.disabled, a.extension nulls last, u.username"


def _agent(row: Record) -> Agent:
    fields: dict[str, Any] = dict(row)
    fields["role"] = Role(row["role"])
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


async def password_hash(executor: Executor, user_id: int) -> str:
    """The hash kept of a person's password."""
    return str(await executor.fetchval("select password_hash from users where user_id = $1", user_id))


async def set_password_hash(executor: Executor, user_id: int, kept: str, *, changed: bool) -> None:
    """Keep another hash; `changed` when the password itself is another."""
    await executor.execute(
        """
        update users set password_hash = $2,
            password_changed_at = case when $3 then now() else password_changed_at end
        where user_id = $1
        """,
        user_id,
        kept,
        changed,
    )


async def note_sign_in(executor: Executor, user_id: int) -> None:
    """The person has signed in now."""
    await executor.execute("update users set last_signed_in_at = now() where user_id = $1", user_id)


async def insert(executor: Executor, username: str, display_name: str, role: Role, kept: str) -> int:
    """A new member of staff; his id.

    Raises:
        InvalidInputError: the username is taken.
    """
    try:
        user_id = await executor.fetchval(
            """
            insert into users (username, display_name, role, password_hash) values ($1, $2, $3, $4)
            returning user_id
            """,
            username,
            display_name,
            role.value,
            kept,
        )
    except asyncpg.UniqueViolationError:
        raise InvalidInputError(
            fields={"username": {"en": "This username is taken.", "zh": "该用户名已被使用。"}}
        ) from None
    return int(user_id)


async def update(executor: Executor, user_id: int, display_name: str, role: Role, *, disabled: bool) -> None:
    """Set a person's name, role, and whether he may sign in."""
    await executor.execute(
        "update users set display_name = $2, role = $3, disabled = $4 where user_id = $1",
        user_id,
        display_name,
        role.value,
        disabled,
    )


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
