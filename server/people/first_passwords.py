"""First passwords: made by the server, handed over by an admin, good for a few days, and changed at the first sign-in.

Made and not chosen: nobody has to think of a good one, and nobody takes the same for all.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.people.hashing import hash_of

FIRST_PASSWORD_LENGTH = timedelta(days=3)
"""Long enough for a weekend; a note that was never used opens nothing afterwards."""

# Read aloud and typed once: no letter that looks like a digit. 31 to the power of 16 are 79 bits.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4


@dataclass(frozen=True)
class FirstPassword:
    """A password such as ``k7mx-p3qd-9hwt-ve4c``, to be shown once; only its hash is stored."""

    text: str
    hash: str
    until: datetime


def new_first_password(now: datetime) -> FirstPassword:
    """Return a fresh one; hashing takes a while, so it is made outside of a transaction. Raises `ComeLater`."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    text = "-".join(groups)
    return FirstPassword(text, hash_of(text), now + FIRST_PASSWORD_LENGTH)
