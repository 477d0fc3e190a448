"""The agent's side of the live queue: his states, his desk, what came of his call.

Owns what an agent does and what he is shown. The document that `document` makes is the whole desk; a browser
replaces the old one with it, so that a desk can't drift from the truth.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from callcenter.configuration.model import OutcomeRule
from callcenter.customers.model import display_of
from callcenter.errors import ConflictError, HotlineError, InvalidInputError
from callcenter.events import CallEvent, Kind, event_at
from callcenter.numbers.model import masked_body
from callcenter.routing import recording
from callcenter.routing.consult import Consult, consult_of
from callcenter.routing.model import (
    AgentMove,
    AgentState,
    CallMove,
    CallState,
    PauseReason,
)
from callcenter.routing.rings import rings_in
from callcenter.routing.service import LEASE_SLACK_SECONDS, Routing
from callcenter.routing.store import LiveAgent, LiveCall, LiveQueue, Part
from callcenter.routing.transfer import To, transfer_of

RECONNECT_RING_SECONDS = 15


class InCallError(ConflictError):
    """You are in a call. Finish it first."""

    error_id = "in_call"
    zh = "您正在通话中，请先结束通话。"


class NoPhoneError(HotlineError):
    """You have no phone here. Ask an administrator to give you an extension."""

    error_id = "no_phone"
    status = 409
    zh = "您还没有分机，请联系管理员分配。"


class CallGoneError(ConflictError):
    """The call could not be taken back: it has ended or gone back to the line."""

    error_id = "call_gone"
    zh = "无法恢复通话：通话已结束或来电者已回到队列。"


class NoExtensionError(ConflictError):
    """There is no wrap-up time here to be extended, or it was extended already."""

    error_id = "no_extension"
    zh = "当前没有可延长的整理时间，或已延长过一次。"


class ListeningError(ConflictError):
    """You are at another's conversation. Leave it first."""

    error_id = "listening"
    zh = "您正在旁听他人的通话，请先结束旁听。"


class OutcomeMissingError(ConflictError):
    """Write down what came of your last call first; then you can be ready."""

    error_id = "outcome_missing"
    zh = "请先填写上一通电话的记录，然后才能就绪。"


class TakenOverError(ConflictError):
    """You have signed in on another page since; this one is no longer your desk."""

    error_id = "taken_over"
    zh = "您已在另一个页面登录工作台，此页面不再有效。"


_WANTED = {
    AgentState.READY: AgentMove.GO_READY,
    AgentState.PAUSED: AgentMove.PAUSE,
    AgentState.SIGNED_OUT: AgentMove.SIGN_OUT,
}


_HEARD_OF = [state for state in CallState if state is not CallState.NEW]
_NOT_LOOKED_UP: Mapping[str, Any] = {
    **dict.fromkeys(("number", "number_e164", "caller_name", "place", "carrier", "ring_back_id")),
    "anonymous": False,
    "customers": [],
    "chosen": None,
    "recent_calls": [],
}
"""The caller's part of a call that was not seen to arrive: Asterisk's own queue rang the agent, or Redis lost it."""


@dataclass(frozen=True, slots=True)
class DeskNow:
    """A desk as it is: the number of its last change, the page that is it, and what it shows."""

    seq: int
    desk_id: str
    document: dict[str, Any]


