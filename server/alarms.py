"""What needs a person: reports that contradict stored ones, kept whole as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.database import Base, UtcTime


class AlarmKind(StrEnum):
    """Why a report was kept apart."""

    CONFLICT = "conflict"
    """A report id came twice with different content."""
    CLONED_STATION = "cloned_station"
    """A station used one counter for two reports: its key is likely in use on two computers."""


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
    detail: Mapped[str] = mapped_column(String(300))
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    settled_by: Mapped[str | None] = mapped_column(String(64))
    settled_reason: Mapped[str | None] = mapped_column(String(300))


@dataclass(frozen=True)
class Alarm:
    """Something that needs a person: a report id or a counter was used twice with different content."""

    kind: AlarmKind
    station_id: str
    phone_id: str
    report_id: str
    raised_at: datetime
    detail: str


def raise_alarm(session: Session, alarm: Alarm, payload_sha256: str, envelope: bytes) -> bool:
    """Keep `envelope` and the alarm about it; False if the same one was raised before."""
    known = session.scalar(
        select(_AlarmTable.id).where(
            _AlarmTable.report_id == alarm.report_id, _AlarmTable.payload_sha256 == payload_sha256
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


def newest_alarms(session: Session, phone_id: str | None = None, limit: int = 50) -> Sequence[Alarm]:
    """Return the newest alarms, of one phone or of all."""
    query = select(_AlarmTable).order_by(_AlarmTable.id.desc()).limit(limit)
    if phone_id is not None:
        query = query.where(_AlarmTable.phone_id == phone_id)
    return [
        Alarm(AlarmKind(row.kind), row.station_id, row.phone_id, row.report_id, row.raised_at, row.detail)
        for row in session.scalars(query)
    ]


def counts_by_station(session: Session) -> Mapping[str, int]:
    """Return how many alarms each station caused."""
    query = select(_AlarmTable.station_id, func.count()).group_by(_AlarmTable.station_id)
    return dict(session.execute(query).all())
