"""One database behind all storage modules: `Database` hands out transactions, and nothing else.

Each storage module declares its own tables on `Base` and is the only one that queries them. A new table also
needs a migration under ``server/storage/migrations/versions`` (one file per owner, see there).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import quote as percent_encoded

from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator, TypeEngine

from server.errors import ConfigurationRefused, StorageBusy, StorageFull
from server.storage.postgresql import PATIENCE_S, postgresql_engine, replicated

_WRITES = "curfew_writes"


class Base(DeclarativeBase):
    """The mother of all tables; constraints are named so that migrations can speak of them."""

    # Checks are named where they are declared, so they need no rule here (`ck_audit_head_single`).
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class _TextOfUtc(DATETIME):
    """A time in SQLite, which has no zones: the bare UTC time as text, as SQLAlchemy writes it, sooner."""

    def bind_processor(self, _dialect: Dialect) -> Callable[[datetime | None], str | None]:
        """Return what writes an aware time as text, such as ``2026-11-28 17:26:00.000000``."""
        return _as_text

    def result_processor(
        self, _dialect: Dialect, _coltype: object
    ) -> Callable[[str | None], datetime | None]:
        """Return what reads it again."""
        return _from_text


class _TimeWithZone(TypeDecorator[datetime]):
    """A time in PostgreSQL, which gives it back in the zone of the session."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Store UTC."""
        return None if value is None else _in_utc(value)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return the stored time in UTC."""
        return None if value is None else value.astimezone(UTC)


_UTC_OFFSET = "+00:00"


def _as_text(value: datetime | None) -> str | None:
    return None if value is None else _in_utc(value).isoformat(" ", "microseconds").removesuffix(_UTC_OFFSET)


def _from_text(stored: str | None) -> datetime | None:
    if stored is None:
        return None
    time = datetime.fromisoformat(stored)
    # What somebody wrote by hand may name a zone.
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _in_utc(value: datetime) -> datetime:
    # Stored as if it were UTC, a naive time would be hours off, and nobody could tell afterwards.
    if value.tzinfo is None:
        raise ValueError(f"a time without zone cannot be stored: {value!r}")
    return value.astimezone(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A time that goes in aware and comes back aware, in UTC, on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how this database stores it."""
        # SQLAlchemy leaves the words of its own types untyped.
        return _TextOfUtc() if dialect.name == "sqlite" else _TimeWithZone()  # type: ignore[no-untyped-call]


