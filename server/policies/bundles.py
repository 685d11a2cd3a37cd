"""What was published: bundles (rows nobody updates) and the trust files stations download."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import cast
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Engine, LargeBinary, String, Table, Text, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.document import Bundle, Policy
from policy.schemas import load_fleet, load_policy_document
from server.errors import ConfigurationRefused
from server.policies.situation import Published, Situation
from server.storage.database import Base, Database, UtcTime
from server.storage.keyset import Order, RowPiece, next_rows
from server.storage.prepared import Prepared


class _PublicationTable(Base):
    """One row per publication; a new fleet document is a new publication of the same bundle."""

    __tablename__ = "publication"

    serial: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, index=True)
    published_at: Mapped[datetime] = mapped_column(UtcTime)
    demo: Mapped[bool]
    signers: Mapped[str] = mapped_column(Text)
    expires: Mapped[datetime] = mapped_column(UtcTime)
    policy_bytes: Mapped[bytes] = mapped_column(LargeBinary)
    fleet_bytes: Mapped[bytes] = mapped_column(LargeBinary)


class _FileTable(Base):
    __tablename__ = "trust_file"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True)
class Newest:
    """What every answer to a station tells of the newest publication; number 0 before the first one."""

    number: int = 0
    demo: bool = False
    expires: datetime | None = None
    """When the approvers' signatures end."""
    serial: int = 0


@dataclass(frozen=True)
class VerifiedBundle:
    """A publication whose signatures hold, on its way into the database."""

    number: int
    demo: bool
    signers: tuple[str, ...]
    expires: datetime
    policy_bytes: bytes
    fleet_bytes: bytes


@dataclass(frozen=True)
class BundleRow:
    """One published bundle, newest first on the page."""

    number: int
    name: str
    published_at: datetime
    signers: tuple[str, ...]
    """Names that root gives to the approvers whose signatures counted, or the starts of their key ids."""
    expires: datetime
    demo: bool
    current: bool
    policy: Policy


def bundles(session: Session) -> Sequence[BundleRow]:
    """Return every bundle ever published, newest first; signers and expiry are those of its latest publication."""
    first_time: dict[int, datetime] = {}
    latest: dict[int, _PublicationTable] = {}
    # Oldest first: the first row of a number tells when it was published, the last who has signed it since.
    for row in session.scalars(select(_PublicationTable).order_by(_PublicationTable.serial)):
        first_time.setdefault(row.number, row.published_at)
        latest[row.number] = row
    current = newest(session).number
    return [_as_row(latest[n], first_time[n], n == current) for n in sorted(latest, reverse=True)]


@dataclass(frozen=True)
class PublicationRow:
    """One publication: of a bundle, or of its exemptions anew."""

    serial: int
    bundle: Bundle
    published_at: datetime
    signers: tuple[str, ...]
    """Names that root gives to the approvers whose signatures counted, or the starts of their key ids."""
    expires: datetime
    demo: bool


_BY_SERIAL = (_PublicationTable.serial,)
PUBLICATIONS_NEWEST, PUBLICATIONS_OLDEST = Order(_BY_SERIAL, descending=True), Order(_BY_SERIAL)
"""In which orders publications can be listed."""


def list_publications(
    session: Session, bundle_number: int | None, order: Order, after: str, limit: int
) -> RowPiece[PublicationRow]:
    """Return the publications behind a place, of one bundle or of all."""
    query = select(_PublicationTable)
    if bundle_number is not None:
        query = query.where(_PublicationTable.number == bundle_number)
    found = next_rows(session, query, order, after, limit)
    return RowPiece([_as_publication(row) for row in found.rows], found.next)


def _as_publication(row: _PublicationTable) -> PublicationRow:
    bundle, signers = _bundle(row.policy_bytes, row.fleet_bytes), tuple(json.loads(row.signers))
    return PublicationRow(row.serial, bundle, row.published_at, signers, row.expires, row.demo)


# Made once: building a query costs more than running these.
# Newest by serial: exemptions signed anew are published under the number that is in force.
# Of the table's columns: asking by the mapper costs more than the answer, and every report asks.
_PUBLICATIONS = cast(Table, _PublicationTable.__table__)
_NEWEST = Prepared(
    select(_PUBLICATIONS.c.number, _PUBLICATIONS.c.demo, _PUBLICATIONS.c.expires, _PUBLICATIONS.c.serial)
    .order_by(_PUBLICATIONS.c.serial.desc())
    .limit(1)
)
_DOCUMENTS = select(_PublicationTable.policy_bytes, _PublicationTable.fleet_bytes).where(
    _PublicationTable.serial == bindparam("serial")
)


def newest(session: Session) -> Newest:
    """Return number, demo mark and end of signatures of the newest publication."""
    found = _NEWEST.rows(session)
    return Newest(*found[0]) if found else Newest()


def newest_bundle(session: Session) -> Bundle | None:
    """Return the newest published bundle with the newest fleet document, or None before the first publication."""
    return bundle_of(session, newest(session))


