"""Which stations have met which phones: only on these may a station report (docs/decisions/0016).

A station meets a phone by registering it, or by telling the marker that only the phone shows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import ForeignKey, Table, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.storage.database import Base, UtcTime, stored_by_nobody_else
from server.storage.prepared import Prepared, pairs_among


class _MeetingTable(Base):
    __tablename__ = "meeting"

    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    met_at: Mapped[datetime] = mapped_column(UtcTime)


Pair = tuple[str, str]
"""A station's id and a phone's."""

# Made once, and of the table's columns: on the way of every report, building a query costs more than running it.
_MEETINGS = cast(Table, _MeetingTable.__table__)
_AMONG = Prepared(pairs_among(_MEETINGS.c.station_id, _MEETINGS.c.phone_id, "pairs"))
_INSERT = Prepared(insert(_MEETINGS))


def meetings_among(session: Session, pairs: Collection[Pair]) -> set[Pair]:
    """Return which of these pairs have met."""
    found = _AMONG.rows(session, {"pairs": pairs})
    return {(row[0], row[1]) for row in found}


def has_met(session: Session, station_id: str, phone_id: str) -> bool:
    """Whether this station has met this phone."""
    return bool(meetings_among(session, [(station_id, phone_id)]))


def meet(session: Session, station_id: str, phone_id: str, now: datetime) -> None:
    """Remember for good that a station has met a phone, if it had not before."""
    if not has_met(session, station_id, phone_id):
        with stored_by_nobody_else():
            note_meetings(session, {(station_id, phone_id): now})


def note_meetings(session: Session, met: Mapping[Pair, datetime]) -> None:
    """Remember these meetings and since when; the caller has seen that there were none."""
    _INSERT.run(
        session, ({"station_id": pair[0], "phone_id": pair[1], "met_at": at} for pair, at in met.items())
    )
