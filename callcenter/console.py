"""How the command says what went wrong: a line for each thing, in both languages, and exit status 2."""

import typer

from callcenter.errors import HotlineError


def told(error: HotlineError) -> list[str]:
    """A line for the error and one for each of its fields."""
    said = {"": error.message()} | error.fields
    lines = []
    for name, one in said.items():
        both = f"{one['en']} {one['zh']}" if isinstance(one, dict) else one
        lines.append(f"{name}: {both}" if name not in ("", "body", "yaml") else both)
    return lines


def failed(*lines: str) -> typer.Exit:
    """Say these lines; to be raised."""
    for line in lines:
        typer.echo(f"error: {line}", err=True)
    return typer.Exit(2)