def bundle_of(session: Session, published: Newest) -> Bundle | None:
    """Return the bundle of the newest publication, which was just asked for."""
    serial = published.serial
    if not serial:
        return None
    # A publication is never updated, so each database's newest one is read and parsed once.
    database = session.get_bind().engine
    known = _read_once.get(database)
    if known is None or known[0] != serial:
        policy_bytes, fleet_bytes = session.execute(_DOCUMENTS, {"serial": serial}).one()
        known = _read_once[database] = (serial, _bundle(policy_bytes, fleet_bytes))
    return known[1]


# For each database by itself, since one process may serve several, and forgotten with its engine.
_read_once: WeakKeyDictionary[Engine, tuple[int, Bundle]] = WeakKeyDictionary()


def newest_policy_bytes(session: Session) -> bytes | None:
    """Return the document of the newest published policy, byte for byte; None before the first publication."""
    serial = newest(session).serial
    query = select(_PublicationTable.policy_bytes).where(_PublicationTable.serial == serial)
    return session.scalar(query)


def published_policy_bytes(session: Session, number: int) -> bytes | None:
    """Return the document of one published bundle, byte for byte; None where there is none of that number."""
    query = select(_PublicationTable.policy_bytes).where(_PublicationTable.number == number)
    return session.scalar(query.order_by(_PublicationTable.serial.desc()).limit(1))


def situation(session: Session, now: datetime) -> Situation:
    """Return what holds for the whole fleet at `now`."""
    return Situation(now, newest_bundle(session))


def situation_and_history(session: Session, now: datetime) -> Situation:
    """Return what holds for the whole fleet at `now`, with every publication that led to it."""
    database = session.get_bind().engine
    known = _history_read_once.get(database, ())
    # A publication is never updated, so each is read and parsed once.
    newer = _EVERY_PUBLICATION.where(_PublicationTable.serial > (known[-1][0] if known else 0))
    known += tuple(
        (serial, Published(at, _bundle(policy_bytes, fleet_bytes), serial))
        for serial, at, policy_bytes, fleet_bytes in session.execute(newer)
    )
    _history_read_once[database] = known
    published = tuple(one for _, one in known)
    return Situation(now, published[-1].bundle if published else None, published)


_history_read_once: WeakKeyDictionary[Engine, tuple[tuple[int, Published], ...]] = WeakKeyDictionary()
_EVERY_PUBLICATION = select(
    _PublicationTable.serial,
    _PublicationTable.published_at,
    _PublicationTable.policy_bytes,
    _PublicationTable.fleet_bytes,
).order_by(_PublicationTable.serial)


def store_publication(
    session: Session, bundle: VerifiedBundle, files: Mapping[str, bytes], now: datetime
) -> None:
    """Store a verified publication and its files; the caller has compared it with what is stored."""
    session.add(
        _PublicationTable(
            number=bundle.number,
            published_at=now,
            demo=bundle.demo,
            signers=json.dumps(list(bundle.signers)),
            expires=bundle.expires,
            policy_bytes=bundle.policy_bytes,
            fleet_bytes=bundle.fleet_bytes,
        )
    )
    store_trust_files(session, files)


def store_trust_files(session: Session, files: Mapping[str, bytes]) -> None:
    """Store files under the names they are served by; one of the same name is replaced."""
    for name, body in files.items():
        session.merge(_FileTable(name=name, body=body))
    session.flush()


def trust_file(session: Session, name: str) -> bytes | None:
    """Return one trust file, byte for byte."""
    return session.scalar(select(_FileTable.body).where(_FileTable.name == name))


def trust_files(session: Session) -> dict[str, bytes]:
    """Return every trust file by name."""
    return dict(session.execute(select(_FileTable.name, _FileTable.body)).all())


def lock_trust_files(session: Session, name: str) -> None:
    """Wait until nobody else changes trust files, then keep others waiting until the transaction ends.

    `name` is the file that every change replaces.
    """
    # Before the first publication there is no row to wait for: of two at once, the second fails on the names.
    session.execute(select(_FileTable.name).where(_FileTable.name == name).with_for_update())


def require_demo_root(database: Database) -> None:
    """Raise `ConfigurationRefused` unless what is published stands under a root marked ``demo``."""
    with database.reading() as session:
        if not newest(session).demo:
            raise ConfigurationRefused(
                "CURFEW_STORY_CLOCK moves the time and is allowed under a demo root only; remove it, or publish"
                " demo trust first: curfew-server --config SERVER.env publish FOLDER"
            )


@lru_cache(maxsize=8)
def _bundle(policy_bytes: bytes, fleet_bytes: bytes) -> Bundle:
    # A page asks several times, and the newest bundle changes a few times a month.
    number, policy = load_policy_document(policy_bytes)
    return Bundle(number, policy, load_fleet(fleet_bytes))


def _as_row(row: _PublicationTable, published_at: datetime, current: bool) -> BundleRow:
    policy = _bundle(row.policy_bytes, row.fleet_bytes).policy
    return BundleRow(
        number=row.number,
        name=policy.name,
        published_at=published_at,
        signers=tuple(json.loads(row.signers)),
        expires=row.expires,
        demo=row.demo,
        current=current,
        policy=policy,
    )
