"""A fleet of a million made of a smaller one: copies of its phones under other ids, in a tenth of what seeding takes.

Every copy of a phone was seen a while before the one it was copied from, so that a million phones lie over as many
hours as they would by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from policy.names import PhoneId
from policy.stage import share_of
from server.fleet import entries
from server.fleet.search import folded
from server.storage.database import Base, Database

_AT_ONCE = 10_000
_COPIED = (
    "station",
    "station_activity",
    "phone",
    "phone_names",
    "report",
    "phone_state",
    "fleet_entry",
    "phone_turn",
)
"""In the order in which one refers to another."""
_OLD = timedelta(days=7)
_SPREAD_S = 86_400
Row = dict[str, Any]


def copy_fleet(database: Database, times: int, now: datetime) -> None:
    """Add `times` copies of every phone and station that the database has, and count them."""
    with database.reading() as session:
        known = {name: _all(session, name) for name in _COPIED}
    for number in range(1, times + 1):
        make = _Copy(number, now)
        with database.writing() as session:
            for name in _COPIED:
                for part in _parts(known[name]):
                    session.execute(insert(_table(name)), [make.of(row) for row in part])
    with database.writing() as session:
        entries.replace_tallies(session, Counter(_bins(session)))


def _all(session: Session, name: str) -> Sequence[Row]:
    return [dict(row) for row in session.execute(select(_table(name))).mappings()]


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _bins(session: Session) -> Iterator[entries.Bin]:
    # By ids in order, a piece at a time: a million entries at once would take a gigabyte.
    phone, after = _table("fleet_entry"), ""
    of_phones = select(phone.c.phone_id).order_by(phone.c.phone_id).limit(_AT_ONCE)
    while phone_ids := list(session.scalars(of_phones.where(phone.c.phone_id > after))):
        yield from map(entries.bin_of, entries.entries_of(session, phone_ids).values())
        after = phone_ids[-1]


class _Copy:
    """What rows become in one copy of the fleet."""

    def __init__(self, number: int, now: datetime) -> None:
        self._number = number
        self._old = now - _OLD
        self._ids: dict[str, str] = {}
        self._made: Mapping[str, Callable[[Row], Any]] = {
            "station_id": lambda row: self._id(row["station_id"]),
            "phone_id": lambda row: self._id(row["phone_id"]),
            "report_id": lambda row: f"{row['report_id']}-{number}",
            "identity": lambda row: sha256(f"{row['identity']} {number}".encode()).hexdigest(),
            "key_fingerprint": lambda row: sha256(f"{row['key_fingerprint']} {number}".encode()).hexdigest(),
            "holder_tag": lambda row: sha256(f"{row['holder_tag']} {number}".encode()).hexdigest(),
            "label": lambda row: f"{row['label']}-{number}",
            "name": lambda row: f"{row['name']}-{number}",
            "names": self._names,
            "share": lambda row: share_of(PhoneId(self._id(row["phone_id"]))),
            "effective_at": lambda row: self._earlier(row["effective_at"], row),
            "last_at": lambda row: self._earlier(row["last_at"], row),
            "registered_at": lambda row: self._earlier(row["registered_at"], row),
        }

    def of(self, row: Row) -> Row:
        """Return the copy of a row."""
        made = {name: self._made[name](row) for name in row.keys() & self._made.keys()}
        return row | made

    def _id(self, known: str) -> str:
        if known not in self._ids:
            drawn = uuid5(NAMESPACE_OID, f"{known} {self._number}").int
            self._ids[known] = str(UUID(int=drawn, version=4))
        return self._ids[known]

    def _names(self, row: Row) -> str:
        phone_id, label, *rest = row["names"].split("\n")
        return folded("\n".join((self._id(phone_id), f"{label}-{self._number}", *rest)))

    def _earlier(self, at: datetime, row: Row) -> datetime:
        # Phones seen lately stay so: how many are silent must not change.
        if "phone_id" not in row or at > self._old:
            return at
        return at - timedelta(seconds=int(self._id(row["phone_id"])[:8], 16) % _SPREAD_S)
