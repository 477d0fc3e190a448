"""Telephone numbers are whole for who may see them, and for nobody else, whatever he asks (SEC-01, SEC-05)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import orjson
import pytest

from callcenter.clock import moment, now_ms
from callcenter.numbers.service import MOST_AN_HOUR
from callcenter.routing.model import AgentState
from callcenter.routing.script import CallFacts
from callcenter.routing.store import Part
from callcenter.staff import audit
from callcenter.staff.model import Actor
from callcenter.staff.permissions import Permission
from callcenter.web.routes import NODE, PUBLIC, Route
from callcenter.web.server import declared_routes
from tests.storage.house import House, open_house

MOBILE = "13755501234"
LANDLINE = "01062001234"
SECOND = now_ms() // 1000
CALL = f"node1-{SECOND}.7"
CALLBACK = f"node1-{SECOND}.8"
LIVE = f"node1-{SECOND}.9"
UNWRITTEN = f"node1-{SECOND}.10"

GET_ROUTES = [
    route
    for route in declared_routes()
    if route.method == "GET" and route.access is not NODE and route.access is not PUBLIC and not route.websocket
]
SHOW_NUMBERS = {
    "/api/v1/customers",
    "/api/v1/customers/{customer_id}",
    "/api/v1/calls",
    "/api/v1/calls/{call_id}",
    "/api/v1/ring-backs",
    "/api/v1/callbacks",
    "/api/v1/blocked-callers",
    "/api/v1/board",
    "/api/v1/desk",
    "/api/v1/desk/unwritten",
    "/api/v1/customers/{customer_id}/timeline",
    "/api/v1/customers/{customer_id}/merge",
    "/api/v1/customers/{customer_id}/files",
    "/api/v1/possible-duplicates",
    "/api/v1/recordings",
    "/api/v1/calls/{call_id}/recordings",
    "/api/v1/audit",
}
"""Routes that would be tested in vain if nothing of the number were there."""


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    """A house where the number of one customer stands in every list."""
    async with open_house(pool, redis) as house:
        customer = {"name": "刘秀英", "unit_or_address": "7 号楼 1203"}
        numbers = [{"number": MOBILE, "label": "手机"}, {"number": LANDLINE, "label": "家里"}]
        _, made = await house.ask("POST", "/api/v1/customers", by="super", json=customer | {"numbers": numbers})
        house.ids["customer"] = made["customer_id"]
        await _calls(house, pool, made["customer_id"])
        facts = CallFacts(LIVE, "node1", "PJSIP/trunk-1", "400", MOBILE, MOBILE, now_ms())
        await house.hotline.line._look(await house.hotline.live.call(LIVE), facts, False, None, None)
        await house.hotline.blocking.block(_super(house), MOBILE, "骚扰", None)
        yield house


OWN: dict[str, Any] = {"emergency": MOBILE, "called": f"+86 {MOBILE}", "second": int(MOBILE), "area": 1375550.0}
"""Own fields: his number as a text, under a name that has a meaning elsewhere, as a JSON number; and an amount."""


async def own_fields(house: House) -> None:
    """The department asks for them."""
    for name, value in OWN.items():
        kind = "text" if isinstance(value, str) else "number"
        field = {"name_zh": name, "name_en": name, "kind": kind}
        status, said = await house.ask("PUT", f"/api/v1/customer-fields/{name}", by="admin", json=field)
        assert status == 200, said


@pytest.fixture
async def full_house(house: House, pool: Any) -> House:
    """The same, where the number stands in what is kept beside the lists too."""
    customer_id, number = house.ids["customer"], f"+86{MOBILE}"
    twin = {"name": "刘二", "numbers": [{"number": MOBILE, "label": ""}]}
    _, made = await house.ask("POST", "/api/v1/customers", by="super", json=twin)
    house.ids["part"] = made["customer_id"]
    await own_fields(house)
    changed = {"name": "刘秀英", "numbers": [{"number": MOBILE, "label": "本人"}], "own_fields": OWN}
    await house.ask("PUT", f"/api/v1/customers/{customer_id}", by="super", json=changed)
    await pool.execute("update ring_backs set done_note = $1 where state = 'done'", MOBILE)
    await pool.execute(
        """insert into customer_files (customer_id, name, media_type, size, sha256, content)
        values ($1, $2, 'text/plain', 1, sha256('x'), 'x')""",
        customer_id,
        f"{MOBILE}.txt",
    )
    await pool.execute(
        """insert into calls (call_id, node, queue_id, caller_number, agent_id, status, arrived_at, answered_at,
            ended_at)
        values ($1, 'node1', 'service', $2, $3, 'answered', $4, $4, $4)""",
        UNWRITTEN,
        number,
        house.ids["super"],
        moment(SECOND * 1000),
    )
    await pool.execute(
        "update calls set form_fields = $2 where call_id = $1", CALL, {"phone": MOBILE, "fee": "1375.50"}
    )
    await pool.execute(
        """insert into recordings (call_id, node, started_at, seconds, bytes, sha256, parts, peaks, file)
        values ($1, 'node1', $2, 1, 1, repeat('0', 64), '[]', '', 'x.mp3')""",
        CALL,
        moment(SECOND * 1000),
    )
    await audit.record(pool, _super(house), "call.sent_out_asked", of=("call", CALL), detail={"number": MOBILE})
    await house.hotline.role_work.reload()
    await house.hotline.live.step(now_ms(), agent=Part(house.ids["super"], set={"owes": LIVE}))
    return house


def _super(house: House) -> Actor:
    return Actor(house.ids["super"], "super", "127.0.0.1")


async def _calls(house: House, pool: Any, customer_id: int) -> None:
    """Two calls of his: one with all its facts and a task to ring back, one for which he keeps his place."""
    at, key = moment(SECOND * 1000), f"+86{MOBILE}"
    for call_id, status in ((CALL, "abandoned"), (CALLBACK, "callback")):
        await pool.execute(
            """
            insert into calls (call_id, node, queue_id, called_number, caller_number, caller_name, customer_id, status,
                arrived_at, callback_number, callback_at, callback_attempts)
            values ($1, 'node1', 'service', '4008001234', $2, $3, $4, $5, $6, $2, $6, 0)
            """,
            call_id,
            key,
            MOBILE,
            customer_id,
            status,
            at,
        )
    body = {"caller_number": key, "caller_name": MOBILE, "number": MOBILE, "clid": f'"{MOBILE}" <{MOBILE}>'}
    await pool.execute(
        """insert into call_events (event_id, call_id, kind, at, body, call_started_at)
        values ($1 || '/arrived', $1, 'arrived', $2, $3, $2)""",
        CALL,
        at,
        body,
    )
    for state in ("open", "done"):
        done_at = at if state == "done" else None
        await pool.execute(
            """insert into ring_backs (number, customer_id, call_id, first_at, last_at, kind, queue_id, state, done_at)
            values ($1, $2, $3, $4, $4, 'abandoned', 'service', $5, $6)""",
            key,
            customer_id,
            CALL,
            at - timedelta(minutes=1),
            state,
            done_at,
        )


def all_but_numbers(house: House) -> None:
    """Whoever asks may do everything, and see no number."""
    let_roles(house, lambda permission: permission is not Permission.SEE_NUMBERS)


def let_roles(house: House, may: Callable[[Permission], bool]) -> None:
    """Every role may what this says, whatever the house's roles are."""
    house.hotline.roles.may = lambda role, permission: bool(role) and may(permission)  # type: ignore[method-assign]


