"""Sessions that outlive Redis."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Those who are signed in already stay so as long as Redis knows them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
