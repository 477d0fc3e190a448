"""What is set of passwords and accounts, in PostgreSQL."""

from dataclasses import asdict, fields
from typing import Final

from callcenter.db.pool import Executor
from callcenter.staff.model import Safety

_NAMES: Final = [field.name for field in fields(Safety)]
_READ: Final = f"select {', '.join(_NAMES)} from safety_settings"  # noqa: S608 (names of our own dataclass)
_PUT: Final = f"""
update safety_settings set updated_at = now(), {", ".join(f"{name} = ${n}" for n, name in enumerate(_NAMES, 1))}
"""  # noqa: S608 (names of our own dataclass)


async def read(executor: Executor, *, for_update: bool = False) -> Safety:
    """What is set; `for_update` keeps others from changing it until the transaction ends."""
    return Safety(**await executor.fetchrow(_READ + (" for update" if for_update else "")))


async def put(executor: Executor, safety: Safety) -> None:
    """Set it."""
    await executor.execute(_PUT, *asdict(safety).values())
