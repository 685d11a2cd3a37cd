"""What becomes of signed reports: each is decided in one visible order, all of a request are stored in one transaction.

1. envelope of the agreed form        -> else rejected ``bad_envelope``
2. station known, not revoked         -> else rejected ``station_unknown``, ``station_revoked``
3. signature of that station's key    -> else rejected ``bad_signature``
4. report of the agreed form          -> else rejected ``bad_report``
5. the station it names signed it     -> else rejected ``wrong_station``
6. virtual only under a demo root     -> else rejected ``virtual_refused``
7. phone known                        -> else rejected ``phone_unknown``
8. the station has met the phone      -> else rejected ``phone_not_met`` (alarm)
9. report id new                      -> else ``duplicate``, or ``conflict`` when its content differs (kept, alarm)
10. counter of the station unused     -> else ``quarantined`` (kept, alarm: cloned station)
11. stored; ``late`` when the station's counter has been higher before

Requests that come together share the transaction (`server.storage.group_commit`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars, get_contextvars

from certs.audit_chain import AuditHead
from certs.envelope import UnverifiedEnvelope
from certs.errors import EnvelopeRefused
from policy.document import Bundle
from policy.errors import PolicyError
from policy.report import REPORT_PAYLOAD_TYPE, Report
from policy.report_results import ReportResult, ReportStatus
from policy.schemas import load_report
from server.errors import StorageBusy
from server.evidence import audit
from server.evidence.alarms import Alarm, AlarmKind, is_raised, raise_alarm
from server.fleet import entries, meetings, phone_states, phones
from server.fleet.block_changes import moves_block, note_changes
from server.fleet.entries import Entry
from server.fleet.standing import CheckFacts
from server.policies import bundles
from server.policies.bundles import Newest
from server.reports import kept_reports
from server.reports.kept_reports import KeptReport
from server.reports.station_activity import activity_of, note_reports
from server.stations.stations import find_stations
from server.storage.database import Database
from server.storage.group_commit import GroupCommit
from server.texts import storable

_UNKNOWN_STATION = "this station is not enrolled here; enrol it with a new code"
_log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """What became of the reports of one request, and what holds for every station since then."""

    results: Sequence[ReportResult]
    newest: Newest
    bundle: Bundle | None
    audit_head: AuditHead


@dataclass(frozen=True)
class _Verified:
    """A report whose signature and form hold."""

    report: Report
    payload_sha256: str
    envelope: bytes


@dataclass(frozen=True)
class _Request:
    """The reports of one request, opened, or refused already."""

    opened: Sequence[_Verified | ReportResult]
    received_at: datetime
    log_context: Mapping[str, Any]
    """What is logged about it is logged with: whichever thread stores it."""


class Intake:
    """Takes in reports: each is opened by its own thread, and those that come together are stored together.

    Made once per process.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, bytes] = {}
        self._group = GroupCommit(self._store)

    def accept(self, envelopes: Sequence[bytes], now: datetime) -> Accepted:
        """Return one result per envelope, in order; what is called stored is on disk.

        Raises `StorageUnavailable` when nothing of the request could be stored.
        """
        try:
            # Opened by what `run` calls: in this thread, outside of any transaction, and while a leader knows that it
            # is coming.
            return self._group.run(lambda: _Request(self._open_all(envelopes), now, get_contextvars()))
        except IntegrityError as error:
            # Once is the same report by another node at this moment, and storing it again alone has shown that.
            raise StorageBusy(
                "the same reports keep arriving on other connections; try again in a few seconds"
            ) from error

    def _open_all(self, envelopes: Sequence[bytes]) -> Sequence[_Verified | ReportResult]:
        parsed = [_parsed(envelope) for envelope in envelopes]
        # Unverified: it only says which key to try, and step 5 compares it with what was signed.
        senders = [_sender(unverified) for unverified in parsed]
        self._learn_keys({sender for sender in senders if sender} - self._keys.keys())
        return [
            _open(envelope, unverified, sender, self._keys.get(sender))
            for envelope, unverified, sender in zip(envelopes, parsed, senders, strict=True)
        ]

    def _learn_keys(self, station_ids: Collection[str]) -> None:
        # A station's key never changes, so it is asked for once; whether it was revoked is asked for every report.
        # A station that is not known is asked for each time: it may be enrolled the next moment.
        if station_ids:
            with self._database.reading() as session:
                found = find_stations(session, station_ids)
            self._keys |= {station_id: station.public_key_pem for station_id, station in found.items()}

    def _store(self, requests: Sequence[_Request]) -> Sequence[Accepted]:
        with self._database.writing() as session:
            group = _Group(session, requests)
            decided = [group.decide(request) for request in requests]
            group.keep()
            bundle = bundles.bundle_of(session, group.newest)
            audit_head = audit.head(session)
        return [Accepted(results, group.newest, bundle, audit_head) for results in decided]


def _parsed(envelope: bytes) -> UnverifiedEnvelope | None:
    try:
        return UnverifiedEnvelope.parse(envelope)
    except EnvelopeRefused:
        return None


