"""Fields of a customer's record that a department makes for itself, and what may stand in them. Pure.

A field that was removed is asked for no more; what was written in it stays in the records.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from callcenter.customers.model import OwnValue

LONGEST_TEXT: Final = 1000


class FieldKind(StrEnum):
    """What sort of value a field takes."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    YES_NO = "yes_no"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class OwnField:
    """One field. `required`: a record whose own fields are written must have it."""

    field_id: str
    name_zh: str
    name_en: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    required: bool = False
    position: int = 0
    removed: bool = False


_WRONG: Final = {
    FieldKind.TEXT: {"en": "At most 1,000 characters of text.", "zh": "请填写文字，最多 1000 字。"},
    FieldKind.NUMBER: {"en": "This is not a number.", "zh": "请填写数字。"},
    FieldKind.DATE: {"en": "This is not a day, as in 2026-10-01.", "zh": "请填写日期，如 2026-10-01。"},
    FieldKind.YES_NO: {"en": "Say yes or no.", "zh": "请选择是或否。"},
    FieldKind.CHOICE: {"en": "Choose one of the list.", "zh": "请从列表中选择。"},
}
_MISSING: Final = {"en": "Fill this in.", "zh": "此项必填。"}


def checked_values(
    fields: Sequence[OwnField], sent: Mapping[str, OwnValue | None], old: Mapping[str, OwnValue]
) -> tuple[dict[str, OwnValue], dict[str, dict[str, str]]]:
    """The values that stand after a change, and what is wrong with those that were `sent`, by field.

    What stands in a removed field stays, and so does a choice that is offered no more; a field that is not sent, or
    sent empty, is emptied.
    """
    asked = {one.field_id: one for one in fields if not one.removed}
    kept: dict[str, OwnValue] = {name: value for name, value in old.items() if name not in asked}
    wrong: dict[str, dict[str, str]] = {}
    for name, one in asked.items():
        value = sent.get(name)
        if value is None or value == "":
            if one.required:
                wrong[name] = _MISSING
        elif value != old.get(name) and not _fits(one, value):
            wrong[name] = _WRONG[one.kind]
        else:
            kept[name] = value
    for name in sent.keys() - asked.keys():
        if sent[name] not in (None, "", old.get(name)):
            wrong[name] = {"en": "There is no such field.", "zh": "没有这一项。"}
    return kept, wrong


def _fits(one: OwnField, value: OwnValue) -> bool:
    match one.kind:
        case FieldKind.TEXT:
            return isinstance(value, str) and len(value) <= LONGEST_TEXT
        case FieldKind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case FieldKind.YES_NO:
            return isinstance(value, bool)
        case FieldKind.CHOICE:
            return value in one.choices
        case FieldKind.DATE:
            return _is_day(value)


def _is_day(value: OwnValue) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
