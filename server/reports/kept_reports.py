"""Every accepted report, for ever: the columns that are asked for, and the signed envelope until it is thinned out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Report
from policy.schemas import load_report
from policy.verdict import Verdict
from server.clock import ALLOWED_SKEW
from server.reports.kept_bases import add_base, base_numbers, drop_bases, newest_bases
from server.reports.stored_envelopes import StoredEnvelope, StoredEnvelopes, payload_of
from server.storage import packing
from server.storage.database import Base, UtcTime
from server.storage.prepared import Prepared, among


class _ReportTable(Base):
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

_DELETED_AT_ONCE = 1000
"""Ids in one statement; PostgreSQL takes 65,535 values, older versions of SQLite fewer."""


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
_REPORTS = cast(Table, _ReportTable.__table__)
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
        _ReportTable.station_id,
        func.count(),
        func.max(_ReportTable.received_at),
        func.max(_ReportTable.counter),
    ).group_by(_ReportTable.station_id)
    for station_id, reports, last_report_at, counter in session.execute(query).all():
        newest = select(_ReportTable).where(
            _ReportTable.station_id == station_id, _ReportTable.counter == counter
        )
        yield Sent(station_id, reports, last_report_at, counter, _as_past(session.scalars(newest).one()))


def history(session: Session, phone_id: PhoneId, limit: int) -> Sequence[PastCheck]:
    """Return the newest checks of one phone, newest first."""
    # The counter decides between checks of one moment only.
    query = (
        select(_ReportTable)
        .where(_ReportTable.phone_id == phone_id)
        .order_by(_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
        .limit(limit)
    )
    return [_as_past(row) for row in session.scalars(query)]


def _as_past(row: _ReportTable) -> PastCheck:
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


_STORED = (
    _ReportTable.report_id,
    _ReportTable.counter,
    _ReportTable.checked_at,
    _ReportTable.payload_sha256,
    _ReportTable.envelope,
)
"""What `StoredEnvelope` is made of, in its order."""


def _envelopes(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield the envelopes that a query for `_STORED` finds, each as it came."""
    whole = StoredEnvelopes(session).whole
    return (whole(StoredEnvelope(*row)) for row in session.execute(query))


