"""Signing in and out, the staff and their phones, over HTTP."""

from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from callcenter.clock import milliseconds
from callcenter.db.pool import AWAY
from callcenter.routing.model import AgentState
from callcenter.routing.store import LiveAgent
from callcenter.staff.errors import OnCallError
from callcenter.staff.model import PASSWORD_LONGEST, Agent, PhoneKind, Safety, Session, closes_at
from callcenter.staff.permissions import Permission
from callcenter.staff.service import AgentDraft, Done
from callcenter.validation import Id, Names, RequiredLine, cleaned_line
from callcenter.web.routes import (
    PUBLIC,
    SIGNED_IN,
    Routes,
    actor,
    address_of,
    hotline,
    set_session_cookie,
    signed_in,
)

routes = Routes()

HAS_A_CALL = frozenset({AgentState.OFFERED, AgentState.RINGING, AgentState.TALKING})

Username = Annotated[str, BeforeValidator(cleaned_line), Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]
Extension = Annotated[str, Field(pattern=r"^[0-9]{3,6}$")]
QueueIds = Annotated[list[Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]], Field(max_length=100)]
RoleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Secret = Annotated[str, Field(min_length=1, max_length=PASSWORD_LONGEST)]


class SignIn(BaseModel):
    """A person's name and password."""

    username: RequiredLine
    password: Secret


class UserOut(BaseModel):
    """Who is signed in."""

    user_id: int
    username: str
    display_name: str
    role: str
    role_name: Names
    extension: str | None
    phone_kind: PhoneKind | None
    permissions: list[Permission]


class PasswordOut(BaseModel):
    """What holds of one's own password. `must_change`: before anything else; `expires_at` (ms) is null where passwords
    don't age; none of the last `history` can be taken again.
    """

    must_change: bool
    expires_at: int | None
    shortest: int
    history: int


class Name(BaseModel):
    """A name in Chinese and in English."""

    zh: str = "客服热线"
    en: str = "Hotline"


class HotlineOut(BaseModel):
    """What the hotline is called, and its number."""

    number: str
    name: Name = Name()


class SessionOut(BaseModel):
    """A session; `csrf_token` goes into the header X-CSRF-Token of every request that changes something."""

    user: UserOut
    csrf_token: str
    hotline: HotlineOut
    password: PasswordOut


class PasswordChange(BaseModel):
    """The old password and the wanted one."""

    model_config = ConfigDict(extra="forbid")

    old_password: Secret
    new_password: Secret


class NamedQueue(BaseModel):
    """A queue."""

    queue_id: str
    name_zh: str
    name_en: str


class StateOut(BaseModel):
    """What an agent does, since when (ms since the epoch)."""

    name: AgentState
    since: int
    reason: str | None


class AgentOut(BaseModel):
    """A member of staff; `state` is null without a phone. `last_signed_in_at` and `closes_at` (when the account is
    closed if nobody uses it until then; null: it is not) are in ms.
    """

    user_id: int
    username: str
    display_name: str
    role: str
    extension: str | None
    phone_kind: PhoneKind | None
    phone_online: bool
    disabled: bool
    queues: list[str]
    state: StateOut | None
    last_signed_in_at: int | None
    closes_at: int | None


class SipOut(BaseModel):
    """What is entered in a desk phone. `phone_pushed` is false while Asterisk doesn't know the phone yet."""

    username: str
    password: str
    domain: str
    port: int
    phone_pushed: bool


