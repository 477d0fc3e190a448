"""One board as it is now, kept row by row: every row that differs is remembered until the next event takes it. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

from callcenter.board.model import (
    AgentRow,
    Board,
    CallPlace,
    CallRow,
    GeneralRow,
    QueueRow,
    Table,
    empty,
)
from callcenter.configuration.model import Queue
from callcenter.routing.consult import consult_of
from callcenter.routing.model import CallState
from callcenter.routing.plan import Plan
from callcenter.routing.store import LiveAgent, LiveCall


class Picture:
    """The board, and what has changed in it since it was last asked."""

    def __init__(self) -> None:
        self.board: Board = empty()
        self._put: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._drop: dict[str, set[str]] = {}

    def put(self, table: Table, key: str, row: Mapping[str, Any]) -> None:
        """This row stands there from now on."""
        known = self.board[table].get(key)
        if known is not row and known != row:
            self.board[table][key] = row
            self._put.setdefault(table, {})[key] = row
            self._drop.get(table, set()).discard(key)

    def drop(self, table: Table, key: str) -> None:
        """This row stands there no more."""
        if self.board[table].pop(key, None) is not None:
            self._put.get(table, {}).pop(key, None)
            self._drop.setdefault(table, set()).add(key)

    def only(self, table: Table, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """These rows are the table."""
        for key in [key for key in self.board[table] if key not in rows]:
            self.drop(table, key)
        for key, row in rows.items():
            self.put(table, key, row)

    def changes(self) -> tuple[Board, dict[str, list[str]]]:
        """What to put and to drop since the last time, and from now on nothing."""
        put = {table: rows for table, rows in self._put.items() if rows}
        drop = {table: sorted(keys) for table, keys in self._drop.items() if keys}
        self._put, self._drop = {}, {}
        return put, drop


def place_of(call: LiveCall) -> CallPlace | None:
    """Where a call is; None: nowhere any more."""
    if call.state is CallState.ENDED:
        return None
    if call.state in (CallState.NEW, CallState.AWAY):
        return (_away(call) if call.state is CallState.AWAY else "menu") if call.at("arrived") else None
    if call.state is CallState.CONSULTING:
        return "talking"
    if call.is_callback:
        return {CallState.OFFERED: "calling", CallState.TALKING: "talking"}.get(call.state, "callback")  # type: ignore[return-value]
    return cast("CallPlace", call.state.value)


def _away(call: LiveCall) -> CallPlace:
    to = orjson.loads(call.fields.get("at") or b"{}").get("to") or {}
    return "outside" if to.get("kind") in ("number", "duty") else "menu"


_SINCE = {
    "menu": "arrived",
    "outside": "arrived",
    "waiting": "waiting_since",
    "offered": "offered_at",
    "talking": "answered_at",
    "callback": "callback_at",
    "calling": "offered_at",
}


def call_row(call: LiveCall, place: CallPlace, number_display: str) -> CallRow:
    """A call as the board shows it."""
    card = call.card
    customer = (card.get("customers") or [{}])[0]
    arrived_at = call.at("arrived") or call.at("answered_at") or 0
    rung = list(call.rung) or ([call.agent_id] if call.agent_id is not None else [])
    talking = [call.agent_id] if call.agent_id is not None else []
    consult = consult_of(call)
    return CallRow(
        call_id=call.call_id,
        queue_id=call.queue_id,
        place=place,
        since=call.at(_SINCE[place]) or arrived_at,
        arrived_at=arrived_at,
        answered_at=call.at("answered_at"),
        held_at=consult.transfer.at_ms if consult else call.at("held_at"),
        priority=call.entry.get("priority", 0),
        number_display=number_display,
        customer_id=customer.get("customer_id"),
        customer_name=customer.get("name"),
        kinds=list(card.get("kinds") or ()),
        agent_ids=talking if place == "talking" else rung if place in ("offered", "calling") else [],
        node=call.fields.get("node", ""),
        next_at=call.at("next_at") if call.state is CallState.RESTING else None,
    )


def agent_row(agent: LiveAgent, plan: Plan, listener: str | None) -> AgentRow:
    """An agent as the board shows him."""
    person = plan.people.get(agent.agent_id)
    return AgentRow(
        user_id=agent.agent_id,
        display_name=agent.fields.get("name", ""),
        extension=agent.extension,
        phone_kind=agent.fields.get("kind", ""),
        online=agent.online,
        node=agent.node,
        state=agent.state,
        since=agent.since_ms,
        reason=agent.fields.get("reason") or None,
        until=agent.wrapup_until_ms if agent.state == "wrapup" else None,
        call_id=agent.call_id,
        misses=agent.misses,
        queues=[one.queue_id for one in person.memberships] if person else [],
        skills=dict(person.skills) if person else {},
        listener=listener,
    )


def queue_row(queue: Queue, position: int) -> QueueRow:
    """A queue as the board shows it."""
    return QueueRow(
        queue_id=queue.queue_id,
        name_zh=queue.name_zh,
        name_en=queue.name_en,
        position=position,
        target_kind=queue.ring_target.kind.value,
        target_rings=queue.ring_target.rings,
        last_ring=queue.ring_target.last_ring,
        apology_ring=queue.apology_ring,
        response_seconds=queue.response_seconds,
        priority=queue.priority,
    )


def general_row(plan: Plan, day_began_at: int) -> GeneralRow:
    """What concerns all of the board."""
    return GeneralRow(
        tone_seconds=plan.cadence.tone_seconds,
        silence_seconds=plan.cadence.silence_seconds,
        short_abandon_seconds=plan.configuration.short_abandon_seconds,
        leave_out_short=plan.configuration.leave_out_short,
        tell_listened=plan.configuration.tell_listened,
        day_began_at=day_began_at,
    )
