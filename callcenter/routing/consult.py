"""An agent who speaks with somebody else while his caller is kept: with whom, since when. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import orjson

from callcenter.routing.model import CallState
from callcenter.routing.store import LiveCall
from callcenter.routing.transfer import To, Transfer

FIELD = "consult"
"""The call's field that holds it."""
_MARK = "c"
"""Ends the offer id of a consultation."""


def consult_offer_id(call_id: str, now_ms: int) -> str:
    """The id under which the other one is rung."""
    return f"{call_id}/{now_ms}{_MARK}"


def is_consult(offer_id: str) -> bool:
    """Whether an offer id is a consultation's."""
    return offer_id.endswith(_MARK)


@dataclass(frozen=True, slots=True)
class Consult:
    """`transfer` says whom, and what it will be when it is completed. `channel`: the name of the agent's leg at the
    caller's node; `leg`: the colleague's phone's channel, once it has answered. Times in ms; None: not yet.
    """

    offer_id: str
    transfer: Transfer
    channel: str
    ringing_at: int | None = None
    answered_at: int | None = None
    leg: str = ""

    @property
    def colleague_id(self) -> int | None:
        """The colleague; None for a number."""
        return int(self.transfer.to) if self.transfer.kind is To.AGENT else None

    def now(self, **changes: Any) -> Self:
        """The same with what has happened since."""
        return replace(self, **changes)

    def to_field(self) -> str:
        """As the call keeps it."""
        return orjson.dumps(asdict(self)).decode()


def consult_of(call: LiveCall) -> Consult | None:
    """The consultation for which this call is kept; None: it is not."""
    return _read(call.fields) if call.state is CallState.CONSULTING else None


def _read(fields: Mapping[str, str]) -> Consult | None:
    kept = fields.get(FIELD)
    if not kept:
        return None
    read = orjson.loads(kept)
    given = read.pop("transfer")
    return Consult(transfer=Transfer(**given | {"kind": To(given["kind"])}), **read)
