"""What a node takes from a service, and what it does not."""

from typing import Any

import pytest

from callcenter.asterisk.instructions import read_told
from callcenter.routing.script import Ask, Dial, Join, KeepWaiting, Leave, PassOn, Play, Say, TakeMessage


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"do": "dial", "offer_id": "n1-1.0/1", "endpoints": ["1001", "1002@node2"], "ring_seconds": 20},
         Dial("n1-1.0/1", ("1001", "1002@node2"), 20)),
        ({"do": "dial", "offer_id": "o", "endpoints": ["1001"], "ring_seconds": 9, "recording": "now",
          "notice": ["n", "/"]},
         Dial("o", ("1001",), 9, "now", ("n",))),
        ({"do": "dial", "offer_id": "o", "endpoints": ["1001"], "ring_seconds": 9, "recording": "x)b("},
         Dial("o", ("1001",), 9)),
        ({"do": "say"}, Say()),
        ({"do": "say", "sounds": ["zh-apology-3f2a91c0"]}, Say(("zh-apology-3f2a91c0",))),
        ({"do": "ask", "step_id": "menu/1", "sounds": [], "most_digits": 1, "timeout_seconds": 5},
         Ask("menu/1", (), 1, 5)),
        ({"do": "play", "step_id": "p", "sounds": ["a"]}, Play("p", ("a",))),
        ({"do": "message", "step_id": "m", "sounds": ["a"], "most_seconds": 90}, TakeMessage("m", ("a",), 90)),
        ({"do": "pass_on", "number": "+8613800138000"}, PassOn("+8613800138000")),
        ({"do": "pass_on", "number": "13800138000", "step_id": "out/12"}, PassOn("13800138000", "out/12")),
        ({"do": "join", "offer_id": "o/1c", "channel": "PJSIP/1001-0000002a"}, Join("o/1c", "PJSIP/1001-0000002a")),
        ({"do": "wait"}, KeepWaiting()),
        ({"do": "leave"}, Leave()),
    ],
)  # fmt: skip
def test_every_instruction_is_read(body: dict[str, Any], answer: Any) -> None:
    told = read_told(body | {"queue": "repair", "language": "en"})
    assert (told.answer, told.queue, told.language) == (answer, "repair", "en")
    assert (read_told(body).queue, read_told(body | {"queue": None}).language) == ("", "")


DIAL = {"do": "dial", "offer_id": "o/1", "endpoints": ["1001"], "ring_seconds": 20}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"do": None},
        {"do": ["dial"]},
        {"do": "music"},
        DIAL | {"endpoints": ["1001&Local/1@agents"]},
        DIAL | {"endpoints": ["1001@trunk,20"]},
        DIAL | {"endpoints": "1001"},
        DIAL | {"endpoints": []},
        DIAL | {"endpoints": [1001]},
        DIAL | {"offer_id": "a,b"},
        DIAL | {"offer_id": 1},
        DIAL | {"ring_seconds": "soon"},
        DIAL | {"ring_seconds": None},
        DIAL | {"queue": "a${b}"},
        DIAL | {"language": "../zh"},
        {"do": "ask", "step_id": "m"},
        {"do": "play", "step_id": "m", "sounds": "abc"},
        {"do": "pass_on"},
        {"do": "join", "offer_id": "o/1c", "channel": "PJSIP/1001-0000002a,x"},
        {"do": "join", "offer_id": "o/1c", "channel": "Local/1@agents-00000001;1"},
        {"do": "join", "channel": "PJSIP/1001-0000002a"},
        {"do": "pass_on", "number": "110@trunk"},
        {"do": "pass_on", "number": "１１０"},
    ],
)
def test_what_the_contract_does_not_know_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not |unknown|invalid literal"):
        read_told(body)


def test_numbers_are_brought_into_their_bounds() -> None:
    assert read_told(DIAL | {"ring_seconds": 10**9}).answer == Dial("o/1", ("1001",), 600)
    ask = {"do": "ask", "step_id": "m", "sounds": [], "most_digits": 0, "timeout_seconds": 10**9}
    assert read_told(ask).answer == Ask("m", (), 1, 60)
    message = {"do": "message", "step_id": "m", "sounds": [], "most_seconds": 10**9}
    assert read_told(message).answer == TakeMessage("m", (), 480)


def test_a_name_that_is_no_sounds_is_left_out() -> None:
    names = ["a", "../b", "B", "", "x" * 121, None, 7, "a&b", "c\n", "d"]
    assert read_told({"do": "say", "sounds": names}).answer == Say(("a", "d"))
