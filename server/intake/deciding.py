"""What becomes of the reports of one transaction: refused, known, in conflict, kept apart or stored.

Steps 6 to 11 of `server.intake.intake`, under the locks of the stations and phones concerned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from policy.report import Report
from policy.report_results import ReportResult, ReportStatus
from server.evidence.alarms import Alarm, AlarmKind, is_raised, raise_alarm
from server.fleet import entries, holders, meetings, phone_states, phones, reminders, turns
from server.fleet.block_changes import moves_block, note_changes
from server.fleet.entries import Entry
from server.fleet.standing import CheckFacts, is_retired
from server.intake.opening import UNKNOWN_STATION, Verified, rejected
from server.policies import bundles
from server.reports import kept_reports
from server.reports.kept_reports import KeptReport
from server.reports.station_activity import activity_of, note_reports
from server.stations.stations import find_stations

_log = structlog.get_logger()


@dataclass(frozen=True)
class OpenedRequest:
    """The reports of one request, opened, or refused already."""

    opened: Sequence[Verified | ReportResult]
    received_at: datetime
    log_context: Mapping[str, Any]
    """What is logged about it is logged with: whichever thread stores it."""


class RequestGroup:
    """Requests within one transaction; what was decided so far counts for the reports that follow."""

    def __init__(self, session: Session, requests: Sequence[OpenedRequest]) -> None:
        reports = [
            found.report for request in requests for found in request.opened if isinstance(found, Verified)
        ]
        station_ids = {report.station_id for report in reports}
        self._session = session
        # Locked in one order, stations before phones, or two groups could wait for each other for ever.
        self._stations = find_stations(session, station_ids, lock=True)
        self.newest = bundles.newest(session)
        self._phones = phones.agreed_with(session, {report.phone_id for report in reports}, lock=True)
        # Under the locks, or a report that another node has just stored would not be found.
        self._hashes = kept_reports.payload_hashes(session, {report.report_id for report in reports})
        self._activity = activity_of(session, station_ids)
        self._highest = {known: activity.highest_counter for known, activity in self._activity.items()}
        self._used = kept_reports.used_counters(
            session,
            # A counter above the highest is unused; asking for the others only spares most requests a query.
            {(r.station_id, r.counter) for r in reports if r.counter <= self._highest.get(r.station_id, -1)},
        )
        self._met = meetings.meetings_among(session, {(r.station_id, r.phone_id) for r in reports})
        self._newly_met: dict[meetings.Pair, datetime] = {}
        self._kept: list[KeptReport] = []

    def decide(self, request: OpenedRequest) -> Sequence[ReportResult]:
        """Return one result per envelope of the request; what is to be stored is noted for `keep`."""
        with bound_contextvars(**request.log_context):
            return [
                found if isinstance(found, ReportResult) else self._decide(found, request.received_at)
                for found in request.opened
            ]

    def keep(self) -> None:
        """Store what was decided to be stored."""
        # Reports before states: a state refers to its report, and since when it has lasted is asked of those stored.
        kept_reports.keep(self._session, self._kept)
        recorded = phone_states.record_checks(self._session, self._kept)
        # What was kept follows from the state before, which is locked: it need not be asked for.
        before, after = self._entries(recorded.before), self._entries(recorded.after)
        entries.note_entries(self._session, after, before)
        turns.note_turns(self._session, recorded.turned)
        reminders.note_reminders(self._session, self._kept)
        note_reports(self._session, self._kept, self._activity)
        meetings.note_meetings(self._session, self._newly_met)
        came_back = self._came_back(recorded)
        self._alarm_came_back(came_back)
        self._note_blocks(recorded, came_back)

    def _came_back(self, recorded: phone_states.Recorded) -> Set[str]:
        """Return the phones that were retired until a report of this transaction showed them again."""
        return {
            phone_id
            for phone_id, after in recorded.after.items()
            if is_retired(told := self._phones[phone_id].told, recorded.before.get(phone_id))
            and not is_retired(told, after)
        }

    def _alarm_came_back(self, came_back: Set[str]) -> None:
        # The first of each that is newer than the word of an admin: with it the phone is back.
        for kept in self._kept:
            told = self._phones[kept.report.phone_id].told
            if kept.report.phone_id in came_back and told.retired_at and kept.effective_at > told.retired_at:
                came_back = came_back - {kept.report.phone_id}
                detail = f"it was retired on {told.retired_at:%Y-%m-%d %H:%M} UTC, and was checked since"
                self._alarm(kept, AlarmKind.RETIRED_PHONE, detail, kept.received_at)

    def _note_blocks(self, recorded: phone_states.Recorded, came_back: Set[str]) -> None:
        now = max((kept.received_at for kept in self._kept), default=None)
        moved = [
            phone_id
            for phone_id, after in recorded.after.items()
            if now and (phone_id in came_back or moves_block(recorded.before.get(phone_id), after, now))
        ]
        if moved and now:
            note_changes(self._session, holders.tags_of(self._session, moved), now)

    def _entries(self, facts: Mapping[str, CheckFacts]) -> Mapping[str, Entry]:
        return {
            phone_id: entries.checked_entry(*self._phones[phone_id], known)
            for phone_id, known in facts.items()
        }

    def _decide(self, found: Verified, now: datetime) -> ReportResult:
        report = found.report
        refusal = self._refusal(report)
        if refusal:
            return refusal
        if not self._has_met(report, now):
            return self._not_met(found, now)
        # Before the counter: a report that is sent again is no clone, and its counter is used by itself.
        known_hash = self._hashes.get(report.report_id)
        if known_hash == found.payload_sha256:
            return ReportResult(report.report_id, ReportStatus.DUPLICATE, "duplicate", "stored before")
        if known_hash is not None:
            return self._conflict(found, now)
        if (report.station_id, report.counter) in self._used:
            return self._quarantine(found, now)
        return self._note(found, now)

    def _refusal(self, report: Report) -> ReportResult | None:
        station = self._stations.get(report.station_id)
        # Its key may be remembered from before a backup was put back: what the locked rows say decides.
        if station is None:
            return rejected(report.report_id, "station_unknown", UNKNOWN_STATION)
        if station.revoked:
            return rejected(
                report.report_id, "station_revoked", "this station was revoked; ask for a new enrolment code"
            )
        if report.virtual and not self.newest.demo:
            return rejected(
                report.report_id,
                "virtual_refused",
                "reports of virtual phones are taken under a demo root only",
            )
        if report.phone_id not in self._phones:
            return rejected(
                report.report_id, "phone_unknown", "this phone is not registered here; provision it again"
            )
        return None

    def _has_met(self, report: Report, now: datetime) -> bool:
        pair = (report.station_id, report.phone_id)
        if pair not in self._met and phones.is_marker_of(self._session, report.phone_id, report.shown_marker):
            self._met.add(pair)
            self._newly_met[pair] = now
        return pair in self._met

    def _not_met(self, found: Verified, now: datetime) -> ReportResult:
        report = found.report
        # One a phone: a station that means it well may bring a spool of them.
        if not is_raised(self._session, AlarmKind.UNMET_PHONE, report.station_id, report.phone_id):
            self._alarm(found, AlarmKind.UNMET_PHONE, "it reported on a phone that it has not met", now)
        return rejected(
            report.report_id,
            "phone_not_met",
            f"this station has not met the phone {report.phone_id}, or its marker was lost; connect it here and check"
            " it again, or provision it at this station",
        )

    def _note(self, found: Verified, now: datetime) -> ReportResult:
        report = found.report
        late = report.counter < self._highest.get(report.station_id, 0)
        self._kept.append(KeptReport(report, found.payload_sha256, found.envelope, now, late))
        # What this transaction has decided counts for the next report of the same group.
        self._hashes[report.report_id] = found.payload_sha256
        self._used.add((report.station_id, report.counter))
        self._highest[report.station_id] = max(report.counter, self._highest.get(report.station_id, 0))
        status = ReportStatus.LATE if late else ReportStatus.STORED
        return ReportResult(report.report_id, status, status.value, "stored")

    def _conflict(self, found: Verified, now: datetime) -> ReportResult:
        self._alarm(found, AlarmKind.CONFLICT, "the same report id came with another content", now)
        return ReportResult(
            found.report.report_id,
            ReportStatus.CONFLICT,
            "report_id_reused",
            "another content is stored under this report id; both are kept and an alarm was raised",
        )

    def _quarantine(self, found: Verified, now: datetime) -> ReportResult:
        # It is not noted as known: sent again it comes here again, and raises no second alarm while that one is open.
        detail = f"counter {found.report.counter} was used for another report"
        self._alarm(found, AlarmKind.CLONED_STATION, detail, now)
        return ReportResult(
            found.report.report_id,
            ReportStatus.QUARANTINED,
            "counter_reused",
            f"{detail}; this one is kept apart and an alarm was raised: is the station's folder in use twice?",
        )

    def _alarm(self, found: Verified | KeptReport, kind: AlarmKind, detail: str, now: datetime) -> None:
        report = found.report
        alarm = Alarm(kind, report.station_id, report.phone_id, report.report_id, now, detail)
        if raise_alarm(self._session, alarm, found.payload_sha256, found.envelope):
            _log.warning("alarm", kind=kind.value, station=report.station_id, report=report.report_id)