class AgentIn(BaseModel):
    """A new member of staff."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    display_name: RequiredLine
    role: RoleId = "agent"
    extension: Extension | None = None
    phone_kind: PhoneKind | None = None
    queues: QueueIds = []


class AgentMade(BaseModel):
    """A new member of staff with his passwords, shown this once.

    `phone_pushed` is false while Asterisk doesn't know his phone yet, null when there is nothing to know.
    """

    agent: AgentOut
    password: str
    sip: SipOut | None
    phone_pushed: bool | None


class AgentChange(BaseModel):
    """What shall be another; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    display_name: RequiredLine | None = None
    role: RoleId | None = None
    extension: Extension | None = None
    phone_kind: PhoneKind | None = None
    queues: QueueIds | None = None
    disabled: bool | None = None

    def applied_to(self, agent: Agent) -> AgentDraft:
        """The whole of what the agent shall be. An extension that is given as null is taken away."""
        given = self.model_fields_set
        return AgentDraft(
            display_name=self.display_name or agent.display_name,
            role=self.role or agent.role,
            extension=self.extension if "extension" in given else agent.extension,
            phone_kind=self.phone_kind or agent.phone_kind or PhoneKind.BROWSER,
            queues=tuple(self.queues) if self.queues is not None else agent.queues,
            disabled=agent.disabled if self.disabled is None else self.disabled,
        )


class AgentChanged(AgentOut):
    """The agent as he is now; `sip` when his desk phone got a new password, shown this once."""

    sip: SipOut | None
    phone_pushed: bool | None


class NewPassword(BaseModel):
    """A password, shown this once."""

    password: str


async def _session_out(request: web.Request, session: Session) -> SessionOut:
    house = hotline(request)
    role = house.roles.role_of(session)
    name = house.role_work.name_of(role)
    user = UserOut(
        user_id=session.user_id,
        username=session.username,
        display_name=session.display_name,
        role=role,
        role_name=Names(zh=name[0], en=name[1]),
        extension=session.extension,
        phone_kind=session.phone_kind,
        permissions=sorted(house.roles.of(role)),
    )
    return SessionOut(
        user=user,
        csrf_token=session.csrf_token,
        hotline=HotlineOut(number=house.settings.hotline_number),
        password=await _password_out(request, session),
    )


async def _password_out(request: web.Request, session: Session) -> PasswordOut:
    """While PostgreSQL is away, what holds by default: a page must come up all the same."""
    try:
        safety, expires_at = await hotline(request).staff.password_rules(session)
    except AWAY:
        safety, expires_at = Safety(), None
    return PasswordOut(
        must_change=session.must_change_password,
        expires_at=milliseconds(expires_at) if expires_at else None,
        shortest=safety.password_shortest,
        history=safety.password_history,
    )


def _sip_out(done: Done) -> SipOut | None:
    return SipOut(**asdict(done.sip), phone_pushed=bool(done.phone_pushed)) if done.sip else None


def _seen(agent: Agent, live: LiveAgent | None, safety: Safety) -> dict[str, Any]:
    """The fields of `AgentOut`; an agent whom the live queue doesn't know yet is signed out."""
    fields = asdict(agent)
    del fields["sip_digest"]
    signed_in_at, due = agent.last_signed_in_at, closes_at(fields.pop("used_at"), safety)
    fields["last_signed_in_at"] = milliseconds(signed_in_at) if signed_in_at else None
    fields["closes_at"] = milliseconds(due) if due and not agent.disabled else None
    if agent.extension is None:
        return fields | {"phone_online": False, "state": None}
    if live is None or live.extension != agent.extension:
        return fields | {
            "phone_online": False,
            "state": StateOut(name=AgentState.SIGNED_OUT, since=0, reason=None),
        }
    state = StateOut(name=live.state, since=live.since_ms, reason=live.fields.get("reason") or None)
    return fields | {"phone_online": live.online, "state": state}


@routes.post("/api/v1/session", needs=PUBLIC)
async def sign_in(request: web.Request, /, who: SignIn) -> SessionOut:
    """Sign in. Five failures lock a username for 15 minutes."""
    house = hotline(request)
    token, session = await house.staff.sign_in(who.username, who.password, address_of(request))
    set_session_cookie(request, token)
    return await _session_out(request, session)


@routes.get("/api/v1/session", needs=SIGNED_IN)
async def get_session(request: web.Request, /) -> SessionOut:
    """Who is signed in."""
    return await _session_out(request, signed_in(request))


