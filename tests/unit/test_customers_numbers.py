"""Numbers in every form that trunks send and clerks write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.customers.model import LONGEST_NUMBER, NumberKind, facts_of, search_digits

MOBILE = "+8613800138000"
OFFICE = "+8657188888888"


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("13800138000", MOBILE),
        ("138 0013 8000", MOBILE),
        ("138-0013-8000", MOBILE),
        ("013800138000", MOBILE),
        ("+8613800138000", MOBILE),
        ("+86 138 0013 8000", MOBILE),
        ("+86(138)00138000", MOBILE),
        ("8613800138000", MOBILE),
        ("008613800138000", MOBILE),
        ("0086 138 0013 8000", MOBILE),
        ("1259313800138000", MOBILE),
        ("１３８００１３８０００", MOBILE),
        ("＋８６ １３８００１３８０００", MOBILE),
        ("tel:+8613800138000", MOBILE),
        ("sip:13800138000@10.0.0.1", MOBILE),
        ("\u202a13800138000\u202c", MOBILE),
        ("13800138000\r\n", MOBILE),
        ("0571-88888888", OFFICE),
        ("(0571)88888888", OFFICE),
        ("（0571）8888 8888", OFFICE),
        ("0571—88888888", OFFICE),
        ("057188888888", OFFICE),
        ("+86 571 88888888", OFFICE),
        ("+86 0571 88888888", OFFICE),
        ("010-88888888", "+861088888888"),
        ("8610 88888888", "+861088888888"),
        ("400-800-1234", "+864008001234"),
        ("4008001234", "+864008001234"),
        ("864008001234", "+864008001234"),
        ("800 810 1234", "+868008101234"),
        ("+852 9123 4567", "+85291234567"),
        ("0085291234567", "+85291234567"),
        ("+1 212 555 1234", "+12125551234"),
        ("12125551234", "+12125551234"),
    ],
)
def test_every_form_of_a_number_is_one_number(written: str, e164: str) -> None:
    facts = facts_of(written)
    assert (facts.e164, facts.key) == (e164, e164)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("13800138000", NumberKind.MOBILE),
        ("0571-88888888", NumberKind.FIXED),
        ("4008001234", NumberKind.SERVICE),
        ("8008101234", NumberKind.TOLL_FREE),
        ("+85291234567", NumberKind.FOREIGN),
        ("95588", NumberKind.SHORT),
    ],
)
def test_kinds(written: str, kind: NumberKind) -> None:
    assert facts_of(written).kind is kind


@pytest.mark.parametrize("short", ["110", "10086", "12345", "95588", "96110", "951", "95013668", "118114"])
def test_short_numbers_keep_their_digits(short: str) -> None:
    facts = facts_of(short)
    assert (facts.key, facts.e164, facts.display, facts.kind) == (short, None, short, NumberKind.SHORT)


def test_number_without_area_code_keeps_its_digits() -> None:
    facts = facts_of("8888-8888")
    assert (facts.key, facts.e164, facts.kind, facts.display) == (
        "88888888",
        None,
        NumberKind.LOCAL,
        "8888 8888",
    )


@pytest.mark.parametrize(
    "written",
    ["0571-88888888转123", "0571-88888888 转 123", "0571-88888888-123", "(0571)88888888 ext. 123",
     "0571-88888888分机123", "0571-88888888转分机123", "0571 88888888#123"],
)  # fmt: skip
def test_extension_is_told_apart(written: str) -> None:
    facts = facts_of(written)
    assert (facts.e164, facts.extension) == (OFFICE, "123")


@pytest.mark.parametrize("nobody", [None, "", "  ", "anonymous", "Anonymous", "Unknown", "匿名", "\0", "sip:@host"])
def test_withheld_numbers(nobody: str | None) -> None:
    facts = facts_of(nobody)
    assert facts.anonymous
    assert (facts.key, facts.display) == (None, "")


@pytest.mark.parametrize(
    "garbage",
    ["${SHELL(id)}", "1-800-FLOWERS", "'; drop table calls; --", '<img src=x onerror="x">', "王小明", "+",
     "++86", "1" * 2000, "\u0660" * 3 + "abc", "٣٤٥"],
)  # fmt: skip
def test_garbage_is_kept_as_given_and_bounded(garbage: str) -> None:
    facts = facts_of(garbage)
    assert facts.e164 is None
    assert facts.key
    assert len(facts.key) <= LONGEST_NUMBER


def test_place_and_carrier_in_both_languages() -> None:
    mobile, office = facts_of("13800138000"), facts_of("0571-88888888")
    assert (mobile.place.zh, mobile.place.en) == ("北京市", "Beijing")
    assert (mobile.carrier.zh, mobile.carrier.en) == ("中国移动", "China Mobile")
    assert office.place.zh == "浙江省杭州市"
    assert office.carrier.zh == ""
    assert facts_of("+12125551234").place.zh == "美国"


def test_display_is_national_at_home_and_international_abroad() -> None:
    assert facts_of("+8613800138000").display == "138 0013 8000"
    assert facts_of("+85291234567").display == "+852 9123 4567"


@given(st.one_of(st.none(), st.text(), st.from_regex(r"[+0-9 ()-]{1,30}")))
def test_never_fails_and_its_key_is_its_own_key(text: str | None) -> None:
    facts = facts_of(text)
    assert facts.key is None or 0 < len(facts.key) <= LONGEST_NUMBER
    assert facts.key is None or all(ord(c) >= 32 for c in facts.key)
    if facts.e164:
        assert facts_of(facts.key).key == facts.key


@pytest.mark.parametrize(
    ("searched", "digits"),
    [("138 00", "13800"), ("０５７１－８", "05718"), ("12", ""), ("3幢201", ""), ("8000", "8000")],
)
def test_searches_that_look_like_numbers(searched: str, digits: str) -> None:
    assert search_digits(searched) == digits
