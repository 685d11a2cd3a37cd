"""How many phones of each ring stand how, kept for the shares that the rings of the policy in force end at.

A ring is a stretch of the stable hash of phones' ids, and whether a check counts for it depends on the clock. What does
not: of each stretch how many phones there are of each kind for each hour of last sight, as in `fleet_tally` (decision
0017). Which stretches is kept beside them: by it the transaction that stores a check knows what to count, and a reader
whether what is kept is what they ask for. Where it is not, since a policy with other rings was published a moment ago,
every phone is walked, until `keep_for` has counted anew (decision 0034).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    Double,
    Select,
    String,
    Table,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from policy.stage import share_of
from server.fleet.kept_tallies import KeptTallies, Key
from server.storage.database import Base
from server.storage.prepared import Prepared, among


class _BoundTable(Base):
    __tablename__ = "ring_bound"

    below: Mapped[float] = mapped_column(Double, primary_key=True)


class _TallyTable(Base):
    __tablename__ = "ring_tally"

    below: Mapped[float] = mapped_column(Double, primary_key=True)
    """Which stretch: that of the shares from the bound before up to this one."""
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    fresh: Mapped[str] = mapped_column(String(20), primary_key=True)
    has_open: Mapped[bool] = mapped_column(primary_key=True)
    failure: Mapped[str] = mapped_column(String(24), primary_key=True)
    phones: Mapped[int] = mapped_column(BigInteger)


class Kind(NamedTuple):
    """What phones of a stretch are told apart by, as it is stored: ``failure`` is empty where there is none."""

    fresh: str
    has_open: bool
    failure: str


class Stretch(NamedTuple):
    """Whom a ring has, and since when they have to have been seen (UTC)."""

    above: float
    below: float
    since: datetime


class StretchCount(NamedTuple):
    """How many phones of one kind the stretch that ends at ``below`` has that were seen since, or were not."""

    below: float
    kind: Kind
    is_heard: bool
    phones: int


_BOUNDS = cast(Table, _BoundTable.__table__)
_TALLIES = cast(Table, _TallyTable.__table__)
_KEPT = KeptTallies(_TALLIES)
# Every check that is stored asks.
_KEPT_BOUNDS = Prepared(select(_BOUNDS.c.below).order_by(_BOUNDS.c.below))
_HOURS = {
    "sqlite": "CAST(strftime('%s', last_at) AS INTEGER) / 3600",
    "postgresql": "CAST(FLOOR(EXTRACT(EPOCH FROM last_at) / 3600) AS BIGINT)",
}


def _entries() -> Table:
    # By its name: the module that declares it counts by this one.
    return Base.metadata.tables["fleet_entry"]


# Keeping it up --------------------------------------------------------------------------------------------------


def kept_bounds(session: Session) -> Sequence[float]:
    """Return where the stretches end for which there are counts, the lowest first; none where nothing is kept."""
    return [row[0] for row in _KEPT_BOUNDS.rows(session)]


def key_of(bounds: Sequence[float], phone_id: str, last_at: datetime, kind: Kind) -> Key:
    """Return what a phone is counted under."""
    return (bounds[bisect_right(bounds, share_of(PhoneId(phone_id)))], hour_of(last_at), *kind)


def hour_of(at: datetime) -> int:
    """Return the hour since 1970 that a moment is in."""
    return int(at.timestamp()) // 3600


def move(session: Session, steps: Mapping[Key, int]) -> None:
    """Add to the counts, or take from them."""
    _KEPT.move(session, steps)


def keep_for(session: Session, bounds: Sequence[float]) -> None:
    """Count every phone anew, for stretches that end at these bounds; whoever writes has locked out the others."""
    session.execute(delete(_BOUNDS))
    session.execute(delete(_TALLIES))
    if bounds:
        session.execute(insert(_BOUNDS), [{"below": below} for below in bounds])
        session.execute(insert(_TALLIES).from_select([*_TALLIES.c.keys()], _every_phone(session, bounds)))


def count_faults(session: Session) -> tuple[int, int]:
    """Return how many of the kept counts differ from what the phones' entries say, and how many are kept."""
    bounds, kept = kept_bounds(session), _KEPT.all(session)
    right = (
        {tuple(row[:-1]): row[-1] for row in session.execute(_every_phone(session, bounds))} if bounds else {}
    )
    return sum(kept.get(key) != right.get(key) for key in kept.keys() | right.keys()), len(kept)


def _every_phone(session: Session, bounds: Sequence[float]) -> Select[Any]:
    entry = _entries()
    hour: Any = literal_column(_HOURS[session.get_bind().dialect.name], BigInteger)
    by = (_stretch(entry, bounds), hour, entry.c.fresh, entry.c.has_open, entry.c.failure)
    return _by(by, func.count())


