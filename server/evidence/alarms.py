"""What needs a person: reports that cannot be right, kept whole as evidence, trouble of the audit chain, a held ring.

An alarm is open until somebody settles it. Reports raise one each; trouble of the chain raises one per cause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import ColumnElement, Index, LargeBinary, String, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.errors import NotThere
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows

_DETAIL_MAX_LENGTH = 300
_log = structlog.get_logger()


class AlarmKind(StrEnum):
    """What happened: to a report, which was kept apart, refused or unexpected, to the audit chain, or to a ring."""

    CONFLICT = "conflict"
    """A report id came twice with different content."""
    CLONED_STATION = "cloned_station"
    """A station used one counter for two reports: its key is likely in use on two computers."""
    AUDIT_CHAIN_BROKEN = "audit_broken"
    """A row of the audit chain is missing, or is not as it was written."""
    AUDIT_HEAD_UNKNOWN = "audit_head_unknown"
    """A signed head that a station keeps does not stand in the audit chain: its past was cut or rewritten."""
    AUDIT_HEAD_MISSING = "audit_head_missing"
    """The row that names the newest row of the audit chain was taken away."""
    UNMET_PHONE = "unmet_phone"
    """A station reported on a phone that it has not met."""
    RETIRED_PHONE = "retired_phone"
    """A phone that an admin had retired as lost, stolen or broken was checked again."""
    RING_HELD = "ring_held"
    """A ring failed on too many of its phones, so the next is held."""

    @property
    def is_about_report(self) -> bool:
        """Whether it tells of a report, which is kept with it."""
        return not self.is_about_chain and self is not AlarmKind.RING_HELD

    @property
    def is_about_chain(self) -> bool:
        """Whether it tells of the audit chain; then there is no report and no phone."""
        return self in (
            AlarmKind.AUDIT_CHAIN_BROKEN,
            AlarmKind.AUDIT_HEAD_UNKNOWN,
            AlarmKind.AUDIT_HEAD_MISSING,
        )


class _AlarmTable(Base):
    __tablename__ = "alarm"
    __table_args__ = (
        # While an alarm is open, the same content raises no second one.
        Index(
            "ix_alarm_open",
            "report_id",
            "payload_sha256",
            unique=True,
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    station_id: Mapped[str] = mapped_column(String(36), index=True)
    phone_id: Mapped[str] = mapped_column(String(36), index=True)
    report_id: Mapped[str] = mapped_column(String(100))
    payload_sha256: Mapped[str] = mapped_column(String(64))
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    raised_at: Mapped[datetime] = mapped_column(UtcTime)
    detail: Mapped[str] = mapped_column(String(_DETAIL_MAX_LENGTH))
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    settled_by: Mapped[str | None] = mapped_column(String(64))
    settled_reason: Mapped[str | None] = mapped_column(String(300))


@dataclass(frozen=True)
class Settlement:
    """Who looked into an alarm, when, and what they found."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Alarm:
    """Something that needs a person.

    Trouble of the audit chain has no phone and no report (both empty), and a station only where one has told of it.
    ``number`` is 0 before it is stored, ``settled`` None while nobody has looked into it.
    """

    kind: AlarmKind
    station_id: str
    phone_id: str
    report_id: str
    raised_at: datetime
    detail: str
    number: int = 0
    settled: Settlement | None = None


@dataclass(frozen=True)
class Cause:
    """What a person has to look into once: the open alarms of one kind that one station raised.

    ``alarms`` are the newest of them, the newest first; ``count`` and ``first_raised_at`` are of all.
    """

    kind: AlarmKind
    station_id: str
    alarms: tuple[Alarm, ...]
    count: int
    first_raised_at: datetime


@dataclass(frozen=True)
class AlarmCounts:
    """How many alarms wait for a person, and how many were settled."""

    open: int
    settled: int


def open_causes(session: Session, limit: int, each: int) -> Sequence[Cause]:
    """Return what open alarms likely come from, that of the newest alarm first, each with the newest of its alarms.

    A copied folder spoils a report at each check of each phone: one cause, and any number of alarms.
    """
    cause = (_AlarmTable.kind, _AlarmTable.station_id)
    query = select(*cause, func.count(), func.min(_AlarmTable.raised_at)).where(_OPEN).group_by(*cause)
    newest_first = query.order_by(func.max(_AlarmTable.id).desc()).limit(limit)
    return [
        Cause(AlarmKind(kind), station_id, _newest_of_cause(session, kind, station_id, each), count, first)
        for kind, station_id, count, first in session.execute(newest_first).all()
    ]


def _newest_of_cause(session: Session, kind: str, station_id: str, limit: int) -> tuple[Alarm, ...]:
    of_cause = _OPEN & (_AlarmTable.kind == kind) & (_AlarmTable.station_id == station_id)
    return tuple(_newest(session, of_cause, None, limit))


