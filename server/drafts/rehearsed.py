"""What approvals need to know of rehearsals: how much of the fleet these very bytes would cut off, if anybody asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.rehearsal import CUT_OFF, fully_enforced_at
from policy.schemas import load_policy_document
from server.rehearsal.kept_rehearsals import done_rehearsals


@dataclass(frozen=True)
class Rehearsed:
    """The newest rehearsal of exactly these bytes that came to its end."""

    rehearsed_at: datetime
    phones: int
    blocked_share: float | None
    """Of the phones whose outcome is known; None: of none it is."""


def newest_rehearsal(session: Session, policy_bytes: bytes) -> Rehearsed | None:
    """Return the newest rehearsal of these bytes as of when they bear on every phone, None where there is none.

    As of another moment, before the deadline or behind the end, hardly anybody is blocked by any policy: one that was
    asked about then says nothing about how many approvers it needs.
    """
    policy = load_policy_document(policy_bytes)[1]
    for found in done_rehearsals(session, hashlib.sha256(policy_bytes).hexdigest()):
        if found.result is not None and found.moment == fully_enforced_at(policy, found.started_at):
            known, outcomes = found.result["known"], found.result["outcomes"]
            # Of those that are known: a fleet of which little is known must not pass for one that is hardly hit.
            share = sum(outcomes[outcome.value] for outcome in CUT_OFF) / known if known else None
            return Rehearsed(found.started_at, found.result["phones"], share)
    return None
