"""What holds for the whole fleet at one moment, from the newest bundle and the clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from policy.document import Bundle, Policy
from policy.names import PhoneId
from policy.stage import enforcement_starts_at


@dataclass(frozen=True)
class Published:
    """A bundle, with one fleet document, and when it was published."""

    at: datetime
    bundle: Bundle
    serial: int = 0
    """Which publication it is."""


@dataclass(frozen=True)
class Situation:
    """What holds for the whole fleet at one moment: the time and the newest bundle, if one is published."""

    now: datetime
    bundle: Bundle | None = None
    publications: tuple[Published, ...] = ()
    """Every publication up to the newest, oldest first; without them the newest bundle counts as always in force."""

    @property
    def serial(self) -> int:
        """Which publication is the newest; 0 without any."""
        return self.publications[-1].serial if self.publications else 0

    @property
    def lifted(self) -> bool:
        """Whether the measure is over for everybody."""
        # `ends_at` by the clock alone: the measure ends though nobody publishes its end (docs/design.md 5).
        return self.bundle is not None and (
            self.bundle.policy.lifted or self.now >= self.bundle.policy.ends_at
        )

    @property
    def after_deadline(self) -> bool:
        """Whether the deadline has passed and the measure is not over."""
        return self.bundle is not None and self.now >= self.bundle.policy.deadline and not self.lifted

    @property
    def overdue_limit(self) -> timedelta | None:
        """How old a latest check may be; None without a bundle."""
        return self.bundle.policy.overdue_limit if self.bundle else None

    def exempts(self, phone_id: PhoneId) -> bool:
        """Whether an exemption is in force for that phone."""
        return self.bundle is not None and self.bundle.fleet.exempts(phone_id, self.now)

    def overdue(self, since: datetime) -> bool:
        """Whether `since` is longer ago than the overdue limit."""
        return self.overdue_limit is not None and self.now - since > self.overdue_limit

    def enforced_since(self, phone_id: PhoneId, began: datetime) -> datetime | None:
        """Return since when, without a break, the measure has borne on what began at `began`; None if it does not now.

        It does from the phone's start of enforcement on, while it is neither lifted nor exempt. A missed review starts
        nothing new, and keeps what it found.
        """
        since: datetime | None = None
        for start, end, bundle in self._reigns():
            policy = bundle.policy
            exempt_until = bundle.fleet.exempt_until(phone_id) or start
            first = max(start, began, enforcement_starts_at(policy, phone_id), exempt_until)
            if first > start:
                since = None
            # Now belongs to the newest; any other reign ends where the next begins.
            if since is None and (first < end or first == self.now) and first < policy.review_at:
                since = first
            if policy.lifted or policy.ends_at < end:
                since = None
        return since

    def lifted_since(self) -> datetime:
        """Return since when, without a break, the measure has been over; now if it is not."""
        since: datetime | None = None
        for start, end, bundle in self._reigns():
            over = start if bundle.policy.lifted else max(start, bundle.policy.ends_at)
            if over > start:
                since = None
            if since is None and over <= end:
                since = over
        return self.now if since is None else since

    def exempt_since(self, phone_id: PhoneId) -> datetime:
        """Return since when, without a break, an exemption has been in force for that phone; now if none is."""
        since: datetime | None = None
        for start, end, bundle in self._reigns():
            if not bundle.fleet.exempts(phone_id, start):
                since = None
            elif since is None:
                since = start
            if not bundle.fleet.exempts(phone_id, end):
                since = None
        return self.now if since is None else since

    def enforcing_began(self, since: datetime) -> bool:
        """Whether enforcing began at `since` or later, for others than `exempt_before` names.

        By the clock, or by a publication: one that leaves all as it was that enforcing begins and ends by begins
        nothing. It may be told of a fleet for which nothing began, never the other way round.
        """
        if self.bundle is None:
            return False
        policy = self.bundle.policy
        starts = (policy.deadline, *(ring.starts_at for ring in policy.rings))
        if any(since <= at <= self.now for at in starts):
            return True
        in_force = self._in_force(since)
        is_first = not in_force or in_force[0].at >= since
        return is_first or any(_dates(one.bundle.policy) != _dates(policy) for one in in_force)

    def exempt_before(self, since: datetime) -> set[PhoneId]:
        """Return the phones that were exempt at some moment at `since` or later, and are not now."""
        return {
            one.phone_id
            for published in self._in_force(since)
            for one in published.bundle.fleet.exemptions
            if one.until >= since and not self.exempts(one.phone_id)
        }

    def _in_force(self, since: datetime) -> tuple[Published, ...]:
        """Return the publication that was the newest at that moment, and every later one."""
        ats = [one.at for one in self.publications]
        later = next((place for place, at in enumerate(ats) if at >= since), len(ats))
        return self.publications[max(0, later - 1) :]

    def _reigns(self) -> Iterator[tuple[datetime, datetime, Bundle]]:
        """Yield from when to when each published bundle was the newest, oldest first."""
        if self.bundle is None:
            return
        published = self.publications or (Published(_EVER, self.bundle),)
        # Never later than now: a clock that was set back since makes no bundle a thing of the future.
        starts = [min(one.at, self.now) for one in published]
        yield from zip(starts, [*starts[1:], self.now], [one.bundle for one in published], strict=True)


def _dates(policy: Policy) -> tuple[object, ...]:
    return policy.deadline, policy.rings, policy.review_at, policy.ends_at, policy.lifted


_EVER = datetime.min.replace(tzinfo=UTC)
