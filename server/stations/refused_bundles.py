"""Bundles that stations refuse, and why: told by the station itself, in its own signed request.

One row per station, bundle number and code. A station refuses at most one thing at a time, so only the latest it told
can be open; a report judged afterwards, by that bundle or a newer one, settles it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.reports import kept_reports
from server.reports.station_activity import StationActivity, activity_of
from server.stations.stations import find_stations, station_names
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows

SENTENCE_MAX_LENGTH = 300


class _RefusalTable(Base):
    __tablename__ = "refusal"

    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    bundle_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    sentence: Mapped[str] = mapped_column(String(SENTENCE_MAX_LENGTH))
    agent_version: Mapped[str] = mapped_column(String(100))
    judgement_version: Mapped[int] = mapped_column(BigInteger)
    accepted_number: Mapped[int] = mapped_column(BigInteger)
    refused_at: Mapped[datetime] = mapped_column(UtcTime)
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True)
class RefusedBundle:
    """What a station tells when it refuses a bundle.

    ``bundle_number`` is the newest as the server named it, ``accepted_number`` the one in force there (0: none).
    ``refused_at`` is the station's time of the run; reports of the same run carry the very same.
    ``code`` is one of `certs.errors.BundleFault`, or of a newer Curfew than this server.
    """

    bundle_number: int
    code: str
    sentence: str
    agent_version: str
    judgement_version: int
    accepted_number: int
    refused_at: datetime


@dataclass(frozen=True)
class OpenRefusal:
    """A refusal that still stands, with the station's name and the server's times."""

    station_id: str
    station_name: str
    refusal: RefusedBundle
    first_seen_at: datetime
    last_seen_at: datetime


def keep_refusal(session: Session, station_id: str, refusal: RefusedBundle, now: datetime) -> None:
    """Store what a station told; telling it again moves the time it was last seen."""
    find_stations(session, [station_id], lock=True)  # two first tellings at once queue here
    key = (station_id, refusal.bundle_number, refusal.code)
    stored = session.get(_RefusalTable, key)
    if stored is None:
        stored = _RefusalTable(
            station_id=station_id,
            bundle_number=refusal.bundle_number,
            code=refusal.code,
            first_seen_at=now,
        )
        session.add(stored)
    elif _is_settled(stored, activity_of(session, [station_id]).get(station_id)):
        # It was over in between: since when it stands counts anew.
        stored.first_seen_at = now
    stored.sentence = refusal.sentence
    stored.agent_version = refusal.agent_version
    stored.judgement_version = refusal.judgement_version
    stored.accepted_number = refusal.accepted_number
    stored.refused_at = refusal.refused_at
    stored.last_seen_at = now
    session.flush()


def open_refusals(session: Session) -> Sequence[OpenRefusal]:
    """Return what stations in service refuse now, at most one per station, the newest bundle first."""
    refusing = session.scalars(select(_RefusalTable.station_id).distinct()).all()
    standing = _standing_of(session, refusing)
    names = station_names(session, standing)
    found = [_as_open(row, names[row.station_id]) for row in standing.values()]
    return sorted(found, key=lambda one: (-one.refusal.bundle_number, one.refusal.code, one.station_name))


@dataclass(frozen=True)
class WantedRefusals:
    """Which refusals are asked for; None: whichever. ``is_open``: those that still stand, or those that do not."""

    is_open: bool | None = None
    station_id: str | None = None
    bundle_number: int | None = None
    code: str | None = None


@dataclass(frozen=True)
class ListedRefusal:
    """A refusal that was ever told, and whether it still stands."""

    told: OpenRefusal
    is_open: bool


_KEY = (_RefusalTable.station_id, _RefusalTable.bundle_number, _RefusalTable.code)
_BY_TIME = (_RefusalTable.last_seen_at, *_KEY)
REFUSALS_NEWEST, REFUSALS_OLDEST = Order(_BY_TIME, descending=True), Order(_BY_TIME)
"""In which orders refusals can be listed: by when they were told last."""


def list_refusals(
    session: Session, wanted: WantedRefusals, order: Order, after: str, limit: int
) -> RowPiece[ListedRefusal]:
    """Return the refusals behind a place; with ``is_open`` there may be fewer than `limit` before the next place."""
    query = select(_RefusalTable)
    for column, value in zip(_KEY, (wanted.station_id, wanted.bundle_number, wanted.code), strict=True):
        if value is not None:
            query = query.where(column == value)
    found = next_rows(session, query, order, after, limit)
    names = station_names(session, {row.station_id for row in found.rows})
    standing = _standing_of(session, names)
    rows = [
        ListedRefusal(_as_open(row, names[row.station_id]), standing.get(row.station_id) is row)
        for row in found.rows
    ]
    return RowPiece([row for row in rows if wanted.is_open in (None, row.is_open)], found.next)


def _standing_of(session: Session, station_ids: Collection[str]) -> Mapping[str, _RefusalTable]:
    """Return of each of these stations, if it is in service, the refusal that still stands, if one does."""
    newest: dict[str, _RefusalTable] = {}
    query = select(_RefusalTable).where(_RefusalTable.station_id.in_(station_ids))
    # In order of time, so that the latest of each station is what stays.
    for row in session.scalars(query.order_by(_RefusalTable.last_seen_at)):
        newest[row.station_id] = row
    known, activity = find_stations(session, newest), activity_of(session, newest)
    return {
        station_id: row
        for station_id, row in newest.items()
        if not known[station_id].revoked and not _is_settled(row, activity.get(station_id))
    }


def refusals_by_station(session: Session) -> Mapping[str, OpenRefusal]:
    """Return what stations refuse now, by their ids."""
    return {one.station_id: one for one in open_refusals(session)}


def _is_settled(row: _RefusalTable, newest: StationActivity | None) -> bool:
    """Whether the station's newest report is of a later run than the refusal, and judged by that bundle or a newer."""
    # The reports of the refusing run carry the very same time of that station, and a station whose signatures ran out
    # goes on judging by the bundle that it refuses.
    if newest is None or newest.checked_at == row.refused_at:
        return False
    # Neither counts later than it arrived: else a clock that was ahead would keep the refusal open until then.
    later = newest.effective_at > kept_reports.effective(row.refused_at, row.last_seen_at)
    return later and newest.bundle_number >= row.bundle_number


def _as_open(row: _RefusalTable, station_name: str) -> OpenRefusal:
    refusal = RefusedBundle(
        bundle_number=row.bundle_number,
        code=row.code,
        sentence=row.sentence,
        agent_version=row.agent_version,
        judgement_version=row.judgement_version,
        accepted_number=row.accepted_number,
        refused_at=row.refused_at,
    )
    return OpenRefusal(row.station_id, station_name, refusal, row.first_seen_at, row.last_seen_at)
