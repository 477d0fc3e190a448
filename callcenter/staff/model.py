"""Staff: roles, sessions, password rules and lock-out, without any I/O.

What a role may do stands beside each route (`callcenter.web.routes`); this module only names the roles.
"""

import hashlib
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


REALM: Final = "callcenter"
"""Realm of the phones' digest authentication, the same in Asterisk's configuration."""
PASSWORD_SHORTEST: Final = 9
"""Characters; the handbook asks for more than eight (HOS-03)."""
PASSWORD_LONGEST: Final = 128


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


@dataclass(frozen=True, slots=True)
class LockOutRule:
    """After `failures` within `seconds` no try is let through until `seconds` after the last of them."""

    failures: int
    seconds: int


BY_USERNAME: Final = LockOutRule(failures=5, seconds=900)
BY_ADDRESS: Final = LockOutRule(failures=30, seconds=900)
"""Higher than `BY_USERNAME`: a whole department may sit behind one address."""


def locked_for_seconds(rule: LockOutRule, failures: int, forgotten_in_ms: int) -> int:
    """Seconds until somebody with so many recent failures may try again; 0 when he may now.

    `forgotten_in_ms` is when the failures will be forgotten, which is `rule.seconds` after the last one.
    """
    return max(1, -(-forgotten_in_ms // 1000)) if failures >= rule.failures else 0


def password_problem(password: str, username: str) -> dict[str, str] | None:
    """Why this may not be the person's password, in both languages; None when it may (HOS-03)."""
    if len(password) < PASSWORD_SHORTEST:
        return {"en": "Use more than 8 characters.", "zh": "密码须多于 8 位。"}
    if len(password) > PASSWORD_LONGEST:
        return {
            "en": f"Use at most {PASSWORD_LONGEST} characters.",
            "zh": f"密码最多 {PASSWORD_LONGEST} 位。",
        }
    if username.casefold() in password.casefold():
        return {"en": "Leave your username out of it.", "zh": "密码不能包含用户名。"}
    if len(set(password)) < 5 or _is_regular(password):
        return {
            "en": "This is too regular: mix letters, digits and signs.",
            "zh": "密码过于规律，请混用字母、数字和符号。",
        }
    return None


def _is_regular(password: str) -> bool:
    """Only one kind of character, or mostly a row such as 12345 or qwert."""
    kinds = {("digit" if c.isdigit() else "letter" if c.isalpha() else "sign") for c in password}
    rows = ("01234567890", "98765432109", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
    folded = password.casefold()
    steps = sum(any(folded[at : at + 3] in row for row in rows) for at in range(len(folded) - 2))
    return len(kinds) < 2 or steps * 2 > len(folded) - 2


def sip_digest(extension: str, password: str) -> str:
    """The HA1 of a phone's account (RFC 7616, MD5 as SIP phones do): all that is kept of its password."""
    return hashlib.md5(f"{extension}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone that Asterisk shall know: `ha1_digest` is `sip_digest` of its password."""

    extension: str
    kind: PhoneKind
    ha1_digest: str
    display_name: str


@dataclass(frozen=True, slots=True)
class SipLogin:
    """What is entered in a desk phone; its password is shown once."""

    username: str
    password: str
    domain: str
    port: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as people know it."""

    queue_id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A member of staff, with a phone when `extension` is set. `queues` are the ids of those he serves."""

    user_id: int
    username: str
    display_name: str
    role: Role
    disabled: bool
    extension: str | None
    phone_kind: PhoneKind | None
    sip_digest: str | None
    queues: tuple[str, ...]
