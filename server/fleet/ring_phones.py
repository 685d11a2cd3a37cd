"""The phones of the rings in force: how many have come how far, why others have not, and which they are.

Where a phone stands among all is kept beside what lists go by (`fleet_entry`), and what that means is said once, by
`server.fleet.rings.progress_of`. Counting adds up one narrow row of every phone within the database, since a ring may
have any bounds and any start: on SQLite some 90 ms of CPU at 32,000 phones and 2.5 s at a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_, select
from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.schemas.values import write_utc_time
from server.errors import NotThere
from server.fleet.counts import exempt_entries
from server.fleet.entries import Entry
from server.fleet.failures import Failure
from server.fleet.rings import Progress, RingPart, heard_since, progress_of, progress_of_entry, rings_of
from server.fleet.spans import Span
from server.fleet.standing import GONE, Standing
from server.policies.situation import Situation
from server.storage.database import Base


@dataclass(frozen=True)
class FailureCount:
    """How many phones of a ring have failed in one way for one reason; None where none is known."""

    progress: Progress
    failure: Failure | None
    phones: int


@dataclass(frozen=True)
class RingCounts:
    """How far a ring has come; ``by_progress`` has every progress, and ``failures`` the most frequent first."""

    ring: RingPart
    started: bool
    phones: int
    by_progress: Mapping[Progress, int]
    failures: Sequence[FailureCount]

    def count(self, *among: Progress) -> int:
        """Return how many phones have come to one of these."""
        return sum(self.by_progress[one] for one in among)


def count_rings(session: Session, here: Situation) -> Sequence[RingCounts]:
    """Return how far each ring of the policy in force has come; none where there is no policy, or it has none."""
    rings = rings_of(here.bundle.policy) if here.bundle else ()
    if not rings:
        return ()
    counted: dict[int, Counter[tuple[Progress, Failure | None]]] = {one.number: Counter() for one in rings}
    for number, fresh, has_open, failure, is_heard, phones in session.execute(_counting(rings, here)):
        why = Failure(failure) if failure else None
        counted[number][progress_of(Standing(fresh), has_open, why, bool(is_heard)), why] += phones
    for phone_id, entry in exempt_entries(session, here).items():
        ring = _ring_of(rings, PhoneId(phone_id))
        # Counted above as what it would be without its exemption.
        for is_exempt, step in ((False, -1), (True, 1)):
            progress = progress_of_entry(entry, is_exempt, heard_since(ring, here))
            counted[ring.number][progress, entry.failure] += step
    return [_as_counts(ring, counted[ring.number], here.now) for ring in rings]


def _counting(rings: Sequence[RingPart], here: Situation) -> Any:
    entry = Base.metadata.tables["fleet_entry"]
    number = case(*((entry.c.share < ring.below, ring.number) for ring in rings), else_=rings[-1].number)
    since = [(entry.c.share < ring.below, entry.c.last_at >= heard_since(ring, here)) for ring in rings]
    heard = case(*since, else_=false())
    by = (number, entry.c.fresh, entry.c.has_open, entry.c.failure, heard)
    labelled = [column.label(f"by_{place}") for place, column in enumerate(by)]
    # A ring is of those that are with us: what is gone is neither behind nor done.
    with_us = entry.c.fresh.not_in([fresh.value for fresh in GONE])
    query = select(*labelled, func.count()).where(with_us)
    return query.group_by(*(f"by_{place}" for place in range(len(by))))


def _ring_of(rings: Sequence[RingPart], phone_id: PhoneId) -> RingPart:
    # The last share is exactly 1, and every phone's is below it.
    return next(ring for ring in rings if ring.has(phone_id))


def _as_counts(
    ring: RingPart, counted: Mapping[tuple[Progress, Failure | None], int], now: datetime
) -> RingCounts:
    by_progress = dict.fromkeys(Progress, 0)
    for (progress, _), phones in counted.items():
        by_progress[progress] += phones
    failures = [
        FailureCount(progress, failure, phones)
        for (progress, failure), phones in counted.items()
        if phones and progress in _WITH_CAUSE
    ]
    ordered = sorted(failures, key=lambda one: (-one.phones, one.progress.value, str(one.failure)))
    return RingCounts(ring, now >= ring.starts_at, sum(by_progress.values()), by_progress, ordered)


_WITH_CAUSE = (Progress.UNREADABLE, Progress.UNDONE, Progress.NOT_ENFORCEABLE, Progress.NOT_DONE)


@dataclass(frozen=True)
class RingPhones:
    """Which phones of a ring are asked for: all, of one progress, and of these those that failed in one way."""

    ring: RingPart
    progress: Progress | None = None
    failure: Failure | None = None

    def within(self, span: Span, here: Situation) -> ColumnElement[bool]:
        """Return the condition that an entry of this stretch is one of them, unless its phone is exempt."""
        if span.fresh in GONE:
            return false()
        entry = Base.metadata.tables["fleet_entry"]
        since = heard_since(self.ring, here)
        ways = [
            and_(
                entry.c.last_at >= since if is_heard else entry.c.last_at < since,
                entry.c.failure.in_([failure.value if failure else "" for failure in failures]),
            )
            for is_heard in (True, False)
            if (failures := list(self._failures(span, is_heard)))
        ]
        share = (entry.c.share >= self.ring.above, entry.c.share < self.ring.below)
        return and_(*share, or_(false(), *ways))

    def has(self, phone_id: PhoneId, entry: Entry, is_exempt: bool, here: Situation) -> bool:
        """Whether a phone is one of them."""
        if entry.fresh in GONE:
            return False
        progress = progress_of_entry(entry, is_exempt, heard_since(self.ring, here))
        return self.ring.has(phone_id) and self._is_wanted(progress, entry.failure)

    def _failures(self, span: Span, is_heard: bool) -> Iterator[Failure | None]:
        for failure in (None, *Failure):
            if self._is_wanted(progress_of(span.fresh, span.has_open, failure, is_heard), failure):
                yield failure

    def _is_wanted(self, progress: Progress, failure: Failure | None) -> bool:
        return self.progress in (None, progress) and self.failure in (None, failure)


def ring_numbered(here: Situation, number: int) -> RingPart:
    """Return a ring of the policy in force; raises `NotThere`."""
    rings = rings_of(here.bundle.policy) if here.bundle else ()
    for ring in rings:
        if ring.number == number:
            return ring
    has = f"has {len(rings)}" if rings else "has no rings"
    raise NotThere(
        "ring_unknown",
        f"there is no ring {number}: the policy in force {has}" if here.bundle else "no policy is published",
        "Look at /rings, or GET /api/v1/rings.",
    )


def told_rings(counts: Sequence[RingCounts]) -> list[dict[str, Any]]:
    """Return the rings as plain JSON values, as the API and ``curfew-server policy rings --json`` tell them."""
    return [
        {
            "ring": one.ring.number,
            "above": one.ring.above,
            "below": one.ring.below,
            "starts_at": write_utc_time(one.ring.starts_at),
            "started": one.started,
            "phones": one.phones,
            "progress": {progress.value: phones for progress, phones in one.by_progress.items()},
            "failures": [
                {
                    "progress": found.progress.value,
                    "failure": found.failure.value if found.failure else None,
                    "phones": found.phones,
                }
                for found in one.failures
            ],
        }
        for one in counts
    ]
