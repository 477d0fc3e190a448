"""What an administrator sets, over HTTP with real PostgreSQL and Redis: changed, guarded, validated, audited, told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisAwayError

from callcenter.staff.model import HOTLINE_ITSELF, PhoneKind, Role
from callcenter.staff.service import AgentDraft
from tests.storage.house import House, open_house

API = "/api/v1/configuration"
NAMES = {"name_zh": "投诉专线", "name_en": "Complaint line"}
Document = dict[str, Any]


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


class Office:
    """An administrator's page: it knows the revision it was loaded at."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.revision = 0
        self.configuration: Document = {}

    async def load(self) -> Document:
        """What is set now."""
        status, answer = await self.house.ask("GET", API, by="super")
        assert status == 200, answer
        return self._took(answer)

    async def put(self, path: str, body: Document, *, status: int = 200) -> Document:
        """Set something from the revision that the page was loaded at."""
        return await self._change("PUT", path, status, json=body)

    async def remove(self, path: str, *, status: int = 200) -> Document:
        """Take something out."""
        return await self._change("DELETE", path, status)

    def named(self, kind: str, name: str) -> Document:
        """One object, as the page shows it."""
        ids = {"queues": "queue_id", "menus": "menu_id", "skills": "skill_id"}
        return next(one for one in self.configuration[kind] if one[ids[kind]] == name)

    async def _change(self, method: str, path: str, status: int, **how: Any) -> Document:
        got, answer = await self.house.ask(method, f"{API}/{path}?revision={self.revision}", by="admin", **how)
        assert got == status, answer
        return self._took(answer) if status == 200 else dict(answer["error"])

    def _took(self, answer: Document) -> Document:
        self.revision, self.configuration = answer["revision"], answer["configuration"]
        return self.configuration


@pytest.fixture
async def office(house: House) -> Office:
    office = Office(house)
    await office.load()
    return office


def queue(queue_id: str = "complaint", **fields: Any) -> Document:
    return {"queue_id": queue_id, **NAMES} | fields


def menu(to: Document, **fields: Any) -> Document:
    key = {"key": "4", **NAMES, "to": to, "call_type": "complaint"}
    return {"menu_id": "main", "name_zh": "主菜单", "name_en": "Main menu", "keys": [key], "otherwise": to} | fields


TO_COMPLAINT = {"kind": "queue", "queue_id": "complaint"}


# -- changing ------------------------------------------------------------------------------------------


async def test_a_fresh_hotline_has_a_line_and_pause_reasons(office: Office) -> None:
    assert [one["queue_id"] for one in office.configuration["queues"]] == ["service"]
    assert [one["code"] for one in office.configuration["pause_reasons"]] == [
        "break", "meal", "meeting", "training", "other",
    ]  # fmt: skip