class Database:
    """Transactions on SQLite or PostgreSQL; made once per process.

    ``with database.reading() as session`` and ``with database.writing() as session``: the transaction ends with the
    block, committed unless an error leaves it. Raises `StorageBusy` or `StorageFull` when the database
    cannot serve; then nothing of the block is stored.

    Where `require` is given, it looks first in every transaction and may raise; what it has read stays true until the
    transaction ends.

    `read_only` is for looking at evidence: nothing is written, no file is made, and what is not there is refused with
    `ConfigurationRefused`.
    """

    def __init__(
        self, url: str, *, read_only: bool = False, require: Callable[[Session], None] | None = None
    ) -> None:
        self._require = require
        self.engine = _engine_to_look(url) if read_only else _engine(url)
        # One look, however many statements: unless told, PostgreSQL lets each see what was committed before itself.
        self._one_look: dict[str, Any] = (
            {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        )
        if read_only and self.engine.dialect.name == "postgresql":
            self._one_look["postgresql_readonly"] = True

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Lend a session for one consistent look; changes made in it are thrown away."""
        with _translated_errors(), Session(self.engine) as session:
            session.connection(execution_options=self._one_look)
            self._look_first(session)
            yield session
            session.rollback()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Lend a session for one transaction that is committed at the end of the block."""
        with _translated_errors(), Session(self.engine) as session:
            # Before the block's first statement: SQLAlchemy gives no options to a connection that is in use.
            session.connection(execution_options={_WRITES: True})
            self._look_first(session)
            yield session
            with replicated():
                session.commit()

    def _look_first(self, session: Session) -> None:
        if self._require is not None:
            self._require(session)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _close_to_others(parsed.database or "")
        # What the URL says itself counts more, here and below.
        patience = {} if "timeout" in parsed.query else {"timeout": str(PATIENCE_S)}
        engine = create_engine(parsed.update_query_dict(patience))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return postgresql_engine(parsed)


def _engine_to_look(url: str) -> Engine:
    """Return an engine that can only read; SQLite's makes no file and leaves the journal as it is."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _engine(url)
    path = Path(parsed.database or "")
    if not path.is_file():
        raise ConfigurationRefused(
            f"expected a database at {path}, found none; check CURFEW_DATABASE_URL, or make one:"
            " curfew-server --config SERVER.env migrate"
        )
    # As a URI, the one form in which SQLite takes a mode; its own marks in the path are escaped.
    uri = f"file:{percent_encoded(str(path.resolve()))}?mode=ro"
    timeout = float(str(parsed.query.get("timeout", PATIENCE_S)))
    engine = create_engine("sqlite://", creator=lambda: _connected_to_look(uri, timeout), poolclass=NullPool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connected_to_look(uri: str, timeout: float) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)


def _close_to_others(database: str) -> None:
    """Make a database of mode 0600, or refuse one that others can read; its -wal and -shm get the same mode.

    It holds who has which phone; SQLite itself would make it readable by everybody on the machine.
    """
    path = Path(database)
    if database in ("", ":memory:") or not path.parent.is_dir():
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        return  # SQLite says in its own words why it cannot be opened
    # The mode above is that of a new file; one that was there keeps its own.
    if path.stat().st_mode & 0o077:
        raise ConfigurationRefused(
            f"{path} can be read by others; stop the server and run: chmod 600 {quote(str(path))}*"
        )


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver would begin transactions by itself, and too late for a consistent look; `_begin_sqlite` does it.
    connection.isolation_level = None
    # So that reading goes on while somebody writes.
    connection.execute("PRAGMA journal_mode=WAL")
    # NORMAL is usual beside WAL, and may lose the last commits with the power: they were acknowledged.
    connection.execute("PRAGMA synchronous=FULL")
    # To be asked for on each connection; SQLite checks no reference by itself.
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read lock later could fail in the middle, without any waiting.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def stored_by_nobody_else() -> Iterator[None]:
    """Raise `StorageBusy` where another transaction stored at this moment what the block found missing.

    A row that is not there cannot be locked; at the next try it is, and the block takes its other way.
    """
    try:
        yield
    except IntegrityError as error:
        raise StorageBusy(
            "somebody else is storing the same at this moment; try again in a few seconds"
        ) from error


def takes_writes(session: Session) -> bool:
    """Whether the database stores what it is told: a standby of PostgreSQL does not."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.scalar(text("SHOW transaction_read_only")) == "off")


def clock_of(session: Session) -> datetime:
    """Return the time by the database's own clock; of SQLite that of this machine."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    told: datetime = session.scalars(text("SELECT clock_timestamp()")).one()
    return told


def lock_out_writers(session: Session) -> None:
    """Let nobody else change what reports change until this transaction ends; on SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        # Who holds one of these may finish; who wants one comes again (`PATIENCE_S`).
        session.execute(text("LOCK TABLE station, phone, report, phone_state IN SHARE ROW EXCLUSIVE MODE"))


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StorageBusy("every connection to the database is in use; try again in a few seconds") from error
    except (DatabaseError, InterfaceError) as error:
        # The code before the class: a full disk is an OperationalError, too, and waiting does not mend it.
        code = _code(error)
        if code.startswith(_FAILING):
            raise StorageFull(
                "the disk below the database is full or failing; free space or mend it, then try again"
            ) from error
        if code.startswith(_READ_ONLY):
            raise StorageBusy(
                "the database can only be read: it is a standby, or its file system is read-only; let it be written to,"
                " then try again"
            ) from error
        # A connection that is of no use is given up, whatever the error is called (`server.storage.postgresql`).
        if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
            raise StorageBusy(
                "the database is locked or cannot be reached; try again in a few seconds"
            ) from error
        # What the database refuses for its content is for the caller to understand (`server.storage.group_commit`).
        raise


# SQLite's names of results (sqlite.org/rescode.html); PostgreSQL's class 58, "error external to PostgreSQL", 53100
# disk_full, XX001 data_corrupted, XX002 index_corrupted and 25006 read_only_sql_transaction (its manual, appendix A).
_FAILING = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "53100", "58", "XX001", "XX002")
_READ_ONLY = ("SQLITE_READONLY", "25006")


def _code(error: DBAPIError) -> str:
    # sqlite3 gives its result a name, psycopg an SQLSTATE; a connection that never came about has neither.
    found = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return str(found or "")
