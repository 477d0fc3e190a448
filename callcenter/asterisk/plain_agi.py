"""Runs a step as a plain AGI script, started by Asterisk for one call: `AGI(/path/agi_scripts/wait.py,…)`.

Costs a Python start a call; `callcenter node` serves the same steps from threads. Settings come from the
environment (CALLCENTER_…) or from the file named by CALLCENTER_ENV_FILE, by default `node.env` beside the scripts.
"""

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import structlog

from callcenter.asterisk.agi import Agi, AGIError, AgiLostError
from callcenter.asterisk.steps import Node, Step
from callcenter.settings import Settings

ENV_FILE = Path(__file__).resolve().parents[2] / "agi_scripts" / "node.env"


def run_plain(step: Step) -> int:
    """Run `step` over standard input and output; the process's exit code."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    signal.signal(signal.SIGHUP, _hung_up)
    settings = Settings(_env_file=os.environ.get("CALLCENTER_ENV_FILE", ENV_FILE))
    node = Node.of(settings)
    try:
        step(Agi(0, 1, finish=_close_output), node)
    except AgiLostError:
        return 0
    except AGIError as error:
        sys.stderr.write(f"AGI failed: {type(error).__name__}\n")
        return 1
    finally:
        node.hand_in_messages()
    return 0


def _hung_up(signum: int, frame: FrameType | None) -> None:
    """Asterisk tells a plain script of a hang-up by a signal: from here on its input is at its end.

    What is under way (a recording that is being kept) is not broken off.
    """
    del signum, frame
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _close_output() -> None:
    """Asterisk takes the end of output for the end of the script."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