async def test_everything_can_be_set_and_is_there_when_asked_again(office: Office) -> None:
    await office.put(
        "hours/office", {"hours_id": "office", **NAMES, "week": {"monday": [{"start": "09:00", "end": "12:00"}]}}
    )
    await office.put("skills/technical", {"skill_id": "technical", **NAMES, "agents": {"ALICE": 5}})
    wanted = queue(
        numbers=["4008001235", "+8657187650000"],
        strategy="rotation",
        needs=[{"skill_id": "technical", "level": 3, "relax": [{"after_seconds": 30, "level": 0}]}],
        overflow=[{"after_rings": 8, "to": {"kind": "queue", "queue_id": "service"}}],
        hours_id="office",
        closed={"kind": "callback"},
        callback={"key": None},
        members=[{"username": "Alice", "opens_after_seconds": 20}, {"username": "admin"}],
    )
    await office.put("queues/complaint", wanted)
    await office.put("menus/main", menu(TO_COMPLAINT, numbers=["4008001234"]))
    await office.put(
        "pause-reasons/patrol", {"code": "patrol", "name_zh": "巡楼", "name_en": "Patrol", "productive": True}
    )
    general = {
        "name": "物业",
        "cadence": {"tone_seconds": 2, "silence_seconds": 4},
        "priority_step_seconds": 30,
        "repeat_priority": 2,
        "caller_rules": [{"kind": "complaint", "queue_id": "complaint", "priority": 2}],
    }
    await office.put("general", general)
    await office.put("queue-order", {"queue_ids": ["complaint", "service"]})
    said = office.configuration
    assert await office.load() == said, "the answer of a change is what is kept"
    assert [one["queue_id"] for one in said["queues"]] == ["complaint", "service"]
    kept = office.named("queues", "complaint")
    assert kept["members"] == [
        {"username": "admin", "opens_after_seconds": 0},
        {"username": "alice", "opens_after_seconds": 20},
    ], "as people write their own names"
    assert kept["numbers"] == ["+8657187650000", "4008001235"]
    for name in ("strategy", "hours_id", "closed"):
        assert kept[name] == wanted[name]
    assert kept["callback"]["key"] is None
    assert office.named("skills", "technical")["agents"] == {"alice": 5}
    assert office.named("menus", "main")["numbers"] == ["4008001234"]
    assert {name: said[name] for name in ("name", "priority_step_seconds", "repeat_priority")} == {
        name: general[name] for name in ("name", "priority_step_seconds", "repeat_priority")
    }
    assert said["cadence"] == {"tone_seconds": 2.0, "silence_seconds": 4.0}
    assert said["caller_rules"][0]["queue_id"] == "complaint"


async def test_a_new_queue_is_everybody_s_and_a_changed_one_keeps_its_members(house: House, office: Office) -> None:
    bob = await house.hire("bob", Role.AGENT, "1002")
    status, said = await house.ask("PATCH", f"/api/v1/agents/{bob}", by="admin", json={"disabled": True})
    assert status == 200, said
    await office.load()
    await office.put("queues/complaint", queue())
    everybody = [one["username"] for one in office.named("queues", "complaint")["members"]]
    assert everybody == ["admin", "alice", "super"]
    await office.put("queues/complaint", queue(members=[{"username": "alice", "opens_after_seconds": 9}]))
    await office.put("queues/complaint", queue(offer_rings=2))
    kept = office.named("queues", "complaint")
    assert (kept["members"], kept["offer_rings"]) == ([{"username": "alice", "opens_after_seconds": 9}], 2)
    await office.put("queues/complaint", queue(members=[]))
    assert office.named("queues", "complaint")["members"] == []


async def test_a_number_moves_from_a_queue_to_a_menu(office: Office) -> None:
    await office.put("queues/complaint", queue(numbers=["4008001235"]))
    said = await office.put("menus/main", menu(TO_COMPLAINT, numbers=["4008001235"]), status=400)
    assert said["fields"]["numbers"]["zh"] == "号码“4008001235”重复。"
    await office.put("queues/complaint", queue())
    await office.put("menus/main", menu(TO_COMPLAINT, numbers=["4008001235"]))
    assert office.named("queues", "complaint")["numbers"] == []


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("queues/complaint", queue("other"), "queue_id"),
        ("queues/complaint", queue(hours_id="nights"), "hours_id"),
        ("queues/complaint", queue(full={"kind": "queue", "queue_id": "nowhere"}), "full.queue_id"),
        ("queues/service", queue("service", full={"kind": "queue", "queue_id": "nowhere"}), "full.queue_id"),
        ("queues/complaint", queue(members=[{"username": "alice"}, {"username": "nobody"}]), "members.1.username"),
        ("queues/complaint", queue(needs=[{"skill_id": "magic"}]), "needs.0.skill_id"),
        ("queues/complaint", queue(name_zh=""), "name_zh"),
        ("menus/main", menu({"kind": "message"}), "otherwise.kind"),
        ("menus/main", menu({"kind": "queue", "queue_id": "service"}) | {"keys": []}, "keys"),
        ("skills/technical", {"skill_id": "technical", **NAMES, "agents": {"nobody": 3}}, "agents.nobody"),
        ("general", {"caller_rules": [{"kind": "vip", "queue_id": "gold"}]}, "caller_rules.0.queue_id"),
        ("queue-order", {"queue_ids": ["service", "service"]}, "queue_ids"),
    ],
)
async def test_what_does_not_fit_changes_nothing_and_is_said_at_its_field(
    office: Office, path: str, body: Document, field: str
) -> None:
    before = office.configuration
    said = await office.put(path, body, status=400)
    assert field in said["fields"]
    assert said["fields"][field].keys() == {"en", "zh"}
    assert await office.load() == before


