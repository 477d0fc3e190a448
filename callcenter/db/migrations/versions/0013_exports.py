"""Lists that leave the house: asked for, approved, downloaded, given back."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """New tables; the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
