"""What the hotline does with its staff: sign in and out, agents and their phones. All is audited.

A change is committed first, and counted with the changes of what is set; then every replica is told of it, and
Asterisk of the phone. When Asterisk is away the change stands, the answer says that the phone is not there yet, and
`phones_to_push` brings it with the next connection.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog

from callcenter.configuration.store import announce, next_revision
from callcenter.db.pool import Pool
from callcenter.errors import InvalidInputError, NotFoundError, UnavailableError
from callcenter.settings import Settings
from callcenter.staff import audit, store
from callcenter.staff.errors import LastAdministratorError, LockedOutError, NoPhoneError, WrongPasswordError
from callcenter.staff.model import (
    BY_ADDRESS,
    BY_USERNAME,
    REALM,
    Actor,
    Agent,
    Phone,
    PhoneKind,
    Queue,
    Role,
    Session,
    SipLogin,
    password_problem,
    sip_digest,
)
from callcenter.staff.passwords import Passwords, generated
from callcenter.staff.sessions import FailedSignIns, Sessions

log = structlog.get_logger(__name__)

PUSH_SECONDS = 3.0


class Phones(Protocol):
    """Asterisk's phones. Both raise when Asterisk is away or refuses."""

    async def push(
        self, extension: str, kind: Literal["browser", "desk"], ha1_digest: str | None, display_name: str = ""
    ) -> None:
        """Make Asterisk know this phone as it is now."""

    async def remove(self, extension: str) -> None:
        """Make Asterisk forget a phone; it need not know it."""


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """What an administrator sets of a member of staff. Without an extension he has no phone and no queues."""

    display_name: str
    role: Role
    extension: str | None
    phone_kind: PhoneKind
    queues: tuple[str, ...]
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What came of making or changing an agent.

    `sip` is there when a desk phone got a new password. `phone_pushed` is False when Asterisk is away and
    will learn of the phone later, None when there was nothing to tell it.
    """

    agent: Agent
    sip: SipLogin | None
    phone_pushed: bool | None


class Staff:
    """The people of the hotline."""

    def __init__(self, pool: Pool, redis: Any, phones: Phones, settings: Settings) -> None:
        self._pool = pool
        self._redis = redis
        self._phones = phones
        self._settings = settings
        self._passwords = Passwords()
        self._failed = FailedSignIns(redis)
        self.sessions = Sessions(redis, pool)

    # -- signing in ------------------------------------------------------------------------------------

    async def sign_in(self, username: str, password: str, address: str) -> tuple[str, Session]:
        """Start a session; the token for its cookie.

        Raises:
            WrongPasswordError: no such person, another password, or a disabled account.
            LockedOutError: too many failures of this username or from this address.
        """
        by_name, by_address = f"user:{username.casefold()}", f"address:{address}"
        wait = await self._failed.begin(by_address, BY_ADDRESS) or await self._failed.begin(by_name, BY_USERNAME)
        if wait:
            raise LockedOutError(wait)
        user = await store.find_by_name(self._pool, username)
        kept = await store.password_hash(self._pool, user.user_id) if user else None
        right = await self._passwords.matches(password, kept)
        if not right or user is None or kept is None or user.disabled:
            actor = Actor(user.user_id if user else None, username, address)
            await audit.record(self._pool, actor, "session.refused")
            raise WrongPasswordError
        await self._failed.forget(by_name)
        await self._failed.take_back(by_address)
        if self._passwords.is_outdated(kept):
            fresh = await self._passwords.hash(password)
            await store.set_password_hash(self._pool, user.user_id, fresh, changed=False)
        await store.note_sign_in(self._pool, user.user_id)
        await audit.record(self._pool, Actor(user.user_id, user.username, address), "session.started")
        return await self.sessions.start(user)

    async def sign_out(self, session: Session, actor: Actor) -> None:
        """End this session."""
        await self.sessions.end(session)
        await audit.record(self._pool, actor, "session.ended")

    async def change_own_password(self, session: Session, actor: Actor, old: str, new: str) -> None:
        """Set one's own password; one's other sessions end.

        Raises:
            LockedOutError: too many wrong old passwords.
            InvalidInputError: the old one is wrong, or the new one too weak.
        """
        by_name = f"user:{session.username.casefold()}"
        if wait := await self._failed.begin(by_name, BY_USERNAME):
            raise LockedOutError(wait)
        kept = await store.password_hash(self._pool, session.user_id)
        if not await self._passwords.matches(old, kept):
            said = {"en": "This is not your password.", "zh": "原密码不正确。"}
            raise InvalidInputError(fields={"old_password": said})
        await self._failed.forget(by_name)
        if problem := password_problem(new, session.username):
            raise InvalidInputError(fields={"new_password": problem})
        fresh = await self._passwords.hash(new)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.set_password_hash(connection, session.user_id, fresh, changed=True)
            await audit.record(connection, actor, "password.changed", of=("user", session.user_id))
        await self.sessions.end_all(session.user_id, but=session)

    # -- staff -----------------------------------------------------------------------------------------

    async def list_agents(self) -> list[Agent]:
        """All staff, the disabled last."""
        return await store.list_all(self._pool)

    async def get_agent(self, user_id: int) -> Agent:
        """One member of staff.

        Raises:
            NotFoundError: there is none with this id.
        """
        agent = await store.find(self._pool, user_id)
        if agent is None:
            raise NotFoundError
        return agent

    async def list_queues(self) -> list[Queue]:
        """The queues, in their order."""
        return await store.list_queues(self._pool)

    async def create_agent(self, actor: Actor, username: str, draft: AgentDraft) -> tuple[Done, str]:
        """A new member of staff and his password, which is shown once.

        Raises:
            InvalidInputError: username or extension is taken, or there is no such queue.
        """
        password = generated()
        kept = await self._passwords.hash(password)
        secret = _new_secret(draft)
        async with self._pool.acquire() as connection, connection.transaction():
            revision = await next_revision(connection)
            user_id = await store.insert(connection, username, draft.display_name, draft.role, kept)
            if draft.extension:
                digest = sip_digest(draft.extension, secret) if secret else None
                await store.put_phone(connection, user_id, draft.extension, draft.phone_kind, digest)
                await store.put_queues(connection, user_id, draft.queues)
            await audit.record(connection, actor, "agent.created", of=("user", user_id))
        await announce(self._redis, revision)
        agent = await self.get_agent(user_id)
        return await self._told(agent, secret), password

    async def change_agent(self, actor: Actor, user_id: int, draft: AgentDraft) -> Done:
        """Set a member of staff; his sessions end when what he may do, or his phone, is another.

        Raises:
            NotFoundError: there is none with this id.
            LastAdministratorError: nobody could administer the hotline afterwards.
            InvalidInputError: the extension is taken, or there is no such queue.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            revision = await next_revision(connection)
            await connection.execute("lock table users in share row exclusive mode")
            old = await store.find(connection, user_id)
            if old is None:
                raise NotFoundError
            await store.update(connection, user_id, draft.display_name, draft.role, disabled=draft.disabled)
            await _keep_an_administrator(connection)
            same_phone = (old.extension, old.phone_kind) == (draft.extension, draft.phone_kind)
            secret = None if same_phone else _new_secret(draft)
            if draft.extension is None:
                await store.drop_phone(connection, user_id)
            else:
                digest = old.sip_digest if same_phone else None
                digest = sip_digest(draft.extension, secret) if secret else digest
                await store.put_phone(connection, user_id, draft.extension, draft.phone_kind, digest)
                await store.put_queues(connection, user_id, draft.queues)
            await audit.record(connection, actor, "agent.changed", of=("user", user_id), detail=_seen(old, draft))
        await announce(self._redis, revision)
        if not same_phone or old.role != draft.role or draft.disabled:
            await self.sessions.end_all(user_id)
        agent = await self.get_agent(user_id)
        gone = old.extension if old.extension and (draft.disabled or old.extension != draft.extension) else None
        return await self._told(agent, secret, gone=gone)

    async def reset_password(self, actor: Actor, user_id: int) -> str:
        """A new password for a member of staff, shown once; his sessions end.

        Raises:
            NotFoundError: there is none with this id.
        """
        await self.get_agent(user_id)
        password = generated()
        kept = await self._passwords.hash(password)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.set_password_hash(connection, user_id, kept, changed=True)
            await audit.record(connection, actor, "password.reset", of=("user", user_id))
        await self.sessions.end_all(user_id)
        return password

    # -- phones ----------------------------------------------------------------------------------------

    async def phones_to_push(self) -> list[Phone]:
        """All phones that Asterisk shall know; whatever else it knows is to be forgotten."""
        return await store.list_phones(self._pool)

    async def reset_phone_secret(self, actor: Actor, user_id: int) -> tuple[SipLogin, bool]:
        """A new password for a phone, shown once, and whether Asterisk knows it yet.

        Raises:
            NotFoundError: there is no such person.
            NoPhoneError: he has no phone.
        """
        agent = await self.get_agent(user_id)
        secret = generated(20)
        await self._keep_secret(agent, secret)
        await audit.record(self._pool, actor, "phone.secret_reset", of=("user", user_id))
        done = await self._told(await self.get_agent(user_id), secret)
        return self._sip_login(agent, secret), bool(done.phone_pushed)

    async def phone_account(self, user_id: int) -> dict[str, Any]:
        """What a page needs to be this agent's phone: with a password of its own, good until the next.

        Raises:
            NotFoundError: there is no such person.
            NoPhoneError: he has no phone.
            UnavailableError: Asterisk is away.
        """
        agent = await self.get_agent(user_id)
        if agent.extension is None:
            raise NoPhoneError
        if agent.phone_kind is PhoneKind.DESK:
            return {"kind": "desk", "extension": agent.extension}
        secret = generated(20)
        await self._keep_secret(agent, secret)
        done = await self._told(await self.get_agent(user_id), secret)
        if not done.phone_pushed:
            raise UnavailableError(detail="Asterisk")
        sockets = self._settings.phone_websocket_urls
        return {
            "kind": "browser",
            "extension": agent.extension,
            "websocket_url": sockets[0],
            "websocket_urls": sockets,
            "uri": f"sip:{agent.extension}@{self._settings.sip_domain}",
            "username": agent.extension,
            "password": secret,
            "realm": REALM,
            "display_name": agent.display_name,
        }

    async def _keep_secret(self, agent: Agent, secret: str) -> None:
        if agent.extension is None or agent.phone_kind is None:
            raise NoPhoneError
        digest = sip_digest(agent.extension, secret)
        await store.put_phone(self._pool, agent.user_id, agent.extension, agent.phone_kind, digest)

    async def _told(self, agent: Agent, secret: str | None, *, gone: str | None = None) -> Done:
        """Tell Asterisk of the phone that is there now and of the one that is gone."""
        sip = self._sip_login(agent, secret) if secret and agent.phone_kind is PhoneKind.DESK else None
        known = agent.extension and agent.sip_digest and not agent.disabled
        if not known and not gone:
            return Done(agent, sip, None)
        try:
            async with asyncio.timeout(PUSH_SECONDS):
                if gone:
                    await self._phones.remove(gone)
                if known:
                    await self._push(agent)
        except Exception as error:  # noqa: BLE001 - whatever it is, Asterisk doesn't know the phone yet
            log.warning("phone not pushed yet", error=type(error).__name__, user_id=agent.user_id)
            return Done(agent, sip, phone_pushed=False)
        return Done(agent, sip, phone_pushed=True)

    async def _push(self, agent: Agent) -> None:
        kind: Literal["browser", "desk"] = "browser" if agent.phone_kind is PhoneKind.BROWSER else "desk"
        await self._phones.push(agent.extension or "", kind, agent.sip_digest, agent.display_name)

    def _sip_login(self, agent: Agent, secret: str) -> SipLogin:
        return SipLogin(agent.extension or "", secret, self._settings.sip_domain, self._settings.sip_port)


def _new_secret(draft: AgentDraft) -> str | None:
    """A password for a desk phone; a browser phone gets one whenever its page asks."""
    return generated(20) if draft.extension and draft.phone_kind is PhoneKind.DESK else None


async def _keep_an_administrator(connection: Any) -> None:
    if not await connection.fetchval("select exists (select from users where role = 'administrator' and not disabled)"):
        raise LastAdministratorError


def _seen(old: Agent, draft: AgentDraft) -> dict[str, list[Any]]:
    names = ("display_name", "role", "extension", "phone_kind", "queues", "disabled")
    return {
        name: [getattr(old, name), getattr(draft, name)] for name in names if getattr(old, name) != getattr(draft, name)
    }