def has_number(text: str) -> bool:
    """Whether one of his numbers stands there whole, however it is written."""
    bare = re.sub(r"[\s()\-–]", "", text)
    return any(number in bare for number in (MOBILE, LANDLINE, LANDLINE[1:]))


def path_of(house: House, route: Route) -> str:
    """The route's path with ids that are there."""
    ids = {"customer_id": house.ids["customer"], "user_id": house.ids["alice"], "call_id": CALL, "name": "apology"}
    ids |= {"language": "zh", "article_id": 1, "month": "2026-11", "hours_id": "always", "profile": "property"}
    path = re.sub(r"\{(\w+)\}", lambda found: str(ids.get(found[1], 1)), route.path)
    return f"{path}?part_id={house.ids['part']}" if path.endswith("/merge") else path


async def test_no_answer_has_a_whole_number_for_who_may_not_see_it(full_house: House) -> None:
    house = full_house
    assert {route.path for route in GET_ROUTES} >= SHOW_NUMBERS
    for route in GET_ROUTES:
        sees = house.hotline.roles.may
        await _check_route(house, route)
        house.hotline.roles.may = sees  # type: ignore[method-assign]


async def _check_route(house: House, route: Route) -> None:
    path = path_of(house, route)
    more = "&" if "?" in path else "?"
    asked = [path, *(f"{path}{more}{one}" for one in (f"q={MOBILE}", "state=done", f"number={MOBILE}"))]
    let_roles(house, lambda _: True)
    if route.path in SHOW_NUMBERS:
        status, whole = await house.ask("GET", path, by="super")
        assert status == 200, whole
        assert has_number(orjson.dumps(whole).decode()), "the test would see nothing"
    all_but_numbers(house)
    for one in asked:
        _, answer = await house.ask("GET", one, by="super")
        text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
        assert not has_number(text), (one, text)
        if route.path in SHOW_NUMBERS and one == path:
            assert "137****1234" in text.replace(" ", "") or "+86137****1234" in text, text


