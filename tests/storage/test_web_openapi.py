"""The API's description is valid and true, and nothing that it allows makes the service fail."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel
from schemathesis.core.result import Ok

from callcenter.connections import connect_redis
from callcenter.db.pool import create_pool, migrate
from callcenter.settings import Settings
from callcenter.web.openapi import description
from callcenter.web.routes import NODE, PUBLIC
from callcenter.web.server import build_app, declared_routes
from tests.storage.conftest import empty_database
from tests.storage.house import NODE_TOKEN, House, open_house

DOCUMENT = description(build_app(object()))  # type: ignore[arg-type]
schemathesis.serializer.alias(["audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg"], "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
SLOW = {"/node/v1/calls/{call_id}/wait", "/api/v1/session"}
"""A long poll, and the sign-in, which locks itself."""
WITHOUT_ASTERISK = {"/healthz"}
"""Here they rightly say that a part is away."""


def test_the_document_is_valid() -> None:
    SCHEMA.validate()
    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_route_is_described_with_its_answer_and_its_guard() -> None:
    for route in declared_routes():
        if not route.documented:
            continue
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        guards = {name for one in operation["security"] for name in one}
        wanted = {"node"} if route.access is NODE else set() if route.access is PUBLIC else {"session"}
        assert guards - {"csrf"} == wanted
        assert ("csrf" in guards) == (bool(wanted & {"session"}) and route.method != "GET")
        answers = {status: one for status, one in operation["responses"].items() if status != "default"}
        assert all("content" in one or status == "204" or route.access is PUBLIC for status, one in answers.items())
        assert "default" in operation["responses"]
        assert operation["summary"]


def test_no_two_models_share_a_name() -> None:
    shapes: dict[str, Any] = {}
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if model.__module__.startswith("callcenter.") and model.__module__.endswith(("api", "configuration.model")):
            shape = model.model_json_schema()
            assert shapes.setdefault(model.__name__, shape) == shape, model


class Served:
    """A house that answers from a thread of its own, so that tests without a loop can ask it."""

    def __init__(self, postgres_url: str, redis_url: str) -> None:
        self.url = ""
        self._house: House
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(postgres_url, redis_url))
        self._thread.start()
        assert self._ready.wait(60)

    def _run(self, postgres_url: str, redis_url: str) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(postgres_url, redis_url))

    async def _serve(self, postgres_url: str, redis_url: str) -> None:
        url = await empty_database(postgres_url)
        await migrate(url)
        pool = await create_pool(Settings(database_url=url))
        redis = connect_redis(redis_url)
        await redis.flushall()
        async with open_house(pool, redis) as house:
            self.url = str(house.server.make_url("")).rstrip("/")
            self._house = house
            house.hotline.roles.may = lambda role, permission: bool(role)  # type: ignore[method-assign]  # noqa: ARG005
            self._ready.set()
            await self._stop.wait()
        await redis.aclose()
        await pool.close()

    def headers(self) -> dict[str, str]:
        """What the browser of somebody who may do everything sends after signing in, and a node."""
        signing_in = asyncio.run_coroutine_threadsafe(self._house.headers("admin"), self._loop)
        return signing_in.result(10) | {"Authorization": f"Bearer {NODE_TOKEN}"}

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)


@pytest.fixture(scope="module")
def served(postgres_url: str, redis_url: str) -> Iterator[Served]:
    served = Served(postgres_url, redis_url)
    yield served
    served.close()


@pytest.mark.parametrize(
    "operation",
    [pytest.param(one, id=f"{one.method.upper()} {one.path}") for one in OPERATIONS if one.path not in SLOW],
)
def test_whatever_is_asked_the_service_does_not_fail(operation: Any, served: Served) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def ask(case: Any) -> None:
        case.cookies.clear()
        if "call_id" in case.path_parameters and len(case.path_parameters["call_id"]) % 2:
            case.path_parameters["call_id"] = "node1-1763780000.12"
        answer = case.call(base_url=served.url, headers=served.headers())
        own = answer.status_code == 403 and answer.json()["error"]["id"] == "own_request"
        assert answer.status_code not in {401, 403} or own, answer.text
        assert answer.status_code < 500 or operation.path in WITHOUT_ASTERISK, answer.text

    given(case=operation.as_strategy())(ask)()
