"""Customers' records, and telephone numbers as callers and clerks write them. Pure.

A number's *key* is what it is stored and looked up by: E.164 where such a form exists, else the bare
digits (short numbers such as 95588, local numbers without an area code), else the text as it was given,
bounded. Text from the trunk is hostile: control characters never survive.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, carrier, geocoder
from phonenumbers import PhoneNumberType as Type

LONGEST_NUMBER: Final = 64
"""Characters kept of what isn't a number at all."""

_NOBODY: Final = frozenset(
    {
        "",
        "anonymous",
        "unknown",
        "unavailable",
        "restricted",
        "private",
        "withheld",
        "blocked",
        "none",
        "null",
    }
    | {"<unknown>", "asterisk", "匿名", "未知", "私密", "隐藏"}
)
_EXTENSION: Final = re.compile(
    r"\s*(?:转|轉|分机|ext\.?|extn\.?|x|#|,|;ext=)\s*(?:分机)?[\s:.]*(\d{1,8})$", re.IGNORECASE
)
_TRAILING: Final = re.compile(r"^(0\d{2,3}[-\s]?\d{7,8})-(\d{1,6})$")
_WRITTEN: Final = re.compile(r"\+?[\d\s()\[\]\-–—‐‑‒−./·・]+")
_SCHEME: Final = re.compile(r"^(?:tel|sips?):", re.IGNORECASE)
_SHORT: Final = re.compile(r"(?:1\d{2,4}|1[02]\d{4}|9[56]\d{1,6}|118\d{2,3})")
"""China's service numbers: 110, 10086, 12345, 95588, 96110, 951…"""
_LOCAL: Final = re.compile(r"[2-8]\d{6,7}")


class NumberKind(StrEnum):
    """What sort of number it is."""

    MOBILE = "mobile"
    FIXED = "fixed"
    TOLL_FREE = "toll_free"
    SERVICE = "service"
    SHORT = "short"
    LOCAL = "local"
    FOREIGN = "foreign"
    ANONYMOUS = "anonymous"
    UNKNOWN = "unknown"


_KINDS: Final[dict[int, NumberKind]] = {
    Type.MOBILE: NumberKind.MOBILE,
    Type.FIXED_LINE: NumberKind.FIXED,
    Type.FIXED_LINE_OR_MOBILE: NumberKind.FIXED,
    Type.TOLL_FREE: NumberKind.TOLL_FREE,
    Type.SHARED_COST: NumberKind.SERVICE,
    Type.PREMIUM_RATE: NumberKind.SERVICE,
    Type.UAN: NumberKind.SERVICE,
}


@dataclass(frozen=True, slots=True)
class InTwoLanguages:
    """A name in Chinese and in English; both empty when unknown."""

    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a number says by itself.

    `key` is what customers and calls are found by (None for an anonymous caller), `display` what a person
    reads. `place` is a province and city, or a country for foreign numbers; `carrier` the network the range
    was given to (a ported number keeps its first one).
    """

    key: str | None
    e164: str | None
    display: str
    kind: NumberKind
    extension: str = ""
    place: InTwoLanguages = InTwoLanguages()
    carrier: InTwoLanguages = InTwoLanguages()

    @property
    def anonymous(self) -> bool:
        """Whether the caller withheld the number."""
        return self.kind is NumberKind.ANONYMOUS


_ANONYMOUS: Final = NumberFacts(None, None, "", NumberKind.ANONYMOUS)


def without_controls(text: str) -> str:
    """`text` trimmed, without control, format and surrogate characters."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip()


@lru_cache(maxsize=8192)
def facts_of(given: str | None, country: str = "CN") -> NumberFacts:
    """Normalise a number in any form a trunk or a clerk gives it; `country` (ISO 3166) is home.

    Never raises: what isn't a number keeps its text, bounded to `LONGEST_NUMBER` characters.
    """
    text = _SCHEME.sub("", without_controls(unicodedata.normalize("NFKC", (given or "")[:2000]))).split("@", 1)[0]
    if text.strip().casefold() in _NOBODY:
        return _ANONYMOUS
    written, extension = _split_extension(text)
    digits = re.sub(r"\D", "", written)
    if not digits or len(digits) > 20 or not _WRITTEN.fullmatch(written):
        return _as_given(text)
    if country == "CN" and "+" not in written and _SHORT.fullmatch(digits):
        return NumberFacts(digits, None, digits, NumberKind.SHORT, extension)
    number = _parsed(written, digits, country)
    if number is not None:
        return _of_number(number, extension, country)
    if _LOCAL.fullmatch(digits) and "+" not in written:
        return NumberFacts(digits, None, f"{digits[:-4]} {digits[-4:]}", NumberKind.LOCAL, extension)
    return NumberFacts(digits, None, digits, NumberKind.UNKNOWN, extension)


