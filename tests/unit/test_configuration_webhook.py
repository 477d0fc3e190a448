"""Where alarms may be sent to, and what is shown of it."""

import pytest

from callcenter.configuration.fitting import ConfigurationError
from callcenter.configuration.webhook import checked, concealed


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://oapi.dingtalk.com/robot/send?access_token=abc",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-91f6",
        "http://10.0.0.5:8080/alarms",
        "http://[::1]:9093/hook",
    ],
)
def test_a_web_address_or_nothing(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "oapi.dingtalk.com/robot",
        "ftp://host/x",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:secret@host/",
        "https://host/#part",
        "https://host/a b",
        "https://host/\nX: y",
        "https://host:99999/",
        "https://host:0/",
        "https://[::1/",
        "https://主机/",
        "https://oapi.dingtalk.com/…",
    ],
)
def test_anything_else_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked(address)
    assert address not in refused.value.en + refused.value.zh


def test_no_more_than_the_host_is_shown_and_that_is_no_address() -> None:
    shown = concealed("https://oapi.dingtalk.com/robot/send?access_token=secret")
    assert shown == "https://oapi.dingtalk.com/…"
    assert concealed("") == ""
    with pytest.raises(ConfigurationError):
        checked(shown)
