"""Initials and words of articles; what is shipped."""

from callcenter.db.migrations.call_types import CALL_TYPES
from callcenter.knowledge.model import MOST_READINGS, initials_of, words_of
from callcenter.knowledge.shipped import ANSWERS, CATEGORIES, SCRIPTS


def test_initials_of_a_chinese_title() -> None:
    assert initials_of("道歉语") == "dqy"
    assert "jtsj" in initials_of("接听首句（公司）")
    assert "vipkh" in initials_of("VIP 客户").split()
    assert initials_of("") == ""


def test_several_readings_are_kept_but_not_all_of_a_long_title() -> None:
    assert {"c", "z"} <= set(initials_of("重").split())
    assert len(initials_of("重" * 40).split()) <= MOST_READINGS


def test_words_are_looked_for_once_and_not_without_end() -> None:
    assert words_of(" 道歉  道歉 久等 ") == ["道歉", "久等"]
    assert len(words_of(" ".join(map(str, range(50))))) == 6


def test_what_is_shipped_fits_the_tables() -> None:
    categories, call_types = {one[0] for one in CATEGORIES}, {one[0] for one in CALL_TYPES}
    assert len(categories - {"answers"}) == 12, "TEL-41 counts twelve"
    for one in (*SCRIPTS, *ANSWERS):
        assert one.category in categories
        assert set(one.call_types) <= call_types, one.title
        assert one.source, one.title
        assert len(initials_of(one.title)) <= 600
    assert categories == {one.category for one in (*SCRIPTS, *ANSWERS)}, "no category is empty on day one"
