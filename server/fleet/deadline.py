"""How ready the fleet is for the deadline, as pages, the API and the command line tell it, read at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from server.fleet.counts import count_by_age, count_overdue, fleet_counts
from server.fleet.daily_counts import DayCounts, daily_counts, day_of
from server.fleet.deadline_words import what_happens, when_told
from server.fleet.readiness import (
    NOT_READY,
    Moment,
    NotReady,
    Outlook,
    bears_from,
    begins_at,
    moment_of,
    not_ready,
    outlook,
    overdue_before,
)
from server.fleet.reminders import Reminders, reminders_by_day
from server.fleet.standing import FleetCounts, Standing
from server.fleet.units_left import UnitsLeft, count_by_unit, told_by_unit
from server.policies.bundles import situation
from server.policies.calendar import Event, events_of
from server.policies.situation import Situation

DAYS_BACK = 41
"""How many days before this one are told day by day."""
_NEVER_CHECKED = frozenset({Standing.UNSEEN})


@dataclass(frozen=True)
class DeadlineView:
    """Who is not ready and why, what follows, and how it came about day by day."""

    here: Situation
    moment: Moment
    counts: FleetCounts
    ready: NotReady
    follows: Outlook
    ages: Mapping[str, int]
    """Those not ready that were checked, by when they were seen last."""
    units: UnitsLeft
    days: Mapping[date, DayCounts]
    reminders: Mapping[date, Reminders]

    @property
    def begins_at(self) -> datetime | None:
        """When the first phones are enforced (UTC); None where nothing is published."""
        return begins_at(self.here.bundle.policy) if self.here.bundle else None

    @property
    def dates(self) -> Sequence[Event]:
        """The dates of the policy, earliest first; none where nothing is published, or the measure is lifted."""
        return events_of(self.here.bundle.policy) if self.here.bundle else ()

    @property
    def never_checked(self) -> int:
        """How many of those not ready were never checked; when they were registered is no contact with an owner."""
        return self.counts.by_standing[Standing.UNSEEN]

    @property
    def paragraph(self) -> str:
        """What happens at the deadline, or has since, in one paragraph with numbers."""
        return what_happens(self.moment, self.here, self.counts, self.ready, self.follows)

    def when_told(self, *, later: bool) -> str:
        """When the mail side is told of a cause; `later` of one that has to last first."""
        return when_told(self.moment, self.here, later)


def deadline_view(session: Session, now: datetime, smallest_cell: int) -> DeadlineView:
    """Return how ready the fleet is at `now`; of a unit no smaller number than `smallest_cell` is told."""
    here, today = situation(session, now), day_of(now)
    counts = fleet_counts(session, here)
    overdue = count_overdue(session, here, overdue_before(here, bears_from(here)))
    first = today - timedelta(days=DAYS_BACK)
    return DeadlineView(
        here=here,
        moment=moment_of(here),
        counts=counts,
        ready=not_ready(counts),
        follows=outlook(counts.by_standing, overdue),
        ages=count_by_age(session, here, set(NOT_READY) - _NEVER_CHECKED),
        units=told_by_unit(count_by_unit(session, here, NOT_READY), smallest_cell),
        days=daily_counts(session, first, today),
        reminders=reminders_by_day(session, first, today),
    )
