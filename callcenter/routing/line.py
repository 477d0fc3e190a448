"""The caller's side: what his script on a node asks and is told, from his arrival until he is connected or gone."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import orjson

from callcenter import metrics
from callcenter.configuration.model import Queue, ToCallback, ToEnd, ToQueue
from callcenter.events import Kind, event, event_at
from callcenter.routing.course import Act, Due, Waiting, expected_wait_seconds, next_due
from callcenter.routing.dialogue import Circumstances, Dialogue, Turn, Voice
from callcenter.routing.model import CallMove, CallState
from callcenter.routing.plan import Caller
from callcenter.routing.recording import APART, FAILED, ON, dialled, failed_fact, is_told, start_of, start_of_joined
from callcenter.routing.script import (
    Answer,
    CallFacts,
    Dial,
    Heard,
    Join,
    KeepWaiting,
    Leave,
    OfferOver,
    Play,
    RecordingStart,
    Say,
    WhyNotRecorded,
)
from callcenter.routing.service import Routing, arrived, identified
from callcenter.routing.store import LiveCall, Part
from callcenter.routing.transfer import FIELD

WAITING_SECONDS = 50.0
"""How long a waiting caller's script is kept without news: each answer costs as much as a step of his call."""
OTHER_SECONDS = 20.0
"""The same while he does not wait: that his script asks then is a sign (`reconcile.DEAF_SECONDS`)."""