def _split_extension(text: str) -> tuple[str, str]:
    found = _EXTENSION.search(text)
    if found and found.start() > 0:
        return text[: found.start()].strip(), found[1]
    found = _TRAILING.match(text)
    return (found[1], found[2]) if found else (text.strip(), "")


def _as_given(text: str) -> NumberFacts:
    kept = text[:LONGEST_NUMBER].strip()
    return NumberFacts(kept, None, kept, NumberKind.UNKNOWN) if kept else _ANONYMOUS


def _parsed(written: str, digits: str, country: str) -> PhoneNumber | None:
    """The valid number that was meant; trunks also send a foreign number as bare country code and digits."""
    for attempt in (written, f"+{digits}" if "+" not in written and len(digits) >= 11 else ""):
        try:
            number = phonenumbers.parse(attempt, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
    return None


def _of_number(number: PhoneNumber, extension: str, country: str) -> NumberFacts:
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    at_home = phonenumbers.region_code_for_number(number) == country
    shape = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    display = phonenumbers.format_number(number, shape)
    kind = _KINDS.get(phonenumbers.number_type(number), NumberKind.UNKNOWN) if at_home else NumberKind.FOREIGN
    return NumberFacts(
        key=e164,
        e164=e164,
        display=display,
        kind=kind,
        extension=extension,
        place=InTwoLanguages(
            geocoder.description_for_number(number, "zh"), geocoder.description_for_number(number, "en")
        ),
        carrier=InTwoLanguages(carrier.name_for_number(number, "zh"), carrier.name_for_number(number, "en")),
    )


@dataclass(frozen=True, slots=True)
class CustomerNumber:
    """One of a customer's numbers, by its key, with what the clerk calls it (手机, office…)."""

    number: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a clerk may set of a customer's record. Numbers are in any written form."""

    name: str
    company_or_project: str = ""
    unit_or_address: str = ""
    vip: bool = False
    notes: str = ""
    language: str | None = None
    numbers: Sequence[CustomerNumber] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's record (CUS-01, CUS-09). The first number is the one to ring."""

    customer_id: int
    name: str
    company_or_project: str
    unit_or_address: str
    vip: bool
    notes: str
    language: str | None
    numbers: tuple[CustomerNumber, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who may be the caller, as the screen-pop shows him; the likeliest comes first."""

    customer_id: int
    name: str
    company_or_project: str
    unit_or_address: str
    vip: bool
    notes: str
    label: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may be ringing: what the number says by itself, and the customers who have it."""

    number: NumberFacts
    candidates: tuple[Candidate, ...]


def stored_numbers(numbers: Sequence[CustomerNumber], country: str = "CN") -> list[CustomerNumber]:
    """`numbers` by their keys, each once, in the clerk's order; an extension moves into the label.

    Raises:
        ValueError: one of them isn't a telephone number; its position (from 0) is the argument.
    """
    kept: dict[str, CustomerNumber] = {}
    for position, one in enumerate(numbers):
        facts = facts_of(one.number, country)
        if facts.key is None or not facts.key.lstrip("+").isdecimal():
            raise ValueError(position)
        said = f"转{facts.extension}" if facts.extension else ""
        label = one.label if said in one.label else f"{one.label} {said}".strip()
        kept.setdefault(facts.key, CustomerNumber(facts.key, label))
    return list(kept.values())


def display_of(key: str | None, country: str = "CN") -> str:
    """How a person reads a stored number."""
    return facts_of(key, country).display if key else ""


_MAY_BE_DIALLED = frozenset({NumberKind.MOBILE, NumberKind.FIXED})


def dialled_form(number: str, country: str = "CN") -> str | None:
    """A number as the trunk takes it, with the digits a person at home dials; None for what may not be called back.

    Only mobiles and landlines of the country: a caller could otherwise have us ring a number that costs.
    """
    facts = facts_of(number, country)
    if facts.e164 is None or facts.kind not in _MAY_BE_DIALLED:
        return None
    return re.sub(r"\D", "", facts.display) or None


def country_code(country: str) -> str:
    """The country's code with its plus sign, such as +86."""
    return f"+{phonenumbers.country_code_for_region(country)}"


def search_digits(text: str) -> str:
    """The digits of a search that looks like (a part of) a number, else an empty string."""
    plain = unicodedata.normalize("NFKC", without_controls(text))
    digits = re.sub(r"\D", "", plain)
    return digits if 3 <= len(digits) <= 20 and _WRITTEN.fullmatch(plain) else ""


def warm() -> None:
    """Load the tables of places and carriers, so that the first call doesn't wait for them."""
    facts_of("13800138000")
    facts_of("+12125551234")
