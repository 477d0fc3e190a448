"""The configuration as a YAML file that a person reads and edits.

PyYAML's parser (libyaml) reads it, event by event: every value is taken as text and given its type by the models, so
that an opening time of 12:30 is no number in base 60 and a telephone number no integer. What a configuration has no
use for (anchors, aliases, tags, several documents) is refused, so that no file can grow while it is read. Every
message says the line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from importlib.resources import files
from itertools import islice
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from callcenter.configuration.model import Configuration
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.validation import fields_of

LARGEST_FILE: Final = 4_000_000
"""Bytes: the largest configuration there can be is smaller, but for its lists of members."""
DEEPEST: Final = 12
"""A configuration's own values stand eight deep."""
MOST_SAID: Final = 100
"""How many things that are wrong are told at once."""

_PARSER: Final = yaml.CBaseLoader
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_HEAD: Final = """\
# callcenter 的全部设置。修改后可在网页“设置”中导入，或运行 callcenter configuration import 文件名 --dry-run 预览。
# 未列出的成员（members）和技能人员（agents）保持不变；未列出的队列、菜单等将被删除。
# All that is set. Bring it in on the settings page, or see first what it would change:
#   callcenter configuration import FILE --dry-run
# A queue without `members` keeps those it has; queues, menus and so on that are not listed are removed.
"""


class UnreadableFileError(InvalidInputError):
    """This file can't be read."""

    error_id = "unreadable_file"
    zh = "无法读取此文件。"


@dataclass(slots=True)
class Document:
    """A file that was read: its values, and the line (from 1) of each, by its dotted name."""

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)

    def configuration(self) -> Configuration:
        """The configuration that it describes. Raises InvalidInputError, with lines."""
        try:
            return Configuration.model_validate(self.value)
        except ValidationError as error:
            said = dict(islice(fields_of(error).items(), MOST_SAID))
            raise InvalidInputError(fields=self.with_lines(said)) from None

    def with_lines(self, fields: Mapping[str, str | dict[str, str]]) -> dict[str, str | dict[str, str]]:
        """What is wrong with fields, each with its line or that of the nearest thing around it."""
        return {name: self._with_line(name, said) for name, said in fields.items()}

    def _with_line(self, name: str, said: str | dict[str, str]) -> dict[str, str]:
        told = said if isinstance(said, dict) else {"en": said, "zh": said}
        path: list[str] = []
        line = 1
        for part in name.split("."):  # a destination's kind stands in the name, but not in the file
            if (found := self.lines.get(".".join([*path, part]))) is not None:
                path.append(part)
                line = found
        return {"en": f"Line {line}: {told['en']}", "zh": f"第 {line} 行：{told['zh']}"}


def read(content: bytes) -> Document:
    """Read a file.

    Raises:
        UnreadableFileError: it is too large, not UTF-8, not YAML, or uses what a configuration has no use for.
    """
    if len(content) > LARGEST_FILE:
        raise _unreadable(None, "It is larger than 4 MB.", "文件超过 4 MB。")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(line, "It is not UTF-8: save it as UTF-8.", "不是 UTF-8 编码，请另存为 UTF-8。") from None
    try:
        return _built(yaml.parse(text, Loader=_PARSER))
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(text, error) from None
    except yaml.YAMLError:
        line = next((at for at, said in enumerate(text.split("\n"), 1) if not _is_printable(said)), 1)
        raise _unreadable(line, "It has characters that no text has.", "含有无效的控制字符。") from None


def _is_printable(line: str) -> bool:
    return yaml.reader.Reader.NON_PRINTABLE.search(line.rstrip("\r")) is None


def _not_yaml(text: str, error: yaml.MarkedYAMLError) -> UnreadableFileError:
    is_never_closed = any(word in (error.context or "") for word in ("quoted", "flow"))
    mark = (is_never_closed and error.context_mark) or error.problem_mark
    line = mark.line + 1 if mark else 1
    if "nesting depth" in (error.problem or ""):
        return _too_deep(line)
    lines = text.split("\n")
    said = lines[line - 1] if line <= len(lines) else ""
    if "\t" in said[: len(said) - len(said.lstrip())]:
        return _unreadable(line, "Indent with blanks, not with tabs.", "请用空格缩进，不要用制表符（Tab）。")
    return _unreadable(line, f"This is not YAML: {error.problem}.", f"不是有效的 YAML（{error.problem}）。")


def _too_deep(line: int) -> UnreadableFileError:
    return _unreadable(line, "This is nested too deeply.", "嵌套过深。")


def _unreadable(line: int | None, en: str, zh: str) -> UnreadableFileError:
    told = {"en": f"Line {line}: {en}", "zh": f"第 {line} 行：{zh}"} if line else {"en": en, "zh": zh}
    return UnreadableFileError(fields={"yaml": told})


