"""Scripts and answers, with the handbooks' own phrases to begin with."""

from pathlib import Path

from callcenter.db.migrations.sql import run_sql
from callcenter.knowledge.model import initials_of
from callcenter.knowledge.shipped import ANSWERS, CATEGORIES, SCRIPTS

revision = "0011"
down_revision = "0010"

_INSERT_CATEGORY = (
    "insert into knowledge_categories (category_id, name_zh, name_en, position, shipped) values (%s, %s, %s, %s, true)"
)
_INSERT_ARTICLE = """
    insert into knowledge_articles (kind, category, title, body, keywords, call_types, source, initials, state)
    values (%s, %s, %s, %s, %s, %s, %s, %s, 'published')
"""
_KEEP_VERSIONS = """
    insert into knowledge_versions (article_id, version, at, kind, category, title, body, keywords, call_types, queues,
        state)
    select article_id, version, updated_at, kind, category, title, body, keywords, call_types, queues, state
    from knowledge_articles
"""


def upgrade() -> None:
    """Only new tables: the release before does not see them."""
    run_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    run_sql(_INSERT_CATEGORY, [(*category, position) for position, category in enumerate(CATEGORIES, 1)])
    shipped = [("script", one) for one in SCRIPTS] + [("answer", one) for one in ANSWERS]
    run_sql(
        _INSERT_ARTICLE,
        [
            (kind, one.category, one.title, one.body, one.keywords, calls, one.source, initials_of(one.title))
            for kind, one in shipped
            for calls in [list(one.call_types)]
        ],
    )
    run_sql(_KEEP_VERSIONS)
