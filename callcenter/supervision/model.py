"""Messages from supervisors to agents' desks. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callcenter.clock import milliseconds

MESSAGES_CHANNEL: Final = "cc:messages"
"""Where a message is published in Redis when it has been kept: `{users (null: all), but, message}`."""
SHIFT_HOURS: Final = 12
"""For so long a message waits for an agent who has not seen it: one who comes later in the same shift sees it too."""
AGAIN_SECONDS: Final = 10
"""The same words of the same person to the same agents within this time are one message that was sent twice."""


@dataclass(frozen=True, slots=True)
class DeskMessage:
    """A message as a desk shows it, as plain text. `sent_by`: the supervisor's name; None: he is gone."""

    message_id: int
    text: str
    sent_at: datetime
    sent_by: str | None

    def to_json(self) -> dict[str, Any]:
        """As pages read it; moments in ms since the epoch."""
        return {
            "message_id": self.message_id,
            "text": self.text,
            "sent_at": milliseconds(self.sent_at),
            "sent_by": self.sent_by,
        }


@dataclass(frozen=True, slots=True)
class Reader:
    """An agent to whom a message was sent, and when he clicked it away."""

    user_id: int
    display_name: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message with its readers. `to_all`: to everybody who was signed in, and who came later in the shift."""

    message: DeskMessage
    to_all: bool
    readers: tuple[Reader, ...]
