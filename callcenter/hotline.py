"""The composition root: makes every part of `callcenter serve` and runs it.

Nothing else builds parts; rooms meet here only. Each background task is tracked and lives as long as the service.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from callcenter import memory, metrics
from callcenter.alarms.service import Alarms
from callcenter.alarms.webhook import Webhook
from callcenter.asterisk.ari import Ari
from callcenter.asterisk.door import AsteriskDoor
from callcenter.asterisk.model import Fact, KeyPressed, ListenerGone, PhoneReachable
from callcenter.asterisk.nodes import Nodes
from callcenter.asterisk.store import Ear
from callcenter.blocking.service import Blocking
from callcenter.board.metrics import BoardFigures
from callcenter.board.service import Boards
from callcenter.calls.caller import CallerLookup
from callcenter.calls.erased import ErasedCallers
from callcenter.calls.service import Calls
from callcenter.calls.writer import CallWriter
from callcenter.clock import now_ms
from callcenter.configuration.model import Configuration
from callcenter.configuration.service import Administration
from callcenter.connections import connect_redis
from callcenter.customers.choosing import Choosing
from callcenter.customers.duplicates import Duplicates
from callcenter.customers.erasure import Erasures
from callcenter.customers.fields import OwnFields
from callcenter.customers.files import Files as CustomerFiles
from callcenter.customers.merging import Merging
from callcenter.customers.owners import Owners
from callcenter.customers.service import Customers
from callcenter.customers.timeline import Timeline
from callcenter.db.pool import AWAY, create_pool, ensure_partitions
from callcenter.errors import UnavailableError
from callcenter.exports.service import Exports
from callcenter.forms.service import Forms
from callcenter.importing.service import Imports
from callcenter.knowledge.service import Knowledge
from callcenter.listening.service import ListeningWork
from callcenter.numbers.service import Revealing
from callcenter.recordings.acts import RecordingActs
from callcenter.recordings.service import Recordings
from callcenter.routing.callbacks import Callbacks
from callcenter.routing.circumstances import HotlineNow
from callcenter.routing.desk import DeskNow, DeskWork
from callcenter.routing.history import History
from callcenter.routing.line import Line
from callcenter.routing.model import AgentState, Membership
from callcenter.routing.plan import Person, Plan
from callcenter.routing.reconcile import Reconciler
from callcenter.routing.rings import cadence_of
from callcenter.routing.roster import RosterKeeper
from callcenter.routing.service import Routing
from callcenter.routing.store import Change, LiveQueue
from callcenter.routing.talks import Talks
from callcenter.routing.witness import Witness
from callcenter.settings import Settings
from callcenter.shifts.hand_over import HandOver
from callcenter.shifts.service import Shifts
from callcenter.shifts.swaps import Swaps
from callcenter.sounds.messages import Messages
from callcenter.sounds.prompts import Prompts
from callcenter.sounds.service import Sounds
from callcenter.sounds.voice import SoundVoice
from callcenter.staff.permissions import Permission
from callcenter.staff.safety_service import SafetyWork
from callcenter.staff.service import Staff
from callcenter.staff.sign_ins import SignIns
from callcenter.supervision.agents import AgentActs
from callcenter.supervision.calls import CallActs
from callcenter.supervision.messages import DeskMessages
from callcenter.tasks import ended
from callcenter.transfers.consults import Consults
from callcenter.transfers.service import Transfers
from callcenter.web.live import LiveDesks
from callcenter.web.server import build_app
from callcenter.web.sockets import LiveSockets

log = structlog.get_logger(__name__)

RECONCILE_SECONDS = 3.0
MATCH_SECONDS = 1.0
PHONES_SECONDS = 20.0
LISTENERS_SECONDS = 20.0
PROMPTS_SECONDS = 30.0
INITIALS_SECONDS = 600.0
RETENTION_SECONDS = 3600.0
PARTITIONS_SECONDS = 6 * 3600.0
ERASURES_SECONDS = 3.0
DAILY_WORK_SECONDS = 3600.0
"""What is counted in days and months is looked at each hour, so that no restart makes it wait for another day."""
REMOVED_FILES_SECONDS = 24 * 3600.0
OLD_IMPORTS_SECONDS = 3600.0


class Hotline:
    """Every part of the service, made once."""

    def __init__(self, settings: Settings, pool: Any, redis: Any, by_index: Any = None) -> None:
        """`by_index`: the pool for what each call asks and writes; None: `pool`."""
        self.settings = settings
        self.pool = pool
        self.by_index = by_index or pool
        self.redis = redis
        self.clock = now_ms
        self.cadence = cadence_of(settings.country)
        self.zone = ZoneInfo(settings.zone)
        self.asterisk = Nodes([self._door(node, url) for node, url in settings.ari_urls.items()])
        self._make_records()
        self._make_routing()
        self._make_acts()

    def _make_records(self) -> None:
        """What is kept in PostgreSQL, and who may do what."""
        settings, pool, redis = self.settings, self.pool, self.redis
        self.customers = Customers(pool, country=settings.country, look_ups=self.by_index)
        self.recordings = Recordings(pool, redis, settings.recordings_dir, self.clock, self._configuration)
        self.erasures = Erasures(pool, ErasedCallers(redis), also={"recordings": self.recordings.erase})
        self.timeline = Timeline(pool)
        self.customer_files = CustomerFiles(pool)
        self.merging = Merging(pool)
        self.duplicates = Duplicates(pool, redis)
        self.own_fields = OwnFields(pool)
        self.owners = Owners(pool)
        self.imports = Imports(pool, settings)
        self.exports = Exports(pool, settings)
        self.calls = Calls(pool, settings.country)
        self.forms = Forms(pool, redis, self.clock, settings.country)
        self.blocking = Blocking(pool, redis, self.clock, settings.country)
        self.shifts = Shifts(pool, redis, self.clock, self.zone, settings.country)
        self.swaps = Swaps(pool, self.shifts)
        self.hand_over = HandOver(pool)
        self.revealing = Revealing(pool, redis)
        self.knowledge = Knowledge(pool, self.clock, self.zone)
        self.callers = CallerLookup(self.by_index, self.customers, self.blocking.refuses, settings.country)
        self.staff = Staff(pool, redis, self.asterisk, settings)
        self.roles = self.staff.roles
        self.role_work = self.staff.role_work
        self.sockets = LiveSockets(self.roles, self.staff.sessions)
        self.safety = SafetyWork(pool, self.staff)
        self.sign_ins = SignIns(pool, self.zone)

    def _make_routing(self) -> None:
        """The live queue, desks, callers' ways, what happens at the phones."""
        settings, pool, redis = self.settings, self.pool, self.redis
        self.live = LiveQueue(redis)
        self.desks = LiveDesks(redis, self.live.replica, self._desk_now, self._heard_change, self._look_anew)
        self.live.is_shown = self.desks.is_open
        self.live.on_alone = self.desks.hear_own
        self.live.on_lost = self.desks.look_again
        self.choosing = Choosing(self.live, self.customers, self.clock)
        self.roster = RosterKeeper(pool, self.live, self.clock)
        self.sounds = Sounds(pool, redis, settings.sounds_dir)
        self.routing = Routing(
            self.live, self.callers.card, self.desks, self.clock, plan=self._plan(), today=self._today
        )
        self.now = HotlineNow(
            self.live,
            self._current_plan,
            self.clock,
            self.asterisk.subscribe_channel,
            self.shifts.duty_number,
            zone=self.zone,
            country=settings.country,
        )
        voice = SoundVoice(self.sounds, settings.country)
        self.line = Line(self.routing, voice, self.now, self.clock)
        self.work = DeskWork(
            self.routing, self.clock, self.asterisk.end_leg, self.asterisk.set_signed_in, settings.country
        )
        self.work.sees_numbers = lambda agent_id: self.roles.may(
            self.roles.people.get(agent_id, ""), Permission.SEE_NUMBERS
        )
        self.callbacks = Callbacks(self.routing, self.asterisk, self.desks, self.clock, settings.country)
        self.callbacks.recording_notice = lambda language: voice.prompts(language, "recording_notice")
        self.recording_acts = RecordingActs(
            self.routing, self.asterisk, self.desks, self.clock, self.recordings.has_room
        )
        self.witness = Witness(self.work, self.callbacks, self.desks)
        self.listening = ListeningWork(pool, self.routing, self.asterisk, self.desks, self.clock)

    def _make_acts(self) -> None:
        """What supervisors and agents do to calls; the board, its alarms, the writer."""
        settings, pool, redis = self.settings, self.pool, self.redis
        self.history = History(pool, self._current_plan, self.clock)
        self.administration = Administration(pool, redis, self.live.waiting)
        webhook = Webhook(pool, self.clock, self._configuration, hotline=settings.hotline_number, zone=self.zone)
        self.alarms = Alarms(
            pool, redis, self.clock, configuration=self._configuration, is_open=self.now.is_open, webhook=webhook
        )
        self.reconciler = Reconciler(self.routing, self.witness, self.asterisk, self.clock)
        self.call_acts = CallActs(
            self.routing, self.callbacks, self.asterisk, self.desks, self.clock, listening=self.listening
        )
        talks = Talks(self.routing, self.asterisk, self.desks, self.clock)
        self.transfers = Transfers(self.routing, talks, pool, self.clock, self.now.dialled_form)
        self.consults = Consults(self.routing, self.transfers, talks, self.asterisk, self.clock)
        self.witness.consults = self.consults
        self.routing.part_consult = self.consults.caller_gone
        self.reconciler.consults = self.consults
        self.agent_acts = AgentActs(self.work, self.reconciler, self.administration, self.staff)
        self.desk_messages = DeskMessages(pool, self.live)
        self.prompts = Prompts(pool, self.sounds)
        self.messages = Messages(pool, self.live, self.clock)
        self.boards = Boards(
            self.live,
            pool,
            self._current_plan,
            self.clock,
            nodes=self._nodes_up,
            listeners=self.listening.listeners,
            alarms=self.alarms.open_alarms,
            zone=self.zone,
            country=settings.country,
        )
        self.figures = BoardFigures(lambda: self.boards.last, self.clock)
        self.writer = CallWriter(redis, self.by_index, self.clock, lambda: self.routing.plan.cadence)

    def _door(self, node: str, url: str) -> AsteriskDoor:
        settings = self.settings
        ari = Ari(url, settings.ari_user, settings.ari_password.get_secret_value())
        ear = Ear(self.redis, node)
        media_address = settings.media_address_of(node)
        return AsteriskDoor(
            node,
            ari,
            ear,
            media_address=media_address,
            on_fact=self._heard,
            on_connect=self._node_is_here,
            on_death=self._node_is_dead,
        )

    async def start(self) -> list[asyncio.Task[None]]:
        """Bring the live queue up to date and start what runs beside the requests."""
        self.customers.warm()
        memory.settle()  # looking through the tables of numbers takes 100 ms
        await self.take_settings()
        return [
            asyncio.create_task(work, name=name)
            for name, work in {
                "writer": self.writer.run(),
                "written": self.boards.listen(),
                "board": self.boards.run(),
                "alarms": self.alarms.run(self.boards),
                "desks": self.desks.listen(),
                "roster": self.roster.listen(self.take_settings),
                "asterisk": self.asterisk.run(),
                "match": _every(MATCH_SECONDS, self._tick),
                "reconcile": _every(RECONCILE_SECONDS, self._reconcile),
                "listeners": _every(LISTENERS_SECONDS, self.listening.end_unknown),
                "phones": _every(PHONES_SECONDS, self._push_phones),
                "sounds": self.sounds.listen(),
                "speech": self.sounds.make_ahead(),
                "prompts": _every(PROMPTS_SECONDS, self.sounds.reload),
                "removed files": _every(REMOVED_FILES_SECONDS, self.customer_files.erase_removed),
                "initials": _every(INITIALS_SECONDS, self.customers.fill_initials),
                "imports": self.imports.work(),
                "old imports": _every(OLD_IMPORTS_SECONDS, self.imports.tidy),
                "retention": _every(RETENTION_SECONDS, self._retain),
                "recordings": _every(PROMPTS_SECONDS, self.recordings.watch),
                "partitions": _every(PARTITIONS_SECONDS, self._make_partitions),
                "erasures": _every(ERASURES_SECONDS, self._erase),
                "daily": _every(DAILY_WORK_SECONDS, self._daily_work),
            }.items()
        ]

    async def take_settings(self) -> None:
        """Take over all that people have set."""
        await self.role_work.reload()
        await self.blocking.reload()
        await self.shifts.reload()
        await self.forms.reload()
        await self.sync_roster()

    async def sync_roster(self) -> None:
        """Take over what has been set about queues and agents."""
        if not await self.roster.sync():
            return
        agents = self.roster.roster.agents
        self.routing.extensions = {agent.agent_id: agent.extension for agent in agents}
        self.work.names = {agent.agent_id: agent.name for agent in agents}
        self.witness.agents = {agent.extension: agent.agent_id for agent in agents}
        self.routing.set_plan(self._plan())
        await self.call_acts.reorder()
        await self.routing.match()

    def _plan(self) -> Plan:
        """What is set, as routing takes it."""
        people = {
            agent.agent_id: Person(
                tuple(Membership(queue_id, seconds * 1000) for queue_id, seconds in agent.memberships), agent.skills
            )
            for agent in self.roster.roster.agents
        }
        return Plan(self.roster.roster.configuration, people, self.cadence)

    def _current_plan(self) -> Plan:
        return self.routing.plan

    def _nodes_up(self) -> dict[str, bool]:
        return {node: self.asterisk.connected(node) for node in self.asterisk.names}

    def _configuration(self) -> Configuration:
        return self.routing.plan.configuration

    def _today(self) -> str:
        """The department's date."""
        return datetime.now(self.zone).date().isoformat()

    async def _desk_now(self, agent_id: int, after: int | None) -> DeskNow:
        return await self.work.desk_now(agent_id, after)

    def _heard_change(self, change: Change) -> None:
        self.routing.hear(change)
        self.boards.hear(change)

    async def _look_anew(self) -> None:
        """Changes of the live queue may have been missed."""
        self.boards.look_anew()
        await self.routing.look_anew()

    async def _node_is_here(self, node: str) -> None:
        """After every connection: phones pushed, the fallback told who is there, the live queue compared."""
        with contextlib.suppress(*AWAY):
            await self.asterisk.push_all(await self.staff.phones_to_push(), at=node)
        for agent in await self.live.agents():
            signed_in = agent.state is not AgentState.SIGNED_OUT
            await self.asterisk.set_signed_in(agent.extension, signed_in, at=node)
        await self.reconciler.compare()

    async def _node_is_dead(self, _node: str) -> None:
        """At once: its callers are tasks, and whoever was offered to a phone there goes on to the next."""
        await _tried(self.reconciler.run_once)

    async def _push_phones(self) -> None:
        """Bring every phone to the nodes; those they know already cost one look each."""
        await self.asterisk.push_all(await self.staff.phones_to_push())

    async def _heard(self, fact: Fact) -> None:
        if isinstance(fact, KeyPressed):
            await self.line.pressed(fact.call_id, fact.digit)
            return
        if isinstance(fact, ListenerGone):
            await self.listening.over(fact.channel_id)
            return
        await self.witness.take(fact)
        if isinstance(fact, PhoneReachable) and fact.contact:
            self.asterisk.registered(fact)

    async def _tick(self) -> None:
        await self.callbacks.wake_rested()
        await self.work.end_wrapups()
        await self.routing.match()
        waiting = await self.live.waiting()
        agents = self.roster.roster.agents
        await self.desks.refresh(
            {one.agent_id: sum(waiting.get(queue_id, 0) for queue_id, _ in one.memberships) for one in agents}
        )

    async def _reconcile(self) -> None:
        await self.take_settings()
        await self.call_acts.reorder()
        await self.reconciler.run_once()
        await self.listening.compare()
        await self.callbacks.restore(self.calls)
        for node in self.asterisk.names:
            metrics.NODE_UP.labels(node).set(self.asterisk.connected(node))

    async def _erase(self) -> None:
        if await self.erasures.work():
            await self.recordings.sweep()

    async def _daily_work(self) -> None:
        await self.safety.close_unused()
        await self.erasures.sweep()
        await self.erasures.erase_old_calls()
        await self.recordings.sweep()

    async def _retain(self) -> None:
        """Delete what has been kept long enough."""
        await self.recordings.retain()

    async def _make_partitions(self) -> None:
        await ensure_partitions(self.pool)
        await self.forms.drop_old_drafts()


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` again and again; what goes wrong once is said and tried again."""
    while True:
        await _tried(work)
        await asyncio.sleep(seconds)


async def _tried(work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except (RedisError, UnavailableError, *AWAY) as error:
        log.warning("tried in vain", work=getattr(work, "__name__", ""), error=type(error).__name__)
    except Exception:
        log.exception("failed", work=getattr(work, "__name__", ""))


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Hotline]:
    """A hotline with its background work under way, until the block is left."""
    pool, by_index = await create_pool(settings), await create_pool(settings, by_index=True)
    redis = connect_redis(settings.redis_url)
    hotline = Hotline(settings, pool, redis, by_index)
    tasks: list[asyncio.Task[None]] = []
    try:
        tasks = await hotline.start()
        yield hotline
    finally:
        await ended(tasks)
        await redis.aclose()
        await by_index.close()
        await pool.close()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with running(settings) as hotline:
        runner = web.AppRunner(build_app(hotline), shutdown_timeout=2, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, settings.web_host, settings.web_port, reuse_port=True).start()
        log.info("serving", port=settings.web_port)
        await stop.wait()
        await runner.cleanup()
