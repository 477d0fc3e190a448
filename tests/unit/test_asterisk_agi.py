"""The fence around pyst2, over real pipes, with a script for Asterisk's side."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callcenter.asterisk.agi import Agi, AGIError, AgiLostError, AgiProtocolError
from callcenter.asterisk.agi_facts import call_facts, callback_report, ended_report, previous_offer

ENV = (
    "agi_network: yes\nagi_network_script: wait\nagi_channel: PJSIP/trunk-0\nagi_uniqueid: n1-1.0\n"
    "agi_callerid: 138\nagi_calleridname: 王, \"x\"\nagi_callingpres: 0\n"
)  # fmt: skip


@dataclass
class Wire:
    """Two pipes: what Asterisk says, and what it hears."""

    say_fd: int
    hear_fd: int
    read_fd: int
    write_fd: int

    def say(self, text: str | bytes) -> None:
        os.write(self.say_fd, text if isinstance(text, bytes) else text.encode())

    def heard(self) -> str:
        return os.read(self.hear_fd, 65536).decode()

    def agi(self, *arguments: str, env: str = ENV) -> Agi:
        self.say(env + "".join(f"agi_arg_{n}: {text}\n" for n, text in enumerate(arguments, 1)) + "\n")
        return Agi(self.read_fd, self.write_fd, read_seconds=0.2)


@pytest.fixture
def wire() -> Iterator[Wire]:
    read_fd, say_fd = os.pipe()
    hear_fd, write_fd = os.pipe()
    yield Wire(say_fd, hear_fd, read_fd, write_fd)
    for fd in (say_fd, hear_fd, read_fd, write_fd):
        with contextlib.suppress(OSError):
            os.close(fd)


def test_several_variables_are_one_command(wire: Wire) -> None:
    agi = wire.agi()
    wire.say("200 result=1\n")
    agi.set_variables({"CC_STEP": "dial", "__CC_OFFER": "n1-1.0/1"})
    assert wire.heard() == 'SET VARIABLE "ARRAY(CC_STEP,__CC_OFFER)" "dial,n1-1.0/1"\n'


def test_the_dialplan_goes_on_at_a_label_and_all_is_said_at_once(wire: Wire) -> None:
    finished: list[str] = []
    agi = wire.agi()
    agi._finish = lambda: finished.append(wire.heard())
    wire.say("200 result=1\n200 result=0\n")
    agi.go_on("dial", {"CC_STEP": "", "__CC_OFFER": "n1-1.0/1"})
    assert finished == ['SET VARIABLE "ARRAY(CC_STEP,__CC_OFFER)" ",n1-1.0/1"\nSET PRIORITY dial\n']
    wire.say("200 result=1\n511 Command Not Permitted on a dead channel\n")
    with pytest.raises(AgiLostError):
        agi.go_on("dial", {"CC_STEP": ""})
    wire.say("200 result=0\n")
    agi.go_on("fallback", {})
    assert finished[2] == "SET PRIORITY fallback\n"
    with pytest.raises(ValueError, match="not allowed"):
        agi.go_on("dial", {"CC_STEP": "a,b"})


@pytest.mark.parametrize("value", ['a"b', "a\nEXEC System id", "a,b", "${SHELL(id)}", "\0", "a b", "中"])
def test_a_value_that_is_not_safe_is_refused(wire: Wire, value: str) -> None:
    agi = wire.agi()
    with pytest.raises(ValueError, match="not allowed"):
        agi.set_variables({"CC_X": value})


@pytest.mark.parametrize("value", ["PJSIP/1001&PJSIP/1002@node2", "+8613800138000"])
def test_what_is_dialled_may_stand_in_a_variable(wire: Wire, value: str) -> None:
    agi = wire.agi()
    wire.say("200 result=1\n")
    agi.set_variables({"CC_X": value})
    assert wire.heard() == f'SET VARIABLE "CC_X" "{value}"\n'


def test_what_is_played_and_recorded_is_quoted(wire: Wire) -> None:
    agi = wire.agi()
    wire.say("200 result=51 endpos=800\n")
    assert agi.play(Path('/var/a "b" c'), 1.0, "123") == "3"
    assert wire.heard() == 'STREAM FILE "/var/a \\"b\\" c" "123" 0\n'
    wire.say("200 result=0\n")
    assert agi.key(2.5) == ""
    assert wire.heard() == "WAIT FOR DIGIT 2500\n"
    wire.say("200 result=0 (timeout) endpos=16000\n")
    agi.record(Path("/var/m 1"), 60, 5)
    assert wire.heard() == 'RECORD FILE "/var/m 1" wav "#" 60000 s=5\n'
    wire.say("200 result=0\n")
    agi.start_music("cc-say-3")
    assert wire.heard() == 'SET MUSIC ON "cc-say-3"\n'
    with pytest.raises(ValueError, match="control character"):
        agi.play(Path("/var/a\nEXEC System id"), 1.0)


def test_a_command_that_takes_its_time_is_waited_for(wire: Wire) -> None:
    agi = wire.agi()
    later = threading.Timer(0.4, wire.say, ["200 result=0 endpos=800\n"])
    later.start()
    assert agi.play(Path("/var/a"), 1.0) == "", "longer than Asterisk may take for other answers"
    later.join()
    with pytest.raises(AgiProtocolError):
        agi.execute("NOOP")


@pytest.mark.parametrize(
    "answer", ["HANGUP\n200 result=-1 endpos=800\n", "200 result=-1 (hangup) endpos=800\nHANGUP\n"]
)
def test_a_hang_up_in_a_recording_is_no_failure_of_asterisk(wire: Wire, answer: str) -> None:
    agi = wire.agi()
    wire.say(answer)
    with pytest.raises(AgiLostError):
        agi.record(Path("/var/m"), 60, 5)
    assert agi.hung_up()


def test_a_hang_up_told_with_an_answer_is_not_forgotten(wire: Wire) -> None:
    agi = wire.agi()
    wire.say("HANGUP\n200 result=0\n")
    agi.execute("NOOP")
    assert agi.hung_up()


def test_pyst2s_own_commands_quote_and_stay_one_line(wire: Wire) -> None:
    agi = wire.agi()
    wire.say("200 result=1\n")
    agi.set_variable("X", 'a"b\\')
    assert wire.heard() == 'SET VARIABLE "X" "a\\"b\\\\"\n'
    for text in ("a\nb", "a\rb", "a\0b"):
        with pytest.raises(ValueError, match="control character"):
            agi.set_variable("X", text)
        with pytest.raises(ValueError, match="control character"):
            agi.execute(f"NOOP {text}")


def test_the_first_line_of_a_name_counts(wire: Wire) -> None:
    assert wire.agi(env=ENV + "agi_uniqueid: forged\n").env["agi_uniqueid"] == "n1-1.0"


@pytest.mark.parametrize("text", ["GET / HTTP/1.1\n", "agi_x: 1\n" * 200, "x" * 20_000, "agi_x: 1\n"])
def test_what_is_not_agi_is_refused_in_time(wire: Wire, text: str) -> None:
    wire.say(text)
    with pytest.raises(AgiProtocolError):
        Agi(wire.read_fd, wire.write_fd, read_seconds=0.1)


def test_a_hang_up_is_noticed_between_commands(wire: Wire) -> None:
    agi = wire.agi()
    assert not agi.hung_up()
    wire.say("HANGUP\n")
    assert agi.hung_up()
    wire.say("200 result=0\n")
    assert agi.execute("NOOP")["result"] == ("0", ""), "the line is not taken for an answer"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("511 Command Not Permitted on a dead channel\n", AgiLostError),
        ("200 result=-1\n", AGIError),
        ("200 result=0 (hangup)\n", AgiLostError),
        ("510 Invalid or unknown command\n", AGIError),
        ("520-Invalid command syntax.\nUsage: x\n520 End of proper usage.\n", AGIError),
        ("rubbish\n", AgiProtocolError),
        ("", AgiProtocolError),
    ],
)
def test_answers_that_are_errors(wire: Wire, answer: str, error: type[Exception]) -> None:
    agi = wire.agi()
    wire.say(answer)
    with pytest.raises(error):
        agi.execute("NOOP")


def test_the_end_of_the_stream_means_lost(wire: Wire) -> None:
    agi = wire.agi()
    os.close(wire.say_fd)
    assert agi.hung_up()
    with pytest.raises(AgiLostError):
        agi.execute("NOOP")


def test_a_usage_block_cut_short_does_not_hang(wire: Wire) -> None:
    agi = wire.agi()
    wire.say("520-Invalid command syntax.\n")
    os.close(wire.say_fd)
    with pytest.raises(AgiLostError):
        agi.execute("NOOP")


def test_call_facts(wire: Wire) -> None:
    facts = call_facts(wire.agi("4008001234", "1700000000123"), "n1")
    assert (facts.call_id, facts.called, facts.arrived_at_ms) == ("n1-1.0", "4008001234", 1700000000123)
    assert (facts.caller_number, facts.caller_name) == ("138", '王, "x"')


@pytest.mark.parametrize("line", ["agi_callerid: unknown", "agi_callerid: 138\nagi_callingpres: 35"])
def test_a_withheld_number_is_not_there(wire: Wire, line: str) -> None:
    assert call_facts(wire.agi(env=f"{line}\nagi_calleridname: x\n"), "n1").caller_number == ""


def test_the_previous_offer(wire: Wire) -> None:
    offer = previous_offer(wire.agi("4", "1", "service", "", "", "o/1", "BUSY", "17"))
    assert offer is not None
    assert (offer.offer_id, offer.dial_status, offer.cause, offer.notice_cut) == ("o/1", "BUSY", 17, False)
    cut = previous_offer(wire.agi("4", "1", "service", "1", "", "o/1", "ANSWER", "44", "1"))
    assert cut is not None
    assert cut.notice_cut


@pytest.mark.parametrize(
    ("arguments", "answered", "by", "talking"),
    [
        (("4", "1000", "9000", "o/1", "ANSWER", "16", "", "3000", "", ""), 6000, "caller", 3.0),
        (("4", "1000", "9000", "o/1", "ANSWER", "16", "agent", "8000", "", "7000"), 7000, "agent", 2.0),
        (("4", "1000", "9000", "o/1", "NOANSWER", "16", "system", "", "", ""), None, "system", 0.0),
        (("4", "1000", "9000", "", "", "16", "", "", "1", "8500"), 8500, "caller", 0.5),
        (("4", "1000", "9000", "", "", "16", "", "", "1", ""), None, "caller", 0.0),
    ],
)
def test_how_a_call_ended(
    wire: Wire, arguments: tuple[str, ...], answered: int | None, by: str, talking: float
) -> None:
    agi = wire.agi(*arguments)
    report = ended_report(agi, call_facts(agi, "n1"))
    assert (report["answered_at_ms"], report["hung_up_by"], report["talking_seconds"]) == (answered, by, talking)


def test_a_passed_on_caller_was_answered_by_no_agent(wire: Wire) -> None:
    agi = wire.agi("4", "1000", "9000", "", "ANSWER", "16", "system", "3000", "", "", "1")
    report = ended_report(agi, call_facts(agi, "n1"))
    assert (report["passed_on"], report["answered_at_ms"], report["talking_seconds"]) == (True, None, 0.0)


def test_one_who_was_passed_on_in_vain(wire: Wire) -> None:
    agi = wire.agi("4", "1000", "9000", "", "BUSY", "17", "system", "", "", "", "1")
    assert not ended_report(agi, call_facts(agi, "n1"))["passed_on"]


def test_how_calling_back_ended(wire: Wire) -> None:
    call_id, report = callback_report(
        wire.agi("n1-5.1", "n1-5.1/2", "139", "1000", "1001", "9000", "NOANSWER", "19", "system", ""), "n1"
    )
    assert call_id == "n1-5.1"
    assert report == {
        "node": "n1", "channel": "PJSIP/trunk-0", "offer_id": "n1-5.1/2", "number": "139",
        "agent_answered_at_ms": 1000, "dialled_at_ms": 1001, "dial_status": "NOANSWER", "cause": 19,
        "customer_answered_at_ms": None, "ended_at_ms": 9000, "hung_up_by": "system",
    }  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_block_ends_at_its_empty_line_however_it_comes(wire: Wire, end: str) -> None:
    text = (ENV + "\nHANGUP\n\n").replace("\n", end)
    for cut in (0, 1, len(ENV), len(text) - 3):
        wire.say(text[:cut])
        late = threading.Timer(0.05, wire.say, [text[cut:]])
        late.start()
        agi = Agi(wire.read_fd, wire.write_fd, read_seconds=1)
        late.join()
        assert agi.env["agi_channel"] == "PJSIP/trunk-0"
        assert len(agi.env) == len(ENV.splitlines())
        assert agi.hung_up()
        with contextlib.suppress(BlockingIOError):
            os.set_blocking(wire.read_fd, False)
            os.read(wire.read_fd, 65536)
        os.set_blocking(wire.read_fd, True)


@pytest.mark.parametrize(("lines", "fits"), [(99, True), (100, False)])
def test_a_block_has_a_most_number_of_lines(wire: Wire, lines: int, fits: bool) -> None:
    block = "".join(f"agi_{n}: x\n" for n in range(lines)) + "\n"
    with contextlib.nullcontext() if fits else pytest.raises(AgiProtocolError, match="too many"):
        assert len(wire.agi(env=block.removesuffix("\n")).env) == lines