class DeskWork:
    """What an agent does at his desk."""

    def __init__(
        self,
        routing: Routing,
        clock: Callable[[], int],
        end_leg: Callable[[str], Awaitable[None]],
        signed_in: Callable[[str, bool], Awaitable[None]],
        country: str = "CN",
    ) -> None:
        """`end_leg(channel)` ends an agent's leg on Asterisk and keeps the caller; `signed_in(extension, yes)`
        tells Asterisk's fallback.
        """
        self.routing = routing
        self.live: LiveQueue = routing.live
        self._clock = clock
        self.end_leg = end_leg
        self._signed_in = signed_in
        self._country = country
        self.names: dict[int, str] = {}
        """Agent -> his name; kept by whoever keeps the agents."""
        self.sees_numbers: Callable[[int], bool] = lambda _agent_id: False
        """Whether an agent sees whole numbers, and not only that of the call at his desk (SEC-01)."""

    async def take(self, agent_id: int, desk_id: str) -> None:
        """This page is the agent's desk from now on; an earlier one is told so.

        Raises:
            TakenOverError: a later page has been his desk since.
        """
        agent = await self._agent(agent_id)
        if agent.desk_id == desk_id:
            return
        if not await self.live.retire_desk(agent_id, agent.desk_id, desk_id):
            raise TakenOverError
        await self.live.step(self._clock(), agent=Part(agent_id, set={"desk": desk_id}))

    async def set_state(self, agent_id: int, wanted: AgentState, reason: str = "", *, freed: bool = False) -> None:
        """Make an agent ready, paused (for a reason that is set, by its code) or signed out. Already there: nothing
        happens. `freed`: a supervisor lets him off the calls that he was to write down first.

        Raises:
            OutcomeMissingError: he wants to be ready and must write down a call first.
            InCallError: he is on offer, ringing or talking.
            ListeningError: he wants to be ready while he listens to another's conversation.
        """
        agent = await self._agent(agent_id)
        if wanted is AgentState.READY and agent.listening_id:
            raise ListeningError
        if agent.state is wanted and wanted is not AgentState.PAUSED:
            return
        owed = () if freed else await self._owed(agent)
        if wanted is AgentState.READY and owed:
            raise OutcomeMissingError
        now = self._clock()
        settings = {"since": str(now), "reason": reason, "call": "", "offer": "", "wrapup_until": ""}
        settings["owes"] = ",".join(owed)
        settings |= dict.fromkeys(("before", "returns_to", "returns_reason"), "")
        if wanted is AgentState.READY:
            settings |= {"idle_since": str(now), "misses": "0"}
        events = []
        if agent.state is AgentState.WRAPUP and agent.call_id:
            events.append(event_at(agent.call_id, Kind.WRAPPED_UP, now, agent_id=agent_id))
        move, guard = _WANTED[wanted], {"call": agent.call_id, "extension": agent.extension}
        guard["owes"] = agent.fields.get("owes", "")
        if wanted is AgentState.READY:
            guard["listening"] = ""
        done = await self.live.step(
            now,
            agent=Part(agent_id, move=move, guard=guard, set=settings),
            events=events,
        )
        if not done.applied:
            raise InCallError
        if AgentState.SIGNED_OUT in (wanted, agent.state):
            await self._signed_in(agent.extension, wanted is not AgentState.SIGNED_OUT)
        if wanted is AgentState.READY:
            await self.routing.match()

    def reason_of(self, wanted: AgentState, reason: str | None) -> str:
        """The code of the reason for which an agent becomes `wanted`: the last that is set where none is given for a
        pause, none for the other states.

        Raises:
            InvalidInputError: there is no such reason.
        """
        if wanted is not AgentState.PAUSED:
            return ""
        known = [one.code for one in self.routing.plan.configuration.pause_reasons]
        if reason and reason not in known:
            raise InvalidInputError(fields={"reason": {"en": "There is no such reason.", "zh": "没有这个小休原因。"}})
        return reason or known[-1]

    async def give_back(self, agent: LiveAgent) -> bool:
        """Make an agent again what he was when Redis lost everything: paused, or ready where he was at work. Whether
        he has changed: he may have said something else since.
        """
        signed_out, paused = agent.before == AgentState.SIGNED_OUT, agent.before == AgentState.PAUSED
        now = self._clock()
        part = Part(agent.agent_id, guard={"before": agent.before}, set={"before": ""})
        if not signed_out:
            part.move = AgentMove.PAUSE if paused else AgentMove.GO_READY
            part.only = (AgentState.SIGNED_OUT,)
            part.set |= {"since": str(now), "idle_since": str(now)}
        if not paused:
            part.set["reason"] = ""
        done = await self.live.step(now, agent=part)
        if done.applied and not signed_out:
            await self._signed_in(agent.extension, True)
        return done.applied and not signed_out

    async def finish(self, agent_id: int, call_id: str, outcome: dict[str, Any]) -> bool:
        """Record what came of a call that is his or that he owes; out of wrap-up it makes the agent ready, and so does
        the last that he owed. False: it is not his now.

        A save in wrap-up is one step of the live queue; one in mid-call, or of a call that he owes, two and a look.
        """
        now = self._clock()
        fact = event_at(call_id, Kind.OUTCOME, now, by=agent_id, **outcome)
        told = Part(call_id, only=_HEARD_OF, set={"outcome": orjson.dumps(outcome).decode()})
        done = await self._finish(agent_id, call_id, now, [fact], told)
        if not done and not await self._finish_otherwise(agent_id, told, now, fact):
            return False
        await self.routing.match()
        return True

    async def _finish(
        self, agent_id: int, call_id: str, now: int, facts: list[CallEvent], told: Part | None = None
    ) -> bool:
        """End his wrap-up of this call, if he owes nothing else."""
        settings = {"since": str(now), "idle_since": str(now)}
        settings |= dict.fromkeys(("call", "offer", "reason", "wrapup_until", "owes"), "")
        done = await self.live.step(
            now,
            agent=Part(agent_id, move=AgentMove.FINISH, guard={"call": call_id, "owes": ""}, set=settings),
            call=told,
            events=[*facts, event_at(call_id, Kind.WRAPPED_UP, now, agent_id=agent_id)],
        )
        return done.applied

    async def _finish_otherwise(self, agent_id: int, told: Part, now: int, fact: CallEvent) -> bool:
        """Take the outcome of a call that he talks in, that the live queue knows no more, or that he owes."""
        agent = await self._agent(agent_id)
        call_id = fact.call_id
        if agent.call_id != call_id and call_id not in agent.owed:
            return False
        part = Part(agent_id, guard={"call": agent.call_id, "owes": agent.fields.get("owes", "")})
        left = [one for one in agent.owed if one != call_id]
        part.set = {"owes": ",".join(left)}
        if agent.state is AgentState.WRAPUP and agent.call_id == call_id:
            part.move = AgentMove.PAUSE if left else AgentMove.FINISH
        elif (
            agent.state is AgentState.PAUSED and agent.fields.get("reason") == PauseReason.OUTCOME_MISSING and not left
        ):
            part.move = AgentMove.GO_READY
        facts = [fact]
        if part.move is not None:
            part.set |= {"since": str(now), "idle_since": str(now)}
            part.set |= dict.fromkeys(("call", "offer", "wrapup_until"), "")
            part.set["reason"] = PauseReason.OUTCOME_MISSING if left else ""
            if agent.state is AgentState.WRAPUP:
                facts.append(event_at(call_id, Kind.WRAPPED_UP, now, agent_id=agent_id))
        # The call may be known no more, and he may have moved on meanwhile; what he wrote is kept in any case.
        for his, its, told_of in ((part, told, facts), (part, None, facts), (None, told, [fact]), (None, None, [fact])):
            if (await self.live.step(now, agent=his, call=its, events=told_of)).applied:
                break
        return True

    async def _owed(self, agent: LiveAgent) -> tuple[str, ...]:
        """The calls that he must write down before he is ready, with the one that he wraps up."""
        if agent.state is not AgentState.WRAPUP or not agent.call_id or agent.call_id in agent.owed:
            return agent.owed
        call = await self.live.call(agent.call_id)
        rule = self.routing.plan.queue_of(call.queue_id).outcome_required
        must = rule is OutcomeRule.BEFORE_READY and call.state is not CallState.NEW and not call.fields.get("outcome")
        return (*agent.owed, agent.call_id) if must else agent.owed

    async def end_wrapups(self) -> None:
        """End the wrap-up of those whose time is over: they are ready, or paused where they must write a call down
        first. Where the outcome only counts, they stay.
        """
        now = self._clock()
        ended = [int(member) for member in await self.live.due("cc:wrapups", now)]
        for agent_id in ended:
            agent = await self.live.agent(agent_id)
            if owed := await self._owed(agent):
                await self._pause_until_written(agent, owed, now)
                continue
            call = await self.live.call(agent.call_id)
            rule = self.routing.plan.queue_of(call.queue_id).outcome_required
            given_on = call.agent_id != agent_id and call.state is not CallState.NEW
            unsaved = not call.fields.get("outcome") and (call.state is CallState.ENDED or given_on)
            if agent.state is not AgentState.WRAPUP or rule is OutcomeRule.OFF or not unsaved:
                await self._finish(agent_id, agent.call_id, now, [])
                await self.live.redis.zrem("cc:wrapups", str(agent_id))
        if ended:
            await self.routing.match()

    async def _pause_until_written(self, agent: LiveAgent, owed: tuple[str, ...], now: int) -> None:
        part = Part(agent.agent_id, move=AgentMove.PAUSE, only=(AgentState.WRAPUP,))
        part.guard = {"call": agent.call_id, "owes": agent.fields.get("owes", "")}
        part.set = dict.fromkeys(("call", "offer", "wrapup_until"), "")
        part.set |= {"since": str(now), "reason": PauseReason.OUTCOME_MISSING, "owes": ",".join(owed)}
        wrapped_up = event_at(agent.call_id, Kind.WRAPPED_UP, now, agent_id=agent.agent_id)
        if not (await self.live.step(now, agent=part, events=[wrapped_up])).applied:
            await self.live.redis.zrem("cc:wrapups", str(agent.agent_id))

    async def extend_wrapup(self, agent_id: int) -> None:
        """More time for the outcome, once a call.

        Raises:
            NoExtensionError: he is not in wrap-up, it has no end, or it was extended before.
        """
        agent = await self._agent(agent_id)
        call = await self.live.call(agent.call_id)
        if not self._may_extend(agent, call):
            raise NoExtensionError
        until = (agent.wrapup_until_ms or 0) + self.routing.plan.queue_of(call.queue_id).wrapup_extension_seconds * 1000
        longer = Part(agent_id, only=(AgentState.WRAPUP,), guard={"extended": ""})
        longer.set = {"wrapup_until": str(until), "extended": "1"}
        if not (await self.live.step(self._clock(), agent=longer)).applied:
            raise NoExtensionError

    def _may_extend(self, agent: LiveAgent, call: LiveCall | None) -> bool:
        if agent.state is not AgentState.WRAPUP or call is None or not agent.wrapup_until_ms:
            return False
        queue = self.routing.plan.queue_of(call.queue_id)
        return queue.wrapup_extension_seconds > 0 and not agent.fields.get("extended")

    async def correct(self, by: int, call_id: str, outcome: dict[str, Any]) -> None:
        """Record another outcome for a call of the past."""
        now = self._clock()
        await self.live.step(now, events=[event_at(call_id, Kind.OUTCOME, now, by=by, **outcome)])

    async def reconnect(self, agent_id: int) -> None:
        """After his page was loaded anew in mid-call: ring his phone again, with the same caller.

        Raises:
            CallGoneError: there is no such conversation any more, or the customer was called back over the lost phone:
                nobody waits on a line of his own.
        """
        agent = await self._agent(agent_id)
        call = await self.live.call(agent.call_id) if agent.call_id else None
        if call is None or call.state is not CallState.TALKING or agent.state is not AgentState.TALKING:
            raise CallGoneError
        if call.is_callback:
            raise CallGoneError
        now = self._clock()
        offer_id = f"{call.call_id}/{now}"
        old = {"offer": call.offer_id}
        done = await self.live.step(
            now,
            agents=[
                Part(
                    agent_id,
                    move=AgentMove.RECONNECT,
                    guard=old,
                    set={"offer": offer_id, "since": str(now)},
                ),
                *self.routing.let_others_go(call, now),
            ],
            call=Part(
                call.call_id,
                move=CallMove.RECONNECT,
                guard=old,
                dial=True,
                set={
                    "offer": offer_id,
                    "agents": str(agent_id),
                    "reconnecting": "1",
                    "held_at": "",
                    "ring_seconds": str(RECONNECT_RING_SECONDS),
                },
            ),
            lease_until_ms=now + (RECONNECT_RING_SECONDS + LEASE_SLACK_SECONDS) * 1000,
            events=[event_at(call.call_id, Kind.RECONNECTING, now, agent_id=agent_id)],
        )
        if not done.applied:
            raise CallGoneError
        if leg := call.fields.get("leg"):
            try:
                await self.end_leg(leg)
            except HotlineError:
                await self._still_talking(agent, call, offer_id)
                raise

    async def _still_talking(self, agent: LiveAgent, call: LiveCall, offer_id: str) -> None:
        """The old leg could not be ended: the talk is what it was."""
        offer = {"offer": offer_id}
        before = {"offer": call.offer_id}
        await self.live.step(
            self._clock(),
            agent=Part(agent.agent_id, move=AgentMove.ANSWER, guard=offer, set=before),
            call=Part(call.call_id, move=CallMove.ANSWER, guard=offer, set=before | {"reconnecting": ""}),
        )

    async def set_reachable(self, agent_id: int, reachable: bool, node: str) -> None:
        """His phone has registered at a node, or is gone from it: without one he is offered nothing. That it is gone
        from a node where it was before says nothing.
        """
        agent = await self.live.agent(agent_id)
        if agent.online == reachable and (not reachable or agent.node == node):
            return
        if not reachable and agent.node not in ("", node):
            return
        place = {"online": "1", "node": node} if reachable else {"online": "0"}
        guard = {} if reachable else {"node": agent.node}
        await self.live.step(self._clock(), agent=Part(agent_id, guard=guard, set=place))
        if reachable:
            await self.routing.match()

    async def desk_now(self, agent_id: int, after: int | None = None) -> DeskNow:
        """The desk as it is now, or as it was with its change number `after` or a later one. Raises NoPhoneError."""
        agent, call, waiting = await self.live.desk(agent_id, after)
        if not agent.known:
            raise NoPhoneError
        owed = None if call or not agent.owed else await self.live.call(agent.owed[0])
        document = {
            "agent": {
                "user_id": agent_id,
                "display_name": agent.fields.get("name", ""),
                "extension": agent.extension,
                "phone_kind": agent.fields.get("kind", ""),
                "phone_online": agent.online,
            },
            "state": {
                "name": agent.state.value,
                "since": agent.since_ms,
                "reason": agent.fields.get("reason") or None,
                "until": agent.wrapup_until_ms if agent.state is AgentState.WRAPUP else None,
                "may_extend": self._may_extend(agent, call),
            },
            "waiting": waiting,
            "call": self._call_document(call, agent_id) if call else None,
            "owed": list(agent.owed),
            "owed_call": self._owed_document(owed, agent_id) if owed and owed.state is not CallState.NEW else None,
            "listener": self._listener(call, agent_id) if call else None,
            "listening": orjson.loads(agent.fields.get("listens") or b"null"),
        }
        return DeskNow(agent.seq, agent.desk_id, document)

    def _listener(self, call: LiveCall, agent_id: int) -> str | None:
        """Which supervisor is at his conversation, as far as he is told: who speaks with both is no secret."""
        if call.state is not CallState.TALKING or call.agent_id != agent_id:
            return None
        all_of_them = self.routing.plan.configuration.tell_listened
        return next((name for mode, name in call.listeners if all_of_them or mode == "barge"), None)

    def _owed_document(self, call: LiveCall, agent_id: int) -> dict[str, Any]:
        document = self._call_document(call, agent_id)
        return document if self.sees_numbers(agent_id) else masked_body(document, self._country)

    def _call_document(self, call: LiveCall, agent_id: int) -> dict[str, Any]:
        plan = self.routing.plan
        queue = plan.queue_of(call.queue_id)
        end_of_wait = call.at("answered_at") or call.at("ended_at") or self._clock()
        arrived = call.at("arrived") or end_of_wait
        saved = orjson.loads(call.fields.get("outcome") or "{}")
        return {**_NOT_LOOKED_UP, **call.card} | {
            "call_id": call.call_id,
            "offer_id": call.offer_id,
            "queue": {
                "queue_id": call.queue_id,
                "name_zh": queue.name_zh,
                "name_en": queue.name_en,
            },
            "status": call.state.value,
            "arrived_at": arrived,
            "offered_at": call.at("offered_at"),
            "ringing_at": call.at("ringing_at"),
            "answered_at": call.at("answered_at"),
            "held_at": call.at("held_at"),
            "ended_at": call.at("ended_at"),
            "rings": rings_in((end_of_wait - arrived) / 1000, plan.cadence),
            "ring_period_seconds": plan.cadence.period_seconds,
            "apology_ring": queue.apology_ring,
            "last_ring_in_time": queue.ring_target.last_ring,
            "response_seconds": queue.response_seconds,
            "priority": call.entry.get("priority", 0),
            "menu_keys_names": orjson.loads(call.fields.get("menu_names") or b"[]"),
            "kinds": call.card.get("kinds") or [],
            "others": [self.names.get(other, "") for other in call.rung if other != agent_id],
            "callback": self._callback_document(call),
            "hung_up_by": call.fields.get("hung_up_by") or None,
            "reconnecting": call.fields.get("reconnecting") == "1",
            "transfer": self._transfer_document(call, consult_of(call)),
            "consult": self._consult_document(call, agent_id),
            "recording": recording.document(queue.recording.rule, call.fields),
            "call_type": saved.get("call_type") or call.fields.get("call_type") or None,
            "notes": saved.get("notes"),
            "next_step": saved.get("next_step"),
            "outcome": saved or None,
        }

    def _consult_document(self, call: LiveCall, agent_id: int) -> dict[str, Any] | None:
        """With whom the caller's agent speaks while the caller is kept; `asked`: this agent is that one."""
        consult = consult_of(call)
        if consult is None:
            return None
        colleague = consult.colleague_id
        return {
            "by_name": self.names.get(consult.transfer.by, ""),
            "to_name": consult.transfer.to if colleague is None else self.names.get(colleague, ""),
            "outside": colleague is None,
            "asked": colleague == agent_id,
            "since": consult.transfer.at_ms,
            "ringing_at": consult.ringing_at,
            "answered_at": consult.answered_at,
        }

    def _transfer_document(self, call: LiveCall, consult: Consult | None) -> dict[str, Any] | None:
        """By whom the caller was given on, to whom, and what is to be known of it (TEL-22)."""
        one = consult.transfer if consult else transfer_of(call.fields)
        if one is None:
            return None
        queue = self.routing.plan.queues.get(one.to)
        return {
            "kind": one.kind.value,
            "by": one.by,
            "by_name": self.names.get(one.by, ""),
            "to_name": self.names.get(int(one.to), "") if one.kind is To.AGENT else one.to,
            "to_queue_zh": queue.name_zh if queue and one.kind is To.QUEUE else None,
            "to_queue_en": queue.name_en if queue and one.kind is To.QUEUE else None,
            "at": one.at_ms,
            "note": one.note,
            "notes": one.notes,
            "attended": one.attended,
            "is_open": one.is_open,
            "failed": one.failed or None,
        }

    def _callback_document(self, call: LiveCall) -> dict[str, Any] | None:
        if not call.is_callback:
            return None
        return {
            "number_display": display_of(call.fields["callback_number"], self._country),
            "asked_at": call.at("callback_at"),
            "attempts": int(call.fields.get("attempts") or 0),
            "calling": call.at("calling_at") is not None,
        }

    async def _agent(self, agent_id: int) -> LiveAgent:
        agent = await self.live.agent(agent_id)
        if not agent.known:
            raise NoPhoneError
        return agent
