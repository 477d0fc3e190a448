"""What a caller is asked and told before he stands in line, and when he leaves it: menus, closing hours, whether he
wants to be called back, his message, a last word.

Each request of his script is a turn: where he is stands in the call's field `at`, and what the turn changes is written
in one step that is refused when another turn came before it. A question that was lost on the way is asked again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson
from pydantic import TypeAdapter

from callcenter.configuration.model import (
    Destination,
    Menu,
    Queue,
    ToCallback,
    ToDuty,
    ToEnd,
    ToMenu,
    ToMessage,
    ToNumber,
    ToQueue,
)
from callcenter.events import CallEvent, Kind, event, event_at
from callcenter.routing.model import CallMove, CallState
from callcenter.routing.plan import Caller, Plan, entry_for, entry_to_json, placed, queued_body
from callcenter.routing.script import Answer, Ask, CallFacts, Heard, Join, Leave, PassOn, Play, TakeMessage
from callcenter.routing.store import LiveCall, LiveQueue, Outcome, Part
from callcenter.routing.transfer import FIELD, returned_entry, transfer_of

LONGEST_CHAIN = 12
"""Destinations that lead to each other without a word to the caller; more is a ring."""
MESSAGE_SECONDS = 120
NUMBER_DIGITS = 20
NUMBER_TIMEOUT_SECONDS = 8
CONFIRM_TIMEOUT_SECONDS = 6
TRIES = 2
KEPT_LINE_SECONDS = 15
"""A caller who keeps his place hangs up within this time; until then nobody calls him back."""

_DESTINATION: TypeAdapter[Destination] = TypeAdapter(Destination)


class Voice(Protocol):
    """Sounds for what is to be said, in the caller's language."""

    def prompts(self, language: str, *names: str) -> tuple[str, ...]:
        """These prompts, one after another."""

    def menu(self, language: str, menu: Menu) -> tuple[str, ...]:
        """The choices of a menu."""

    def place(self, language: str, place: int | None, expected_seconds: float | None) -> tuple[str, ...]:
        """How many callers are before him and how long it may take, as far as known."""

    def callback_offer(self, language: str, key: str) -> tuple[str, ...]:
        """Which key keeps his place without staying on the line."""

    def number(self, language: str, number: str) -> tuple[str, ...]:
        """A telephone number, digit by digit."""


class Circumstances(Protocol):
    """What only the hotline as a whole knows."""

    def is_open(self, queue: Queue) -> bool:
        """Whether the queue is open now."""

    async def waiting_in(self, queue_id: str) -> int:
        """How many callers are in its line."""

    async def somebody_serves(self, queue_id: str) -> bool:
        """Whether any agent of the queue is signed in."""

    def duty_number(self) -> str | None:
        """The number of who is on duty now; None: nobody is."""

    def dialled_form(self, number: str) -> str | None:
        """A number as the trunk takes it; None for what is none or may not be called back."""

    def hear_keys(self, call_id: str) -> None:
        """From now on the keys are heard that this waiting caller presses; asked again from time to time."""


@dataclass(slots=True)
class Turn:
    """One request of a caller's script, and what it changes."""

    call: LiveCall
    facts: CallFacts
    heard: Heard | None
    at: dict[str, Any]
    language: str
    caller: Caller
    fields: dict[str, str] = field(default_factory=dict)
    events: list[CallEvent] = field(default_factory=list)
    move: CallMove | None = None
    rest_until_ms: int = 0
    refused: bool = False

    @property
    def queue_id(self) -> str:
        """The queue he stands in, or is on his way to."""
        return self.at.get("queue") or self.call.queue_id

    def answer_to(self, step: str) -> Heard | None:
        """What came of this step, if that is what the script reports."""
        return self.heard if self.heard and self.heard.step_id == step else None

    def go(self, to: Destination, **more: Any) -> None:
        """Send him there; his queue stays in mind."""
        self.at = {"to": to.model_dump(), "queue": self.queue_id, **more}

    async def commit(self, live: LiveQueue, now: int) -> Outcome:
        """Write what has changed, if anything has and no other turn came before."""
        at = orjson.dumps(self.at).decode()
        was = self.call.fields.get("at", "")
        if at == was and not self.fields and not self.events and self.move is None:
            return Outcome(True, "", self.call.state, {})
        move = self.move
        if move is None and self.call.state is CallState.NEW:
            move = CallMove.ARRIVE
        done = await live.step(now, call=self.part(move), events=self.events, rest_until_ms=self.rest_until_ms)
        self.refused = not done.applied
        return done

    def part(self, move: CallMove | None) -> Part:
        """What is to be written, unless another turn came before."""
        at = orjson.dumps(self.at).decode()
        guard = {"at": self.call.fields.get("at", "")}
        return Part(self.call.call_id, move=move, guard=guard, set=self.fields | {"at": at})


