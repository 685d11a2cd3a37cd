"""What approvals need to know of rehearsals: how much of the fleet these very bytes would cut off, if anybody asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.rehearsal import CUT_OFF
from server.policies.rehearsals import newest_done


@dataclass(frozen=True)
class Rehearsed:
    """The newest rehearsal of exactly these bytes that came to its end."""

    rehearsed_at: datetime
    phones: int
    blocked_share: float | None
    """Of the phones whose outcome is known; None: of none it is."""


def newest_rehearsal(session: Session, policy_sha256: str) -> Rehearsed | None:
    """Return the newest rehearsal of these bytes, None where none is known."""
    found = newest_done(session, policy_sha256)
    if found is None or found.result is None:
        return None
    known, outcomes = found.result["known"], found.result["outcomes"]
    # Of those that are known: a fleet of which little is known must not pass for one that is hardly hit.
    share = sum(outcomes[outcome.value] for outcome in CUT_OFF) / known if known else None
    return Rehearsed(found.started_at, found.result["phones"], share)
