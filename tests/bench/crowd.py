"""Sections `ready` and `waiting`: few agents serve a line that never gets shorter.

Callers hear ringing all the while: the apology comes with the last ring that can be set, long after the section. Music
is 50 packets a second for each caller whoever queues him, and would hide what the queue itself costs.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests import desks
from tests.bench.figures import Spread
from tests.bench.readiness import rung, waits_ms
from tests.bench.staff import Staff
from tests.bench.stage import Stage
from tests.desks import DeskError

LAST_APOLOGY_RING = 60
FILL_SECONDS = 90.0
SERVED_A_SECOND_MOST = 15
FREE_SECONDS = 15.0
WARM_SECONDS = 3.0
"""From the line's being full to the first figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What serving a line of so many callers came to. Times in ms."""

    waiting: int
    agents: int
    served: int
    """Phones that were rung in the time looked at."""
    seconds: float
    cpu_ms_a_call: Mapping[str, float]
    """Of each process, with everything that waiting costs left in."""
    to_invite: Spread | None
    """An agent's page makes him ready -> INVITE at his phone."""
    never_rung: int
    statuses: Mapping[int, int]
    capture_drops: int

    @property
    def together_ms(self) -> float:
        """CPU a call of all processes."""
        return sum(self.cpu_ms_a_call.values())


async def serve(stage: Stage, staff: Staff, waiting: int) -> Crowd:
    """Watch agents serve a line of `waiting` callers. Raises DeskError, SippError."""
    plan, floor = stage.plan, staff.floor
    await staff.seat(plan.crowd_agents)
    await staff.set_queues(apology_ring=LAST_APOLOGY_RING)
    stage.tell(f"{waiting} callers in line, {plan.crowd_agents} agents")
    served_most = round(SERVED_A_SECOND_MOST * (plan.seconds + WARM_SECONDS + FILL_SECONDS))
    await floor.become("paused")
    async with (
        stage.sipp.phones("agents", plan.desk_phone_port, plan.ring_ms),
        stage.sipp.line(
            f"line-{waiting}",
            plan.caller_port,
            called=stage.hotline.number,
            numbers=stage.numbers(waiting + served_most),
            at_once=waiting + plan.crowd_agents,
            talk_ms=plan.talk_ms,
            hang_up=stage.hang_up,
        ),
    ):
        await await_line(stage, staff, waiting)
        await floor.become("ready")
        await asyncio.sleep(WARM_SECONDS)
        with stage.watch(f"line-{waiting}", stage.hotline.pids()) as watch:
            await asyncio.sleep(plan.seconds)
    await stage.quiet()
    if not await floor.all_ready(FREE_SECONDS):
        stage.trouble[f"desks not ready after the line: {floor.states()}"] += 1
    found = rung(watch.packets(), {plan.desk_phone_port}, plan.web_port)
    waits, never = waits_ms(found)
    count = max(found.offers, 1)
    return Crowd(
        waiting=waiting,
        agents=plan.crowd_agents,
        served=found.offers,
        seconds=round(watch.load.wall_seconds, 2),
        cpu_ms_a_call={part: round(used / count, 3) for part, used in watch.load.cpu_ms.items()},
        to_invite=Spread.of(waits),
        never_rung=never,
        statuses=found.statuses,
        capture_drops=watch.drops,
    )


async def await_line(stage: Stage, staff: Staff, waiting: int) -> None:
    """Wait until so many callers are in line. Raises DeskError."""
    deadline = time.monotonic() + FILL_SECONDS
    while (there := await desks.callers_in_line(staff.http, staff.url)) < waiting:
        if time.monotonic() > deadline:
            raise DeskError(f"only {there} of {waiting} callers came into line")
        await asyncio.sleep(0.2)
