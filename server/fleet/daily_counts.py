"""How many phones stood how on each day: kept as each day (UTC) was first looked at, and never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Date, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.fleet.counts import fleet_counts
from server.fleet.standing import Standing
from server.policies.bundles import situation
from server.storage.database import Base, Database
from server.storage.prepared import Prepared

DayCounts = Mapping[Standing, int]
"""How many phones stood how on one day; every standing is a key."""


class _DailyCountTable(Base):
    __tablename__ = "daily_count"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    standing: Mapped[str] = mapped_column(String(20), primary_key=True)
    phones: Mapped[int] = mapped_column(BigInteger)


_COUNTS = cast(Table, _DailyCountTable.__table__)


def _adding(dialect: Any) -> Any:
    # Of two servers at the turn of a day the first counts; the second waits for it, and finds all rows there.
    return dialect.insert(_COUNTS).on_conflict_do_nothing(index_elements=_COUNTS.primary_key.columns)


_ADD = Prepared({"sqlite": _adding(sqlite), "postgresql": _adding(postgresql)})


def day_of(now: datetime) -> date:
    """Return the day, in UTC, that a moment is counted under."""
    return now.astimezone(UTC).date()


def keep_daily_count(database: Database, now: datetime) -> None:
    """Keep how many phones stand how, unless this day's count is kept already."""
    # Looked at without a lock: nearly always it is there.
    with database.reading() as session:
        if _is_kept(session, day_of(now)):
            return
    with database.writing() as session:
        note_daily_count(session, now)


def note_daily_count(session: Session, now: datetime) -> None:
    """Let the day's count be how phones stand now, unless it is kept already."""
    counts = fleet_counts(session, situation(session, now))
    # All standings, the empty ones too, and in one order: whoever comes second waits at the first row.
    _ADD.run(
        session,
        [
            {"day": day_of(now), "standing": standing.value, "phones": counts.by_standing[standing]}
            for standing in Standing
        ],
    )


def _is_kept(session: Session, day: date) -> bool:
    return session.scalar(select(_COUNTS.c.day).where(_COUNTS.c.day == day).limit(1)) is not None


def daily_counts(session: Session, first: date, last: date) -> Mapping[date, DayCounts]:
    """Return the counts of the days from `first` to `last` that were kept; a day without one is left out."""
    found: dict[date, dict[Standing, int]] = {}
    query = select(_COUNTS).where(_COUNTS.c.day >= first, _COUNTS.c.day <= last).order_by(_COUNTS.c.day)
    for day, standing, phones in session.execute(query):
        found.setdefault(day, dict.fromkeys(Standing, 0))[Standing(standing)] = phones
    return found
