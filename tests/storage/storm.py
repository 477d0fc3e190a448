"""A day on which everything happens at once: callers, agents, phones and mishaps around two replicas of the routing.

What Asterisk would do is played here: scripts poll and dial, phones ring, answer and decline, reports come late, twice
or never. `Storm.checked` compares every change of the live queue with what must always hold.
"""

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis.exceptions import RedisError

from callcenter.asterisk.model import LegAnswered, LegEnded, LegHeld, LegResumed, LegRinging, PhoneReachable
from callcenter.configuration.model import Configuration
from callcenter.errors import HotlineError, UnavailableError
from callcenter.routing.index import may_take_after_ms
from callcenter.routing.model import AGENT_TABLE, AgentMove, AgentState, Membership, QueueEntry
from callcenter.routing.plan import Person, Plan, entry_from_json
from callcenter.routing.script import (
    Ask,
    CallbackOver,
    CallFacts,
    Dial,
    Ended,
    Heard,
    Leave,
    OfferOver,
    PassOn,
    Play,
    Say,
    TakeMessage,
)
from tests.storage.gate import Gate, Replica, Turnstile
from tests.storage.lines import House

QUEUES = ("first", "several", "turns", "few", "late")
BUSY = {"offered", "ringing", "talking"}


def _queue(queue_id: str, number: int, **how: Any) -> dict[str, Any]:
    return {"queue_id": queue_id, "name_zh": queue_id, "name_en": queue_id, "numbers": [f"40080000{number}"]} | how


def _to(queue_id: str) -> dict[str, str]:
    return {"kind": "queue", "queue_id": queue_id}


CONFIGURATION = Configuration.model_validate(
    {
        "queues": [
            _queue("first", 10, owner_rings=2, outcome_required=False, wrapup_seconds=20),
            _queue("several", 11, strategy="ring_several", ring_at_once=3, priority=1, pause_after_misses=2),
            _queue("turns", 12, strategy="rotation", overflow=[{"after_rings": 8, "to": _to("first")}]),
            _queue(
                "few",
                13,
                strategy="fewest_calls",
                needs=[{"skill_id": "lifts", "level": 5, "relax": [{"after_seconds": 20, "level": 2}]}],
                overflow=[{"after_seconds": 60, "to": {"kind": "callback"}}],
                wrapup_seconds=30,
            ),
            _queue("late", 14, callback={"retry_after_minutes": [1]}, most_waiting=8, full={"kind": "message"}),
        ],
        "menus": [
            {
                "menu_id": "main",
                "name_zh": "总机",
                "name_en": "Main",
                "numbers": ["4008000020"],
                "keys": [
                    {"key": "1", "name_zh": "一", "name_en": "One", "to": _to("several")},
                    {"key": "2", "name_zh": "二", "name_en": "Two", "to": _to("few")},
                ],
                "otherwise": _to("first"),
            }
        ],
        "skills": [{"skill_id": "lifts", "name_zh": "电梯", "name_en": "Lifts"}],
        "caller_rules": [{"kind": "vip", "priority": 2}, {"kind": "complaint", "queue_id": "turns"}],
        "pause_reasons": [{"code": "break", "name_zh": "小休", "name_en": "Break"}],
    }
)
PEOPLE: dict[int, Person] = {
    agent_id: Person(
        tuple(Membership(queue_id, opens * 1000) for queue_id, opens in queues.items()),
        (("lifts", level),) if level else (),
    )
    for agent_id, queues, level in [
        (1, {"first": 0}, 0),
        (2, {"first": 0, "several": 0}, 2),
        (3, {"several": 0}, 5),
        (4, {"several": 0, "turns": 10}, 0),
        (5, {"turns": 0}, 5),
        (6, {"turns": 0, "few": 0}, 5),
        (7, {"few": 0}, 3),
        (8, {"few": 30, "late": 0}, 9),
        (9, {"late": 0}, 0),
        (10, {"first": 15, "several": 15, "turns": 15, "few": 15, "late": 15}, 4),
        (11, {"late": 5, "first": 5}, 1),
        (12, {"several": 0, "late": 0}, 0),
    ]
}
_WITHOUT = CONFIGURATION.model_dump()
_WITHOUT |= {"menus": [], "skills": [], "queues": [one for one in _WITHOUT["queues"] if one["queue_id"] != "late"]}
_WITHOUT["queues"][3]["needs"] = []
PLANS = [
    Plan(CONFIGURATION, PEOPLE),
    Plan(CONFIGURATION, {agent_id: PEOPLE[agent_id] for agent_id in PEOPLE if agent_id not in (2, 6, 9)}),
    Plan(Configuration.model_validate(_WITHOUT), PEOPLE),
]
CALLED = [*(queue.numbers[0] for queue in CONFIGURATION.queues), "4008000020"]
CARDS: list[dict[str, Any]] = [{}, {}, {}, {"kinds": ["vip"]}, {"kinds": ["complaint"]}, {"calls_in_day": 2}]