class Line:
    """Holds callers' places."""

    def __init__(self, routing: Routing, voice: Voice, world: Circumstances, clock: Callable[[], int]) -> None:
        self.routing = routing
        self.live = routing.live
        self._clock = clock
        self._voice = voice
        self._world = world
        self._dialogue = Dialogue(lambda: routing.plan, voice, world, clock)

    async def wait(
        self,
        facts: CallFacts,
        *,
        arriving: bool = False,
        answered: bool = False,
        previous: OfferOver | None = None,
        heard: Heard | None = None,
    ) -> tuple[Answer, LiveCall]:
        """Hold the caller's place and say what his script shall do next; waits up to `WAITING_SECONDS` for
        news.

        `arriving`: his script has not asked before, or was not answered.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        with self.routing.listening(facts.call_id) as poll:
            # One who arrives and is known after all is looked at when his turn is refused.
            new = LiveCall(facts.call_id, CallState.NEW, {})
            call = new if arriving else await self._known(facts.call_id, previous)
            while True:
                answer, due_at = await self._look(call, facts, answered, previous, heard)
                if answer is not None:
                    return answer, await self.live.call(facts.call_id) if call.state is CallState.NEW else call
                most = WAITING_SECONDS if call.state is CallState.WAITING else OTHER_SECONDS
                left = began + most - loop.time()
                if left <= 0:
                    return KeepWaiting(), call
                # A turn, his own or another that came before it, has put him elsewhere: look at once.
                if call.state not in (CallState.NEW, CallState.AWAY):
                    await self._news(poll, min(left, left if due_at is None else (due_at - self._clock()) / 1000))
                poll.clear()
                call = await self.live.call(facts.call_id)

    async def pressed(self, call_id: str, key: str) -> None:
        """A waiting caller has pressed a key."""
        call = await self.live.call(call_id)
        queue = self.routing.plan.queue_of(call.queue_id)
        if call.state is not CallState.WAITING or key != queue.callback.key or call.is_callback:
            return
        at = {"to": ToCallback().model_dump(), "queue": queue.queue_id}
        await self._step_out(call, at, {})
        self.routing.wake(call_id)

    async def _known(self, call_id: str, previous: OfferOver | None) -> LiveCall:
        """A caller whose script has asked before, after its word of how the last offer ended."""
        call = await self.live.call(call_id)
        if previous is not None and previous.offer_id == call.offer_id:
            call = await self._dialled(call, previous)
            if call.state is CallState.WAITING:
                await self.routing.match()
                call = await self.live.call(call_id)
        if call.state is CallState.NEW:
            return call
        if previous is not None and previous.notice_cut and is_told(call.fields):
            # An answer counts as the notice, since it follows at once: here it did not.
            await self.live.step(self._clock(), call=Part(call_id, set={"noticed": ""}))
            call = await self.live.call(call_id)
        await self.live.seen(call_id, self._clock())
        return call

    @staticmethod
    async def _news(poll: asyncio.Event, seconds: float) -> None:
        """Returns when there is news, or after so long."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await poll.wait()

    async def _dialled(self, call: LiveCall, previous: OfferOver) -> LiveCall:
        """The dialling is over; the call as it is after that."""
        while not await self.routing.offer_over(call, previous):
            call = await self.live.call(call.call_id)
        return await self.live.call(call.call_id)

    async def _look(
        self, call: LiveCall, facts: CallFacts, answered: bool, previous: OfferOver | None, heard: Heard | None
    ) -> tuple[Answer | None, int | None]:
        """What the call's script shall do now; nothing: until the moment (ms) when waiting alone brings something."""
        answer: Answer | None = None
        due_at: int | None = None
        if call.state is CallState.ENDED:
            answer = Leave()
        elif call.state in (CallState.NEW, CallState.AWAY):
            answer = await self._take_turn(call, facts, heard or _out_in_vain(call, previous))
        elif call.state is CallState.TALKING and call.fields.get("join"):
            answer = await self._join(call)
        elif call.is_callback:
            done = heard is not None and heard.step_id == "callback/done"
            answer = Leave() if done else Play("callback/done", self._voice.prompts(spoken_to(call), "callback_done"))
        elif call.state is CallState.OFFERED and (previous is None or previous.offer_id != call.offer_id):
            await self.routing.popped(call.call_id)
            answer = await self._dial(call, facts)
        elif call.state is CallState.WAITING:
            answer, due_at = await self._in_line(call, answered)
        return answer, due_at

    async def _dial(self, call: LiveCall, facts: CallFacts) -> Dial:
        endpoints = tuple(
            extension if node in ("", facts.node) else f"{extension}@{node}" for extension, node in call.endpoints
        )
        start, notice = await self._recording(call)
        return Dial(call.offer_id, endpoints, int(call.fields.get("ring_seconds", "20")), start, notice)

    async def _recording(self, call: LiveCall) -> tuple[RecordingStart, tuple[str, ...]]:
        """How the recording of the talk begins, and what tells the caller of it, unless he was told before."""
        wanted = start = start_of(self.routing.plan.queue_of(call.queue_id).recording.rule, call.fields)
        notice: tuple[str, ...] = ()
        failed: WhyNotRecorded | None = None
        if start != "never" and not is_told(call.fields):
            notice = self._voice.prompts(spoken_to(call), "recording_notice")
            if not notice:
                start, failed = "later", "notice"
        begins = dialled(start, call.fields, told=bool(notice), failed=failed)
        if any(call.fields.get(name, "") != value for name, value in begins.items()):
            now = self._clock()
            facts = [failed_fact(call.call_id, call.offer_id, failed, now)] if failed and wanted == "now" else []
            begun = Part(call.call_id, guard={"offer": call.offer_id}, set=begins)
            await self.live.step(now, call=begun, events=facts)
        return start, notice

    async def _join(self, call: LiveCall) -> Join | None:
        """Connect him with a leg that is there, and record from then on what is to be recorded; None: the call has
        changed since it was looked at.
        """
        start = start_of_joined(self.routing.plan.queue_of(call.queue_id).recording.rule, call.fields)
        if call.fields.get(APART):
            now = self._clock()
            guard = {name: call.fields.get(name, "") for name in ("state", "offer", "agent", "join", "recording")}
            told = Part(call.call_id, guard=guard, set={APART: ""})
            facts = []
            if start == "now":
                told.set |= {"recording": ON, "recording_since": str(now), FAILED: ""}
                if not call.fields.get("recording"):
                    facts.append(event_at(call.call_id, Kind.RECORDING_BEGUN, now, agent_id=call.agent_id))
            done = await self.live.step(now, call=told, events=facts, notify=call.agent_id)
            if not done.applied:
                return None
            if call.agent_id is not None:
                await self.routing.show(call.agent_id, done.seq(call.agent_id))
        return Join(call.offer_id, call.fields["join"], start)

    async def _take_turn(self, call: LiveCall, facts: CallFacts, heard: Heard | None) -> Answer | None:
        """One turn of the dialogue; None: he stands in line now, or another turn came before."""
        turn = Turn(
            call,
            facts,
            heard,
            orjson.loads(call.fields.get("at") or b"{}"),
            spoken_to(call),
            caller_of(call.fields.get("card")),
        )
        if not call.at("arrived"):
            with metrics.IDENTIFY.time():
                self._arrive(turn, await self.routing.card(facts))
        answer = await self._dialogue.go(turn)
        if answer is None and FIELD not in turn.fields:
            entry = orjson.loads(turn.fields["entry"])
            if await self.routing.meet(turn.part(CallMove.MEET), entry, turn.events):
                return None
        await turn.commit(self.live, self._clock())
        if turn.refused:  # he was known already, and his script asks again
            await self.live.seen(call.call_id, self._clock())
            return None
        if answer is None:
            if FIELD in turn.fields:
                await self.routing.come_back(call.call_id)
            await self.routing.match()
        return answer

    def _arrive(self, turn: Turn, card: dict[str, Any]) -> None:
        facts, now = turn.facts, self._clock()
        turn.caller = caller_of(card)
        turn.language = language_of(card)
        turn.fields |= {
            "node": facts.node,
            "channel": facts.channel,
            "called": facts.called,
            "arrived": str(facts.arrived_at_ms),
            "card": orjson.dumps(card).decode(),
        }
        turn.events += [arrived(facts, card), identified(facts, card, now)]
        plan = self.routing.plan
        known = facts.queue in plan.queues  # told before the live queue was lost
        turn.go(ToQueue(queue_id=facts.queue) if known else plan.destination_of(facts.called))
        if turn.caller.blocked:
            turn.go(ToEnd(), first="blocked")
            turn.events.append(event(facts.call_id, Kind.BLOCKED, now))

    async def _in_line(self, call: LiveCall, answered: bool) -> tuple[Answer | None, int | None]:
        if not call.fields.get("entry"):  # out of a talk that was found on Asterisk: he has no place yet
            await self._step_out(call, {}, {})
            return None, None
        queue = self.routing.plan.queue_of(call.queue_id)
        line = orjson.loads(call.fields.get("line") or b"{}")
        waiting = Waiting(
            arrived_at=call.at("arrived") or 0,
            queued_at=line.get("queued_at") or call.at("arrived") or 0,
            answered=answered,
            greeted=answered and bool(line.get("greeted")),
            apologised_at=line.get("apologised_at") if answered else None,
            announced_at=line.get("announced_at"),
            overflows=line.get("overflows", 0),
        )
        due = next_due(waiting, queue, self.routing.plan)
        now = self._clock()
        if due is None or due.at_ms > now:
            return None, due.at_ms if due else None
        if due.act is Act.OVERFLOW:
            await self._overflow(call, due, line)
            return None, None
        sounds, line = await self._say(call, queue, due.act, line, now)
        if queue.callback.key:
            self._world.hear_keys(call.call_id)
        facts = [event_at(call.call_id, Kind.MUSIC if due.act is Act.GREET else Kind.APOLOGY, now)]
        if due.act is Act.ANNOUNCE:
            facts = []
        told = Part(call.call_id, guard={"state": CallState.WAITING.value}, set={"line": orjson.dumps(line).decode()})
        done = await self.live.step(now, call=told, events=facts)
        return (Say(sounds), None) if done.applied else (None, None)

    async def _say(
        self, call: LiveCall, queue: Queue, act: Act, line: dict[str, Any], now: int
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """What a waiting caller is told now, and what his line remembers of it."""
        language = spoken_to(call)
        if act is Act.GREET:
            return self._voice.prompts(language, "greeting"), line | {"greeted": True}
        if act is Act.APOLOGISE:
            return self._voice.prompts(language, "apology"), line | {"apologised_at": now}
        place, answers = await self.live.place(queue.queue_id, call.call_id)
        expected = expected_wait_seconds(place, answers) if queue.announcements.expected_wait else None
        better = queue.announcements.position and place <= line.get("place", place)
        sounds = self._voice.place(language, place if better else None, expected)
        offered_after = (call.at("arrived") or now) + queue.callback.offer_after_seconds * 1000
        if queue.callback.key and now >= offered_after:
            sounds += self._voice.callback_offer(language, queue.callback.key)
        return sounds, line | {"announced_at": now, "place": min(place, line.get("place", place))}

    async def _overflow(self, call: LiveCall, due: Due, line: dict[str, Any]) -> None:
        if due.destination is None:
            return
        at = {"to": due.destination.model_dump(), "queue": call.queue_id}
        await self._step_out(call, at, line | {"overflows": line.get("overflows", 0) + 1})

    async def _step_out(self, call: LiveCall, at: dict[str, Any], line: dict[str, Any]) -> None:
        """Out of the line, to be asked something; his place stays his."""
        settings = {"at": orjson.dumps(at).decode()}
        if line:
            settings["line"] = orjson.dumps(line).decode()
        away = Part(call.call_id, move=CallMove.STEP_OUT, set=settings)
        await self.live.step(self._clock(), call=away)


def _out_in_vain(call: LiveCall, previous: OfferOver | None) -> Heard | None:
    """The word that nobody answered at the number to which the caller was given, or that nobody is there any more."""
    step = orjson.loads(call.fields.get("at") or b"{}").get("step")
    if previous is None or not step:
        return None
    not_joined = call.fields.get("join") and previous.dial_status != "ANSWER"
    return Heard(step) if previous.offer_id == step or not_joined else None


def language_of(card: dict[str, Any]) -> str:
    customers = card.get("customers") or [{}]
    return str(customers[0].get("language") or card.get("language") or "zh")


def spoken_to(call: LiveCall) -> str:
    return language_of(call.card)


def caller_of(card: Any) -> Caller:
    known: dict[str, Any] = orjson.loads(card) if isinstance(card, str) else card or {}
    return Caller(
        frozenset(known.get("kinds") or ()),
        int(known.get("calls_in_day") or 0),
        known.get("owner_agent"),
        bool(known.get("blocked")),
    )
