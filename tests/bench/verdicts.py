"""Pure: what is aimed at, beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench import customers, importing, matching
from tests.bench.boards import Boards
from tests.bench.crowd import Crowd
from tests.bench.customers import Archive
from tests.bench.figures import HOTLINE, QUEUE, QUEUE_AMI, Phase, Verdict, ratios
from tests.bench.importing import Imported
from tests.bench.storm import AS_SHIPPED, HARDEST, Storm

ASTERISK_RATIO_MOST = 0.75
TOGETHER_RATIO_MOST = 2.0
TOGETHER_RATES = (20, 40)
TO_PHONE_P99_MOST_MS = 150.0
READY_P99_MOST_MS = 50.0
LINE_RATIO_MOST = 1.2
STORM_TIMES_LEAST = 20.0
SOON_MS = 1000.0
BOARD_P99_MOST_MS = 500.0
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that verdicts are made from. `crowds`: few, ready, many."""

    rates: Sequence[int] = ()
    phases: Sequence[Phase] = ()
    crowds: Mapping[str, Crowd] = field(default_factory=dict)
    boards: Boards | None = None
    storms: Sequence[Storm] = ()
    imported: Sequence[Imported] = ()
    archive: Archive | None = None
    paired: matching.Run | None = None


def verdicts(measured: Measured) -> list[Verdict]:
    """Every aim, the sections in their order; those of sections that were not run are left out."""
    found: list[Verdict] = []
    if measured.phases:
        found += _of_calls(measured)
    if measured.crowds:
        found += _of_lines(measured.crowds)
    if measured.boards:
        found.append(_on_every_board(measured.boards))
    if measured.storms:
        found += _of_storms(measured.storms)
    if measured.imported:
        found += importing.aims(measured.imported)
    if measured.archive:
        found += customers.aims(measured.archive)
    if measured.paired:
        found += matching.aims(measured.paired)
    return found


# -- calls ---------------------------------------------------------------------------------------------


def _of_calls(measured: Measured) -> list[Verdict]:
    phases = measured.phases
    ours = {one.rate: one for one in phases if one.path == HOTLINE}
    most_asterisk, most_together = ASTERISK_RATIO_MOST, TOGETHER_RATIO_MOST
    found = [
        _at_most("Asterisk CPU a call", rate, ratios(phases, rate, "asterisk"), most_asterisk)
        for rate in measured.rates
    ]
    found += [
        _at_most("CPU a call of all together", rate, ratios(phases, rate), most_together)
        for rate in measured.rates
        if rate in TOGETHER_RATES
    ]
    found += [_phone_soon(rate, ours.get(rate)) for rate in measured.rates]
    found += [_no_failure(ours.get(20)), _card_first(list(ours.values())), _card_soon(ours.get(10))]
    return [*found, _all_logged(list(ours.values()))]


def _at_most(what: str, rate: int, found: Sequence[float], most: float) -> Verdict:
    """The median of all rounds is what counts; the others stand beside it."""
    aim = f"{what} at most {most} of {QUEUE_AMI}'s at {rate} calls a second"
    if not found:
        return Verdict(aim, None, NOT_RUN)
    spread = f" ({min(found):.2f} to {max(found):.2f} in {len(found)} rounds)" if len(found) > 1 else ""
    return Verdict(aim, median(found) <= most, f"{median(found):.2f}{spread}")


def _phone_soon(rate: int, one: Phase | None) -> Verdict:
    aim = (
        f"call arrives, agent ready: INVITE at his phone within {TO_PHONE_P99_MOST_MS:.0f} ms (p99) at {rate} a second"
    )
    if one is None or one.to_phone is None:
        return Verdict(aim, None, NOT_RUN)
    return Verdict(aim, one.to_phone.p99 <= TO_PHONE_P99_MOST_MS, f"p99 {one.to_phone.p99:.1f} ms")


def _no_failure(at_20: Phase | None) -> Verdict:
    aim = "no failed call at 20 calls a second"
    if at_20 is None:
        return Verdict(aim, None, NOT_RUN)
    return Verdict(aim, at_20.failed == 0, f"{at_20.failed} of {at_20.calls} failed")


def _card_first(ours: Sequence[Phase]) -> Verdict:
    aim = "screen-pop before that phone's 180, in every call"
    late = sum(one.pops_after_ringing for one in ours)
    missing = sum(one.pops_missing for one in ours)
    leads = [one.pop_lead for one in ours if one.pop_lead]
    if not leads:
        return Verdict(aim, None, "no call rang")
    calls = sum(lead.count for lead in leads)
    return Verdict(aim, late + missing == 0, f"{late} late, {missing} missing, of {calls}")


