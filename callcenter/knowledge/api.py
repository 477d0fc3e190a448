"""Scripts and answers over HTTP."""

import re
from datetime import date
from typing import Annotated, Final, Self

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.knowledge.model import Article, ArticleKind, ArticleState, Category, Draft, Version, Wanted
from callcenter.staff.permissions import Permission
from callcenter.validation import Id, Limit, Line, cleaned_line, cleaned_paragraphs
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline, may

routes = Routes()

Title = Annotated[str, Field(min_length=1, max_length=120), BeforeValidator(cleaned_line)]
Body = Annotated[str, Field(min_length=1, max_length=20_000), BeforeValidator(cleaned_paragraphs)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
Name = Annotated[str, Field(min_length=1, max_length=40), BeforeValidator(cleaned_line)]
EXCERPT: Final = 160
_LIST_MARK: Final = re.compile(r"^\s*(?:[-*]|\d+\.)\s+", re.MULTILINE)


class ArticleIn(BaseModel):
    """What a writer sets of an article. `body` is Markdown of paragraphs, lists and bold words; HTML in it is shown as
    text. Days are YYYY-MM-DD, both included.
    """

    model_config = ConfigDict(extra="forbid")

    kind: ArticleKind
    category: Code
    title: Title
    body: Body
    keywords: Line = ""
    call_types: Annotated[list[Code], Field(max_length=40)] = []
    queues: Annotated[list[Code], Field(max_length=40)] = []
    valid_from: date | None = None
    valid_until: date | None = None
    state: ArticleState = ArticleState.DRAFT

    def draft(self) -> Draft:
        """As the service takes it."""
        return Draft(**{name: getattr(self, name) for name in Draft.__slots__})


class ArticleChange(ArticleIn):
    """A whole article in place of the old one; `version` is of the one that was edited."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Restoring(BaseModel):
    """Which version the article had when somebody asked for an earlier one."""

    model_config = ConfigDict(extra="forbid")

    seen_version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class ArticleLine(BaseModel):
    """An article in a list. `excerpt`: how its body begins, or where what was searched stands in it. `opens`: within
    ninety days.
    """

    article_id: int
    kind: ArticleKind
    category: str
    title: str
    excerpt: str
    keywords: str
    call_types: list[str]
    queues: list[str]
    valid_from: date | None
    valid_until: date | None
    state: ArticleState
    version: int
    updated_at: int
    updated_by: str | None
    opens: int
    source: str


class ArticleOut(ArticleLine):
    """An article with its body."""

    body: str

    @classmethod
    def of(cls, article: Article) -> Self:
        """As it is answered."""
        return cls(**_fields(article, ""), body=article.body)


class VersionOut(BaseModel):
    """An article as it once was."""

    version: int
    at: int
    by: str | None
    kind: ArticleKind
    category: str
    title: str
    body: str
    keywords: str
    call_types: list[str]
    queues: list[str]
    valid_from: date | None
    valid_until: date | None
    state: ArticleState

    @classmethod
    def of(cls, old: Version) -> Self:
        """As it is answered."""
        fields = {name: getattr(old.draft, name) for name in Draft.__slots__}
        lists = {name: list(fields[name]) for name in ("call_types", "queues")}
        return cls(**fields | lists, version=old.version, at=milliseconds(old.at), by=old.by)


class CategoryNames(BaseModel):
    """What a category is called."""

    model_config = ConfigDict(extra="forbid")

    name_zh: Name
    name_en: Name


class CategoryOut(BaseModel):
    """A category; a shipped one can be named anew, not removed. `articles`: how many it has, whatever their state."""

    category_id: str
    name_zh: str
    name_en: str
    shipped: bool
    articles: int

    @classmethod
    def of(cls, category: Category) -> Self:
        """As it is answered."""
        return cls(**{name: getattr(category, name) for name in cls.model_fields})


def _fields(article: Article, text: str) -> dict[str, object]:
    own = {name: getattr(article, name) for name in ArticleLine.model_fields if name != "excerpt"}
    lists = {"call_types": list(article.call_types), "queues": list(article.queues)}
    return own | lists | {"updated_at": milliseconds(article.updated_at), "excerpt": _excerpt(article.body, text)}


def _excerpt(body: str, text: str) -> str:
    plain = " ".join(_LIST_MARK.sub("", body).replace("**", "").split())
    word = next(iter(text.split()), "")
    place = plain.casefold().find(word.casefold()) if word else 0
    start = max(0, place - 30) if place > EXCERPT // 2 else 0
    cut = plain[start : start + EXCERPT]
    return f"{'…' if start else ''}{cut}{'…' if start + EXCERPT < len(plain) else ''}"


def _writes(request: web.Request) -> bool:
    return may(request, Permission.WRITE_KNOWLEDGE)


@routes.get("/api/v1/knowledge", needs=SIGNED_IN)
async def list_articles(  # noqa: PLR0917 (query parameters)
    request: web.Request,
    /,
    q: Line = "",
    kind: ArticleKind | None = None,
    category: Line = "",
    state: ArticleState | None = None,
    call_type: Line = "",
    queue_id: Line = "",
    everything: bool = False,
    limit: Limit = 30,
) -> list[ArticleLine]:
    """Articles: those first that fit the call (`call_type`, `queue_id`), then titles before bodies, then the most used.

    `q` is words that all must stand somewhere, two Chinese characters or the initials of the title's pinyin. With
    `everything` writers see drafts, retired ones and those of other days too.
    """
    knowledge = hotline(request).knowledge
    everything = everything and _writes(request)
    wanted = Wanted(
        text=q,
        kind=kind,
        category=category,
        state=state if everything else None,
        call_type=call_type,
        queue_id=queue_id,
        today=None if everything else knowledge.today(),
        limit=limit,
    )
    return [ArticleLine.model_validate(_fields(one, q)) for one in await knowledge.search(wanted)]


@routes.get("/api/v1/knowledge/{article_id}", needs=SIGNED_IN)
async def get_article(request: web.Request, article_id: Id, /) -> ArticleOut:
    """One article as it stands now."""
    return ArticleOut.of(await hotline(request).knowledge.get(article_id, writer=_writes(request)))


@routes.post("/api/v1/knowledge/{article_id}/opened", needs=SIGNED_IN)
async def open_article(request: web.Request, article_id: Id, /) -> ArticleOut:
    """One article as it stands now; it is counted as used."""
    return ArticleOut.of(await hotline(request).knowledge.open(article_id, writer=_writes(request)))


@routes.post("/api/v1/knowledge", needs=Permission.WRITE_KNOWLEDGE, status=201)
async def create_article(request: web.Request, /, article: ArticleIn) -> ArticleOut:
    """Write a new article."""
    return ArticleOut.of(await hotline(request).knowledge.create(actor(request), article.draft()))


@routes.put("/api/v1/knowledge/{article_id}", needs=Permission.WRITE_KNOWLEDGE)
async def put_article(request: web.Request, article_id: Id, /, article: ArticleChange) -> ArticleOut:
    """Make an article say this from now on, for everybody; what it said is kept."""
    changed = await hotline(request).knowledge.change(actor(request), article_id, article.draft(), article.version)
    return ArticleOut.of(changed)


@routes.get("/api/v1/knowledge/{article_id}/versions", needs=Permission.WRITE_KNOWLEDGE)
async def list_versions(request: web.Request, article_id: Id, /) -> list[VersionOut]:
    """All that an article has said, the latest first."""
    return [VersionOut.of(one) for one in await hotline(request).knowledge.versions(article_id)]


@routes.post("/api/v1/knowledge/{article_id}/versions/{version}/restore", needs=Permission.WRITE_KNOWLEDGE)
async def restore_version(
    request: web.Request, article_id: Id, version: Annotated[int, Field(ge=1, le=2**31 - 1)], /, seen: Restoring
) -> ArticleOut:
    """Make an article say again what it said in an earlier version."""
    knowledge = hotline(request).knowledge
    return ArticleOut.of(await knowledge.restore(actor(request), article_id, version, seen.seen_version))


@routes.get("/api/v1/knowledge-categories", needs=SIGNED_IN)
async def list_categories(request: web.Request, /) -> list[CategoryOut]:
    """The categories in their order: the handbooks' (TEL-41), then the department's own."""
    return [CategoryOut.of(one) for one in await hotline(request).knowledge.categories()]


@routes.put("/api/v1/knowledge-categories/{category_id}", needs=Permission.WRITE_KNOWLEDGE)
async def put_category(request: web.Request, category_id: Code, /, names: CategoryNames) -> None:
    """Make a category, or name it anew."""
    await hotline(request).knowledge.put_category(actor(request), category_id, names.name_zh, names.name_en)


@routes.delete("/api/v1/knowledge-categories/{category_id}", needs=Permission.WRITE_KNOWLEDGE)
async def remove_category(request: web.Request, category_id: Code, /) -> None:
    """Remove an own category that is empty."""
    await hotline(request).knowledge.remove_category(actor(request), category_id)
