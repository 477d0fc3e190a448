"""The state tables, over their whole product, and the rings."""

import pytest

from callcenter.routing.model import (
    AGENT_TABLE,
    CALL_TABLE,
    PAUSE_AFTER,
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    MissReason,
    agent_moves,
    call_moves,
    miss_reason,
)
from callcenter.routing.rings import APOLOGY_RINGS, Cadence, cadence_of, rings_in

BUSY = {AgentState.OFFERED, AgentState.RINGING, AgentState.TALKING}


@pytest.mark.parametrize("state", AgentState)
def test_only_a_ready_agent_is_claimed(state: AgentState) -> None:
    assert ((state, AgentMove.CLAIM) in AGENT_TABLE) == (state is AgentState.READY)


@pytest.mark.parametrize("state", CallState)
def test_only_a_waiting_call_is_claimed(state: CallState) -> None:
    assert ((state, CallMove.CLAIM) in CALL_TABLE) == (state is CallState.WAITING)


@pytest.mark.parametrize("state", BUSY)
@pytest.mark.parametrize("move", [AgentMove.GO_READY, AgentMove.PAUSE, AgentMove.SIGN_OUT])
def test_an_agent_with_a_caller_cannot_walk_away(state: AgentState, move: AgentMove) -> None:
    assert (state, move) not in AGENT_TABLE


@pytest.mark.parametrize("state", set(CallState) - {CallState.ENDED})
def test_every_call_can_end(state: CallState) -> None:
    assert CALL_TABLE[state, CallMove.END] is CallState.ENDED


def test_an_ended_call_never_moves() -> None:
    assert not [move for state, move in CALL_TABLE if state is CallState.ENDED]


@pytest.mark.parametrize("state", AgentState)
def test_every_agent_can_become_ready_again(state: AgentState) -> None:
    reached = {state}
    for _ in AgentState:
        reached |= {to for (start, _), to in AGENT_TABLE.items() if start in reached}
    assert AgentState.READY in reached


def test_moves_are_the_tables_columns() -> None:
    columns = [(move, agent_moves(move)) for move in AgentMove]
    assert sum(len(column) for _, column in columns) == len(AGENT_TABLE)
    assert sum(len(call_moves(move)) for move in CallMove) == len(CALL_TABLE)


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        ("NOANSWER", 19, MissReason.NO_ANSWER),
        ("BUSY", 17, MissReason.DECLINED),
        ("CHANUNAVAIL", 20, MissReason.UNREACHABLE),
        ("CHANUNAVAIL", 0, MissReason.UNREACHABLE),
        ("CHANUNAVAIL", 21, MissReason.DECLINED),
        ("CONGESTION", 34, MissReason.FAILED),
        ("CANCEL", 0, MissReason.CALLER_LEFT),
        ("", 0, MissReason.FAILED),
        ("${SHELL(id)}", -1, MissReason.FAILED),
    ],
)
def test_what_asterisk_says_of_a_failed_offer(status: str, cause: int, reason: MissReason) -> None:
    assert miss_reason(status, cause) is reason


def test_an_agent_is_not_paused_for_what_is_not_his_doing() -> None:
    assert not {MissReason.CALLER_LEFT, MissReason.LEASE_ENDED, MissReason.UNREACHABLE} & set(PAUSE_AFTER)


@pytest.mark.parametrize(("seconds", "rings"), [(0, 1), (4.99, 1), (5, 2), (9.9, 2), (10, 3), (20, 5), (-1, 0)])
def test_rings_in_chinas_cadence(seconds: float, rings: int) -> None:
    assert rings_in(seconds) == rings


def test_the_apology_is_due_at_the_start_of_the_fifth_ring() -> None:
    assert rings_in(19.9) < APOLOGY_RINGS == rings_in(20)


def test_cadence_of_another_country() -> None:
    assert rings_in(6, cadence_of("US")) == 2
    assert cadence_of("XX") == Cadence(1.0, 4.0)
