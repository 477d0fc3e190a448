"""How a room declares its HTTP routes, and what a handler may ask of its request.

    routes = Routes()

    @routes.get("/api/v1/calls", needs=Permission.READ_CALLS)
    async def list_calls(request: web.Request, /, number: str = "", limit: int = 50) -> CallPage: ...

    @routes.put("/api/v1/calls/{call_id}/outcome", needs=SIGNED_IN)
    async def put_outcome(request: web.Request, call_id: str, /, outcome: Outcome) -> Call: ...

    @routes.post("/api/v1/customers", needs=Permission.WRITE_CUSTOMERS, status=201)
    async def create_customer(request: web.Request, /, customer: NewCustomer) -> Customer: ...

    @routes.websocket("/api/v1/desk/live", needs=Permission.TAKE_CALLS)
    async def live(request: web.Request, /, desk_id: str) -> web.WebSocketResponse: ...

    @routes.put("/api/v1/prompts/{name}/recording", needs=Permission.CHANGE_SETTINGS)
    async def put_recording(
        request: web.Request, name: str, /, recording: Annotated[bytes, Binary("audio/wav", most_bytes=8_000_000)]
    ) -> Annotated[bytes, Binary("audio/wav")]: ...

Arguments before the `/` come from the path, a pydantic model from the JSON body, `Binary` bytes are the
body as it is, all others come from the query. What a handler returns (a pydantic model, a list of them,
`Binary` bytes, or None for 204) becomes the answer and the response in the OpenAPI document. Errors are
raised, from `callcenter.errors`.
A route names the one right it needs (`callcenter.staff.permissions`); one without `needs` can't be declared.
"""

import functools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from inspect import signature
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp_pydantic.decorator import inject_params
from aiohttp_pydantic.oas import typing as oas_typing
from pydantic import BaseModel, TypeAdapter, ValidationError

from callcenter.errors import InvalidInputError, NotAllowedError, NotSignedInError
from callcenter.numbers.shown import Sight
from callcenter.staff.model import Actor, Session
from callcenter.staff.permissions import Permission
from callcenter.validation import fields_of

if TYPE_CHECKING:
    from callcenter.hotline import Hotline

Handler = Callable[..., Awaitable[Any]]


class Gate(Enum):
    """Access that doesn't depend on what a person may do."""

    PUBLIC = "public"
    """Anybody, signed in or not."""
    SIGNED_IN = "signed_in"
    """Anybody of the staff: what is his own, and what all need."""
    NODE = "node"
    """`callcenter node`, by its bearer token."""


Access = Permission | Gate

PUBLIC: Final = Gate.PUBLIC
NODE: Final = Gate.NODE
SIGNED_IN: Final = Gate.SIGNED_IN

HOTLINE: Final["web.AppKey[Hotline]"] = web.AppKey("hotline", object)  # type: ignore[arg-type]
SESSION: Final[web.RequestKey[Session]] = web.RequestKey("session", Session)
OWN_CHOICES: Final[web.RequestKey[frozenset[str]]] = web.RequestKey("own_choices", frozenset[str])
"""The own fields whose values in the answer are chosen from a list: these are no numbers."""
NEW_TOKEN: Final[web.RequestKey[str]] = web.RequestKey("new_token", str)


