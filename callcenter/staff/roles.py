"""What each role may do and who has which, as every replica knows it by heart. Pure.

Nothing here waits for PostgreSQL: a request is let through or refused by what was last learnt
(`callcenter.staff.role_service` learns it, and anew at each change).
"""

from collections.abc import Callable, Mapping
from typing import Final

from callcenter.staff.model import Session
from callcenter.staff.permissions import SHIPPED, Permission

NOBODY: Final = ""
"""The role of whoever may not sign in."""
KNOWN: Final = frozenset(permission.value for permission in Permission)
ADMINISTERS: Final = frozenset({Permission.MANAGE_ROLES, Permission.MANAGE_STAFF})
"""Somebody who may sign in has both, always: else nobody could give anybody anything any more."""


def granted(as_shipped: frozenset[Permission], differs: Mapping[str, bool]) -> frozenset[Permission]:
    """What a role may do: what it was shipped with, but for what differs. Rights of another release are left out."""
    known = {Permission(name): given for name, given in differs.items() if name in KNOWN}
    added = {permission for permission, given in known.items() if given}
    return (as_shipped | added) - (known.keys() - added)


def differs(as_shipped: frozenset[Permission], wanted: frozenset[Permission]) -> dict[str, bool]:
    """What is to be kept so that `granted` gives `wanted`."""
    return {permission.value: permission in wanted for permission in as_shipped ^ wanted}


class Roles:
    """The roles and their rights, and everybody's role."""

    def __init__(self, granted: Mapping[str, frozenset[Permission]] = SHIPPED) -> None:
        self.granted: Mapping[str, frozenset[Permission]] = granted
        self.people: Mapping[int, str] = {}
        """User id to role; `NOBODY` for whoever may not sign in."""
        self._listeners: list[Callable[[], None]] = []

    def of(self, role: str) -> frozenset[Permission]:
        """What this role may do; nothing for a role that is none."""
        return self.granted.get(role, frozenset())

    def may(self, role: str, permission: Permission) -> bool:
        """Whether this role has this right."""
        return permission in self.of(role)

    def role_of(self, session: Session) -> str:
        """What this person is now; who was made a moment ago is what his session says."""
        return self.people.get(session.user_id, session.role)

    def allows(self, session: Session, permission: Permission) -> bool:
        """Whether this person has this right now."""
        return self.may(self.role_of(session), permission)

    def take(self, granted: Mapping[str, frozenset[Permission]], people: Mapping[int, str]) -> None:
        """Learn what holds from now on."""
        if (granted, people) == (self.granted, self.people):
            return
        self.granted, self.people = granted, people
        for changed in self._listeners:
            changed()

    def when_changed(self, changed: Callable[[], None]) -> None:
        """Have `changed` called whenever somebody's rights may be others."""
        self._listeners.append(changed)
