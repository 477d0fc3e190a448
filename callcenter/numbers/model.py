"""How telephone numbers of callers and customers are hidden from who may not see them (SEC-01, SEC-05). Pure.

A hidden number keeps its shape and its ends: 138****5678. Staff's extensions, the hotline's own numbers and
short service numbers are nobody's secret.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from callcenter.customers.model import CustomerNumber, NumberKind, display_of, facts_of, search_digits

MASK: Final = "*"
HIDDEN_DIGITS: Final = 4
SHORTEST: Final = 7
"""Fewer digits are an extension or a service number, which is left as it is."""
WHOLE_TAIL: Final = 11
"""From so many digits on the last four are shown, of shorter numbers the last two."""

MOST_DIGITS: Final = 15
"""Of one number (E.164)."""
MOST_WITH_EXTENSION: Final = 25
"""Of one number that is dialled from abroad, and its extension."""

_TOKEN: Final = re.compile(r"\+?\d+|[^\d+]+|\+")
_RUN: Final = re.compile(r"(?<![\d*])\+?\d(?:[\s()./·・\-–—]{0,3}\d){6,}")
_NO_NUMBER: Final = re.compile(r"\d{4}-\d\d-\d\d|-?\d{1,12}\.\d\d")
"""A day, an amount of money."""
_OF_THE_HOUSE: Final = frozenset({"called", "extension"})
"""Names in a fact's body under which the hotline's own numbers stand."""
OWN_FIELDS: Final = "own_fields"
"""Where a record's values stand that a department named itself; `own_fields.` begins the name of one."""


def masked(text: str, country: str = "CN") -> str:
    """`text` with four digits of each number in it hidden; numbers of fewer than seven digits and service numbers stay.

    +86 138 0013 8000 is shown as +86 138 **** 8000, 010-6234 5678 as 010-**** 5678, 6234 5678 as 62** **78.
    """
    return _RUN.sub(lambda found: "".join(_masked_run(one, country) for one in _apart(found[0])), text)


def _apart(run: str) -> Iterator[str]:
    """Numbers that stand beside each other, with what is between them: a slash, or more digits than a number has."""
    for piece in re.split(r"(\s*/\s*)", run):
        one = ""
        for token in _TOKEN.findall(piece) if _digits(piece) > MOST_DIGITS else [piece]:
            if _digits(one) + _digits(token) > MOST_DIGITS:
                yield one
                one = ""
            one += token
            if _digits(one) >= WHOLE_TAIL:
                yield one
                one = ""
        yield one


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _masked_run(run: str, country: str) -> str:
    digits = _digits(run)
    if digits < SHORTEST or _NO_NUMBER.fullmatch(run.strip()) or facts_of(run, country).kind is NumberKind.SHORT:
        return run
    last = digits - (4 if digits >= WHOLE_TAIL else 2)
    hidden = range(last - HIDDEN_DIGITS, last)
    place = -1
    shown = []
    for c in run:
        place += c.isdigit()
        shown.append(MASK if c.isdigit() and place in hidden else c)
    return "".join(shown)


