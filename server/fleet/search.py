"""Phones by what people call them: a piece of a label, a model, a maker or an id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import ColumnElement, ForeignKey, Table, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from server.storage.database import Base


class _NamesTable(Base):
    __tablename__ = "phone_names"

    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    names: Mapped[str] = mapped_column(Text)


# A table of its own, and narrow: what is looked through whole for a piece of text should hold nothing else.
_NAMES = cast(Table, _NamesTable.__table__)


def note_names(session: Session, phone_id: PhoneId, names: Sequence[str]) -> None:
    """Let a phone be found by these names, whatever it was found by before."""
    session.merge(_NamesTable(phone_id=phone_id, names=folded("\n".join([phone_id, *names]))))


def folded(text: str) -> str:
    """Return a text as names are compared: capitals and small letters are one."""
    return text.casefold()


def phones_named(session: Session, piece: str, limit: int) -> Sequence[PhoneId]:
    """Return the ids of phones with `piece` in one of their names; no more than `limit`, in no order."""
    query = select(_NAMES.c.phone_id).where(_contains(session, piece)).limit(limit)
    return cast("Sequence[PhoneId]", session.scalars(query).all())


def named_among(session: Session, piece: str, phone_ids: Collection[str]) -> set[str]:
    """Return those of `phone_ids` that have `piece` in one of their names."""
    query = select(_NAMES.c.phone_id).where(_NAMES.c.phone_id.in_(phone_ids), _contains(session, piece))
    return set(session.scalars(query))


def _contains(session: Session, piece: str) -> ColumnElement[bool]:
    # Not LIKE: it would fold each row anew, and costs three times as much on SQLite.
    position = func.instr if session.get_bind().dialect.name == "sqlite" else func.strpos
    return position(_NAMES.c.names, folded(piece)) > 0
