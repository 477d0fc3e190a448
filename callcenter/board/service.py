"""The live board: kept up to date from the live queue's changes and from what has been written, shown to every page.

Each replica keeps one board, whether anybody looks or not: alarms and Prometheus read it too. While a page is open it
is renewed within 0.2 s of a change, else every two seconds. What a change may have missed is healed by reading anew.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import structlog
from aiohttp import WSMsgType, web
from redis.exceptions import RedisError

from callcenter.board.day import Day, quarter_row
from callcenter.board.model import (
    QUARTER_MS,
    AgentDayRow,
    AlarmRow,
    Board,
    QuarterRow,
    Table,
    with_hidden_numbers,
)
from callcenter.board.picture import Picture, agent_row, call_row, general_row, place_of, queue_row
from callcenter.board.store import Targets, read_agent_days, read_quarters
from callcenter.clock import milliseconds, moment
from callcenter.customers.model import display_of
from callcenter.db.pool import AWAY, Pool
from callcenter.events import WRITTEN_CHANNEL
from callcenter.routing.plan import Plan
from callcenter.routing.store import Change, LiveAgent, LiveCall, LiveQueue

log = structlog.get_logger(__name__)

WATCHED_SECONDS = 0.2
"""Changes that come together are shown as one event."""
UNWATCHED_SECONDS = 2.0
"""How much later than that while no page is open."""
LOOK_SECONDS = 1.0
"""Nodes and alarms are looked at this often, changes or not."""
LIVE_ANEW_SECONDS = 60.0
FIGURES_ANEW_SECONDS = 10.0
"""A writer that died between writing and telling leaves figures of before; the last two quarters are counted again."""
DAY_ANEW_SECONDS = 600.0
UNWATCHED_FIGURES_SECONDS = 5.0
"""While no page is open, the day is counted this often, and no agent's."""
COUNT_SECONDS = 5.0
"""PostgreSQL is given this long for a count."""
FIGURES_SHARE = 0.1
"""Counting takes no more than this share of the time, however many calls there are."""
MOST_UNSENT = 100
"""A page that is so many events behind is let go; it comes back for a new snapshot."""
TOO_SLOW = 1013


@dataclass(slots=True)
class _Dirty:
    """What has changed in the live queue since it was last read."""

    calls: set[str] = field(default_factory=set)
    agents: set[int] = field(default_factory=set)
    all: bool = True


@dataclass(slots=True)
class _DirtyDay:
    """What has been written since the day was last counted."""

    quarters: set[int] = field(default_factory=set)
    agents: set[int] = field(default_factory=set)
    all: bool = True


class _Page:
    """One open board. What is not sent yet waits, in order."""

    def __init__(self, socket: web.WebSocketResponse, sees_numbers: Callable[[], bool]) -> None:
        self._socket = socket
        self.sees_numbers = sees_numbers
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MOST_UNSENT)
        self.too_slow = False

    def say(self, text: str) -> None:
        """Send it when its turn comes."""
        try:
            self._unsent.put_nowait(text)
        except asyncio.QueueFull:
            self.too_slow = True

    async def write(self) -> None:
        """Send until the page is gone, or can't follow."""
        try:
            while not self.too_slow:
                await self._socket.send_str(await self._unsent.get())
            await self._socket.close(code=TOO_SLOW)
        except (ConnectionError, RuntimeError):
            log.debug("board gone")


