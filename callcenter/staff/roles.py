"""What each role may do, as every replica knows it by heart."""

from collections.abc import Mapping

from callcenter.staff.permissions import SHIPPED, Permission


class Roles:
    """The roles and their rights."""

    def __init__(self, granted: Mapping[str, frozenset[Permission]] = SHIPPED) -> None:
        self._granted = granted

    def of(self, role: str) -> frozenset[Permission]:
        """What this role may do; nothing for a role that is none."""
        return self._granted.get(role, frozenset())

    def may(self, role: str, permission: Permission) -> bool:
        """Whether this role has this right."""
        return permission in self.of(role)
