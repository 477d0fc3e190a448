"""The live queue in Redis: calls in line and in talk, agents, offers with their leases.

Every change is one atomic step (`step.lua`) that moves an agent and/or a call by the tables of
`routing.model`, keeps the indices, appends the facts to the event stream and tells the desks: all of it or
nothing. Keys:

  cc:call:<call id>     hash, a live call (kept 12 h after its end for the wrap-up)
  cc:agent:<user id>    hash, an agent
  cc:waiting:<queue>    sorted set, callers in line by the time they arrived
  cc:ready:<queue>      sorted set, agents who could take a call, by the end of their last work
  cc:desks:<user id>    set, pages that were his desk once
  cc:leases             sorted set, calls on offer by the end of the offer's lease
  cc:seen               sorted set, live calls by the last time anybody spoke of them
  cc:live, cc:wake      channels: an agent's desk has changed; a call has changed
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from callcenter.events import CallEvent
from callcenter.routing.model import AgentState, CallState, Membership, QueueEntry, ReadyAgent

LIVE_CHANNEL = "cc:live"
WAKE_CHANNEL = "cc:wake"
PAIRS_LOOKED_AT = 64
RETIRED_DESK_SECONDS = 12 * 3600


def _script(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


def _hash(flat: list[str]) -> dict[str, str]:
    """A hash as a Lua script returns it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _number(text: str | None) -> int | None:
    return int(text) if text else None


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
    def offers(self) -> int:
        """How many offers it has had."""
        return _number(self.fields.get("offers")) or 0

    @property
    def card(self) -> dict[str, Any]:
        """What is known of the caller, as it stands on the screen-pop."""
        card: dict[str, Any] = orjson.loads(self.fields.get("card") or b"{}")
        return card

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
    def seq(self) -> int:
        """Number of the last change of his desk."""
        return _number(self.fields.get("seq")) or 0

    @property
    def since_ms(self) -> int:
        """When he came into his state."""
        return _number(self.fields.get("since")) or 0


@dataclass(slots=True)
class Part:
    """One side of a step: whom it concerns, which moves it allows, what must hold first, what it sets."""

    part_id: str | int
    moves: dict[str, str] | None = None
    guard: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As `step.lua` reads it; without the keys that say nothing (Lua has no empty object)."""
        parts = {"moves": self.moves, "guard": self.guard, "set": self.set}
        return {"id": str(self.part_id)} | {key: value for key, value in parts.items() if value}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did. `why` names the field that stood against it; empty where it was applied.

    `seq` is the number of the desk's change, 0 where no desk has changed.
    """

    applied: bool
    why: str
    agent_state: str
    call_state: str
    seq: int


