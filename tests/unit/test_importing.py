"""Tables as people write them: encodings, headings, cells; and what is wrong with a row."""

import pytest

from callcenter.cells import csv_lines, guarded, unguarded
from callcenter.importing.fields import OwnField, guess, header_of, mapping_problem
from callcenter.importing.files import csv_rows, decoded, separator_of
from callcenter.importing.matching import Matcher, Record
from callcenter.importing.model import STATES, BadFileError, Duplicates, ImportState, Outcome, Step
from callcenter.importing.reading import RowDraft, RowReader, day_of


def read(mapping: list[str], *cells: str, own: tuple[OwnField, ...] = ()) -> tuple[RowDraft, list[str]]:
    draft, problems = RowReader(mapping, mapping, own).read(cells)
    return draft, [one.en for one in problems]


@pytest.mark.parametrize("text", ["=1+1", "+86138", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "  =1"])
def test_what_looks_like_a_formula_is_guarded_and_comes_back(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "王小明", "13800138000", "1-2", "'80s", "O'Brien", "a=b"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text
    assert unguarded(text) == text


def test_lines_of_csv_quote_what_they_must() -> None:
    assert csv_lines([['a"b', "c,d", "e\nf", "=x"]]) == '"a""b","c,d","e\nf",\'=x\r\n'


def test_text_that_another_program_wrote_as_a_formula_is_taken_out() -> None:
    assert unguarded('="013800138000"') == "013800138000"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("姓名,手机".encode(), "utf-8"),
        ("姓名,手机".encode("utf-8-sig"), "utf-8"),
        ("姓名,手机".encode("gbk"), "gb18030"),
        ("姓名,㐂𠮷".encode("gb18030"), "gb18030"),
        ("姓名,手机".encode("utf-16"), "utf-16"),
        (b"name,phone", "utf-8"),
    ],
)
def test_the_encoding_is_found(content: bytes, encoding: str) -> None:
    text, found = decoded(content)
    assert found == encoding
    assert text.startswith(("姓名", "name"))


@pytest.mark.parametrize("content", [b"\xff" * 20, b"a\0b", b"\x81"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(BadFileError):
        decoded(content)


@pytest.mark.parametrize(("line", "separator"), [("a,b,c", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ("a", ",")])
def test_the_separator_is_found(line: str, separator: str) -> None:
    assert separator_of(f"{line}\n{line}\n") == separator


def test_rows_keep_their_numbers_when_empty_ones_are_left_out() -> None:
    assert list(csv_rows('a,b\n\n,,\n"x\ny",\u202ez\x00\n', ",")) == [(1, ["a", "b"]), (4, ["x\ny", "z"])]


def test_a_line_of_100_000_columns_is_refused() -> None:
    with pytest.raises(BadFileError, match="columns"):
        list(csv_rows("a," * 100_000, ","))


OWN = (OwnField("pet", "宠物", "Pet", "choice", ("猫", "狗")),)


def test_headings_are_known_in_both_languages_and_with_signs() -> None:
    headings = [
        "*姓名",
        "手机号码（必填）",
        "联系电话2",
        "Building",
        "单元",
        "房号",
        "VIP",
        "Pet",
        "什么",
        "备注",
        "姓名",
    ]
    assert guess(headings, OWN) == [
        "name",
        "number",
        "number",
        "building",
        "unit",
        "room",
        "vip",
        "own:pet",
        "",
        "notes",
        "",
    ]


def test_a_title_above_the_headings_is_no_heading() -> None:
    assert header_of([["客户名单 2026"], ["姓名", "手机"], ["王小明", "13800138000"]]) == 2
    assert header_of([["13800138000", "王小明"]]) == 0


@pytest.mark.parametrize(
    ("mapping", "fine"),
    [
        (["name", "number", "number", ""], True),
        (["number"], False),
        (["name", "name"], False),
        (["name", "drop table"], False),
        (["name", "own:pet"], True),
        (["name", "own:car"], False),
    ],
)
def test_a_mapping_needs_a_name_and_each_field_once(mapping: list[str], fine: bool) -> None:
    assert (mapping_problem(mapping, OWN) is None) is fine


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("13800138000", ["+8613800138000"]),
        ("138-0013-8000 / 0571-88888888", ["+8613800138000", "+8657188888888"]),
        ("13800138000,13800138000；13900139000", ["+8613800138000", "+8613900139000"]),
        ("'+86 138 0013 8000", ["+8613800138000"]),
        ('="13800138000"', ["+8613800138000"]),
        ("0571-88888888转801", ["+8657188888888"]),
        ("0571-88888888,801", ["+8657188888888"]),
        ("1 3 8 0 0 1 3 8 0 0 0", ["+8613800138000"]),
    ],
)
def test_numbers_in_any_form(text: str, keys: list[str]) -> None:
    draft, problems = read(["name", "number"], "王", text)
    assert (problems, [key for key, _ in draft.numbers]) == ([], keys)


@pytest.mark.parametrize("text", ["无", "1.38001E+10", "12", "abc", "=1+1", "13800138000x" * 30])
def test_what_is_no_number_is_said(text: str) -> None:
    _, problems = read(["name", "number"], "王", text)
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1985-03-12", "1985-03-12"), ("1985/3/2", "1985-03-02"), ("1985.3.12", "1985-03-12"),
        ("1985年3月12日", "1985-03-12"), ("19850312", "1985-03-12"), ("1985-03-12 00:00", "1985-03-12"),
        ("1985-02-30", None), ("31118", None), ("3月12日", None), ("12/03/1985", None), ("昨天", None),
    ],
)  # fmt: skip
def test_days(text: str, day: str | None) -> None:
    found = day_of(text)
    assert (found.isoformat() if found else None) == day


