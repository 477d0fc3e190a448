"""`callcenter simulate`, as a supervisor types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from callcenter.cli import app

PLAIN = ("--calls-an-hour=120", "--handle-seconds=180", "--agents=8", "--patience-seconds=120", "--hours=20")
EXAMPLE = Path(__file__).parents[2] / "docs" / "scenario.yaml"
SCENARIO = EXAMPLE.read_text()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "100")


def simulate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def test_a_plain_question_is_answered_with_figures_a_chart_and_erlangs_word() -> None:
    said = simulate(*PLAIN)
    assert said.exit_code == 0, said.output
    for part in ("service level", "÷", "Erlang A", "mean wait", "gave up", "occupancy", "3 ◄", "█"):
        assert part in said.stdout
    assert "answered within 3 rings (15 s) ÷ all calls = " in said.stdout


def test_it_speaks_chinese_where_the_machine_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    said = simulate(*PLAIN)
    for part in ("服务水平", "平均等待", "放弃", "占用率", "3 声（15 秒）内接通 ÷ 全部来电 = "):
        assert part in said.stdout
    assert "service level" not in said.stdout


def test_a_scenario_of_several_queues_comes_from_a_file(tmp_path: Path) -> None:
    svg = tmp_path / "monday.svg"
    said = simulate(EXAMPLE, "--seed", "7", "--svg", svg)
    assert said.exit_code == 0, said.output
    assert "周一上午 Monday morning" in said.stdout
    assert "seed 7" in said.stdout
    assert "answered within 2 rings (10 s)" in said.stdout
    assert simulate(EXAMPLE, "--seed", "7").stdout == said.stdout
    drawn = svg.read_text()
    assert all(part in drawn for part in ("周一上午 Monday morning", "service", "repair", "ring target, 15 s"))
    assert "<script" not in drawn


def test_too_much_work_is_said_plainly() -> None:
    said = simulate("--calls-an-hour=120", "--handle-seconds=180", "--agents=5", "--hours=5")
    assert "the line grows without end" in said.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["--calls-an-hour: ", "--handle-seconds: ", "--agents: ", "此项必填。"]),
        ([*PLAIN, "--agents", "x"], ["--agents: ", "应为整数。"]),
        ([*PLAIN, "--agents", "0"], ["--agents: ", "数值太小，至少为 1。"]),
        ([*PLAIN, "--calls-an-hour", "nan"], ["--calls-an-hour: ", "应为有限的数字。"]),
        ([*PLAIN, "--handle-times", "gauss'; --"], ["--handle-times: ", "不是可选的值。"]),
        ([*PLAIN, "--hours", "99999"], ["Simulate fewer hours.", "请减少模拟小时数。"]),
        (["/nowhere.yaml"], ["/nowhere.yaml: No such file"]),
        (["/nowhere.yaml", "--agents", "3"], ["--agents: ", "二选一"]),
        ([*PLAIN, "--svg", "/nowhere/a.svg"], ["/nowhere/a.svg: No such file"]),
    ],
)
def test_bad_options_are_told_one_by_one(arguments: list[str], parts: list[str]) -> None:
    said = simulate(*arguments)
    assert said.exit_code == 2
    assert "Traceback" not in said.output
    assert all(part in said.stderr for part in parts), said.stderr


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (SCENARIO.replace("[repair]", "[repairs]"), ["There is no queue 'repairs'", "没有队列“repairs”"]),
        (SCENARIO.replace("queue_id: repair\n", "queue_id: service\n", 1), ["comes twice", "重复"]),
        (
            SCENARIO.replace("handle_seconds: 300", "handel_seconds: 300"),
            ["Line 15: ", "Line 17: ", "没有这一项。", "此项必填。"],
        ),
        (SCENARIO.replace("after_seconds: 30, level: 0", "after_seconds: 30, level: 4"), ["lower level", "级别更低"]),
        (
            SCENARIO.partition("agents:")[0] + "agents:\n- {count: 1, queues: [service]}",
            ["No agent serves", "没有座席服务"],
        ),
        ("queues: [", ["Line ", "YAML"]),
        ("- a\n- b\n", ["Line ", "键值对"]),
        ("", ["键值对"]),
        ("a: &a [*a, *a]", ["Anchors", "锚点"]),
        ("[" * 100_000, ["nested too deeply", "嵌套过深"]),
    ],
)
def test_a_bad_file_is_told_with_its_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    said = simulate(file)
    assert said.exit_code == 2
    assert "Traceback" not in said.output
    assert all(part in said.stderr for part in parts), said.stderr