class Dialogue:
    """Leads a caller by his destinations until he stands in line, or has nothing more to hear."""

    def __init__(self, plan: Callable[[], Plan], voice: Voice, world: Circumstances, clock: Callable[[], int]) -> None:
        self._plan = plan
        self._voice = voice
        self._world = world
        self._clock = clock

    async def go(self, turn: Turn) -> Answer | None:
        """What the script shall do; None: he stands in line (once the turn is written)."""
        for _ in range(LONGEST_CHAIN):
            to = _DESTINATION.validate_python(turn.at["to"])
            match to:
                case ToQueue():
                    if await self._queue(turn, to.queue_id):
                        return None
                    continue
                case ToMenu():
                    answer = self._menu(turn, to.menu_id)
                case ToNumber():
                    answer = self._pass_on(turn, to.number)
                case ToDuty():
                    answer = self._duty(turn)
                case ToMessage():
                    answer = self._message(turn)
                case ToCallback():
                    answer = self._callback(turn)
                case _:
                    answer = self._end(turn)
            if answer is not None:
                return answer
        return Leave()

    # -- the line --------------------------------------------------------------------------------------

    async def _queue(self, turn: Turn, queue_id: str) -> bool:
        """Whether he may stand in this line; otherwise he is sent where the queue says."""
        plan, now = self._plan(), self._clock()
        back = turn.at.get("back", False)
        since = turn.call.waiting_since_ms or turn.facts.arrived_at_ms
        entry = entry_for(plan, turn.call.call_id, queue_id, since, turn.caller)
        if given := turn.call.fields.get("priority"):  # by a supervisor, for as long as the call lasts
            entry = replace(entry, priority=int(given))
        queue = plan.queue_of(entry.queue_id)
        turn.at = {"to": ToQueue(queue_id=queue_id).model_dump(), "queue": queue.queue_id}
        if not back and (elsewhere := await self._not_here(queue)):
            turn.at = elsewhere | {"queue": queue.queue_id}
            return False
        same_line = back and turn.call.queue_id == queue.queue_id
        line = orjson.loads(turn.call.fields.get("line") or b"{}") if same_line else {}
        turn.move = CallMove.QUEUE
        kept = entry_to_json(entry) | {"queue_priority": queue.priority}
        if failed := transfer_of(turn.fields):
            kept = returned_entry(kept, failed)
        turn.fields |= placed(plan, kept) | {
            "line": orjson.dumps({"queued_at": now} | line).decode(),
            "channel": turn.facts.channel,
            "key": "",
        }
        body = queued_body(plan, kept)
        turn.events.append(event_at(turn.call.call_id, Kind.QUEUED, now, **body))
        return True

    async def _not_here(self, queue: Queue) -> dict[str, Any] | None:
        """Where the queue sends somebody who can't stand in its line now; None: he can."""
        if not self._world.is_open(queue):
            if queue.callback.at_closing and not isinstance(queue.closed, ToQueue | ToNumber | ToDuty | ToMenu):
                return {"to": ToCallback().model_dump(), "first": "closed", "else": queue.closed.model_dump()}
            return {"to": queue.closed.model_dump(), "first": "closed"}
        if queue.most_waiting is not None and await self._world.waiting_in(queue.queue_id) >= queue.most_waiting:
            return {"to": queue.full.model_dump(), "first": "full"}
        if queue.nobody is not None and not await self._world.somebody_serves(queue.queue_id):
            return {"to": queue.nobody.model_dump()}
        return None

    # -- a menu ----------------------------------------------------------------------------------------

    def _menu(self, turn: Turn, menu_id: str) -> Answer | None:
        menu = self._plan().menus.get(menu_id)
        if menu is None:  # taken away while he was on his way
            turn.go(ToQueue(queue_id=self._plan().first_queue))
            return None
        tried = int(turn.at.get("try", 1))
        step = f"menu/{menu_id}/{tried}"
        heard = turn.answer_to(step)
        if heard is None:
            first = ("retry",) if tried > 1 else ()
            sounds = self._voice.prompts(turn.language, *first) + self._voice.menu(turn.language, menu)
            return Ask(step, sounds, 1, menu.timeout_seconds)
        turn.heard = None
        chosen = next((one for one in menu.keys if one.key == heard.digits), None)
        if chosen is not None:
            keys = turn.call.fields.get("menu_keys", "") + chosen.key
            turn.fields["menu_keys"] = keys
            names = orjson.loads(turn.call.fields.get("menu_names") or b"[]")
            turn.fields["menu_names"] = orjson.dumps([*names, {"zh": chosen.name_zh, "en": chosen.name_en}]).decode()
            if chosen.call_type:
                turn.fields["call_type"] = chosen.call_type
            turn.events.append(
                event_at(
                    turn.call.call_id, Kind.KEY, self._clock(), about=f"{turn.call.call_id}/{step}", key=chosen.key
                )
            )
            turn.go(chosen.to)
        elif tried < menu.tries:
            turn.at["try"] = tried + 1
        else:
            turn.go(menu.otherwise)
        return None

    # -- another number --------------------------------------------------------------------------------

    def _pass_on(self, turn: Turn, number: str) -> Answer | None:
        """An agent who has sent him there has him back if nobody answers (`step`); else the call ends with it."""
        step = turn.at.get("step", "")
        if step and turn.answer_to(step):
            turn.heard = None
            turn.fields["join"] = ""
            if given := transfer_of(turn.call.fields):
                turn.fields[FIELD] = given.over("no_answer").to_field()
            turn.at = {"to": ToQueue(queue_id=turn.queue_id).model_dump(), "queue": turn.queue_id, "back": True}
            return None
        if (channel := turn.call.fields.get("join")) and step:
            return Join(turn.call.offer_id, channel)
        about = f"{turn.call.call_id}/{step}" if step else ""
        turn.events.append(event(turn.call.call_id, Kind.PASSED_ON, self._clock(), about=about, to=number))
        return PassOn(number, step)

    def _duty(self, turn: Turn) -> Answer | None:
        """To the duty phone; when nobody holds it, he leaves a message (HRS-03, HRS-06)."""
        number = self._world.duty_number()
        if number is not None:
            return self._pass_on(turn, number)
        turn.at = turn.at | {"to": ToMessage().model_dump()}
        return None

    # -- a message, a last word ------------------------------------------------------------------------

    def _message(self, turn: Turn) -> Answer | None:
        if turn.answer_to("message/done"):
            return Leave()
        if turn.answer_to("message"):
            return Play("message/done", self._voice.prompts(turn.language, "message_done"))
        sounds = self._voice.prompts(turn.language, *self._first(turn), "message_intro")
        return TakeMessage("message", sounds, MESSAGE_SECONDS)

    def _end(self, turn: Turn) -> Answer | None:
        if turn.answer_to("end"):
            return Leave()
        return Play("end", self._voice.prompts(turn.language, *(self._first(turn) or ("end",))))

    @staticmethod
    def _first(turn: Turn) -> tuple[str, ...]:
        """The word that explains why he is here, if there is one."""
        return (turn.at["first"],) if turn.at.get("first") else ()

    # -- keeping his place without a line --------------------------------------------------------------

    def _callback(self, turn: Turn) -> Answer | None:
        if turn.answer_to("callback/done"):
            return Leave()
        number = turn.at.get("number") or self._world.dialled_form(turn.facts.caller_number)
        tried = int(turn.at.get("try", 1))
        if number is None or turn.at.get("typing"):
            return self._type_number(turn, tried)
        step = f"callback/confirm/{tried}/{number}"
        heard = turn.answer_to(step)
        if heard is None:
            voice, language = self._voice, turn.language
            sounds = (
                voice.prompts(language, *self._first(turn), "callback_number")
                + voice.number(language, number)
                + voice.prompts(language, "callback_confirm")
            )
            return Ask(step, sounds, 1, CONFIRM_TIMEOUT_SECONDS)
        turn.heard = None
        if heard.digits == "1":
            return self._keep_place(turn, number)
        turn.at.pop("first", None)
        if heard.digits == "2":
            turn.at |= {"typing": True, "try": 1}
        elif tried < TRIES:
            turn.at["try"] = tried + 1
        else:
            self._not_called_back(turn)
        return None

    def _type_number(self, turn: Turn, tried: int) -> Answer | None:
        step = f"callback/number/{tried}"
        heard = turn.answer_to(step)
        if heard is None:
            first = ("callback_refused",) if tried > 1 else ()
            sounds = self._voice.prompts(turn.language, *first, "callback_enter")
            return Ask(step, sounds, NUMBER_DIGITS, NUMBER_TIMEOUT_SECONDS)
        turn.heard = None
        number = self._world.dialled_form(heard.digits)
        if number is not None:
            turn.at |= {"number": number, "typing": False, "try": 1}
        elif tried < TRIES:
            turn.at |= {"typing": True, "try": tried + 1}
        else:
            self._not_called_back(turn)
        return None

    def _not_called_back(self, turn: Turn) -> None:
        """He does not want it, or can't say a number: back to his place, or where the closed queue leads."""
        if other := turn.at.get("else"):
            turn.at = {"to": other, "queue": turn.queue_id}
        elif turn.call.fields.get("entry"):
            turn.at = {"to": ToQueue(queue_id=turn.queue_id).model_dump(), "queue": turn.queue_id, "back": True}
        else:
            turn.at = {"to": ToEnd().model_dump(), "queue": turn.queue_id}

    def _keep_place(self, turn: Turn, number: str) -> Answer:
        """The place is kept from now on; he may hang up."""
        now, call = self._clock(), turn.call
        entry = call.entry
        if not entry:
            plan = self._plan()
            place = entry_for(plan, call.call_id, turn.queue_id, turn.facts.arrived_at_ms, turn.caller)
            entry = entry_to_json(place) | {"queue_priority": plan.queue_of(place.queue_id).priority}
            turn.fields |= placed(plan, entry)
        turn.fields["entry"] = orjson.dumps(entry | {"callback": True}).decode()
        turn.move = CallMove.REST
        turn.rest_until_ms = now + KEPT_LINE_SECONDS * 1000
        turn.fields |= {"callback_number": number, "callback_at": str(now), "attempts": "0"}
        body = {"number": number, "queue_id": turn.queue_id}
        turn.events.append(event(call.call_id, Kind.CALLBACK_ASKED, now, **body))
        return Play("callback/done", self._voice.prompts(turn.language, "callback_done"))
