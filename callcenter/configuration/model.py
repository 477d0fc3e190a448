"""What an administrator sets: queues, menus, hours, skills, caller rules, pause reasons. Pure.

One `Configuration` is the whole of it, as pages show it, as YAML carries it, and as routing runs by it. Each model
refuses what makes no sense by itself; `Configuration` refuses what does not fit together. Numbers that handbooks
name are defaults of a profile, never constants (requirements part 5).
"""

from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from callcenter.configuration import webhook
from callcenter.configuration.fitting import ConfigurationError, problems, refuse_doubles
from callcenter.routing.model import Strategy
from callcenter.validation import Line, Paragraphs, RequiredLine

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
"""The id of a queue, menu, hours, skill or pause reason: it stands in files, keys and addresses."""
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")]
"""A telephone number as it is dialled."""
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
"""A time of day in the department's zone; 24:00 is the end of the day."""
DEFAULT_KEEP_DAYS = 180
"""No handbook says how long recordings are kept."""
Seconds = Annotated[int, Field(ge=0, le=86_400)]


class Setting(BaseModel):
    """Base of all that is set: unknown fields are refused, so that a typing error in a file is heard of."""

    model_config = ConfigDict(extra="forbid")


# -- where a call goes ---------------------------------------------------------------------------------


class ToQueue(Setting):
    """Into a queue's line."""

    kind: Literal["queue"] = "queue"
    queue_id: Name


class ToMenu(Setting):
    """To a menu of keys."""

    kind: Literal["menu"] = "menu"
    menu_id: Name


class ToNumber(Setting):
    """Out over the trunk to another number (a duty phone, a branch)."""

    kind: Literal["number"] = "number"
    number: Number


class ToDuty(Setting):
    """Out over the trunk to whoever holds the duty phone by the roster (HRS-03); when nobody does, to a message."""

    kind: Literal["duty"] = "duty"


class ToMessage(Setting):
    """A message is recorded; it becomes a task to ring back (TEL-25, HRS-06)."""

    kind: Literal["message"] = "message"


class ToCallback(Setting):
    """The caller is offered to be called back, keeping his place in this queue."""

    kind: Literal["callback"] = "callback"


class ToEnd(Setting):
    """The caller hears a last word and the call ends."""

    kind: Literal["end"] = "end"


Destination = Annotated[
    ToQueue | ToMenu | ToNumber | ToDuty | ToMessage | ToCallback | ToEnd, Field(discriminator="kind")
]
"""Where a call goes. `duty`, `message` and `callback` are of the queue that the call stands in."""


# -- rings ---------------------------------------------------------------------------------------------


class RingTargetKind(StrEnum):
    """How the handbooks word a ring target."""

    WITHIN = "within"
    BEFORE = "before"
    AFTER = "after"


class RingTarget(Setting):
    """By which ring a caller is to be answered: within 3 (TEL-04), before the 3rd (TEL-03), after 2 (TEL-01)."""

    kind: RingTargetKind = RingTargetKind.WITHIN
    rings: Annotated[int, Field(ge=1, le=20)] = 3

    @property
    def last_ring(self) -> int:
        """The last ring in which an answer is in time."""
        return max(1, self.rings - 1) if self.kind is RingTargetKind.BEFORE else self.rings


class Cadence(Setting):
    """A ringing tone: seconds of tone, seconds of silence. Null in the configuration: the country's own."""

    tone_seconds: Annotated[float, Field(ge=0.1, le=10)]
    silence_seconds: Annotated[float, Field(ge=0.1, le=20)]


# -- queues --------------------------------------------------------------------------------------------


class Relaxation(Setting):
    """After so many seconds in line this level will do; 0: the skill is not asked for any more."""

    after_seconds: Annotated[int, Field(ge=1, le=86_400)]
    level: Annotated[int, Field(ge=0, le=10)]


class SkillNeed(Setting):
    """A skill that a queue's callers need, at least at `level`; without `relax` strictly so (CAT-11)."""

    skill_id: Name
    level: Annotated[int, Field(ge=1, le=10)] = 1
    relax: Annotated[list[Relaxation], Field(max_length=10)] = []

    @model_validator(mode="after")
    def _falls(self) -> Self:
        steps = [(0, self.level)] + [(one.after_seconds, one.level) for one in self.relax]
        if any(after >= later or lower >= level for (after, level), (later, lower) in pairwise(steps)):
            raise ConfigurationError(
                "Each step of relaxing must come later and ask for a lower level.", "放宽步骤须依次更晚且级别更低。"
            )
        return self


