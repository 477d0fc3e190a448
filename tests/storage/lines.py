"""One replica of the routing over a real Redis, with a clock that the test moves, and sounds that are names."""

from typing import Any

from callcenter.asterisk.model import CallingBack, LegAnswered, LegEnded
from callcenter.configuration.model import Configuration, Menu, PauseReason, Queue
from callcenter.routing.callbacks import Callbacks
from callcenter.routing.desk import DeskWork
from callcenter.routing.line import Line
from callcenter.routing.model import AgentState, CallState, Membership
from callcenter.routing.plan import Person, Plan
from callcenter.routing.script import Answer, CallFacts, Ended, Heard, OfferOver
from callcenter.routing.service import Routing
from callcenter.routing.store import LiveAgent, LiveQueue, Part
from callcenter.routing.witness import Witness

CONFIGURATION = Configuration(
    queues=[
        Queue(queue_id="service", name_zh="客服", name_en="Service", numbers=["4008001234"]),
        Queue(queue_id="complaint", name_zh="投诉", name_en="Complaints", numbers=["4008001235"]),
    ],
    pause_reasons=[PauseReason(code="break", name_zh="小休", name_en="Break")],
)
AGENTS = {1: "service", 2: "service,complaint", 3: "complaint"}


class SilentDesks:
    """Nobody looks."""

    async def push(self, agent_id: int, seq: int) -> None:
        """Nothing to show."""


async def ignore(*_: object) -> None:
    """Nothing is to be done."""


class NobodyListens:
    """No supervisor is at a conversation."""

    async def leave(self, supervisor: LiveAgent) -> bool:
        """He is at none."""
        return False


class NamedVoice:
    """Each sound is its prompt's name."""

    def prompts(self, language: str, *names: str) -> tuple[str, ...]:
        """The names."""
        return names

    def menu(self, language: str, menu: Menu) -> tuple[str, ...]:
        """One word a key."""
        return tuple(f"key-{one.key}" for one in menu.keys)

    def place(self, language: str, place: int | None, expected_seconds: float | None) -> tuple[str, ...]:
        """The place and the wait."""
        return (f"place-{place}", f"wait-{expected_seconds}")

    def callback_offer(self, language: str, key: str) -> tuple[str, ...]:
        """The key."""
        return (f"callback-{key}",)

    def number(self, language: str, number: str) -> tuple[str, ...]:
        """The number."""
        return (f"number-{number}",)


class World:
    """Open, with room, with somebody there, unless a test says otherwise."""

    open = True
    waiting = 0
    somebody = True
    duty: str | None = None

    def is_open(self, queue: Queue) -> bool:
        """As the test says."""
        return self.open

    async def waiting_in(self, queue_id: str) -> int:
        """As the test says."""
        return self.waiting

    async def somebody_serves(self, queue_id: str) -> bool:
        """As the test says."""
        return self.somebody

    def hear_keys(self, call_id: str) -> None:
        """The test presses them itself."""

    def duty_number(self) -> str | None:
        """As the test says."""
        return self.duty

    def dialled_form(self, number: str) -> str | None:
        """Eleven digits are a number."""
        return number if len(number) == 11 else None


class NotedOrigination:
    """Asterisk as a note of whom it was told to ring."""

    def __init__(self) -> None:
        self.rung: list[CallingBack] = []

    async def originate(self, ring: CallingBack) -> None:
        """Note it."""
        self.rung.append(ring)


