"""Which stations have met which phones: only on these may a station report (docs/decisions/0016).

A station meets a phone by registering it, or by telling the marker that only the phone shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import ForeignKey, Table, bindparam, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.storage.database import Base, UtcTime, stored_by_nobody_else


class _MeetingTable(Base):
    __tablename__ = "meeting"

    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    met_at: Mapped[datetime] = mapped_column(UtcTime)


Pair = tuple[str, str]
"""A station's id and a phone's."""

# Made once, and of the table's columns: on the way of every report, building a query costs more than running it.
_MEETINGS = cast(Table, _MeetingTable.__table__)
_AMONG = select(_MEETINGS.c.station_id, _MEETINGS.c.phone_id).where(
    _MEETINGS.c.station_id.in_(bindparam("station_ids", expanding=True)),
    _MEETINGS.c.phone_id.in_(bindparam("phone_ids", expanding=True)),
)


def meetings_among(session: Session, station_ids: Collection[str], phone_ids: Collection[str]) -> set[Pair]:
    """Return which of these stations have met which of these phones."""
    found = session.execute(_AMONG, {"station_ids": list(station_ids), "phone_ids": list(phone_ids)})
    return {(row[0], row[1]) for row in found}


def has_met(session: Session, station_id: str, phone_id: str) -> bool:
    """Whether this station has met this phone."""
    return bool(meetings_among(session, [station_id], [phone_id]))


def meet(session: Session, station_id: str, phone_id: str, now: datetime) -> None:
    """Remember for good that a station has met a phone, if it had not before."""
    if not has_met(session, station_id, phone_id):
        with stored_by_nobody_else():
            note_meetings(session, {(station_id, phone_id): now})


def note_meetings(session: Session, met: Mapping[Pair, datetime]) -> None:
    """Remember these meetings and since when; the caller has seen that there were none."""
    if met:
        rows = [{"station_id": pair[0], "phone_id": pair[1], "met_at": at} for pair, at in met.items()]
        session.execute(insert(_MEETINGS), rows)