class Member(Setting):
    """An agent who serves a queue. `opens_after_seconds`: only callers who have waited that long are his."""

    username: RequiredLine
    opens_after_seconds: Seconds = 0


class Overflow(Setting):
    """Where a caller goes who has waited so many rings or seconds. Exactly one of the two is given."""

    after_rings: Annotated[int, Field(ge=1, le=500)] | None = None
    after_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    to: Destination

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.after_rings is None) == (self.after_seconds is None):
            raise ConfigurationError("Give either rings or seconds.", "请只填写响铃声数或秒数之一。")
        return self


class Announcements(Setting):
    """What a waiting caller is told between the music: his place in line, how long it may take."""

    position: bool = True
    expected_wait: bool = True
    first_after_seconds: Annotated[int, Field(ge=5, le=3600)] = 15
    """After the apology, which is to be heard to its end."""
    every_seconds: Annotated[int, Field(ge=20, le=3600)] = 60
    """Not more often than every 20 s: he is to hear music, not us."""


class Callback(Setting):
    """How a caller may keep his place without staying on the line."""

    key: Key | None = "1"
    """The key that a waiting caller presses; null: he can't."""
    offer_after_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long he has waited before he is told of the key."""
    at_closing: bool = True
    """Callers who come when the queue is closed, or are in line when it closes, are offered it."""
    ring_seconds: Annotated[int, Field(ge=10, le=120)] = 30
    retry_after_minutes: Annotated[list[Annotated[int, Field(ge=1, le=1440)]], Field(max_length=5)] = [10, 60]
    """When the customer does not answer: rung again after so many minutes, once for each; then a task is left."""


class Alarms(Setting):
    """When supervisors are told that a queue is not served as it should be (MON-01, MON-03); null: they are not."""

    waiting: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """So many callers wait, or more."""
    longest_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = 60
    """Somebody has waited so long: the one response time that the handbooks give in seconds (TEL-05)."""
    service_level_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Today's service level is below that."""
    service_level_calls: Annotated[int, Field(ge=1, le=100_000)] = 20
    """The service level says nothing before so many callers of today were answered or gave up."""
    abandoned: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """So many gave up in line or while a phone rang, within the last quarter of an hour."""
    no_agent: bool = True
    """Nobody is signed in while the queue is open: its callers can't be reached (TEL-06, HRS-01)."""


class OutcomeRule(StrEnum):
    """What becomes of a call whose outcome is not saved."""

    OFF = "off"
    """Nothing: the wrap-up ends by itself, and nobody counts the call."""
    COUNTED = "counted"
    """Time alone does not end the wrap-up; the call is counted, and is in the agent's list until he writes it down."""
    BEFORE_READY = "before_ready"
    """Besides, its agent is not ready before: when the time of his wrap-up is over he is paused (`outcome_missing`)."""


def _rule_of(given: object) -> object:
    """What was set, and stands in files, from before there were three: whether the outcome is required."""
    told = str(given).lower() if isinstance(given, bool | str) else ""
    return {"true": OutcomeRule.COUNTED, "false": OutcomeRule.OFF}.get(told, given)


RecordingRule = Literal["never", "on_demand", "always"]


class Recording(Setting):
    """Whether a queue's talks are recorded: never, when the agent says so, or all of them. A caller who may be recorded
    is told before he is connected.
    """

    rule: RecordingRule = "never"
    keep_days: Annotated[int, Field(ge=1, le=3650)] = DEFAULT_KEEP_DAYS
    """After so many days a recording is deleted, unless somebody holds it."""


