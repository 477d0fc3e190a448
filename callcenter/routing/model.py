"""What routing is about: agents, entries and offers, and the tables of their states. Pure: no I/O, no clock.

An agent or a call changes state only by these tables; any pair that is not in them is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AgentState(StrEnum):
    """Where an agent stands."""

    SIGNED_OUT = "signed_out"
    READY = "ready"
    OFFERED = "offered"
    RINGING = "ringing"
    TALKING = "talking"
    WRAPUP = "wrapup"
    PAUSED = "paused"


IN_CALL = frozenset({AgentState.OFFERED, AgentState.RINGING, AgentState.TALKING})
"""A call is his, or is about to be."""


class AgentMove(StrEnum):
    """What moves an agent from state to state."""

    GO_READY = "go_ready"
    PAUSE = "pause"
    SIGN_OUT = "sign_out"
    CLAIM = "claim"
    RING = "ring"
    ANSWER = "answer"
    MISS = "miss"
    WITHDRAW = "withdraw"
    END = "end"
    FINISH = "finish"
    RECONNECT = "reconnect"
    ADOPT = "adopt"
    RELEASE = "release"
    CONCLUDE = "conclude"
    TAKE_OVER = "take_over"
    RETURN = "return"


_A, _M = AgentState, AgentMove

AGENT_TABLE: dict[tuple[AgentState, AgentMove], AgentState] = {
    (_A.SIGNED_OUT, _M.GO_READY): _A.READY,
    (_A.SIGNED_OUT, _M.PAUSE): _A.PAUSED,
    (_A.SIGNED_OUT, _M.ADOPT): _A.TALKING,
    (_A.SIGNED_OUT, _M.TAKE_OVER): _A.OFFERED,
    (_A.READY, _M.PAUSE): _A.PAUSED,
    (_A.READY, _M.SIGN_OUT): _A.SIGNED_OUT,
    (_A.READY, _M.CLAIM): _A.OFFERED,
    (_A.READY, _M.ADOPT): _A.TALKING,
    (_A.READY, _M.TAKE_OVER): _A.OFFERED,
    (_A.READY, _M.RETURN): _A.OFFERED,
    (_A.OFFERED, _M.RING): _A.RINGING,
    (_A.OFFERED, _M.ANSWER): _A.TALKING,
    (_A.OFFERED, _M.MISS): _A.PAUSED,
    (_A.OFFERED, _M.WITHDRAW): _A.READY,
    (_A.OFFERED, _M.CONCLUDE): _A.WRAPUP,
    (_A.RINGING, _M.ANSWER): _A.TALKING,
    (_A.RINGING, _M.MISS): _A.PAUSED,
    (_A.RINGING, _M.WITHDRAW): _A.READY,
    (_A.RINGING, _M.CONCLUDE): _A.WRAPUP,
    (_A.TALKING, _M.END): _A.WRAPUP,
    (_A.TALKING, _M.RECONNECT): _A.OFFERED,
    (_A.TALKING, _M.RELEASE): _A.READY,
    (_A.WRAPUP, _M.FINISH): _A.READY,
    (_A.WRAPUP, _M.GO_READY): _A.READY,
    (_A.WRAPUP, _M.PAUSE): _A.PAUSED,
    (_A.WRAPUP, _M.SIGN_OUT): _A.SIGNED_OUT,
    (_A.WRAPUP, _M.ADOPT): _A.TALKING,
    (_A.WRAPUP, _M.RETURN): _A.OFFERED,
    (_A.PAUSED, _M.GO_READY): _A.READY,
    (_A.PAUSED, _M.PAUSE): _A.PAUSED,
    (_A.PAUSED, _M.SIGN_OUT): _A.SIGNED_OUT,
    (_A.PAUSED, _M.ADOPT): _A.TALKING,
    (_A.PAUSED, _M.TAKE_OVER): _A.OFFERED,
}
"""MISS: his phone rang (or could have) and he did not take the call: he is paused, so that the same caller does
not ring him again. RELEASE: he was in no talk after all (the customer he called back did not answer, another agent
was quicker): there is nothing to write down. CONCLUDE: the call's end tells of his answer, which nobody saw.
WITHDRAW: the offer ended through no doing of his: he stays ready. ADOPT: his phone talks in a
call that Asterisk's fallback queue gave him while this service was away. TAKE_OVER: a supervisor takes a caller
himself, whatever he was; when he would be ready again, or paused for a miss, he is what he was before (his field
`returns_to`) instead, unless he says otherwise himself. RETURN: a caller whom he has transferred in vain comes back to
him, also out of the wrap-up of that very call."""


class CallState(StrEnum):
    """Where a call stands in the live queue."""

    NEW = "new"
    WAITING = "waiting"
    OFFERED = "offered"
    TALKING = "talking"
    CONSULTING = "consulting"
    AWAY = "away"
    RESTING = "resting"
    ENDED = "ended"


class CallMove(StrEnum):
    """What moves a call from state to state."""

    ARRIVE = "arrive"
    QUEUE = "queue"
    MEET = "meet"
    STEP_OUT = "step_out"
    REST = "rest"
    CLAIM = "claim"
    ANSWER = "answer"
    REQUEUE = "requeue"
    RECONNECT = "reconnect"
    ADOPT = "adopt"
    TAKE_OVER = "take_over"
    TRANSFER = "transfer"
    SEND_OUT = "send_out"
    CONSULT = "consult"
    RESUME = "resume"
    COMPLETE = "complete"
    END = "end"


_C, _V = CallState, CallMove

CALL_TABLE: dict[tuple[CallState, CallMove], CallState] = {
    (_C.NEW, _V.ARRIVE): _C.NEW,
    (_C.NEW, _V.QUEUE): _C.WAITING,
    (_C.NEW, _V.MEET): _C.OFFERED,
    (_C.NEW, _V.ADOPT): _C.TALKING,
    (_C.NEW, _V.REST): _C.RESTING,
    (_C.NEW, _V.END): _C.ENDED,
    (_C.WAITING, _V.STEP_OUT): _C.AWAY,
    (_C.WAITING, _V.CLAIM): _C.OFFERED,
    (_C.WAITING, _V.ADOPT): _C.TALKING,
    (_C.WAITING, _V.TAKE_OVER): _C.OFFERED,
    (_C.WAITING, _V.END): _C.ENDED,
    (_C.AWAY, _V.QUEUE): _C.WAITING,
    (_C.AWAY, _V.MEET): _C.OFFERED,
    (_C.AWAY, _V.ADOPT): _C.TALKING,
    (_C.AWAY, _V.REST): _C.RESTING,
    (_C.AWAY, _V.END): _C.ENDED,
    (_C.RESTING, _V.QUEUE): _C.WAITING,
    (_C.RESTING, _V.TAKE_OVER): _C.OFFERED,
    (_C.RESTING, _V.END): _C.ENDED,
    (_C.OFFERED, _V.ANSWER): _C.TALKING,
    (_C.OFFERED, _V.REQUEUE): _C.WAITING,
    (_C.OFFERED, _V.REST): _C.RESTING,
    (_C.OFFERED, _V.TAKE_OVER): _C.OFFERED,
    (_C.OFFERED, _V.END): _C.ENDED,
    (_C.TALKING, _V.REQUEUE): _C.WAITING,
    (_C.TALKING, _V.RECONNECT): _C.OFFERED,
    (_C.TALKING, _V.TAKE_OVER): _C.OFFERED,
    (_C.TALKING, _V.TRANSFER): _C.OFFERED,
    (_C.TALKING, _V.SEND_OUT): _C.AWAY,
    (_C.TALKING, _V.CONSULT): _C.CONSULTING,
    (_C.TALKING, _V.END): _C.ENDED,
    (_C.CONSULTING, _V.RESUME): _C.TALKING,
    (_C.CONSULTING, _V.COMPLETE): _C.TALKING,
    (_C.CONSULTING, _V.SEND_OUT): _C.AWAY,
    (_C.CONSULTING, _V.REQUEUE): _C.WAITING,
    (_C.CONSULTING, _V.END): _C.ENDED,
}
"""MEET: the caller comes into line as an agent is ready for him. STEP_OUT: the caller is asked something (whether to be
called back, his message) and can't be offered meanwhile. REST: he keeps his place without a line; until the moment to
try, nobody is offered to him. TAKE_OVER: a supervisor takes him away from whoever is offered to him, or talks with him.
TRANSFER: his agent gives him to another one, SEND_OUT to a number over the trunk. CONSULT: his agent speaks with a
colleague meanwhile, who is claimed for it; RESUME: the agent is with the caller again, COMPLETE: the colleague is."""


_AGENT_MOVES = {
    move: {state.value: to.value for (state, its_move), to in AGENT_TABLE.items() if its_move is move}
    for move in AgentMove
}
_CALL_MOVES = {
    move: {state.value: to.value for (state, its_move), to in CALL_TABLE.items() if its_move is move}
    for move in CallMove
}


def agent_moves(move: AgentMove) -> Mapping[str, str]:
    """The part of the agents' table that `move` uses: state -> next state."""
    return _AGENT_MOVES[move]