class House:
    """One replica over a Redis, with a clock that the test moves."""

    def __init__(self, redis: Any, configuration: Configuration = CONFIGURATION) -> None:
        self.now = 1_763_780_000_000
        self.live = LiveQueue(redis)
        people = {
            agent_id: Person(tuple(Membership(queue) for queue in queues.split(",")), ())
            for agent_id, queues in AGENTS.items()
        }
        self.card: dict[str, Any] = {}
        self.world, self.asterisk, desks = World(), NotedOrigination(), SilentDesks()
        self.routing = Routing(
            self.live, self._identify, desks, lambda: self.now, plan=Plan(configuration, people), today=lambda: "day"
        )
        self.line = Line(self.routing, NamedVoice(), self.world, lambda: self.now)
        self.work = DeskWork(self.routing, lambda: self.now, ignore, ignore)
        self.callbacks = Callbacks(self.routing, self.asterisk, desks, lambda: self.now)
        self.witness = Witness(self.work, self.callbacks, desks)
        self.witness.moment_seconds = 0  # tests say in which order things come
        self.witness.agents = {f"100{agent_id}": agent_id for agent_id in AGENTS}

    async def _identify(self, number: str, name: str) -> dict[str, Any]:
        return {"number": number, "caller_name": name, "customers": []} | self.card

    def configure(self, **changes: Any) -> None:
        """Change the queue `service`; `menus`, `skills`, `caller_rules` and the like change the whole."""
        whole = self.routing.plan.configuration.model_dump()
        own = {name: changes.pop(name) for name in list(changes) if name in Configuration.model_fields}
        whole["queues"][0] |= changes
        people = self.routing.plan.people
        self.routing.set_plan(Plan(Configuration.model_validate(whole | own), people))

    def employ(self, agent_id: int, *queues: str, opens_after: int = 0, **skills: int) -> None:
        """Give an agent his queues and skills."""
        memberships = tuple(Membership(queue, opens_after * 1000) for queue in queues)
        plan = self.routing.plan
        people = {**plan.people, agent_id: Person(memberships, tuple(skills.items()))}
        self.routing.set_plan(Plan(plan.configuration, people))

    async def ready(self, *agent_ids: int) -> None:
        """These agents come, a second apart, and take calls."""
        for agent_id in agent_ids:
            await self.agent(agent_id, ",".join(one.queue_id for one in self.routing.plan.people[agent_id].memberships))
            await self.work.set_state(agent_id, AgentState.READY)
            self.now += 1000

    async def state(self, agent_id: int) -> str:
        """Where an agent stands."""
        return (await self.live.agent(agent_id)).state.value

    async def rung(self, facts: CallFacts) -> tuple[int, ...]:
        """Whose phones ring for this call."""
        call = await self.live.call(facts.call_id)
        return call.rung if call.state is CallState.OFFERED else ()

    async def answers(self, agent_id: int, facts: CallFacts) -> None:
        """This agent's phone answers what it is offered; those that rang beside it stop."""
        call = await self.live.call(facts.call_id)
        leg = (facts.call_id, call.offer_id)
        await self.witness.take(LegAnswered(*leg, f"100{agent_id}", f"leg-{agent_id}", self.now))
        for other in call.rung:
            if other != agent_id:
                over = LegEnded(*leg, f"100{other}", f"leg-{other}", self.now, cause=26, hung_up_by_phone=False)
                await self.witness.take(over)

    async def rings_in_vain(self, facts: CallFacts, status: str = "NOANSWER", cause: int = 0) -> None:
        """The open offer comes to nothing."""
        call = await self.live.call(facts.call_id)
        await self.routing.offer_over(call, OfferOver(call.offer_id, status, cause, self.now))
        await self.routing.match()

    async def hangs_up(self, facts: CallFacts, by: str = "caller") -> None:
        """The call is over, as its script reports."""
        call = await self.live.call(facts.call_id)
        await self.routing.ended(facts, Ended(self.now, call.offer_id, None, by, 16, fallback=False))

    async def told(self, facts: CallFacts) -> list[str]:
        """The kinds of the facts of this call, in order."""
        entries = await self.live.redis.xrange("cc:events")
        return [entry["kind"] for _, entry in entries if entry["call"] == facts.call_id]

    async def agent(self, agent_id: int, queues: str = "service") -> None:
        facts = {"extension": f"100{agent_id}", "queues": queues, "online": "1", "name": "A", "kind": "desk"}
        await self.live.step(self.now, agent=Part(agent_id, set=facts))

    def facts(self, number: int, called: str = "4008001234") -> CallFacts:
        return CallFacts(f"node1-1763780000.{number}", "node1", "PJSIP/trunk-1", called, "13800138000", "", self.now)

    async def enter(self, number: int, queue_id: str = "service") -> CallFacts:
        """A call in line, without its script's long poll."""
        facts = self.facts(number, self.routing.plan.queues[queue_id].numbers[0])
        await self.turn(facts)
        return facts

    async def turn(self, facts: CallFacts, heard: Heard | None = None, *, answered: bool = False) -> Answer | None:
        """What the script of this call is told now, without its long poll; None: to ask again."""
        call = await self.live.call(facts.call_id)
        answer, _ = await self.line._look(call, facts, answered, None, heard)
        if answer is None:
            answer, _ = await self.line._look(await self.live.call(facts.call_id), facts, answered, None, None)
        return answer