class Queue(Setting):
    """A line of callers and how they are served."""

    queue_id: Name
    name_zh: RequiredLine
    name_en: RequiredLine
    numbers: Annotated[list[Number], Field(max_length=50)] = []
    """Called numbers (DNIS) that lead here directly; a call to no known number goes to the first queue."""
    strategy: Strategy = Strategy.LONGEST_IDLE
    ring_at_once: Annotated[int, Field(ge=2, le=10)] = 3
    """With strategy `ring_several`: how many phones ring together."""
    priority: Annotated[int, Field(ge=-10, le=10)] = 0
    """Added to each caller's; a step is worth `Configuration.priority_step_seconds` of waiting."""
    ring_target: RingTarget = RingTarget()
    response_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    """The second target: a caller is spoken to within so many seconds (TEL-05)."""
    offer_rings: Annotated[int, Field(ge=1, le=20)] = 4
    """An offer rings an agent for so many rings, then goes on."""
    apology_ring: Annotated[int, Field(ge=1, le=60)] = 5
    """From this ring on the caller is answered and hears the apology, and the agent says it first (TEL-02)."""
    greet_first: bool = False
    """Answer at once and greet (prompt `greeting`), instead of letting the caller hear ringing."""
    announcements: Announcements = Announcements()
    callback: Callback = Callback()
    needs: Annotated[list[SkillNeed], Field(max_length=10)] = []
    owner_rings: Annotated[int, Field(ge=0, le=20)] = 0
    """The customer's first-contact owner is tried first for so many rings, if he is ready (OWN-04); 0: he is not."""
    overflow: Annotated[list[Overflow], Field(max_length=10)] = []
    most_waiting: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Callers beyond that go to `full` at once."""
    full: Destination = ToMessage()
    hours_id: Name | None = None
    """Null: open at all hours (HRS-01)."""
    closed: Destination = ToMessage()
    nobody: Destination | None = None
    """Where callers go while no agent of the queue is signed in; null: they wait."""
    pause_after_misses: Annotated[int, Field(ge=1, le=20)] = 1
    """An agent who missed so many offers in a row is paused."""
    wrapup_seconds: Annotated[int, Field(ge=5, le=3600)] | None = None
    """After so long in wrap-up the agent is ready again; null: when he says so."""
    wrapup_extension_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """How much longer he may ask for, once a call."""
    outcome_required: Annotated[OutcomeRule, BeforeValidator(_rule_of)] = OutcomeRule.COUNTED
    alarms: Alarms = Alarms()
    recording: Recording = Recording()
    members: Annotated[list[Member], Field(max_length=10_000)] | None = None
    """Null in a file: those it has; for a new queue everybody with a phone."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_doubles((need.skill_id for need in self.needs), "skill")
        refuse_doubles((member.username.casefold() for member in self.members or ()), "member")
        refuse_doubles(self.numbers, "number")
        return self


# -- menus ---------------------------------------------------------------------------------------------


class MenuKey(Setting):
    """One key of a menu, the service it stands for (CAT-01), and where it leads."""

    key: Key
    name_zh: RequiredLine
    name_en: RequiredLine
    to: Destination
    call_type: Name | None = None
    """The call type that the agent's form begins with."""


class Menu(Setting):
    """A caller hears the choices and presses a key."""

    menu_id: Name
    name_zh: RequiredLine
    name_en: RequiredLine
    numbers: Annotated[list[Number], Field(max_length=50)] = []
    text_zh: Paragraphs = ""
    """What is said; empty: made from the keys ("咨询请按 1")."""
    text_en: Paragraphs = ""
    keys: Annotated[list[MenuKey], Field(min_length=1, max_length=12)]
    timeout_seconds: Annotated[int, Field(ge=2, le=30)] = 6
    tries: Annotated[int, Field(ge=1, le=5)] = 2
    otherwise: Destination
    """Where a caller goes who presses nothing, or nothing that is there."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_doubles((one.key for one in self.keys), "key")
        refuse_doubles(self.numbers, "number")
        return self


# -- hours ---------------------------------------------------------------------------------------------


class Span(Setting):
    """From a time of day to a later one; a lunch break is the gap between two spans."""

    start: Time
    end: Time

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start >= self.end:
            raise ConfigurationError("The end must be later than the start.", "结束时间须晚于开始时间。")
        return self


def _one_after_another(spans: list[Span]) -> list[Span]:
    if any(later.start < earlier.end for earlier, later in pairwise(spans)):
        raise ConfigurationError("Spans come in order and do not overlap.", "时间段须按先后排列且不得重叠。")
    return spans


Spans = Annotated[list[Span], Field(max_length=6), AfterValidator(_one_after_another)]
"""The open times of a day, in order."""


class Week(Setting):
    """The spans of each day of the week."""

    monday: Spans = []
    tuesday: Spans = []
    wednesday: Spans = []
    thursday: Spans = []
    friday: Spans = []
    saturday: Spans = []
    sunday: Spans = []


class HoursException(Setting):
    """One date that is different; no spans: closed."""

    day: date
    name: Annotated[Line, Field(max_length=100)] = ""
    spans: Spans = []


class Hours(Setting):
    """When queues are open, in the department's zone."""

    hours_id: Name
    name_zh: RequiredLine
    name_en: RequiredLine
    week: Week
    china_holidays: bool = True
    """China's public holidays have `holiday` spans, and weekends swapped into work days have Monday's."""
    holiday: Spans = []
    exceptions: Annotated[list[HoursException], Field(max_length=1000)] = []
    """These come before everything else."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_doubles((one.day.isoformat() for one in self.exceptions), "day")
        return self


# -- people and callers --------------------------------------------------------------------------------


class Skill(Setting):
    """Something agents know at levels 1 to 10; `agents` is who knows it (username -> level)."""

    skill_id: Name
    name_zh: RequiredLine
    name_en: RequiredLine
    agents: Annotated[dict[RequiredLine, Annotated[int, Field(ge=1, le=10)]], Field(max_length=10_000)] | None = None
    """Null in a file: those who have it keep it."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_doubles((username.casefold() for username in self.agents or ()), "member")
        return self


