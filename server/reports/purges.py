"""Purges that were made: their certificates, and how many reports of each station are gone by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.storage.database import Base

_LEAF_BYTES = 32


class _PurgeTable(Base):
    __tablename__ = "purge"

    # The number of its row in the audit chain.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    certificate: Mapped[bytes] = mapped_column(LargeBinary)
    leaves: Mapped[bytes] = mapped_column(LargeBinary)


class _PurgedTable(Base):
    __tablename__ = "purged_of_station"

    number: Mapped[int] = mapped_column(ForeignKey("purge.number"), primary_key=True)
    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    reports: Mapped[int] = mapped_column(BigInteger)


def keep_purge(
    session: Session, number: int, certificate: bytes, leaves: list[bytes], by_station: Mapping[str, int]
) -> None:
    """Store a purge in the transaction that makes it."""
    session.add(_PurgeTable(number=number, certificate=certificate, leaves=b"".join(sorted(leaves))))
    session.flush()
    session.add_all(
        _PurgedTable(number=number, station_id=station_id, reports=reports)
        for station_id, reports in by_station.items()
    )
    session.flush()


def certificates(session: Session) -> Iterator[tuple[int, bytes, list[bytes]]]:
    """Yield every purge, the oldest first: its number, its signed certificate, and its leaves."""
    for number in session.scalars(select(_PurgeTable.number).order_by(_PurgeTable.number)).all():
        row = session.get_one(_PurgeTable, number)
        leaves = [row.leaves[at : at + _LEAF_BYTES] for at in range(0, len(row.leaves), _LEAF_BYTES)]
        yield number, row.certificate, leaves
        session.expunge(row)


def newest_purge(session: Session) -> tuple[int, bytes] | None:
    """Return the newest purge's number and its signed certificate, None if nothing was ever purged."""
    query = select(_PurgeTable.number, _PurgeTable.certificate).order_by(_PurgeTable.number.desc()).limit(1)
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def purged_of_stations(session: Session) -> dict[str, int]:
    """Return how many reports of each station were purged, of those of which any was."""
    query = select(_PurgedTable.station_id, func.sum(_PurgedTable.reports)).group_by(_PurgedTable.station_id)
    return {station_id: int(reports) for station_id, reports in session.execute(query)}