async def test_an_unknown_call_type_and_somebody_without_a_phone_are_refused(house: House, office: Office) -> None:
    await house.hire("clerk", Role.SUPERVISOR)
    await office.load()
    said = await office.put("queues/complaint", queue(members=[{"username": "clerk"}]), status=400)
    assert said["fields"]["members.0.username"]["zh"] == "“clerk”没有分机。"
    broken = menu({"kind": "queue", "queue_id": "service"})
    broken["keys"][0]["call_type"] = "gossip"
    said = await office.put("menus/main", broken, status=400)
    assert said["fields"]["keys.0.call_type"]["en"] == "There is no call type 'gossip'."


# -- removing ------------------------------------------------------------------------------------------


async def test_a_queue_that_others_lead_to_stays_and_they_are_named(office: Office) -> None:
    await office.put("queues/complaint", queue())
    await office.put("menus/main", menu(TO_COMPLAINT))
    service = queue("service", full=TO_COMPLAINT, name_zh="热线", name_en="Hotline")
    await office.put("queues/service", service)
    await office.put("general", {"caller_rules": [{"kind": "vip", "queue_id": "complaint"}]})
    said = await office.remove("queues/complaint", status=409)
    assert said["id"] == "still_needed"
    for holder in ("the queue “Hotline”", "the menu “Main menu” (key 4)", "the caller rule “vip”"):
        assert holder in said["message"]["en"]
    for holder in ("队列“热线”", "菜单“主菜单”（按键 4）", "来电规则“vip”"):
        assert holder in said["message"]["zh"]
    await office.put("general", {})
    await office.remove("menus/main")
    await office.put("queues/service", queue("service"))
    await office.remove("queues/complaint")
    assert [one["queue_id"] for one in office.configuration["queues"]] == ["service"]


async def test_hours_and_skills_in_use_stay(office: Office) -> None:
    await office.put("hours/office", {"hours_id": "office", **NAMES, "week": {}})
    await office.put("skills/technical", {"skill_id": "technical", **NAMES})
    await office.put("queues/complaint", queue(hours_id="office", needs=[{"skill_id": "technical"}]))
    for path in ("hours/office", "skills/technical"):
        assert "Complaint line" in (await office.remove(path, status=409))["message"]["en"]
    await office.remove("queues/complaint")
    await office.remove("hours/office")
    await office.remove("skills/technical")
    assert (office.configuration["hours"], office.configuration["skills"]) == ([], [])


async def test_the_last_queue_and_the_last_pause_reason_stay(office: Office) -> None:
    assert "the last queue" in (await office.remove("queues/service", status=409))["message"]["en"]
    for code in ("break", "meal", "meeting", "training"):
        await office.remove(f"pause-reasons/{code}")
    assert "最后一个" in (await office.remove("pause-reasons/other", status=409))["message"]["zh"]


@pytest.mark.parametrize("path", ["queues/nowhere", "menus/nowhere", "hours/nowhere", "skills/x", "pause-reasons/x"])
async def test_what_is_not_there_cannot_be_removed(office: Office, path: str) -> None:
    assert (await office.remove(path, status=404))["id"] == "not_found"


