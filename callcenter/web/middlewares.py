"""What every request passes, outermost first: metrics, errors as JSON, session, origin and CSRF, role."""

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
import structlog
from aiohttp import hdrs, web
from asyncpg import DataError
from prometheus_client import Histogram
from redis.exceptions import RedisError, ResponseError

from callcenter.db.pool import AWAY
from callcenter.errors import (
    HotlineError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
)
from callcenter.errors import UnavailableError as Unavailable
from callcenter.staff.errors import PasswordExpiredError
from callcenter.staff.permissions import Permission
from callcenter.staff.roles import NOBODY
from callcenter.staff.sessions import IDLE_SECONDS
from callcenter.web.routes import NEW_TOKEN, NODE, PUBLIC, SESSION, Route, hotline, is_same_origin

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE: Final = "cc_session"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
ROUTE_KEY: Final = "callcenter_route"
OPEN_TO_EXPIRED: Final = frozenset(
    {("GET", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("PUT", "/api/v1/session/password")}
)
"""What somebody can do whose password is to be changed first."""

SECONDS: Final = Histogram(
    "callcenter_http_request_seconds",
    "Requests by route and status; long polls and sockets are left out",
    ["method", "route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0),
)
_LONG: Final = ("/node/v1/calls/{call_id}/wait", "/api/v1/desk/live")


class ForgedError(HotlineError):
    """This request did not come from the hotline's own page. Reload the page."""

    error_id = "forged"
    status = 403
    zh = "该请求并非来自本系统页面，请刷新页面后重试。"


class UnexpectedError(HotlineError):
    """Something went wrong inside. Tell the administrator this number."""

    error_id = "unexpected"
    status = 500
    retryable = True
    zh = "系统内部出错，请将此编号告知管理员。"


def _of_http(error: web.HTTPException) -> HotlineError:
    """The refusals of aiohttp itself: no such address, wrong method, body too large."""
    match error.status:
        case 404:
            return NotFoundError()
        case 405:
            return InvalidInputError(detail="method")
        case 413:
            return InvalidInputError(fields={"body": {"en": "This is too large.", "zh": "内容过大。"}})
        case _:
            return InvalidInputError()


def error_response(error: HotlineError, status: int | None = None) -> web.Response:
    """The JSON form of an error."""
    body = {
        "error": {
            "id": error.error_id,
            "message": error.message(),
            "retryable": error.retryable,
            "fields": error.fields,
        }
    }
    response = web.json_response(body=orjson.dumps(body), status=status or error.status)
    if error.retryable:
        response.headers[hdrs.RETRY_AFTER] = str(getattr(error, "seconds", 1))
    return response


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into JSON, never a trace. An unknown error gets a number, logged with it."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_response(_of_http(error), error.status)
    except Exception as error:  # noqa: BLE001 - nothing may pass as a trace; the unknown is logged
        return error_response(_known(error, _name(request)))


def _known(error: Exception, route: str) -> HotlineError:
    """The error of ours that `error` means to a person."""
    match error:
        case HotlineError():
            return error
        case DataError() | RecursionError():
            log.warning("a value was refused", error=type(error).__name__, route=route)
            return InvalidInputError()
        case _ if isinstance(error, (RedisError, *AWAY)):
            refusal = str(error)[:200] if isinstance(error, ResponseError) else ""
            log.warning("a part is away", error=type(error).__name__, refusal=refusal, route=route)
            return Unavailable()
    number = secrets.token_hex(4)
    log.error("unexpected error", number=number, route=route, exc_info=error)
    return UnexpectedError(detail=number)


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Observe how long an answer takes."""
    began = time.perf_counter()
    response = await handler(request)
    name = _name(request)
    if name not in _LONG:
        SECONDS.labels(request.method, name, response.status).observe(time.perf_counter() - began)
    return response


@web.middleware
async def with_session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the session of the cookie; set the cookie anew when the handler made or ended a session."""
    token = request.cookies.get(COOKIE)
    route = route_of(request)
    if token and route is not None and route.access is not NODE:
        session = await hotline(request).staff.sessions.find(token)
        if session is not None and hotline(request).roles.role_of(session) != NOBODY:
            request[SESSION] = session
    response = await handler(request)
    new = request.get(NEW_TOKEN)
    if new is not None and not response.prepared:
        _set_cookie(request, response, new)
    return response


def _set_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    https = request.secure or request.headers.get("X-Forwarded-Proto", "").casefold() == "https"
    response.set_cookie(
        COOKIE,
        token,
        httponly=True,
        samesite="Strict",
        secure=https,
        path="/",
        max_age=IDLE_SECONDS if token else 0,
    )


@web.middleware
async def not_forged(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another origin's page sends, and changes without the session's token."""
    route = route_of(request)
    if route is None or route.access is NODE:
        return await handler(request)
    if (route.websocket or request.method not in SAFE) and not is_same_origin(request):
        raise ForgedError
    session = request.get(SESSION)
    if session is not None and route.access is not PUBLIC and request.method not in SAFE:
        shown = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(shown.encode(), session.csrf_token.encode()):
            raise ForgedError
    return await handler(request)


@web.middleware
async def allowed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through whom the route names."""
    route = route_of(request)
    if route is not None:
        _check(request, route)
    return await handler(request)


def _check(request: web.Request, route: Route) -> None:
    access = route.access
    if access is PUBLIC:
        return
    if access is NODE:
        _check_node(request)
        return
    session = request.get(SESSION)
    if session is None:
        raise NotSignedInError
    if session.must_change_password and (route.method, route.path) not in OPEN_TO_EXPIRED:
        raise PasswordExpiredError
    if isinstance(access, Permission) and not hotline(request).roles.allows(session, access):
        raise NotAllowedError


def _check_node(request: web.Request) -> None:
    token = hotline(request).settings.node_token.get_secret_value()
    scheme, _, shown = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    right = hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode())
    if not token or scheme.casefold() != "bearer" or not right:
        raise NotSignedInError


def route_of(request: web.Request) -> Route | None:
    """The declared route of a request; None for the browser application's files."""
    declared: Any = getattr(request.match_info.route.handler, ROUTE_KEY, None)
    return declared if isinstance(declared, Route) else None


def _name(request: web.Request) -> str:
    route = route_of(request)
    return route.path if route else "other"


MIDDLEWARES: Final = (measured, errors_as_json, with_session, not_forged, allowed)
