"""Statements for the way of every report: compiled once, and run by the driver itself.

SQLAlchemy says what they are and how values are stored; what it does besides for each execution (a cache key, a
context, a result with names) costs ten times what SQLite takes for the statement (docs/performance.md 2).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, ColumnElement, Dialect, String, Table, Text, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeDecorator, TypeEngine

Row = tuple[Any, ...]


class Prepared:
    """One statement. Lists of values to look for are `among`, so that its text is the same for any number of them."""

    def __init__(self, statement: ClauseElement | Mapping[str, ClauseElement]) -> None:
        """`statement` is one for all dialects, or one for each by the dialect's name."""
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, session: Session, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return the rows that the statement finds with these values."""
        connection, compiled = self._ready(session)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.text, compiled.bound(values or {}))
            return [compiled.read(row) for row in cursor.fetchall()]
        except compiled.error as error:
            raise compiled.translated(error) from error
        finally:
            cursor.close()

    def run(self, session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run the statement, which finds nothing, once for each of `rows`."""
        connection, compiled = self._ready(session)
        bound = [compiled.bound(row) for row in rows]
        if not bound:
            return
        cursor = connection.connection.cursor()
        try:
            if len(bound) == 1:
                cursor.execute(compiled.text, bound[0])
            else:
                cursor.executemany(compiled.text, bound)
        except compiled.error as error:
            raise compiled.translated(error) from error
        finally:
            cursor.close()

    def _ready(self, session: Session) -> tuple[Connection, _Compiled]:
        # As SQLAlchemy does before each statement: what was changed in objects is there to be found.
        session.flush()
        connection = session.connection()
        return connection, self._for(connection.dialect)

    def _for(self, dialect: Dialect) -> _Compiled:
        # Two threads may both compile it; they come to the same.
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            statement = (
                self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            )
            compiled = self._compiled[dialect.name] = _compile(statement, dialect)
        return compiled


class _List(TypeDecorator[Sequence[Any]]):
    """A list of values to look for: JSON to SQLite, an array to PostgreSQL."""

    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self._of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how this dialect stores it."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self._of))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """Return what this dialect's driver takes."""
        return json.dumps(list(value or ())) if dialect.name == "sqlite" else list(value or ())


class among(ColumnElement[bool]):  # noqa: N801 - read as a word of the statement
    """``column`` is one of the values of the list that is bound under ``name``; texts or whole numbers."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        of: TypeEngine[Any] = BigInteger() if column.type.python_type is int else String()
        self.values: BindParameter[Any] = bindparam(name, type_=_List(of))


@compiles(among, "sqlite")
def _among_in_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - text of the compiler's


@compiles(among, "postgresql")
def _among_in_postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} = ANY ({values})"


class pairs_among(ColumnElement[bool]):  # noqa: N801 - read as a word of the statement
    """``first`` and ``second`` are one of the pairs of texts in the list that is bound under ``name``.

    Two lists would be looked up crosswise: of 32 stations and 32 phones, 1,024 pairs.
    """

    inherit_cache = True
    type = Boolean()

    def __init__(self, first: ColumnElement[str], second: ColumnElement[str], name: str) -> None:
        self.first, self.second = first, second
        self.pairs: BindParameter[Any] = bindparam(name, type_=_JsonList())


class _JsonList(TypeDecorator[Sequence[Any]]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, _dialect: Dialect) -> str:
        """Return the list as JSON."""
        return json.dumps(list(value or ()))


_PAIRS = {
    "sqlite": "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each({})",
    "postgresql": "SELECT value ->> 0, value ->> 1 FROM json_array_elements({}::json)",
}


@compiles(pairs_among)
def _pairs_among(element: pairs_among, compiler: SQLCompiler, **options: Any) -> str:
    first, second, pairs = (
        compiler.process(part, **options) for part in (element.first, element.second, element.pairs)
    )
    return f"({first}, {second}) IN ({_PAIRS[compiler.dialect.name].format(pairs)})"


def upsert(table: Table) -> Prepared:
    """Return the statement that stores a whole row, in place of the one with the same key where there is one."""
    return Prepared(
        {dialect.__name__.rpartition(".")[2]: _upsert(dialect, table) for dialect in (sqlite, postgresql)}
    )


def _upsert(dialect: Any, table: Table) -> ClauseElement:
    statement = dialect.insert(table)
    replaced = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
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
    dialect: Dialect

    def translated(self, error: Exception) -> Exception:
        """Return the driver's error as SQLAlchemy's, without the values of the statement."""
        return DBAPIError.instance(
            self.text, None, error, self.error, hide_parameters=True, dialect=self.dialect
        )


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    assert dialect.loaded_dbapi is not None
    return _Compiled(
        str(compiled),
        _binder(compiled, dialect),
        _reader(compiled, dialect),
        dialect.loaded_dbapi.Error,
        dialect,
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