async def test_past_calls_keep_the_name_of_a_removed_queue(house: House, office: Office, pool: Any) -> None:
    await office.put("queues/complaint", queue(members=[{"username": "alice"}], numbers=["4008001235"]))
    await pool.execute(
        """insert into calls (call_id, node, queue_id, status, arrived_at)
        values ('node1-1763780000.1', 'node1', 'complaint', 'answered', now())"""
    )
    await office.remove("queues/complaint")
    _, call = await house.ask("GET", "/api/v1/calls/node1-1763780000.1", by="alice")
    assert call["queue_name_zh"] == "投诉专线"
    _, queues = await house.ask("GET", "/api/v1/queues", by="alice")
    assert [one["queue_id"] for one in queues] == ["service"]
    _, agents = await house.ask("GET", "/api/v1/agents", by="super")
    assert all("complaint" not in one["queues"] for one in agents)
    path = f"/api/v1/agents/{house.ids['alice']}"
    status, said = await house.ask("PATCH", path, by="admin", json={"queues": ["complaint"]})
    assert (status, list(said["error"]["fields"])) == (400, ["queues"])
    await office.load()
    await office.put("queues/complaint", queue(members=[]))
    assert office.named("queues", "complaint")["numbers"] == [], "a new queue of that name begins anew"


async def test_a_queue_with_callers_in_line_stays(office: Office, redis: Any) -> None:
    await office.put("queues/complaint", queue())
    await redis.sadd("cc:queues", "complaint")
    await redis.zadd("cc:waiting:complaint", {"node1-1763780000.1": 1, "node1-1763780000.2": 2})
    said = await office.remove("queues/complaint", status=409)
    assert "in the line of “Complaint line”: 2" in said["message"]["en"]
    assert "还有 2 位来电者" in said["message"]["zh"]
    await redis.delete("cc:waiting:complaint")
    await office.remove("queues/complaint")


# -- two at once ---------------------------------------------------------------------------------------


async def test_whoever_comes_second_is_told_and_changes_nothing(house: House, office: Office) -> None:
    other = Office(house)
    await other.load()
    await office.put("queues/complaint", queue())
    said = await other.put("queues/complaint", queue(name_zh="别的"), status=409)
    assert (said["id"], said["message"]["zh"]) == ("conflict", "内容已被他人更改，请刷新后重试。")
    await other.load()
    assert other.named("queues", "complaint")["name_zh"] == "投诉专线"


async def test_of_many_at_once_one_wins(house: House, office: Office) -> None:
    outcomes = await asyncio.gather(
        *(
            house.ask("PUT", f"{API}/queues/q{n}?revision={office.revision}", by="admin", json=queue(f"q{n}"))
            for n in range(8)
        )
    )
    assert sorted(status for status, _ in outcomes) == [200] + [409] * 7
    await office.load()
    assert len(office.configuration["queues"]) == 2


async def test_a_change_of_the_staff_is_a_change_of_what_is_set(house: House, office: Office) -> None:
    await house.hire("bob", Role.AGENT, "1002", queues=("service",))
    await office.put("queues/service", queue("service", members=[]), status=409)


async def test_the_same_again_is_no_change(office: Office, pool: Any) -> None:
    await office.put("queues/complaint", queue())
    revision, rows = office.revision, await pool.fetchval("select count(*) from audit_log")
    await office.put("queues/complaint", queue())
    assert (office.revision, await pool.fetchval("select count(*) from audit_log")) == (revision, rows)


async def test_administrators_and_a_change_of_staff_do_not_wait_for_each_other(house: House, office: Office) -> None:
    async def change_agent(n: int) -> None:
        draft = AgentDraft(f"Alice {n}", Role.AGENT, "1001", PhoneKind.BROWSER, ("service",))
        await house.hotline.staff.change_agent(HOTLINE_ITSELF, house.ids["alice"], draft)

    async def change_members(n: int) -> None:
        await house.ask("POST", f"{API}/file", by="admin", json={"yaml": FILE.format(seconds=n)})

    async with asyncio.timeout(30):
        await asyncio.gather(*(change(n) for n in range(1, 9) for change in (change_agent, change_members)))
    await office.load()
    assert office.named("queues", "service")["members"][0]["opens_after_seconds"] in range(1, 9)


FILE = """
queues:
- {{queue_id: service, name_zh: 热线, name_en: Hotline, members: [{{username: alice, opens_after_seconds: {seconds}}}]}}
pause_reasons: [{{code: other, name_zh: 其他, name_en: Other}}]
"""


# -- what is recorded and told -------------------------------------------------------------------------


