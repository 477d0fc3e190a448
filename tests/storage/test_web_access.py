"""The doors: who is let through to each route, CSRF, origins, sessions, errors, files."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from callcenter.staff.model import HOTLINE_ITSELF
from callcenter.staff.permissions import SHIPPED, Permission
from callcenter.web.files import Files
from callcenter.web.middlewares import COOKIE, CSRF_HEADER
from callcenter.web.routes import NODE, PUBLIC, SIGNED_IN, Gate, Route, Routes
from callcenter.web.server import build_app, declared_routes
from tests.storage.house import NODE_TOKEN, House, open_house

ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in declared_routes()]
SHIPPED_PEOPLE = {
    {"agent": "alice", "supervisor": "super", "administrator": "admin"}.get(role, role): role for role in SHIPPED
}
"""One person of each shipped role."""
OWN_RIGHTS = frozenset({Permission.READ_CUSTOMERS, Permission.WATCH, Permission.READ_AUDIT})
PEOPLE = SHIPPED_PEOPLE | {"own": "own_1"}
RIGHTS = SHIPPED | {"own_1": OWN_RIGHTS}
TOKEN = {"Authorization": f"Bearer {NODE_TOKEN}"}


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    async with open_house(pool, redis) as house:
        yield house


_IDS = {
    "call_id": "node1-1763780000.1",
    "sound": "zh-apology-0123456789abcdef",
    "name": "apology",
    "language": "zh",
}


def path_of(route: Route) -> str:
    """The route's path with ids of nobody."""
    return re.sub(r"\{(\w+)\}", lambda found: _IDS.get(found[1], "999999"), route.path)


def expected(route: Route, person: str) -> set[int]:
    """The refusals that the route's declaration asks for; empty when he is let through."""
    if route.access is PUBLIC:
        return set()
    if route.access is NODE:
        return {401} if person != "node" else set()
    if person not in PEOPLE:
        return {401}
    if route.access is SIGNED_IN:
        return set()
    return set() if route.access in RIGHTS[PEOPLE[person]] else {403}


_HIRE = """
with made as (
    insert into users (username, display_name, role, password_hash) values ($1, $1, $2, '') returning user_id
), phone as (
    insert into agents (user_id, extension, phone_kind)
    select user_id, $3::text, 'browser' from made where $3 is not null
)
select user_id from made
"""


async def hire_everybody(house: House) -> None:
    """One person of each role: the nine that are shipped, and one that was made here."""
    work = house.hotline.role_work
    role_id = await work.create(HOTLINE_ITSELF, "访客", "Visitor", "department_head")
    assert role_id == PEOPLE["own"]
    seen = SHIPPED["department_head"]
    await work.change(HOTLINE_ITSELF, role_id, ("访客", "Visitor"), wanted=OWN_RIGHTS, seen=seen)
    for place, (person, role) in enumerate(PEOPLE.items()):
        if person not in house.ids:
            phone = f"12{place:02d}" if Permission.TAKE_CALLS in RIGHTS[role] else None
            house.ids[person] = await house.hotline.pool.fetchval(_HIRE, person, role, phone)
    await work.reload()


@pytest.mark.parametrize("route", ROUTES)
async def test_each_route_lets_through_whom_it_names(house: House, route: Route) -> None:
    assert route.access is PUBLIC or route.access is NODE or route.access
    await hire_everybody(house)
    for person in ("nobody", "node", *PEOPLE):
        body: dict[str, Any] | None = None if route.method == "GET" else {}
        headers = TOKEN if person == "node" else await house.headers(person) if person in PEOPLE else {}
        status, answer = await house.ask(route.method, path_of(route), headers=headers, json=body)
        refusals = expected(route, person)
        if refusals:
            assert status in refusals, (person, answer)
            assert answer["error"]["message"].keys() == {"en", "zh"}
        else:
            assert status not in {401, 403}, (person, answer)
            assert status < 500 or route.path == "/healthz" or status == 503, (person, answer)


def test_only_these_are_open_to_anybody() -> None:
    public = {f"{route.method} {route.path}" for route in declared_routes() if route.access is PUBLIC}
    assert public == {"POST /api/v1/session", "GET /healthz", "GET /metrics", "GET /api/v1/openapi.json"}