def test_each_wrong_cell_is_said() -> None:
    mapping = ["name", "birthday", "vip", "own:pet", "member_level", "contract_kind", "starts_on"]
    _, problems = read(mapping, "", "1785-01-01", "大概", "鱼", "金" * 41, "别的", "x", own=OWN)
    assert len(problems) == 7


def test_a_contract_must_be_one() -> None:
    assert read(["name", "contract_kind"], "王", "装修")[1] == ["A contract needs a name or a number."]
    mapping = ["name", "contract_name", "starts_on", "ends_on"]
    assert read(mapping, "王", "x", "2026-02-01", "2026-01-01")[1] == ["The contract ends before it starts."]


def test_a_draft_survives_being_kept() -> None:
    draft, _ = read(["name", "number", "vip", "tags"], "王", "13800138000", "否", "a；b")
    assert RowDraft.of(draft.stored()) == draft


def test_rows_know_whom_earlier_rows_made_and_changed() -> None:
    rows = [
        (1, RowDraft("甲", numbers=[("1", "")])),
        (2, RowDraft("乙", numbers=[("1", ""), ("2", "")])),
        (3, RowDraft("丙", numbers=[("2", "")], notes="x")),
    ]
    placing = Matcher(Duplicates.MERGE).place(rows)
    assert [one.outcome for one in placing.rows] == [Outcome.NEW, Outcome.MERGED, Outcome.MERGED]
    [made] = placing.made.values()
    assert (made.name, made.numbers, made.notes, placing.changed) == ("甲", [["1", ""], ["2", ""]], "x", {})


def test_a_row_that_says_nothing_new_changes_nothing() -> None:
    matcher = Matcher(Duplicates.OVERWRITE)
    matcher.know([Record(7, "甲", numbers=[["1", ""]])])
    placing = matcher.place([(1, RowDraft("甲", numbers=[("1", "手机")]))])
    assert [one.outcome for one in placing.rows] == [Outcome.OVERWRITTEN]
    assert placing.changed[7].numbers == [["1", "手机"]]
    again = matcher.place([(2, RowDraft("甲", numbers=[("1", "别的")]))])
    assert [one.outcome for one in again.rows] == [Outcome.UNCHANGED]


def test_every_state_can_be_left_or_is_an_end() -> None:
    left = {state for state, _ in STATES}
    assert set(ImportState) - left == {ImportState.UNDONE, ImportState.DISCARDED}
    assert {step for _, step in STATES} == set(Step)
