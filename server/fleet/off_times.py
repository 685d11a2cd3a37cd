"""From when to when apps were off by our doing, put together from a phone's reports. Pure.

A ledger has one entry for each app: disabled again, it tells of the second time only. The reports tell of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from policy.ledger import EntryState, LedgerEntry
from policy.names import PackageName, UserNumber
from policy.report import Report
from policy.verdict import ActionKind
from policy.watched import WatchedResult

_SAME_ACT = timedelta(minutes=2)
"""A ledger tells when an act was planned, the record of the phone's script when it was done: one act, two times."""


class OffEnd(Enum):
    """How a time during which an app was off came to its end."""

    NOT_ENDED = "not_ended"
    PUT_BACK = "put_back"
    ENABLED_BY_OTHERS = "enabled_by_others"
    USER_GONE = "user_gone"


@dataclass(frozen=True)
class OffTime:
    """One time during which an app was off by our doing; ``until`` is None while nothing is known of its end.

    Where others enabled it, ``until`` is when that was noticed.
    """

    user: UserNumber
    package: PackageName
    since: datetime
    until: datetime | None
    end: OffEnd


_App = tuple[UserNumber, PackageName]
# None: it was switched off. Otherwise how that ended.
_Event = tuple[datetime, OffEnd | None]


def off_times(reports: Sequence[Report]) -> tuple[OffTime, ...]:
    """Return every time that these reports of one phone tell of, newest first."""
    by_app: dict[_App, set[_Event]] = {}
    for report in reports:
        for app, event in (*_from_ledger(report), *_from_script(report)):
            by_app.setdefault(app, set()).add(event)
    times = [time for app, events in by_app.items() for time in _times(app, events)]
    return tuple(sorted(times, key=lambda time: (time.since, time.user, time.package), reverse=True))


def _times(app: _App, events: set[_Event]) -> Iterator[OffTime]:
    since: datetime | None = None
    # Of one moment, what ended comes before what began.
    for at, end in sorted(events, key=lambda event: (event[0], event[1] is None)):
        if end is not None and since is not None:
            yield OffTime(*app, since, at, end)
            since = None
        elif end is None and since is None:
            since = at
        elif end is None and since is not None and at - since > _SAME_ACT:
            # Off again without having been put back: somebody had enabled it, or an update had.
            yield OffTime(*app, since, at, OffEnd.ENABLED_BY_OTHERS)
            since = at
    if since is not None:
        yield OffTime(*app, since, None, OffEnd.NOT_ENDED)


def _from_ledger(report: Report) -> Iterator[tuple[_App, _Event]]:
    running = {(app.user, app.package) for app in report.managed if app.after and app.after.can_run}
    for entry in report.ledger.entries:
        app = (entry.user, entry.package)
        if entry.state is EntryState.DONE:
            yield app, (entry.at, None)
            if app in running:
                yield app, (report.checked_at, OffEnd.ENABLED_BY_OTHERS)
        elif (end := _end_of(entry)) is not None:
            # What is gone with its user keeps the time at which it was disabled.
            yield app, (report.checked_at if end is OffEnd.USER_GONE else entry.at, end)


def _end_of(entry: LedgerEntry) -> OffEnd | None:
    ends = {EntryState.RESTORED: OffEnd.PUT_BACK, EntryState.GONE: OffEnd.USER_GONE}
    return ends.get(entry.state)


def _from_script(report: Report) -> Iterator[tuple[_App, _Event]]:
    kinds = {ActionKind.DISABLE: None, ActionKind.RESTORE: OffEnd.PUT_BACK}
    for action in report.watched.actions if report.watched else ():
        if action.result is WatchedResult.DONE and action.kind in kinds:
            yield (action.user, action.package), (action.at, kinds[action.kind])
