"""The configuration in PostgreSQL: read whole in one statement, written kind by kind.

The row of `routing_settings` is locked before anything is changed, so that changes come one after another, and
counts them: its `revision` is what pages guard their changes with, and what replicas are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import BaseModel
from redis.exceptions import RedisError

from callcenter.configuration.changes import KINDS, Kind, Known
from callcenter.configuration.model import Configuration, General
from callcenter.db.pool import Executor

log = structlog.get_logger(__name__)

CHANGED_CHANNEL: Final = "cc:config"
"""Where the new revision is published in Redis after each change."""

READ: Final = """
    select revision, settings || jsonb_build_object(
        'queues', (
            select coalesce(jsonb_agg(q.settings || jsonb_build_object(
                'queue_id', q.queue_id, 'name_zh', q.name_zh, 'name_en', q.name_en, 'hours_id', q.hours_id,
                'numbers', array(
                    select number from queue_numbers n where n.queue_id = q.queue_id order by number collate "C"),
                'members', (
                    select coalesce(jsonb_agg(jsonb_build_object('username', u.username,
                        'opens_after_seconds', m.opens_after_seconds)
                        order by lower(u.username) collate "C"), '[]')
                    from queue_members m join users u using (user_id) where m.queue_id = q.queue_id)
            ) order by q.position, q.queue_id), '[]')
            from queues q where q.removed_at is null),
        'menus', (
            select coalesce(jsonb_agg(m.settings || jsonb_build_object('menu_id', m.menu_id,
                'numbers', array(
                    select number from queue_numbers n where n.menu_id = m.menu_id order by number collate "C")
            ) order by m.position, m.menu_id), '[]')
            from menus m),
        'hours', (
            select coalesce(jsonb_agg(settings || jsonb_build_object('hours_id', hours_id)
                order by position, hours_id), '[]')
            from hours),
        'skills', (
            select coalesce(jsonb_agg(jsonb_build_object('skill_id', skill_id, 'name_zh', name_zh, 'name_en', name_en,
                'agents', (
                    select coalesce(jsonb_object_agg(u.username, a.level), '{}')
                    from agent_skills a join users u using (user_id) where a.skill_id = s.skill_id)
            ) order by position, skill_id), '[]')
            from skills s),
        'pause_reasons', (
            select coalesce(jsonb_agg(to_jsonb(p) - 'position' order by position, code), '[]') from pause_reasons p)
    ) as configuration
    from routing_settings
