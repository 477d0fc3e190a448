"""Parts die one at a time while ten calls a second come in on two nodes with two replicas, all real.

After each: calls are routed again within five seconds, every agent is ready again without anybody's help, every call
has one row that says what SIPp and Asterisk's CDRs say, and no phone ever had two calls.

`POSTGRES_AWAY_SECONDS=60 make test ARGS="-s tests/asterisk/test_faults.py"` keeps PostgreSQL away for a minute and
shows how long routing took to come back.
"""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.asterisk.load import (
    CALLS_A_SECOND,
    SETTLE_SECONDS,
    Leg,
    Load,
    Recovery,
    Scene,
    doubled,
    register,
    so_it_is,
    staffed,
    two_agents_at_once,
    two_calls_at_once,
)
from tests.asterisk.sip.driver import Caller
from tests.onebox import RunningHotline, private_hotline

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTGRES_AWAY_SECONDS = float(os.environ.get("POSTGRES_AWAY_SECONDS", "5"))
ROUTED_AGAIN_SECONDS = 5.0
CALLS_AFTERWARDS = 30


@pytest.fixture(scope="module")
def pair() -> Iterator[RunningHotline]:
    """A hotline of two nodes and two replicas."""
    with private_hotline(nodes=2, replicas=2) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(pair: RunningHotline) -> AsyncIterator[Scene]:
    """The same with all its agents ready."""
    async with staffed(pair) as scene:
        yield scene


Hurt = Callable[[Scene, Load], Awaitable[float]]
"""Hurts the hotline; the moment from which calls are to be routed again (seconds since the epoch)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One part that dies under load."""

    name: str
    hurt: Hurt


async def more_calls(load: Load, count: int) -> None:
    """Returns when so many more calls have been placed."""
    before = len(load.placed())
    assert await so_it_is(lambda: len(load.placed()) >= before + count, 30 + 2 * count / CALLS_A_SECOND), (
        "nobody calls any more"
    )


async def nothing(scene: Scene, load: Load) -> float:
    """The base line."""
    return time.time()


def dies(*parts: str, after_calls: int = 10, from_death: bool = True) -> Hurt:
    """The parts die, and are started again after so many more calls."""

    async def hurt(scene: Scene, load: Load) -> float:
        died_at = time.time()
        for part in parts:
            scene.hotline.kill(part)
        await more_calls(load, after_calls)
        await asyncio.gather(*(asyncio.to_thread(scene.hotline.start, part) for part in parts))
        return died_at if from_death else time.time()

    return hurt


async def redis_loses_all(scene: Scene, load: Load) -> float:
    """Redis dies with its disk."""
    scene.hotline.kill("redis")
    shutil.rmtree(scene.hotline.var / "redis")
    await asyncio.to_thread(scene.hotline.start, "redis")
    return time.time()


async def sockets_are_cut(scene: Scene, load: Load) -> float:
    """Every connection between the replicas and the Asterisks, events and requests."""
    at = time.time()
    cut = sum(scene.hotline.cut(part, scene.hotline.box.layout.ari_port) for part in ("serve", "serve2"))
    assert cut >= 2, "there was no socket to cut"
    return at