async def test_the_board_s_socket_hides_numbers_and_so_do_its_events(house: House) -> None:
    renewing = asyncio.create_task(house.hotline.boards.run())
    for hides in (False, True):
        if hides:
            all_but_numbers(house)
        url = house.server.make_url("/api/v1/board/live")
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(url, headers=await house.headers("super")) as socket,
        ):
            said = await socket.receive_str(timeout=5)
            number = f"node1-{SECOND}.{20 + hides}"
            facts = CallFacts(number, "node1", "PJSIP/trunk-1", "400", MOBILE, "", now_ms())
            await house.hotline.line._look(await house.hotline.live.call(number), facts, False, None, None)
            house.hotline.boards.look_anew()
            while number not in said:
                assert has_number(said) is not hides or '"calls"' not in said
                said = await socket.receive_str(timeout=5)
            assert has_number(said) is not hides, said
    renewing.cancel()


# -- finding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "found"), [(MOBILE, True), ("1234", True), ("1375550", False), ("55501234", False), ("1203", True)]
)
async def test_who_sees_no_number_finds_by_what_he_knows_and_finds_out_nothing(
    house: House, typed: str, found: bool
) -> None:
    for path, kind in (("customers", "customers"), ("calls", "calls")):
        _, page = await house.ask("GET", f"/api/v1/{path}?q={typed}&limit=1", by="alice")
        hits = bool(page[kind])
        if path == "customers":
            assert hits is found, page
            assert page["next"] is None, "a next page would tell that there are more"
        else:
            assert hits is (typed == MOBILE), page
        assert not has_number(orjson.dumps(page).decode())
    _, page = await house.ask("GET", f"/api/v1/customers?q={typed}", by="super")
    assert page["customers"] or typed == "55501234"


async def test_recordings_are_found_by_the_whole_number_only_of_who_sees_none(full_house: House) -> None:
    for typed, seen, hidden in ((MOBILE, 1, 1), ("55501234", 1, 0), ("1375550", 1, 0)):
        for may, count in ((True, seen), (False, hidden)):
            let_roles(full_house, lambda _: True) if may else all_but_numbers(full_house)
            _, page = await full_house.ask("GET", f"/api/v1/recordings?number={typed}", by="super")
            assert len(page["recordings"]) == count, (typed, may)


# -- editing -----------------------------------------------------------------------------------------------


async def test_who_edits_a_record_that_he_sees_hidden_changes_no_number(house: House, pool: Any) -> None:
    path = f"/api/v1/customers/{house.ids['customer']}"
    _, seen = await house.ask("GET", path, by="alice")
    shown = [{"number": one["number_display"], "label": one["label"]} for one in seen["numbers"]]
    assert [one["number"].replace(" ", "") for one in shown] == ["137****1234", "010****1234"]
    change = {"name": "刘秀英", "unit_or_address": "8 号楼", "updated_at": seen["updated_at"]}
    new = {"number": "13755509999", "label": "公司"}
    status, changed = await house.ask("PUT", path, by="alice", json=change | {"numbers": [shown[1], new, shown[0]]})
    assert status == 200, changed
    rows = await pool.fetch("select number from customer_numbers order by position")
    assert [row["number"] for row in rows] == ["+861062001234", "+8613755509999", f"+86{MOBILE}"]
    assert not has_number(orjson.dumps(changed).decode())

    change["updated_at"] = changed["updated_at"]
    status, refusal = await house.ask(
        "PUT", path, by="alice", json=change | {"numbers": [{"number": "139****1234", "label": ""}]}
    )
    assert (status, list(refusal["error"]["fields"])) == (400, ["numbers.0.number"])
    assert await pool.fetchval("select count(*) from customer_numbers") == 3