_LOOK = """
local found = {}
for _, id in ipairs(cjson.decode(ARGV[1])) do
  local is = redis.call('HMGET', 'cc:agent:' .. id, 'state', 'online', 'call', 'offer', 'wrapup_until')
  found[#found + 1] = {is[1], is[2], is[3], is[4], is[5], redis.call('ZSCORE', 'cc:wrapups', id)}
end
for _, id in ipairs(cjson.decode(ARGV[2])) do
  local is = redis.call('HMGET', 'cc:call:' .. id, 'state', 'queue', 'agent', 'agents', 'offer', 'entry', 'calling_at',
    'callback_number', 'second')
  local places = ''
  for _, queue in ipairs(redis.call('SMEMBERS', 'cc:queues')) do
    if redis.call('ZSCORE', 'cc:waiting:' .. queue, id) then places = places .. 'waiting:' .. queue .. ' ' end
  end
  for _, index in ipairs({'leases', 'resting', 'seen'}) do
    if redis.call('ZSCORE', 'cc:' .. index, id) then places = places .. index .. ' ' end
  end
  is[10] = places
  found[#found + 1] = is
end
return found
"""


@dataclass(slots=True)
class Agent:
    """An agent as the live queue has him."""

    state: str = "signed_out"
    online: bool = False
    call: str = ""
    offer: str = ""


@dataclass(slots=True)
class Call:
    """A call as the live queue has it."""

    state: str = "new"
    queue: str = ""
    agent: str = ""
    agents: str = ""
    offer: str = ""
    entry: str = ""
    calling: bool = False
    callback: bool = False
    second: str = ""


@dataclass(slots=True)
class Caller:
    """A caller and his script on a node. `legs`: the phones that ring or talk -> "ringing" or "up"."""

    facts: CallFacts
    phase: str = "asks"
    asking: bool = False
    answered: bool = False
    previous: OfferOver | None = None
    heard: Heard | None = None
    offer: str = ""
    legs: dict[str, str] = field(default_factory=dict)
    until: int = 0
    answered_at: int | None = None


@dataclass(slots=True)
class CallingBack:
    """A channel that calls a customer back: the agent's phone rings, then the customer's, then they talk."""

    call_id: str
    offer: str
    extension: str
    ring_seconds: int
    until: int
    stage: str = "agent"
    answered_at: int | None = None


@dataclass(slots=True)
class Word:
    """Something that the routing shall be told. `lasting`: it is told again until it has been taken."""

    channel: str
    tell: Callable[[House], Awaitable[object]]
    lasting: bool = False


