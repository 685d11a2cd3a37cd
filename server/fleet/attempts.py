"""Phones that stations visited in vain, as the stations tell: no checks, and nothing follows from them but the telling.

One row per station and phone. It is over once a check of the phone is newer (docs/decisions/0018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.attempt import Attempt, AttemptCause
from policy.names import PhoneId
from server.fleet import phone_states, phones
from server.fleet.meetings import meetings_among
from server.fleet.standing import CheckFacts
from server.reports.kept_reports import effective
from server.stations.stations import find_stations, station_names
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows

TRANSPORT_MAX_LENGTH = 100


class _AttemptTable(Base):
    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_effective_at", "effective_at", "station_id", "phone_id"),)

    station_id: Mapped[str] = mapped_column(ForeignKey("station.station_id"), primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True, index=True)
    effective_at: Mapped[datetime] = mapped_column(UtcTime)
    since: Mapped[datetime] = mapped_column(UtcTime)
    time_trusted: Mapped[bool]
    transport: Mapped[str] = mapped_column(String(TRANSPORT_MAX_LENGTH))
    cause: Mapped[str] = mapped_column(String(20))


@dataclass(frozen=True)
class RefusedAttempt:
    """An attempt that is not taken, and why: a code for programs, a message for people."""

    phone_id: PhoneId
    code: str
    message: str


@dataclass(frozen=True)
class LastAttempt:
    """The newest visit in vain since a phone's latest check; ``since`` is the first that is known of."""

    station_name: str
    at: datetime
    since: datetime
    time_trusted: bool
    transport: str
    cause: AttemptCause


def keep_attempts(
    session: Session, station_id: str, attempts: Sequence[Attempt], now: datetime
) -> list[RefusedAttempt]:
    """Store what a station tells of phones that it has met; return what is not taken."""
    find_stations(session, [station_id], lock=True)  # two tellings at once queue here
    phone_ids = [attempt.phone_id for attempt in attempts]
    known = phones.agreed_with(session, phone_ids)
    met = meetings_among(session, [(station_id, phone_id) for phone_id in phone_ids])
    checks = phone_states.latest_checks(session, phone_ids)
    refused = []
    for attempt in attempts:
        if attempt.phone_id not in known:
            refused.append(
                RefusedAttempt(attempt.phone_id, "phone_unknown", "this phone is not registered here")
            )
        elif (station_id, attempt.phone_id) not in met:
            message = "this station has not met this phone"
            refused.append(RefusedAttempt(attempt.phone_id, "phone_not_met", message))
        else:
            check = checks.get(attempt.phone_id)
            checked = check.effective_at if check else None
            _keep(session, station_id, attempt, effective(attempt.tried_at, now), checked)
    session.flush()
    return refused


def _keep(
    session: Session, station_id: str, attempt: Attempt, at: datetime, checked: datetime | None
) -> None:
    row = session.get(_AttemptTable, (station_id, attempt.phone_id))
    if row is None:
        row = _AttemptTable(station_id=station_id, phone_id=attempt.phone_id, since=at)
        session.add(row)
    elif at <= row.effective_at:
        # Told before, or another process of the station told a later one first.
        return
    elif checked is not None and row.effective_at <= checked:
        # It was over in between: since when the phone is visited in vain counts anew.
        row.since = at
    row.effective_at = at
    row.time_trusted, row.transport, row.cause = attempt.time_trusted, attempt.transport, attempt.cause.value


def last_attempt(session: Session, phone_id: PhoneId, checked: datetime | None) -> LastAttempt | None:
    """Return the newest visit in vain, if the phone was not checked since; ``checked`` is when it was last."""
    return last_attempts(session, {phone_id: checked}).get(phone_id)


def last_attempts(
    session: Session, checked: Mapping[PhoneId, datetime | None]
) -> Mapping[PhoneId, LastAttempt]:
    """Return the newest visit in vain of each of these phones that was not checked since; by when each was last."""
    query = select(_AttemptTable).where(_AttemptTable.phone_id.in_(checked))
    visits: dict[PhoneId, list[_AttemptTable]] = {}
    for row in session.scalars(query):
        phone_id = PhoneId(row.phone_id)
        at = checked[phone_id]
        if at is None or row.effective_at > at:
            visits.setdefault(phone_id, []).append(row)
    newest = {phone_id: max(rows, key=lambda row: row.effective_at) for phone_id, rows in visits.items()}
    names = station_names(session, {row.station_id for row in newest.values()})
    return {
        phone_id: _told(row, names[row.station_id], _first(visits[phone_id], checked[phone_id]))
        for phone_id, row in newest.items()
    }


def _first(visits: Sequence[_AttemptTable], checked: datetime | None) -> datetime:
    # A check that arrived late may lie between a station's first attempt and its newest.
    return min(row.since if checked is None or row.since > checked else row.effective_at for row in visits)


def _told(row: _AttemptTable, station_name: str, since: datetime) -> LastAttempt:
    return LastAttempt(
        station_name=station_name,
        at=row.effective_at,
        since=since,
        time_trusted=row.time_trusted,
        transport=row.transport,
        cause=AttemptCause(row.cause),
    )


@dataclass(frozen=True)
class WantedAttempts:
    """Which visits in vain are asked for; None: whichever. ``is_open``: the phone was not checked since, or it was."""

    is_open: bool | None = None
    station_id: str | None = None
    phone_id: str | None = None
    cause: AttemptCause | None = None


@dataclass(frozen=True)
class ListedAttempt:
    """The newest visit of one station to one phone that was in vain, and whether the phone was not checked since."""

    station_id: str
    phone_id: str
    told: LastAttempt
    is_open: bool


_BY_TIME = (_AttemptTable.effective_at, _AttemptTable.station_id, _AttemptTable.phone_id)
ATTEMPTS_NEWEST, ATTEMPTS_OLDEST = Order(_BY_TIME, descending=True), Order(_BY_TIME)
"""In which orders visits in vain can be listed."""


def list_attempts(
    session: Session, wanted: WantedAttempts, order: Order, after: str, limit: int
) -> RowPiece[ListedAttempt]:
    """Return the visits behind a place; with ``is_open`` there may be fewer than `limit` before the next place."""
    query = select(_AttemptTable)
    for column, value in (
        (_AttemptTable.station_id, wanted.station_id),
        (_AttemptTable.phone_id, wanted.phone_id),
        (_AttemptTable.cause, wanted.cause and wanted.cause.value),
    ):
        if value is not None:
            query = query.where(column == value)
    found = next_rows(session, query, order, after, limit)
    names = station_names(session, {row.station_id for row in found.rows})
    checks = phone_states.check_facts(session, {row.phone_id for row in found.rows})
    rows = [_listed(row, names[row.station_id], checks.get(row.phone_id)) for row in found.rows]
    return RowPiece([row for row in rows if wanted.is_open in (None, row.is_open)], found.next)


def _listed(row: _AttemptTable, station_name: str, check: CheckFacts | None) -> ListedAttempt:
    is_open = check is None or row.effective_at > check.effective_at
    return ListedAttempt(row.station_id, row.phone_id, _told(row, station_name, row.since), is_open)
