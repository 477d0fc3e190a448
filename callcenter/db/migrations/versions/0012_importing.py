"""Imports of customers: the uploaded file, its rows, what each import made and changed."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Only new tables: the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
