"""Call types, their forms and what agents say, over HTTP."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from callcenter.errors import NotFoundError
from callcenter.forms.model import CallType, CallWords, Code, Form
from callcenter.staff.permissions import Permission
from callcenter.validation import RequiredLine
from callcenter.web.routes import SIGNED_IN, Routes, actor, hotline

routes = Routes()

TypeName = Annotated[RequiredLine, Field(max_length=60)]


class CallTypeOut(BaseModel):
    """A kind of call (requirements 4.2). One that is not `active` gets no new calls. `version`: of its form now."""

    code: str
    name_zh: str
    name_en: str
    direction: Literal["in", "out"]
    active: bool
    shipped: bool
    version: int


class CallTypeIn(BaseModel):
    """A call type with its form. `version` is that of the form it was made from; 0 for a new type."""

    model_config = ConfigDict(extra="forbid")

    name_zh: TypeName
    name_en: TypeName
    direction: Literal["in", "out"] = "in"
    active: bool = True
    version: Annotated[int, Field(ge=0, le=1_000_000)]
    form: Form


class TypeWithForm(CallTypeOut):
    """A call type and its form as it is now."""

    form: Form


class FormsOut(BaseModel):
    """All that is asked and said: the types in their order with their forms, and the words."""

    revision: int
    types: list[TypeWithForm]
    words: CallWords


class OrderIn(BaseModel):
    """The codes of call types, in their order."""

    model_config = ConfigDict(extra="forbid")

    codes: Annotated[list[Code], Field(min_length=1, max_length=1000)]


class WordsIn(BaseModel):
    """What agents say; `revision` is what it was made from."""

    model_config = ConfigDict(extra="forbid")

    revision: Annotated[int, Field(ge=0)]
    words: CallWords


@routes.get("/api/v1/call-types", needs=SIGNED_IN)
async def list_call_types(request: web.Request, /) -> list[CallTypeOut]:
    """The call types in their order, those that are switched off too."""
    return [_type(kind) for kind in await hotline(request).forms.list_types()]


@routes.get("/api/v1/forms", needs=SIGNED_IN)
async def get_forms(request: web.Request, /) -> FormsOut:
    """Every call type with its form as it is now, and what agents say first and last."""
    now = await hotline(request).forms.now()
    types = [
        TypeWithForm(form=now.forms.get((kind.code, kind.version), Form()), **_type(kind).model_dump())
        for kind in now.types.values()
    ]
    return FormsOut(revision=now.revision, types=types, words=now.words)


@routes.get("/api/v1/forms/{call_type}/{version}", needs=SIGNED_IN)
async def get_form(request: web.Request, call_type: str, version: int, /) -> Form:
    """A form as it was: outcomes are read by the version that they were filled in with."""
    return await hotline(request).forms.get_form(call_type, version)


@routes.put("/api/v1/call-types/{code}", needs=Permission.CHANGE_SETTINGS)
async def put_call_type(request: web.Request, code: str, /, wanted: CallTypeIn) -> CallTypeOut:
    """Make a call type or change it. A changed form is a new version; outcomes keep the one they have."""
    if not _is_code(code):
        raise NotFoundError
    kind = CallType(code, wanted.name_zh, wanted.name_en, wanted.direction, wanted.active, shipped=False, version=0)
    return _type(await hotline(request).forms.put_type(actor(request), kind, wanted.form, wanted.version))


@routes.put("/api/v1/call-types-order", needs=Permission.CHANGE_SETTINGS)
async def put_order(request: web.Request, /, order: OrderIn) -> None:
    """Bring the call types into this order."""
    await hotline(request).forms.put_order(actor(request), order.codes)


@routes.put("/api/v1/call-words", needs=Permission.CHANGE_SETTINGS)
async def put_words(request: web.Request, /, wanted: WordsIn) -> None:
    """Set what agents say first and last, by queue (TEL-07 to TEL-10, TEL-20)."""
    await hotline(request).forms.put_words(actor(request), wanted.words, wanted.revision)


def _type(kind: CallType) -> CallTypeOut:
    return CallTypeOut(**{name: getattr(kind, name) for name in CallTypeOut.model_fields})


def _is_code(code: str) -> bool:
    return (
        len(code) <= 40
        and code[:1].isalpha()
        and all(c.islower() or c.isdigit() or c == "_" for c in code)
        and code.isascii()
    )
