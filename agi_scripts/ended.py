#!/usr/bin/env python3
"""AGI step `ended`, from the h extension: report how a call ended.

Arguments: called number, arrival and end (ms since epoch), offer id, DIALSTATUS, HANGUPCAUSE, who hung up
(empty: the caller), ANSWEREDTIME_MS, 1 when in the fallback queue, when an agent answered a caller who was answered
before (ms since epoch), 1 when he was passed on over the trunk.
The report is sent after Asterisk was let go, and spooled to disk when no service takes it.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import call_facts, ended_report
from callcenter.asterisk.steps import Node


def run(agi: Agi, node: Node) -> None:
    """Build the report, let Asterisk go, send."""
    facts = call_facts(agi, node.name)
    report = ended_report(agi, facts)
    agi.finish()
    node.recordings.call_over(facts.call_id)
    node.service.report("ended", facts.call_id, report)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
