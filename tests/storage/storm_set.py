"""What is set while it storms: five queues, a menu, twelve agents."""

from typing import Any

from callcenter.configuration.model import Configuration
from callcenter.routing.model import Membership
from callcenter.routing.plan import Person, Plan


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