def test_a_route_without_roles_cannot_be_declared() -> None:
    with pytest.raises(TypeError):
        Routes().get("/api/v1/open")  # type: ignore[call-arg]


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", f"Basic {NODE_TOKEN}", "Bearer \u00e9"])
async def test_the_node_api_wants_its_token(house: House, shown: str) -> None:
    path = "/node/v1/calls/node1-1763780000.1/wait"
    status, _ = await house.ask("POST", path, headers={"Authorization": shown}, json={})
    assert status == 401


async def test_an_empty_node_token_opens_nothing(house: House) -> None:
    house.hotline.settings.node_token = type(house.hotline.settings.node_token)("")
    path = "/node/v1/calls/node1-1763780000.1/wait"
    assert (await house.ask("POST", path, headers={"Authorization": "Bearer "}, json={}))[0] == 401


# -- forgery -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
async def test_a_change_without_the_session_s_token_is_refused(house: House, token: str | None) -> None:
    headers = await house.headers("alice")
    del headers[CSRF_HEADER]
    if token is not None:
        headers[CSRF_HEADER] = token
    status, answer = await house.ask("POST", "/api/v1/customers", headers=headers, json={"name": "王小明"})
    assert (status, answer["error"]["id"]) == (403, "forged")


async def test_a_token_of_another_session_is_refused(house: House) -> None:
    mine, other = await house.headers("alice"), await house.headers("super")
    headers = mine | {CSRF_HEADER: other[CSRF_HEADER]}
    assert (await house.ask("POST", "/api/v1/customers", headers=headers, json={"name": "王"}))[0] == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_another_origin_s_page_changes_nothing(house: House, origin: str) -> None:
    headers = await house.headers("alice") | {"Origin": origin}
    assert (await house.ask("POST", "/api/v1/customers", headers=headers, json={"name": "王"}))[0] == 403
    signing_in = {"username": "alice", "password": house.passwords["alice"]}
    assert (await house.ask("POST", "/api/v1/session", headers={"Origin": origin}, json=signing_in))[0] == 403


async def test_the_own_page_is_let_through(house: House) -> None:
    headers = {"Origin": str(house.server.make_url("")).rstrip("/")}
    assert (await house.ask("POST", "/api/v1/customers", by="alice", headers=headers, json={"name": "王"}))[0] == 201


async def test_a_form_of_another_page_cannot_sign_somebody_in(house: House) -> None:
    body = f'{{"username": "alice", "password": "{house.passwords["alice"]}"}}'
    status, _ = await house.ask("POST", "/api/v1/session", data=body, headers={"Content-Type": "text/plain"})
    assert status == 400


@pytest.mark.parametrize(
    ("origin", "signed_in", "status"), [(None, False, 401), ("https://evil.example", True, 403), (None, True, 101)]
)
async def test_the_live_desk_wants_cookie_and_origin(
    house: House, origin: str | None, signed_in: bool, status: int
) -> None:
    headers = await house.headers("alice") if signed_in else {}
    if origin:
        headers["Origin"] = origin
    async with aiohttp.ClientSession() as http:
        url = house.server.make_url("/api/v1/desk/live?desk_id=d1")
        if status == 101:
            async with http.ws_connect(url, headers=headers) as socket:
                assert (await socket.receive_json(timeout=5))["type"] == "snapshot"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(url, headers=headers)
            assert refused.value.status == status


async def test_how_many_callers_wait_is_told_alone_where_it_has_changed(house: House) -> None:
    url = house.server.make_url("/api/v1/desk/live?desk_id=d1")
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=await house.headers("alice")) as socket,
    ):
        snapshot = await socket.receive_json(timeout=5)
        assert snapshot["desk"]["waiting"] == 0
        for waiting in (0, 3, 3, 1):
            await house.hotline.desks.refresh({house.ids["alice"]: waiting})
        told = [await socket.receive_json(timeout=5) for _ in range(2)]
    seq = snapshot["seq"]
    assert told == [{"type": "waiting", "seq": seq + n, "waiting": waiting} for n, waiting in ((1, 3), (2, 1))]


# -- sessions ------------------------------------------------------------------------------------------


