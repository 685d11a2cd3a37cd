"""Statements for the way of every report: compiled once, and run by the driver itself.

SQLAlchemy says what they are and how values are stored; what it does besides for each execution (a cache key, a
context, a result with names) costs ten times what SQLite takes for the statement (docs/performance.md 2).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Dialect,
    Double,
    Integer,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    select,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

Row = tuple[Any, ...]
_CONNECTION = "server.storage.prepared"


class Prepared:
    """One statement. Lists of values to look for are `among`, so that its text is the same for any number of them."""

    def __init__(self, statement: ClauseElement | Mapping[str, ClauseElement]) -> None:
        """`statement` is one for all dialects, or one for each by the dialect's name."""
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, session: Session, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return the rows that the statement finds with these values."""
        connection = _connection_of(session)
        compiled = self._for(connection.dialect)
        with _cursor(connection, compiled) as cursor:
            cursor.execute(compiled.text, compiled.bound(values or {}))
            return [compiled.read(row) for row in cursor.fetchall()]

    def run(self, session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run the statement, which finds nothing, once for each of `rows`."""
        values = list(rows)
        if not values:
            return
        connection = _connection_of(session)
        compiled = self._for(connection.dialect)
        bound = [compiled.bound(one) for one in values]
        with _cursor(connection, compiled) as cursor:
            if len(bound) == 1:
                cursor.execute(compiled.text, bound[0])
            else:
                cursor.executemany(compiled.text, bound)

    def _for(self, dialect: Dialect) -> _Compiled:
        # Two threads may both compile it; they come to the same.
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            statement = (
                self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            )
            compiled = self._compiled[dialect.name] = _compile(statement, dialect)
        return compiled


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return that ``column`` is one of the values of the list that is bound under ``name``: texts, or whole numbers."""
    listed = _texts(bindparam(name, type_=_JsonList())).table_valued(sql_column("value", String))
    # Texts come out of JSON as texts; as numbers they are asked for by the index of numbers.
    value = listed.c.value
    return column.in_(select(cast(value, BigInteger) if isinstance(column.type, Integer) else value))


def pairs_among(first: ColumnElement[str], second: ColumnElement[str], name: str) -> Select[str, str]:
    """Return the query for those two columns, of the rows whose pair is in the list that is bound under ``name``.

    Two lists would be looked up crosswise: of 32 stations and 32 phones, 1,024 pairs.
    """
    pairs = _elements(bindparam(name, type_=_JsonList())).table_valued(sql_column("value", JSON))
    is_pair = and_(first == pairs.c.value[0].as_string(), second == pairs.c.value[1].as_string())
    return select(first, second).select_from(pairs).join(first.table, is_pair)


class _JsonList(TypeDecorator[Sequence[Any]]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[Any] | None, _dialect: Dialect) -> str:
        """Return the list as JSON."""
        return json.dumps(list(value or ()))


class _elements(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    """The elements of a list in JSON, a row each, under the name ``value``."""

    name = "elements"
    inherit_cache = True


class _texts(_elements):  # noqa: N801
    """The same, of a list of texts or numbers, as texts."""

    name = "texts"
    inherit_cache = True


@compiles(_elements, "sqlite")
def _in_sqlite(element: _elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_elements, "postgresql")
def _in_postgresql(element: _elements, compiler: SQLCompiler, **options: Any) -> str:
    function = "json_array_elements_text" if isinstance(element, _texts) else "json_array_elements"
    return f"{function}(CAST({compiler.process(element.clauses, **options)} AS JSON))"


def upsert(table: Table, never_replaced: Collection[str] = ()) -> Prepared:
    """Return the statement that stores a whole row, in place of the one with the same key where there is one.

    Columns that are `never_replaced` follow from the key: an index over them is left alone.
    """
    return Prepared(
        {
            dialect.__name__.rpartition(".")[2]: _upsert(dialect, table, never_replaced)
            for dialect in (sqlite, postgresql)
        }
    )


def _upsert(dialect: Any, table: Table, never_replaced: Collection[str]) -> ClauseElement:
    statement = dialect.insert(table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.c
        if not column.primary_key and column.name not in never_replaced
    }
    made: ClauseElement = statement.on_conflict_do_update(
        index_elements=table.primary_key.columns, set_=replaced
    )
    return made


@dataclass(frozen=True)
class _Compiled:
    """The statement's text, and how values go in and come out."""

    text: str
    bound: Callable[[Mapping[str, Any]], Any]
    read: Callable[[Row], Row]
    error: type[Exception]


def _connection_of(session: Session) -> Connection:
    # As SQLAlchemy does before each statement: what was changed in objects is there to be found.
    session.flush()
    transaction = session.get_transaction()
    known: tuple[object, Connection] | None = session.info.get(_CONNECTION)
    # Kept for the transaction: asking the session each time costs more than the statement does.
    if known is not None and transaction is not None and known[0] is transaction:
        return known[1]
    connection = session.connection()
    session.info[_CONNECTION] = (session.get_transaction(), connection)
    return connection


@contextmanager
def _cursor(connection: Connection, compiled: _Compiled) -> Iterator[Any]:
    cursor = None
    try:
        cursor = connection.connection.cursor()
        yield cursor
    except compiled.error as error:
        # SQLAlchemy's own way with a driver's error, which has no public name: it raises its own, and gives up a
        # connection that is of no use any more (`server.storage.postgresql`). Without the values of the statement.
        connection._handle_dbapi_exception(error, compiled.text, None, None, None)
    finally:
        if cursor is not None:
            cursor.close()


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    assert dialect.loaded_dbapi is not None
    return _Compiled(
        str(compiled), _binder(compiled, dialect), _reader(compiled, dialect), dialect.loaded_dbapi.Error
    )


def _binder(compiled: SQLCompiler, dialect: Dialect) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes of values by name what the driver takes: by place (SQLite), or by name (psycopg)."""
    fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    writes = {
        name: _identity_or(bind.type.dialect_impl(dialect).bind_processor(dialect))
        for name, bind in compiled.binds.items()
    }

    def by_name(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: write(values[name] if name in values else fixed[name]) for name, write in writes.items()
        }

    if not compiled.positional:
        return by_name
    order = [(name, writes[name]) for name in compiled.positiontup or ()]
    return lambda values: [write(values[name] if name in values else fixed[name]) for name, write in order]


def _identity_or(process: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    return process or (lambda value: value)


def _reader(compiled: SQLCompiler, dialect: Dialect) -> Callable[[Row], Row]:
    columns = getattr(compiled.statement, "selected_columns", ())
    reads = [
        (place, column.type.dialect_impl(dialect).result_processor(dialect, None))
        for place, column in enumerate(columns)
        # These the drivers read as what they are; SQLAlchemy would ask for PostgreSQL's own number of the type.
        if not isinstance(column.type, Double)
    ]
    needed = [(place, read) for place, read in reads if read is not None]
    if not needed:
        return lambda row: row

    def read(row: Row) -> Row:
        values = list(row)
        for place, process in needed:
            values[place] = process(values[place])
        return tuple(values)

    return read
