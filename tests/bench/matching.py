"""How quickly callers and agents are paired: `python -m tests.bench.matching`.

Half of the queues are crowded: callers wait, and each agent who becomes ready is given one. The other half is quiet:
agents wait, and each caller who comes is given one. Both take turns, and the numbers of those who wait stay the same.
What is timed is all that a pair costs, in CPU time: putting the one who comes, the match (and those before that brought
nothing), putting the one who takes his place.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from callcenter.routing.matching import Floor
from callcenter.routing.model import Membership, Need, QueueEntry, QueueRule, ReadyAgent, Strategy
from tests.bench.figures import Verdict, percentile

AGENTS = 10_000
QUEUES = 100
WAITING = 5_000
LEAST_MATCHES_A_SECOND = 5_000
MOST_P99_MS = 2.0
STORM_AGENTS, STORM_WAITING = 400, 500
WARM_UP = 500
MATCHES = 10_000
QUEUES_AN_AGENT = 4
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What pairing costs with so many on the floor; milliseconds are those of one pair."""

    agents: int
    queues: int
    waiting: int
    matches: int
    matches_a_second: float
    p50_ms: float
    p99_ms: float
    most_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What becomes of the median when more wait: `times` as dear, where log allows for `times_log`."""

    waiting_from: int
    waiting_to: int
    times: float
    times_log: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """All phones are declined at once, again and again: what one round costs."""

    agents: int
    waiting: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All figures of a run."""

    speeds: list[Speed]
    growths: list[Growth]
    storm: Storm


