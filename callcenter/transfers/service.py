"""What an agent does to give his caller on, without asking first: to a colleague, to a queue, to a number.

Each verb looks, decides, and writes in one guarded step; only then the agent's leg ends, and the caller's script asks
what to do with him. So a caller is always somewhere: with his agent, on offer, in line, or on his way to a number.
"""

from collections.abc import Callable
from typing import Any

import orjson

from callcenter.configuration.model import ToNumber
from callcenter.db.pool import Executor
from callcenter.errors import InvalidInputError, NotFoundError
from callcenter.events import CallEvent, Kind, event_at
from callcenter.routing.course import offer_seconds
from callcenter.routing.model import AgentMove, AgentState, CallMove, CallState
from callcenter.routing.service import Routing
from callcenter.routing.store import LiveAgent, LiveCall, Part
from callcenter.routing.talks import Talks, as_seen
from callcenter.routing.transfer import FIELD, To, Transfer
from callcenter.staff import audit
from callcenter.staff.model import Actor
from callcenter.transfers.errors import (
    CalledBackCallerError,
    ColleagueNotReadyError,
    ConsultingAlreadyError,
    NotYourTalkError,
)


class Transfers:
    """The verbs. Any number of replicas may use them at once."""

    def __init__(
        self,
        routing: Routing,
        talks: Talks,
        pool: Executor,
        clock: Callable[[], int],
        dialled_form: Callable[[str], str | None],
    ) -> None:
        """`dialled_form(number)`: a number as the trunk takes it, or None where it may not be called."""
        self._routing = routing
        self._live = routing.live
        self._talks = talks
        self._pool = pool
        self._clock = clock
        self._dialled_form = dialled_form

    # -- whom there is ---------------------------------------------------------------------------------

    async def colleagues(self, agent_id: int) -> list[LiveAgent]:
        """Everybody else who is on duty."""
        agents = await self._live.agents()
        return [one for one in agents if one.known and one.agent_id != agent_id and one.state.value != "signed_out"]

    # -- giving a caller on ----------------------------------------------------------------------------

    async def to_agent(self, agent_id: int, colleague_id: int, note: str = "", notes: str = "") -> None:
        """Ring a colleague who is ready; if he does not answer, the caller comes back (`Routing.come_back`).

        Raises:
            NotYourTalkError, CalledBackCallerError, ConsultingAlreadyError: there is no caller to be given on.
            NotFoundError, InvalidInputError: it is nobody, or he himself.
            ColleagueNotReadyError: he is not ready, or his phone is away.
            UnavailableError: the agent's leg could not be ended; the talk goes on.
        """
        if colleague_id == agent_id:
            raise InvalidInputError(fields={"user_id": {"en": "That is you.", "zh": "不能转接给自己。"}})
        while True:
            call = await self.talk_of(agent_id)
            await self.ready_colleague(colleague_id)
            now, plan = self._clock(), self._routing.plan
            one = Transfer(To.AGENT, str(colleague_id), agent_id, now, note, notes)
            given = Part(call.call_id, move=CallMove.TRANSFER, guard=as_seen(call))
            given.set = {FIELD: one.to_field(), "taken_from": call.offer_id, "taken_by": "", "held_at": ""}
            offer_id = await self._routing.offer_now(
                given,
                Part(colleague_id, move=AgentMove.CLAIM, guard={"online": "1"}),
                offer_seconds(plan.queue_of(call.queue_id), plan, owner=False),
                others=self._talks.without_talk(call, now),
                facts=[self.fact(call, one)],
            )
            if offer_id is not None:
                break
        spared = self._talks.spare(colleague_id, offer_id)
        await self._talks.end_talking_leg(
            call, lambda: self._talks.still_talking(call, CallMove.ANSWER, offer_id, others=[spared])
        )

    async def to_queue(self, agent_id: int, queue_id: str, note: str = "", notes: str = "") -> None:
        """Into a queue's line, with the waiting that the caller has behind him.

        Raises:
            NotYourTalkError, CalledBackCallerError, ConsultingAlreadyError: there is no caller to be given on.
            InvalidInputError: there is no such queue.
            UnavailableError: the agent's leg could not be ended; the talk goes on.
        """
        if queue_id not in self._routing.plan.queues:
            said = {"en": "There is no such queue.", "zh": "没有这个队列。"}
            raise InvalidInputError(fields={"queue_id": said})
        while True:
            call = await self.talk_of(agent_id)
            one = Transfer(To.QUEUE, queue_id, agent_id, self._clock(), note, notes, is_open=False)
            if await self._talks.to_queue(
                call, queue_id, facts=[self.fact(call, one)], fields={FIELD: one.to_field(), "taken_by": ""}
            ):
                return

    async def to_number(self, actor: Actor, number: str, note: str = "", notes: str = "") -> None:
        """Over the trunk to a number that a caller might have given himself for calling back: nothing that costs. Who
        sent whom where is in the audit log before it is done. If nobody answers there, the caller comes back.

        Raises:
            NotYourTalkError, CalledBackCallerError, ConsultingAlreadyError: there is no caller to be given on.
            InvalidInputError: the number may not be called.
            UnavailableError: it can't be written down, or the agent's leg could not be ended; the talk goes on.
        """
        agent_id, dialled = actor.user_id or 0, self.allowed(number)
        audited = False
        while True:
            call = await self.talk_of(agent_id)
            if not audited:
                await self.audit_number(actor, call, dialled)
                audited = True
            one = Transfer(To.NUMBER, dialled, agent_id, self._clock(), note, notes)
            if await self._send_out(call, one):
                return

    async def _send_out(self, call: LiveCall, one: Transfer) -> bool:
        """False: the talk has changed since it was looked at."""
        now = self._clock()
        gone = Part(call.call_id, move=CallMove.SEND_OUT, guard=as_seen(call))
        gone.set = {"at": orjson.dumps(out_at(call, one)).decode(), FIELD: one.to_field(), "held_at": "", "join": ""}
        agents = self._talks.without_talk(call, now)
        done = await self._live.step(now, agents=agents, call=gone, events=[self.fact(call, one)])
        if not done.applied:
            return False
        await self._talks.show(done.agents)
        await self._talks.end_talking_leg(call, lambda: self._talks.still_talking(call, CallMove.ADOPT, call.offer_id))
        return True

    # -- what all of them need -------------------------------------------------------------------------

    async def talk_of(self, agent_id: int) -> LiveCall:
        """The call in which an agent speaks with a caller, who can be given on.

        Raises:
            NotYourTalkError, CalledBackCallerError, ConsultingAlreadyError: there is none.
        """
        agent = await self._live.agent(agent_id)
        call = await self._live.call(agent.call_id)
        if call.state is CallState.CONSULTING and call.agent_id == agent_id:
            raise ConsultingAlreadyError
        talks = agent.state is AgentState.TALKING and call.state is CallState.TALKING
        if not talks or call.agent_id != agent_id or call.offer_id != agent.offer_id:
            raise NotYourTalkError
        if call.is_callback:
            raise CalledBackCallerError
        return call

    async def ready_colleague(self, colleague_id: int) -> LiveAgent:
        """A colleague who could take a call now.

        Raises:
            NotFoundError: there is none.
            ColleagueNotReadyError: he can't.
        """
        colleague = await self._live.agent(colleague_id)
        if not colleague.known:
            raise NotFoundError
        if colleague.state is not AgentState.READY or not colleague.online:
            raise ColleagueNotReadyError
        return colleague

    def allowed(self, number: str) -> str:
        """A number as it is dialled. Raises InvalidInputError for one that may not be called."""
        dialled = self._dialled_form(number)
        if dialled is None:
            said = {
                "en": "Only mobile and landline numbers of this country can be called.",
                "zh": "只能转接到本国的手机或固定电话号码。",
            }
            raise InvalidInputError(fields={"number": said})
        return dialled

    async def audit_number(self, actor: Actor, call: LiveCall, number: str) -> None:
        """Write down who has a caller connected with which number. Raises UnavailableError."""
        await audit.record(
            self._pool, actor, "call.sent_out_asked", of=("call", call.call_id), detail={"number": number}
        )

    @staticmethod
    def fact(call: LiveCall, one: Transfer) -> CallEvent:
        """The fact that a caller was given on."""
        return event_at(call.call_id, Kind.TRANSFERRED, one.at_ms, **one.fact())


def out_at(call: LiveCall, one: Transfer) -> dict[str, Any]:
    """Where a caller is who is given to a number: his script is told it once, and tells when nobody answered."""
    to = ToNumber(number=one.to).model_dump()
    return {"to": to, "queue": call.queue_id, "step": f"out/{one.at_ms}"}
