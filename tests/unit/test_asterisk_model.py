"""Asterisk's events, as 22.10 sent them, turned into facts."""

from typing import Any

import pytest

from callcenter.asterisk.model import (
    KeyPressed,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegHeld,
    LegReader,
    LegRinging,
    ListenerGone,
    PhoneReachable,
    channel_of,
    endpoint_of,
    is_listener,
    node_of,
)

AT = "2026-11-22T03:57:01.684+0000"
AT_MS = 1795319821684


def event(
    kind: str,
    state: str = "Up",
    call: str = "n1-1.3",
    channel: str = "n1-1.4",
    name: str = "PJSIP/1003-00000003",
    *,
    account: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """`account`: its account code; None: an offer of `call`."""
    offer = f"{call}/1" if call else ""
    return {
        "type": kind,
        "timestamp": AT,
        "channel": {
            "id": channel,
            "name": name,
            "state": state,
            "accountcode": offer if account is None else account,
        },
        **more,
    }


LEG = ("n1-1.3", "n1-1.3/1", "1003", "n1-1.4", AT_MS)


def test_a_call_on_a_phone() -> None:
    reader = LegReader("n1")
    trace = [
        event("ChannelConnectedLine", "Down", account="0f3a1c"),
        event("ChannelStateChange", "Ringing"),
        event("ChannelStateChange", "Up"),
        event("ChannelConnectedLine", "Up"),
        event("ChannelHold"),
        event("ChannelHangupRequest", cause=16),
        event("ChannelDestroyed", cause=16),
    ]
    assert [reader.read(one) for one in trace] == [
        None,
        LegRinging(*LEG),
        LegAnswered(*LEG),
        None,
        LegHeld(*LEG),
        None,
        LegEnded(*LEG, cause=16, hung_up_by_phone=True),
    ]


def test_a_phone_that_the_fallback_queue_rings_belongs_to_a_call_and_to_no_offer() -> None:
    told = LegReader("n1").read(event("ChannelConnectedLine", "Down", account="n1-1.3"))
    assert told == LegCreated("n1-1.3", "", "1003", "n1-1.4", AT_MS)


def test_the_caller_hangs_up_first() -> None:
    reader = LegReader("n1")
    assert reader.read(event("ChannelHangupRequest", cause=16, soft=True)) is None
    assert reader.read(event("ChannelDestroyed", cause=16)) == LegEnded(*LEG, cause=16, hung_up_by_phone=False)


def test_the_trunks_channel_and_other_calls_are_no_legs() -> None:
    reader = LegReader("n1")
    assert reader.read(event("ChannelStateChange", call="n1-1.4", name="PJSIP/trunk-00000003")) is None
    assert reader.read(event("ChannelStateChange", call="")) is None


def test_a_phone_comes_and_goes_once() -> None:
    reader = LegReader("n1")
    endpoint = {"technology": "PJSIP", "resource": "1003", "channel_ids": []}
    online = {"type": "ContactStatusChange", "timestamp": AT, "endpoint": endpoint | {"state": "online"}}
    offline = {"type": "PeerStatusChange", "timestamp": AT, "endpoint": endpoint | {"state": "offline"}}
    assert [reader.read(one) for one in (online, online, offline, offline)] == [
        PhoneReachable("n1", "1003", reachable=True),
        None,
        PhoneReachable("n1", "1003", reachable=False),
        None,
    ]


def test_events_of_unknown_shape_are_no_facts() -> None:
    reader = LegReader("n1")
    shapes: list[dict[str, Any]] = [{}, {"type": "x"}, {"type": "ChannelDestroyed", "channel": None}, event("Dial")]
    assert [reader.read(one) for one in shapes] == [None] * 4


def test_a_phone_that_comes_back_from_another_node_is_told_again() -> None:
    reader = LegReader("n1")
    endpoint = {"technology": "PJSIP", "resource": "1003", "state": "online"}
    contact = {"uri": "sip:1003@10.0.0.7:5060", "contact_status": "NonQualified"}
    event = {"type": "ContactStatusChange", "timestamp": AT, "endpoint": endpoint, "contact_info": contact}
    replaced = event | {"contact_info": contact | {"contact_status": "Removed"}}
    registered = PhoneReachable("n1", "1003", reachable=True, contact="sip:1003@10.0.0.7:5060")
    assert [reader.read(one) for one in (event, event, replaced)] == [registered, registered, None]


def test_other_nodes_and_the_trunk_are_no_phones() -> None:
    reader = LegReader("n1")
    endpoints = [{"technology": "PJSIP", "resource": name, "state": "online"} for name in ("n2", "trunk")]
    events = [{"type": "PeerStatusChange", "timestamp": AT, "endpoint": endpoint} for endpoint in endpoints]
    assert [reader.read(one) for one in events] == [None, None]


def test_the_phone_of_a_caller_on_another_node_tells_the_same_facts() -> None:
    reader = LegReader("n2")
    leg = ("n1-1.3", "n1-1.3/1", "1003", "n2-7.9", AT_MS)
    answered = reader.read(event("ChannelStateChange", channel="n2-7.9"))
    assert answered == LegAnswered(*leg)
    assert isinstance(answered, LegAnswered)
    assert answered.node == "n2"
    destroyed = reader.read(event("ChannelDestroyed", channel="n2-7.9", cause=44))
    assert destroyed == LegEnded(*leg, cause=44, hung_up_by_phone=False)


@pytest.mark.parametrize("peer", ["PJSIP/n2-00000004", "PJSIP/trunk-00000004", "PJSIP/trunk-7-00000004"])
def test_a_way_to_another_node_or_to_the_trunk_is_no_agents_leg(peer: str) -> None:
    reader = LegReader("n1")
    kinds = ("ChannelConnectedLine", "ChannelStateChange", "ChannelDestroyed")
    assert [reader.read(event(kind, name=peer, cause=16)) for kind in kinds] == [None] * 3


def test_a_callers_key_is_a_fact_and_an_agents_is_not() -> None:
    reader = LegReader("n1")
    caller = event("ChannelDtmfReceived", channel="n1-1.3", name="PJSIP/trunk-00000001", digit="5")
    pressed = reader.read(caller)
    assert pressed == KeyPressed("n1-1.3", "5", AT_MS)
    assert isinstance(pressed, KeyPressed)
    assert pressed.node == "n1"
    assert reader.read(event("ChannelDtmfReceived", digit="5")) is None


def test_channels_are_told_apart() -> None:
    def channel(channel_id: str, name: str, account: str = "") -> Any:
        return channel_of({"id": channel_id, "name": name, "state": "Up", "accountcode": account})

    caller = channel("n1-1.3", "PJSIP/trunk-00000001")
    phone = channel("n2-1.4", "PJSIP/1003-00000002", "n1-1.3/1")
    way = channel("n1-1.5", "PJSIP/n2-00000003", "n1-1.3")
    outward = channel("n1-1.6", "PJSIP/trunk-00000004", "n1-1.3")
    tenth = channel("n1-1.8", "PJSIP/trunk-0-00000006")
    assert channel("n1-1.3", "PJSIP/trunk-00000001", "n1-1.3/1").offer_id == "", "a leg's, which Asterisk has handed on"
    assert channel("n1-1.7", "PJSIP/1003-00000005") is None
    assert channel("n1-1.7", "PJSIP/1003-00000005", "0f3a1c") is None, "the mark of the phone itself"
    assert (phone.call_id, phone.offer_id, way.offer_id) == ("n1-1.3", "n1-1.3/1", "")
    every = (caller, phone, way, outward, tenth)
    assert [one.is_caller for one in every] == [True, False, False, False, True]
    assert [one.extension for one in every] == ["", "1003", "", "", ""]
    assert [one.peer for one in every] == ["", "", "n2", "", ""]
    assert [one.node for one in every] == ["n1", "n2", "n1", "n1", "n1"]


def test_names() -> None:
    assert endpoint_of("PJSIP/1001-0000002a") == "1001"
    assert endpoint_of("Local/x") == ""
    assert node_of("node1-1795319821.42") == "node1"


def test_a_supervisor_who_listens_is_no_leg_of_a_call() -> None:
    reader = LegReader("n1")
    kinds = ("ChannelConnectedLine", "ChannelStateChange", "ChannelHold", "ChannelHangupRequest", "ChannelDestroyed")
    told = [reader.read(event(kind, call="", channel="n1-listen-1795319821684-5", cause=16)) for kind in kinds]
    assert told == [None, None, None, None, ListenerGone("n1-listen-1795319821684-5")]


@pytest.mark.parametrize("channel", ["n1-callback-1-5", "n1-1795319821.4", "listen-1", "n1-listening", ""])
def test_no_other_channel_is_a_supervisors(channel: str) -> None:
    assert not is_listener(channel)
