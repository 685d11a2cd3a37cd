"""How much of the fleet is not ready for the deadline, why, and what follows from it when nothing changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from policy.document import Policy
from policy.rings import ring_starts
from server.fleet.blocks import BlockCause
from server.fleet.standing import FleetCounts, Standing
from server.policies.situation import Situation

NOT_READY = (
    Standing.VIOLATING,
    Standing.NOT_ENFORCEABLE,
    Standing.UNREADABLE,
    Standing.SILENT,
    Standing.UNSEEN,
    Standing.DECLINED,
)
"""The standings of phones whose owners may lose mail; what is unknown is among them and never taken for compliant."""


class Moment(Enum):
    """Where a fleet stands in the life of its policy."""

    NO_POLICY = "no_policy"
    BEFORE = "before"
    AFTER = "after"
    PAUSED = "paused"
    LIFTED = "lifted"


@dataclass(frozen=True)
class Left:
    """The phones that are left for one cause, and which percent they are of all that are with us."""

    standing: Standing
    phones: int
    percent: float


@dataclass(frozen=True)
class NotReady:
    """How many phones are not ready, of how many; ``left`` has every cause, also those without a phone."""

    total: int
    of: int
    left: Sequence[Left]


@dataclass(frozen=True)
class Overdue:
    """How many phones nobody saw within the overdue limit: those that were checked once, and those that never were."""

    checked: int
    unseen: int


@dataclass(frozen=True)
class Told:
    """For how many phones the mail side is told to block the holder for one cause."""

    cause: BlockCause
    phones: int
    later: bool = False
    """Whether each is told only once it has lasted for the overdue limit."""


@dataclass(frozen=True)
class Outlook:
    """What follows for the phones as they stand now."""

    on_phone: int
    """Where the managed apps are disabled on the phone itself, at its next check."""
    told: Sequence[Told]
    falling_silent: int
    """How many more are silent when enforcing begins, whatever they stand as now, unless they are checked."""

    @property
    def by_mail(self) -> int:
        """How many phones ask for a block at once."""
        return sum(one.phones for one in self.told if not one.later)


def moment_of(here: Situation) -> Moment:
    """Return where the fleet stands; a missed review outranks the deadline, and the end outranks both."""
    if here.bundle is None:
        return Moment.NO_POLICY
    if here.lifted:
        return Moment.LIFTED
    if here.now >= here.bundle.policy.review_at:
        return Moment.PAUSED
    return Moment.AFTER if here.now >= begins_at(here.bundle.policy) else Moment.BEFORE


def begins_at(policy: Policy) -> datetime:
    """Return when the first phones are enforced: the deadline, or the first ring if that starts later."""
    return min(ring_starts(policy))


def bears_from(here: Situation) -> datetime:
    """Return from when on what is found has consequences: when enforcing begins, now where it has."""
    return here.now if here.bundle is None else max(here.now, begins_at(here.bundle.policy))


def not_ready(counts: FleetCounts) -> NotReady:
    """Return who is left, in the order of `NOT_READY`."""
    left = [
        Left(one, counts.by_standing[one], 100 * counts.by_standing[one] / max(1, counts.with_us))
        for one in NOT_READY
    ]
    return NotReady(sum(one.phones for one in left), counts.with_us, left)


def outlook(by_standing: Mapping[Standing, int], overdue: Overdue) -> Outlook:
    """Return what follows if nothing changes; `overdue` is as of `bears_from`."""
    told = [
        Told(BlockCause.NOT_ENFORCEABLE, by_standing[Standing.NOT_ENFORCEABLE]),
        Told(BlockCause.DECLINED, by_standing[Standing.DECLINED]),
        # Never checked is silent, too, from the limit after its registration on.
        Told(BlockCause.SILENT, by_standing[Standing.SILENT] + overdue.unseen),
        # Since when it could not be read is known of each phone, and not kept as a count.
        Told(BlockCause.UNREADABLE, by_standing[Standing.UNREADABLE], later=True),
    ]
    falling = overdue.checked - by_standing[Standing.SILENT]
    return Outlook(by_standing[Standing.VIOLATING], told, max(0, falling))


def overdue_before(here: Situation, at: datetime) -> datetime:
    """Return before when a phone has to have been seen last to be overdue at that moment."""
    return at - (here.overdue_limit or timedelta())
