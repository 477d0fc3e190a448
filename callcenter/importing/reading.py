"""What a row says of a customer, by what its columns are, and what is wrong with it. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from callcenter.cells import unguarded
from callcenter.customers.model import key_of
from callcenter.importing.fields import ADDRESS, BY_KEY, CONTRACT, NUMBER, OWN, OwnField
from callcenter.importing.model import Problem

_CONTRACT_KINDS: Final = {
    "household": ("household", "入户", "业主", "物业", "住户"),
    "decoration": ("decoration", "装修", "装饰", "家装"),
    "elevator": ("elevator", "电梯", "lift"),
    "membership": ("membership", "会员", "member"),
    "other": ("other", "其他", "其它"),
}


@dataclass(slots=True)
class RowDraft:
    """What a row says of a customer. Empty or None: it says nothing of that."""

    name: str = ""
    company_or_project: str = ""
    member_level: str = ""
    vip: bool | None = None
    birthday: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    numbers: list[tuple[str, str]] = field(default_factory=list)
    """Key and label."""
    address: dict[str, str] = field(default_factory=dict)
    contract: dict[str, str] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is empty."""
        said = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: value for name, value in said if value not in ("", None, [], {})}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "RowDraft":
        """What `stored` gave."""
        numbers = [(number, label) for number, label in stored.get("numbers", ())]
        return cls(**{**stored, "numbers": numbers})


class _WrongCellError(Exception):
    """What is wrong with a cell, in English and Chinese."""


class RowReader:
    """Reads rows by a mapping."""

    def __init__(
        self, mapping: Sequence[str], headings: Sequence[str], own: Iterable[OwnField], *, country: str = "CN"
    ) -> None:
        self._columns = [(place, key) for place, key in enumerate(mapping) if key]
        self._headings = list(headings) + [""] * (len(mapping) - len(headings))
        self._own = {OWN + one.field_id: one for one in own}
        self._country = country

    def read(self, cells: Sequence[str]) -> tuple[RowDraft, list[Problem]]:
        """What a row says, and what is wrong with it; a row with problems is imported not at all."""
        draft, problems = RowDraft(), []
        places: dict[str, int] = {}
        for place, key in self._columns:
            text = unguarded(cells[place]).strip() if place < len(cells) else ""
            places[key] = place
            try:
                self._take(draft, key, text, place)
            except _WrongCellError as wrong:
                problems.append(Problem(place, *wrong.args))
        if not draft.name and not any(one.column == places["name"] for one in problems):
            problems.append(Problem(places["name"], "The name is missing.", "缺少姓名。"))
        if not problems:
            problems += _contract_problems(draft, places)
        return draft, problems

    def _take(self, draft: RowDraft, key: str, text: str, place: int) -> None:
        if key in self._own:
            self._take_own(draft, self._own[key], text)
            return
        if not text:
            return
        longest = BY_KEY[key].longest
        if len(text) > longest:
            raise _WrongCellError(f"This is longer than {longest} characters.", f"超过 {longest} 个字符。")
        if key == NUMBER:
            self._take_numbers(draft, text, place)
        elif key in ADDRESS:
            draft.address[key] = text
        elif key in CONTRACT:
            draft.contract[key] = _CELLS.get(key, str)(text)
        else:
            setattr(draft, key, _CELLS.get(key, str)(text))

    def _take_numbers(self, draft: RowDraft, text: str, place: int) -> None:
        """One number, or several with a comma, semicolon, slash or line end between them."""
        for one in _several_numbers(text):
            if re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", one):
                raise _WrongCellError(
                    f"Excel has shortened this number ({one}): format the column as text.",
                    f"号码被 Excel 写成了科学计数（{one}），请把该列设为文本。",
                )
            key, extension = key_of(one, self._country)
            if key is None or not key.lstrip("+").isdecimal() or len(key.lstrip("+")) < 3:
                raise _WrongCellError(f"This is no telephone number: {one[:40]}", f"不是有效的电话号码：{one[:40]}")
            if len(draft.numbers) >= 20:
                raise _WrongCellError("More than 20 numbers.", "号码超过 20 个。")
            if key not in dict(draft.numbers):
                said = f"转{extension}" if extension else ""
                draft.numbers.append((key, f"{self._headings[place][: 59 - len(said)]} {said}".strip()))

    def _take_own(self, draft: RowDraft, made: OwnField, text: str) -> None:
        if not text:
            if made.required:
                raise _WrongCellError(f"{made.name_en} is missing.", f"缺少“{made.name_zh}”。")
            return
        draft.own[made.field_id] = _own_value(made, text)