@routes.delete("/api/v1/session", needs=SIGNED_IN)
async def sign_out(request: web.Request, /) -> None:
    """Sign out."""
    await hotline(request).staff.sign_out(signed_in(request), actor(request))
    set_session_cookie(request, "")


@routes.put("/api/v1/session/password", needs=SIGNED_IN)
async def change_password(request: web.Request, /, change: PasswordChange) -> None:
    """Set one's own password; one's other sessions end. The one route, with those of the session itself, that stays
    open when a password is to be changed first: all others answer 403 `password_expired`.
    """
    await hotline(request).staff.change_own_password(
        signed_in(request), actor(request), change.old_password, change.new_password
    )


@routes.get("/api/v1/queues", needs=SIGNED_IN)
async def list_queues(request: web.Request, /) -> list[NamedQueue]:
    """The queues, in their order."""
    return [NamedQueue(**asdict(queue)) for queue in await hotline(request).staff.list_queues()]


@routes.get("/api/v1/agents", needs=Permission.READ_STAFF)
async def list_agents(request: web.Request, /) -> list[AgentOut]:
    """All staff with what they do just now, the disabled last."""
    house = hotline(request)
    live = {one.agent_id: one for one in await house.live.agents()}
    safety = await house.safety.get()
    return [AgentOut(**_seen(agent, live.get(agent.user_id), safety)) for agent in await house.staff.list_agents()]


@routes.post("/api/v1/agents", needs=Permission.MANAGE_STAFF, status=201)
async def create_agent(request: web.Request, /, agent: AgentIn) -> AgentMade:
    """Make a member of staff; his passwords are shown this once."""
    draft = AgentDraft(
        display_name=agent.display_name,
        role=agent.role,
        extension=agent.extension,
        phone_kind=agent.phone_kind or PhoneKind.BROWSER,
        queues=tuple(agent.queues),
    )
    house = hotline(request)
    done, password = await house.staff.create_agent(actor(request), agent.username, draft)
    return AgentMade(
        agent=AgentOut(**_seen(done.agent, None, await house.safety.get())),
        password=password,
        sip=_sip_out(done),
        phone_pushed=done.phone_pushed,
    )


@routes.patch("/api/v1/agents/{user_id}", needs=Permission.MANAGE_STAFF)
async def change_agent(request: web.Request, user_id: Id, /, change: AgentChange) -> AgentChanged:
    """Change a member of staff. His phone can't be changed, nor he be disabled, while he has a call."""
    house = hotline(request)
    agent = await house.staff.get_agent(user_id)
    draft = change.applied_to(agent)
    phone_changes = (agent.extension, agent.phone_kind) != (draft.extension, draft.phone_kind)
    live = await house.live.agent(user_id)
    if agent.extension and (phone_changes or draft.disabled) and live.state in HAS_A_CALL:
        raise OnCallError
    done = await house.staff.change_agent(actor(request), user_id, draft)
    safety = await house.safety.get()
    return AgentChanged(**_seen(done.agent, live, safety), sip=_sip_out(done), phone_pushed=done.phone_pushed)


@routes.post("/api/v1/agents/{user_id}/password", needs=Permission.MANAGE_STAFF)
async def reset_password(request: web.Request, user_id: Id, /) -> NewPassword:
    """Give a member of staff a new password, shown this once; his sessions end."""
    return NewPassword(password=await hotline(request).staff.reset_password(actor(request), user_id))


@routes.post("/api/v1/agents/{user_id}/phone-secret", needs=Permission.MANAGE_STAFF)
async def reset_phone_secret(request: web.Request, user_id: Id, /) -> SipOut:
    """Give a phone a new password, shown this once."""
    sip, pushed = await hotline(request).staff.reset_phone_secret(actor(request), user_id)
    return SipOut(**asdict(sip), phone_pushed=pushed)
