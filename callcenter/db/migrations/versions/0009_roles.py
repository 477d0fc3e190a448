"""Roles as data, rules of passwords and accounts, the review of sign-ins, the audit's indices, erasures."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The release before goes on: it knows three of the roles, and none of the new columns."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
