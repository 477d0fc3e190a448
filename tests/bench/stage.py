"""What every section stands on: the private hotline, SIPp, callers who have not called yet, and a watch that reads
the wire and the processes' use while something happens.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from callcenter.words import Problem
from tests.asterisk.sip.driver import caller_number
from tests.bench import usage
from tests.bench.capture import Capture, Packet, packets
from tests.bench.figures import Load
from tests.bench.load import Sipp
from tests.bench.plan import Plan
from tests.bench.private import PrivateAsterisk, PrivateHotline

SETTLE_SECONDS = 3.0
"""After the last call's end: the ledger is shipped every two seconds, then written."""
QUIET_SECONDS = 60.0
CALM_MS_A_SECOND = 60.0


class Stage:
    """One run's ground. Calls go to the hotline's Asterisk, or to that of `peer`."""

    def __init__(
        self, plan: Plan, hotline: PrivateHotline, tell: Callable[[str], None], peer: PrivateAsterisk | None = None
    ) -> None:
        self.plan = plan
        self.hotline = hotline
        self.called: PrivateHotline | PrivateAsterisk = peer or hotline
        self.tell = tell
        self.sipp = Sipp(hotline.folder / "sipp", self.called.sip_port)
        self.trouble: Counter[str] = Counter()
        self._placed = 0

    def beside(self, peer: PrivateAsterisk) -> "Stage":
        """The ground on which a peer is measured."""
        stage = Stage(self.plan, self.hotline, self.tell, peer)
        stage.trouble = self.trouble
        return stage

    def numbers(self, count: int) -> list[str]:
        """So many callers who have not called yet."""
        first, self._placed = self._placed, self._placed + count
        return [caller_number(place) for place in range(first, self._placed)]

    async def place(self, name: str, called: str, numbers: Sequence[str], rate: int) -> None:
        """These callers call, `rate` a second; returns after the end of the last call."""
        port, talk_ms = self.plan.caller_port, self.plan.talk_ms
        await self.sipp.call(name, port, called=called, numbers=numbers, rate=rate, talk_ms=talk_ms)

    async def idle_use(self, pids: Mapping[str, int]) -> dict[str, float]:
        """CPU ms a second of each process, with no call."""
        before = usage.cpu_ms(pids)
        await asyncio.sleep(self.plan.idle_seconds)
        after = usage.cpu_ms(pids)
        return {part: (after[part] - before[part]) / self.plan.idle_seconds for part in pids}

    async def settled(self) -> None:
        """Wait until the service has done what it does once after its first start: it speaks all prompts."""
        pids, deadline = self.hotline.pids(), time.monotonic() + QUIET_SECONDS
        used = usage.cpu_ms(pids)["serve"]
        while time.monotonic() < deadline:
            await asyncio.sleep(1)
            before, used = used, usage.cpu_ms(pids)["serve"]
            if used - before < CALM_MS_A_SECOND:
                return
        self.trouble["the service did not come to rest after its start"] += 1

    def watch(self, name: str, pids: Mapping[str, int]) -> "Watch":
        """A watch over these processes and the wire, for a `with` block."""
        return Watch(self, name, pids)

    def hang_up(self) -> None:
        """End every call on the Asterisk that is called."""
        self.called.asterisk("channel request hangup all")

    async def quiet(self) -> None:
        """Wait until that Asterisk has no call any more. Raises Problem after QUIET_SECONDS."""
        deadline = time.monotonic() + QUIET_SECONDS
        while "\n0 active channels" not in f"\n{self.called.asterisk('core show channels count')}":
            if time.monotonic() > deadline:
                raise Problem("calls of the last section do not end", "上一部分的通话没有结束")
            self.hang_up()
            await asyncio.sleep(0.5)


class Watch:
    """What went over the wire and what was used inside its `with` block; its figures are there afterwards."""

    def __init__(self, stage: Stage, name: str, pids: Mapping[str, int]) -> None:
        self._stage = stage
        self._pids = pids
        plan = stage.plan
        self._capture = Capture(stage.hotline.folder / f"{name}.pcap", stage.called.sip_port, plan.web_port)
        self.drops = 0
        """Packets that the capture has missed."""
        self.load = Load(wall_seconds=0, cpu_ms={}, idle_ms_a_second={}, machine_cpu_ms=0)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._machine, self._used = usage.machine_cpu_ms(), usage.cpu_ms(self._pids)
        return self

    def __exit__(self, *_error: object) -> None:
        after = usage.cpu_ms(self._pids)
        self.load = Load(
            wall_seconds=time.monotonic() - self._began,
            cpu_ms={part: after[part] - self._used[part] for part in self._pids},
            idle_ms_a_second={},
            machine_cpu_ms=usage.machine_cpu_ms() - self._machine,
        )
        self.drops = self._capture.stop()
        if dead := self._stage.called.dead():
            raise Problem(f"{', '.join(dead)} ended during the run", f"{'、'.join(dead)} 在测试中退出")

    def packets(self) -> list[Packet]:
        """What went over the wire."""
        return list(packets(self._capture.file.read_bytes()))
