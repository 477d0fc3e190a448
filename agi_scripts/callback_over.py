#!/usr/bin/env python3
"""AGI step `callback_over`, from the h extension of an agent's phone: report how calling a customer back ended.

Arguments: call id of the entry, offer id, the customer's number, when the agent answered, when the customer was
dialled, when all ended (ms since epoch), DIALSTATUS, HANGUPCAUSE, who hung up (empty: the agent), when the
customer answered.
The report is sent after Asterisk was let go, and spooled to disk when no service takes it.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import callback_report
from callcenter.asterisk.steps import Node


def run(agi: Agi, node: Node) -> None:
    """Build the report, let Asterisk go, send."""
    call_id, report = callback_report(agi, node.name)
    agi.finish()
    node.recordings.call_over(call_id)
    node.service.report("callback-over", call_id, report)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
