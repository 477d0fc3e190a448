"""What the bench aims at, beside figures that are good, bad or missing."""

from collections.abc import Sequence
from dataclasses import replace

from tests.bench import customers
from tests.bench.crowd import Crowd
from tests.bench.customers import Archive, Asked
from tests.bench.figures import HOTLINE, QUEUE, QUEUE_AMI, Phase, Spread, Verdict
from tests.bench.importing import Imported
from tests.bench.storm import AS_SHIPPED, HARDEST, Storm
from tests.bench.verdicts import Measured, verdicts
from tests.unit.test_bench_figures import a_phase

CROWD = Crowd(
    waiting=200,
    agents=20,
    served=100,
    seconds=10.0,
    cpu_ms_a_call={"asterisk": 5.0, "serve": 5.0},
    to_invite=Spread.of([20.0, 49.0]),
    never_rung=0,
    statuses={200: 100},
    capture_drops=0,
)
STORM = Storm(
    path=AS_SHIPPED,
    waiting=500,
    phones=400,
    filling_cpu_ms=9000,
    filling_seconds=10.0,
    seconds=10.0,
    cpu_ms_a_second={"asterisk": 20.0, "serve": 60.0},
    offers_a_second=40.0,
    statuses={486: 300, 603: 100},
    recovered_ms=12.0,
    capture_drops=0,
)


def met(found: Sequence[Verdict], words: str) -> list[bool | None]:
    """Of the verdicts whose aim has these words."""
    return [one.met for one in found if words in one.aim]


def of_phases(*phases: Phase, rates: Sequence[int] = (10, 20)) -> list[Verdict]:
    return verdicts(Measured(rates=rates, phases=phases))


def test_a_good_run_meets_every_aim() -> None:
    ours = [a_phase(rate=rate, rows=2, cpu_ms_a_call={"asterisk": 7.0, "serve": 12.0}) for rate in (10, 20)]
    theirs = [a_phase(QUEUE_AMI, rate, cpu_ms_a_call={"asterisk": 10.0}) for rate in (10, 20)]
    crowds = {"few": CROWD, "ready": CROWD, "many": CROWD}
    queue = replace(STORM, path=QUEUE, cpu_ms_a_second={"asterisk": 1600.0})
    found = verdicts(
        Measured(
            rates=(10, 20),
            phases=[*ours, *theirs],
            crowds=crowds,
            storms=[STORM, replace(STORM, path=HARDEST), queue],
        )
    )
    assert [one.aim for one in found if not one.met] == []
    assert len(met(found, "Asterisk CPU a call")) == 2
    assert len(met(found, "all together at most")) == 1, "the aim is for 20 and 40 a second"


def test_calls_that_cost_too_much_or_come_late_are_missed() -> None:
    late = Spread.of([151.0])
    ours = a_phase(rate=20, cpu_ms_a_call={"asterisk": 7.6, "serve": 12.5}, to_phone=late)
    found = of_phases(ours, a_phase(QUEUE_AMI, 20, cpu_ms_a_call={"asterisk": 10.0}), rates=(20,))
    assert met(found, "Asterisk CPU a call") == [False]
    assert met(found, "all together at most") == [False]
    assert met(found, "call arrives, agent ready") == [False]


def test_failures_late_cards_and_missing_rows_are_missed() -> None:
    found = of_phases(
        a_phase(rate=10, pop=Spread.of([150.0]), pops_missing=1, rows=1),
        a_phase(rate=20, failures={"not answered": 1}, rows=2),
    )
    for words in ("no failed call", "before that phone's 180", "within 100 ms of the INVITE", "in the call log"):
        assert met(found, words) == [False], words


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {one.met for one in of_phases(a_phase(QUEUE_AMI))} == {None}
    assert met(of_phases(a_phase(HOTLINE, 20)), "Asterisk CPU a call") == [None, None]
    assert verdicts(Measured()) == []


def test_a_line_that_makes_calls_dearer_or_agents_wait_is_missed() -> None:
    many = replace(CROWD, waiting=500, cpu_ms_a_call={"asterisk": 7.0, "serve": 5.5}, never_rung=1)
    slow = replace(CROWD, to_invite=Spread.of([51.0]))
    found = verdicts(Measured(crowds={"few": replace(CROWD, waiting=10), "ready": slow, "many": many}))
    assert [one.met for one in found] == [False, False, False]
    assert "10 -> 500 waiting" in found[1].figure


def test_a_storm_is_measured_against_the_cheaper_app_queue() -> None:
    queue = replace(STORM, path=QUEUE, cpu_ms_a_second={"asterisk": 1500.0})
    listened_to = replace(STORM, path=QUEUE_AMI, cpu_ms_a_second={"asterisk": 3000.0})
    found = verdicts(Measured(storms=[STORM, queue, listened_to]))
    assert met(found, f"{AS_SHIPPED}: CPU") == [False]
    assert met(found, f"{AS_SHIPPED}: the first phone") == [True]
    assert met(found, HARDEST) == [None, None]


def test_a_phone_that_never_rings_again_is_missed() -> None:
    [_, recovered] = [
        one for one in verdicts(Measured(storms=[replace(STORM, recovered_ms=None)])) if AS_SHIPPED in one.aim
    ]
    assert (recovered.met, recovered.figure) == (False, "never")


def an_archive(**p99: float) -> Archive:
    names = {
        "look_up": customers.LOOK_UP,
        "timeline": customers.TIMELINE,
        "saved": customers.WRAPPED_UP,
        "corrected": customers.CORRECTED,
        "unit": "search: unit",
    }
    return Archive(
        customers=5_000_000,
        numbers=8_000_000,
        calls=10_000_000,
        fill_seconds=1.0,
        database_gb=10.0,
        asked={
            names[name]: Asked(spread=Spread(9, 1.0, 1.0, 1.0, most, most), found=1.0) for name, most in p99.items()
        },
        load=1.0,
        like_ms=900.0,
    )


def test_look_ups_timelines_and_outcomes_among_millions_have_their_times() -> None:
    good = verdicts(Measured(archive=an_archive(look_up=19.9, timeline=99.0, saved=49.0, corrected=49.0, unit=3.0)))
    assert [one.met for one in good if one.met is not None] == [True] * 5
    slow = verdicts(Measured(archive=an_archive(look_up=20.1, timeline=101.0, saved=51.0, corrected=51.0, unit=30.0)))
    assert [one.met for one in slow if one.met is not None] == [False] * 5
    assert "5,000,000 customers, 8,000,000 numbers, 10,000,000 calls" in good[0].aim
    assert met(good, "who rings most") == [None], "what was not asked is neither"


def test_a_list_of_customers_comes_in_within_a_minute() -> None:
    seconds = {"upload": 0.1, "read": 3.0, "check": 16.0, "import": 40.0, "undo": 9.0}
    quick = Imported(kind="csv", rows=100_000, megabytes=6.6, seconds=seconds, counts={"new": 71_428, "bad": 14_286})
    slow = replace(quick, kind="xlsx", seconds=seconds | {"read": 4.0})
    nobody = replace(quick, counts={"bad": 100_000})
    assert [one.met for one in verdicts(Measured(imported=[quick, slow, nobody]))] == [True, False, False]
