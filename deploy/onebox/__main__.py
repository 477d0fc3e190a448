"""`python -m deploy.onebox run` starts a whole hotline and keeps it running; `stop` ends it."""

import argparse
import sys

from callcenter.words import Problem, words

from . import hotline_file
from .box import Box, stop_running
from .layout import layout_from
from .screen import Screen
from .watch import StopSignal, Watch


def run(screen: Screen) -> int:
    """Start everything and keep it running until a stop signal; the exit status."""
    stop = StopSignal()
    box = Box(layout_from())

    def tell(line: str) -> None:
        screen.step(line)
        stop.raise_if_given()

    try:
        box.open()
        box.start_all(tell)
        stop.raise_if_given()
        screen.ready(hotline_file.write(box, box.logins))
        Watch(box, screen.step).run(stop)
    except KeyboardInterrupt:
        pass
    finally:
        if box.processes:
            screen.step(words("stopping", "正在停止"))
        box.close()
    screen.step(words("stopped", "已停止"))
    return 0


def stop(screen: Screen) -> int:
    """End what `run` started in this var folder; the exit status."""
    ended = stop_running(layout_from())
    screen.step(words("stopped", "已停止") if ended else words("nothing was running", "没有正在运行的热线"))
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.onebox", description=__doc__)
    parser.add_argument("verb", choices=("run", "stop"))
    verb = parser.parse_args().verb
    screen = Screen()
    try:
        return run(screen) if verb == "run" else stop(screen)
    except Problem as problem:
        screen.problem(problem)
        return 1


if __name__ == "__main__":
    sys.exit(main())
