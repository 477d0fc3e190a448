"""Messages from supervisors to agents' desks."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing that is there changes."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
