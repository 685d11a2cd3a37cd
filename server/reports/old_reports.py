"""Stored reports as thinning and purging look at them: what each is needed for, and how it goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from policy.verdict import Verdict
from server.reports.kept_bases import base_numbers, drop_bases
from server.reports.kept_reports import STORED_COLUMNS, ReportTable
from server.reports.stored_envelopes import StoredEnvelope, StoredEnvelopes
from server.storage import packing

_DELETED_AT_ONCE = 1000
"""Ids in one statement; PostgreSQL takes 65,535 values, older versions of SQLite fewer."""


@dataclass(frozen=True)
class KeptEnvelope:
    """What thinning needs to know of one stored report; ``envelope`` is empty if it was thinned out before."""

    report_id: str
    station_id: str
    counter: int
    effective_at: datetime
    has_ledger: bool
    watched: bool
    envelope: bytes
    stored_bytes: int


def envelopes_of(session: Session, phone_id: str) -> Iterator[KeptEnvelope]:
    """Yield every report of one phone, oldest first."""
    query = (
        select(
            ReportTable.station_id,
            ReportTable.effective_at,
            ReportTable.has_ledger,
            ReportTable.watched,
            *STORED_COLUMNS,
        )
        .where(ReportTable.phone_id == phone_id)
        .order_by(ReportTable.effective_at, ReportTable.counter)
        .execution_options(yield_per=200)
    )
    whole = StoredEnvelopes(session).whole
    for row in session.execute(query):
        one = StoredEnvelope(*row[4:])
        told = (one.report_id, row[0], one.counter, *row[1:4])
        yield KeptEnvelope(*told, whole(one), len(one.stored))


@dataclass(frozen=True)
class OldCheck:
    """What purging needs to know of one stored report."""

    report_id: str
    payload_sha256: str
    station_id: str
    counter: int
    effective_at: datetime
    received_at: datetime
    verdict: Verdict


def old_checks(session: Session, phone_id: str, before: datetime) -> list[OldCheck]:
    """Return a phone's checks up to that moment that had arrived by then, too, oldest first."""
    query = (
        select(
            ReportTable.report_id,
            ReportTable.payload_sha256,
            ReportTable.station_id,
            ReportTable.counter,
            ReportTable.effective_at,
            ReportTable.received_at,
            ReportTable.verdict,
        )
        .where(
            ReportTable.phone_id == phone_id,
            ReportTable.effective_at <= before,
            ReportTable.received_at <= before,
        )
        .order_by(ReportTable.effective_at, ReportTable.counter)
    )
    return [OldCheck(*row[:6], Verdict(row[6])) for row in session.execute(query)]


def indispensable_ids(session: Session, phone_id: str) -> set[str]:
    """Return the ids of a phone's latest reports, and of the newest with its ledger: all else is known by these."""
    of_phone = select(ReportTable.report_id).where(ReportTable.phone_id == phone_id)
    newest_at = select(func.max(ReportTable.effective_at)).where(ReportTable.phone_id == phone_id)
    latest = of_phone.where(ReportTable.effective_at == newest_at.scalar_subquery())
    newest_first = (ReportTable.effective_at.desc(), ReportTable.counter.desc())
    with_ledger = of_phone.where(ReportTable.has_ledger).order_by(*newest_first).limit(1)
    return {*session.scalars(latest), *session.scalars(with_ledger)}


def delete_reports(session: Session, report_ids: Sequence[str]) -> None:
    """Delete these reports, rows and all; the caller has made sure that nothing rests on them."""
    for start in range(0, len(report_ids), _DELETED_AT_ONCE):
        part = report_ids[start : start + _DELETED_AT_ONCE]
        session.execute(delete(ReportTable).where(ReportTable.report_id.in_(part)))


def named_bases(session: Session, phone_id: str | None = None) -> set[int]:
    """Return the numbers of the bases that stored envelopes name: those of one phone, or of all."""
    query = select(func.substr(ReportTable.envelope, 1, packing.NAMED_WITHIN)).distinct()
    if phone_id is not None:
        query = query.where(ReportTable.phone_id == phone_id)
    found = map(packing.base_of, session.scalars(query))
    return {number for number in found if number is not None}


def drop_unnamed_bases(session: Session, phone_id: str) -> int:
    """Delete a phone's bases that no envelope names any more, but for the newest, and return how many."""
    # First the bases, then who names them: none but the newest is named by what is stored meanwhile.
    older = base_numbers(session, phone_id)[:-1]
    unnamed = set(older) - named_bases(session, phone_id) if older else set()
    drop_bases(session, unnamed)
    return len(unnamed)


def counters_of(session: Session, report_ids: Collection[str]) -> Mapping[str, tuple[str, int]]:
    """Return station and counter of each of these reports, by its id."""
    query = select(ReportTable.report_id, ReportTable.station_id, ReportTable.counter)
    found = session.execute(query.where(ReportTable.report_id.in_(report_ids)))
    return {row[0]: (row[1], row[2]) for row in found}


def drop_envelopes(session: Session, report_ids: Collection[str]) -> None:
    """Empty the envelopes of these reports; ids, hashes, counters and verdicts stay."""
    session.execute(update(ReportTable).where(ReportTable.report_id.in_(report_ids)).values(envelope=b""))
