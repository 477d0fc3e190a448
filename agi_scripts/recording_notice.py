#!/usr/bin/env python3
"""AGI step `recording_notice`, before a customer is called back: what tells him that he may be recorded.

Arguments: the sounds, with `&` between them. Sets CC_NOTICE; where it can't be had, CC_RECORDING to `later`.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument
from callcenter.asterisk.sounds import without_ending
from callcenter.asterisk.steps import Node


def run(agi: Agi, node: Node) -> None:
    """Have the sounds here, and say where."""
    notice = node.sounds.joined([one for one in argument(agi, 0).split("&") if one])
    if notice is None or not node.recordings.has_room():
        agi.set_variables({"CC_RECORDING": "later"})
    if notice is not None:
        agi.set_variables({"CC_NOTICE": str(without_ending(notice))})


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
