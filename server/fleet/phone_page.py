"""All that the page of one phone shows; here alone its holder is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Report
from server.evidence.alarms import Alarm, open_alarms, settled_alarms
from server.fleet import phones
from server.fleet.blocks import cause_of
from server.fleet.off_times import OffTime, off_times
from server.fleet.phone_rows import PhoneRow, phone_rows
from server.fleet.phones import KeptProbe
from server.policies.bundles import situation_and_history
from server.reports import kept_reports
from server.reports.between_visits import WatchStory, watch_story
from server.stations import stations


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

    row: PhoneRow
    holder: str
    report: Report | None
    ledger: Ledger | None
    mail_since: datetime
    """Since when the mail side is told what ``row.mail`` says."""
    history: tuple[ReportLine, ...]
    alarms: tuple[Alarm, ...]
    settled: tuple[Alarm, ...]
    probe: KeptProbe | None
    watch: WatchStory | None
    off_times: tuple[OffTime, ...]
    """From when to when apps were off by our doing, newest first."""

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
    [row] = phone_rows(session, found, here)
    latest = kept_reports.stored_report(session, row.latest.report_id) if row.latest else None
    acting = kept_reports.acting_reports(session, phone_id)
    history = kept_reports.history(session, phone_id)
    names = stations.station_names(session, {check.station_id for check in history})
    return PhonePage(
        row=row,
        holder=phones.holders(session, holder_key, [phone_id])[phone_id],
        report=latest,
        ledger=kept_reports.newest_ledger(session, phone_id),
        mail_since=cause_of(found[0], row.latest, here)[1],
        history=tuple(ReportLine(check, names.get(check.station_id, "")) for check in history),
        alarms=tuple(open_alarms(session, phone_id)),
        settled=tuple(settled_alarms(session, phone_id)),
        probe=phones.kept_probe(session, phone_id),
        watch=watch_story(kept_reports.watched_reports(session, phone_id)),
        # The latest by itself: without acting it may show that an app runs again, or is gone.
        off_times=off_times([*acting, latest] if latest else acting),
    )
