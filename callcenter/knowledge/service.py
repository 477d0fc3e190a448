"""What the staff does with scripts and answers: look up, read, write; every change is audited and kept.

Everybody reads the same version: an article is read from PostgreSQL at each opening and never kept elsewhere (TEL-11).
"""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from asyncpg import ForeignKeyViolationError

from callcenter.db.pool import Connection, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.knowledge import store
from callcenter.knowledge.model import Article, ArticleState, Category, Draft, Version, Wanted
from callcenter.staff import audit
from callcenter.staff.model import Actor


class ShelfInUseError(ConflictError):
    """Articles stand in this category. Give them another one first."""

    error_id = "category_in_use"
    zh = "该分类下还有条目，请先将其移至其他分类。"


class Knowledge:
    """The articles and their categories."""

    def __init__(self, pool: Pool, clock: Callable[[], int], zone: ZoneInfo) -> None:
        """`zone` says which day it is, for what is valid on some days only."""
        self._pool = pool
        self._clock = clock
        self._zone = zone

    def today(self) -> date:
        """The department's day."""
        return datetime.fromtimestamp(self._clock() / 1000, tz=self._zone).date()

    async def search(self, wanted: Wanted) -> list[Article]:
        """What fits the call first, then titles before bodies, then what is opened most."""
        return await store.search(self._pool, wanted)

    async def get(self, article_id: int, *, writer: bool) -> Article:
        """One article.

        Raises:
            NotFoundError: there is none, or it is not to be seen today by who is no `writer`.
        """
        article = await store.find(self._pool, article_id)
        if article is None or not (writer or self._is_shown(article)):
            raise NotFoundError
        return article

    async def open(self, article_id: int, *, writer: bool) -> Article:
        """One article, which counts as used. Raises NotFoundError as `get` does."""
        article = await self.get(article_id, writer=writer)
        await store.count_open(self._pool, article_id, self.today())
        return article

    def _is_shown(self, article: Article) -> bool:
        today = self.today()
        begun = article.valid_from is None or article.valid_from <= today
        over = article.valid_until is not None and article.valid_until < today
        return article.state is ArticleState.PUBLISHED and begun and not over

    async def create(self, actor: Actor, draft: Draft) -> Article:
        """Keep a new article.

        Raises:
            InvalidInputError: its category, a call type or a queue does not exist, or its days are the wrong way round.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await self._check(connection, draft)
            article_id = await store.insert(connection, draft, actor.user_id)
            detail = {"title": draft.title, "state": draft.state.value}
            await audit.record(connection, actor, "knowledge.created", of=("article", article_id), detail=detail)
            return await self._found(connection, article_id)

    async def change(self, actor: Actor, article_id: int, draft: Draft, seen_version: int) -> Article:
        """Make an article say this from now on, for everybody; what it said is kept.

        Raises:
            NotFoundError: there is none with this id.
            ConflictError: somebody has changed it since `seen_version`.
            InvalidInputError: as with `create`.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await self._locked(connection, article_id, seen_version)
            await self._check(connection, draft)
            await store.update(connection, article_id, draft, actor.user_id)
            detail = {"title": draft.title, "state": draft.state.value}
            await audit.record(connection, actor, "knowledge.changed", of=("article", article_id), detail=detail)
            return await self._found(connection, article_id)

    async def restore(self, actor: Actor, article_id: int, version: int, seen_version: int) -> Article:
        """Make an article say again what it said in `version`, as a new version. Its state stays what it is.

        Raises:
            NotFoundError: there is no such article or version.
            ConflictError: somebody has changed it since `seen_version`.
            InvalidInputError: what it named is no longer there.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            now = await self._locked(connection, article_id, seen_version)
            found = [one for one in await store.versions(connection, article_id) if one.version == version]
            if not found:
                raise NotFoundError
            old = found[0].draft
            draft = Draft(**{name: getattr(old, name) for name in Draft.__slots__} | {"state": now.state})
            await self._check(connection, draft)
            await store.update(connection, article_id, draft, actor.user_id)
            detail = {"title": draft.title, "version": version}
            await audit.record(connection, actor, "knowledge.restored", of=("article", article_id), detail=detail)
            return await self._found(connection, article_id)

    async def versions(self, article_id: int) -> list[Version]:
        """All that an article has said, the latest first. Raises NotFoundError."""
        found = await store.versions(self._pool, article_id)
        if not found:
            raise NotFoundError
        return found

    async def categories(self) -> list[Category]:
        """The categories in their order: the handbooks' (TEL-41), then the department's own."""
        return await store.categories(self._pool)

    async def put_category(self, actor: Actor, category_id: str, name_zh: str, name_en: str) -> None:
        """Make a category, or name it anew."""
        async with self._pool.acquire() as connection, connection.transaction():
            new = await store.put_category(connection, category_id, name_zh, name_en)
            action = "knowledge_category.created" if new else "knowledge_category.changed"
            detail = {"name_zh": name_zh, "name_en": name_en}
            await audit.record(connection, actor, action, of=("knowledge_category", category_id), detail=detail)

    async def remove_category(self, actor: Actor, category_id: str) -> None:
        """Take an own category away.

        Raises:
            NotFoundError: there is no such category, or it is a shipped one.
            ShelfInUseError: articles stand there.
        """
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await store.remove_category(connection, category_id):
                    raise NotFoundError
                of = ("knowledge_category", category_id)
                await audit.record(connection, actor, "knowledge_category.removed", of=of)
        except ForeignKeyViolationError:
            raise ShelfInUseError from None

    async def _locked(self, connection: Connection, article_id: int, seen_version: int) -> Article:
        article = await store.find(connection, article_id, for_update=True)
        if article is None:
            raise NotFoundError
        if article.version != seen_version:
            raise ConflictError
        return article

    async def _found(self, connection: Connection, article_id: int) -> Article:
        article = await store.find(connection, article_id)
        if article is None:
            raise NotFoundError
        return article

    async def _check(self, connection: Connection, draft: Draft) -> None:
        wrong: dict[str, dict[str, str]] = {}
        if draft.category not in {one.category_id for one in await store.categories(connection)}:
            wrong["category"] = {"en": "Choose a category from the list.", "zh": "请从列表中选择分类。"}
        if draft.valid_from and draft.valid_until and draft.valid_until < draft.valid_from:
            wrong["valid_until"] = {"en": "This is before its first day.", "zh": "不能早于生效日期。"}
        known = await store.known_references(connection, draft.call_types, draft.queues)
        if set(draft.call_types) - known:
            wrong["call_types"] = {"en": "Choose call types from the list.", "zh": "请从列表中选择来电类型。"}
        if set(draft.queues) - known:
            wrong["queues"] = {"en": "Choose queues from the list.", "zh": "请从列表中选择队列。"}
        if wrong:
            raise InvalidInputError(fields=wrong)
