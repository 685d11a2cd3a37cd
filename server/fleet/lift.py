"""The way from a lift to "all restored": who still waits, since when they were seen last, why, and what to do next.

Counted along the fleet's index: only phones on which something of ours was in force when they were seen last are asked
for, and these grow fewer with every check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy.orm import Session

from policy.probe import Reach
from policy.verdict import ReasonCode
from server.fleet import entries, phone_states
from server.fleet.attempts import LastAttempt, last_attempts
from server.fleet.entries import Entry
from server.fleet.phones import Phone, find_phones
from server.fleet.standing import LatestCheck, Standing
from server.policies.situation import Situation
from server.reports.kept_reports import stored_report

AGES = (("day", timedelta(days=1)), ("week", timedelta(days=7)), ("month", timedelta(days=30)))
LONGER = "longer"
_LOOKED_INTO = 200
"""Of so many phones that were checked since and still wait, the reports are opened for the cause."""


class WaitCause(Enum):
    """Why something of ours may still be in force on a phone after the lift."""

    NOT_REACHED = "not_reached"
    DECLINED = "declined"
    UNREADABLE = "unreadable"
    CLOSED = "closed"
    CONTRADICTION = "contradiction"
    LEFT = "left"


CAUSES: Mapping[WaitCause, tuple[str, str]] = {
    WaitCause.NOT_REACHED: (
        "not reached since the lift",
        "Its owner brings it to a station, or it comes within reach of one: the next check puts everything back.",
    ),
    WaitCause.DECLINED: (
        "its owner does not agree any more",
        "A technician leaves the phone for good, which puts everything back: its page has the command.",
    ),
    WaitCause.UNREADABLE: (
        "checked since, and could not be read",
        "A technician looks at it on the bench, and checks it again.",
    ),
    WaitCause.CLOSED: (
        "checked since, and the place is closed to the shell",
        "Its owner opens the work profile, and a technician checks it again; else it is restored from the management"
        " side.",
    ),
    WaitCause.CONTRADICTION: (
        "checked since, and its memories contradict each other",
        "A person decides what to put back: the phone's page has the commands.",
    ),
    WaitCause.LEFT: (
        "checked since, and not everything was put back",
        "The phone's page tells what was tried; a technician checks it again.",
    ),
}
"""What each cause is called, and what to do about it."""


@dataclass(frozen=True)
class LiftCounts:
    """How many phones wait: by cause, and by the age of their latest check as `AGES` has them, and longer."""

    waiting: int
    by_cause: Mapping[WaitCause, int]
    by_age: Mapping[str, int]


@dataclass(frozen=True)
class WaitingPhone:
    """One phone that waits; ``attempt`` is the newest visit in vain since it was seen last."""

    phone: Phone
    last_at: datetime
    cause: WaitCause
    attempt: LastAttempt | None


def lifted_since(here: Situation) -> datetime | None:
    """Return since when the measure is over without a break, by a publication or by its end; None where it is not.

    The situation has every publication that led to it.
    """
    if here.bundle is None or not here.lifted:
        return None
    since: datetime | None = None
    for published in reversed(here.publications):
        if not published.bundle.policy.lifted:
            break
        since = published.at
    # By the clock alone, though nobody published a lift.
    ended = here.bundle.policy.ends_at
    return min(one for one in (since, ended if ended <= here.now else None) if one is not None)


def lift_counts(session: Session, here: Situation, since: datetime) -> LiftCounts:
    """Return how many phones wait, of which cause and age."""
    bounds = [(name, here.now - length) for name, length in AGES]
    by_cause: Counter[WaitCause] = Counter()
    by_age: Counter[str] = Counter()
    for waiting in entries.count_open(session, [since, *(bound for _, bound in bounds)]):
        is_reached, *seen_since = waiting.seen_since
        age = next((name for (name, _), is_in in zip(bounds, seen_since, strict=True) if is_in), LONGER)
        by_age[age] += waiting.phones
        by_cause[_cause(waiting.fresh, waiting.reach, is_reached=is_reached)] += waiting.phones
    for cause in _looked_into(session, entries.open_seen_since(session, since, _LOOKED_INTO)).values():
        by_cause[cause] += 1
        by_cause[WaitCause.LEFT] -= 1
    return LiftCounts(
        waiting=sum(by_age.values()),
        by_cause={cause: by_cause[cause] for cause in WaitCause},
        by_age={name: by_age[name] for name in (*(name for name, _ in AGES), LONGER)},
    )


def waiting_phones(
    session: Session, since: datetime, after: str, limit: int
) -> tuple[Sequence[WaitingPhone], str | None]:
    """Return the phones that wait behind a place, those not seen for longest first, and where the next begin."""
    found = entries.list_open(session, after, limit)
    phones = {phone.phone_id: phone for phone in find_phones(session, list(found.rows))}
    kept = entries.entries_of(session, list(found.rows))
    causes = {
        phone_id: _cause(entry.fresh, entry.reach, is_reached=entry.last_at >= since)
        for phone_id, entry in kept.items()
    }
    causes |= _looked_into(
        session, {phone_id: kept[phone_id] for phone_id in kept if causes[phone_id] is WaitCause.LEFT}
    )
    shown = [phone_id for phone_id in found.rows if phone_id in kept]
    attempts = last_attempts(session, {phone_id: kept[phone_id].last_at for phone_id in shown})
    rows = [
        WaitingPhone(phones[phone_id], kept[phone_id].last_at, causes[phone_id], attempts.get(phone_id))
        for phone_id in shown
    ]
    return rows, found.next


def _cause(fresh: Standing, reach: Reach, *, is_reached: bool) -> WaitCause:
    if fresh is Standing.DECLINED:
        return WaitCause.DECLINED
    if not is_reached:
        return WaitCause.NOT_REACHED
    if fresh is Standing.UNREADABLE:
        return WaitCause.UNREADABLE
    return WaitCause.CLOSED if reach is Reach.CLOSED else WaitCause.LEFT


def _looked_into(session: Session, left: Mapping[str, Entry]) -> Mapping[str, WaitCause]:
    """Return the causes that the latest checks of these tell, which were checked since and are left without one."""
    asked = {
        phone_id
        for phone_id, entry in left.items()
        if _cause(entry.fresh, entry.reach, is_reached=True) is WaitCause.LEFT
    }
    told = phone_states.latest_checks(session, asked)
    return {
        phone_id: cause
        for phone_id, latest in told.items()
        if (cause := _told_cause(session, latest)) is not None
    }


def _told_cause(session: Session, latest: LatestCheck) -> WaitCause | None:
    report = stored_report(session, latest.report_id)
    if report is not None and report.contradictions:
        return WaitCause.CONTRADICTION
    if ReasonCode.PLACE_CLOSED in {reason.code for reason in latest.reasons}:
        return WaitCause.CLOSED
    return None
