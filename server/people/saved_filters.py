"""Filters that a person keeps under a name: what is asked of a list, for that person alone.

What is kept is the question in an address, such as ``standing=violating&sort=longest_unseen``; the page that asks it
reads it as any other address, so a filter of before can ask for less than it did, and for nothing else. The audit
chain, which keeps every word for ever, tells that one was saved or removed and of which list, and not its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.errors import InConflict, Malformed, NotThere
from server.evidence import audit
from server.people.people import Person, PersonTable
from server.storage.database import Base
from server.texts import storable

NAME_MAX_LENGTH = 40
FILTERS_MAX = 50
"""So many one person can keep, of all lists."""
_QUERY_MAX_LENGTH = 1000


class _SavedFilterTable(Base):
    __tablename__ = "saved_filter"
    __table_args__ = (
        UniqueConstraint("person_id", "list", "name", name="uq_saved_filter_person_id_list_name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    list: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(NAME_MAX_LENGTH))
    query: Mapped[str] = mapped_column(String(_QUERY_MAX_LENGTH))


@dataclass(frozen=True)
class SavedFilter:
    """One filter: of which list, what it is called, and what it asks as it stands in an address."""

    filter_id: int
    list: str
    name: str
    query: str


def save_filter(
    session: Session, person: Person, of_list: str, name: str, query: str, now: datetime
) -> SavedFilter:
    """Keep a filter and return it; one of that name for that list is replaced. Writes the audit row.

    Raises `Malformed` for a name that cannot be taken or a filter that asks for nothing or too much, `InConflict` where
    the person has too many.
    """
    name = name.strip()
    if not name or not storable(name, NAME_MAX_LENGTH):
        raise Malformed(
            "filter_name_malformed",
            f"A filter's name has 1 to {NAME_MAX_LENGTH} characters on one line.",
            "Go back and name it anew. Nothing was saved.",
        )
    if not query or len(query) > _QUERY_MAX_LENGTH:
        raise Malformed(
            "filter_malformed",
            "There is nothing to save: the list was shown as it always is, or for more words than are kept.",
            "Filter or sort the list first, then save that.",
        )
    # Locked: two filters saved at once must not both be the last that there is room for.
    session.execute(select(PersonTable.id).where(PersonTable.id == person.person_id).with_for_update())
    own = _SavedFilterTable.person_id == person.person_id
    same = own & (_SavedFilterTable.list == of_list) & (_SavedFilterTable.name == name)
    session.execute(delete(_SavedFilterTable).where(same))
    if session.scalars(select(func.count()).where(own)).one() >= FILTERS_MAX:
        raise InConflict(
            "too_many_filters",
            f"You have {FILTERS_MAX} saved filters, and nobody can have more.",
            "Remove one first.",
        )
    stored = _SavedFilterTable(person_id=person.person_id, list=of_list, name=name, query=query)
    session.add(stored)
    session.flush()
    audit.record(session, person.name, "filter saved", f"filter {stored.id}", {"list": of_list}, now)
    return _as_filter(stored)


def saved_filters(session: Session, person: Person, of_list: str) -> Sequence[SavedFilter]:
    """Return a person's filters of one list, by name."""
    query = select(_SavedFilterTable).where(
        _SavedFilterTable.person_id == person.person_id, _SavedFilterTable.list == of_list
    )
    return [_as_filter(row) for row in session.scalars(query.order_by(_SavedFilterTable.name))]


def remove_filter(session: Session, person: Person, filter_id: int, now: datetime) -> SavedFilter:
    """Remove a filter of the person's own and return it; writes the audit row. Raises `NotThere` for any other."""
    stored = session.get(_SavedFilterTable, filter_id)
    if stored is None or stored.person_id != person.person_id:
        raise NotThere(
            "filter_unknown", "You have no such filter, or removed it before.", "Go back and reload the list."
        )
    removed = _as_filter(stored)
    session.delete(stored)
    session.flush()
    audit.record(session, person.name, "filter removed", f"filter {filter_id}", {"list": removed.list}, now)
    return removed


def _as_filter(stored: _SavedFilterTable) -> SavedFilter:
    return SavedFilter(stored.id, stored.list, stored.name, stored.query)
