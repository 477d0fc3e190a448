"""Routing as it is set, agents' states over time, callbacks, messages, blocked callers, prompts."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Extend queues and their members; what was there goes on as it was."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
