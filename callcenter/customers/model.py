"""Customers' records, and telephone numbers as callers and clerks write them. Pure.

A number's *key* is what it is stored and looked up by: E.164 where such a form exists, else the bare
digits (short numbers such as 95588, local numbers without an area code), else the text as it was given,
bounded. Text from the trunk is hostile: control characters never survive.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
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
    if text.isprintable():
        return text.strip()
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs")).strip()


@lru_cache(maxsize=8192)
def facts_of(given: str | None, country: str = "CN") -> NumberFacts:
    """Normalise a number in any form a trunk or a clerk gives it; `country` (ISO 3166) is home.

    Never raises: what isn't a number keeps its text, bounded to `LONGEST_NUMBER` characters.
    """
    return _facts(given, country, _placed)


def bare_facts_of(given: str | None, country: str = "CN") -> NumberFacts:
    """Like `facts_of`, without place and carrier: a third of the work, for lists of thousands."""
    return _facts(given, country, _bare)


def key_of(given: str | None, country: str = "CN") -> tuple[str | None, str]:
    """The key of a number in any form, and its extension: half the work again, for lists of a hundred thousand."""
    facts = _facts(given, country, _keyed)
    return facts.key, facts.extension


def _facts(given: str | None, country: str, of_number: Callable[[PhoneNumber, str, str], NumberFacts]) -> NumberFacts:
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
        return of_number(number, extension, country)
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


def _keyed(number: PhoneNumber, extension: str, _country: str) -> NumberFacts:
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return NumberFacts(e164, e164, "", NumberKind.UNKNOWN, extension)


def _bare(number: PhoneNumber, extension: str, country: str) -> NumberFacts:
    at_home = phonenumbers.region_code_for_number(number) == country
    shape = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return replace(
        _keyed(number, extension, country),
        display=phonenumbers.format_number(number, shape),
        kind=_KINDS.get(phonenumbers.number_type(number), NumberKind.UNKNOWN) if at_home else NumberKind.FOREIGN,
    )


def _placed(number: PhoneNumber, extension: str, country: str) -> NumberFacts:
    return replace(
        _bare(number, extension, country),
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
class Address:
    """Where a customer lives or works. Building, unit and room may be bare numbers (3, 1, 502)."""

    label: str = ""
    address: str = ""
    building: str = ""
    unit: str = ""
    room: str = ""


class ContractKind(StrEnum):
    """What a customer has with the house."""

    HOUSEHOLD = "household"
    DECORATION = "decoration"
    ELEVATOR = "elevator"
    MEMBERSHIP = "membership"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Contract:
    """A project or contract (CUS-18). Whether a repair is free hangs on `warranty_until` (CAT-30)."""

    kind: ContractKind
    name: str
    number: str = ""
    signed_on: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    warranty_until: date | None = None
    notes: str = ""
    contract_id: int | None = None
    """None: not written yet."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The agent whose customer he is (OWN-01). `until`: his claim ends then, two months after his last contact as
    shipped (OWN-02); None: it does not end.
    """

    user_id: int
    name: str
    since: datetime
    until: datetime | None
    valid: bool


OwnValue = str | float | bool
"""A value of an own field: text, a number, yes or no; a day is text (YYYY-MM-DD)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a clerk may set of a customer's record. Numbers are in any written form.

    `addresses` None: the one of `unit_or_address`, where there is one; else its first is what `unit_or_address` shows.
    `kept`: the fields that a change leaves as they are.
    """

    name: str
    company_or_project: str = ""
    unit_or_address: str = ""
    vip: bool = False
    notes: str = ""
    language: str | None = None
    numbers: Sequence[CustomerNumber] = field(default_factory=tuple)
    addresses: Sequence[Address] | None = None
    member_level: str = ""
    birthday: date | None = None
    tags: Sequence[str] = ()
    contracts: Sequence[Contract] = ()
    own_fields: Mapping[str, OwnValue] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's record (CUS-01, CUS-09). The first number is the one to ring; `last_contact_at` is when he was
    last spoken with.
    """

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
    addresses: tuple[Address, ...] = ()
    member_level: str = ""
    birthday: date | None = None
    tags: tuple[str, ...] = ()
    contracts: tuple[Contract, ...] = ()
    own_fields: Mapping[str, OwnValue] = field(default_factory=dict)
    owner: Owner | None = None
    last_contact_at: datetime | None = None


class Reason(StrEnum):
    """Why a candidate is likely to be the caller; the first weighs most."""

    RECENT_CONTACT = "recent_contact"
    OPEN_CASE = "open_case"
    MAIN_NUMBER = "main_number"
    VIP = "vip"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer who may be the caller, as the screen-pop shows him; the likeliest comes first.

    `open_case`: somebody promised him something within a month, or he is to be rung back.
    """

    customer_id: int
    name: str
    company_or_project: str
    unit_or_address: str
    vip: bool
    notes: str
    label: str
    language: str | None = None
    member_level: str = ""
    tags: tuple[str, ...] = ()
    main_number: bool = False
    open_case: bool = False
    last_contact_at: datetime | None = None
    warranty_until: date | None = None
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may be ringing: what the number says by itself, and the customers who have it."""

    number: NumberFacts
    candidates: tuple[Candidate, ...]


RECENT: Final = timedelta(days=30)
"""A contact is recent for so long."""


def reasons_of(candidate: Candidate, now: datetime) -> list[Reason]:
    """Why it may be he who calls, by weight."""
    recent = candidate.last_contact_at is not None and candidate.last_contact_at > now - RECENT
    holds = {
        Reason.RECENT_CONTACT: recent,
        Reason.OPEN_CASE: candidate.open_case,
        Reason.MAIN_NUMBER: candidate.main_number,
        Reason.VIP: candidate.vip,
    }
    return [reason for reason, so in holds.items() if so]


def ranked(candidates: Iterable[Candidate], now: datetime) -> tuple[Candidate, ...]:
    """The likeliest first: by the reasons in the order of their weight, then by the later contact."""

    def rank(one: Candidate) -> tuple[object, ...]:
        reasons = reasons_of(one, now)
        contact = one.last_contact_at.timestamp() if one.last_contact_at else 0.0
        return (*(reason not in reasons for reason in Reason), -contact, one.customer_id)

    return tuple(sorted(candidates, key=rank))


def shown_address(address: Address) -> str:
    """An address as lists and pops show it: 锦绣家园 3幢 1单元 502."""
    building = f"{address.building}幢" if address.building.isdigit() else address.building
    unit = f"{address.unit}单元" if address.unit.isdigit() else address.unit
    return " ".join(part for part in (address.address, building, unit, address.room) if part)


def addresses_of(draft: Draft) -> tuple[Address, ...]:
    """The addresses that a draft means."""
    if draft.addresses is None:
        return with_first((), draft.unit_or_address)
    return tuple(one for one in draft.addresses if shown_address(one))


def with_first(addresses: Sequence[Address], shown: str) -> tuple[Address, ...]:
    """`addresses` with a first one that reads as `shown`: what was written as one line wins over its parts."""
    first, others = (addresses[0], addresses[1:]) if addresses else (Address(), ())
    if shown == shown_address(first):
        return tuple(addresses)
    return (Address(label=first.label, address=shown), *others) if shown else tuple(others)


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
