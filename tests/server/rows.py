"""Rows for every table of any version of the schema, as the database itself describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
)
from sqlalchemy.orm import Session

ROWS = 4
"""In each table; more than there are verdicts, so that some are alike."""
_BEGINNING = datetime(2023, 3, 15, 11, tzinfo=UTC)
_MEANT: Mapping[str, tuple[object, ...]] = {
    "verdict": ("compliant", "violating", "unreadable", "violating"),
    "enforceable": (True, True, False, False),
    "consent": ("agreed", "agreed", "agreed", "declined"),
    "kind": ("conflict", "cloned_station", "conflict", "conflict"),
    "reach": ("open", "closed", "unknown", "open"),
    "scopes": ("approve audit blocks draft fleet holders people read",) * 4,
    "label": ("Straße 1", "İ 2", "", "x"),
}
"""What migrations read: by column, one value a row. Everything else follows from the kind of column."""
_ANEW = frozenset({"alembic_version", "block_change_number"})
"""What each way up makes anew: no cursor of before a way down is good behind it."""
INDEX_OF_NAMES = "phone_name_pieces"
"""What SQLite's index of names, which fills itself, has its tables' names begin with."""
_KEPT_BY_MIGRATIONS = _ANEW | {"audit_head"}

Rows = Mapping[str, set[tuple[tuple[str, object], ...]]]


def tables_of(session: Session) -> Sequence[Table]:
    """Return the tables that the database has, as it describes them; those that are referred to come first."""
    found = MetaData()
    found.reflect(session.connection(), only=lambda name, _: not name.startswith(INDEX_OF_NAMES))
    return found.sorted_tables


def fill(session: Session, tables: Sequence[Table], **meant: tuple[object, ...]) -> None:
    """Store rows in every table, and nothing else; `meant` are values for columns of these names."""
    ours = [table for table in tables if table.name not in _KEPT_BY_MIGRATIONS]
    for table in reversed(ours):
        session.execute(delete(table))
    for table in ours:
        session.execute(insert(table), [_row(table, number, meant) for number in range(ROWS)])


def rows_of(session: Session, tables: Sequence[Table]) -> Rows:
    """Return all rows of the tables; each as pairs of column and value, in order of the columns' names."""
    return {
        table.name: {
            tuple(sorted((name, _plain(value)) for name, value in row.items()))
            for row in session.execute(select(table)).mappings()
        }
        for table in tables
        if table.name not in _ANEW
    }


def only(rows: Rows, known: Rows) -> Rows:
    """Return of `rows` the tables and columns that `known` has as well."""
    columns = {name: {column for row in found for column, _ in row} for name, found in known.items()}
    return {
        name: {tuple(pair for pair in row if pair[0] in columns[name]) for row in found}
        for name, found in rows.items()
        if name in known
    }


def _row(table: Table, number: int, meant: Mapping[str, tuple[object, ...]]) -> dict[str, Any]:
    values = {**_MEANT, **meant}
    return {
        column.name: values[column.name][number] if column.name in values else _value(column, number)
        for column in table.columns
    }


def _value(column: Column[Any], number: int) -> object:
    match column.type:
        case Boolean():
            return number % 2 == 0
        case DateTime():
            moment = _BEGINNING + timedelta(hours=number, seconds=len(column.name))
            return moment if column.type.timezone else moment.replace(tzinfo=None)
        case Date():
            return (_BEGINNING + timedelta(days=number)).date()
        case BigInteger() | Integer():
            return number + 1
        case Float():
            return number / ROWS
        case LargeBinary():
            return f"{column.name} {number}".encode()
        case String():
            # Alike in every table, so that one row refers to another: each names the one with its own number.
            return f"{column.name[:20]} {number}"[: column.type.length]
    raise AssertionError(f"{column}: no value for {column.type}")


def _plain(value: object) -> object:
    # SQLite answers times without a zone, PostgreSQL in that of the session.
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value
