"""What approvals need to know of rehearsals: how much of the fleet these very bytes would cut off, if anybody asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Rehearsed:
    """The newest rehearsal of exactly these bytes that came to its end."""

    done_at: datetime
    phones: int
    blocked_share: float | None
    """Of the phones whose outcome is known; None: of none it is."""


def newest_rehearsal(_session: Session, _policy_sha256: str) -> Rehearsed | None:
    """Return the newest rehearsal of these bytes, None where none is known."""
    return None
