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
from callcenter.asterisk.service_client import ServiceClient


def run(agi: Agi, service: ServiceClient, node: str) -> None:
    """Ask and set what was answered."""
    answer = service.identify(call_facts(agi, node))
    if answer is None:
        return
    queue, language = answer
    values = {"CC_QUEUE": queue}
    if language:
        values["CHANNEL(language)"] = language
    agi.set_variables(values)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
