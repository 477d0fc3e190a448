"""One run: the sections in their order.

In `calls` the hotline and app_queue with its listener take turns. What is compared more roughly comes at the end, with
the hotline stopped.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench import boards, calls, crowd, customers, importing, matching, peers, report, storm
from tests.bench.boards import Boards
from tests.bench.calls import Carried
from tests.bench.crowd import Crowd
from tests.bench.customers import Archive
from tests.bench.figures import DIAL, HOTLINE, QUEUE, QUEUE_AMI
from tests.bench.importing import Imported
from tests.bench.plan import Plan
from tests.bench.private import PrivateHotline, complaints
from tests.bench.staff import Staff, employed
from tests.bench.stage import Stage
from tests.bench.storm import AS_SHIPPED, HARDEST, Storm


class Bench:
    """What is measured, and what was."""

    def __init__(self, plan: Plan, hotline: PrivateHotline, tell: Callable[[str], None]) -> None:
        self._stage = Stage(plan, hotline, tell)
        self._plan = plan
        self._hotline = hotline
        self._carried = Carried()
        self._crowds: dict[str, Crowd] = {}
        self._boards: Boards | None = None
        self._storms: list[Storm] = []
        self._imported: list[Imported] = []
        self._archive: Archive | None = None

    async def run(self, paired: matching.Run | None) -> report.Run:
        """Every section that is asked for. Raises DeskError, SippError and their like."""
        began, began_at = time.monotonic(), report.now()
        versions = report.versions(self._hotline.asterisk("core show version"))
        async with employed(self._stage) as staff:
            await self._stage.settled()
            await self._hotline_sections(staff)
        self._stage.trouble.update(complaints(self._hotline.log))
        self._hotline.stop_software()
        await self._peers_sections()
        return report.Run(
            plan=self._plan,
            began_at=began_at,
            seconds=round(time.monotonic() - began, 1),
            phases=self._carried.phases,
            crowds=self._crowds,
            boards=self._boards,
            storms=self._storms,
            imported=self._imported,
            archive=self._archive,
            pairing=paired,
            idle_ms_a_second=self._carried.idle_ms_a_second.get(HOTLINE, {}),
            memory_mb=self._carried.memory_mb,
            trouble=dict(self._stage.trouble),
            machine=report.machine(),
            versions=versions,
            commit=report.commit(),
        )

    async def _hotline_sections(self, staff: Staff) -> None:
        stage, plan = self._stage, self._plan
        for section, name, waiting in (
            ("waiting", "few", plan.few_waiting),
            ("ready", "ready", plan.ready_waiting),
            ("waiting", "many", plan.many_waiting),
        ):
            if section in plan.sections:
                self._crowds[name] = await crowd.serve(stage, staff, waiting)
        if "calls" in plan.sections:
            await self._calls(staff)
        if "boards" in plan.sections:
            self._boards = await boards.watch(stage, staff)
        if "storm" in plan.sections:
            self._storms += [await storm.by_hotline(stage, staff, path) for path in (HARDEST, AS_SHIPPED)]
        if "importing" in plan.sections:
            self._imported = await importing.measure(staff.admin, plan.rows, stage.tell)
        if "customers" in plan.sections:
            stage.tell(f"making {plan.customers:,} customers, and what belongs to them")
            self._archive = await customers.measure(stage, staff)

    async def _calls(self, staff: Staff) -> None:
        async with AsyncExitStack() as both:
            peer = await both.enter_async_context(peers.listened_to(self._peer_folder, self._plan))
            ours = await both.enter_async_context(calls.by_hotline(self._stage, staff))
            theirs = await both.enter_async_context(calls.by_peer(self._stage.beside(peer), QUEUE_AMI))
            await self._carried.take_turns([ours, theirs], self._plan.rounds)

    async def _peers_sections(self) -> None:
        """Peers that nobody listens to, and those that storm."""
        sections = set(self._plan.sections)
        if {"calls", "storm"} & sections:
            async with peers.running(self._peer_folder, self._plan) as peer:
                stage = self._stage.beside(peer)
                for path in (DIAL, QUEUE) if "calls" in sections else ():
                    async with calls.by_peer(stage, path) as way:
                        await self._carried.take_turns([way], 1)
                if "storm" in sections:
                    self._storms.append(await storm.by_app_queue(stage, QUEUE))
        if "storm" in sections:
            async with peers.listened_to(self._peer_folder, self._plan) as peer:
                self._storms.append(await storm.by_app_queue(self._stage.beside(peer), QUEUE_AMI))

    @property
    def _peer_folder(self) -> Path:
        return self._hotline.folder / "peer"
