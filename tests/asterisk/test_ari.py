"""The way to one Asterisk: asked over either connection, listened to by one at a time, keys and calls back."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callcenter.asterisk.ari import Ari, AriAwayError, AriError
from callcenter.asterisk.model import CallingBack, Fact, KeyPressed, LegAnswered, LegReader, LegRinging
from callcenter.asterisk.phones import Phones
from tests.asterisk.layer import ARI_PASSWORD, NODE, Layer
from tests.asterisk.sip.driver import Caller, DeskPhone, free_udp_port
from tests.waiting import until

TELEPHONE_EVENT = 101
"""The payload type that SIPp's caller offers for keys."""


class Listener:
    """One application's ear at Asterisk; what it has heard is in `facts`."""

    def __init__(self, layer: Layer, app: str) -> None:
        url = f"http://{layer.options.http_host}:{layer.options.http_port}"
        self.ari = Ari(url, "callcenter", ARI_PASSWORD, app)
        self.phones = Phones(self.ari)
        self.facts: list[Fact] = []
        reader = LegReader(NODE)
        self.ari.on_event = lambda event: self.facts.extend(filter(None, [reader.read(event)]))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """It hears what happens while the block lasts."""
        task = asyncio.create_task(self.ari.listen())
        await until(lambda: self.ari.connected)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def hears(self, fact: type[Fact]) -> Fact:
        """The first fact of a kind, as soon as it is told."""
        await until(lambda: any(isinstance(one, fact) for one in self.facts))
        return next(one for one in self.facts if isinstance(one, fact))


async def test_asked_over_http_where_there_is_no_socket_and_over_the_socket_where_there_is(layer: Layer) -> None:
    listener = Listener(layer, "asking")
    assert (await listener.ari.request("GET", "asterisk/ping"))["ping"] == "pong"
    with pytest.raises(AriError, match="404"):
        await listener.ari.request("GET", "applications/asking")
    async with listener.listening():
        assert (await listener.ari.request("GET", "applications/asking"))["name"] == "asking"
    assert not listener.ari.connected
    wrong = Ari(f"http://{layer.options.http_host}:{layer.options.http_port}", "callcenter", "wrong")
    with pytest.raises(AriError, match="401"):
        await wrong.request("GET", "asterisk/ping")
    with pytest.raises(AriAwayError):
        await Ari("http://127.0.0.1:9", "callcenter", "x").request("GET", "asterisk/ping")


async def test_a_second_listener_has_the_firsts_place(layer: Layer) -> None:
    first, second = Listener(layer, "ear"), Listener(layer, "ear")
    one = asyncio.create_task(first.ari.listen())
    await until(lambda: first.ari.connected)
    async with second.listening():
        await asyncio.wait_for(one, 5)
        assert not first.ari.connected
        assert second.ari.connected


async def test_a_waiting_callers_key_is_heard_while_his_script_waits(layer: Layer) -> None:
    listener = Listener(layer, "keys")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sound:
        port = free_udp_port()
        sound.bind(("127.0.0.1", port))
        sound.settimeout(5)
        async with listener.listening():
            with Caller(layer.sip, number="13800138000", hold_seconds=20, media_port=port) as caller:
                await asyncio.to_thread(caller.wait_for, "answered")
                waiting = await asyncio.to_thread(layer.service.wait_for, "wait", 2)
                assert waiting.body["answered"]
                await listener.phones.listen_to(waiting.call_id)
                await asyncio.to_thread(press, sound, 5)
                key = await listener.hears(KeyPressed)
    assert isinstance(key, KeyPressed)
    assert (key.call_id, key.digit, key.node) == (waiting.call_id, "5", NODE)
    assert listener.facts == [key], "a caller's channel tells keys and nothing else"


def press(sound: socket.socket, key: int) -> None:
    """Press a key on a caller's phone: the packets of RFC 4733, sent to where his sound comes from."""
    _, asterisk = sound.recvfrom(2048)
    for number in range(6):
        over = number >= 3
        header = struct.pack("!BBHII", 0x80, TELEPHONE_EVENT | (0x80 if number == 0 else 0), number, 160, 7)
        event = struct.pack("!BBH", key, 0x80 | 10 if over else 10, 160 * min(number + 1, 4))
        sound.sendto(header + event, asterisk)


async def test_an_agents_phone_is_rung_to_call_a_customer_back(layer: Layer) -> None:
    listener = Listener(layer, "calling")
    layer.console("dialplan add extension 13800138077,1,Wait,30 into callback")
    with DeskPhone("1003", ring_seconds=0.3) as phone:
        layer.push(phone)
        async with listener.listening():
            await listener.ari.request(
                "POST", "applications/calling/subscription", query={"eventSource": "endpoint:PJSIP/1003"}
            )
            channel_id = f"{NODE}-callback.1"
            call_id = "layer1-1795528000.7"
            ring = CallingBack("1003", channel_id, "13800138077", call_id, f"{call_id}/9", 15, 20)
            await listener.phones.originate(ring)
            ringing = await listener.hears(LegRinging)
            answered = await listener.hears(LegAnswered)
            asked = {"variable": "CC_RING_SECONDS"}
            told = await listener.ari.request("GET", f"channels/{channel_id}/variable", query=asked)
            where = await listener.ari.request("GET", f"channels/{channel_id}")
        offered = phone.wait_for("offered")
    assert offered.text.split()[0] == "layer1-1795528000.7", "the phone joins the call to its screen-pop"
    assert isinstance(ringing, LegRinging)
    assert isinstance(answered, LegAnswered)
    for leg in (ringing, answered):
        assert (leg.call_id, leg.offer_id) == ("layer1-1795528000.7", "layer1-1795528000.7/9")
        assert (leg.extension, leg.channel_id, leg.node) == ("1003", channel_id, NODE)
    assert told["value"] == "20"
    assert (where["dialplan"]["context"], where["dialplan"]["exten"]) == ("callback", "13800138077")


@pytest.mark.parametrize("number", ["", "138;x", "1" * 33, "1\r\n", "${SHELL(id)}"])
async def test_what_is_no_number_is_not_called_back(layer: Layer, number: str) -> None:
    ring = CallingBack("1003", f"{NODE}-callback.2", number, "layer1-1.7", "layer1-1.7/9", 15, 20)
    with pytest.raises(ValueError, match="not of the form"):
        await Listener(layer, "calling").phones.originate(ring)
