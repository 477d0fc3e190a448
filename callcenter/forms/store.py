"""Call types, forms in versions, agents' words and drafts of outcomes, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.db.pool import Connection, Executor
from callcenter.forms.model import CallType, CallWords, Form

_READ: Final = """
select revision, words,
    (select coalesce(jsonb_agg(jsonb_build_object('code', code, 'name_zh', name_zh, 'name_en', name_en,
        'direction', direction, 'active', active, 'shipped', shipped, 'version',
        (select coalesce(max(version), 0) from call_forms f where f.call_type = t.code))
        order by direction, position, code), '[]') from call_types t) as types,
    (select coalesce(jsonb_agg(jsonb_build_array(call_type, version, definition)), '[]') from call_forms) as forms
from form_settings
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """All that is set, and how many changes made it so. `forms`: by call type and version, the old ones too."""

    revision: int
    words: CallWords
    types: dict[str, CallType]
    forms: dict[tuple[str, int], Form]


async def read_revision(executor: Executor) -> int:
    """How many changes there were."""
    return int(await executor.fetchval("select revision from form_settings"))


async def read(executor: Executor) -> Stored:
    """All that is set, as of one moment; the types in their order."""
    row = await executor.fetchrow(_READ)
    return Stored(
        row["revision"],
        CallWords.model_validate(row["words"]),
        {one["code"]: CallType(**one) for one in row["types"]},
        {(call_type, version): Form.model_validate(form) for call_type, version, form in row["forms"]},
    )


async def hold(connection: Connection) -> int:
    """Count a change, and let no other be made until the transaction ends; the new revision."""
    return int(await connection.fetchval("update form_settings set revision = revision + 1 returning revision"))


async def put_words(connection: Connection, words: CallWords) -> None:
    """Set what agents say."""
    await connection.execute("update form_settings set words = $1", words.model_dump(mode="json"))


async def put_type(connection: Connection, kind: CallType) -> None:
    """Make a type, as the last of its direction, or set its names and whether it is in use."""
    await connection.execute(
        """
        insert into call_types (code, name_zh, name_en, direction, active, position)
        select $1, $2, $3, $4, $5, coalesce(max(position), 0) + 1 from call_types
        on conflict (code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en,
            active = excluded.active
        """,
        kind.code,
        kind.name_zh,
        kind.name_en,
        kind.direction,
        kind.active,
    )


async def put_form(connection: Connection, call_type: str, version: int, form: Form, by: int | None) -> None:
    """Add a version."""
    await connection.execute(
        "insert into call_forms (call_type, version, definition, made_by) values ($1, $2, $3, $4)",
        call_type,
        version,
        form.model_dump(mode="json"),
        by,
    )


async def put_order(connection: Connection, codes: Sequence[str]) -> None:
    """Bring the types into this order; those that are not named come after them, as they were."""
    await connection.execute(
        """
        update call_types t set position = o.place from (
            select code, row_number() over (order by array_position($1::text[], code), position) as place
            from call_types
        ) o where o.code = t.code and t.position <> o.place
        """,
        list(codes),
    )


# -- drafts --------------------------------------------------------------------------------------------


async def put_draft(executor: Executor, call_id: str, user_id: int, draft: dict[str, Any], at: datetime) -> None:
    """Keep what somebody has written of a call; what is older than the kept one changes nothing."""
    await executor.execute(
        """
        insert into outcome_drafts (call_id, user_id, draft, written_at) values ($1, $2, $3, $4)
        on conflict (call_id, user_id) do update set draft = excluded.draft, written_at = excluded.written_at
        where outcome_drafts.written_at <= excluded.written_at
        """,
        call_id,
        user_id,
        draft,
        at,
    )


async def find_draft(executor: Executor, call_id: str, user_id: int) -> tuple[dict[str, Any], datetime] | None:
    """What somebody has written of a call and not saved, and when; None: nothing."""
    row = await executor.fetchrow(
        "select draft, written_at from outcome_drafts where call_id = $1 and user_id = $2", call_id, user_id
    )
    return (row["draft"], row["written_at"]) if row else None


async def drop_draft(executor: Executor, call_id: str, user_id: int) -> None:
    """Forget it."""
    await executor.execute("delete from outcome_drafts where call_id = $1 and user_id = $2", call_id, user_id)


async def drop_old_drafts(executor: Executor, days: int) -> None:
    """Forget what nobody has touched for so long."""
    await executor.execute("delete from outcome_drafts where written_at < now() - make_interval(days => $1)", days)


_UNWRITTEN: Final = """
select c.call_id, c.arrived_at, c.answered_at, c.ended_at, c.caller_number, c.talking_seconds, c.hung_up_by,
    c.queue_id, c.customer_id, k.name as customer_name, d.written_at as draft_at
from calls c
left join queues q on q.queue_id = c.queue_id
left join customers k on k.customer_id = c.customer_id
left join outcome_drafts d on d.call_id = c.call_id and d.user_id = $1
where c.agent_id = $1 and c.outcome_at is null and c.answered_at is not null and c.ended_at is not null
    and c.arrived_at > now() - make_interval(days => $2)
    and coalesce(q.settings->>'outcome_required', 'counted') not in ('off', 'false')
order by c.arrived_at desc limit $3
"""


async def unwritten_of(executor: Executor, user_id: int, days: int, limit: int) -> list[dict[str, Any]]:
    """The calls of the last days that an agent has answered and not written down, the latest first."""
    return [dict(row) for row in await executor.fetch(_UNWRITTEN, user_id, days, limit)]
