"""What supervisors do at conversations: listen, whisper, barge in, leave. All is audited.

The service rings the supervisor's phone and writes down what it knows; the sound is Asterisk's alone, so that neither
the conversation nor the listening notices when a service dies.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from callcenter import metrics
from callcenter.asterisk.listeners import Listener, ListenerRing
from callcenter.db.pool import AWAY, Pool
from callcenter.errors import ConflictError, HotlineError, NotFoundError, UnavailableError
from callcenter.listening.model import Listening, Mode, is_of, new_id
from callcenter.listening.store import Listenings, is_paused_for_nothing
from callcenter.routing.desk import InCallError, NoPhoneError
from callcenter.routing.model import IN_CALL, AgentState, CallState
from callcenter.routing.service import Desks, Routing
from callcenter.routing.store import LiveAgent, LiveCall, Outcome
from callcenter.staff import audit
from callcenter.staff.model import Actor

log = structlog.get_logger(__name__)

YOUNG_MS = 8000
"""A listening that is not there after this long does not begin any more: a request takes five seconds at most."""


class NotInTalkError(ConflictError):
    """Nobody talks in this call now. Choose a conversation that is going on."""

    error_id = "not_in_talk"
    zh = "该来电目前没有在通话，请选择正在进行的通话。"


class OwnCallError(ConflictError):
    """This is your own conversation. Choose another one."""

    error_id = "own_call"
    zh = "这是您自己的通话，请选择其他通话。"


class PhoneAwayError(ConflictError):
    """Your phone is not registered. Open your desk, or switch your phone on, and try again."""

    error_id = "phone_away"
    retryable = True
    zh = "您的话机不在线，请打开工作台或检查话机后重试。"


class NotAnsweredError(ConflictError):
    """Your phone still rings. Answer it first."""

    error_id = "not_answered"
    retryable = True
    zh = "您的话机还在振铃，请先接起。"


class ListenerPhones(Protocol):
    """What is asked of the Asterisk nodes."""

    @property
    def names(self) -> Sequence[str]:
        """Every node."""

    def alive(self, node: str) -> bool:
        """False when a node has answered on no connection for some seconds."""

    async def ring_listener(self, ring: ListenerRing) -> None:
        """Ring a supervisor's phone, at most once a channel id. Raises UnavailableError."""

    async def find_listener(self, channel_id: str) -> Listener | None:
        """His channel; None: it is gone. Raises UnavailableError."""

    async def change_listener(self, channel_id: str, mode: str) -> bool:
        """Send him to another mode; False: his channel is gone. Raises UnavailableError."""

    async def end_listener(self, channel_id: str) -> None:
        """Hang up on him; already gone is success. Raises UnavailableError."""

    async def listeners(self) -> list[Listener]:
        """The supervisors' channels of the nodes that answer."""


