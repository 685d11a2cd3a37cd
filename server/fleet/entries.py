"""The fleet's index: of each phone the little that lists and counts go by, and how many phones of each kind there are.

Nothing in it changes with the clock. It is kept up in the transaction that registers a phone or stores its check, and
can be made anew from phones and checks at any time (`server.fleet.recounting`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from policy.probe import Reach
from policy.stage import share_of
from server.fleet import ring_tallies
from server.fleet.failures import Failure
from server.fleet.kept_tallies import KeptTallies, Key
from server.fleet.ring_tallies import hour_of
from server.fleet.spans import FRESH_STANDINGS, Span
from server.fleet.standing import GONE, CheckFacts, Standing, Told, fresh_standing, reach_now
from server.storage.database import Base, UtcTime
from server.storage.keyset import Order, RowPiece, next_of_several
from server.storage.prepared import Prepared, among, upsert


class _EntryTable(Base):
    __tablename__ = "fleet_entry"
    # Of every kind those that were not seen for longest come first, without sorting. Units are there to be counted, and
    # what rings ask for: of a ring's phones, few among all, every other would be looked up besides.
    __table_args__ = (
        Index("ix_fleet_entry_kind", "fresh", "has_open", "last_at", "phone_id", "unit", "share", "failure"),
        Index("ix_fleet_entry_share", "share"),
    )

    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    fresh: Mapped[str] = mapped_column(String(20))
    has_open: Mapped[bool]
    reach: Mapped[str] = mapped_column(String(10))
    last_at: Mapped[datetime] = mapped_column(UtcTime)
    # Empty: none.
    failure: Mapped[str] = mapped_column(String(24), server_default="")
    # Of the phone's id (`policy.stage.share_of`): never another.
    share: Mapped[float] = mapped_column(Double, server_default="0")
    # As the phone has it (`server.fleet.phones`).
    unit: Mapped[str] = mapped_column(String(60), server_default="")


class _TallyTable(Base):
    __tablename__ = "fleet_tally"

    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    fresh: Mapped[str] = mapped_column(String(20), primary_key=True)
    has_open: Mapped[bool] = mapped_column(primary_key=True)
    reach: Mapped[str] = mapped_column(String(10), primary_key=True)
    phones: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class Entry:
    """What is kept of one phone. ``last_at`` is when it was seen last: at its latest check, else registered (UTC)."""

    fresh: Standing
    has_open: bool
    reach: Reach
    last_at: datetime
    failure: Failure | None = None
    """Why its latest check did not reach what the policy asks for; None where it did, or there was none."""
    unit: str = ""
    """A label that groups phones, never a person; empty: none."""


class Kind(NamedTuple):
    """What phones are counted by, within one hour of their last sight."""

    fresh: Standing
    has_open: bool
    reach: Reach


class Place(NamedTuple):
    """Where a phone stands within its kind: those not seen for longest first."""

    last_at: datetime
    phone_id: PhoneId


def entry_of(
    told: Told, probed: Reach, unit: str, registered_at: datetime, facts: CheckFacts | None
) -> Entry:
    """Return what is to be kept of a phone; `facts` are those of its latest check, `probed` what provisioning found."""
    if facts is not None:
        return checked_entry(told, probed, unit, facts)
    return Entry(fresh_standing(told, None), False, reach_now(probed, None), registered_at, unit=unit)


def checked_entry(told: Told, probed: Reach, unit: str, facts: CheckFacts) -> Entry:
    """Return what is to be kept of a phone that was checked."""
    fresh = fresh_standing(told, facts)
    reach = reach_now(probed, facts)
    return Entry(fresh, bool(facts.open_entries), reach, facts.effective_at, facts.failure, unit)


# Keeping it up --------------------------------------------------------------------------------------------------

_ENTRIES = cast(Table, _EntryTable.__table__)
_TALLIES = cast(Table, _TallyTable.__table__)
_KEPT = ("phone_id", "fresh", "has_open", "reach", "last_at", "failure", "unit")
_OF_PHONES = Prepared(
    select(*(_ENTRIES.c[name] for name in _KEPT)).where(among(_ENTRIES.c.phone_id, "phone_ids"))
)
_STORE = upsert(_ENTRIES, never_replaced={"share"})
_KEY = (_TALLIES.c.hour, _TALLIES.c.fresh, _TALLIES.c.has_open, _TALLIES.c.reach)
_COUNTS = KeptTallies(_TALLIES)

Bin = tuple[int, Kind]
"""An hour since 1970 and a kind: what one row counts."""


def note_entries(
    session: Session, entries: Mapping[str, Entry], known: Mapping[str, Entry] | None = None
) -> None:
    """Let these be the phones' entries; the caller's transaction holds what they were made of.

    `known` are entries that the caller knows to be kept now, so that only the others are asked for.
    """
    if not entries:
        return
    before = dict(known or {})
    if unknown := entries.keys() - before.keys():
        before |= entries_of(session, unknown)
    changed = {phone_id: entry for phone_id, entry in entries.items() if before.get(phone_id) != entry}
    _STORE.run(session, (_row(phone_id, entry) for phone_id, entry in changed.items()))
    steps: Counter[Bin] = Counter(bin_of(entry) for entry in changed.values())
    steps.subtract(bin_of(before[phone_id]) for phone_id in changed.keys() & before.keys())
    _COUNTS.move(session, _stored(steps))
    # After this transaction has changed the phones: nobody counts rings anew before it ends (`lock_out_writers`).
    if bounds := ring_tallies.kept_bounds(session):
        moved = Counter(_ring_key(bounds, phone_id, entry) for phone_id, entry in changed.items())
        moved.subtract(
            _ring_key(bounds, phone_id, before[phone_id]) for phone_id in changed.keys() & before.keys()
        )
        ring_tallies.move(session, moved)


def _ring_key(bounds: Sequence[float], phone_id: str, entry: Entry) -> Key:
    kind = ring_tallies.Kind(entry.fresh.value, entry.has_open, _stored_failure(entry))
    return ring_tallies.key_of(bounds, phone_id, entry.last_at, kind)


def replace_tallies(session: Session, counted: Mapping[Bin, int]) -> None:
    """Let these be the kept counts."""
    _COUNTS.replace(session, _stored(counted))


def _stored(counted: Mapping[Bin, int]) -> Mapping[Key, int]:
    return {
        (hour, kind.fresh.value, kind.has_open, kind.reach.value): count
        for (hour, kind), count in counted.items()
    }


def bin_of(entry: Entry) -> Bin:
    """Return what a phone is counted among."""
    return hour_of(entry.last_at), Kind(entry.fresh, entry.has_open, entry.reach)


def _row(phone_id: str, entry: Entry) -> dict[str, object]:
    return {
        "phone_id": phone_id,
        "fresh": entry.fresh.value,
        "has_open": entry.has_open,
        "reach": entry.reach.value,
        "last_at": entry.last_at,
        "failure": _stored_failure(entry),
        "share": share_of(cast(PhoneId, phone_id)),
        "unit": entry.unit,
    }


def _stored_failure(entry: Entry) -> str:
    return entry.failure.value if entry.failure else ""


# Asking it ------------------------------------------------------------------------------------------------------


def entries_of(session: Session, phone_ids: Collection[str]) -> dict[str, Entry]:
    """Return the entries of those of `phone_ids` that are registered."""
    found = _OF_PHONES.rows(session, {"phone_ids": phone_ids})
    return {
        row[0]: Entry(Standing(row[1]), row[2], Reach(row[3]), row[4], _failure(row[5]), row[6])
        for row in found
    }


def _failure(stored: str) -> Failure | None:
    return Failure(stored) if stored else None


def gone_phones() -> Select[str]:
    """Return the query for the phones that were handed back or retired."""
    # Written into the statement: it becomes part of prepared ones, which are given their own values alone.
    written = sorted(f"'{fresh.value}'" for fresh in GONE)
    words: list[ColumnElement[str]] = [literal_column(one) for one in written]
    return select(_ENTRIES.c.phone_id).where(_ENTRIES.c.fresh.in_(words))


def count_by_kind(session: Session) -> Mapping[Kind, int]:
    """Return how many phones of each kind there are."""
    by = (_TALLIES.c.fresh, _TALLIES.c.has_open, _TALLIES.c.reach)
    found = session.execute(select(*by, func.sum(_TALLIES.c.phones)).group_by(*by))
    return {Kind(Standing(row[0]), row[1], Reach(row[2])): int(row[3]) for row in found}


def tallies(session: Session) -> Mapping[Bin, int]:
    """Return all kept counts."""
    found = _COUNTS.all(session)
    return {(key[0], Kind(Standing(key[1]), key[2], Reach(key[3]))): count for key, count in found.items()}


def count_seen_before(session: Session, at: datetime) -> Mapping[tuple[Standing, bool], int]:
    """Return how many phones, by fresh standing and whether something is open, were seen last before `at`."""
    by = (_TallyTable.fresh, _TallyTable.has_open)
    whole_hours = (
        select(*by, func.sum(_TallyTable.phones)).where(_TallyTable.hour < hour_of(at)).group_by(*by)
    )
    counts = {(Standing(row[0]), row[1]): int(row[2]) for row in session.execute(whole_hours)}
    # Of the hour that `at` is in, the phones are counted one by one, along the index.
    begun = at.replace(minute=0, second=0, microsecond=0)
    in_hour = select(*by).where(_TallyTable.hour == hour_of(at)).distinct()
    for fresh, has_open in session.execute(in_hour).all():
        span = Span(Standing(fresh), has_open, begun, at)
        found = session.scalars(select(func.count()).select_from(_ENTRIES).where(within(span))).one()
        counts[span.fresh, span.has_open] = counts.get((span.fresh, span.has_open), 0) + found
    return counts


def count_by_unit(session: Session, spans: Sequence[Span]) -> Mapping[str, int]:
    """Return how many phones of each unit lie in these stretches, of which no two share one."""
    counted: Counter[str] = Counter()
    for span in spans:
        of_units = select(_ENTRIES.c.unit, func.count()).where(within(span)).group_by(_ENTRIES.c.unit)
        for unit, found in session.execute(of_units):
            counted[unit] += found
    return counted


def phones_of_unit(session: Session, unit: str, limit: int) -> Sequence[str]:
    """Return the ids of phones of a unit that are with us, no more than `limit`; walks the fleet."""
    query = select(_ENTRIES.c.phone_id).where(
        _ENTRIES.c.unit == unit, _ENTRIES.c.phone_id.not_in(gone_phones())
    )
    return session.scalars(query.limit(limit)).all()


def walk(
    session: Session, span: Span, after: Place | None, step: int, latest_first: bool = False
) -> Iterator[Place]:
    """Yield the phones of a stretch behind a place, those not seen for longest first; `step` are read at a time.

    `latest_first` walks the other way.
    """
    values = {**_values(span), "step": step}
    while True:
        if after is not None:
            values |= {"after_at": after.last_at, "after_id": after.phone_id}
        found = session.execute(_next(frozenset(values), latest_first), values).all()
        for last_at, phone_id in found:
            after = Place(last_at, cast(PhoneId, phone_id))
            yield after
        if len(found) < step:
            return


# By the names of the values that are given: building such a query costs more than running it.
@lru_cache
def _next(given: frozenset[str], latest_first: bool) -> Select[datetime, str]:
    place = (_ENTRIES.c.last_at, _ENTRIES.c.phone_id)
    asked = (name for name in _BOUNDS if name in given)
    bounds = (_BOUNDS[name](bindparam(name, expanding=name == "failures")) for name in asked)
    query = select(*place).where(*bounds)
    if "after_at" in given:
        behind = tuple_(bindparam("after_at", type_=UtcTime), bindparam("after_id", type_=String))
        query = query.where(tuple_(*place) < behind if latest_first else tuple_(*place) > behind)
    by = [column.desc() if latest_first else column for column in place]
    return query.order_by(*by).limit(bindparam("step"))


_BOUNDS: Mapping[str, Callable[[Any], ColumnElement[bool]]] = {
    "fresh": lambda value: _ENTRIES.c.fresh == value,
    "has_open": lambda value: _ENTRIES.c.has_open == value,
    "since": lambda value: _ENTRIES.c.last_at >= value,
    "until": lambda value: _ENTRIES.c.last_at < value,
    "above": lambda value: _ENTRIES.c.share >= value,
    "below": lambda value: _ENTRIES.c.share < value,
    "failures": lambda value: _ENTRIES.c.failure.in_(value),
}
"""What each bound of a stretch asks for, by name."""


def _values(span: Span) -> dict[str, Any]:
    """Return the bounds that a stretch has, by name."""
    failures = span.failures and sorted(one.value if one else "" for one in span.failures)
    bounds = {
        "fresh": span.fresh.value,
        "has_open": span.has_open,
        "since": span.since,
        "until": span.until,
        "above": span.above,
        "below": span.below,
        "failures": failures,
    }
    return {name: value for name, value in bounds.items() if value is not None}


def within(span: Span) -> ColumnElement[bool]:
    """Return the condition that an entry lies in a stretch."""
    return and_(*(_BOUNDS[name](value) for name, value in _values(span).items()))


def longest_unseen(session: Session, kinds: Sequence[Standing]) -> datetime | None:
    """Return when the phone of these fresh standings was seen last that was not seen for longest; None without any."""
    firsts = (
        next(walk(session, Span(fresh, has_open), None, 1), None)
        for fresh in kinds
        for has_open in (False, True)
    )
    return min((place.last_at for place in firsts if place), default=None)


# What is open ---------------------------------------------------------------------------------------------------

# Every value by name: so the index is walked, and not the phones on which nothing is open. A retired phone is not
# waited for; a certificate of the lift still tells that nobody read it back (`server.fleet.lift_certifying`).
_OPEN_FRESH = [fresh.value for fresh in FRESH_STANDINGS if fresh not in GONE]
_OPEN = (_ENTRIES.c.fresh.in_(_OPEN_FRESH), _ENTRIES.c.has_open.is_(True))
_LONGEST_UNSEEN = Order((_EntryTable.last_at, _EntryTable.phone_id))


class OpenCount(NamedTuple):
    """How many phones something of ours was in force on; ``seen_since`` answers for each moment that was asked."""

    fresh: Standing
    reach: Reach
    seen_since: tuple[bool, ...]
    phones: int


def count_open(session: Session, moments: Sequence[datetime]) -> Sequence[OpenCount]:
    """Return the phones on which something of ours was in force, by whether they were seen at each moment or later."""
    hours = sorted({hour_of(at) for at in moments})
    counted: Counter[tuple[Standing, Reach, tuple[bool, ...]]] = Counter()
    by = (_TALLIES.c.hour, _TALLIES.c.fresh, _TALLIES.c.reach)
    kept = session.execute(
        select(*by, _TALLIES.c.phones).where(_TALLIES.c.has_open, _TALLIES.c.fresh.in_(_OPEN_FRESH))
    )
    halved = set()
    for hour, fresh, reach, phones in kept:
        if hour in hours:
            halved.add(hour)
        else:
            counted[Standing(fresh), Reach(reach), tuple(hour > hour_of(at) for at in moments)] += phones
    # Of the hours that the moments are in, the phones are looked at one by one, along the index.
    for hour in halved:
        begin = datetime.fromtimestamp(hour * 3600, UTC)
        within_hour = (_ENTRIES.c.last_at >= begin, _ENTRIES.c.last_at < begin + timedelta(hours=1))
        found = session.execute(
            select(_ENTRIES.c.fresh, _ENTRIES.c.reach, _ENTRIES.c.last_at).where(*_OPEN, *within_hour)
        )
        for fresh, reach, last_at in found:
            counted[Standing(fresh), Reach(reach), tuple(last_at >= at for at in moments)] += 1
    return [OpenCount(*kind, phones) for kind, phones in counted.items()]


def open_seen_since(session: Session, since: datetime, limit: int) -> Mapping[str, Entry]:
    """Return some of the phones on which something of ours was in force when they were seen, then or later."""
    query = select(_EntryTable).where(*_OPEN, _EntryTable.last_at >= since)
    found = session.scalars(query.order_by(_EntryTable.last_at, _EntryTable.phone_id).limit(limit))
    return {
        row.phone_id: Entry(Standing(row.fresh), row.has_open, Reach(row.reach), row.last_at) for row in found
    }


def list_open(session: Session, after: str, limit: int) -> RowPiece[PhoneId]:
    """Return the phones on which something of ours was in force, behind a place, those not seen for longest first."""
    # Kind by kind: together they would be sorted, and not walked.
    by_kind = [within(Span(fresh, has_open=True)) for fresh in FRESH_STANDINGS if fresh not in GONE]
    found = next_of_several(session, by_kind, _LONGEST_UNSEEN, after, limit)
    return RowPiece([PhoneId(row.phone_id) for row in found.rows], found.next)
