"""The configuration as a file: what is written is read as the same, and what can't be read says why, with the line."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from callcenter.configuration.file import LARGEST_FILE, read, written
from callcenter.configuration.model import (
    Configuration,
    HoursException,
    Member,
    Menu,
    MenuKey,
    Overflow,
    PauseReason,
    Queue,
    Skill,
    ToEnd,
    ToMenu,
    ToNumber,
    ToQueue,
)
from callcenter.errors import InvalidInputError
from callcenter.validation import cleaned_line
from tests.unit.test_configuration_model import whole

LINE = some.text(min_size=1, max_size=30).filter(cleaned_line)
AWKWARD = some.sampled_from(
    ["yes", "null", "~", "12:30", "0x1F", "- a", "a: b", "#", "'", '"', "&x", "*x", "!t", "%", "🙂"]
)
NAME = LINE | AWKWARD
DESTINATION = some.sampled_from(
    [ToEnd(), ToQueue(queue_id="second"), ToMenu(menu_id="main"), ToNumber(number="0571"), ToNumber(number="+8610")]
)


@some.composite
def configurations(draw: Any) -> Configuration:
    """Configurations with awkward texts in every place that takes one."""
    first = Queue(
        queue_id="first",
        name_zh=draw(NAME),
        name_en=draw(NAME),
        numbers=draw(some.lists(some.from_regex(r"\A\+?[0-9]{2,20}\Z"), max_size=3, unique=True)),
        overflow=draw(some.lists(some.builds(Overflow, after_rings=some.integers(1, 500), to=DESTINATION), max_size=2)),
        full=draw(DESTINATION),
        members=draw(
            some.none() | some.lists(some.builds(Member, username=some.sampled_from(["a", "true", "1e3"])), max_size=1)
        ),
    )
    menu = Menu(
        menu_id="main",
        name_zh=draw(NAME),
        name_en=draw(NAME),
        text_zh=draw(some.text(max_size=80)),
        text_en="\n".join(draw(some.lists(NAME, max_size=3))),
        keys=[MenuKey(key=draw(some.sampled_from("0123456789*#")), name_zh="一", name_en="one", to=draw(DESTINATION))],
        otherwise=ToEnd(),
    )
    return Configuration(
        name=draw(some.text(max_size=40)),
        queues=[first, Queue(queue_id="second", name_zh="二", name_en="no", priority=draw(some.integers(-10, 10)))],
        menus=[menu],
        skills=[
            Skill(skill_id="on", name_zh="开", name_en="on", agents=draw(some.sampled_from([None, {}, {"off": 3}])))
        ],
        pause_reasons=[PauseReason(code="1", name_zh=draw(NAME), name_en=draw(NAME))],
    )


@settings(max_examples=200, deadline=None)
@given(configurations())
def test_what_is_written_is_read_as_the_same(configuration: Configuration) -> None:
    text = written(configuration)
    assert read(text.encode()).configuration() == configuration
    assert yaml.safe_load(text)["queues"][0]["queue_id"] == "first", "and any other program can read it"


def test_a_file_is_for_people() -> None:
    text = written(Configuration.model_validate(whole()))
    assert "name_zh: 名" in text
    assert "monday:\n    - {start: '09:00', end: '12:00'}" in text
    assert text.index("caller_rules:") < text.index("queues:") < text.index("menus:") < text.index("pause_reasons:")
    assert "null" not in text
    assert "- {username: alice, opens_after_seconds: 20}" in text


def test_times_and_numbers_need_no_quotes() -> None:
    text = written(Configuration.model_validate(whole())).replace("'", "")
    assert read(text.encode()).configuration() == Configuration.model_validate(whole())


def test_a_file_with_a_mark_and_windows_line_ends_is_read() -> None:
    text = written(Configuration.model_validate(whole())).replace("\n", "\r\n")
    assert read(b"\xef\xbb\xbf" + text.encode()).configuration() == Configuration.model_validate(whole())


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("content", "en", "zh"),
    [
        ("name: 客服\n".encode("gbk"), "Line 1: It is not UTF-8", "第 1 行：不是 UTF-8"),
        ("a: 1\nname: 客服\n".encode("utf-16"), "Line 1: It is not UTF-8", "第 1 行"),
        (b"version: 1\nqueues:\n\t- queue_id: a\n", "Line 3: Indent with blanks", "第 3 行：请用空格缩进"),
        (b"version: 1\nname: a\x01b\n", "Line 2: It has characters", "第 2 行：含有无效"),
        (LAUGHS.encode(), "Line 1: Anchors (&) and aliases (*)", "第 1 行：不能使用锚点"),
        (b"name: x\nqueues: !!python/object/apply:os.system ['id']\n", "Line 2: Tags (!)", "第 2 行：不能使用标签"),
        (b"a: 1\nb: 2\na: 3\n", "Line 3: 'a' comes twice.", "第 3 行：“a”重复。"),
        (b"a: 1\n---\nb: 2\n", "Line 2: There is a second document", "第 2 行：文件中有第二个文档"),
        (b"a: " + b"[" * 100_000, "Line 1: This is nested too deeply.", "第 1 行：嵌套过深。"),
        (b"? [a]\n: b\n", "Line 1: A name must be text.", "第 1 行：名称须为文字。"),
        (b"name: 'x\n", "Line 1: This is not YAML", "第 1 行：不是有效的 YAML"),
        (b"name: x\nqueues: [a, b\n", "Line 2: This is not YAML", "第 2 行"),
        (b"a" * 50_000_000, "larger than 4 MB", "超过 4 MB"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(content: bytes, en: str, zh: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidInputError) as refused:
        read(content)
    said = refused.value.fields["yaml"]
    assert isinstance(said, dict)
    assert en in said["en"]
    assert zh in said["zh"]
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("old", "new", "field", "en"),
    [
        ("rings: 3", "rings: many", "queues.0.ring_target.rings", "Line 4: Input should be a valid integer"),
        ("queue_id: service", "queue_id: Nix", "queues.0.queue_id", "Line 2: String should match"),
        ("ring_target", "ringtarget", "queues.0.ringtarget", "Line 4: Extra inputs are not permitted"),
        ("kind: end", "kind: queue, queue_id: 'no way'", "queues.0.nobody.queue.queue_id", "Line 5: String should"),
        ("kind: end", "kind: queue, queue_id: nowhere", "queues.0.nobody.queue_id", "Line 5: There is no queue"),
        ("name_en: Service", "", "queues.0.name_en", "Line 2: Field required"),
        ("pause_reasons", "pauses", "pause_reasons", "Line 1: Field required"),
    ],
)
def test_what_does_not_fit_says_the_line(old: str, new: str, field: str, en: str) -> None:
    text = """queues:
