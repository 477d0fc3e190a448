"""The schema: built from nothing, built by two processes at once, and what PostgreSQL itself refuses."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from callcenter.configuration.model import Queue
from callcenter.configuration.store import read
from callcenter.db.migrate import alembic_config, migrate, migrate_now, newest_revision
from callcenter.db.pool import Pool, create_pool, ensure_partitions
from callcenter.settings import Settings
from tests.storage.conftest import empty_database, postgres_program

AT = datetime(2026, 3, 15, 12, tzinfo=UTC)


def schema_of(url: str) -> str:
    """The schema of the database at `url` as pg_dump writes it, without its random session keys."""
    dump = subprocess.run(
        [postgres_program("pg_dump"), "--schema-only", url], check=True, capture_output=True, text=True
    ).stdout
    return "\n".join(line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


async def test_fresh_database_and_upgraded_one_are_alike(postgres_url: str) -> None:
    fresh, upgraded = await empty_database(postgres_url), await empty_database(postgres_url)
    await migrate(fresh)
    revisions = [one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    for revision in reversed(revisions):
        await asyncio.to_thread(migrate_now, upgraded, revision)
    assert schema_of(fresh) == schema_of(upgraded)


async def test_two_replicas_migrate_at_once(postgres_url: str) -> None:
    url = await empty_database(postgres_url)
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select version_num from alembic_version") == newest_revision()
    assert await connection.fetchval("select count(*) from call_types where direction = 'in'") == 20
    await connection.close()


async def test_what_was_set_before_goes_on_as_it_was(postgres_url: str) -> None:
    url = await empty_database(postgres_url)
    await asyncio.to_thread(migrate_now, url, "0001")
    connection = await asyncpg.connect(url)
    await connection.execute(
        """
        insert into users (username, display_name, role, password_hash) values ('alice', '陈晓琳', 'agent', '');
        insert into agents (user_id, extension, phone_kind) select user_id, '1001', 'browser' from users;
        insert into queues values
            ('b', '二', 'Second', 30, 2), ('a', '一', 'First', 20, 1), ('c', '三', 'Third', 120, 3);
        insert into queue_numbers values ('4008001234', 'a'), ('', 'b'), ('abc', 'b');
        insert into queue_members select 'b', user_id from users;
        insert into calls (call_id, node, queue_id, status, arrived_at)
            values ('node1-1763780000.1', 'node1', 'b', 'abandoned', now());
        insert into ring_backs (number, call_id, first_at, last_at) values ('+8613800138000', 'x', now(), now());
        """
    )
    await connection.close()
    await migrate(url)
    pool = await create_pool(Settings(database_url=url))
    configuration = (await read(pool)).configuration
    assert [(one.queue_id, one.name_en, one.offer_rings, one.numbers) for one in configuration.queues] == [
        ("a", "First", 4, ["4008001234"]),
        ("b", "Second", 6, []),
        ("c", "Third", 20, []),
    ]
    assert [[one.username for one in queue.members or ()] for queue in configuration.queues] == [[], ["alice"], []]
    defaults = Queue(queue_id="a", name_zh="一", name_en="First", numbers=["4008001234"], members=[])
    assert configuration.queues[0] == defaults
    assert await pool.fetchval("select kind from ring_backs") == "abandoned"
    await pool.close()


async def test_a_hotline_without_a_queue_gets_one_that_is_everybody_s(postgres_url: str) -> None:
    url = await empty_database(postgres_url)
    await asyncio.to_thread(migrate_now, url, "0001")
    connection = await asyncpg.connect(url)
    await connection.execute(
        """
        insert into users (username, display_name, role, password_hash) values ('alice', '陈晓琳', 'agent', '');
        insert into agents (user_id, extension, phone_kind) select user_id, '1001', 'browser' from users;
        """
    )
    await connection.close()
    await migrate(url)
    pool = await create_pool(Settings(database_url=url))
    (queue,) = (await read(pool)).configuration.queues
    assert (queue.queue_id, [one.username for one in queue.members or ()]) == ("service", ["alice"])
    await pool.close()


async def test_partitions_are_made_ahead_by_any_number_of_replicas(pool: Pool) -> None:
    assert await ensure_partitions(pool) == 0
    assert sum(await asyncio.gather(*(ensure_partitions(pool, months_ahead=6) for _ in range(4)))) == 4


async def test_events_of_a_month_without_partition_are_kept_and_move_home(pool: Pool) -> None:
    insert = """insert into call_events (event_id, call_id, kind, at, call_started_at)
        values ($1, 'c', 'arrived', $2, $2)"""
    for day in (0, 14, 17, 47):
        await pool.execute(insert, f"e{day}", AT + timedelta(days=day))
    assert await pool.fetchval("select count(*) from call_events_default") == 4
    assert await pool.fetchval("select ensure_partitions($1, 0)", AT) == 2
    assert await pool.fetchval("select count(*) from call_events_2026_03") == 2
    assert await pool.fetchval("select count(*) from call_events_default") == 2
    assert await pool.fetchval("select count(*) from call_events") == 4


async def test_an_event_is_kept_once(pool: Pool) -> None:
    insert = """insert into call_events (event_id, call_id, kind, at, call_started_at)
        values ('e', 'c', 'arrived', $1, $1) on conflict do nothing"""
    for _ in range(2):
        await pool.execute(insert, AT)
    assert await pool.fetchval("select count(*) from call_events") == 1


@pytest.mark.parametrize("change", ["update audit_log set action = 'b'", "delete from audit_log", "truncate audit_log"])
async def test_audit_log_only_grows(pool: Pool, change: str) -> None:
    await pool.execute("insert into audit_log (action) values ('a')")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="only grows"):
        await pool.execute(change)


async def test_one_open_ring_back_a_number(pool: Pool) -> None:
    insert = """insert into ring_backs (number, call_id, first_at, last_at)
        values ('+8613800138000', 'c', now(), now())"""
    await pool.execute(insert)
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(insert)
    await pool.execute("update ring_backs set state = 'done', done_at = now()")
    await pool.execute(insert)


@pytest.mark.parametrize("extension", ["12", "1001x", "1001\n", "1234567", "${SHELL(id)}"])
async def test_an_extension_is_digits(pool: Pool, extension: str) -> None:
    await pool.execute(
        "insert into users (username, display_name, role, password_hash) values ('alice', 'A', 'agent', '')"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "insert into agents (user_id, extension, phone_kind) select user_id, $1, 'desk' from users",
            extension,
        )


async def test_json_goes_in_and_out_as_objects(pool: Pool) -> None:
    body = {"name": "王\"小'明", "n": [1, None]}
    assert await pool.fetchval("select $1::jsonb", body) == body