async def test_each_change_is_audited_with_its_values(house: House, office: Office, pool: Any) -> None:
    await office.put("queues/complaint", queue())
    await office.put("queues/complaint", queue(offer_rings=2))
    await office.put("general", {"repeat_priority": 3})
    await office.remove("queues/complaint")
    rows = await pool.fetch("select * from audit_log where object_kind in ('queue', 'general') order by audit_id")
    assert [(row["action"], row["object_id"]) for row in rows] == [
        ("queue.added", "complaint"),
        ("queue.changed", "complaint"),
        ("configuration.changed", ""),
        ("queue.removed", "complaint"),
    ]
    assert {row["username"] for row in rows} == {"admin"}
    assert rows[1]["detail"] == {"offer_rings": [4, 2]}
    assert rows[2]["detail"] == {"repeat_priority": [1, 3]}


async def test_a_refused_change_leaves_no_audit_row(office: Office, pool: Any) -> None:
    before = await pool.fetchval("select count(*) from audit_log")
    await office.put("queues/complaint", queue(hours_id="nights"), status=400)
    await office.remove("queues/service", status=409)
    assert await pool.fetchval("select count(*) from audit_log") == before


async def test_every_replica_is_told_after_the_change(office: Office, redis: Any) -> None:
    async with redis.pubsub() as replica:
        await replica.subscribe("cc:config")
        await replica.get_message(timeout=5)
        await office.put("queues/complaint", queue())
        told = await replica.get_message(timeout=5)
    assert (told["channel"], told["data"]) == ("cc:config", str(office.revision))


async def test_without_redis_the_change_stands(house: House, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise RedisAwayError

    monkeypatch.setattr(house.hotline.administration._redis, "publish", fail)
    await office.put("queues/complaint", queue())


# -- what agents and calendars read --------------------------------------------------------------------


async def test_agents_read_their_pause_reasons(house: House, office: Office) -> None:
    await office.remove("pause-reasons/break")
    await house.hotline.sync_roster()
    status, reasons = await house.ask("GET", "/api/v1/pause-reasons", by="alice")
    assert (status, [one["code"] for one in reasons]) == (200, ["meal", "meeting", "training", "other"])
    assert reasons[1] == {
        "code": "meeting", "name_zh": "会议", "name_en": "Meeting", "productive": True, "longest_seconds": None,
    }  # fmt: skip


async def test_a_calendar_shows_each_day_and_why(house: House, office: Office) -> None:
    day = [{"start": "09:00", "end": "12:00"}]
    hours = {
        "hours_id": "office",
        **NAMES,
        "week": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), day),
        "exceptions": [{"day": "2026-10-09", "name": "年会"}],
    }
    await office.put("hours/office", hours)
    status, days = await house.ask("GET", f"{API}/hours/office/days?first=2026-10-07&count=4", by="super")
    assert status == 200
    assert [(one["day"], one["why"], one["name_zh"], len(one["spans"])) for one in days] == [
        ("2026-10-07", "holiday", "国庆节", 0),
        ("2026-10-08", "week", "", 1),
        ("2026-10-09", "exception", "年会", 0),
        ("2026-10-10", "swapped_work_day", "国庆节", 1),
    ]
    assert days[1]["spans"] == day
    _, far = await house.ask("GET", f"{API}/hours/office/days?first=2199-01-01&count=1", by="super")
    assert [one["calendar_known"] for one in (days[0], far[0])] == [True, False]


@pytest.mark.parametrize(
    ("query", "status"),
    [("first=2026-02-30", 400), ("", 400), ("first=2026-01-01&count=0", 400), ("first=9999-12-31&count=9", 400)],
)
async def test_days_that_are_none(house: House, office: Office, query: str, status: int) -> None:
    await office.put("hours/office", {"hours_id": "office", **NAMES, "week": {}})
    assert (await house.ask("GET", f"{API}/hours/office/days?{query}", by="super"))[0] == status
    assert (await house.ask("GET", f"{API}/hours/gone/days?first=2026-01-01", by="super"))[0] == 404
