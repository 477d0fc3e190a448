"""What the hotline does with its staff: sign in and out, agents and their phones. All is audited.

A change is committed first, and counted with the changes of what is set; then every replica is told of it, and
Asterisk of the phone. When Asterisk is away the change stands, the answer says that the phone is not there yet, and
`phones_to_push` brings it with the next connection.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import structlog

from callcenter.configuration.store import announce, next_revision
from callcenter.db.pool import Connection, Executor, Pool
from callcenter.errors import InvalidInputError, NotFoundError, UnavailableError
from callcenter.settings import Settings
from callcenter.staff import audit, role_store, safety_store, store
from callcenter.staff.errors import (
    BeyondOwnRightsError,
    LastAdministratorError,
    LockedOutError,
    NoPhoneError,
    OwnRightsError,
    WrongPasswordError,
)
from callcenter.staff.model import (
    BY_ADDRESS,
    BY_USERNAME,
    HOTLINE_ITSELF,
    REALM,
    Actor,
    Agent,
    Phone,
    PhoneKind,
    Queue,
    Safety,
    Session,
    SipLogin,
    closes_at,
    password_expires_at,
    password_problem,
    sip_digest,
)
from callcenter.staff.passwords import Passwords, generated
from callcenter.staff.permissions import Permission
from callcenter.staff.role_service import RoleWork
from callcenter.staff.roles import Roles
from callcenter.staff.sessions import FailedSignIns, Sessions

log = structlog.get_logger(__name__)

PUSH_SECONDS = 3.0
GENERATED_LENGTH = 14


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
    role: str
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
        self.roles = Roles()
        self.role_work = RoleWork(pool, redis, self.roles)

    # -- signing in ------------------------------------------------------------------------------------

    async def sign_in(self, username: str, password: str, address: str) -> tuple[str, Session]:
        """Start a session; the token for its cookie.

        Raises:
            WrongPasswordError: no such person, another password, or a disabled account.
            LockedOutError: too many failures of this username or from this address.
        """
        by_name, by_address = f"user:{username.casefold()}", f"address:{address}"
        at_address = await self._failed.begin(by_address, BY_ADDRESS)
        wait = at_address.wait_seconds
        at_name = await self._failed.begin(by_name, BY_USERNAME) if not wait else at_address
        if wait or at_name.wait_seconds:
            raise LockedOutError(wait or at_name.wait_seconds)
        user = await store.find_by_name(self._pool, username)
        password_kept = await store.password_of(self._pool, user.user_id) if user else None
        right = await self._passwords.matches(password, password_kept.kept if password_kept else None)
        if not right or user is None or password_kept is None or user.disabled:
            actor = Actor(user.user_id if user else None, username, address)
            await audit.record(self._pool, actor, "session.refused")
            if at_name.is_last or at_address.is_last:
                whose = "username" if at_name.is_last else "address"
                await audit.record(self._pool, actor, "session.locked_out", detail={"whose": whose})
            raise WrongPasswordError
        await self._failed.forget(by_name)
        await self._failed.take_back(by_address)
        if self._passwords.is_outdated(password_kept.kept):
            await store.rehash_password(self._pool, user.user_id, await self._passwords.hash(password))
        expires_at = password_expires_at(password_kept.changed_at, await safety_store.read(self._pool))
        must_change = password_kept.given or (expires_at is not None and expires_at <= datetime.now(UTC))
        await store.note_sign_in(self._pool, user.user_id)
        await audit.record(self._pool, Actor(user.user_id, user.username, address), "session.started")
        return await self.sessions.start(user, must_change_password=must_change)

    async def sign_out(self, session: Session, actor: Actor) -> None:
        """End this session."""
        await self.sessions.end(session)
        await audit.record(self._pool, actor, "session.ended")

    async def change_own_password(self, session: Session, actor: Actor, old: str, new: str) -> None:
        """Set one's own password; one's other sessions end.

        Raises:
            LockedOutError: too many wrong old passwords.
            InvalidInputError: the old one is wrong, or the new one too weak, or one of the last.
        """
        by_name = f"user:{session.username.casefold()}"
        tried = await self._failed.begin(by_name, BY_USERNAME)
        if tried.wait_seconds:
            raise LockedOutError(tried.wait_seconds)
        password = await store.password_of(self._pool, session.user_id)
        if not await self._passwords.matches(old, password.kept):
            if tried.is_last:
                await audit.record(self._pool, actor, "session.locked_out", detail={"whose": "username"})
            said = {"en": "This is not your password.", "zh": "原密码不正确。"}
            raise InvalidInputError(fields={"old_password": said})
        await self._failed.forget(by_name)
        safety = await safety_store.read(self._pool)
        if problem := password_problem(new, session.username, safety.password_shortest):
            raise InvalidInputError(fields={"new_password": problem})
        former = await store.former_passwords(self._pool, session.user_id, safety.password_history - 1)
        for kept in (password.kept, *former):
            if await self._passwords.matches(new, kept):
                n = safety.password_history
                said = {"en": f"Take none of your last {n} passwords.", "zh": f"不能使用最近 {n} 次用过的密码。"}
                raise InvalidInputError(fields={"new_password": said})
        fresh = await self._passwords.hash(new)
        async with self._pool.acquire() as connection, connection.transaction():
            await store.set_password(connection, session.user_id, fresh, given=False)
            await audit.record(connection, actor, "password.changed", of=("user", session.user_id))
        await self.sessions.end_all(session.user_id, but=session)
        await self.sessions.password_changed(session)

    async def password_rules(self, session: Session) -> tuple[Safety, datetime | None]:
        """What holds of passwords, and when this person's is to be changed."""
        safety = await safety_store.read(self._pool)
        if not safety.password_days:
            return safety, None
        password = await store.password_of(self._pool, session.user_id)
        return safety, password_expires_at(password.changed_at, safety)

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
            InvalidInputError: username or extension is taken, or there is no such role or queue.
            BeyondOwnRightsError: the role may do what whoever asks may not.
        """
        safety = await safety_store.read(self._pool)
        password = generated(max(GENERATED_LENGTH, safety.password_shortest))
        kept = await self._passwords.hash(password)
        secret = _new_secret(draft)
        given = safety.change_given_password and actor.user_id is not None
        async with self._pool.acquire() as connection, connection.transaction():
            await _check_rights(connection, actor, draft.role)
            revision = await next_revision(connection)
            user_id = await store.insert(connection, username, draft.display_name, draft.role, kept, given=given)
            if draft.extension:
                digest = sip_digest(draft.extension, secret) if secret else None
                await store.put_phone(connection, user_id, draft.extension, draft.phone_kind, digest)
                await store.put_queues(connection, user_id, draft.queues)
            await audit.record(connection, actor, "agent.created", of=("user", user_id), detail={"role": draft.role})
        await self.role_work.reload()
        await announce(self._redis, revision)
        agent = await self.get_agent(user_id)
        return await self._told(agent, secret), password

    async def change_agent(self, actor: Actor, user_id: int, draft: AgentDraft) -> Done:
        """Set a member of staff; his sessions end when what he may do, or his phone, is another.

        Raises:
            NotFoundError: there is none with this id.
            LastAdministratorError: nobody could administer the hotline afterwards.
            InvalidInputError: the extension is taken, or there is no such role or queue.
            BeyondOwnRightsError: he may do what whoever asks may not, or would.
            OwnRightsError: somebody gives himself more rights.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            revision = await next_revision(connection)
            await role_store.lock(connection)
            old = await store.find(connection, user_id)
            if old is None:
                raise NotFoundError
            await _check_rights(connection, actor, old.role, draft.role, own=user_id == actor.user_id)
            secret = await self._put(connection, old, draft)
            await audit.record(connection, actor, "agent.changed", of=("user", user_id), detail=_seen(old, draft))
        return await self._changed(old, draft, revision, secret)

    async def close_unused(self, user_id: int) -> bool:
        """Close an account that nobody has used for as long as is set (HOS-05); whether it was closed now.

        The last who can administer the hotline, and whoever is signed in just now, stay.
        """
        if await self.sessions.has_any(user_id):
            return False
        async with self._pool.acquire() as connection, connection.transaction():
            revision = await next_revision(connection)
            await role_store.lock(connection)
            safety = await safety_store.read(connection)
            old = await store.find(connection, user_id)
            if old is None or old.disabled:
                return False
            due = closes_at(old.used_at, safety)
            if due is None or due > datetime.now(UTC):
                return False
            phone = old.phone_kind or PhoneKind.BROWSER
            draft = AgentDraft(old.display_name, old.role, old.extension, phone, old.queues, disabled=True)
            secret = await self._put(connection, old, draft)
            detail = {"unused_days": safety.close_unused_days}
            await audit.record(connection, HOTLINE_ITSELF, "account.closed", of=("user", user_id), detail=detail)
        await self._changed(old, draft, revision, secret)
        return True

    async def _put(self, connection: Connection, old: Agent, draft: AgentDraft) -> str | None:
        """Write what a person shall be; the password that his desk phone gets, where it gets one."""
        user_id = old.user_id
        await store.update(connection, user_id, draft.display_name, draft.role, disabled=draft.disabled)
        if not await role_store.somebody_administers(connection):
            raise LastAdministratorError
        secret = None if _same_phone(old, draft) else _new_secret(draft)
        if draft.extension is None:
            await store.drop_phone(connection, user_id)
        else:
            digest = old.sip_digest if _same_phone(old, draft) else None
            digest = sip_digest(draft.extension, secret) if secret else digest
            await store.put_phone(connection, user_id, draft.extension, draft.phone_kind, digest)
            await store.put_queues(connection, user_id, draft.queues)
        return secret

    async def _changed(self, old: Agent, draft: AgentDraft, revision: int, secret: str | None) -> Done:
        """After the change was committed: sessions that end, replicas and Asterisk that are told."""
        if not _same_phone(old, draft) or old.role != draft.role or draft.disabled:
            await self.sessions.end_all(old.user_id)
        await self.role_work.reload()
        await announce(self._redis, revision)
        agent = await self.get_agent(old.user_id)
        gone = old.extension if old.extension and (draft.disabled or old.extension != draft.extension) else None
        return await self._told(agent, secret, gone=gone)

    async def reset_password(self, actor: Actor, user_id: int) -> str:
        """A new password for a member of staff, shown once; his sessions end.

        Raises:
            NotFoundError: there is none with this id.
            BeyondOwnRightsError: he may do what whoever asks may not.
        """
        agent = await self.get_agent(user_id)
        safety = await safety_store.read(self._pool)
        password = generated(max(GENERATED_LENGTH, safety.password_shortest))
        kept = await self._passwords.hash(password)
        async with self._pool.acquire() as connection, connection.transaction():
            await _check_rights(connection, actor, agent.role)
            await store.set_password(connection, user_id, kept, given=safety.change_given_password)
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
        await _check_rights(self._pool, actor, agent.role)
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


