"""Alarms: what was wrong, since when, who saw to it, and who was told."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """What is set of alarms stands in the settings columns that are there."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
