"""Who the caller is, as the agent says while he talks: kept with the call at once, so that a reload keeps it.

The choice is a fact of the call (`identified`, with `by`), and the customer comes first on its card from then on: on
the desk, on the board, in the call's row.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from callcenter.clock import milliseconds
from callcenter.customers.model import Candidate, Reason, reasons_of
from callcenter.customers.service import Customers
from callcenter.errors import ConflictError
from callcenter.events import Kind, event_at
from callcenter.routing.store import LiveQueue, Part


class NotYourCallError(ConflictError):
    """This call is not at your desk any more."""

    error_id = "not_your_call"
    zh = "这通来电已不在您的工作台。"


def pop_of(candidate: Candidate, now: datetime) -> dict[str, Any]:
    """A candidate as he stands on a card: `reasons` say why it may be he (`at`: ms, where there is a moment), `owner`
    is an agent whose claim holds, `warranty_until` the latest day of his contracts' warranties.
    """
    owner, contact = candidate.owner, candidate.last_contact_at
    return {
        "customer_id": candidate.customer_id,
        "name": candidate.name,
        "company_or_project": candidate.company_or_project,
        "unit_or_address": candidate.unit_or_address,
        "vip": candidate.vip,
        "notes": candidate.notes,
        "label": candidate.label,
        "language": candidate.language,
        "member_level": candidate.member_level,
        "tags": list(candidate.tags),
        "warranty_until": candidate.warranty_until.isoformat() if candidate.warranty_until else None,
        "owner": {
            "user_id": owner.user_id,
            "name": owner.name,
            "until": milliseconds(owner.until) if owner.until else None,
        }
        if owner and owner.valid
        else None,
        "reasons": [
            {"code": reason.value, "at": milliseconds(contact) if reason is Reason.RECENT_CONTACT and contact else None}
            for reason in reasons_of(candidate, now)
        ],
    }


class Choosing:
    """What an agent says of who calls."""

    def __init__(self, live: LiveQueue, customers: Customers, clock: Callable[[], int]) -> None:
        self._live = live
        self._customers = customers
        self._clock = clock

    async def choose(self, agent_id: int, call_id: str, customer_id: int) -> None:
        """Keep that the caller of the agent's call is this customer. Chosen already: nothing happens.

        Raises:
            NotYourCallError: the call is not at his desk.
            NotFoundError: there is no such customer.
        """
        candidate = await self._customers.candidate(customer_id)
        agent, call = await self._live.agent(agent_id), await self._live.call(call_id)
        if agent.call_id != call_id or not call_id:
            raise NotYourCallError
        card = call.card
        if card.get("chosen") == customer_id:
            return
        now = self._clock()
        others = [one for one in card.get("customers") or () if one["customer_id"] != customer_id]
        known = next((one for one in card.get("customers") or () if one["customer_id"] == customer_id), None)
        card["customers"] = [known or pop_of(candidate, datetime.fromtimestamp(now / 1000, tz=UTC)), *others]
        card["chosen"] = customer_id
        kinds = [kind for kind in card.get("kinds") or () if kind != "vip"]
        card["kinds"] = (["vip"] if candidate.vip else []) + kinds
        done = await self._live.step(
            now,
            agent=Part(agent_id, guard={"call": call_id}),
            call=Part(call_id, set={"card": orjson.dumps(card).decode()}),
            events=[
                event_at(
                    call_id,
                    Kind.IDENTIFIED,
                    now,
                    by=agent_id,
                    customer_id=customer_id,
                    place=card.get("place"),
                    carrier=card.get("carrier"),
                )
            ],
        )
        if not done.applied:
            raise NotYourCallError