async def test_own_fields_hide_numbers_and_keep_them_when_they_are_sent_back(full_house: House, pool: Any) -> None:
    house, path = full_house, f"/api/v1/customers/{full_house.ids['customer']}"
    _, seen = await house.ask("GET", path, by="alice")
    hidden = {"emergency": "137****1234", "called": "+86 137****1234", "second": "137****1234", "area": 1375550.0}
    assert seen["own_fields"] == hidden
    change = {"name": "刘秀英", "own_fields": hidden | {"area": 90.5}, "updated_at": seen["updated_at"]}
    status, changed = await house.ask("PUT", path, by="alice", json=change)
    assert status == 200, changed
    stored = await pool.fetchval("select own_fields from customers where customer_id = $1", house.ids["customer"])
    assert stored == OWN | {"area": 90.5}
    _, whole = await house.ask("GET", path, by="super")
    assert whole["own_fields"] == OWN | {"area": 90.5}
    wrong = {"name": "刘秀英", "own_fields": hidden | {"second": "139****1234"}}
    status, refusal = await house.ask("PUT", path, by="alice", json=wrong)
    assert (status, list(refusal["error"]["fields"])) == (400, ["own_fields.second"])


async def test_own_fields_show_choices_and_digits_that_are_no_telephone(full_house: House) -> None:
    house, path = full_house, f"/api/v1/customers/{full_house.ids['customer']}"
    for name, choices in (("branch", ["010-62001234", "1000-2000"]), ("budget", ["1000-2000"]), ("order", [])):
        field = {"name_zh": name, "name_en": name, "kind": "choice" if choices else "text", "choices": choices}
        assert (await house.ask("PUT", f"/api/v1/customer-fields/{name}", by="admin", json=field))[0] == 200
    own = {"branch": "010-62001234", "budget": "1000-2000", "order": "2023001", "emergency": "00123456"}
    change = {"name": "刘秀英", "own_fields": own | {"called": LANDLINE}}
    assert (await house.ask("PUT", path, by="super", json=change))[0] == 200
    shown = own | {"called": "010****1234"}
    _, seen = await house.ask("GET", path, by="alice")
    assert seen["own_fields"] == shown
    _, page = await house.ask("GET", "/api/v1/customers", by="alice", params={"q": "刘秀英"})
    assert page["customers"][0]["own_fields"] == shown
    status, changed = await house.ask("PUT", path, by="alice", json={"name": "刘秀英", "own_fields": shown})
    assert (status, changed["own_fields"]) == (200, shown)
    _, whole = await house.ask("GET", path, by="super")
    assert whole["own_fields"] == change["own_fields"], "nothing was changed"
    _, told = await house.ask("GET", f"{path}/timeline", by="alice", params={"kinds": "change"})
    assert told["entries"][0]["detail"]["detail"]["changed"]["own_fields"][1] == shown
    all_but_numbers(house)
    _, two = await house.ask("GET", f"{path}/merge", by="super", params={"part_id": house.ids["part"]})
    differing = {one["field"]: one["kept"] for one in two["differences"]}
    assert {name: differing[f"own_fields.{name}"] for name in shown} == shown


async def test_a_hidden_blocked_number_can_be_let_through(house: House, pool: Any) -> None:
    all_but_numbers(house)
    _, blocked = await house.ask("GET", "/api/v1/blocked-callers", by="super")
    assert blocked[0]["number"] == "+86137****1234"
    status, answer = await house.ask("DELETE", f"/api/v1/blocked-callers/{blocked[0]['number']}", by="super")
    assert status == 204, answer
    assert not await pool.fetchval("select count(*) from blocked_callers")


# -- revealing ---------------------------------------------------------------------------------------------


