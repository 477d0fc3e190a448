"""What one shift hands over to the next (SHF-08 to SHF-10, SHF-14), and who was in the machine room (SHF-11).

Notes only grow: what is to be added is added beneath; PostgreSQL sees to it. A note is taken over once, by somebody
else than who wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.db.pool import Connection, Executor, Pool
from callcenter.errors import ConflictError, InvalidInputError, NotFoundError
from callcenter.staff import audit
from callcenter.staff.model import Actor

MOST_SHOWN: Final = 50


class TakenError(ConflictError):
    """Somebody else has taken this over already."""

    zh = "已由他人接班。"


@dataclass(frozen=True, slots=True)
class Item:
    """Something still to be done, or by whom it was."""

    item_id: int
    text: str
    done_at: datetime | None
    done_by: str | None


@dataclass(frozen=True, slots=True)
class Addition:
    """What was added to a note later."""

    written_at: datetime
    written_by: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a shift has handed over; `taken_at` None: nobody has taken it over yet."""

    note_id: int
    written_at: datetime
    written_by: str
    written_by_id: int
    text: str
    items: tuple[Item, ...]
    additions: tuple[Addition, ...]
    taken_at: datetime | None
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody was in the machine room."""

    visit_id: int
    visitors: str
    purpose: str
    came_at: datetime
    left_at: datetime | None
    recorded_by: str


_NOTES: Final = """
    select n.note_id, n.written_at, w.display_name as written_by, n.written_by as written_by_id, n.text, t.taken_at,
        b.display_name as taken_by
    from hand_over_notes n join users w on w.user_id = n.written_by
        left join hand_over_takings t using (note_id) left join users b on b.user_id = t.taken_by
"""
_SHOWN: Final = """
    where t.taken_at is null or n.note_id in (select note_id from hand_over_items where done_at is null)
        or n.note_id in (select note_id from hand_over_notes order by note_id desc limit $1)
    order by t.taken_at is not null, n.note_id desc
"""
_WAITING: Final = """
    select count(*) from hand_over_notes n
    where written_by <> $1 and not exists (select from hand_over_takings t where t.note_id = n.note_id)
