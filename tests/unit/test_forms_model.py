"""Forms: what fits, what is kept, and what somebody is told who filled in something else."""

from typing import Any

import pytest
from pydantic import ValidationError

from callcenter.configuration.model import OutcomeRule, Queue
from callcenter.db.migrations.call_forms import CALL_FORMS, WORDS
from callcenter.db.migrations.call_types import CALL_TYPES
from callcenter.errors import InvalidInputError
from callcenter.forms.model import CallWords, FieldKind, Form, FormField, check, code_of, value_of


def field(kind: str, *, required: bool = False, options: tuple[str, ...] = ()) -> dict[str, Any]:
    named = [{"code": code, "name_zh": code, "name_en": code} for code in options]
    return {"code": "it", "name_zh": "它", "name_en": "It", "kind": kind, "required": required, "options": named}


def filled(kind: str, given: Any, **more: Any) -> Any:
    return check(Form.model_validate({"fields": [field(kind, **more)]}), 3, None, {"it": given}, []).fields.get("it")


def wrong(
    form: dict[str, Any], sub_type: str | None = None, read_back: tuple[str, ...] = (), **fields: Any
) -> set[str]:
    with pytest.raises(InvalidInputError) as refused:
        check(Form.model_validate(form), 1, sub_type, fields, read_back)
    for said in refused.value.fields.values():
        assert isinstance(said, dict)
        assert said.keys() == {"en", "zh"}
    return set(refused.value.fields)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("text", " 三单元\u202e 502 ", "三单元 502"),
        ("long_text", "一\r\n二", "一\n二"),
        ("number", 2.5, 2.5),
        ("date", "2026-11-28", "2026-11-28"),
        ("date_time", "2026-11-28 09:30", "2026-11-28T09:30"),
        ("yes_no", False, False),
        ("phone", "+86 138-0013-8000", "+8613800138000"),
        ("money", "1,234.5", "1234.50"),
        ("money", 12, "12.00"),
    ],
)
def test_what_fits_is_kept_tidied(kind: str, given: Any, kept: Any) -> None:
    assert filled(kind, given) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", 5),
        ("text", "x" * 201),
        ("text", ["x"]),
        ("number", "5"),
        ("number", True),
        ("number", float("nan")),
        ("date", "2026-02-30"),
        ("date", "28.11.2026"),
        ("date_time", "2026-11-28T25:00"),
        ("date_time", "2026-11-28"),
        ("yes_no", "yes"),
        ("phone", "12"),
        ("phone", "1380013800x"),
        ("money", "1.234"),
        ("money", "NaN"),
        ("money", "1e30"),
        ("money", {}),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(kind: str, given: Any) -> None:
    assert wrong({"fields": [field(kind)]}, it=given) == {"fields.it"}


def test_choices_are_of_the_list_in_its_order() -> None:
    assert filled("choice", "b", options=("a", "b")) == "b"
    assert filled("choices", ["b", "a", "b"], options=("a", "b")) == ["a", "b"]
    assert wrong({"fields": [field("choice", options=("a",))]}, it=["a"]) == {"fields.it"}
    assert wrong({"fields": [field("choices", options=("a",))]}, it="a") == {"fields.it"}
    assert wrong({"fields": [field("choices", options=("a",))]}, it=[["a"]]) == {"fields.it"}


@pytest.mark.parametrize("empty", [None, "", "  ", [], "\u202e"])
def test_a_required_field_is_asked_for_and_an_empty_one_is_not_kept(empty: Any) -> None:
    assert wrong({"fields": [field("text", required=True)]}, it=empty) == {"fields.it"}
    if empty != []:
        assert filled("text", empty) is None


def test_all_that_is_wrong_is_told_at_once() -> None:
    form = {
        "sub_types": [{"code": "a", "name_zh": "甲", "name_en": "A"}],
        "sub_type_required": True,
        "fields": [field("text", required=True)],
        "read_back": [{"code": "name", "name_zh": "姓名", "name_en": "Name"}],
    }
    assert wrong(form, read_back=("shoes",), other=1) == {"sub_type", "fields.it", "fields.other", "read_back"}
    assert wrong(form, sub_type="b", it="x") == {"sub_type"}
    done = check(Form.model_validate(form), 7, "a", {"it": "x"}, ["name"])
    assert (done.form_version, done.sub_type, done.read_back, done.complete) == (7, "a", ["name"], True)


def test_a_form_that_makes_no_sense_is_refused() -> None:
    senseless: list[dict[str, Any]] = [
        {"fields": [field("choice")]},
        {"fields": [field("text", options=("a",))]},
        {"fields": [field("text"), field("number")]},
        {"sub_type_required": True},
        {"fields": [field("text") | {"code": "It"}]},
        {"fields": [field("text") | {"name_zh": ""}]},
        {"questions": []},
    ]
    for form in senseless:
        with pytest.raises(ValidationError):
            Form.model_validate(form)


def test_the_shipped_forms_are_forms_of_shipped_types() -> None:
    codes = {code for code, *_ in CALL_TYPES}
    for code, shipped in CALL_FORMS.items():
        assert code in codes
        form = Form.model_validate(shipped)
        assert {"number", "name", "address", "matter"} <= {one.code for one in form.read_back}, "REC-02"
    complaint = Form.model_validate(CALL_FORMS["complaint"])
    assert len(complaint.sub_types) == 13
    assert complaint.closing_zh.startswith("谢谢您将此事告知我们"), "TEL-21"
    assert "{company}" in CallWords.model_validate(WORDS).greeting_zh


def test_every_kind_of_field_can_be_checked() -> None:
    for kind in FieldKind:
        options = ("a",) if kind in {FieldKind.CHOICE, FieldKind.CHOICES} else ()
        with pytest.raises((TypeError, ValueError)):
            value_of(FormField.model_validate(field(kind.value, options=options)), object())


def test_a_new_thing_gets_a_code_of_its_own() -> None:
    assert code_of("Order number", []) == "order_number"
    assert code_of("Order number", ["order_number"]) == "order_number_2"
    assert code_of("订单", ["item"]) == "item_2"
    assert code_of("2nd floor", []) == "n_2nd_floor"


@pytest.mark.parametrize(
    ("given", "rule"), [(True, "counted"), (False, "off"), ("true", "counted"), ("before_ready", "before_ready")]
)
def test_what_was_set_before_there_were_three_rules_holds(given: Any, rule: str) -> None:
    queue = Queue.model_validate({"queue_id": "a", "name_zh": "一", "name_en": "A", "outcome_required": given})
    assert queue.outcome_required is OutcomeRule(rule)
