#!/usr/bin/env python3
"""AGI step `recording_notice`, before a customer is called back: what tells him that he may be recorded.

Arguments: the sounds, with `&` between them, call id, offer id, CC_RECORDING. Sets CC_NOTICE; where it can't be had, or
the disk is full, CC_RECORDING to `later`, and the service is told.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument, not_recorded_report
from callcenter.asterisk.recordings import start_possible
from callcenter.asterisk.sounds import without_ending
from callcenter.asterisk.steps import Node
from callcenter.routing.script import RecordingStart


def run(agi: Agi, node: Node) -> None:
    """Have the sounds here, and say where."""
    notice = node.sounds.joined([one for one in argument(agi, 0).split("&") if one])
    wanted: RecordingStart = "now" if argument(agi, 3) == "now" else "later"
    start, why_not = start_possible(wanted, told=notice is not None, has_room=node.recordings.has_room())
    agi.set_variables({"CC_RECORDING": start, "CC_NOTICE": str(without_ending(notice)) if notice else ""})
    if why_not:
        agi.finish()
        call_id, offer_id = argument(agi, 1), argument(agi, 2)
        node.service.report("not-recorded", call_id, not_recorded_report(offer_id, wanted, why_not))


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