def raise_alarm(session: Session, alarm: Alarm, payload_sha256: str, envelope: bytes) -> bool:
    """Keep `envelope` and the alarm about it; False if the same one is open already.

    After it was settled, the same content coming in again is a new occurrence and a new alarm.
    """
    # Nobody raises the same one meanwhile: the caller holds the lock of the station that the payload names.
    known = session.scalar(
        select(_AlarmTable.id).where(
            _AlarmTable.report_id == alarm.report_id,
            _AlarmTable.payload_sha256 == payload_sha256,
            _OPEN,
        )
    )
    if known is not None:
        return False
    session.add(
        _AlarmTable(
            kind=alarm.kind.value,
            station_id=alarm.station_id,
            phone_id=alarm.phone_id,
            report_id=alarm.report_id,
            payload_sha256=payload_sha256,
            envelope=envelope,
            raised_at=alarm.raised_at,
            detail=alarm.detail,
        )
    )
    session.flush()
    return True


def raise_chain_alarm(
    session: Session,
    kind: AlarmKind,
    detail: str,
    now: datetime,
    station_id: str = "",
    evidence: bytes = b"",
) -> bool:
    """Raise an alarm about the audit chain; False if one of this kind and station is open, or was settled as known.

    What was written or cut stays so: once a person has settled it, finding the very same again is no news. A head that
    is missing again was taken away again.
    """
    detail = detail[:_DETAIL_MAX_LENGTH]
    of_cause = (_AlarmTable.kind == kind.value, _AlarmTable.station_id == station_id)
    known = _OPEN if kind is AlarmKind.AUDIT_HEAD_MISSING else _OPEN | (_AlarmTable.detail == detail)
    if session.scalar(select(_AlarmTable.id).where(*of_cause, known).limit(1)) is not None:
        return False
    raised = _AlarmTable(
        kind=kind.value,
        station_id=station_id,
        phone_id="",
        report_id="",
        # Of the cause: the index lets one of it be open, though two find it at the same moment.
        payload_sha256=hashlib.sha256(f"{kind.value} {station_id}".encode()).hexdigest(),
        envelope=evidence,
        raised_at=now,
        detail=detail,
    )
    try:
        with session.begin_nested():
            session.add(raised)
    except IntegrityError:
        return False
    _log.error("alarm", kind=kind.value, station=station_id, detail=detail)
    return True


def raise_ring_alarm(session: Session, bundle_number: int, ring: int, detail: str, now: datetime) -> None:
    """Raise the alarm that a ring of a bundle was held by the stop rule, which holds each once."""
    session.add(
        _AlarmTable(
            kind=AlarmKind.RING_HELD.value,
            station_id="",
            phone_id="",
            report_id="",
            payload_sha256=hashlib.sha256(f"ring_held {bundle_number} {ring}".encode()).hexdigest(),
            envelope=b"",
            raised_at=now,
            detail=detail[:_DETAIL_MAX_LENGTH],
        )
    )
    session.flush()
    _log.error("alarm", kind=AlarmKind.RING_HELD.value, detail=detail)


def is_raised(session: Session, kind: AlarmKind, station_id: str, phone_id: str) -> bool:
    """Whether an alarm of that kind is open that this station raised about this phone."""
    query = select(_AlarmTable.id).where(
        _OPEN,
        _AlarmTable.kind == kind.value,
        _AlarmTable.station_id == station_id,
        _AlarmTable.phone_id == phone_id,
    )
    return session.scalar(query.limit(1)) is not None


def settle_alarm(session: Session, number: int, settlement: Settlement) -> Alarm | None:
    """Settle an alarm and return it as it is now, or None if it was settled before; then nothing has changed.

    Raises `NotThere` for an unknown number. The caller writes the audit row in the same transaction.
    """
    # Locked, so that of two people who settle it at once the second is told that it was settled before.
    stored = session.get(_AlarmTable, number, with_for_update=True)
    if stored is None:
        raise NotThere("alarm_unknown", f"There is no alarm {number}.", "Choose one from the list of alarms.")
    if stored.settled_at is not None:
        return None
    stored.settled_at, stored.settled_by = settlement.at, settlement.by
    stored.settled_reason = settlement.reason
    session.flush()
    return _as_alarm(stored)


def settle_cause(
    session: Session, kind: AlarmKind, station_id: str, newest: int, settlement: Settlement
) -> Sequence[Alarm]:
    """Settle the open alarms of one kind that one station raised, up to the number `newest`, and return them.

    What was raised since a person looked is not settled with the rest. The caller writes the audit rows in the same
    transaction.
    """
    query = select(_AlarmTable.id).where(
        _OPEN,
        _AlarmTable.kind == kind.value,
        _AlarmTable.station_id == station_id,
        _AlarmTable.id <= newest,
    )
    settled = (
        settle_alarm(session, number, settlement)
        for number in session.scalars(query.order_by(_AlarmTable.id)).all()
    )
    return [alarm for alarm in settled if alarm is not None]


