"""Purging: reports beyond the time for which they are kept go, whole, and a signed certificate of it stays.

Of each phone stays what its standing, its ledger and the times that pages tell rest on; of a phone on which something
is still switched off, or about which an alarm waits, stays everything. A part of the fleet is purged in one transaction
with its audit row and its certificate: however it ends, the certificates tell what is gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from policy.verdict import Verdict
from server.evidence import alarms, audit
from server.evidence.audit import HeadSigner
from server.evidence.purge_certificates import (
    PURGE_CERTIFICATE_PAYLOAD_TYPE,
    PurgeCertificate,
    certificate_payload,
    digest_of,
    leaf_of,
)
from server.fleet import phone_states, phones
from server.reports import old_reports, station_activity
from server.reports.old_reports import OldCheck
from server.reports.purges import keep_purge
from server.reports.stored_envelopes import payload_of
from server.storage.database import Database

_AT_ONCE = 5_000
"""Reports in one transaction, unless a single phone has more: stations that report meanwhile wait for it."""


@dataclass(frozen=True)
class PurgePolicy:
    """Reports up to which moment go, and under which setting, in its own words."""

    before: datetime
    setting: str

    @classmethod
    def keeping(cls, days: int, now: datetime) -> PurgePolicy:
        """Return what keeping reports for so many days means now."""
        return cls(now - timedelta(days=days), f"CURFEW_KEEP_REPORTS_DAYS={days}")


@dataclass(frozen=True)
class PurgePlan:
    """How many reports of which phones would go, of how many that are old enough."""

    reports: dict[str, int]
    older: int

    @property
    def total(self) -> int:
        """How many reports would go."""
        return sum(self.reports.values())


def plan(database: Database, policy: PurgePolicy) -> PurgePlan:
    """Return what would be purged; changes nothing."""
    with database.reading() as session:
        phone_ids = phones.phone_ids(session)
        kept = _kept(session)
    reports: dict[str, int] = {}
    older = 0
    for phone_id in phone_ids:
        with database.reading() as session:
            old = old_reports.old_checks(session, phone_id, policy.before)
            doomed = _doomed(session, phone_id, old, kept)
        older += len(old)
        if doomed:
            reports[phone_id] = len(doomed)
    return PurgePlan(reports, older)


def purge(
    database: Database, planned: PurgePlan, policy: PurgePolicy, signer: HeadSigner, actor: str, now: datetime
) -> Iterator[PurgeCertificate]:
    """Purge what was planned part by part, and yield the certificate of each; what must stay meanwhile stays."""
    for part in _parts(planned.reports):
        with database.writing() as session:
            certificate = _purge_part(session, part, policy, signer, actor, now)
        if certificate is not None:
            yield certificate


def _parts(reports: dict[str, int]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for phone_id in sorted(reports):
        if part and size + reports[phone_id] > _AT_ONCE:
            yield part
            part, size = [], 0
        part.append(phone_id)
        size += reports[phone_id]
    if part:
        yield part


def _purge_part(
    session: Session,
    phone_ids: Sequence[str],
    policy: PurgePolicy,
    signer: HeadSigner,
    actor: str,
    now: datetime,
) -> PurgeCertificate | None:
    # Locked, and decided anew: a report or an alarm may have come since it was planned.
    phones.agreed_with(session, phone_ids, lock=True)
    kept = _kept(session)
    by_phone = {
        phone_id: _doomed(session, phone_id, old_reports.old_checks(session, phone_id, policy.before), kept)
        for phone_id in phone_ids
    }
    doomed = [check for checks in by_phone.values() for check in checks]
    if not doomed:
        return None
    leaves = [leaf_of(check.report_id, check.payload_sha256) for check in doomed]
    times = sorted(check.effective_at for check in doomed)
    detail = {
        "reports": len(doomed),
        "phones": sum(map(bool, by_phone.values())),
        "first_check_at": _written(times[0]),
        "last_check_at": _written(times[-1]),
        "digest": digest_of(leaves),
        "setting": policy.setting,
    }
    old_reports.delete_reports(session, [check.report_id for check in doomed])
    for phone_id in phone_ids:
        old_reports.drop_unnamed_bases(session, phone_id)
    head = audit.record(session, actor, "reports purged", "reports", detail, now)
    certificate = PurgeCertificate(
        **detail,  # type: ignore[arg-type]
        purged_at=_written(now),
        purged_by=actor,
        audit_row=head.number,
        audit_hash=head.hash,
    )
    by_station = Counter(check.station_id for check in doomed)
    signed = signer.signed(certificate_payload(certificate), PURGE_CERTIFICATE_PAYLOAD_TYPE)
    keep_purge(session, head.number, signed, leaves, by_station)
    return certificate


@dataclass(frozen=True)
class _Kept:
    """What stays whatever its age: what alarms wait about, and what the activity of stations is known by."""

    phone_ids: Collection[str]
    report_ids: Collection[str]
    counters: Collection[tuple[str, int]]
    last_arrivals: Collection[tuple[str, datetime]]

    def holds(self, check: OldCheck) -> bool:
        return (
            check.report_id in self.report_ids
            or (check.station_id, check.counter) in self.counters
            or (check.station_id, check.received_at) in self.last_arrivals
        )


def _kept(session: Session) -> _Kept:
    phone_ids: set[str] = set()
    report_ids: set[str] = set()
    counters: set[tuple[str, int]] = set()
    for phone_id, envelope in alarms.open_alarmed_envelopes(session):
        # What the alarm is about, and what it contradicts: that one has its counter and may be of another phone.
        told = json.loads(payload_of(envelope))
        phone_ids.add(phone_id)
        report_ids.add(told["report_id"])
        counters.add((told["station_id"], told["counter"]))
    activities = station_activity.all_activity(session)
    counters |= {(station_id, one.highest_counter) for station_id, one in activities.items()}
    last_arrivals = {(station_id, one.last_report_at) for station_id, one in activities.items()}
    return _Kept(phone_ids, report_ids, counters, last_arrivals)


def _doomed(session: Session, phone_id: str, old: Sequence[OldCheck], kept: _Kept) -> list[OldCheck]:
    """Return those of a phone's old checks, oldest first, that may go."""
    facts = phone_states.check_facts(session, [phone_id]).get(phone_id)
    if not old or facts is None or facts.open_entries or phone_id in kept.phone_ids:
        return []
    indispensable = old_reports.indispensable_ids(session, phone_id)
    for since in (facts.unchanged_since, facts.not_enforceable_since):
        if since is not None:
            indispensable |= _around(old, since)
    # By the last that could look it is known whether the phone is enforceable.
    indispensable |= {check.report_id for check in [check for check in old if _could_look(check)][-1:]}
    return [check for check in old if check.report_id not in indispensable and not kept.holds(check)]


def _around(old: Sequence[OldCheck], since: datetime) -> set[str]:
    """Return the checks with which something began, and those before, which were otherwise: late ones ask for both."""
    before = [check for check in old if check.effective_at < since]
    looked = [check for check in before if _could_look(check)]
    began = [check for check in old if check.effective_at == since]
    return {check.report_id for check in (*before[-1:], *looked[-1:], *began)}


def _could_look(check: OldCheck) -> bool:
    return check.verdict is not Verdict.UNREADABLE


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
