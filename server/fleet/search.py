"""Phones by what people call them: a piece of a label, a model, a maker or an id.

A piece of three characters or more is looked up along an index of all that is three characters long in the names. The
databases keep it themselves (the migration 0030): on SQLite the table ``phone_name_pieces`` of FTS5, on PostgreSQL an
index over the function of that name (decision 0042).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import ColumnElement, ForeignKey, Table, Text, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from policy.names import PhoneId
from server.storage.database import Base


class _NamesTable(Base):
    __tablename__ = "phone_names"

    phone_id: Mapped[str] = mapped_column(ForeignKey("phone.phone_id"), primary_key=True)
    names: Mapped[str] = mapped_column(Text)


# A table of its own, and narrow: what is looked through whole for a short piece of text should hold nothing else.
_NAMES = cast(Table, _NamesTable.__table__)
_LONG = 3
"""Characters of what is in the index."""
_FIRST_LOOK = 10_000
"""So many phones are walked on PostgreSQL before its index is asked; two or three milliseconds."""

# FTS5 answers row by row, so a limit ends it early. What has all parts may have them apart: the names are looked at.
_BY_FTS5 = text(
    "SELECT phone_names.phone_id FROM phone_name_pieces"
    " CROSS JOIN phone_names ON phone_names.rowid = phone_name_pieces.rowid"
    " WHERE phone_name_pieces MATCH :parts AND instr(phone_names.names, :piece) > 0 LIMIT :limit"
)
_FIRST_ONES = text(
    "SELECT phone_id FROM (SELECT phone_id, names FROM phone_names LIMIT :first) AS met"
    " WHERE strpos(names, :piece) > 0 LIMIT :limit"
)
# Letter by letter the expression of the index, or it is not used.
_BY_GIN = text(
    'SELECT phone_id FROM phone_names WHERE (phone_name_pieces(names) COLLATE "C") @> phone_name_pieces(:piece)'
    " AND strpos(names, :piece) > 0 LIMIT :limit"
)


def note_names(session: Session, phone_id: PhoneId, names: Sequence[str]) -> None:
    """Let a phone be found by these names, whatever it was found by before."""
    session.merge(_NamesTable(phone_id=phone_id, names=folded("\n".join([phone_id, *names]))))


def folded(text: str) -> str:
    """Return a text as names are compared: capitals and small letters are one."""
    return text.casefold()


def phones_named(session: Session, piece: str, limit: int) -> Sequence[PhoneId]:
    """Return the ids of phones with `piece` in one of their names; no more than `limit`, in no order."""
    wanted = folded(piece)
    # What is shorter is in no index, but mostly in so many names that a walk soon has enough of them. NUL, which is in
    # no name, would end the query of FTS5.
    if len(wanted) < _LONG or "\0" in wanted:
        query = select(_NAMES.c.phone_id).where(_contains(session, piece)).limit(limit)
        return cast("Sequence[PhoneId]", session.scalars(query).all())
    values = {"piece": wanted, "limit": limit}
    if _is_sqlite(session):
        return session.scalars(_BY_FTS5, values | {"parts": _all_parts(wanted)}).all()
    # PostgreSQL collects all that the index finds before it hands out the first: what is found often is walked.
    found = session.scalars(_FIRST_ONES, values | {"first": _FIRST_LOOK}).all()
    return found if len(found) >= limit else session.scalars(_BY_GIN, values).all()


def named_among(session: Session, piece: str, phone_ids: Collection[str]) -> set[str]:
    """Return those of `phone_ids` that have `piece` in one of their names."""
    query = select(_NAMES.c.phone_id).where(_NAMES.c.phone_id.in_(phone_ids), _contains(session, piece))
    return set(session.scalars(query))


def index_is_right(session: Session) -> bool:
    """Whether the index is of the names that are stored; of PostgreSQL, which has it like any other index, always."""
    if not _is_sqlite(session):
        return True
    # FTS5's own way to look at this writes, and whoever looks may only be able to read. How often each part stands in
    # it, and the sum of the rows' numbers, differ where a row is missing, too many, another's or of older names.
    phones: Counter[str] = Counter()
    numbers = 0
    for number, names in session.execute(text("SELECT rowid, names FROM phone_names")):
        parts = set(_parts(names))
        phones.update(parts)
        numbers += number * len(parts)
    for kind in ("row", "instance"):
        name = f"temp.phone_name_{kind} USING fts5vocab(main, phone_name_pieces, {kind})"
        session.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}"))
    indexed: dict[str, int] = dict(session.execute(text("SELECT term, doc FROM temp.phone_name_row")).all())
    return indexed == phones and numbers == session.scalar(
        text("SELECT coalesce(sum(doc), 0) FROM temp.phone_name_instance")
    )


def index_anew(session: Session) -> None:
    """Make the index of the names that are stored, whatever is in it."""
    if _is_sqlite(session):
        session.execute(text("INSERT INTO phone_name_pieces (phone_name_pieces) VALUES ('rebuild')"))


def _contains(session: Session, piece: str) -> ColumnElement[bool]:
    # Not LIKE: it would fold each row anew, and costs three times as much on SQLite.
    position = func.instr if _is_sqlite(session) else func.strpos
    return position(_NAMES.c.names, folded(piece)) > 0


def _all_parts(piece: str) -> str:
    """Return the query of FTS5 for what has all parts of `piece`, each a text of its own (sqlite.org/fts5.html, 3)."""
    return " AND ".join('"' + part.replace('"', '""') + '"' for part in dict.fromkeys(_parts(piece)))


def _parts(text: str) -> Sequence[str]:
    return [text[place : place + _LONG] for place in range(len(text) - _LONG + 1)]


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
