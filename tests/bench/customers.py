"""Section `customers`: callers looked up, customers searched, timelines read and outcomes saved among millions.

`customers_data` fills the database. What is asked goes through the service's own functions on connections of its pool,
without HTTP. Outcomes are saved over HTTP: by agents in wrap-up after calls through Asterisk, and by one person who
corrects what was saved. Beside the look-up stands what `number like '%…%'` costs, as general CRMs look numbers up.
"""

import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from callcenter.calls import store as calls_store
from callcenter.calls.caller import CallerLookup
from callcenter.clock import now_ms
from callcenter.customers.service import Customers
from callcenter.customers.timeline import EntryKind, Timeline
from callcenter.db.pool import Pool, create_pool
from callcenter.events import Kind, event_at
from callcenter.settings import Settings
from callcenter.staff.model import Actor
from tests.bench import customers_data
from tests.bench.customers_data import REGULARS, Size, mobile_sql
from tests.bench.figures import Spread, Verdict
from tests.bench.staff import Staff
from tests.bench.stage import Stage
from tests.desks import Person
from tests.waiting import until

LOOK_UP_P99_MS: Final = 20.0
TIMELINE_P99_MS: Final = 100.0
OUTCOME_P99_MS: Final = 50.0
FULL: Final = customers_data.FULL
BENCH: Final = Actor(None, "bench", "127.0.0.1")
PAGE: Final = 30
FOUND: Final = 25
"""As many as a page of a search shows."""
ROW_SECONDS: Final = 20.0
"""How long a corrected outcome may take until its row has it."""
NOT_COUNTED: Final = 20
"""The first outcomes."""
WRAPUP_AGENTS: Final = 20
WRAPUP_RATE: Final = 5
"""Calls a second."""
FREE_SECONDS: Final = 15.0
LOOK_UP, CARD, TIMELINE, BUSY, NEXT_PAGE, CALLS_ALONE, WRAPPED_UP, CORRECTED, WRITTEN = (
    "look-up: candidates",
    "look-up: whole card",
    "timeline",
    "timeline of who rings most",
    "timeline, next page",
    "timeline, calls alone",
    "outcome saved in wrap-up",
    "outcome corrected",
    "corrected outcome in its row",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Something that was asked often: how long it took (ms), and what share of it found anything."""

    spread: Spread
    found: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What an archive of this size came to."""

    customers: int
    numbers: int
    calls: int
    fill_seconds: float
    database_gb: float
    asked: Mapping[str, Asked]
    load: float
    """Of the machine while it was asked: how many wanted a core, for each core there is."""
    like_ms: float
    """The median of `number like '%…%'`."""


async def measure(stage: Stage, staff: Staff, *, fill: bool = True) -> Archive:
    """Fill the database and ask: each question so often as is planned. Raises DeskError, SippError, TimeoutError."""
    url, size, times = stage.hotline.database_url, Size.of(stage.plan.customers), stage.plan.questions
    seconds = await customers_data.fill(url, size, stage.tell) if fill else 0.0
    settings = Settings(database_url=url)
    pool, by_index = await create_pool(settings), await create_pool(settings, by_index=True)
    try:
        found = _Asking(pool, by_index, size, times, stage.tell)
        await found.everything()
        found.keep(WRAPPED_UP, await _saved_in_wrapup(stage, staff, times // 10 + NOT_COUNTED))
        await found.corrections(staff.admin)
        gigabytes = await pool.fetchval("select pg_database_size(current_database()) / 1e9")
        return Archive(
            customers=size.customers,
            numbers=size.numbers,
            calls=size.calls,
            fill_seconds=seconds,
            database_gb=round(float(gigabytes), 1),
            asked=found.asked,
            load=round(os.getloadavg()[0] / len(os.sched_getaffinity(0)), 1),
            like_ms=await found.like(),
        )
    finally:
        await by_index.close()
        await pool.close()


async def _saved_in_wrapup(stage: Stage, staff: Staff, calls: int) -> list[float]:
    """Agents talk with so many callers, and save as each wrap-up begins; how long that took (ms)."""
    floor = staff.floor
    stage.tell(f"{calls} calls, whose agents save in wrap-up")
    await staff.set_queues()
    await staff.seat(WRAPUP_AGENTS)
    async with stage.sipp.phones("agents", stage.plan.desk_phone_port, stage.plan.ring_ms):
        await floor.become("ready")
        before = len(floor.saved)
        await stage.place("outcomes", stage.hotline.number, stage.numbers(calls), WRAPUP_RATE)
        if not await floor.all_ready(FREE_SECONDS):
            stage.trouble[f"desks not ready after their calls: {floor.states()}"] += 1
    return floor.saved[before + NOT_COUNTED :]


class _Asking:
    """The questions, one after another, and how long each took."""

    def __init__(self, pool: Pool, by_index: Pool, size: Size, times: int, tell: Callable[[str], None]) -> None:
        """`by_index`: what a call asks, as in the service."""
        self._pool, self._size, self._times, self._tell = pool, size, times, tell
        self._random = Random(5)
        self._customers = Customers(pool, look_ups=by_index)
        self._callers = CallerLookup(by_index, self._customers, lambda _: False, "CN")
        self._timeline = Timeline(pool)
        self.asked: dict[str, Asked] = {}

    async def everything(self) -> None:
        """All that is read."""
        numbers = await self._numbers(self._times + 50)
        await self._ask(LOOK_UP, numbers, self._customers.candidates)
        await self._ask(CARD, numbers, self._card)
        for kind, texts in (await self._texts()).items():
            await self._ask(f"search: {kind}", texts, self._search)
        ids = [self._random.randint(1, self._size.customers) for _ in range(self._times + 50)]
        busy = [1 + place % REGULARS for place in range(self._times // 4 + 50)]
        await self._ask(TIMELINE, ids, self._page)
        await self._ask(BUSY, busy, self._page)
        await self._ask(NEXT_PAGE, [await self._cursor(one) for one in busy], self._next_page)
        await self._ask(CALLS_ALONE, ids, self._calls)

    async def _ask(self, name: str, subjects: Sequence[Any], ask: Callable[[Any], Awaitable[Any]]) -> None:
        """The first fifty are not counted: each connection has prepared its statements then."""
        took, found = list[float](), 0
        for place, subject in enumerate(subjects):
            with _timed(took if place >= 50 else []):
                answer = await ask(subject)
            found += bool(answer) and place >= 50
        self.keep(name, took, found)

    def keep(self, name: str, took: Sequence[float], found: int | None = None) -> None:
        """What a question took (ms), and how often there was something; None: always."""
        spread = Spread.of(took)
        found = len(took) if found is None else found
        if spread is not None:
            self.asked[name] = Asked(spread=spread, found=round(found / len(took), 3))
            self._tell(f"{name}: p50 {spread.p50} ms, p99 {spread.p99} ms, {found} of {len(took)} found something")

    async def _numbers(self, count: int) -> list[str]:
        """Numbers of customers, any of theirs; one in twenty is nobody's."""
        ids = [self._random.randint(1, self._size.customers) for _ in range(count)]
        found = await self._pool.fetch(
            "select distinct on (customer_id) number from customer_numbers where customer_id = any($1)"
            " order by customer_id, random()",
            ids,
        )
        numbers = [str(row["number"]) for row in found]
        self._random.shuffle(numbers)
        return [f"+8617{number[-9:]}" if place % 20 == 0 else number for place, number in enumerate(numbers)]

    async def _texts(self) -> dict[str, list[str]]:
        """What clerks type, of customers who are there."""
        rows = await self._pool.fetch(
            f"""select name, initials, company_or_project as place, unit_or_address as unit,
                {mobile_sql("customer_id")} as number,
                'HT' || to_char(created_at, 'YYYY') || '-' || lpad((customer_id / 5 * 5)::text, 7, '0') as contract
            from customers where customer_id = any($1)""",
            [self._random.randint(1, self._size.customers) for _ in range(self._times // 4 + 50)],
        )
        return {
            "name": [row["name"] for row in rows],
            "part of a name": [row["name"][-2:] for row in rows],
            "surname": [row["name"][0] for row in rows],
            "initials": [row["initials"] for row in rows],
            "community and name": [row["place"] for row in rows],
            "unit": [row["unit"] for row in rows],
            "whole number": [row["number"] for row in rows],
            "number's start": [row["number"][3:10] for row in rows],
            "number's middle": [row["number"][7:12] for row in rows],
            "number's end": [row["number"][-5:] for row in rows],
            "contract": [row["contract"] for row in rows],
            "nothing that is there": [f"{row['name'][0]}龘{row['unit']}" for row in rows],
        }

    async def _card(self, number: str) -> bool:
        return bool((await self._callers.card(number, ""))["customers"])

    async def _search(self, text: str) -> bool:
        return bool(await self._customers.list_customers(BENCH, text=text, limit=FOUND))

    async def _page(self, customer_id: int, *kinds: EntryKind, cursor: str = "") -> list[Any]:
        page, _ = await self._timeline.page(BENCH, customer_id, kinds=frozenset(kinds), cursor=cursor, limit=PAGE)
        return list(page)

    async def _calls(self, customer_id: int) -> list[Any]:
        return await self._page(customer_id, EntryKind.CALL)

    async def _cursor(self, customer_id: int) -> tuple[int, str]:
        _, following = await self._timeline.page(BENCH, customer_id, kinds=frozenset(), cursor="", limit=PAGE)
        return customer_id, following or ""

    async def _next_page(self, where: tuple[int, str]) -> list[Any]:
        return await self._page(where[0], cursor=where[1])

    async def corrections(self, person: Person) -> None:
        """Correct outcomes of calls that are over; the answer counts, and when the row in `calls` has it."""
        ids = await self._calls_of_today(self._times // 5 + NOT_COUNTED)
        saved, written = list[float](), list[float]()
        for place, call_id in enumerate(ids):
            body = {"call_type": "enquiry", "notes": f"第 {place} 次：问物业费，已告知。", "next_step": "none"}
            counted = place >= NOT_COUNTED
            began = time.perf_counter()
            with _timed(saved if counted else []):
                await person.ask("PUT", f"/calls/{call_id}/outcome", body)
            await self._in_row(call_id, body["notes"])
            if counted:
                written.append((time.perf_counter() - began) * 1000)
        self.keep(CORRECTED, saved)
        self.keep(WRITTEN, written)

    async def _calls_of_today(self, count: int) -> list[str]:
        """Answered calls with their facts, from which their rows are made."""
        now = now_ms()
        ids = [f"node1-{now // 1000 - 600}.{900_000 + place}" for place in range(count)]
        facts = [
            event_at(call_id, kind, now - 600_000 + at_ms, **body)
            for call_id in ids
            for kind, at_ms, body in (
                (Kind.ARRIVED, 0, {"node": "node1", "caller_number": "+8613800138000"}),
                (Kind.ENDED, 60_000, {"hung_up_by": "caller"}),
            )
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await calls_store.add_events(connection, facts)
            await connection.execute(
                "insert into calls (call_id, node, status, arrived_at)"
                " select id, 'node1', 'answered', now() from unnest($1::text[]) as id",
                ids,
            )
        return ids

    async def _in_row(self, call_id: str, notes: str) -> None:
        async def is_there() -> bool:
            return bool(await self._pool.fetchval("select notes = $2 from calls where call_id = $1", call_id, notes))

        await until(is_there, "the outcome is in its row", ROW_SECONDS)

    async def like(self) -> float:
        """How a look-up by a part of the number reads the whole table, as general CRMs have it. Median, ms."""
        took: list[float] = []
        for number in await self._numbers(3):
            with _timed(took):
                await self._pool.fetch(
                    "select c.* from customers c join customer_numbers n using (customer_id)"
                    " where n.number like '%' || $1 || '%' order by c.updated_at desc limit 20",
                    number[-8:],
                    timeout=300,
                )
        return round(sorted(took)[len(took) // 2], 1)


@contextlib.contextmanager
def _timed(took: list[float]) -> Iterator[None]:
    """Append how long the block took (ms)."""
    began = time.perf_counter()
    yield
    took.append((time.perf_counter() - began) * 1000)


def table(done: Archive) -> Table:
    """The figures."""
    look_up = done.asked[LOOK_UP].spread.p50
    shown = Table(
        box=SIMPLE_HEAD,
        title=f"{done.customers:,} customers, {done.numbers:,} numbers, {done.calls:,} calls: {done.database_gb} GB,"
        f" made in {done.fill_seconds:.0f} s; times in ms",
        caption=f"number like '%…%', as general CRMs look a number up: {done.like_ms:,.0f} ms,"
        f" {done.like_ms / max(look_up, 0.001):,.0f} times the look-up's median; {done.load:.1f} wanted each core",
    )
    shown.add_column("asked", no_wrap=True)
    for name in ("times", "p50", "p95", "p99", "most", "found"):
        shown.add_column(name, justify="right")
    for name, one in done.asked.items():
        spread = one.spread
        cells = (f"{value:.1f}" for value in (spread.p50, spread.p95, spread.p99, spread.most))
        shown.add_row(name, str(spread.count), *cells, f"{one.found:.0%}")
    return shown


def aims(done: Archive) -> list[Verdict]:
    """The figures beside what is promised."""
    among = f"among {done.customers:,} customers, {done.numbers:,} numbers, {done.calls:,} calls"
    searches = {name: one for name, one in done.asked.items() if name.startswith("search")}
    slowest = max(searches, key=lambda name: searches[name].spread.p99, default="")
    wanted = [
        ("a caller is looked up", LOOK_UP, LOOK_UP_P99_MS),
        ("the card of a caller", CARD, LOOK_UP_P99_MS),
        ("every search", slowest, LOOK_UP_P99_MS),
        ("a customer's timeline", TIMELINE, TIMELINE_P99_MS),
        ("the timeline of who rings most", BUSY, TIMELINE_P99_MS),
        ("an agent's outcome is saved in wrap-up", WRAPPED_UP, OUTCOME_P99_MS),
        ("an outcome is corrected", CORRECTED, OUTCOME_P99_MS),
    ]
    return [
        _below(f"{what} within {most:.0f} ms (p99) {among}", done.asked.get(name), most) for what, name, most in wanted
    ]


def _below(aim: str, one: Asked | None, most: float) -> Verdict:
    if one is None:
        return Verdict(aim, None, "not run")
    return Verdict(aim, one.spread.p99 < most, f"p99 {one.spread.p99:.1f} ms")
