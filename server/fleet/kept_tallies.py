"""Counts that are kept in a table: a row for each key under which anything is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.storage.prepared import Prepared

Key = tuple[Any, ...]
"""The values of the columns of the table's primary key, in their order, as they are stored."""


class KeptTallies:
    """The counts in a table whose primary key is what is counted by, and whose column ``phones`` is how many."""

    def __init__(self, table: Table) -> None:
        """`table` has no other columns."""
        self._table = table
        self._key = tuple(table.primary_key.columns)
        self._add = Prepared({"sqlite": self._adding(sqlite), "postgresql": self._adding(postgresql)})
        named = (column == bindparam(column.name) for column in self._key)
        self._emptied = Prepared(delete(table).where(table.c.phones == 0, *named))

    def _adding(self, dialect: Any) -> Any:
        statement = dialect.insert(self._table)
        added = {"phones": self._table.c.phones + statement.excluded.phones}
        return statement.on_conflict_do_update(index_elements=self._key, set_=added)

    def move(self, session: Session, steps: Mapping[Key, int]) -> None:
        """Add to the counts, or take from them."""
        rows = self._rows(steps)
        self._add.run(session, rows)
        # A row that is counted down to nothing goes, or the hours of years would be added up for each page.
        self._emptied.run(session, (row for row in rows if row["phones"] < 0))

    def replace(self, session: Session, counted: Mapping[Key, int]) -> None:
        """Let these be the kept counts."""
        session.execute(delete(self._table))
        if rows := self._rows(counted):
            session.execute(insert(self._table), rows)

    def all(self, session: Session) -> Mapping[Key, int]:
        """Return every kept count."""
        found = session.execute(select(*self._key, self._table.c.phones))
        return {tuple(row[:-1]): int(row[-1]) for row in found}

    def _rows(self, counted: Mapping[Key, int]) -> list[dict[str, Any]]:
        # In one order: two transactions that count the same must not wait for each other.
        names = [column.name for column in self._key]
        return [
            {**dict(zip(names, key, strict=True)), "phones": count}
            for key, count in sorted(counted.items())
            if count
        ]
