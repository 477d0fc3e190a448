"""A supervisor at a conversation: what he does there, and how it is written down. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from callcenter.asterisk.model import LISTENER, node_of


class Mode(StrEnum):
    """Who hears the supervisor: nobody, the agent alone, or both. dialplans/listen.conf has these as extensions."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


@dataclass(frozen=True, slots=True)
class Listening:
    """A supervisor at one conversation, from his phone's first ring on."""

    listening_id: str
    """The channel of his phone."""
    supervisor_id: int
    username: str
    supervisor_name: str
    call_id: str
    agent_id: int
    agent_name: str
    mode: Mode
    since: int
    """ms since the epoch."""
    phone_node: str
    """Where his phone is registered."""

    @property
    def node(self) -> str:
        """Where the agent's leg is."""
        return node_of(self.listening_id)


_LISTENING: Final = TypeAdapter(Listening)


def new_id(leg: str, supervisor_id: int, now_ms: int) -> str:
    """The id of a listening to the agent's leg `leg`."""
    return f"{node_of(leg)}{LISTENER}{now_ms}-{supervisor_id}"


def is_of(listening_id: str, supervisor_id: int) -> bool:
    """Whether it is this supervisor's."""
    return listening_id.endswith(f"-{supervisor_id}")


def written(listening: Listening) -> str:
    """As it is kept in Redis."""
    return _LISTENING.dump_json(listening).decode()


def read(text: str) -> Listening:
    """As `written` wrote it. Raises pydantic.ValidationError."""
    return _LISTENING.validate_json(text)
