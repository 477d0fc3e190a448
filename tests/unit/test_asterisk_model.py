"""Asterisk's events, as 22.10 sent them, turned into facts."""

from typing import Any

from callcenter.asterisk.model import (
    LegAnswered,
    LegCreated,
    LegEnded,
    LegHeld,
    LegReader,
    LegRinging,
    PhoneReachable,
    extension_of,
)

AT = "2026-11-22T03:57:01.684+0000"
AT_MS = 1795319821684


def event(kind: str, state: str = "Up", call: str = "n1-1.3", channel: str = "n1-1.4", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": AT,
        "channel": {
            "id": channel,
            "name": "PJSIP/1003-00000003",
            "state": state,
            "channelvars": {"CC_CALL": call, "CC_OFFER": f"{call}/1"},
        },
        **more,
    }


LEG = ("n1-1.3", "n1-1.3/1", "1003", "n1-1.4", AT_MS)


def test_a_call_on_a_phone() -> None:
    reader = LegReader()
    trace = [
        event("ChannelConnectedLine", "Down"),
        event("ChannelStateChange", "Ringing"),
        event("ChannelStateChange", "Up"),
        event("ChannelConnectedLine", "Up"),
        event("ChannelHold"),
        event("ChannelHangupRequest", cause=16),
        event("ChannelDestroyed", cause=16),
    ]
    assert [reader.read(one) for one in trace] == [
        LegCreated(*LEG),
        LegRinging(*LEG),
        LegAnswered(*LEG),
        None,
        LegHeld(*LEG),
        None,
        LegEnded(*LEG, cause=16, hung_up_by_phone=True),
    ]


def test_the_caller_hangs_up_first() -> None:
    reader = LegReader()
    assert reader.read(event("ChannelHangupRequest", cause=16, soft=True)) is None
    assert reader.read(event("ChannelDestroyed", cause=16)) == LegEnded(*LEG, cause=16, hung_up_by_phone=False)


def test_the_trunks_channel_and_other_calls_are_no_legs() -> None:
    reader = LegReader()
    assert reader.read(event("ChannelStateChange", call="n1-1.4")) is None
    assert reader.read(event("ChannelStateChange", call="")) is None


def test_a_phone_comes_and_goes_once() -> None:
    reader = LegReader()
    endpoint = {"technology": "PJSIP", "resource": "1003", "channel_ids": []}
    online = {"type": "ContactStatusChange", "timestamp": AT, "endpoint": endpoint | {"state": "online"}}
    offline = {"type": "EndpointStateChange", "timestamp": AT, "endpoint": endpoint | {"state": "offline"}}
    assert [reader.read(one) for one in (online, online, offline, offline)] == [
        PhoneReachable("1003", reachable=True),
        None,
        PhoneReachable("1003", reachable=False),
        None,
    ]


def test_events_of_unknown_shape_are_no_facts() -> None:
    reader = LegReader()
    shapes: list[dict[str, Any]] = [{}, {"type": "x"}, {"type": "ChannelDestroyed", "channel": None}, event("Dial")]
    assert [reader.read(one) for one in shapes] == [None] * 4


def test_extension_of() -> None:
    assert extension_of("PJSIP/1001-0000002a") == "1001"
    assert extension_of("Local/x") == ""
