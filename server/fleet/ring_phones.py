"""The phones of the rings in force: how many have come how far, why others have not, and which they are.

Where a phone stands among all is kept beside what lists go by (`fleet_entry`), and what that means is said once, by
`server.fleet.rings.progress_of`. Counts come from what is kept of each ring (`server.fleet.ring_tallies`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.rings import RingPart, rings_of
from policy.schemas.values import write_utc_time
from policy.stage import ring_of
from server.errors import NotThere
from server.fleet import ring_tallies
from server.fleet.counts import exempt_entries
from server.fleet.entries import Entry
from server.fleet.failures import Failure
from server.fleet.ring_tallies import Kind, Stretch
from server.fleet.rings import Progress, heard_since, progress_of, progress_of_entry
from server.fleet.spans import Span
from server.fleet.standing import GONE, Standing
from server.policies.bundles import situation
from server.policies.situation import Situation
from server.storage.database import Database, lock_out_writers


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
    policy = here.bundle.policy if here.bundle else None
    if policy is None or not policy.rings:
        return ()
    rings = rings_of(policy)
    counted: dict[int, Counter[tuple[Progress, Failure | None]]] = {one.number: Counter() for one in rings}
    shares = [one for one in rings if not one.is_list]
    numbers = {one.below: one.number for one in shares}
    stretches = [Stretch(one.above, one.below, heard_since(one, here)) for one in shares]
    for found in ring_tallies.count_heard(session, stretches):
        _add(counted[numbers[found.below]], found.kind, found.is_heard, found.phones)
    # Counted above as what they would be if no ring listed them. They are few (`LISTED_MAX`), whatever the fleet.
    for ring in rings:
        if ring.is_list:
            since = heard_since(ring, here)
            for one in ring_tallies.count_listed(session, stretches, ring.rule.phones, since):
                _add(counted[numbers[one.below]], one.kind, one.is_heard, -one.phones)
                _add(counted[ring.number], one.kind, one.is_heard_as_listed, one.phones)
    for phone_id, entry in exempt_entries(session, here).items():
        ring = rings[ring_of(policy, PhoneId(phone_id)) - 1]
        # Counted above as what it would be without its exemption.
        for is_exempt, step in ((False, -1), (True, 1)):
            progress = progress_of_entry(entry, is_exempt, heard_since(ring, here))
            counted[ring.number][progress, entry.failure] += step
    return [_as_counts(ring, counted[ring.number], here.now) for ring in rings]


def _add(counted: Counter[tuple[Progress, Failure | None]], kind: Kind, is_heard: bool, phones: int) -> None:
    fresh, why = Standing(kind.fresh), Failure(kind.failure) if kind.failure else None
    # A ring is of those that are with us: what is gone is neither behind nor done.
    if fresh not in GONE:
        counted[progress_of(fresh, kind.has_open, why, is_heard), why] += phones


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


def keep_ring_counts(database: Database, now: datetime) -> None:
    """Count the fleet anew where the policy in force has other rings than what is kept is counted by."""
    with database.reading() as session:
        if _is_kept(session, situation(session, now)):
            return
    with database.writing() as session:
        lock_out_writers(session)
        here = situation(session, now)
        # Of two servers the second finds it done.
        if not _is_kept(session, here):
            ring_tallies.keep_for(session, bounds_of(here))


def _is_kept(session: Session, here: Situation) -> bool:
    return ring_tallies.kept_bounds(session) == bounds_of(here)


def bounds_of(here: Situation) -> Sequence[float]:
    """Return at which shares the rings of the policy in force end; none where there are none."""
    rings = here.bundle.policy.rings if here.bundle else ()
    return [ring.share for ring in rings if ring.share is not None]


_ANY = frozenset({None, *Failure})


@dataclass(frozen=True)
class RingPhones:
    """Which phones of a ring are asked for: all, of one progress, and of these those that failed in one way."""

    ring: RingPart
    progress: Progress | None = None
    failure: Failure | None = None

    def within(self, span: Span, here: Situation) -> Iterator[Span]:
        """Yield the parts of this stretch whose phones are among them, unless they are exempt or listed."""
        if span.fresh in GONE:
            return
        of_ring = replace(span, above=self.ring.above, below=self.ring.below)
        heard, unheard = (frozenset(self._failures(span, is_heard)) for is_heard in (True, False))
        if heard == unheard:
            parts = {of_ring: heard}
        else:
            at = heard_since(self.ring, here)
            since = at if span.since is None else max(at, span.since)
            until = at if span.until is None else min(at, span.until)
            parts = {replace(of_ring, since=since): heard, replace(of_ring, until=until): unheard}
        for part, failures in parts.items():
            if failures:
                yield replace(part, failures=None if failures == _ANY else failures)

    def has(self, phone_id: PhoneId, entry: Entry, is_exempt: bool, here: Situation) -> bool:
        """Whether a phone is one of them."""
        if entry.fresh in GONE:
            return False
        progress = progress_of_entry(entry, is_exempt, heard_since(self.ring, here))
        is_in = here.bundle is not None and ring_of(here.bundle.policy, phone_id) == self.ring.number
        return is_in and self._is_wanted(progress, entry.failure)

    def _failures(self, span: Span, is_heard: bool) -> Iterator[Failure | None]:
        for failure in _ANY:
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
            "above": None if one.ring.is_list else one.ring.above,
            "below": None if one.ring.is_list else one.ring.below,
            "name": one.ring.rule.name or None,
            "unit": one.ring.rule.unit or None,
            "listed": len(one.ring.rule.phones) if one.ring.is_list else None,
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