def masked_body(body: Any, country: str = "CN", *, name: str = "", choices: Collection[str] = ()) -> Any:
    """A fact's body, or anything else made of lists and dictionaries, with each text hidden that is a number.

    Text with letters in it (an id, a note) stays, but for what is called a name: a trunk may send the number as the
    caller's name. In a record's own fields names mean nothing, a telephone number may be a JSON number, too, and what
    else has many digits (an order, an amount, `choices`: the fields whose values somebody chooses) stays.
    """
    within, _, field = name.partition(".")
    own = within == OWN_FIELDS
    chosen = own and field in choices
    if isinstance(body, dict):
        names = {key: f"{OWN_FIELDS}.{key}" if own else str(key) for key in body}
        return {key: masked_body(value, country, name=names[key], choices=choices) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [masked_body(one, country, name=name, choices=choices) for one in body]
    if own and not chosen and _is_telephone_in_json(body, country):
        return masked(str(int(body)), country)
    if not isinstance(body, str) or chosen or name in _OF_THE_HOUSE or _NO_NUMBER.fullmatch(body):
        return body
    if any(c.isalpha() for c in body) and name not in {"name", "caller_name"}:
        return body
    return _RUN.sub(lambda found: _telephones_masked(found[0], country), body) if own else masked(body, country)


def _telephones_masked(run: str, country: str) -> str:
    """A run of digits where only what is a whole telephone number is hidden, also beside other digits."""
    tokens = _TOKEN.findall(run)
    shown = ""
    while tokens:
        most = min(len(tokens), 2 * MOST_WITH_EXTENSION)
        end = next((end for end in range(most, 0, -1) if _is_telephone("".join(tokens[:end]), country)), 0)
        shown += masked("".join(tokens[:end]), country) or tokens[0]
        tokens = tokens[end or 1 :]
    return shown


def _is_telephone(written: str, country: str) -> bool:
    """Whether this is a telephone number as it is dialled, from here or from abroad, rather than other digits."""
    if not SHORTEST <= _digits(written) <= MOST_WITH_EXTENSION or not (written[0] == "+" or written[0].isdigit()):
        return False
    facts = facts_of(written, country)
    key = facts.key or ""
    if not key.startswith("+"):
        return False
    plain = re.sub(r"[^\d+]", "", unicodedata.normalize("NFKC", written))
    if plain.startswith(("+", "0")):
        return True
    at_home = {re.sub(r"\D", "", facts.display), key.removeprefix("+")}
    return facts.kind is not NumberKind.FOREIGN and plain.removesuffix(facts.extension) in at_home


def _is_telephone_in_json(value: Any, country: str) -> bool:
    """Whether a JSON number is somebody's telephone number rather than an amount; it has lost a leading zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or not 0 < value < 10**15:
        return False
    digits = str(int(value))
    return _is_telephone(digits, country) or _is_telephone(f"0{digits}", country)


def with_kept_numbers(
    given: Sequence[CustomerNumber], stored: Sequence[CustomerNumber], country: str = "CN"
) -> list[CustomerNumber]:
    """`given`, where a hidden number stands for the stored one that it hides; of two that look alike, in their order.

    So that who edits a record whose numbers he does not see changes none of them. A hidden number that hides none of
    the stored ones stays as it is, and is no telephone number.
    """
    left = list(stored)
    kept = []
    for one in given:
        hides = next((old for old in left if MASK in one.number and _is_mask_of(one.number, old.number, country)), None)
        if hides is not None:
            left.remove(hides)
        kept.append(CustomerNumber(hides.number, one.label) if hides else one)
    return kept


def with_kept_values(
    given: Mapping[str, Any], stored: Mapping[str, Any], country: str = "CN", *, within: str = ""
) -> dict[str, Any]:
    """`given`, where a value that hides the stored one of its name stands for it. `within`: what all of them are
    called together, where that is how they are hidden.
    """

    def shown(name: str) -> Any:
        return masked_body(stored.get(name), country, name=within or name)

    return {
        name: stored[name] if isinstance(value, str) and MASK in value and value == shown(name) else value
        for name, value in given.items()
    }


def _is_mask_of(shown: str, number: str, country: str) -> bool:
    forms = (number, display_of(number, country))
    return _bare(shown) in {_bare(masked(form, country)) for form in forms}


def the_one(shown: str, numbers: Iterable[str], country: str = "CN") -> str | None:
    """Which of `numbers` a hidden one stands for; None for none, or several that look alike."""
    alike = [number for number in numbers if _is_mask_of(shown, number, country)]
    return alike[0] if len(alike) == 1 else None


def _bare(shown: str) -> str:
    return "".join(c for c in shown if c.isdigit() or c == MASK)


def may_be_found(typed: str, numbers: Iterable[str], says: Callable[[], str], country: str = "CN") -> bool:
    """Whether who may not see numbers may find a record by what he typed: by a whole number, by digits that are shown
    to him anyway, or by what `says()`, the rest of the record, has. Else a hidden digit could be found out by trying.
    """
    digits = search_digits(typed)
    if not digits:
        return True
    key = facts_of(typed, country).key
    for number in numbers:
        shown = masked(number, country), masked(display_of(number, country), country)
        if number == key or any(digits in part for form in shown for part in _bare(form).split(MASK)):
            return True
    return "".join(typed.split()).casefold() in "".join(says().split()).casefold()
