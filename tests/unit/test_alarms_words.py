"""What the webhook is told."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callcenter.alarms.words import Notice, body_of
from tests.boards import NOW

ZONE = ZoneInfo("Asia/Shanghai")
KINDS = ["waiting", "longest_wait", "service_level", "abandoned", "no_agent", "node_lost"]


def notice(kind: Any = "longest_wait", cleared_at: int | None = None, **values: Any) -> Notice:
    fields = {"value": 75.0, "threshold": 60.0} | values
    what: Any = "raised" if cleared_at is None else "cleared"
    return Notice(
        7, what, kind, "service", "客服热线", "Service hotline", raised_at=NOW, cleared_at=cleared_at, **fields
    )


def test_machines_and_robots_find_what_they_read() -> None:
    body = body_of(notice(), "4008001234", ZONE)
    zh = "【热线 4008001234 告警】客服热线：有来电者已等待 75 秒（上限 60 秒），10:53:20 起。"
    en = "[Hotline 4008001234, alarm] Service hotline: a caller has waited 75 s (limit 60 s), since 10:53:20."
    assert (body["text_zh"], body["text_en"]) == (zh, en)
    assert (body["hotline"], body["kind"], body["state"]) == ("4008001234", "longest_wait", "raised")
    assert (body["value"], body["threshold"], body["raised_at"]) == (75.0, 60.0, NOW)
    assert "cleared_at" not in body
    assert (body["msgtype"], body["text"]) == ("text", {"content": f"{zh}\n{en}"}), "DingTalk, WeCom"
    assert (body["msg_type"], body["content"]) == ("text", {"text": f"{zh}\n{en}"}), "Feishu"


def test_that_it_is_over_is_told_with_both_moments() -> None:
    body = body_of(notice(cleared_at=NOW + 90_000), "4008001234", ZONE)
    assert (body["id"], body["raised_at"], body["cleared_at"]) == ("7-cleared", NOW, NOW + 90_000)
    assert body["text_zh"].endswith("10:53:20 至 10:54:50。")
    assert body["text_zh"].startswith("【热线 4008001234 恢复】")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cleared_at", [None, NOW])
def test_every_kind_has_its_words(kind: Any, cleared_at: int | None) -> None:
    body = body_of(notice(kind, cleared_at, value=None, threshold=None), "400", ZONE)
    assert "{" not in body["text_zh"] + body["text_en"]
    assert json.loads(json.dumps(body)) == body
