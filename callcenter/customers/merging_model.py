"""What two records of one customer become together, and what each is again after a split. Pure.

A record that is part of another keeps all its fields; only its numbers move. What a merge brought to the record that
is kept is written down with it (`Brought`), and for a field what stood there: before it, and before all merges that
stand (`own`). So records come apart in any order, and what people have changed meanwhile stays.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

Choice = Literal["kept", "part", "both"]
"""Whose value a field has afterwards; `both` is for notes."""

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "name": ("name", "initials"),
    "unit_or_address": ("unit_or_address",),
    "company_or_project": ("company_or_project",),
    "vip": ("vip",),
    "member_level": ("member_level",),
    "birthday": ("birthday",),
    "language": ("language",),
    "notes": ("notes",),
    "owner": ("owner_id", "owner_since", "owner_until"),
    "registration": ("created_at", "created_by"),
}
"""A field that is chosen for, and its columns."""
BY_RULE: Final = frozenset({"owner", "registration"})
"""Fields that the earlier one wins (OWN-14); nobody chooses."""
OWN_FIELD: Final = "own_fields."
LISTS: Final = ("numbers", "addresses", "contracts")
MOST: Final = {"numbers": 20, "tags": 30}
LONGEST_NOTES: Final = 4000

Record = Mapping[str, Any]
"""A record as JSON: the columns of `customers`, and `numbers`, `addresses`, `contracts` as lists of their columns."""
Values = list[Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A field that a merge has changed: its values now, before, and before any merge that still stands."""

    now: Values
    before: Values
    own: Values


@dataclass(frozen=True, slots=True)
class Brought:
    """What a part brought: the fields that have its values, and the keys of what it has in lists."""

    taken: Mapping[str, Taken]
    keys: Mapping[str, Sequence[str]]

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        taken = {name: [one.now, one.before, one.own] for name, one in self.taken.items()}
        return {"taken": taken, "keys": {name: list(keys) for name, keys in self.keys.items()}}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Brought":
        """As `to_json` wrote it."""
        return cls({name: Taken(*values) for name, values in kept["taken"].items()}, kept["keys"])


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the record that is kept: fields with new values; rows of lists that come and keys that go."""

    fields: Mapping[str, Values]
    add: Mapping[str, Sequence[Any]]
    remove: Mapping[str, frozenset[str]]
    part_first: bool = False
    """The part's addresses stand before the others."""


class TooManyError(ValueError):
    """Together they have more `args[0]` than a record can hold."""


def fields_of(*records: Record) -> list[str]:
    """The fields that may differ: those of every record, and each one's own."""
    own = {name for record in records for name in record["own_fields"]}
    return [*FIELDS, *(OWN_FIELD + name for name in sorted(own))]


def values_of(record: Record, name: str) -> Values:
    """A field's values, one a column."""
    if name.startswith(OWN_FIELD):
        return [record["own_fields"].get(name.removeprefix(OWN_FIELD))]
    return [record[column] for column in FIELDS[name]]


def key_of(kind: str, row: Any) -> str:
    """What two rows of a list have in common when they are the same."""
    if kind == "numbers":
        return str(row["number"])
    if kind == "tags":
        return str(row)
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def keys_of(record: Record) -> dict[str, list[str]]:
    """The keys of all that stands in a record's lists."""
    return {kind: [key_of(kind, row) for row in record[kind]] for kind in (*LISTS, "tags")}


def proposal(kept: Record, part: Record, now: datetime) -> dict[str, Choice]:
    """For each field that differs whose value to have, unless somebody chooses: what is there rather than nothing."""
    return {
        name: _proposed(kept, part, name, now)
        for name in fields_of(kept, part)
        if values_of(kept, name)[0] != values_of(part, name)[0]
    }


def _proposed(kept: Record, part: Record, name: str, now: datetime) -> Choice:
    if name == "owner":
        return "part" if _since(part, now) < _since(kept, now) else "kept"
    if name == "registration":
        return "part" if _time(part["created_at"]) < _time(kept["created_at"]) else "kept"
    if name == "notes" and kept["notes"] and part["notes"]:
        return "both"
    return "part" if values_of(kept, name)[0] in (None, "", False) else "kept"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _since(record: Record, now: datetime) -> datetime:
    """When the claim of its owner began that holds now; for ever away without one."""
    holds = record["owner_id"] is not None and (record["owner_until"] is None or _time(record["owner_until"]) > now)
    return _time(record["owner_since"]) if holds else datetime.max.replace(tzinfo=now.tzinfo)


def merge(
    kept: Record, part: Record, choices: Mapping[str, Choice], standing: Sequence[Brought]
) -> tuple[Change, Brought]:
    """What the kept record becomes and what the part brought; `standing` are the merges into it that stand.

    `choices` has all fields that differ.

    Raises:
        TooManyError: numbers, tags, or notes are more than a record can hold.
    """
    fields, taken = {}, {}
    for name, choice in choices.items():
        before, now = values_of(kept, name), _chosen(kept, part, name, choice)
        if now != before:
            fields[name] = now
            own = next((one.taken[name].own for one in standing if _made(one, name, before)), before)
            taken[name] = Taken(now, before, own)
    there, its = keys_of(kept), keys_of(part)
    brought_before = _union(standing)
    keys = {kind: [key for key in its[kind] if key not in _own(there, brought_before, kind)] for kind in its}
    add = {
        kind: [row for row, key in zip(part[kind], its[kind], strict=True) if key not in there[kind]] for kind in its
    }
    for kind, most in MOST.items():
        if add[kind] and len(there[kind]) + len(add[kind]) > most:
            raise TooManyError(kind)
    part_first = choices.get("unit_or_address") == "part"
    return Change(fields, add, {}, part_first), Brought(taken, keys)


def _chosen(kept: Record, part: Record, name: str, choice: Choice) -> Values:
    if choice == "both" and name == "notes":
        both = "\n".join(filter(None, (kept["notes"], part["notes"])))
        if len(both) > LONGEST_NOTES:
            raise TooManyError("notes")
        return [both]
    return values_of(part if choice == "part" else kept, name)


def _made(one: Brought, name: str, values: Values) -> bool:
    return name in one.taken and one.taken[name].now == values


def _union(standing: Iterable[Brought]) -> dict[str, set[str]]:
    return {kind: {key for one in standing for key in one.keys[kind]} for kind in (*LISTS, "tags")}


def _own(there: Mapping[str, Sequence[str]], brought: Mapping[str, set[str]], kind: str) -> set[str]:
    return set(there[kind]) - brought[kind]


def split(kept: Record, brought: Brought, others: Sequence[Brought]) -> Change:
    """What the kept record becomes without a part; `others` are the merges that go on standing, the newest first.

    A field that somebody has changed since the merge stays as it is.
    """
    fields = {
        name: _without(one, name, others)
        for name, one in brought.taken.items()
        if name.startswith(OWN_FIELD) or name in FIELDS
        if values_of(kept, name) == one.now
    }
    still = _union(others)
    remove = {kind: frozenset(keys) - still[kind] for kind, keys in brought.keys.items()}
    return Change(fields, {}, remove)


def _without(one: Taken, name: str, others: Sequence[Brought]) -> Values:
    """What stands there now: the value of another part that still brings one, else the record's own."""
    if one.before == one.own:
        return one.own
    return next(
        (other.taken[name].now for other in others if name in other.taken and other.taken[name].own == one.own), one.own
    )
