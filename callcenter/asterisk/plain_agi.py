"""Runs a step as a plain AGI script, started by Asterisk for one call: `AGI(/path/agi_scripts/wait.py,…)`.

Costs a Python start a call; `callcenter node` serves the same steps from threads. Settings come from the
environment (CALLCENTER_…) or from the file named by CALLCENTER_ENV_FILE, by default `node.env` beside the scripts.
"""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

from callcenter.asterisk.agi import Agi, AGIError, AgiLostError
from callcenter.asterisk.service_client import ServiceClient
from callcenter.asterisk.spool import Spool
from callcenter.settings import Settings

Step = Callable[[Agi, ServiceClient, str], None]

ENV_FILE = Path(__file__).resolve().parents[2] / "agi_scripts" / "node.env"


def node_client(settings: Settings) -> ServiceClient:
    """The client a node uses, with its spool."""
    addresses = settings.service_urls
    spool = Spool(settings.spool_dir)
    return ServiceClient(addresses, settings.node_token.get_secret_value(), on_undelivered=spool.put)


def run_plain(step: Step) -> int:
    """Run `step` over standard input and output; the process's exit code."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    settings = Settings(_env_file=os.environ.get("CALLCENTER_ENV_FILE", ENV_FILE))
    try:
        agi = Agi(0, 1, finish=_close_output)
        step(agi, node_client(settings), settings.node_name)
    except AgiLostError:
        return 0
    except AGIError as error:
        sys.stderr.write(f"AGI failed: {type(error).__name__}\n")
        return 1
    return 0


def _close_output() -> None:
    """Asterisk takes the end of output for the end of the script."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
