#!/usr/bin/env python3
"""AGI step `identify`: which queue a caller belongs to, asked of the service within 300 ms.

Arguments: called number, arrival (ms since epoch). Sets CC_QUEUE and the channel's language; sets nothing when
the service does not answer, and the wait step goes on with defaults.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import call_facts
from callcenter.asterisk.service_client import CallFacts, ServiceClient


def run(agi: Agi, service: ServiceClient, node: str) -> None:
    """Ask and set what was answered."""
    values = variables(service, call_facts(agi, node))
    if values:
        agi.set_variables(values)


def variables(service: ServiceClient, facts: CallFacts) -> dict[str, str]:
    """Ask; the channel variables to be set, none when no service answered."""
    answer = service.identify(facts)
    if answer is None:
        return {}
    queue, language = answer
    return {"CC_QUEUE": queue} | ({"CHANNEL(language)": language} if language else {})


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
