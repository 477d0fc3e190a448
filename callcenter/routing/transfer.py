"""A caller whom an agent has given on: by whom, to whom, why, and what he had written down by then. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

import orjson

FIELD = "transfer"
"""The call's field that holds its last transfer."""
RETURNED_STEPS = 5
"""So many steps of priority has a caller more whom nobody has taken where he was given: he has waited twice."""


class To(StrEnum):
    """Where a caller is given."""

    AGENT = "agent"
    QUEUE = "queue"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer. `to`: the agent's id, the queue's, or the number as it is dialled. `note` is the transferring
    agent's word to whoever takes the caller (TEL-22), `notes` what he had written down in his form. `attended`: he has
    spoken with whoever takes the caller. `is_open`: nobody has taken him yet. `failed`: why nobody did; empty: not so.
    """

    kind: To
    to: str
    by: int
    at_ms: int
    note: str = ""
    notes: str = ""
    attended: bool = False
    is_open: bool = True
    failed: str = ""

    def to_field(self) -> str:
        """As the call keeps it."""
        return orjson.dumps(asdict(self)).decode()

    def fact(self) -> dict[str, Any]:
        """The body of the fact that says so."""
        return {
            "to_kind": self.kind.value,
            "to": self.to,
            "agent_id": self.by,
            "note": self.note,
            "attended": self.attended,
        }

    def over(self, failed: str = "") -> Self:
        """The same, with somebody who has taken the caller, or with the reason why nobody did."""
        return replace(self, is_open=False, failed=failed)


def transfer_of(fields: Mapping[str, str]) -> Transfer | None:
    """A call's last transfer, from its fields; None: it has none."""
    kept = fields.get(FIELD)
    if not kept:
        return None
    read = orjson.loads(kept)
    return Transfer(**read | {"kind": To(read["kind"])})


def returned_entry(entry: Mapping[str, Any], failed: Transfer) -> dict[str, Any]:
    """The entry of a caller who comes back from a transfer in vain."""
    return {**entry, "priority": entry["priority"] + RETURNED_STEPS, "preferred": [failed.by]}


def open_transfer(fields: Mapping[str, str]) -> Transfer | None:
    """The transfer that nobody has taken yet, if that is what the call's open offer is about."""
    one = transfer_of(fields)
    return one if one is not None and one.is_open and not fields.get("reconnecting") else None
