"""The live queue in Redis: calls in line and in talk, agents, offers with their leases.

Every change is one atomic step (`step.lua`) that moves agents and/or a call by the tables of `routing.model`, keeps
the indices, appends the facts to the event streams and tells every replica: all of it or nothing. Keys:

  cc:call:<call id>     hash, a live call (kept 12 h after its end for the wrap-up)
  cc:agent:<user id>    hash, an agent
  cc:waiting:<queue>    sorted set, callers in line by their order (arrival, minus what their priority is worth)
  cc:answers:<queue>    list, when the last callers were answered (ms): how fast the line moves
  cc:desks:<user id>    set, pages that were his desk once
  cc:leases             sorted set, calls on offer by the end of the offer's lease
  cc:resting            sorted set, callbacks by the moment to try
  cc:wrapups            sorted set, agents in wrap-up by its end
  cc:seen               sorted set, live calls by the last time anybody spoke of them
  cc:changes            number of the last change
  cc:live               channel: the changes, numbered; told by the answer alone while one replica listens
  cc:live:<replica>     channel: that this replica listens to the changes
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from redis.asyncio import Redis

from callcenter.events import CallEvent
from callcenter.routing.model import IN_CALL, AgentMove, AgentState, CallMove, CallState, agent_moves, call_moves

LIVE_CHANNEL = "cc:live"
"""The changes. A replica that follows it listens to `own_channel` on the same connection too."""
RETIRED_DESK_SECONDS = 12 * 3600
RECENT_SECONDS = 3.0
MOST_RECENT = 2_000
LISTENER_FIELD = "listener:"
"""Begins a call's field of a supervisor at it; his user id follows."""


def own_channel(replica: str) -> str:
    """Where nothing is told: that one listens here says that this replica is among those who follow the changes."""
    return f"{LIVE_CHANNEL}:{replica}"