FAULTS = (
    Fault("nothing", nothing),
    Fault("one replica of two", dies("serve")),
    Fault("both replicas", dies("serve", "serve2", from_death=False)),
    Fault("node host", dies("node2")),
    Fault("Redis, with its data", dies("redis", from_death=False)),
    Fault("Redis, without its data", redis_loses_all),
    Fault(
        f"PostgreSQL for {POSTGRES_AWAY_SECONDS:g} s",
        dies("postgres", after_calls=round(POSTGRES_AWAY_SECONDS * CALLS_A_SECOND)),
    ),
    Fault("ARI sockets", sockets_are_cut),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_part_dies_under_load(scene: Scene, fault: Fault) -> None:
    with scene.load() as load:
        await more_calls(load, 20)
        since = await fault.hurt(scene, load)
        await more_calls(load, CALLS_AFTERWARDS)
        await settled(scene, load)
        rows = await scene.rows(list(load.placed()))
        recovery = Recovery.of(load, scene.legs(load), {row["call_id"]: row["number"] for row in rows}, since)
        tell(fault.name, recovery, load)
        assert recovery.after < ROUTED_AGAIN_SECONDS
        assert recovery.first_waited < ROUTED_AGAIN_SECONDS
        await all_is_told(scene, load)


async def test_a_node_dies_under_load(scene: Scene) -> None:
    """Its calls end, its callers are tasks to ring back, its phones and the trunk's next calls go to the other node."""
    with scene.load() as load:
        await more_calls(load, 20)
        dying = cut_off(scene, load, "asterisk2")
        on_it = set(Load([dying]).heard_ringing()) - set(Load([dying]).over())
        scene.add_stream(load, scene.hotline.facts["nodes"][0]["sip"])
        await register(scene, scene.accounts[1], 0, phone=1)
        await more_calls(load, CALLS_AFTERWARDS)
        await settled(scene, load)
        rows = await scene.rows([*load.placed(), *on_it])
        by_number = {row["number"]: row for row in rows}
        calls = {row["call_id"]: number for number, row in by_number.items()}
        legs = scene.legs(load)
        recovery = Recovery.of(load, legs, calls, load.node_died_at)
        tell("one of two Asterisks", recovery, load)
        assert recovery.after < ROUTED_AGAIN_SECONDS
        assert recovery.first_waited < ROUTED_AGAIN_SECONDS
        await all_is_told(scene, load)
    # their agents had hung up before the node died, which had not passed that on yet
    on_it -= {calls[leg.call_id] for leg in legs if leg.call_id in calls and over_before(leg, load.node_died_at)}
    assert on_it, "nobody was on the node"
    assert on_it <= set(by_number), "a caller of the dead node has no row"
    assert all(by_number[number]["ended_at"] for number in on_it)
    assert on_it <= await scene.ring_backs(), "a caller of the dead node is no task"


def over_before(leg: Leg, moment: float) -> bool:
    """Whether the talk on this leg was over by then."""
    return leg.answered_at is not None and leg.ended_at is not None and leg.ended_at < moment


def cut_off(scene: Scene, load: Load, asterisk: str) -> Caller:
    """The second node dies; nobody calls there any more. Its callers."""
    load.node_died_at = time.time()
    scene.hotline.kill(asterisk)
    dying = load.streams.pop(1)
    dying.freeze()
    load.cut_off.append(dying)
    return dying


async def settled(scene: Scene, load: Load) -> None:
    """All calls are over, everybody is ready, all is written; nobody helps."""
    for stream in load.streams:
        stream.place_no_more()
    for stream in load.streams:
        await asyncio.to_thread(stream.finish, 90)
    assert await scene.floor.all_ready(SETTLE_SECONDS), (
        scene.floor.states(),
        dict(scene.floor.trouble),
        await scene.not_ready(),
    )
    left: dict[str, list[str]] = {}

    async def nothing_left() -> bool:
        nonlocal left
        left = await scene.left_in_redis()
        return not left

    assert await so_it_is(nothing_left, SETTLE_SECONDS), left
    numbers = list(load.placed())
    missing: set[str] = set()

    async def written() -> bool:
        nonlocal missing
        rows = await scene.rows(numbers)
        missing = set(numbers) - {row["number"] for row in rows if row["ended_at"] and row["in_ledger"]}
        return not missing

    assert await so_it_is(written, SETTLE_SECONDS), f"{len(missing)} of {len(numbers)} are not written"


async def all_is_told(scene: Scene, load: Load) -> None:
    """Phones, callers, CDRs and rows tell the same story."""
    legs = scene.legs(load)
    placed = load.placed()
    rows = await scene.rows(list(placed))
    numbers = [row["number"] for row in rows]
    assert not two_calls_at_once(legs), "a phone had two calls at once"
    assert not two_agents_at_once(legs), "a caller spoke with two agents at once"
    assert not doubled(numbers), "a call has two rows"
    assert set(numbers) == set(placed), "a call has no row"
    answered = [leg for leg in legs if leg.answered_at is not None]
    calls = {row["call_id"]: row for row in rows}
    talked = {leg.call_id for leg in answered if leg.call_id in calls}
    by_row = {call_id for call_id, row in calls.items() if row["answered_at"] is not None}
    assert by_row == talked, "a row says another end than the phones"
    assert by_row == set(calls), "a caller was answered by nobody"
    in_cdr = {line["uniqueid"] for line in scene.ledger() if line["src"] in placed}
    assert in_cdr == set(calls), "the CDRs know other calls"
    assert {calls[call_id]["status"] for call_id in calls} == {"answered"}


def tell(name: str, recovery: Recovery, load: Load) -> None:
    """Print the figures of a run (pytest -s shows them)."""
    calls = sum(len(Load([stream]).placed()) for stream in (*load.streams, *load.cut_off))
    print(
        f"\n{name}: routed again after {recovery.after:.2f} s; first later call rang after"
        f" {recovery.first_waited:.2f} s, the last to be rung after {recovery.longest_wait:.2f} s; {calls} calls"
    )
