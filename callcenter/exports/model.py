"""Lists that leave the house: what is asked for, what stands in the file. Pure.

Nothing leaves without a manager's approval, who is never the one who asks (SEC-02); what has left is in a register
until it is given back or destroyed, and somebody else has checked that (SEC-03, CUS-29).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from callcenter.customers.model import bare_facts_of
from callcenter.numbers.model import masked as hidden

MOST_ROWS: Final = 500_000
DEFAULT_DAYS: Final = 3
MOST_DAYS: Final = 30


class ListKind(StrEnum):
    """What is listed."""

    CUSTOMERS = "customers"
    CALLS = "calls"


class FileFormat(StrEnum):
    """What the file is."""

    CSV = "csv"
    XLSX = "xlsx"


class ExportState(StrEnum):
    """What was decided of a request."""

    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ReturnedHow(StrEnum):
    """How a list is no longer outside."""

    RETURNED = "returned"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it stands in PostgreSQL (migration 0013), with the names of those who had to do with it."""

    export_id: int
    kind: ListKind
    filter: dict[str, Any]
    format: FileFormat
    reason: str
    purpose: str
    rows_when_asked: int
    asked_by: int
    asked_at: datetime
    state: ExportState
    decided_by: int | None
    decided_at: datetime | None
    note: str
    whole_numbers: bool
    valid_until: datetime | None
    most_downloads: int
    returned_at: datetime | None
    returned_how: str | None
    checked_at: datetime | None
    check_note: str
    asked_by_name: str
    asked_by_username: str
    decided_by_name: str
    checked_by_name: str
    downloads: int
    last_download_at: datetime | None

    def expired(self, now: datetime) -> bool:
        """Whether it was approved and can no longer be downloaded."""
        return self.valid_until is not None and self.valid_until <= now

    def may_download(self, now: datetime) -> bool:
        """Whether a file can be made of it now."""
        return (
            self.state is ExportState.APPROVED
            and not self.expired(now)
            and self.downloads < self.most_downloads
            and self.returned_at is None
        )

    def overdue(self, now: datetime) -> bool:
        """Whether it is outside although its time is over."""
        return self.downloads > 0 and self.returned_at is None and self.expired(now)


def masked(number: str, country: str = "CN") -> str:
    """A number's digits, as much of them hidden as anywhere (138****5678); short numbers (10086, 110) stay."""
    return hidden(re.sub(r"\D", "", bare_facts_of(number, country).display or number), country)


_IN_TEXT: Final = re.compile(r"(?<!\d)\+?\d(?:[\d\s-]{5,18})\d(?!\d)")


def masked_within(text: str, country: str = "CN") -> str:
    """Free text whose telephone numbers are masked: what has seven digits or more in a row."""
    return _IN_TEXT.sub(lambda found: masked(found[0], country), text)


_COLUMNS: Final = {
    ("customers", "zh"): "编号,姓名,电话,项目/公司,地址,会员等级,VIP,生日,标签,备注,建档时间,来源",
    ("customers", "en"): "Id,Name,Numbers,Project or company,Address,Member level,VIP,Birthday,Tags,Notes,Made,Source",
    ("calls", "zh"): "来电时间,队列,来电号码,客户,座席,状态,等待(秒),通话(秒),类型,记录,来源",
    ("calls", "en"): "Arrived,Queue,Caller,Customer,Agent,Status,Waited (s),Talked (s),Type,Notes,Source",
}
_TITLES: Final = {
    ("customers", "zh"): "客户",
    ("customers", "en"): "Customers",
    ("calls", "zh"): "通话",
    ("calls", "en"): "Calls",
}
_MARKS: Final = {
    "zh": (
        "申请 {id} · {name}（{username}）下载于 {at} · {approver} 批准 · 用于：{purpose} · 有效至 {until}"
        " · 不得外传，到期归还或销毁"
    ),
    "en": (
        "Request {id} · downloaded by {name} ({username}) {at} · approved by {approver} · for: {purpose}"
        " · until {until} · not to be passed on; to be given back or destroyed by then"
    ),
}


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands in a file so that each row of it says whose it was: over the table, and in each row's last cell."""

    whole: str
    row: str


def marks_of(one: Request, download_id: int, at: str, until: str, language: str) -> Marks:
    """The watermark of one download; `at` and `until` as people read them."""
    whole = _MARKS[language].format(
        id=one.export_id,
        name=one.asked_by_name,
        username=one.asked_by_username,
        at=at,
        approver=one.decided_by_name,
        purpose=one.purpose,
        until=until,
    )
    return Marks(whole, f"#{one.export_id}-{download_id} {one.asked_by_username} {at[:10]}")


def headings(kind: ListKind, language: str) -> list[str]:
    """The columns of a list."""
    return _COLUMNS[kind.value, language].split(",")


def title_of(kind: ListKind, language: str) -> str:
    """The sheet's name."""
    return _TITLES[kind.value, language]


def yes(language: str) -> str:
    """The word for yes."""
    return "是" if language == "zh" else "yes"
