"""A day on which everything happens at once: callers, agents, phones and mishaps around two replicas of the routing.

`Storm.checked` compares every change of the live queue with what must always hold, `calm` what may take a second.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from redis.exceptions import RedisError

from callcenter.routing.index import may_take_after_ms
from callcenter.routing.model import AGENT_TABLE, AgentMove, AgentState, QueueEntry
from callcenter.routing.plan import Plan, entry_from_json
from callcenter.routing.script import CallFacts, Ended, OfferOver
from tests.storage.gate import Replica
from tests.storage.lines import House
from tests.storage.storm_set import PEOPLE, PLANS
from tests.storage.storm_world import Agent, Call, Caller, World

BUSY = {"offered", "ringing", "talking"}

_LOOK = """
local found = {}
for _, id in ipairs(cjson.decode(ARGV[1])) do
  local is = redis.call('HMGET', 'cc:agent:' .. id, 'state', 'online', 'call', 'offer', 'wrapup_until')
  found[#found + 1] = {is[1], is[2], is[3], is[4], is[5], redis.call('ZSCORE', 'cc:wrapups', id)}
end
for _, id in ipairs(cjson.decode(ARGV[2])) do
  local is = redis.call('HMGET', 'cc:call:' .. id, 'state', 'queue', 'agent', 'agents', 'offer', 'entry', 'calling_at',
    'callback_number')
  local places = ''
  for _, queue in ipairs(redis.call('SMEMBERS', 'cc:queues')) do
    if redis.call('ZSCORE', 'cc:waiting:' .. queue, id) then places = places .. 'waiting:' .. queue .. ' ' end
  end
  for _, index in ipairs({'leases', 'resting', 'seen'}) do
    if redis.call('ZSCORE', 'cc:' .. index, id) then places = places .. index .. ' ' end
  end
  is[9] = places
  found[#found + 1] = is
end
return found
"""


class Storm(World):
    """One walk through it."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(url, seed)
        self._look = self.redis.register_script(_LOOK)
        self._last_event = "-"

    # -- a step of the walk ----------------------------------------------------------------------------

    def step(self) -> None:
        """One thing happens."""
        self.counts["steps"] += 1
        self.pass_time(self.chance.choice((1, 5, 20, 100, 400, 1500)))
        asking = [one for one in self.callers.values() if one.phase == "asks" and not one.asking]
        ringing = [one for one in self.callers.values() if one.phase == "dialled"]
        talking = [one for one in self.callers.values() if one.phase == "talks"]
        acts: list[tuple[float, Callable[[], None]]] = [
            (3 if len(asking) + len(ringing) + len(talking) < 14 else 0, self.arrives),
            (6, lambda: self.agent_acts(self.chance.choice(sorted(self.agents)))),
            (0.4, lambda: self.phone_moves(self.chance.choice(sorted(PEOPLE)))),
            (1, lambda: self.any_replica().hear(self.chance.randint(1, 5))),
            (1, lambda: self.do("ticks", self._tick)),
            (6 if self.words else 0, self._tell),
            (7 if asking else 0, lambda: self.asks(self.chance.choice(asking))),
            (5 if ringing else 0, lambda: self.rings(self.chance.choice(ringing))),
            (2 if talking else 0, lambda: self.talks(self.chance.choice(talking))),
            (3 if self.back else 0, lambda: self.calls_back(self.chance.choice(self.back))),
            (0.4 if asking else 0, lambda: self.hangs_up(self.chance.choice(asking))),
            (2 if self.calls else 0, lambda: self.supervises(self.chance.choice(sorted(self.calls)))),
            (0.5 if asking else 0, lambda: self._presses(self.chance.choice(asking))),
        ]
        (act,) = self.chance.choices([act for _, act in acts], [weight for weight, _ in acts])
        act()

    def plan_changes(self) -> None:
        """Something else is set from now on; one replica learns it later."""
        self.plan = self.chance.choice(PLANS)
        self.any_replica().house.routing.set_plan(self.plan)
        self.hire()

    def loses_everything(self) -> None:
        """Redis begins anew, empty."""
        self.trace.append("Redis loses everything")
        self.counts["losses"] += 1
        called = {one.call_id for one in self.back}
        self.wishes += [call_id for call_id, call in self.calls.items() if call.callback and call_id not in called]
        self.redis.flushall()
        self.calls.clear()
        self.agents = {agent_id: Agent() for agent_id in self.agents}
        self.hire()

    async def open_callbacks(self) -> list[dict[str, Any]]:
        """The calls' rows of those who keep their place."""
        row = {"arrived_at": self.now, "callback_at": self.now, "queue_id": "few", "priority": 0, "node": "node1"}
        row |= {"caller_number": "+8613800138000", "callback_number": "13800138000", "callback_attempts": 0}
        return [row | {"call_id": call_id} for call_id in self.wishes]

    def _presses(self, caller: Caller) -> None:
        self.do(f"presses {caller.facts.call_id}", lambda house: house.line.pressed(caller.facts.call_id, "1"))

    async def _tick(self, house: House) -> None:
        await house.callbacks.wake_rested()
        await house.work.end_wrapups()
        await house.routing.match()

    def _tell(self) -> None:
        """One word comes; those of one channel in their order, mostly."""
        at = self.chance.randrange(len(self.words))
        if self.chance.random() > 0.05:
            at = next(n for n, word in enumerate(self.words) if word.channel == self.words[at].channel)
        word = self.words.pop(at)

        def came(done: bool) -> None:
            if word.lasting and not done:
                self.words.append(word)

        self.do(f"tells {word.channel}", word.tell, came)

    # -- what must always hold -------------------------------------------------------------------------

    def checked(self, replica: Replica, step: Mapping[str, Any], answer: list[Any]) -> None:
        """Look at what a step has changed."""
        if answer[0] != "1":
            self.counts["refused"] += 1
            return
        changed = sorted({int(one) for one in answer[5::3]})
        call = step.get("call")
        self.counts["second"] += bool(call and (call.get("set") or {}).get("second"))
        self.counts["away"] += answer[2] == "away"
        self.moves.update(str(one.get("move")) for one in step.get("agents", ()) if int(one["id"]) in changed)
        taken = call and "taken_by" in (call.get("set") or {})
        taken = taken or any(one.get("move") == "return" for one in step.get("agents", ()))
        if call and not taken and (call.get("moves") or {}).get("waiting") == "offered":
            self._in_order(replica, call["id"], changed)
        self.look(changed, [call["id"]] if call else [])
        concerned = {self.agents[agent_id].call for agent_id in changed} | ({call["id"]} if call else set())
        self.fits(concerned - {""})

    def look(self, agent_ids: list[int], call_ids: list[str]) -> None:
        """Take these in as they are now, and see that the indices agree with them."""
        found = self._look(args=[orjson.dumps(agent_ids), orjson.dumps(call_ids)])
        for agent_id, row in zip(agent_ids, found, strict=False):
            state, online, call, offer, until, ends = row
            self.agents[agent_id] = Agent(state or "signed_out", online == "1", call or "", offer or "")
            wants = until if state == "wrapup" and until else None
            assert (wants and int(wants)) == (ends and int(ends)), f"wrap-up of {agent_id}: {row}"
        for call_id, row in zip(call_ids, found[len(agent_ids) :], strict=True):
            state, queue, agent, agents, offer, entry, calling, callback, places = [one or "" for one in row]
            call = Call(state or "new", queue, agent, agents, offer, entry, bool(calling), bool(callback))
            self.calls[call_id] = call
            wanted = {
                "waiting": [f"waiting:{call.queue}", "seen"],
                "offered": ["leases", "seen"],
                "resting": ["resting", "seen"],
                "ended": [],
            }.get(call.state if call.entry or call.state != "waiting" else "", ["seen"])
            assert places.split() == wanted, f"{call_id} is {call.state} and in {places}"
            if call.state == "ended":
                del self.calls[call_id]

    def fits(self, call_ids: set[str]) -> None:
        """A call has one agent, an agent has one call, and each knows of the other."""
        for call_id in call_ids:
            call = self.calls.get(call_id, Call("ended"))
            holders = [(a, one) for a, one in self.agents.items() if one.call == call_id and one.state in BUSY]
            talking = [agent_id for agent_id, one in holders if one.state == "talking"]
            assert len(talking) <= 1, f"{call_id} has two agents: {talking}"
            for agent_id, agent in holders:
                assert agent.offer == call.offer, f"{agent_id} holds another offer of {call_id}"
                assert call.state in ("offered", "talking"), f"{call_id} is {call.state} and held by {agent_id}"
                if agent.state == "talking":
                    assert str(agent_id) == call.agent, f"{agent_id} talks, {call_id} knows {call.agent}"
                    assert call.state == "talking" or call.calling, f"{agent_id} talks with nobody"
                else:
                    assert str(agent_id) in call.agents.split(","), f"{agent_id} is rung for {call_id} and not its"
            if call.state == "offered":
                assert holders, f"{call_id} is on offer to nobody"

    def _may_take(self, agent_id: int, entry: QueueEntry, now: int, plan: Plan) -> bool:
        person = plan.people.get(agent_id)
        queue_id = plan.queue_of(entry.queue_id).queue_id
        membership = next((one for one in person.memberships if one.queue_id == queue_id), None) if person else None
        if person is None or membership is None:
            return False
        needs = [need for need in entry.needs if need.skill_id in plan.skills]
        after = may_take_after_ms(membership, needs, dict(person.skills))
        return agent_id in entry.preferred or (after is not None and now - entry.waiting_since_ms >= after)

    def _in_order(self, replica: Replica, call_id: str, agent_ids: list[int]) -> None:
        """Nobody whom this agent could take, and who was known when he was chosen, stood before."""

        def order(entry: QueueEntry) -> tuple[int, str]:
            return (entry.waiting_since_ms - entry.priority * 60_000, entry.call_id)

        when = (replica.matched_at, replica.house.routing.plan)
        its = order(entry_from_json(call_id, orjson.loads(self.calls[call_id].entry)))
        if order(replica.matched[call_id]) != its:  # a supervisor has set another place for him since, or it was lost
            return
        for other_id in replica.known:
            other = self.calls.get(other_id)
            if other is None or other.state != "waiting" or not other.entry:
                continue
            entry, known = entry_from_json(other_id, orjson.loads(other.entry)), replica.known[other_id]
            if order(entry) != order(known) or when[1].queue_of(entry.queue_id).queue_id != known.queue_id:
                continue
            for agent_id in agent_ids:
                assert order(entry) > its or not self._may_take(agent_id, entry, *when), (
                    f"{other_id} stood before {call_id}"
                )

    # -- calm ------------------------------------------------------------------------------------------

    async def calm(self) -> None:
        """All that waits is done, a second passes, both look: nobody who could be paired is left."""
        await self.turnstile.finish()
        for replica in self.turnstile.replicas:
            replica.hear(len(replica.unheard))
            if replica.house.routing.plan is not self.plan:
                replica.house.routing.set_plan(self.plan)
        self.pass_time(1000)
        self.turnstile.may_fail = False
        for replica in self.turnstile.replicas:
            await self._alone(replica, self._tick(replica.house))
        self.turnstile.may_fail = True
        self._all_paired()
        self._moves_are_in_the_table()

    async def _alone(self, replica: Replica, work: Any) -> None:
        task = self.turnstile.begin(replica, work)
        await self.turnstile.finish()
        await task

    def _all_paired(self) -> None:
        idle = [a for a, one in self.agents.items() if one.state == "ready" and one.online]
        for call_id, call in self.calls.items():
            if call.state == "waiting" and call.entry:
                entry = entry_from_json(call_id, orjson.loads(call.entry))
                left = [agent_id for agent_id in idle if self._may_take(agent_id, entry, self.now, self.plan)]
                assert not left, f"{call_id} waits, {left} are ready"

    def _moves_are_in_the_table(self) -> None:
        rows = self.redis.xrange("cc:agent_events", f"({self._last_event}" if self._last_event != "-" else "-")
        for event_id, row in rows:
            self._last_event = event_id
            if row["move"] or row["from"] != row["to"]:
                place = (AgentState(row["from"]), AgentMove(row["move"]))
                returns = row["to"] in ("signed_out", "paused") and AGENT_TABLE.get(place) in ("ready", "paused")
                assert returns or AGENT_TABLE.get(place) == row["to"], f"not in the table: {row}"
        self.redis.xtrim("cc:events", maxlen=1)

    async def morning_after(self) -> None:
        """Everything lost is told by whoever compares with Asterisk, and long enough passes: nobody is stuck. So often,
        since one who talks and is thought ready is offered others in vain until he is paused.
        """
        for _ in range(5):
            for caller in [one for one in self.callers.values() if one.phase == "asks" and not one.asking]:
                self.asks(caller)
            await self.turnstile.finish()
            while self.words:
                self._tell()
                await self.turnstile.finish()
            await self._compare()
            self.pass_time(40_000)
        await self.calm()
        for call_id, call in self.calls.items():
            assert call.callback or self._is_there(call_id), f"{call_id} is {call.state}, and nobody is there"
        for call_id, caller in tuple(self.callers.items()):
            if caller.phase == "gone":
                del self.callers[call_id]
            else:
                assert call_id in self.calls or caller.asking, f"{call_id} is forgotten"
        for agent_id, agent in self.agents.items():
            assert agent.state not in BUSY or agent.call in self.calls, f"{agent_id} is stuck"

    def _is_there(self, call_id: str) -> bool:
        """Whether the caller is on the line, or is being called back."""
        caller = self.callers.get(call_id)
        on_line = caller is not None and caller.phase != "gone"
        return on_line or any(one.call_id == call_id for one in self.back)

    async def _compare(self) -> None:
        """What a reconciler does, in its plainest form."""
        replica = self.any_replica()
        house = replica.house

        async def compare() -> None:
            await self._find_talks(house)
            await self._find_ends(house)
            for agent_id, phone in self.phones.items():
                await house.witness.phone(agent_id, bool(phone), phone or self._home(agent_id))

        with suppress(RedisError):
            await self._alone(replica, compare())

    async def _find_talks(self, house: House) -> None:
        extensions = house.witness.agents
        for caller in [one for one in self.callers.values() if one.phase == "talks"]:
            (extension,) = caller.legs
            call = await house.live.call(caller.facts.call_id)
            leg = (extension, f"{extension}/{caller.offer}")
            if call.state.value == "offered" and call.offer_id == caller.offer:
                await house.witness.answered(call.call_id, caller.offer, *leg, self.now)
            elif call.state.value in ("new", "waiting", "away"):
                await house.witness.adopt(call, extensions[extension], caller.offer, leg[1], self.now)
        for back in [one for one in self.back if one.stage != "agent"]:
            call = await house.live.call(back.call_id)
            leg = (back.extension, f"{back.extension}/{back.offer}")
            if call.state.value == "offered" and call.offer_id == back.offer:
                await house.witness.answered(call.call_id, back.offer, *leg, self.now)
            elif call.state.value == "new":
                await house.witness.adopt(call, extensions[back.extension], back.offer, leg[1], self.now)

    async def _find_ends(self, house: House) -> None:
        if self.wishes:
            await house.callbacks.restore(self)
            self.wishes.clear()
        for call_id, kept in tuple(self.calls.items()):
            if not kept.callback and not self._is_there(call_id):
                facts = CallFacts(call_id, "node1", "", "", "", "1", self.now)
                await house.routing.ended(facts, Ended(self.now, "", None, "system", 0, fallback=False))
        for call_id in await house.live.due("cc:leases", self.now):
            call = await house.live.call(call_id)
            await house.routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, self.now))

    def _home(self, agent_id: int) -> str:
        return self.redis.hget(f"cc:agent:{agent_id}", "node") or "node1"

    async def mishaps(self) -> None:
        """Sometimes, something worse."""
        if self.chance.random() < 0.003:
            await self.crash()
        if self.chance.random() < 0.002:
            self.plan_changes()
        if self.chance.random() < 0.0007:
            self.loses_everything()

    async def crash(self) -> None:
        """One replica is gone at whatever it was doing; a new one takes its place."""
        self.trace.append("a replica crashes")
        self.counts["crashes"] += 1
        await self.turnstile.crash(self.any_replica())
        for caller in self.callers.values():
            caller.asking = False
        await self.open_replica()


async def walk(url: str, seed: int, steps: int) -> Counter[str]:
    """Walk so many steps; what was done how often. A failure tells its seed and the last things that happened."""
    storm = Storm(url, seed)
    try:
        for _ in range(2):
            await storm.open_replica()
        storm.hire()
        await storm.turnstile.finish()
        for number in range(1, steps + 1):
            storm.step()
            for _ in range(storm.chance.choice((0, 1, 2, 4, 10, 40))):
                await storm.turnstile.turn()
            if number % 40 == 0:
                await storm.calm()
            await storm.mishaps()
            if number % 500 == 0:
                await storm.morning_after()
    except BaseException as error:
        trace = "\n".join(storm.trace)
        raise AssertionError(f"seed {seed}, {sum(storm.counts.values())} steps: {error!r}\n{trace}") from error
    finally:
        for replica in tuple(storm.turnstile.replicas):
            await storm.turnstile.crash(replica)
        storm.turnstile.close()
    return storm.counts + storm.moves