- queue_id: service
  name_zh: 热线
  ring_target: {rings: 3}
  nobody: {kind: end}
  name_en: Service
pause_reasons: [{code: a, name_zh: a, name_en: a}]
"""
    read(text.encode()).configuration()
    with pytest.raises(InvalidInputError) as refused:
        read(text.replace(old, new).encode()).configuration()
    said = refused.value.fields[field]
    assert isinstance(said, dict)
    assert said["en"].startswith(en)
    assert said["zh"].startswith(f"第 {en.split()[1].removesuffix(':')} 行：")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"- a\n", b"text\n", b"null\n", b"{}\n"])
def test_a_file_without_a_configuration_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(content).configuration()


def test_a_file_full_of_errors_tells_the_first_of_them() -> None:
    content = "".join(f"key{n}: 1\n" for n in range(100_000)).encode()
    assert len(content) < LARGEST_FILE
    with pytest.raises(InvalidInputError) as refused:
        read(content).configuration()
    assert len(refused.value.fields) == 100


@given(some.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reading(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        read(content).configuration()


def test_alarms_that_are_off_stay_off_and_the_address_goes_along() -> None:
    document = whole() | {"webhook_url": "https://example.net/hook?token=a'b%20c", "node_lost_alarm": False}
    document["queues"][0]["alarms"] = {"longest_wait_seconds": None, "no_agent": False, "waiting": 5}
    configuration = Configuration.model_validate(document)
    text = written(configuration)
    assert "longest_wait_seconds: null" in text
    assert read(text.encode()).configuration() == configuration


def test_exceptions_of_the_hours_come_back() -> None:
    document = whole()
    document["hours"][0]["exceptions"].append({"day": "2026-12-31", "spans": [{"start": "00:00", "end": "24:00"}]})
    configuration = Configuration.model_validate(document)
    back = read(written(configuration).encode()).configuration()
    assert back.hours[0].exceptions[1] == HoursException.model_validate(document["hours"][0]["exceptions"][1])
