"""Hashing passwords, a few at a time: each takes 64 MiB, argon2-cffi's default, and a core.

Whoever sends a hundred names at once gets a place in a short queue or none; the others' pages stay quick, and the
memory of a process stays bounded (docs/threat-model.md, attack 41).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from server.errors import ComeLater

PLACES = 2
"""So many hashes at once in one process."""
WAITING_MAX = 6
"""So many more may wait for a place; whoever comes then is told to come again."""
_PATIENCE_S = 10.0

# argon2id with the library's parameters (RFC 9106, second recommended option: 64 MiB, 3 passes).
_HASHER = PasswordHasher()


class _Places:
    """Bounds both who works and who waits."""

    def __init__(self, places: int, waiting: int) -> None:
        self._work = threading.BoundedSemaphore(places)
        self._all = threading.BoundedSemaphore(places + waiting)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place for the length of the block; raises `ComeLater` where the queue is full."""
        # For the queue itself nobody waits: each that waits holds a thread of the application.
        if not self._all.acquire(blocking=False):
            raise _busy()
        try:
            if not self._work.acquire(timeout=_PATIENCE_S):
                raise _busy()
            try:
                yield
            finally:
                self._work.release()
        finally:
            self._all.release()


_places = _Places(PLACES, WAITING_MAX)


def hash_of(password: str) -> str:
    """Return the argon2 hash of `password`; raises `ComeLater` where too many are being made."""
    with _places.one():
        return _HASHER.hash(password)


def is_hash_of(stored_hash: str, password: str) -> bool:
    """Return whether `stored_hash` is of `password`; raises `ComeLater` where too many are being compared."""
    with _places.one():
        try:
            return _HASHER.verify(stored_hash, password)
        # Nothing else: a stored hash that cannot be read is our fault, and must not pass for a wrong password.
        except VerifyMismatchError:
            return False


def _busy() -> ComeLater:
    return ComeLater(
        "too_many_at_once",
        "Too many passwords are being checked at this moment.",
        "Try again in a few seconds; nothing was counted against you.",
    )