"""


class HandOver:
    """The notes of the shifts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list_notes(self) -> list[Note]:
        """Those that nobody has taken over first, then those with open items and the latest."""
        rows = await self._pool.fetch(_NOTES + _SHOWN, MOST_SHOWN)
        ids = [row["note_id"] for row in rows]
        items = await self._parts(
            "hand_over_items", "item_id, text, done_at, u.display_name as done_by", "done_by", ids
        )
        additions = await self._parts(
            "hand_over_additions", "written_at, text, u.display_name as written_by", "written_by", ids
        )
        return [
            Note(
                items=tuple(Item(**one) for one in items.get(row["note_id"], ())),
                additions=tuple(Addition(**one) for one in additions.get(row["note_id"], ())),
                **row,
            )
            for row in rows
        ]

    async def _parts(self, table: str, columns: str, by: str, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        order = "item_id" if table == "hand_over_items" else "written_at"
        rows = await self._pool.fetch(
            f"select note_id, {columns} from {table} p left join users u on u.user_id = p.{by}"  # noqa: S608 - constants
            f" where note_id = any ($1::bigint[]) order by {order}",
            ids,
        )
        found: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            fields = dict(row)
            found.setdefault(fields.pop("note_id"), []).append(fields)
        return found

    async def waiting_for(self, user_id: int) -> int:
        """How many notes of others nobody has taken over yet."""
        return int(await self._pool.fetchval(_WAITING, user_id))

    async def write(self, actor: Actor, text: str, items: Sequence[str]) -> int:
        """Write what the next shift is to know; the note's id. Raises InvalidInputError: it says nothing."""
        if not text and not items:
            said = {"en": "Write what the next shift is to know.", "zh": "请填写交班内容。"}
            raise InvalidInputError(fields={"text": said})
        async with self._pool.acquire() as connection, connection.transaction():
            note_id = await connection.fetchval(
                "insert into hand_over_notes (written_by, text) values ($1, $2) returning note_id", actor.user_id, text
            )
            await connection.execute(
                "insert into hand_over_items (note_id, text) select $1, unnest($2::text[])", note_id, list(items)
            )
            await audit.record(connection, actor, "hand_over.written", of=("hand_over", note_id))
        return int(note_id)

    async def take(self, actor: Actor, note_id: int) -> None:
        """Take a note over; once more by the same person changes nothing.

        Raises:
            InvalidInputError: his own.
            TakenError: somebody else has.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if await _writer(connection, note_id) == actor.user_id:
                said = {"en": "Another person takes over what you wrote.", "zh": "自己写的交班记录须由他人接班。"}
                raise InvalidInputError(fields={"note": said})
            made = await connection.fetchval(
                "insert into hand_over_takings (note_id, taken_by) values ($1, $2)"
                " on conflict do nothing returning true",
                note_id,
                actor.user_id,
            )
            if made:
                await audit.record(connection, actor, "hand_over.taken", of=("hand_over", note_id))
                return
            by = await connection.fetchval("select taken_by from hand_over_takings where note_id = $1", note_id)
        if by != actor.user_id:
            raise TakenError

    async def add(self, actor: Actor, note_id: int, text: str) -> None:
        """Add something beneath a note. Raises NotFoundError."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _writer(connection, note_id)
            await connection.execute(
                "insert into hand_over_additions (note_id, written_by, text) values ($1, $2, $3)",
                note_id,
                actor.user_id,
                text,
            )
            await audit.record(connection, actor, "hand_over.added", of=("hand_over", note_id))

    async def finish_item(self, actor: Actor, item_id: int) -> None:
        """An open item is done; one that is done stays so. Raises NotFoundError."""
        async with self._pool.acquire() as connection, connection.transaction():
            done = await connection.fetchval(
                """
                update hand_over_items set done_at = now(), done_by = $2 where item_id = $1 and done_at is null
                returning note_id
                """,
                item_id,
                actor.user_id,
            )
            if done:
                detail = {"item_id": item_id}
                await audit.record(connection, actor, "hand_over.item_done", of=("hand_over", done), detail=detail)
            elif not await connection.fetchval("select true from hand_over_items where item_id = $1", item_id):
                raise NotFoundError

    # -- visits ------------------------------------------------------------------------------------------

    async def list_visits(self) -> list[Visit]:
        """Those who are still there first, then the latest."""
        rows = await self._pool.fetch(
            """
            select visit_id, visitors, purpose, came_at, left_at, display_name as recorded_by
            from visits join users on user_id = recorded_by order by left_at is not null, came_at desc limit $1
            """,
            MOST_SHOWN,
        )
        return [Visit(**row) for row in rows]

    async def record_visit(
        self, actor: Actor, visitors: str, purpose: str, came_at: datetime, left_at: datetime | None
    ) -> int:
        """Record who was in the machine room; the visit's id. Raises InvalidInputError: he left before he came."""
        if left_at is not None and left_at < came_at:
            said = {"en": "This is before they came.", "zh": "离开时间早于进入时间。"}
            raise InvalidInputError(fields={"left_at": said})
        async with self._pool.acquire() as connection, connection.transaction():
            visit_id = await connection.fetchval(
                """
                insert into visits (visitors, purpose, came_at, left_at, recorded_by) values ($1, $2, $3, $4, $5)
                returning visit_id
                """,
                visitors,
                purpose,
                came_at,
                left_at,
                actor.user_id,
            )
            await audit.record(connection, actor, "visit.recorded", of=("visit", visit_id))
        return int(visit_id)

    async def end_visit(self, actor: Actor, visit_id: int) -> None:
        """They have left now; once told stays as it is. Raises NotFoundError."""
        async with self._pool.acquire() as connection, connection.transaction():
            ended = await connection.fetchval(
                """
                update visits set left_at = greatest(now(), came_at) where visit_id = $1 and left_at is null
                returning true
                """,
                visit_id,
            )
            if ended:
                await audit.record(connection, actor, "visit.ended", of=("visit", visit_id))
            elif not await connection.fetchval("select true from visits where visit_id = $1", visit_id):
                raise NotFoundError


async def _writer(executor: Executor | Connection, note_id: int) -> int:
    by = await executor.fetchval("select written_by from hand_over_notes where note_id = $1", note_id)
    if by is None:
        raise NotFoundError
    return int(by)
