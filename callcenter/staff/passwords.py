"""Passwords of people: argon2id, hashed and checked in a thread, so that calls don't wait for it."""

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without the characters that are mistaken for each other on paper."""

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's argon2id setting for servers: about 20 ms and 19 MiB a sign-in."""


class Passwords:
    """Hashes and checks, two at a time: a flood of sign-ins must not take the machine from the calls."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(2)
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `password` belongs to the hash `kept`; takes as long when there is none."""
        if kept is None:
            self._nobody = self._nobody or await self.hash(secrets.token_hex())
        async with self._turn:
            return await asyncio.to_thread(_matches, password, kept or self._nobody) and kept is not None

    @staticmethod
    def is_outdated(kept: str) -> bool:
        """Whether the hash was made with another setting than today's."""
        return _HASHER.check_needs_rehash(kept)


def _matches(password: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def generated(length: int = 14) -> str:
    """A random password with letters of both cases and a digit; 14 characters hold 80 bits."""
    while True:
        password = "".join(secrets.choice(_ALPHABET) for _ in range(length))
        if any(c.isdigit() for c in password) and not (password.isupper() or password.islower()):
            return password
