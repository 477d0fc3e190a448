"""What is asked of a call: forms, their versions, and whether what was filled in fits. Pure.

An agent's outcome is the call type, a sub-type, notes, the next step, the form's fields and what he has read back.
Which fields a type asks for is made on a page; each change of a form is a new version, and an outcome is read, checked
and corrected by the version that it was filled in with.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from callcenter.configuration.fitting import ConfigurationError
from callcenter.errors import InvalidInputError
from callcenter.validation import Line, Paragraphs, RequiredLine, cleaned_line, cleaned_paragraphs

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""The code of a type, sub-type, field, choice or read-back item: it stands in outcomes and never changes."""
Words = Annotated[Paragraphs, Field(max_length=1000)]
Said = dict[str, str]
"""A complaint in both languages."""

MOST_AMOUNT = Decimal(10) ** 12


class FieldKind(StrEnum):
    """What a field holds, and how it is kept in the outcome."""

    TEXT = "text"
    """One line, at most 200 characters."""
    LONG_TEXT = "long_text"
    """At most 4,000 characters."""
    NUMBER = "number"
    DATE = "date"
    """YYYY-MM-DD."""
    DATE_TIME = "date_time"
    """YYYY-MM-DDTHH:MM, in the department's zone."""
    CHOICE = "choice"
    """The code of one option."""
    CHOICES = "choices"
    """Codes of options, each once."""
    YES_NO = "yes_no"
    PHONE = "phone"
    """Digits, with + in front of a country's."""
    MONEY = "money"
    """Text of an amount with two decimals, such as 12.50."""


class Part(BaseModel):
    """Base of what a form is made of."""

    model_config = ConfigDict(extra="forbid")


class Named(Part):
    """Something that can be chosen or ticked."""

    code: Code
    name_zh: Annotated[RequiredLine, Field(max_length=60)]
    name_en: Annotated[RequiredLine, Field(max_length=60)]


class FormField(Named):
    """One question of a form."""

    kind: FieldKind
    required: bool = False
    help_zh: Line = ""
    help_en: Line = ""
    options: Annotated[list[Named], Field(max_length=60)] = []

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        chooses = self.kind in (FieldKind.CHOICE, FieldKind.CHOICES)
        if chooses != bool(self.options):
            raise ConfigurationError(
                "A choice has options, other kinds have none.", "选择题须有选项，其他类型没有选项。"
            )
        _each_once(self.options)
        return self


class Form(Part):
    """What is asked of a call of one type. `read_back`: what is read back to the caller (TEL-17, REC-02). The closing
    words are the type's own (TEL-21); empty: those of all calls.
    """

    sub_types: Annotated[list[Named], Field(max_length=60)] = []
    sub_type_required: bool = False
    fields: Annotated[list[FormField], Field(max_length=40)] = []
    read_back: Annotated[list[Named], Field(max_length=20)] = []
    closing_zh: Words = ""
    closing_en: Words = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.sub_type_required and not self.sub_types:
            raise ConfigurationError("There is no sub-type to be chosen.", "没有可选的子类。")
        for parts in (self.sub_types, self.fields, self.read_back):
            _each_once(parts)
        return self


class QueueWords(Part):
    """What is said first in one queue, where it differs, and the call type that its calls begin with."""

    greeting_zh: Words = ""
    greeting_en: Words = ""
    call_type: Code | None = None


class CallWords(Part):
    """What agents say first and last. `{company}` stands for the company's name, or the queue's where it is empty;
    `{queue}` for the queue's (TEL-07 to TEL-10, TEL-20).
    """

    company_zh: Line = ""
    company_en: Line = ""
    greeting_zh: Words = ""
    greeting_en: Words = ""
    closing_zh: Words = ""
    closing_en: Words = ""
    queues: Annotated[dict[str, QueueWords], Field(max_length=500)] = {}