def _script(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def _hash(flat: list[str]) -> dict[str, str]:
    """A hash as a Lua script returns it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call as the live queue knows it. Times are milliseconds since the epoch; None: not (yet)."""

    call_id: str
    state: CallState
    fields: Mapping[str, str]

    @property
    def queue_id(self) -> str:
        """The queue it stands in."""
        return self.fields.get("queue", "")

    @property
    def agent_id(self) -> int | None:
        """The agent it is offered to or talks to, or talked to last."""
        return _number(self.fields.get("agent"))

    @property
    def offer_id(self) -> str:
        """The offer that is open, or the last one; empty before the first."""
        return self.fields.get("offer", "")

    @property
    def rung(self) -> tuple[int, ...]:
        """The agents who are rung together in the open offer."""
        return _ids(self.fields.get("agents", ""))

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """What shall be dialled in the open offer: extension and the node where it is registered."""
        parts = (part.partition("@") for part in self.fields.get("endpoints", "").split(",") if part)
        return [(extension, node) for extension, _, node in parts]

    @property
    def is_callback(self) -> bool:
        """Whether the caller keeps his place without a line."""
        return bool(self.fields.get("callback_number"))

    @property
    def waiting_since_ms(self) -> int:
        """When he arrived, whatever happened since."""
        return self.at("waiting_since") or self.at("arrived") or 0

    @property
    def entry(self) -> dict[str, Any]:
        """How he stands in line: `queue`, `since`, `priority`, `needs`, `preferred`."""
        entry: dict[str, Any] = orjson.loads(self.fields.get("entry") or b"{}")
        return entry

    @property
    def card(self) -> dict[str, Any]:
        """What is known of the caller, as it stands on the screen-pop."""
        card: dict[str, Any] = orjson.loads(self.fields.get("card") or b"{}")
        return card

    @property
    def listeners(self) -> list[tuple[str, str]]:
        """The supervisors at this conversation: what each does there (listen, whisper, barge), and his name."""
        told = (value for name, value in self.fields.items() if name.startswith(LISTENER_FIELD) and value)
        return [(mode, name) for mode, _, name in (one.partition(" ") for one in told)]

    def at(self, name: str) -> int | None:
        """The time `name`: arrived, offered_at, ringing_at, answered_at, held_at, ended_at."""
        return _number(self.fields.get(name))


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """An agent as the live queue knows him."""

    agent_id: int
    state: AgentState
    fields: Mapping[str, str]

    @property
    def known(self) -> bool:
        """False for an id that no agent has."""
        return bool(self.extension)

    @property
    def extension(self) -> str:
        """His phone."""
        return self.fields.get("extension", "")

    @property
    def online(self) -> bool:
        """Whether his phone is registered."""
        return self.fields.get("online") == "1"

    @property
    def node(self) -> str:
        """Where his phone is registered, or was last; empty: nobody has seen it."""
        return self.fields.get("node", "")

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues he serves."""
        return tuple(part for part in self.fields.get("queues", "").split(",") if part)

    @property
    def call_id(self) -> str:
        """The call he is offered, talks in or wraps up; empty for none."""
        return self.fields.get("call", "")

    @property
    def offer_id(self) -> str:
        """The offer he holds; empty for none."""
        return self.fields.get("offer", "")

    @property
    def desk_id(self) -> str:
        """The page that is his desk now."""
        return self.fields.get("desk", "")

    @property
    def listening_id(self) -> str:
        """The conversation of another that he, a supervisor, is at; empty for none."""
        return self.fields.get("listening", "")

    @property
    def owed(self) -> tuple[str, ...]:
        """The calls that he must write down before he can be ready, the oldest first."""
        return tuple(part for part in self.fields.get("owes", "").split(",") if part)

    @property
    def seq(self) -> int:
        """Number of the last change of his desk."""
        return _number(self.fields.get("seq")) or 0

    @property
    def since_ms(self) -> int:
        """When he came into his state."""
        return _number(self.fields.get("since")) or 0

    @property
    def misses(self) -> int:
        """How many offers in a row he has missed."""
        return _number(self.fields.get("misses")) or 0

    @property
    def before(self) -> str:
        """His state when Redis lost everything, until he has it again; empty: nothing was lost."""
        return self.fields.get("before", "")

    @property
    def wrapup_until_ms(self) -> int | None:
        """When his wrap-up ends by itself; None: when he says so."""
        return _number(self.fields.get("wrapup_until"))


@dataclass(slots=True)
class Part:
    """One side of a step: whom it concerns, how he moves, what must hold first, what it sets.

    `move`: by the tables; without one he stays. `only`: from these states alone.
    `optional` (agents): one who can't move stays as he is and stops nothing. `tally`: one more call of the day.
    `answered` (a call): it counts for how fast the line moves. `dial` (a call): keep what shall be dialled.
    `forget` (an agent): strike him out.
    """

    part_id: str | int
    move: AgentMove | CallMove | None = None
    only: Collection[AgentState | CallState] = ()
    guard: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)
    optional: bool = False
    tally: dict[str, Any] | None = None
    answered: bool = False
    dial: bool = False
    forget: bool = False

    def to_json(self) -> dict[str, Any]:
        """As `step.lua` reads it; without the keys that say nothing (Lua has no empty object)."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in _PART_FIELDS}
        parts["moves"] = self._moves()
        return {"id": str(self.part_id)} | {key: value for key, value in parts.items() if value}

    def _moves(self) -> Mapping[str, str] | None:
        """State -> next state; None: any state does, and stays."""
        match self.move:
            case AgentMove():
                moves = agent_moves(self.move)
            case CallMove():
                moves = call_moves(self.move)
            case None:
                return {state.value: state.value for state in self.only} or None
        return {state.value: moves[state.value] for state in self.only} or moves


_PART_FIELDS = ("move", "guard", "set", "optional", "tally", "answered", "dial", "forget")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did. `why` names the field that stood against it; empty where it was applied.

    `agents`: who has changed -> his state and the number of his desk's change.
    """

    applied: bool
    why: str
    call_state: str
    agents: Mapping[int, tuple[str, int]]

    def seq(self, agent_id: int) -> int:
        """The number of this agent's desk's change; 0 where it has not changed."""
        return self.agents.get(agent_id, ("", 0))[1]


@dataclass(frozen=True, slots=True)
class AgentChange:
    """An agent has changed. `ready`: None when he has not moved; else whether he could take a call, and what then
    counts: since when he is idle (ms), his tally of the day.
    """

    agent_id: int
    seq: int
    ready: bool | None
    idle_since_ms: int = 0
    tally: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered change of the live queue, made by the replica `by`. `entry` is None for a call that is not in line
    (any more). `alone`: the channel does not tell it, since nobody but its own replica listens.
    """

    number: int
    by: str
    agents: tuple[AgentChange, ...]
    call_id: str
    entry: Mapping[str, Any] | None
    alone: bool = False


def read_change(text: str) -> Change:
    """A change as `step.lua` tells it."""
    told = orjson.loads(text)
    agents = tuple(_agent_change(*one) for one in told.get("agents", ()))
    call_id, entry = told.get("call") or ("", None)
    entry = orjson.loads(entry) if entry else None
    return Change(told["n"], told.get("by", ""), agents, call_id, entry, told.get("alone", False))


def _agent_change(agent_id: Any, seq: int, ready: Any = None) -> AgentChange:
    if not ready:
        return AgentChange(int(agent_id), int(seq), None if ready is None else False)
    return AgentChange(int(agent_id), int(seq), True, int(ready[0]), orjson.loads(ready[1] or b"{}"))


DeskRead = tuple[LiveAgent, LiveCall | None, int]
"""What a desk is made from: the agent, his call, how many callers wait in his queues."""


def _desk_read(agent_id: int, agent_flat: list[str], call_flat: list[str], waiting: int | str) -> DeskRead:
    fields, call_fields = _hash(agent_flat), _hash(call_flat)
    agent = LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)
    state = call_fields.get("state")
    call = LiveCall(agent.call_id, CallState(state), call_fields) if state else None
    return agent, call, int(waiting)


