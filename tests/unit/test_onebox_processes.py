"""Starting programs so that nothing of them is left, with real processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callcenter.words import Problem
from deploy.onebox.box import Box, end_leftovers, stop_running
from deploy.onebox.layout import Layout
from deploy.onebox.processes import Process, Program, bound_log, last_words, start_time, wait_for
from tests.onebox import layout_for_tests


def sleeper(folder: Path, name: str = "sleeper", *script: str) -> Program:
    """A program that sleeps; `script` is Python it runs before that."""
    text = "\n".join(["import time", *script, "time.sleep(60)"])
    return Program(name=name, argv=[sys.executable, "-c", text], folder=folder, log=folder / f"{name}.log")


def test_a_process_is_found_again_by_its_record_and_ended(tmp_path: Path) -> None:
    process = Process.start(sleeper(tmp_path), tmp_path)
    again = Process.recorded(tmp_path / "sleeper.pid")
    assert again is not None
    assert again.pid == process.pid
    again.stop()
    assert process.wait(5)
    assert process.exit_words() == "SIGTERM"
    assert not (tmp_path / "sleeper.pid").exists()


def test_a_record_does_not_name_a_later_process_with_the_same_id(tmp_path: Path) -> None:
    record = tmp_path / "serve.pid"
    record.write_text(json.dumps({"pid": os.getpid(), "started": "another boot/1"}))
    assert Process.recorded(record) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "started": 1}', '{"pid": 1}'])
def test_a_broken_record_names_nobody(tmp_path: Path, text: str) -> None:
    record = tmp_path / "serve.pid"
    record.write_text(text)
    assert Process.recorded(record) is None


def test_a_program_that_will_not_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = (
        "import signal, pathlib",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        f"pathlib.Path({str(ready)!r}).touch()",
    )
    program = sleeper(tmp_path, "deaf", *deaf)
    process = Process.start(program, tmp_path)
    wait_for(ready.exists, process, program.log, 10)
    process.stop(seconds=0.1)
    assert process.exit_words() == "SIGKILL"


def test_the_programs_end_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from deploy.onebox.processes import Process, Program\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "sleep = Program(name='child', argv=['sleep', '60'], folder=folder, log=folder / 'child.log')\n"
        "Process.start(sleep, folder)\n"
        "print('up', flush=True); time.sleep(60)"
    )
    project = Path(__file__).resolve().parents[2]
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=project)
    assert runner.stdout is not None
    with runner.stdout:
        assert runner.stdout.readline() == b"up\n"
        child = Process.recorded(tmp_path / "child.pid")
        assert child is not None
        runner.kill()
        runner.wait(10)
    assert child.wait(5)


def test_what_a_killed_run_left_is_ended_by_the_next(tmp_path: Path) -> None:
    layout = Layout(var=tmp_path)
    layout.run.mkdir()
    serve = Process.start(sleeper(tmp_path, "serve"), layout.run)
    redis = Process.start(sleeper(tmp_path, "redis"), layout.run)
    (layout.run / "node.pid").write_text(json.dumps({"pid": os.getpid(), "started": "before"}))
    assert end_leftovers(layout) == 2
    assert not serve.alive()
    assert not redis.alive()
    assert list(layout.run.iterdir()) == []


def test_stop_ends_a_running_runner(tmp_path: Path) -> None:
    layout = Layout(var=tmp_path)
    layout.run.mkdir()
    runner = Process.start(sleeper(tmp_path, "onebox"), layout.run)
    assert stop_running(layout) == 1
    assert not runner.alive()
    assert stop_running(layout) == 0


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    layout = layout_for_tests(tmp_path)
    first = Box(layout, {})
    first.open()
    try:
        with pytest.raises(Problem, match="already runs") as refused:
            Box(layout, {}).open()
        assert "make stop" in refused.value.zh
    finally:
        first.close()
    Box(layout, {}).open()


def test_a_program_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = Program(
        name="redis",
        argv=["sh", "-c", "echo no memory >&2; exit 3"],
        folder=tmp_path,
        log=tmp_path / "redis.log",
    )
    process = Process.start(program, tmp_path)
    with pytest.raises(Problem, match=r"redis ended at once \(exit status 3\): no memory"):
        wait_for(lambda: False, process, program.log, 10)


def test_a_program_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    program = Program(name="redis", argv=["/no/such/program"], folder=tmp_path, log=tmp_path / "redis.log")
    with pytest.raises(Problem, match="redis would not start"):
        Process.start(program, tmp_path)


def test_a_grown_log_keeps_its_end(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 1000 + b"latest\n")
        bound_log(log, 1000)
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "serve.log.1").read_bytes().endswith(b"latest\n")
    assert last_words(log) == "next"


def test_the_start_time_of_an_ended_process_is_empty(tmp_path: Path) -> None:
    process = Process.start(sleeper(tmp_path), tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(5)
    assert start_time(process.pid) == ""
