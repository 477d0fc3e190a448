#!/usr/bin/env python3
"""AGI step `identify`: a caller has arrived. The service looks him up, and the same conversation goes on as `wait`.

Arguments: called number, arrival (ms since epoch). Sets CC_QUEUE and the channel's language as soon as they are
known, and what `wait` sets.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agi_scripts import wait
from callcenter.asterisk.agi import Agi
from callcenter.asterisk.service_client import Situation
from callcenter.asterisk.steps import Node


def run(agi: Agi, node: Node) -> None:
    """Ask who he is and what to do with him, and go on."""
    wait.stay(agi, node, Situation(arriving=True), wait.ABSENCE_SECONDS)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
