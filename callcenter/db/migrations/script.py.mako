"""${message}."""

from callcenter.db.migrations.sql import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Forward only; old code keeps running on the new schema for one release."""
    run_sql("")
