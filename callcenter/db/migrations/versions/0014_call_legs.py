"""Each agent's part in a call, so that talk is counted to whoever talked."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """A new table, with what is known of the calls of before: the release before does not see it."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
