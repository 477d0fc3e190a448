"""The documents say what the code says."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

from callcenter.routing.model import AGENT_TABLE, CALL_TABLE

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def diagram(table: Mapping[tuple[StrEnum, StrEnum], StrEnum]) -> str:
    """A state table as a Mermaid diagram, one line an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, move), to in table.items():
        arrows.setdefault((state.value, to.value), []).append(move.value)
    lines = [f"    {start} --> {end}: {', '.join(moves)}" for (start, end), moves in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


@pytest.mark.parametrize(("name", "table"), [("agent", AGENT_TABLE), ("call", CALL_TABLE)])
def test_the_diagrams_are_the_tables(name: str, table: Mapping[tuple[StrEnum, StrEnum], StrEnum]) -> None:
    wanted = f"<!-- {name}-table -->\n\n{diagram(table)}\n"
    assert wanted in ARCHITECTURE.read_text(), f"put this into ARCHITECTURE.md:\n{wanted}"
