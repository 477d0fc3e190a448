#!/usr/bin/env python3
"""AGI step `consult_answered`, on the leg over the trunk of somebody whom an agent consults: the desk shall see it.

Arguments: call id, offer id of the consultation, when he answered (ms since epoch).
Asterisk is let go at once; a report that nobody takes is not kept: the agent sees that he speaks with him.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument, milliseconds
from callcenter.asterisk.steps import Node
from callcenter.clock import now_ms


def run(agi: Agi, node: Node) -> None:
    """Let Asterisk go, tell."""
    call_id, offer_id = argument(agi, 0), argument(agi, 1)
    answered_at_ms = milliseconds(argument(agi, 2)) or now_ms()
    agi.finish()
    node.service.consult_answered(call_id, offer_id, answered_at_ms)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
