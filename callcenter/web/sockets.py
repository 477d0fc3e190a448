"""The live sockets that are open in this replica, and who has them open: whoever may not see on is let go at once."""

import asyncio
import contextlib
import weakref
from typing import Final

import structlog
from aiohttp import web

from callcenter.staff.model import Session
from callcenter.staff.permissions import Permission
from callcenter.staff.roles import NOBODY, Roles
from callcenter.staff.sessions import Sessions

log = structlog.get_logger(__name__)

SESSION_SECONDS: Final = 15.0
"""How often it is looked whether the sessions of open sockets still hold."""
SIGNED_OUT: Final = 1008
"""How a socket is closed whose person may not see it any more; his page asks again what he may."""
CLOSE_SECONDS: Final = 2.0


class LiveSockets:
    """Every open socket with its session and the right that it needs."""

    def __init__(self, roles: Roles, sessions: Sessions) -> None:
        self._roles = roles
        self._sessions = sessions
        self._open: weakref.WeakKeyDictionary[web.WebSocketResponse, tuple[Session, object]] = (
            weakref.WeakKeyDictionary()
        )
        self._again = asyncio.Event()
        roles.when_changed(self._again.set)
        sessions.when_ended(self._again.set)

    def add(self, socket: web.WebSocketResponse, session: Session, access: object) -> None:
        """A socket was opened."""
        self._open[socket] = session, access

    async def run(self) -> None:
        """Let go of whoever's rights or session have gone, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SESSION_SECONDS):
                    await self._again.wait()
            self._again.clear()
            try:
                await self.look()
            except Exception:
                log.exception("sockets not looked at")

    async def look(self) -> None:
        """Close every socket whose person may not see it any more."""
        closing = []
        for socket, (session, access) in list(self._open.items()):
            if socket.closed:
                continue
            if not self._may_see(session, access) or not await self._sessions.holds(session):
                closing.append(_close(socket))
        await asyncio.gather(*closing)

    def _may_see(self, session: Session, access: object) -> bool:
        if isinstance(access, Permission):
            return self._roles.allows(session, access)
        return self._roles.role_of(session) != NOBODY


async def _close(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError, RuntimeError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code=SIGNED_OUT)