def _sender(envelope: UnverifiedEnvelope | None) -> str:
    """Return the station that the unverified payload names: needed to know whose key to verify with."""
    if envelope is None:
        return ""
    try:
        named = json.loads(envelope.claimed_payload)["station_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return named if isinstance(named, str) and storable(named, 36) else ""


def _open(
    envelope: bytes, unverified: UnverifiedEnvelope | None, sender: str, public_key_pem: bytes | None
) -> _Verified | ReportResult:
    # No report id in the first four refusals: it is believed only once signature and form hold.
    if unverified is None or not sender:
        return _rejected(
            "", "bad_envelope", "this is no envelope with a report in it; the station's spool is damaged"
        )
    if public_key_pem is None:
        return _rejected("", "station_unknown", _UNKNOWN_STATION)
    try:
        payload = unverified.verified(REPORT_PAYLOAD_TYPE, public_key_pem)
        report = load_report(payload)
    except EnvelopeRefused as error:
        return _rejected("", "bad_signature", str(error))
    except PolicyError as error:
        return _rejected("", "bad_report", str(error))
    # The same payload parsed twice by two readers could name two stations.
    if report.station_id != sender:
        return _rejected(report.report_id, "wrong_station", "the report names a station that did not sign it")
    # Of the payload: the same report signed once more has another signature, and is still the same.
    return _Verified(report, hashlib.sha256(payload).hexdigest(), envelope)


class _Group:
    """Requests within one transaction; what was decided so far counts for the reports that follow."""

    def __init__(self, session: Session, requests: Sequence[_Request]) -> None:
        reports = [
            found.report for request in requests for found in request.opened if isinstance(found, _Verified)
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
        self._met = meetings.meetings_among(session, station_ids, self._phones)
        self._newly_met: dict[meetings.Pair, datetime] = {}
        self._kept: list[KeptReport] = []

    def decide(self, request: _Request) -> Sequence[ReportResult]:
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
        entries.note_entries(self._session, self._entries(recorded.after), self._entries(recorded.before))
        note_reports(self._session, self._kept, self._activity)
        meetings.note_meetings(self._session, self._newly_met)
        self._note_blocks(recorded)

    def _note_blocks(self, recorded: phone_states.Recorded) -> None:
        now = max((kept.received_at for kept in self._kept), default=None)
        moved = [
            phone_id
            for phone_id, after in recorded.after.items()
            if now and moves_block(recorded.before.get(phone_id), after, now)
        ]
        if moved and now:
            note_changes(self._session, phones.tags_of(self._session, moved), now)

    def _entries(self, facts: Mapping[str, CheckFacts]) -> Mapping[str, Entry]:
        return {
            phone_id: entries.checked_entry(*self._phones[phone_id], known)
            for phone_id, known in facts.items()
        }

    def _decide(self, found: _Verified, now: datetime) -> ReportResult:
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
            return _rejected(report.report_id, "station_unknown", _UNKNOWN_STATION)
        if station.revoked:
            return _rejected(
                report.report_id, "station_revoked", "this station was revoked; ask for a new enrolment code"
            )
        if report.virtual and not self.newest.demo:
            return _rejected(
                report.report_id,
                "virtual_refused",
                "reports of virtual phones are taken under a demo root only",
            )
        if report.phone_id not in self._phones:
            return _rejected(
                report.report_id, "phone_unknown", "this phone is not registered here; provision it again"
            )
        return None

    def _has_met(self, report: Report, now: datetime) -> bool:
        pair = (report.station_id, report.phone_id)
        if pair not in self._met and phones.is_marker_of(self._session, report.phone_id, report.shown_marker):
            self._met.add(pair)
            self._newly_met[pair] = now
        return pair in self._met

    def _not_met(self, found: _Verified, now: datetime) -> ReportResult:
        report = found.report
        # One a phone: a station that means it well may bring a spool of them.
        if not is_raised(self._session, AlarmKind.UNMET_PHONE, report.station_id, report.phone_id):
            self._alarm(found, AlarmKind.UNMET_PHONE, "it reported on a phone that it has not met", now)
        return _rejected(
            report.report_id,
            "phone_not_met",
            f"this station has not met the phone {report.phone_id}, or its marker was lost; connect it here and check"
            " it again, or provision it at this station",
        )

    def _note(self, found: _Verified, now: datetime) -> ReportResult:
        report = found.report
        late = report.counter < self._highest.get(report.station_id, 0)
        self._kept.append(KeptReport(report, found.payload_sha256, found.envelope, now, late))
        # What this transaction has decided counts for the next report of the same group.
        self._hashes[report.report_id] = found.payload_sha256
        self._used.add((report.station_id, report.counter))
        self._highest[report.station_id] = max(report.counter, self._highest.get(report.station_id, 0))
        status = ReportStatus.LATE if late else ReportStatus.STORED
        return ReportResult(report.report_id, status, status.value, "stored")

    def _conflict(self, found: _Verified, now: datetime) -> ReportResult:
        self._alarm(found, AlarmKind.CONFLICT, "the same report id came with another content", now)
        return ReportResult(
            found.report.report_id,
            ReportStatus.CONFLICT,
            "report_id_reused",
            "another content is stored under this report id; both are kept and an alarm was raised",
        )

    def _quarantine(self, found: _Verified, now: datetime) -> ReportResult:
        # It is not noted as known: sent again it comes here again, and raises no second alarm while that one is open.
        detail = f"counter {found.report.counter} was used for another report"
        self._alarm(found, AlarmKind.CLONED_STATION, detail, now)
        return ReportResult(
            found.report.report_id,
            ReportStatus.QUARANTINED,
            "counter_reused",
            f"{detail}; this one is kept apart and an alarm was raised: is the station's folder in use twice?",
        )

    def _alarm(self, found: _Verified, kind: AlarmKind, detail: str, now: datetime) -> None:
        report = found.report
        alarm = Alarm(kind, report.station_id, report.phone_id, report.report_id, now, detail)
        if raise_alarm(self._session, alarm, found.payload_sha256, found.envelope):
            _log.warning("alarm", kind=kind.value, station=report.station_id, report=report.report_id)


def _rejected(report_id: str, code: str, message: str) -> ReportResult:
    return ReportResult(report_id, ReportStatus.REJECTED, code, message)
