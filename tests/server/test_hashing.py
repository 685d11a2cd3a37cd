from __future__ import annotations

import pytest

from server.people.hashing import hash_of, is_hash_of


@pytest.fixture(autouse=True)
def _cheap_hashes() -> None:
    """Leave them at their cost."""


def test_passwords_are_hashed_at_the_cost_that_rfc_9106_recommends_where_memory_is_scarce() -> None:
    stored = hash_of("four unrelated words here")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert is_hash_of(stored, "four unrelated words here")
    assert not is_hash_of(stored, "four unrelated words there")
