"""The web application: every room's routes behind the same doors, and the browser application's files."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final

from aiohttp import WSCloseCode, web

from callcenter.alarms import api as alarms_api
from callcenter.blocking import api as blocking_api
from callcenter.board import api as board_api
from callcenter.calls import api as calls_api
from callcenter.configuration import api as configuration_api
from callcenter.customers import api as customers_api
from callcenter.customers import duplicates_api, erasure_api, files_api, merging_api, timeline_api
from callcenter.customers import settings_api as customer_settings_api
from callcenter.exports import api as exports_api
from callcenter.forms import api as forms_api
from callcenter.forms import outcome_api
from callcenter.importing import api as importing_api
from callcenter.knowledge import api as knowledge_api
from callcenter.listening import api as listening_api
from callcenter.numbers import api as numbers_api
from callcenter.recordings import api as recordings_api
from callcenter.routing import api as routing_api
from callcenter.routing import node_api
from callcenter.shifts import api as shifts_api
from callcenter.shifts import attendance_api, hand_over_api, swaps_api
from callcenter.sounds import api as sounds_api
from callcenter.staff import api as staff_api
from callcenter.staff import audit_api, roles_api, safety_api
from callcenter.supervision import api as supervision_api
from callcenter.tasks import ended
from callcenter.transfers import api as transfers_api
from callcenter.web import api as web_api
from callcenter.web.files import Files
from callcenter.web.middlewares import MIDDLEWARES, ROUTE_KEY, route_of
from callcenter.web.routes import HOTLINE, SESSION, Route, Routes

if TYPE_CHECKING:
    from callcenter.hotline import Hotline

ROUTES: Final[tuple[Routes, ...]] = (
    staff_api.routes,
    roles_api.routes,
    safety_api.routes,
    audit_api.routes,
    customers_api.routes,
    erasure_api.routes,
    timeline_api.routes,
    files_api.routes,
    merging_api.routes,
    duplicates_api.routes,
    customer_settings_api.routes,
    importing_api.routes,
    exports_api.routes,
    calls_api.routes,
    forms_api.routes,
    outcome_api.routes,
    recordings_api.routes,
    routing_api.routes,
    node_api.routes,
    configuration_api.routes,
    blocking_api.routes,
    board_api.routes,
    listening_api.routes,
    alarms_api.routes,
    shifts_api.routes,
    attendance_api.routes,
    swaps_api.routes,
    hand_over_api.routes,
    knowledge_api.routes,
    numbers_api.routes,
    sounds_api.routes,
    supervision_api.routes,
    transfers_api.routes,
    web_api.routes,
)

LARGEST_BODY: Final = 1024 * 1024
"""Bytes."""

_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "connect-src 'self' ws: wss:",
            "img-src 'self' data:",
            "media-src 'self' blob: mediastream:",
            "style-src 'self' 'unsafe-inline'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_SOCKETS: Final[web.AppKey["weakref.WeakSet[web.WebSocketResponse]"]] = web.AppKey("sockets", weakref.WeakSet)


def declared_routes() -> Iterable[Route]:
    """All routes of all rooms."""
    return (route for room in ROUTES for route in room)


def build_app(hotline: "Hotline", files: Files | None = None) -> web.Application:
    """The application over `hotline`, ready to run."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=LARGEST_BODY)
    app[HOTLINE] = hotline
    app[_SOCKETS] = weakref.WeakSet()
    app.cleanup_ctx.append(_watch_sockets)
    for route in declared_routes():
        setattr(route.handler, ROUTE_KEY, route)
        app.router.add_route(route.method, route.path, route.handler)
    app.router.add_get("/{path:.*}", (files or Files()).serve)
    app.on_response_prepare.append(_secure)
    app.on_shutdown.append(_close_sockets)
    return app


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that keep a browser from doing more than the page needs (a node is none); nothing of the API is kept."""
    if request.path.startswith("/node/"):
        return
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/api/"):
        response.headers.setdefault("Cache-Control", "no-store")
    if isinstance(response, web.WebSocketResponse):
        request.app[_SOCKETS].add(response)
        route = route_of(request)
        if route is not None and SESSION in request:
            request.app[HOTLINE].sockets.add(response, request[SESSION], route.access)


async def _watch_sockets(app: web.Application) -> AsyncIterator[None]:
    watching = asyncio.create_task(app[HOTLINE].sockets.run(), name="live-sockets")
    yield
    await ended([watching])


async def _close_sockets(app: web.Application) -> None:
    """Tell open desks that the service goes, so that they come back to another at once."""
    sockets = [socket for socket in app[_SOCKETS] if not socket.closed]
    await asyncio.gather(
        *(socket.close(code=WSCloseCode.GOING_AWAY, message=b"restarting") for socket in sockets),
        return_exceptions=True,
    )
