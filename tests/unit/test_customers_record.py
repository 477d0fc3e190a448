"""Initials, ranks, addresses in one line, own fields."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcenter.customers.model import (
    Address,
    Candidate,
    OwnValue,
    Reason,
    ranked,
    reasons_of,
    shown_address,
    with_first,
)
from callcenter.customers.names import initials_of
from callcenter.customers.own_fields import FieldKind, OwnField, checked_values

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "readings"),
    [
        ("刘秀英", {"lxy"}),
        ("单雄信", {"dxx", "sxx"}),
        ("曾国藩", {"zgf", "cgf"}),
        ("解晓东", {"jxd", "xxd"}),
        ("仇和", {"qh", "ch"}),
        ("Tom Wang", {"tw"}),
        ("Éric 王", {"ew"}),
        ("安捷电梯3号", {"ajdt3h"}),
    ],
)
def test_a_name_has_the_initials_of_each_of_its_readings(name: str, readings: set[str]) -> None:
    assert readings <= set(initials_of(name).split())


@pytest.mark.parametrize("name", ["", "🙂", "🙂" * 200, "重庆单曾" * 50, "A b " * 50])
def test_initials_fit_their_column(name: str) -> None:
    assert len(initials_of(name)) <= 200


def candidate(customer_id: int, **fields: Any) -> Candidate:
    given: dict[str, Any] = dict.fromkeys(("company_or_project", "unit_or_address", "notes", "label"), "")
    return Candidate(**given | {"customer_id": customer_id, "name": "王小明", "vip": False} | fields)


def test_each_reason_is_told_and_weighs_more_than_all_after_it() -> None:
    recent = candidate(1, last_contact_at=NOW - timedelta(days=2))
    opened = candidate(2, open_case=True, last_contact_at=NOW - timedelta(days=90))
    main = candidate(3, main_number=True)
    important = candidate(4, vip=True)
    nobody = candidate(5)
    assert ranked([nobody, important, main, opened, recent], NOW) == (recent, opened, main, important, nobody)
    assert reasons_of(opened, NOW) == [Reason.OPEN_CASE]
    assert reasons_of(candidate(6, vip=True, main_number=True), NOW) == [Reason.MAIN_NUMBER, Reason.VIP]


def test_of_two_alike_the_later_contact_comes_first() -> None:
    early, late = (candidate(n, last_contact_at=NOW - timedelta(days=9 - n)) for n in (1, 2))
    assert ranked([early, late], NOW) == (late, early)


def test_an_address_reads_as_one_line_and_back() -> None:
    home = Address("家", "锦绣家园", "3", "1", "502")
    assert shown_address(home) == "锦绣家园 3幢 1单元 502"
    assert with_first([home], "锦绣家园 3幢 1单元 502") == (home,)
    assert with_first([home], "7 号楼") == (Address("家", "7 号楼"),)
    assert with_first([home], "") == ()
    assert with_first([], "") == ()


FIELDS = (
    OwnField("parking", "车位", "Parking", FieldKind.TEXT, required=True),
    OwnField("people", "人口", "People", FieldKind.NUMBER),
    OwnField("moved_in", "入住", "Moved in", FieldKind.DATE),
    OwnField("pet", "宠物", "Pet", FieldKind.YES_NO),
    OwnField("kind", "类别", "Kind", FieldKind.CHOICE, ("业主", "租户")),
    OwnField("old", "旧", "Old", FieldKind.TEXT, removed=True),
)


def test_own_fields_take_what_fits_them() -> None:
    sent: dict[str, OwnValue | None] = {"parking": "B1-7", "people": 3, "pet": False, "kind": "业主"}
    sent["moved_in"] = "2026-10-01"
    assert checked_values(FIELDS, sent, {}) == (sent, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("parking", ""), ("parking", None), ("people", "3"), ("people", True), ("people", float("nan")),
     ("moved_in", "2026-2-30"), ("moved_in", "20261001"), ("pet", "yes"), ("kind", "邻居"), ("nothing", "x"),
     ("old", "x")],
)  # fmt: skip
def test_what_does_not_fit_is_told_of_its_field(name: str, value: OwnValue | None) -> None:
    _, wrong = checked_values(FIELDS, {"parking": "B1", name: value}, {})
    assert wrong.keys() == {name}


def test_what_stands_in_a_removed_field_or_choice_stays() -> None:
    old: dict[str, OwnValue] = {"old": "x", "kind": "邻居", "people": 3}
    kept, wrong = checked_values(FIELDS, {"parking": "B1", "kind": "邻居"}, old)
    assert (kept, wrong) == ({"old": "x", "kind": "邻居", "parking": "B1"}, {})
