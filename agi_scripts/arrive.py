#!/usr/bin/env python3
"""AGI step `arrive`: `identify` and the first `wait` in one conversation, which saves Asterisk a connection a call.

Arguments: called number, arrival (ms since epoch). Sets what both steps set.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agi_scripts import identify, wait
from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import call_facts
from callcenter.asterisk.service_client import ServiceClient


def run(agi: Agi, service: ServiceClient, node: str) -> None:
    """Ask for the queue, then wait in it."""
    facts = call_facts(agi, node)
    values = identify.variables(service, facts)
    wait.poll(agi, service, facts, values.get("CC_QUEUE", ""), values)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