async def test_signing_in_and_out(house: House) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        url = house.server.make_url("/api/v1/session")
        async with http.post(url, json={"username": "alice", "password": house.passwords["alice"]}) as answer:
            said = await answer.json()
            cookie = answer.headers["Set-Cookie"]
        assert said["user"]["extension"] == "1001"
        assert said["hotline"]["number"] == "4008001234"
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie
        async with http.get(url) as answer:
            assert (await answer.json()) == said
        async with http.delete(url, headers={CSRF_HEADER: said["csrf_token"]}) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
        async with http.get(url) as answer:
            assert answer.status == 401


async def test_behind_tls_the_cookie_is_secure(house: House) -> None:
    async with aiohttp.ClientSession() as http:
        url = house.server.make_url("/api/v1/session")
        body = {"username": "alice", "password": house.passwords["alice"]}
        async with http.post(url, json=body, headers={"X-Forwarded-Proto": "https"}) as answer:
            assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_session_that_has_ended_is_told_so(house: House) -> None:
    headers = await house.headers("alice")
    assert (await house.ask("GET", "/api/v1/session", headers=headers))[0] == 200
    assert (await house.ask("DELETE", "/api/v1/session", headers=headers))[0] < 300
    status, answer = await house.ask("GET", "/api/v1/session", headers=headers)
    assert (status, answer["error"]["id"]) == (401, "not_signed_in")


@pytest.mark.parametrize("cookie", ["", "x" * 4000, "%00", "'; drop table users; --", "é"])
async def test_a_made_up_cookie_is_nobody(house: House, cookie: str) -> None:
    assert (await house.ask("GET", "/api/v1/session", headers={"Cookie": f"{COOKIE}={cookie}"}))[0] == 401


async def test_lock_out_says_how_long(house: House) -> None:
    wrong = {"username": "alice", "password": "wrong"}
    for _ in range(5):
        assert (await house.ask("POST", "/api/v1/session", json=wrong))[0] == 401
    right = wrong | {"password": house.passwords["alice"]}
    status, answer = await house.ask("POST", "/api/v1/session", json=right)
    assert status == 429
    assert "15 minutes" in answer["error"]["message"]["en"]


async def test_a_front_server_is_believed_only_when_named(house: House, pool: Any) -> None:
    who = {"username": "alice", "password": "wrong"}
    told = {"X-Forwarded-For": "198.51.100.9, 203.0.113.5"}
    await house.ask("POST", "/api/v1/session", json=who, headers=told)
    house.hotline.settings.front_servers = "127.0.0.1"
    await house.ask("POST", "/api/v1/session", json=who, headers=told)
    rows = await pool.fetch("select address from audit_log where action = 'session.refused' order by audit_id")
    assert [row["address"] for row in rows] == ["127.0.0.1", "203.0.113.5"]


