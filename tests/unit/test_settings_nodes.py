"""What is set about several Asterisk machines."""

import pytest
from pydantic import ValidationError

from callcenter.settings import Settings

TWO = "node1=http://10.0.0.1:8088, node2=https://10.0.0.2:8089"


def test_nothing_set_is_one_node() -> None:
    settings = Settings(node_name="north", ari_url="http://10.0.0.9:8088")
    assert settings.ari_urls == {"north": "http://10.0.0.9:8088"}
    assert settings.phone_websocket_urls == ["ws://10.0.0.9:8088/ws"]
    assert settings.media_address_of("north") == "127.0.0.1"


def test_several_nodes() -> None:
    settings = Settings(nodes=TWO, media_address="node1=192.0.2.1,node2=192.0.2.2")
    assert settings.ari_urls == {"node1": "http://10.0.0.1:8088", "node2": "https://10.0.0.2:8089"}
    assert settings.phone_websocket_urls == ["ws://10.0.0.1:8088/ws", "wss://10.0.0.2:8089/ws"]
    assert [settings.media_address_of(node) for node in ("node1", "node2")] == ["192.0.2.1", "192.0.2.2"]
    front = Settings(nodes=TWO, phone_websocket_url="wss://a.example/ws1, wss://a.example/ws2")
    assert front.phone_websocket_urls == ["wss://a.example/ws1", "wss://a.example/ws2"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nodes", "node1"),
        ("nodes", "http://10.0.0.1:8088"),
        ("nodes", "1=http://10.0.0.1:8088"),
        ("nodes", "trunk=http://10.0.0.1:8088"),
        ("nodes", "node1=http://a:1,node1=http://b:1"),
        ("nodes", "node1=ftp://a:1"),
        ("nodes", "Node1=http://a:1"),
        ("node_name", "1001"),
        ("media_address", "hotline.example"),
        ("media_address", "node1=192.0.2.1,node2=x"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({name: text})
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]
