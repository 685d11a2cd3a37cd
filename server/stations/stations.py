"""The technicians' computers: enrolled once, known by their key, revoked when lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import uuid4

from sqlalchemy import LargeBinary, String, Table, func, select, update
from sqlalchemy.orm import Mapped, Session, column_property, mapped_column

from certs.errors import KeyUnusable
from certs.keys import key_pem, load_public_key
from server.errors import InConflict, Malformed, NotThere
from server.evidence import alarms
from server.reports.station_activity import StationActivity, activity_of, judging_by
from server.storage.database import Base, UtcTime, stored_by_nobody_else
from server.storage.keyset import Order, RowPiece, next_rows
from server.storage.prepared import Prepared, among

# Verified 1.65 times cheaper than Ed25519, and without holding the interpreter's lock (docs/performance.md 1).
_P256 = "ecdsa-sha2-nistp256"


class _StationTable(Base):
    __tablename__ = "station"

    station_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    public_key_pem: Mapped[bytes] = mapped_column(LargeBinary)
    key_fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    enrolled_at: Mapped[datetime] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    is_revoked: Mapped[bool] = column_property(revoked_at.is_not(None))


@dataclass(frozen=True)
class Station:
    """One enrolled station: whose signature counts, and whether it still does."""

    station_id: str
    name: str
    public_key_pem: bytes
    revoked: bool


@dataclass(frozen=True)
class StationRow:
    """One station as pages show it."""

    station_id: str
    name: str
    key_fingerprint: str
    enrolled_at: datetime
    revoked_at: datetime | None
    last_report_at: datetime | None
    reports: int
    highest_counter: int
    alarms: int
    bundle_number: int
    """By which it judged last; 0 before its first report, and while it had none."""


def add_station(session: Session, name: str, public_key_pem: bytes, now: datetime) -> Station:
    """Store a new station; raises `Malformed` for a key that is not P-256, `InConflict` for one that is known."""
    try:
        key = load_public_key(public_key_pem)
    except KeyUnusable as error:
        raise Malformed("bad_key", str(error), "Send the station's public key in PEM.") from error
    if key.scheme != _P256:
        raise Malformed(
            "bad_key", f"expected a P-256 key, found {key.scheme}", "Make the station's key anew."
        )
    # The id of the key as it was read, not of the text that came: one key in two spellings of PEM is one station.
    if session.scalar(select(_StationTable.station_id).where(_StationTable.key_fingerprint == key.keyid)):
        raise InConflict(
            "key_known",
            "a station with this key is enrolled already",
            "Enrol with a new key: a key is one station.",
        )
    stored = _StationTable(
        station_id=str(uuid4()),
        name=name,
        public_key_pem=key_pem(key),
        key_fingerprint=key.keyid,
        enrolled_at=now,
    )
    session.add(stored)
    with stored_by_nobody_else():
        session.flush()
    return _as_station(stored)


# Made once, and of the table's columns: on the way of every report, building a query costs more than running it.
_STATIONS = cast(Table, _StationTable.__table__)
_BY_ID = (
    select(_STATIONS.c.station_id, _STATIONS.c.name, _STATIONS.c.public_key_pem, _STATIONS.c.revoked_at)
    .where(among(_STATIONS.c.station_id, "station_ids"))
    .order_by(_STATIONS.c.station_id)
)
# Locked in the order of ids: two transactions with the same stations must not wait for each other.
_FIND, _FIND_LOCKED = Prepared(_BY_ID), Prepared(_BY_ID.with_for_update())


def find_stations(
    session: Session, station_ids: Collection[str], lock: bool = False
) -> Mapping[str, Station]:
    """Return those of `station_ids` that are enrolled, by id.

    With `lock`, nobody else can store for them or revoke them until the transaction ends (PostgreSQL; on SQLite a
    writer is alone anyway).
    """
    found = (_FIND_LOCKED if lock else _FIND).rows(session, {"station_ids": station_ids})
    return {row[0]: Station(row[0], row[1], row[2], row[3] is not None) for row in found}


def station_names(session: Session, station_ids: Collection[str]) -> Mapping[str, str]:
    """Return the names of these stations by their ids."""
    return {station_id: station.name for station_id, station in find_stations(session, station_ids).items()}


BY_STATION_ID = Order((_StationTable.station_id,))
BY_NAME = Order((_StationTable.name, _StationTable.station_id))
BY_ENROLMENT = Order((_StationTable.enrolled_at, _StationTable.station_id))
IN_SERVICE_FIRST = Order((_StationTable.is_revoked, _StationTable.name, _StationTable.station_id))
"""In which orders stations can be listed."""


def list_stations(
    session: Session, in_service: bool | None, order: Order, after: str, limit: int, named: str = ""
) -> RowPiece[StationRow]:
    """Return the stations behind a place: those in service, those revoked, or all (None).

    ``named`` is a piece of the name or the beginning of the id, in capitals or not; "": any.
    """
    query = select(_StationTable)
    if named:
        folded = named.lower()
        query = query.where(
            func.lower(_StationTable.name).contains(folded, autoescape=True)
            | _StationTable.station_id.startswith(folded, autoescape=True)
        )
    if in_service is not None:
        revoked_at = _StationTable.revoked_at
        query = query.where(revoked_at.is_(None) if in_service else revoked_at.is_not(None))
    found = next_rows(session, query, order, after, limit)
    return RowPiece(_as_rows(session, found.rows), found.next)


def station_row(session: Session, station_id: str) -> StationRow | None:
    """Return one station as pages show it, or None if there is none of this id."""
    rows = _as_rows(
        session, session.scalars(select(_StationTable).where(_StationTable.station_id == station_id))
    )
    return rows[0] if rows else None


def _as_rows(session: Session, found: Iterable[_StationTable]) -> Sequence[StationRow]:
    stored = list(found)
    shown = [row.station_id for row in stored]
    activity, alarm_counts = activity_of(session, shown), alarms.counts_by_station(session, shown)
    return [_as_row(row, activity.get(row.station_id), alarm_counts.get(row.station_id, 0)) for row in stored]


def count_stations(session: Session) -> int:
    """Return how many stations were ever enrolled."""
    return session.scalars(select(func.count()).select_from(_StationTable)).one()


def count_in_service(session: Session) -> int:
    """Return how many stations are enrolled and not revoked."""
    query = select(func.count()).select_from(_StationTable).where(_StationTable.revoked_at.is_(None))
    return session.scalars(query).one()


def count_judging_by(session: Session, bundle_number: int) -> int:
    """Return how many stations in service judged by this bundle, or a newer one, when they reported last."""
    in_service = session.scalars(select(_StationTable.station_id).where(_StationTable.revoked_at.is_(None)))
    return len(judging_by(session, bundle_number).intersection(in_service))


def revoke_station(session: Session, station_id: str, now: datetime) -> bool:
    """Refuse everything this station sends from now on; False if it was revoked before.

    Raises `NotThere` for an unknown station. The caller writes the audit row in the same transaction.
    """
    # One statement that looks and changes: of two who revoke at once, one is told that it was done before.
    changed = session.execute(
        update(_StationTable)
        .where(_StationTable.station_id == station_id, _StationTable.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(_StationTable.station_id)
    ).one_or_none()
    if changed is None and not find_stations(session, [station_id]):
        raise NotThere(
            "station_unknown",
            f"there is no station {station_id[:40]!r}",
            "The page of stations lists their ids.",
        )
    return changed is not None


def _as_station(row: _StationTable) -> Station:
    return Station(row.station_id, row.name, row.public_key_pem, row.revoked_at is not None)


def _as_row(
    row: _StationTable,
    activity: StationActivity | None,
    alarm_count: int,
) -> StationRow:
    return StationRow(
        station_id=row.station_id,
        name=row.name,
        key_fingerprint=row.key_fingerprint,
        enrolled_at=row.enrolled_at,
        revoked_at=row.revoked_at,
        last_report_at=activity.last_report_at if activity else None,
        reports=activity.reports if activity else 0,
        highest_counter=activity.highest_counter if activity else 0,
        alarms=alarm_count,
        bundle_number=activity.bundle_number if activity else 0,
    )
