"""Shared kinds of fields for the rooms' request models, and pydantic's complaints in two languages.

Everything that comes from a browser or a caller is hostile: fields are bounded, and control
characters (PostgreSQL can't keep NUL, a log or a SIP header must not keep line ends) are removed.
"""

import unicodedata
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

_CHINESE: Final[dict[str, str]] = {
    "missing": "此项必填。",
    "string_too_short": "内容太短。",
    "string_too_long": "内容太长。",
    "string_pattern_mismatch": "格式不正确。",
    "string_type": "应为文字。",
    "int_parsing": "应为整数。",
    "int_type": "应为整数。",
    "bool_parsing": "应为是或否。",
    "enum": "不是可选的值。",
    "literal_error": "不是可选的值。",
    "extra_forbidden": "没有这一项。",
    "greater_than_equal": "数值太小。",
    "less_than_equal": "数值太大。",
    "too_long": "项目太多。",
    "too_short": "项目太少。",
}


def cleaned_line(value: Any) -> Any:
    """`value` without control and format characters, trimmed; what isn't text is left to pydantic."""
    if not isinstance(value, str):
        return value
    return "".join(" " if c in "\t\r\n" else c for c in value if c in "\t\r\n" or _is_shown(c)).strip()


def cleaned_paragraphs(value: Any) -> Any:
    """Like `cleaned_line`, but line ends and tabs stay."""
    if not isinstance(value, str):
        return value
    return "".join(c for c in value.replace("\r\n", "\n") if c in "\t\n" or _is_shown(c)).strip()


def _is_shown(character: str) -> bool:
    """Joiners of emoji and of scripts are kept; other format characters can reorder or hide text."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs") or character in "\u200c\u200d"


class Names(BaseModel):
    """A name in Chinese and in English."""

    zh: str
    en: str


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A bigint key."""
Line = Annotated[str, BeforeValidator(cleaned_line), Field(max_length=200)]
"""One line of text, at most 200 characters."""
RequiredLine = Annotated[str, BeforeValidator(cleaned_line), Field(min_length=1, max_length=200)]
"""One line of text with 1 to 200 characters."""
Paragraphs = Annotated[str, BeforeValidator(cleaned_paragraphs), Field(max_length=4000)]
"""Text of several lines, at most 4,000 characters."""
Milliseconds = Annotated[int, Field(ge=0, le=32_503_680_000_000)]
"""A moment in milliseconds since 1970-01-01 UTC, before the year 3000."""
Limit = Annotated[int, Field(ge=1, le=200)]
"""How many rows to answer at most."""


def fields_of(error: ValidationError) -> dict[str, str | dict[str, str]]:
    """What is wrong with each field, in English and Chinese; a nested field's name is dotted."""
    said: dict[str, str | dict[str, str]] = {}
    for one in error.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in one["loc"]) or "body"
        chinese = (one.get("ctx") or {}).get("zh") or _CHINESE.get(one["type"], "内容不正确。")
        said.setdefault(name, {"en": one["msg"], "zh": str(chinese)})
    return said
