#!/usr/bin/env python3
"""AGI step `consult_over`, on the leg of an agent whose consultation is over: his caller is to be with him again.

Arguments: call id, offer id of the consultation, DIALSTATUS, HANGUPCAUSE.
Asterisk is let go at once; a report that nobody takes is not kept, as the reconciler finds the same.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument, milliseconds
from callcenter.asterisk.steps import Node


def run(agi: Agi, node: Node) -> None:
    """Let Asterisk go, tell."""
    call_id, offer_id, dial_status = argument(agi, 0), argument(agi, 1), argument(agi, 2)
    cause = milliseconds(argument(agi, 3)) or 0
    agi.finish()
    node.service.consult_over(call_id, offer_id, dial_status, cause)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
