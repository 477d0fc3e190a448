"""What the dialogue with a caller asks of the hotline as a whole: opening hours, room in a line, who is there."""

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import structlog

from callcenter.clock import moment
from callcenter.configuration.hours import open_at
from callcenter.configuration.model import Queue
from callcenter.customers.model import dialled_form
from callcenter.errors import HotlineError
from callcenter.routing.model import AgentState
from callcenter.routing.plan import Plan
from callcenter.routing.store import LiveQueue
from callcenter.tasks import Beside

log = structlog.get_logger(__name__)


class HotlineNow:
    """The hotline as it is at the moment of asking."""

    def __init__(
        self,
        live: LiveQueue,
        plan: Callable[[], Plan],
        clock: Callable[[], int],
        subscribe_channel: Callable[[str], Awaitable[None]],
        duty_number: Callable[[], str | None],
        *,
        zone: ZoneInfo,
        country: str,
    ) -> None:
        """`subscribe_channel(call id)` has a caller's keys told; raises HotlineError. `duty_number()`: the duty
        phone's.
        """
        self._live = live
        self._plan = plan
        self._clock = clock
        self._subscribe_channel = subscribe_channel
        self.duty_number = duty_number
        self._beside = Beside()
        self._zone = zone
        self._country = country

    def is_open(self, queue: Queue) -> bool:
        """Whether the queue's hours are open now; without hours it is open round the clock (HRS-01)."""
        hours = self._plan().hours.get(queue.hours_id or "")
        return hours is None or open_at(hours, moment(self._clock()), self._zone).is_open

    async def waiting_in(self, queue_id: str) -> int:
        """How many callers are in its line."""
        return (await self._live.waiting()).get(queue_id, 0)

    async def somebody_serves(self, queue_id: str) -> bool:
        """Whether any agent of the queue is signed in."""
        people = self._plan().people
        serving = [
            agent_id
            for agent_id, person in people.items()
            if any(one.queue_id == queue_id for one in person.memberships)
        ]
        agents = await self._live.agents_of(serving)
        return any(agent.state is not AgentState.SIGNED_OUT for agent in agents)

    def hear_keys(self, call_id: str) -> None:
        """Have Asterisk tell which keys this caller presses; nobody waits for it."""
        self._beside.begin(self._subscribe(call_id), "hear-keys")

    async def _subscribe(self, call_id: str) -> None:
        try:
            await self._subscribe_channel(call_id)
        except HotlineError:
            log.warning("keys not heard", call_id=call_id)

    def dialled_form(self, number: str) -> str | None:
        """A number as the trunk takes it; None for what may not be called back."""
        return dialled_form(number, self._country)
