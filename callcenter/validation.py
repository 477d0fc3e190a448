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
    "string_unicode": "含有无效字符。",
    "int_parsing": "应为整数。",
    "int_parsing_size": "数值太大。",
    "int_type": "应为整数。",
    "int_from_float": "应为整数。",
    "float_parsing": "应为数字。",
    "float_type": "应为数字。",
    "finite_number": "应为有限的数字。",
    "bool_parsing": "应为是或否。",
    "bool_type": "应为是或否。",
    "enum": "不是可选的值。",
    "literal_error": "不是可选的值。",
    "union_tag_invalid": "不是可选的值。",
    "union_tag_not_found": "请选择种类（kind）。",
    "extra_forbidden": "没有这一项。",
    "greater_than": "数值太小，须大于 {gt}。",
    "greater_than_equal": "数值太小，至少为 {ge}。",
    "less_than": "数值太大，须小于 {lt}。",
    "less_than_equal": "数值太大，最多为 {le}。",
    "too_long": "项目太多。",
    "too_short": "项目太少。",
    "list_type": "应为列表。",
    "dict_type": "应为键值对。",
    "model_type": "应为键值对。",
    "model_attributes_type": "应为键值对。",
    "invalid_key": "键应为文字。",
    "date_type": "应为日期，如 2026-10-01。",
    "date_parsing": "应为日期，如 2026-10-01。",
    "date_from_datetime_parsing": "应为日期，如 2026-10-01。",
    "date_from_datetime_inexact": "应为日期，如 2026-10-01。",
    "json_invalid": "不是有效的 JSON。",
}
"""By the type of pydantic's error; names in braces are of its context."""


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
    """What is wrong with each field, in English and Chinese; a nested field's name is dotted.

    An error of ours that a validator raised says so itself: it has `en`, `zh`, and may have `loc` (where, below the
    model) and `others` (more of them).
    """
    said: dict[str, str | dict[str, str]] = {}
    for one in error.errors(include_url=False, include_input=False):
        raised = (one.get("ctx") or {}).get("error")
        if hasattr(raised, "zh"):
            for problem in (raised, *getattr(raised, "others", ())):
                name = _dotted((*one["loc"], *getattr(problem, "loc", ())))
                said.setdefault(name, {"en": problem.en, "zh": problem.zh})
        else:
            chinese = _CHINESE.get(one["type"], "内容不正确。").format_map(one.get("ctx") or {})
            said.setdefault(_dotted(one["loc"]), {"en": one["msg"], "zh": chinese})
    return said


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "body"