class Binary:
    """Marks bytes as a body that isn't JSON: of these content types and, when it is taken, of at most so many bytes."""

    def __init__(self, *media_types: str, most_bytes: int = 0) -> None:
        self.media_types = media_types
        self.most_bytes = most_bytes


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route. `documented` routes stand in the OpenAPI document; `takes` and `gives` are bodies that
    aren't JSON.
    """

    method: str
    path: str
    access: Access
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    name: str
    websocket: bool = False
    documented: bool = True
    takes: Binary | None = None
    gives: Binary | None = None


class Routes:
    """The routes of one room, in the order they were declared."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str, *, needs: Access) -> Callable[[Handler], Handler]:
        """Declare a reading route."""
        return self._declare("GET", path, needs, 200)

    def post(self, path: str, *, needs: Access, status: int = 200) -> Callable[[Handler], Handler]:
        """Declare a route that does something, or makes something (`status=201`)."""
        return self._declare("POST", path, needs, status)

    def put(self, path: str, *, needs: Access) -> Callable[[Handler], Handler]:
        """Declare a route that replaces something."""
        return self._declare("PUT", path, needs, 200)

    def patch(self, path: str, *, needs: Access) -> Callable[[Handler], Handler]:
        """Declare a route that changes some fields of something."""
        return self._declare("PATCH", path, needs, 200)

    def delete(self, path: str, *, needs: Access) -> Callable[[Handler], Handler]:
        """Declare a route that ends something."""
        return self._declare("DELETE", path, needs, 200)

    def websocket(self, path: str, *, needs: Access) -> Callable[[Handler], Handler]:
        """Declare a live socket. A page of another origin is refused before the handler runs."""

        def declare(handler: Handler) -> Handler:
            inject = inject_params(on_validation_error=_refuse).and_request
            self._routes.append(
                Route("GET", path, needs, inject(handler), handler.__name__, websocket=True, documented=False)
            )
            return handler

        return declare

    def _declare(self, method: str, path: str, needs: Access, status: int) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            bodies = _bodies_of(handler)
            gives = bodies.pop("return", None)
            takes = next(iter(bodies.values()), None)
            answering = _answering(handler, status, needs)
            self._routes.append(Route(method, path, needs, answering, handler.__name__, takes=takes, gives=gives))
            return handler

        return declare


def _answering(handler: Handler, status: int, needs: Access) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`handler` with its arguments taken from the request and its result written as JSON."""
    hints = get_type_hints(handler, include_extras=True)
    if next(iter(signature(handler).parameters), "") != "request":
        raise TypeError(f"the first argument of {handler.__name__} must be called request")
    result = _document_of(hints.get("return", type(None)))
    bodies = _bodies_of(handler)
    gives = bodies.pop("return", None)
    plain = _is_response(result) or gives is not None
    adapter: TypeAdapter[Any] = TypeAdapter(None if plain else result)
    if result is type(None):
        status = 204
    takes_body = any(_is_model(hint) for name, hint in hints.items() if name != "return")

    @functools.wraps(handler)
    async def answer(request: web.Request, *args: Any, **kwargs: Any) -> web.StreamResponse:
        for name, body in bodies.items():
            kwargs[name] = await _read_binary(request, body)
        found = await handler(request, *args, **kwargs)
        if isinstance(found, web.StreamResponse):
            return found
        if found is None and status == 204:
            return web.Response(status=204)
        if gives:
            return web.Response(body=found, status=status, content_type=gives.media_types[0])
        written = adapter.dump_json(found, context=_sight(request, needs))
        return web.Response(body=written, status=status, content_type="application/json")

    documented = type(None) if plain or status == 204 else result
    asked = signature(handler)
    injectable = [one for one in asked.parameters.values() if one.name not in bodies]
    answer.__signature__ = asked.replace(parameters=injectable)  # type: ignore[attr-defined]
    kept = {name: hint for name, hint in hints.items() if name not in bodies}
    answer.__annotations__ = {**kept, "return": getattr(oas_typing, f"r{status}")[documented]}
    injected = inject_params(on_validation_error=_refuse).and_request(answer)
    if not takes_body:
        return injected  # type: ignore[no-any-return]

    @functools.wraps(injected)
    async def checked(request: web.Request) -> web.StreamResponse:
        await _check_json(request)
        return await injected(request)  # type: ignore[no-any-return]

    return checked


def _document_of(result: Any) -> Any:
    """What is documented of a result that may also be a response made by the handler itself."""
    models = [one for one in get_args(result) if not _is_response(one)]
    return models[0] if get_origin(result) in {Union, UnionType} and len(models) == 1 else result


def _is_response(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, web.StreamResponse)


def _is_model(hint: Any) -> bool:
    return get_origin(hint) is None and isinstance(hint, type) and issubclass(hint, BaseModel)


def _bodies_of(handler: Handler) -> dict[str, Binary]:
    """The arguments (and `return`) of a handler that are bodies which aren't JSON."""
    return {
        name: mark
        for name, hint in get_type_hints(handler, include_extras=True).items()
        if get_origin(hint) is Annotated
        for mark in get_args(hint)[1:]
        if isinstance(mark, Binary)
    }


