"""Pieces of a table's rows in one order, each from behind where the last ended, at the same cost however far down."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.errors import NoSuchPlace
from server.storage.database import UtcTime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What no column holds: SQLite and PostgreSQL fail on it.
_NUMBER_BOUND = 1 << 63

Row = TypeVar("Row")


@dataclass(frozen=True)
class Order:
    """The columns that rows are ordered by, which together no two rows share; descending all of them, or none."""

    columns: tuple[InstrumentedAttribute[Any], ...]
    descending: bool = False

    def turned(self) -> Order:
        """Return the same the other way round."""
        return Order(self.columns, not self.descending)


@dataclass(frozen=True)
class RowPiece(Generic[Row]):
    """Some rows, and behind which place the next ones begin, as a word for an address; None behind the last."""

    rows: Sequence[Row]
    next: str | None


def next_rows(session: Session, query: Select[Row], order: Order, after: str, limit: int) -> RowPiece[Row]:
    """Return the next rows of a query for rows of one table; raises `NoSuchPlace` for an `after` that nobody gave."""
    found = session.scalars(_behind(query, order, after, limit)).all()
    return _piece(found, order, limit)


def next_of_several(
    session: Session, parts: Sequence[ColumnElement[bool]], order: Order, after: str, limit: int
) -> RowPiece[Any]:
    """Return the order's columns of the next rows of all these parts of a table, each of which is found along an index.

    No two parts share a row. Raises `NoSuchPlace`, as above.
    """
    queries = [_behind(select(*order.columns).where(part), order, after, limit) for part in parts]
    found = [row for query in queries for row in session.execute(query)]
    names = [column.key for column in order.columns]
    found.sort(key=lambda row: [getattr(row, name) for name in names], reverse=order.descending)
    return _piece(found, order, limit)


def _behind(query: Select[Any], order: Order, after: str, limit: int) -> Select[Any]:
    if after:
        here = tuple_(
            *(
                literal(value, column.type)
                for value, column in zip(_read(after, order), order.columns, strict=True)
            )
        )
        whole = tuple_(*order.columns)
        query = query.where(whole < here if order.descending else whole > here)
    by = [column.desc() if order.descending else column for column in order.columns]
    return query.order_by(*by).limit(limit + 1)


def _piece(found: Sequence[Row], order: Order, limit: int) -> RowPiece[Row]:
    shown = found[:limit]
    return RowPiece(shown, _written(shown[-1], order) if len(found) > limit else None)


def _written(row: Any, order: Order) -> str:
    values = [getattr(row, column.key) for column in order.columns]
    told = [
        (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value
        for value in values
    ]
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def _read(text: str, order: Order) -> Sequence[Any]:
    """Return the values of a row in the columns that rows are ordered by."""
    try:
        told = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        # zip's complaint is a ValueError, as are base64's and json's own.
        return [_value(value, column) for value, column in zip(told, order.columns, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NoSuchPlace from error


def _value(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    wanted = column.type.python_type
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted is str and isinstance(value, str) and "\0" not in value:
        return value
    if type(value) is int and abs(value) < _NUMBER_BOUND:
        if wanted is int:
            return value
        if isinstance(column.type, UtcTime):
            return _EPOCH + timedelta(microseconds=value)
    raise ValueError(f"expected {wanted.__name__}, found {str(value)[:100]!r}")
