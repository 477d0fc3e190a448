"""Who is calling: all that a screen-pop says about a number, in one go and within a budget.

Without PostgreSQL the card still has what the number says by itself; a call never waits for it.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from callcenter.calls import store
from callcenter.calls.earlier import told_by
from callcenter.customers.choosing import pop_of
from callcenter.customers.model import NumberFacts, facts_of, without_controls
from callcenter.customers.service import Customers
from callcenter.db.pool import Pool

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 0.2
RECENT_CALLS = 5
LONGEST_NAME = 160


class CallerLookup:
    """Looks callers up."""

    def __init__(self, pool: Pool, customers: Customers, refuses: Callable[[str], bool], country: str) -> None:
        """`refuses(key)`: whether a number is not let through."""
        self._pool = pool
        self._customers = customers
        self._refuses = refuses
        self._country = country

    def key(self, number: str) -> str:
        """What a number in any form is found by; empty for none."""
        return facts_of(number, self._country).key or ""

    async def card(self, number: str, name: str) -> dict[str, Any]:
        """What is known of a caller, as it stands in `Desk.call`. Never raises."""
        facts = facts_of(number, self._country)
        card: dict[str, Any] = {
            "number": facts.display,
            "number_e164": facts.key,
            "anonymous": facts.anonymous,
            "caller_name": without_controls(name)[:LONGEST_NAME],
            "place": {"zh": facts.place.zh, "en": facts.place.en},
            "carrier": {"zh": facts.carrier.zh, "en": facts.carrier.en},
            "customers": [],
            "recent_calls": [],
            "ring_back_id": None,
            "kinds": [],
            "calls_in_day": 0,
            "owner_agent": None,
            "blocked": facts.key is not None and self._refuses(facts.key),
        }
        if facts.key is None:
            return card
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                card |= await self._history(facts)
        except Exception as error:  # noqa: BLE001 (whatever it is, the caller is not kept waiting for it)
            log.warning("caller not looked up", error=type(error).__name__)
        return card

    async def _history(self, facts: NumberFacts) -> dict[str, Any]:
        key = facts.key or ""
        known = await store.calls_of_number(self._pool, key, RECENT_CALLS)
        candidates = await self._customers.candidates(key) if known.has_customers else ()
        ids = [candidate.customer_id for candidate in candidates]
        theirs = await store.calls_of_customers(self._pool, ids, RECENT_CALLS) if ids else ()
        now = datetime.now(tz=UTC)
        history = told_by(key, known.calls, theirs, now, RECENT_CALLS)
        owner = candidates[0].owner if candidates else None
        if owner is not None and owner.valid:
            history["owner_agent"] = owner.user_id
        kinds = [
            kind
            for kind, so in {
                "vip": bool(candidates) and candidates[0].vip,
                "open_case": history.pop("open_case"),
                "complaint": history.pop("complaint"),
                "owned": history["owner_agent"] is not None,
                "repeat": history["calls_in_day"] > 0,
            }.items()
            if so
        ]
        return {
            "customers": [pop_of(one, now) for one in candidates],
            "kinds": kinds,
            "ring_back_id": known.ring_back_id,
            **history,
        }