# -- values out of events ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read; `key` is the one whose value comes next."""

    value: dict[str, Any] | list[Any]
    name: str
    key: str | None = None

    def next_name(self) -> str:
        """The dotted name of the value that comes next."""
        part = str(len(self.value)) if isinstance(self.value, list) else self.key or ""
        return f"{self.name}.{part}" if self.name else part

    def add(self, value: Any) -> None:
        """Take the value that has come."""
        if isinstance(self.value, list):
            self.value.append(value)
        else:
            self.value[self.key or ""] = value
            self.key = None


def _built(events: Iterator[Any]) -> Document:
    """The one document of these events."""
    document = Document()
    inside: list[_Open] = []
    documents = 0
    for event in events:
        line = event.start_mark.line + 1
        _refuse_unwanted(event, line, len(inside))
        match event:
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    raise _unreadable(line, "There is a second document (---).", "文件中有第二个文档（---）。")
            case yaml.ScalarEvent() if inside and isinstance(inside[-1].value, dict) and inside[-1].key is None:
                _take_key(document, inside[-1], event.value, line)
            case yaml.ScalarEvent():
                is_null = event.implicit[0] and event.value in _NULLS
                _take_value(document, inside, None if is_null else event.value, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                holder: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
                inside.append(_Open(holder, _take_value(document, inside, holder, line)))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                inside.pop()
    return document


def _refuse_unwanted(event: Any, line: int, depth: int) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise _unreadable(line, "Anchors (&) and aliases (*) have no place here.", "不能使用锚点（&）和别名（*）。")
    if getattr(event, "tag", None) is not None:
        raise _unreadable(line, "Tags (!) have no place here.", "不能使用标签（!）。")
    if depth > DEEPEST:
        raise _too_deep(line)


def _take_key(document: Document, holder: _Open, key: str, line: int) -> None:
    if isinstance(holder.value, dict) and key in holder.value:
        raise _unreadable(line, f"{key[:60]!r} comes twice.", f"“{key[:60]}”重复。")
    holder.key = key
    document.lines[holder.next_name()] = line


def _take_value(document: Document, inside: list[_Open], value: Any, line: int) -> str:
    """Put a value where it belongs; its dotted name."""
    if not inside:
        document.value = value
        return ""
    holder = inside[-1]
    if isinstance(holder.value, dict) and holder.key is None:
        raise _unreadable(line, "A name must be text.", "名称须为文字。")
    name = holder.next_name()
    document.lines.setdefault(name, line)
    holder.add(value)
    return name


# -- writing -------------------------------------------------------------------------------------------


def written(configuration: Configuration) -> str:
    """The configuration as a file: all that is set, in the models' order; what is empty by default is left out."""
    whole = {"version": configuration.version, **_shown(configuration)}
    plain = {name: value for name, value in whole.items() if not isinstance(value, list | dict)}
    parts = [(_TITLES.get(name, ""), {name: value}) for name, value in whole.items() if name not in plain]
    return "\n".join([_HEAD, _dumped(plain, flow=False), *(title + _dumped(part) for title, part in parts)])


_TITLES: Final = {
    "cadence": "# 振铃节奏（秒）· The ringing tone, in seconds\n",
    "caller_rules": "# 来电规则 · Callers who are treated otherwise\n",
    "queues": "# 队列 · Queues; a call to no known number goes to the first\n",
    "menus": "# 语音菜单 · Menus of keys\n",
    "hours": "# 营业时间 · Opening hours\n",
    "skills": "# 技能 · Skills, with levels from 1 to 10\n",
    "pause_reasons": "# 小休原因 · Reasons for a pause\n",
}


def _dumped(part: dict[str, Any], flow: bool | None = None) -> str:
    """`flow` None: what holds plain values only is written on one line."""
    text: str = yaml.dump(part, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=flow, width=118)
    return text


class _Dumper(yaml.CSafeDumper):
    """Writes text of several lines as it is read, and the same list again where it comes again."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


_EMPTY: Final[tuple[object, ...]] = (None, [], {}, "")


def _shown(value: Any) -> Any:
    match value:
        case BaseModel():
            fields = type(value).model_fields
            shown = {name: getattr(value, name) for name in fields}
            return {
                name: _shown(one) for name, one in shown.items() if one not in _EMPTY or one != fields[name].default
            }
        case list():
            return [_shown(one) for one in value]
        case StrEnum():
            return value.value
        case date():
            return value.isoformat()
        case _:
            return value


# -- shipped profiles ----------------------------------------------------------------------------------

_PROFILES: Final = files(__package__) / "profiles"


def profile_names() -> list[str]:
    """The names of the shipped profiles."""
    return sorted(one.name.removesuffix(".yaml") for one in _PROFILES.iterdir() if one.name.endswith(".yaml"))


def profile(name: str) -> str:
    """A shipped profile as a file. Raises NotFoundError."""
    if name not in profile_names():
        raise NotFoundError
    return (_PROFILES / f"{name}.yaml").read_text(encoding="utf-8")
