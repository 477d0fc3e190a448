"""Messages to desks in PostgreSQL."""

from collections.abc import Sequence
from typing import Final

from callcenter.clock import moment
from callcenter.db.pool import Executor
from callcenter.supervision.model import AGAIN_SECONDS, SHIFT_HOURS, DeskMessage, Reader, SentMessage

_MESSAGE: Final = """
    select m.message_id, m.text, m.sent_at, u.display_name as sent_by
    from desk_messages m left join users u on u.user_id = m.sent_by
"""
ONE: Final = _MESSAGE + "where m.message_id = $1"
UNSEEN: Final = (
    _MESSAGE
    + f"""
    left join desk_message_readers r on r.message_id = m.message_id and r.user_id = $1
    where m.sent_at > now() - interval '{SHIFT_HOURS} hours' and r.seen_at is null
        and (r.user_id is not null or (m.to_all and m.sent_by is distinct from $1))
    order by m.message_id
"""
)
AGAIN: Final = f"""
    select m.message_id from desk_messages m
    where m.sent_by = $1 and m.text = $2 and m.to_all = $3 and m.sent_at > now() - interval '{AGAIN_SECONDS} seconds'
        and ($3 or $4::bigint[] = array(
            select r.user_id from desk_message_readers r where r.message_id = m.message_id order by r.user_id))
    order by m.message_id desc limit 1
"""  # noqa: S608 - a number of our own
SENT: Final = """
    select m.message_id, m.text, m.sent_at, u.display_name as sent_by, m.to_all,
        (select coalesce(jsonb_agg(jsonb_build_object('user_id', r.user_id, 'display_name', a.display_name,
            'seen_at', (extract(epoch from r.seen_at) * 1000)::bigint) order by a.display_name, r.user_id), '[]')
            from desk_message_readers r join users a using (user_id) where r.message_id = m.message_id) as readers
    from desk_messages m left join users u on u.user_id = m.sent_by
    order by m.message_id desc limit $1
"""


async def one_at_a_time(executor: Executor, sender_id: int | None) -> None:
    """Until the transaction ends, nobody else sends in this person's name."""
    await executor.execute("select pg_advisory_xact_lock(hashtext('desk_messages'), $1::int)", (sender_id or 0) % 2**31)


async def sent_just_now(
    executor: Executor, sender_id: int | None, text: str, user_ids: Sequence[int] | None
) -> int | None:
    """The message that was sent with the same words to the same agents a moment ago."""
    found = await executor.fetchval(AGAIN, sender_id, text, user_ids is None, sorted(set(user_ids or ())))
    return int(found) if found is not None else None


async def insert(
    executor: Executor, sender_id: int | None, text: str, *, to_all: bool, readers: Sequence[int]
) -> int | None:
    """A new message; its id. None: one of the readers is nobody."""
    known = await executor.fetchval("select count(*) from users where user_id = any ($1)", list(readers))
    if known != len(set(readers)):
        return None
    message_id = await executor.fetchval(
        "insert into desk_messages (text, sent_by, to_all) values ($1, $2, $3) returning message_id",
        text,
        sender_id,
        to_all,
    )
    await executor.execute(
        "insert into desk_message_readers (message_id, user_id) select distinct $1::bigint, unnest($2::bigint[])",
        message_id,
        list(readers),
    )
    return int(message_id)


async def get(executor: Executor, message_id: int) -> DeskMessage:
    """A message that is there."""
    return DeskMessage(**await executor.fetchrow(ONE, message_id))


async def unseen(executor: Executor, user_id: int) -> list[DeskMessage]:
    """What an agent has not clicked away, the oldest first."""
    return [DeskMessage(**row) for row in await executor.fetch(UNSEEN, user_id)]


async def see(executor: Executor, message_id: int, user_id: int) -> bool:
    """An agent has seen a message; the first time counts. False: there is no such message for him."""
    return bool(
        await executor.fetchval(
            """
            insert into desk_message_readers as r (message_id, user_id, seen_at)
            select m.message_id, $2, now() from desk_messages m
            where m.message_id = $1 and (m.to_all or exists (
                select from desk_message_readers his where his.message_id = $1 and his.user_id = $2))
            on conflict (message_id, user_id) do update set seen_at = coalesce(r.seen_at, excluded.seen_at)
            returning true
            """,
            message_id,
            user_id,
        )
    )


async def sent(executor: Executor, limit: int) -> list[SentMessage]:
    """The last messages with their readers, the latest first."""
    return [
        SentMessage(
            DeskMessage(row["message_id"], row["text"], row["sent_at"], row["sent_by"]),
            row["to_all"],
            tuple(
                Reader(
                    one["user_id"],
                    one["display_name"],
                    moment(one["seen_at"]) if one["seen_at"] else None,
                )
                for one in row["readers"]
            ),
        )
        for row in await executor.fetch(SENT, limit)
    ]
