"""What a change makes of the configuration: names filled in, differences found, objects put in and taken out. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from callcenter.configuration.fitting import ConfigurationError, Loc
from callcenter.configuration.model import (
    Configuration,
    General,
    Hours,
    Member,
    Menu,
    PauseReason,
    Queue,
    Skill,
)

Part = Queue | Menu | Hours | Skill | PauseReason
"""One of the objects that are set one by one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of part: what it is called, the list it stands in, the field that is its id."""

    name: str
    part: type[Part]
    list_name: str
    id_name: str

    def of(self, whole: Configuration) -> dict[str, Part]:
        """The parts of this kind by their ids, in their order."""
        return {getattr(one, self.id_name): one for one in getattr(whole, self.list_name)}


KINDS: Final = (
    Kind("hours", Hours, "hours", "hours_id"),
    Kind("skill", Skill, "skills", "skill_id"),
    Kind("queue", Queue, "queues", "queue_id"),
    Kind("menu", Menu, "menus", "menu_id"),
    Kind("pause_reason", PauseReason, "pause_reasons", "code"),
)
"""Those that others name come before them."""


def kind_of(part: type[Part]) -> Kind:
    """The kind whose objects are `part`s."""
    return next(kind for kind in KINDS if kind.part is part)


# -- making another configuration ----------------------------------------------------------------------


def with_part(whole: Configuration, part: Part) -> Configuration:
    """`whole` with `part` in place of the one with its id, or at the end of its list.

    Raises:
        pydantic.ValidationError: it does not fit.
    """
    kind = kind_of(type(part))
    parts = kind.of(whole) | {getattr(part, kind.id_name): part}
    return _with(whole, {kind.list_name: list(parts.values())})


def without_part(whole: Configuration, kind: Kind, part_id: str) -> Configuration:
    """`whole` without this part. Raises pydantic.ValidationError where something needs it."""
    parts = kind.of(whole)
    del parts[part_id]
    return _with(whole, {kind.list_name: list(parts.values())})


def with_general(whole: Configuration, general: General) -> Configuration:
    """`whole` with other settings of what concerns all queues. Raises pydantic.ValidationError: they do not fit."""
    return _with(whole, {name: getattr(general, name) for name in General.model_fields})


def with_ownership(whole: Configuration, *, first_contact_owns: bool, owner_valid_months: int) -> Configuration:
    """`whole` with other rules of customers' owners. Raises pydantic.ValidationError: they do not fit."""
    return _with(whole, {"first_contact_owns": first_contact_owns, "owner_valid_months": owner_valid_months})


def with_queues_in_order(whole: Configuration, queue_ids: Sequence[str]) -> Configuration:
    """`whole` with its queues in another order.

    Raises:
        ConfigurationError: these are not its queues, each once.
    """
    queues = {queue.queue_id: queue for queue in whole.queues}
    if sorted(queue_ids) != sorted(queues):
        raise ConfigurationError("Name each queue once.", "请列出全部队列，每个一次。", ("queue_ids",))
    return _with(whole, {"queues": [queues[queue_id] for queue_id in queue_ids]})


def with_memberships(whole: Configuration, username: str, opens_after_seconds: Mapping[str, int]) -> Configuration:
    """`whole` with this agent in these queues (id -> seconds after which their callers are his too) and no others.

    Raises:
        ConfigurationError: there is no such queue.
    """
    _refuse_unknown(opens_after_seconds, [queue.queue_id for queue in whole.queues], "queues", "queue", "队列")
    queues = []
    for queue in whole.queues:
        others = [member for member in queue.members or [] if member.username != username]
        seconds = opens_after_seconds.get(queue.queue_id)
        his = [] if seconds is None else [Member(username=username, opens_after_seconds=seconds)]
        queues.append(queue.model_copy(update={"members": others + his}))
    return _with(whole, {"queues": queues})


def with_levels(whole: Configuration, username: str, levels: Mapping[str, int]) -> Configuration:
    """`whole` with these skills of this agent (id -> level) and no others.

    Raises:
        ConfigurationError: there is no such skill.
    """
    _refuse_unknown(levels, [skill.skill_id for skill in whole.skills], "skills", "skill", "技能")
    skills = []
    for skill in whole.skills:
        agents = {name: level for name, level in (skill.agents or {}).items() if name != username}
        if skill.skill_id in levels:
            agents[username] = levels[skill.skill_id]
        skills.append(skill.model_copy(update={"agents": agents}))
    return _with(whole, {"skills": skills})


def _refuse_unknown(named: Iterable[str], known: Sequence[str], field: str, en: str, zh: str) -> None:
    if any(name not in known for name in named):
        raise ConfigurationError(f"There is no such {en}.", f"没有这个{zh}。", (field,))


def with_queue_priority(whole: Configuration, queue_id: str, priority: int) -> Configuration:
    """`whole` with another priority of a queue.

    Raises:
        ConfigurationError: there is no such queue.
    """
    _refuse_unknown([queue_id], [queue.queue_id for queue in whole.queues], "queue_id", "queue", "队列")
    queues = [
        queue.model_copy(update={"priority": priority}) if queue.queue_id == queue_id else queue
        for queue in whole.queues
    ]
    return _with(whole, {"queues": queues})


def _with(whole: Configuration, fields: dict[str, Any]) -> Configuration:
    """Validated as a whole; parts are taken as they are."""
    return Configuration(**{name: getattr(whole, name) for name in Configuration.model_fields} | fields)