async def _read_binary(request: web.Request, wanted: Binary) -> bytes:
    """The body as it is; one that is too large is refused before all of it has come."""
    if request.content_type not in wanted.media_types:
        kinds = ", ".join(wanted.media_types)
        raise InvalidInputError(
            fields={"body": {"en": f"Send one of these: {kinds}.", "zh": f"请提交以下类型之一：{kinds}。"}}
        )
    whole = bytearray()
    size = request.content_length or 0
    async for part in request.content.iter_any():
        whole += part
        size = max(size, len(whole))
        if size > wanted.most_bytes:
            raise web.HTTPRequestEntityTooLarge(wanted.most_bytes, size)
    return bytes(whole)


async def _check_json(request: web.Request) -> None:
    """Refuse a body that isn't JSON: a page of another origin can't send this content type unasked."""
    if request.content_type != "application/json":
        raise InvalidInputError(fields={"body": {"en": "Send JSON.", "zh": "请以 JSON 格式提交。"}})
    try:
        orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise InvalidInputError(fields={"body": {"en": "This is not JSON.", "zh": "不是有效的 JSON。"}}) from None


async def _refuse(error: ValidationError, _context: str) -> web.StreamResponse:
    raise InvalidInputError(fields=fields_of(error)) from None


def hotline(request: web.Request) -> "Hotline":
    """The hotline this request belongs to."""
    return request.config_dict[HOTLINE]


def signed_in(request: web.Request) -> Session:
    """The session of this request.

    Raises:
        NotSignedInError: the route is public and nobody is signed in.
    """
    if SESSION not in request:
        raise NotSignedInError
    return request[SESSION]


def actor(request: web.Request) -> Actor:
    """Who asks, for the audit log.

    Raises:
        NotSignedInError: the route is public and nobody is signed in.
    """
    session = signed_in(request)
    return Actor(session.user_id, session.username, address_of(request))


def may(request: web.Request, permission: Permission) -> bool:
    """Whether the person who asks has a right beside the one that the route needs."""
    return hotline(request).roles.allows(signed_in(request), permission)


def _sight(request: web.Request, needs: Access) -> Sight:
    """What of numbers the answer shows (`callcenter.numbers.shown`)."""
    whole = needs is NODE or (SESSION in request and may(request, Permission.SEE_NUMBERS))
    choices = request.get(OWN_CHOICES, frozenset())
    return Sight(whole_numbers=whole, country=hotline(request).settings.country, choices=choices)


def address_of(request: web.Request) -> str:
    """The browser's address; a web server in front is believed when `settings.front_servers` names it."""
    remote = request.remote or ""
    believed = {one.strip() for one in hotline(request).settings.front_servers.split(",") if one.strip()}
    for told in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if remote not in believed or not told.strip():
            break
        remote = told.strip()[:64]
    return remote


def set_session_cookie(request: web.Request, token: str) -> None:
    """Have the answer set the session's cookie; an empty token takes it away."""
    request[NEW_TOKEN] = token


def extension_of(request: web.Request) -> str:
    """The extension of the person who asks.

    Raises:
        NotAllowedError: this person has no phone.
    """
    extension = signed_in(request).extension
    if extension is None:
        raise NotAllowedError(detail="no phone")
    return extension


def is_same_origin(request: web.Request) -> bool:
    """Whether the page that asks came from this very host; true for clients that aren't browsers."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
