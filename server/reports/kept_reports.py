"""Every accepted report, for ever: the columns that are asked for, and the signed envelope until it is thinned out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    false,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Report
from policy.schemas import load_report
from policy.verdict import Verdict
from server.clock import ALLOWED_SKEW
from server.reports.kept_bases import add_base, newest_bases
from server.reports.stored_envelopes import StoredEnvelope, StoredEnvelopes, payload_of
from server.storage import packing
from server.storage.database import Base, UtcTime
from server.storage.prepared import Prepared, among


class ReportTable(Base):
    """One row per accepted report; `old_reports` asks it what thinning and purging need to know."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("station_id", "counter"),
        # Finds a phone's newest checks, and where a run of equal verdicts began.
        Index("ix_report_phone_id_effective_at", "phone_id", "effective_at"),
    )

    report_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    payload_sha256: Mapped[str] = mapped_column(String(64))
    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"))
    counter: Mapped[int] = mapped_column(BigInteger)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"))
    checked_at: Mapped[datetime] = mapped_column(UtcTime)
    # It follows from two other columns (`effective`) and is stored all the same, because an index needs a column.
    effective_at: Mapped[datetime] = mapped_column(UtcTime)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    late: Mapped[bool]
    verdict: Mapped[str] = mapped_column(String(12))
    enforceable: Mapped[bool]
    bundle_number: Mapped[int] = mapped_column(BigInteger)
    actions: Mapped[int]
    has_ledger: Mapped[bool]
    watched: Mapped[bool] = mapped_column(server_default=false())
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    """As `stored_envelopes` reads it: packed, or as it came; empty once the report was thinned out."""


_FAR_BYTES = 256
"""A report that differs by more from its phone's base becomes the new base: a third of what storing one takes."""


def effective(checked_at: datetime, received_at: datetime) -> datetime:
    """Return the time that counts for a check: the station's word, but never later than its arrival."""
    return min(checked_at, received_at)


def is_ahead(checked_at: datetime, received_at: datetime) -> bool:
    """Whether a check comes from a clock further ahead than is allowed; less of it is no more than worth knowing."""
    return checked_at - received_at > ALLOWED_SKEW


@dataclass(frozen=True)
class KeptReport:
    """A verified report on its way into the database.

    ``effective_at`` orders the checks of a phone: the trusted time of the check, never later than its arrival, so
    that a station with a clock far ahead cannot pin a phone's state.
    """

    report: Report
    payload_sha256: str
    envelope: bytes
    received_at: datetime
    late: bool

    @property
    def effective_at(self) -> datetime:
        """Where this check stands in time among the others of its phone."""
        return effective(self.report.checked_at, self.received_at)


@dataclass(frozen=True)
class PastCheck:
    """One check in a phone's history. ``checked_at`` is what the station said, ``effective_at`` what counts."""

    report_id: str
    station_id: str
    checked_at: datetime
    received_at: datetime
    late: bool
    verdict: Verdict
    enforceable: bool
    bundle_number: int
    actions: int

    @property
    def effective_at(self) -> datetime:
        """Where this check stands in time among the others of its phone."""
        return effective(self.checked_at, self.received_at)

    @property
    def is_ahead(self) -> bool:
        """Whether the station's clock was further ahead than is allowed."""
        return is_ahead(self.checked_at, self.received_at)


def keep(session: Session, reports: Sequence[KeptReport]) -> None:
    """Store new reports; the caller has made sure that ids and counters are unused."""
    packed = _packed(session, reports)
    _INSERT.run(session, map(_columns, reports, packed))


def _packed(session: Session, reports: Sequence[KeptReport]) -> Sequence[bytes]:
    """Return the envelopes as they are stored, each packed against its phone's base."""
    bases = newest_bases(session, {kept.report.phone_id for kept in reports})
    stored = []
    for kept in reports:
        report, opened = kept.report, packing.taken_apart(kept.envelope)
        if opened is None:
            stored.append(kept.envelope)
            continue
        known = packing.known_of(report.report_id, report.counter, report.checked_at)
        digest = report.answers_sha256
        base = bases.get(report.phone_id)
        packed = packing.pack(opened, base, known, digest) if base else b""
        if not packed or packing.delta_bytes(packed) > _FAR_BYTES:
            base = bases[report.phone_id] = add_base(session, report.phone_id, opened.text)
            packed = packing.pack(opened, base, known, digest)
        stored.append(packed)
    return stored


