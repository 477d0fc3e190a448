#!/usr/bin/env python3
"""AGI step `wait`: keep the caller's place in the hotline's queue until there is something to do for him.

Arguments: called number, arrival (ms since epoch), queue, 1 when he hears music, 1 when he comes back from the
fallback queue, and how the last offer ended: offer id, DIALSTATUS, HANGUPCAUSE.
Sets CC_NEXT to dial (with CC_ENDPOINT, CC_RING_SECONDS, CC_OFFER), leave or fallback.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument, call_facts, previous_offer
from callcenter.asterisk.service_client import CallFacts, Instruction, ServiceClient

COMING_BACK_SECONDS = 1.0
"""How long a caller in the fallback queue waits to see whether the service is back."""
MOST_RING_SECONDS = 600


def run(agi: Agi, service: ServiceClient, node: str) -> None:
    """Poll until the caller is to be connected, gone, or given to the fallback queue."""
    poll(agi, service, call_facts(agi, node), argument(agi, 2), {})


def poll(agi: Agi, service: ServiceClient, facts: CallFacts, queue: str, values: dict[str, str]) -> None:
    """The same for known facts; `values` are channel variables that are set on the way."""
    previous = previous_offer(agi)
    music = argument(agi, 3) == "1"
    from_fallback = argument(agi, 4) == "1"
    if music:
        agi.start_music()
    while True:
        step = service.wait(
            facts,
            queue=queue,
            music=music,
            previous=previous,
            watch_fd=agi.watch_fd,
            absence_seconds=COMING_BACK_SECONDS if from_fallback else None,
        )
        from_fallback = False
        if step.do == "music" and not music:
            music = True
            agi.answer()
            agi.set_variables(values | {"CC_MUSIC": "1", "CDR(cc_path)": "music"})
            values = {}
            agi.start_music()
        elif step.do in ("music", "wait"):
            continue
        else:
            _leave_step(agi, step, values)
            return


def _leave_step(agi: Agi, step: Instruction, values: dict[str, str]) -> None:
    """Tell the dialplan where to go. A caller who is gone needs nothing."""
    if step.do == "dial":
        ring_seconds = min(max(step.ring_seconds, 1), MOST_RING_SECONDS)
        agi.set_variables(
            values
            | {
                "CC_NEXT": "dial",
                "CC_ENDPOINT": step.endpoint,
                "CC_RING_SECONDS": str(ring_seconds),
                "__CC_OFFER": step.offer_id,
                "CC_FALLBACK": "",
            }
        )
    elif step.do in ("leave", "fallback"):
        agi.set_variables(values | {"CC_NEXT": step.do})


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