def _same_phone(old: Agent, draft: AgentDraft) -> bool:
    return (old.extension, old.phone_kind) == (draft.extension, draft.phone_kind)


async def _check_rights(executor: Executor, actor: Actor, *roles: str, own: bool = False) -> None:
    """Whether somebody may give these roles, or change whom has them; the last one is what is given.

    Who may say what roles can do may give any, but no more than he has to himself. Anybody else gives and touches only
    what is within his own rights: a password reset is a way into the account.
    """
    if actor.user_id is None:
        return
    rights = {role.role_id: role.permissions for role in await role_store.list_all(executor)}
    own_role = await executor.fetchval("select role from users where user_id = $1", actor.user_id)
    mine = rights.get(own_role, frozenset())
    if own and rights.get(roles[-1], frozenset()) - mine:
        raise OwnRightsError
    if Permission.MANAGE_ROLES not in mine and any(rights.get(role, frozenset()) - mine for role in roles):
        raise BeyondOwnRightsError


def _seen(old: Agent, draft: AgentDraft) -> dict[str, list[Any]]:
    names = ("display_name", "role", "extension", "phone_kind", "queues", "disabled")
    return {
        name: [getattr(old, name), getattr(draft, name)] for name in names if getattr(old, name) != getattr(draft, name)
    }