def stored_report(session: Session, report_id: str) -> Report | None:
    """Return one stored report, whole; None where there is none, or no longer whole."""
    query = select(*_STORED).where(_ReportTable.report_id == report_id)
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
        select(_ReportTable.received_at, *_STORED)
        .where(_ReportTable.phone_id == phone_id, _ReportTable.watched)
        .order_by(_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
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
        select(*_STORED)
        .where(
            _ReportTable.phone_id == phone_id,
            or_(_ReportTable.actions > 0, _ReportTable.watched),
            _ReportTable.envelope != b"",
        )
        .order_by(_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
        .limit(limit)
    )
    return [load_report(payload_of(envelope)) for envelope in _envelopes(session, query)]


def newest_ledger(session: Session, phone_id: PhoneId) -> Ledger | None:
    """Return the ledger of the newest check that knew the phone's ledger at all, or None.

    A check that could not read the phone may carry no marker; it must not wipe out what an earlier one knew.
    """
    query = (
        select(*_STORED)
        .where(_ReportTable.phone_id == phone_id, _ReportTable.has_ledger)
        .order_by(_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
        .limit(1)
    )
    return next((load_report(payload_of(one)).ledger for one in _envelopes(session, query)), None)


def run_start(session: Session, phone_id: PhoneId, verdict: Verdict, enforceable: bool) -> datetime | None:
    """Return since when every check of the phone up to its newest has had this verdict and enforceability.

    Of checks that could not look only the verdict counts.
    """
    same: ColumnElement[bool] = _ReportTable.verdict == verdict.value
    if verdict is not Verdict.UNREADABLE:
        same = and_(same, _ReportTable.enforceable == enforceable)
    return _since_last_other(session, _ReportTable.phone_id == phone_id, same)


def not_enforceable_since(session: Session, phone_id: PhoneId) -> datetime | None:
    """Return since when every check that could look found the phone violating and not enforceable.

    None where the last of those that could look did not.
    """
    could_look = and_(_ReportTable.phone_id == phone_id, _ReportTable.verdict != Verdict.UNREADABLE.value)
    same = and_(_ReportTable.verdict == Verdict.VIOLATING.value, ~_ReportTable.enforceable)
    return _since_last_other(session, could_look, same)


def _since_last_other(
    session: Session, among: ColumnElement[bool], same: ColumnElement[bool]
) -> datetime | None:
    """Return the time of the first check that is the `same` after the last that is not; None if there is none."""
    # The counter decides between checks of one moment only.
    last_other = session.execute(
        select(_ReportTable.effective_at, _ReportTable.counter)
        .where(among, ~same)
        .order_by(_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
        .limit(1)
    ).one_or_none()
    query = select(func.min(_ReportTable.effective_at)).where(among, same)
    if last_other is not None:
        at, counter = last_other
        of_that_moment = and_(_ReportTable.effective_at == at, _ReportTable.counter > counter)
        query = query.where(or_(_ReportTable.effective_at > at, of_that_moment))
    return session.scalar(query)


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
            _ReportTable.station_id,
            _ReportTable.effective_at,
            _ReportTable.has_ledger,
            _ReportTable.watched,
            *_STORED,
        )
        .where(_ReportTable.phone_id == phone_id)
        .order_by(_ReportTable.effective_at, _ReportTable.counter)
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
            _ReportTable.report_id,
            _ReportTable.payload_sha256,
            _ReportTable.station_id,
            _ReportTable.counter,
            _ReportTable.effective_at,
            _ReportTable.received_at,
            _ReportTable.verdict,
        )
        .where(
            _ReportTable.phone_id == phone_id,
            _ReportTable.effective_at <= before,
            _ReportTable.received_at <= before,
        )
        .order_by(_ReportTable.effective_at, _ReportTable.counter)
    )
    return [OldCheck(*row[:6], Verdict(row[6])) for row in session.execute(query)]


def indispensable_ids(session: Session, phone_id: str) -> set[str]:
    """Return the ids of a phone's latest reports, and of the newest with its ledger: all else is known by these."""
    of_phone = select(_ReportTable.report_id).where(_ReportTable.phone_id == phone_id)
    newest_at = select(func.max(_ReportTable.effective_at)).where(_ReportTable.phone_id == phone_id)
    latest = of_phone.where(_ReportTable.effective_at == newest_at.scalar_subquery())
    newest_first = (_ReportTable.effective_at.desc(), _ReportTable.counter.desc())
    with_ledger = of_phone.where(_ReportTable.has_ledger).order_by(*newest_first).limit(1)
    return {*session.scalars(latest), *session.scalars(with_ledger)}


def delete_reports(session: Session, report_ids: Sequence[str]) -> None:
    """Delete these reports, rows and all; the caller has made sure that nothing rests on them."""
    for start in range(0, len(report_ids), _DELETED_AT_ONCE):
        part = report_ids[start : start + _DELETED_AT_ONCE]
        session.execute(delete(_ReportTable).where(_ReportTable.report_id.in_(part)))


def named_bases(session: Session, phone_id: str | None = None) -> set[int]:
    """Return the numbers of the bases that stored envelopes name: those of one phone, or of all."""
    query = select(func.substr(_ReportTable.envelope, 1, packing.NAMED_WITHIN)).distinct()
    if phone_id is not None:
        query = query.where(_ReportTable.phone_id == phone_id)
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
    query = select(_ReportTable.report_id, _ReportTable.station_id, _ReportTable.counter)
    found = session.execute(query.where(_ReportTable.report_id.in_(report_ids)))
    return {row[0]: (row[1], row[2]) for row in found}


def drop_envelopes(session: Session, report_ids: Collection[str]) -> None:
    """Empty the envelopes of these reports; ids, hashes, counters and verdicts stay."""
    session.execute(update(_ReportTable).where(_ReportTable.report_id.in_(report_ids)).values(envelope=b""))


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
