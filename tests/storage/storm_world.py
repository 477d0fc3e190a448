"""What Asterisk and people do while it storms: scripts poll and dial, phones ring, answer and decline, agents come and
go, reports come late, twice or never.
"""

import random
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from callcenter.asterisk.model import (
    CallingBack,
    Channel,
    LegAnswered,
    LegEnded,
    LegHeld,
    LegResumed,
    LegRinging,
    PhoneReachable,
)
from callcenter.errors import HotlineError, UnavailableError
from callcenter.routing.model import AgentState
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
from callcenter.routing.talks import Talks
from callcenter.staff.model import Actor
from callcenter.supervision.calls import CallActs
from callcenter.transfers.service import Transfers
from tests.storage.gate import Gate, Replica, Turnstile
from tests.storage.lines import House, NobodyListens
from tests.storage.storm_set import CALLED, CARDS, CONFIGURATION, PEOPLE, PLANS

LOST = 0.02
TWICE = 0.03
"""How often a word is lost, and how often it comes twice."""


class NotedAudit:
    """A log that takes everything."""

    async def execute(self, *_: object) -> str:
        """Written."""
        return ""


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


@dataclass(slots=True)
class Caller:
    """A caller and his script on a node. `legs`: the phones that ring or talk -> "ringing" or "up"."""

    facts: CallFacts
    arriving: bool = True
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
class BackCall:
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


