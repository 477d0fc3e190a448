"""The rules of customers' owners are a part of the configuration, which profiles and files bring."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """The release before goes on with the rules as shipped; where others are set, by what it read last."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
