"""What the webhook is told of an alarm, as one body that machines and the group robots of messengers read. Pure.

Robots take a text only: DingTalk and WeCom as `{"msgtype": "text", "text": {"content": …}}`, Feishu (Lark) as
`{"msg_type": "text", "content": {"text": …}}`; each reads its own fields and leaves the others alone. No telephone
number of a caller and no name of a person is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, Literal

from callcenter.alarms.model import Kind
from callcenter.clock import moment

What = Literal["raised", "cleared"]


@dataclass(frozen=True, slots=True)
class Notice:
    """An alarm that was raised or is over. `name_zh`, `name_en`: of its queue or node. Moments are ms."""

    alarm_id: int
    what: What
    kind: Kind
    subject: str
    name_zh: str
    name_en: str
    value: float | None
    threshold: float | None
    raised_at: int
    cleared_at: int | None

    @property
    def notice_id(self) -> str:
        """The same however often it is told."""
        return f"{self.alarm_id}-{self.what}"


_ZH: Final[Mapping[Kind, str]] = {
    "waiting": "{value} 人排队（上限 {threshold} 人）",
    "longest_wait": "有来电者已等待 {value} 秒（上限 {threshold} 秒）",
    "service_level": "今日服务水平 {value}%（下限 {threshold}%）",
    "abandoned": "15 分钟内 {value} 人放弃（上限 {threshold} 人）",
    "no_agent": "营业时间内无人签入",
    "node_lost": "Asterisk 节点失联",
}
_EN: Final[Mapping[Kind, str]] = {
    "waiting": "{value} callers wait (limit {threshold})",
    "longest_wait": "a caller has waited {value} s (limit {threshold} s)",
    "service_level": "service level today {value}% (at least {threshold}%)",
    "abandoned": "{value} callers gave up within 15 minutes (limit {threshold})",
    "no_agent": "nobody is signed in while it is open",
    "node_lost": "the Asterisk node serves no calls",
}


def body_of(notice: Notice, hotline: str, zone: tzinfo) -> dict[str, Any]:
    """The JSON that is sent. `hotline`: its number; `zone`: the department's, for the texts."""
    zh, en = _texts(notice, hotline, zone)
    both = f"{zh}\n{en}"
    moments = {"raised_at": notice.raised_at, "cleared_at": notice.cleared_at}
    return {
        "id": notice.notice_id,
        "hotline": hotline,
        "state": notice.what,
        "kind": notice.kind,
        "subject": notice.subject,
        "name_zh": notice.name_zh,
        "name_en": notice.name_en,
        "value": notice.value,
        "threshold": notice.threshold,
        **{name: at for name, at in moments.items() if at is not None},
        "text_zh": zh,
        "text_en": en,
        "msgtype": "text",
        "text": {"content": both},
        "msg_type": "text",
        "content": {"text": both},
    }


def _texts(notice: Notice, hotline: str, zone: tzinfo) -> tuple[str, str]:
    value, threshold = _figure(notice.value), _figure(notice.threshold)
    said_zh = _ZH[notice.kind].format(value=value, threshold=threshold)
    said_en = _EN[notice.kind].format(value=value, threshold=threshold)
    raised = f"{moment(notice.raised_at).astimezone(zone):%H:%M:%S}"
    if notice.cleared_at is None:
        return (
            f"【热线 {hotline} 告警】{notice.name_zh}：{said_zh}，{raised} 起。",
            f"[Hotline {hotline}, alarm] {notice.name_en}: {said_en}, since {raised}.",
        )
    cleared = f"{moment(notice.cleared_at).astimezone(zone):%H:%M:%S}"
    return (
        f"【热线 {hotline} 恢复】{notice.name_zh}：{said_zh}，{raised} 至 {cleared}。",
        f"[Hotline {hotline}, over] {notice.name_en}: {said_en}, {raised} to {cleared}.",
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
