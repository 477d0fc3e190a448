"""Call types made on a page, their forms in versions, drafts of outcomes."""

from pathlib import Path

import orjson

from callcenter.db.migrations.call_forms import CALL_FORMS, WORDS
from callcenter.db.migrations.sql import run_sql

revision = "0010"
down_revision = "0009"

_INSERT_FORM = "insert into call_forms (call_type, version, definition) values (%s, 1, %s)"


def upgrade() -> None:
    """Only new columns with defaults, and new tables: the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    run_sql(_INSERT_FORM, [(call_type, orjson.dumps(form).decode()) for call_type, form in CALL_FORMS.items()])
    run_sql("update form_settings set words = %s", [(orjson.dumps(WORDS).decode(),)])