def _stretch(entry: Table, bounds: Sequence[float]) -> Any:
    # The last bound is exactly 1, and every phone's share is below it.
    below = [(entry.c.share < bound, literal(bound, Double)) for bound in bounds[:-1]]
    last = literal(bounds[-1], Double)
    return case(*below, else_=last) if below else last


def _by(columns: Sequence[Any], phones: Any) -> Select[Any]:
    # Grouped by name: PostgreSQL takes the same bound values twice for two expressions.
    labelled = [column.label(f"by_{place}") for place, column in enumerate(columns)]
    return select(*labelled, phones).group_by(*(one.name for one in labelled))


# Asking it ------------------------------------------------------------------------------------------------------


def count_heard(session: Session, stretches: Sequence[Stretch]) -> Iterator[StretchCount]:
    """Yield how many phones of each kind the stretches have; they follow each other, and the last ends at 1."""
    if kept_bounds(session) == [one.below for one in stretches]:
        return _from_kept(session, stretches)
    return _walked(session, stretches)


class ListedCount(NamedTuple):
    """How many of some phones are of one kind and of the stretch that ends at ``below``."""

    below: float
    kind: Kind
    is_heard: bool
    """Since when their stretch asks."""
    is_heard_as_listed: bool
    phones: int


def count_listed(
    session: Session, stretches: Sequence[Stretch], phone_ids: Collection[PhoneId], since: datetime
) -> Iterator[ListedCount]:
    """Yield how these phones are counted by `count_heard`, and whether they were seen `since`; looks at each."""
    entry = _entries()
    heard = case((entry.c.last_at >= since, true()), else_=false())
    query = _by((*_of_each(entry, stretches), heard), func.count()).where(
        among(entry.c.phone_id, "phone_ids")
    )
    for below, fresh, has_open, failure, is_heard, as_listed, phones in session.execute(
        query, {"phone_ids": list(phone_ids)}
    ):
        kind = Kind(fresh, has_open, failure)
        yield ListedCount(below, kind, bool(is_heard), bool(as_listed), int(phones))


def _from_kept(session: Session, stretches: Sequence[Stretch]) -> Iterator[StretchCount]:
    heard = case(
        *((_TALLIES.c.below == one.below, _TALLIES.c.hour >= hour_of(one.since)) for one in stretches)
    )
    by = (_TALLIES.c.below, _TALLIES.c.fresh, _TALLIES.c.has_open, _TALLIES.c.failure, heard)
    query = _by(by, func.sum(_TALLIES.c.phones))
    counted: Counter[tuple[float, Kind, bool]] = Counter()
    for below, fresh, has_open, failure, is_heard, phones in session.execute(query):
        counted[below, Kind(fresh, has_open, failure), bool(is_heard)] += int(phones)
    for below, kind, phones in _too_early(session, stretches):
        counted[below, kind, True] -= phones
        counted[below, kind, False] += phones
    for (below, kind, is_heard), phones in counted.items():
        yield StretchCount(below, kind, is_heard, phones)


def _too_early(session: Session, stretches: Sequence[Stretch]) -> Iterator[tuple[float, Kind, int]]:
    """Yield the phones that were seen in the hour from which on a stretch counts, but before that moment."""
    entry, bounds = _entries(), [one.below for one in stretches]
    for since in sorted({one.since for one in stretches}):
        begun = since.replace(minute=0, second=0, microsecond=0)
        kinds = session.execute(
            select(_TALLIES.c.fresh, _TALLIES.c.has_open).where(_TALLIES.c.hour == hour_of(since)).distinct()
        ).all()
        if begun == since or not kinds:
            continue
        by = (_stretch(entry, bounds), entry.c.fresh, entry.c.has_open, entry.c.failure)
        # Kinds by name: so the index of kinds is walked, and of it that hour only.
        query = _by(by, func.count()).where(
            entry.c.fresh.in_({fresh for fresh, _ in kinds}),
            entry.c.has_open.in_({has_open for _, has_open in kinds}),
            entry.c.last_at >= begun,
            entry.c.last_at < since,
        )
        wanted = {one.below for one in stretches if one.since == since}
        for below, fresh, has_open, failure, phones in session.execute(query):
            if below in wanted:
                yield below, Kind(fresh, has_open, failure), int(phones)


def _walked(session: Session, stretches: Sequence[Stretch]) -> Iterator[StretchCount]:
    query = _by(_of_each(_entries(), stretches), func.count())
    for below, fresh, has_open, failure, is_heard, phones in session.execute(query):
        yield StretchCount(below, Kind(fresh, has_open, failure), bool(is_heard), int(phones))


def _of_each(entry: Table, stretches: Sequence[Stretch]) -> Sequence[Any]:
    heard = [(entry.c.share < one.below, entry.c.last_at >= one.since) for one in stretches]
    stretch = _stretch(entry, [one.below for one in stretches])
    return stretch, entry.c.fresh, entry.c.has_open, entry.c.failure, case(*heard, else_=false())
