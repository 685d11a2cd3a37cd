"""What has become of a phone since its ring was due. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from policy.rings import RingPart
from server.fleet.entries import Entry
from server.fleet.failures import UNDONE, Failure
from server.fleet.standing import Standing
from server.policies.situation import Situation


class Progress(Enum):
    """What has become of a phone since its ring started; the first that fits, in this order."""

    EXEMPT = "exempt"
    """An exemption holds now."""
    DECLINED = "declined"
    """Its owner did not agree, or does not any more."""
    NOT_HEARD = "not_heard"
    """Not checked since the start, or longer ago than the policy allows."""
    UNREADABLE = "unreadable"
    """The latest check could not look."""
    DONE = "done"
    """It complies, and nothing of ours is off."""
    UNDONE = "undone"
    """Somebody or an update had switched on again what was off."""
    NOT_ENFORCEABLE = "not_enforceable"
    """Violating, and disabling cannot reach every place in use."""
    HELD = "held"
    """Violating, and nothing new is disabled because its ring was held."""
    SWITCHED_OFF = "switched_off"
    """Violating, and every managed app was off after the latest check."""
    NOT_DONE = "not_done"
    """What the latest check should have switched off, or put back, it did not."""


FAILED = frozenset({Progress.UNREADABLE, Progress.UNDONE, Progress.NOT_DONE})
"""What the stop rule counts (decision 0026): what a wider ring would only multiply."""
CHECKED = FAILED | {Progress.DONE, Progress.NOT_ENFORCEABLE, Progress.SWITCHED_OFF}
"""Of phones that were checked since the start, and on which the measure bears."""


def heard_since(ring: RingPart, here: Situation) -> datetime:
    """Return since when a phone of this ring has to have been checked, so that the check says something of today."""
    return max(ring.starts_at, here.now - here.overdue_limit) if here.overdue_limit else ring.starts_at


def progress_of(fresh: Standing, has_open: bool, failure: Failure | None, is_heard: bool) -> Progress:
    """Return what has become of a phone that is not exempt."""
    if fresh is Standing.DECLINED:
        return Progress.DECLINED
    if fresh is Standing.UNSEEN or not is_heard:
        return Progress.NOT_HEARD
    if fresh is Standing.UNREADABLE:
        return Progress.UNREADABLE
    if fresh is Standing.COMPLIANT:
        return Progress.NOT_DONE if has_open else Progress.DONE
    if failure in UNDONE:
        return Progress.UNDONE
    if fresh is Standing.NOT_ENFORCEABLE:
        return Progress.NOT_ENFORCEABLE
    if failure is Failure.RING_HELD:
        return Progress.HELD
    return Progress.NOT_DONE if failure else Progress.SWITCHED_OFF


def progress_of_entry(entry: Entry, is_exempt: bool, since: datetime) -> Progress:
    """Return what has become of the phone that an entry is kept of, where it has to be heard of `since`."""
    if is_exempt:
        return Progress.EXEMPT
    return progress_of(entry.fresh, entry.has_open, entry.failure, entry.last_at >= since)
