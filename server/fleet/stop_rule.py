"""The stop rule: a ring that fails on too many of its phones holds the next (decision 0026)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from policy.counted import counted
from policy.rings import rings_of
from server.errors import InConflict
from server.evidence.alarms import raise_ring_alarm
from server.fleet.ring_holds import hold_ring, holds_of
from server.fleet.ring_phones import RingCounts, count_rings
from server.fleet.rings import CHECKED, FAILED
from server.policies.bundles import situation
from server.policies.situation import Situation
from server.storage.database import Database

ACTOR = "the server's stop rule"
"""Who holds a ring by itself, in the audit chain; no account's name has a blank (docs/audit.md 2)."""
LOOKED_AT_EVERY = timedelta(minutes=1)
_log = structlog.get_logger()


@dataclass(frozen=True)
class JudgedRing:
    """What the rule says of the ring under way: ``failed`` of its ``checked`` phones, and whether that is too many."""

    ring: int
    checked: int
    failed: int
    holds: bool


def judge_ring(counts: Sequence[RingCounts], percent: int, smallest: int) -> JudgedRing | None:
    """Return what the rule says of the ring that started last; None where none did, or none comes behind it.

    It holds the next where more than `percent` of its phones that were checked since its start failed, unless fewer
    than `smallest` were checked: one phone of three is no reason.
    """
    started = [one for one in counts if one.started]
    if not started or len(started) == len(counts):
        return None
    under_way = started[-1]
    checked, failed = under_way.count(*CHECKED), under_way.count(*FAILED)
    holds = checked >= max(1, smallest) and 100 * failed > percent * checked
    return JudgedRing(under_way.ring.number, checked, failed, holds)


def hold_failing_ring(database: Database, percent: int, smallest: int, now: datetime) -> None:
    """Hold the next ring where the one under way fails, and raise the alarm; what a person has released stays so.

    `percent` and `smallest` are as in `judge_ring`; 100 percent switch the rule off.
    """
    if percent == 100:
        return
    with database.reading() as session:
        if not _holds(session, situation(session, now), percent, smallest):
            return
    try:
        with database.writing() as session:
            here = situation(session, now)
            if verdict := _holds(session, here, percent, smallest):
                _hold(session, here, verdict, now)
    except InConflict:
        # Another server has held it at this moment.
        _log.info("ring_held_meanwhile")


def _holds(session: Session, here: Situation, percent: int, smallest: int) -> JudgedRing | None:
    if here.bundle is None or here.lifted or here.now >= here.bundle.policy.review_at:
        return None
    # Before anything is counted: nearly always there is no ring to come.
    if not any(here.now < ring.starts_at for ring in rings_of(here.bundle.policy)):
        return None
    verdict = judge_ring(count_rings(session, here), percent, smallest)
    if verdict is None or not verdict.holds:
        return None
    # One that lasts, or that a person has ended: they know better than a number.
    known = holds_of(session, here.bundle.number)
    over = any(one.ended_at is None or one.ring == verdict.ring + 1 for one in known)
    return None if over else verdict


def _hold(session: Session, here: Situation, verdict: JudgedRing, now: datetime) -> None:
    share = f"{verdict.failed} of {counted(verdict.checked, 'phone')} checked since its start"
    reason = f"ring {verdict.ring} failed on {share}"
    held = hold_ring(session, here, verdict.ring + 1, reason, ACTOR, now)
    detail = f"ring {held.ring} and all behind it are held: {reason}"
    raise_ring_alarm(session, held.bundle_number, held.ring, detail, now)
