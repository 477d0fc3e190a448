"""Customers' records whole: addresses, contracts, owners, own fields, files, merges."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Only new columns with defaults, and new tables: the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