# -- errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 3000, b'{"name": "\\ud800"}', b"NaN", b'{"name": 1e999}',
     b'{"name": {"a": 1}}', b"{}"],
)  # fmt: skip
async def test_bodies_that_are_none_are_refused(house: House, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    status, answer = await house.ask("POST", "/api/v1/customers", by="alice", headers=headers, data=body)
    assert (status, answer["error"]["id"]) == (400, "invalid_input")


async def test_what_is_wrong_is_said_at_each_field_in_both_languages(house: House) -> None:
    body = {"name": "", "language": "fr", "numbers": [{"number": "138 0013 8000"}, {}]}
    status, answer = await house.ask("POST", "/api/v1/customers", by="alice", json=body)
    assert status == 400
    fields = answer["error"]["fields"]
    assert fields.keys() == {"name", "language", "numbers.1.number"}
    assert fields["numbers.1.number"]["zh"] == "此项必填。"


async def test_a_body_too_large_is_refused(house: House) -> None:
    body, headers = BytesIO(b"[" + b"1," * 1_000_000), {"Content-Type": "application/json"}
    status, answer = await house.ask("POST", "/api/v1/customers", by="alice", data=body, headers=headers)
    assert (status, answer["error"]["id"]) == (413, "invalid_input")


async def test_control_characters_never_get_in(house: House) -> None:
    body = {"name": "王\0小\r\n明\u202e", "notes": "a\0b\nc"}
    status, made = await house.ask("POST", "/api/v1/customers", by="alice", json=body)
    assert (status, made["name"], made["notes"]) == (201, "王小  明", "ab\nc")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/node/v1/nothing", "/assets/gone.js", "/robots.txt"])
async def test_nothing_is_not_found(house: House, path: str) -> None:
    status, answer = await house.ask("GET", path)
    assert (status, answer["error"]["id"]) == (404, "not_found")


@pytest.mark.parametrize("user_id", ["0", "-1", "abc", "9" * 30, "1%00", "é"])
async def test_ids_that_are_none(house: House, user_id: str) -> None:
    status, _ = await house.ask("GET", f"/api/v1/customers/{user_id}", by="alice")
    assert status == 400


async def test_an_unknown_error_shows_a_number_and_no_trace(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(house.hotline.staff, "list_queues", fail)
    status, answer = await house.ask("GET", "/api/v1/queues", by="alice")
    assert (status, answer["error"]["id"]) == (500, "unexpected")
    assert "secret" not in str(answer)
    number = answer["error"]["message"]["en"].rsplit("(", 1)[1].rstrip(")")
    assert number in capsys.readouterr().out


async def test_postgresql_away_is_said_as_retryable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(house.hotline.staff, "list_queues", fail)
    status, answer = await house.ask("GET", "/api/v1/queues", by="alice")
    assert (status, answer["error"]["id"], answer["error"]["retryable"]) == (503, "unavailable", True)


# -- the service itself --------------------------------------------------------------------------------


async def test_health_names_each_part(house: House) -> None:
    status, health = await house.ask("GET", "/healthz")
    assert (status, health["status"]) == (503, "down")
    assert {name: part["ok"] for name, part in health["components"].items()} == {
        "postgresql": True,
        "redis": True,
        "asterisk": False,
        "writer": True,
    }


async def test_metrics_name_routes_not_ids(house: House) -> None:
    await house.ask("GET", "/api/v1/customers/424242", by="alice")
    status, text = await house.ask("GET", "/metrics")
    assert status == 200
    assert 'route="/api/v1/customers/{customer_id}"' in text
    assert "424242" not in text


async def test_security_headers(house: House) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("/", "/api/v1/session", "/healthz"):
            async with http.get(house.server.make_url(path)) as answer:
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Permissions-Policy"].startswith("microphone=(self)")
            assert (
                ("no-store" in answer.headers["Cache-Control"]) == path.startswith("/api") if path != "/healthz" else 1
            )


@pytest.fixture
async def page(house: House, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser at a house whose application has been built."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>热线</title>" + " " * 1000, encoding="utf-8")
    (tmp_path / "assets" / "main-1a2b3c.js").write_text("console.log(1);" * 100)
    server = aiohttp.test_utils.TestServer(build_app(house.hotline, Files(tmp_path)))
    await server.start_server()
    async with aiohttp.ClientSession(server.make_url("/"), auto_decompress=False) as http:
        yield http
    await server.close()


@pytest.mark.parametrize("path", ["/", "/desk", "/customers/12"])
async def test_the_application_s_own_addresses_get_its_page(page: aiohttp.ClientSession, path: str) -> None:
    async with page.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "热线" in gzip.decompress(await answer.read()).decode()
        tag = answer.headers["ETag"]
    async with page.get(path, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


async def test_files_named_by_their_content_are_kept_for_ever(page: aiohttp.ClientSession) -> None:
    async with page.get("/assets/main-1a2b3c.js", headers={"Accept-Encoding": "identity"}) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.content_type == "text/javascript"
        assert (await answer.read()).startswith(b"console.log")


@pytest.mark.parametrize(
    "path", ["/../server.py", "/assets/../../server.py", "/%2e%2e/server.py", "/assets/%2e%2e%2fserver.py"]
)
async def test_no_file_outside_is_shown(house: House, page: aiohttp.ClientSession, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b"build_app" not in answer
    assert b" 404 " in answer.split(b"\r\n")[0] or b" 400 " in answer.split(b"\r\n")[0]


async def test_a_service_that_ends_tells_the_desks_to_come_back(house: House) -> None:
    async with aiohttp.ClientSession() as http:
        url = house.server.make_url("/api/v1/desk/live?desk_id=d1")
        async with http.ws_connect(url, headers=await house.headers("alice")) as socket:
            await socket.receive_json(timeout=5)
            closing = asyncio.create_task(house.server.close())
            while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
            await asyncio.wait_for(closing, 10)


def test_gates_are_neither_roles_nor_rights() -> None:
    assert not {gate.value for gate in Gate} & (SHIPPED.keys() | {right.value for right in Permission})