class World(ABC):
    """The world around two replicas."""

    def __init__(self, url: str, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.turnstile = Turnstile(url, self.chance, self.checked)
        self.redis = self.turnstile.redis
        self.redis.flushall()
        self.now = 1_763_780_000_000
        self.callers: dict[str, Caller] = {}
        self.back: list[BackCall] = []
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

    @abstractmethod
    def checked(self, replica: Replica, step: Mapping[str, Any], answer: list[Any]) -> None:
        """Told of every step of the live queue right after it."""

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
        house.work.end_leg = self.end_leg
        replica = Replica(gate, house)
        floor, match = house.routing.picture.floor, house.routing.picture.floor.match

        def note(now_ms: int) -> Any:
            replica.known, replica.matched_at = dict(floor.entries), now_ms
            pairs = match(now_ms)
            for pair in pairs:
                replica.matched[pair.entry.call_id] = replica.known.pop(pair.entry.call_id)
            return pairs

        floor.match = note  # type: ignore[method-assign]
        house._identify = self._identify  # type: ignore[method-assign]
        house.routing._identify = self._identify
        self.turnstile.replicas.append(replica)
        self.turnstile.begin(replica, self._looks_anew(house))
        return replica

    async def _looks_anew(self, house: House) -> None:
        while True:
            with suppress(RedisError):
                await house.routing.look_anew()
                return

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
        words["arriving"] = caller.arriving

        async def ask(house: House) -> None:
            answer, _ = await house.line.wait(caller.facts, **words)  # type: ignore[arg-type]
            told.append(answer)

        def came(_: bool) -> None:
            caller.asking = False
            if told and caller.phase == "asks" and self.chance.random() >= LOST:
                caller.heard, caller.arriving = None, False
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
            case PassOn(_, step) if step and self.chance.random() < 0.5:
                caller.previous = OfferOver(step, "NOANSWER", 19, self.now)
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
            extension = channel.partition("/")[0]
            if channel != f"{extension}/{caller.offer}" or extension not in caller.legs:
                continue
            if caller.phase == "talks":
                self.loses_leg(caller)
                return
            self.ends_leg(caller, extension, 44)
            if not caller.legs:
                self.back_from_dial(caller, "CHANUNAVAIL", 44)
        for one in [one for one in self.back if f"{one.extension}/{one.offer}" == channel]:
            self.back_fails(one, 44, by_phone=False)

    async def end_call(self, channel: str) -> None:
        """The service ends a call."""
        if self.chance.random() < 0.1:
            raise UnavailableError
        caller = self.callers.get(channel)
        if caller is not None and caller.phase != "gone":
            self.hangs_up(caller)
        for one in [one for one in self.back if f"{one.extension}/{one.offer}" == channel]:
            self.back_fails(one, 16, by_phone=False)

    async def channels(self) -> dict[str, list[Channel]]:
        """The phones that ring or talk."""
        found = [
            Channel(f"{extension}/{one.offer}", one.facts.call_id, one.offer, extension, one.phase == "talks")
            for one in self.callers.values()
            for extension in one.legs
        ]
        found += [
            Channel(f"{one.extension}/{one.offer}", one.call_id, one.offer, one.extension, one.stage != "agent")
            for one in self.back
        ]
        return {"node1": found}

    def supervises(self, call_id: str) -> None:
        """A supervisor, who may be anybody, does something to a call."""
        who = self.chance.choice(sorted(self.agents))
        queue = self.chance.choice(CONFIGURATION.queues).queue_id
        act = self.chance.choice(["takes over", "takes over", "moves", "sends", "raises", "ends"])

        def work(house: House) -> Awaitable[object]:
            desks, nobody = house.routing._desks, NobodyListens()
            acts = CallActs(house.routing, house.callbacks, self, desks, lambda: self.now, listening=nobody)
            match act:
                case "takes over":
                    return acts.take_over(who, call_id)
                case "moves":
                    return acts.move_to_queue(call_id, queue)
                case "sends":
                    return acts.move_to_agent(call_id, who)
                case "raises":
                    return acts.set_priority(call_id, 10)
                case _:
                    return acts.end(call_id)

        self.do(f"{act} {who} {call_id}", work)

    def gives_on(self, agent_id: int) -> None:
        """An agent gives his caller to a colleague, a queue or a number."""
        to = self.chance.choice(["colleague", "colleague", "queue", "number"])
        colleague = self.chance.choice(sorted(self.agents))
        queue = self.chance.choice(CONFIGURATION.queues).queue_id

        def work(house: House) -> Awaitable[object]:
            talks = Talks(house.routing, self, house.routing._desks, lambda: self.now)
            acts = Transfers(house.routing, talks, NotedAudit(), lambda: self.now, house.world.dialled_form)
            match to:
                case "colleague":
                    return acts.to_agent(agent_id, colleague)
                case "queue":
                    return acts.to_queue(agent_id, queue)
                case _:
                    return acts.to_number(Actor(agent_id, "agent"), "13800138001")

        self.do(f"gives-on {agent_id} to {to} {colleague}", work)

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

    async def originate(self, ring: CallingBack) -> None:
        """An agent's phone is rung, to call a customer back."""
        if self.chance.random() < 0.05:
            raise UnavailableError
        until = self.now + ring.agent_seconds * 1000
        one = BackCall(ring.call_id, ring.offer_id, ring.extension, ring.ring_seconds, until)
        self.trace.append(f"  originates {one.extension} for {one.call_id}")
        self.back.append(one)

    def calls_back(self, one: BackCall) -> None:
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

    def back_fails(self, one: BackCall, cause: int, *, by_phone: bool) -> None:
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
        elif state == "talking" and fate < 0.3:
            self.gives_on(agent_id)
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
            self.do(f"fires {agent_id}", partial(self._fire, agent_id))
        for agent_id, person in self.plan.people.items():
            queues = ",".join(one.queue_id for one in person.memberships)
            self._hires(agent_id, queues)

    def _hires(self, agent_id: int, queues: str) -> None:
        def came(done: bool) -> None:
            if not done and self.turnstile.replicas:
                self._hires(agent_id, queues)

        self.do(f"hires {agent_id}", partial(self._hire, agent_id, queues), came)

    async def _fire(self, agent_id: int, house: House) -> None:
        await house.live.forget_agent(agent_id, self.now)

    async def _hire(self, agent_id: int, queues: str, house: House) -> None:
        await house.agent(agent_id, queues)
