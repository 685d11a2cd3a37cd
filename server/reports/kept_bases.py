"""What the reports of each phone have in common, stored once: envelopes are packed against it (`packing`).

Numbers are never used twice: another text under a number that an envelope names would make another envelope of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import cast

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.storage.database import Base
from server.storage.packing import Base as PackingBase
from server.storage.packing import pack_base, unpack_base
from server.storage.prepared import Prepared, among


class _BaseTable(Base):
    __tablename__ = "report_base"
    __table_args__ = ({"sqlite_autoincrement": True},)

    # SQLite counts by itself in columns of this very type alone.
    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), index=True)
    text: Mapped[bytes] = mapped_column(LargeBinary)


_BASES = cast(Table, _BaseTable.__table__)
_NEWEST = Prepared(
    select(_BASES.c.phone_id, _BASES.c.number, _BASES.c.text).where(
        _BASES.c.number.in_(
            select(func.max(_BASES.c.number))
            .where(among(_BASES.c.phone_id, "phone_ids"))
            .group_by(_BASES.c.phone_id)
        )
    )
)
# The number is the database's to give.
_ADD = Prepared(
    insert(_BASES)
    .values(phone_id=bindparam("of_phone"), text=bindparam("as_stored"))
    .returning(_BASES.c.number)
)


def newest_bases(session: Session, phone_ids: Collection[str]) -> dict[str, PackingBase]:
    """Return the base against which new reports of each of these phones are packed, where there is one."""
    rows = _NEWEST.rows(session, {"phone_ids": phone_ids})
    return {phone_id: PackingBase(number, unpack_base(text)) for phone_id, number, text in rows}


def add_base(session: Session, phone_id: str, text: bytes) -> PackingBase:
    """Store a new base for a phone, the newest from now on."""
    [(number,)] = _ADD.rows(session, {"of_phone": phone_id, "as_stored": pack_base(text)})
    return PackingBase(number, text)


class BaseTexts:
    """Texts of bases by their numbers, each asked for once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[int, bytes] = {}

    def __call__(self, number: int) -> bytes:
        """Return the text of a base; raises `KeyError` where it is gone."""
        if number not in self._known:
            stored = self._session.scalar(select(_BASES.c.text).where(_BASES.c.number == number))
            if stored is None:
                raise KeyError(number)
            self._known[number] = unpack_base(stored)
        return self._known[number]


def base_numbers(session: Session, phone_id: str) -> list[int]:
    """Return the numbers of a phone's bases, the newest last."""
    query = select(_BASES.c.number).where(_BASES.c.phone_id == phone_id).order_by(_BASES.c.number)
    return list(session.scalars(query))


def all_base_numbers(session: Session) -> Iterator[int]:
    """Yield the number of every base."""
    yield from session.scalars(select(_BASES.c.number).execution_options(yield_per=1000))


def drop_bases(session: Session, numbers: Collection[int]) -> None:
    """Delete these bases; the caller has made sure that no envelope names them."""
    session.execute(delete(_BASES).where(_BASES.c.number.in_(numbers)))
