"""Recordings of talks, and the proof of their deletion."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Only a new table: the release before does not see it."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
