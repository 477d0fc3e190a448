"""The OpenAPI document: aiohttp-pydantic reads the handlers' signatures, this adds what it can't know.

aiohttp-pydantic writes OpenAPI 3.0 by rewriting pydantic's schemas, and fails on optional models. Pydantic's
schemas are JSON Schema 2020-12, which is what OpenAPI 3.1 takes, so they are left as they are.
"""

import functools
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from aiohttp import web
from aiohttp_pydantic.oas.pydantic_schema_to_oas import add_or_replace_translater
from aiohttp_pydantic.oas.view import generate_oas
from pydantic.fields import FieldInfo

from callcenter.web.routes import NODE, PUBLIC, Binary, Route

API_VERSION: Final = "1.0"

_SECURITY: Final = {
    "session": {"type": "apiKey", "in": "cookie", "name": "cc_session"},
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The csrf_token of the session, on every request that changes something",
    },
    "node": {"type": "http", "scheme": "bearer"},
}

_TEXT: Final = {
    "type": "object",
    "required": ["en", "zh"],
    "properties": {"en": {"type": "string"}, "zh": {"type": "string"}},
}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["id", "message", "retryable", "fields"],
            "properties": {
                "id": {"type": "string"},
                "message": _TEXT,
                "retryable": {"type": "boolean"},
                "fields": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, _TEXT]}},
            },
        }
    },
}
_ERROR_ANSWER: Final = {
    "description": "What went wrong, in both languages",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _leave(_schema: dict[str, Any]) -> None:
    """What pydantic wrote is right for OpenAPI 3.1."""


add_or_replace_translater("3.0.0", _leave)


def description(app: web.Application) -> dict[str, Any]:
    """The document of everything that `app` declares."""
    return _description(app)


@functools.lru_cache(maxsize=2)
def _description(app: web.Application) -> dict[str, Any]:
    document: dict[str, Any] = generate_oas([app], API_VERSION, "callcenter", _SECURITY)
    document["openapi"] = "3.1.0"
    document.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    for resource in app.router.resources():
        for one in resource:
            declared = getattr(one.handler, "callcenter_route", None)
            if isinstance(declared, Route):
                _complete(document, declared)
    return document


def _complete(document: dict[str, Any], route: Route) -> None:
    """Name an operation, say who may call it, and what its refusals look like."""
    if not route.documented:
        document["paths"].get(route.path, {}).pop(route.method.lower(), None)
        if not document["paths"].get(route.path, True):
            del document["paths"][route.path]
        return
    operation = document["paths"][route.path][route.method.lower()]
    operation["operationId"] = route.name
    operation["tags"] = [route.path.split("/")[3] if route.path.startswith(("/api/", "/node/")) else "service"]
    operation["security"] = _security(route)
    summary, _, rest = operation.pop("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.split())
    if rest.strip():
        operation["description"] = rest.strip()
    for status, answer in operation.setdefault("responses", {"200": {}}).items():
        answer["description"] = answer.get("description") or "Done"
        if status == "204" or not answer.get("content"):
            answer.pop("content", None)
    if route.gives:
        operation["responses"]["200"]["content"] = _binary(route.gives)
    if route.takes:
        operation["requestBody"] = {"content": _binary(route.takes)}
    operation["responses"]["default"] = _ERROR_ANSWER
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    _name_aliases(operation, route)


def _binary(body: Binary) -> dict[str, Any]:
    """A body that isn't JSON, as OpenAPI describes it."""
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in body.media_types}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is PUBLIC:
        return []
    if route.access is NODE:
        return [{"node": []}]
    return [{"session": []}] if route.method == "GET" else [{"session": [], "csrf": []}]


def _name_aliases(operation: dict[str, Any], route: Route) -> None:
    """A query argument whose name is a Python keyword is declared with an alias."""
    aliases = {
        name: found.alias
        for name, hint in get_type_hints(route.handler, include_extras=True).items()
        if get_origin(hint) is Annotated
        for found in get_args(hint)[1:]
        if isinstance(found, FieldInfo) and found.alias
    }
    for parameter in operation.get("parameters", []):
        parameter["name"] = aliases.get(parameter["name"], parameter["name"])
