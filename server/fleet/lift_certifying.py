"""Certifying a lift: of each phone that was ever switched off the report that read it back, signed by the audit key.

The proofs are collected before anything is written: opening a report takes a millisecond, and nobody's report has to
wait for thousands of them. Nothing new is switched off once a measure is over, so none of them is undone meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.counted import counted
from policy.names import PhoneId
from policy.report import Report
from policy.verdict import ActionKind, Verdict
from server.errors import InConflict, Malformed, NotThere, RequestRefused
from server.evidence import audit
from server.evidence.audit import HeadSigner
from server.evidence.lift_certificates import (
    LIFT_CERTIFICATE_PAYLOAD_TYPE,
    LiftCertificate,
    Proof,
    Unproven,
    certificate_file,
    certificate_payload,
    digest_of,
)
from server.fleet import phone_states
from server.fleet.lift import lifted_since
from server.fleet.standing import LatestCheck
from server.policies.situation import Situation
from server.reports.kept_reports import acting_reports, payload_hashes, phones_acted_on, stored_report
from server.storage.database import Base, UtcTime
from server.texts import storable

REASON_MAX_LENGTH = 300
_AT_ONCE = 500
_REPORTS_ASKED = 30
_STILL_OPEN, _NOT_READ_BACK = "still_open", "not_read_back"


class _CertificateTable(Base):
    """One row per certificate; nobody changes one."""

    __tablename__ = "lift_certificate"

    # The number of its row in the audit chain.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    made_by: Mapped[str] = mapped_column(String(200))
    phones: Mapped[int]
    unproven: Mapped[int]
    file: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class KeptCertificate:
    """A certificate as lists show it."""

    number: int
    made_at: datetime
    made_by: str
    phones: int
    unproven: int


@dataclass(frozen=True)
class Collected:
    """What there is to certify: the proofs, and the phones that have none."""

    proofs: Sequence[Proof]
    unproven: Sequence[Unproven]


@dataclass(frozen=True)
class Certified:
    """What became of it: the certificate, or the refusal, whose audit row the transaction holds."""

    certificate: KeptCertificate | None
    refusal: RequestRefused | None = None

    def settled(self) -> KeptCertificate:
        """Return the certificate, or raise the refusal; behind the transaction, which would lose the row otherwise."""
        if self.certificate is None:
            assert self.refusal is not None
            raise self.refusal
        return self.certificate


def collect(session: Session) -> Collected:
    """Return the proof of each phone that was ever switched off, by their ids; every report in question is opened."""
    proofs: list[Proof] = []
    unproven: list[Unproven] = []
    acted_on = sorted(phones_acted_on(session))
    for begin in range(0, len(acted_on), _AT_ONCE):
        part = acted_on[begin : begin + _AT_ONCE]
        latest = phone_states.latest_checks(session, part)
        read_back = {
            phone_id: found
            for phone_id in part
            if phone_id in latest and (found := _read_back(session, phone_id, latest[phone_id])) is not None
        }
        ids = [report.report_id for report in read_back.values() if isinstance(report, Report)]
        hashes = payload_hashes(session, ids)
        for phone_id, found in read_back.items():
            if isinstance(found, str):
                unproven.append(Unproven(phone_id, found))
            else:
                at = _written(found.checked_at)
                proofs.append(Proof(phone_id, found.report_id, at, hashes[found.report_id]))
    return Collected(proofs, unproven)


def certify(
    session: Session,
    signer: HeadSigner,
    here: Situation,
    collected: Collected,
    accept_rest: str,
    person: str,
    actor: str,
) -> Certified:
    """Sign and keep what was collected, with its audit row; a refusal has one of its own.

    Refused before a lift, and while phones are not proven, unless `accept_rest` says why these are let be.
    """
    because = accept_rest.strip()
    try:
        since = _require_lift(here)
        _require_all(collected, because)
    except RequestRefused as refusal:
        detail = {"reason": refusal.code, "unproven": len(collected.unproven)}
        audit.record(session, actor, "lift certificate refused", "lift", detail, here.now)
        return Certified(None, refusal)
    assert here.bundle is not None
    digest = digest_of(collected.proofs, collected.unproven)
    is_left = bool(collected.unproven)
    detail = {"phones": len(collected.proofs), "unproven": len(collected.unproven), "digest": digest}
    if is_left:
        detail |= {"accepted_by": person, "because": because}
    head = audit.record(session, actor, "lift certified", f"bundle {here.bundle.number}", detail, here.now)
    certificate = LiftCertificate(
        bundle_number=here.bundle.number,
        lifted_since=_written(since),
        phones=len(collected.proofs),
        unproven=len(collected.unproven),
        digest=digest,
        accepted_by=person if is_left else "",
        accepted_because=because if is_left else "",
        made_at=_written(here.now),
        made_by=actor,
        audit_row=head.number,
        audit_hash=head.hash,
    )
    envelope = signer.signed(certificate_payload(certificate), LIFT_CERTIFICATE_PAYLOAD_TYPE)
    row = _CertificateTable(
        number=head.number,
        made_at=here.now,
        made_by=actor,
        phones=certificate.phones,
        unproven=certificate.unproven,
        file=certificate_file(envelope, collected.proofs, collected.unproven),
    )
    session.add(row)
    session.flush()
    return Certified(_as_kept(row))


def certificates(session: Session) -> Sequence[KeptCertificate]:
    """Return every certificate, newest first; a lift has one, or a few where it was certified again."""
    query = select(_CertificateTable).order_by(_CertificateTable.number.desc())
    return [_as_kept(row) for row in session.scalars(query)]


def certificate_of(session: Session, number: int) -> bytes:
    """Return the file of a certificate; raises `NotThere`."""
    row = session.get(_CertificateTable, number) if number < 1 << 31 else None
    if row is None:
        raise NotThere(
            "certificate_unknown", f"there is no certificate {number} of a lift", "Choose one from the list."
        )
    return row.file


def _read_back(session: Session, phone_id: PhoneId, latest: LatestCheck) -> Report | str | None:
    """Return the report that read a phone back restored, or why there is none; None: it was never switched off."""
    acting = acting_reports(session, phone_id, _REPORTS_ASKED)
    if not any(map(_tells_of_switching, acting)):
        return None
    if latest.open_entries:
        return _STILL_OPEN
    # The newest that did something, which is the one that put it back; else the newest of all, where others did.
    tried = (*acting[:1], stored_report(session, latest.report_id))
    return next((report for report in tried if report and _shows_restored(report)), _NOT_READ_BACK)


def _tells_of_switching(report: Report) -> bool:
    return bool(report.ledger.entries) or any(one.kind is not ActionKind.NOTIFY for one in report.actions)


def _shows_restored(report: Report) -> bool:
    entries = {(entry.user, entry.package) for entry in report.ledger.entries}
    unread = any(app.after is None for app in report.managed if (app.user, app.package) in entries)
    return (
        bool(report.ledger.marker)
        and report.verdict is not Verdict.UNREADABLE
        and not report.ledger.open_entries
        and not report.contradictions
        and not unread
    )


def _require_lift(here: Situation) -> datetime:
    since = lifted_since(here)
    if since is None:
        raise InConflict(
            "not_lifted",
            "the measure is not over, so there is nothing to certify",
            "Lift it first: begin a draft as a lift of the policy in force, and have it approved.",
        )
    return since


def _require_all(collected: Collected, because: str) -> None:
    if not storable(because, REASON_MAX_LENGTH):
        raise Malformed(
            "reason_malformed",
            f"expected a reason of at most {REASON_MAX_LENGTH} printable characters, found"
            f" {counted(len(because), 'character')}",
            "Say in a line why the rest is let be.",
        )
    if collected.unproven and not because:
        count = len(collected.unproven)
        raise InConflict(
            "phones_not_proven",
            f"{counted(count, 'phone was', 'phones were')} switched off and not read back restored:"
            f" {', '.join(one.phone_id for one in collected.unproven[:5])}{' …' if count > 5 else ''}",
            "Check these phones, or accept the rest with a reason, which stands in the certificate.",
        )


def _as_kept(row: _CertificateTable) -> KeptCertificate:
    return KeptCertificate(row.number, row.made_at, row.made_by, row.phones, row.unproven)


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
