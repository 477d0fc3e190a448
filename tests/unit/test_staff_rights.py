"""Roles and rights without any server; the words of rights and of the audit log's actions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callcenter
from callcenter.configuration.changes import KINDS
from callcenter.staff.audit_words import ACTIONS, OBJECTS, words_of
from callcenter.staff.model import Session
from callcenter.staff.permissions import SHIPPED, Permission
from callcenter.staff.rights import AREAS
from callcenter.staff.roles import ADMINISTERS, NOBODY, Roles, differs, granted

RIGHTS = st.frozensets(st.sampled_from(Permission))
SESSION = Session(1, "alice", "陈晓琳", "agent", "1001", None, "csrf", "token")


@given(RIGHTS, RIGHTS)
def test_what_is_kept_gives_what_was_wanted(as_shipped: frozenset[Permission], wanted: frozenset[Permission]) -> None:
    assert granted(as_shipped, differs(as_shipped, wanted)) == wanted


def test_a_right_that_a_release_adds_comes_to_a_role_that_was_changed() -> None:
    before = frozenset({Permission.TAKE_CALLS, Permission.READ_CALLS})
    kept = differs(before, frozenset({Permission.TAKE_CALLS}))
    assert granted(before | {Permission.RING_BACK}, kept) == {Permission.TAKE_CALLS, Permission.RING_BACK}


def test_a_person_has_the_rights_of_what_he_is_now() -> None:
    roles = Roles()
    assert roles.allows(SESSION, Permission.TAKE_CALLS), "who was made a moment ago is what his session says"
    roles.take(SHIPPED, {1: "auditor"})
    assert not roles.allows(SESSION, Permission.TAKE_CALLS)
    assert roles.allows(SESSION, Permission.READ_AUDIT)
    roles.take(SHIPPED, {1: NOBODY})
    assert not any(roles.allows(SESSION, right) for right in Permission)


def test_listeners_hear_of_changes_alone() -> None:
    roles, heard = Roles(), [0]

    def hear() -> None:
        heard[0] += 1

    roles.when_changed(hear)
    roles.take(SHIPPED, {})
    assert heard == [0]
    roles.take(SHIPPED, {1: "agent"})
    assert heard == [1]


def test_somebody_is_shipped_who_administers() -> None:
    assert SHIPPED["administrator"] >= ADMINISTERS
    assert not any(Permission.APPROVE_EXPORTS in SHIPPED[one] for one in ("administrator", "agent", "auditor"))


def test_each_right_has_words_once() -> None:
    said = [right.permission for area in AREAS for right in area.rights]
    assert sorted(said) == sorted(Permission), "callcenter/staff/rights.py: each right needs its words, once"
    for area in AREAS:
        for right in area.rights:
            assert all((right.zh, right.en, right.meaning_zh, right.meaning_en, area.zh, area.en))


# -- the audit log's words -----------------------------------------------------------------------------

SAYS = frozenset({"record", "_audit", "_asked", "_acts_asked"})
"""What the audit log is written by."""
MADE_FROM_PARTS = {
    "roster.{}": ("roster.submitted", "roster.approved", "roster.given_back"),
    "swap.{}": ("swap.approved", "swap.declined", "swap.withdrawn"),
    "customer.file_{}": ("customer.file_added", "customer.file_removed", "customer.file_restored"),
    "import.{}": ("import.finished", "import.undone"),
    "import.{}_asked": tuple(f"import.{step}_asked" for step in ("read", "check", "run", "stop", "undo", "discard")),
    "export.{}": ("export.approved", "export.declined"),
    "{}.{}": tuple(f"{kind.name}.{what}" for kind in KINDS for what in ("added", "changed", "removed")),
}
"""Actions that the source puts together, and what comes of it."""


def _texts(node: ast.AST) -> Iterator[str]:
    parts: set[ast.AST] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.JoinedStr):
            parts.update(inner.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in inner.values)
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner not in parts:
            yield inner.value


def recorded() -> dict[str, str]:
    """Every action that the source records, and where."""
    found: dict[str, str] = {}
    root = Path(callcenter.__file__).parent
    for file in root.rglob("*.py"):
        if "node_modules" in file.parts:
            continue
        source = file.read_text(encoding="utf-8")
        if "audit" not in source and "_asked" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            named = isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in SAYS
            assigned = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "action"
            if not (named or assigned):
                continue
            parts = node.args if isinstance(node, ast.Call) else [node]
            for part in parts:
                for text in _texts(part):
                    if re.fullmatch(r"(?:[a-z_]|\{\})+\.(?:[a-z_]|\{\})+", text):
                        for action in MADE_FROM_PARTS.get(text, (text,)):
                            found[action] = str(file.relative_to(root))
    return found


def test_each_action_in_the_source_has_words() -> None:
    found = recorded()
    assert {"customer.read", "queue.removed", "roster.given_back", "listening.ended", "call.end_asked"} <= found.keys()
    missing = {action: where for action, where in found.items() if words_of(action) == (action, action)}
    assert not missing, "callcenter/staff/audit_words.py: each action needs its words"


def test_no_words_are_left_over() -> None:
    found = recorded()
    said = {f"{kind}.{verb}" for kind, verbs in ACTIONS.items() for verb in verbs}
    assert said - found.keys() == set()


@pytest.mark.parametrize("words", [*OBJECTS.values(), *(word for verbs in ACTIONS.values() for word in verbs.values())])
def test_words_are_in_both_languages(words: tuple[str, str]) -> None:
    zh, en = words
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert re.fullmatch(r"[A-Za-z' -]+", en)
