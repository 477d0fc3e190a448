"""The indices by which a customer's timeline is read."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Only indices: the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