class Hall:
    """A floor in its steady state. `waiting` callers wait in the crowded queues, half of the agents in the quiet."""

    def __init__(self, agents: int, queues: int, waiting: int) -> None:
        self._random = Random(waiting)
        strategies = (Strategy.LONGEST_IDLE, Strategy.FEWEST_CALLS, Strategy.ROTATION)
        names = [f"queue{place}" for place in range(queues)]
        self._crowded, self._quiet = names[: queues // 2], names[queues // 2 :]
        self.floor = Floor({name: QueueRule(name, strategies[place % 3]) for place, name in enumerate(names)})
        self._needs = {
            name: (Need("skill", 1 + place % 8, ((MINUTE_MS, place % 4), (3 * MINUTE_MS, 0))),) if place % 2 else ()
            for place, name in enumerate(names)
        }
        self._agents, self._calls, self.now_ms = agents, 0, 100 * MINUTE_MS
        for agent_id in range(agents // 2):
            self.floor.put_agent(self._agent(agent_id, self._quiet))
        for _ in range(waiting):
            self.floor.put_entry(self._caller(self._crowded, self._random.randrange(5 * MINUTE_MS)))
        self.floor.match(self.now_ms)

    def agent_comes(self) -> int:
        """An agent of crowded queues becomes ready. Returns the pairs."""
        self.floor.put_agent(self._agent(self._random.randrange(self._agents // 2, self._agents), self._crowded))
        return self._match()

    def caller_comes(self) -> int:
        """A caller comes to a quiet queue. Returns the pairs."""
        self.floor.put_entry(self._caller(self._quiet))
        return self._match()

    def _match(self) -> int:
        """Pair; another caller takes the place of one of the crowded queues, an agent of the quiet ones comes back."""
        self.now_ms += 20
        pairs = self.floor.match(self.now_ms)
        for pair in pairs:
            if pair.entry.queue_id in self._crowded:
                self.floor.put_entry(self._caller(self._crowded))
            else:
                self.floor.put_agent(self._agent(pair.agents[0].agent_id, self._quiet))
        return len(pairs)

    def _agent(self, agent_id: int, queues: list[str]) -> ReadyAgent:
        random = self._random
        places = random.sample(queues, min(QUEUES_AN_AGENT, len(queues)))
        return ReadyAgent(
            agent_id,
            tuple(
                Membership(queue, 0 if place < 2 else MINUTE_MS, random.randrange(50))
                for place, queue in enumerate(places)
            ),
            self.now_ms,
            random.randrange(50),
            (("skill", random.randrange(1, 11)),),
        )

    def _caller(self, queues: list[str], waited_ms: int = 0) -> QueueEntry:
        random = self._random
        self._calls += 1
        queue = random.choice(queues)
        return QueueEntry(
            f"node1-1763780000.{self._calls}",
            queue,
            self.now_ms - waited_ms,
            random.choice((0, 0, 0, 1, 2)),
            self._needs[queue],
            (random.randrange(self._agents),) if random.random() < 0.2 else (),
        )


def speed(waiting: int, matches: int, agents: int = AGENTS, queues: int = QUEUES) -> Speed:
    """Pair so often, with so many waiting."""
    hall = Hall(agents, queues, waiting)
    turns = (hall.agent_comes, hall.caller_comes)
    for turn in range(WARM_UP):
        turns[turn % 2]()
    took: list[float] = []
    turn, spent = WARM_UP, 0.0
    while len(took) < matches:
        more, pairs = _timed(turns[turn % 2])
        turn += 1
        spent += more
        if pairs:
            took += [spent / pairs] * pairs
            spent = 0.0
    return Speed(
        agents=agents,
        queues=queues,
        waiting=len(hall.floor.entries),
        matches=len(took),
        matches_a_second=round(len(took) / sum(took) * 1000),
        p50_ms=round(percentile(took, 50), 4),
        p99_ms=round(percentile(took, 99), 4),
        most_ms=round(max(took), 3),
    )


def declining(rounds: int) -> Storm:
    """400 phones that decline and 500 callers: all agents come back, all are claimed, all is put back."""
    floor = Floor()
    agents = [ReadyAgent(agent_id, (Membership("service"),), agent_id) for agent_id in range(STORM_AGENTS)]
    for call in range(STORM_WAITING):
        floor.put_entry(QueueEntry(f"node1-1763780000.{call}", "service", call))

    def one_round() -> int:
        for agent in agents:
            floor.put_agent(agent)
        pairs = floor.match(STORM_WAITING)
        for pair in pairs:
            floor.put_entry(pair.entry)
        return len(pairs)

    took = [_timed(one_round)[0] for _ in range(rounds)]
    return Storm(
        agents=STORM_AGENTS,
        waiting=STORM_WAITING,
        p50_ms=round(percentile(took, 50), 2),
        p99_ms=round(percentile(took, 99), 2),
    )


def run(matches: int = MATCHES) -> Run:
    """Everything, in some ten seconds."""
    speeds = [speed(waiting, matches) for waiting in (50, 500, WAITING, 50_000)]
    growths = [
        Growth(
            waiting_from=few.waiting,
            waiting_to=many.waiting,
            times=round(many.p50_ms / few.p50_ms, 2),
            times_log=round(math.log(many.waiting) / math.log(few.waiting), 2),
        )
        for few, many in ((speeds[0], speeds[2]), (speeds[1], speeds[3]))
    ]
    return Run(speeds=speeds, growths=growths, storm=declining(max(10, matches // 100)))


def table(done: Run) -> Table:
    """The figures."""
    storm = done.storm
    table = Table(
        *("waiting", "agents", "queues", "matches/s", "p50 ms", "p99 ms", "most ms"),
        box=SIMPLE_HEAD,
        title="pairing, CPU time of one core",
        caption=f"{storm.agents} phones reject, {storm.waiting} wait: a round costs {storm.p50_ms} ms,"
        f" p99 {storm.p99_ms} ms",
    )
    for one in done.speeds:
        cells = (one.waiting, one.agents, one.queues, one.matches_a_second, one.p50_ms, one.p99_ms, one.most_ms)
        table.add_row(*(f"{cell:,}" for cell in cells))
    return table


def aims(done: Run) -> list[Verdict]:
    """The figures beside what is promised."""
    promised = next(one for one in done.speeds if one.waiting >= WAITING)
    with_so_many = f"with {AGENTS:,} agents, {QUEUES} queues, {WAITING:,} waiting"
    per_second, p99 = promised.matches_a_second, promised.p99_ms
    found = [
        Verdict(
            f"{LEAST_MATCHES_A_SECOND:,} matches/s {with_so_many}",
            per_second >= LEAST_MATCHES_A_SECOND,
            f"{per_second:,} a second",
        ),
        Verdict(f"a match p99 below {MOST_P99_MS} ms {with_so_many}", p99 < MOST_P99_MS, f"p99 {p99} ms"),
    ]
    return found + [
        Verdict(
            f"a match grows no faster than log, {growth.waiting_from:,} to {growth.waiting_to:,} waiting",
            growth.times <= growth.times_log,
            f"{growth.times} times (log {growth.times_log})",
        )
        for growth in done.growths
    ]


def show(done: Run) -> None:
    """Print the figures beside what is promised."""
    console = Console(highlight=False)
    console.print(table(done))
    for verdict in aims(done):
        console.print(f"{'✓' if verdict.met else '✗'} {verdict.aim}: {verdict.figure}")


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    """How much CPU time it took (ms), and what it returned."""
    began = time.thread_time_ns()
    found = work()
    return (time.thread_time_ns() - began) / 1e6, found


def main() -> None:
    """Run and print, as a table or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.matching", description=__doc__)
    parser.add_argument(
        "--matches", type=int, default=MATCHES, help="how many pairs for each number of callers waiting"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    done = run(arguments.matches)
    if arguments.json:
        print(json.dumps(asdict(done), indent=2))
    else:
        show(done)


if __name__ == "__main__":
    main()