class LiveQueue:
    """The doors to the live queue."""

    def __init__(self, redis: Redis) -> None:
        """`redis` must decode responses to text."""
        self.redis: Any = redis  # its types know nothing of decode_responses
        self.replica = uuid4().hex[:8]
        self.on_change: Callable[[Change], None] | None = None
        """Told of the changes that this replica makes, at once; those of others come by the channel."""
        self.on_alone: Callable[[Change], None] = lambda _: None
        """Told after it of those that the channel does not tell."""
        self.on_lost: Callable[[], None] = lambda: None
        """Told that a step may have been made of which no answer came."""
        self.is_shown: Callable[[int], bool] = lambda _: False
        """Whether an agent's desk is open in this replica: his steps then bring what it shows."""
        self._desks: dict[int, DeskRead] = {}
        self._recent: dict[str, tuple[float, LiveCall]] = {}
        """Calls as this replica's last step of them left them, and when (the loop's time), while no other replica makes
        changes.
        """
        self._step = redis.register_script(_script("step.lua"))
        self._floor = redis.register_script(_script("floor.lua"))
        self._desk = redis.register_script(_script("desk.lua"))

    async def step(
        self,
        now_ms: int,
        *,
        agent: Part | None = None,
        agents: Sequence[Part] = (),
        call: Part | None = None,
        events: Iterable[CallEvent] = (),
        lease_until_ms: int = 0,
        rest_until_ms: int = 0,
        notify: int | None = None,
    ) -> Outcome:
        """Move agents and/or a call and record the facts, all or nothing. `notify`: an agent to tell besides."""
        his = [*([agent] if agent else []), *agents]
        told = {"lease_until": lease_until_ms or None, "rest_until": rest_until_ms or None, "notify": notify}
        shown = dict.fromkeys(str(one) for one in (*(part.part_id for part in his), notify) if one is not None)
        request: dict[str, Any] = {
            "now": str(now_ms),
            "by": self.replica,
            "agents": [one.to_json() for one in his],
            "call": call.to_json() if call else None,
            "events": [event.to_stream() for event in events],
            "show": [agent_id for agent_id in shown if self.is_shown(int(agent_id))],
            **{name: None if value is None else str(value) for name, value in told.items()},
        }
        given = {name: value for name, value in request.items() if value}  # Lua has no empty object, and no None
        applied, why, call_state, text, desks, *moved = await self._carry_out(given)
        change = read_change(text) if text else None
        if change is not None:
            self._tell(change)
        if call:
            self._recent.pop(str(call.part_id), None)
        for agent_id, *read in desks:
            self._take_read(change, _desk_read(int(agent_id), *read))
        changed = {int(moved[n]): (moved[n + 1], int(moved[n + 2])) for n in range(0, len(moved), 3)}
        return Outcome(applied == "1", why, call_state, changed)

    async def _carry_out(self, request: Mapping[str, Any]) -> Any:
        try:
            return await self._step(args=[orjson.dumps(request)])
        except BaseException:
            self.forget()
            self.on_lost()
            raise

    def _take_read(self, change: Change | None, read: DeskRead) -> None:
        """A desk as a step has left it, and with it the step's call."""
        agent, call, _ = read
        self._desks[agent.agent_id] = read
        if call is None or change is None or not change.alone or call.call_id != change.call_id:
            return
        self._recent[call.call_id] = (asyncio.get_running_loop().time(), call)
        if len(self._recent) > MOST_RECENT:
            del self._recent[next(iter(self._recent))]

    def forget(self, call_id: str = "") -> None:
        """Another replica has changed this call, or may have changed any."""
        if call_id:
            self._recent.pop(call_id, None)
        else:
            self._recent.clear()

    def _tell(self, change: Change) -> None:
        if self.on_change:
            self.on_change(change)
        if change.alone:
            self.on_alone(change)

    async def floor(self) -> tuple[int, dict[str, dict[str, Any]], dict[int, tuple[int, dict[str, Any]]]]:
        """The number of the last change, everybody in line (call -> entry), everybody ready (agent -> idle since,
        tally), as of one moment.
        """
        number, waiting, ready = await self._floor()
        entries = {waiting[n]: orjson.loads(waiting[n + 1]) for n in range(0, len(waiting), 2)}
        agents = {
            int(ready[n]): (int(ready[n + 1]), orjson.loads(ready[n + 2] or b"{}")) for n in range(0, len(ready), 3)
        }
        return int(number), entries, agents

    async def call(self, call_id: str) -> LiveCall:
        """A call; one that nobody has heard of is NEW. What was changed here a moment ago is not asked for again: who
        acts on it says what must hold (`Part.guard`), and asks Redis where that was refused.
        """
        if (kept := self._recent.get(call_id)) and asyncio.get_running_loop().time() - kept[0] < RECENT_SECONDS:
            return kept[1]
        fields = await self.redis.hgetall(f"cc:call:{call_id}")
        return LiveCall(call_id, CallState(fields.get("state", "new")), fields)

    async def calls(self, call_ids: Sequence[str], *, only: Sequence[str] = ()) -> list[LiveCall]:
        """These calls, in one round trip. `only`: of their fields these, and no others."""
        rows = await self._hashes([f"cc:call:{call_id}" for call_id in call_ids], only)
        return [
            LiveCall(call_id, CallState(fields.get("state", "new")), fields)
            for call_id, fields in zip(call_ids, rows, strict=True)
        ]

    async def talking(self, call_ids: Sequence[str]) -> list[str]:
        """Which of these calls are talks, in one round trip."""
        return await self._in_state(call_ids, CallState.TALKING)

    async def _in_state(self, call_ids: Sequence[str], wanted: CallState) -> list[str]:
        if not call_ids:
            return []
        async with self.redis.pipeline(transaction=False) as pipe:
            for call_id in call_ids:
                pipe.hget(f"cc:call:{call_id}", "state")
            states = await pipe.execute()
        return [call_id for call_id, state in zip(call_ids, states, strict=True) if state == wanted]

    async def in_state(self, state: CallState) -> list[str]:
        """Every live call in this state."""
        call_ids = [call_id for call_id, _ in await self.live_calls()]
        return await self._in_state(call_ids, state)

    async def agent(self, agent_id: int) -> LiveAgent:
        """An agent; one that nobody has heard of is signed out and has no phone."""
        fields = await self.redis.hgetall(f"cc:agent:{agent_id}")
        return LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)

    async def agents(self) -> list[LiveAgent]:
        """Every agent the live queue has heard of."""
        return await self.agents_of(sorted(int(member) for member in await self.redis.smembers("cc:agents")))

    async def agents_of(self, ids: Sequence[int]) -> list[LiveAgent]:
        """These agents, in one round trip."""
        rows = await self._hashes([f"cc:agent:{agent_id}" for agent_id in ids])
        return [
            LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)
            for agent_id, fields in zip(ids, rows, strict=True)
        ]

    async def _hashes(self, keys: Sequence[str], only: Sequence[str] = ()) -> list[dict[str, str]]:
        """These hashes, or of each `only` these fields, in one round trip; none for no keys."""
        if not keys:
            return []
        async with self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(key, only) if only else pipe.hgetall(key)
            rows: list[Any] = await pipe.execute()
        if not only:
            return rows
        return [{name: value for name, value in zip(only, values, strict=True) if value is not None} for values in rows]

    async def forget_agent(self, agent_id: int, now_ms: int) -> bool:
        """Take an agent who no longer exists out of the live queue, and out of every replica's picture. False: he is
        in a call, which he finishes first.
        """
        free = [state for state in AgentState if state not in IN_CALL]
        gone = Part(agent_id, only=free, set={"online": "0"}, forget=True)
        return (await self.step(now_ms, agent=gone)).applied

    async def retire_desk(self, agent_id: int, old: str, new: str) -> bool:
        """Note that the page `old` is no longer the agent's desk; False when `new` itself is such a page."""
        key = f"cc:desks:{agent_id}"
        if await self.redis.sismember(key, new):
            return False
        if old:
            async with self.redis.pipeline() as pipe:
                pipe.sadd(key, old)
                pipe.expire(key, RETIRED_DESK_SECONDS)
                await pipe.execute()
        return True

    async def desk(self, agent_id: int, after: int | None = None) -> DeskRead:
        """An agent, his call if he has one, and how many callers wait in his queues: now, or, where that is known
        already, as it was with his change number `after` or a later one.
        """
        known = self._desks.pop(agent_id, None)
        if known and after is not None and known[0].seq >= after:
            return known
        return _desk_read(agent_id, *await self._desk(args=[agent_id]))

    async def waiting(self) -> dict[str, int]:
        """How many callers wait in each queue."""
        queues = sorted(await self.redis.smembers("cc:queues"))
        async with self.redis.pipeline(transaction=False) as pipe:
            for queue_id in queues:
                pipe.zcard(f"cc:waiting:{queue_id}")
            return dict(zip(queues, await pipe.execute(), strict=True))

    async def place(self, queue_id: str, call_id: str) -> tuple[int, list[int]]:
        """A caller's place in line, from 1, and when the last callers of his queue were answered (ms, newest first)."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrank(f"cc:waiting:{queue_id}", call_id)
            pipe.lrange(f"cc:answers:{queue_id}", 0, -1)
            rank, answers = await pipe.execute()
        return (rank or 0) + 1, [int(at) for at in answers]

    async def due(self, key: str, now_ms: int) -> list[str]:
        """Members of `cc:leases`, `cc:resting` or `cc:wrapups` whose moment has come."""
        members: list[str] = await self.redis.zrangebyscore(key, "-inf", now_ms)
        return members

    async def seen(self, call_id: str, now_ms: int) -> None:
        """Somebody on a node has just spoken of this call."""
        await self.redis.zadd("cc:seen", {call_id: now_ms}, xx=True)

    async def live_calls(self) -> list[tuple[str, int]]:
        """Every call that has not ended, with the last time anybody spoke of it (ms)."""
        return [(call_id, int(at)) for call_id, at in await self.redis.zrange("cc:seen", 0, -1, withscores=True)]
