"""What each station has sent so far: kept up as its reports are stored, so that nobody has to walk them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from sqlalchemy import BigInteger, ForeignKey, Table, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.reports.kept_reports import KeptReport, sent_by_stations
from server.storage.database import Base, UtcTime
from server.storage.prepared import Prepared, among, upsert


class _ActivityTable(Base):
    __tablename__ = "station_activity"

    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    reports: Mapped[int] = mapped_column(BigInteger)
    last_report_at: Mapped[datetime] = mapped_column(UtcTime)
    highest_counter: Mapped[int] = mapped_column(BigInteger)
    checked_at: Mapped[datetime] = mapped_column(UtcTime)
    effective_at: Mapped[datetime] = mapped_column(UtcTime)
    bundle_number: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class StationActivity:
    """What one station has sent so far: how many reports, when the last one came, and what its newest one says.

    The newest is the one with the highest counter, so that a late one does not pass for it. Times are in UTC.
    """

    reports: int
    last_report_at: datetime
    highest_counter: int
    checked_at: datetime
    """When the newest check was made by the station's own clock,"""
    effective_at: datetime
    """and as it counts."""
    bundle_number: int
    """By which it judged then; 0 while it had none."""


_ACTIVITIES = cast(Table, _ActivityTable.__table__)
_OF_STATIONS = Prepared(select(_ACTIVITIES).where(among(_ACTIVITIES.c.station_id, "station_ids")))
_STORE = upsert(_ACTIVITIES)


def activity_of(session: Session, station_ids: Collection[str]) -> dict[str, StationActivity]:
    """Return what those of these stations have sent that ever reported, by their ids."""
    found = _OF_STATIONS.rows(session, {"station_ids": station_ids})
    return {row[0]: StationActivity(*row[1:]) for row in found}


def judging_by(session: Session, bundle_number: int) -> set[str]:
    """Return which stations judged by this bundle, or a newer one, when they reported last."""
    query = select(_ACTIVITIES.c.station_id).where(_ACTIVITIES.c.bundle_number >= bundle_number)
    return set(session.scalars(query))


def note_reports(session: Session, kept: Sequence[KeptReport], before: Mapping[str, StationActivity]) -> None:
    """Add reports that were just stored to what their stations have sent; the caller holds the stations' locks."""
    after = dict(before)
    for one in kept:
        after[one.report.station_id] = _with(after.get(one.report.station_id), one)
    changed = {key: activity for key, activity in after.items() if activity != before.get(key)}
    _STORE.run(session, (_columns(station_id, activity) for station_id, activity in changed.items()))


def _with(before: StationActivity | None, kept: KeptReport) -> StationActivity:
    report = kept.report
    if before is not None and report.counter < before.highest_counter:
        last_at = max(before.last_report_at, kept.received_at)
        return replace(before, reports=before.reports + 1, last_report_at=last_at)
    return StationActivity(
        reports=before.reports + 1 if before else 1,
        last_report_at=max(before.last_report_at, kept.received_at) if before else kept.received_at,
        highest_counter=report.counter,
        checked_at=report.checked_at,
        effective_at=kept.effective_at,
        bundle_number=report.bundle_number,
    )


def activity_from_reports(session: Session) -> dict[str, StationActivity]:
    """Return what every station has sent, by a walk over all reports."""
    return {
        sent.station_id: StationActivity(
            sent.reports,
            sent.last_report_at,
            sent.highest_counter,
            sent.newest.checked_at,
            sent.newest.effective_at,
            sent.newest.bundle_number,
        )
        for sent in sent_by_stations(session)
    }


def all_activity(session: Session) -> dict[str, StationActivity]:
    """Return what is kept of every station that ever reported, by its id."""
    return {row[0]: StationActivity(*row[1:]) for row in session.execute(select(_ACTIVITIES))}


def replace_all(session: Session, activities: Mapping[str, StationActivity]) -> None:
    """Let these be what is kept."""
    session.execute(delete(_ACTIVITIES))
    if activities:
        session.execute(insert(_ACTIVITIES), [_columns(*one) for one in activities.items()])


def _columns(station_id: str, activity: StationActivity) -> dict[str, object]:
    return {"station_id": station_id, **vars(activity)}
