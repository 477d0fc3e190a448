"""Two replicas of the routing over one real Redis, whose commands go through a gate one at a time.

Which of the waiting commands goes next is the test's choice, so that any interleaving can be walked, and walked again
from its seed. A replica that crashes has its waiting commands thrown away.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis import Redis
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 - as redis calls it

from callcenter.routing.model import QueueEntry
from callcenter.routing.store import LIVE_CHANNEL, read_change
from tests.storage.lines import House

PATIENCE = 50
FAULTS = 0.001
"""How often the connection breaks at a command: half of these took effect."""


@dataclass(slots=True)
class Command:
    """One command that waits to be let through."""

    gate: "Gate"
    run: Callable[[], Any]
    done: asyncio.Future[Any]
    step: dict[str, Any] | None


class GatedPipeline:
    """A pipeline that goes through the gate as one."""

    def __init__(self, gate: "Gate", pipeline: Any) -> None:
        self._gate = gate
        self._pipeline = pipeline

    async def __aenter__(self) -> "GatedPipeline":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipeline.reset()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    async def execute(self) -> Any:
        """All of it."""
        return await self._gate.let_through(self._pipeline.execute)


class Gate:
    """Redis as one replica has it."""

    def __init__(self, turnstile: "Turnstile") -> None:
        self._turnstile = turnstile
        self.is_open = True

    async def let_through(self, run: Callable[[], Any], step: dict[str, Any] | None = None) -> Any:
        """Wait for this command's turn."""
        if not self.is_open:
            raise asyncio.CancelledError
        done = asyncio.get_running_loop().create_future()
        self._turnstile.waiting.append(Command(self, run, done, step))
        return await done

    def register_script(self, text: str) -> Any:
        """A script."""
        script = self._turnstile.redis.register_script(text)
        is_step = "one step of the live queue" in text.lower()

        async def call(args: Any = ()) -> Any:
            step = orjson.loads(args[0]) if is_step else None
            return await self.let_through(lambda: script(args=args), step)

        return call

    def pipeline(self, **how: Any) -> GatedPipeline:
        """A pipeline."""
        return GatedPipeline(self, self._turnstile.redis.pipeline(**how))

    def __getattr__(self, name: str) -> Any:
        command = getattr(self._turnstile.redis, name)

        async def call(*args: Any, **how: Any) -> Any:
            return await self.let_through(lambda: command(*args, **how))

        return call


@dataclass
class Replica:
    """One replica: its gate, its house, what the channel has for it that it has not heard yet, what it is doing."""

    gate: Gate
    house: House
    unheard: deque[str] = field(default_factory=deque)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    known: dict[str, QueueEntry] = field(default_factory=dict)
    """The callers whom its last match left in line, as it knew them, and when that was (ms)."""
    matched_at: int = 0
    matched: dict[str, QueueEntry] = field(default_factory=dict)
    """The callers whom it has paired, as it knew them."""

    def hear(self, count: int) -> None:
        """Hear so many changes of the channel."""
        for _ in range(min(count, len(self.unheard))):
            self.house.routing.hear(read_change(self.unheard.popleft()))


class Turnstile:
    """Lets the replicas' commands through, one at a time."""

    def __init__(
        self, url: str, chance: random.Random, seen: Callable[[Replica, dict[str, Any], list[Any]], None]
    ) -> None:
        """`seen(replica, step, answer)` is told of every step right after it."""
        self.redis: Any = Redis.from_url(url, decode_responses=True)
        self.waiting: list[Command] = []
        self.replicas: list[Replica] = []
        self.may_fail = True
        self._errors: list[BaseException] = []
        self._chance = chance
        self._seen = seen
        self._channel = self.redis.pubsub()  # type: ignore[no-untyped-call]
        self._channel.subscribe(LIVE_CHANNEL)
        self._channel.get_message(timeout=5)

    def close(self) -> None:
        """Done."""
        self._channel.close()
        self.redis.close()

    def begin(self, replica: Replica, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Have a replica do something, beside all else."""
        task = asyncio.get_running_loop().create_task(work)
        replica.tasks.add(task)
        task.add_done_callback(replica.tasks.discard)
        task.add_done_callback(self._see)
        return task

    def _see(self, task: "asyncio.Task[Any]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RedisError):
            self._errors.append(error)

    async def turn(self) -> bool:
        """Let one command through, whichever; False when none waits."""
        for _ in range(4):
            await asyncio.sleep(0)
        for error in self._errors:
            raise error
        if not self.waiting:
            return False
        at = self._chance.randrange(len(self.waiting))
        self.waiting[at], self.waiting[-1] = self.waiting[-1], self.waiting[at]
        command = self.waiting.pop()
        fails = self.may_fail and self._chance.random() < FAULTS
        if fails and self._chance.random() < 0.5:
            command.done.set_exception(ConnectionError())
            return True
        answer = command.run()
        if command.step is not None:
            if answer[3]:
                message = self._channel.get_message(timeout=5)
                assert message, "a change was not told"
                assert message["data"] == answer[3]
                for one in self.replicas:
                    one.unheard.append(answer[3])
            self._seen(self.replica_of(command.gate), command.step, answer)
        if fails:
            command.done.set_exception(ConnectionError())
        else:
            command.done.set_result(answer)
        return True

    def replica_of(self, gate: Gate) -> Replica:
        """Whose gate this is."""
        return next(one for one in self.replicas if one.gate is gate)

    async def finish(self) -> None:
        """Let everything through that waits, and what follows from it."""
        idle = 0
        while idle < PATIENCE:
            idle = 0 if await self.turn() else idle + 1
            if idle and not any(one.tasks for one in self.replicas):
                return
        tasks = [task for one in self.replicas for task in one.tasks]
        raise AssertionError(f"they wait for nothing: {[task.get_stack() for task in tasks]}")

    async def crash(self, replica: Replica) -> None:
        """What this replica was about to do does not happen."""
        replica.gate.is_open = False
        self.replicas.remove(replica)
        for command in [one for one in self.waiting if one.gate is replica.gate]:
            self.waiting.remove(command)
            command.done.cancel()
        for _ in range(PATIENCE):
            await asyncio.sleep(0)
        for task in replica.tasks:
            task.cancel()
        await asyncio.gather(*replica.tasks, return_exceptions=True)
