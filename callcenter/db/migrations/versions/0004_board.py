"""By what a call is judged, and what boards count."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Calls of before are judged by what is set now."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
