"""The audit log: who saw or changed what, and when (SEC-04, HOS-02). It only grows; PostgreSQL sees to it."""

from typing import Any

from callcenter.db.pool import Executor
from callcenter.staff.model import Actor


async def record(
    executor: Executor,
    actor: Actor,
    action: str,
    *,
    of: tuple[str, object] = ("", ""),
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one line; give the connection of the change's own transaction, so that both stand or neither.

    `action` is `kind.verb` in the past tense, such as `customer.read`; `call.end_asked` is what may be refused.
    `of` is the kind and id of its object.
    Never pass a secret in `detail`.
    """
    await executor.execute(
        """
        insert into audit_log (user_id, username, action, object_kind, object_id, detail, address)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        actor.user_id,
        actor.username,
        action,
        of[0],
        str(of[1]),
        detail or {},
        actor.address,
    )
