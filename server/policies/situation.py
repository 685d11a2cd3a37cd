"""What holds for the whole fleet at one moment, from the newest bundle and the clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from policy.document import Bundle
from policy.names import PhoneId


@dataclass(frozen=True)
class Situation:
    """What holds for the whole fleet at one moment: the time and the newest bundle, if one is published."""

    now: datetime
    bundle: Bundle | None = None

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
