"""How numbers are hidden, and what may be done with hidden ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel, TypeAdapter

from callcenter.customers.model import CustomerNumber
from callcenter.numbers.model import masked, masked_body, may_be_found, the_one, with_kept_numbers, with_kept_values
from callcenter.numbers.shown import Body, Number, Sight


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        ("13800135678", "138****5678"),
        ("138 0013 5678", "138 **** 5678"),
        ("+8613800135678", "+86138****5678"),
        ("+86 138 0013 5678", "+86 138 **** 5678"),
        ("013800135678", "0138****5678"),
        ("010-62345678", "010-****5678"),
        ("+861062345678", "+8610****5678"),
        ("62345678", "62****78"),
        ("6234567", "6****67"),
        ("400-123-4567", "400-1**-**67"),
        ("+1 212-555-1234", "+1 21*-***-1234"),
        ("1001", "1001"),
        ("110", "110"),
        ("95588", "95588"),
        ("10086", "10086"),
        ("95511222", "95511222"),
        ("", ""),
        ("匿名", "匿名"),
        ("anonymous", "anonymous"),
        ("张先生 13800135678", "张先生 138****5678"),
        ("7 号楼 1203", "7 号楼 1203"),
        ("13800135678/13900139000", "138****5678/139****9000"),
        ("13800135678 13900139000", "138****5678 139****9000"),
        ("010-62345678 13900139000", "010-****5678 139****9000"),
        ("13800135678 2026-11-28", "138****5678 2026-11-28"),
        ("62345678/6234567", "62****78/6****67"),
    ],
)
def test_ends_are_shown_and_short_and_withheld_numbers_stay(whole: str, shown: str) -> None:
    assert masked(whole) == shown
    assert masked(shown) == shown, "what is hidden is not hidden again"


def test_two_numbers_in_groups_are_both_hidden() -> None:
    assert masked("138 0013 5678 139 0013 9000") == "138 **** 5678 139 **** 9000"


@given(some.from_regex(r"\+?[0-9]{7,15}", fullmatch=True), some.sampled_from(["", " ", "-"]))
def test_four_digits_are_hidden_however_a_number_is_written(number: str, between: str) -> None:
    written = between.join(number.removeprefix("+"))
    shown = masked(written)
    assert shown == written or shown.count("*") == 4
    assert len(shown) == len(written)


def test_a_fact_s_body_keeps_ids_days_and_the_hotline_s_own_number() -> None:
    body: dict[str, Any] = {
        "caller_number": "+8613800135678",
        "caller_name": "13800135678",
        "called": "4008001234",
        "call": "node1-1763780000.15",
        "at": 1763780000000,
        "day": "2026-11-28",
        "notes": "订单 20261128001",
        "legs": [{"number": "010 6234 5678"}, None, True],
        "clid": '"13800135678" <13800135678>',
    }
    assert masked_body(body) == body | {
        "caller_number": "+86138****5678",
        "caller_name": "138****5678",
        "legs": [{"number": "010 **** 5678"}, None, True],
        "clid": '"138****5678" <138****5678>',
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13800135678", "138****5678"),
        ("138 0013 5678", "138 **** 5678"),
        ("86 138 0013 5678", "86 138 **** 5678"),
        ("1３800135678", "1３8****5678"),
        ("010-62345678", "010-****5678"),
        ("(0571)88885678", "(0571)****5678"),
        ("+86 10 6234 5678", "+86 10 **** 5678"),
        ("+1 718 555 0123", "+1 71* *** 0123"),
        ("001 718 555 0123", "001 71* *** 0123"),
        ("13800135678/13900135678", "138****5678/139****5678"),
        ("13800135678 13900135678", "138****5678 139****5678"),
        ("501 138 0013 5678", "501 138 **** 5678"),
        ("2023001 138-0013-5678; 010-62345678", "2023001 138-****-5678; 010-****5678"),
        (13800135678, "138****5678"),
        (13800135678.0, "138****5678"),
        (1062345678, "1062****78"),
    ],
)
def test_a_telephone_number_in_an_own_field_is_hidden_however_it_is_written(value: str | float, shown: str) -> None:
    assert masked_body({"a": value}, name="own_fields") == {"a": shown}


@pytest.mark.parametrize(
    "value",
    [
        *("2023001", "00123456", "110101199003071234", "1000-2000", "2025550123", "20231128001", "2023001 2023002"),
        *("6222 0201 1122 3344", "2026-11-28", "2026/11/28", "1/502/13", "¥2,025,550,123", "3101150", "95588"),
        *(2023001, 20231128001, 1375550.5, 110101199003071234),
    ],
)
def test_other_digits_in_an_own_field_stay(value: str | float) -> None:
    assert masked_body({"a": value}, name="own_fields") == {"a": value}
    changed = {"changed": {"own_fields": [{"a": value}, {}]}}
    assert masked_body(changed) == changed


def test_what_is_chosen_from_a_list_is_no_number() -> None:
    own = {"branch": "010-62345678", "phone": "010-62345678"}
    shown = {"branch": "010-62345678", "phone": "010-****5678"}
    assert masked_body(own, name="own_fields", choices={"branch"}) == shown
    assert masked_body("010-62345678", name="own_fields.branch", choices={"branch"}) == "010-62345678"
    assert masked_body({"branch": "010-62345678"}, choices={"branch"}) == {"branch": "010-****5678"}, "no own field"


def numbers(*these: str) -> list[CustomerNumber]:
    return [CustomerNumber(one, label) for one, label in zip(these, "abcd", strict=False)]


def test_a_hidden_number_stands_for_the_stored_one_whatever_its_place_and_label() -> None:
    stored = [CustomerNumber("+8613800135678", "手机"), CustomerNumber("+861062345678", "家里")]
    given_back = [CustomerNumber("010 **** 5678", "公司"), CustomerNumber("138 **** 5678", "手机")]
    assert with_kept_numbers(given_back, stored) == [
        CustomerNumber("+861062345678", "公司"),
        CustomerNumber("+8613800135678", "手机"),
    ]
    assert with_kept_numbers(numbers("+86138****5678"), stored)[0].number == "+8613800135678"


def test_two_that_look_alike_keep_their_order_and_a_third_is_none() -> None:
    stored = numbers("+8613800015678", "+8613800025678")
    given_back = numbers("138****5678", "138****5678", "138****5678")
    kept = [one.number for one in with_kept_numbers(given_back, stored)]
    assert kept == ["+8613800015678", "+8613800025678", "138****5678"]


def test_new_and_removed_numbers_are_what_was_given() -> None:
    stored = numbers("+8613800015678", "+8613900025678")
    kept = [one.number for one in with_kept_numbers(numbers("139****5678", "13700000001"), stored)]
    assert kept == ["+8613900025678", "13700000001"]


def test_a_form_s_hidden_value_stands_for_the_saved_one_of_its_field() -> None:
    saved = {"phone": "13800135678", "other": "13900135678", "fee": "1234567.50", "ticks": ["a"]}
    assert masked_body(saved)["fee"] == "1234567.50", "an amount is no number"
    shown = {"phone": "138****5678", "other": "138****5678", "text": "3*4", "ticks": ["a"], "yes": True}
    assert with_kept_values(shown, saved) == shown | {"phone": "13800135678"}


def test_the_one_is_none_where_several_look_alike() -> None:
    assert the_one("138****5678", ["+8613800015678", "+8613900025678"]) == "+8613800015678"
    assert the_one("138****5678", ["+8613800015678", "+8613800025678"]) is None


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("13800135678", True),
        ("+86 138 0013 5678", True),
        ("5678", True),
        ("138", True),
        ("1380", False),
        ("1380013567", False),
        ("00135678", False),
        ("0013", False),
        ("1203", True),
        ("刘", True),
    ],
)
def test_hidden_digits_are_not_found_out_by_trying(typed: str, found: bool) -> None:
    assert may_be_found(typed, ["+8613800135678"], lambda: '{"unit": "7 号楼 1203"}') is found


class _Out(BaseModel):
    number: Number | None
    body: Body


def test_an_answer_hides_numbers_unless_somebody_said_that_they_may_be_seen() -> None:
    out, adapter = _Out(number="13800135678", body={"number": "13800135678"}), TypeAdapter(list[_Out])
    for sight in (None, Sight(whole_numbers=False)):
        assert b"13800135678" not in adapter.dump_json([out], context=sight)
    assert adapter.dump_json([out], context=Sight(whole_numbers=True)).count(b"13800135678") == 2
    assert _Out(number=None, body={}).model_dump_json() == '{"number":null,"body":{}}'
