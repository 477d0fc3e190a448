"""Staff: sessions, password rules, accounts and lock-out, without any I/O.

What a role may do is data (`callcenter.staff.roles`); this module only names the shipped ones that code speaks of.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Role:
    """Ids of shipped roles (ROL-01 to ROL-19, HOS-07). A role is a string; departments make more of them on a page."""

    AGENT: Final = "agent"
    COMPLAINT_SPECIALIST: Final = "complaint_specialist"
    SUPERVISOR: Final = "supervisor"
    MANAGER: Final = "manager"
    ADMINISTRATOR: Final = "administrator"
    AUDITOR: Final = "auditor"


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

    `role` is what the person was when he signed in; what he is now, `callcenter.staff.roles.Roles` knows. `extension`
    and `phone_kind` are None for staff without a phone. `token_id` is the SHA-256 of the cookie's token, which itself
    is kept nowhere. With `must_change_password` the session is good for that and nothing else.
    """

    user_id: int
    username: str
    display_name: str
    role: str
    extension: str | None
    phone_kind: PhoneKind | None
    csrf_token: str
    token_id: str
    must_change_password: bool = False


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


@dataclass(frozen=True, slots=True)
class Safety:
    """What is set of passwords and accounts (HOS-03, HOS-05), and of how long calls say who rang.

    0 days or months: never. `password_history` counts the present password. From `night_from` to `night_until`
    o'clock a sign-in is at an odd hour, unless the person is on shift.
    """

    password_days: int = 0
    password_shortest: int = PASSWORD_SHORTEST
    password_history: int = 5
    change_given_password: bool = False
    close_unused_days: int = 0
    night_from: int = 22
    night_until: int = 6
    keep_calls_months: int = 0


HANDBOOK: Final = Safety(password_days=15, change_given_password=True, close_unused_days=90)
"""What the handbook asks for (HOS-03: 15 days, more than 8 characters); the days of HOS-05 are ours."""


def password_expires_at(changed_at: datetime, safety: Safety) -> datetime | None:
    """When a password is to be changed; None: it does not age."""
    return changed_at + timedelta(days=safety.password_days) if safety.password_days else None


def closes_at(used_at: datetime, safety: Safety) -> datetime | None:
    """When an account that nobody uses is closed; None: it is not."""
    return used_at + timedelta(days=safety.close_unused_days) if safety.close_unused_days else None


def password_problem(password: str, username: str, shortest: int = PASSWORD_SHORTEST) -> dict[str, str] | None:
    """Why this may not be the person's password, in both languages; None when it may (HOS-03)."""
    if len(password) < shortest:
        return {"en": f"Use more than {shortest - 1} characters.", "zh": f"密码须多于 {shortest - 1} 位。"}
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
    """A member of staff, with a phone when `extension` is set. `queues` are the ids of those he serves.

    `used_at` is when he was last known to use his account: signed in, made, or opened again. `last_signed_in_at` is
    None when he never has.
    """

    user_id: int
    username: str
    display_name: str
    role: str
    disabled: bool
    extension: str | None
    phone_kind: PhoneKind | None
    sip_digest: str | None
    queues: tuple[str, ...]
    last_signed_in_at: datetime | None
    used_at: datetime
