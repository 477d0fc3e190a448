"""The ledger file's tail: nothing lost, nothing twice, whatever happens to the file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callcenter.asterisk.ledger import ROTATE_BYTES, Ledger, folded, rows_of


class Taken:
    """Takes rows, or not."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.open = True

    def ledger(self, node: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        assert node == "n1"
        if self.open:
            self.rows += [dict(row) for row in rows]
        return self.open

    @property
    def calls(self) -> list[str]:
        return [row["call_id"] for row in self.rows]


def line(
    call: str, *, start: str = "100.5", answer: str = "101.5", end: str = "103.75", agent: str = "PJSIP/1003-1",
    path: str = "", answered: str = "", back: str | None = "", clid: str = '"""a, b"" <138>"',
    disposition: str = "ANSWERED", called: str = "4008",
) -> str:  # fmt: skip
    return (
        f'"{call}","{call}","0","{start}","{answer}","{end}","PJSIP/trunk-0","{agent}","hotline","{called}",'
        f'"138",{clid},"Dial","{disposition}","{path}","{answered}"' + ("\n" if back is None else f',"{back}"\n')
    )


def wire(*lines: str) -> list[dict[str, Any]]:
    return folded(list(rows_of([one.encode() for one in lines])))


def test_a_plain_call() -> None:
    [row] = wire(line("n1-1.0"))
    assert (row["started_at_ms"], row["answered_at_ms"], row["ended_at_ms"]) == (100500, 101500, 103750)
    assert (row["talking_seconds"], row["caller_name"], row["fallback"]) == (2.25, "a, b", False)


def test_what_is_dialled_besides_a_number_is_left_out() -> None:
    assert [row["called"] for row in wire(line("n1-1.0", called="+86 400;x=<1>" + "9" * 60))] == ["+864001" + "9" * 25]
    assert [row["called"] for row in wire(line("n1-1.0").replace('"hotline"', '"hotline-call"'))] == ["4008"]


def test_the_row_after_the_conversation_adds_nothing() -> None:
    [row] = wire(line("n1-1.0"), line("n1-1.0", start="103.75", answer="103.75", end="103.76", agent=""))
    assert (row["answered_at_ms"], row["talking_seconds"], row["attempts"]) == (101500, 2.25, 2)
    assert row["agent_channel"] == "PJSIP/1003-1"


def test_the_hotlines_own_voice_is_no_answer() -> None:
    [row] = wire(line("n1-1.0", path="answered", agent=""))
    assert (row["answered_at_ms"], row["talking_seconds"], row["disposition"]) == (None, 0, "NO ANSWER")
    [row] = wire(line("n1-1.0", path="fallback", answered="102750"))
    assert (row["answered_at_ms"], row["talking_seconds"], row["fallback"]) == (102750, 1.0, True)


def test_of_several_phones_the_one_that_answered_counts() -> None:
    lost = line("n1-1.0", agent="PJSIP/1004-2", answer="0.0", disposition="BUSY")
    for lines in ((line("n1-1.0"), lost), (lost, line("n1-1.0"))):
        [row] = wire(*lines)
        assert (row["agent_channel"], row["answered_at_ms"], row["disposition"]) == ("PJSIP/1003-1", 101500, "ANSWERED")


def test_a_caller_who_is_passed_on_was_answered_by_no_agent() -> None:
    [row] = wire(line("n1-1.0", path="passed_on", agent="PJSIP/trunk-9"))
    assert (row["path"], row["agent_channel"], row["answered_at_ms"]) == ("passed_on", "", None)


def test_a_callback_is_a_row_of_its_own_under_the_entrys_call() -> None:
    back = line("back-1", path="callback", answered="102000", back="n1-1.0", agent="PJSIP/trunk-9")
    back = back.replace("PJSIP/trunk-0", "PJSIP/1003-4").replace('"hotline"', '"callback"')
    incoming, called_back = wire(line("n1-1.0", agent="", path="answered"), back)
    assert (incoming["call_id"], incoming["path"], incoming["answered_at_ms"]) == ("n1-1.0", "answered", None)
    assert (called_back["call_id"], called_back["path"]) == ("n1-1.0", "callback")
    assert (called_back["agent_channel"], called_back["answered_at_ms"]) == ("PJSIP/1003-4", 102000)
    assert (called_back["caller_number"], called_back["caller_name"]) == (None, "")


def test_a_line_of_the_release_before_is_read() -> None:
    assert [row["call_id"] for row in wire(line("n1-1.0", back=None))] == ["n1-1.0"]


def test_lines_of_other_kinds_are_left_out() -> None:
    other = line("n1-1.0").replace('"hotline"', '"agents"')
    assert wire(other, "rubbish\n", '"a","b"\n', "\0\n", '"unclosed\n') == []


def tail(folder: Path) -> tuple[Ledger, Path]:
    return Ledger(folder / "hotline.csv", folder / "state", "n1"), folder / "hotline.csv"


def test_the_last_call_waits_until_its_lines_are_all_there(tmp_path: Path) -> None:
    ledger, file = tail(tmp_path)
    taken = Taken()
    file.write_text(line("a") + line("b") + line("c")[:20])
    ledger.ship(taken)
    assert taken.calls == ["a"]
    with file.open("a") as more:
        more.write(line("c")[20:])
    ledger.ship(taken)
    assert taken.calls == ["a", "b"]
    ledger.ship(taken)
    ledger.ship(taken)
    assert taken.calls == ["a", "b", "c"]


def test_what_is_refused_is_sent_again_also_by_a_new_process(tmp_path: Path) -> None:
    ledger, file = tail(tmp_path)
    taken = Taken()
    taken.open = False
    file.write_text(line("a") + line("b"))
    ledger.ship(taken)
    ledger.ship(taken)
    taken.open = True
    again, _ = tail(tmp_path)
    again.ship(taken)
    again.ship(taken)
    assert taken.calls == ["a", "b"]
    tail(tmp_path)[0].ship(taken)
    assert taken.calls == ["a", "b"], "nothing twice"


def test_a_file_put_aside_is_read_to_its_end_first(tmp_path: Path) -> None:
    ledger, file = tail(tmp_path)
    taken = Taken()
    file.write_text(line("a") + line("b"))
    ledger.ship(taken)
    file.rename(tmp_path / "hotline.csv.1")
    file.write_text(line("c"))
    for _ in range(3):
        ledger.ship(taken)
    assert taken.calls == ["a", "b", "c"]


def test_a_big_file_is_put_aside_once_it_is_shipped(tmp_path: Path) -> None:
    ledger, file = tail(tmp_path)
    taken = Taken()
    with file.open("w") as big:
        for number in range(ROTATE_BYTES // len(line("n1-0.0")) + 10):
            big.write(line(f"n1-{number}.0"))
    for _ in range(3):
        ledger.ship(taken)
    assert not file.exists()
    file.write_text(line("after"))
    for _ in range(3):
        ledger.ship(taken)
    assert taken.calls[-1] == "after"
    assert len(set(taken.calls)) == len(taken.calls)


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    assert tail(tmp_path)[0].ship(Taken()) == 0


def test_a_line_without_an_end_is_passed_over(tmp_path: Path) -> None:
    ledger, file = tail(tmp_path)
    taken = Taken()
    file.write_text("x" * 50_000)
    ledger.ship(taken)
    with file.open("a") as more:
        more.write("\n" + line("a"))
    for _ in range(3):
        ledger.ship(taken)
    assert taken.calls == ["a"]
