"""What a node asks of `callcenter serve`, over HTTP (docs/node-api.md). Every verb is safe to repeat."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson

from callcenter.asterisk.instructions import Told, read_told
from callcenter.asterisk.recordings import Recording
from callcenter.asterisk.service_http import Held, Request, RequestRefusedError, ServiceAwayError, ServiceHttp
from callcenter.routing.script import CallFacts, Heard, OfferOver

POLL_SECONDS: Final = 55.0
"""A service answers a poll within this time."""
POLL_GRACE_SECONDS: Final = 2.0
REPORT_SECONDS: Final = 3.0
MESSAGE_SECONDS: Final = 30.0
RECORDING_SECONDS: Final = 120.0

ReportVerb = Literal["ended", "callback-over", "not-recorded"]
"""Reports that are kept on disk until a service takes them."""


@dataclass(frozen=True, slots=True)
class Situation:
    """How a caller stands when he asks what to do next."""

    arriving: bool = False
    """Nobody has told his queue and language yet."""
    answered: bool = False
    queue: str = ""
    previous: OfferOver | None = None
    heard: Heard | None = None


class ServiceClient:
    """The node's side of the Node API. Shared by all threads."""

    def __init__(
        self,
        addresses: Sequence[str],
        token: str,
        *,
        on_undelivered: Callable[[ReportVerb, str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        """`on_undelivered(verb, call_id, body)` keeps a report that no service has taken."""
        self._http = ServiceHttp(addresses, token)
        self._on_undelivered = on_undelivered

    def close(self) -> None:
        """Close idle connections. The client can be used again."""
        self._http.close()

    def wait(self, facts: CallFacts, situation: Situation, held: Held) -> Told:
        """One long poll: what to do with this caller next; dropped at once when he hangs up.

        Raises CallerGoneError, RequestRefusedError, ServiceAwayError.
        """
        body = _wire(facts) | _fields(situation)
        deadline = time.monotonic() + POLL_SECONDS + POLL_GRACE_SECONDS
        request = Request("POST", _call_path(facts.call_id, "wait"), orjson.dumps(body))
        return self._http.send(request, deadline, lambda content: read_told(_json(content)), held)

    def sound(self, name: str, seconds: float) -> bytes | None:
        """A sound's WAV file, None when there is none. Raises ServiceAwayError after `seconds`."""
        request = Request("GET", f"/node/v1/sounds/{quote(name, safe='')}")
        try:
            return self._http.send(request, time.monotonic() + seconds, bytes)
        except RequestRefusedError:
            return None

    def report(self, verb: ReportVerb, call_id: str, body: Mapping[str, Any]) -> None:
        """Report what has happened, or hand the report to `on_undelivered`. Raises RequestRefusedError."""
        if not self.deliver(verb, call_id, body) and self._on_undelivered:
            self._on_undelivered(verb, call_id, body)

    def deliver(self, verb: ReportVerb, call_id: str, body: Mapping[str, Any]) -> bool:
        """Report what has happened; whether a service took it. Raises RequestRefusedError."""
        return self._post(_call_path(call_id, verb), body, REPORT_SECONDS)

    def callback_answered(self, call_id: str, offer_id: str, at_ms: int) -> bool:
        """Tell that a customer who is called back has answered; whether a service took it."""
        body = {"offer_id": offer_id, "customer_answered_at_ms": at_ms}
        return self._post(_call_path(call_id, "callback-answered"), body, REPORT_SECONDS)

    def consult_answered(self, call_id: str, offer_id: str, at_ms: int) -> bool:
        """Tell that whom an agent consults over the trunk has answered; whether a service took it."""
        body = {"offer_id": offer_id, "answered_at_ms": at_ms}
        return self._post(_call_path(call_id, "consult-answered"), body, REPORT_SECONDS)

    def consult_over(self, call_id: str, offer_id: str, dial_status: str, cause: int) -> bool:
        """Tell that consulting somebody is over; whether a service took it."""
        body = {"offer_id": offer_id, "dial_status": dial_status, "cause": cause}
        return self._post(_call_path(call_id, "consult-over"), body, REPORT_SECONDS)

    def message(self, call_id: str, recording: bytes, *, step_id: str, seconds: float, recorded_at_ms: int) -> bool:
        """Hand in what a caller said, a WAV file; whether a service took it. Raises RequestRefusedError."""
        query = urlencode({"step_id": step_id, "seconds": round(seconds, 3), "recorded_at_ms": recorded_at_ms})
        request = Request("POST", f"{_call_path(call_id, 'message')}?{query}", recording, "audio/wav")
        return self._taken(request, MESSAGE_SECONDS)

    def recording(self, recording: Recording, sound: bytes) -> bool:
        """Hand in what was recorded of a call's talks; whether a service took it. Raises RequestRefusedError."""
        query = urlencode(
            {
                "node": recording.node,
                "started_at_ms": recording.started_at_ms,
                "seconds": recording.seconds,
                "sha256": recording.sha256,
                "parts": ",".join(f"{part.started_at_ms}:{part.seconds}" for part in recording.parts),
                "peaks": recording.peaks,
            }
        )
        request = Request("POST", f"{_call_path(recording.call_id, 'recording')}?{query}", sound, "audio/mpeg")
        return self._taken(request, RECORDING_SECONDS)

    def recordings_waiting(self, node: str, waiting: int, put_aside: int, has_room: bool) -> bool:
        """Tell how many recordings wait on this node; whether a service took it. Raises RequestRefusedError."""
        body = {"node": node, "waiting": waiting, "put_aside": put_aside, "has_room": has_room}
        return self._post("/node/v1/recordings-waiting", body, REPORT_SECONDS)

    def ledger(self, node: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Ship ledger rows; whether a service took them. Raises RequestRefusedError."""
        return self._post("/node/v1/ledger", {"node": node, "rows": list(rows)}, 2 * REPORT_SECONDS)

    def _post(self, path: str, body: Mapping[str, Any], seconds: float) -> bool:
        return self._taken(Request("POST", path, orjson.dumps(body)), seconds)

    def _taken(self, request: Request, seconds: float) -> bool:
        try:
            self._http.send(request, time.monotonic() + seconds, _json)
        except ServiceAwayError:
            return False
        return True


def _call_path(call_id: str, verb: str) -> str:
    return f"/node/v1/calls/{quote(call_id, safe='')}/{verb}"


def _json(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else."""
    answer = orjson.loads(content)
    if not isinstance(answer, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong answer, not a wrong type
    return answer


def _fields(one: CallFacts | Situation) -> dict[str, Any]:
    """Its fields; what these hold is left as it is, for orjson writes dataclasses, too."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def _wire(facts: CallFacts) -> dict[str, Any]:
    """A call's facts as the Node API has them: a number that is withheld is null."""
    body = _fields(facts)
    del body["call_id"]
    return body | {"caller_number": facts.caller_number or None}
