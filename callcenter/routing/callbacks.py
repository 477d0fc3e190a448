"""Callers who keep their place without a line: at their turn an agent is claimed like for any caller, his phone rings,
and when he has answered, the customer's does: once, and never for another agent at the same time.

The entry is the caller's own, under his call id. What can be lost with Redis is rebuilt from the calls' rows.
"""

from collections.abc import Callable
from typing import Any, Protocol

import orjson
import structlog

from callcenter.asterisk.model import CallingBack
from callcenter.customers.model import display_of
from callcenter.errors import HotlineError, NotFoundError
from callcenter.events import Kind, event, event_at
from callcenter.routing import recording
from callcenter.routing.model import AgentMove, CallMove, CallState
from callcenter.routing.plan import placed
from callcenter.routing.script import CallbackOver, OfferOver, RecordingStart, WhyNotRecorded
from callcenter.routing.service import LEASE_SLACK_SECONDS, Desks, Routing
from callcenter.routing.store import LiveCall, Part

log = structlog.get_logger(__name__)


class Originate(Protocol):
    """Whoever can ring an agent's phone and, when he has answered, a customer's."""

    async def originate(self, ring: CallingBack) -> None:
        """Begin, at most once a `channel_id`. Raises UnavailableError."""


class OpenCallbacks(Protocol):
    """The calls' rows, as far as callbacks are concerned."""

    async def open_callbacks(self) -> list[dict[str, Any]]:
        """Every caller who keeps his place and has not been spoken to."""