class PauseReason(Setting):
    """Why an agent takes no calls by his own choice."""

    code: Name
    name_zh: RequiredLine
    name_en: RequiredLine
    productive: bool = False
    """Counts as work (training, a meeting), not as rest."""
    longest_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None
    """Longer than this is shown as too long; null: any time."""


class CallerKind(StrEnum):
    """What is known of a caller that routing looks at."""

    VIP = "vip"
    OPEN_CASE = "open_case"
    COMPLAINT = "complaint"
    OWNED = "owned"


class CallerRule(Setting):
    """A caller of this kind goes to another queue and/or higher in line (CAT-13 to CAT-17). The first rule that
    names a queue chooses it; priorities add up.
    """

    kind: CallerKind
    from_queues: Annotated[list[Name], Field(max_length=100)] = []
    """Only callers of these queues; empty: of all."""
    queue_id: Name | None = None
    priority: Annotated[int, Field(ge=-10, le=10)] = 0


class General(Setting):
    """What concerns all queues."""

    name: Annotated[Line, Field(max_length=200)] = ""
    """What the profile is called."""
    cadence: Cadence | None = None
    priority_step_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """One step of priority is worth so much waiting: a caller with less is served first once he has waited that
    much longer, so that nobody starves.
    """
    repeat_priority: Annotated[int, Field(ge=0, le=5)] = 1
    """Steps that each earlier call of the same number within a day adds, three at most."""
    caller_rules: Annotated[list[CallerRule], Field(max_length=50)] = []
    short_abandon_seconds: Annotated[int, Field(ge=0, le=60)] = 5
    """Who gives up before this has hardly heard it ring."""
    leave_out_short: bool = True
    """Such callers are left out of the service level, and of the alarm for those who gave up."""
    tell_listened: bool = False
    """Whether an agent is told that a supervisor listens to him or whispers; one who speaks with both always is."""
    node_lost_alarm: bool = True
    """Supervisors are told when an Asterisk serves no calls (MON-08)."""
    webhook_url: Annotated[str, Field(max_length=2000), AfterValidator(webhook.checked)] = ""
    """Where alarms are sent as JSON; empty: nowhere. Only administrators see more of it than the host."""
    first_contact_owns: bool = False
    """Whether who makes a customer's record is his owner (OWN-01)."""
    owner_valid_months: Annotated[int, Field(ge=0, le=120)] = 2
    """How long his claim holds after the last contact (OWN-02); 0: for ever."""

    def concealed(self) -> Self:
        """The same, as those see it who are no administrators."""
        return self.model_copy(update={"webhook_url": webhook.concealed(self.webhook_url)})


class Configuration(General):
    """All of it."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    """Of the file's form."""
    queues: Annotated[list[Queue], Field(min_length=1, max_length=200)]
    menus: Annotated[list[Menu], Field(max_length=200)] = []
    hours: Annotated[list[Hours], Field(max_length=100)] = []
    skills: Annotated[list[Skill], Field(max_length=200)] = []
    pause_reasons: Annotated[list[PauseReason], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        first, *others = problems(self) or (None,)
        if first is not None:
            first.others = tuple(one for one in others if one is not None)
            raise first
        return self


NOTHING_SET = Configuration(
    queues=[Queue(queue_id="service", name_zh="客服热线", name_en="Service hotline")],
    pause_reasons=[PauseReason(code="other", name_zh="其他", name_en="Other")],
)
"""What a service runs by that could not read anything yet."""
