"""Whose row it is, and what it changes of a customer's record. Pure: check and import run this same code.

Rows are taken one after another; whom an earlier row made or changed is known to the later ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from callcenter.customers.model import Address, shown_address
from callcenter.importing.model import Duplicates, Outcome, Problem
from callcenter.importing.reading import RowDraft

_TEXTS: Final = ("company_or_project", "member_level", "birthday", "notes")
MOST_NUMBERS: Final = 20
"""As many as a record has on its page; and so of contracts."""
MOST_CONTRACTS: Final = 50
MOST_TAGS: Final = 30


@dataclass(slots=True)
class Record:
    """A customer's record, as far as an import can change it. Lists hold plain values, so that it can be kept as JSON.

    `numbers`: (key, label); `addresses`: label, address, building, unit, room; `contracts`: the columns of
    `customer_contracts`, `contract_id` only where it is kept already.
    """

    customer_id: int
    name: str
    company_or_project: str = ""
    unit_or_address: str = ""
    member_level: str = ""
    vip: bool = False
    birthday: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)
    numbers: list[list[str]] = field(default_factory=list)
    addresses: list[dict[str, str]] = field(default_factory=list)
    contracts: list[dict[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON, as it is now: what changes a record replaces its lists."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Placed:
    """What becomes of one row; `changed`: field -> [before, after]."""

    row_number: int
    outcome: Outcome
    customer_id: int | None = None
    changed: dict[str, list[Any]] = field(default_factory=dict)
    problem: Problem | None = None


@dataclass(slots=True)
class Placing:
    """What becomes of some rows: each row's lot, the records made, and those changed with what they were before."""

    rows: list[Placed] = field(default_factory=list)
    made: dict[int, Record] = field(default_factory=dict)
    changed: dict[int, Record] = field(default_factory=dict)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)


class Matcher:
    """Places rows among the records that are known."""

    def __init__(self, choice: Duplicates) -> None:
        self._choice = choice
        self._records: dict[int, Record] = {}
        self._by_number: dict[str, list[int]] = {}
        self._unborn = 0

    def know(self, records: Iterable[Record]) -> None:
        """Take records over that exist; one that is known already stays as it is here."""
        for record in records:
            if record.customer_id not in self._records:
                self._keep(record)

    def place(self, rows: Sequence[tuple[int, RowDraft]], new_ids: Sequence[int] = ()) -> Placing:
        """Place good rows. `new_ids`: an id for each row that may be a new customer; without them, ids below 0."""
        placing = Placing()
        ids = iter(new_ids)
        for row_number, draft in rows:
            found = self._find(draft)
            if isinstance(found, Problem):
                placing.rows.append(Placed(row_number, Outcome.BAD, problem=found))
            elif found is None:
                placing.rows.append(self._make(row_number, draft, next(ids, None), placing))
            elif self._choice is Duplicates.SKIP:
                placing.rows.append(Placed(row_number, Outcome.SKIPPED, found.customer_id))
            else:
                placing.rows.append(self._change(row_number, draft, found, placing))
        return placing

    def _find(self, draft: RowDraft) -> Record | Problem | None:
        """Whose number it is; of several, the one of this name."""
        ids = {one: None for number, _ in draft.numbers for one in self._by_number.get(number, ())}
        records = [self._records[one] for one in ids]
        if len(records) <= 1:
            return records[0] if records else None
        named = [one for one in records if _same(one.name, draft.name)]
        if len(named) == 1:
            return named[0]
        if self._choice is Duplicates.SKIP:
            return records[0]
        names = ", ".join(one.name for one in records[:3])
        return Problem(
            None,
            f"{len(records)} customers have these numbers, and not one alone has this name: {names}",
            f"这些号码属于 {len(records)} 位客户，无法按姓名确定是哪一位：{names}",
        )

    def _keep(self, record: Record) -> None:
        self._records[record.customer_id] = record
        for number, _ in record.numbers:
            self._by_number.setdefault(number, []).append(record.customer_id)

    def _make(self, row_number: int, draft: RowDraft, new_id: int | None, placing: Placing) -> Placed:
        self._unborn -= 1
        record = Record(new_id if new_id is not None else self._unborn, draft.name)
        _merge(record, draft, overwrite=True, numbers=True)
        self._keep(record)
        placing.made[record.customer_id] = record
        return Placed(row_number, Outcome.NEW, record.customer_id)

    def _change(self, row_number: int, draft: RowDraft, record: Record, placing: Placing) -> Placed:
        before = record.plain()
        overwrite = self._choice is Duplicates.OVERWRITE
        _merge(record, draft, overwrite=overwrite, numbers=overwrite or self._choice is Duplicates.MERGE)
        after = record.plain()
        changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if not changed:
            return Placed(row_number, Outcome.UNCHANGED, record.customer_id)
        for number, _ in record.numbers:
            known = self._by_number.setdefault(number, [])
            if record.customer_id not in known:
                known.append(record.customer_id)
        if record.customer_id not in placing.made:
            placing.changed[record.customer_id] = record
            placing.before.setdefault(record.customer_id, before)
        outcome = {Duplicates.FILL: Outcome.FILLED, Duplicates.MERGE: Outcome.MERGED}.get(
            self._choice, Outcome.OVERWRITTEN
        )
        return Placed(row_number, outcome, record.customer_id, changed)


