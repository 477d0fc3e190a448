"""One run: the sections in their order. The hotline first, then, with service and node stopped, its peers."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack

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
        self._carried: list[Carried] = []
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
        if {"calls", "storm"} & set(self._plan.sections):
            await self._peers_sections()
        ours = next((one for one in self._carried if one.phases[0].path == HOTLINE), None)
        return report.Run(
            plan=self._plan,
            began_at=began_at,
            seconds=round(time.monotonic() - began, 1),
            phases=[found for one in self._carried for found in one.phases],
            crowds=self._crowds,
            boards=self._boards,
            storms=self._storms,
            imported=self._imported,
            archive=self._archive,
            pairing=paired,
            idle_ms_a_second={name: round(used, 2) for name, used in ours.idle_ms_a_second.items()} if ours else {},
            memory_mb={when: taken for one in self._carried for when, taken in one.memory_mb.items()},
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
            self._carried.append(await calls.by_hotline(stage, staff))
        if "boards" in plan.sections:
            self._boards = await boards.watch(stage, staff)
        if "storm" in plan.sections:
            self._storms += [await storm.by_hotline(stage, staff, path) for path in (HARDEST, AS_SHIPPED)]
        if "importing" in plan.sections:
            self._imported = await importing.measure(staff.admin, plan.rows, stage.tell)
        if "customers" in plan.sections:
            stage.tell(f"making {plan.customers:,} customers, and what belongs to them")
            self._archive = await customers.measure(stage, staff)

    async def _peers_sections(self) -> None:
        await peers.start(self._hotline, self._plan)
        if "calls" in self._plan.sections:
            await self._peer_calls(DIAL)
            await self._peer_calls(QUEUE)
        if "storm" in self._plan.sections:
            self._storms.append(await storm.by_app_queue(self._stage, QUEUE))
        async with peers.listening(self._hotline, self._plan):
            if "calls" in self._plan.sections:
                await self._peer_calls(QUEUE_AMI)
            if "storm" in self._plan.sections:
                self._storms.append(await storm.by_app_queue(self._stage, QUEUE_AMI))

    async def _peer_calls(self, path: str) -> None:
        stage, plan = self._stage, self._plan
        async with AsyncExitStack() as phones:
            ports = {plan.peer_phone_port, plan.peer_recovering_port} if "storm" in plan.sections else set()
            for port in ports or {plan.peer_phone_port}:
                await phones.enter_async_context(stage.sipp.phones(f"members-{port}", port, plan.ring_ms))
            self._carried.append(await calls.by_peer(stage, path))
