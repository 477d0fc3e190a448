"""Staff, customers, calls with their events, ring-backs and the audit log."""

from pathlib import Path

from callcenter.db.migrations.call_types import CALL_TYPES
from callcenter.db.migrations.sql import run_sql

revision = "0001"
down_revision = None

_INSERT_CALL_TYPE = "insert into call_types (code, name_zh, name_en, direction, position) values (%s, %s, %s, %s, %s)"


def upgrade() -> None:
    """Build the first schema and the handbooks' call types (requirements 4.2)."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    run_sql(_INSERT_CALL_TYPE, [(*call_type, position) for position, call_type in enumerate(CALL_TYPES, 1)])