class Boards:
    """Keeps the board and its open pages."""

    def __init__(
        self,
        live: LiveQueue,
        pool: Pool,
        plan: Callable[[], Plan],
        clock: Callable[[], int],
        *,
        nodes: Callable[[], Mapping[str, bool]],
        listeners: Callable[[], Awaitable[Mapping[int, str]]],
        alarms: Callable[[], Awaitable[Mapping[str, AlarmRow]]],
        zone: ZoneInfo,
        country: str,
    ) -> None:
        """`nodes()`: whether each Asterisk serves calls; `listeners()`: agent -> who listens to him; `alarms()`: those
        that are open.
        """
        self._live = live
        self._pool = pool
        self._plan = plan
        self._clock = clock
        self._nodes = nodes
        self._listeners = listeners
        self._alarms = alarms
        self._zone = zone
        self._country = country
        self._picture = Picture()
        self._dirty = _Dirty()
        self._dirty_day = _DirtyDay()
        self._counted_day = 0
        self._changed = asyncio.Event()
        self._written = asyncio.Event()
        self._watched = asyncio.Event()
        """Set while a page is open."""
        self._renewing = asyncio.Lock()
        self._counting = asyncio.Lock()
        self._pages: set[_Page] = set()
        self._seq = 0
        self._shown_plan: Plan | None = None
        self._day = Day([])
        self._due: dict[str, float] = {}
        self._read_at = -UNWATCHED_SECONDS
        """When the live part was read last (s of the loop)."""

    @property
    def last(self) -> Board:
        """The board as it was last renewed; not to be changed."""
        return self._picture.board

    async def look(self) -> Board:
        """The board; its live part as it is now."""
        await self.renew()
        return self._picture.board

    async def recent(self) -> Board:
        """The board; while no page shows it, its live part as it was up to `UNWATCHED_SECONDS` ago."""
        if self._pages or asyncio.get_running_loop().time() - self._read_at > UNWATCHED_SECONDS:
            await self.renew()
        return self._picture.board

    # -- what is heard ---------------------------------------------------------------------------------

    def hear(self, change: Change) -> None:
        """A change of the live queue that some replica has made."""
        if change.call_id:
            self._dirty.calls.add(change.call_id)
        self._dirty.agents.update(agent.agent_id for agent in change.agents)
        self._changed.set()

    def look_anew(self) -> None:
        """Changes of the live queue may have been missed."""
        self._dirty.all = True
        self._changed.set()

    async def listen(self) -> None:
        """Follow what is written to PostgreSQL, until cancelled."""
        while True:
            try:
                async with self._live.redis.pubsub() as pubsub:
                    await pubsub.subscribe(WRITTEN_CHANNEL)
                    async for message in pubsub.listen():
                        self._hear_written(message)
            except RedisError:
                log.warning("what is written is not heard")
            except Exception:
                log.exception("what is written is not followed")
            await asyncio.sleep(0.5)

    def _hear_written(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "subscribe":  # at the start, and whenever the connection was made again
            self._dirty_day.all = True
        else:
            told = orjson.loads(message["data"])
            self._dirty_day.quarters.update(at // QUARTER_MS * QUARTER_MS for at in told["arrived"])
            self._dirty_day.agents.update(told["agents"])
        self._written.set()

    # -- keeping it true -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the board up to date until cancelled: its live part and its figures, neither of which waits for the
        other.
        """
        await asyncio.gather(self._keep_live(), self._keep_counted())

    async def _keep_live(self) -> None:
        while True:
            await _within(LOOK_SECONDS, self._changed)
            await asyncio.sleep(WATCHED_SECONDS)
            await _within(UNWATCHED_SECONDS, self._watched)
            try:
                await self.renew()
            except Exception:
                log.exception("board not renewed")

    async def _keep_counted(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._written.clear()
            began = loop.time()
            await self.count(agents_too=bool(self._pages))
            pause = (loop.time() - began) / FIGURES_SHARE
            await asyncio.sleep(min(max(pause, WATCHED_SECONDS), FIGURES_ANEW_SECONDS))
            await _within(UNWATCHED_FIGURES_SECONDS, self._watched)
            await _within(FIGURES_ANEW_SECONDS, self._written)

    async def renew(self) -> None:
        """Bring the live part up to date, and tell the pages. What can't be read stays as it was, and is read later."""
        async with self._renewing:
            self._changed.clear()
            if self._is_due("live", LIVE_ANEW_SECONDS):
                self._dirty.all = True
            plan = self._plan()
            self._take_plan(plan)
            try:
                await self._take_live(plan)
            except (RedisError, TimeoutError) as error:
                log.warning("board's live part not read", error=type(error).__name__)
            self._picture.only("nodes", {name: {"up": up} for name, up in self._nodes().items()})
            self._show()

    async def count(self, *, agents_too: bool) -> None:
        """Bring the day's figures up to date. What can't be counted stays as it was, and is counted later."""
        async with self._counting:
            plan = self._plan()
            self._count_anew_at_times()
            dirty, self._dirty_day = self._dirty_day, _DirtyDay(all=False)
            try:
                async with asyncio.timeout(COUNT_SECONDS):
                    await self._count_calls(plan, dirty)
                    if agents_too:
                        await self._count_agents(plan, dirty)
                    else:
                        self._dirty_day.agents |= set(plan.people) if dirty.all else dirty.agents
            except (asyncpg.PostgresError, *AWAY) as error:
                log.warning("board's figures not counted", error=type(error).__name__)
                self._dirty_day.all = True
            except Exception:
                log.exception("board's figures not counted")
                self._dirty_day.all = True
            self._show()

    def _count_anew_at_times(self) -> None:
        quarter = self._clock() // QUARTER_MS * QUARTER_MS
        if self._is_due("figures", FIGURES_ANEW_SECONDS):
            self._dirty_day.quarters |= {quarter - QUARTER_MS, quarter}
        if self._is_due("day", DAY_ANEW_SECONDS) or self.day_began_at() != self._counted_day:
            self._dirty_day.all = True

    def _is_due(self, what: str, seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + seconds
        return True

    def day_began_at(self, days_ago: int = 0) -> int:
        """When the department's day began (ms)."""
        today = moment(self._clock()).astimezone(self._zone)
        day = (today - timedelta(days=days_ago)).replace(hour=0, minute=0, second=0, microsecond=0)
        return milliseconds(day)

    def _take_plan(self, plan: Plan) -> None:
        self._picture.put("general", "general", general_row(plan, self.day_began_at()))
        if plan is self._shown_plan:
            return
        self._shown_plan = plan
        self._dirty.all = self._dirty_day.all = True
        self._written.set()
        queues = plan.configuration.queues
        self._picture.only("queues", {one.queue_id: queue_row(one, place) for place, one in enumerate(queues)})

    async def _take_live(self, plan: Plan) -> None:
        dirty, self._dirty = self._dirty, _Dirty(all=False)
        began = asyncio.get_running_loop().time()
        try:
            await self._read_live(plan, dirty)
            self._read_at = began
        except BaseException:  # who asks for a board may not wait for it to the end
            self._dirty.all = True
            raise

    async def _read_live(self, plan: Plan, dirty: _Dirty) -> None:
        self._picture.only("alarms", await self._alarms())
        if not (dirty.all or dirty.calls or dirty.agents):
            return
        listeners = await self._listeners()
        agents = await (self._live.agents() if dirty.all else self._live.agents_of(sorted(dirty.agents)))
        wanted = {call_id for call_id, _ in await self._live.live_calls()} if dirty.all else set(dirty.calls)
        wanted |= {agent.call_id for agent in agents if agent.call_id}
        self._put_agents(agents, plan, listeners)
        self._put_calls(await self._live.calls(sorted(wanted)))
        if dirty.all:
            self._drop_others("agents", {str(agent.agent_id) for agent in agents})
            self._drop_others("calls", wanted)

    def _put_agents(self, agents: Sequence[LiveAgent], plan: Plan, listeners: Mapping[int, str]) -> None:
        for agent in agents:
            if agent.known:
                row = agent_row(agent, plan, listeners.get(agent.agent_id))
                self._picture.put("agents", str(agent.agent_id), row)
            else:
                self._picture.drop("agents", str(agent.agent_id))

    def _put_calls(self, calls: Sequence[LiveCall]) -> None:
        for call in calls:
            place = place_of(call)
            if place is None:
                self._picture.drop("calls", call.call_id)
                continue
            number = call.fields.get("callback_number") or call.card.get("number") or ""
            self._picture.put("calls", call.call_id, call_row(call, place, display_of(number, self._country)))

    def _drop_others(self, table: Table, kept: set[str]) -> None:
        for key in [key for key in self.last[table] if key not in kept]:
            self._picture.drop(table, key)

    # -- the day's figures -----------------------------------------------------------------------------

    async def _count_calls(self, plan: Plan, dirty: _DirtyDay) -> None:
        since, until = self.day_began_at(), self.day_began_at(-1)
        quarters = [at for at in dirty.quarters if at >= since]
        if not dirty.all and not quarters:
            return
        if not dirty.all:
            since, until = min(quarters), max(quarters) + QUARTER_MS
        found = await read_quarters(self._pool, since, until, targets_of(plan))
        if dirty.all:
            self._counted_day = since
            self._day = Day([queue.queue_id for queue in plan.configuration.queues])
        self._day.keep(since, until, found)
        self._picture.only("quarters", self._day.quarters)
        self._picture.only("figures", self._day.figures())

    async def _count_agents(self, plan: Plan, dirty: _DirtyDay) -> None:
        wanted = list(plan.people) if dirty.all else [one for one in dirty.agents if one in plan.people]
        if not wanted:
            return
        days = await read_agent_days(self._pool, wanted, self.day_began_at(), targets_of(plan), plan.cadence)
        rows = {str(one["user_id"]): one for one in days}
        if dirty.all:
            self._drop_others("agent_days", set(rows))
        for key, row in rows.items():
            self._picture.put("agent_days", key, row)

    async def days(self) -> dict[str, dict[str, list[QuarterRow]]]:
        """Yesterday and the same weekday a week ago, as today's quarters are: `yesterday`, `last_week` -> queue ->
        its quarters of an hour. Raises what PostgreSQL does while it is away.
        """
        targets = targets_of(self._plan())
        found: dict[str, dict[str, list[QuarterRow]]] = {}
        for name, days_ago in (("yesterday", 1), ("last_week", 7)):
            since, until = self.day_began_at(days_ago), self.day_began_at(days_ago - 1)
            by_queue: dict[str, list[QuarterRow]] = {}
            for one in await read_quarters(self._pool, since, until, targets):
                if one.queue_id:
                    by_queue.setdefault(one.queue_id, []).append(quarter_row(one))
            found[name] = by_queue
        return found

    async def agent_day(self, agent_id: int) -> AgentDayRow:
        """An agent's day so far, as it is written. Raises what PostgreSQL does while it is away."""
        plan, since = self._plan(), self.day_began_at()
        (day,) = await read_agent_days(self._pool, [agent_id], since, targets_of(plan), plan.cadence)
        return day

    # -- pages -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        put, drop = self._picture.changes()
        if not put and not drop:
            return
        self._seq += 1
        if not self._pages:
            return
        event = {"type": "event", "seq": self._seq, "at": self._clock(), "put": put, "drop": drop}
        said: dict[bool, str] = {}
        for page in self._pages:
            whole = page.sees_numbers()
            if whole not in said:
                shown = event if whole else event | {"put": with_hidden_numbers(put, self._country)}
                said[whole] = orjson.dumps(shown).decode()
            page.say(said[whole])

    async def snapshot(self, *, whole_numbers: bool = True) -> dict[str, Any]:
        """The board as it is now: `seq`, `at`, `board`; without `whole_numbers` callers' numbers are hidden."""
        await asyncio.gather(self.renew(), self.count(agents_too=True))
        self._show()  # what is on its way at this very moment is in the board: pages have it as `seq`
        board = self.last if whole_numbers else with_hidden_numbers(self.last, self._country)
        return {"seq": self._seq, "at": self._clock(), "board": board}

    async def serve(self, socket: web.WebSocketResponse, sees_numbers: Callable[[], bool]) -> None:
        """Keep one page up to date until it leaves; `sees_numbers()`: whether its person may see callers' numbers."""
        page = _Page(socket, sees_numbers)
        snapshot = await self.snapshot(whole_numbers=sees_numbers())
        page.say(orjson.dumps({"type": "snapshot", **snapshot}).decode())
        self._pages.add(page)
        self._watched.set()
        writing = asyncio.create_task(page.write(), name="board-page")
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
                if message.type is WSMsgType.TEXT:
                    page.say(orjson.dumps({"type": "pong", "at": self._clock()}).decode())
        finally:
            self._pages.discard(page)
            if not self._pages:
                self._watched.clear()
            writing.cancel()


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Returns when the event is set, or after so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def targets_of(plan: Plan) -> Targets:
    """By what calls are judged that were not told their own targets."""
    queues = plan.configuration.queues
    return Targets(
        {queue.queue_id: queue.ring_target.last_ring for queue in queues},
        {queue.queue_id: queue.response_seconds for queue in queues},
        plan.configuration.short_abandon_seconds,
    )
