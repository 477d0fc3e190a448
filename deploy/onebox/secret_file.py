"""Passwords made at the first run, kept in one file that only its owner can read."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without letters and digits that look alike."""


def new_secret(length: int = 32) -> str:
    """A random secret that needs no quoting in an URL, a file or a command; 5 bits a character."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[Path]:
    """Write `path` with mode 600 in one step: yields a new file's path, which takes its place at the end."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.close(descriptor)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class SecretFile:
    """Named secrets in a JSON file; one that is missing is made and kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def secret(self, name: str, length: int = 32) -> str:
        """The secret of that name, made now if there is none."""
        if name not in self._kept:
            self.keep(name, new_secret(length))
        return str(self._kept[name])

    def kept(self, name: str) -> Any:
        """What `keep` was given under that name, or None."""
        return self._kept.get(name)

    def keep(self, name: str, value: Any) -> None:
        """Keep any JSON value under that name."""
        self._kept[name] = value
        with private_file(self.path) as partial:
            partial.write_text(json.dumps(self._kept, indent=1, ensure_ascii=False) + "\n")