def _several_numbers(text: str) -> list[str]:
    """An extension after a comma is no number of its own: what is shorter than a number stays with what it follows."""
    parts: list[str] = []
    for one in re.split(r"[,，;；、/\n]+", text):
        if parts and len(re.sub(r"\D", "", one)) < 5 and not re.search(r"[^\d\s]", one):
            parts[-1] = f"{parts[-1]},{one.strip()}"
        elif one.strip():
            parts.append(one.strip())
    return parts


_YES: Final = frozenset({"是", "y", "yes", "1", "true", "vip", "√", "✓", "v", "有", "t"})
_NO: Final = frozenset({"否", "n", "no", "0", "false", "×", "x", "无", "非", "f", "-", "普通"})


def _yes_no(text: str) -> bool:
    said = unicodedata.normalize("NFKC", text).casefold().strip()
    if said in _YES:
        return True
    if said in _NO:
        return False
    raise _WrongCellError(f"Write yes or no, not {text[:40]}.", f"请填“是”或“否”，而不是“{text[:40]}”。")


_DAY: Final = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?)?"
)
_EIGHT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")


def day_of(text: str) -> date | None:
    """The day that `text` names, the year first; None when it is none."""
    found = _DAY.fullmatch(text) or _EIGHT.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _day(text: str) -> str:
    day = day_of(unicodedata.normalize("NFKC", text))
    if day is None:
        raise _WrongCellError(
            f"This is no date such as 1985-03-12: {text[:40]}", f"不是有效的日期（如 1985-03-12）：{text[:40]}"
        )
    if not date(1880, 1, 1) <= day <= date(2100, 1, 1):
        raise _WrongCellError(f"The year {day.year} cannot be right.", f"年份 {day.year} 不对。")
    return day.isoformat()


def _tags(text: str) -> list[str]:
    tags = list(dict.fromkeys(one.strip() for one in re.split(r"[,，;；、|/\n]+", text) if one.strip()))
    if len(tags) > 30 or any(len(one) > 40 for one in tags):
        raise _WrongCellError("At most 30 tags of 40 characters.", "标签最多 30 个，每个不超过 40 个字符。")
    return tags


def _contract_kind(text: str) -> str:
    said = text.casefold()
    for kind, words in _CONTRACT_KINDS.items():
        if any(word in said for word in words):
            return kind
    raise _WrongCellError(
        f"Write household, decoration, elevator, membership or other, not {text[:40]}.",
        f"请填 物业、装修、电梯、会员 或 其他，而不是“{text[:40]}”。",
    )


_CELLS: Final[dict[str, Callable[[str], Any]]] = {
    "vip": _yes_no,
    "birthday": _day,
    "tags": _tags,
    "contract_kind": _contract_kind,
    "signed_on": _day,
    "starts_on": _day,
    "ends_on": _day,
    "warranty_until": _day,
}


def _own_value(made: OwnField, text: str) -> Any:
    if len(text) > 200:
        raise _WrongCellError("This is longer than 200 characters.", "超过 200 个字符。")
    if made.kind == "yes_no":
        return _yes_no(text)
    if made.kind == "date":
        return _day(text)
    if made.kind == "number":
        plain = unicodedata.normalize("NFKC", text).replace(",", "")
        if not re.fullmatch(r"[-+]?\d{1,15}(\.\d{1,10})?", plain):
            raise _WrongCellError(f"This is no number: {text[:40]}", f"不是数字：{text[:40]}")
        return float(plain) if "." in plain else int(plain)
    if made.kind == "choice" and text not in made.choices:
        choices = ", ".join(made.choices)[:200]
        raise _WrongCellError(f"Not one of: {choices}", f"不是可选的值：{choices}")
    return text


def _contract_problems(draft: RowDraft, places: Mapping[str, int]) -> list[Problem]:
    contract = draft.contract
    if contract and not contract.get("contract_name") and not contract.get("contract_number"):
        place = next(places[key] for key in CONTRACT if key in contract)
        return [Problem(place, "A contract needs a name or a number.", "合同须有名称或编号。")]
    starts, ends = contract.get("starts_on"), contract.get("ends_on")
    if starts and ends and ends < starts:
        return [Problem(places["ends_on"], "The contract ends before it starts.", "合同的结束日期早于开始日期。")]
    return []
