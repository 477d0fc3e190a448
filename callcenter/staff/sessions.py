"""Sessions and failed sign-ins in Redis. A session's token is in the browser's cookie and nowhere else."""

import hashlib
import secrets
from typing import Any, Final

import orjson

from callcenter.staff.model import Agent, LockOutRule, PhoneKind, Role, Session, locked_for_seconds

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


def token_id(token: str) -> str:
    """What a token is found by: its SHA-256, so that a look into Redis gives nobody a session."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """Who is signed in."""

    def __init__(self, redis: Any) -> None:
        """`redis` decodes its answers to text."""
        self._redis = redis

    async def start(self, user: Agent) -> tuple[str, Session]:
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
        )
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_SESSION + session.token_id, orjson.dumps(session), ex=IDLE_SECONDS)
            pipe.sadd(f"{_OF_USER}{user.user_id}", session.token_id)
            pipe.expire(f"{_OF_USER}{user.user_id}", 30 * 24 * 3600)
            await pipe.execute()
        return token, session

    async def find(self, token: str) -> Session | None:
        """The session of this token, kept for another 12 hours; None when it has ended."""
        kept = await self._redis.getex(_SESSION + token_id(token), ex=IDLE_SECONDS)
        if kept is None:
            return None
        fields = orjson.loads(kept)
        fields["role"] = Role(fields["role"])
        fields["phone_kind"] = PhoneKind(fields["phone_kind"]) if fields["phone_kind"] else None
        return Session(**fields)

    async def end(self, session: Session) -> None:
        """End one session; an ended one stays ended."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_SESSION + session.token_id)
            pipe.srem(f"{_OF_USER}{session.user_id}", session.token_id)
            await pipe.execute()

    async def end_all(self, user_id: int, *, but: Session | None = None) -> None:
        """End every session of a person, but one."""
        kept = but.token_id if but else ""
        ended = [one for one in await self._redis.smembers(f"{_OF_USER}{user_id}") if one != kept]
        if ended:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(*(_SESSION + one for one in ended))
                pipe.srem(f"{_OF_USER}{user_id}", *ended)
                await pipe.execute()


class FailedSignIns:
    """Counts tries, each before its password is checked, so that many at once are counted too."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def begin(self, whom: str, rule: LockOutRule) -> int:
        """Count a try of `whom` (a username, an address); seconds to wait after too many, else 0."""
        failures, left_ms = await self._redis.eval(_TRY, 1, _FAILURES + whom, rule.failures, rule.seconds)
        return locked_for_seconds(rule, failures, left_ms)

    async def forget(self, whom: str) -> None:
        """The person has shown who he is."""
        await self._redis.delete(_FAILURES + whom)

    async def take_back(self, whom: str) -> None:
        """The try that was counted was none of the failed ones."""
        await self._redis.decr(_FAILURES + whom)