def call_moves(move: CallMove) -> Mapping[str, str]:
    """The part of the calls' table that `move` uses: state -> next state."""
    return _CALL_MOVES[move]


class PauseReason(StrEnum):
    """Why the hotline itself pauses an agent; the reasons that he can choose are set on a page."""

    MISSED = "missed"
    DECLINED = "declined"
    PHONE_FAILED = "phone_failed"
    LISTENING = "listening"
    OUTCOME_MISSING = "outcome_missing"
    """The time of his wrap-up is over, and he has not written down a call of a queue that wants it first."""


class Strategy(StrEnum):
    """Which of the agents who may take a caller is asked."""

    LONGEST_IDLE = "longest_idle"
    FEWEST_CALLS = "fewest_calls"
    ROTATION = "rotation"
    RING_SEVERAL = "ring_several"


"""ROTATION: whoever has had the fewest turns in this queue, by extension where they are even, so that an agent who
was absent makes up the turns he missed (CAT-20, CAT-21). RING_SEVERAL: the longest idle ones together; the first to
answer has the call."""


@dataclass(frozen=True, slots=True)
class Need:
    """A skill that an entry asks for, and after how much waiting (ms) which lower level will do, in order."""

    skill_id: str
    level: int
    relaxes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A caller in line. `waiting_since_ms` is when he arrived; it stays his when an offer fails.

    `priority`: a step is worth a fixed time of waiting. `preferred`: agents who are asked first, in this order, if
    they are ready when he is matched; their absence is no loss (CAT-22 to CAT-25, OWN-04).
    """

    call_id: str
    queue_id: str
    waiting_since_ms: int
    priority: int = 0
    needs: tuple[Need, ...] = ()
    preferred: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """An agent's place in a queue. `opens_after_ms`: he is asked only for callers who have waited that long.

    `turns` are the calls of this queue that he took today in the rotation.
    """

    queue_id: str
    opens_after_ms: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class ReadyAgent:
    """An agent who could take a call now. `idle_since_ms` is the end of his last work; `calls` those he took today."""

    agent_id: int
    memberships: tuple[Membership, ...]
    idle_since_ms: int
    calls: int = 0
    skills: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class QueueRule:
    """How a queue chooses agents. `ring_at_once` counts with RING_SEVERAL only."""

    queue_id: str
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring_at_once: int = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """A caller and the agents who shall be rung for him: one, or several at once."""

    entry: QueueEntry
    agents: tuple[ReadyAgent, ...]


class NotRung(StrEnum):
    """Why an agent was not rung for a caller, the first that holds."""

    NOT_MEMBER = "not_member"
    SIGNED_OUT = "signed_out"
    PAUSED = "paused"
    PHONE_AWAY = "phone_away"
    WITH_ANOTHER_CALL = "with_another_call"
    WRAPUP = "wrapup"
    OPENS_LATER = "opens_later"
    LACKS_SKILL = "lacks_skill"
    CALLER_BEHIND_OTHERS = "caller_behind_others"
    OTHER_AGENT_CHOSEN = "other_agent_chosen"


class MissReason(StrEnum):
    """Why an offer came to nothing."""

    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    CALLER_LEFT = "caller_left"
    LEASE_ENDED = "lease_ended"
    OTHER_ANSWERED = "other_answered"
    TAKEN_OVER = "taken_over"


def miss_reason(dial_status: str, cause: int) -> MissReason:
    """Read Asterisk's DIALSTATUS and Q.850 cause of the leg to the agent's phone.

    Unreachable: no phone here (0, 3, 20) or at its node (27), or the way to its node was lost (44).
    """
    match dial_status:
        case "NOANSWER":
            return MissReason.NO_ANSWER
        case "BUSY":
            return MissReason.DECLINED
        case "CANCEL":
            return MissReason.CALLER_LEFT
        case "CHANUNAVAIL" if cause in (0, 3, 20, 27, 44):
            return MissReason.UNREACHABLE
        case _:
            return MissReason.DECLINED if cause in (17, 21) else MissReason.FAILED


PAUSE_AFTER: dict[MissReason, PauseReason] = {
    MissReason.NO_ANSWER: PauseReason.MISSED,
    MissReason.DECLINED: PauseReason.DECLINED,
    MissReason.FAILED: PauseReason.PHONE_FAILED,
}
"""Which failed offers count as missed, and as what they pause him in the end; after the others he stays ready."""
