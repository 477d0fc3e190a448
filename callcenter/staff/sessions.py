"""Sessions and failed sign-ins in Redis. A session's token is in the browser's cookie and nowhere else.

A session stands in PostgreSQL too, for as long as it may be unused: when Redis has lost everything, nobody has to
sign in again in the middle of his shift.
"""

import dataclasses
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from redis.exceptions import RedisError

from callcenter.db.pool import AWAY, Pool
from callcenter.staff.model import Agent, LockOutRule, PhoneKind, Session, locked_for_seconds

log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 12 * 3600
_SESSION: Final = "cc:session:"
_OF_USER: Final = "cc:sessions_of:"
_FAILURES: Final = "cc:failures:"

_TRY: Final = """
local failures = tonumber(redis.call('get', KEYS[1]) or '0')
if failures >= tonumber(ARGV[1]) then return {failures, redis.call('pttl', KEYS[1])} end
redis.call('incr', KEYS[1])
redis.call('expire', KEYS[1], ARGV[2])
return {failures, 0}
"""


_KEEP: Final = """
with gone as (delete from sessions where expires_at < now())
insert into sessions (token_id, user_id, csrf_token, expires_at, must_change_password)
values ($1, $2, $3, now() + make_interval(secs => $4), $5)
"""
_KEPT: Final = """
select user_id, u.username, u.display_name, u.role, a.extension, a.phone_kind, s.csrf_token, s.token_id,
    s.must_change_password
from sessions s join users u using (user_id) left join agents a using (user_id)
where s.token_id = $1 and s.expires_at > now() and not u.disabled
"""


def token_id(token: str) -> str:
    """What a token is found by: its SHA-256, so that a look into Redis gives nobody a session."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """Who is signed in."""

    def __init__(self, redis: Any, pool: Pool) -> None:
        """`redis` decodes its answers to text."""
        self._redis = redis
        self._pool = pool
        self._listeners: list[Callable[[], None]] = []

    def when_ended(self, ended: Callable[[], None]) -> None:
        """Have `ended` called whenever this replica has ended a session."""
        self._listeners.append(ended)

    def _tell(self) -> None:
        for ended in self._listeners:
            ended()

    async def start(self, user: Agent, *, must_change_password: bool = False) -> tuple[str, Session]:
        """A new session and the token for its cookie."""
        token = secrets.token_urlsafe(32)
        session = Session(
            user_id=user.user_id,
            username=user.username,
            display_name=user.display_name,
            role=user.role,
            extension=user.extension,
            phone_kind=user.phone_kind,
            csrf_token=secrets.token_urlsafe(24),
            token_id=token_id(token),
            must_change_password=must_change_password,
        )
        await self._pool.execute(
            _KEEP, session.token_id, user.user_id, session.csrf_token, IDLE_SECONDS, must_change_password
        )
        await self._put(session)
        return token, session

    async def _put(self, session: Session) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_SESSION + session.token_id, orjson.dumps(_kept(session)), ex=IDLE_SECONDS)
            pipe.sadd(f"{_OF_USER}{session.user_id}", session.token_id)
            pipe.expire(f"{_OF_USER}{session.user_id}", 30 * 24 * 3600)
            await pipe.execute()

    async def password_changed(self, session: Session) -> None:
        """The session is good for everything from now on."""
        await self._pool.execute(
            "update sessions set must_change_password = false where token_id = $1", session.token_id
        )
        await self._put(dataclasses.replace(session, must_change_password=False))

    async def find(self, token: str) -> Session | None:
        """The session of this token, kept for another 12 hours; None when it has ended, or when neither server can
        say.
        """
        kept = await self._redis.getex(_SESSION + token_id(token), ex=IDLE_SECONDS)
        return await self._find_kept(token_id(token)) if kept is None else _session(orjson.loads(kept))

    async def _find_kept(self, wanted: str) -> Session | None:
        try:
            row = await self._pool.fetchrow(_KEPT, wanted)
            if row is None:
                return None
            session = _session(dict(row))
            await self._put(session)
            if await self._pool.fetchval("select true from sessions where token_id = $1", wanted):
                return session
            await self.end(session)  # it was ended meanwhile
        except AWAY as error:
            log.warning("session not looked up", error=type(error).__name__)
        return None

    async def holds(self, session: Session) -> bool:
        """Whether a session has not ended; it is not made to last longer. While neither server can say, it has not."""
        try:
            if await self._redis.exists(_SESSION + session.token_id):
                return True
            kept = "select exists (select from sessions where token_id = $1 and expires_at > now())"
            return bool(await self._pool.fetchval(kept, session.token_id))
        except (RedisError, *AWAY) as error:
            log.warning("session not looked up", error=type(error).__name__)
            return True

    async def has_any(self, user_id: int) -> bool:
        """Whether a person is signed in anywhere."""
        ids = await self._redis.smembers(f"{_OF_USER}{user_id}")
        return bool(ids) and bool(await self._redis.exists(*(_SESSION + one for one in ids)))

    async def end(self, session: Session) -> None:
        """End one session; an ended one stays ended."""
        await self._pool.execute("delete from sessions where token_id = $1", session.token_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_SESSION + session.token_id)
            pipe.srem(f"{_OF_USER}{session.user_id}", session.token_id)
            await pipe.execute()
        self._tell()

    async def end_all(self, user_id: int, *, but: Session | None = None) -> None:
        """End every session of a person, but one."""
        kept = but.token_id if but else ""
        await self._pool.execute("delete from sessions where user_id = $1 and token_id <> $2", user_id, kept)
        ended = [one for one in await self._redis.smembers(f"{_OF_USER}{user_id}") if one != kept]
        if ended:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(*(_SESSION + one for one in ended))
                pipe.srem(f"{_OF_USER}{user_id}", *ended)
                await pipe.execute()
        self._tell()


def _kept(session: Session) -> dict[str, Any]:
    """Its fields; the one that the release before does not know only where it says something."""
    fields = dataclasses.asdict(session)
    if not session.must_change_password:
        del fields["must_change_password"]
    return fields


def _session(fields: dict[str, Any]) -> Session:
    kind = fields["phone_kind"]
    return Session(**fields | {"phone_kind": PhoneKind(kind) if kind else None})


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted, or that is not let through for so many seconds. `is_last`: no other will be after it."""

    wait_seconds: int
    is_last: bool


class FailedSignIns:
    """Counts tries, each before its password is checked, so that many at once are counted too."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def begin(self, whom: str, rule: LockOutRule) -> Try:
        """Count a try of `whom` (a username, an address)."""
        failures, left_ms = await self._redis.eval(_TRY, 1, _FAILURES + whom, rule.failures, rule.seconds)
        return Try(locked_for_seconds(rule, failures, left_ms), failures == rule.failures - 1)

    async def forget(self, whom: str) -> None:
        """The person has shown who he is."""
        await self._redis.delete(_FAILURES + whom)

    async def take_back(self, whom: str) -> None:
        """The try that was counted was none of the failed ones."""
        await self._redis.decr(_FAILURES + whom)
