"""Whether what is set fits together: names that come twice, names that nothing has, ways that go in a circle. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callcenter.configuration.model import CallerRule, Configuration, Destination, Menu, Queue

Loc = tuple[str | int, ...]
"""Where something stands: ("queues", 0, "full", "queue_id")."""

CALLED: Final = {
    "queue": ("queue", "队列"),
    "menu": ("menu", "菜单"),
    "hours": ("set of opening hours", "营业时间"),
    "skill": ("skill", "技能"),
    "pause_reason": ("pause reason", "小休原因"),
    "number": ("number", "号码"),
    "key": ("key", "按键"),
    "member": ("member", "成员"),
    "day": ("day", "日期"),
}
"""What things are called, in English and Chinese."""


class ConfigurationError(ValueError):
    """A value that does not fit; `zh` says the same in Chinese.

    `loc` is where, below the model that refuses it; `others` are those that were found together with it.
    """

    def __init__(self, en: str, zh: str, loc: Loc = ()) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh
        self.loc = loc
        self.others: tuple[ConfigurationError, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A place that names a queue, menu, hours or skill, and whose place that is, in both languages."""

    kind: str
    name: str
    loc: Loc
    holder_en: str
    holder_zh: str


def refuse_doubles(names: Iterable[str], kind: str) -> None:
    """Raises ConfigurationError for a name that comes twice."""
    for problem in _doubles(((name, ()) for name in names), kind):
        raise problem


def problems(whole: "Configuration") -> list[ConfigurationError]:
    """All that does not fit together."""
    return [*_all_doubles(whole), *_unfit_ways(whole), *_without_queue(whole), *_circles(whole)]


def references(whole: "Configuration") -> Iterator[Reference]:
    """Every place that names something by its id."""
    for place, queue in enumerate(whole.queues):
        yield from _of_queue(("queues", place), queue)
    for place, menu in enumerate(whole.menus):
        yield from _of_menu(("menus", place), menu)
    for place, rule in enumerate(whole.caller_rules):
        yield from _of_rule(("caller_rules", place), rule)


def _of_queue(loc: Loc, queue: "Queue") -> Iterator[Reference]:
    whose = (f"the queue “{queue.name_en}”", f"队列“{queue.name_zh}”")
    if queue.hours_id is not None:
        yield Reference("hours", queue.hours_id, (*loc, "hours_id"), *whose)
    for place, need in enumerate(queue.needs):
        yield Reference("skill", need.skill_id, (*loc, "needs", place, "skill_id"), *whose)
    for name, to in (("full", queue.full), ("closed", queue.closed), ("nobody", queue.nobody)):
        yield from _of_destination((*loc, name), to, *whose)
    for place, overflow in enumerate(queue.overflow):
        yield from _of_destination((*loc, "overflow", place, "to"), overflow.to, *whose)


def _of_menu(loc: Loc, menu: "Menu") -> Iterator[Reference]:
    whose = (f"the menu “{menu.name_en}”", f"菜单“{menu.name_zh}”")
    yield from _of_destination((*loc, "otherwise"), menu.otherwise, *whose)
    for place, key in enumerate(menu.keys):
        en, zh = f"{whose[0]} (key {key.key})", f"{whose[1]}（按键 {key.key}）"
        yield from _of_destination((*loc, "keys", place, "to"), key.to, en, zh)


def _of_rule(loc: Loc, rule: "CallerRule") -> Iterator[Reference]:
    whose = (f"the caller rule “{rule.kind}”", f"来电规则“{rule.kind}”")
    if rule.queue_id is not None:
        yield Reference("queue", rule.queue_id, (*loc, "queue_id"), *whose)
    for place, queue_id in enumerate(rule.from_queues):
        yield Reference("queue", queue_id, (*loc, "from_queues", place), *whose)


def _of_destination(loc: Loc, to: "Destination | None", holder_en: str, holder_zh: str) -> Iterator[Reference]:
    if to is not None and to.kind == "queue":
        yield Reference("queue", to.queue_id, (*loc, "queue_id"), holder_en, holder_zh)
    elif to is not None and to.kind == "menu":
        yield Reference("menu", to.menu_id, (*loc, "menu_id"), holder_en, holder_zh)


