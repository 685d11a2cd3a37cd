"""Whom an outcome of a rehearsal is of, as it was counted then."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from policy.rehearsal import Outcome
from server.errors import NotThere
from server.rehearsal.kept_rehearsals import KeptRehearsal, RehearsedPhone, phones_of


def rehearsed_phones(
    session: Session, rehearsal: KeptRehearsal, outcome: Outcome, after: str, limit: int
) -> Sequence[RehearsedPhone]:
    """Return the next phones of one outcome behind one; raises `NotThere` where they are no longer kept."""
    found = phones_of(session, rehearsal.rehearsal_id, outcome, after, limit)
    counted = rehearsal.result["outcomes"][outcome.value] if rehearsal.result else 0
    if counted and not found and not after:
        raise NotThere(
            "rehearsed_phones_gone",
            "the phones of this rehearsal are no longer kept: only the newest few have them",
            "Rehearse the policy again.",
        )
    return found
