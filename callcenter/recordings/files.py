"""The folder of recordings, which all replicas of the service share."""

import asyncio
import os
import secrets
from pathlib import Path

from callcenter.errors import UnavailableError


class Files:
    """Sounds by their names; each is there as a whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> None:
        """Keep a sound through a power failure; one that is there is replaced. Raises UnavailableError: no room."""
        try:
            await asyncio.to_thread(_put, self._folder / name, content)
        except OSError as error:
            raise UnavailableError(detail=f"recordings: {type(error).__name__}") from error

    def find(self, name: str) -> Path | None:
        """Where a sound is; None: it is not there."""
        path = self._folder / name
        return path if path.is_file() else None

    async def delete(self, name: str) -> None:
        """Delete a sound and see that it is gone; already gone is success. Raises OSError."""
        await asyncio.to_thread(_delete, self._folder / name)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(path.parent)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        _sync(path.parent)
    if path.exists():
        raise FileExistsError(path)


def _sync(folder: Path) -> None:
    """What stands in a folder outlives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
