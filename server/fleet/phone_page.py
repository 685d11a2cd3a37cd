"""All that the page of one phone shows; here alone its holder is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Report
from server.evidence.alarms import Alarm, AlarmCounts, counts_of_phone, open_alarms, settled_alarms
from server.fleet import holders, phones
from server.fleet.attempts import LastAttempt, last_attempt
from server.fleet.blocks import cause_of
from server.fleet.off_times import OffTime, off_times
from server.fleet.phone_rows import PhoneNow, phone_now
from server.fleet.phones import KeptProbe
from server.policies.bundles import situation_and_history
from server.reports import kept_reports
from server.reports.between_visits import WatchStory, watch_story
from server.stations import stations

_HISTORY_SHOWN = 50
_ACTING_READ = 60


@dataclass(frozen=True)
class ReportLine:
    """One check in a phone's history, with the name of the station that made it."""

    check: kept_reports.PastCheck
    station_name: str


@dataclass(frozen=True)
class PhonePage:
    """All that the page of one phone shows. ``report`` is the latest check, whole: verdicts, actions, what was
    asked (`Report.commands`), what was not read (`Report.reasons`). ``ledger`` is the newest one known, ``watch``
    what the phone's own script told, None if it never did."""

    now: datetime
    """When all this holds."""
    row: PhoneNow
    holder: str
    report: Report | None
    ledger: Ledger | None
    mail_since: datetime
    """Since when the mail side is told what ``row.mail`` says."""
    history: tuple[ReportLine, ...]
    """The newest reports."""
    has_more_history: bool
    alarms: tuple[Alarm, ...]
    settled: tuple[Alarm, ...]
    """The newest of each; how many there are in all says `alarm_counts`."""
    alarm_counts: AlarmCounts
    probe: KeptProbe | None
    watch: WatchStory | None
    off_times: tuple[OffTime, ...]
    """From when to when apps were off by our doing, newest first, as far as reports were read for it."""
    has_more_acting: bool
    """Whether earlier reports tell of what was done, which were not read."""
    attempt: LastAttempt | None
    """The newest visit in vain since the latest check."""

    @property
    def is_ahead(self) -> bool:
        """Whether the latest check comes from a clock further ahead than is allowed."""
        latest = self.row.latest
        return bool(
            self.report and latest and kept_reports.is_ahead(self.report.checked_at, latest.received_at)
        )


def phone_page(session: Session, phone_id: PhoneId, now: datetime, holder_key: str) -> PhonePage | None:
    """Return all about one phone, or None if there is no such phone; `holder_key` is the configured one."""
    found = phones.find_phones(session, [phone_id])
    if not found:
        return None
    here = situation_and_history(session, now)
    row = phone_now(session, found[0], here)
    latest = kept_reports.stored_report(session, row.latest.report_id) if row.latest else None
    # One more than is used tells whether there are more.
    acting = kept_reports.acting_reports(session, phone_id, _ACTING_READ + 1)
    history = kept_reports.history(session, phone_id, _HISTORY_SHOWN + 1)
    names = stations.station_names(session, {check.station_id for check in history})
    return PhonePage(
        now=now,
        row=row,
        holder=holders.holders_of(session, holder_key, [phone_id])[phone_id],
        report=latest,
        ledger=kept_reports.newest_ledger(session, phone_id),
        mail_since=cause_of(found[0], row.latest, here)[1],
        history=tuple(
            ReportLine(check, names.get(check.station_id, "")) for check in history[:_HISTORY_SHOWN]
        ),
        has_more_history=len(history) > _HISTORY_SHOWN,
        alarms=tuple(open_alarms(session, phone_id)),
        settled=tuple(settled_alarms(session, phone_id)),
        alarm_counts=counts_of_phone(session, phone_id),
        probe=phones.kept_probe(session, phone_id),
        watch=watch_story(kept_reports.watched_reports(session, phone_id)),
        # The latest by itself: without acting it may show that an app runs again, or is gone.
        off_times=off_times([*acting[:_ACTING_READ], *([latest] if latest else [])]),
        has_more_acting=len(acting) > _ACTING_READ,
        attempt=last_attempt(session, phone_id, row.latest.effective_at if row.latest else None),
    )
