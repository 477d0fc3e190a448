"""What every AGI step has beside its call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import structlog

from callcenter.asterisk.agi import Agi
from callcenter.asterisk.announcements import Announcements
from callcenter.asterisk.messages import Messages
from callcenter.asterisk.recordings import Recordings
from callcenter.asterisk.service_client import ServiceClient
from callcenter.asterisk.service_http import RequestRefusedError
from callcenter.asterisk.sounds import Sounds
from callcenter.asterisk.spool import Spool
from callcenter.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Node:
    """The machine beside an Asterisk: its name, the way to the service, and what it keeps on disk."""

    name: str
    service: ServiceClient
    sounds: Sounds
    announcements: Announcements
    messages: Messages
    recordings: Recordings
    spool: Spool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The node of these settings. Raises OSError when the spool can't be made, ValueError for bad addresses."""
        folder = settings.spool_dir
        spool = Spool(folder)
        service = ServiceClient(settings.service_urls, settings.node_token.get_secret_value(), on_undelivered=spool.put)
        return cls(
            name=settings.node_name,
            service=service,
            sounds=Sounds(folder / "sounds", service.sound),
            announcements=Announcements(folder),
            messages=Messages(folder),
            recordings=Recordings(folder, settings.node_name),
            spool=spool,
        )

    def hand_in_messages(self) -> None:
        """Hand in what callers have said, until one is not taken."""
        for message in self.messages.waiting():
            try:
                taken = self.service.message(
                    message.call_id,
                    self.messages.recording(message),
                    step_id=message.step_id,
                    seconds=message.seconds or 0.0,
                    recorded_at_ms=message.recorded_at_ms,
                )
            except RequestRefusedError:
                self.messages.refuse(message)
                continue
            except FileNotFoundError:
                self.messages.forget(message)
                continue
            if not taken:
                return
            self.messages.forget(message)


Step = Callable[[Agi, Node], None]
