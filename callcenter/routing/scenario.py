"""What is simulated: who rings, how often, how long; who answers. As YAML carries it. Pure.

The same words as in the configuration, where it has them.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from callcenter.configuration.fitting import ConfigurationError, refuse_doubles
from callcenter.configuration.model import Name, RingTarget, Seconds, Setting, SkillNeed
from callcenter.routing.model import Membership, Need, QueueRule, Strategy
from callcenter.validation import Line

MOST_CALLS = 1_000_000
"""Of one simulation: half a minute of work."""

MeanSeconds = Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)]


class HandleTimes(StrEnum):
    """How the times that calls take are spread about their mean; both as widely: the deviation equals the mean."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


class SimulatedQueue(Setting):
    """A line and those who ring it, by chance and independently of each other."""

    queue_id: Name = "service"
    calls_an_hour: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
    handle_seconds: MeanSeconds
    """How long an agent has to do with a call, in the mean: talk and wrap-up."""
    handle_times: HandleTimes = HandleTimes.EXPONENTIAL
    patience_seconds: MeanSeconds | None = None
    """After how long a caller gives up, in the mean (exponential); null: never."""
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring_at_once: Annotated[int, Field(ge=2, le=10)] = 3
    priority: Annotated[int, Field(ge=-10, le=10)] = 0
    needs: Annotated[list[SkillNeed], Field(default_factory=list, max_length=10)]
    ring_target: RingTarget = RingTarget()

    @property
    def rule(self) -> QueueRule:
        """As matching knows it."""
        return QueueRule(self.queue_id, self.strategy, self.ring_at_once)

    @property
    def asked(self) -> tuple[Need, ...]:
        """The needs as matching knows them."""
        return tuple(
            Need(need.skill_id, need.level, tuple((one.after_seconds * 1000, one.level) for one in need.relax))
            for need in self.needs
        )


class Place(Setting):
    """A queue that agents serve; its name alone will do."""

    queue_id: Name
    opens_after_seconds: Seconds = 0

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"queue_id": value} if isinstance(value, str) else value


class SimulatedAgents(Setting):
    """So many agents of one kind."""

    count: Annotated[int, Field(ge=1, le=10_000)]
    queues: Annotated[list[Place], Field(min_length=1, max_length=200)] | None = None
    """Null: all queues."""
    skills: Annotated[dict[Name, Annotated[int, Field(ge=1, le=10)]], Field(default_factory=dict)]


class Scenario(Setting):
    """All of it. `seed` chooses the chance: the same seed brings the same callers, whoever answers them."""

    name: Line = ""
    hours: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] = 100
    """How long callers come in. Long: chance evens out."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    answer_rings: Annotated[int, Field(ge=0, le=20)] = 1
    """Agents answer at the end of this ring's tone; 0: at once."""
    priority_step_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    queues: Annotated[list[SimulatedQueue], Field(min_length=1, max_length=200)]
    agents: Annotated[list[SimulatedAgents], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [queue.queue_id for queue in self.queues]
        refuse_doubles(names, "queue")
        served = {membership.queue_id for kind in self.agents for membership in self.memberships(kind)}
        if unknown := served - set(names):
            name = min(unknown)
            raise ConfigurationError(f"There is no queue {name!r}.", f"没有队列“{name}”。")
        if alone := set(names) - served:
            name = min(alone)
            raise ConfigurationError(f"No agent serves the queue {name!r}.", f"没有座席服务队列“{name}”。")
        calls = self.hours * sum(queue.calls_an_hour for queue in self.queues)
        if calls > MOST_CALLS:
            raise ConfigurationError(
                f"That would be {calls:,.0f} calls; {MOST_CALLS:,} at most. Simulate fewer hours.",
                f"这将产生 {calls:,.0f} 通来电，最多 {MOST_CALLS:,} 通。请减少模拟小时数。",
            )
        return self

    def memberships(self, kind: SimulatedAgents) -> tuple[Membership, ...]:
        """The places of agents of this kind, as matching knows them."""
        if kind.queues is None:
            return tuple(Membership(queue.queue_id) for queue in self.queues)
        return tuple(Membership(place.queue_id, place.opens_after_seconds * 1000) for place in kind.queues)
