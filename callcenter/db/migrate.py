"""Bringing a database to this release's schema. Any number of replicas may do it at once."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.engine import make_url

_LOCK: Final = 0x63616C6C
"""Key of the advisory lock: only one process migrates, the others wait and then find nothing to do."""


def alembic_config() -> Config:
    """Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_revision() -> str:
    """The revision this release works with."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return str(head)


def migrate_now(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` (postgresql://…) up to `revision`; blocks.

    Raises:
        sqlalchemy.exc.OperationalError: the database can't be reached.
    """
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=pool.NullPool)
    with engine.connect() as lock:
        lock.exec_driver_sql("select pg_advisory_lock(%s)", (_LOCK,))
        lock.commit()
        with engine.connect() as connection:
            _upgrade(connection, revision)
        lock.exec_driver_sql("select pg_advisory_unlock(%s)", (_LOCK,))


def _upgrade(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


async def migrate(url: str) -> None:
    """`migrate_now` without blocking the event loop."""
    await asyncio.to_thread(migrate_now, url)