"""

_PUT: Final = {
    "hours": """
        insert into hours (hours_id, position, settings)
        select hours_id, position, settings
        from jsonb_to_recordset($1) as h (hours_id text, position int, settings jsonb)
        on conflict (hours_id) do update set position = excluded.position, settings = excluded.settings
    """,
    "queue": """
        insert into queues (queue_id, name_zh, name_en, position, hours_id, settings)
        select queue_id, name_zh, name_en, position, hours_id, settings
        from jsonb_to_recordset($1) as q
            (queue_id text, name_zh text, name_en text, position int, hours_id text, settings jsonb)
        on conflict (queue_id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en,
            position = excluded.position, hours_id = excluded.hours_id, settings = excluded.settings, removed_at = null
    """,
    "menu": """
        insert into menus (menu_id, position, settings)
        select menu_id, position, settings
        from jsonb_to_recordset($1) as m (menu_id text, position int, settings jsonb)
        on conflict (menu_id) do update set position = excluded.position, settings = excluded.settings
    """,
    "skill": """
        insert into skills (skill_id, name_zh, name_en, position)
        select skill_id, name_zh, name_en, position
        from jsonb_to_recordset($1) as s (skill_id text, name_zh text, name_en text, position int)
        on conflict (skill_id) do update set name_zh = excluded.name_zh, name_en = excluded.name_en,
            position = excluded.position
    """,
    "pause_reason": """
        insert into pause_reasons (code, name_zh, name_en, productive, longest_seconds, position)
        select code, name_zh, name_en, productive, longest_seconds, position
        from jsonb_to_recordset($1) as p
            (code text, name_zh text, name_en text, productive bool, longest_seconds int, position int)
        on conflict (code) do update set name_zh = excluded.name_zh, name_en = excluded.name_en,
            productive = excluded.productive, longest_seconds = excluded.longest_seconds, position = excluded.position
    """,
}

_REMOVE: Final = {
    "queue": """
        update queues set removed_at = now(), hours_id = null where removed_at is null and queue_id <> all ($1)
    """,
    "menu": "delete from menus where menu_id <> all ($1)",
    "hours": "delete from hours where hours_id <> all ($1)",
    "skill": "delete from skills where skill_id <> all ($1)",
    "pause_reason": "delete from pause_reasons where code <> all ($1)",
}
"""A queue's row stays for the calls that came to it; looking through all calls for one would take minutes."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The configuration and how many changes made it so."""

    revision: int
    configuration: Configuration


async def hold(executor: Executor) -> int:
    """Lock what is set until the transaction ends; the revision it is at."""
    return int(await executor.fetchval("select revision from routing_settings for update"))


async def next_revision(executor: Executor) -> int:
    """Count a change, and lock what is set until the transaction ends; the new revision."""
    return int(await executor.fetchval("update routing_settings set revision = revision + 1 returning revision"))


async def announce(redis: Any, what: int | str) -> None:
    """Tell every replica of a change that has been committed (a revision, or its name); without Redis they find it
    themselves in seconds.
    """
    try:
        await redis.publish(CHANGED_CHANNEL, what)
    except RedisError as error:
        log.warning("change not announced", error=type(error).__name__, what=what)


async def read(executor: Executor) -> Stored:
    """All that is set.

    Raises:
        pydantic.ValidationError: the database holds what no configuration can be.
    """
    row = await executor.fetchrow(READ)
    return Stored(int(row["revision"]), Configuration.model_validate(row["configuration"]))


async def read_known(executor: Executor) -> tuple[Known, dict[str, int]]:
    """What a configuration may name, and the ids of the people with a phone by their usernames."""
    people = await executor.fetch(
        "select u.username, u.disabled, a.user_id from users u left join agents a using (user_id)"
        " order by lower(u.username)"
    )
    call_types = await executor.fetch("select code from call_types")
    ids = {row["username"]: row["user_id"] for row in people if row["user_id"] is not None}
    known = Known(
        agents={username.casefold(): username for username in ids},
        others=frozenset(row["username"].casefold() for row in people if row["user_id"] is None),
        disabled=frozenset(row["username"].casefold() for row in people if row["disabled"]),
        call_types=frozenset(row["code"] for row in call_types),
    )
    return known, ids


async def write(executor: Executor, old: Configuration, new: Configuration, user_ids: Mapping[str, int]) -> None:
    """Bring what is set from `old` to `new`; what stays as it is is not touched.

    Members and agents of `new` are filled in, and `user_ids` knows their usernames.
    """
    changed = [kind for kind in KINDS if kind.of(old) != kind.of(new) or list(kind.of(old)) != list(kind.of(new))]
    for kind in changed:
        await executor.execute(_PUT[kind.name], _rows(new, kind))
    if _numbers(old) != _numbers(new):
        await _put_numbers(executor, new)
    await _put_members(executor, old, new, user_ids)
    await _put_agents(executor, old, new, user_ids)
    for kind in reversed(changed):  # queues before the hours that they name
        await executor.execute(_REMOVE[kind.name], list(kind.of(new)))
    await executor.execute("update routing_settings set settings = $1", _json(new, set(General.model_fields)))


_COLUMNS: Final = {
    "hours": {"hours_id"},
    "queue": {"queue_id", "name_zh", "name_en", "hours_id"},
    "menu": {"menu_id"},
    "skill": {"skill_id", "name_zh", "name_en"},
    "pause_reason": {"code", "name_zh", "name_en", "productive", "longest_seconds"},
}
_OWN_TABLES: Final = {"numbers", "members", "agents"}


def _rows(new: Configuration, kind: Kind) -> list[dict[str, Any]]:
    """The rows of a kind, as its statement takes them."""
    columns = _COLUMNS[kind.name]
    return [
        _json(one, columns) | {"position": position, "settings": _json(one, None, columns | _OWN_TABLES)}
        for position, one in enumerate(kind.of(new).values(), 1)
    ]


def _json(one: BaseModel, only: set[str] | None, without: set[str] | None = None) -> dict[str, Any]:
    return one.model_dump(mode="json", include=only, exclude=without)


def _numbers(whole: Configuration) -> list[tuple[str, str | None, str | None]]:
    """Each called number with the queue or the menu it leads to."""
    queues = [(number, queue.queue_id, None) for queue in whole.queues for number in queue.numbers]
    return queues + [(number, None, menu.menu_id) for menu in whole.menus for number in menu.numbers]


async def _put_numbers(executor: Executor, new: Configuration) -> None:
    await executor.execute("delete from queue_numbers")
    await executor.execute(
        """
        insert into queue_numbers (number, queue_id, menu_id)
        select * from unnest($1::text[], $2::text[], $3::text[])
        """,
        *_columns(_numbers(new)),
    )


async def _put_members(executor: Executor, old: Configuration, new: Configuration, user_ids: Mapping[str, int]) -> None:
    before = {queue.queue_id: queue.members for queue in old.queues}
    after = {queue.queue_id: queue.members or [] for queue in new.queues}
    changed = [queue_id for queue_id in {**before, **after} if before.get(queue_id) != after.get(queue_id)]
    await executor.execute("delete from queue_members where queue_id = any ($1)", changed)
    await executor.execute(
        """
        insert into queue_members (queue_id, user_id, opens_after_seconds)
        select * from unnest($1::text[], $2::bigint[], $3::int[])
        """,
        *_columns(
            [
                (queue_id, user_ids[member.username], member.opens_after_seconds)
                for queue_id in changed
                for member in after.get(queue_id, ())
            ]
        ),
    )


async def _put_agents(executor: Executor, old: Configuration, new: Configuration, user_ids: Mapping[str, int]) -> None:
    before = {skill.skill_id: skill.agents for skill in old.skills}
    after = {skill.skill_id: skill.agents or {} for skill in new.skills}
    changed = [skill_id for skill_id in {**before, **after} if before.get(skill_id) != after.get(skill_id)]
    await executor.execute("delete from agent_skills where skill_id = any ($1)", changed)
    await executor.execute(
        """
        insert into agent_skills (skill_id, user_id, level)
        select * from unnest($1::text[], $2::bigint[], $3::int[])
        """,
        *_columns(
            [
                (skill_id, user_ids[username], level)
                for skill_id in changed
                for username, level in after.get(skill_id, {}).items()
            ]
        ),
    )


def _columns(rows: Sequence[tuple[Any, Any, Any]]) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(3)]
