"""What a supervisor does to agents: their states, those who are stuck, their queues and skills.

The state is changed by the same verbs as from the agent's own desk; what is set, by those of the configuration.
"""

from collections.abc import Mapping
from typing import Protocol

from callcenter.configuration.service import Administration
from callcenter.errors import NotFoundError
from callcenter.routing.desk import DeskWork, InCallError
from callcenter.routing.model import IN_CALL, AgentState
from callcenter.routing.reconcile import Reconciler
from callcenter.routing.store import LiveAgent
from callcenter.staff.model import Actor, Agent
from callcenter.supervision.errors import AgentInCallError, AgentSignedOutError


class People(Protocol):
    """Whoever knows the staff."""

    async def get_agent(self, user_id: int) -> Agent:
        """One member of staff. Raises NotFoundError."""


class AgentActs:
    """The verbs over agents."""

    def __init__(self, work: DeskWork, reconciler: Reconciler, administration: Administration, people: People) -> None:
        self._work = work
        self._live = work.live
        self._reconciler = reconciler
        self._administration = administration
        self._people = people

    async def set_state(self, user_id: int, wanted: AgentState, reason: str | None) -> LiveAgent:
        """Make an agent ready, paused or signed out, as he himself could; ready also where he has a call to write down
        first.

        Raises:
            NotFoundError: there is no such agent.
            InvalidInputError: there is no such reason.
            AgentInCallError: he is on offer, ringing or talking.
        """
        code = self._work.reason_of(wanted, reason)
        agent = await self._agent(user_id)
        if agent.state is wanted and (wanted is not AgentState.PAUSED or agent.fields.get("reason") == code):
            return agent
        try:
            await self._work.set_state(user_id, wanted, code, freed=wanted is AgentState.READY)
        except InCallError:
            raise AgentInCallError from None
        return await self._agent(user_id)

    async def free(self, user_id: int) -> LiveAgent:
        """Help an agent who is stuck: out of wrap-up or a pause he is ready, whatever he has not written down; out of a
        call that is none, or not his, he is let go as the reconciler would.

        Raises:
            NotFoundError: there is no such agent.
            AgentSignedOutError: he has signed out.
            AgentInCallError: his phone is in the call.
            UnavailableError: an Asterisk does not answer, so that nobody can say whether it is.
        """
        agent = await self._agent(user_id)
        if agent.state is AgentState.SIGNED_OUT:
            raise AgentSignedOutError
        if agent.state in IN_CALL:
            await self._reconciler.free(agent)
            agent = await self._agent(user_id)
            if agent.state in IN_CALL:
                raise AgentInCallError
            await self._work.routing.match()
            return agent
        return await self.set_state(user_id, AgentState.READY, None)

    async def put_queues(self, actor: Actor, user_id: int, opens_after_seconds: Mapping[str, int]) -> None:
        """Let an agent serve these queues (id -> seconds after which their callers are his too) and no others.

        Raises:
            NotFoundError: there is no such agent.
            InvalidInputError: there is no such queue, or he has no phone.
        """
        person = await self._people.get_agent(user_id)
        await self._administration.put_memberships(actor, person.username, opens_after_seconds)

    async def put_skills(self, actor: Actor, user_id: int, levels: Mapping[str, int]) -> None:
        """Set an agent's skills and their levels, and no others. Raises as `put_queues` does."""
        person = await self._people.get_agent(user_id)
        await self._administration.put_levels(actor, person.username, levels)

    async def _agent(self, user_id: int) -> LiveAgent:
        agent = await self._live.agent(user_id)
        if not agent.known:
            raise NotFoundError
        return agent