@dataclass(frozen=True, slots=True)
class CallType:
    """A kind of call. `direction` is `in` or `out`; `version` that of its form now, 0: it has none yet."""

    code: str
    name_zh: str
    name_en: str
    direction: str
    active: bool
    shipped: bool
    version: int


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled in, as it is kept. `complete`: it was checked against its form and nothing is missing."""

    sub_type: str | None
    form_version: int
    fields: Mapping[str, Any]
    read_back: Sequence[str]
    complete: bool


def _each_once(parts: Sequence[Named]) -> None:
    codes = [one.code for one in parts]
    if len(set(codes)) < len(codes):
        raise ConfigurationError("Each code may stand once only.", "代码不能重复。")


def code_of(name: str, taken: Sequence[str]) -> str:
    """A code for something new that has this English name; none of `taken`."""
    base = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:34] or "item"
    base = base if base[0].isalpha() else f"n_{base}"[:34]
    return next(code for code in (base, *(f"{base}_{n}" for n in range(2, 1000))) if code not in taken)


# -- checking what was filled in -----------------------------------------------------------------------

_REQUIRED: Said = {"en": "Please fill this in.", "zh": "此项必填。"}
_UNKNOWN: Said = {"en": "This form has no such field.", "zh": "表单中没有这一项。"}
_NO_OPTION: Said = {"en": "Choose from the list.", "zh": "请从列表中选择。"}
_WRONG: dict[FieldKind, Said] = {
    FieldKind.TEXT: {"en": "Text of at most 200 characters.", "zh": "请填写文字，最多 200 字。"},
    FieldKind.LONG_TEXT: {"en": "Text of at most 4,000 characters.", "zh": "请填写文字，最多 4000 字。"},
    FieldKind.NUMBER: {"en": "This is not a number.", "zh": "请填写数字。"},
    FieldKind.DATE: {"en": "A day, such as 2026-10-01.", "zh": "请填写日期，如 2026-10-01。"},
    FieldKind.DATE_TIME: {
        "en": "A day and a time, such as 2026-10-01 09:30.",
        "zh": "请填写日期和时间，如 2026-10-01 09:30。",
    },
    FieldKind.CHOICE: _NO_OPTION,
    FieldKind.CHOICES: _NO_OPTION,
    FieldKind.YES_NO: {"en": "Yes or no.", "zh": "请选择是或否。"},
    FieldKind.PHONE: {"en": "This is not a telephone number.", "zh": "不是有效的电话号码。"},
    FieldKind.MONEY: {"en": "An amount, such as 12.50.", "zh": "请填写金额，如 12.50。"},
}


def check(
    form: Form, version: int, sub_type: str | None, fields: Mapping[str, Any], read_back: Sequence[str]
) -> Filled:
    """What was filled in, as it is kept: tidied, without what was left empty.

    Raises:
        InvalidInputError: something is missing, wrong or unknown; told by field (`sub_type`, `fields.CODE`,
            `read_back`).
    """
    wrong: dict[str, str | Said] = {}
    if sub_type is None and form.sub_type_required:
        wrong["sub_type"] = _REQUIRED
    if sub_type is not None and sub_type not in {one.code for one in form.sub_types}:
        wrong["sub_type"] = _NO_OPTION
    kept: dict[str, Any] = {}
    for field in form.fields:
        given = fields.get(field.code)
        try:
            value = None if _is_empty(given) else value_of(field, given)
        except (TypeError, ValueError):
            wrong[f"fields.{field.code}"] = _WRONG[field.kind]
            continue
        if not _is_empty(value):
            kept[field.code] = value
        elif field.required:
            wrong[f"fields.{field.code}"] = _REQUIRED
    known = {field.code for field in form.fields}
    wrong |= {f"fields.{code}": _UNKNOWN for code in fields if code not in known}
    items = [one.code for one in form.read_back]
    if any(code not in items for code in read_back):
        wrong["read_back"] = _NO_OPTION
    if wrong:
        raise InvalidInputError(fields=wrong)
    return Filled(sub_type, version, kept, [code for code in items if code in read_back], complete=True)


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", []) or (isinstance(value, str) and not value.strip())


def value_of(field: FormField, given: Any) -> Any:
    """A field's value as it is kept.

    Raises:
        TypeError, ValueError: it is none of this kind.
    """
    return _VALUES[field.kind](field, given)


def _text(given: Any, longest: int) -> str:
    if not isinstance(given, str) or len(given) > longest:
        raise ValueError
    return given


def _number(given: Any) -> float | int:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given) or abs(given) > 1e15:
        raise ValueError
    return given


def _moment(given: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", given, re.ASCII):
        raise ValueError
    return datetime.fromisoformat(given).isoformat(timespec="minutes")


def _chosen(field: FormField, given: Any) -> str | list[str]:
    codes = [option.code for option in field.options]
    if field.kind is FieldKind.CHOICE:
        if given not in codes:
            raise ValueError
        return str(given)
    if not isinstance(given, list) or any(code not in codes for code in given):
        raise ValueError
    return [code for code in codes if code in given]


def _phone(given: str) -> str:
    digits = re.sub(r"[\s()\-./]", "", given)
    if not re.fullmatch(r"\+?\d{3,20}", digits, re.ASCII):
        raise ValueError
    return digits


def _amount(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise TypeError
    try:
        amount = Decimal(str(given).replace(",", "").strip())
    except InvalidOperation:
        raise ValueError from None
    if not amount.is_finite() or abs(amount) >= MOST_AMOUNT or amount != amount.quantize(Decimal("0.01")):
        raise ValueError
    return str(amount.quantize(Decimal("0.01")))


def _yes_or_no(given: Any) -> bool:
    if not isinstance(given, bool):
        raise TypeError
    return given


_VALUES: Final[dict[FieldKind, Callable[[FormField, Any], Any]]] = {
    FieldKind.TEXT: lambda _, given: _text(cleaned_line(given), 200),
    FieldKind.LONG_TEXT: lambda _, given: _text(cleaned_paragraphs(given), 4000),
    FieldKind.NUMBER: lambda _, given: _number(given),
    FieldKind.DATE: lambda _, given: date.fromisoformat(_text(given, 10)).isoformat(),
    FieldKind.DATE_TIME: lambda _, given: _moment(_text(given, 16)),
    FieldKind.CHOICE: _chosen,
    FieldKind.CHOICES: _chosen,
    FieldKind.YES_NO: lambda _, given: _yes_or_no(given),
    FieldKind.PHONE: lambda _, given: _phone(_text(given, 40)),
    FieldKind.MONEY: lambda _, given: _amount(given),
}
