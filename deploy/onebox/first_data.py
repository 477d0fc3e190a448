"""The people and records that a first run starts with, so that there is somebody to sign in as."""

from typing import Any

from .box import Box


def load(box: Box) -> list[dict[str, Any]]:
    """Load the sample data if this database has no people yet; the logins, with the passwords made then."""
    kept = box.secrets.kept("logins")
    return list(kept or [])
