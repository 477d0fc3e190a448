"""What supervisors do to agents, over HTTP: states, those who are stuck, queues and skills, messages; all audited."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from callcenter.asterisk.model import Channel, LegAnswered
from callcenter.hotline import Hotline
from callcenter.routing.model import AgentMove, AgentState, CallMove, CallState
from callcenter.routing.script import CallFacts, OfferOver
from callcenter.routing.store import Part
from callcenter.settings import Settings
from callcenter.staff.model import Actor, Role
from callcenter.tasks import ended
from tests.storage.house import House, open_house
from tests.waiting import until

API = "/api/v1/supervision"


@pytest.fixture
async def house(pool: Any, redis: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("callcenter.routing.line.WAITING_SECONDS", 0)
    monkeypatch.setattr("callcenter.routing.line.OTHER_SECONDS", 0)
    async with open_house(pool, redis) as house:
        yield house


async def ask(house: House, method: str, path: str, body: Any = None, *, by: str = "super") -> tuple[int, Any]:
    return await house.ask(method, API + path, by=by, json={} if body is None and method != "GET" else body)


async def error_id(house: House, method: str, path: str, body: Any = None) -> tuple[int, str]:
    status, answer = await ask(house, method, path, body)
    assert answer["error"]["message"].keys() == {"en", "zh"}
    return status, answer["error"]["id"]


async def audited(house: House, kind: str) -> list[tuple[str, str, Any]]:
    rows = await house.hotline.pool.fetch(
        "select action, username, detail from audit_log where object_kind = $1 order by audit_id", kind
    )
    return [(row["action"], row["username"], row["detail"]) for row in rows]


async def enter(house: House, number: int) -> str:
    """A caller in line; the id of his call."""
    now = house.hotline.clock()
    call_id = f"node1-{now // 1000}.{number}"
    await house.hotline.line.wait(CallFacts(call_id, "node1", "PJSIP/trunk-1", "", "13800138000", "", now))
    return call_id


# -- states --------------------------------------------------------------------------------------------


async def test_a_supervisor_makes_an_agent_ready_paused_and_signed_out(house: House) -> None:
    alice = house.ids["alice"]
    path = f"/agents/{alice}/state"
    for state in ("ready", "ready", "signed_out", "signed_out"):
        status, now = await ask(house, "POST", path, {"state": state})
        assert (status, now["state"], now["reason"]) == (200, state, None)
    reasons = [one.code for one in house.hotline.routing.plan.configuration.pause_reasons]
    _, first = await ask(house, "POST", path, {"state": "paused", "reason": reasons[0]})
    _, again = await ask(house, "POST", path, {"state": "paused", "reason": reasons[0]})
    assert first == again, "already so: nothing happens"
    _, other = await ask(house, "POST", path, {"state": "paused"}, by="admin")
    assert other["reason"] == reasons[-1]
    assert [(action, who) for action, who, _ in await audited(house, "user")][-1] == ("agent.state_asked", "admin")
    status, answer = await ask(house, "POST", path, {"state": "paused", "reason": "nothing"})
    assert (status, list(answer["error"]["fields"])) == (400, ["reason"])
    assert await error_id(house, "POST", "/agents/999999/state", {"state": "ready"}) == (404, "not_found")


async def test_who_is_in_a_call_is_left_alone(house: House) -> None:
    hotline, alice = house.hotline, house.ids["alice"]
    await hotline.live.step(hotline.clock(), agent=Part(alice, set={"online": "1"}))
    await ask(house, "POST", f"/agents/{alice}/state", {"state": "ready"})
    call_id = await enter(house, 1)
    call = await hotline.live.call(call_id)
    assert call.rung == (alice,)
    assert await error_id(house, "POST", f"/agents/{alice}/state", {"state": "paused"}) == (409, "agent_in_call")
    assert await error_id(house, "POST", f"/agents/{alice}/free") == (503, "unavailable")
    assert await error_id(house, "POST", f"/calls/{call_id}/move", {"queue_id": "service"}) == (409, "call_on_offer")
    await hotline.witness.take(LegAnswered(call_id, call.offer_id, "1001", "node1-1.1", hotline.clock()))
    assert await error_id(house, "POST", f"/calls/{call_id}/end") == (503, "unavailable")
    assert await error_id(house, "POST", f"/calls/{call_id}/take-over") == (409, "phone_offline")


# -- who is stuck --------------------------------------------------------------------------------------


class Switchboard:
    """The channels that Asterisk has, as the test says."""

    def __init__(self) -> None:
        self.there: list[Channel] = []
        self.names = ("node1",)

    def alive(self, node: str) -> bool:
        """It is."""
        return True

    async def channels(self) -> dict[str, Sequence[Channel]]:
        """As the test says."""
        return {"node1": self.there}


async def stuck(house: House, *, talks: bool, seconds_ago: int = 60) -> tuple[str, Switchboard]:
    """Alice is offered a caller, or talks with him; her phone is not in his call."""
    hotline, alice = house.hotline, house.ids["alice"]
    board = Switchboard()
    hotline.reconciler._asterisk = board  # type: ignore[assignment]
    await hotline.live.step(hotline.clock(), agent=Part(alice, set={"online": "1"}))
    await ask(house, "POST", f"/agents/{alice}/state", {"state": "ready"})
    call_id = await enter(house, 1)
    call = await hotline.live.call(call_id)
    if talks:
        await hotline.witness.take(LegAnswered(call_id, call.offer_id, "1001", "node1-1.1", hotline.clock()))
    since = {"since": str(hotline.clock() - seconds_ago * 1000)}
    await hotline.live.step(hotline.clock(), agent=Part(alice, set=since))
    return call_id, board


@pytest.mark.parametrize(("talks", "state"), [(False, "ready"), (True, "wrapup")])
@pytest.mark.parametrize("caller_is_there", [False, True])
async def test_an_agent_held_by_a_call_without_his_phone_is_let_go(
    house: House, talks: bool, state: str, caller_is_there: bool
) -> None:
    call_id, board = await stuck(house, talks=talks)
    if caller_is_there:
        board.there = [Channel(call_id, call_id, "", "trunk", True)]
        await house.hotline.live.step(house.hotline.clock(), agent=Part(house.ids["alice"], set={"online": "0"}))
    status, now = await ask(house, "POST", f"/agents/{house.ids['alice']}/free")
    assert (status, now["state"]) == (200, state)
    call = await house.hotline.live.call(call_id)
    assert call.state is (CallState.WAITING if caller_is_there else CallState.ENDED)
    assert (await audited(house, "user"))[-1] == ("agent.free_asked", "super", {})


async def test_an_agent_held_by_another_s_call_is_let_go(house: House) -> None:
    call_id, _ = await stuck(house, talks=True)
    hotline = house.hotline
    gone = Part(call_id, move=CallMove.REQUEUE, set={"agent": "", "offer": "x"})
    await hotline.live.step(hotline.clock(), agent=Part(house.ids["alice"], set={"online": "0"}), call=gone)
    _, now = await ask(house, "POST", f"/agents/{house.ids['alice']}/free")
    assert now["state"] == "wrapup"
    _, now = await ask(house, "POST", f"/agents/{house.ids['alice']}/free")
    assert now["state"] == "ready"
    status, now = await ask(house, "POST", f"/agents/{house.ids['alice']}/free")
    assert (status, now["state"]) == (200, "ready")


@pytest.mark.parametrize("is_young", [False, True])
async def test_an_agent_whose_phone_is_in_the_call_or_may_be_on_its_way_stays(house: House, is_young: bool) -> None:
    call_id, board = await stuck(house, talks=not is_young, seconds_ago=0 if is_young else 60)
    offer_id = (await house.hotline.live.call(call_id)).offer_id
    if not is_young:
        board.there = [Channel("node1-1.1", call_id, offer_id, "1001", True)]
    path = f"/agents/{house.ids['alice']}/free"
    assert await error_id(house, "POST", path) == (409, "agent_in_call")
    assert (await house.hotline.live.call(call_id)).offer_id == offer_id


async def test_who_has_missed_calls_is_freed_and_who_has_gone_home_is_not(house: House) -> None:
    hotline, alice = house.hotline, house.ids["alice"]
    assert await error_id(house, "POST", f"/agents/{alice}/free") == (409, "agent_signed_out")
    missed = Part(alice, move=AgentMove.PAUSE, set={"reason": "missed", "misses": "2"})
    await hotline.live.step(hotline.clock(), agent=missed)
    _, now = await ask(house, "POST", f"/agents/{alice}/free")
    assert (now["state"], now["reason"]) == ("ready", None)
    assert (await hotline.live.agent(alice)).misses == 0


# -- what is set live ----------------------------------------------------------------------------------


async def test_membership_skills_and_priority_hold_for_the_next_call(house: House, pool: Any) -> None:
    alice, hotline = house.ids["alice"], house.hotline
    revision = (await house.ask("GET", "/api/v1/configuration", by="admin"))[1]["revision"]
    skill = {"skill_id": "lifts", "name_zh": "电梯", "name_en": "Lifts", "agents": {}}
    path = f"/api/v1/configuration/skills/lifts?revision={revision}"
    assert (await house.ask("PUT", path, by="admin", json=skill))[0] == 200
    queues = [one.queue_id for one in hotline.routing.plan.configuration.queues]
    wanted = [{"queue_id": queues[-1], "opens_after_seconds": 30}]
    for _ in range(2):
        assert (await ask(house, "PUT", f"/agents/{alice}/queues", {"queues": wanted}))[0] == 204
        assert (await ask(house, "PUT", f"/agents/{alice}/skills", {"skills": {"lifts": 7}}))[0] == 204
        assert (await ask(house, "PUT", f"/queues/{queues[0]}/priority", {"priority": 4}))[0] == 204
    await hotline.sync_roster()
    person = hotline.routing.plan.people[alice]
    assert [(one.queue_id, one.opens_after_ms) for one in person.memberships] == [(queues[-1], 30_000)]
    assert person.skills == (("lifts", 7),)
    assert hotline.routing.plan.queues[queues[0]].priority == 4
    others = [one.queue_id for one in hotline.routing.plan.people[house.ids["super"]].memberships]
    assert others == [], "nobody else's have changed"
    rows = await pool.fetch("select action, username from audit_log where object_kind in ('queue', 'skill')")
    told = {(row["action"], row["username"]) for row in rows}
    assert told >= {("queue.changed", "super"), ("skill.changed", "super")}
    assert (await ask(house, "PUT", f"/agents/{alice}/queues", {"queues": []}))[0] == 204
    await hotline.sync_roster()
    assert hotline.routing.plan.people[alice].memberships == ()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/agents/{alice}/queues", {"queues": [{"queue_id": "nowhere"}]}, "queues"),
        ("/agents/{alice}/queues", {"queues": [{"queue_id": "service", "opens_after_seconds": -1}]}, None),
        ("/agents/{alice}/skills", {"skills": {"flying": 3}}, "skills"),
        ("/agents/{alice}/skills", {"skills": {"lifts": 11}}, None),
        ("/queues/nowhere/priority", {"priority": 3}, "queue_id"),
        ("/queues/service/priority", {"priority": 11}, "priority"),
    ],
)
async def test_what_can_not_be_set_is_refused_at_its_field(
    house: House, path: str, body: dict[str, Any], field: str | None
) -> None:
    status, answer = await ask(house, "PUT", path.format(alice=house.ids["alice"]), body)
    assert status == 400
    assert field is None or field in answer["error"]["fields"]


async def test_a_queue_s_priority_moves_who_stands_in_it_in_every_replica_once(
    house: House, pool: Any, redis: Any
) -> None:
    call_id = await enter(house, 1)
    other = Hotline(Settings(ari_url="http://127.0.0.1:1"), pool, redis)
    await other.sync_roster()
    await ask(house, "PUT", "/queues/service/priority", {"priority": 5})
    await asyncio.gather(house.hotline.sync_roster(), other.sync_roster())
    call = await house.hotline.live.call(call_id)
    assert call.entry["priority"] == 5
    [(_, order)] = await redis.zrange("cc:waiting:service", 0, -1, withscores=True)
    assert order == call.waiting_since_ms - 5 * house.hotline.routing.plan.priority_step_ms


async def test_who_was_on_offer_when_a_priority_was_set_has_it_when_he_is_in_line_again(house: House) -> None:
    hotline, alice = house.hotline, house.ids["alice"]
    await hotline.live.step(hotline.clock(), agent=Part(alice, set={"online": "1"}))
    await ask(house, "POST", f"/agents/{alice}/state", {"state": "ready"})
    call_id = await enter(house, 1)
    await ask(house, "PUT", "/queues/service/priority", {"priority": 5})
    await hotline.sync_roster()
    call = await hotline.live.call(call_id)
    await hotline.routing.offer_over(call, OfferOver(call.offer_id, "NOANSWER", 19, hotline.clock()))
    await hotline._reconcile()
    call = await hotline.live.call(call_id)
    assert (call.state, call.entry["priority"]) == (CallState.WAITING, 5)


# -- calls ---------------------------------------------------------------------------------------------


async def test_calls_are_moved_set_and_taken_over_and_each_act_is_audited(house: House) -> None:
    hotline, boss = house.hotline, house.ids["super"]
    call_id = await enter(house, 1)
    await hotline.live.step(hotline.clock(), agent=Part(boss, set={"online": "1"}))
    assert (await ask(house, "POST", f"/calls/{call_id}/move", {"queue_id": "service"}))[0] == 204
    assert (await ask(house, "POST", f"/calls/{call_id}/priority", {"priority": -2}))[0] == 204
    assert (await ask(house, "POST", f"/calls/{call_id}/take-over"))[0] == 204
    assert (await ask(house, "POST", f"/calls/{call_id}/take-over"))[0] == 204
    assert (await hotline.live.call(call_id)).rung == (boss,)
    assert await audited(house, "call") == [
        ("call.move_asked", "super", {"queue_id": "service"}),
        ("call.priority_asked", "super", {"priority": -2}),
        ("call.take_over_asked", "super", {}),
        ("call.take_over_asked", "super", {}),
    ]
    for body in ({}, {"queue_id": "service", "user_id": boss}, {"queue_id": "nowhere"}):
        assert (await ask(house, "POST", f"/calls/{call_id}/move", body))[0] == 400
    assert await error_id(house, "POST", "/calls/node1-1763780000.99/take-over") == (404, "not_found")


async def test_an_end_that_is_asked_for_is_audited_though_it_fails_and_not_when_the_call_is_over(house: House) -> None:
    call_id = await enter(house, 1)
    assert await error_id(house, "POST", f"/calls/{call_id}/end") == (503, "unavailable")
    assert await audited(house, "call") == [("call.end_asked", "super", {})]
    await house.hotline.live.step(house.hotline.clock(), call=Part(call_id, move=CallMove.END))
    assert (await ask(house, "POST", f"/calls/{call_id}/end"))[0] == 204
    assert await error_id(house, "POST", f"/calls/{call_id}/move", {"queue_id": "service"}) == (409, "call_over")
    assert await audited(house, "call") == [("call.end_asked", "super", {})]
    assert await error_id(house, "POST", f"/calls/{'x' * 4000}%00/end") == (404, "not_found")


class Away:
    """A database that is away."""

    async def execute(self, *_: object) -> None:
        """Nobody answers."""
        raise ConnectionRefusedError


async def test_nothing_is_done_that_can_not_be_audited(house: House) -> None:
    hotline, alice, boss = house.hotline, house.ids["alice"], house.ids["super"]
    await hotline.live.step(hotline.clock(), agent=Part(boss, set={"online": "1"}))
    call_id = await enter(house, 1)
    headers = await house.headers("super")
    before = await hotline.redis.hgetall(f"cc:call:{call_id}")
    pool, hotline.pool = hotline.pool, Away()
    for path, body in (
        (f"/calls/{call_id}/move", {"queue_id": "service"}),
        (f"/calls/{call_id}/move", {"user_id": alice}),
        (f"/calls/{call_id}/priority", {"priority": 3}),
        (f"/calls/{call_id}/take-over", {}),
        (f"/calls/{call_id}/end", {}),
        (f"/agents/{alice}/state", {"state": "ready"}),
        (f"/agents/{alice}/free", {}),
    ):
        status, answer = await house.ask("POST", API + path, headers=headers, json=body)
        assert (path, status, answer["error"]["id"]) == (path, 503, "not_written_down")
    hotline.pool = pool
    assert await hotline.redis.hgetall(f"cc:call:{call_id}") == before
    assert (await hotline.live.agent(alice)).state is AgentState.SIGNED_OUT
    assert await audited(house, "call") == []


# -- messages ------------------------------------------------------------------------------------------


async def unseen(house: House, by: str) -> list[str]:
    _, rows = await house.ask("GET", "/api/v1/desk/messages", by=by)
    return [row["text"] for row in rows]


async def test_a_message_stays_until_the_agent_has_clicked_it_away(house: House) -> None:
    alice = house.ids["alice"]
    hostile = "<img src=x onerror=alert(1)>\n三点开会"
    status, made = await ask(house, "POST", "/messages", {"text": hostile + "\0", "user_ids": [alice]})
    assert (status, made["text"], made["sent_by"]) == (201, hostile, "Super")
    assert await unseen(house, "alice") == [hostile]
    assert await unseen(house, "admin") == []
    path = f"/api/v1/desk/messages/{made['message_id']}/seen"
    assert (await house.ask("POST", path, by="admin", json={}))[0] == 404
    for _ in range(2):
        assert (await house.ask("POST", path, by="alice", json={}))[0] == 204
    assert await unseen(house, "alice") == []
    [sent] = (await ask(house, "GET", "/messages"))[1]
    [reader] = sent["readers"]
    assert (sent["to_all"], reader["display_name"], reader["seen_at"] >= sent["sent_at"]) == (False, "Alice", True)
    assert (await audited(house, "message"))[-1] == ("message.sent", "super", {"to": [alice]})


async def test_a_message_to_all_is_for_who_is_there_and_who_comes_later_in_the_shift(house: House, pool: Any) -> None:
    bob = await house.hire("bob", Role.AGENT, "1002")
    await house.hotline.sync_roster()
    await house.hotline.work.set_state(house.ids["alice"], AgentState.READY)
    await ask(house, "POST", "/messages", {"text": "系统升级", "user_ids": None})
    assert [await unseen(house, one) for one in ("alice", "bob", "super")] == [["系统升级"], ["系统升级"], []]
    [sent] = (await ask(house, "GET", "/messages"))[1]
    assert (sent["to_all"], [one["display_name"] for one in sent["readers"]]) == (True, ["Alice"])
    path = f"/api/v1/desk/messages/{sent['message_id']}/seen"
    await house.ask("POST", path, by="bob", json={})
    assert await unseen(house, "bob") == []
    [sent] = (await ask(house, "GET", "/messages"))[1]
    assert [one["user_id"] for one in sent["readers"] if one["seen_at"]] == [bob]
    await pool.execute("update desk_messages set sent_at = sent_at - interval '13 hours'")
    assert await unseen(house, "alice") == []


async def test_a_message_that_is_sent_twice_at_once_is_one(house: House) -> None:
    body = {"text": "回电请先致歉", "user_ids": [house.ids["admin"], house.ids["alice"]]}
    made = await asyncio.gather(*(ask(house, "POST", "/messages", body) for _ in range(4)))
    assert len({one["message_id"] for _, one in made}) == 1
    _, other = await ask(house, "POST", "/messages", body | {"user_ids": [house.ids["alice"]]})
    assert other["message_id"] != made[0][1]["message_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": " \n "}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": "x", "user_ids": []}, "user_ids"),
        ({"text": "x", "user_ids": [999999]}, "user_ids"),
    ],
)
async def test_a_message_that_is_none_is_refused(house: House, body: dict[str, Any], field: str) -> None:
    status, answer = await ask(house, "POST", "/messages", body)
    assert (status, list(answer["error"]["fields"])) == (400, [field])
    assert (await ask(house, "GET", "/messages"))[1] == []


async def test_a_message_reaches_open_desks_of_every_replica_without_a_number(
    house: House, pool: Any, redis: Any
) -> None:
    other = Hotline(Settings(ari_url="http://127.0.0.1:1"), pool, redis)
    listening = [asyncio.create_task(one.desks.listen()) for one in (house.hotline, other)]
    alice, boss = house.ids["alice"], house.ids["super"]
    try:
        await until(lambda: _two_listen(redis))
        async with aiohttp.ClientSession() as http:
            url = house.server.make_url("/api/v1/desk/live?desk_id=d1")
            async with (
                http.ws_connect(url, headers=await house.headers("alice")) as hers,
                http.ws_connect(url, headers=await house.headers("super")) as his,
            ):
                assert [(await one.receive_json(timeout=5))["type"] for one in (hers, his)] == ["snapshot"] * 2
                for text, users in (("全体", None), ("仅主管", [boss]), ("仅爱丽丝", [alice])):
                    await other.desk_messages.send(Actor(boss, "super"), text, users)
                told = [await _message(hers), await _message(hers), await _message(his)]
        assert [one["message"]["text"] for one in told] == ["全体", "仅爱丽丝", "仅主管"]
        assert not [one for one in told if "seq" in one]
    finally:
        await ended(listening)


async def _message(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    while (told := await socket.receive_json(timeout=5))["type"] != "message" or "message" not in told:
        pass
    message: dict[str, Any] = told
    return message


async def _two_listen(redis: Any) -> bool:
    return bool((await redis.pubsub_numsub("cc:messages"))[0][1] == 2)
