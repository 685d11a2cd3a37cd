"""Passwords at the least cost, for tests in which somebody signs in or gets a token on the way to something else."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from server.people import hashing


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords by argon2 at its least cost: what one costs in service is held in tests/server/test_hashing.py."""
    least = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(hashing, "_HASHER", least)
