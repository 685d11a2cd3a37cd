"""Every stored check of one phone, newest first, piece by piece: with the whole report as long as it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.report import Report
from policy.schemas import load_report
from server.reports.kept_reports import PastCheck, ReportTable, past_check
from server.reports.stored_envelopes import StoredEnvelope, StoredEnvelopes, payload_of
from server.storage.keyset import Order, RowPiece, next_rows

# The counter decides between checks of one moment, and the id between two stations' of one counter.
_NEWEST = Order((ReportTable.effective_at, ReportTable.counter, ReportTable.report_id), descending=True)


@dataclass(frozen=True)
class TimelineCheck:
    """One check. ``report`` is None where it was thinned out: it said what the one before it had said."""

    check: PastCheck
    report: Report | None


def checks_of(session: Session, phone_id: PhoneId, after: str, limit: int) -> RowPiece[TimelineCheck]:
    """Return the next checks of a phone behind a place; raises `NoSuchPlace` for an `after` that nobody gave."""
    query = select(ReportTable).where(ReportTable.phone_id == phone_id)
    found = next_rows(session, query, _NEWEST, after, limit)
    envelopes = StoredEnvelopes(session)
    return RowPiece([_check(row, envelopes) for row in found.rows], found.next)


def _check(row: ReportTable, envelopes: StoredEnvelopes) -> TimelineCheck:
    stored = StoredEnvelope(row.report_id, row.counter, row.checked_at, row.payload_sha256, row.envelope)
    envelope = envelopes.whole(stored)
    return TimelineCheck(past_check(row), load_report(payload_of(envelope)) if envelope else None)