def _card_soon(at_10: Phase | None) -> Verdict:
    aim = "screen-pop within 100 ms of the INVITE (p95) at 10 calls a second"
    if at_10 is None or at_10.pop is None:
        return Verdict(aim, None, NOT_RUN)
    return Verdict(aim, at_10.pop.p95 <= 100, f"p95 {at_10.pop.p95:.1f} ms")


def _all_logged(ours: Sequence[Phase]) -> Verdict:
    aim = "every answered call in the call log"
    counted = [one for one in ours if one.rows is not None]
    answered = sum(one.to_answer.count if one.to_answer else 0 for one in counted)
    rows = sum(one.rows or 0 for one in counted)
    if not counted:
        return Verdict(aim, None, NOT_RUN)
    return Verdict(aim, rows == answered, f"{rows} rows, {answered} answered")


# -- callers in line -----------------------------------------------------------------------------------


def _of_lines(crowds: Mapping[str, Crowd]) -> list[Verdict]:
    return [_ready_soon(crowds.get("ready")), _line_cheap(crowds.get("few"), crowds.get("many")), _none_left(crowds)]


def _ready_soon(crowd: Crowd | None) -> Verdict:
    waiting = "200" if crowd is None else str(crowd.waiting)
    aim = f"agent ready: INVITE at his phone within {READY_P99_MOST_MS:.0f} ms (p99) with {waiting} waiting"
    if crowd is None or crowd.to_invite is None:
        return Verdict(aim, None, NOT_RUN)
    return Verdict(aim, crowd.to_invite.p99 <= READY_P99_MOST_MS, f"p99 {crowd.to_invite.p99:.1f} ms")


def _line_cheap(few: Crowd | None, many: Crowd | None) -> Verdict:
    aim = f"CPU a call of all together with many waiting at most {LINE_RATIO_MOST} of that with few"
    if few is None or many is None or not few.together_ms:
        return Verdict(aim, None, NOT_RUN)
    times = many.together_ms / few.together_ms
    return Verdict(aim, times <= LINE_RATIO_MOST, f"{times:.2f} ({few.waiting} -> {many.waiting} waiting)")


def _none_left(crowds: Mapping[str, Crowd]) -> Verdict:
    """Nothing stuck: no ready agent and matching caller both left for longer than a second."""
    spreads = [one.to_invite for one in crowds.values() if one.to_invite]
    never = sum(one.never_rung for one in crowds.values())
    longest = max((one.most for one in spreads), default=0.0)
    aim = "no agent ready for longer than 1 s while callers wait"
    return Verdict(aim, longest <= SOON_MS and not never, f"longest {longest:.0f} ms, {never} never rung")


# -- boards --------------------------------------------------------------------------------------------


def _on_every_board(found: Boards) -> Verdict:
    aim = (
        f"a call is on {found.boards} boards within {BOARD_P99_MOST_MS:.0f} ms (p99) at {found.rate} calls a second,"
        " none left out"
    )
    if found.shown is None:
        return Verdict(aim, False, "no call was shown")
    met = found.shown.p99 <= BOARD_P99_MOST_MS and not found.missing
    return Verdict(aim, met, f"p99 {found.shown.p99:.0f} ms, {found.missing} missing")


# -- the storm -----------------------------------------------------------------------------------------


def _of_storms(storms: Sequence[Storm]) -> list[Verdict]:
    by_path = {one.path: one for one in storms}
    found: list[Verdict] = []
    for path in (HARDEST, AS_SHIPPED):
        ours, theirs = by_path.get(path), by_path.get(QUEUE)
        found += [_calm(path, ours, theirs), _recovered(path, ours)]
    return found


def _calm(path: str, ours: Storm | None, theirs: Storm | None) -> Verdict:
    aim = f"storm, {path}: CPU {STORM_TIMES_LEAST:.0f} times below {QUEUE}'s"
    if ours is None or theirs is None or not ours.together_ms:
        return Verdict(aim, None, NOT_RUN)
    times = theirs.together_ms / ours.together_ms
    return Verdict(aim, times >= STORM_TIMES_LEAST, f"{times:.1f} times")


def _recovered(path: str, ours: Storm | None) -> Verdict:
    aim = f"storm, {path}: the first phone that recovers rings within 1 s"
    if ours is None:
        return Verdict(aim, None, NOT_RUN)
    after = ours.recovered_ms
    return Verdict(aim, after is not None and after <= SOON_MS, "never" if after is None else f"{after:.0f} ms")
