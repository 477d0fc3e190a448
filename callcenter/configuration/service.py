"""What an administrator does with the configuration: read it, change one thing, bring in a whole file. All is audited.

Each change is validated as a whole, stands or falls in one transaction, and is then told to every replica. A
change names the revision it was made from, so that two administrators never undo each other's work unseen.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from redis.asyncio import Redis

from callcenter.configuration import store
from callcenter.configuration.changes import (
    Change,
    Kind,
    Part,
    changes,
    kind_of,
    settled,
    values_of,
    with_general,
    with_levels,
    with_memberships,
    with_ownership,
    with_part,
    with_queue_priority,
    with_queues_in_order,
    without_part,
)
from callcenter.configuration.fitting import CALLED, ConfigurationError, references
from callcenter.configuration.model import Configuration, General
from callcenter.configuration.store import Stored
from callcenter.db.pool import Connection, Pool
from callcenter.errors import ConflictError, HotlineError, InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor
from callcenter.validation import fields_of

Make = Callable[[Configuration], Configuration]


class StillNeededError(HotlineError):
    """This can't be removed yet."""

    error_id = "still_needed"
    status = 409
    zh = "暂时不能删除。"

    def __init__(self, en: str, zh: str) -> None:
        """What needs it, in both languages."""
        super().__init__()
        self._needs = {"en": en, "zh": zh}

    def message(self) -> dict[str, str]:
        """Says what needs it."""
        return {"en": f"{self.en} {self._needs['en']}", "zh": f"{self.zh}{self._needs['zh']}"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file makes, or would make, of the configuration, and the revision it is at then."""

    changes: list[Change]
    revision: int


class Administration:
    """All that is set."""

    def __init__(self, pool: Pool, redis: Redis, waiting: Callable[[], Awaitable[Mapping[str, int]]]) -> None:
        """`waiting` tells how many callers are in line in each queue."""
        self._pool = pool
        self._redis = redis
        self._waiting = waiting

    async def read(self) -> Stored:
        """All that is set, and its revision."""
        return await store.read(self._pool)

    async def put(self, actor: Actor, revision: int, part: Part) -> Stored:
        """Set a queue, menu, hours, skill or pause reason: a new one, or in place of the one with its id.

        Raises:
            ConflictError: something has been changed since `revision`.
            InvalidInputError: it does not fit; the fields are those of `part`.
        """

        def make(old: Configuration) -> Configuration:
            return with_part(old, part)

        kind = kind_of(type(part))
        stored, _ = await self._change(actor, revision, make, within=(kind, str(getattr(part, kind.id_name))))
        return stored

    async def remove(self, actor: Actor, revision: int, kind: Kind, part_id: str) -> Stored:
        """Take out a queue, menu, hours, skill or pause reason.

        Raises:
            NotFoundError: there is none with this id.
            ConflictError: something has been changed since `revision`.
            StillNeededError: others lead to it, it is the last of its kind, or callers are in its line.
        """

        def make(old: Configuration) -> Configuration:
            _refuse_if_needed(old, kind, part_id)
            return without_part(old, kind, part_id)

        stored, _ = await self._change(actor, revision, make)
        return stored

    async def put_general(self, actor: Actor, revision: int, general: General) -> Stored:
        """Set what concerns all queues. Raises ConflictError and InvalidInputError as `put` does."""
        stored, _ = await self._change(actor, revision, lambda old: with_general(old, general))
        return stored

    async def put_ownership(self, actor: Actor, *, first_contact_owns: bool, owner_valid_months: int) -> None:
        """Set the rules of customers' owners; others' changes stay. Claims that stand keep their ends."""

        def make(old: Configuration) -> Configuration:
            return with_ownership(old, first_contact_owns=first_contact_owns, owner_valid_months=owner_valid_months)

        await self._change(actor, None, make)

    async def order_queues(self, actor: Actor, revision: int, queue_ids: list[str]) -> Stored:
        """Set the order of the queues; calls to no known number come to the first.

        Raises:
            ConflictError: something has been changed since `revision`.
            InvalidInputError: these are not the queues, each once.
        """
        stored, _ = await self._change(actor, revision, lambda old: with_queues_in_order(old, queue_ids))
        return stored

    # What a supervisor sets live; the others' changes stay, so that no revision is to be named.

    async def put_memberships(self, actor: Actor, username: str, opens_after_seconds: Mapping[str, int]) -> None:
        """Let an agent serve these queues (id -> seconds after which their callers are his too) and no others.

        Raises:
            InvalidInputError: there is no such queue, or no such agent any more.
        """
        await self._change(actor, None, lambda old: with_memberships(old, username, opens_after_seconds))

    async def put_levels(self, actor: Actor, username: str, levels: Mapping[str, int]) -> None:
        """Set an agent's skills and their levels; those that are not named he has no more. Raises as above."""
        await self._change(actor, None, lambda old: with_levels(old, username, levels))

    async def put_queue_priority(self, actor: Actor, queue_id: str, priority: int) -> None:
        """Set a queue's priority in steps. Raises InvalidInputError: there is no such queue."""
        await self._change(actor, None, lambda old: with_queue_priority(old, queue_id, priority))

    async def preview(self, wanted: Configuration) -> Imported:
        """What `bring_in` would do. Raises as it does."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            stored = await store.read(connection)
            known, _ = await store.read_known(connection)
        new = _fitting(lambda: settled(wanted, stored.configuration, known))
        await self._refuse_if_waited_in(stored.configuration, new)
        return Imported(changes(stored.configuration, new), stored.revision)

    async def bring_in(self, actor: Actor, wanted: Configuration, revision: int | None = None) -> Imported:
        """Put a whole configuration in place of what is set. What it leaves open of people stays as it is.

        Raises:
            ConflictError: something has been changed since `revision`; never without one.
            InvalidInputError: it names people or call types that are not there.
            StillNeededError: callers are in the line of a queue that it takes away.
        """
        stored, found = await self._change(actor, revision, lambda _: wanted)
        return Imported(found, stored.revision)

    # -- inside ----------------------------------------------------------------------------------------

    async def _change(
        self, actor: Actor, revision: int | None, make: Make, *, within: tuple[Kind, str] | None = None
    ) -> tuple[Stored, list[Change]]:
        """Make the configuration another; what that changes. Fields of errors are named `within` a part."""
        async with self._pool.acquire() as connection, connection.transaction():
            at = await store.hold(connection)
            if revision is not None and revision != at:
                raise ConflictError
            old = (await store.read(connection)).configuration
            known, user_ids = await store.read_known(connection)
            new = _fitting(lambda: settled(make(old), old, known), within, old)
            await self._refuse_if_waited_in(old, new)
            found = changes(old, new)
            if all(one.what == "same" for one in found):
                return Stored(at, old), found
            await store.write(connection, old, new, user_ids)
            stored = Stored(await store.next_revision(connection), new)
            await _record(connection, actor, found, old, new)
        await store.announce(self._redis, stored.revision)
        return stored, found

    async def _refuse_if_waited_in(self, old: Configuration, new: Configuration) -> None:
        kept = {queue.queue_id for queue in new.queues}
        gone = [queue for queue in old.queues if queue.queue_id not in kept]
        if not gone:
            return
        waiting = await self._waiting()
        for queue in gone:
            if count := waiting.get(queue.queue_id, 0):
                raise StillNeededError(
                    f"Callers in the line of “{queue.name_en}”: {count}. Close it or wait until they are served.",
                    f"队列“{queue.name_zh}”中还有 {count} 位来电者，请先停止接入或等待接听完毕。",
                )


def _refuse_if_needed(old: Configuration, kind: Kind, part_id: str) -> None:
    """Raises NotFoundError and StillNeededError as `remove` does."""
    parts = kind.of(old)
    if part_id not in parts:
        raise NotFoundError
    holders = [one for one in references(old) if (one.kind, one.name) == (kind.name, part_id)]
    if holders:
        names_en = ", ".join(dict.fromkeys(one.holder_en for one in holders))
        names_zh = "、".join(dict.fromkeys(one.holder_zh for one in holders))
        raise StillNeededError(f"It is needed by {names_en}.", f"以下设置仍在使用：{names_zh}。")
    if len(parts) == 1 and kind.name in ("queue", "pause_reason"):
        en, zh = CALLED[kind.name]
        raise StillNeededError(f"It is the last {en}.", f"这是最后一个{zh}。")


def _fitting(
    make: Callable[[], Configuration], within: tuple[Kind, str] | None = None, old: Configuration | None = None
) -> Configuration:
    """The configuration that `make` makes. Raises InvalidInputError for what does not fit."""
    try:
        return make()
    except ValidationError as error:
        fields = fields_of(error)
    except ConfigurationError as error:
        fields = {".".join(map(str, one.loc)) or "body": {"en": one.en, "zh": one.zh} for one in (error, *error.others)}
    raise InvalidInputError(fields={_named(name, within, old): said for name, said in fields.items()})


def _named(name: str, within: tuple[Kind, str] | None, old: Configuration | None) -> str:
    """A field's name as the page knows it that sets one part: without the part's place in the whole."""
    if within is None or old is None:
        return name
    kind, part_id = within
    ids = list(kind.of(old))
    place = ids.index(part_id) if part_id in ids else len(ids)
    return name.removeprefix(f"{kind.list_name}.{place}.")


async def _record(
    connection: Connection, actor: Actor, found: list[Change], old: Configuration, new: Configuration
) -> None:
    """One line of the audit log for each object that has changed."""
    for one in found:
        if one.what != "same":
            action = f"{one.kind}.{one.what}" if one.kind != "general" else "configuration.changed"
            await audit.record(connection, actor, action, of=(one.kind, one.id), detail=values_of(one, old, new))
