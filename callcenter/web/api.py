"""What is asked about the service itself: its health, its figures, its API's description."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Literal

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from callcenter import metrics
from callcenter.web.openapi import description
from callcenter.web.routes import PUBLIC, Routes, hotline

routes = Routes()

PROBE_SECONDS = 2.0
LAG_SECONDS = 60.0
"""Older than this, facts of calls are not reaching PostgreSQL."""


class Component(BaseModel):
    """One part. `detail` says what is wrong, never where it is."""

    ok: bool
    detail: str = ""
    seconds: Annotated[float | None, Field(description="How long its answer took, or how far it is behind")] = None


class Health(BaseModel):
    """The service's parts. `status` is down when calls can't be served, degraded when less is wrong: one of several
    nodes away, for example.
    """

    status: Literal["ok", "degraded", "down"]
    components: Annotated[dict[str, Component], Field(description="`asterisk`: whether any node serves calls")]
    nodes: Annotated[dict[str, Component], Field(description="Each Asterisk, by its name")]


@routes.get("/healthz", needs=PUBLIC)
async def healthz(request: web.Request, /) -> Health | web.Response:
    """200 while calls can be served, 503 when they can't: without Redis or any Asterisk."""
    house = hotline(request)
    lag = next(iter(metrics.WRITER_LAG.collect())).samples[0].value
    postgresql, redis = await asyncio.gather(_probe(house.pool.fetchval("select 1")), _probe(house.redis.ping()))
    nodes = {name: _node(house.asterisk.connected(name)) for name in house.asterisk.names}
    some_node = any(node.ok for node in nodes.values())
    health = Health(
        status="ok",
        components={
            "postgresql": postgresql,
            "redis": redis,
            "asterisk": _node(some_node),
            "writer": Component(ok=lag < LAG_SECONDS, detail="" if lag < LAG_SECONDS else "behind", seconds=lag),
        },
        nodes=nodes,
    )
    if not all(part.ok for part in (*health.components.values(), *nodes.values())):
        health.status = "degraded" if redis.ok and some_node else "down"
    if health.status != "down":
        return health
    return web.Response(body=health.model_dump_json().encode(), status=503, content_type="application/json")


def _node(connected: bool) -> Component:
    return Component(ok=connected, detail="" if connected else "ARI is not connected")


async def _probe(asked: Awaitable[object]) -> Component:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await asked
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        return Component(ok=False, detail=type(error).__name__)
    return Component(ok=True, seconds=round(loop.time() - began, 4))


@routes.get("/metrics", needs=PUBLIC)
async def read_metrics(request: web.Request, /) -> web.Response:
    """The service's figures for Prometheus."""
    body = generate_latest() + hotline(request).figures.exposition()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@routes.get("/api/v1/openapi.json", needs=PUBLIC)
async def openapi(request: web.Request, /) -> web.Response:
    """This API's OpenAPI 3.1 document."""
    return web.json_response(description(request.app))