class Storm:
    """The world around two replicas."""

    def __init__(self, url: str, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.turnstile = Turnstile(url, self.chance, self.checked)
        self.redis = self.turnstile.redis
        self.redis.flushall()
        self._look = self.redis.register_script(_LOOK)
        self.now = 1_763_780_000_000
        self.callers: dict[str, Caller] = {}
        self.back: list[CallingBack] = []
        self.words: list[Word] = []
        self.agents: dict[int, Agent] = {}
        self.calls: dict[str, Call] = {}
        self.plan = PLANS[0]
        self.phones = dict.fromkeys(PEOPLE, "node1")
        self.wishes: list[str] = []
        """Who kept his place without a line when Redis lost everything."""
        self.trace: deque[str] = deque(maxlen=60)
        self.counts: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        self._number = 0
        self._last_event = "-"

    # -- replicas --------------------------------------------------------------------------------------

    async def open_replica(self) -> Replica:
        """A new replica, which begins by looking at what is there."""
        gate = Gate(self.turnstile)
        house = House(gate, CONFIGURATION)
        house.now = self.now
        house.routing.set_plan(self.plan)
        house.routing.extensions = {agent_id: f"100{agent_id}" for agent_id in PEOPLE}
        house.witness.agents = {f"100{agent_id}": agent_id for agent_id in PEOPLE}
        house.asterisk = self  # type: ignore[assignment]
        house.callbacks._asterisk = self
        house.work._end_leg = self.end_leg
        replica = Replica(gate, house)
        floor, match = house.routing.picture.floor, house.routing.picture.floor.match

        def note(now_ms: int) -> Any:
            replica.known, replica.matched_at = dict(floor.entries), now_ms
            pairs = match(now_ms)
            for pair in pairs:
                del replica.known[pair.entry.call_id]
            return pairs

        floor.match = note  # type: ignore[method-assign]
        house._identify = self._identify  # type: ignore[method-assign]
        house.routing._identify = self._identify
        self.turnstile.replicas.append(replica)
        self.turnstile.begin(replica, house.routing.look_anew())
        return replica

    async def _identify(self, number: str, name: str) -> dict[str, Any]:
        card = dict(CARDS[int(name) % len(CARDS)])
        if int(name) % 7 == 0:
            card |= {"kinds": ["owned"], "owner_agent": 1 + int(name) % 3}
        return {"number": number, "caller_name": name, "customers": []} | card

    def pass_time(self, ms: int) -> None:
        """Time goes on; what rings too long ends."""
        self.now += ms
        for replica in self.turnstile.replicas:
            replica.house.now = self.now
        for caller in [one for one in self.callers.values() if one.phase == "dialled" and one.until <= self.now]:
            self.rings_out(caller)
        for one in [one for one in self.back if one.stage != "talk" and one.until <= self.now]:
            self.back_fails(one, 19, by_phone=False)

    def any_replica(self) -> Replica:
        """One of them."""
        return self.chance.choice(self.turnstile.replicas)

    def do(
        self, what: str, work: Callable[[House], Awaitable[object]], done: Callable[[bool], None] | None = None
    ) -> None:
        """Have some replica do this; `done(whether it came to an end)`."""
        replica = self.any_replica()
        number = self.turnstile.replicas.index(replica)

        async def run() -> None:
            came = False
            try:
                await work(replica.house)
                came = True
            except HotlineError as error:
                came = True
                self.trace.append(f"  {what}: {error.error_id}")
            except RedisError:
                self.trace.append(f"  {what}: connection broke")
            finally:
                if done:
                    done(came)

        self.trace.append(f"{self.now % 10_000_000} r{number} {what}")
        self.counts[what.split(maxsplit=1)[0]] += 1
        self.turnstile.begin(replica, run())

    def say(self, channel: str, tell: Callable[[House], Awaitable[object]], *, lasting: bool = False) -> None:
        """Something happened that Asterisk tells, perhaps."""
        fate = self.chance.random()
        if not lasting and fate < LOST:
            self.trace.append(f"  lost: {channel}")
            return
        self.words.append(Word(channel, tell, lasting))
        if fate > 1 - TWICE:
            self.words.append(Word(channel + "/again", tell))

    def leg_says(self, kind: type[Any], call_id: str, offer: str, extension: str, **more: Any) -> None:
        """A fact of an agent's leg."""
        fact = kind(call_id, offer, extension, f"{extension}/{offer}", self.now, **more)
        self.trace.append(f"  {kind.__name__} {extension} {offer[-13:]} {more or ''}")
        self.say(f"{extension}/{offer}", lambda house: house.witness.take(fact))

    # -- callers and their scripts ---------------------------------------------------------------------

    def arrives(self) -> None:
        """A call comes in."""
        self._number += 1
        called = self.chance.choice(CALLED)
        call_id = f"node{1 + self._number % 2}-1763780000.{self._number}"
        node = call_id.partition("-")[0]
        facts = CallFacts(call_id, node, "PJSIP/trunk", called, "13800138000", str(self._number), self.now)
        caller = self.callers[call_id] = Caller(facts)
        self.asks(caller)

    def asks(self, caller: Caller) -> None:
        """His script asks what to do."""
        caller.asking = True
        told: list[Any] = []
        words = {"answered": caller.answered, "previous": caller.previous, "heard": caller.heard}

        async def ask(house: House) -> None:
            answer, _ = await house.line.wait(caller.facts, **words)  # type: ignore[arg-type]
            told.append(answer)

        def came(_: bool) -> None:
            caller.asking = False
            if told and caller.phase == "asks" and self.chance.random() >= LOST:
                caller.heard = None
                self.told(caller, told[0])

        what = f"asks {caller.facts.call_id} {(caller.previous and caller.previous.dial_status) or ''}"
        self.do(what, ask, came)
        if self.chance.random() < TWICE:
            self.do(f"{what} again", lambda house: house.line.wait(caller.facts, **words))  # type: ignore[arg-type]

    def told(self, caller: Caller, answer: Any) -> None:
        """What the script was told, it does."""
        self.trace.append(f"  {caller.facts.call_id} is told {type(answer).__name__}")
        match answer:
            case Dial():
                self.dials(caller, answer)
            case Say():
                caller.answered = True
            case Ask():
                digits = ["13900139000", "110", ""] if answer.most_digits > 1 else ["1", "1", "2", "9", ""]
                caller.answered, caller.heard = True, Heard(answer.step_id, self.chance.choice(digits))
            case Play() | TakeMessage():
                caller.answered, caller.heard = True, Heard(answer.step_id, seconds=2)
            case PassOn() | Leave():
                self.hangs_up(caller, "system")

    def dials(self, caller: Caller, dial: Dial) -> None:
        """The phones of an offer ring, as far as they are there."""
        caller.offer, caller.phase, caller.previous = dial.offer_id, "dialled", None
        caller.until = self.now + dial.ring_seconds * 1000
        caller.legs = {}
        busy = {ext for one in self.callers.values() for ext in one.legs} | {one.extension for one in self.back}
        for endpoint in dial.endpoints:
            extension = endpoint.partition("@")[0]
            if self.phones[int(extension[3:])] and extension not in busy:
                caller.legs[extension] = "ringing"
            else:
                cause = 20 if extension not in busy else 17
                self.counts["rung while busy"] += extension in busy
                self.leg_says(
                    LegEnded, caller.facts.call_id, dial.offer_id, extension, cause=cause, hung_up_by_phone=False
                )
        if not caller.legs:
            self.back_from_dial(caller, "CHANUNAVAIL", 20)

    def back_from_dial(self, caller: Caller, status: str, cause: int) -> None:
        """The dialling is over; the script asks again."""
        caller.legs, caller.phase = {}, "asks"
        caller.previous = OfferOver(caller.offer, status, cause, self.now)

    def ends_leg(self, caller: Caller, extension: str, cause: int, *, by_phone: bool = False) -> None:
        """A phone of this caller's stops."""
        caller.legs.pop(extension, None)
        call_id = caller.facts.call_id
        self.leg_says(LegEnded, call_id, caller.offer, extension, cause=cause, hung_up_by_phone=by_phone)

    def rings(self, caller: Caller) -> None:
        """Something happens while phones ring."""
        extension = self.chance.choice(sorted(caller.legs))
        call_id, offer = caller.facts.call_id, caller.offer
        match self.chance.choice(["rings", "rings", "answers", "answers", "answers", "declines", "leaves", "fails"]):
            case "rings":
                self.leg_says(LegRinging, call_id, offer, extension)
            case "answers":
                others = [other for other in caller.legs if other != extension]
                too = [other for other in others if self.chance.random() < 0.3]
                seen = [extension, *too]
                self.chance.shuffle(seen)
                for one in seen:
                    self.leg_says(LegAnswered, call_id, offer, one)
                for other in others:
                    self.ends_leg(caller, other, 26)
                caller.phase, caller.legs, caller.answered_at = "talks", {extension: "up"}, self.now
                caller.answered = True
            case "declines":
                self.ends_leg(caller, extension, 21, by_phone=True)
                if not caller.legs:
                    self.back_from_dial(caller, "BUSY", 21)
            case "fails":
                self.ends_leg(caller, extension, 38)
                if not caller.legs:
                    self.back_from_dial(caller, "CONGESTION", 38)
            case _:
                self.hangs_up(caller)

    def rings_out(self, caller: Caller) -> None:
        """Nobody answered, or one just too late."""
        for extension in tuple(caller.legs):
            if self.chance.random() < 0.1:
                self.leg_says(LegAnswered, caller.facts.call_id, caller.offer, extension)
            self.ends_leg(caller, extension, 19)
        self.back_from_dial(caller, "NOANSWER", 19)

    def talks(self, caller: Caller) -> None:
        """Something happens in a talk."""
        (extension,) = caller.legs
        match self.chance.choice(["holds", "caller", "caller", "agent", "agent", "lost"]):
            case "holds":
                for kind in (LegHeld, LegResumed):
                    self.leg_says(kind, caller.facts.call_id, caller.offer, extension)
            case "agent":
                self.ends_leg(caller, extension, 16, by_phone=True)
                self.hangs_up(caller, "agent")
            case "lost":
                self.loses_leg(caller)
            case _:
                self.hangs_up(caller)

    def loses_leg(self, caller: Caller) -> None:
        """The phone is gone, or the page asked to be rung again."""
        (extension,) = caller.legs
        self.ends_leg(caller, extension, 44)
        self.back_from_dial(caller, "ANSWER", 44)

    async def end_leg(self, channel: str) -> None:
        """The service ends an agent's leg and keeps the caller."""
        if self.chance.random() < 0.1:
            raise UnavailableError
        for caller in self.callers.values():
            if caller.phase == "talks" and f"{next(iter(caller.legs))}/{caller.offer}" == channel:
                self.loses_leg(caller)
                return

    def hangs_up(self, caller: Caller, by: str = "caller") -> None:
        """The call is over; its script tells it sooner or later."""
        answered_at = caller.answered_at if caller.phase == "talks" else None
        for extension in tuple(caller.legs):
            self.ends_leg(caller, extension, 16)
        report = Ended(self.now, caller.offer, answered_at, by, 16, fallback=False)
        caller.phase = "gone"
        self.trace.append(f"  {caller.facts.call_id} hangs up")
        self.say(caller.facts.call_id, lambda house: house.routing.ended(caller.facts, report), lasting=True)

    # -- calling back ----------------------------------------------------------------------------------

    async def originate(self, **what: Any) -> None:
        """An agent's phone is rung, to call a customer back."""
        if self.chance.random() < 0.05:
            raise UnavailableError
        until = self.now + what["agent_seconds"] * 1000
        one = CallingBack(what["call_id"], what["offer_id"], what["extension"], what["ring_seconds"], until)
        self.trace.append(f"  originates {one.extension} for {one.call_id}")
        self.back.append(one)

    def calls_back(self, one: CallingBack) -> None:
        """Something happens on the way to a customer, or in the talk with him."""
        fate = self.chance.random()
        if one.stage == "agent":
            if fate < 0.3:
                self.leg_says(LegRinging, one.call_id, one.offer, one.extension)
            elif fate < 0.9:
                called = [other for other in self.back if other.call_id == one.call_id and other.stage != "agent"]
                assert not called, f"the customer of {one.call_id} is rung twice"
                self.counts["calls back"] += 1
                one.stage, one.until = "customer", self.now + one.ring_seconds * 1000
                self.leg_says(LegAnswered, one.call_id, one.offer, one.extension)
            else:
                self.back_fails(one, 21, by_phone=True)
        elif one.stage == "customer":
            if fate < 0.5:
                one.stage, one.answered_at = "talk", self.now
                at = self.now
                self.say(one.offer, lambda house: house.callbacks.customer_answered(one.call_id, one.offer, at))
            else:
                self.back_fails(one, 17, by_phone=fate < 0.7)
        else:
            self.back_fails(one, 16, by_phone=fate < 0.5)

    def back_fails(self, one: CallingBack, cause: int, *, by_phone: bool) -> None:
        """The channels of a callback are gone."""
        self.back.remove(one)
        self.leg_says(LegEnded, one.call_id, one.offer, one.extension, cause=cause, hung_up_by_phone=by_phone)
        if one.stage != "agent":
            status = "ANSWER" if one.answered_at else "NOANSWER"
            report = CallbackOver(one.offer, status, cause, one.answered_at, self.now, "caller")
            self.trace.append(f"  callback {one.call_id} over {status}")
            self.say(one.call_id, lambda house: house.callbacks.over(one.call_id, report), lasting=True)

    # -- agents ----------------------------------------------------------------------------------------

    def agent_acts(self, agent_id: int) -> None:
        """An agent does something at his desk."""
        state, call_id = self.agents[agent_id].state, self.agents[agent_id].call
        fate = self.chance.random()
        if state == "talking" and fate < 0.1:
            self.do(f"reconnects {agent_id}", lambda house: house.work.reconnect(agent_id))
        elif state in ("wrapup", "talking") and fate < 0.6:
            outcome = {"call_type": "repair"}
            self.do(f"finishes {agent_id}", lambda house: house.work.finish(agent_id, call_id, outcome))
        elif state == "wrapup" and fate < 0.7:
            self.do(f"extends {agent_id}", lambda house: house.work.extend_wrapup(agent_id))
        else:
            wanted = AgentState.READY
            if state == "ready" or fate < 0.1:
                wanted = self.chance.choice([AgentState.PAUSED, AgentState.SIGNED_OUT, AgentState.READY])
            if state == "ready" and fate < 0.7:
                return
            self.do(f"wants {agent_id} {wanted.value}", lambda house: house.work.set_state(agent_id, wanted, "break"))

    def phone_moves(self, agent_id: int) -> None:
        """A phone registers, or is gone; it says so from its node."""
        was = self.phones[agent_id]
        self.phones[agent_id] = self.chance.choice(["node1", "node2", ""] if was else ["node1", "node2"])
        if was and was != self.phones[agent_id]:
            gone = PhoneReachable(was, f"100{agent_id}", reachable=False)
            self.say(f"phone/{agent_id}", lambda house: house.witness.take(gone))
        if self.phones[agent_id]:
            here = PhoneReachable(self.phones[agent_id], f"100{agent_id}", reachable=True)
            self.say(f"phone/{agent_id}", lambda house: house.witness.take(here))

    def hire(self) -> None:
        """The roster is brought into the live queue."""
        for agent_id in PEOPLE.keys() - self.plan.people.keys():
            self.do(f"fires {agent_id}", lambda house, of=agent_id: house.live.forget_agent(of, self.now))
        for agent_id, person in self.plan.people.items():
            queues = ",".join(one.queue_id for one in person.memberships)
            self.do(f"hires {agent_id}", lambda house, of=agent_id, queues=queues: house.agent(of, queues))

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
        changed = sorted({int(one) for one in answer[4::3]})
        call = step.get("call")
        self.counts["second"] += bool(call and (call.get("set") or {}).get("second"))
        self.counts["away"] += answer[2] == "away"
        self.moves.update(str(one.get("move")) for one in step.get("agents", ()) if int(one["id"]) in changed)
        if call and "offered" in (call.get("moves") or {}).values() and "waiting" in call["moves"]:
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
            *fields, calling, callback, second, places = [one or "" for one in row]
            call = self.calls[call_id] = Call(*fields, bool(calling), bool(callback), second)
            call.state = call.state or "new"
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
                place = (AgentState(row["from"]), AgentMove(row["move"] or "finish"))
                assert AGENT_TABLE.get(place) == row["to"], f"not in the table: {row}"
        self.redis.xtrim("cc:events", maxlen=1)

    async def morning_after(self) -> None:
        """Everything lost is told by whoever compares with Asterisk, and long enough passes: nobody is stuck."""
        for _ in range(3):
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
            caller = self.callers.get(call_id)
            there = (caller is not None and caller.phase != "gone") or call.callback
            there = there or any(one.call_id == call_id for one in self.back)
            assert there, f"{call_id} is {call.state}, and nobody is there"
        for call_id, caller in tuple(self.callers.items()):
            if caller.phase == "gone":
                del self.callers[call_id]
            else:
                assert call_id in self.calls or caller.asking, f"{call_id} is forgotten"
        for agent_id, agent in self.agents.items():
            call = self.calls.get(agent.call)
            assert agent.state not in BUSY or call, f"{agent_id} is stuck"

    async def _compare(self) -> None:
        """What a reconciler does, in its plainest form."""
        replica = self.any_replica()
        house = replica.house
        extensions = house.witness.agents

        async def compare() -> None:
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
            if self.wishes:
                await house.callbacks.restore(self)
                self.wishes.clear()
            for call_id, call in tuple(self.calls.items()):
                one = self.callers.get(call_id)
                called = any(one.call_id == call_id for one in self.back)
                if not call.callback and not called and (one is None or one.phase == "gone"):
                    facts = CallFacts(call_id, "node1", "", "", "", "1", self.now)
                    await house.routing.ended(facts, Ended(self.now, "", None, "system", 0, fallback=False))
            for call_id in await house.live.due("cc:leases", self.now):
                call = await house.live.call(call_id)
                await house.routing.offer_over(call, OfferOver(call.offer_id, "CANCEL", 0, self.now))
            for agent_id, phone in self.phones.items():
                await house.witness.phone(agent_id, bool(phone), phone or self._home(agent_id))

        with suppress(RedisError):
            await self._alone(replica, compare())

    def _home(self, agent_id: int) -> str:
        return self.redis.hget(f"cc:agent:{agent_id}", "node") or "node1"

    async def crash(self) -> None:
        """One replica is gone at whatever it was doing; a new one takes its place."""
        self.trace.append("a replica crashes")
        self.counts["crashes"] += 1
        await self.turnstile.crash(self.any_replica())
        for caller in self.callers.values():
            caller.asking = False
        await self.open_replica()


LOST = 0.02
TWICE = 0.03


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
                if not await storm.turnstile.turn():
                    break
            if number % 40 == 0:
                await storm.calm()
            if storm.chance.random() < 0.003:
                await storm.crash()
            if storm.chance.random() < 0.002:
                storm.plan_changes()
            if storm.chance.random() < 0.0007:
                storm.loses_everything()
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