class ListeningWork:
    """The verbs. Any number of replicas may run them at once."""

    def __init__(
        self, pool: Pool, routing: Routing, asterisk: ListenerPhones, desks: Desks, clock: Callable[[], int]
    ) -> None:
        self._pool = pool
        self._routing = routing
        self._live = routing.live
        self._kept = Listenings(routing.live)
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock

    # -- what supervisors do ---------------------------------------------------------------------------

    async def start(self, actor: Actor, call_id: str, mode: Mode) -> Listening:
        """Ring the supervisor's phone; when he answers he is at the conversation. Another one of his ends first.

        Raises:
            NoPhoneError, PhoneAwayError: he has no phone that could ring.
            InCallError: he has a call of his own, or its wrap-up.
            NotInTalkError, OwnCallError: there is no conversation of somebody else.
            UnavailableError: Asterisk does not do it.
        """
        supervisor_id = actor.user_id or 0
        supervisor, call = await self._may_start(supervisor_id, call_id)
        if await self.leave(supervisor):
            supervisor = await self._live.agent(supervisor_id)
        one = await self._begin(actor, supervisor, call, mode)
        phone = supervisor.extension + ("" if supervisor.node == one.node else f"@{supervisor.node}")
        shown = (await self._live.agent(one.agent_id)).extension
        try:
            await self._audit(actor, "listening.started", one)
            await self._asterisk.ring_listener(
                ListenerRing(one.listening_id, phone, call.fields["leg"], mode.value, shown)
            )
        except UnavailableError:
            await self._call_off(one)
            raise
        except Exception:
            await self._over(one)
            raise
        return one

    async def _may_start(self, supervisor_id: int, call_id: str) -> tuple[LiveAgent, LiveCall]:
        supervisor, call = await self._live.agent(supervisor_id), await self._live.call(call_id)
        if not supervisor.known:
            raise NoPhoneError
        if call.state is not CallState.TALKING or call.agent_id is None or not call.fields.get("leg"):
            raise NotInTalkError
        if call.agent_id == supervisor_id:
            raise OwnCallError
        if supervisor.state in IN_CALL or supervisor.state is AgentState.WRAPUP:
            raise InCallError
        if not supervisor.online:
            raise PhoneAwayError
        return supervisor, call

    async def _begin(self, actor: Actor, supervisor: LiveAgent, call: LiveCall, mode: Mode) -> Listening:
        now = self._clock()
        agent = await self._live.agent(call.agent_id or 0)
        one = Listening(
            listening_id=new_id(call.fields["leg"], supervisor.agent_id, now),
            supervisor_id=supervisor.agent_id,
            username=actor.username,
            supervisor_name=supervisor.fields.get("name", ""),
            call_id=call.call_id,
            agent_id=agent.agent_id,
            agent_name=agent.fields.get("name", ""),
            mode=mode,
            since=now,
            phone_node=supervisor.node,
        )
        await self._kept.put(one)
        done = await self._kept.begin(one, supervisor, call, now)
        if not done.applied:
            await self._kept.drop(one.listening_id)
            raise NotInTalkError if done.why.startswith("call") else InCallError
        await self._show(one, done)
        return one

    async def change(self, actor: Actor, listening_id: str, mode: Mode) -> Listening:
        """Go on in another mode, without another ring.

        Raises:
            NotFoundError: he is not at this conversation any more.
            NotAnsweredError: his phone still rings.
            UnavailableError: Asterisk does not do it.
        """
        one = await self._current(actor, listening_id)
        if one is None:
            raise NotFoundError
        if one.mode is mode:
            return one
        listener = await self._asterisk.find_listener(listening_id)
        if listener is not None and not listener.up:
            raise NotAnsweredError
        one = replace(one, mode=mode)
        await self._audit(actor, "listening.changed", one)
        if not await self._asterisk.change_listener(listening_id, mode.value):
            await self._over(one)
            raise NotFoundError
        await self._changed(one)
        return one

    async def stop(self, actor: Actor, listening_id: str) -> None:
        """Leave; who has left already has what he wants.

        Raises:
            NotFoundError: it is no listening of his.
            UnavailableError: Asterisk does not do it.
        """
        if not is_of(listening_id, actor.user_id or 0):
            raise NotFoundError
        one = await self._current(actor, listening_id)
        if one is not None:
            await self._stop(one)

    async def _call_off(self, one: Listening) -> None:
        """It is not known whether his phone rings: it does no longer, or `compare` finds out."""
        try:
            await self._stop(one)
        except UnavailableError:
            log.warning("not known whether he listens", listening_id=one.listening_id)

    async def leave(self, supervisor: LiveAgent) -> bool:
        """He leaves the conversation that he is at for something else of his own, so no caller is looked for to be
        offered to him in between. Whether he was at one. Raises UnavailableError: Asterisk does not do it.
        """
        one = await self._kept.find(supervisor.listening_id)
        if one is None:
            return False
        await self._asterisk.end_listener(one.listening_id)
        await self._end(one)
        return True

    async def _current(self, actor: Actor, listening_id: str) -> Listening | None:
        supervisor = await self._live.agent(actor.user_id or 0)
        if supervisor.listening_id != listening_id:
            return None
        return await self._kept.find(listening_id)

    async def _stop(self, one: Listening) -> None:
        await self._asterisk.end_listener(one.listening_id)
        await self._over(one)

    # -- who is where ----------------------------------------------------------------------------------

    async def list(self) -> list[Listening]:
        """Every supervisor who is at a conversation now, the first first."""
        kept = await self._kept.all()
        return sorted((one for one, under_way in kept if under_way), key=lambda one: one.since)

    async def listeners(self) -> Mapping[int, str]:
        """Agent -> the supervisor at his conversation."""
        return {one.agent_id: one.supervisor_name for one in await self.list()}

    # -- what Asterisk tells ---------------------------------------------------------------------------

    async def over(self, listening_id: str) -> None:
        """The supervisor's channel is gone. Comes twice, or late, without harm."""
        one = await self._kept.find(listening_id)
        if one is not None:
            await self._over(one)

    async def compare(self) -> None:
        """Bring what is known to what Asterisk has; write down ends that could not be when they came."""
        for one, under_way in await self._kept.all():
            try:
                if under_way:
                    await self._compare(one)
                elif not self._is_young(one):
                    await self._over(one)
            except UnavailableError:
                log.warning("not known whether he listens", listening_id=one.listening_id)
        for agent in await self._live.agents():
            if is_paused_for_nothing(agent):
                await self._free(agent)

    async def _compare(self, one: Listening) -> None:
        call = await self._live.call(one.call_id)
        theirs = call.state is CallState.TALKING and call.agent_id == one.agent_id
        if not self._is_alive(one.node):
            await self._repaired("listener of a dead node", one)
        elif not theirs or not self._is_alive(one.phone_node):
            await self._asterisk.end_listener(one.listening_id)
            await self._repaired("listener of no conversation", one)
        elif (listener := await self._asterisk.find_listener(one.listening_id)) is None:
            if not self._is_young(one):
                await self._repaired("listener gone", one)
        elif listener.up and listener.mode != one.mode and listener.mode in list(Mode):
            await self._changed(replace(one, mode=Mode(listener.mode)))

    def _is_alive(self, node: str) -> bool:
        return node in self._asterisk.names and self._asterisk.alive(node)

    def _is_young(self, one: Listening) -> bool:
        return self._clock() - one.since < YOUNG_MS

    async def end_unknown(self) -> None:
        """Nobody listens of whom it is not known: channels that nothing is kept of are ended."""
        for listener in await self._asterisk.listeners():  # kept before the channel is made, so looked for after it
            if await self._kept.find(listener.channel_id) is None:
                await self._asterisk.end_listener(listener.channel_id)
                metrics.REPAIRS.labels("unknown listener ended").inc()
                log.warning("repaired", what="unknown listener ended", channel_id=listener.channel_id)

    # -- writing it down -------------------------------------------------------------------------------

    async def _repaired(self, what: str, one: Listening) -> None:
        metrics.REPAIRS.labels(what).inc()
        log.warning("repaired", what=what, listening_id=one.listening_id)
        await self._over(one)

    async def _changed(self, one: Listening) -> None:
        await self._kept.put(one)
        await self._show(one, await self._kept.change(one, self._clock()))

    async def _over(self, one: Listening) -> None:
        if await self._end(one):
            await self._routing.match()

    async def _free(self, supervisor: LiveAgent) -> None:
        done = await self._kept.free(supervisor, self._clock())
        if done.applied:
            metrics.REPAIRS.labels("paused for no listening").inc()
            log.warning("repaired", what="paused for no listening", agent_id=supervisor.agent_id)
            await self._desks.push(supervisor.agent_id, done.seq(supervisor.agent_id))
            await self._routing.match()

    async def _end(self, one: Listening) -> bool:
        """It is over; its record stays until the audit log has its end. False: it was over already."""
        done = await self._kept.end(one, self._clock())
        if done is not None:
            await self._show(one, done)
        try:
            await self._audit_end(one)
        except (HotlineError, *AWAY) as error:
            log.warning("end not audited yet", listening_id=one.listening_id, error=type(error).__name__)
        else:
            await self._kept.drop(one.listening_id)
        return done is not None

    async def _show(self, one: Listening, done: Outcome) -> None:
        for agent_id in (one.agent_id, one.supervisor_id):
            await self._desks.push(agent_id, done.seq(agent_id))

    async def _audit(self, actor: Actor, action: str, one: Listening) -> None:
        await audit.record(self._pool, actor, action, of=("call", one.call_id), detail=_detail(one))

    async def _audit_end(self, one: Listening) -> None:
        """Once, whoever sees it end and however often."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(hashtext($1))", one.listening_id)
            if not await connection.fetchval(_ENDED, one.call_id, one.listening_id):
                by = Actor(one.supervisor_id, one.username)
                await audit.record(connection, by, "listening.ended", of=("call", one.call_id), detail=_detail(one))


_ENDED = """
    select exists (select from audit_log where object_kind = 'call' and object_id = $1
        and action = 'listening.ended' and detail ->> 'listening_id' = $2)
"""


def _detail(one: Listening) -> dict[str, str | int]:
    return {"listening_id": one.listening_id, "agent_id": one.agent_id, "mode": one.mode.value}
