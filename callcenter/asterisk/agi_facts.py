"""What the dialplan tells the AGI scripts, read into facts. Pure; the arguments' order is dialplans/hotline.conf's."""

import re
from typing import Any

from callcenter.asterisk.agi import Agi
from callcenter.clock import now_ms
from callcenter.routing.script import CallFacts, OfferOver, RecordingStart, WhyNotRecorded

LONGEST_NAME = 160
_UNSEEN = re.compile("[\x00-\x1f\x7f\ufffd]")
_NOT_GIVEN = ("", "unknown")
"""How Asterisk writes a number or name that is not there."""
_RESTRICTED_MASK, _RESTRICTED = 0x60, 0x20
"""Presentation bits of ITU-T Q.951: the caller withholds his number."""


def argument(agi: Agi, number: int) -> str:
    """The script's argument `number` (from 0), or nothing."""
    arguments = agi.arguments
    return arguments[number] if number < len(arguments) else ""


def milliseconds(text: str) -> int | None:
    """A time as the dialplan writes it, or None."""
    return int(text) if text.isascii() and text.isdigit() else None


def call_facts(agi: Agi, node: str) -> CallFacts:
    """Who calls whom since when; no number when it is withheld. Arguments 0 and 1: called number, arrival."""
    env = agi.env
    number, name = env.get("agi_callerid", ""), env.get("agi_calleridname", "")
    presentation = milliseconds(env.get("agi_callingpres", "")) or 0
    withheld = number in _NOT_GIVEN or presentation & _RESTRICTED_MASK == _RESTRICTED
    return CallFacts(
        node=node,
        call_id=env.get("agi_uniqueid", ""),
        channel=env.get("agi_channel", ""),
        called=argument(agi, 0),
        caller_number="" if withheld else number,
        caller_name="" if withheld or name in _NOT_GIVEN else _UNSEEN.sub("", name).strip()[:LONGEST_NAME],
        arrived_at_ms=milliseconds(argument(agi, 1)) or now_ms(),
    )


def is_unclean_name(agi: Agi) -> bool:
    """Whether the caller's name holds what no phone can show, or is far too long."""
    name = agi.env.get("agi_calleridname", "")
    return len(name) > LONGEST_NAME or _UNSEEN.search(name) is not None


def previous_offer(agi: Agi) -> OfferOver | None:
    """How the last offer ended. Arguments 5 to 8 of the wait step: offer id, DIALSTATUS, HANGUPCAUSE, 1: notice cut."""
    offer_id, dial_status = argument(agi, 5), argument(agi, 6)
    if not offer_id or not dial_status:
        return None
    cause, cut = milliseconds(argument(agi, 7)) or 0, argument(agi, 8) == "1"
    return OfferOver(offer_id, dial_status, cause, now_ms(), notice_cut=cut)


def ended_report(agi: Agi, facts: CallFacts) -> dict[str, Any]:
    """The body of the `ended` report. Arguments as in agi_scripts/ended.py."""
    ended_at_ms = milliseconds(argument(agi, 2)) or now_ms()
    dial_status, fallback = argument(agi, 4), argument(agi, 8) == "1"
    passed_on = argument(agi, 10) == "1" and dial_status == "ANSWER"
    by_agent = not passed_on and (fallback or dial_status == "ANSWER")
    answered_at_ms = _agent_answered_at_ms(agi, ended_at_ms) if by_agent else None
    talking_ms = 0 if answered_at_ms is None else max(ended_at_ms - answered_at_ms, 0)
    by = argument(agi, 6)
    return {
        "node": facts.node,
        "channel": facts.channel,
        "called": facts.called,
        "caller_number": facts.caller_number or None,
        "caller_name": facts.caller_name,
        "arrived_at_ms": facts.arrived_at_ms,
        "ended_at_ms": ended_at_ms,
        "dial_status": dial_status,
        "cause": milliseconds(argument(agi, 5)) or 0,
        "offer_id": argument(agi, 3),
        "answered_at_ms": answered_at_ms,
        "hung_up_by": by if by in ("agent", "system") else "caller",
        "talking_seconds": talking_ms / 1000,
        "fallback": fallback,
        "passed_on": passed_on,
    }


def callback_report(agi: Agi, node: str) -> tuple[str, dict[str, Any]]:
    """The call id of the entry that is called back, and the body of the `callback-over` report.

    Arguments as in agi_scripts/callback_over.py.
    """
    by = argument(agi, 8)
    return argument(agi, 0), {
        "node": node,
        "channel": agi.env.get("agi_channel", ""),
        "offer_id": argument(agi, 1),
        "number": argument(agi, 2),
        "agent_answered_at_ms": milliseconds(argument(agi, 3)),
        "dialled_at_ms": milliseconds(argument(agi, 4)),
        "dial_status": argument(agi, 6),
        "cause": milliseconds(argument(agi, 7)) or 0,
        "customer_answered_at_ms": milliseconds(argument(agi, 9)),
        "ended_at_ms": milliseconds(argument(agi, 5)) or now_ms(),
        "hung_up_by": by if by in ("customer", "system") else "agent",
    }


def not_recorded_report(offer_id: str, wanted: RecordingStart, why: WhyNotRecorded) -> dict[str, Any]:
    """The body of the `not-recorded` report."""
    return {"offer_id": offer_id, "wanted": wanted, "why": why, "told_at_ms": now_ms()}


def _agent_answered_at_ms(agi: Agi, ended_at_ms: int) -> int | None:
    """When an agent answered. Asterisk's ANSWEREDTIME_MS counts from the answering of the line when that was
    earlier, so that the dialplan takes the moment itself then.
    """
    taken = milliseconds(argument(agi, 9))
    if taken is not None:
        return taken
    answered_ms = milliseconds(argument(agi, 7))
    return None if answered_ms is None else ended_at_ms - answered_ms
