"""Staff: roles, sessions, password rules and lock-out, without any I/O.

What a role may do stands beside each route (`callcenter.web.routes`); this module only names the roles.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a member of staff is (ROL-01 to ROL-19, HOS-07)."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


class PhoneKind(StrEnum):
    """What an agent answers with: the phone in the browser, or a SIP phone on the desk."""

    BROWSER = "browser"
    DESK = "desk"


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser, as kept in Redis for 12 hours after its last request.

    `extension` and `phone_kind` are None for staff without a phone. `token_id` is the SHA-256 of the
    cookie's token, which itself is kept nowhere.
    """

    user_id: int
    username: str
    display_name: str
    role: Role
    extension: str | None
    phone_kind: PhoneKind | None
    csrf_token: str
    token_id: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, for the audit log: a member of staff at an address, or the hotline itself."""

    user_id: int | None
    username: str
    address: str = ""


HOTLINE_ITSELF: Final = Actor(None, "callcenter")