def open_alarms(session: Session, phone_id: str | None = None, limit: int = 50) -> Sequence[Alarm]:
    """Return the newest alarms that wait for a person, of one phone or of all."""
    return _newest(session, _OPEN, phone_id, limit)


def settled_alarms(session: Session, phone_id: str | None = None, limit: int = 50) -> Sequence[Alarm]:
    """Return the newest alarms that a person has settled, of one phone or of all."""
    return _newest(session, ~_OPEN, phone_id, limit)


@dataclass(frozen=True)
class WantedAlarms:
    """Which alarms are asked for; None: whichever."""

    is_open: bool | None = None
    kind: AlarmKind | None = None
    station_id: str | None = None
    phone_id: str | None = None


_BY_NUMBER = (_AlarmTable.id,)
ALARMS_NEWEST, ALARMS_OLDEST = Order(_BY_NUMBER, descending=True), Order(_BY_NUMBER)
"""In which orders alarms can be listed."""


def list_alarms(
    session: Session, wanted: WantedAlarms, order: Order, after: str, limit: int
) -> RowPiece[Alarm]:
    """Return the alarms behind a place, settled or not."""
    query = select(_AlarmTable)
    if wanted.is_open is not None:
        query = query.where(_OPEN if wanted.is_open else ~_OPEN)
    if wanted.kind is not None:
        query = query.where(_AlarmTable.kind == wanted.kind.value)
    for column, value in (
        (_AlarmTable.station_id, wanted.station_id),
        (_AlarmTable.phone_id, wanted.phone_id),
    ):
        if value is not None:
            query = query.where(column == value)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([_as_alarm(row) for row in found.rows], found.next)


def open_counts(session: Session) -> Mapping[AlarmKind, int]:
    """Return how many alarms of each kind wait for a person."""
    query = select(_AlarmTable.kind, func.count()).where(_OPEN).group_by(_AlarmTable.kind)
    counted = dict(session.execute(query).all())
    return {kind: counted.get(kind.value, 0) for kind in AlarmKind}


def counts_of_phone(session: Session, phone_id: str) -> AlarmCounts:
    """Return how many alarms are about a phone."""
    query = select(_OPEN, func.count()).where(_AlarmTable.phone_id == phone_id).group_by(_OPEN)
    counted = dict(session.execute(query).all())
    return AlarmCounts(open=counted.get(True, 0), settled=counted.get(False, 0))


def alarmed_envelopes(session: Session) -> Sequence[bytes]:
    """Return the envelopes of the reports that alarms are about, settled or not."""
    of_reports = [kind.value for kind in AlarmKind if kind.is_about_report]
    return session.scalars(select(_AlarmTable.envelope).where(_AlarmTable.kind.in_(of_reports))).all()


def open_alarmed_envelopes(session: Session) -> Sequence[tuple[str, bytes]]:
    """Return phone and envelope of each report that an open alarm is about."""
    of_reports = [kind.value for kind in AlarmKind if kind.is_about_report]
    query = select(_AlarmTable.phone_id, _AlarmTable.envelope).where(_OPEN, _AlarmTable.kind.in_(of_reports))
    return [(phone_id, envelope) for phone_id, envelope in session.execute(query)]


def counts_by_station(session: Session, station_ids: Collection[str]) -> Mapping[str, int]:
    """Return how many open alarms each of these stations caused, if any."""
    caused = _AlarmTable.station_id.in_(station_ids)
    query = select(_AlarmTable.station_id, func.count()).where(_OPEN, caused).group_by(_AlarmTable.station_id)
    return dict(session.execute(query).all())


_OPEN = _AlarmTable.settled_at.is_(None)


def _newest(
    session: Session, which: ColumnElement[bool], phone_id: str | None, limit: int
) -> Sequence[Alarm]:
    query = select(_AlarmTable).where(which).order_by(_AlarmTable.id.desc()).limit(limit)
    if phone_id is not None:
        query = query.where(_AlarmTable.phone_id == phone_id)
    return [_as_alarm(row) for row in session.scalars(query)]


def _as_alarm(row: _AlarmTable) -> Alarm:
    settled = None
    if row.settled_at is not None:
        settled = Settlement(row.settled_by or "", row.settled_at, row.settled_reason or "")
    return Alarm(
        kind=AlarmKind(row.kind),
        station_id=row.station_id,
        phone_id=row.phone_id,
        report_id=row.report_id,
        raised_at=row.raised_at,
        detail=row.detail,
        number=row.id,
        settled=settled,
    )
