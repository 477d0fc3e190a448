"""What people do about call types and forms, and how an outcome is taken.

All that is set is known by heart in every replica: an outcome is checked and taken without PostgreSQL. While nobody
knows the forms (a service that started while PostgreSQL was away), an outcome is taken as it is and marked as not
complete. All changes are audited.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from callcenter.calls.model import is_call_id
from callcenter.clock import milliseconds, moment
from callcenter.configuration.store import announce
from callcenter.customers.model import display_of
from callcenter.db.pool import AWAY, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from callcenter.forms import store
from callcenter.forms.model import CallType, CallWords, Filled, Form, check
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

READ_SECONDS = 2
UNWRITTEN_DAYS = 7
MOST_UNWRITTEN = 50
DRAFT_DAYS = 30
"""A draft that nobody has touched for so long is forgotten."""

_NO_TYPE = {"en": "Choose a call type from the list.", "zh": "请从列表中选择来电类型。"}


class Forms:
    """Call types, their forms, what agents say, and drafts."""

    def __init__(self, pool: Pool, redis: Redis, clock: Callable[[], int], country: str) -> None:
        self._pool = pool
        self._redis = redis
        self._clock = clock
        self._country = country
        self._known: store.Stored | None = None
        self._reading = asyncio.Lock()

    async def reload(self) -> None:
        """Learn what is set, where it has changed; while PostgreSQL is away, what was known still holds."""
        try:
            async with self._reading, asyncio.timeout(READ_SECONDS):
                if self._known is None or self._known.revision != await store.read_revision(self._pool):
                    self._known = await store.read(self._pool)
        except AWAY as error:
            log.warning("forms not read", error=type(error).__name__)

    async def now(self) -> store.Stored:
        """All that is set.

        Raises:
            UnavailableError: nobody has been able to read it yet.
        """
        if self._known is None:
            await self.reload()
        if self._known is None:
            raise UnavailableError
        return self._known

    async def list_types(self) -> list[CallType]:
        """The call types in their order, those that are switched off too. Raises UnavailableError."""
        return list((await self.now()).types.values())

    async def get_form(self, call_type: str, version: int) -> Form:
        """A form as it was. Raises NotFoundError."""
        form = (await self.now()).forms.get((call_type, version))
        if form is None:
            raise NotFoundError
        return form

    # -- setting -----------------------------------------------------------------------------------------

    async def put_type(self, actor: Actor, wanted: CallType, form: Form, based_on: int) -> CallType:
        """Make a call type or change it; another form is another version of it.

        Args:
            based_on: the version of the form that the page was made from; 0 for a type that is new.

        Raises:
            ConflictError: somebody else has made a newer version meanwhile, or a type with this code.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold(connection)
            before = await store.read(connection)
            old = before.types.get(wanted.code)
            if (old.version if old else 0) != based_on:
                raise ConflictError
            old_form = before.forms.get((wanted.code, based_on))
            version = based_on + (old_form != form)
            direction = old.direction if old else wanted.direction
            done = CallType(
                wanted.code,
                wanted.name_zh,
                wanted.name_en,
                direction,
                wanted.active,
                bool(old and old.shipped),
                version,
            )
            await store.put_type(connection, done)
            if version != based_on:
                await store.put_form(connection, done.code, version, form, actor.user_id)
            detail = {"name_zh": done.name_zh, "name_en": done.name_en, "active": done.active, "form_version": version}
            action = "call_type.changed" if old else "call_type.made"
            await audit.record(connection, actor, action, of=("call_type", done.code), detail=detail)
        await self._changed()
        return done

    async def put_order(self, actor: Actor, codes: Sequence[str]) -> None:
        """Bring the call types into this order.

        Raises:
            InvalidInputError: a code is unknown or comes twice.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await store.hold(connection)
            known = (await store.read(connection)).types
            if len(set(codes)) < len(codes) or not set(codes) <= set(known):
                raise InvalidInputError(fields={"codes": _NO_TYPE})
            await store.put_order(connection, codes)
            await audit.record(connection, actor, "call_types.ordered", detail={"codes": list(codes)})
        await self._changed()

    async def put_words(self, actor: Actor, words: CallWords, revision: int) -> None:
        """Set what agents say first and last.

        Args:
            revision: what the page was made from.

        Raises:
            ConflictError: somebody else has changed something meanwhile.
            InvalidInputError: a queue's call type is unknown.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if await store.hold(connection) != revision + 1:
                raise ConflictError
            known = (await store.read(connection)).types
            wrong = {
                f"queues.{queue_id}.call_type": _NO_TYPE
                for queue_id, one in words.queues.items()
                if one.call_type is not None and one.call_type not in known
            }
            if wrong:
                raise InvalidInputError(fields=wrong)
            await store.put_words(connection, words)
            await audit.record(connection, actor, "call_words.changed", detail=words.model_dump(mode="json"))
        await self._changed()

    async def _changed(self) -> None:
        await self.reload()
        await announce(self._redis, "forms")

    # -- outcomes ----------------------------------------------------------------------------------------

    async def check(
        self,
        call_type: str,
        version: int | None,
        sub_type: str | None,
        fields: Mapping[str, Any],
        read_back: Sequence[str],
    ) -> Filled:
        """What was filled in, by the version that it was filled in with (None: the newest), as it is kept.

        Raises:
            InvalidInputError: there is no such type, or something is missing or wrong.
        """
        known = self._known
        if known is None:
            await self.reload()
            known = self._known
        if known is None:
            return Filled(sub_type, version or 0, dict(fields), list(read_back), complete=False)
        kind = known.types.get(call_type)
        if kind is None:
            raise InvalidInputError(fields={"call_type": _NO_TYPE})
        used = kind.version if version is None else version
        form = known.forms.get((call_type, used), Form() if used == 0 else None)
        if form is None:
            raise InvalidInputError(
                fields={"form_version": {"en": "There is no such version of this form.", "zh": "没有这个版本的表单。"}}
            )
        return check(form, used, sub_type, fields, read_back)

    async def put_draft(self, user_id: int, call_id: str, draft: dict[str, Any]) -> int:
        """Keep what somebody has written of a call so far; when it was (ms).

        Raises:
            NotFoundError: that is no call's id.
        """
        if not is_call_id(call_id):
            raise NotFoundError
        at = self._clock()
        await store.put_draft(self._pool, call_id, user_id, draft, moment(at))
        return at

    async def find_draft(self, user_id: int, call_id: str) -> tuple[dict[str, Any], int] | None:
        """What he has written of a call and not saved, and when (ms)."""
        found = await store.find_draft(self._pool, call_id, user_id)
        return (found[0], milliseconds(found[1])) if found else None

    async def drop_draft(self, user_id: int, call_id: str) -> None:
        """Forget it."""
        await store.drop_draft(self._pool, call_id, user_id)

    async def drop_old_drafts(self) -> None:
        """Forget drafts that were given up long ago."""
        await store.drop_old_drafts(self._pool, DRAFT_DAYS)

    async def unwritten_of(self, user_id: int) -> list[dict[str, Any]]:
        """The calls of the last days that an agent has answered and not written down, the latest first."""
        rows = await store.unwritten_of(self._pool, user_id, UNWRITTEN_DAYS, MOST_UNWRITTEN)
        times = ("arrived_at", "answered_at", "ended_at", "draft_at")
        return [
            row
            | {name: milliseconds(row[name]) if row[name] else None for name in times}
            | {
                "talking_seconds": float(row["talking_seconds"] or 0),
                "number_display": display_of(row.pop("caller_number"), self._country),
            }
            for row in rows
        ]