# Made once, and of the table's columns: building a query, or asking by the mapper, costs more than running it.
_REPORTS = cast(Table, ReportTable.__table__)
_INSERT = Prepared(insert(_REPORTS))
_HASHES = Prepared(
    select(_REPORTS.c.report_id, _REPORTS.c.payload_sha256).where(among(_REPORTS.c.report_id, "report_ids"))
)
_COUNTERS = Prepared(
    select(_REPORTS.c.counter).where(
        _REPORTS.c.station_id == bindparam("station_id"), among(_REPORTS.c.counter, "counters")
    )
)


def payload_hashes(session: Session, report_ids: Collection[str]) -> dict[str, str]:
    """Return the payload hash of those of `report_ids` that are stored."""
    return dict(_HASHES.rows(session, {"report_ids": report_ids}))


def used_counters(session: Session, counters: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return those pairs of station and counter that are used."""
    by_station: dict[str, list[int]] = {}
    for station_id, counter in counters:
        by_station.setdefault(station_id, []).append(counter)
    return {
        (station_id, used)
        for station_id, numbers in by_station.items()
        for (used,) in _COUNTERS.rows(session, {"station_id": station_id, "counters": numbers})
    }


class Sent(NamedTuple):
    """What one station has sent: how much, until when, and what the report with the highest counter says."""

    station_id: str
    reports: int
    last_report_at: datetime
    highest_counter: int
    newest: PastCheck


def sent_by_stations(session: Session) -> Iterator[Sent]:
    """Yield what each station has sent that ever reported; all reports are walked."""
    query = select(
        ReportTable.station_id,
        func.count(),
        func.max(ReportTable.received_at),
        func.max(ReportTable.counter),
    ).group_by(ReportTable.station_id)
    for station_id, reports, last_report_at, counter in session.execute(query).all():
        newest = select(ReportTable).where(
            ReportTable.station_id == station_id, ReportTable.counter == counter
        )
        yield Sent(station_id, reports, last_report_at, counter, past_check(session.scalars(newest).one()))


def history(session: Session, phone_id: PhoneId, limit: int) -> Sequence[PastCheck]:
    """Return the newest checks of one phone, newest first."""
    # The counter decides between checks of one moment only.
    query = (
        select(ReportTable)
        .where(ReportTable.phone_id == phone_id)
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(limit)
    )
    return [past_check(row) for row in session.scalars(query)]


def past_check(row: ReportTable) -> PastCheck:
    """Return what a row tells of its check without opening the envelope."""
    return PastCheck(
        report_id=row.report_id,
        station_id=row.station_id,
        checked_at=row.checked_at,
        received_at=row.received_at,
        late=row.late,
        verdict=Verdict(row.verdict),
        enforceable=row.enforceable,
        bundle_number=row.bundle_number,
        actions=row.actions,
    )


STORED_COLUMNS = (
    ReportTable.report_id,
    ReportTable.counter,
    ReportTable.checked_at,
    ReportTable.payload_sha256,
    ReportTable.envelope,
)
"""What `StoredEnvelope` is made of, in its order."""


def _envelopes(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield the envelopes that a query for `STORED_COLUMNS` finds, each as it came."""
    whole = StoredEnvelopes(session).whole
    return (whole(StoredEnvelope(*row)) for row in session.execute(query))


def when_checked(session: Session, report_id: str) -> tuple[PhoneId, datetime] | None:
    """Return of which phone a report is, and of when: also of one whose envelope was dropped; None if there is none."""
    query = select(ReportTable.phone_id, ReportTable.effective_at).where(ReportTable.report_id == report_id)
    found = session.execute(query).one_or_none()
    return None if found is None else (PhoneId(found[0]), found[1])


def stored_report(session: Session, report_id: str) -> Report | None:
    """Return one stored report, whole; None where there is none, or no longer whole."""
    query = select(*STORED_COLUMNS).where(ReportTable.report_id == report_id)
    return next((load_report(payload_of(one)) for one in _envelopes(session, query) if one), None)


WATCHED_SHOWN = 30
"""Of so many reports a page tells what the phone's own script noted."""


def watched_reports(session: Session, phone_id: PhoneId) -> Sequence[Report]:
    """Return the newest reports in which a phone's own script had its say, newest first, whole, with times that count.

    No time in them is later than their arrival. Those that were thinned out are left out and count all the same: they
    said nothing that an earlier one had not said, and behind the last of these others may be gone that had stretches of
    watching to tell, which would be gaps.
    """
    query = (
        select(ReportTable.received_at, *STORED_COLUMNS)
        .where(ReportTable.phone_id == phone_id, ReportTable.watched)
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(WATCHED_SHOWN)
    )
    whole = StoredEnvelopes(session).whole
    return [
        _as_counted(load_report(payload_of(envelope)), row[0])
        for row in session.execute(query)
        if (envelope := whole(StoredEnvelope(*row[1:])))
    ]


def _as_counted(report: Report, received_at: datetime) -> Report:
    # The script goes by the time of the station that started it, which may be another one than reports here.
    watched = report.watched.up_to(received_at) if report.watched else None
    return replace(report, checked_at=effective(report.checked_at, received_at), watched=watched)


def acting_reports(session: Session, phone_id: PhoneId, limit: int) -> Sequence[Report]:
    """Return the newest reports in which something was done on a phone or its own script had its say, whole."""
    query = (
        select(*STORED_COLUMNS)
        .where(
            ReportTable.phone_id == phone_id,
            or_(ReportTable.actions > 0, ReportTable.watched),
            ReportTable.envelope != b"",
        )
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(limit)
    )
    return [load_report(payload_of(envelope)) for envelope in _envelopes(session, query)]


def phones_acted_on(session: Session) -> Sequence[PhoneId]:
    """Return the phones on which anything was ever done, or on which their own script had its say."""
    query = select(ReportTable.phone_id).where(or_(ReportTable.actions > 0, ReportTable.watched)).distinct()
    # Checked when they were registered.
    return cast("Sequence[PhoneId]", session.scalars(query).all())


def newest_ledger(session: Session, phone_id: PhoneId) -> Ledger | None:
    """Return the ledger of the newest check that knew the phone's ledger at all, or None.

    A check that could not read the phone may carry no marker; it must not wipe out what an earlier one knew.
    """
    query = (
        select(*STORED_COLUMNS)
        .where(ReportTable.phone_id == phone_id, ReportTable.has_ledger)
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(1)
    )
    return next((load_report(payload_of(one)).ledger for one in _envelopes(session, query)), None)


def run_start(session: Session, phone_id: PhoneId, verdict: Verdict, enforceable: bool) -> datetime | None:
    """Return since when every check of the phone up to its newest has had this verdict and enforceability.

    Of checks that could not look only the verdict counts.
    """
    same: ColumnElement[bool] = ReportTable.verdict == verdict.value
    if verdict is not Verdict.UNREADABLE:
        same = and_(same, ReportTable.enforceable == enforceable)
    return _since_last_other(session, ReportTable.phone_id == phone_id, same)


def last_looked(session: Session, phone_id: str, before: datetime) -> Verdict | None:
    """Return the verdict of the last check before a moment that could look; None where none did."""
    query = (
        select(ReportTable.verdict)
        .where(
            ReportTable.phone_id == phone_id,
            ReportTable.effective_at < before,
            ReportTable.verdict != Verdict.UNREADABLE.value,
        )
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(1)
    )
    found = session.scalar(query)
    return None if found is None else Verdict(found)


def not_enforceable_since(session: Session, phone_id: PhoneId) -> datetime | None:
    """Return since when every check that could look found the phone violating and not enforceable.

    None where the last of those that could look did not.
    """
    could_look = and_(ReportTable.phone_id == phone_id, ReportTable.verdict != Verdict.UNREADABLE.value)
    same = and_(ReportTable.verdict == Verdict.VIOLATING.value, ~ReportTable.enforceable)
    return _since_last_other(session, could_look, same)


def _since_last_other(
    session: Session, among: ColumnElement[bool], same: ColumnElement[bool]
) -> datetime | None:
    """Return the time of the first check that is the `same` after the last that is not; None if there is none."""
    # The counter decides between checks of one moment only.
    last_other = session.execute(
        select(ReportTable.effective_at, ReportTable.counter)
        .where(among, ~same)
        .order_by(ReportTable.effective_at.desc(), ReportTable.counter.desc())
        .limit(1)
    ).one_or_none()
    query = select(func.min(ReportTable.effective_at)).where(among, same)
    if last_other is not None:
        at, counter = last_other
        of_that_moment = and_(ReportTable.effective_at == at, ReportTable.counter > counter)
        query = query.where(or_(ReportTable.effective_at > at, of_that_moment))
    return session.scalar(query)


def _columns(kept: KeptReport, stored: bytes) -> dict[str, object]:
    report = kept.report
    # A ledger without a marker is none: the check could not read it, and must not hide what an earlier one knew.
    return {
        "report_id": report.report_id,
        "payload_sha256": kept.payload_sha256,
        "station_id": report.station_id,
        "counter": report.counter,
        "phone_id": report.phone_id,
        "checked_at": report.checked_at,
        "effective_at": kept.effective_at,
        "received_at": kept.received_at,
        "late": kept.late,
        "verdict": report.verdict.value,
        "enforceable": report.enforceable,
        "bundle_number": report.bundle_number,
        "actions": len(report.actions),
        "has_ledger": bool(report.ledger.marker),
        "watched": report.watched is not None,
        "envelope": stored,
    }
