"""What a member of staff may do, by his role. Pure: the rights' names, and what the shipped roles have.

Each route names the one right it needs (`callcenter.web.routes`). A right is what a person does or sees, never a page.
"""

from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """A right (HOS-07, SEC-09, requirements 4.9)."""

    TAKE_CALLS = "take_calls"
    """Work at a desk: be rung, answer, write down what came of one's own calls."""
    READ_CALLS = "read_calls"
    """All calls, their facts and what came of them; messages that callers have left."""
    CORRECT_OUTCOMES = "correct_outcomes"
    """Change what others have written down of their calls."""
    RING_BACK = "ring_back"
    """See and settle the tasks to ring back."""
    LISTEN_TO_RECORDINGS = "listen_to_recordings"
    DELETE_RECORDINGS = "delete_recordings"

    READ_CUSTOMERS = "read_customers"
    WRITE_CUSTOMERS = "write_customers"
    MERGE_CUSTOMERS = "merge_customers"
    """Merge two records of one customer, and split them again."""
    ASSIGN_CUSTOMERS = "assign_customers"
    """Say whose customer somebody is (OWN-15, OWN-17)."""
    IMPORT_CUSTOMERS = "import_customers"
    EXPORT_LISTS = "export_lists"
    """Ask for a list to leave the house."""
    APPROVE_EXPORTS = "approve_exports"
    """Let somebody else's list leave the house (SEC-02)."""
    ERASE_CUSTOMERS = "erase_customers"
    SEE_NUMBERS = "see_numbers"
    """Telephone numbers are shown whole everywhere."""
    REVEAL_NUMBERS = "reveal_numbers"
    """Have one masked number shown whole; each time is audited."""

    WRITE_KNOWLEDGE = "write_knowledge"
    """Write the scripts and answers that all agents have (TEL-11)."""

    WATCH = "watch"
    """The live board, the wallboard, alarms; why nobody rang."""
    SUPERVISE = "supervise"
    """Act on agents and on calls; messages to desks."""
    LISTEN = "listen"
    """Listen to conversations, whisper, barge in."""
    BLOCK_CALLERS = "block_callers"
    PLAN_SHIFTS = "plan_shifts"
    APPROVE_SHIFTS = "approve_shifts"
    """Approve rosters that others have planned, and swaps."""

    READ_SETTINGS = "read_settings"
    CHANGE_SETTINGS = "change_settings"
    READ_STAFF = "read_staff"
    MANAGE_STAFF = "manage_staff"
    MANAGE_ROLES = "manage_roles"
    """Say what a role may do."""
    READ_AUDIT = "read_audit"
    REVIEW_SIGN_INS = "review_sign_ins"
    """The weekly look at who has signed in, and who tried to (HOS-02)."""


_P = Permission
_DESK: Final = frozenset(
    {_P.TAKE_CALLS, _P.READ_CALLS, _P.RING_BACK, _P.READ_CUSTOMERS, _P.WRITE_CUSTOMERS, _P.REVEAL_NUMBERS}
)
_ARCHIVE: Final = frozenset(
    {_P.READ_CALLS, _P.READ_CUSTOMERS, _P.WRITE_CUSTOMERS, _P.MERGE_CUSTOMERS, _P.IMPORT_CUSTOMERS, _P.EXPORT_LISTS}
    | {_P.SEE_NUMBERS, _P.WRITE_KNOWLEDGE}
)
_SUPERVISOR: Final = (
    _DESK
    | _ARCHIVE
    | {_P.CORRECT_OUTCOMES, _P.LISTEN_TO_RECORDINGS, _P.ASSIGN_CUSTOMERS, _P.WATCH, _P.SUPERVISE, _P.LISTEN}
    | {_P.BLOCK_CALLERS, _P.PLAN_SHIFTS, _P.APPROVE_SHIFTS, _P.READ_SETTINGS, _P.READ_STAFF}
)
SHIPPED: Final[dict[str, frozenset[Permission]]] = {
    "agent": _DESK,
    "complaint_specialist": _DESK | {_P.CORRECT_OUTCOMES, _P.LISTEN_TO_RECORDINGS, _P.EXPORT_LISTS},
    "archive_specialist": _ARCHIVE | {_P.TAKE_CALLS},
    "key_account": _DESK | {_P.SEE_NUMBERS, _P.EXPORT_LISTS},
    "supervisor": _SUPERVISOR,
    "manager": _SUPERVISOR | {_P.APPROVE_EXPORTS, _P.DELETE_RECORDINGS, _P.ERASE_CUSTOMERS, _P.REVIEW_SIGN_INS},
    "department_head": frozenset({_P.READ_CALLS, _P.READ_CUSTOMERS}),
    "administrator": frozenset(Permission) - {_P.APPROVE_EXPORTS},
    "auditor": frozenset({_P.READ_CALLS, _P.READ_CUSTOMERS, _P.READ_AUDIT, _P.REVIEW_SIGN_INS, _P.READ_SETTINGS})
    | {_P.READ_STAFF},
}
"""What the handbooks' posts may do as shipped (requirements 4.9). Who administers the machine lets no list out of the
house: that is a manager's (SEC-02).
"""
