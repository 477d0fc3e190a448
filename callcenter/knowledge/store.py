"""Scripts and answers in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from asyncpg import Record

from callcenter.db.pool import Executor
from callcenter.knowledge.model import (
    Article,
    ArticleKind,
    ArticleState,
    Category,
    Draft,
    Version,
    Wanted,
    initials_of,
    words_of,
)

_ARTICLE: Final = """
    select a.article_id, a.kind, a.category, a.title, a.body, a.keywords, a.call_types, a.queues, a.valid_from,
        a.valid_until, a.state, a.source, a.version, a.updated_at, u.display_name as updated_by,
        coalesce(o.opens, 0)::int as opens
    from knowledge_articles a
    left join users u on u.user_id = a.updated_by
    left join lateral (
        select sum(opens) as opens from knowledge_opens
        where article_id = a.article_id and day > current_date - 90
    ) o on true
"""
FIND: Final = _ARTICLE + "where a.article_id = $1"

# Every word must stand there, in any place. Two characters and more are found by their pairs' index.
# A fit: 2 for what names this call's type or queue, 1 for what names none, 0 for what is for other calls.
_LIST: Final = """
    where ($2::text is null or a.kind = $2) and ($3 = '' or a.category = $3)
        and ($4::text is null or a.state = $4)
        and ($5::date is null or a.state = 'published'
            and coalesce(a.valid_from <= $5, true) and coalesce(a.valid_until >= $5, true))
        and search_pairs(a.words) @> (
            select coalesce(array_agg(pair), '{}') from unnest($1::text[]) w, unnest(search_pairs(folded(w))) pair)
        and not exists (select from unnest($1::text[]) w where strpos(a.words, folded(w)) = 0)
    order by
        case when $6 = any(a.call_types) or $7 = any(a.queues) then 2
            when a.call_types = '{}' and a.queues = '{}' then 1 else 0 end desc,
        not exists (select from unnest($1::text[]) w where strpos(a.title_words, folded(w)) = 0) desc,
        coalesce(o.opens, 0) desc,
        (select position from knowledge_categories where category_id = a.category), a.article_id
    limit $8
"""

CATEGORIES: Final = """
    select c.category_id, c.name_zh, c.name_en, c.position, c.shipped,
        (select count(*) from knowledge_articles a where a.category = c.category_id)::int as articles
    from knowledge_categories c order by c.position, c.category_id
"""


def _article(row: Record) -> Article:
    fields: dict[str, Any] = dict(row)
    fields |= {"kind": ArticleKind(row["kind"]), "state": ArticleState(row["state"])}
    return Article(**fields | {"call_types": tuple(row["call_types"]), "queues": tuple(row["queues"])})


async def find(executor: Executor, article_id: int, *, for_update: bool = False) -> Article | None:
    """One article; `for_update` keeps others from changing it until the transaction ends."""
    if for_update:
        await executor.execute("select from knowledge_articles where article_id = $1 for update", article_id)
    row = await executor.fetchrow(FIND, article_id)
    return _article(row) if row else None


async def search(executor: Executor, wanted: Wanted) -> list[Article]:
    """What fits the call first, then titles before bodies, then what is opened most."""
    rows = await executor.fetch(
        _ARTICLE + _LIST,
        words_of(wanted.text),
        wanted.kind,
        wanted.category,
        wanted.state,
        wanted.today,
        wanted.call_type,
        wanted.queue_id,
        wanted.limit,
    )
    return [_article(row) for row in rows]


def _values(draft: Draft) -> list[Any]:
    fields = asdict(draft) | {"kind": draft.kind.value, "state": draft.state.value}
    return [*fields.values(), initials_of(draft.title)]


async def insert(executor: Executor, draft: Draft, by: int | None) -> int:
    """Keep a new article, as its first version; its id."""
    article_id = await executor.fetchval(
        """
        insert into knowledge_articles (kind, category, title, body, keywords, call_types, queues, valid_from,
            valid_until, state, initials, updated_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning article_id
        """,
        *_values(draft),
        by,
    )
    await _keep_version(executor, article_id)
    return int(article_id)


async def update(executor: Executor, article_id: int, draft: Draft, by: int | None) -> None:
    """Make an article say this, as its next version."""
    await executor.execute(
        """
        update knowledge_articles set kind = $1, category = $2, title = $3, body = $4, keywords = $5, call_types = $6,
            queues = $7, valid_from = $8, valid_until = $9, state = $10, initials = $11, updated_by = $12,
            updated_at = now(), version = version + 1
        where article_id = $13
        """,
        *_values(draft),
        by,
        article_id,
    )
    await _keep_version(executor, article_id)


async def _keep_version(executor: Executor, article_id: int) -> None:
    await executor.execute(
        """
        insert into knowledge_versions (article_id, version, at, by_user, kind, category, title, body, keywords,
            call_types, queues, valid_from, valid_until, state)
        select article_id, version, updated_at, updated_by, kind, category, title, body, keywords,
            call_types, queues, valid_from, valid_until, state
        from knowledge_articles where article_id = $1
        """,
        article_id,
    )


async def versions(executor: Executor, article_id: int) -> list[Version]:
    """All that an article has said, the latest first."""
    rows = await executor.fetch(
        """
        select v.*, u.display_name as by from knowledge_versions v left join users u on u.user_id = v.by_user
        where article_id = $1 order by version desc
        """,
        article_id,
    )
    return [_version(row) for row in rows]


def _version(row: Record) -> Version:
    draft = Draft(
        kind=ArticleKind(row["kind"]),
        category=row["category"],
        title=row["title"],
        body=row["body"],
        keywords=row["keywords"],
        call_types=tuple(row["call_types"]),
        queues=tuple(row["queues"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        state=ArticleState(row["state"]),
    )
    return Version(row["version"], row["at"], row["by"], draft)


async def count_open(executor: Executor, article_id: int, day: date) -> None:
    """Somebody has opened it on this day of the department."""
    await executor.execute(
        """
        insert into knowledge_opens (article_id, day, opens) values ($1, $2, 1)
        on conflict (article_id, day) do update set opens = knowledge_opens.opens + 1
        """,
        article_id,
        day,
    )


async def categories(executor: Executor) -> list[Category]:
    """The shelves, in their order."""
    return [Category(**row) for row in await executor.fetch(CATEGORIES)]


async def put_category(executor: Executor, category_id: str, name_zh: str, name_en: str) -> bool:
    """Make a shelf behind the others, or name one anew; whether it is new."""
    return bool(
        await executor.fetchval(
            """
            insert into knowledge_categories (category_id, name_zh, name_en, position)
            values ($1, $2, $3, (select coalesce(max(position), 0) + 1 from knowledge_categories))
            on conflict (category_id) do update set name_zh = $2, name_en = $3
            returning xmax = 0
            """,
            category_id,
            name_zh,
            name_en,
        )
    )


async def remove_category(executor: Executor, category_id: str) -> bool:
    """Take an own shelf away; whether there was one."""
    return bool(
        await executor.fetchval(
            "delete from knowledge_categories where category_id = $1 and not shipped returning true", category_id
        )
    )


async def known_references(executor: Executor, call_types: Sequence[str], queues: Sequence[str]) -> set[str]:
    """Which of these call types and queues there are."""
    rows = await executor.fetch(
        """
        select code from call_types where code = any($1)
        union all select queue_id from queues where queue_id = any($2)
        """,
        list(call_types),
        list(queues),
    )
    return {row[0] for row in rows}
