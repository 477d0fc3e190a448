#!/usr/bin/env python3
"""AGI step `wait`: keep the caller's place in the hotline's queue, and do with him what the service says.

Arguments: called number, arrival (ms since epoch), queue, 1 when he has been answered, 1 when he comes back from the
fallback queue, how the last offer ended: offer id, DIALSTATUS, HANGUPCAUSE, and 1 when the notice that was to be
played to him then was not played to its end.
The dialplan goes on at its label dial or connect (with CC_ENDPOINTS, CC_RING_SECONDS, CC_OFFER), join (with CC_JOIN,
CC_OFFER), pass_on (with CC_NUMBER, CC_STEP), leave or fallback.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.agi_facts import argument, call_facts, is_unclean_name, not_recorded_report, previous_offer
from callcenter.asterisk.instructions import Told
from callcenter.asterisk.line import Line
from callcenter.asterisk.service_client import POLL_SECONDS, Situation
from callcenter.asterisk.service_http import CallerGoneError, Held, RequestRefusedError, ServiceAwayError
from callcenter.asterisk.steps import Node
from callcenter.routing.script import Answer, Ask, CallFacts, Dial, Heard, Join, Leave, PassOn, Play, Say, TakeMessage

ABSENCE_SECONDS: Final = 20.0
"""How long a caller outlasts a service that is away before he goes to the fallback queue."""
COMING_BACK_SECONDS: Final = 1.0
"""The same for one who was in the fallback queue and looks whether the service is back."""
RETRY_SECONDS: Final = 0.25
RING_SECONDS: Final = 0.15
"""A caller who is dialled to an agent within this time hears ringing from that, which saves Asterisk a priority."""


def run(agi: Agi, node: Node) -> None:
    """Go on with a caller who was dialled to an agent, or was in the fallback queue."""
    queue = argument(agi, 2)
    situation = Situation(
        arriving=not queue, answered=argument(agi, 3) == "1", queue=queue, previous=previous_offer(agi)
    )
    stay(agi, node, situation, COMING_BACK_SECONDS if argument(agi, 4) == "1" else ABSENCE_SECONDS)


def stay(agi: Agi, node: Node, situation: Situation, patience_seconds: float) -> None:
    """Ask and do, until the caller is to be connected, gone, or given to the fallback queue.

    `patience_seconds`: how long the service may be away at first; ABSENCE_SECONDS later on.
    """
    facts = call_facts(agi, node.name)
    line = Line(agi, node, facts.call_id, answered=situation.answered, rings=not situation.arriving)
    if line.answered:
        line.fill_silence()
    if is_unclean_name(agi):
        line.hide_name()

    def ring() -> None:
        line.fill_silence()
        if agi.hung_up():
            raise CallerGoneError

    held = Held(agi.watch_fd, RING_SECONDS, ring)
    while not agi.hung_up():
        try:
            poll = partial(node.service.wait, facts, situation, held)
            told = _patiently(poll, agi, line, patience_seconds)
        except CallerGoneError:
            return
        except (RequestRefusedError, ServiceAwayError):
            line.leave("fallback", {})
            return
        patience_seconds = ABSENCE_SECONDS
        line.learn(queue=told.queue, language=told.language)
        way_out = _way_out(told.answer, line)
        if way_out is not None:
            line.leave(*way_out)
            _tell_not_recorded(node, facts, told.answer, line)
            return
        heard = _do(told.answer, line)
        situation = Situation(answered=line.answered, queue=told.queue or situation.queue, heard=heard)


def _patiently(poll: Callable[[], Told], agi: Agi, line: Line, patience_seconds: float) -> Told:
    """One poll; a service that goes away in it is tried again for so long, one that hung all the time is not. Raises as
    ServiceClient.wait does.
    """
    give_up: float | None = None
    while True:
        began = time.monotonic()
        try:
            return poll()
        except ServiceAwayError:
            now = time.monotonic()
            if give_up is None:
                give_up = now + (patience_seconds if now - began < POLL_SECONDS else 0)
            if now >= give_up:
                raise
        line.fill_silence()
        if agi.hung_up_within(RETRY_SECONDS):
            raise CallerGoneError


def _do(answer: Answer, line: Line) -> Heard | None:
    """Do what lets the caller stay in this step; what came of it, if the service is to know."""
    match answer:
        case Say(sounds):
            line.say(sounds)
        case Ask():
            return line.ask(answer)
        case Play():
            return line.play(answer)
        case TakeMessage():
            return line.take_message(answer)
        case _:
            line.fill_silence()
    return None


def _way_out(answer: Answer, line: Line) -> tuple[str, dict[str, str]] | None:
    """At which label the dialplan goes on, with which channel variables; None: the caller stays in this step."""
    match answer:
        case Dial():
            recording = line.recording(answer.recording, answer.notice)
            variables = {
                "CC_ENDPOINTS": "&".join(f"PJSIP/{endpoint}" for endpoint in answer.endpoints),
                "CC_RING_SECONDS": str(answer.ring_seconds),
                "__CC_OFFER": answer.offer_id,
                "CC_LEG_CAUSE": "",
                "CC_STEP": "",
                "CC_FALLBACK": "",
            }
            return "connect" if line.answered or recording["CC_RECORDING"] else "dial", variables | recording
        case Join():
            variables = {
                "CC_JOIN": answer.channel,
                "__CC_OFFER": answer.offer_id,
                "CC_STEP": "",
                "CC_FALLBACK": "",
            }
            return "join", variables | line.recording(answer.recording)
        case PassOn(number, step_id):
            return "pass_on", {"CC_NUMBER": number, "CC_STEP": step_id, "CC_FALLBACK": ""}
        case Leave():
            return "leave", {}
    return None


def _tell_not_recorded(node: Node, facts: CallFacts, answer: Answer, line: Line) -> None:
    """Tell the service that a talk is not recorded as it was told, now that Asterisk was let go."""
    if line.not_recorded and isinstance(answer, Dial | Join):
        report = not_recorded_report(answer.offer_id, answer.recording, line.not_recorded)
        node.service.report("not-recorded", facts.call_id, report)


if __name__ == "__main__":
    from callcenter.asterisk.plain_agi import run_plain

    sys.exit(run_plain(run))