def _same(one: str, other: str) -> bool:
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()


def _merge(record: Record, draft: RowDraft, *, overwrite: bool, numbers: bool) -> None:
    """Bring into the record what the draft says. `overwrite`: also where the record says something else."""
    if overwrite:
        record.name = draft.name
    for name in _TEXTS:
        said = getattr(draft, name)
        if said and (overwrite or not getattr(record, name)):
            setattr(record, name, said)
    if draft.vip is not None and overwrite:
        record.vip = draft.vip
    if draft.tags and (overwrite or not record.tags):
        record.tags = list(dict.fromkeys([*record.tags, *draft.tags]))[:MOST_TAGS]
    for name, value in draft.own.items():
        if overwrite or record.own.get(name) in (None, ""):
            record.own = {**record.own, name: value}
    if numbers or not record.numbers:
        record.numbers = _numbers(record.numbers, draft.numbers, first=overwrite)
    _put_address(record, draft.address, overwrite=overwrite)
    _put_contract(record, draft.contract, overwrite=overwrite)


def _numbers(kept: list[list[str]], said: Iterable[tuple[str, str]], *, first: bool) -> list[list[str]]:
    """Both, each once; the row's come `first` (and so the one to ring), or after what is kept."""
    labels = {one[0]: one[1] for one in kept}
    new = [[number, labels.get(number) or label] for number, label in said]
    known = {number for number, _ in new}
    if first:
        return [*new, *(one for one in kept if one[0] not in known)][:MOST_NUMBERS]
    return [*kept, *(one for one in new if one[0] not in labels)][:MOST_NUMBERS]


def _put_address(record: Record, said: Mapping[str, str], *, overwrite: bool) -> None:
    if not said:
        return
    wanted = {name: said.get(name, "") for name in ("address", "building", "unit", "room")}
    if not record.addresses and (overwrite or not record.unit_or_address):
        record.addresses = [{"label": "", **wanted}]
    elif record.addresses and overwrite:
        first = {**record.addresses[0], **{name: text for name, text in wanted.items() if text}}
        record.addresses = [first, *record.addresses[1:]]
    else:
        return
    record.unit_or_address = shown_address(Address(**record.addresses[0]))[:200]


def _put_contract(record: Record, said: Mapping[str, str], *, overwrite: bool) -> None:
    """Into the contract of the same number, else of the same name; else a further one."""
    if not said:
        return
    wanted: dict[str, Any] = {
        "kind": said.get("contract_kind", ""),
        "name": said.get("contract_name", ""),
        "number": said.get("contract_number", ""),
        **{name: said.get(name) for name in ("signed_on", "starts_on", "ends_on", "warranty_until")},
    }
    contracts = deepcopy(record.contracts)
    for one in contracts:
        same = one["number"] == wanted["number"] if wanted["number"] else one["name"] == wanted["name"]
        if same:
            one.update({name: text for name, text in wanted.items() if text and (overwrite or not one.get(name))})
            break
    else:
        if len(contracts) >= MOST_CONTRACTS:
            return
        contracts.append({**wanted, "kind": wanted["kind"] or "other", "name": wanted["name"] or wanted["number"]})
    record.contracts = contracts