class Callbacks:
    """The verbs of calling back. Any number of replicas may run them at once."""

    def __init__(
        self, routing: Routing, asterisk: Originate, desks: Desks, clock: Callable[[], int], country: str = "CN"
    ) -> None:
        self.recording_notice: Callable[[str], tuple[str, ...]] = lambda _: ()
        """The sounds that tell a customer, in his language, that he may be recorded; kept by whoever has them."""
        self._routing = routing
        self._live = routing.live
        self._asterisk = asterisk
        self._desks = desks
        self._clock = clock
        self._country = country
        routing.ring_for_callback = self.ring

    async def ring(self, call_id: str, offer_id: str, agent_id: int) -> None:
        """Ring the agent who has been claimed."""
        call = await self._live.call(call_id)
        if call.offer_id != offer_id or call.state is not CallState.OFFERED:
            return
        agent = await self._live.agent(agent_id)
        queue = self._routing.plan.queue_of(call.queue_id)
        node = agent.node or call.fields.get("node", "")
        now = self._clock()
        start, notice = await self._recording(call)
        ring = CallingBack(
            extension=agent.extension,
            channel_id=f"{node}-callback-{now}-{agent_id}",
            number=call.fields["callback_number"],
            call_id=call_id,
            offer_id=offer_id,
            agent_seconds=int(call.fields.get("ring_seconds", "20")),
            ring_seconds=queue.callback.ring_seconds,
            recording=start,
            notice=notice,
        )
        try:
            await self._asterisk.originate(ring)
        except HotlineError:
            log.warning("callback not begun", call_id=call_id)
            await self._routing.offer_over(call, OfferOver(offer_id, "CHANUNAVAIL", 20, now))
            await self._routing.match()

    async def _recording(self, call: LiveCall) -> tuple[RecordingStart, tuple[str, ...]]:
        """How the recording of the talk begins, and what tells the customer of it."""
        wanted = start = recording.start_of(self._routing.plan.queue_of(call.queue_id).recording.rule, call.fields)
        notice = self.recording_notice(str(call.card.get("language") or "zh")) if start != "never" else ()
        failed: WhyNotRecorded | None = None
        if start != "never" and not notice:
            start, failed = "later", "notice"
        begins = recording.dialled(start, call.fields, told=bool(notice), failed=failed)
        if any(call.fields.get(name, "") != value for name, value in begins.items()):
            now = self._clock()
            facts = []
            if failed and wanted == "now":
                facts.append(recording.failed_fact(call.call_id, call.offer_id, failed, now))
            begun = Part(call.call_id, guard={"offer": call.offer_id}, set=begins)
            await self._live.step(now, call=begun, events=facts)
        return start, notice

    async def agent_answered(self, call: LiveCall, agent_id: int, channel_id: str, at_ms: int) -> None:
        """The agent has answered: the customer's phone rings from now on."""
        if call.state is not CallState.OFFERED or call.at("calling_at"):
            return
        queue = self._routing.plan.queue_of(call.queue_id)
        agent = Part(agent_id, move=AgentMove.ANSWER, guard={"offer": call.offer_id})
        agent.set = {"since": str(at_ms), "misses": "0"}
        attempts = int(call.fields.get("attempts") or 0) + 1
        calling = Part(call.call_id, guard={"offer": call.offer_id, "calling_at": ""})
        calling.set = {"calling_at": str(at_ms), "leg": channel_id, "attempts": str(attempts)}
        fact = event(call.call_id, Kind.CALLING, at_ms, about=call.offer_id, agent_id=agent_id, attempt=attempts)
        lease = at_ms + (queue.callback.ring_seconds + LEASE_SLACK_SECONDS) * 1000
        done = await self._live.step(at_ms, agent=agent, call=calling, events=[fact], lease_until_ms=lease)
        if done.applied:
            await self._desks.push(agent_id, done.seq(agent_id))

    async def customer_answered(self, call_id: str, offer_id: str, at_ms: int) -> None:
        """The customer has answered: he speaks with the agent."""
        call = await self._live.call(call_id)
        if call.offer_id != offer_id or call.agent_id is None or call.state is not CallState.OFFERED:
            return
        if not call.at("calling_at"):
            await self.agent_answered(call, call.agent_id, call.fields.get("leg", ""), at_ms)
        talking = Part(call_id, move=CallMove.ANSWER, guard={"offer": offer_id}, answered=True)
        talking.set = {"answered_at": str(at_ms), "calling_at": ""} | recording.answered(call.fields, at_ms)
        agent = Part(call.agent_id, guard={"offer": offer_id}, set={"since": str(at_ms)}, optional=True)
        agent.tally = self._routing.tally(call, call.agent_id)
        facts = [event(call_id, Kind.ANSWERED, at_ms, about=offer_id, agent_id=call.agent_id)]
        if recording.is_begun(call.fields):
            facts.append(event(call_id, Kind.RECORDING_BEGUN, at_ms, about=offer_id, agent_id=call.agent_id))
        done = await self._live.step(at_ms, agent=agent, call=talking, events=facts)
        if done.applied:
            await self._desks.push(call.agent_id, done.seq(call.agent_id))

    async def over(self, call_id: str, report: CallbackOver) -> None:
        """The channels of a callback are gone, as its script reports. Comes twice, or late, without harm."""
        while True:  # until nothing has come between looking and writing
            call = await self._live.call(call_id)
            same = call.offer_id == report.offer_id and call.agent_id is not None
            if not call.is_callback or call.state is CallState.ENDED:
                return
            if report.customer_answered_at_ms is None:
                if same and call.state is CallState.OFFERED:
                    await self._in_vain(call, report)
                return
            if same and call.state is CallState.OFFERED:
                await self.customer_answered(call_id, report.offer_id, report.customer_answered_at_ms)
                continue
            if not same and call.state not in (CallState.WAITING, CallState.RESTING):
                return  # he is being called again: whoever is on his way to him finds out
            if await self._talked(call, report):
                return

    async def _talked(self, call: LiveCall, report: CallbackOver) -> bool:
        """The customer has been spoken to: his entry is done. False: the call has changed since it was looked at."""
        agent, about = None, {}
        by, cause = call.fields.get("ended_by") or report.hung_up_by, report.cause
        if call.offer_id == report.offer_id and call.agent_id is not None:
            since = {"since": str(report.ended_at_ms)} | self._routing.wrapup(call, self._clock())
            agent = Part(call.agent_id, move=AgentMove.END, guard={"call": call.call_id}, set=since, optional=True)
            about = {"agent_id": call.agent_id}
        guard = {"offer": call.offer_id, "state": call.state.value}
        closing = Part(call.call_id, move=CallMove.END, guard=guard)
        closing.set = {"ended_at": str(report.ended_at_ms), "hung_up_by": by}
        facts = [event(call.call_id, Kind.ENDED, report.ended_at_ms, hung_up_by=by, cause=cause)]
        if not call.at("answered_at"):
            at = report.customer_answered_at_ms or report.ended_at_ms
            facts.insert(0, event(call.call_id, Kind.ANSWERED, at, about=report.offer_id, **about))
        done = await self._live.step(self._clock(), agent=agent, call=closing, events=facts, notify=call.agent_id)
        if done.applied and call.agent_id is not None:
            await self._desks.push(call.agent_id, done.seq(call.agent_id))
        return done.applied

    async def _in_vain(self, call: LiveCall, report: CallbackOver) -> None:
        """The customer did not answer: he rests until the next try, or becomes a task after the last."""
        now, agent_id = self._clock(), call.agent_id or 0
        queue = self._routing.plan.queue_of(call.queue_id)
        attempts = int(call.fields.get("attempts") or 0) + (0 if call.at("calling_at") else 1)
        free = [self._routing.spared(call, agent_id, now), self._routing.let_go(call, agent_id, now)]
        guard = {"offer": call.offer_id, "state": CallState.OFFERED.value}
        vain = event(
            call.call_id,
            Kind.CALLED_IN_VAIN,
            report.ended_at_ms,
            about=call.offer_id,
            dial_status=report.dial_status,
            attempt=attempts,
            agent_id=agent_id,
        )
        facts = [vain]
        rests = attempts <= len(queue.callback.retry_after_minutes)
        entry = Part(call.call_id, move=CallMove.REST if rests else CallMove.END, guard=guard)
        entry.set = dict.fromkeys(("calling_at", "leg", "offer", "agent", "agents"), "") | {"attempts": str(attempts)}
        rest_until = now
        if rests:
            rest_until += queue.callback.retry_after_minutes[attempts - 1] * 60_000
            entry.set["next_at"] = str(rest_until)
        else:
            entry.set["ended_at"] = str(now)
            facts.append(event(call.call_id, Kind.ENDED, now, hung_up_by="system", where="callback"))
        done = await self._live.step(now, agents=free, call=entry, events=facts, rest_until_ms=rest_until)
        if done.applied:
            await self._desks.push(agent_id, done.seq(agent_id))
            await self._routing.match()

    async def wake_rested(self) -> None:
        """Put those back in line whose moment to try has come."""
        now = self._clock()
        rested = await self._live.due("cc:resting", now)
        for call_id in rested:
            entry = Part(call_id, move=CallMove.QUEUE, set={"next_at": ""})
            if not (await self._live.step(now, call=entry)).applied:
                await self._live.redis.zrem("cc:resting", call_id)
        if rested:
            await self._routing.match()

    async def restore(self, rows: OpenCallbacks) -> int:
        """Bring back callbacks that the live queue has lost; how many there were."""
        found = await rows.open_callbacks()
        known = await self._live.calls([row["call_id"] for row in found])
        lost = [row for row, call in zip(found, known, strict=True) if call.state is CallState.NEW]
        now = self._clock()
        for row in lost:
            since = row["arrived_at"]
            entry = {
                "queue": row["queue_id"],
                "since": since,
                "priority": row["priority"],
                "queue_priority": self._routing.plan.queue_of(row["queue_id"]).priority,
                "needs": [],
                "preferred": [],
                "callback": True,
            }
            settings = {
                "node": row["node"],
                "arrived": str(since),
                "left_at": str(now),
                "card": orjson.dumps({"number": row["caller_number"], "customers": []}).decode(),
                "callback_number": row["callback_number"],
                "callback_at": str(row["callback_at"]),
                "attempts": str(row["callback_attempts"]),
            } | placed(self._routing.plan, entry)
            await self._live.step(
                now, call=Part(row["call_id"], move=CallMove.QUEUE, guard={"arrived": ""}, set=settings)
            )
        if lost:
            log.warning("callbacks restored", count=len(lost))
            await self._routing.match()
        return len(lost)

    async def list_open(self, rows: OpenCallbacks) -> list[dict[str, Any]]:
        """Everybody who keeps his place, as a page shows him: the longest waiting first."""
        found = await rows.open_callbacks()
        calls = await self._live.calls([row["call_id"] for row in found])
        states = {CallState.OFFERED: "calling", CallState.RESTING: "resting"}
        return [
            {
                "call_id": row["call_id"],
                "number_display": display_of(row["callback_number"], self._country),
                "since": row["arrived_at"],
                "state": states.get(call.state, "waiting"),
                "attempts": int(call.fields.get("attempts") or row["callback_attempts"]),
                "next_at": call.at("next_at"),
            }
            | {name: row[name] for name in ("customer_name", "queue_id", "queue_name_zh", "queue_name_en")}
            for row, call in zip(found, calls, strict=True)
            if call.state not in (CallState.ENDED, CallState.TALKING)
        ]

    async def cancel(self, call_id: str) -> None:
        """Take a caller who keeps his place out of the line; one who is being called stays.

        Raises:
            NotFoundError: nobody of this id keeps his place.
        """
        now = self._clock()
        call = await self._live.call(call_id)
        gone = Part(call_id, move=CallMove.END, only=(CallState.WAITING, CallState.RESTING))
        gone.set = {"ended_at": str(now)}
        facts = [event_at(call_id, Kind.ENDED, now, hung_up_by="system", where="cancelled")]
        if not call.is_callback or not (await self._live.step(now, call=gone, events=facts)).applied:
            raise NotFoundError
