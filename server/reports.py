"""What becomes of a batch of signed reports: each is decided in one visible order, all are stored in one transaction.

1. envelope of the agreed form        -> else rejected ``bad_envelope``
2. station known, not revoked         -> else rejected ``station_unknown``, ``station_revoked``
3. signature of that station's key    -> else rejected ``bad_signature``
4. report of the agreed form          -> else rejected ``bad_report``
5. the station it names signed it     -> else rejected ``wrong_station``
6. virtual only under a demo root     -> else rejected ``virtual_refused``
7. phone known                        -> else rejected ``phone_unknown``
8. report id new                      -> else ``duplicate``, or ``conflict`` when its content differs (kept, alarm)
9. counter of the station unused      -> else ``quarantined`` (kept, alarm: cloned station)
10. stored; ``late`` when the station's counter has been higher before
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from certs.envelope import open_envelope
from certs.errors import EnvelopeRefused
from policy.errors import PolicyError
from policy.report import REPORT_PAYLOAD_TYPE, Report
from policy.schemas import load_report
from server import bundles, kept_reports, phone_states, phones
from server.alarms import Alarm, AlarmKind, raise_alarm
from server.database import Database
from server.errors import StorageBusy
from server.kept_reports import KeptReport, payload_of
from server.stations import Station, find_stations
from server.texts import storable

BATCH_LIMIT = 100
"""Reports in one request (DESIGN.md 6)."""

_ATTEMPTS = 3
_log = structlog.get_logger()


class ReportStatus(Enum):
    """What became of one report."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True)
class ReportResult:
    """The answer to one report; ``report_id`` is empty where none could be read. ``code`` is for programs."""

    report_id: str
    status: ReportStatus
    code: str
    message: str


@dataclass(frozen=True)
class _Verified:
    """A report whose signature and form hold."""

    report: Report
    payload_sha256: str
    envelope: bytes


def accept_reports(database: Database, envelopes: Sequence[bytes], now: datetime) -> Sequence[ReportResult]:
    """Return one result per envelope, in order; what is called stored is on disk.

    Raises `StorageUnavailable` when nothing of the batch could be stored.
    """
    with database.reading() as session:
        senders = [_sender(envelope) for envelope in envelopes]
        known = find_stations(session, {sender for sender in senders if sender})
    opened = [_open(envelope, sender, known) for envelope, sender in zip(envelopes, senders, strict=True)]
    for _ in range(_ATTEMPTS):
        try:
            with database.writing() as session:
                return _Batch(session, opened, now).decide()
        except IntegrityError:
            # The same report came in by another connection at this moment; looking again shows it.
            continue
    raise StorageBusy("the same reports keep arriving on other connections; try again in a few seconds")


def _sender(envelope: bytes) -> str:
    """Return the station that the unverified payload names: needed to know whose key to verify with."""
    try:
        named = json.loads(payload_of(envelope))["station_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return named if isinstance(named, str) and storable(named, 36) else ""


def _open(envelope: bytes, sender: str, known: Mapping[str, Station]) -> _Verified | ReportResult:
    if not sender:
        return _rejected(
            "", "bad_envelope", "this is no envelope with a report in it; the station's spool is damaged"
        )
    station = known.get(sender)
    if station is None:
        return _rejected("", "station_unknown", "this station is not enrolled here; enrol it with a new code")
    try:
        payload = open_envelope(envelope, REPORT_PAYLOAD_TYPE, station.public_key_pem)
        report = load_report(payload)
    except EnvelopeRefused as error:
        return _rejected("", "bad_signature", str(error))
    except PolicyError as error:
        return _rejected("", "bad_report", str(error))
    if report.station_id != sender:
        return _rejected(report.report_id, "wrong_station", "the report names a station that did not sign it")
    return _Verified(report, hashlib.sha256(payload).hexdigest(), envelope)


class _Batch:
    """One batch within its transaction; what it has decided so far counts for the reports that follow."""

    def __init__(self, session: Session, opened: Sequence[_Verified | ReportResult], now: datetime) -> None:
        reports = [found.report for found in opened if isinstance(found, _Verified)]
        station_ids = {report.station_id for report in reports}
        self._session, self._opened, self._now = session, opened, now
        self._stations = find_stations(session, station_ids, lock=True)
        self._demo = bundles.newest(session).demo
        self._phones = phones.known_phone_ids(session, {report.phone_id for report in reports}, lock=True)
        self._hashes = kept_reports.payload_hashes(session, {report.report_id for report in reports})
        self._used = kept_reports.used_counters(session, {(r.station_id, r.counter) for r in reports})
        self._highest = kept_reports.highest_counters(session, station_ids)
        self._kept: list[KeptReport] = []

    def decide(self) -> Sequence[ReportResult]:
        """Store what is to be stored and return one result per envelope."""
        results = [
            found if isinstance(found, ReportResult) else self._decide(found) for found in self._opened
        ]
        kept_reports.keep(self._session, self._kept)
        phone_states.record_checks(self._session, self._kept)
        return results

    def _decide(self, found: _Verified) -> ReportResult:
        report = found.report
        refusal = self._refusal(report)
        if refusal:
            return refusal
        known_hash = self._hashes.get(report.report_id)
        if known_hash == found.payload_sha256:
            return ReportResult(report.report_id, ReportStatus.DUPLICATE, "duplicate", "stored before")
        if known_hash is not None:
            return self._conflict(found)
        if (report.station_id, report.counter) in self._used:
            return self._quarantine(found)
        return self._store(found)

    def _refusal(self, report: Report) -> ReportResult | None:
        station = self._stations.get(report.station_id)
        if station is None or station.revoked:
            return _rejected(
                report.report_id, "station_revoked", "this station was revoked; ask for a new enrolment code"
            )
        if report.virtual and not self._demo:
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

    def _store(self, found: _Verified) -> ReportResult:
        report = found.report
        late = report.counter < self._highest.get(report.station_id, 0)
        self._kept.append(KeptReport(report, found.payload_sha256, found.envelope, self._now, late))
        self._hashes[report.report_id] = found.payload_sha256
        self._used.add((report.station_id, report.counter))
        self._highest[report.station_id] = max(report.counter, self._highest.get(report.station_id, 0))
        status = ReportStatus.LATE if late else ReportStatus.STORED
        return ReportResult(report.report_id, status, status.value, "stored")

    def _conflict(self, found: _Verified) -> ReportResult:
        self._alarm(found, AlarmKind.CONFLICT, "the same report id came with another content")
        return ReportResult(
            found.report.report_id,
            ReportStatus.CONFLICT,
            "report_id_reused",
            "another content is stored under this report id; both are kept and an alarm was raised",
        )

    def _quarantine(self, found: _Verified) -> ReportResult:
        detail = f"counter {found.report.counter} was used for another report"
        self._alarm(found, AlarmKind.CLONED_STATION, detail)
        return ReportResult(
            found.report.report_id,
            ReportStatus.QUARANTINED,
            "counter_reused",
            f"{detail}; this one is kept apart and an alarm was raised: is the station's folder in use twice?",
        )

    def _alarm(self, found: _Verified, kind: AlarmKind, detail: str) -> None:
        report = found.report
        alarm = Alarm(kind, report.station_id, report.phone_id, report.report_id, self._now, detail)
        if raise_alarm(self._session, alarm, found.payload_sha256, found.envelope):
            _log.warning("alarm", kind=kind.value, station=report.station_id, report=report.report_id)


def _rejected(report_id: str, code: str, message: str) -> ReportResult:
    return ReportResult(report_id, ReportStatus.REJECTED, code, message)