async def test_a_number_is_revealed_and_stands_in_the_audit_log(house: House, pool: Any) -> None:
    ring_back = await pool.fetchval("select ring_back_id from ring_backs where state = 'open'")
    customer = house.ids["customer"]
    for kind, record_id, position, number in (
        ("customer", customer, 0, f"+86{MOBILE}"),
        ("customer", customer, 1, f"+86{LANDLINE[1:]}"),
        ("call", CALL, 0, f"+86{MOBILE}"),
        ("callback", CALLBACK, 0, f"+86{MOBILE}"),
        ("ring_back", ring_back, 0, f"+86{MOBILE}"),
    ):
        whose = {"kind": kind, "id": str(record_id), "position": position}
        status, answer = await house.ask("POST", "/api/v1/numbers/reveal", by="alice", json=whose)
        assert (status, answer["number"]) == (200, number), answer
        row = await pool.fetchrow("select * from audit_log order by audit_id desc limit 1")
        assert (row["action"], row["user_id"]) == ("number.revealed", house.ids["alice"])
        assert (row["object_kind"], row["object_id"]) == ("call" if kind == "callback" else kind, str(record_id))
        assert not has_number(orjson.dumps(dict(row["detail"])).decode()), "the log is read by others"


@pytest.mark.parametrize(
    "whose",
    [
        {"kind": "customer", "id": "999999"},
        {"kind": "customer", "id": "1", "position": 9},
        {"kind": "customer", "id": "1 or true"},
        {"kind": "ring_back", "id": "9" * 30},
        {"kind": "call", "id": "node1-1.1"},
    ],
)
async def test_what_is_not_there_is_not_revealed(house: House, pool: Any, whose: dict[str, Any]) -> None:
    assert (await house.ask("POST", "/api/v1/numbers/reveal", by="alice", json=whose))[0] == 404
    assert not await pool.fetchval("select count(*) from audit_log where action = 'number.revealed'")


async def test_no_more_than_sixty_an_hour_are_revealed_to_one_person(house: House) -> None:
    whose = {"kind": "call", "id": CALL}
    headers = await house.headers("alice")
    for _ in range(MOST_AN_HOUR):
        assert (await house.ask("POST", "/api/v1/numbers/reveal", headers=headers, json=whose))[0] == 200
    status, refusal = await house.ask("POST", "/api/v1/numbers/reveal", headers=headers, json=whose)
    assert (status, refusal["error"]["id"]) == (429, "revealed_enough")
    assert "60" in refusal["error"]["message"]["zh"]
    assert (await house.ask("POST", "/api/v1/numbers/reveal", by="super", json=whose))[0] == 200, "others may"
    assert 0 < await house.hotline.redis.ttl(f"cc:revealed:{house.ids['alice']}") <= 3600


async def test_who_may_not_read_a_record_is_not_shown_its_number(house: House) -> None:
    let_roles(house, lambda permission: permission is Permission.REVEAL_NUMBERS)
    for whose in ({"kind": "call", "id": CALL}, {"kind": "customer", "id": "1"}, {"kind": "ring_back", "id": "1"}):
        assert (await house.ask("POST", "/api/v1/numbers/reveal", by="alice", json=whose))[0] == 403


async def test_without_the_audit_log_nothing_is_revealed(house: House, pool: Any) -> None:
    await pool.execute("alter table audit_log add constraint none_such check (action <> 'number.revealed')")
    status, answer = await house.ask("POST", "/api/v1/numbers/reveal", by="alice", json={"kind": "call", "id": CALL})
    assert status >= 500, answer
    assert not has_number(orjson.dumps(answer).decode())


# -- his own call ------------------------------------------------------------------------------------------


async def test_an_agent_s_own_caller_is_whole_on_his_desk(house: House) -> None:
    alice = house.ids["alice"]
    await house.hotline.live.step(now_ms(), agent=Part(alice, set={"online": "1", "node": "node1"}))
    await house.hotline.routing.look_anew()
    await house.hotline.work.set_state(alice, AgentState.READY)
    status, desk = await house.ask("GET", "/api/v1/desk", by="alice")
    assert status == 200
    assert desk["call"] is not None
    assert has_number(orjson.dumps(desk).decode()), "he must read it back (REC-02)"
