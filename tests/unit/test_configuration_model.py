"""What may be set: what is refused is said in both languages, at its field; what fits together and what does not."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from callcenter.configuration.file import profile, profile_names, read
from callcenter.configuration.model import NOTHING_SET, Configuration, RingTarget, RingTargetKind
from callcenter.db.migrations.call_types import CALL_TYPES
from callcenter.validation import fields_of

NAMES = {"name_zh": "名", "name_en": "Name"}
Path = tuple[str | int, ...]


def whole() -> dict[str, Any]:
    """A configuration in which every kind of thing is set, as JSON has it."""
    return {
        "cadence": {"tone_seconds": 1.0, "silence_seconds": 4.0},
        "caller_rules": [{"kind": "complaint", "queue_id": "complaint", "from_queues": ["service"], "priority": 2}],
        "queues": [
            {
                "queue_id": "service",
                **NAMES,
                "numbers": ["4008001234"],
                "strategy": "rotation",
                "ring_target": {"kind": "before", "rings": 3},
                "needs": [{"skill_id": "technical", "level": 3, "relax": [{"after_seconds": 30, "level": 0}]}],
                "announcements": {"position": True},
                "callback": {"key": "1", "retry_after_minutes": [10]},
                "overflow": [{"after_rings": 8, "to": {"kind": "queue", "queue_id": "complaint"}}],
                "hours_id": "office",
                "closed": {"kind": "number", "number": "10086"},
                "nobody": {"kind": "end"},
                "members": [{"username": "alice", "opens_after_seconds": 20}],
            },
            {"queue_id": "complaint", **NAMES, "most_waiting": 9, "full": {"kind": "callback"}},
        ],
        "menus": [
            {
                "menu_id": "main",
                **NAMES,
                "text_zh": "您好",
                "keys": [{"key": "1", **NAMES, "to": {"kind": "queue", "queue_id": "service"}, "call_type": "enquiry"}],
                "otherwise": {"kind": "menu", "menu_id": "main"},
            }
        ],
        "hours": [
            {
                "hours_id": "office",
                **NAMES,
                "week": {"monday": [{"start": "09:00", "end": "12:00"}, {"start": "13:00", "end": "24:00"}]},
                "exceptions": [{"day": "2026-10-01", "name": "国庆", "spans": []}],
            }
        ],
        "skills": [{"skill_id": "technical", **NAMES, "agents": {"alice": 5}}],
        "pause_reasons": [{"code": "break", **NAMES, "longest_seconds": 900}],
    }


def error_of(document: Any) -> ValidationError | None:
    """Why this is no configuration; None when it is one."""
    try:
        Configuration.model_validate(document)
    except ValidationError as error:
        return error
    return None


def refused(document: Any) -> dict[str, Any]:
    """What is said against a configuration, by field."""
    error = error_of(document)
    assert error is not None
    return fields_of(error)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where every value of a document stands."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from places(part, (*path, name))


def changed(path: Path, value: Any) -> Any:
    """The whole with another value at one place; `path` () is all of it."""
    if not path:
        return value
    document = whole()
    inner: Any = document
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return document


def test_every_kind_of_thing_can_be_set() -> None:
    configuration = Configuration.model_validate(whole())
    assert Configuration.model_validate(configuration.model_dump(mode="json")) == configuration


HOSTILE: list[Any] = [
    None, True, "", "x" * 5000, "A B\r\n'\";--", "\0", -1, 0, 10**9, 10**30, 1.5, float("nan"), float("inf"), b"\xff",
    [], {}, [[]], [None] * 11_000, {"x": 1}, {"kind": "nothing"}, {"kind": 1}, "2026-13-40", "2026-10-01T01:02:03",
    "25:00", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("path", list(places(whole())), ids=lambda path: ".".join(map(str, path)) or "all")
def test_whatever_stands_somewhere_is_taken_or_refused_in_both_languages(path: Path) -> None:
    for value in HOSTILE:
        error = error_of(changed(path, deepcopy(value)))
        for field, said in (fields_of(error) if error else {}).items():
            assert isinstance(said, dict)
            assert said["en"], (field, value)
            assert said["zh"] != "内容不正确。", (field, value, error)


@pytest.mark.parametrize(
    ("path", "value", "field", "said"),
    [
        (("queues", 0, "hours_id"), "nights", "queues.0.hours_id", "There is no set of opening hours 'nights'."),
        (("queues", 0, "needs", 0, "skill_id"), "magic", "queues.0.needs.0.skill_id", "There is no skill 'magic'."),
        (("queues", 0, "full"), {"kind": "queue", "queue_id": "x"}, "queues.0.full.queue_id", "There is no queue 'x'."),
        (
            ("menus", 0, "otherwise"),
            {"kind": "menu", "menu_id": "x"},
            "menus.0.otherwise.menu_id",
            "There is no menu 'x'.",
        ),
        (("menus", 0, "keys", 0, "to"), {"kind": "message"}, "menus.0.keys.0.to.kind", "A message needs a queue"),
        (("menus", 0, "otherwise"), {"kind": "duty"}, "menus.0.otherwise.kind", "A duty phone needs a queue"),
        (("caller_rules", 0, "from_queues"), ["x"], "caller_rules.0.from_queues.0", "There is no queue 'x'."),
        (("queues", 1, "queue_id"), "service", "queues.1", "The queue 'service' comes twice."),
        (("menus", 0, "numbers"), ["4008001234"], "menus.0.numbers", "The number '4008001234' comes twice."),
        (("queues", 1, "full"), {"kind": "queue", "queue_id": "complaint"}, "queues.1.full.queue_id", "itself"),
        (("queues", 0, "members"), [{"username": "Al"}, {"username": "al"}], "queues.0", "The member 'al' comes twice"),
        (("queues", 0, "overflow", 0, "after_seconds"), 9, "queues.0.overflow.0", "either rings or seconds"),
        (("queues", 0, "needs", 0, "relax", 0, "level"), 3, "queues.0.needs.0", "ask for a lower level"),
        (("hours", 0, "week", "monday", 1, "start"), "11:59", "hours.0.week.monday", "do not overlap"),
        (("hours", 0, "week", "monday", 0, "end"), "09:00", "hours.0.week.monday.0", "later than the start"),
        (("pause_reasons",), [], "pause_reasons", "at least 1"),
        (("queues", 0, "rings"), 3, "queues.0.rings", "not permitted"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(path: Path, value: Any, field: str, said: str) -> None:
    assert said in refused(changed(path, value))[field]["en"]


def test_all_that_does_not_fit_together_is_said_at_once() -> None:
    document = changed(("queues", 0, "hours_id"), "nights")
    document["caller_rules"][0]["queue_id"] = "x"
    assert refused(document).keys() == {"queues.0.hours_id", "caller_rules.0.queue_id"}


def test_queues_that_pass_callers_on_at_once_do_not_lead_in_a_circle() -> None:
    document = changed(("queues", 0, "closed"), {"kind": "queue", "queue_id": "complaint"})
    document["queues"][1]["full"] = {"kind": "queue", "queue_id": "service"}
    assert "in a circle" in next(iter(refused(document).values()))["en"]
    document["queues"][1]["most_waiting"] = None
    Configuration.model_validate(document)


@pytest.mark.parametrize(
    ("kind", "rings", "last"),
    [
        (RingTargetKind.WITHIN, 3, 3),
        (RingTargetKind.BEFORE, 3, 2),
        (RingTargetKind.AFTER, 2, 2),
        (RingTargetKind.BEFORE, 1, 1),
    ],
)
def test_ring_targets_as_the_handbooks_word_them(kind: RingTargetKind, rings: int, last: int) -> None:
    assert RingTarget(kind=kind, rings=rings).last_ring == last


def test_a_service_that_could_read_nothing_has_a_line() -> None:
    assert [queue.queue_id for queue in NOTHING_SET.queues] == ["service"]


# -- shipped profiles ----------------------------------------------------------------------------------


def test_there_is_a_profile_for_each_department() -> None:
    assert profile_names() == ["decoration", "elevator_after_sales", "pharmacy_members", "property_management"]


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_can_be_brought_in_and_serves_everybody(name: str) -> None:
    configuration = read(profile(name).encode()).configuration()
    assert configuration.name
    in_calls = {code for code, _, _, direction in CALL_TYPES if direction == "in"}
    types = {key.call_type for menu in configuration.menus for key in menu.keys if key.call_type}
    assert types <= in_calls
    assert {"enquiry", "complaint", "repair" if name != "pharmacy_members" else "booking"} <= types
    reached = {number for queue in configuration.queues for number in queue.numbers}
    reached |= {number for menu in configuration.menus for number in menu.numbers}
    assert len(reached) == 2, "the hotline's number, and the complaint line's"
    for queue in configuration.queues:
        for need in queue.needs:
            assert need.relax[-1].level == 0, "a new house has nobody with the skill yet"


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_cites_its_rules(name: str) -> None:
    text = profile(name)
    for rule in ("CAT-01", "CAT-11", "CAT-14", "CAT-17", "TEL-02", "TEL-05"):
        assert f"[{rule}" in text or f", {rule}" in text