def ids_of(whole: "Configuration") -> dict[str, list[str]]:
    """The ids of each kind of thing, in their order."""
    return {
        "queue": [queue.queue_id for queue in whole.queues],
        "menu": [menu.menu_id for menu in whole.menus],
        "hours": [hours.hours_id for hours in whole.hours],
        "skill": [skill.skill_id for skill in whole.skills],
        "pause_reason": [reason.code for reason in whole.pause_reasons],
    }


def _doubles(named: Iterable[tuple[str, Loc]], kind: str) -> Iterator[ConfigurationError]:
    seen: set[str] = set()
    en, zh = CALLED[kind]
    for name, loc in named:
        if name in seen:
            yield ConfigurationError(f"The {en} {name!r} comes twice.", f"{zh}“{name}”重复。", loc)
        seen.add(name)


def _all_doubles(whole: "Configuration") -> Iterator[ConfigurationError]:
    lists = {"queue": "queues", "menu": "menus", "hours": "hours", "skill": "skills", "pause_reason": "pause_reasons"}
    for kind, names in ids_of(whole).items():
        yield from _doubles(((name, (lists[kind], place)) for place, name in enumerate(names)), kind)
    numbers: list[tuple[str, Loc]] = []
    for place, queue in enumerate(whole.queues):
        numbers += [(number, ("queues", place, "numbers")) for number in queue.numbers]
    for place, menu in enumerate(whole.menus):
        numbers += [(number, ("menus", place, "numbers")) for number in menu.numbers]
    yield from _doubles(numbers, "number")


def _unfit_ways(whole: "Configuration") -> Iterator[ConfigurationError]:
    known = {kind: set(names) for kind, names in ids_of(whole).items()}
    for one in references(whole):
        if one.name not in known[one.kind]:
            en, zh = CALLED[one.kind]
            yield ConfigurationError(f"There is no {en} {one.name!r}.", f"没有{zh}“{one.name}”。", one.loc)
        elif one.kind == "queue" and one.loc[0] == "queues" and whole.queues[int(one.loc[1])].queue_id == one.name:
            yield ConfigurationError("A queue can't lead to itself.", "队列不能转到自身。", one.loc)


_SAID: Final = {"duty": "duty phone"}


def _without_queue(whole: "Configuration") -> Iterator[ConfigurationError]:
    """Messages (also of callers whom nobody on duty takes) and callbacks are of the queue that a call stands in; in
    a menu it stands in none.
    """
    for place, menu in enumerate(whole.menus):
        ways = [("otherwise", menu.otherwise), *((f"keys.{at}.to", key.to) for at, key in enumerate(menu.keys))]
        for where, to in ways:
            if to.kind in ("duty", "message", "callback"):
                yield ConfigurationError(
                    f"A {_SAID.get(to.kind, to.kind)} needs a queue: lead to one.",
                    "值班电话、留言或回拨须属于某个队列，请先转到队列。",
                    ("menus", place, *where.split("."), "kind"),
                )


def _circles(whole: "Configuration") -> Iterator[ConfigurationError]:
    """A caller who is passed on without waiting must not come back to where he was, or he goes round for ever."""
    ways = {
        queue.queue_id: [
            to.queue_id
            for to, taken in (
                (queue.full, queue.most_waiting is not None),
                (queue.closed, queue.hours_id is not None),
                (queue.nobody, True),
            )
            if taken and to is not None and to.kind == "queue" and to.queue_id != queue.queue_id
        ]
        for queue in whole.queues
    }
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        round_trip = " → ".join(reversed(error.args[1]))
        place = next(at for at, queue in enumerate(whole.queues) if queue.queue_id == error.args[1][0])
        yield ConfigurationError(
            f"Full, closed and empty queues lead in a circle: {round_trip}.",
            f"队列满、休息或无人时的转接形成循环：{round_trip}。",
            ("queues", place),
        )