class LiveQueue:
    """The doors to the live queue."""

    def __init__(self, redis: Redis) -> None:
        """`redis` must decode responses to text."""
        self.redis: Any = redis  # its types know nothing of decode_responses
        self._step = redis.register_script(_script("step.lua"))
        self._pairs = redis.register_script(_script("pairs.lua"))
        self._desk = redis.register_script(_script("desk.lua"))

    async def step(
        self,
        now_ms: int,
        *,
        agent: Part | None = None,
        call: Part | None = None,
        events: Iterable[CallEvent] = (),
        lease_until_ms: int = 0,
        notify: int | None = None,
    ) -> Outcome:
        """Move an agent and/or a call and record the facts, all or nothing. `notify`: an agent to tell besides."""
        request: dict[str, Any] = {"now": str(now_ms)}
        if agent:
            request["agent"] = agent.to_json()
        if call:
            request["call"] = call.to_json()
        if lease_until_ms:
            request["lease_until"] = str(lease_until_ms)
        if notify is not None:
            request["notify"] = str(notify)
        if facts := [event.to_stream() for event in events]:
            request["events"] = facts
        applied, why, agent_state, call_state, seq = await self._step(args=[orjson.dumps(request)])
        return Outcome(applied == "1", why, agent_state, call_state, int(seq))

    async def pairable(self) -> tuple[list[QueueEntry], list[ReadyAgent]]:
        """Callers and agents of the queues that have both, in one round trip."""
        flat: list[str] = await self._pairs(args=[PAIRS_LOOKED_AT])
        entries: list[QueueEntry] = []
        queues_of: dict[int, set[str]] = {}
        idle_since: dict[int, int] = {}
        position = 0

        def scored() -> list[tuple[str, int]]:
            nonlocal position
            count = int(flat[position])
            items = flat[position + 1 : position + 1 + count]
            position += 1 + count
            return [(items[i], int(float(items[i + 1]))) for i in range(0, count, 2)]

        while position < len(flat):
            queue_id = flat[position]
            position += 1
            entries += [QueueEntry(call_id, queue_id, since) for call_id, since in scored()]
            for agent, since in scored():
                queues_of.setdefault(int(agent), set()).add(queue_id)
                idle_since[int(agent)] = since
        agents = [
            ReadyAgent(agent, tuple(Membership(queue_id) for queue_id in sorted(queues)), idle_since[agent])
            for agent, queues in queues_of.items()
        ]
        return entries, agents

    async def call(self, call_id: str) -> LiveCall:
        """A call; one that nobody has heard of is NEW."""
        fields = await self.redis.hgetall(f"cc:call:{call_id}")
        return LiveCall(call_id, CallState(fields.get("state", "new")), fields)

    async def calls(self, call_ids: Sequence[str]) -> list[LiveCall]:
        """These calls, in one round trip."""
        rows = await self._hashes([f"cc:call:{call_id}" for call_id in call_ids])
        return [
            LiveCall(call_id, CallState(fields.get("state", "new")), fields)
            for call_id, fields in zip(call_ids, rows, strict=True)
        ]

    async def agent(self, agent_id: int) -> LiveAgent:
        """An agent; one that nobody has heard of is signed out and has no phone."""
        fields = await self.redis.hgetall(f"cc:agent:{agent_id}")
        return LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)

    async def agents(self) -> list[LiveAgent]:
        """Every agent the live queue has heard of."""
        ids = sorted(int(member) for member in await self.redis.smembers("cc:agents"))
        rows = await self._hashes([f"cc:agent:{agent_id}" for agent_id in ids])
        return [
            LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)
            for agent_id, fields in zip(ids, rows, strict=True)
        ]

    async def _hashes(self, keys: Sequence[str]) -> list[dict[str, str]]:
        """These hashes, in one round trip; none for no keys."""
        if not keys:
            return []
        async with self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            rows: list[dict[str, str]] = await pipe.execute()
            return rows

    async def forget_agent(self, agent_id: int) -> None:
        """Take an agent who no longer exists out of the live queue."""
        agent = await self.agent(agent_id)
        async with self.redis.pipeline() as pipe:
            for queue_id in agent.queues:
                pipe.zrem(f"cc:ready:{queue_id}", str(agent_id))
            pipe.srem("cc:agents", str(agent_id))
            pipe.delete(f"cc:agent:{agent_id}")
            await pipe.execute()

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

    async def desk(self, agent_id: int) -> tuple[LiveAgent, LiveCall | None, int]:
        """An agent, his call if he has one, and how many callers wait in his queues."""
        agent_flat, call_flat, waiting = await self._desk(args=[agent_id])
        fields, call_fields = _hash(agent_flat), _hash(call_flat)
        agent = LiveAgent(agent_id, AgentState(fields.get("state", "signed_out")), fields)
        state = call_fields.get("state")
        call = LiveCall(agent.call_id, CallState(state), call_fields) if state else None
        return agent, call, int(waiting)

    async def waiting(self) -> dict[str, int]:
        """How many callers wait in each queue."""
        queues = sorted(await self.redis.smembers("cc:queues"))
        async with self.redis.pipeline(transaction=False) as pipe:
            for queue_id in queues:
                pipe.zcard(f"cc:waiting:{queue_id}")
            return dict(zip(queues, await pipe.execute(), strict=True))

    async def seen(self, call_id: str, now_ms: int) -> None:
        """Somebody on a node has just spoken of this call."""
        await self.redis.zadd("cc:seen", {call_id: now_ms}, xx=True)

    async def live_calls(self) -> list[tuple[str, int]]:
        """Every call that has not ended, with the last time anybody spoke of it (ms)."""
        return [(call_id, int(at)) for call_id, at in await self.redis.zrange("cc:seen", 0, -1, withscores=True)]

    async def ended_leases(self, now_ms: int) -> list[str]:
        """Calls whose offer should have come to something by now."""
        calls: list[str] = await self.redis.zrangebyscore("cc:leases", "-inf", now_ms)
        return calls