# -- names of people -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What a configuration may name that it does not set itself: people by their folded usernames, call types.

    `agents` are those with a phone, as they write themselves; `others` have none, `disabled` can't sign in.
    """

    agents: Mapping[str, str]
    others: frozenset[str]
    disabled: frozenset[str]
    call_types: frozenset[str]


def settled(wanted: Configuration, old: Configuration, known: Known) -> Configuration:
    """`wanted` with members and agents filled in where they were left open, and all names and numbers in one order.

    A queue that is there keeps its members, a skill those who have it; a new queue is everybody's who can sign in.

    Raises:
        ConfigurationError: somebody is named who is not there or has no phone, or a call type that is not there.
    """
    found = [*_unknown_people(wanted, known), *_unknown_call_types(wanted, known)]
    if found:
        found[0].others = tuple(found[1:])
        raise found[0]
    queues = {queue.queue_id: queue.members for queue in old.queues}
    skills = {skill.skill_id: skill.agents for skill in old.skills}
    everybody = [Member(username=name) for folded, name in known.agents.items() if folded not in known.disabled]
    return wanted.model_copy(
        update={
            "queues": [_settled_queue(one, queues.get(one.queue_id, everybody), known) for one in wanted.queues],
            "menus": [one.model_copy(update={"numbers": sorted(one.numbers)}) for one in wanted.menus],
            "skills": [_settled_skill(one, skills.get(one.skill_id, {}), known) for one in wanted.skills],
        }
    )


def _settled_queue(queue: Queue, kept: list[Member] | None, known: Known) -> Queue:
    members = kept or [] if queue.members is None else queue.members
    named = [one.model_copy(update={"username": known.agents[one.username.casefold()]}) for one in members]
    named.sort(key=lambda one: one.username.casefold())
    return queue.model_copy(update={"members": named, "numbers": sorted(queue.numbers)})


def _settled_skill(skill: Skill, kept: dict[str, int] | None, known: Known) -> Skill:
    agents = kept or {} if skill.agents is None else skill.agents
    ordered = sorted(agents.items(), key=lambda one: one[0].casefold())
    return skill.model_copy(update={"agents": {known.agents[name.casefold()]: level for name, level in ordered}})


def _unknown_people(wanted: Configuration, known: Known) -> Iterator[ConfigurationError]:
    for username, loc in _people(wanted):
        folded = username.casefold()
        if folded in known.others:
            yield ConfigurationError(f"{username!r} has no phone.", f"“{username}”没有分机。", loc)
        elif folded not in known.agents:
            yield ConfigurationError(f"There is nobody called {username!r}.", f"没有用户“{username}”。", loc)


def _people(wanted: Configuration) -> Iterator[tuple[str, Loc]]:
    for place, queue in enumerate(wanted.queues):
        for at, member in enumerate(queue.members or ()):
            yield member.username, ("queues", place, "members", at, "username")
    for place, skill in enumerate(wanted.skills):
        for username in skill.agents or ():
            yield username, ("skills", place, "agents", username)


def _unknown_call_types(wanted: Configuration, known: Known) -> Iterator[ConfigurationError]:
    for place, menu in enumerate(wanted.menus):
        for at, key in enumerate(menu.keys):
            if key.call_type is not None and key.call_type not in known.call_types:
                yield ConfigurationError(
                    f"There is no call type {key.call_type!r}.",
                    f"没有来电类型“{key.call_type}”。",
                    ("menus", place, "keys", at, "call_type"),
                )


# -- differences ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What a change does to one object; `fields` are those that get another value.

    Besides the kinds of parts there is "general", whose fields are those of `General` and, where only the order is
    another, the name of the list.
    """

    kind: str
    id: str
    what: Literal["added", "changed", "removed", "same"]
    fields: tuple[str, ...] = ()


def changes(old: Configuration, new: Configuration) -> list[Change]:
    """What makes `new` of `old`, object by object; what stays as it is stands there as the same."""
    fields = (*_fields(old, new, General.model_fields), *_other_order(old, new))
    found = [Change("general", "", "changed" if fields else "same", fields)]
    for kind in KINDS:
        before, after = kind.of(old), kind.of(new)
        found += [_change(kind, one, before.get(one), after.get(one)) for one in {**after, **before}]
    return found


def _change(kind: Kind, part_id: str, before: Part | None, after: Part | None) -> Change:
    if before is None:
        return Change(kind.name, part_id, "added")
    if after is None:
        return Change(kind.name, part_id, "removed")
    fields = _fields(before, after, kind.part.model_fields)
    return Change(kind.name, part_id, "changed" if fields else "same", fields)


def _fields(before: Any, after: Any, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _other_order(old: Configuration, new: Configuration) -> Iterator[str]:
    for kind in KINDS:
        before, after = kind.of(old), kind.of(new)
        if [one for one in before if one in after] != [one for one in after if one in before]:
            yield kind.list_name


def values_of(change: Change, old: Configuration, new: Configuration) -> dict[str, list[Any]]:
    """The values before and after of each changed field, as JSON has them: what the audit log keeps. Nothing secret."""
    if change.kind == "general":
        old, new = old.concealed(), new.concealed()
        return {name: [_order_or_value(old, name), _order_or_value(new, name)] for name in change.fields}
    kind = next(one for one in KINDS if one.name == change.kind)
    before, after = kind.of(old).get(change.id), kind.of(new).get(change.id)
    return {name: [_json(before)[name], _json(after)[name]] for name in change.fields}


def _order_or_value(whole: Configuration, name: str) -> Any:
    for kind in KINDS:
        if kind.list_name == name:
            return list(kind.of(whole))
    return _json(whole)[name]


def _json(part: Part | Configuration | None) -> dict[str, Any]:
    return part.model_dump(mode="json") if part is not None else {}
